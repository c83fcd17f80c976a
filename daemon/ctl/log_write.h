/*
 * What the two halves of "log write" share: log_write.c reads the file,
 * log_write_send.c sends its records and waits for room in the spool.
 */
#ifndef CTL_LOG_WRITE_H
#define CTL_LOG_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "ctl/client.h"

struct ctl;
struct mu_log_reader;

#define SHIPMENT_WINDOW    8u    /* requests without an answer */
#define SHIPMENT_ANSWER_MS 60000 /* a disk may be slow */

enum ask_state {
	ASK_FREE,
	ASK_SENT,
	ASK_KEPT, /* there was no room for it: it is sent again */
};

/* A request under way. */
struct ask {
	enum ask_state state;
	uint64_t first, last; /* lines */
	size_t n;             /* records */
	size_t bytes;         /* of them */
	struct mu_buf text;   /* all of it */
};

struct shipment {
	const struct ctl *c;
	const char *name; /* of the file, for messages */
	int fd;
	struct client cl;
	struct mu_log_reader *reader;
	struct mu_buf create;  /* base64 of the create message in force */
	struct mu_buf records; /* of the next request, each behind its length */
	struct mu_buf out;     /* a request */
	uint64_t first, last;  /* lines of the next request */
	size_t n;              /* records of it */
	struct ask asks[SHIPMENT_WINDOW];
	uint64_t nsent;
	uint64_t after;    /* records up to that line are passed over */
	uint64_t bad_line; /* the first one not accepted, or 0 */
	uint64_t accepted, refused, bad;
	uint64_t size;  /* of the file, 0: unknown */
	uint64_t shown; /* when progress was */
	bool progress;
	bool stop;  /* something was refused: send no more */
	bool begun; /* the first bytes were looked at */
	bool eof;
	/* without room */
	uint64_t patience;  /* ns without progress; 0: do not wait */
	bool full;          /* some requests are kept */
	bool waits;         /* since nothing was accepted any more */
	bool told;          /* that it waits was said */
	uint64_t until;     /* monotonic: then it is given up */
	uint64_t delivered; /* by this node, when it was looked at last */
	char why[256];      /* the daemon's words */
};

/* --- log_write.c --- */
/* Show how far it is, on a terminal, now and then. */
void shipment_progress(struct shipment *s);

/* --- log_write_send.c; all return 0 or a negative error, MUSTER_EPERM after a
 * message --- */
/* The bytes of from, in base64, behind what is in b; an error stays there. */
void shipment_base64(struct mu_buf *b, const struct mu_buf *from);
/* Send what was gathered; last: the file ends here.  Waits for a place in the
 * window, and for room. */
int shipment_send(struct shipment *s, bool last);
/* Read answers that came, at least one; blocks.  Waits for room if that was
 * missing. */
int shipment_answer(struct shipment *s);
/* Wait until every request is answered. */
int shipment_settle(struct shipment *s);

#endif
