/*
 * Pools of a large cluster under churn: whoever sees the same members alive
 * sends each key to the same one, and it is the one that this file finds for
 * itself; only the keys of the dead move, and they come back.
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "pool/pools.h"

#define KEYS    10000
#define PROXIES 4
#define ROUNDS  8

void
pools_layout(struct mu_buf *b)
{
	mu_buf_str(b, "pools:\n"
		      "  intel: {type: worker, max_nodes: 3, exclusive: true}\n"
		      "  pair: {type: proxy, max_nodes: 3, replicas: 2}\n");
}

/* --- an opinion of our own ------------------------------------------------ */

static uint32_t
fnv(const void *p, size_t n)
{
	const unsigned char *c = p;
	uint32_t h = 2166136261u;

	while (n-- > 0)
		h = (h ^ *c++) * 16777619u;
	return h;
}

/* The digest of a count as Zeek hashes it. */
static uint32_t
digest_of(uint64_t key)
{
	unsigned char bytes[12] = { 3 };

	for (int i = 0; i < 8; i++)
		bytes[4 + i] = (unsigned char)(key >> (8 * i));
	return fnv(bytes, sizeof bytes);
}

/* Which proxy, from 1, of those that are not dead; 0: nobody. */
static unsigned
expected(uint32_t digest, const bool dead[PROXIES])
{
	uint32_t best = 0, best_site = 0;
	unsigned who = 0;

	for (unsigned i = 0; i < PROXIES; i++) {
		char alias[] = "proxy-N.0";
		uint32_t site, w;

		alias[6] = (char)('1' + i);
		site = fnv(alias, strlen(alias));
		w = (1103515245u * ((1103515245u * site + 12345u) ^
				       (digest & 0x7fffffffu)) +
			12345u) &
		    0x7fffffffu;
		if (!dead[i] &&
		    (who == 0 || w > best || (w == best && site > best_site))) {
			best = w;
			best_site = site;
			who = i + 1;
		}
	}
	return who;
}

/* --- what the nodes believe ----------------------------------------------- */

static unsigned
index_of(const struct mu_pool_member *m)
{
	return (unsigned)atoi(strchr(m->name, '-') + 1);
}

static void
check_alive(struct node *n, const struct mu_pool *p, const bool dead[PROXIES])
{
	for (size_t i = 0; i < mu_pool_size(p); i++) {
		const struct mu_pool_member *m = mu_pool_at(p, i);

		if (m->up == dead[index_of(m) - 1])
			fail(n->sim, "%s takes %s for %s", n->row->name,
			    m->name, m->up ? "alive" : "dead");
	}
}

static void
check_node(struct node *n, const uint8_t owners[KEYS], const bool dead[PROXIES])
{
	struct mu_pools *pools = endpoint_pools(n->e);
	const struct mu_pool *p = mu_pools_find(pools, "proxy");

	if (mu_pool_size(p) != PROXIES) {
		fail(n->sim, "%s: the pool has %zu members", n->row->name,
		    mu_pool_size(p));
		return;
	}
	check_alive(n, p, dead);
	check_alive(n, mu_pools_find(pools, "pair"), dead);
	for (uint32_t k = 0; k < KEYS && !n->sim->failed; k++) {
		const struct mu_pool_member *m;
		unsigned who = mu_pool_where(p, digest_of(k), NULL, &m, 1) == 0
				   ? 0
				   : index_of(m);

		if (who != owners[k])
			fail(n->sim, "%s sends key %u to proxy-%u, not %u",
			    n->row->name, k, who, owners[k]);
	}
}

/* Proxies do not see each other: nobody gets keys from them, and their turns
 * are all their own. */
static void
check_proxy(struct node *n)
{
	struct mu_pool *p = mu_pools_find(endpoint_pools(n->e), "proxy");
	const struct mu_pool_member *m;

	if (mu_pool_where(p, digest_of(1), NULL, &m, 1) != 0)
		fail(n->sim, "%s sees another proxy", n->row->name);
	else if (mu_pool_turn(p, "", 0, &m) != 0 ||
		 strcmp(m->name, n->row->name) != 0)
		fail(n->sim, "%s has no turns of its own", n->row->name);
}

static void
check_all(struct sim *s, const uint8_t owners[KEYS], const bool dead[PROXIES])
{
	for (size_t i = 0; i < s->n && !s->failed; i++) {
		struct node *n = &s->nodes[i];

		if (n->e == NULL || n->stopped ||
		    n->row->role == MU_ROLE_LOGGER)
			continue;
		if (n->row->role == MU_ROLE_PROXY)
			check_proxy(n);
		else
			check_node(n, owners, dead);
	}
}

/* --- the scenario --------------------------------------------------------- */

static void
shares(struct sim *s, const uint8_t owners[KEYS])
{
	unsigned count[PROXIES + 1] = { 0 };

	for (size_t k = 0; k < KEYS; k++)
		count[owners[k]]++;
	for (unsigned i = 1; i <= PROXIES; i++)
		if (count[i] < KEYS / 5 || count[i] > KEYS * 3 / 10)
			fail(
			    s, "proxy-%u has %u of %d keys", i, count[i], KEYS);
}

static void
find_owners(uint8_t owners[KEYS], const bool dead[PROXIES])
{
	for (uint32_t k = 0; k < KEYS; k++)
		owners[k] = (uint8_t)expected(digest_of(k), dead);
}

static struct node *
proxy(struct sim *s, unsigned i)
{
	for (size_t k = 0; k < s->n; k++)
		if (s->nodes[k].row->role == MU_ROLE_PROXY && i-- == 0)
			return &s->nodes[k];
	abort();
}

/* Other nodes come and go meanwhile. */
static void
churn(struct sim *s, uint64_t ns)
{
	uint64_t until = s->now + ns;

	while (s->now < until && !s->failed) {
		struct node *n = sim_any_node(s);

		if (n->row->role == MU_ROLE_WORKER && n->e != NULL) {
			node_kill(n, mu_rng_below(&s->rng, 4) == 0);
			sim_run(s, mu_rng_below(&s->rng, SECOND));
			node_start(n);
		}
		sim_run(s, mu_rng_below(&s->rng, SECOND));
	}
	/* What was started last is connected by then. */
	sim_run(s, 5 * SECOND);
}

void
pools_run(struct sim *s)
{
	static uint8_t owners[KEYS], without[KEYS];
	static const bool none[PROXIES];
	uint64_t notice = (uint64_t)s->layout->limits.ping_ns +
			  (uint64_t)s->layout->limits.dead_ns + 3 * SECOND;

	sim_form(s);
	find_owners(owners, none);
	shares(s, owners);
	check_all(s, owners, none);
	for (int round = 0; round < ROUNDS && !s->failed; round++) {
		bool dead[PROXIES] = { false };
		unsigned n = 1 + (unsigned)mu_rng_below(&s->rng, 3);

		while (n-- > 0) {
			unsigned i = (unsigned)mu_rng_below(&s->rng, PROXIES);

			if (!dead[i])
				node_kill(
				    proxy(s, i), mu_rng_below(&s->rng, 3) == 0);
			dead[i] = true;
		}
		churn(s, notice);
		find_owners(without, dead);
		for (size_t k = 0; k < KEYS; k++)
			if (without[k] != owners[k] && !dead[owners[k] - 1])
				fail(s, "key %zu moved without need", k);
		check_all(s, without, dead);
		for (unsigned i = 0; i < PROXIES; i++)
			if (dead[i])
				node_start(proxy(s, i));
		sim_settle(s);
		check_all(s, owners, none);
	}
}
