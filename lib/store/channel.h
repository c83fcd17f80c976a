/*
 * The sequenced channel (reference "broker-protocol", 6.3): a producer numbers
 * actions and keeps them until every path has acknowledged; a consumer puts
 * them in order and asks for what is missing.  A master is producer for its
 * clones and consumer of each writer; a clone is the reverse.
 *
 * Payloads are opaque counted blobs.  Time is counted in ticks of
 * MU_CHANNEL_TICK_NS; the owner calls the tick functions.
 */
#ifndef MU_STORE_CHANNEL_H
#define MU_STORE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "store/command.h"

#define MU_CHANNEL_TICK_NS    100000000ull
#define MU_CHANNEL_HEARTBEAT  5 /* ticks */
#define MU_CHANNEL_NACK_TICKS 2
#define MU_CHANNEL_TIMEOUT    100 /* heartbeats without a sign of life */

/* --- producer ---------------------------------------------------------- */

struct mu_producer;

struct mu_producer_limits {
	size_t max_buffered; /* actions kept for paths that lag */
	size_t max_bytes;    /* their bytes; beyond: the slowest path is cut */
	size_t max_paths;
	size_t
	    keep_actions;  /* history kept although nobody lacks it, so that */
	size_t keep_bytes; /* a path may be resumed; 0: none, as Broker */
	bool always;       /* number actions also while there is no path */
};

/* seq starts at first_seq (Broker: 1, so the first action has 2). */
struct mu_producer *mu_producer_new(
    uint64_t first_seq, const struct mu_producer_limits *limits);
void mu_producer_free(struct mu_producer *p);

uint64_t mu_producer_seq(const struct mu_producer *p);
size_t mu_producer_npaths(const struct mu_producer *p);
size_t mu_producer_buffered(const struct mu_producer *p);

/* Number and keep an action.  *seq is its number; 1 when it is to be
 * broadcast, 0 when there is no path (nothing is to be kept; with always the
 * number counts nevertheless and keep is due), or MUSTER_ENOMEM. */
int mu_producer_produce(struct mu_producer *p, uint64_t *seq);
/* The payload of the number just given out, keeps a reference.  May cut slow
 * paths: see mu_producer_next_lost. */
void mu_producer_keep(struct mu_producer *p, uint64_t seq, struct mu_blob *b);
/* Go on after seq (not below the present number); what is kept is forgotten:
 * a restarted producer learns where its consumers are. */
void mu_producer_jump(struct mu_producer *p, uint64_t seq);

/* A path to consumer, offset := seq.  0, MUSTER_EEXIST (known: *offset is its
 * old one), MUSTER_ELIMIT, MUSTER_ENOMEM. */
int mu_producer_add(
    struct mu_producer *p, const struct mu_entity *consumer, uint64_t *offset);
/* The same with a given offset (to resume a clone that has everything up to
 * it): MUSTER_ENOENT when actions after offset are not kept any more. */
int mu_producer_resume(
    struct mu_producer *p, const struct mu_entity *consumer, uint64_t offset);
/* A path that has everything up to offset (at most seq) although what follows
 * may be gone: for a consumer of an earlier life.  0, EEXIST, ELIMIT, ENOMEM.
 */
int mu_producer_adopt(
    struct mu_producer *p, const struct mu_entity *consumer, uint64_t offset);
void mu_producer_remove(
    struct mu_producer *p, const struct mu_entity *consumer);
bool mu_producer_has(const struct mu_producer *p,
    const struct mu_entity *consumer, uint64_t *offset, bool *acked);

void mu_producer_ack(
    struct mu_producer *p, const struct mu_entity *consumer, uint64_t seq);

enum mu_nack_answer {
	MU_NACK_HANDSHAKE, /* resend the handshake of this (known) path */
	MU_NACK_UNKNOWN,   /* list is {0} from a stranger: add a path */
	MU_NACK_RESEND,    /* walk the list: mu_producer_kept each */
	MU_NACK_DROPPED,   /* the list was not ascending: path forgotten */
	MU_NACK_IGNORE     /* or the same was answered a moment ago */
};
/* Most numbers of a list to be answered: the rest is asked for again. */
#define MU_CHANNEL_MAX_RESEND 1024
enum mu_nack_answer mu_producer_nack(struct mu_producer *p,
    const struct mu_entity *consumer, const uint64_t *seqs, size_t n);
/* The kept payload of that number, borrowed; NULL: retransmit_failed. */
struct mu_blob *mu_producer_kept(const struct mu_producer *p, uint64_t seq);

/* The lowest number that every path has acknowledged (seq without paths). */
uint64_t mu_producer_acked(const struct mu_producer *p);
/* The path gave a sign of life. */
void mu_producer_touch(struct mu_producer *p, const struct mu_entity *consumer);

/* One tick.  Returns true when a keepalive is due.  Paths that timed out (or
 * were cut by a limit) are removed: mu_producer_next_lost tells which. */
bool mu_producer_tick(struct mu_producer *p);
bool mu_producer_next_lost(struct mu_producer *p, struct mu_entity *consumer);
/* Path i of npaths, for reports; NULL beyond. */
const struct mu_entity *mu_producer_path(
    const struct mu_producer *p, size_t i, uint64_t *acked);

/* --- consumer ---------------------------------------------------------- */

struct mu_consumer;

/* Most numbers asked for in one nack. */
#define MU_CHANNEL_MAX_NACK 4096

/* max_early: actions kept that came too early; beyond, they are dropped and
 * asked for again. */
struct mu_consumer *mu_consumer_new(size_t max_early);
void mu_consumer_free(struct mu_consumer *c);

bool mu_consumer_is_open(const struct mu_consumer *c);
uint64_t mu_consumer_next_seq(const struct mu_consumer *c);
/* The newest number that the producer is known to have given out; 0: none. */
uint64_t mu_consumer_newest(const struct mu_consumer *c);
/* The producer's handshake: true when it was the first one. */
bool mu_consumer_handshake(
    struct mu_consumer *c, uint64_t offset, uint16_t heartbeat);
/* An action arrived; keeps a reference if it is early.  0 or MUSTER_ENOMEM. */
int mu_consumer_action(struct mu_consumer *c, uint64_t seq, struct mu_blob *b);
void mu_consumer_keepalive(struct mu_consumer *c, uint64_t seq);
/* Number seq will never come: skip it. */
void mu_consumer_skip(struct mu_consumer *c, uint64_t seq);
/* The next action in order, reference given to the caller; NULL: none. */
struct mu_blob *mu_consumer_take(struct mu_consumer *c, uint64_t *seq);

enum mu_consumer_due {
	MU_CONSUMER_NOTHING,
	MU_CONSUMER_ACK, /* cumulative_ack(*ack) */
	MU_CONSUMER_NACK /* nack(list [*n], borrowed until the next call) */
};
enum mu_consumer_due mu_consumer_tick(
    struct mu_consumer *c, uint64_t *ack, const uint64_t **list, size_t *n);
/* The producer gave another sign of life. */
void mu_consumer_touch(struct mu_consumer *c);
/* Ticks since the last sign of the producer, for time limits. */
uint64_t mu_consumer_silent(const struct mu_consumer *c);

#endif
