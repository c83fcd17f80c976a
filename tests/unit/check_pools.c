/* All pools: who belongs to which, as Zeek assigns it; and taking over. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/rng.h"
#include "muster/err.h"
#include "nomem.h"
#include "pool/pools.h"
#include "unit.h"

enum type { LOGGER, PROXY, WORKER };

static const struct mu_pool_node nodes[] = {
	{ "logger-1", LOGGER },
	{ "manager", LOGGER }, /* a manager that takes logs comes last */
	{ "proxy-1", PROXY },
	{ "proxy-2", PROXY },
	{ "proxy-3", PROXY },
	{ "worker-1", WORKER },
	{ "worker-2", WORKER },
};
#define NNODES (sizeof nodes / sizeof nodes[0])

static struct mu_pool_spec
spec(const char *name, int type, size_t max_nodes, bool exclusive)
{
	static char topics[16][64];
	static size_t next;
	char *topic = topics[next++ % 16];

	snprintf(topic, 64, "zeek/cluster/pool/%s", name);
	return (struct mu_pool_spec){ .name = name,
		.topic = topic,
		.type = type,
		.max_nodes = max_nodes,
		.exclusive = exclusive,
		.replicas = 1 };
}

/* "proxy-1 proxy-2" */
static const char *
members(const struct mu_pools *p, const char *name)
{
	static char text[512];
	const struct mu_pool *pool = mu_pools_find(p, name);

	ck_assert_ptr_nonnull(pool);
	text[0] = '\0';
	for (size_t i = 0; i < mu_pool_size(pool); i++) {
		if (i > 0)
			strcat(text, " ");
		strcat(text, mu_pool_at(pool, i)->name);
	}
	return text;
}

static struct mu_pools *
pools_of(const struct mu_pool_spec *specs, size_t n, size_t nnodes)
{
	struct mu_pools *p = mu_pools_new(specs, n, nodes, nnodes, NULL);

	ck_assert_ptr_nonnull(p);
	return p;
}

START_TEST(the_standard_pools_have_everybody)
{
	struct mu_pool_spec s[] = { spec("worker", WORKER, 0, false),
		spec("proxy", PROXY, 0, false),
		spec("logger", LOGGER, 0, false) };
	struct mu_pools *p = pools_of(s, 3, NNODES);

	ck_assert_uint_eq(mu_pools_count(p), 3);
	ck_assert_str_eq(mu_pool_name(mu_pools_at(p, 0)), "logger");
	ck_assert_str_eq(mu_pool_name(mu_pools_at(p, 1)), "proxy");
	ck_assert_str_eq(mu_pool_name(mu_pools_at(p, 2)), "worker");
	ck_assert_ptr_null(mu_pools_at(p, 3));
	ck_assert_str_eq(members(p, "logger"), "logger-1 manager");
	ck_assert_str_eq(members(p, "proxy"), "proxy-1 proxy-2 proxy-3");
	ck_assert_str_eq(members(p, "worker"), "worker-1 worker-2");
	ck_assert_ptr_null(mu_pools_find(p, "intel"));
	mu_pools_free(p);
}
END_TEST

/* Zeek's baseline custom_pool_exclusivity: two proxies, proxy_pool exclusive
 * with one node. */
START_TEST(exclusive_pools_take_first_as_in_zeeks_baseline)
{
	struct mu_pool_spec s[] = { spec("my_pool", PROXY, 0, false),
		spec("proxy", PROXY, 1, true) };
	struct mu_pools *p = pools_of(s, 2, 4);

	ck_assert_str_eq(members(p, "proxy"), "proxy-1");
	ck_assert_str_eq(members(p, "my_pool"), "proxy-2");
	mu_pools_free(p);
}
END_TEST

/* Zeek's baseline custom_pool_limits: the same, limited only. */
START_TEST(limited_pools_share_as_in_zeeks_baseline)
{
	struct mu_pool_spec s[] = { spec("my_pool", PROXY, 0, false),
		spec("proxy", PROXY, 1, false) };
	struct mu_pools *p = pools_of(s, 2, 4);

	ck_assert_str_eq(members(p, "my_pool"), "proxy-1 proxy-2");
	ck_assert_str_eq(members(p, "proxy"), "proxy-1");
	mu_pools_free(p);
}
END_TEST

START_TEST(limited_pools_spread_over_different_nodes)
{
	struct mu_pool_spec s[] = { spec("d", PROXY, 9, false),
		spec("a", PROXY, 1, false), spec("b", PROXY, 2, false),
		spec("c", PROXY, 2, false), spec("w", WORKER, 1, false) };
	struct mu_pools *p = pools_of(s, 5, NNODES);

	ck_assert_str_eq(members(p, "a"), "proxy-1");
	ck_assert_str_eq(members(p, "b"), "proxy-2 proxy-3");
	ck_assert_str_eq(members(p, "c"), "proxy-1 proxy-2");
	ck_assert_str_eq(members(p, "d"), "proxy-3 proxy-1 proxy-2");
	ck_assert_str_eq(members(p, "w"), "worker-1");
	mu_pools_free(p);
}
END_TEST

START_TEST(exclusive_pools_in_order_of_topics_and_nobody_may_be_left)
{
	struct mu_pool_spec s[] = { spec("z", PROXY, 2, true),
		spec("a", PROXY, 1, true), spec("proxy", PROXY, 0, false),
		spec("more", PROXY, 5, true) };
	struct mu_pools *p = pools_of(s, 3, NNODES);

	ck_assert_str_eq(members(p, "a"), "proxy-1");
	ck_assert_str_eq(members(p, "z"), "proxy-2 proxy-3");
	ck_assert_str_eq(members(p, "proxy"), "");
	mu_pools_free(p);
	/* What the layout refuses does no harm here. */
	p = pools_of(s, 4, NNODES);
	ck_assert_str_eq(members(p, "a"), "proxy-1");
	ck_assert_str_eq(members(p, "more"), "proxy-2 proxy-3");
	ck_assert_str_eq(members(p, "z"), "");
	mu_pools_free(p);
	p = mu_pools_new(s, 4, NULL, 0, NULL);
	ck_assert_str_eq(members(p, "proxy"), "");
	mu_pools_free(p);
}
END_TEST

START_TEST(a_node_comes_and_goes_in_all_its_pools)
{
	struct mu_pool_spec s[] = { spec("a", PROXY, 1, false),
		spec("proxy", PROXY, 0, false) };
	struct mu_pools *p = pools_of(s, 2, NNODES);

	ck_assert(mu_pools_set_up(p, "proxy-1", true));
	ck_assert(!mu_pools_set_up(p, "proxy-1", true));
	ck_assert(!mu_pools_set_up(p, "worker-1", true));
	ck_assert_uint_eq(mu_pool_alive(mu_pools_find(p, "a")), 1);
	ck_assert_uint_eq(mu_pool_alive(mu_pools_find(p, "proxy")), 1);
	ck_assert(mu_pools_set_up(p, "proxy-1", false));
	ck_assert_uint_eq(mu_pool_alive(mu_pools_find(p, "a")), 0);
	ck_assert_uint_eq(mu_pool_alive(mu_pools_find(p, "proxy")), 0);
	mu_pools_free(p);
}
END_TEST

START_TEST(the_new_take_over_from_the_old)
{
	struct mu_pool_spec s[] = { spec("proxy", PROXY, 2, false),
		spec("proxy", PROXY, 3, false) };
	struct mu_pools *old = pools_of(s, 1, NNODES);
	struct mu_pools *new = pools_of(s + 1, 1, NNODES);
	struct mu_pool *pool = mu_pools_find(old, "proxy");
	const struct mu_pool_member *m;

	mu_pools_set_up(old, "proxy-1", true);
	mu_pools_set_up(old, "proxy-2", true);
	ck_assert_int_eq(mu_pool_turn(pool, "", 0, &m), 0);
	ck_assert_str_eq(m->name, "proxy-1");
	mu_pools_inherit(new, old);
	mu_pools_free(old);
	pool = mu_pools_find(new, "proxy");
	ck_assert_uint_eq(mu_pool_alive(pool), 2);
	ck_assert_uint_eq(mu_pool_find(pool, "proxy-1")->nturns, 1);
	mu_pools_set_up(new, "proxy-3", true);
	ck_assert_int_eq(mu_pool_turn(pool, "", 0, &m), 0);
	ck_assert_str_eq(m->name, "proxy-2");
	ck_assert_int_eq(mu_pool_turn(pool, "", 0, &m), 0);
	ck_assert_str_eq(m->name, "proxy-3");
	/* and back to a smaller one, the position being beyond its end */
	old = pools_of(s, 1, NNODES);
	ck_assert_int_eq(mu_pool_turn(pool, "", 0, &m), 0);
	ck_assert_int_eq(mu_pool_turn(pool, "", 0, &m), 0);
	mu_pools_inherit(old, new);
	mu_pools_free(new);
	ck_assert_int_eq(
	    mu_pool_turn(mu_pools_find(old, "proxy"), "", 0, &m), 0);
	ck_assert_str_eq(m->name, "proxy-1");
	mu_pools_free(old);
}
END_TEST

/* Whatever the pools: exclusive members are nobody else's, limits hold, no
 * pool has a node twice, an unlimited pool has all that is left, and the
 * order of the specs does not matter. */
START_TEST(any_assignment_keeps_the_rules)
{
	static char names[8][32];
	struct mu_pool_spec s[8], shuffled[8];
	struct mu_pools *p, *q;
	struct mu_rng rng;
	size_t n, taken = 0;

	mu_rng_init(&rng, (uint64_t)_i);
	n = 1 + (size_t)mu_rng_below(&rng, 8);
	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof names[i], "p%u%zu",
		    (unsigned)mu_rng_below(&rng, 10), i);
		s[i] = spec(names[i], PROXY, (size_t)mu_rng_below(&rng, 4),
		    mu_rng_below(&rng, 3) == 0);
		if (s[i].max_nodes == 0 || taken + s[i].max_nodes > 3)
			s[i].exclusive = false;
		taken += s[i].exclusive ? s[i].max_nodes : 0;
		shuffled[n - 1 - i] = s[i];
	}
	p = pools_of(s, n, NNODES);
	q = pools_of(shuffled, n, NNODES);
	for (size_t i = 0; i < n; i++) {
		const struct mu_pool *pool = mu_pools_find(p, s[i].name);
		size_t size = mu_pool_size(pool), left = 3 - taken;
		char text[512];

		strcpy(text, members(p, s[i].name));
		ck_assert_str_eq(text, members(q, s[i].name));
		if (s[i].exclusive)
			ck_assert_uint_eq(size, s[i].max_nodes);
		else if (s[i].max_nodes == 0 || s[i].max_nodes > left)
			ck_assert_uint_eq(size, left);
		else
			ck_assert_uint_eq(size, s[i].max_nodes);
		for (size_t k = 0; k < size; k++) {
			const char *name = mu_pool_at(pool, k)->name;

			ck_assert_ptr_eq(
			    mu_pool_find(pool, name), mu_pool_at(pool, k));
			for (size_t o = 0; s[i].exclusive && o < n; o++)
				ck_assert(
				    o == i ||
				    mu_pool_find(mu_pools_find(p, s[o].name),
					name) == NULL);
		}
	}
	mu_pools_free(p);
	mu_pools_free(q);
}
END_TEST

static bool
make(void *ctx)
{
	struct mu_pool_spec s[] = { spec("a", PROXY, 1, true),
		spec("proxy", PROXY, 0, false),
		spec("worker", WORKER, 0, false) };
	struct mu_pools *p = mu_pools_new(s, 3, nodes, NNODES, "worker-1");

	(void)ctx;
	mu_pools_free(p);
	return p != NULL;
}

START_TEST(without_memory_there_are_no_pools_and_no_leak)
{
	ck_assert_uint_gt(nomem_each(make, NULL), 30);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("pools");
	TCase *t = tcase_create("pools");

	tcase_add_test(t, the_standard_pools_have_everybody);
	tcase_add_test(t, exclusive_pools_take_first_as_in_zeeks_baseline);
	tcase_add_test(t, limited_pools_share_as_in_zeeks_baseline);
	tcase_add_test(t, limited_pools_spread_over_different_nodes);
	tcase_add_test(
	    t, exclusive_pools_in_order_of_topics_and_nobody_may_be_left);
	tcase_add_test(t, a_node_comes_and_goes_in_all_its_pools);
	tcase_add_test(t, the_new_take_over_from_the_old);
	tcase_add_loop_test(t, any_assignment_keeps_the_rules, 0, 200);
	tcase_add_test(t, without_memory_there_are_no_pools_and_no_leak);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
