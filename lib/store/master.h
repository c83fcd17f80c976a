/*
 * A master: the one copy of a store that decides.  Rules of the reference
 * "broker-protocol", 6.5; what goes beyond is in store/command.h.
 *
 * Doors: feed, tick and deadline, next, and request as the verb.  The owner
 * calls flush at the end of its turn: that seals the batch of everything
 * written meanwhile.  Broadcasts, events, acknowledgements and answers to
 * writes wait for their batch to be durable and then come out of next in the
 * order of the writes.  After the backend has told that a commit is done (or
 * failed), drain next again.
 *
 * A write leaves the machine in one of two ways: durable, numbered and
 * answered OK; or undone and answered with the reason.
 */
#ifndef MU_STORE_MASTER_H
#define MU_STORE_MASTER_H

#include "store/backend.h"
#include "store/channel.h"
#include "store/store.h"

struct mu_master;

struct mu_master_config {
	struct mu_entity entity; /* kept across restarts, see resume */
	uint64_t first_seq;      /* when the backend knows none; Broker: 1 */
	uint64_t epoch;          /* random, not 0: names this life's history */
	bool resume;             /* number all actions and keep the numbers in
				    the backend; follow clones that know an
				    earlier life of this entity */
	bool may_lose;           /* the backend calls durable what a crash
				    may take away */
	int64_t default_expiry_ns; /* of writes that carry none; 0: none */
	struct mu_producer_limits limits;
	size_t max_writers;
	size_t max_early;          /* actions of one writer out of order */
	size_t max_value;          /* bytes of an encoded key and value */
	size_t max_key;            /* of the key alone */
	uint32_t max_keys;         /* in one answer */
	size_t max_pending;        /* writes waiting for the medium */
	size_t max_snapshot;       /* bytes of the single message for clones of
				      Broker's; beyond: refused and logged */
	size_t chunk_bytes;        /* of a chunk for clones of our own */
	uint64_t max_clear_events; /* clear of more entries raises no events */
};
/* The defaults of the manual; entity and epoch remain to be set. */
void mu_master_config_init(struct mu_master_config *config);

/* Takes backend, also on failure.  NULL when memory is out. */
struct mu_master *mu_master_new(const struct mu_master_config *config,
    struct mu_backend *backend, const struct mu_store_now *now);
/* Closes the backend; writes not yet durable are not answered. */
void mu_master_free(struct mu_master *m);

/*
 * A command that arrived on the master's topic (payload of the envelope,
 * borrowed).  0; MUSTER_EPROTO or ELIMIT for what is no command (drop it);
 * MUSTER_ENOMEM (it is as lost: channels ask again).
 */
int mu_master_feed(struct mu_master *m, const uint8_t *payload, size_t len,
    const struct mu_store_now *now);

/* A local caller's request.  Each is answered with DONE exactly once; when not
 * even that can be remembered, MUSTER_ENOMEM. */
int mu_master_request(struct mu_master *m, const struct mu_store_request *req,
    const struct mu_store_now *now);

/* End of turn: seal the batch. */
void mu_master_flush(struct mu_master *m);

void mu_master_tick(struct mu_master *m, const struct mu_store_now *now);
/* Monotonic nanoseconds of the next tick. */
uint64_t mu_master_deadline(const struct mu_master *m);

bool mu_master_next(struct mu_master *m, struct mu_store_out *out);

/* For status and metrics. */
struct mu_master_stats {
	uint64_t entries;
	uint64_t seq; /* newest action */
	uint64_t epoch;
	size_t clones, writers;
	size_t buffered; /* actions kept */
	uint64_t lag;    /* newest action minus the slowest clone's */
	size_t pending;  /* writes that wait for the medium */
	uint64_t nwrites, nfailed, nexpired; /* since start */
	enum mu_store_status trouble; /* why the last write was refused, as
					 long as none succeeded since: FULL,
					 BACKEND, DAMAGED; else OK */
	uint64_t ndamaged;            /* times a damaged record was met */
	const char *damaged;          /* the key of one, as text; borrowed */
};
void mu_master_stats(const struct mu_master *m, struct mu_master_stats *stats);

#endif
