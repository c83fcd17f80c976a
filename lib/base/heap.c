/* What is due first; see heap.h. */
#include "base/heap.h"

#include "base/alloc.h"
#include "muster/err.h"

#define SMALLEST 16

void
mu_heap_clear(struct mu_heap *h)
{
	for (size_t i = 0; i < h->n; i++)
		h->items[i]->place = 0;
	mu_free(h->items);
	*h = (struct mu_heap){ NULL, 0, 0 };
}

static void
put(struct mu_heap *h, struct mu_heap_item *i, size_t k)
{
	h->items[k] = i;
	i->place = k + 1;
}

/* Where i, whose place k is free, belongs. */
static void
settle(struct mu_heap *h, struct mu_heap_item *i, size_t k)
{
	for (size_t up; k > 0; k = up) {
		up = (k - 1) / 2;
		if (h->items[up]->at <= i->at)
			break;
		put(h, h->items[up], k);
	}
	for (size_t down; (down = 2 * k + 1) < h->n; k = down) {
		if (down + 1 < h->n &&
		    h->items[down + 1]->at < h->items[down]->at)
			down++;
		if (i->at <= h->items[down]->at)
			break;
		put(h, h->items[down], k);
	}
	put(h, i, k);
}

int
mu_heap_set(struct mu_heap *h, struct mu_heap_item *i, uint64_t at)
{
	size_t k = i->place - 1;

	if (i->place == 0) {
		if (h->n == h->cap) {
			size_t cap = h->cap == 0 ? SMALLEST : h->cap * 2;
			struct mu_heap_item **items = mu_reallocarray(
			    h->items, cap, sizeof(struct mu_heap_item *));

			if (items == NULL)
				return MUSTER_ENOMEM;
			h->items = items;
			h->cap = cap;
		}
		k = h->n++;
	}
	i->at = at;
	settle(h, i, k);
	return 0;
}

void
mu_heap_remove(struct mu_heap *h, struct mu_heap_item *i)
{
	size_t k = i->place - 1;
	struct mu_heap_item *last;

	if (i->place == 0)
		return;
	i->place = 0;
	last = h->items[--h->n];
	if (last != i)
		settle(h, last, k);
}
