/* One pool: who gets a key, whose turn it is, and what moves when. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/rng.h"
#include "muster/err.h"
#include "muster/value.h"
#include "nomem.h"
#include "pool/hrw.h"
#include "pool/pool.h"
#include "pool/rotation.h"
#include "unit.h"
#include "value/key.h"

#define KEYS 10000

static struct mu_pool_spec plain = {
	.name = "proxy",
	.topic = "zeek/cluster/pool/proxy",
	.replicas = 1,
};

/* proxy-1 to proxy-n. */
static const char *const *
proxies(size_t n)
{
	static char text[512][16];
	static const char *names[512];

	ck_assert_uint_le(n, 512);
	for (size_t i = 0; i < n; i++) {
		snprintf(text[i], sizeof text[i], "proxy-%zu", i + 1);
		names[i] = text[i];
	}
	return names;
}

static struct mu_pool *
pool_with(const struct mu_pool_spec *spec, size_t n, const char *self)
{
	struct mu_pool *p = mu_pool_new(spec, proxies(n), n, self);

	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < n; i++)
		mu_pool_set_up(p, proxies(n)[i], true);
	return p;
}

static uint32_t
digest_of_count(uint64_t v)
{
	struct muster_value *value = muster_value_count(v);
	const char *why;
	struct mu_buf b;
	uint32_t digest;

	mu_buf_init(&b, 0);
	ck_assert_int_eq(mu_key_enc(&b, value, NULL, &why), 0);
	digest = mu_hrw_digest(mu_buf_data(&b), mu_buf_len(&b));
	mu_buf_clear(&b);
	muster_value_unref(value);
	return digest;
}

/* The node that a count belongs to, "" if nobody. */
static const char *
owner(struct mu_pool *p, uint64_t key)
{
	const struct mu_pool_member *m;

	return mu_pool_choose(p, digest_of_count(key), &m, 1) == 1 ? m->name
								   : "";
}

static const char *
turn(struct mu_pool *p, const char *key)
{
	const struct mu_pool_member *m;
	int rc = mu_pool_turn(p, key, strlen(key), &m);

	if (rc == MUSTER_ENOENT)
		return "";
	ck_assert_int_eq(rc, 0);
	return m->name;
}

/* Zeek's own baseline of topic distribution. */
START_TEST(the_keys_of_zeeks_baseline_go_where_zeek_sends_them)
{
	static const struct {
		uint64_t key;
		const char *proxy;
	} rows[] = { { 0, "proxy-2" }, { 1, "proxy-1" }, { 2, "proxy-2" },
		{ 3, "proxy-2" }, { 13, "proxy-1" }, { 37, "proxy-1" },
		{ 42, "proxy-1" }, { 101, "proxy-1" } };
	struct mu_pool *p = pool_with(&plain, 2, NULL);

	for (size_t i = 0; i < 8; i++)
		ck_assert_str_eq(owner(p, rows[i].key), rows[i].proxy);
	mu_pool_set_up(p, "proxy-2", false);
	for (size_t i = 0; i < 8; i++)
		ck_assert_str_eq(owner(p, rows[i].key), "proxy-1");
	mu_pool_set_up(p, "proxy-1", false);
	for (size_t i = 0; i < 8; i++)
		ck_assert_str_eq(owner(p, rows[i].key), "");
	mu_pool_set_up(p, "proxy-2", true);
	for (size_t i = 0; i < 8; i++)
		ck_assert_str_eq(owner(p, rows[i].key), "proxy-2");
	mu_pool_set_up(p, "proxy-1", true);
	for (size_t i = 0; i < 8; i++)
		ck_assert_str_eq(owner(p, rows[i].key), rows[i].proxy);
	mu_pool_free(p);
}
END_TEST

/* The owner of every key, as an index. */
static void
all_owners(struct mu_pool *p, uint16_t owners[KEYS])
{
	const struct mu_pool_member *m;

	for (uint32_t k = 0; k < KEYS; k++)
		owners[k] = mu_pool_choose(p, digest_of_count(k), &m, 1) == 1
				? (uint16_t)atoi(strchr(m->name, '-') + 1)
				: 0;
}

START_TEST(ten_thousand_keys_spread_and_only_those_of_the_dead_move)
{
	static uint16_t before[KEYS], without[KEYS], after[KEYS];
	struct mu_pool *p = pool_with(&plain, 4, NULL);
	unsigned count[5] = { 0 };

	all_owners(p, before);
	for (size_t k = 0; k < KEYS; k++)
		count[before[k]]++;
	for (size_t i = 1; i <= 4; i++) {
		ck_assert_uint_ge(count[i], KEYS / 5);
		ck_assert_uint_le(count[i], KEYS * 3 / 10);
	}
	for (uint16_t dead = 1; dead <= 4; dead++) {
		const char *name = proxies(4)[dead - 1];

		ck_assert(mu_pool_set_up(p, name, false));
		all_owners(p, without);
		ck_assert(mu_pool_set_up(p, name, true));
		all_owners(p, after);
		for (size_t k = 0; k < KEYS; k++) {
			ck_assert_uint_ne(without[k], dead);
			ck_assert(before[k] == dead || without[k] == before[k]);
			ck_assert_uint_eq(after[k], before[k]);
		}
	}
	mu_pool_free(p);
}
END_TEST

START_TEST(a_larger_pool_takes_keys_and_moves_no_other)
{
	static uint16_t small[KEYS], large[KEYS];
	struct mu_pool *a = pool_with(&plain, 4, NULL);
	struct mu_pool *b = pool_with(&plain, 5, NULL);
	unsigned moved = 0;

	all_owners(a, small);
	all_owners(b, large);
	for (size_t k = 0; k < KEYS; k++) {
		ck_assert(large[k] == small[k] || large[k] == 5);
		moved += large[k] == 5;
	}
	ck_assert_uint_ge(moved, KEYS * 15 / 100);
	ck_assert_uint_le(moved, KEYS * 25 / 100);
	mu_pool_free(a);
	mu_pool_free(b);
}
END_TEST

START_TEST(replicas_are_the_best_and_succeed_each_other)
{
	struct mu_pool *p = pool_with(&plain, 7, NULL);
	const struct mu_pool_member *m[3], *next[3];

	for (uint32_t k = 0; k < 500; k++) {
		uint32_t d = digest_of_count(k);

		ck_assert_uint_eq(mu_pool_where(p, d, NULL, m, 3), 3);
		ck_assert_ptr_ne(m[0], m[1]);
		ck_assert_ptr_ne(m[1], m[2]);
		ck_assert_ptr_ne(m[0], m[2]);
		ck_assert_str_eq(owner(p, k), m[0]->name);
		mu_pool_set_up(p, m[0]->name, false);
		ck_assert_uint_eq(mu_pool_where(p, d, NULL, next, 3), 3);
		ck_assert_ptr_eq(next[0], m[1]);
		ck_assert_ptr_eq(next[1], m[2]);
		mu_pool_set_up(p, m[0]->name, true);
	}
	for (int i = 3; i <= 7; i++)
		mu_pool_set_up(p, proxies(7)[i - 1], false);
	ck_assert_uint_eq(mu_pool_where(p, 1, NULL, m, 3), 2);
	ck_assert_uint_eq(mu_pool_where(p, 1, NULL, m, 0), 0);
	mu_pool_free(p);
}
END_TEST

START_TEST(weights_give_shares_and_move_only_what_they_must)
{
	static const struct mu_pool_weight two[] = { { "proxy-1", 2 } };
	static const struct mu_pool_weight three[] = { { "proxy-1", 3 } };
	struct mu_pool_spec spec2 = plain, spec3 = plain;
	struct mu_pool *p1 = pool_with(&plain, 4, NULL), *p2, *p3;
	static uint16_t o1[KEYS], o2[KEYS], o3[KEYS];
	unsigned n = 0;

	spec2.weights = two;
	spec3.weights = three;
	spec2.nweights = spec3.nweights = 1;
	p2 = pool_with(&spec2, 4, NULL);
	p3 = pool_with(&spec3, 4, NULL);
	all_owners(p1, o1);
	all_owners(p2, o2);
	all_owners(p3, o3);
	for (size_t k = 0; k < KEYS; k++) {
		ck_assert(o2[k] == o1[k] || o2[k] == 1);
		ck_assert(o3[k] == o2[k] || o3[k] == 1);
		n += o2[k] == 1;
	}
	/* 2 of 5 */
	ck_assert_uint_ge(n, KEYS * 35 / 100);
	ck_assert_uint_le(n, KEYS * 45 / 100);
	/* Everybody's first site is Zeek's. */
	for (size_t i = 0; i < 4; i++)
		ck_assert_uint_eq(
		    mu_pool_at(p3, i)->sites[0], mu_pool_at(p1, i)->sites[0]);
	mu_pool_free(p1);
	mu_pool_free(p2);
	mu_pool_free(p3);
}
END_TEST

START_TEST(a_heavy_node_has_more_turns_and_not_in_a_row)
{
	static const struct mu_pool_weight weights[] = { { "proxy-2", 3 } };
	struct mu_pool_spec spec = plain;
	static const char *const want[] = { "proxy-1", "proxy-2", "proxy-3",
		"proxy-2", "proxy-2" };
	struct mu_pool *p;

	spec.weights = weights;
	spec.nweights = 1;
	p = pool_with(&spec, 3, NULL);
	for (size_t i = 0; i < 15; i++)
		ck_assert_str_eq(turn(p, ""), want[i % 5]);
	mu_pool_free(p);
}
END_TEST

START_TEST(shares_add_up_and_follow_the_weights)
{
	static const struct mu_pool_weight weights[] = { { "proxy-2", 2 } };
	struct mu_pool_spec spec = plain;
	uint32_t share[4];
	struct mu_pool *p;

	spec.weights = weights;
	spec.nweights = 1;
	p = pool_with(&spec, 4, NULL);
	mu_pool_set_up(p, "proxy-4", false);
	mu_pool_shares(p, share);
	ck_assert_uint_eq(share[3], 0);
	ck_assert_uint_le(share[0] + share[1] + share[2], 1000000);
	ck_assert_uint_ge(share[0] + share[1] + share[2], 1000000 - 4);
	ck_assert_uint_ge(share[1], 450000);
	ck_assert_uint_le(share[1], 550000);
	for (int i = 1; i <= 3; i++)
		mu_pool_set_up(p, proxies(4)[i - 1], false);
	mu_pool_shares(p, share);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(share[i], 0);
	mu_pool_free(p);
}
END_TEST

START_TEST(round_robin_passes_over_the_dead)
{
	struct mu_pool *p = pool_with(&plain, 3, NULL);

	mu_pool_set_up(p, "proxy-2", false);
	ck_assert_str_eq(turn(p, ""), "proxy-1");
	ck_assert_str_eq(turn(p, ""), "proxy-3");
	ck_assert_str_eq(turn(p, ""), "proxy-1");
	mu_pool_set_up(p, "proxy-2", true);
	ck_assert_str_eq(turn(p, ""), "proxy-2");
	/* another key begins for itself */
	ck_assert_str_eq(turn(p, "other"), "proxy-1");
	ck_assert_str_eq(turn(p, ""), "proxy-3");
	ck_assert_str_eq(turn(p, "other"), "proxy-2");
	mu_pool_free(p);
}
END_TEST

START_TEST(a_round_without_anybody_leaves_the_turn_where_it_was)
{
	struct mu_pool *p = pool_with(&plain, 3, NULL);
	struct mu_pool *empty = mu_pool_new(&plain, NULL, 0, NULL);

	ck_assert_str_eq(turn(p, ""), "proxy-1");
	for (int i = 0; i < 3; i++)
		mu_pool_set_up(p, proxies(3)[i], false);
	ck_assert_str_eq(turn(p, ""), "");
	for (int i = 0; i < 3; i++)
		mu_pool_set_up(p, proxies(3)[i], true);
	ck_assert_str_eq(turn(p, ""), "proxy-2");
	ck_assert_str_eq(turn(empty, ""), "");
	mu_pool_free(p);
	mu_pool_free(empty);
}
END_TEST

START_TEST(oneself_has_turns_but_no_keys)
{
	struct mu_pool *p = mu_pool_new(&plain, proxies(2), 2, "proxy-1");
	const struct mu_pool_view all = { .everybody = true };
	const struct mu_pool_member *m[2];

	ck_assert_uint_eq(mu_pool_alive(p), 1);
	ck_assert_str_eq(turn(p, ""), "proxy-1");
	ck_assert_str_eq(turn(p, ""), "proxy-1");
	ck_assert_str_eq(owner(p, 1), "");
	/* Nobody tells us that we are up or down. */
	ck_assert(!mu_pool_set_up(p, "proxy-1", true));
	ck_assert_str_eq(owner(p, 1), "");
	ck_assert(!mu_pool_set_up(p, "proxy-1", false));
	ck_assert_str_eq(turn(p, ""), "proxy-1");
	ck_assert_uint_eq(mu_pool_where(p, digest_of_count(1), &all, m, 1), 1);
	ck_assert_str_eq(m[0]->name, "proxy-1");
	ck_assert(!mu_pool_set_up(p, "nobody", true));
	mu_pool_free(p);
}
END_TEST

START_TEST(asking_counts_nothing_and_can_leave_nodes_out)
{
	struct mu_pool *p = pool_with(&plain, 2, NULL);
	static const char *const without[] = { "proxy-2" };
	struct mu_pool_view view = { .without = without, .nwithout = 1 };
	const struct mu_pool_member *m[2];
	uint32_t d = digest_of_count(0);

	ck_assert_uint_eq(mu_pool_where(p, d, NULL, m, 1), 1);
	ck_assert_str_eq(m[0]->name, "proxy-2");
	ck_assert_uint_eq(mu_pool_where(p, d, &view, m, 2), 1);
	ck_assert_str_eq(m[0]->name, "proxy-1");
	mu_pool_set_up(p, "proxy-1", false);
	ck_assert_uint_eq(mu_pool_where(p, d, &view, m, 2), 0);
	view.everybody = true;
	ck_assert_uint_eq(mu_pool_where(p, d, &view, m, 2), 1);
	ck_assert_str_eq(m[0]->name, "proxy-1");
	ck_assert_uint_eq(mu_pool_find(p, "proxy-2")->nkeys, 0);
	ck_assert_str_eq(owner(p, 0), "proxy-2");
	ck_assert_uint_eq(mu_pool_find(p, "proxy-2")->nkeys, 1);
	mu_pool_free(p);
}
END_TEST

/* Two names (found by search) whose first sites would have the same id. */
START_TEST(a_site_that_is_taken_gets_the_next_name)
{
	static const char *const names[2] = { "q4usx9ez", "a554mfcj" };
	struct mu_pool *p = mu_pool_new(&plain, names, 2, NULL);

	ck_assert_uint_eq(
	    mu_hrw_digest("q4usx9ez.0", 10), mu_hrw_digest("a554mfcj.0", 10));
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(mu_pool_at(p, 0)->sites[0], 3713210898u);
	ck_assert_uint_eq(mu_pool_at(p, 0)->alias, 0);
	ck_assert_uint_eq(
	    mu_pool_at(p, 1)->sites[0], mu_hrw_digest("a554mfcj.1", 10));
	ck_assert_uint_eq(mu_pool_at(p, 1)->alias, 1);
	mu_pool_free(p);
}
END_TEST

/* A model of round robin and of rendezvous, under churn: every pool that is
 * told the same agrees, and each choice is the model's. */
START_TEST(any_history_gives_what_the_model_gives)
{
	struct mu_rng rng;
	size_t n, at = 0;
	struct mu_pool *p, *q;
	bool up[40] = { false };

	mu_rng_init(&rng, (uint64_t)_i + 1);
	n = 1 + (size_t)mu_rng_below(&rng, 40);
	p = mu_pool_new(&plain, proxies(n), n, NULL);
	q = mu_pool_new(&plain, proxies(n), n, NULL);
	for (int step = 0; step < 3000; step++) {
		size_t i = (size_t)mu_rng_below(&rng, n), tried = 0;
		uint32_t d = (uint32_t)mu_rng_u64(&rng), best = 0, weight = 0;
		const struct mu_pool_member *m = NULL, *o = NULL;
		const char *want = NULL;

		if (mu_rng_below(&rng, 3) == 0) {
			up[i] = !up[i];
			ck_assert(mu_pool_set_up(p, proxies(n)[i], up[i]));
			ck_assert(mu_pool_set_up(q, proxies(n)[i], up[i]));
		}
		while (tried++ < n && want == NULL) {
			want = up[at] ? proxies(n)[at] : NULL;
			at = (at + 1) % n;
		}
		ck_assert_str_eq(turn(p, "x"), want == NULL ? "" : want);
		want = NULL;
		for (i = 0; i < n; i++) {
			uint32_t s = mu_pool_at(p, i)->sites[0];
			uint32_t w = mu_hrw_weight(s, d);

			if (up[i] && (want == NULL || w > weight ||
					 (w == weight && s > best))) {
				want = proxies(n)[i];
				weight = w;
				best = s;
			}
		}
		ck_assert_uint_eq(
		    mu_pool_choose(p, d, &m, 1), want == NULL ? 0 : 1);
		ck_assert_uint_eq(
		    mu_pool_where(q, d, NULL, &o, 1), want == NULL ? 0 : 1);
		if (want != NULL) {
			ck_assert_str_eq(m->name, want);
			ck_assert_str_eq(o->name, want);
		}
	}
	mu_pool_free(p);
	mu_pool_free(q);
}
END_TEST

START_TEST(rotations_are_limited_and_the_oldest_goes)
{
	struct mu_rotation *r = mu_rotation_new();
	static const char long_key[MU_ROTATION_KEY_MAX + 1];
	size_t *at;

	for (uint32_t i = 0; i < MU_ROTATION_KEYS; i++) {
		ck_assert_int_eq(mu_rotation_at(r, &i, sizeof i, &at), 0);
		ck_assert_uint_eq(*at, 0);
		*at = i + 1;
	}
	/* 0 is used again, so 1 is the oldest. */
	ck_assert_int_eq(mu_rotation_at(r, &(uint32_t){ 0 }, 4, &at), 0);
	ck_assert_uint_eq(*at, 1);
	ck_assert_int_eq(mu_rotation_at(r, "new", 3, &at), 0);
	ck_assert_uint_eq(mu_rotation_size(r), MU_ROTATION_KEYS);
	ck_assert_int_eq(mu_rotation_at(r, &(uint32_t){ 0 }, 4, &at), 0);
	ck_assert_uint_eq(*at, 1);
	ck_assert_int_eq(mu_rotation_at(r, &(uint32_t){ 2 }, 4, &at), 0);
	ck_assert_uint_eq(*at, 3);
	ck_assert_int_eq(mu_rotation_at(r, &(uint32_t){ 1 }, 4, &at), 0);
	ck_assert_uint_eq(*at, 0);
	ck_assert_int_eq(
	    mu_rotation_at(r, long_key, MU_ROTATION_KEY_MAX, &at), 0);
	ck_assert_int_eq(
	    mu_rotation_at(r, long_key, MU_ROTATION_KEY_MAX + 1, &at),
	    MUSTER_ELIMIT);
	mu_rotation_free(r);
}
END_TEST

/* 30 nodes, one of them heavy. */
static bool
make(void *ctx)
{
	static const struct mu_pool_weight weights[] = { { "proxy-7", 9 } };
	const struct mu_pool_member *m;
	struct mu_pool_spec spec = plain;
	struct mu_pool *p;
	bool good;

	(void)ctx;
	spec.weights = weights;
	spec.nweights = 1;
	p = mu_pool_new(&spec, proxies(30), 30, "proxy-1");
	good = p != NULL && mu_pool_turn(p, "k", 1, &m) == 0;
	mu_pool_free(p);
	return good;
}

START_TEST(without_memory_there_is_no_pool_and_no_leak)
{
	ck_assert_uint_gt(nomem_each(make, NULL), 9);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("pool");
	TCase *t = tcase_create("pool");

	tcase_add_test(t, the_keys_of_zeeks_baseline_go_where_zeek_sends_them);
	tcase_add_test(
	    t, ten_thousand_keys_spread_and_only_those_of_the_dead_move);
	tcase_add_test(t, a_larger_pool_takes_keys_and_moves_no_other);
	tcase_add_test(t, replicas_are_the_best_and_succeed_each_other);
	tcase_add_test(t, weights_give_shares_and_move_only_what_they_must);
	tcase_add_test(t, a_heavy_node_has_more_turns_and_not_in_a_row);
	tcase_add_test(t, shares_add_up_and_follow_the_weights);
	tcase_add_test(t, round_robin_passes_over_the_dead);
	tcase_add_test(t, a_round_without_anybody_leaves_the_turn_where_it_was);
	tcase_add_test(t, oneself_has_turns_but_no_keys);
	tcase_add_test(t, asking_counts_nothing_and_can_leave_nodes_out);
	tcase_add_test(t, a_site_that_is_taken_gets_the_next_name);
	tcase_add_loop_test(t, any_history_gives_what_the_model_gives, 0, 8);
	tcase_add_test(t, rotations_are_limited_and_the_oldest_goes);
	tcase_add_test(t, without_memory_there_is_no_pool_and_no_leak);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
