/*
 * Entries in the order of keys (store/order.h): a treap, whose priorities are
 * hashes of the keys under a seed of the process, so that nobody outside can
 * unbalance it.  For the memory backend.
 */
#ifndef MU_STORE_TREE_H
#define MU_STORE_TREE_H

#include <stdint.h>

#include "store/backend.h"

#define MU_TREE_NO_HEAP SIZE_MAX

struct mu_tree_entry {
	struct mu_tree_entry *left, *right;
	uint64_t priority;
	uint8_t *value; /* owned */
	size_t value_len;
	int64_t deadline; /* 0: none */
	size_t heap_at;   /* index in the heap, or MU_TREE_NO_HEAP */
	size_t key_len;
	uint8_t key[]; /* and of a long one its sum, see order.h */
};

struct mu_tree {
	struct mu_tree_entry *root;
	uint64_t n;
	uint64_t bytes; /* keys, values and their structs */
};

/* The entry of that key, or NULL. */
struct mu_tree_entry *mu_tree_find(
    const struct mu_tree *t, struct mu_bytes key);
/* The first one whose key is greater (key.at NULL: the first of all). */
struct mu_tree_entry *mu_tree_after(
    const struct mu_tree *t, struct mu_bytes key);

/* An entry of its own: copies key, takes value [len] unless memory is out
 * (NULL). */
struct mu_tree_entry *mu_tree_entry_new(
    uint64_t seed, struct mu_bytes key, uint8_t *value, size_t len);
void mu_tree_entry_free(struct mu_tree_entry *e);

/* Takes e, whose key must not be there yet. */
void mu_tree_insert(struct mu_tree *t, struct mu_tree_entry *e);
/* Unhooks the entry of that key: the caller's now; NULL: none. */
struct mu_tree_entry *mu_tree_remove(struct mu_tree *t, struct mu_bytes key);
/* Frees all of them. */
void mu_tree_clear(struct mu_tree *t);

#endif
