/*
 * Digests of what all nodes must agree on.  They are compared between hosts,
 * so the bytes that are hashed do not depend on the machine: FNV-1a byte by
 * byte, every string with its end, every number little end first.
 */
#include "layout/layout.h"

#include <string.h>

#include "base/rng.h"

#define FNV_BASIS 0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u

static uint64_t
add_byte(uint64_t h, unsigned byte)
{
	return (h ^ byte) * FNV_PRIME;
}

/* NULL differs from the empty string. */
static uint64_t
add_string(uint64_t h, const char *s)
{
	if (s == NULL)
		return add_byte(h, 1);
	for (; *s != '\0'; s++)
		h = add_byte(h, (unsigned char)*s);
	return add_byte(h, 0);
}

static uint64_t
add_number(uint64_t h, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		h = add_byte(h, (unsigned)(v >> (8 * i)) & 0xff);
	return h;
}

uint64_t
mu_layout_node_digest(const struct mu_layout_node *n)
{
	uint64_t h = add_string(FNV_BASIS, n->name);

	h = add_number(h, n->role);
	h = add_string(h, n->host);
	h = add_number(h, n->port);
	h = add_string(h, n->manager);
	return mu_mix64(h);
}

/* Who decides, who has a copy, and what becomes of entries; the rest is a
 * matter of each node. */
static uint64_t
add_store(uint64_t h, const struct mu_layout_store *s)
{
	h = add_string(h, s->name);
	h = add_string(h, s->master);
	h = add_number(h, (uint64_t)s->expiry_ns);
	h = add_number(h, s->clones == NULL ? UINT64_MAX : s->nclones);
	for (size_t i = 0; i < s->nclones; i++)
		h = add_string(h, s->clones[i]);
	return h;
}

/* Whoever publishes chooses who passes it on. */
static uint64_t
add_relay(uint64_t h, const struct mu_layout_relay *r)
{
	h = add_string(h, r->topic);
	h = add_string(h, r->to);
	h = add_number(h, r->nby);
	for (size_t i = 0; i < r->nby; i++)
		h = add_string(h, r->by[i]);
	return h;
}

/* Is it one of the three that exist without a row, and as without it? */
static bool
is_plain(const struct mu_layout *l, const struct mu_layout_pool *p)
{
	size_t n = strlen(l->topics.pool_prefix);

	return mu_role_parse(p->name) == (int)p->type && p->max_nodes == 0 &&
	       !p->exclusive && p->replicas == 1 && p->nweights == 0 &&
	       strncmp(p->topic, l->topics.pool_prefix, n) == 0 &&
	       strcmp(p->topic + n, p->name) == 0;
}

/* All of it: who gets a key must be the same everywhere. */
static uint64_t
add_pool(uint64_t h, const struct mu_layout_pool *p)
{
	h = add_string(h, p->name);
	h = add_number(h, p->type);
	h = add_string(h, p->topic);
	h = add_number(h, p->max_nodes);
	h = add_number(h, p->exclusive);
	h = add_number(h, p->replicas);
	h = add_number(h, p->nweights);
	for (size_t i = 0; i < p->nweights; i++) {
		h = add_string(h, p->weights[i].node);
		h = add_number(h, p->weights[i].weight);
	}
	return h;
}

uint64_t
mu_layout_digest(const struct mu_layout *l)
{
	const struct mu_topics *t = &l->topics;
	const char *const topics[] = { t->logger, t->manager, t->proxy,
		t->worker, t->node_prefix, t->nodeid_prefix, t->pool_prefix,
		t->logs_prefix, t->started };
	uint64_t h = add_string(FNV_BASIS, l->cluster);

	for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
		h = add_string(h, topics[i]);
	for (size_t i = 0; i < l->nnodes; i++)
		h = add_number(h, mu_layout_node_digest(&l->nodes[i]));
	for (size_t i = 0; i < l->nstores; i++)
		h = add_store(h, &l->stores[i]);
	for (size_t i = 0; i < l->nrelays; i++)
		h = add_relay(h, &l->relays[i]);
	for (size_t i = 0; i < l->npools; i++)
		if (!is_plain(l, &l->pools[i]))
			h = add_pool(h, &l->pools[i]);
	return mu_mix64(h);
}
