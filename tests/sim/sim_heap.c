/*
 * Virtual time: a binary heap of events, ordered by time and, at one time, by
 * the order in which they were scheduled.
 */
#include "sim.h"

#include <stdlib.h>

static bool
before(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void *
grow(void *p, size_t *cap, size_t size)
{
	*cap = *cap == 0 ? 256 : *cap * 2;
	p = realloc(p, *cap * size);
	if (p == NULL)
		abort();
	return p;
}

void
heap_push(struct sim *s, struct event *e)
{
	e->seq = s->seq++;
	heap_push_again(s, e);
}

void
heap_push_again(struct sim *s, struct event *e)
{
	size_t i;

	if (s->nheap == s->cap)
		s->heap = grow(s->heap, &s->cap, sizeof *s->heap);
	for (i = s->nheap++; i > 0; i = (i - 1) / 2) {
		if (!before(e, &s->heap[(i - 1) / 2]))
			break;
		s->heap[i] = s->heap[(i - 1) / 2];
	}
	s->heap[i] = *e;
}

struct event
heap_pop(struct sim *s)
{
	struct event first = s->heap[0], last = s->heap[--s->nheap];
	size_t i = 0, k;

	while ((k = 2 * i + 1) < s->nheap) {
		if (k + 1 < s->nheap && before(&s->heap[k + 1], &s->heap[k]))
			k++;
		if (!before(&s->heap[k], &last))
			break;
		s->heap[i] = s->heap[k];
		i = k;
	}
	s->heap[i] = last;
	return first;
}

void
heap_hold(struct sim *s, const struct event *e)
{
	if (s->held.n == s->held.cap)
		s->held.v = grow(s->held.v, &s->held.cap, sizeof *s->held.v);
	s->held.v[s->held.n++] = *e;
}
