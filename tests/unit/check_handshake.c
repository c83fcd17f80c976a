/* Messages of phases 1 and 2, beyond the golden vectors: limits, memory. */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "muster/err.h"
#include "proto/handshake.h"
#include "topic/filter.h"
#include "unit.h"

static bool
nth_fails(void *ctx)
{
	int *left = ctx;

	return (*left)-- == 0;
}

static const struct mu_uuid some_id = { { 0x11, 0x11, 0x51, 0x81, 1, 2, 3 } };

static int
dec(struct mu_handshake *h, const struct mu_buf *b, size_t max_topics)
{
	const char *text;
	unsigned ec;
	int rc = mu_handshake_dec(
	    h, mu_buf_data(b) + 4, mu_buf_len(b) - 4, max_topics, &ec, &text);

	ck_assert((rc == 0) == (ec == MU_EC_NONE) || ec == MU_EC_UNSPECIFIED);
	return rc;
}

START_TEST(every_message_survives_the_wire)
{
	for (int tag = MU_HELLO; tag <= MU_ORIGINATOR_ACK; tag++) {
		struct mu_handshake in = { .tag = (enum mu_handshake_tag)tag,
			.sender = some_id,
			.min_version = 1,
			.max_version = 9,
			.version = 1,
			.code = 39,
			.text = "why",
			.text_len = 3,
			.filter = muster_filter_new() },
				    out;
		struct mu_buf b;

		muster_filter_add(in.filter, "a/", 2);
		muster_filter_add(in.filter, "b", 1);
		mu_buf_init(&b, 0);
		mu_handshake_enc(&b, &in);
		ck_assert_int_eq(mu_buf_error(&b), 0);
		ck_assert_int_eq(dec(&out, &b, 10), 0);
		ck_assert_int_eq(out.tag, tag);
		if (tag == MU_HELLO || tag == MU_VERSION_SELECT ||
		    tag == MU_DROP_CONN)
			ck_assert(mu_uuid_eq(&out.sender, &some_id));
		if (tag == MU_ORIGINATOR_SYN || tag == MU_RESPONDER_SYN_ACK)
			ck_assert(mu_filter_eq(out.filter, in.filter));
		mu_handshake_clear(&out);
		mu_handshake_clear(&in);
		mu_buf_clear(&b);
	}
}
END_TEST

START_TEST(any_cut_is_refused_and_read_no_further)
{
	struct mu_handshake in = { .tag = MU_DROP_CONN,
		.sender = some_id,
		.code = 1,
		.text = "text",
		.text_len = 4 },
			    out;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_handshake_enc(&b, &in);
	for (size_t len = 0; len < mu_buf_len(&b) - 4; len++) {
		uint8_t *exact = malloc(len + 1);
		const char *text;
		unsigned ec;

		memcpy(exact, mu_buf_data(&b) + 4, len);
		ck_assert_int_eq(
		    mu_handshake_dec(&out, exact, len, 10, &ec, &text),
		    MUSTER_EPROTO);
		ck_assert_uint_eq(ec, MU_EC_INVALID_MESSAGE);
		free(exact);
	}
	mu_buf_clear(&b);
}
END_TEST

START_TEST(filters_are_normalised_when_read)
{
	static const uint8_t wire[] = { 4, 1, 'b', 2, 'a', 'b', 1, 'a', 1,
		'b' };
	struct mu_cursor c = mu_cursor_over(wire, sizeof wire);
	struct muster_filter *f = mu_filter_dec(&c, 4);

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(mu_cursor_done(&c), 0);
	ck_assert_uint_eq(muster_filter_size(f), 2);
	ck_assert_str_eq(muster_filter_at(f, 0, NULL), "a");
	ck_assert_str_eq(muster_filter_at(f, 1, NULL), "b");
	muster_filter_free(f);
	c = mu_cursor_over(wire, sizeof wire);
	ck_assert_ptr_null(mu_filter_dec(&c, 3));
	ck_assert_int_eq(c.error, MUSTER_ELIMIT);
}
END_TEST

START_TEST(a_claimed_count_allocates_nothing)
{
	static const uint8_t wire[] = { 0xff, 0xff, 0xff, 0xff, 0x0f, 0 };
	struct mu_cursor c = mu_cursor_over(wire, sizeof wire);
	int left = 0; /* the first allocation would fail */

	mu_alloc_set_hook(nth_fails, &left);
	ck_assert_ptr_null(mu_filter_dec(&c, SIZE_MAX));
	mu_alloc_set_hook(NULL, NULL);
	ck_assert_int_eq(c.error, MUSTER_EPROTO);
}
END_TEST

START_TEST(too_many_topics_are_answered)
{
	static const uint8_t wire[] = { MU_ORIGINATOR_SYN, 2, 1, 'a', 1, 'b' };
	struct mu_handshake h;
	const char *text;
	unsigned ec;

	ck_assert_int_eq(mu_handshake_dec(&h, wire, sizeof wire, 1, &ec, &text),
	    MUSTER_ELIMIT);
	ck_assert_uint_eq(ec, MU_EC_INVALID_MESSAGE);
	ck_assert_ptr_nonnull(text);
	ck_assert_int_eq(
	    mu_handshake_dec(&h, wire, sizeof wire, 2, &ec, &text), 0);
	mu_handshake_clear(&h);
}
END_TEST

START_TEST(memory_running_out_anywhere_is_told)
{
	static const uint8_t wire[] = { MU_RESPONDER_SYN_ACK, 3, 1, 'a', 1, 'b',
		1, 'c' };
	int rc = MUSTER_ENOMEM;

	for (int n = 0; rc != 0; n++) {
		struct mu_handshake h;
		const char *text;
		unsigned ec;
		int left = n;

		mu_alloc_set_hook(nth_fails, &left);
		rc = mu_handshake_dec(&h, wire, sizeof wire, 9, &ec, &text);
		mu_alloc_set_hook(NULL, NULL);
		ck_assert(rc == 0 || rc == MUSTER_ENOMEM);
		if (rc == 0)
			mu_handshake_clear(&h);
	}
}
END_TEST

START_TEST(codes_have_names)
{
	ck_assert_str_eq(mu_ec_name(0), "none");
	ck_assert_str_eq(mu_ec_name(28), "shutting_down");
	ck_assert_str_eq(mu_ec_name(38), "wrong_magic_number");
	ck_assert_str_eq(mu_ec_name(39), "redundant_connection");
	ck_assert_str_eq(mu_ec_name(40), "logic_error");
	ck_assert_str_eq(mu_ec_name(41), "invalid_json");
	ck_assert_str_eq(mu_ec_name(42), "unknown");
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("handshake");
	TCase *t = tcase_create("handshake");

	tcase_add_test(t, every_message_survives_the_wire);
	tcase_add_test(t, any_cut_is_refused_and_read_no_further);
	tcase_add_test(t, filters_are_normalised_when_read);
	tcase_add_test(t, a_claimed_count_allocates_nothing);
	tcase_add_test(t, too_many_topics_are_answered);
	tcase_add_test(t, memory_running_out_anywhere_is_told);
	tcase_add_test(t, codes_have_names);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
