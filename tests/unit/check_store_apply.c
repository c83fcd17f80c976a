/*
 * What add and subtract make of each type, row by row; what a query reads.
 * Values are written in the short text of the command line.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "nomem.h"
#include "store/apply.h"
#include "unit.h"

static struct muster_value *
value(const char *text)
{
	struct muster_value *v = NULL;

	ck_assert_msg(muster_value_from_text(text, &v) == 0, "%s", text);
	return v;
}

struct row {
	const char *old, *amount, *init, *added, *taken;
};

/* old "-": missing.  added, taken: a value, "!" type clash, "?" invalid,
 * "-" no such key. */
static const struct row rows[] = {
	{ "count:5", "count:2", "none", "count:7", "count:3" },
	{ "count:1", "count:5", "none", "count:6",
	    "count:18446744073709551612" },
	{ "count:18446744073709551615", "count:1", "none", "count:0",
	    "count:18446744073709551614" },
	{ "count:5", "integer:2", "none", "!", "!" },
	{ "count:5", "string:x", "none", "!", "!" },
	{ "integer:5", "integer:-2", "none", "integer:3", "integer:7" },
	{ "integer:9223372036854775807", "integer:1", "none",
	    "integer:-9223372036854775808", "integer:9223372036854775806" },
	{ "integer:5", "count:2", "none", "!", "!" },
	{ "real:1.5", "real:0.25", "none", "real:1.75", "real:1.25" },
	{ "real:1.5", "count:1", "none", "!", "!" },
	{ "timespan:5s", "timespan:2s", "none", "timespan:7s", "timespan:3s" },
	{ "timespan:5s", "count:2", "none", "!", "!" },
	{ "timestamp:1970-01-01T00:00:10.000", "timespan:2s", "none",
	    "timestamp:1970-01-01T00:00:12.000",
	    "timestamp:1970-01-01T00:00:08.000" },
	{ "timestamp:1970-01-01T00:00:10.000",
	    "timestamp:1970-01-01T00:00:01.000", "none", "!", "!" },
	{ "string:ab", "string:cd", "none", "string:abcd", "!" },
	{ "string:ab", "count:1", "none", "!", "!" },
	{ "boolean:T", "boolean:T", "none", "!", "!" },
	{ "address:10.0.0.1", "count:1", "none", "!", "!" },
	{ "enum-value:A", "string:b", "none", "!", "!" },
	/* sets: what is there already, what is not */
	{ "@set 1 2", "count:2", "none", "@set 1 2", "@set 1" },
	{ "@set 1 2", "count:3", "none", "@set 1 2 3", "@set 1 2" },
	{ "@set", "count:3", "none", "@set 3", "@set" },
	/* vectors: pop takes the last, whatever is given */
	{ "@vector 1 2", "count:2", "none", "@vector 1 2 2", "@vector 1" },
	{ "@vector", "string:k", "none", "@vector k", "@vector" },
	/* tables want a pair */
	{ "@table 1 a", "@vector 2 b", "none", "@table 1 a 2 b", "@table 1 a" },
	{ "@table 1 a", "@vector 1 b", "none", "@table 1 b", "@table 1 a" },
	{ "@table 1 a", "@vector 1", "none", "?", "@table 1 a" },
	{ "@table 1 a", "count:1", "none", "!", "@table" },
	/* missing keys become the zero of the type named */
	{ "-", "count:2", "count", "count:2", "-" },
	{ "-", "integer:2", "integer", "integer:2", "-" },
	{ "-", "real:2.5", "real", "real:2.5", "-" },
	{ "-", "string:x", "string", "string:x", "-" },
	{ "-", "timespan:2s", "timestamp", "timestamp:1970-01-01T00:00:02.000",
	    "-" },
	{ "-", "timespan:2s", "timespan", "timespan:2s", "-" },
	{ "-", "count:1", "set", "@set 1", "-" },
	{ "-", "count:1", "vector", "@vector 1", "-" },
	{ "-", "@vector 1 a", "table", "@table 1 a", "-" },
	{ "-", "count:1", "none", "!", "-" },
	{ "-", "boolean:T", "boolean", "!", "-" },
	{ "-", "count:1", "string", "!", "-" },
};

/* "@set 1 2", "@vector a", "@table 1 a": counts and strings, else the short
 * text. */
static struct muster_value *
read_value(const char *text)
{
	char copy[100], *save = NULL, *word;
	struct muster_value *v;

	if (text[0] != '@')
		return value(text);
	snprintf(copy, sizeof copy, "%s", text);
	word = strtok_r(copy, " ", &save);
	v = strcmp(word, "@set") == 0      ? muster_value_set()
	    : strcmp(word, "@vector") == 0 ? muster_value_vector()
					   : muster_value_table();
	while ((word = strtok_r(NULL, " ", &save)) != NULL) {
		char typed[110];
		struct muster_value *e;

		snprintf(typed, sizeof typed, "%s:%s",
		    word[0] >= '0' && word[0] <= '9' ? "count" : "string",
		    word);
		e = value(typed);
		if (muster_value_type(v) == MUSTER_SET)
			muster_value_insert(v, e);
		else if (muster_value_type(v) == MUSTER_VECTOR)
			muster_value_append(v, e);
		else
			muster_value_put(v, e,
			    muster_value_cstring(strtok_r(NULL, " ", &save)));
	}
	return v;
}

static void
judge(const struct row *r, enum mu_store_status status,
    struct muster_value *got, const char *want)
{
	struct muster_value *v;

	if (strcmp(want, "!") == 0) {
		ck_assert_int_eq((int)status, MU_STORE_TYPE_CLASH);
	} else if (strcmp(want, "?") == 0) {
		ck_assert_int_eq((int)status, MU_STORE_INVALID);
	} else if (strcmp(want, "-") == 0) {
		ck_assert_int_eq((int)status, MU_STORE_NO_SUCH_KEY);
	} else {
		ck_assert_msg(status == MU_STORE_OK, "%s, %s: %s", r->old,
		    r->amount, mu_store_status_name(status));
		v = read_value(want);
		ck_assert_msg(muster_value_cmp(v, got) == 0, "%s, %s: not %s",
		    r->old, r->amount, want);
		muster_value_unref(v);
	}
	muster_value_unref(got);
}

START_TEST(every_row_holds)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *r = &rows[i];
		struct muster_value *old =
		    strcmp(r->old, "-") == 0 ? NULL : read_value(r->old);
		struct muster_value *amount = read_value(r->amount);
		struct muster_value *out = NULL;
		enum mu_store_status status = mu_apply_add(old, amount,
		    (enum muster_type)muster_type_from_name(r->init), &out);

		judge(r, status, out, r->added);
		out = NULL;
		status = mu_apply_subtract(old, amount, &out);
		judge(r, status, out, r->taken);
		muster_value_unref(old);
		muster_value_unref(amount);
	}
}
END_TEST

START_TEST(indexes_read_by_the_stored_type)
{
	static const char *const cases[][3] = {
		{ "@vector 7 8", "count:1", "count:8" },
		{ "@vector 7 8", "integer:0", "count:7" },
		{ "@vector 7 8", "count:2", "-" },
		{ "@vector 7 8", "integer:-1", "-" },
		{ "@vector 7 8", "string:x", "!" },
		{ "@set 1 2", "count:2", "boolean:T" },
		{ "@set 1 2", "count:3", "boolean:F" },
		{ "@table 1 a", "count:1", "string:a" },
		{ "@table 1 a", "count:2", "-" },
		{ "string:abc", "count:2", "string:abc" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct row r = { .old = cases[i][0], .amount = cases[i][1] };
		struct muster_value *v = read_value(r.old), *out = NULL;
		struct muster_value *index = read_value(r.amount);

		enum mu_store_status status = mu_apply_index(v, index, &out);

		judge(&r, status, out, cases[i][2]);
		muster_value_unref(v);
		muster_value_unref(index);
	}
}
END_TEST

struct operands {
	struct muster_value *old, *amount;
};

static bool
apply_both(void *ctx)
{
	const struct operands *o = ctx;
	struct muster_value *out = NULL;
	enum mu_store_status status =
	    mu_apply_add(o->old, o->amount, MUSTER_COUNT, &out);

	muster_value_unref(out);
	return status == MU_STORE_OK;
}

START_TEST(failed_allocations_change_nothing)
{
	static const char *const pairs[][2] = { { "@set 1 2", "count:3" },
		{ "@vector 1 2", "count:3" }, { "@table 1 a", "@vector 2 b" },
		{ "string:ab", "string:c" }, { "count:1", "count:2" } };

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		struct operands o = { read_value(pairs[i][0]),
			read_value(pairs[i][1]) };

		nomem_each(apply_both, &o);
		muster_value_unref(o.old);
		muster_value_unref(o.amount);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store_apply");
	TCase *tc = tcase_create("apply");

	tcase_add_test(tc, every_row_holds);
	tcase_add_test(tc, indexes_read_by_the_stored_type);
	tcase_add_test(tc, failed_allocations_change_nothing);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
