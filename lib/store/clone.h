/*
 * A clone: a copy of a store that follows its master, and a way to write to
 * it.  It attaches by itself, also again: to a restarted master, after a gap
 * longer than the master remembers, after losing actions for good.  Masters
 * of Broker's are spoken to as Broker's clones do, with a fresh object number
 * for each attachment after the first; masters of our own kind by the
 * messages in store/command.h, which resume where that is possible.
 *
 * The owner says by mu_clone_set_master which peer hosts the master.
 */
#ifndef MU_STORE_CLONE_H
#define MU_STORE_CLONE_H

#include "store/backend.h"
#include "store/channel.h"
#include "store/store.h"

struct mu_clone;

struct mu_clone_config {
	struct mu_entity entity; /* and the next 2^20 object numbers are ours */
	uint64_t first_req_id;   /* of put_unique; random */
	bool resume;             /* keep our place in the backend, and go on
				    from there after a restart */
	size_t max_writes;       /* undecided ones; beyond: BUSY */
	size_t max_write_bytes;  /* their payloads */
	size_t max_queries;      /* waiting for a fresh copy; beyond: BUSY */
	size_t max_early;
	size_t max_aside;          /* bytes of actions on keys that a copy on
				      its way does not have yet */
	size_t max_value;          /* bytes of an encoded key and value */
	uint32_t max_keys;         /* in one answer */
	uint64_t max_stale_ns;     /* how old an answer may be */
	uint64_t max_clear_events; /* clear of more entries raises no events */
};
/* The defaults of the manual; entity and first_req_id remain to be set. */
void mu_clone_config_init(struct mu_clone_config *config);

/* Takes backend, also on failure.  NULL when memory is out or what the backend
 * remembers cannot be read. */
struct mu_clone *mu_clone_new(const struct mu_clone_config *config,
    struct mu_backend *backend, const struct mu_store_now *now);
void mu_clone_free(struct mu_clone *c);

/*
 * The peer that hosts the master is there, or came back (its filter has the
 * master's topic); NULL: it is gone.  is_ours: its filter also has
 * MU_STORE_CAPABILITY.  Call it for each new peering.
 */
void mu_clone_set_master(struct mu_clone *c, const struct mu_uuid *endpoint,
    bool is_ours, const struct mu_store_now *now);

/* Does anybody want events?  At first, yes. */
void mu_clone_set_watched(struct mu_clone *c, bool watched);

/* A command that arrived on the clone's topic; as mu_master_feed. */
int mu_clone_feed(struct mu_clone *c, const uint8_t *payload, size_t len,
    const struct mu_store_now *now);

/* A local caller's request.  Each is answered with DONE exactly once, at the
 * latest when its time is over; MUSTER_ENOMEM when not even that can be
 * remembered. */
int mu_clone_request(struct mu_clone *c, const struct mu_store_request *req,
    const struct mu_store_now *now);

/* End of turn: seal the batch of the copy. */
void mu_clone_flush(struct mu_clone *c);

void mu_clone_tick(struct mu_clone *c, const struct mu_store_now *now);
uint64_t mu_clone_deadline(const struct mu_clone *c);

bool mu_clone_next(struct mu_clone *c, struct mu_store_out *out);

struct mu_clone_stats {
	enum mu_store_state state;
	unsigned percent;        /* while attaching */
	uint64_t stale_ns;       /* since the last word of the master */
	struct mu_entity master; /* nil: none yet */
	bool is_ours;
	uint64_t entries;
	uint64_t seq;      /* last action applied */
	uint64_t lag;      /* actions behind what the master told of */
	size_t writes;     /* undecided */
	size_t queries;    /* waiting */
	uint64_t attached; /* times */
};
void mu_clone_stats(const struct mu_clone *c, struct mu_clone_stats *stats);

#endif
