/*
 * The binary form: decode and encode are inverse, damage is refused, hostile
 * input costs nothing, and stepping over agrees with decoding.
 */
#include <check.h>
#include <stdlib.h>

#include "base/text.h"
#include "muster/err.h"
#include "nomem.h"
#include "unit.h"
#include "value/codec.h"
#include "value_gen.h"

#define N(array) (sizeof(array) / sizeof(array)[0])

/* Encodes v; the caller frees *out. */
static size_t
enc(const struct muster_value *v, uint8_t **out)
{
	size_t len;

	ck_assert_int_eq(muster_value_enc(v, out, &len), 0);
	return len;
}

START_TEST(decoding_undoes_encoding)
{
	struct value_gen g = { .plain = false };

	mu_rng_init(&g.rng, 21);
	for (int i = 0; i < 3000; i++) {
		struct muster_value *v = value_gen(&g, i % 5), *w;
		uint8_t *once, *twice;
		size_t len = enc(v, &once), again;

		ck_assert_int_eq(muster_value_dec(once, len, &w), 0);
		ck_assert_int_eq(muster_value_cmp(v, w), 0);
		again = enc(w, &twice);
		ck_assert_uint_eq(len, again);
		ck_assert_mem_eq(once, twice, len);
		ck_assert_int_eq(mu_value_check(once, len), 0);
		muster_value_unref(v);
		muster_value_unref(w);
		free(once);
		free(twice);
	}
}
END_TEST

START_TEST(every_truncation_is_refused)
{
	struct value_gen g = { .plain = false };
	int seen = 0;

	mu_rng_init(&g.rng, 22);
	while (seen < 200) {
		struct muster_value *v = value_gen(&g, 3), *w = NULL;
		uint8_t *bytes;
		size_t len = enc(v, &bytes);

		for (size_t n = 0; n < len && len < 600; n++) {
			/* An exact copy, for the sanitizers. */
			uint8_t *cut = malloc(n + 1);

			memcpy(cut, bytes, n);
			ck_assert_int_eq(
			    muster_value_dec(cut, n, &w), MUSTER_EPROTO);
			ck_assert_int_eq(mu_value_check(cut, n), MUSTER_EPROTO);
			free(cut);
			seen++;
		}
		ck_assert_ptr_null(w);
		muster_value_unref(v);
		free(bytes);
	}
}
END_TEST

START_TEST(stepping_over_accepts_what_decodes)
{
	struct value_gen g = { .plain = false };
	unsigned good = 0, both = 0;

	mu_rng_init(&g.rng, 23);
	for (int i = 0; i < 20000; i++) {
		struct muster_value *v = value_gen(&g, i % 4), *w;
		struct mu_cursor dec, skip;
		uint8_t *bytes;
		size_t len = enc(v, &bytes);

		for (uint64_t k = mu_rng_below(&g.rng, 4); k > 0; k--)
			bytes[mu_rng_below(&g.rng, len)] =
			    (uint8_t)mu_rng_u64(&g.rng);
		muster_value_unref(v);
		dec = skip = mu_cursor_over(bytes, len);
		w = mu_value_dec(&dec);
		mu_value_skip(&skip);
		ck_assert((w != NULL) == (dec.error == 0));
		if (w != NULL) {
			ck_assert_int_eq(skip.error, 0);
			ck_assert_ptr_eq(skip.at, dec.at);
			both++;
		}
		good += skip.error == 0;
		muster_value_unref(w);
		free(bytes);
	}
	/* The rest are duplicates, which stepping over does not see. */
	ck_assert_uint_gt(both, 5000);
	ck_assert_uint_lt(both, 19000);
	ck_assert_uint_lt(good - both, 500);
}
END_TEST

/* n vectors in each other. */
static size_t
nested(uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = MUSTER_VECTOR;
		out[2 * i + 1] = i + 1 < n;
	}
	return 2 * n;
}

START_TEST(nesting_is_limited)
{
	static uint8_t deep[100000];
	struct muster_value *v;
	size_t len = nested(deep, MUSTER_MAX_DEPTH);

	ck_assert_int_eq(muster_value_dec(deep, len, &v), 0);
	muster_value_unref(v);
	ck_assert_int_eq(mu_value_check(deep, len), 0);
	len = nested(deep, MUSTER_MAX_DEPTH + 1);
	ck_assert_int_eq(muster_value_dec(deep, len, &v), MUSTER_ELIMIT);
	ck_assert_int_eq(mu_value_check(deep, len), MUSTER_ELIMIT);
	len = nested(deep, 50000);
	ck_assert_int_eq(muster_value_dec(deep, len, &v), MUSTER_ELIMIT);
	ck_assert_int_eq(mu_value_check(deep, len), MUSTER_ELIMIT);
}
END_TEST

START_TEST(a_scalar_may_be_at_the_bottom)
{
	uint8_t deep[2 * MUSTER_MAX_DEPTH + 1] = { 0 };
	struct muster_value *v;
	uint8_t *again;

	nested(deep, MUSTER_MAX_DEPTH);
	deep[2 * MUSTER_MAX_DEPTH - 1] = 1;
	ck_assert_int_eq(muster_value_dec(deep, sizeof deep, &v), 0);
	ck_assert_uint_eq(enc(v, &again), sizeof deep);
	ck_assert_mem_eq(again, deep, sizeof deep);
	free(again);
	muster_value_unref(v);
}
END_TEST

static bool
count_calls(void *ctx)
{
	++*(unsigned *)ctx;
	return false;
}

static const char *const claims[] = {
	"0effffffff07", /* 2^31 elements */
	"0effffffff0f", /* 2^32 - 1 */
	"0cffffffff0f00",
	"0dffffffff0f0000",
	"0d020000", /* two pairs in two bytes */
	"05ffffffff0f61",
	"0bffffffff07",
};

START_TEST(claims_beyond_the_input_cost_no_memory)
{
	uint8_t bytes[16];
	size_t len = (size_t)mu_text_unhex(claims[_i], bytes);
	struct muster_value *v;
	unsigned calls = 0;

	mu_alloc_set_hook(count_calls, &calls);
	ck_assert_int_eq(muster_value_dec(bytes, len, &v), MUSTER_EPROTO);
	mu_alloc_set_hook(NULL, NULL);
	ck_assert_uint_eq(calls, 0);
	ck_assert_int_eq(mu_value_check(bytes, len), MUSTER_EPROTO);
}
END_TEST

START_TEST(nested_claims_cost_no_memory)
{
	enum { FILL = 1 << 20 };
	uint8_t *bytes = calloc(1, FILL);
	struct muster_value *v;
	unsigned calls = 0;
	size_t n = 0;

	/* A hundred vectors, each claiming to hold what is left, as far as
	 * that could be true: the arrays must not be made in advance. */
	for (int i = 0; i < MUSTER_MAX_DEPTH; i++) {
		uint32_t left = FILL - 1000;

		bytes[n++] = MUSTER_VECTOR;
		for (; left >= 0x80; left >>= 7)
			bytes[n++] = (uint8_t)(left | 0x80);
		bytes[n++] = (uint8_t)left;
	}
	bytes[n] = 0xff;
	mu_alloc_set_hook(count_calls, &calls);
	ck_assert_int_eq(muster_value_dec(bytes, FILL, &v), MUSTER_EPROTO);
	mu_alloc_set_hook(NULL, NULL);
	ck_assert_uint_le(calls, 3 * MUSTER_MAX_DEPTH);
	free(bytes);
}
END_TEST

static const char *const duplicates[] = {
	"0c02020000000000000001020000000000000001",
	"0c03020000000000000001020000000000000002020000000000000001",
	"0c020e010200000000000000010e01020000000000000001",
	("0d02020000000000000001020000000000000001020000000000000001"
	 "020000000000000002"),
	"0c02048000000000000000040000000000000000", /* -0.0, 0.0 */
	"0c02040000000000000001040000000000000000", /* denormal, 0.0 */
	"0c020000",
	"0e010c020000",
};

START_TEST(duplicates_are_refused)
{
	uint8_t bytes[64];
	size_t len = (size_t)mu_text_unhex(duplicates[_i], bytes);
	struct muster_value *v;

	ck_assert_int_eq(muster_value_dec(bytes, len, &v), MUSTER_EPROTO);
	ck_assert_int_eq(mu_value_check(bytes, len), 0);
}
END_TEST

START_TEST(large_sets_decode_in_any_order)
{
	enum { ELEMENTS = 300000 };
	struct muster_value *v, *w;
	struct mu_buf b;
	uint8_t *sorted;
	size_t len;

	mu_buf_init(&b, 0);
	mu_buf_u8(&b, MUSTER_SET);
	mu_buf_varbyte(&b, ELEMENTS);
	for (uint64_t i = 0; i < ELEMENTS; i++) {
		mu_buf_u8(&b, MUSTER_COUNT);
		mu_buf_u64(&b, i * 7919 % ELEMENTS);
	}
	ck_assert_int_eq(
	    muster_value_dec(mu_buf_data(&b), mu_buf_len(&b), &v), 0);
	ck_assert_uint_eq(muster_value_size(v), ELEMENTS);
	len = enc(v, &sorted);
	ck_assert_uint_eq(len, mu_buf_len(&b));
	ck_assert_int_eq(muster_value_dec(sorted, len, &w), 0);
	ck_assert_int_eq(muster_value_cmp(v, w), 0);
	muster_value_unref(v);
	muster_value_unref(w);
	free(sorted);
	mu_buf_clear(&b);
}
END_TEST

static const struct {
	const char *hex, *again; /* NULL: the same */
	double value;
} reals[] = {
	{ "04fff0000000000000", NULL, INFINITY },
	{ "047ff0000000000000", NULL, -INFINITY },
	{ "04ffffffffffffffff", NULL, NAN },
	{ "047ff8000000000000", "04fff0000000000000", INFINITY },
	{ "04fff8000000000000", "047ff0000000000000", -INFINITY },
	{ "043ff0000000000000", NULL, 1 },
	{ "048000000000000000", NULL, 0 },
	{ "040010000000000000", NULL, 2.2250738585072014e-308 },
	{ "04000fffffffffffff", "040000000000000000", 0 },
	{ "04800fffffffffffff", "048000000000000000", 0 },
};

START_TEST(reals_are_brokers_at_the_edges)
{
	uint8_t bytes[16], want[16], *again;
	size_t len = (size_t)mu_text_unhex(reals[_i].hex, bytes);
	const char *hex =
	    reals[_i].again != NULL ? reals[_i].again : reals[_i].hex;
	struct muster_value *v;
	double d;

	ck_assert_int_eq(muster_value_dec(bytes, len, &v), 0);
	d = muster_value_get_real(v);
	ck_assert(isnan(reals[_i].value) ? isnan(d) : d == reals[_i].value);
	mu_text_unhex(hex, want);
	ck_assert_uint_eq(enc(v, &again), 9);
	ck_assert_mem_eq(again, want, 9);
	free(again);
	muster_value_unref(v);
}
END_TEST

/* All types, unsorted containers. */
static const char sample[] =
    "0e0f00010102000000000000000103ffffffffffffffff043ff8000000000000050173"
    "0600000000000000000000ffff0a0000010700000000000000000000ffff0a00000068"
    "080016010900000000000003e80a00000000000003e80b04453a3a78"
    "0c050200000000000000090200000000000000010501780101"
    "0c00"
    "0d02020000000000000002010105017800"
    "0e01020000000000000001";

static bool
decode_sample(void *ctx)
{
	uint8_t bytes[sizeof sample / 2];
	size_t len = (size_t)mu_text_unhex(sample, bytes);
	struct muster_value *v;
	int rc = muster_value_dec(bytes, len, &v);

	(void)ctx;
	ck_assert(rc == 0 || rc == MUSTER_ENOMEM);
	if (rc == 0)
		muster_value_unref(v);
	return rc == 0;
}

START_TEST(decoding_without_memory_frees_everything)
{
	ck_assert_uint_gt(nomem_each(decode_sample, NULL), 20);
}
END_TEST

static bool
encode_value(void *ctx)
{
	uint8_t *out;
	size_t len;
	int rc = muster_value_enc(ctx, &out, &len);

	ck_assert(rc == 0 || rc == MUSTER_ENOMEM);
	if (rc == 0)
		free(out);
	return rc == 0;
}

START_TEST(encoding_without_memory_frees_everything)
{
	struct muster_value *v = muster_value_vector();

	for (uint64_t i = 0; i < 100; i++)
		muster_value_append(v, muster_value_count(i));
	ck_assert_uint_gt(nomem_each(encode_value, v), 2);
	muster_value_unref(v);
}
END_TEST

START_TEST(a_failed_cursor_stays_failed)
{
	struct mu_cursor c = mu_cursor_over("\0", 1);

	mu_cursor_fail(&c, MUSTER_ELIMIT);
	ck_assert_ptr_null(mu_value_dec(&c));
	mu_value_skip(&c);
	ck_assert_int_eq(c.error, MUSTER_ELIMIT);
	c = mu_cursor_over("\0\0", 2);
	ck_assert_ptr_eq(mu_value_dec(&c), muster_value_none());
	mu_value_skip(&c);
	ck_assert_int_eq(mu_cursor_done(&c), 0);
}
END_TEST

static Suite *
bin_suite(void)
{
	Suite *s = suite_create("value, binary");
	TCase *t = tcase_create("inverse");

	tcase_set_timeout(t, 30);
	tcase_add_test(t, decoding_undoes_encoding);
	tcase_add_test(t, stepping_over_accepts_what_decodes);
	tcase_add_test(t, large_sets_decode_in_any_order);
	tcase_add_loop_test(t, reals_are_brokers_at_the_edges, 0, N(reals));
	suite_add_tcase(s, t);
	t = tcase_create("damage");
	tcase_set_timeout(t, 30);
	tcase_add_test(t, every_truncation_is_refused);
	tcase_add_test(t, nesting_is_limited);
	tcase_add_test(t, a_scalar_may_be_at_the_bottom);
	tcase_add_loop_test(
	    t, claims_beyond_the_input_cost_no_memory, 0, N(claims));
	tcase_add_test(t, nested_claims_cost_no_memory);
	tcase_add_loop_test(t, duplicates_are_refused, 0, N(duplicates));
	suite_add_tcase(s, t);
	t = tcase_create("memory");
	tcase_add_test(t, decoding_without_memory_frees_everything);
	tcase_add_test(t, encoding_without_memory_frees_everything);
	tcase_add_test(t, a_failed_cursor_stays_failed);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(bin_suite());
}
