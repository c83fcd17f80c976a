/*
 * Zeek's messages: building, validity, looking without decoding.  The recorded
 * cases of validity are in tests/golden.
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

static struct muster_value *
vector2(struct muster_value *a, struct muster_value *b)
{
	struct muster_value *v = muster_value_vector();

	muster_value_append(v, a);
	muster_value_append(v, b);
	return v;
}

static struct muster_value *
metadata(void)
{
	struct muster_value *meta = muster_value_vector();

	muster_value_append(
	    meta, vector2(muster_value_count(1), muster_value_timestamp(5)));
	return meta;
}

START_TEST(event_has_name_arguments_and_metadata)
{
	struct muster_value *args =
	    vector2(muster_value_count(1), muster_value_cstring("x"));
	struct muster_value *v =
	    muster_event_new("Foo::bar", muster_value_ref(args), metadata());
	size_t len;

	ck_assert_int_eq(muster_message_kind(v), MUSTER_MESSAGE_EVENT);
	ck_assert_str_eq(muster_event_name(v, &len), "Foo::bar");
	ck_assert_uint_eq(len, 8);
	ck_assert_ptr_eq(muster_event_args(v), args);
	ck_assert_uint_eq(muster_value_size(muster_event_meta(v)), 1);
	muster_value_unref(v);
	v = muster_event_new("e", args, NULL);
	ck_assert_ptr_null(muster_event_meta(v));
	muster_value_unref(v);
}
END_TEST

START_TEST(no_event_has_no_parts)
{
	struct muster_value *v = muster_value_cstring("x");
	size_t len = 9;

	ck_assert_int_eq(muster_message_kind(v), MUSTER_MESSAGE_INVALID);
	ck_assert_ptr_null(muster_event_name(v, &len));
	ck_assert_uint_eq(len, 0);
	ck_assert_ptr_null(muster_event_name(v, NULL));
	ck_assert_ptr_null(muster_event_args(v));
	ck_assert_ptr_null(muster_event_meta(v));
	muster_value_unref(v);
}
END_TEST

START_TEST(arguments_that_are_no_vector_make_no_event)
{
	struct muster_value *v =
	    muster_event_new("e", muster_value_count(1), NULL);

	ck_assert_int_eq(muster_message_kind(v), MUSTER_MESSAGE_INVALID);
	muster_value_unref(v);
	ck_assert_ptr_null(muster_event_new("e", NULL, metadata()));
}
END_TEST

static bool
build_event(void *ctx)
{
	struct muster_value *args = muster_value_vector();
	struct muster_value *meta = muster_value_vector();
	struct muster_value *v;

	(void)ctx;
	/* NULL for metadata would mean there is none. */
	if (meta == NULL) {
		muster_value_unref(args);
		return false;
	}
	v = muster_event_new("Foo::bar", args, meta);
	muster_value_unref(v);
	return v != NULL;
}

START_TEST(building_without_memory_frees_everything)
{
	ck_assert_uint_gt(nomem_each(build_event, NULL), 7);
}
END_TEST

/* --- without decoding ---------------------------------------------------- */

START_TEST(encoded_event_is_what_the_value_encodes_to)
{
	for (int meta = 0; meta < 2; meta++) {
		struct muster_value *args =
		    vector2(muster_value_count(1), muster_value_boolean(true));
		struct muster_value *v =
		    muster_event_new("Foo::bar", muster_value_ref(args),
			meta ? muster_value_vector() : NULL);
		struct mu_buf b;
		uint8_t *want;
		size_t len;

		mu_buf_init(&b, 0);
		mu_event_enc(&b, "Foo::bar", 8, args, meta);
		ck_assert_int_eq(muster_value_enc(v, &want, &len), 0);
		ck_assert_uint_eq(mu_buf_len(&b), len);
		ck_assert_mem_eq(mu_buf_data(&b), want, len);
		free(want);
		mu_buf_clear(&b);
		muster_value_unref(v);
		muster_value_unref(args);
	}
}
END_TEST

START_TEST(encoding_an_event_needs_a_vector)
{
	struct muster_value *v = muster_value_set();
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_event_enc(&b, "e", 1, v, false);
	ck_assert_int_eq(mu_buf_error(&b), MUSTER_ETYPE);
	ck_assert_uint_eq(mu_buf_len(&b), 0);
	mu_buf_clear(&b);
	muster_value_unref(v);
}
END_TEST

START_TEST(peek_finds_name_and_arguments)
{
	struct muster_value *args =
	    vector2(muster_value_count(1), muster_value_none());
	struct muster_value *v = muster_event_new(
				"Foo::bar", muster_value_ref(args), NULL),
			    *w;
	struct mu_peek peek;
	uint8_t *bytes;
	size_t len;

	ck_assert_int_eq(muster_value_enc(v, &bytes, &len), 0);
	ck_assert_int_eq(mu_peek_message(bytes, len, &peek), 0);
	ck_assert_int_eq(peek.kind, MUSTER_MESSAGE_EVENT);
	ck_assert_uint_eq(peek.name_len, 8);
	ck_assert_mem_eq(peek.name, "Foo::bar", 8);
	ck_assert_int_eq(muster_value_dec(peek.args, peek.args_len, &w), 0);
	ck_assert_int_eq(muster_value_cmp(args, w), 0);
	muster_value_unref(w);
	muster_value_unref(v);
	muster_value_unref(args);
	free(bytes);
}
END_TEST

static const struct {
	const char *hex;
	enum muster_message kind;
} heads[] = {
	{ "0e030200000000000000010200000000000000010e020501650e00",
	    MUSTER_MESSAGE_EVENT },
	{ "0e030200000000000000010200000000000000050e00",
	    MUSTER_MESSAGE_BATCH },
	{ "0e030200000000000000010200000000000000030e040b01410b0142050170"
	  "0500",
	    MUSTER_MESSAGE_LOG_WRITE },
	{ "0e030200000000000000020200000000000000010e020501650e00",
	    MUSTER_MESSAGE_INVALID }, /* version */
	{ "0e030200000000000000010200000000000000000e020501650e00",
	    MUSTER_MESSAGE_INVALID }, /* kind */
	{ "0e030200000000000000010200000000000000060e020501650e00",
	    MUSTER_MESSAGE_INVALID },
	{ "0e030200000000000000010200000000000000010e020b01650e00",
	    MUSTER_MESSAGE_INVALID }, /* name is an enum */
	{ "0e030200000000000000010200000000000000010e01050165",
	    MUSTER_MESSAGE_INVALID }, /* no arguments */
	{ "0e030200000000000000010200000000000000010e020501650c00",
	    MUSTER_MESSAGE_INVALID }, /* a set */
	{ "0e030200000000000000010200000000000000050c00",
	    MUSTER_MESSAGE_INVALID },
	{ "0e02020000000000000001020000000000000001", MUSTER_MESSAGE_INVALID },
	{ "", MUSTER_MESSAGE_INVALID },
	{ "0501", MUSTER_MESSAGE_INVALID },
};

START_TEST(peek_judges_the_head)
{
	uint8_t bytes[128];
	size_t len = (size_t)mu_text_unhex(heads[_i].hex, bytes);
	struct mu_peek peek;
	int rc = mu_peek_message(bytes, len, &peek);

	ck_assert_int_eq(
	    rc, heads[_i].kind == MUSTER_MESSAGE_INVALID ? MUSTER_EPROTO : 0);
	ck_assert_int_eq(peek.kind, heads[_i].kind);
	/* Cut anywhere it is still safe, and never another kind. */
	for (size_t n = 0; n < len; n++) {
		uint8_t *cut = malloc(n + 1);

		memcpy(cut, bytes, n);
		if (mu_peek_message(cut, n, &peek) == 0)
			ck_assert_int_eq(peek.kind, heads[_i].kind);
		else
			ck_assert_int_eq(peek.kind, MUSTER_MESSAGE_INVALID);
		free(cut);
	}
}
END_TEST

static Suite *
event_suite(void)
{
	Suite *s = suite_create("event");
	TCase *t = tcase_create("event");

	tcase_add_test(t, event_has_name_arguments_and_metadata);
	tcase_add_test(t, no_event_has_no_parts);
	tcase_add_test(t, arguments_that_are_no_vector_make_no_event);
	tcase_add_test(t, building_without_memory_frees_everything);
	tcase_add_test(t, encoded_event_is_what_the_value_encodes_to);
	tcase_add_test(t, encoding_an_event_needs_a_vector);
	tcase_add_test(t, peek_finds_name_and_arguments);
	tcase_add_loop_test(t, peek_judges_the_head, 0, N(heads));
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(event_suite());
}
