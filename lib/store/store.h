/*
 * What masters and clones have in common: requests of local callers, their
 * outcomes, and the consequences the owner drains.
 */
#ifndef MU_STORE_STORE_H
#define MU_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "muster/value.h"
#include "store/command.h"

/* Both clocks, given with every call: a machine has none of its own. */
struct mu_store_now {
	uint64_t mono; /* monotonic, nanoseconds: ticks and time limits */
	int64_t wall;  /* nanoseconds since the epoch: expiry */
};

enum mu_store_op {
	/* writes */
	MU_STORE_PUT,
	MU_STORE_PUT_UNIQUE,
	MU_STORE_PUT_IF, /* compare and swap: expected, then value */
	MU_STORE_ERASE,
	MU_STORE_ADD,      /* increment, append, insert_into, push: 6.6 */
	MU_STORE_SUBTRACT, /* decrement, remove_from, pop */
	MU_STORE_CLEAR,
	/* reads */
	MU_STORE_EXISTS,
	MU_STORE_GET,
	MU_STORE_GET_INDEX, /* get_index_from_value */
	MU_STORE_KEYS       /* all, or string keys with a prefix */
};

enum mu_store_status {
	MU_STORE_OK,
	MU_STORE_NO_SUCH_KEY,
	MU_STORE_CONDITION, /* put_unique: existed; put_if: differed */
	MU_STORE_TYPE_CLASH,
	MU_STORE_INVALID, /* not a pair for a table, NaN key, ... */
	MU_STORE_STALE,   /* clone without a master for too long */
	MU_STORE_TIMEOUT, /* no answer: the write may have happened, or may yet;
			     a read waited for a copy on its way */
	MU_STORE_NO_MASTER, /* nobody was seen to host that store */
	MU_STORE_TOO_LARGE,
	MU_STORE_FULL,    /* map or disk full */
	MU_STORE_BACKEND, /* the medium failed */
	MU_STORE_NOMEM,
	MU_STORE_BUSY,        /* too many writes or queries wait already */
	MU_STORE_UNSUPPORTED, /* put_if towards a master of Broker's */
	MU_STORE_CLOSED,      /* the store was closed meanwhile */
	MU_STORE_DAMAGED,     /* what the medium gave back was not written so */
	MU_STORE_SECOND       /* another node has the master */
};
#define MU_STORE_NSTATUS (MU_STORE_SECOND + 1)
/* "no such key"; never NULL */
const char *mu_store_status_name(enum mu_store_status s);

/* A local caller's wish.  Values are borrowed for the call. */
struct mu_store_request {
	uint64_t id; /* the caller's, comes back in DONE */
	enum mu_store_op op;
	const struct muster_value *key;
	const struct muster_value *value; /* write: new value or amount;
					     GET_INDEX: the index;
					     KEYS: string prefix or NULL */
	const struct muster_value *after; /* KEYS: go on after this key, or
					     NULL (order of encoded keys) */
	uint32_t limit; /* KEYS: at most; 0: the store's limit,
			   and TOO_LARGE beyond it */
	const struct muster_value *expected; /* PUT_IF: NULL means absent */
	enum muster_type init_type;          /* ADD */
	int64_t expiry_ns;                   /* 0: none */
	uint64_t timeout_ns;                 /* 0: 15 s */
};

enum mu_store_out_kind {
	MU_STORE_SEND,  /* a command or a Muster message for the wire */
	MU_STORE_EVENT, /* insert, update, erase, expire: for local subscribers
			 */
	MU_STORE_DONE,  /* answer to a request */
	MU_STORE_LOG,   /* text for the operator */
	MU_STORE_STATE  /* attached, stale, progress ... changed */
};

/* What a copy is worth; a master is always FRESH. */
enum mu_store_state {
	MU_STORE_SEARCHING, /* never attached: no master answered yet */
	MU_STORE_ATTACHING, /* a snapshot is on its way: percent */
	MU_STORE_FRESH,
	MU_STORE_OLD /* attached, but the master is silent or gone */
};

enum mu_store_event {
	MU_STORE_INSERT,
	MU_STORE_UPDATE,
	MU_STORE_ERASED,
	MU_STORE_EXPIRED
};

/* All pointers are borrowed until the next call on the machine. */
struct mu_store_out {
	enum mu_store_out_kind kind;
	/* SEND */
	bool to_master;                 /* topic of the master, else clones */
	const struct mu_uuid *receiver; /* endpoint, or NULL: by topic */
	const uint8_t *payload;
	size_t len;
	/* EVENT */
	enum mu_store_event event;
	const struct muster_value *key, *old_value, *value;
	bool has_expiry;
	int64_t expiry_ns;
	struct mu_entity publisher;
	/* DONE */
	uint64_t id;
	enum mu_store_status status;
	const struct muster_value *result; /* GET, GET_INDEX, KEYS, EXISTS;
					      put_unique: boolean */
	const struct muster_value *more;   /* KEYS cut by limit: pass this as
					      after; else NULL */
	uint64_t stale_ns; /* a read's result is from a copy that has not heard
			      of its master for so long; 0: it is fresh */
	int64_t deadline;  /* GET at a master: when it expires, wall clock; else
			      0: clones do not know it */
	/* STATE */
	enum mu_store_state state;
	unsigned percent; /* ATTACHING */
	/* LOG */
	int level; /* syslog number */
	const char *text;
};

#endif
