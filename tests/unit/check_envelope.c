/* Envelopes: views over frames, stamping, limits. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "proto/envelope.h"
#include "unit.h"

static const struct mu_uuid from = { { 1 } }, to = { { 2 } }, hop = { { 3 } };

static void
make(struct mu_buf *b, const struct mu_uuid *receiver, const char *topic,
    const char *payload)
{
	mu_buf_init(b, 0);
	mu_envelope_enc(b, &from, receiver, MU_DATA, topic, strlen(topic),
	    payload, strlen(payload));
	ck_assert_int_eq(mu_buf_error(b), 0);
}

START_TEST(a_view_shows_what_was_written)
{
	struct mu_envelope e;
	struct mu_buf b;

	make(&b, &to, "topic", "payload");
	ck_assert_int_eq(
	    mu_envelope_view(mu_buf_data(&b), mu_buf_len(&b), &e), 0);
	ck_assert(mu_uuid_eq(e.sender, &from));
	ck_assert(mu_uuid_eq(e.receiver, &to));
	ck_assert_int_eq(e.type, MU_DATA);
	ck_assert_uint_eq(e.ttl, MU_TTL);
	ck_assert_uint_eq(e.topic_len, 5);
	ck_assert_mem_eq(e.topic, "topic", 5);
	ck_assert_uint_eq(e.payload_len, 7);
	ck_assert_mem_eq(e.payload, "payload", 7);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(stamping_changes_sender_and_ttl_only)
{
	struct mu_envelope e;
	struct mu_buf b, same;

	make(&b, NULL, "t", "p");
	make(&same, NULL, "t", "p");
	mu_buf_data(&b)[37] = 0xab; /* some TTL */
	ck_assert_int_eq(
	    mu_envelope_view(mu_buf_data(&b), mu_buf_len(&b), &e), 0);
	ck_assert_uint_eq(e.ttl, 0xab10);
	ck_assert(mu_uuid_is_nil(e.receiver));
	mu_envelope_stamp(&e, &hop);
	ck_assert(mu_uuid_eq(e.sender, &hop));
	memcpy(mu_buf_data(&same) + 4, hop.bytes, 16);
	ck_assert_mem_eq(
	    mu_buf_data(&b), mu_buf_data(&same), mu_buf_len(&same));
	mu_buf_clear(&b);
	mu_buf_clear(&same);
}
END_TEST

START_TEST(any_cut_of_the_head_is_refused)
{
	struct mu_envelope e;
	struct mu_buf b;

	make(&b, &to, "topic", "");
	for (size_t len = 0; len < mu_buf_len(&b); len++) {
		uint8_t *exact = malloc(len + 1);

		memcpy(exact, mu_buf_data(&b), len);
		ck_assert_int_eq(
		    mu_envelope_view(exact, len, &e), MUSTER_EPROTO);
		free(exact);
	}
	ck_assert_int_eq(
	    mu_envelope_view(mu_buf_data(&b), mu_buf_len(&b), &e), 0);
	ck_assert_uint_eq(e.payload_len, 0);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(five_types_are_known)
{
	struct mu_envelope e;
	struct mu_buf b;

	make(&b, &to, "", "");
	for (int type = 0; type < 256; type++) {
		int rc;

		mu_buf_data(&b)[36] = (uint8_t)type;
		rc = mu_envelope_view(mu_buf_data(&b), mu_buf_len(&b), &e);
		ck_assert_int_eq(
		    rc, type >= 1 && type <= 5 ? 0 : MUSTER_EPROTO);
	}
	mu_buf_clear(&b);
}
END_TEST

START_TEST(a_topic_too_long_is_not_written)
{
	char *topic = calloc(1, MUSTER_TOPIC_MAX + 1);
	struct mu_envelope e;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_envelope_enc(
	    &b, &from, NULL, MU_DATA, topic, MUSTER_TOPIC_MAX, NULL, 0);
	ck_assert_int_eq(mu_buf_error(&b), 0);
	ck_assert_int_eq(
	    mu_envelope_view(mu_buf_data(&b), mu_buf_len(&b), &e), 0);
	ck_assert_uint_eq(e.topic_len, MUSTER_TOPIC_MAX);
	mu_envelope_enc(
	    &b, &from, NULL, MU_DATA, topic, MUSTER_TOPIC_MAX + 1, NULL, 0);
	ck_assert_int_eq(mu_buf_error(&b), MUSTER_ELIMIT);
	mu_buf_clear(&b);
	free(topic);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("envelope");
	TCase *t = tcase_create("envelope");

	tcase_add_test(t, a_view_shows_what_was_written);
	tcase_add_test(t, stamping_changes_sender_and_ttl_only);
	tcase_add_test(t, any_cut_of_the_head_is_refused);
	tcase_add_test(t, five_types_are_known);
	tcase_add_test(t, a_topic_too_long_is_not_written);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
