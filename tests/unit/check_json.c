/*
 * The JSON form: always valid on output, read as Broker reads it, hostile
 * input bounded.  The recorded cases are in tests/golden; here are ours.
 */
#include <check.h>
#include <locale.h>
#include <stdlib.h>

#include "base/text.h"
#include "muster/err.h"
#include "nomem.h"
#include "unit.h"
#include "value/json.h"
#include "value_gen.h"

#define N(array) (sizeof(array) / sizeof(array)[0])

static int
from(const char *json, struct muster_value **v)
{
	return muster_value_from_json(json, strlen(json), v);
}

START_TEST(reading_undoes_writing)
{
	struct value_gen g = { .plain = true };

	mu_rng_init(&g.rng, 31);
	for (int i = 0; i < 2000; i++) {
		struct muster_value *v = value_gen(&g, i % 4), *w;
		char *json;

		ck_assert_int_eq(muster_value_to_json(v, &json), 0);
		ck_assert_msg(from(json, &w) == 0, "%s", json);
		ck_assert_msg(muster_value_cmp(v, w) == 0, "%s", json);
		muster_value_unref(v);
		muster_value_unref(w);
		free(json);
	}
}
END_TEST

/* Our own reader accepts a little more than JSON: look for that too. */
static bool
is_json(const char *text)
{
	size_t len = strlen(text);
	struct mu_json j;
	bool good = mu_json_parse(&j, text, len) == 0 &&
		    mu_text_utf8((const uint8_t *)text, len, NULL);

	for (size_t i = 0; i < len; i++)
		good = good && (uint8_t)text[i] >= 0x20 &&
		       (text[i] != '\\' || text[i + 1] != 'v' ||
			   (i > 0 && text[i - 1] == '\\'));
	for (uint32_t i = 0; good && i < j.n; i++)
		good = j.tokens[i].kind != MU_JSON_REAL ||
		       text[j.tokens[i].at] != 'n';
	mu_json_clear(&j);
	return good;
}

START_TEST(output_is_always_json)
{
	struct value_gen g = { .plain = false };

	mu_rng_init(&g.rng, 32);
	for (int i = 0; i < 2000; i++) {
		struct muster_value *v = value_gen(&g, i % 4), *w = NULL;
		char *json;
		int rc;

		ck_assert_int_eq(muster_value_to_json(v, &json), 0);
		ck_assert_msg(is_json(json), "%s", json);
		/* Replaced bytes may make strings equal; nothing else may
		 * go wrong. */
		rc = from(json, &w);
		ck_assert_msg(rc == 0 || rc == MUSTER_EEXIST, "%s", json);
		muster_value_unref(v);
		muster_value_unref(w);
		free(json);
	}
}
END_TEST

static const struct {
	const char *s;
	size_t len;
	const char *json;
} strings[] = {
	{ "", 0, "\"\"" },
	{ "a/b", 3, "\"a/b\"" },
	{ "\"\\\b\f\n\r\t", 7, "\"\\\"\\\\\\b\\f\\n\\r\\t\"" },
	{ "\v\0\x1f\x7f", 4, "\"\\u000b\\u0000\\u001f\x7f\"" },
	{ "gr\xc3\xbc\xc3\x9f", 6, "\"gr\xc3\xbc\xc3\x9f\"" },
	{ "a\xff\xfe\x80z", 5, "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"" },
	{ "\xc3", 1, "\"\xef\xbf\xbd\"" },
	{ "\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
};

START_TEST(strings_are_json_and_utf8)
{
	struct muster_value *v =
	    muster_value_string(strings[_i].s, strings[_i].len);
	char *json;

	ck_assert_int_eq(muster_value_to_json(v, &json), 0);
	ck_assert(is_json(json));
	json[strlen(json) - 1] = '\0';
	ck_assert_str_eq(json + strlen("{\"@data-type\":\"string\",\"data\":"),
	    strings[_i].json);
	free(json);
	muster_value_unref(v);
}
END_TEST

static const struct {
	double d;
	const char *json;
} reals[] = {
	{ INFINITY, "{\"@data-type\":\"real\",\"data\":1e999}" },
	{ -INFINITY, "{\"@data-type\":\"real\",\"data\":-1e999}" },
	{ NAN, "{\"@data-type\":\"real\",\"data\":null}" },
	{ 1e21, "{\"@data-type\":\"real\",\"data\":1000000000000000000000."
		"000000}" },
	{ -0.0, "{\"@data-type\":\"real\",\"data\":-0.000000}" },
};

START_TEST(reals_read_back_at_the_edges)
{
	struct muster_value *v = muster_value_real(reals[_i].d), *w;
	char *json;

	ck_assert_int_eq(muster_value_to_json(v, &json), 0);
	ck_assert_str_eq(json, reals[_i].json);
	ck_assert_int_eq(from(json, &w), 0);
	ck_assert_int_eq(muster_value_cmp(v, w), 0);
	free(json);
	muster_value_unref(v);
	muster_value_unref(w);
}
END_TEST

START_TEST(reals_do_not_depend_on_the_locale)
{
	static const char *const names[] = { "de_DE.UTF-8", "fr_FR.UTF-8",
		"de_DE", "C.UTF-8" };
	struct muster_value *v = muster_value_real(-1234.5), *w;
	char *json;

	for (size_t i = 0; i < N(names); i++)
		if (setlocale(LC_ALL, names[i]) != NULL)
			break;
	ck_assert_int_eq(muster_value_to_json(v, &json), 0);
	ck_assert_str_eq(
	    json, "{\"@data-type\":\"real\",\"data\":-1234.500000}");
	ck_assert_int_eq(from(json, &w), 0);
	ck_assert(muster_value_get_real(w) == -1234.5);
	free(json);
	muster_value_unref(v);
	muster_value_unref(w);
}
END_TEST

/* --- reading ------------------------------------------------------------- */

static const struct {
	int rc;
	const char *json;
	const char *text; /* of what is read */
} inputs[] = {
	{ 0, " {\t\"@data-type\"\r\n: \"count\" , \"data\" : 1 } ", "1" },
	{ 0, "{\"data\":1,\"@data-type\":\"count\"}", "1" },
	{ 0, "{\"@data-type\":\"count\",\"data\":1,\"data\":\"x\"}", "1" },
	{ 0,
	    "{\"x\":[{\"data\":[[],{}]}],\"\\u0040data-type\":\"count\","
	    "\"data\":1}",
	    "1" },
	{ 0, "{\"@data-type\":\"co\\u0075nt\",\"data\":1}", "1" },
	{ 0, "{\"@data-type\":\"none\",\"data\":[1,null,true]}", "nil" },
	{ 0, "{\"@data-type\":\"count\",\"data\":-0}", "0" },
	{ 0, "{\"@data-type\":\"integer\",\"data\":-9223372036854775808}",
	    "-9223372036854775808" },
	{ 0, "{\"@data-type\":\"real\",\"data\":nan}", "nan" },
	{ 0, "{\"@data-type\":\"real\",\"data\":1E+2}", "100.000000" },
	{ 0, "{\"@data-type\":\"real\",\"data\":1e-400}", "0.000000" },
	{ 0, "{\"@data-type\":\"string\",\"data\":\"\\ud83d\\udc08\"}",
	    "\xf0\x9f\x90\x88" },
	{ 0, "{\"@data-type\":\"string\",\"data\":\"\\u20AC\\u00e4\\u0041\"}",
	    "\xe2\x82\xac\xc3\xa4"
	    "A" },
	{ 0, "{\"@data-type\":\"string\",\"data\":\"\x01\xff\"}", "\x01\xff" },
	{ 0, "{\"@data-type\":\"string\",\"data\":\"a\\/b\\v\"}", "a/b\v" },
	{ 0,
	    "{\"@data-type\":\"table\",\"data\":[{\"value\":"
	    "{\"@data-type\":\"count\",\"data\":2},\"key\":"
	    "{\"data\":1,\"@data-type\":\"count\"},\"x\":0}]}",
	    "{1 -> 2}" },
	{ 0, "{\"@data-type\":\"address\",\"data\":\"\\u0031.2.3.4\"}",
	    "1.2.3.4" },
	{ 0, "{\"@data-type\":\"timespan\",\"data\":\"9223372036854775807ns\"}",
	    "9223372036854775807ns" },
	{ 0, "{\"@data-type\":\"timespan\",\"data\":\"-0.5h\"}",
	    "-1800000000000ns" },
	{ 0, "{\"@data-type\":\"timespan\",\"data\":\"+.5us\"}", "500ns" },
	{ 0, "{\"@data-type\":\"timespan\",\"data\":\"0.1234567891s\"}",
	    "123456789ns" },
	{ 0,
	    "{\"@data-type\":\"timestamp\",\"data\":"
	    "\"1677-09-21T00:12:43.145224192\"}",
	    "-9223372036854775808ns" },
	{ 0,
	    "{\"@data-type\":\"timestamp\",\"data\":"
	    "\"2262-04-11T23:47:16.854775807Z\"}",
	    "9223372036854775807ns" },
	{ 0,
	    "{\"@data-type\":\"timestamp\",\"data\":"
	    "\"1969-12-31T23:59:59.5\"}",
	    "-500000000ns" },
	{ 0,
	    "{\"@data-type\":\"timestamp\",\"data\":"
	    "\"2020-02-29T00:00:00-0130\"}",
	    "1582939800000000000ns" },
	{ 0,
	    "{\"@data-type\":\"timestamp\",\"data\":"
	    "\"1970-01-01T01:00:00+01\"}",
	    "0ns" },

	{ MUSTER_EPROTO, "", NULL },
	{ MUSTER_EPROTO, " ", NULL },
	{ MUSTER_EPROTO, "{", NULL },
	{ MUSTER_EPROTO, "}", NULL },
	{ MUSTER_EPROTO, "{\"@data-type\":\"count\",\"data\":1", NULL },
	{ MUSTER_EPROTO, "{\"@data-type\":\"count\",\"data\":1]", NULL },
	{ MUSTER_EPROTO, "{\"@data-type\":\"count\",\"data\":1,}", NULL },
	{ MUSTER_EPROTO, "{,\"@data-type\":\"count\",\"data\":1}", NULL },
	{ MUSTER_EPROTO, "{\"@data-type\" \"count\"}", NULL },
	{ MUSTER_EPROTO, "{\"@data-type\":}", NULL },
	{ MUSTER_EPROTO, "{1:2}", NULL },
	{ MUSTER_EPROTO, "[1,]", NULL },
	{ MUSTER_EPROTO, "[1 2]", NULL },
	{ MUSTER_EPROTO, "[01]", NULL },
	{ MUSTER_EPROTO, "[+1]", NULL },
	{ MUSTER_EPROTO, "[.5]", NULL },
	{ MUSTER_EPROTO, "[5.]", NULL },
	{ MUSTER_EPROTO, "[1e]", NULL },
	{ MUSTER_EPROTO, "[-]", NULL },
	{ MUSTER_EPROTO, "[0x10]", NULL },
	{ MUSTER_EPROTO, "[inf]", NULL },
	{ MUSTER_EPROTO, "[tru]", NULL },
	{ MUSTER_EPROTO, "[nullx]", NULL },
	{ MUSTER_EPROTO, "[\"\\x\"]", NULL },
	{ MUSTER_EPROTO, "[\"\\", NULL },
	{ MUSTER_EPROTO, "[\"\\u00", NULL },
	{ MUSTER_EPROTO, "[\"\\u00g0\"]", NULL },
	{ MUSTER_EPROTO, "[\"\\ud800\"]", NULL },
	{ MUSTER_EPROTO, "[\"\\ud800\\u0041\"]", NULL },
	{ MUSTER_EPROTO, "[\"\\udc00\"]", NULL },
	{ MUSTER_EPROTO, "[\"abc]", NULL },
	{ MUSTER_EPROTO, "{\"@data-type\":\"count\",\"data\":1}}", NULL },
	{ MUSTER_EPROTO,
	    "{\"@data-type\":\"integer\",\"data\":-18446744073709551616}",
	    NULL },

	{ MUSTER_ETYPE, "1", NULL },
	{ MUSTER_ETYPE, "null", NULL },
	{ MUSTER_ETYPE, "{\"@data-type\":1,\"data\":1}", NULL },
	{ MUSTER_ETYPE, "{\"@data-type\":\"count\"}", NULL },
	{ MUSTER_ETYPE, "{\"@data-type\":\"count\",\"data\":null}", NULL },
	{ MUSTER_ETYPE, "{\"@data-type\":\"count\",\"data\":1e3}", NULL },
	{ MUSTER_ETYPE,
	    "{\"@data-type\":\"integer\",\"data\":-9223372036854775809}",
	    NULL },
	{ MUSTER_ETYPE, "{\"@data-type\":\"address\",\"data\":\"\"}", NULL },
	{ MUSTER_ETYPE,
	    "{\"@data-type\":\"address\",\"data\":\"1.2.3.4%eth0\"}", NULL },
	{ MUSTER_ETYPE, "{\"@data-type\":\"address\",\"data\":\"1.2.3.256\"}",
	    NULL },
	{ MUSTER_ETYPE,
	    "{\"@data-type\":\"address\",\"data\":"
	    "\"1.2.3.4\\u00004\"}",
	    NULL },
	{ MUSTER_ETYPE, "{\"@data-type\":\"subnet\",\"data\":\"1.2.3.4/\"}",
	    NULL },
	{ MUSTER_ETYPE, "{\"@data-type\":\"subnet\",\"data\":\"1.2.3.4/-1\"}",
	    NULL },
	{ MUSTER_ETYPE, "{\"@data-type\":\"port\",\"data\":\"/tcp\"}", NULL },
	{ MUSTER_ETYPE, "{\"@data-type\":\"port\",\"data\":\"x/tcp\"}", NULL },
	{ MUSTER_ETYPE, "{\"@data-type\":\"timespan\",\"data\":\"s\"}", NULL },
	{ MUSTER_ETYPE, "{\"@data-type\":\"timespan\",\"data\":\"1 s\"}",
	    NULL },
	{ MUSTER_ETYPE, "{\"@data-type\":\"timespan\",\"data\":\".s\"}", NULL },
	{ MUSTER_ETYPE,
	    "{\"@data-type\":\"timespan\",\"data\":\"9223372036854775808ns\"}",
	    NULL },
	{ MUSTER_ETYPE,
	    "{\"@data-type\":\"timespan\",\"data\":\"9999999999999h\"}", NULL },
	{ MUSTER_ETYPE,
	    "{\"@data-type\":\"timestamp\",\"data\":\"2021-02-29T00:00:00\"}",
	    NULL },
	{ MUSTER_ETYPE,
	    "{\"@data-type\":\"timestamp\",\"data\":\"2021-13-01T00:00:00\"}",
	    NULL },
	{ MUSTER_ETYPE,
	    "{\"@data-type\":\"timestamp\",\"data\":\"2021-01-01T24:00:00\"}",
	    NULL },
	{ MUSTER_ETYPE,
	    "{\"@data-type\":\"timestamp\",\"data\":\"2263-01-01T00:00:00\"}",
	    NULL },
	{ MUSTER_ETYPE,
	    "{\"@data-type\":\"timestamp\",\"data\":\"0000-01-01T00:00:00\"}",
	    NULL },
	{ MUSTER_ETYPE,
	    "{\"@data-type\":\"timestamp\",\"data\":"
	    "\"2021-01-01T00:00:00.1234567890\"}",
	    NULL },
	{ MUSTER_ETYPE,
	    "{\"@data-type\":\"timestamp\",\"data\":"
	    "\"2021-01-01T00:00:00+1\"}",
	    NULL },
	{ MUSTER_ETYPE,
	    "{\"@data-type\":\"timestamp\",\"data\":"
	    "\"2021-01-01T00:00:00Zx\"}",
	    NULL },
	{ MUSTER_ETYPE, "{\"@data-type\":\"table\",\"data\":[[]]}", NULL },
	{ MUSTER_ETYPE, "{\"@data-type\":\"set\",\"data\":[{}]}", NULL },
	{ MUSTER_EEXIST,
	    "{\"@data-type\":\"table\",\"data\":["
	    "{\"key\":{\"@data-type\":\"none\"},"
	    "\"value\":{\"@data-type\":\"none\"}},"
	    "{\"key\":{\"@data-type\":\"none\"},"
	    "\"value\":{\"@data-type\":\"none\"}}]}",
	    NULL },
};

START_TEST(input_is_read_or_refused)
{
	struct muster_value *v = NULL;
	const char *json = inputs[_i].json;
	char *text, *exact = malloc(strlen(json) + 1);
	size_t len = strlen(json);
	int rc;

	/* Ends where it ends, for the sanitizers. */
	exact = realloc(exact, len + (len == 0));
	memcpy(exact, json, len);
	rc = muster_value_from_json(exact, len, &v);
	free(exact);
	ck_assert_msg(rc == inputs[_i].rc, "%s: %s", json, muster_strerror(rc));
	if (rc != 0) {
		ck_assert_ptr_null(v);
		return;
	}
	ck_assert_int_eq(muster_value_to_text(v, &text, &len), 0);
	ck_assert_str_eq(text, inputs[_i].text);
	free(text);
	muster_value_unref(v);
}
END_TEST

START_TEST(nul_bytes_are_no_json)
{
	struct muster_value *v;

	ck_assert_int_eq(
	    muster_value_from_json("[\"a\0b\"]", 7, &v), MUSTER_EPROTO);
	ck_assert_int_eq(muster_value_from_json("[1]\0", 4, &v), MUSTER_EPROTO);
}
END_TEST

START_TEST(escaped_nul_is_a_byte)
{
	struct muster_value *v;
	size_t len;

	ck_assert_int_eq(
	    from("{\"@data-type\":\"string\",\"data\":\"a\\u0000b\"}", &v), 0);
	ck_assert_mem_eq(muster_value_get_string(v, &len), "a\0b", 4);
	ck_assert_uint_eq(len, 3);
	muster_value_unref(v);
}
END_TEST

/* depth vectors in each other, innermost empty. */
static char *
nested(size_t depth)
{
	static const char open[] = "{\"@data-type\":\"vector\",\"data\":[";
	char *s = malloc(depth * (sizeof open + 2) + 1), *p = s;

	for (size_t i = 0; i < depth; i++)
		p = stpcpy(p, open);
	for (size_t i = 0; i < depth; i++)
		p = stpcpy(p, "]}");
	return s;
}

START_TEST(nesting_is_limited)
{
	struct muster_value *v;
	char *json = nested(MUSTER_MAX_DEPTH);

	ck_assert_int_eq(from(json, &v), 0);
	muster_value_unref(v);
	free(json);
	json = nested(MUSTER_MAX_DEPTH + 1);
	ck_assert_int_eq(from(json, &v), MUSTER_ELIMIT);
	free(json);
	json = nested(50000);
	ck_assert_int_eq(from(json, &v), MUSTER_ELIMIT);
	free(json);
	json = malloc(100001);
	memset(json, '[', 100000);
	json[100000] = '\0';
	ck_assert_int_eq(from(json, &v), MUSTER_ELIMIT);
	free(json);
}
END_TEST

static const char sample[] =
    "{\"data\":[{\"@data-type\":\"set\",\"data\":["
    "{\"@data-type\":\"count\",\"data\":2},"
    "{\"@data-type\":\"count\",\"data\":1}]},"
    "{\"@data-type\":\"table\",\"data\":[{\"key\":"
    "{\"@data-type\":\"string\",\"data\":\"\\u0041\"},\"value\":"
    "{\"@data-type\":\"real\",\"data\":1.5}}]},"
    "{\"@data-type\":\"port\",\"data\":\"1/tcp\"},"
    "{\"@data-type\":\"timespan\",\"data\":\"1s\"}],"
    "\"@data-type\":\"vector\"}";

static bool
read_sample(void *ctx)
{
	struct muster_value *v;
	int rc = from(ctx, &v);

	ck_assert(rc == 0 || rc == MUSTER_ENOMEM);
	if (rc == 0)
		muster_value_unref(v);
	return rc == 0;
}

static bool
write_value(void *ctx)
{
	char *json, *text;
	size_t len;
	int rc = muster_value_to_json(ctx, &json);

	ck_assert(rc == 0 || rc == MUSTER_ENOMEM);
	if (rc != 0)
		return false;
	free(json);
	rc = muster_value_to_text(ctx, &text, &len);
	ck_assert(rc == 0 || rc == MUSTER_ENOMEM);
	if (rc == 0)
		free(text);
	return rc == 0;
}

START_TEST(without_memory_everything_is_freed)
{
	char copy[sizeof sample], *digits;
	struct muster_value *v;

	strcpy(copy, sample);
	ck_assert_uint_gt(nomem_each(read_sample, copy), 10);
	ck_assert_int_eq(from(sample, &v), 0);
	ck_assert_uint_gt(nomem_each(write_value, v), 4);
	muster_value_unref(v);
	/* A number too long for the stack. */
	digits = malloc(2000);
	strcpy(digits, "{\"@data-type\":\"real\",\"data\":1.");
	size_t n = strlen(digits);

	memset(digits + n, '0', 1000);
	strcpy(digits + n + 1000, "}");
	ck_assert_uint_gt(nomem_each(read_sample, digits), 2);
	free(digits);
}
END_TEST

START_TEST(members_are_found_by_name)
{
	static const char text[] = "{\"a\":{\"b\":1},\"c\":[],\"a\":2,"
				   "\"\":null}";
	struct mu_json j;
	uint32_t a;

	ck_assert_int_eq(mu_json_parse(&j, text, strlen(text)), 0);
	a = mu_json_member(&j, 0, "a");
	ck_assert_uint_eq(j.tokens[a].kind, MU_JSON_OBJECT);
	ck_assert_uint_ne(mu_json_member(&j, a, "b"), MU_JSON_ABSENT);
	ck_assert_uint_eq(mu_json_member(&j, 0, "b"), MU_JSON_ABSENT);
	ck_assert_uint_eq(mu_json_member(&j, mu_json_member(&j, 0, "c"), "a"),
	    MU_JSON_ABSENT);
	ck_assert_uint_eq(
	    j.tokens[mu_json_member(&j, 0, "")].kind, MU_JSON_NULL);
	mu_json_clear(&j);
}
END_TEST

static Suite *
json_suite(void)
{
	Suite *s = suite_create("json");
	TCase *t = tcase_create("writing");

	tcase_set_timeout(t, 30);
	tcase_add_test(t, reading_undoes_writing);
	tcase_add_test(t, output_is_always_json);
	tcase_add_loop_test(t, strings_are_json_and_utf8, 0, N(strings));
	tcase_add_loop_test(t, reals_read_back_at_the_edges, 0, N(reals));
	tcase_add_test(t, reals_do_not_depend_on_the_locale);
	suite_add_tcase(s, t);
	t = tcase_create("reading");
	tcase_add_loop_test(t, input_is_read_or_refused, 0, N(inputs));
	tcase_add_test(t, nul_bytes_are_no_json);
	tcase_add_test(t, escaped_nul_is_a_byte);
	tcase_add_test(t, nesting_is_limited);
	tcase_add_test(t, without_memory_everything_is_freed);
	tcase_add_test(t, members_are_found_by_name);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(json_suite());
}
