/* Lines of TSV and JSON: what is written, what is read. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "logrec/escape.h"
#include "logrec/number.h"
#include "logrec/reader.h"
#include "logrec/shown.h"
#include "logrec/writer.h"
#include "muster/err.h"
#include "nomem.h"
#include "unit.h"

#define ASCII MU_LOG_WRITER_ASCII

static void
start(struct mu_log_stream *s, const char *types)
{
	struct mu_log_why why;

	ck_assert_int_eq(mu_log_stream_init(s, "T::LOG", ASCII, "t", NULL), 0);
	ck_assert_int_eq(mu_log_stream_types(s, types, &why), 0);
}

/* --- strings ------------------------------------------------------------- */

/* One string in a column of its own, and as the second element of a set. */
static const struct {
	const char *bytes; /* len 0: up to the NUL */
	size_t len;
	const char *tsv, *element, *json;
} strings[] = {
	{ "", 0, "(empty)", "(empty)", "" },
	{ "-", 0, "\\x2d", "\\x2d", "-" },
	{ "--", 0, "--", "--", "--" },
	{ "(empty)", 0, "\\x28empty)", "\\x28empty)", "(empty)" },
	{ "#fields", 0, "\\x23fields", "#fields", "#fields" },
	{ "a,b", 0, "a,b", "a\\x2cb", "a,b" },
	{ "a\tb", 0, "a\\x09b", "a\\x09b", "a\\tb" },
	{ "a\nb\r", 0, "a\\x0ab\\x0d", "a\\x0ab\\x0d", "a\\nb\\r" },
	{ "\\x41\\", 0, "\\\\x41\\\\", "\\\\x41\\\\", "\\\\x41\\\\" },
	{ "\"/\"", 0, "\"/\"", "\"/\"", "\\\"/\\\"" },
	{ "a\0b", 3, "a\\x00b", "a\\x00b", "a\\\\x00b" },
	{ "\x01\b\v\f\x1b\x7f", 0, "\\x01\\x08\\x0b\\x0c\\x1b\\x7f",
	    "\\x01\\x08\\x0b\\x0c\\x1b\\x7f",
	    "\\\\x01\\b\\\\x0b\\f\\\\x1b\\\\x7f" },
	{ "gr\xc3\xbc\xc3\x9f", 0, "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f",
	    "gr\xc3\xbc\xc3\x9f" },
	{ "\xf0\x9f\x98\x80", 0, "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80",
	    "\xf0\x9f\x98\x80" },
	/* one that is refused spoils its piece, in JSON the string */
	{ "\xc3\xbc\xff,\xc3\xa4", 0, "\\xc3\\xbc\\xff,\\xc3\\xa4",
	    "\\xc3\\xbc\\xff\\x2c\xc3\xa4",
	    "\\\\xc3\\\\xbc\\\\xff,\\\\xc3\\\\xa4" },
	{ "\xc3\xbc\t\xff", 0, "\xc3\xbc\\x09\\xff", "\xc3\xbc\\x09\\xff",
	    "\\\\xc3\\\\xbc\\t\\\\xff" },
	{ "\xc3\xbc\n\xc3\xa4", 0, "\\xc3\\xbc\\x0a\\xc3\\xa4",
	    "\\xc3\\xbc\\x0a\\xc3\\xa4", "\xc3\xbc\\n\xc3\xa4" },
	{ "\xc2\x85", 0, "\\xc2\\x85", "\\xc2\\x85", "\\\\xc2\\\\x85" },
	{ "\xed\xa0\x80", 0, "\\xed\\xa0\\x80", "\\xed\\xa0\\x80",
	    "\\\\xed\\\\xa0\\\\x80" },
	{ "\xc0\xaf", 0, "\\xc0\\xaf", "\\xc0\\xaf", "\\\\xc0\\\\xaf" },
	{ "\xe6\x97", 0, "\\xe6\\x97", "\\xe6\\x97", "\\\\xe6\\\\x97" },
	{ "\xf4\x90\x80\x80", 0, "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80",
	    "\\\\xf4\\\\x90\\\\x80\\\\x80" },
	{ "\xee\x80\x80", 0, "\\xee\\x80\\x80", "\\xee\\x80\\x80",
	    "\\\\xee\\\\x80\\\\x80" },
	{ "\xef\xbf\xbd", 0, "\\xef\\xbf\\xbd", "\\xef\\xbf\\xbd",
	    "\\\\xef\\\\xbf\\\\xbd" },
	{ "\xf3\xb0\x80\x80", 0, "\xf3\xb0\x80\x80", "\xf3\xb0\x80\x80",
	    "\xf3\xb0\x80\x80" },
};
#define NSTRINGS (sizeof strings / sizeof strings[0])

static void
set_text(struct mu_log_value *v, const char *s, size_t len)
{
	v->set = true;
	v->u.text.at = (const uint8_t *)s;
	v->u.text.len = len;
}

static void
line_is(
    struct mu_log_writer *w, const struct mu_log_record *r, const char *want)
{
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_log_writer_line(w, &b, r);
	mu_buf_u8(&b, 0);
	ck_assert_int_eq(mu_buf_error(&b), 0);
	ck_assert_str_eq((char *)mu_buf_data(&b), want);
	mu_buf_clear(&b);
}

/* The first record of a line comes back as r was. */
static void
comes_back(const struct mu_log_stream *s, const struct mu_log_format *f,
    const char *line, const struct mu_log_record *r)
{
	struct mu_log_reader_config c = { .stream = s,
		.format = f,
		.form = f->json ? MU_LOG_FORM_JSON : MU_LOG_FORM_TSV };
	struct mu_log_reader *reader = mu_log_reader_new(&c);
	struct mu_buf a, b;

	mu_log_reader_feed(reader, (const uint8_t *)line, strlen(line));
	ck_assert_int_eq(mu_log_reader_next(reader), MU_LOG_COLUMNS);
	ck_assert_msg(mu_log_reader_next(reader) == MU_LOG_RECORD, "%s: %s",
	    line, mu_log_reader_why(reader));
	mu_buf_init(&a, 0);
	mu_buf_init(&b, 0);
	mu_log_record_enc(&a, r);
	mu_log_record_enc(&b, mu_log_reader_record(reader));
	ck_assert_uint_eq(mu_buf_len(&a), mu_buf_len(&b));
	ck_assert_mem_eq(mu_buf_data(&a), mu_buf_data(&b), mu_buf_len(&a));
	mu_buf_clear(&a);
	mu_buf_clear(&b);
	mu_log_reader_free(reader);
}

START_TEST(nasty_strings_look_as_zeek_shows_them)
{
	struct mu_log_stream s;
	struct mu_log_format tsv, json;
	struct mu_log_writer *wt, *wj;
	struct mu_log_record r = { 0 };
	char line[512];

	start(&s, "s:string,l:set[string]");
	mu_log_format_init(&tsv);
	mu_log_format_init(&json);
	json.json = true;
	wt = mu_log_writer_new(&s, &tsv);
	wj = mu_log_writer_new(&s, &json);
	for (size_t i = 0; i < NSTRINGS; i++) {
		size_t len = strings[i].len == 0 ? strlen(strings[i].bytes)
						 : strings[i].len;

		ck_assert_int_eq(mu_log_record_begin(&r, &s), 0);
		set_text(&r.values[0], strings[i].bytes, len);
		mu_log_record_list(&r, 1, MU_LOG_STRING);
		set_text(mu_log_record_add(&r, 1), "x", 1);
		set_text(mu_log_record_add(&r, 1), strings[i].bytes, len);
		mu_log_record_add(&r, 1);
		snprintf(line, sizeof line, "%s\tx,%s,-\n", strings[i].tsv,
		    strings[i].element);
		line_is(wt, &r, line);
		comes_back(&s, &tsv, line, &r);
		snprintf(line, sizeof line,
		    "{\"s\":\"%s\",\"l\":[\"x\",\"%s\",null]}\n",
		    strings[i].json, strings[i].json);
		line_is(wj, &r, line);
		comes_back(&s, &json, line, &r);
	}
	mu_log_writer_free(wt);
	mu_log_writer_free(wj);
	mu_log_record_clear(&r);
	mu_log_stream_clear(&s);
}
END_TEST

/* --- numbers -------------------------------------------------------------- */

static const struct {
	double v;
	const char *tsv, *time, *json;
} numbers[] = {
	{ 0, "0.0", "0.000000", "0.0" },
	{ -0.0, "0.0", "0.000000", "-0.0" },
	{ 1, "1.0", "1.000000", "1.0" },
	{ -1.5, "-1.5", "-1.500000", "-1.5" },
	{ 0.1, "0.1", "0.100000", "0.1" },
	{ 5e-7, "0.000001", "0.000001", "5e-7" },
	{ 4.9e-7, "0", "0.000000", "4.9e-7" },
	{ -4.9e-7, "-0", "-0.000000", "-4.9e-7" },
	{ 1.5e-6, "0.000002", "0.000002", "0.0000015" },
	{ 2.5e-6, "0.000002", "0.000002", "0.0000025" },
	{ 1e-300, "0.0", "0.000000", "1e-300" },
	{ 5e-324, "0.0", "0.000000", "5e-324" },
	{ -2.2250738585072009e-308, "-0.0", "-0.000000",
	    "-2.225073858507201e-308" },
	{ 1.0000001, "1", "1.000000", "1.0000001" },
	{ 0.9999995, "0.1", "0.1000000", "0.9999995" },
	{ 1700000000.9999995, "1700000001", "1700000001.000000",
	    "1700000000.9999995" },
	{ 2147483646.5, "2147483646.5", "2147483646.500000", "2147483646.5" },
	{ 2147483647.0, "2147483647.0", "2.147483647e+09", "2147483647.0" },
	{ 4102444800.25, "4102444800.25", "4.10244480025e+09",
	    "4102444800.25" },
	{ 1e15, "1000000000000000.0", "1e+15", "1000000000000000.0" },
	{ 1e21, "1000000000000000000000.0", "1e+21", "1e21" },
	{ 1.7976931348623157e308, NULL, "1.7976931348623157e+308",
	    "1.7976931348623157e308" },
};

START_TEST(numbers_round_as_zeek_does)
{
	char text[MU_LOG_NUMBER + 1];

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		if (numbers[i].tsv != NULL) {
			*mu_log_put_double(text, numbers[i].v) = '\0';
			ck_assert_str_eq(text, numbers[i].tsv);
		}
		*mu_log_put_time(text, numbers[i].v) = '\0';
		ck_assert_str_eq(text, numbers[i].time);
		*mu_log_put_shortest(text, numbers[i].v) = '\0';
		ck_assert_str_eq(text, numbers[i].json);
	}
	*mu_log_put_double(text, -INFINITY) = '\0';
	ck_assert_str_eq(text, "-inf");
	*mu_log_put_double(text, -1.7976931348623157e308) = '\0';
	ck_assert_uint_eq(strlen(text), 312);
	*mu_log_put_i64(text, INT64_MIN) = '\0';
	ck_assert_str_eq(text, "-9223372036854775808");
}
END_TEST

START_TEST(numbers_read_back_exactly)
{
	char text[MU_LOG_NUMBER + 1];
	uint64_t state = 88172645463325252u;
	double v, back;

	for (int i = 0; i < 200000; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		memcpy(&v, &state, sizeof v);
		if (i % 2 == 0)
			v = (double)(state % 1000000000000) / 1000000;
		if (!isfinite(v))
			continue;
		*mu_log_put_shortest(text, v) = '\0';
		ck_assert(mu_log_get_double(text, strlen(text), &back));
		ck_assert_msg(v == back, "%.17g is %s", v, text);
		ck_assert(strtod(text, NULL) == v);
	}
}
END_TEST

/* Text of a column, read as Zeek's, is written the same, and again after a
 * detour by the shortest form, as JSON has it. */
static void
shown_again(enum mu_log_type type, const char *text)
{
	char *(*put)(char *, double) =
	    type == MU_LOG_DOUBLE ? mu_log_put_double : mu_log_put_time;
	struct mu_log_value v = { .type = (uint8_t)type };
	char out[MU_LOG_NUMBER + 1], json[MU_LOG_NUMBER + 1];

	ck_assert(mu_log_get_shown(&v, text, strlen(text)));
	*put(out, v.u.real) = '\0';
	ck_assert_str_eq(out, text);
	if (!isfinite(v.u.real))
		return;
	*mu_log_put_shortest(json, v.u.real) = '\0';
	ck_assert(mu_log_get_double(json, strlen(json), &v.u.real));
	*put(out, v.u.real) = '\0';
	ck_assert_str_eq(out, text);
}

START_TEST(what_zeek_shows_is_shown_again)
{
	static const char *const doubles[] = { "0", "-0", "0.0", "-0.0", "1",
		"-1", "1.0", "7777777", "-2147483646", "2147483646", "1000000",
		"0.1", "2147483647.0", "0.000001", "inf", "-inf", "nan" };
	static const char *const times[] = { "0.000000", "-0.000000",
		"0.1000000", "-0.1000000", "3.141593", "1300475167.096535",
		"2.1474836485e+09" };
	char text[MU_LOG_NUMBER + 1];
	uint64_t state = 88172645463325252u;

	for (size_t i = 0; i < sizeof doubles / sizeof doubles[0]; i++)
		shown_again(MU_LOG_DOUBLE, doubles[i]);
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
		shown_again(MU_LOG_TIME, times[i]);
	for (int i = 0; i < 200000; i++) {
		double v;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		/* Near whole numbers of any size, and anything. */
		if (i % 2 == 0)
			v = (double)(state >> (11 + state % 52)) +
			    (double)(state % 4001) * 1e-9 - 2e-6;
		else
			memcpy(&v, &state, sizeof v);
		*mu_log_put_double(text, v) = '\0';
		shown_again(MU_LOG_DOUBLE, text);
	}
}
END_TEST

START_TEST(times_of_json_in_all_forms)
{
	static const struct {
		double v;
		const char *iso;
		int64_t ms;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000000Z", 0 },
		{ 1300475167.096535, "2011-03-18T19:06:07.096535Z",
		    1300475167096 },
		{ -1300475167.25, "1928-10-16T04:53:52.750000Z",
		    -1300475167250 },
		{ 253402300800, "10000-01-01T00:00:00.000000Z",
		    253402300800000 },
		{ 1e300, "2000-01-01T00:00:00.000000", INT64_MAX },
	};
	char text[MU_LOG_NUMBER + 1];
	double v;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		*mu_log_put_iso8601(text, cases[i].v) = '\0';
		ck_assert_str_eq(text, cases[i].iso);
		ck_assert_int_eq(mu_log_millis(cases[i].v), cases[i].ms);
		ck_assert(mu_log_get_iso8601(text, strlen(text), &v));
		ck_assert(v == cases[i].v || cases[i].v > 1e200);
	}
	/* The nearest double, as if it had been read from its decimals. */
	for (unsigned us = 0; us < 1000000; us += 7) {
		double want;

		snprintf(text, sizeof text, "1700000000.%06u", us);
		ck_assert(mu_log_get_double(text, strlen(text), &want));
		snprintf(text, sizeof text, "2023-11-14T22:13:20.%06uZ", us);
		ck_assert(mu_log_get_iso8601(text, strlen(text), &v));
		ck_assert(v == want);
	}
	/* Zeek's lost carry, which others would mean as it stands there. */
	ck_assert(
	    mu_log_get_iso8601("2023-11-14T22:13:20.1000000Z", 28, &v));
	ck_assert(v == 1700000000.1);
	ck_assert(
	    mu_log_get_shown_iso8601("2023-11-14T22:13:20.1000000Z", 28, &v));
	*mu_log_put_iso8601(text, v) = '\0';
	ck_assert_str_eq(text, "2023-11-14T22:13:20.1000000Z");
	ck_assert(mu_log_get_iso8601("2011-03-18T21:06:07+02:00", 25, &v));
	ck_assert_double_eq(v, 1300475167);
	ck_assert(!mu_log_get_iso8601("2011-03-18", 10, &v));
	ck_assert(!mu_log_get_iso8601("2011-13-18T21:06:07Z", 20, &v));
	ck_assert(!mu_log_get_iso8601("2011-03-18T21:06:07.Z", 21, &v));
}
END_TEST

/* --- all types, all settings -----------------------------------------------
 */

#define ALL                                                                    \
	"b:bool,i:int,c:count,d:double,t:time,v:interval,s:string,e:enum,"     \
	"p:port,a:addr,n:subnet,f:func,sa:set[addr],vc:vector[count],"         \
	"ss:set[subnet]"

static const char all_tsv[] =
    "T\t-9223372036854775808\t18446744073709551615\t0.5\t1.000000\t-2.250000"
    "\tx\tNotice::LOG\t53\t::1.2.3.4\t10.0.0.0/8\tg\tfe80::1,1.2.3.4"
    "\t1,-,3\t2001:db8::/32,0.0.0.0/0\n";
static const char all_long[] =
    "T||-9223372036854775808||18446744073709551615||0.5||1.000000||-2.250000"
    "||x||Notice::LOG||53||::1.2.3.4||10.0.0.0/8||g"
    "||fe80\\x3a\\x3a1::1.2.3.4||1::::3"
    "||2001:db8\\x3a\\x3a/32::0.0.0.0/0\n";
static const char all_json[] =
    "{\"b\":true,\"i\":-9223372036854775808,\"c\":18446744073709551615,"
    "\"d\":0.5,\"t\":1.0,\"v\":-2.25,\"s\":\"x\",\"e\":\"Notice::LOG\","
    "\"p\":53,\"a\":\"::1.2.3.4\",\"n\":\"10.0.0.0/8\",\"f\":\"g\","
    "\"sa\":[\"fe80::1\",\"1.2.3.4\"],\"vc\":[1,null,3],"
    "\"ss\":[\"2001:db8::/32\",\"0.0.0.0/0\"]}\n";

/* Read text in one format and write it in another. */
static void
turns_into(const struct mu_log_stream *s, const struct mu_log_format *from,
    const char *text, const struct mu_log_format *to, const char *want)
{
	struct mu_log_reader_config c = { .stream = s,
		.format = from,
		.form = from->json ? MU_LOG_FORM_JSON : MU_LOG_FORM_TSV };
	struct mu_log_reader *r = mu_log_reader_new(&c);
	struct mu_log_writer *w = mu_log_writer_new(s, to);

	mu_log_reader_feed(r, (const uint8_t *)text, strlen(text));
	ck_assert_int_eq(mu_log_reader_next(r), MU_LOG_COLUMNS);
	ck_assert_msg(mu_log_reader_next(r) == MU_LOG_RECORD, "%s: %s", text,
	    mu_log_reader_why(r));
	line_is(w, mu_log_reader_record(r), want);
	mu_log_writer_free(w);
	mu_log_reader_free(r);
}

START_TEST(every_type_in_every_format)
{
	struct mu_log_stream s;
	struct mu_log_format tsv, lon, json;

	start(&s, ALL);
	mu_log_format_init(&tsv);
	mu_log_format_init(&json);
	json.json = true;
	lon = tsv;
	ck_assert_int_eq(mu_log_format_set(&lon, "separator", "||", NULL), 0);
	ck_assert_int_eq(
	    mu_log_format_set(&lon, "set_separator", "::", NULL), 0);
	ck_assert_int_eq(mu_log_format_set(&lon, "unset_field", "", NULL), 0);
	turns_into(&s, &tsv, all_tsv, &tsv, all_tsv);
	turns_into(&s, &tsv, all_tsv, &json, all_json);
	turns_into(&s, &tsv, all_tsv, &lon, all_long);
	turns_into(&s, &json, all_json, &tsv, all_tsv);
	turns_into(&s, &json, all_json, &json, all_json);
	turns_into(&s, &lon, all_long, &tsv, all_tsv);
	json.json_time = MU_LOG_JSON_ISO8601;
	json.json_unset = true;
	turns_into(&s, &tsv,
	    "-\t-\t-\t-\t1.000000\t-\t-\t-\t-\t-\t-\t-\t(empty)\t-\t-\n", &json,
	    "{\"b\":null,\"i\":null,\"c\":null,\"d\":null,"
	    "\"t\":\"1970-01-01T00:00:01.000000Z\",\"v\":null,\"s\":null,"
	    "\"e\":null,\"p\":null,\"a\":null,\"n\":null,\"f\":null,\"sa\":[],"
	    "\"vc\":null,\"ss\":null}\n");
	mu_log_stream_clear(&s);
}
END_TEST

START_TEST(settings_are_checked)
{
	static const struct {
		const char *key, *value;
		int rc;
	} cases[] = {
		{ "tsv", "T", 0 },
		{ "use_json", "F", 0 },
		{ "use_json", "true", MUSTER_EINVAL },
		{ "separator", "", MUSTER_EINVAL },
		{ "separator", "\n", MUSTER_EINVAL },
		{ "unset_field", "", 0 },
		{ "gzip_level", "9", 0 },
		{ "gzip_level", "10", MUSTER_EINVAL },
		{ "json_timestamps", "JSON::TS_MILLIS", 0 },
		{ "json_timestamps", "TS_MILLIS", MUSTER_EINVAL },
		{ "no_such_thing", "x", MUSTER_ENOENT },
	};
	struct mu_log_format f;
	struct mu_log_stream s;
	struct mu_log_why why;

	mu_log_format_init(&f);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		ck_assert_int_eq(
		    mu_log_format_set(&f, cases[i].key, cases[i].value, &why),
		    cases[i].rc);
	start(&s, "a:count");
	mu_log_stream_config(&s, "unknown", "x", NULL);
	mu_log_stream_config(&s, "use_json", "T", NULL);
	ck_assert_int_eq(mu_log_format_apply(&f, &s, &why), 0);
	ck_assert(f.json);
	mu_log_stream_config(&s, "use_json", "maybe", NULL);
	ck_assert_int_eq(mu_log_format_apply(&f, &s, &why), MUSTER_EINVAL);
	ck_assert_str_eq(why.text, "use_json: 'maybe' is not T or F");
	mu_log_stream_clear(&s);
}
END_TEST

/* --- reading ----------------------------------------------------------------
 */

/* What a reader says of a text, fed in pieces of n bytes: one line each. */
static char *
story(const struct mu_log_reader_config *c, const char *text, size_t n)
{
	struct mu_log_reader *r = mu_log_reader_new(c);
	struct mu_log_writer *w = NULL;
	struct mu_log_format f;
	size_t len = strlen(text), at = 0;
	struct mu_buf b;
	char *told;
	int what;

	mu_buf_init(&b, 0);
	mu_log_format_init(&f);
	for (;;) {
		while ((what = mu_log_reader_next(r)) > MU_LOG_MORE) {
			mu_buf_printf(&b, "%llu@%llu ",
			    (unsigned long long)mu_log_reader_line(r),
			    (unsigned long long)mu_log_reader_offset(r));
			if (what == MU_LOG_BAD) {
				mu_buf_printf(
				    &b, "bad %s\n", mu_log_reader_why(r));
			} else if (what == MU_LOG_COLUMNS) {
				const struct mu_log_stream *s =
				    mu_log_reader_stream(r);

				mu_log_writer_free(w);
				w = mu_log_writer_new(s, &f);
				mu_buf_printf(&b, "columns of %s:", s->path);
				for (size_t i = 0; i < s->nfields; i++) {
					char t[MU_LOG_TYPE_TEXT];

					mu_buf_printf(&b, " %s:%s",
					    s->fields[i].name,
					    mu_log_type_format(
						s->fields[i].type,
						s->fields[i].subtype, t));
				}
				mu_buf_u8(&b, '\n');
			} else {
				mu_log_writer_line(
				    w, &b, mu_log_reader_record(r));
			}
		}
		ck_assert_int_eq(what, MU_LOG_MORE);
		if (at == len) {
			if (n == 0) {
				ck_assert_uint_eq(mu_log_reader_offset(r), len);
				break;
			}
			n = 0;
			mu_log_reader_end(r);
			continue;
		}
		if (n > len - at)
			n = len - at;
		mu_log_reader_feed(r, (const uint8_t *)text + at, n);
		at += n;
	}
	mu_log_writer_free(w);
	mu_log_reader_free(r);
	told = mu_buf_take_string(&b);
	mu_buf_clear(&b);
	return told;
}

static const char two_files[] =
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n"
    "#unset_field\t-\n#path\tone\n#open\t2024-05-01-13-00-00\n"
    "#fields\tts\ts\n#types\ttime\tset[string]\n"
    "1.000000\ta,b\n"
    "2.000000\n"
    "3.000000\tx\ty\n"
    "four\tx\n"
    "\n"
    "#close\t2024-05-01-14-00-00\n"
    "#separator \\x7c\n#set_separator|;\n#empty_field|E\n#unset_field|U\n"
    "#path|two\n#open|2024-05-01-13-00-00\n"
    "#fields|ts|s|n\n#types|time|set[string]|count\n"
    "5.000000|a,b;c|U\n"
    "6.000000|E|7";

static const char two_files_told[] =
    "8@142 columns of one: ts:time s:set[string]\n"
    "9@155 1.000000\ta,b\n"
    "10@164 bad 1 fields where 2 are expected\n"
    "11@177 bad 3 fields where 2 are expected\n"
    "12@184 bad field ts: 'four' is no time\n"
    "22@356 columns of two: ts:time s:set[string] n:count\n"
    "23@373 5.000000\ta\\x2cb,c\t-\n"
    "24@385 6.000000\t(empty)\t7\n";

static const char lines[] =
    "{\"ts\":1.5,\"id.orig_h\":\"::1\",\"n\":1,\"x\":[],\"y\":null}\n"
    "{\"n\":-2, \"x\" : [ true , null ],\"z\":\"\\u00fc\\n\"}\n"
    "{\"n\":\"no\"}\n"
    "not json\n"
    "\n"
    "{\"n\":3,\"n\":4}\n"
    "{\"n\":5}trailing\n"
    "{\"n\":6,\"x\":[false],\"y\":\"s\",\"z\":\"\\ud83d\\ude00\"}";

static const char lines_told[] =
    "0@0 columns of t: ts:time id.orig_h:addr n:int x:vector[bool] y:string"
    " z:string\n"
    "1@51 1.500000\t::1\t1\t(empty)\t-\t-\n"
    "2@98 -\t-\t-2\tT,-\t-\t\\xc3\\xbc\\x0a\n"
    "3@109 bad field n: a string is no int\n"
    "4@118 bad the line is no JSON object\n"
    "6@133 bad field n: it is there twice\n"
    "7@149 bad something behind the object\n"
    "8@195 -\t-\t6\tF\ts\t\xf0\x9f\x98\x80\n";

static void
same_in_any_split(
    const struct mu_log_reader_config *c, const char *text, const char *want)
{
	for (size_t n = 1; n <= strlen(text); n += n < 40 ? 1 : 37) {
		char *told = story(c, text, n);

		ck_assert_str_eq(told, want);
		mu_free(told);
	}
}

START_TEST(any_split_gives_the_same_facts)
{
	struct mu_log_stream s;
	struct mu_log_reader_config c = { .stream = &s, .header_path = true };

	start(&s, "");
	same_in_any_split(&c, two_files, two_files_told);
	same_in_any_split(&c, lines, lines_told);
	mu_log_stream_clear(&s);
}
END_TEST

START_TEST(files_without_header_need_columns)
{
	struct mu_log_stream s;
	struct mu_log_reader_config c = { .stream = &s };

	start(&s, "");
	same_in_any_split(&c, "a\tb\nc\td\n",
	    "1@4 bad no header (#fields, #types) tells the columns\n"
	    "2@8 bad no header (#fields, #types) tells the columns\n");
	mu_log_stream_clear(&s);
	start(&s, "x:string,n:count");
	same_in_any_split(&c, "a\t1\nb\t-\n",
	    "1@4 columns of t: x:string n:count\n"
	    "1@4 a\t1\n2@8 b\t-\n");
	/* the names alone, as "tsv = T" writes them, in an order of their own
	 */
	same_in_any_split(&c, "n\tx\n1\ta\n",
	    "1@4 columns of t: n:count x:string\n2@8 1\ta\n");
	mu_log_stream_clear(&s);
}
END_TEST

START_TEST(long_lines_are_skipped)
{
	struct mu_log_stream s;
	struct mu_log_reader_config c = { .stream = &s, .max_line = 20 };

	start(&s, "x:string");
	same_in_any_split(&c,
	    "short\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nend\n",
	    "1@6 columns of t: x:string\n1@6 short\n"
	    "2@41 bad longer than 20 bytes\n3@45 end\n");
	mu_log_stream_clear(&s);
}
END_TEST

START_TEST(bad_headers_are_refused)
{
	static const struct {
		const char *text, *told;
	} cases[] = {
		{ "#separator \\x09\n#types\tcount\n",
		    "2@29 bad #types without #fields\n" },
		{ "#separator \\x09\n#fields\ta\n#types\trecord\n",
		    "3@40 bad field a: no such type as record\n" },
		{ "#separator \\x09\n#fields\ta\tb\n#types\tcount\n",
		    "3@41 bad #fields and #types are not equally many\n" },
		{ "#separator \\x09\n#fields\ta\ta\n#types\tint\tint\n",
		    "3@43 bad field a: there are two of that name\n" },
	};
	struct mu_log_stream s;
	struct mu_log_reader_config c = { .stream = &s };

	start(&s, "");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		same_in_any_split(&c, cases[i].text, cases[i].told);
	mu_log_stream_clear(&s);
}
END_TEST

START_TEST(a_header_is_written_as_zeek_does)
{
	struct mu_log_stream s;
	struct mu_log_format f;
	struct mu_log_writer *w;
	struct mu_buf b;

	start(&s, "ts:time,l:vector[addr]");
	mu_log_format_init(&f);
	mu_log_format_set(&f, "empty_field", "<e m>", NULL);
	setenv("TZ", "UTC", 1);
	tzset();
	w = mu_log_writer_new(&s, &f);
	mu_buf_init(&b, 0);
	mu_log_writer_open(w, &b, 1714568400);
	mu_log_writer_close(w, &b, 1714572000);
	mu_buf_u8(&b, 0);
	ck_assert_str_eq((char *)mu_buf_data(&b),
	    "#separator \\x09\n#set_separator\t,\n#empty_field\t<e\\x20m>\n"
	    "#unset_field\t-\n#path\tt\n#open\t2024-05-01-13-00-00\n"
	    "#fields\tts\tl\n#types\ttime\tvector[addr]\n"
	    "#close\t2024-05-01-14-00-00\n");
	mu_log_writer_free(w);
	mu_buf_reset(&b);
	f.tsv = true;
	w = mu_log_writer_new(&s, &f);
	mu_log_writer_open(w, &b, 0);
	mu_log_writer_close(w, &b, 0);
	mu_buf_u8(&b, 0);
	ck_assert_str_eq((char *)mu_buf_data(&b), "ts\tl\n");
	mu_log_writer_free(w);
	mu_buf_clear(&b);
	mu_log_stream_clear(&s);
}
END_TEST

/* --- names ----------------------------------------------------------- */

START_TEST(paths_are_derived_as_zeek_does)
{
	static const struct {
		const char *stream, *path;
		bool back;
	} cases[] = {
		{ "Conn::LOG", "conn", true },
		{ "HTTP::LOG", "http", true },
		{ "PacketFilter::LOG", "packet_filter", true },
		{ "Known::HOSTS_LOG", "known_hosts", true },
		{ "KRB::LOG", "kerberos", true },
		{ "DCE_RPC::LOG", "dce_rpc", true },
		{ "MyApp::LOG", "my_app", true },
		{ "X509::LOG", "x509", true },
		{ "Foo::BAR_LOG", "foo_bar", false },
		{ "Foo::OTHER", "foo_other", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *path = mu_log_path_of(cases[i].stream);
		char *stream = mu_log_stream_of(cases[i].path);

		ck_assert_str_eq(path, cases[i].path);
		if (cases[i].back)
			ck_assert_str_eq(stream, cases[i].stream);
		mu_free(path);
		mu_free(stream);
	}
}
END_TEST

START_TEST(types_on_the_command_line)
{
	struct mu_log_stream s;
	struct mu_log_why why;

	start(&s, "a:count,id.x:set[addr]");
	ck_assert_uint_eq(s.nfields, 2);
	ck_assert_int_eq(s.fields[1].subtype, MU_LOG_ADDR);
	ck_assert_int_eq(mu_log_stream_types(&s, "b", &why), MUSTER_EINVAL);
	ck_assert_str_eq(why.text, "'b' is not NAME:TYPE");
	ck_assert_int_eq(
	    mu_log_stream_types(&s, "b:set[set]", &why), MUSTER_EINVAL);
	ck_assert_str_eq(why.text, "field b: there is no type set[set]");
	ck_assert_int_eq(
	    mu_log_stream_types(&s, "a:count", &why), MUSTER_EEXIST);
	mu_log_stream_clear(&s);
}
END_TEST

/* --- memory ---------------------------------------------------------- */

static bool
read_and_write(void *ctx)
{
	const char *text = ctx;
	struct mu_log_stream s;
	struct mu_log_reader_config c = { .stream = &s };
	struct mu_log_reader *r = NULL;
	struct mu_log_writer *w = NULL;
	struct mu_log_format f;
	struct mu_buf b;
	int what = MUSTER_ENOMEM;

	if (mu_log_stream_init(&s, "T::LOG", ASCII, "t", NULL) != 0)
		return false;
	mu_buf_init(&b, 0);
	mu_log_format_init(&f);
	r = mu_log_reader_new(&c);
	if (r == NULL ||
	    mu_log_reader_feed(r, (const uint8_t *)text, strlen(text)) != 0)
		goto done;
	mu_log_reader_end(r);
	while ((what = mu_log_reader_next(r)) > MU_LOG_MORE) {
		if (what == MU_LOG_COLUMNS) {
			mu_log_writer_free(w);
			w = mu_log_writer_new(mu_log_reader_stream(r), &f);
			if (w == NULL) {
				what = MUSTER_ENOMEM;
				goto done;
			}
			mu_log_writer_open(w, &b, 0);
		} else if (what == MU_LOG_RECORD) {
			mu_log_writer_line(w, &b, mu_log_reader_record(r));
		}
	}
	if (what == MU_LOG_MORE)
		what = mu_buf_error(&b);
done:
	mu_log_writer_free(w);
	mu_log_reader_free(r);
	mu_log_stream_clear(&s);
	mu_buf_clear(&b);
	return what == 0;
}

START_TEST(memory_may_run_out)
{
	char tsv[sizeof two_files], json[sizeof lines];

	memcpy(tsv, two_files, sizeof tsv);
	memcpy(json, lines, sizeof json);
	ck_assert_uint_gt(nomem_each(read_and_write, tsv), 20);
	ck_assert_uint_gt(nomem_each(read_and_write, json), 20);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("logrec_text");
	TCase *t = tcase_create("logrec_text");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, nasty_strings_look_as_zeek_shows_them);
	tcase_add_test(t, numbers_round_as_zeek_does);
	tcase_add_test(t, numbers_read_back_exactly);
	tcase_add_test(t, what_zeek_shows_is_shown_again);
	tcase_add_test(t, times_of_json_in_all_forms);
	tcase_add_test(t, every_type_in_every_format);
	tcase_add_test(t, settings_are_checked);
	tcase_add_test(t, any_split_gives_the_same_facts);
	tcase_add_test(t, files_without_header_need_columns);
	tcase_add_test(t, long_lines_are_skipped);
	tcase_add_test(t, bad_headers_are_refused);
	tcase_add_test(t, a_header_is_written_as_zeek_does);
	tcase_add_test(t, paths_are_derived_as_zeek_does);
	tcase_add_test(t, types_on_the_command_line);
	tcase_add_test(t, memory_may_run_out);
	suite_add_tcase(s, t);
	return unit_run(s);
}
