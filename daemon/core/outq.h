/*
 * The output of one connection: frames in order, bounded in bytes and
 * messages, with the layout's answer to what happens at the bound.  Small
 * frames are copied behind each other into chunks (so that full TLS records
 * leave), large ones are queued by reference.
 *
 * What the limits mean.  Frames that outq_peek has shown are in the hands of
 * the connection (a TLS record may be encrypted already and must be offered
 * again byte by byte): up to OUTQ_PINNED bytes, rounded up to a frame, they are
 * neither dropped nor counted.  All others wait, and what waits is within both
 * limits.  One frame always fits when nothing waits, whatever its size: frames
 * have a limit of their own, and a policy that could never let it through
 * would only hide a layout's mistake.
 */
#ifndef CORE_OUTQ_H
#define CORE_OUTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout/layout.h"

struct message;

/* A frame of this size or more is queued by reference: below it a copy is
 * cheaper than a reference plus a gather. */
#define OUTQ_BY_REFERENCE 8192

/* The first so many bytes shown by outq_peek stay as they are: one TLS
 * record. */
#define OUTQ_PINNED 16384

struct outq_limits {
	size_t bytes;    /* of frames that wait */
	size_t messages; /* that wait; at least one always may */
	enum mu_overflow policy;
};

struct outq_stats {
	size_t bytes;         /* queued now, shown and control ones included */
	size_t messages;      /* queued now, shown ones included */
	size_t peak_bytes;
	uint64_t dropped;     /* messages, since creation */
	uint64_t dropped_bytes;
	uint64_t episodes;    /* times it went from "fits" to "drops" */
	uint64_t episode_dropped; /* messages, in this episode or the last */
	bool dropping;        /* in an episode: until half the limits wait */
	uint64_t sent_messages;
	uint64_t sent_bytes;  /* control included */
};

struct outq;
struct seg;

/* Empty chunks for the next turns, shared by the queues of an endpoint.  Zero
 * is an empty pool; it must outlive its queues. */
struct outq_pool {
	struct seg *first;
	unsigned n;
};
void outq_pool_clear(struct outq_pool *p);

/* limits are copied, pool is borrowed.  NULL when memory is out. */
struct outq *outq_new(const struct outq_limits *limits,
    struct outq_pool *pool);
void outq_free(struct outq *q);
/* New limits hold for what is pushed from now on. */
void outq_set_limits(struct outq *q, const struct outq_limits *limits);

enum outq_result {
	OUTQ_QUEUED,   /* it will be sent */
	OUTQ_DROPPED,  /* something was dropped (this one or older ones) */
	OUTQ_EPISODE,  /* the same, and it is the first of an episode: log it */
	OUTQ_OVERFLOW, /* policy disconnect: the connection must end */
	OUTQ_NOMEM     /* memory is out: the connection must end */
};

/* A routed message. */
enum outq_result outq_push(struct outq *q, struct message *m);

/* Bytes of the peering machine (handshake, pong, routing update): complete
 * frames that are never dropped; when everything queued would be past twice
 * the limit it is an overflow, as with a peer that asks for pongs and does not
 * read them.  Routed messages count up to the limit, however long one is.  At
 * least 1 MiB is granted: a handshake's filter is as long as it is. */
enum outq_result outq_push_control(struct outq *q, const uint8_t *bytes,
    size_t len);

/* A routed message that its receiver cannot do without: like the former, but
 * counted as a message.  One of more than half a MiB is as others are. */
enum outq_result outq_push_kept(struct outq *q, struct message *m);

/* The next contiguous bytes to write, borrowed until the next call; false
 * when empty.  Small neighbours are already joined. */
bool outq_peek(struct outq *q, const uint8_t **bytes, size_t *len);
/* n of the bytes that outq_peek just showed were written.  A frame partly
 * written is never dropped.  May end an episode (stats). */
void outq_consume(struct outq *q, size_t n);

/* Is it time that those who fill it wait: since more than half of a limit
 * waits, until no more than a quarter of both does? */
bool outq_pressed(const struct outq *q);

bool outq_empty(const struct outq *q);
const struct outq_stats *outq_stats(const struct outq *q);

#endif
