/*
 * A layer: writes in memory that lie over what the file holds, in order of
 * their stored keys.  The newest layer in which a key is found says what the
 * key is; a layer that begins with a clear hides all below it.
 *
 * A layer is written by the owner's thread only, and by nobody once it was
 * taken for a commit or frozen for a snapshot; from then on any thread reads.
 * Its memory comes from a few chunks and goes as a whole.
 */
#ifndef STORES_BACKEND_LMDB_LAYER_H
#define STORES_BACKEND_LMDB_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "store/backend.h"
#include "stores/backend_lmdb_record.h"

#define LAYER_HEIGHT 16 /* of its skip lists: good for millions */

struct layer_entry {
	struct mu_bytes stored;     /* the stored key */
	struct record record;       /* key, value and deadline */
	size_t room;                /* bytes there are for the value */
	bool gone;                  /* erased: there is no value */
	uint8_t height;             /* of next */
	struct layer_entry *next[]; /* following entries, sparser upwards */
};

struct layer_list {
	struct layer_entry *head[LAYER_HEIGHT];
	size_t n;
};

struct layer_due {
	int64_t deadline;
	struct layer_entry *entry; /* its deadline differs: outdated */
};

struct layer_chunk;

struct layer {
	struct layer *older; /* the layer below; dangles once that is
				in the file: stop at the oldest */
	struct layer *newer;
	unsigned refs;  /* the backend and snapshots */
	uint64_t batch; /* highest sealed in it; 0: none yet */
	bool cleared;   /* everything below is gone */
	bool partial;   /* its last batch goes on in the layer above */
	struct layer_list entries;
	struct layer_list meta; /* the small records, not cleared */
	struct layer_due *due;  /* heap, the first deadline on top */
	size_t ndue;
	size_t due_cap;
	struct layer_chunk *chunks; /* owned, the one in use first */
	size_t bytes;               /* in all chunks */
	struct mu_rng rng;          /* decides heights */
};

/* An empty layer with one reference; NULL when memory is out. */
struct layer *layer_new(uint64_t seed);
struct layer *layer_ref(struct layer *l);
void layer_unref(struct layer *l);

/* The entry under a stored key, or NULL. */
struct layer_entry *layer_find(
    const struct layer_list *list, struct mu_bytes stored);

/* The first entry behind a stored key (at NULL: the first), or NULL. */
struct layer_entry *layer_after(
    const struct layer_list *list, struct mu_bytes stored);

/*
 * Put a record (copied), or with gone its erasure, under its stored key.
 * list is l's entries or meta.  0 or MUSTER_ENOMEM, and nothing has changed.
 */
int layer_put(struct layer *l, struct layer_list *list, struct mu_bytes stored,
    const struct record *r, bool gone);

/* Drop all entries and hide what lies below. */
void layer_clear(struct layer *l);

/* Drop the top of the heap of deadlines; ndue > 0. */
void layer_pop_due(struct layer *l);

/* Is the top of the heap what its entry still says?  ndue > 0. */
bool layer_due_holds(const struct layer *l);

#endif
