/* Peers by endpoint id; see router_peers.h. */
#include "core/router_peers.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "core/router.h"
#include "muster/err.h"

#define SMALLEST 16

void
router_peers_init(struct router_peers *p, uint64_t seed)
{
	p->seed = seed;
	p->slots = NULL;
	p->cap = p->n = 0;
}

void
router_peers_clear(struct router_peers *p)
{
	mu_free(p->slots);
	router_peers_init(p, p->seed);
}

/* The slot of id, or the free one where it belongs. */
static size_t
slot_of(const struct router_peers *p, const struct mu_uuid *id)
{
	size_t i = mu_hash64(p->seed, id->bytes, sizeof id->bytes);

	for (;; i++) {
		const struct subscriber *s = p->slots[i & (p->cap - 1)];

		if (s == NULL || mu_uuid_eq(&s->id, id))
			return i & (p->cap - 1);
	}
}

static int
grow(struct router_peers *p)
{
	struct router_peers bigger = *p;

	bigger.cap = p->cap == 0 ? SMALLEST : p->cap * 2;
	bigger.slots = mu_calloc(bigger.cap, sizeof *bigger.slots);
	if (bigger.slots == NULL)
		return MUSTER_ENOMEM;
	for (size_t i = 0; i < p->cap; i++)
		if (p->slots[i] != NULL)
			bigger.slots[slot_of(&bigger, &p->slots[i]->id)] =
			    p->slots[i];
	mu_free(p->slots);
	*p = bigger;
	return 0;
}

int
router_peers_add(struct router_peers *p, struct subscriber *s)
{
	size_t i;

	if ((p->n + 1) * 2 > p->cap && grow(p) != 0)
		return MUSTER_ENOMEM;
	i = slot_of(p, &s->id);
	assert(p->slots[i] == NULL);
	p->slots[i] = s;
	p->n++;
	return 0;
}

void
router_peers_remove(struct router_peers *p, struct subscriber *s)
{
	size_t i = slot_of(p, &s->id);

	assert(p->slots[i] == s);
	p->slots[i] = NULL;
	p->n--;
	/* those behind the gap move up to where a search finds them */
	for (i = (i + 1) & (p->cap - 1); p->slots[i] != NULL;
	    i = (i + 1) & (p->cap - 1)) {
		struct subscriber *t = p->slots[i];

		p->slots[i] = NULL;
		p->slots[slot_of(p, &t->id)] = t;
	}
}

struct subscriber *
router_peers_find(const struct router_peers *p, const struct mu_uuid *id)
{
	return p->cap == 0 ? NULL : p->slots[slot_of(p, id)];
}
