/*
 * The stores of one node: masters and clones that the layout declares, as one
 * service of the router.  Local callers (control sessions, later rules) ask
 * with stores_request and are answered by stores_next; peers are answered over
 * the router.  Four doors like every machine; files are opened by the hook.
 */
#ifndef STORES_STORES_H
#define STORES_STORES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

struct endpoint;
struct mu_backend;
struct mu_layout;
struct mu_layout_store;
struct stores;

/* What the node must do: core opens no files. */
struct stores_hooks {
	/* Open the backend of a store (master: of the master, else of a clone).
	 * 0 with *b owned by the stores; else why in err. */
	int (*open)(void *ctx, const struct mu_layout_store *store, bool master,
	    struct mu_backend **b, char *err, size_t err_size);
	void *ctx;
};

/* Reads layout's stores for this node, opens backends, attaches to the router
 * of e.  A store that cannot be opened is reported (stores_fact.error) and
 * refuses requests; the node stays in the cluster.  NULL: no memory. */
struct stores *stores_new(struct endpoint *e, const struct mu_layout *layout,
    const struct stores_hooks *hooks, uint64_t seed, uint64_t now,
    int64_t wall);
void stores_free(struct stores *s);

/*
 * Ask.  caller is opaque and comes back with the answer, as does req->id.
 * 0; MUSTER_ENOENT: no store of that name on this node; MUSTER_ELIMIT;
 * MUSTER_ENOMEM.  Borrowed for the call.
 */
int stores_request(struct stores *s, const char *name,
    const struct mu_store_request *req, void *caller, uint64_t now,
    int64_t wall);
/* The caller is gone: forget its requests and watches. */
void stores_forget(struct stores *s, void *caller);

/* Follow changes of a store (insert, update, erase, expire).  0 or
 * MUSTER_ENOENT / MUSTER_ENOMEM. */
int stores_watch(struct stores *s, const char *name, void *caller);

enum stores_out_kind {
	STORES_DONE,  /* to caller: id, status, result */
	STORES_EVENT, /* to caller (a watcher): name, event, key, values */
	STORES_LOG    /* level, text */
};
struct stores_out {
	enum stores_out_kind kind;
	void *caller;
	const char *name;
	struct mu_store_out what; /* DONE, EVENT, LOG fields; borrowed */
};
bool stores_next(struct stores *s, struct stores_out *out);

/* End of turn: seal batches.  tick/deadline as everywhere.  stores_durable
 * after a backend said that a commit is done. */
void stores_flush(struct stores *s);
void stores_durable(struct stores *s, uint64_t now, int64_t wall);
void stores_tick(struct stores *s, uint64_t now, int64_t wall);
uint64_t stores_deadline(const struct stores *s);

/* The backend of store i, whose kind is that of the layout; NULL: failed.  For
 * the owner of the loop, which watches the descriptor of an LMDB one. */
struct mu_backend *stores_backend(
    const struct stores *s, size_t i, bool *lmdb);

/* For status. */
struct stores_fact {
	const char *name;
	bool master;              /* here; else a clone */
	const char *master_node;  /* by the layout */
	const char *backend;      /* "memory", "lmdb" */
	const char *state;        /* "fresh", "stale since ...", "attaching 40 %",
				     "failed" (not opened); of a master also
				     "full", "failing", "read-only", "damaged",
				     "refused" */
	const char *error;        /* what is wrong with it, or NULL */
	uint64_t entries, bytes, seq, lag;
	size_t clones, writers, pending;
	uint64_t unsynced; /* bytes in memory that the disk does not have */
	uint64_t nwrites, nfailed, nexpired;
};
size_t stores_count(const struct stores *s);
void stores_fact(const struct stores *s, size_t i, struct stores_fact *out);

#endif
