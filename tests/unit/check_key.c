/*
 * Keys as Zeek hashes them: types as text, what values tell by themselves, what
 * is missing where they do not.  The digests are those that Zeek printed.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "muster/err.h"
#include "muster/value.h"
#include "nomem.h"
#include "pool/hrw.h"
#include "unit.h"
#include "value/key.h"
#include "value/key_type.h"

#define T(type, data) "{\"@data-type\":\"" type "\",\"data\":" data "}"
#define COUNT(n)      T("count", n)
#define X             T("string", "\"x\"")
#define ADDR          T("address", "\"1.2.3.4\"")
#define PORT          T("port", "\"80/tcp\"")
#define NONE          T("none", "{}")
#define LOG           T("enum-value", "\"Conn::LOG\"")
#define VECTOR(e)     T("vector", "[" e "]")
#define SET(e)        T("set", "[" e "]")
#define TABLE(k, v)   T("table", "[{\"key\":" k ",\"value\":" v "}]")
#define FIELDS        "record { a: addr; p: port; s: string &optional; }"

static const char *why;

static struct muster_value *
value_of(const char *json)
{
	struct muster_value *v = NULL;

	ck_assert_int_eq(muster_value_from_json(json, strlen(json), &v), 0);
	return v;
}

/* The digest of a key, 0 when it is none; rc tells. */
static uint32_t
digest(const char *json, const char *type, int *rc)
{
	struct muster_value *v = value_of(json);
	struct mu_buf b;
	uint32_t d = 0;

	mu_buf_init(&b, MU_KEY_BYTES);
	mu_buf_u8(&b, 'x');
	why = "";
	*rc = mu_key_enc(&b, v, type, &why);
	if (*rc == 0)
		d = mu_hrw_digest(mu_buf_data(&b) + 1, mu_buf_len(&b) - 1);
	else
		ck_assert_uint_eq(mu_buf_len(&b), 1);
	mu_buf_clear(&b);
	muster_value_unref(v);
	return d;
}

START_TEST(what_zeek_printed_is_what_we_hash)
{
	static const struct {
		const char *json, *type;
		uint32_t digest;
	} cases[] = {
		{ VECTOR(ADDR "," PORT "," NONE), FIELDS, 1721541016 },
		{ VECTOR(ADDR "," PORT "," X), FIELDS, 3911602021 },
		{ VECTOR(COUNT("1") "," COUNT("2")), NULL, 3294685052 },
		{ VECTOR(COUNT("1") "," COUNT("2")), "vector of count",
		    3294685052 },
		{ SET(COUNT("5")), NULL, 2937863005 },
		{ SET(COUNT("5")), "set[count]", 2937863005 },
		{ SET(X), NULL, 438259887 },
		{ SET(X), " set [ string ] ", 438259887 },
		{ LOG, "Log::ID", 763435503 },
		{ LOG, "enum Log::ID", 763435503 },
		{ LOG, "enum:Log::ID", 763435503 },
		{ COUNT("1"), NULL, 321532423 },
		{ COUNT("1"), "count", 321532423 },
		/* an enum's type says nothing about other keys */
		{ COUNT("1"), "Log::ID", 321532423 },
		{ X, "string", 4245442695 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int rc;
		uint32_t d = digest(cases[i].json, cases[i].type, &rc);

		ck_assert_msg(rc == 0, "%s: %s", cases[i].json, why);
		ck_assert_msg(d == cases[i].digest, "%s: %u", cases[i].json, d);
	}
}
END_TEST

/* The bytes, as the description has them for known keys. */
static void
expect_bytes(const char *json, const char *type, const char *want, size_t len)
{
	struct muster_value *v = value_of(json);
	struct mu_buf b;

	mu_buf_init(&b, 0);
	ck_assert_int_eq(mu_key_enc(&b, v, type, &why), 0);
	ck_assert_uint_eq(mu_buf_len(&b), len);
	ck_assert_mem_eq(mu_buf_data(&b), want, len);
	mu_buf_clear(&b);
	muster_value_unref(v);
}
#define BYTES(json, type, want) expect_bytes(json, type, want, sizeof(want) - 1)

START_TEST(parts_are_described_one_by_one)
{
	/* two indexes; a table's value follows its index */
	BYTES(SET(VECTOR(ADDR "," PORT)), "set[addr, port]",
	    "\16\0\0\0\13\0\0\0\12\0\0\0\1\0\0\0\2\0\0\0\20\0\0\0\0\0\0\0"
	    "\2\0\0\0\0\0\0\0\13\0\0\0\12\0\0\0\2\0\0\0\0\0\0\0"
	    "\13\0\0\0"
	    "1.2.3.4\0\12\0\0\0\120\0\0\0/\0tcp");
	BYTES(TABLE(X, COUNT("7")), NULL,
	    "\16\0\0\0\7\0\0\0\3\0\0\0\1\0\0\0\1\0\0\0\20\0\0\0\0\0\0\0"
	    "\1\0\0\0\0\0\0\0\7\0\0\0\1\0\0\0\0\0\0\0"
	    "\7\0\0\0\1\0\0\0x\3\0\0\0\7\0\0\0\0\0\0\0");
	BYTES(VECTOR(""), "vector of count", "\23\0\0\0\3\0\0\0[\0]\0");
	BYTES(VECTOR(NONE "," COUNT("1")), NULL,
	    "\23\0\0\0\3\0\0\0[\0, \0\3\0\0\0\1\0\0\0\0\0\0\0]\0");
	BYTES(VECTOR(LOG), "vector of enum Log::ID",
	    "\23\0\0\0\11\0\0\0Log::ID[\0\11\0\0\0Log::IDConn::LOG\0]\0");
	BYTES(
	    SET(""), "set[addr, port]", "\16\0\0\0\13\0\0\0\12\0\0\0\0\0\0\0");
	BYTES(TABLE("{\"@data-type\":\"count\",\"data\":1}", VECTOR("")),
	    "table[count] of vector of addr",
	    "\16\0\0\0\3\0\0\0\23\0\0\0\13\0\0\0\1\0\0\0\1\0\0\0"
	    "\20\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\3\0\0\0\1\0\0\0\0\0\0\0"
	    "\3\0\0\0\1\0\0\0\0\0\0\0\23\0\0\0\13\0\0\0[\0]\0");
}
END_TEST

START_TEST(the_order_of_a_set_is_no_part_of_it)
{
	int rc;

	ck_assert_uint_eq(digest(SET(COUNT("1") "," COUNT("2")), NULL, &rc),
	    digest(SET(COUNT("2") "," COUNT("1")), NULL, &rc));
	ck_assert_uint_ne(digest(SET(COUNT("1") "," COUNT("2")), NULL, &rc),
	    digest(SET(COUNT("1")), NULL, &rc));
}
END_TEST

START_TEST(what_a_value_does_not_tell_is_asked_for)
{
	static const struct {
		const char *json, *type;
		int rc;
		const char *why;
	} cases[] = {
		{ NONE, NULL, MUSTER_ETYPE, "none cannot be a key" },
		{ LOG, NULL, MUSTER_EINVAL, "an enum needs the name" },
		{ VECTOR(""), NULL, MUSTER_EINVAL, "an empty container" },
		{ SET(""), NULL, MUSTER_EINVAL, "an empty container" },
		{ T("table", "[]"), NULL, MUSTER_EINVAL, "an empty container" },
		{ VECTOR(NONE), NULL, MUSTER_EINVAL, "an empty container" },
		{ VECTOR(VECTOR("")), NULL, MUSTER_EINVAL, "an empty" },
		{ VECTOR(LOG), NULL, MUSTER_EINVAL, "an enum needs" },
		{ SET(VECTOR(ADDR)), NULL, MUSTER_EINVAL, "an index that is" },
		{ VECTOR(ADDR "," PORT), NULL, MUSTER_ETYPE, "its parts are" },
		{ VECTOR(ADDR "," PORT), FIELDS, MUSTER_ETYPE, "not of the" },
		{ VECTOR(COUNT("1")), "set[count]", MUSTER_ETYPE, "not of" },
		{ SET(COUNT("1")), "table[count] of count", MUSTER_ETYPE, "" },
		{ SET(COUNT("1")), "set[count, count]", MUSTER_ETYPE, "not" },
		{ SET(VECTOR(ADDR)), "set[addr, port]", MUSTER_ETYPE, "not" },
		{ COUNT("1"), "int", MUSTER_ETYPE, "not of the type" },
		{ COUNT("1"), "vector", MUSTER_EINVAL, "type: no type" },
		{ LOG, "count", MUSTER_ETYPE, "not of the type" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int rc;

		digest(cases[i].json, cases[i].type, &rc);
		ck_assert_msg(
		    rc == cases[i].rc, "%s: %d %s", cases[i].json, rc, why);
		ck_assert_msg(
		    strncmp(why, cases[i].why, strlen(cases[i].why)) == 0,
		    "%s: %s", cases[i].json, why);
	}
}
END_TEST

/* --- types as text -------------------------------------------------------- */

START_TEST(types_are_read_as_scripts_write_them)
{
	static const char *const good[] = { "count", "set[addr,port]",
		"table[string] of set[count]", "vector of vector of addr",
		"record{a:addr,p:port}", "record { a: addr &log &optional; }",
		"table [ record { x: count; } , port ] of record {y:int;}",
		"enum a", "Notice::Type", "_x", "set[Log::ID]" };
	static const char *const bad[] = { "", " ", "vector", "vector count",
		"vector of", "vector of [", "set", "set[]", "set[addr",
		"set[addr,]", "set[addr] of count", "table[addr]",
		"table[addr] of", "record", "record {}", "record { a }",
		"record { a: }", "record { a: addr p: port }",
		"record { : addr; }", "record { a: addr; ", "count count",
		"enum", "record { a: addr & }", "a-b", ":", "::x", "set[addr]]",
		"\x80" };

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct mu_key_type *t = NULL;

		ck_assert_msg(
		    mu_key_type_parse(good[i], strlen(good[i]), &t) == 0, "%s",
		    good[i]);
		mu_key_type_free(t);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct mu_key_type *t = NULL;

		ck_assert_msg(mu_key_type_parse(bad[i], strlen(bad[i]), &t) ==
				  MUSTER_EINVAL,
		    "%s", bad[i]);
		ck_assert_ptr_null(t);
	}
}
END_TEST

START_TEST(a_type_is_neither_deep_nor_long)
{
	char text[MU_KEY_TYPE_TEXT + 2] = "";
	struct mu_key_type *t = NULL;

	for (int i = 0; i < 31; i++)
		strcat(text, "vector of ");
	strcat(text, "count");
	ck_assert_int_eq(mu_key_type_parse(text, strlen(text), &t), 0);
	mu_key_type_free(t);
	t = NULL;
	memmove(text + 10, text, strlen(text) + 1);
	ck_assert_int_eq(
	    mu_key_type_parse(text, strlen(text), &t), MUSTER_EINVAL);
	memset(text, 'x', sizeof text - 1);
	ck_assert_int_eq(mu_key_type_parse(text, MU_KEY_TYPE_TEXT, &t), 0);
	mu_key_type_free(t);
	t = NULL;
	ck_assert_int_eq(
	    mu_key_type_parse(text, MU_KEY_TYPE_TEXT + 1, &t), MUSTER_EINVAL);
}
END_TEST

/* A type of many parts many times over is stopped by the limit. */
START_TEST(a_small_key_does_not_become_a_huge_one)
{
	char type[4096] = "vector of set[count";
	struct muster_value *v = muster_value_vector();
	struct mu_buf b;

	while (strlen(type) < 4000)
		strcat(type, ",count");
	strcat(type, "]");
	for (int i = 0; i < 10000; i++) {
		struct muster_value *e = muster_value_set();

		ck_assert_int_eq(muster_value_append(v, e), 0);
	}
	mu_buf_init(&b, MU_KEY_BYTES);
	ck_assert_int_eq(mu_key_enc(&b, v, type, &why), MUSTER_ELIMIT);
	mu_buf_clear(&b);
	muster_value_unref(v);
}
END_TEST

static bool
encode(void *ctx)
{
	struct mu_buf b;
	bool good;

	mu_buf_init(&b, 0);
	good = mu_key_enc(&b, ctx,
		   "record { a: table[addr] of count; e: set[Log::ID]; }",
		   &why) == 0 &&
	       mu_buf_error(&b) == 0;
	mu_buf_clear(&b);
	return good;
}

START_TEST(without_memory_there_is_no_key_and_no_leak)
{
	struct muster_value *v =
	    value_of(VECTOR(TABLE(ADDR, COUNT("1")) "," SET(LOG)));

	ck_assert_uint_gt(nomem_each(encode, v), 8);
	muster_value_unref(v);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("key");
	TCase *t = tcase_create("key");

	tcase_add_test(t, what_zeek_printed_is_what_we_hash);
	tcase_add_test(t, parts_are_described_one_by_one);
	tcase_add_test(t, the_order_of_a_set_is_no_part_of_it);
	tcase_add_test(t, what_a_value_does_not_tell_is_asked_for);
	tcase_add_test(t, types_are_read_as_scripts_write_them);
	tcase_add_test(t, a_type_is_neither_deep_nor_long);
	tcase_add_test(t, a_small_key_does_not_become_a_huge_one);
	tcase_add_test(t, without_memory_there_is_no_key_and_no_leak);
	suite_add_tcase(s, t);
	return unit_run(s);
}
