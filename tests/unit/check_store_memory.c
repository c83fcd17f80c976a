/* The memory backend against a plain array. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "muster/err.h"
#include "nomem.h"
#include "store/backend.h"
#include "store/order.h"

#define NKEYS 300

static struct {
	bool there;
	uint32_t value;
	int64_t deadline;
} want[NKEYS];

/* Keys of different lengths, some a prefix of others. */
static struct mu_bytes
key_of(unsigned n, uint8_t raw[8])
{
	struct mu_bytes key = { raw, 1 + n % 3 };

	raw[0] = (uint8_t)(n / 3);
	raw[1] = (uint8_t)(n * 7);
	raw[2] = (uint8_t)(n * 13);
	return key;
}

static int
cmp(struct mu_bytes a, struct mu_bytes b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = memcmp(a.at, b.at, n);

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static void
check_all(struct mu_backend *b)
{
	struct mu_bytes at = { NULL, 0 }, key, value;
	int64_t deadline, first = 0;
	uint64_t n = 0, walked = 0;
	uint8_t raw[8];

	for (unsigned i = 0; i < NKEYS; i++) {
		int rc = b->ops->get(b, key_of(i, raw), &value, &deadline);

		ck_assert_int_eq(rc, want[i].there ? 0 : MUSTER_ENOENT);
		if (!want[i].there)
			continue;
		n++;
		ck_assert_uint_eq(value.len, sizeof want[i].value);
		ck_assert_mem_eq(value.at, &want[i].value, value.len);
		ck_assert(deadline == want[i].deadline);
		if (deadline != 0 && (first == 0 || deadline < first))
			first = deadline;
	}
	ck_assert_uint_eq(b->ops->size(b), n);
	ck_assert_int_eq(b->ops->first_deadline(b, &key, &deadline),
	    first == 0 ? MUSTER_ENOENT : 0);
	ck_assert(first == 0 || deadline == first);
	while (b->ops->after(b, at, &key, &value, &deadline) == 0) {
		ck_assert(at.at == NULL || cmp(at, key) < 0);
		at = key;
		walked++;
	}
	ck_assert_uint_eq(walked, n);
}

static void
change(struct mu_backend *b, struct mu_rng *rng)
{
	unsigned i = (unsigned)mu_rng_below(rng, NKEYS);
	uint32_t v = (uint32_t)mu_rng_u64(rng);
	struct mu_bytes value = { (uint8_t *)&v, sizeof v };
	int64_t deadline = mu_rng_below(rng, 2) == 0
			       ? 0
			       : 1 + (int64_t)mu_rng_below(rng, 1000);
	uint8_t raw[8];

	if (mu_rng_below(rng, 2000) == 0) {
		ck_assert_int_eq(b->ops->clear(b), 0);
		memset(want, 0, sizeof want);
	} else if (mu_rng_below(rng, 3) == 0) {
		ck_assert_int_eq(b->ops->erase(b, key_of(i, raw)),
		    want[i].there ? 0 : MUSTER_ENOENT);
		want[i].there = false;
	} else {
		ck_assert_int_eq(
		    b->ops->put(b, key_of(i, raw), value, deadline), 0);
		want[i].there = true;
		want[i].value = v;
		want[i].deadline = deadline;
	}
}

START_TEST(it_holds_what_an_array_holds)
{
	struct mu_backend *b = mu_backend_memory_new(0);
	struct mu_rng rng;

	mu_rng_init(&rng, 5);
	memset(want, 0, sizeof want);
	for (int i = 0; i < 20000; i++) {
		change(b, &rng);
		if (i % 50 == 0)
			check_all(b);
	}
	check_all(b);
	b->ops->close(b);
}
END_TEST

START_TEST(the_limit_refuses_and_changes_nothing)
{
	struct mu_backend *b = mu_backend_memory_new(2000);
	uint8_t big[1500] = { 0 };
	struct mu_bytes key = { big, 3 }, other = { big, 4 };
	struct mu_bytes value = { big, sizeof big }, got;
	int64_t deadline;

	ck_assert_int_eq(b->ops->put(b, key, value, 0), 0);
	ck_assert_int_eq(b->ops->put(b, other, value, 0), MUSTER_ELIMIT);
	ck_assert_int_eq(b->ops->get(b, other, &got, &deadline), MUSTER_ENOENT);
	value.len = 10;
	ck_assert_int_eq(b->ops->put(b, key, value, 0), 0);
	ck_assert_int_eq(b->ops->put(b, other, value, 0), 0);
	b->ops->close(b);
}
END_TEST

START_TEST(a_snapshot_goes_on_while_writes_do)
{
	struct mu_backend *b = mu_backend_memory_new(0);
	struct mu_bytes none = { NULL, 0 }, key, value;
	struct mu_snapshot *s;
	uint8_t raw[8];
	int64_t deadline;
	unsigned n = 0;
	int err;

	for (unsigned i = 0; i < NKEYS; i++)
		b->ops->put(b, key_of(i, raw), key_of(i, raw), 0);
	s = b->ops->snapshot(b, none);
	while (s->ops->next(s, &key, &value, &deadline, &err)) {
		uint8_t first = key.at[0];

		/* what lies behind may go */
		for (unsigned i = 0; i < NKEYS; i++)
			if (key_of(i, raw).at[0] < first)
				b->ops->erase(b, key_of(i, raw));
		n++;
	}
	ck_assert_int_eq(err, 0);
	ck_assert_uint_eq(n, NKEYS);
	s->ops->close(s);
	b->ops->close(b);
}
END_TEST

START_TEST(batches_and_records)
{
	struct mu_backend *b = mu_backend_memory_new(0);
	struct mu_bytes key = { (const uint8_t *)"k", 1 }, got;
	struct mu_bytes none = { NULL, 0 };
	int err;

	ck_assert_uint_eq(b->ops->seal(b), 0);
	b->ops->meta_put(b, key, key);
	ck_assert_uint_eq(b->ops->seal(b), 1);
	ck_assert_uint_eq(b->ops->seal(b), 0);
	ck_assert_uint_eq(b->ops->durable(b, &err), 1);
	b->ops->clear(b);
	ck_assert_int_eq(b->ops->meta_get(b, key, &got), 0);
	b->ops->meta_put(b, key, none);
	ck_assert_int_eq(b->ops->meta_get(b, key, &got), MUSTER_ENOENT);
	b->ops->close(b);
}
END_TEST

static bool
put_some(void *ctx)
{
	struct mu_backend *b = mu_backend_memory_new(0);
	struct mu_bytes none = { NULL, 0 };
	struct mu_snapshot *s = NULL;
	uint8_t raw[8];
	bool good = b != NULL;

	(void)ctx;
	for (unsigned i = 0; good && i < 20; i++)
		good =
		    b->ops->put(b, key_of(i, raw), key_of(i, raw), 1 + i) == 0;
	if (good)
		s = b->ops->snapshot(b, none);
	if (s != NULL)
		s->ops->close(s);
	if (b != NULL)
		b->ops->close(b);
	return good && s != NULL;
}

START_TEST(failed_allocations_are_told)
{
	nomem_each(put_some, NULL);
}
END_TEST

/* --- the order of keys --------------------------------------------------- */

#define LENGTHS 6
#define PLACES  7
#define LONGEST 600

/* Keys about the length from which sums decide, with another byte in one of the
 * places about it.  False: there is no such place. */
static bool
edge_key(unsigned i, uint8_t raw[LONGEST], struct mu_bytes *key)
{
	static const size_t lengths[LENGTHS] = { 1, 485, 486, 487, 488,
		LONGEST };
	static const size_t places[PLACES] = { LONGEST, 0, 485, 486, 487, 488,
		LONGEST - 1 };
	size_t len = lengths[i / PLACES], place = places[i % PLACES];

	memset(raw, 'a', LONGEST);
	*key = (struct mu_bytes){ raw, len };
	if (place < LONGEST)
		raw[place] = 'b';
	return place < len || place == LONGEST;
}

static int
sign(int c)
{
	return (c > 0) - (c < 0);
}

/* It is the one that a backend of short keys has. */
START_TEST(short_forms_are_in_the_order_of_their_keys)
{
	uint8_t one[LONGEST], two[LONGEST], s1[MU_KEY_SHORT], s2[MU_KEY_SHORT];
	struct mu_bytes a, b;

	for (unsigned i = 0; i < LENGTHS * PLACES; i++)
		for (unsigned k = 0; k < LENGTHS * PLACES; k++) {
			if (!edge_key(i, one, &a) || !edge_key(k, two, &b))
				continue;
			ck_assert_msg(sign(mu_key_cmp(a, b)) ==
					  sign(cmp(mu_key_short(a, s1),
					      mu_key_short(b, s2))),
			    "keys %u and %u", i, k);
			ck_assert_int_eq(mu_key_cmp(a, b) == 0, i == k);
		}
}
END_TEST

START_TEST(it_has_the_order_of_keys)
{
	struct mu_backend *b = mu_backend_memory_new(0);
	struct mu_bytes at = { NULL, 0 }, key, found, value;
	unsigned n = 0, nfound = 0;
	uint8_t raw[LONGEST];
	int64_t deadline;

	for (unsigned i = 0; i < LENGTHS * PLACES; i++)
		if (edge_key(i, raw, &key)) {
			ck_assert_int_eq(b->ops->put(b, key, key, 0), 0);
			n++;
		}
	while (b->ops->after(b, at, &found, &value, &deadline) == 0) {
		ck_assert(at.at == NULL || mu_key_cmp(at, found) < 0);
		at = found;
		nfound++;
	}
	ck_assert_uint_eq(nfound, n);
	for (unsigned i = 0; i < LENGTHS * PLACES; i++)
		if (edge_key(i, raw, &key))
			ck_assert_int_eq(b->ops->erase(b, key), 0);
	ck_assert_uint_eq(b->ops->size(b), 0);
	b->ops->close(b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store_memory");
	TCase *tc = tcase_create("memory");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, it_holds_what_an_array_holds);
	tcase_add_test(tc, the_limit_refuses_and_changes_nothing);
	tcase_add_test(tc, a_snapshot_goes_on_while_writes_do);
	tcase_add_test(tc, batches_and_records);
	tcase_add_test(tc, failed_allocations_are_told);
	tcase_add_test(tc, short_forms_are_in_the_order_of_their_keys);
	tcase_add_test(tc, it_has_the_order_of_keys);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
