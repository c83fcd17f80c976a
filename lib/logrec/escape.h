/*
 * Strings as Zeek's log writers show them: what is let through, and what
 * becomes \xHH (reference "cluster-semantics", 4.6 and 4.7).
 */
#ifndef MU_LOGREC_ESCAPE_H
#define MU_LOGREC_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "logrec/format.h"

/* Most bytes that one byte of a string becomes: \xHH, in JSON \\xHH. */
#define MU_LOG_TSV_GROWTH  4
#define MU_LOG_JSON_GROWTH 5

/* What is special in values of a TSV file, prepared once per format. */
struct mu_log_tsv {
	const struct mu_log_format *format; /* borrowed */
	/* Bytes that stand for themselves, wherever they occur: [0] between
	 * field separators, [1] in elements of sets and vectors as well. */
	bool plain[2][256];
	/* Whether what numbers and addresses are made of can be part of a
	 * separator. */
	bool scalars[2];
};

void mu_log_tsv_init(struct mu_log_tsv *t, const struct mu_log_format *f);

/* Write [len] bytes at p, escaped, which has room for four times as many;
 * element: of a set or vector.  Returns the end.  Markers are not
 * considered. */
uint8_t *mu_log_tsv_escape(const struct mu_log_tsv *t, uint8_t *p,
    const uint8_t *s, size_t len, bool element);

/* The same as the content of a JSON string, without the quotes, in room for
 * five times as many (six when names may hold control bytes: they may not). */
uint8_t *mu_log_json_escape(uint8_t *p, const uint8_t *s, size_t len);

/* Write \xHH; returns the end. */
uint8_t *mu_log_put_hex(uint8_t *p, uint8_t byte);

/* Append a marker or name for a header line: white space and what is not
 * printable ASCII as \xHH. */
void mu_log_head_escape(struct mu_buf *b, const char *s, size_t len);

/* Undo \xHH and \\ in place; returns the new length.  A backslash before
 * anything else stands for itself. */
size_t mu_log_unescape(uint8_t *s, size_t len);

/* The same for the text of a JSON string, where Zeek's writer turned the
 * bytes it does not let through into \xHH: undone only if writing the result
 * gives the text again. */
size_t mu_log_json_unescape(uint8_t *s, size_t len);

#endif
