/*
 * The ground everything stands on: allocation, buffers, cursors, blobs,
 * diagnostics, ids, numbers.
 */
#include <check.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/cursor.h"
#include "base/diag.h"
#include "base/rng.h"
#include "base/text.h"
#include "base/uuid.h"
#include "muster/err.h"
#include "nomem.h"
#include "unit.h"

#define N(array) (sizeof(array) / sizeof(array)[0])

/* --- alloc, err ---------------------------------------------------------- */

static bool
always(void *ctx)
{
	++*(unsigned *)ctx;
	return true;
}

START_TEST(every_allocation_asks_the_hook)
{
	unsigned asked = 0;

	mu_alloc_set_hook(always, &asked);
	ck_assert_ptr_null(mu_malloc(1));
	ck_assert_ptr_null(mu_calloc(1, 1));
	ck_assert_ptr_null(mu_realloc(NULL, 1));
	ck_assert_ptr_null(mu_reallocarray(NULL, 1, 1));
	ck_assert_ptr_null(mu_strdup("a"));
	ck_assert_ptr_null(mu_memdup0("a", 1));
	ck_assert_ptr_null(mu_asprintf("%d", 1));
	mu_alloc_set_hook(NULL, NULL);
	ck_assert_uint_eq(asked, 7);
}
END_TEST

START_TEST(sizes_that_overflow_are_refused)
{
	ck_assert_ptr_null(mu_reallocarray(NULL, SIZE_MAX / 2, 3));
	ck_assert_ptr_null(mu_memdup0("", SIZE_MAX));
	ck_assert_ptr_null(mu_blob_new(NULL, SIZE_MAX));
}
END_TEST

START_TEST(nothing_can_be_allocated_and_copied)
{
	void *a = mu_malloc(0), *b = mu_calloc(0, 8), *c = mu_realloc(NULL, 0);
	char *copy = mu_memdup0(NULL, 0);

	ck_assert(a != NULL && b != NULL && c != NULL);
	ck_assert_str_eq(copy, "");
	mu_free(a);
	mu_free(b);
	mu_free(c);
	mu_free(copy);
	mu_free(NULL);
}
END_TEST

START_TEST(wiped_memory_is_zero)
{
	char secret[8] = "secret!";

	mu_wipe(secret, sizeof secret);
	for (size_t i = 0; i < sizeof secret; i++)
		ck_assert_int_eq(secret[i], 0);
	mu_wipe(NULL, 0);
}
END_TEST

START_TEST(every_error_has_a_text_of_its_own)
{
	for (int a = 0; a >= MUSTER_ECONFIG; a--) {
		ck_assert_str_ne(muster_strerror(a), "unknown error");
		for (int b = 0; b > a; b--)
			ck_assert_str_ne(
			    muster_strerror(a), muster_strerror(b));
	}
	ck_assert_str_eq(muster_strerror(1), "unknown error");
	ck_assert_str_eq(muster_strerror(MUSTER_ECONFIG - 1), "unknown error");
	ck_assert_str_eq(muster_strerror(INT_MIN), "unknown error");
	ck_assert_str_eq(muster_strerror(INT_MAX), "unknown error");
}
END_TEST

/* --- buf ----------------------------------------------------------------- */

START_TEST(buffer_never_holds_more_than_its_limit)
{
	struct mu_buf b;
	uint8_t *at;
	size_t room;

	mu_buf_init(&b, 10);
	mu_buf_put(&b, "12345678", 8);
	ck_assert_int_eq(mu_buf_reserve(&b, 3, &at, &room), MUSTER_ELIMIT);
	ck_assert_int_eq(mu_buf_error(&b), 0);
	ck_assert_int_eq(mu_buf_reserve(&b, 1, &at, &room), 0);
	ck_assert_uint_eq(room, 2);
	mu_buf_put(&b, "abc", 3);
	ck_assert_int_eq(mu_buf_error(&b), MUSTER_ELIMIT);
	ck_assert_uint_eq(mu_buf_len(&b), 8);
	mu_buf_put(&b, "a", 1);
	ck_assert_uint_eq(mu_buf_len(&b), 8);
	ck_assert_ptr_null(mu_buf_take_string(&b));
	mu_buf_reset(&b);
	mu_buf_put(&b, "1234567890", 10);
	ck_assert_int_eq(mu_buf_error(&b), 0);
	ck_assert_int_eq(
	    mu_buf_reserve(&b, SIZE_MAX, &at, &room), MUSTER_ELIMIT);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(buffer_is_a_queue_of_bytes)
{
	struct mu_rng rng;
	struct mu_buf b;
	uint8_t in = 0, out = 0;

	mu_rng_init(&rng, 1);
	mu_buf_init(&b, 1000);
	for (int i = 0; i < 20000; i++) {
		size_t n = mu_rng_below(&rng, 40);

		if (mu_rng_below(&rng, 2) == 0) {
			for (size_t k = 0; k < n && mu_buf_len(&b) < 1000; k++)
				mu_buf_u8(&b, in++);
		} else {
			if (n > mu_buf_len(&b))
				n = mu_buf_len(&b);
			for (size_t k = 0; k < n; k++)
				ck_assert_uint_eq(mu_buf_data(&b)[k], out++);
			mu_buf_consume(&b, n);
		}
		if (mu_rng_below(&rng, 50) == 0)
			mu_buf_shrink(&b);
		ck_assert_uint_eq(mu_buf_len(&b),
		    (uint8_t)(in - out) + (mu_buf_len(&b) & ~(size_t)0xff));
	}
	ck_assert_int_eq(mu_buf_error(&b), 0);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(buffer_gives_memory_back)
{
	struct mu_buf b;

	mu_buf_init(&b, 0);
	for (int i = 0; i < 100000; i++)
		mu_buf_u8(&b, 7);
	mu_buf_consume(&b, 99990);
	mu_buf_shrink(&b);
	ck_assert_uint_le(b.cap, 64);
	ck_assert_uint_eq(mu_buf_len(&b), 10);
	ck_assert_uint_eq(mu_buf_data(&b)[9], 7);
	mu_buf_consume(&b, 10);
	mu_buf_shrink(&b);
	ck_assert_ptr_null(mu_buf_data(&b));
	mu_buf_clear(&b);
}
END_TEST

START_TEST(reserved_bytes_count_once_committed)
{
	struct mu_buf b;
	uint8_t *at;
	size_t room;

	mu_buf_init(&b, 0);
	ck_assert_int_eq(mu_buf_reserve(&b, 5, &at, &room), 0);
	ck_assert_uint_ge(room, 5);
	memcpy(at, "hello", 5);
	ck_assert_uint_eq(mu_buf_len(&b), 0);
	mu_buf_commit(&b, 5);
	mu_buf_truncate(&b, 4);
	mu_buf_printf(&b, "%s=%d", "x", 42);
	char *s = mu_buf_take_string(&b);

	ck_assert_str_eq(s, "hellx=42");
	mu_free(s);
	ck_assert_uint_eq(mu_buf_len(&b), 0);
	s = mu_buf_take_string(&b);
	ck_assert_str_eq(s, "");
	mu_free(s);
	mu_buf_clear(&b);
}
END_TEST

static bool
fill(void *ctx)
{
	struct mu_buf b;
	char *s;
	bool good;

	(void)ctx;
	mu_buf_init(&b, 0);
	for (uint64_t i = 0; i < 100; i++)
		mu_buf_u64(&b, i | 0x6060606060606060);
	mu_buf_printf(&b, "%0500d", 1);
	s = mu_buf_take_string(&b);
	good = s != NULL && strlen(s) == 1300;
	mu_free(s);
	mu_buf_clear(&b);
	return good;
}

START_TEST(buffer_without_memory_says_so)
{
	ck_assert_uint_ge(nomem_each(fill, NULL), 3);
}
END_TEST

/* --- cursor -------------------------------------------------------------- */

START_TEST(integers_are_big_endian_both_ways)
{
	static const uint8_t wire[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
		13, 14, 15 };
	struct mu_cursor c = mu_cursor_over(wire, sizeof wire);
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_buf_u8(&b, mu_cursor_u8(&c));
	mu_buf_u16(&b, mu_cursor_u16(&c));
	mu_buf_u32(&b, mu_cursor_u32(&c));
	mu_buf_u64(&b, mu_cursor_u64(&c));
	ck_assert_int_eq(mu_cursor_done(&c), 0);
	ck_assert_mem_eq(mu_buf_data(&b), wire, sizeof wire);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(cursor_error_sticks)
{
	static const uint8_t wire[] = { 1, 2, 3 };
	struct mu_cursor c = mu_cursor_over(wire, sizeof wire);
	size_t len = 9;

	ck_assert_uint_eq(mu_cursor_u32(&c), 0);
	ck_assert_int_eq(c.error, MUSTER_EPROTO);
	ck_assert_uint_eq(mu_cursor_left(&c), 0);
	ck_assert_uint_eq(mu_cursor_u8(&c), 0);
	ck_assert_uint_eq(mu_cursor_u16(&c), 0);
	ck_assert_uint_eq(mu_cursor_u64(&c), 0);
	ck_assert_uint_eq(mu_cursor_varbyte(&c), 0);
	ck_assert_ptr_null(mu_cursor_bytes(&c, 0));
	ck_assert_ptr_null(mu_cursor_str(&c, &len));
	ck_assert_uint_eq(len, 0);
	mu_cursor_fail(&c, MUSTER_ELIMIT);
	ck_assert_int_eq(mu_cursor_done(&c), MUSTER_EPROTO);
}
END_TEST

START_TEST(cursor_wants_every_byte_read)
{
	static const uint8_t wire[] = { 1, 2 };
	struct mu_cursor c = mu_cursor_over(wire, sizeof wire);
	struct mu_cursor empty = mu_cursor_over(NULL, 0);

	mu_cursor_u8(&c);
	ck_assert_int_eq(mu_cursor_done(&c), MUSTER_EPROTO);
	mu_cursor_u8(&c);
	ck_assert_int_eq(mu_cursor_done(&c), 0);
	ck_assert_int_eq(mu_cursor_done(&empty), 0);
	ck_assert_uint_eq(mu_cursor_u8(&empty), 0);
	ck_assert_int_eq(mu_cursor_done(&empty), MUSTER_EPROTO);
}
END_TEST

START_TEST(varbyte_is_its_own_inverse)
{
	struct mu_rng rng;

	mu_rng_init(&rng, 2);
	for (int i = 0; i < 20000; i++) {
		uint32_t v = i < 300   ? (uint32_t)i
			     : i < 310 ? UINT32_MAX - (uint32_t)i + 300
				       : (uint32_t)mu_rng_u64(&rng) >>
					     mu_rng_below(&rng, 32);
		struct mu_cursor c;
		struct mu_buf b;

		mu_buf_init(&b, 0);
		mu_buf_varbyte(&b, v);
		c = mu_cursor_over(mu_buf_data(&b), mu_buf_len(&b));
		ck_assert_uint_eq(mu_cursor_varbyte(&c), v);
		ck_assert_int_eq(mu_cursor_done(&c), 0);
		/* One byte less is too short. */
		c = mu_cursor_over(mu_buf_data(&b), mu_buf_len(&b) - 1);
		mu_cursor_varbyte(&c);
		ck_assert_int_eq(c.error, MUSTER_EPROTO);
		mu_buf_clear(&b);
	}
}
END_TEST

static const struct {
	const char *hex;
	bool good;
	uint32_t value;
} varbytes[] = {
	{ "00", true, 0 },
	{ "7f", true, 127 },
	{ "8001", true, 128 },
	{ "ac02", true, 300 },
	{ "ff7f", true, 16383 },
	{ "808001", true, 16384 },
	{ "8100", true, 1 },
	{ "8180808000", true, 1 },
	{ "ffffffff0f", true, UINT32_MAX },
	{ "ffffffff1f", false, 0 }, /* 33 bits */
	{ "8080808010", false, 0 },
	{ "808080808000", false, 0 }, /* six bytes */
	{ "", false, 0 },
	{ "80", false, 0 },
	{ "80808080", false, 0 },
};

START_TEST(varbyte_edges)
{
	uint8_t wire[16];
	size_t len = (size_t)mu_text_unhex(varbytes[_i].hex, wire);
	struct mu_cursor c = mu_cursor_over(wire, len);

	ck_assert_uint_eq(mu_cursor_varbyte(&c), varbytes[_i].value);
	ck_assert_int_eq(c.error, varbytes[_i].good ? 0 : MUSTER_EPROTO);
}
END_TEST

START_TEST(counts_are_bounded_by_the_bytes_left)
{
	static const uint8_t wire[] = { 3, 0, 0, 0, 0, 0, 0 };
	struct mu_cursor c = mu_cursor_over(wire, sizeof wire);

	ck_assert_uint_eq(mu_cursor_count(&c, 2), 3);
	c = mu_cursor_over(wire, sizeof wire);
	ck_assert_uint_eq(mu_cursor_count(&c, 3), 0);
	ck_assert_int_eq(c.error, MUSTER_EPROTO);
	c = mu_cursor_over("\xff\xff\xff\xff\x0f", 5);
	ck_assert_uint_eq(mu_cursor_count(&c, 1), 0);
	ck_assert_int_eq(c.error, MUSTER_EPROTO);
	c = mu_cursor_over("\xff\xff\xff\xff\x0f", 5);
	ck_assert_uint_eq(mu_cursor_count(&c, 0), UINT32_MAX);
}
END_TEST

START_TEST(strings_stay_in_place)
{
	static const uint8_t wire[] = { 2, 'a', 'b', 0 };
	struct mu_cursor c = mu_cursor_over(wire, sizeof wire);
	size_t len;

	ck_assert_ptr_eq(mu_cursor_str(&c, &len), wire + 1);
	ck_assert_uint_eq(len, 2);
	ck_assert_ptr_eq(mu_cursor_str(&c, &len), wire + 4);
	ck_assert_uint_eq(len, 0);
	ck_assert_int_eq(mu_cursor_done(&c), 0);
}
END_TEST

/* --- blob ---------------------------------------------------------------- */

START_TEST(blob_lives_while_somebody_owns_it)
{
	struct mu_blob *b = mu_blob_new("abc", 3);
	struct mu_blob *empty = mu_blob_new(NULL, 0);

	ck_assert_ptr_eq(mu_blob_ref(b), b);
	mu_blob_unref(b);
	ck_assert_uint_eq(b->refs, 1);
	ck_assert_uint_eq(b->len, 3);
	ck_assert_mem_eq(b->data, "abc", 3);
	mu_blob_unref(b);
	mu_blob_unref(empty);
	mu_blob_unref(NULL);
}
END_TEST

/* --- diag ---------------------------------------------------------------- */

START_TEST(diagnostics_come_in_order_of_place)
{
	struct mu_diags d;
	char *line;

	ck_assert_int_eq(mu_diags_init(&d, "c.yaml"), 0);
	mu_diags_add(&d, (struct mu_place){ 9, 2 }, "second %s", "x");
	mu_diags_add(&d, (struct mu_place){ 3, 7 }, "first");
	mu_diags_add(&d, (struct mu_place){ 9, 11 }, "third");
	mu_diags_add(&d, (struct mu_place){ 9, 2 }, "second %s", "x");
	ck_assert_uint_eq(mu_diags_count(&d), 3);
	line = mu_diags_line(&d, 0);
	ck_assert_str_eq(line, "c.yaml:3:7: first");
	mu_free(line);
	line = mu_diags_line(&d, 1);
	ck_assert_str_eq(line, "c.yaml:9:2: second x");
	mu_free(line);
	line = mu_diags_line(&d, 2);
	ck_assert_str_eq(line, "c.yaml:9:11: third");
	mu_free(line);
	ck_assert_ptr_null(mu_diags_line(&d, 3));
	mu_diags_clear(&d);
}
END_TEST

START_TEST(diagnostics_beyond_the_limit_are_counted)
{
	struct mu_diags d;

	ck_assert_int_eq(mu_diags_init(&d, "c.yaml"), 0);
	for (unsigned i = 1; i <= MU_DIAG_MAX + 5; i++)
		mu_diags_add(&d, (struct mu_place){ i, 1 }, "mistake");
	ck_assert_uint_eq(mu_diags_count(&d), MU_DIAG_MAX + 5);
	ck_assert_uint_eq(d.n, MU_DIAG_MAX);
	ck_assert_ptr_null(mu_diags_line(&d, MU_DIAG_MAX));
	mu_diags_clear(&d);
}
END_TEST

START_TEST(diagnostics_without_memory_still_count)
{
	struct nomem none = { 0, false };
	struct mu_diags d;

	ck_assert_int_eq(mu_diags_init(&d, "c.yaml"), 0);
	mu_alloc_set_hook(nomem_hook, &none);
	mu_diags_add(&d, (struct mu_place){ 1, 1 }, "lost");
	mu_alloc_set_hook(NULL, NULL);
	ck_assert(none.failed);
	ck_assert_uint_eq(mu_diags_count(&d), 1);
	ck_assert_uint_eq(d.lost, 1);
	mu_diags_clear(&d);
}
END_TEST

/* --- uuid ---------------------------------------------------------------- */

START_TEST(uuid_text_goes_both_ways)
{
	static const char text[] = "01234567-89ab-5def-8123-456789abcdef";
	struct mu_uuid u, v;
	char out[MU_UUID_TEXT];

	ck_assert_int_eq(mu_uuid_parse(&u, text), 0);
	ck_assert_str_eq(mu_uuid_format(&u, out), text);
	ck_assert_int_eq(
	    mu_uuid_parse(&v, "01234567-89AB-5DEF-8123-456789ABCDEF"), 0);
	ck_assert(mu_uuid_eq(&u, &v));
	v.bytes[15]++;
	ck_assert_int_lt(mu_uuid_cmp(&u, &v), 0);
}
END_TEST

static const char *const bad_uuids[] = {
	"",
	"0",
	"01234567-89ab-5def-8123-456789abcde",
	"01234567-89ab-5def-8123-456789abcdef0",
	"0123456789ab5def8123456789abcdef",
	"01234567-89ab-5def-8123-456789abcdeg",
	"01234567089ab-5def-8123-456789abcdef",
	"01234567-89ab-5def-8123-45678-abcdef",
	" 1234567-89ab-5def-8123-456789abcdef",
	"01234567-89ab-5def-8123-456789abcd f",
};

START_TEST(what_is_no_uuid_is_refused)
{
	struct mu_uuid u;

	ck_assert_int_eq(mu_uuid_parse(&u, bad_uuids[_i]), MUSTER_EINVAL);
}
END_TEST

START_TEST(uuid_from_random_has_brokers_form)
{
	uint8_t ones[16], zeros[16] = { 0 };
	struct mu_uuid u;

	memset(ones, 0xff, sizeof ones);
	mu_uuid_from_random(&u, ones);
	ck_assert_uint_eq(u.bytes[6], 0x5f);
	ck_assert_uint_eq(u.bytes[8], 0xbf);
	mu_uuid_from_random(&u, zeros);
	ck_assert_uint_eq(u.bytes[6], 0x50);
	ck_assert_uint_eq(u.bytes[8], 0x80);
	ck_assert(!mu_uuid_is_nil(&u));
	memset(&u, 0, sizeof u);
	ck_assert(mu_uuid_is_nil(&u));
}
END_TEST

/* --- rng ----------------------------------------------------------------- */

START_TEST(same_seed_same_numbers)
{
	struct mu_rng a, b, c;
	bool differs = false;

	mu_rng_init(&a, 7);
	mu_rng_init(&b, 7);
	mu_rng_init(&c, 8);
	for (int i = 0; i < 100; i++) {
		uint64_t n = mu_rng_u64(&a);

		ck_assert_uint_eq(n, mu_rng_u64(&b));
		differs = differs || n != mu_rng_u64(&c);
		ck_assert_uint_lt(mu_rng_below(&a, 10), 10);
		mu_rng_below(&b, 10);
	}
	ck_assert(differs);
	ck_assert_uint_eq(mu_rng_below(&a, 1), 0);
}
END_TEST

START_TEST(numbers_cover_their_range)
{
	unsigned seen[10] = { 0 };
	struct mu_rng r;

	mu_rng_init(&r, 3);
	for (int i = 0; i < 10000; i++)
		seen[mu_rng_below(&r, 10)]++;
	for (int i = 0; i < 10; i++)
		ck_assert(seen[i] > 800 && seen[i] < 1200);
}
END_TEST

START_TEST(hash_depends_on_seed_bytes_and_length)
{
	ck_assert_uint_eq(
	    mu_hash64(1, "abcdefghij", 10), mu_hash64(1, "abcdefghij", 10));
	ck_assert_uint_ne(mu_hash64(1, "abc", 3), mu_hash64(2, "abc", 3));
	ck_assert_uint_ne(mu_hash64(1, "abc", 3), mu_hash64(1, "abd", 3));
	ck_assert_uint_ne(mu_hash64(1, "abc\0", 4), mu_hash64(1, "abc", 3));
	ck_assert_uint_ne(
	    mu_hash64(1, "abcdefgh", 8), mu_hash64(1, "abcdefgi", 8));
	ck_assert_uint_ne(mu_hash64(1, NULL, 0), mu_hash64(2, NULL, 0));
}
END_TEST

static int
by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Messages that differ in one bit, in a counter, in their length: neither
 * half of the hash may coincide for any two. */
START_TEST(hash128_tells_similar_messages_apart)
{
	enum { BYTES = 97, COUNTERS = 50000, N = COUNTERS + BYTES * 9 };
	static uint64_t half[2][N];
	const uint64_t seed[2] = { 1, 2 };
	uint8_t text[BYTES] = { 0 };
	uint64_t out[2];
	size_t n = 0;

	for (size_t len = 0; len < BYTES; len++, n++) {
		mu_hash128(seed, text, len, out);
		half[0][n] = out[0];
		half[1][n] = out[1];
	}
	for (size_t bit = 0; bit < (size_t)BYTES * 8; bit++, n++) {
		text[bit / 8] ^= (uint8_t)(1u << bit % 8);
		mu_hash128(seed, text, BYTES, out);
		text[bit / 8] ^= (uint8_t)(1u << bit % 8);
		half[0][n] = out[0];
		half[1][n] = out[1];
	}
	for (uint32_t i = 1; i <= COUNTERS; i++, n++) {
		/* 256 apart: none of them is a single bit of above */
		uint32_t counter = i * 257 + (1u << 31);

		memcpy(text + 40, &counter, sizeof counter);
		mu_hash128(seed, text, BYTES, out);
		half[0][n] = out[0];
		half[1][n] = out[1];
	}
	ck_assert_uint_eq(n, N);
	for (int h = 0; h < 2; h++) {
		qsort(half[h], N, sizeof half[h][0], by_value);
		for (size_t i = 1; i < N; i++)
			ck_assert_uint_ne(half[h][i], half[h][i - 1]);
	}
}
END_TEST

START_TEST(hash128_depends_on_both_seeds_and_not_on_alignment)
{
	const uint64_t a[2] = { 1, 2 }, b[2] = { 1, 3 }, c[2] = { 0, 2 };
	uint64_t x[2], y[2];
	char text[80] = "a message of which two copies lie at different places";

	mu_hash128(a, text, 50, x);
	memmove(text + 1, text, 60);
	mu_hash128(a, text + 1, 50, y);
	ck_assert(x[0] == y[0] && x[1] == y[1]);
	mu_hash128(b, text + 1, 50, y);
	ck_assert(x[0] != y[0] && x[1] != y[1]);
	mu_hash128(c, text + 1, 50, y);
	ck_assert(x[0] != y[0] && x[1] != y[1]);
}
END_TEST

static Suite *
base_suite(void)
{
	Suite *s = suite_create("base");
	TCase *t = tcase_create("memory");

	tcase_add_test(t, every_allocation_asks_the_hook);
	tcase_add_test(t, sizes_that_overflow_are_refused);
	tcase_add_test(t, nothing_can_be_allocated_and_copied);
	tcase_add_test(t, wiped_memory_is_zero);
	tcase_add_test(t, every_error_has_a_text_of_its_own);
	tcase_add_test(t, buffer_never_holds_more_than_its_limit);
	tcase_add_test(t, buffer_is_a_queue_of_bytes);
	tcase_add_test(t, buffer_gives_memory_back);
	tcase_add_test(t, reserved_bytes_count_once_committed);
	tcase_add_test(t, buffer_without_memory_says_so);
	tcase_add_test(t, blob_lives_while_somebody_owns_it);
	suite_add_tcase(s, t);
	t = tcase_create("cursor");
	tcase_add_test(t, integers_are_big_endian_both_ways);
	tcase_add_test(t, cursor_error_sticks);
	tcase_add_test(t, cursor_wants_every_byte_read);
	tcase_add_test(t, varbyte_is_its_own_inverse);
	tcase_add_loop_test(t, varbyte_edges, 0, N(varbytes));
	tcase_add_test(t, counts_are_bounded_by_the_bytes_left);
	tcase_add_test(t, strings_stay_in_place);
	suite_add_tcase(s, t);
	t = tcase_create("diag");
	tcase_add_test(t, diagnostics_come_in_order_of_place);
	tcase_add_test(t, diagnostics_beyond_the_limit_are_counted);
	tcase_add_test(t, diagnostics_without_memory_still_count);
	suite_add_tcase(s, t);
	t = tcase_create("ids and numbers");
	tcase_add_test(t, uuid_text_goes_both_ways);
	tcase_add_loop_test(t, what_is_no_uuid_is_refused, 0, N(bad_uuids));
	tcase_add_test(t, uuid_from_random_has_brokers_form);
	tcase_add_test(t, same_seed_same_numbers);
	tcase_add_test(t, numbers_cover_their_range);
	tcase_add_test(t, hash_depends_on_seed_bytes_and_length);
	tcase_add_test(t, hash128_tells_similar_messages_apart);
	tcase_add_test(t, hash128_depends_on_both_seeds_and_not_on_alignment);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(base_suite());
}
