/*
 * Values: making them, their order, their containers.
 */
#include <check.h>
#include <stdlib.h>

#include "muster/err.h"
#include "nomem.h"
#include "unit.h"
#include "value_gen.h"

#define N(array) (sizeof(array) / sizeof(array)[0])

static const uint8_t v4[16] = { [10] = 0xff, [11] = 0xff, 10, 1, 2, 3 };

/* --- scalars ------------------------------------------------------------- */

START_TEST(type_names_go_both_ways)
{
	for (int t = 0; t < MUSTER_NTYPES; t++)
		ck_assert_int_eq(muster_type_from_name(muster_type_name(t)), t);
	ck_assert_str_eq(muster_type_name(MUSTER_ENUM), "enum-value");
	ck_assert_int_eq(muster_type_from_name("enum"), -1);
	ck_assert_int_eq(muster_type_from_name(""), -1);
	ck_assert_ptr_null(muster_type_name(MUSTER_NTYPES));
	ck_assert_ptr_null(muster_type_name((enum muster_type) - 1));
}
END_TEST

START_TEST(accessors_of_another_type_give_nothing)
{
	struct muster_value *all[] = { muster_value_none(),
		muster_value_boolean(true), muster_value_count(7),
		muster_value_integer(-7), muster_value_real(7.5),
		muster_value_cstring("7"), muster_value_address(v4),
		muster_value_subnet(v4, 104),
		muster_value_port(7, MUSTER_PROTO_UDP),
		muster_value_timestamp(7), muster_value_timespan(-7),
		muster_value_enum("7", 1), muster_value_set(),
		muster_value_table(), muster_value_vector() };

	ck_assert_uint_eq(N(all), MUSTER_NTYPES);
	for (int i = 0; i < MUSTER_NTYPES; i++) {
		const struct muster_value *v = all[i];
		enum muster_proto proto = MUSTER_PROTO_ICMP;
		bool text = i == MUSTER_STRING || i == MUSTER_ENUM;
		bool addr = i == MUSTER_ADDRESS || i == MUSTER_SUBNET;
		size_t len = 9;

		ck_assert_int_eq(muster_value_type(v), i);
		ck_assert(muster_value_get_boolean(v) == (i == MUSTER_BOOLEAN));
		ck_assert_uint_eq(
		    muster_value_get_count(v), i == MUSTER_COUNT ? 7 : 0);
		ck_assert_int_eq(
		    muster_value_get_integer(v), i == MUSTER_INTEGER ? -7 : 0);
		ck_assert(
		    muster_value_get_real(v) == (i == MUSTER_REAL ? 7.5 : 0));
		ck_assert((muster_value_get_string(v, &len) != NULL) == text);
		ck_assert_uint_eq(len, text ? 1 : 0);
		ck_assert((muster_value_get_address(v) != NULL) == addr);
		ck_assert_uint_eq(
		    muster_value_get_width(v), i == MUSTER_SUBNET ? 104 : 0);
		ck_assert_uint_eq(
		    muster_value_get_port(v, &proto), i == MUSTER_PORT ? 7 : 0);
		ck_assert_int_eq(proto,
		    i == MUSTER_PORT ? MUSTER_PROTO_UDP : MUSTER_PROTO_UNKNOWN);
		ck_assert_int_eq(
		    muster_value_get_ns(v), i == MUSTER_TIMESTAMP  ? 7
					    : i == MUSTER_TIMESPAN ? -7
								   : 0);
		ck_assert_uint_eq(muster_value_size(v), 0);
		ck_assert_ptr_null(muster_value_at(v, 0));
		ck_assert_ptr_null(muster_value_at_value(v, 0));
		ck_assert_ptr_null(muster_value_lookup(v, v));
		ck_assert(!muster_value_contains(v, v));
	}
	for (int i = 0; i < MUSTER_NTYPES; i++)
		muster_value_unref(all[i]);
}
END_TEST

START_TEST(strings_hold_any_bytes)
{
	struct muster_value *v = muster_value_string("a\0b", 3);
	size_t len;
	const char *s = muster_value_get_string(v, &len);

	ck_assert_uint_eq(len, 3);
	ck_assert_mem_eq(s, "a\0b", 4);
	muster_value_unref(v);
	v = muster_value_string(NULL, 0);
	ck_assert_str_eq(muster_value_get_string(v, NULL), "");
	muster_value_unref(v);
}
END_TEST

START_TEST(subnet_loses_its_host_bits)
{
	static const uint8_t zeros[16];
	struct muster_value *v = muster_value_subnet(v4, 96 + 8);

	ck_assert_uint_eq(muster_value_get_width(v), 104);
	ck_assert_mem_eq(muster_value_get_address(v) + 12, "\x0a\0\0", 4);
	muster_value_unref(v);
	v = muster_value_subnet(v4, 96 + 15);
	ck_assert_mem_eq(muster_value_get_address(v) + 12, "\x0a\0\0", 4);
	muster_value_unref(v);
	v = muster_value_subnet(v4, 128);
	ck_assert_mem_eq(muster_value_get_address(v), v4, 16);
	muster_value_unref(v);
	v = muster_value_subnet(v4, 129);
	ck_assert_uint_eq(muster_value_get_width(v), 0);
	ck_assert_mem_eq(muster_value_get_address(v), zeros, 16);
	muster_value_unref(v);
}
END_TEST

START_TEST(denormals_are_zero)
{
	struct muster_value *a = muster_value_real(5e-324);
	struct muster_value *b = muster_value_real(-1e-310);
	struct muster_value *zero = muster_value_real(0);

	ck_assert(muster_value_get_real(a) == 0);
	ck_assert(signbit(muster_value_get_real(b)));
	ck_assert_int_eq(muster_value_cmp(a, zero), 0);
	ck_assert_int_eq(muster_value_cmp(b, zero), 0);
	muster_value_unref(a);
	muster_value_unref(b);
	muster_value_unref(zero);
}
END_TEST

START_TEST(references_keep_a_value)
{
	struct muster_value *v = muster_value_count(5);
	struct muster_value *w = muster_value_ref(v);

	ck_assert_ptr_eq(v, w);
	muster_value_unref(v);
	ck_assert_uint_eq(muster_value_get_count(w), 5);
	muster_value_unref(w);
	ck_assert_ptr_null(muster_value_ref(NULL));
	muster_value_unref(NULL);
	/* The shared ones never go away. */
	for (int i = 0; i < 5; i++) {
		muster_value_unref(muster_value_none());
		muster_value_unref(muster_value_boolean(true));
	}
	ck_assert(muster_value_get_boolean(muster_value_boolean(true)));
}
END_TEST

/* --- order --------------------------------------------------------------- */

static int
sign(int n)
{
	return (n > 0) - (n < 0);
}

START_TEST(order_is_total)
{
	enum { POOL = 250 };
	static struct muster_value *pool[POOL];
	struct value_gen g = { .plain = false };

	mu_rng_init(&g.rng, 11);
	for (int i = 0; i < POOL; i++)
		pool[i] = value_gen(&g, i % 4);
	for (int i = 0; i < POOL; i++)
		for (int k = 0; k < POOL; k++)
			ck_assert_int_eq(
			    sign(muster_value_cmp(pool[i], pool[k])),
			    -sign(muster_value_cmp(pool[k], pool[i])));
	for (int i = 0; i < 200000; i++) {
		const struct muster_value *a = pool[mu_rng_below(&g.rng, POOL)];
		const struct muster_value *b = pool[mu_rng_below(&g.rng, POOL)];
		const struct muster_value *c = pool[mu_rng_below(&g.rng, POOL)];
		int ab = sign(muster_value_cmp(a, b));
		int bc = sign(muster_value_cmp(b, c));
		int ac = sign(muster_value_cmp(a, c));

		if (ab <= 0 && bc <= 0) {
			ck_assert_int_le(ac, 0);
			ck_assert(ac != 0 || (ab == 0 && bc == 0));
		}
	}
	for (int i = 0; i < POOL; i++)
		muster_value_unref(pool[i]);
}
END_TEST

/* Each row is smaller than the next. */
static const char *const ascending[] = {
	"none:",
	"boolean:F",
	"boolean:T",
	"count:0",
	"count:18446744073709551615",
	"integer:-5",
	"integer:3",
	"real:-inf",
	"real:-1.5",
	"real:0.0",
	"real:1.5",
	"real:inf",
	"real:nan",
	"string:",
	"string:Z",
	"string:a",
	"string:aa",
	"string:b",
	"string:\xff",
	"address:0.0.0.1",
	"address:255.255.255.255",
	"address:::1:0:0:0",
	"subnet:10.0.0.0/8",
	"subnet:10.0.0.0/9",
	"subnet:11.0.0.0/8",
	"port:1/?",
	"port:1/tcp",
	"port:1/udp",
	"port:2/tcp",
	"timestamp:-1",
	"timestamp:1",
	"timespan:-1s",
	"timespan:1s",
	"enum-value:A",
	"set:[]",
	"set:[{\"@data-type\":\"count\",\"data\":1}]",
	"table:[]",
	"table:[{\"key\":{\"@data-type\":\"count\",\"data\":1},"
	"\"value\":{\"@data-type\":\"count\",\"data\":1}}]",
	"table:[{\"key\":{\"@data-type\":\"count\",\"data\":1},"
	"\"value\":{\"@data-type\":\"count\",\"data\":2}}]",
	"vector:[]",
	"vector:[{\"@data-type\":\"count\",\"data\":1}]",
	"vector:[{\"@data-type\":\"count\",\"data\":1},"
	"{\"@data-type\":\"none\"}]",
	"vector:[{\"@data-type\":\"count\",\"data\":2}]",
};

START_TEST(order_is_brokers)
{
	struct muster_value *v[N(ascending)];

	for (size_t i = 0; i < N(ascending); i++)
		ck_assert_msg(muster_value_from_text(ascending[i], &v[i]) == 0,
		    "%s", ascending[i]);
	for (size_t i = 0; i < N(ascending); i++)
		for (size_t k = 0; k < N(ascending); k++)
			ck_assert_msg(sign(muster_value_cmp(v[i], v[k])) ==
					  (i > k) - (i < k),
			    "%s, %s", ascending[i], ascending[k]);
	for (size_t i = 0; i < N(ascending); i++)
		muster_value_unref(v[i]);
}
END_TEST

/* --- containers ---------------------------------------------------------- */

START_TEST(vector_keeps_its_order)
{
	struct muster_value *v = muster_value_vector();

	for (uint64_t i = 0; i < 1000; i++)
		ck_assert_int_eq(
		    muster_value_append(v, muster_value_count(1000 - i)), 0);
	ck_assert_uint_eq(muster_value_size(v), 1000);
	for (uint64_t i = 0; i < 1000; i++)
		ck_assert_uint_eq(
		    muster_value_get_count(muster_value_at(v, i)), 1000 - i);
	ck_assert_ptr_null(muster_value_at(v, 1000));
	muster_value_unref(v);
}
END_TEST

START_TEST(set_is_sorted_and_without_duplicates)
{
	struct muster_value *set = muster_value_set(), *probe;

	for (uint64_t i = 0; i < 1000; i++)
		ck_assert_int_eq(muster_value_insert(
				     set, muster_value_count(i * 7919 % 1000)),
		    0);
	ck_assert_int_eq(
	    muster_value_insert(set, muster_value_count(500)), MUSTER_EEXIST);
	ck_assert_uint_eq(muster_value_size(set), 1000);
	for (uint64_t i = 0; i < 1000; i++)
		ck_assert_uint_eq(
		    muster_value_get_count(muster_value_at(set, i)), i);
	probe = muster_value_count(999);
	ck_assert(muster_value_contains(set, probe));
	muster_value_unref(probe);
	probe = muster_value_integer(999);
	ck_assert(!muster_value_contains(set, probe));
	muster_value_unref(probe);
	muster_value_unref(set);
}
END_TEST

START_TEST(minus_zero_is_a_duplicate_of_zero)
{
	struct muster_value *set = muster_value_set();

	ck_assert_int_eq(muster_value_insert(set, muster_value_real(0.0)), 0);
	ck_assert_int_eq(
	    muster_value_insert(set, muster_value_real(-0.0)), MUSTER_EEXIST);
	ck_assert_int_eq(
	    muster_value_insert(set, muster_value_real(5e-324)), MUSTER_EEXIST);
	ck_assert_int_eq(muster_value_insert(set, muster_value_real(NAN)), 0);
	ck_assert_int_eq(
	    muster_value_insert(set, muster_value_real(-NAN)), MUSTER_EEXIST);
	muster_value_unref(set);
}
END_TEST

START_TEST(table_replaces_the_value_of_a_key)
{
	struct muster_value *t = muster_value_table(), *key;

	for (uint64_t i = 0; i < 200; i++)
		ck_assert_int_eq(
		    muster_value_put(t, muster_value_count(i * 77 % 100),
			muster_value_count(i)),
		    0);
	ck_assert_uint_eq(muster_value_size(t), 100);
	for (uint64_t i = 0; i < 100; i++) {
		ck_assert_uint_eq(
		    muster_value_get_count(muster_value_at(t, i)), i);
		ck_assert_uint_ge(
		    muster_value_get_count(muster_value_at_value(t, i)), 100);
	}
	ck_assert_ptr_null(muster_value_at(t, 100));
	ck_assert_ptr_null(muster_value_at_value(t, 100));
	key = muster_value_count(77);
	ck_assert_uint_eq(
	    muster_value_get_count(muster_value_lookup(t, key)), 101);
	muster_value_unref(key);
	key = muster_value_cstring("77");
	ck_assert_ptr_null(muster_value_lookup(t, key));
	muster_value_unref(key);
	muster_value_unref(t);
}
END_TEST

START_TEST(builders_want_their_type)
{
	struct muster_value *set = muster_value_set();
	struct muster_value *vector = muster_value_vector();

	ck_assert_int_eq(
	    muster_value_append(set, muster_value_count(1)), MUSTER_ETYPE);
	ck_assert_int_eq(
	    muster_value_insert(vector, muster_value_count(1)), MUSTER_ETYPE);
	ck_assert_int_eq(
	    muster_value_put(set, muster_value_count(1), muster_value_count(1)),
	    MUSTER_ETYPE);
	ck_assert_uint_eq(muster_value_size(set), 0);
	muster_value_unref(set);
	muster_value_unref(vector);
}
END_TEST

START_TEST(what_is_shared_does_not_change)
{
	struct muster_value *v = muster_value_vector();
	struct muster_value *w = muster_value_ref(v);

	ck_assert_int_eq(
	    muster_value_append(v, muster_value_count(1)), MUSTER_EPERM);
	muster_value_unref(w);
	ck_assert_int_eq(muster_value_append(v, muster_value_count(1)), 0);
	muster_value_unref(v);
}
END_TEST

START_TEST(what_is_held_does_not_change)
{
	struct muster_value *set = muster_value_set();
	struct muster_value *inner = muster_value_vector();

	/* Changing it would leave the set out of order. */
	ck_assert_int_eq(muster_value_insert(set, inner), 0);
	ck_assert_int_eq(
	    muster_value_append(inner, muster_value_count(1)), MUSTER_EPERM);
	muster_value_unref(set);
}
END_TEST

START_TEST(nothing_contains_itself)
{
	struct muster_value *v = muster_value_vector();

	muster_value_ref(v);
	ck_assert_int_eq(muster_value_append(v, v), MUSTER_EPERM);
	muster_value_unref(v);
}
END_TEST

START_TEST(builders_refuse_nesting_beyond_the_limit)
{
	struct muster_value *v = muster_value_vector(), *top;

	for (int i = 1; i < MUSTER_MAX_DEPTH; i++) {
		struct muster_value *outer = i % 3 == 0 ? muster_value_set()
					     : i % 3 == 1
						 ? muster_value_table()
						 : muster_value_vector();

		ck_assert_int_eq(i % 3 == 0   ? muster_value_insert(outer, v)
				 : i % 3 == 1 ? muster_value_put(outer,
						    muster_value_none(), v)
					      : muster_value_append(outer, v),
		    0);
		v = outer;
	}
	top = muster_value_table();
	ck_assert_int_eq(
	    muster_value_put(top, muster_value_ref(v), muster_value_none()),
	    MUSTER_ELIMIT);
	ck_assert_int_eq(
	    muster_value_put(top, muster_value_none(), muster_value_ref(v)),
	    MUSTER_ELIMIT);
	muster_value_unref(top);
	top = muster_value_set();
	ck_assert_int_eq(muster_value_insert(top, v), MUSTER_ELIMIT);
	muster_value_unref(top);
}
END_TEST

/* --- memory -------------------------------------------------------------- */

static bool
build_nested(void *ctx)
{
	struct muster_value *set = muster_value_set();
	struct muster_value *table = muster_value_table();
	struct muster_value *v = muster_value_vector();
	int rc = 0, worst = 0;

	(void)ctx;
	for (uint64_t i = 0; i < 9; i++) {
		rc = muster_value_insert(set, muster_value_count(i % 8));
		if (rc != MUSTER_EEXIST && rc < 0)
			worst = rc;
		rc = muster_value_put(table, muster_value_integer((int)i % 8),
		    muster_value_cstring("x"));
		worst = rc < 0 ? rc : worst;
		rc = muster_value_append(v, muster_value_real(1));
		worst = rc < 0 ? rc : worst;
	}
	rc = muster_value_append(v, set);
	worst = rc < 0 ? rc : worst;
	rc = muster_value_append(v, table);
	worst = rc < 0 ? rc : worst;
	ck_assert(worst == 0 || worst == MUSTER_ENOMEM);
	muster_value_unref(v);
	return worst == 0;
}

START_TEST(building_without_memory_frees_everything)
{
	ck_assert_uint_gt(nomem_each(build_nested, NULL), 40);
}
END_TEST

static Suite *
value_suite(void)
{
	Suite *s = suite_create("value");
	TCase *t = tcase_create("scalars");

	tcase_add_test(t, type_names_go_both_ways);
	tcase_add_test(t, accessors_of_another_type_give_nothing);
	tcase_add_test(t, strings_hold_any_bytes);
	tcase_add_test(t, subnet_loses_its_host_bits);
	tcase_add_test(t, denormals_are_zero);
	tcase_add_test(t, references_keep_a_value);
	suite_add_tcase(s, t);
	t = tcase_create("order");
	tcase_add_test(t, order_is_total);
	tcase_add_test(t, order_is_brokers);
	suite_add_tcase(s, t);
	t = tcase_create("containers");
	tcase_add_test(t, vector_keeps_its_order);
	tcase_add_test(t, set_is_sorted_and_without_duplicates);
	tcase_add_test(t, minus_zero_is_a_duplicate_of_zero);
	tcase_add_test(t, table_replaces_the_value_of_a_key);
	tcase_add_test(t, builders_want_their_type);
	tcase_add_test(t, what_is_shared_does_not_change);
	tcase_add_test(t, what_is_held_does_not_change);
	tcase_add_test(t, nothing_contains_itself);
	tcase_add_test(t, builders_refuse_nesting_beyond_the_limit);
	tcase_add_test(t, building_without_memory_frees_everything);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(value_suite());
}
