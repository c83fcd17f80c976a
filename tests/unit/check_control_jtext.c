/* JSON lines looked at in place. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "muster/err.h"
#include "proto/jtext.h"
#include "unit.h"

static int
verdict(const char *text)
{
	return mu_jtext_check(text, strlen(text), NULL);
}

START_TEST(json_is_told_from_other_text)
{
	static const char *const good[] = { "{}", "[]", " { } ", "1", "-0",
		"0.5", "1e5", "-1.25E-3", "\"\"", "true", "false", "null",
		"\"\\u00e9\\n\\\"\"", "[1,[2,[3]],{}]",
		"{\"a\":1,\"b\":[{\"c\":null}]}", "\t[ 1 , 2 ]\r\n" };
	static const char *const bad[] = { "", " ", "{", "}", "[1", "[1,]",
		"[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "01",
		"1.", ".5", "1e", "+1", "-", "\"", "\"\\x\"", "\"\\u12g4\"",
		"\"a\nb\"", "tru", "nul", "truex", "[1 2]", "{} {}", "[1]]",
		"{\"a\":1]", "[1}", "'a'", "\"\\", "\"\\u12" };

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		if (verdict(good[i]) != 0)
			ck_abort_msg("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (verdict(bad[i]) != MUSTER_EPROTO)
			ck_abort_msg("accepted: %s", bad[i]);
}
END_TEST

START_TEST(the_bad_byte_is_pointed_at)
{
	size_t bad;

	ck_assert_int_ne(mu_jtext_check("{\"a\":!}", 7, &bad), 0);
	ck_assert_uint_eq(bad, 5);
}
END_TEST

START_TEST(depth_is_limited)
{
	size_t n = MU_JTEXT_MAX_DEPTH;
	char *text = malloc(2 * n + 3);

	memset(text, '[', n);
	memset(text + n, ']', n);
	/* The innermost pair is empty and takes no level of its own. */
	ck_assert_int_eq(mu_jtext_check(text, 2 * n, NULL), 0);
	n += 2;
	memset(text, '[', n);
	ck_assert_int_eq(mu_jtext_check(text, n, NULL), MUSTER_ELIMIT);
	free(text);
}
END_TEST

START_TEST(members_are_slices)
{
	static const char text[] =
	    " {\"a\" : 18446744073709551615, \"b\\u0021\":[1,{\"x\":\"]}\"}],"
	    "\"c\":\"t\\\\\"} ";
	struct mu_jtext v, m;

	ck_assert_int_eq(mu_jtext_check(text, strlen(text), NULL), 0);
	v = mu_jtext_over(text, strlen(text));
	m = mu_jtext_member(&v, "a");
	ck_assert_uint_eq(m.len, 20);
	m = mu_jtext_member(&v, "b!");
	ck_assert_int_eq(mu_jtext_kind(&m), MU_JTEXT_ARRAY);
	ck_assert_int_eq(strncmp(m.at, "[1,{\"x\":\"]}\"}]", m.len), 0);
	m = mu_jtext_member(&v, "c");
	ck_assert(mu_jtext_is(&m, "t\\"));
	m = mu_jtext_member(&v, "d");
	ck_assert_int_eq(mu_jtext_kind(&m), MU_JTEXT_NONE);
}
END_TEST

START_TEST(elements_come_in_order)
{
	static const char text[] = "[1, \"two\" ,[3],{\"4\":4},true,null]";
	static const enum mu_jtext_kind kinds[] = { MU_JTEXT_NUMBER,
		MU_JTEXT_STRING, MU_JTEXT_ARRAY, MU_JTEXT_OBJECT,
		MU_JTEXT_BOOLEAN, MU_JTEXT_NULL };
	struct mu_jtext v = mu_jtext_over(text, strlen(text)), e;
	struct mu_jtext_walk w = mu_jtext_walk(&v);

	for (size_t i = 0; i < 6; i++) {
		ck_assert(mu_jtext_next(&w, NULL, &e));
		ck_assert_int_eq(mu_jtext_kind(&e), kinds[i]);
	}
	ck_assert(!mu_jtext_next(&w, NULL, &e));
}
END_TEST

START_TEST(strings_lose_their_escapes)
{
	static const char text[] = "\"a\\n\\u00e9\\ud83d\\ude00\\u0000z\"";
	struct mu_jtext v = mu_jtext_over(text, strlen(text));
	struct mu_buf b;

	mu_buf_init(&b, 0);
	ck_assert_int_eq(mu_jtext_string(&v, &b), 0);
	ck_assert_uint_eq(mu_buf_len(&b), 10);
	ck_assert_mem_eq(mu_buf_data(&b), "a\n\xc3\xa9\xf0\x9f\x98\x80\0z", 10);
	mu_buf_clear(&b);
	ck_assert_ptr_null(mu_jtext_cstring(&v)); /* a NUL is in it */
}
END_TEST

START_TEST(lone_surrogates_are_refused)
{
	static const char *const bad[] = { "\"\\ud800\"", "\"\\udc00\"",
		"\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\ud800\\u0041\"" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct mu_jtext v = mu_jtext_over(bad[i], strlen(bad[i]));
		struct mu_buf b;

		mu_buf_init(&b, 0);
		ck_assert_int_eq(mu_jtext_string(&v, &b), MUSTER_EPROTO);
		mu_buf_clear(&b);
	}
}
END_TEST

START_TEST(whole_numbers_only)
{
	static const struct {
		const char *text;
		int r;
		int64_t n;
	} cases[] = { { "0", 0, 0 }, { "-7", 0, -7 },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "9223372036854775808", MUSTER_ETYPE, 0 },
		{ "1.5", MUSTER_ETYPE, 0 }, { "1e3", MUSTER_ETYPE, 0 },
		{ "\"1\"", MUSTER_ETYPE, 0 } };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct mu_jtext v =
		    mu_jtext_over(cases[i].text, strlen(cases[i].text));
		int64_t n = 0;

		ck_assert_int_eq(mu_jtext_integer(&v, &n), cases[i].r);
		if (cases[i].r == 0)
			ck_assert_int_eq(n, cases[i].n);
	}
}
END_TEST

START_TEST(any_bytes_become_a_valid_string)
{
	uint8_t bytes[256];
	struct mu_buf b;

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)i;
	mu_buf_init(&b, 0);
	for (size_t at = 0; at < sizeof bytes; at++) {
		mu_buf_reset(&b);
		mu_jtext_put_string(&b, bytes + at, sizeof bytes - at);
		ck_assert_int_eq(mu_jtext_check((char *)mu_buf_data(&b),
				     mu_buf_len(&b), NULL),
		    0);
	}
	mu_buf_reset(&b);
	mu_jtext_put_string(&b, "\0\x1f\"\\\x7f\xc3\xa9\xc3", 8);
	mu_buf_u8(&b, 0);
	ck_assert_str_eq((char *)mu_buf_data(&b),
	    "\"\\u0000\\u001f\\\"\\\\\\u007f\xc3\xa9\xef\xbf\xbd\"");
	mu_buf_clear(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("jtext");
	TCase *c = tcase_create("jtext");

	tcase_add_test(c, json_is_told_from_other_text);
	tcase_add_test(c, the_bad_byte_is_pointed_at);
	tcase_add_test(c, depth_is_limited);
	tcase_add_test(c, members_are_slices);
	tcase_add_test(c, elements_come_in_order);
	tcase_add_test(c, strings_lose_their_escapes);
	tcase_add_test(c, lone_surrogates_are_refused);
	tcase_add_test(c, whole_numbers_only);
	tcase_add_test(c, any_bytes_become_a_valid_string);
	suite_add_tcase(s, c);
	return unit_run(s);
}
