/*
 * Short text of the command line: typed, guessed, refused.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "muster/err.h"
#include "muster/value.h"
#include "nomem.h"
#include "unit.h"

#define N(array) (sizeof(array) / sizeof(array)[0])

static const struct {
	const char *in;
	enum muster_type type;
	const char *text; /* of the value */
} good[] = {
	{ "none:", MUSTER_NONE, "nil" },
	{ "boolean:T", MUSTER_BOOLEAN, "T" },
	{ "boolean:false", MUSTER_BOOLEAN, "F" },
	{ "count:9", MUSTER_COUNT, "9" },
	{ "count:18446744073709551615", MUSTER_COUNT, "18446744073709551615" },
	{ "integer:9", MUSTER_INTEGER, "9" },
	{ "integer:+9", MUSTER_INTEGER, "9" },
	{ "integer:-9223372036854775808", MUSTER_INTEGER,
	    "-9223372036854775808" },
	{ "real:2", MUSTER_REAL, "2.000000" },
	{ "real:-1e3", MUSTER_REAL, "-1000.000000" },
	{ "real:-inf", MUSTER_REAL, "-inf" },
	{ "string:x", MUSTER_STRING, "x" },
	{ "string:", MUSTER_STRING, "" },
	{ "string:count:9", MUSTER_STRING, "count:9" },
	{ "string:{", MUSTER_STRING, "{" },
	{ "address:192.0.2.1", MUSTER_ADDRESS, "192.0.2.1" },
	{ "address:::1", MUSTER_ADDRESS, "::1" },
	{ "subnet:10.1.2.3/8", MUSTER_SUBNET, "10.0.0.0/8" },
	{ "port:53/udp", MUSTER_PORT, "53/udp" },
	{ "port:53", MUSTER_PORT, "53/tcp" },
	{ "port:0/unknown", MUSTER_PORT, "0/?" },
	{ "timestamp:2020-09-01T15:58:42.372", MUSTER_TIMESTAMP,
	    "1598975922372000000ns" },
	{ "timestamp:1700000000.123456789", MUSTER_TIMESTAMP,
	    "1700000000123456789ns" },
	{ "timespan:90s", MUSTER_TIMESPAN, "90000000000ns" },
	{ "timespan:1 day", MUSTER_TIMESPAN, "86400000000000ns" },
	{ "timespan:9223372036854775807ns", MUSTER_TIMESPAN,
	    "9223372036854775807ns" },
	{ "enum-value:Notice::LOG", MUSTER_ENUM, "Notice::LOG" },
	{ "vector:[]", MUSTER_VECTOR, "()" },
	{ "set:[{\"@data-type\":\"count\",\"data\":1}]", MUSTER_SET, "{1}" },
	{ "{\"@data-type\":\"vector\",\"data\":[]}", MUSTER_VECTOR, "()" },
	/* guessed */
	{ "", MUSTER_STRING, "" },
	{ "T", MUSTER_BOOLEAN, "T" },
	{ "F", MUSTER_BOOLEAN, "F" },
	{ "true", MUSTER_STRING, "true" },
	{ "9", MUSTER_COUNT, "9" },
	{ "007", MUSTER_COUNT, "7" },
	{ "+9", MUSTER_INTEGER, "9" },
	{ "-9", MUSTER_INTEGER, "-9" },
	{ "3.5", MUSTER_REAL, "3.500000" },
	{ "-.5", MUSTER_REAL, "-0.500000" },
	{ "1e3", MUSTER_REAL, "1000.000000" },
	{ "inf", MUSTER_STRING, "inf" },
	{ "e5", MUSTER_STRING, "e5" },
	{ "0x10", MUSTER_STRING, "0x10" },
	{ "1.2.3.4", MUSTER_ADDRESS, "1.2.3.4" },
	{ "1.2.3", MUSTER_STRING, "1.2.3" },
	{ "2001:DB8::1", MUSTER_ADDRESS, "2001:db8::1" },
	{ "10.0.0.0/8", MUSTER_SUBNET, "10.0.0.0/8" },
	{ "10.0.0.0/33", MUSTER_STRING, "10.0.0.0/33" },
	{ "fe80::/10", MUSTER_SUBNET, "fe80::/10" },
	{ "80/tcp", MUSTER_PORT, "80/tcp" },
	{ "80/http", MUSTER_STRING, "80/http" },
	{ "70000/tcp", MUSTER_STRING, "70000/tcp" },
	{ "5min", MUSTER_TIMESPAN, "300000000000ns" },
	{ "1.5 hrs", MUSTER_TIMESPAN, "5400000000000ns" },
	{ "2 days", MUSTER_TIMESPAN, "172800000000000ns" },
	{ "-7ms", MUSTER_TIMESPAN, "-7000000ns" },
	{ "5 apples", MUSTER_STRING, "5 apples" },
	{ "Foo::bar", MUSTER_STRING, "Foo::bar" },
	{ "enum:x", MUSTER_STRING, "enum:x" },
	{ "http://x.example/", MUSTER_STRING, "http://x.example/" },
	{ "hello world", MUSTER_STRING, "hello world" },
};

START_TEST(short_text_means)
{
	struct muster_value *v;
	char *text;
	size_t len;

	ck_assert_msg(
	    muster_value_from_text(good[_i].in, &v) == 0, "%s", good[_i].in);
	ck_assert_msg(muster_value_type(v) == good[_i].type, "%s is a %s",
	    good[_i].in, muster_type_name(muster_value_type(v)));
	ck_assert_int_eq(muster_value_to_text(v, &text, &len), 0);
	ck_assert_str_eq(text, good[_i].text);
	free(text);
	muster_value_unref(v);
}
END_TEST

static const struct {
	const char *in;
	int rc;
} bad[] = {
	{ "none:x", MUSTER_EINVAL },
	{ "boolean:1", MUSTER_EINVAL },
	{ "count:", MUSTER_EINVAL },
	{ "count:-1", MUSTER_EINVAL },
	{ "count:+1", MUSTER_EINVAL },
	{ "count: 1", MUSTER_EINVAL },
	{ "count:18446744073709551616", MUSTER_ELIMIT },
	{ "18446744073709551616", MUSTER_ELIMIT },
	{ "-9223372036854775809", MUSTER_ELIMIT },
	{ "integer:9223372036854775808", MUSTER_ELIMIT },
	{ "integer:--1", MUSTER_EINVAL },
	{ "real:", MUSTER_EINVAL },
	{ "real:1,5", MUSTER_EINVAL },
	{ "real:infinity", MUSTER_EINVAL },
	{ "real:0x1p3", MUSTER_EINVAL },
	{ "1e999", MUSTER_ELIMIT },
	{ "address:x", MUSTER_EINVAL },
	{ "address:[::1]", MUSTER_EINVAL },
	{ "subnet:10.0.0.0", MUSTER_EINVAL },
	{ "subnet:10.0.0.0/33", MUSTER_EINVAL },
	{ "subnet:::/129", MUSTER_EINVAL },
	{ "port:65536/tcp", MUSTER_EINVAL },
	{ "port:1/sctp", MUSTER_EINVAL },
	{ "port:/tcp", MUSTER_EINVAL },
	{ "timestamp:yesterday", MUSTER_EINVAL },
	{ "timestamp:99999999999", MUSTER_EINVAL },
	{ "timespan:5", MUSTER_EINVAL },
	{ "timespan:", MUSTER_EINVAL },
	{ "timespan:1e9 days", MUSTER_ELIMIT },
	{ "vector:", MUSTER_EPROTO },
	{ "vector:[1]", MUSTER_ETYPE },
	{ "set:{}", MUSTER_ETYPE },
	{ "{", MUSTER_EPROTO },
	{ "{}", MUSTER_ETYPE },
	{ "[]", MUSTER_ETYPE },
};

START_TEST(short_text_is_refused)
{
	struct muster_value *v = NULL;
	int rc = muster_value_from_text(bad[_i].in, &v);

	ck_assert_msg(
	    rc == bad[_i].rc, "%s: %s", bad[_i].in, muster_strerror(rc));
	ck_assert_ptr_null(v);
}
END_TEST

static bool
read_text(void *ctx)
{
	struct muster_value *v;
	int rc = muster_value_from_text(ctx, &v);

	ck_assert(rc == 0 || rc == MUSTER_ENOMEM);
	if (rc == 0)
		muster_value_unref(v);
	return rc == 0;
}

START_TEST(without_memory_it_is_not_guessed_as_something_else)
{
	char text[256];

	snprintf(text, sizeof text, "%s", good[_i].in);
	nomem_each(read_text, text);
}
END_TEST

static Suite *
short_suite(void)
{
	Suite *s = suite_create("short text");
	TCase *t = tcase_create("short text");

	tcase_add_loop_test(t, short_text_means, 0, N(good));
	tcase_add_loop_test(t, short_text_is_refused, 0, N(bad));
	tcase_add_loop_test(
	    t, without_memory_it_is_not_guessed_as_something_else, 0, N(good));
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(short_suite());
}
