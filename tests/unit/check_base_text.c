/*
 * Small texts: durations, sizes, spelling, UTF-8, hex, lines for the log.
 */
#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "muster/err.h"
#include "unit.h"

#define N(array) (sizeof(array) / sizeof(array)[0])

static const struct {
	const char *text;
	int rc;
	int64_t ns;
} durations[] = {
	{ "90s", 0, INT64_C(90000000000) },
	{ "500 ms", 0, 500000000 },
	{ "1 day", 0, INT64_C(86400000000000) },
	{ "2 days", 0, INT64_C(172800000000000) },
	{ "1h", 0, INT64_C(3600000000000) },
	{ "2 hrs", 0, INT64_C(7200000000000) },
	{ "1.5hr", 0, INT64_C(5400000000000) },
	{ "2.5min", 0, INT64_C(150000000000) },
	{ ".5 sec", 0, 500000000 },
	{ "10 secs", 0, INT64_C(10000000000) },
	{ "3us", 0, 3000 },
	{ "-3ns", 0, -3 },
	{ "1 week", 0, INT64_C(604800000000000) },
	{ "0", 0, 0 },
	{ "0.0", 0, 0 },
	{ "", MUSTER_EINVAL, 0 },
	{ "5", MUSTER_EINVAL, 0 },
	{ "s", MUSTER_EINVAL, 0 },
	{ "5 parsecs", MUSTER_EINVAL, 0 },
	{ "5s x", MUSTER_EINVAL, 0 },
	{ "5ss", MUSTER_EINVAL, 0 },
	{ "0x5s", MUSTER_EINVAL, 0 },
	{ "-0x5s", MUSTER_EINVAL, 0 },
	{ "-infs", MUSTER_EINVAL, 0 },
	{ "nan s", MUSTER_EINVAL, 0 },
	{ "--5s", MUSTER_EINVAL, 0 },
	{ "1e9 days", MUSTER_ELIMIT, 0 },
	{ "-200000 days", MUSTER_ELIMIT, 0 },
};

START_TEST(duration_has_a_unit)
{
	int64_t ns = 0;

	ck_assert_int_eq(
	    mu_text_duration(durations[_i].text, &ns), durations[_i].rc);
	ck_assert_int_eq(ns, durations[_i].ns);
}
END_TEST

static const struct {
	const char *text;
	int rc;
	uint64_t bytes;
} sizes[] = {
	{ "4096", 0, 4096 },
	{ "0", 0, 0 },
	{ "1 byte", 0, 1 },
	{ "5 bytes", 0, 5 },
	{ "10kB", 0, 10000 },
	{ "64 MiB", 0, UINT64_C(64) << 20 },
	{ "1.5 GiB", 0, UINT64_C(3) << 29 },
	{ "2TB", 0, UINT64_C(2000000000000) },
	{ "1 TiB", 0, UINT64_C(1) << 40 },
	{ "", MUSTER_EINVAL, 0 },
	{ "B", MUSTER_EINVAL, 0 },
	{ "-1", MUSTER_EINVAL, 0 },
	{ "5 m", MUSTER_EINVAL, 0 },
	{ "0x10", MUSTER_EINVAL, 0 },
	{ "99999 TiB", MUSTER_ELIMIT, 0 },
};

START_TEST(size_may_have_a_unit)
{
	uint64_t bytes = 0;

	ck_assert_int_eq(mu_text_size(sizes[_i].text, &bytes), sizes[_i].rc);
	ck_assert_uint_eq(bytes, sizes[_i].bytes);
}
END_TEST

START_TEST(distance_counts_single_mistakes)
{
	char longest[66];

	ck_assert_uint_eq(mu_text_distance("", ""), 0);
	ck_assert_uint_eq(mu_text_distance("manager", "manager"), 0);
	ck_assert_uint_eq(mu_text_distance("mangaer", "manager"), 1);
	ck_assert_uint_eq(mu_text_distance("maneger", "manager"), 1);
	ck_assert_uint_eq(mu_text_distance("managr", "manager"), 1);
	ck_assert_uint_eq(mu_text_distance("", "abc"), 3);
	ck_assert_uint_eq(mu_text_distance("kitten", "sitting"), 3);
	memset(longest, 'a', 65);
	longest[65] = '\0';
	ck_assert_uint_eq(mu_text_distance(longest, "a"), SIZE_MAX);
	longest[64] = '\0';
	ck_assert_uint_eq(mu_text_distance(longest, ""), 64);
	ck_assert_uint_eq(mu_text_distance(longest, longest), 0);
}
END_TEST

START_TEST(nearest_word_is_near)
{
	static const char *const roles[] = { "manager", "logger", NULL, "proxy",
		"worker" };

	ck_assert_str_eq(
	    mu_text_nearest("mangaer", roles, N(roles)), "manager");
	ck_assert_str_eq(mu_text_nearest("workr", roles, N(roles)), "worker");
	ck_assert_ptr_null(mu_text_nearest("gateway", roles, N(roles)));
	ck_assert_ptr_null(mu_text_nearest("", roles, N(roles)));
	ck_assert_ptr_null(mu_text_nearest("x", NULL, 0));
}
END_TEST

static const struct {
	const char *hex;
	size_t bad; /* SIZE_MAX: none */
} utf8[] = {
	{ "", SIZE_MAX },
	{ "00617f", SIZE_MAX },
	{ "c3bc", SIZE_MAX },
	{ "e282ac", SIZE_MAX },
	{ "f09f9088", SIZE_MAX },
	{ "efbfbf", SIZE_MAX },
	{ "f48fbfbf", SIZE_MAX },
	{ "ed9fbf", SIZE_MAX },
	{ "61ff", 1 },
	{ "80", 0 },
	{ "c080", 0 }, /* overlong */
	{ "c1bf", 0 },
	{ "e09fbf", 0 },   /* overlong */
	{ "eda080", 0 },   /* surrogate */
	{ "f08fbfbf", 0 }, /* overlong */
	{ "f4908080", 0 }, /* beyond U+10FFFF */
	{ "f5808080", 0 },
	{ "c3bcc3", 2 }, /* cut */
	{ "e282", 0 },
	{ "f09f90", 0 },
	{ "c341", 0 },
};

START_TEST(utf8_is_told_from_other_bytes)
{
	uint8_t bytes[8];
	size_t len = (size_t)mu_text_unhex(utf8[_i].hex, bytes);
	size_t bad = SIZE_MAX;

	ck_assert(mu_text_utf8(bytes, len, &bad) == (utf8[_i].bad == SIZE_MAX));
	ck_assert_uint_eq(bad, utf8[_i].bad);
	ck_assert(mu_text_utf8(bytes, len, NULL) == (utf8[_i].bad == SIZE_MAX));
}
END_TEST

START_TEST(hex_goes_both_ways)
{
	static const uint8_t bytes[] = { 0x00, 0x9a, 0xff };
	uint8_t back[4];
	char hex[7];

	mu_text_hex(bytes, sizeof bytes, hex);
	ck_assert_str_eq(hex, "009aff");
	ck_assert_int_eq(mu_text_unhex("009aFF", back), 3);
	ck_assert_mem_eq(back, bytes, 3);
	ck_assert_int_eq(mu_text_unhex("", back), 0);
	ck_assert_int_eq(mu_text_unhex("0", back), -1);
	ck_assert_int_eq(mu_text_unhex("0g", back), -1);
	ck_assert_int_eq(mu_text_unhex("001", back), -1);
}
END_TEST

static const struct {
	const char *text; /* behind \u */
	int32_t c;
	size_t used;
} escapes[] = {
	{ "0041", 0x41, 4 },
	{ "00fCx", 0xfc, 4 },
	{ "20AC", 0x20ac, 4 },
	{ "d83d\\ude00", 0x1f600, 10 },
	{ "dbff\\udfffx", 0x10ffff, 10 },
	{ "d83d", 0xd83d, 4 }, /* halves */
	{ "d83d\\ude0", 0xd83d, 4 },
	{ "d83d\\u0041", 0xd83d, 4 },
	{ "d83d\\nde00x", 0xd83d, 4 },
	{ "d83dxude00", 0xd83d, 4 },
	{ "ude00", -1, 0 },
	{ "de00\\ud83d", 0xde00, 4 },
	{ "", -1, 0 },
	{ "004", -1, 0 },
	{ "00g0", -1, 0 },
	{ "-041", -1, 0 },
};

START_TEST(escapes_of_characters_are_read)
{
	size_t len = strlen(escapes[_i].text);
	char *exact = malloc(len + 1);
	const char *p = exact;

	/* Nothing is read behind the end: sanitizers would tell. */
	memcpy(exact, escapes[_i].text, len);
	ck_assert_int_eq(mu_text_unicode(&p, exact + len), escapes[_i].c);
	ck_assert_uint_eq((size_t)(p - exact), escapes[_i].used);
	free(exact);
}
END_TEST

START_TEST(characters_become_utf8)
{
	char out[4];
	size_t n;

	for (uint32_t c = 0; c < 0x110000; c++) {
		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		n = mu_text_put_utf8(c, out);
		if (!mu_text_utf8((const uint8_t *)out, n, NULL))
			ck_abort_msg("U+%04X is not UTF-8", c);
	}
	ck_assert_uint_eq(mu_text_put_utf8(0, out), 1);
	ck_assert_uint_eq(mu_text_put_utf8(0x7f, out), 1);
	ck_assert_uint_eq(mu_text_put_utf8(0x80, out), 2);
	ck_assert_mem_eq(out, "\xc2\x80", 2);
	ck_assert_uint_eq(mu_text_put_utf8(0x7ff, out), 2);
	ck_assert_uint_eq(mu_text_put_utf8(0x20ac, out), 3);
	ck_assert_mem_eq(out, "\xe2\x82\xac", 3);
	ck_assert_uint_eq(mu_text_put_utf8(0xffff, out), 3);
	ck_assert_uint_eq(mu_text_put_utf8(0x10ffff, out), 4);
	ck_assert_mem_eq(out, "\xf4\x8f\xbf\xbf", 4);
}
END_TEST

START_TEST(printable_text_never_exceeds_its_room)
{
	static const char nasty[] = "ab\n\x1b[31m\\\xff";
	char out[64];

	ck_assert_str_eq(mu_text_printable(nasty, 10, out, sizeof out),
	    "ab\\x0a\\x1b[31m\\x5c\\xff");
	ck_assert_str_eq(mu_text_printable("", 0, out, 1), "");
	ck_assert_str_eq(mu_text_printable("abcdef", 6, out, 10), "abcdef");
	ck_assert_str_eq(mu_text_printable("abcdefg", 7, out, 7), "abc...");
	for (size_t size = 1; size < 40; size++) {
		memset(out, 'x', sizeof out);
		mu_text_printable(nasty, 10, out, size);
		ck_assert_uint_lt(strlen(out), size);
		for (size_t i = size; i < sizeof out; i++)
			ck_assert_int_eq(out[i], 'x');
	}
}
END_TEST

static Suite *
text_suite(void)
{
	Suite *s = suite_create("base text");
	TCase *t = tcase_create("text");

	tcase_add_loop_test(t, duration_has_a_unit, 0, N(durations));
	tcase_add_loop_test(t, size_may_have_a_unit, 0, N(sizes));
	tcase_add_test(t, distance_counts_single_mistakes);
	tcase_add_test(t, nearest_word_is_near);
	tcase_add_loop_test(t, utf8_is_told_from_other_bytes, 0, N(utf8));
	tcase_add_test(t, hex_goes_both_ways);
	tcase_add_loop_test(t, escapes_of_characters_are_read, 0, N(escapes));
	tcase_add_test(t, characters_become_utf8);
	tcase_add_test(t, printable_text_never_exceeds_its_room);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(text_suite());
}
