/*
 * Lines of the control protocol: bytes in, complete lines out, bounded.
 * Requests and answers are one JSON object a line; see muster-protocol(7).
 */
#ifndef MU_PROTO_LINES_H
#define MU_PROTO_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct mu_lines {
	struct mu_buf in;
	size_t max;        /* longest line without its end */
	size_t taken;      /* bytes of the line given out last */
	size_t scanned;    /* bytes known to hold no line end */
	size_t unfinished; /* bytes after the last line end */
	bool ends_with_cr; /* is the last of them a CR? */
	bool broken;       /* a line was too long; nothing more is taken */
};

void mu_lines_init(struct mu_lines *l, size_t max);
void mu_lines_clear(struct mu_lines *l);
/* 0; MUSTER_ELIMIT, now and ever after, when a line is longer than max (what
 * came before it still comes out); MUSTER_ENOMEM: nothing was taken. */
int mu_lines_feed(struct mu_lines *l, const void *p, size_t len);
/* The next line, without its end (LF or CRLF), NUL-terminated in place,
 * borrowed until the next call.  false: none yet. */
bool mu_lines_next(struct mu_lines *l, char **line, size_t *len);

#endif
