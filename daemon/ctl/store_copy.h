/*
 * What dump and restore share: progress on a terminal, and patience with a
 * daemon that goes away in the middle.
 */
#ifndef CTL_STORE_COPY_H
#define CTL_STORE_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;
struct ctl;
struct mu_jtext;

#define COPY_PATIENCE_MS 30000 /* without progress, unless --timeout */

struct copy {
	const struct ctl *c;
	const char *name; /* of the store */
	int64_t ms;       /* the store's time for each request */
	unsigned long long pairs;
	bool shown;        /* some progress was */
	uint64_t next;     /* when to show it again */
	uint64_t until;    /* when to give up; 0: no pair was moved yet */
	bool told;         /* that the connection was lost */
	int err;           /* why it was, of client_line */
	char refusal[512]; /* or what the daemon said, "" */
};

/* What came of a connection. */
enum copy_end {
	COPY_DONE,
	COPY_LOST,  /* try again: err, or refusal */
	COPY_FAILED /* for good, after a message */
};

/* Pairs were moved: show it now and then, and be patient anew. */
void copy_moved(struct copy *p, unsigned long long pairs);
/* The last word on a terminal. */
void copy_shown(struct copy *p);

/* Is this refusal one that may pass?  Then it is remembered. */
bool copy_may_pass(struct copy *p, const char *line, size_t len);

/* Connect, anew (after a pause) or for the first time. */
enum copy_end copy_connect(struct copy *p, struct client *cl);
/* Is it worth trying again?  False after a message. */
bool copy_again(struct copy *p);

#endif
