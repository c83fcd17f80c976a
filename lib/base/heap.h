/*
 * What is due first: a binary heap of items that are embedded in their owners
 * and know their place, so that one can be moved or taken out in the time of
 * a walk down.  The order of items due at the same time is not defined.
 */
#ifndef MU_BASE_HEAP_H
#define MU_BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct mu_heap_item {
	uint64_t at;  /* when it is due */
	size_t place; /* in the heap, counted from 1; 0: in none */
};

struct mu_heap {
	struct mu_heap_item **items; /* [n], borrowed; owned array */
	size_t n, cap;
};

/* Zero is an empty heap, too. */
void mu_heap_clear(struct mu_heap *h);

/* Put i in, due at that time, or move it there.  0, or MUSTER_ENOMEM for one
 * that was not in: moving needs no memory. */
int mu_heap_set(struct mu_heap *h, struct mu_heap_item *i, uint64_t at);
/* Take i out; nothing happens when it is not in. */
void mu_heap_remove(struct mu_heap *h, struct mu_heap_item *i);

/* The item that is due first, or NULL. */
static inline struct mu_heap_item *
mu_heap_first(const struct mu_heap *h)
{
	return h->n == 0 ? NULL : h->items[0];
}

#endif
