/*
 * What a master or clone keeps its entries in: a table of functions over
 * encoded keys and values, in the order of keys (store/order.h).  Writes are
 * seen by reads at once; they become durable batch by batch: seal ends a batch,
 * the owner learns of its commit later and only then lets acknowledgements out.
 */
#ifndef MU_STORE_BACKEND_H
#define MU_STORE_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mu_bytes {
	const uint8_t *at;
	size_t len;
};

struct mu_backend;
struct mu_snapshot;

/*
 * Deadlines are wall clock nanoseconds since the epoch; 0: never expires.
 * Writes return 0, MUSTER_ENOMEM, MUSTER_ELIMIT (full: map, disk or limit),
 * MUSTER_EPERM (read-only) or MUSTER_ESYS (the medium failed); after a failure
 * nothing has changed.  Reads return 0, MUSTER_ENOENT or such an error, and
 * what they give is borrowed until the next call on b.
 */
struct mu_backend_ops {
	int (*get)(struct mu_backend *b, struct mu_bytes key,
	    struct mu_bytes *value, int64_t *deadline);
	/* The first pair whose key is greater than key (at NULL: the first of
	 * all); sees all writes. */
	int (*after)(struct mu_backend *b, struct mu_bytes key,
	    struct mu_bytes *found, struct mu_bytes *value, int64_t *deadline);
	/* key and value are borrowed and may not point into b's own memory. */
	int (*put)(struct mu_backend *b, struct mu_bytes key,
	    struct mu_bytes value, int64_t deadline);
	int (*erase)(struct mu_backend *b, struct mu_bytes key);
	int (*clear)(struct mu_backend *b);
	uint64_t (*size)(struct mu_backend *b);
	/* The key whose deadline comes first; MUSTER_ENOENT: none expires. */
	int (*first_deadline)(
	    struct mu_backend *b, struct mu_bytes *key, int64_t *deadline);
	/* Small records beside the entries (sequence numbers, writers), part
	 * of the same batches and not touched by clear.  An empty value erases.
	 * The keys are at most 40 bytes. */
	int (*meta_get)(
	    struct mu_backend *b, struct mu_bytes key, struct mu_bytes *value);
	int (*meta_put)(
	    struct mu_backend *b, struct mu_bytes key, struct mu_bytes value);
	/* End the batch of everything written so far and begin to make it
	 * durable; its number (ascending).  0 when nothing was written. */
	uint64_t (*seal)(struct mu_backend *b);
	/* Highest batch that is durable.  *err is 0, or the reason why the
	 * batch after it failed: then this call undid that batch and all that
	 * was written later, sealed or not, and the failure is told once. */
	uint64_t (*durable)(struct mu_backend *b, int *err);
	/* A picture for reading pairs in chunks, from the first key greater
	 * than after (at NULL: all).  It shows at least what is durable, may
	 * show later writes, but none that can still be undone.  NULL when
	 * memory is out or the medium fails. */
	struct mu_snapshot *(*snapshot)(
	    struct mu_backend *b, struct mu_bytes after);
	void (*close)(struct mu_backend *b);
	/* Does much of what was written wait for the medium still?  Then who
	 * can should write less for a while.  NULL: never. */
	bool (*behind)(const struct mu_backend *b);
};

struct mu_backend {
	const struct mu_backend_ops *ops;
};

struct mu_snapshot_ops {
	/* The next pair in key order, borrowed until the next call; false at
	 * the end (*err 0) or on failure. */
	bool (*next)(struct mu_snapshot *s, struct mu_bytes *key,
	    struct mu_bytes *value, int64_t *deadline, int *err);
	/* Does keeping it open cost the medium more room than it should?  NULL:
	 * never. */
	bool (*is_costly)(const struct mu_snapshot *s);
	void (*close)(struct mu_snapshot *s);
};

struct mu_snapshot {
	const struct mu_snapshot_ops *ops;
	bool is_live; /* shows later writes, too, as they are made */
};

/* Entries in memory; seal is durable at once and nothing is ever undone.
 * max_bytes limits keys, values and what each costs beside (0: no limit).
 * NULL when memory is out. */
struct mu_backend *mu_backend_memory_new(uint64_t max_bytes);

#endif
