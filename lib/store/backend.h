/*
 * What a master keeps its entries in: a table of functions over encoded keys
 * and values.  Writes are seen by reads at once; they become durable batch by
 * batch: seal ends a batch, the owner learns of its commit later and only then
 * lets acknowledgements out.
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

/* Deadlines are wall clock nanoseconds since the epoch; 0: never expires. */
struct mu_backend_ops {
	/* 0 with *value borrowed until the next call on b, MUSTER_ENOENT, or an
	 * error of the medium. */
	int (*get)(struct mu_backend *b, struct mu_bytes key,
	    struct mu_bytes *value, int64_t *deadline);
	int (*put)(struct mu_backend *b, struct mu_bytes key,
	    struct mu_bytes value, int64_t deadline);
	int (*erase)(struct mu_backend *b, struct mu_bytes key);
	int (*clear)(struct mu_backend *b);
	uint64_t (*size)(struct mu_backend *b);
	/* The key whose deadline comes first; MUSTER_ENOENT: none expires. */
	int (*first_deadline)(struct mu_backend *b, struct mu_bytes *key,
	    int64_t *deadline);
	/* End the batch of everything written so far and begin to make it
	 * durable; its number (ascending).  0 when nothing was written. */
	uint64_t (*seal)(struct mu_backend *b);
	/* Highest batch that is durable; *err is the failure of the batch that
	 * follows it, or 0.  A failed batch is undone as a whole. */
	uint64_t (*durable)(struct mu_backend *b, int *err);
	/* A consistent picture of this moment, read in chunks while writes go
	 * on; NULL when memory is out or the medium fails. */
	struct mu_snapshot *(*snapshot)(struct mu_backend *b);
	void (*close)(struct mu_backend *b);
};

struct mu_backend {
	const struct mu_backend_ops *ops;
};

struct mu_snapshot_ops {
	/* The next pair in key order, borrowed until the next call; false at
	 * the end (*err 0) or on failure. */
	bool (*next)(struct mu_snapshot *s, struct mu_bytes *key,
	    struct mu_bytes *value, int64_t *deadline, int *err);
	/* Number of pairs and bytes of all keys and values. */
	void (*measure)(struct mu_snapshot *s, uint64_t *npairs,
	    uint64_t *nbytes);
	void (*close)(struct mu_snapshot *s);
};

struct mu_snapshot {
	const struct mu_snapshot_ops *ops;
};

/* Entries in memory, ordered by encoded key; seal is durable at once. */
struct mu_backend *mu_backend_memory_new(uint64_t max_bytes);

#endif
