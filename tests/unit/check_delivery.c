/* Batches of log records and their answers on the wire. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "logs/delivery.h"
#include "muster/err.h"
#include "unit.h"
#include "value/codec.h"

/* vector(1, 5, vector()): a Batch of nothing */
static const uint8_t nothing[] = { 14, 3, 2, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0,
	0, 0, 0, 0, 5, 14, 0 };
/* vector(1, 4, vector()): not a Batch */
static const uint8_t other[] = { 14, 3, 2, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0,
	0, 0, 0, 0, 4, 14, 0 };

static struct delivery_batch
some_batch(void)
{
	struct delivery_batch d = {
		.sender = "worker-1",
		.sender_len = 8,
		.session = { { 1, 2, 3 } },
		.seq = 9,
		.prev = 7,
		.round = 3,
		.batch = nothing,
		.batch_len = sizeof nothing,
	};

	return d;
}

static int
again(struct mu_buf *b, const struct delivery_batch *d,
    struct delivery_batch *out)
{
	mu_buf_init(b, 0);
	delivery_batch_enc(b, d);
	ck_assert_int_eq(mu_buf_error(b), 0);
	return delivery_batch_dec(out, mu_buf_data(b), mu_buf_len(b));
}

START_TEST(a_batch_comes_back)
{
	struct delivery_batch d = some_batch(), e;
	struct mu_buf b;

	ck_assert_int_eq(again(&b, &d, &e), 0);
	ck_assert_uint_eq(e.sender_len, 8);
	ck_assert_mem_eq(e.sender, "worker-1", 8);
	ck_assert(mu_uuid_eq(&e.session, &d.session));
	ck_assert_uint_eq(e.seq, 9);
	ck_assert_uint_eq(e.prev, 7);
	ck_assert_uint_eq(e.round, 3);
	ck_assert_uint_eq(e.batch_len, sizeof nothing);
	ck_assert_mem_eq(e.batch, nothing, sizeof nothing);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(it_is_an_event_for_everybody_else)
{
	struct delivery_batch d = some_batch();
	struct muster_value *v;
	struct mu_buf b;
	size_t len;

	mu_buf_init(&b, 0);
	delivery_batch_enc(&b, &d);
	ck_assert_int_eq(
	    muster_value_dec(mu_buf_data(&b), mu_buf_len(&b), &v), 0);
	ck_assert_int_eq(muster_message_kind(v), MUSTER_MESSAGE_EVENT);
	ck_assert_str_eq(muster_event_name(v, &len), "Muster::log_batch");
	ck_assert_uint_eq(muster_value_size(muster_event_args(v)), 6);
	muster_value_unref(v);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(impossible_batches_are_refused)
{
	struct delivery_batch d = some_batch(), e;
	char name[DELIVERY_NAME + 1];
	struct mu_buf b;

	d.seq = 0;
	d.prev = 0;
	ck_assert_int_eq(again(&b, &d, &e), MUSTER_EPROTO);
	mu_buf_clear(&b);
	d.seq = d.prev = 7;
	ck_assert_int_eq(again(&b, &d, &e), MUSTER_EPROTO);
	mu_buf_clear(&b);
	d = some_batch();
	d.batch = other;
	ck_assert_int_eq(again(&b, &d, &e), MUSTER_EPROTO);
	mu_buf_clear(&b);
	d = some_batch();
	memset(name, 'x', sizeof name);
	d.sender = name;
	d.sender_len = sizeof name;
	ck_assert_int_eq(again(&b, &d, &e), MUSTER_ELIMIT);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(every_cut_is_refused)
{
	struct delivery_batch d = some_batch(), e;
	struct mu_buf b;

	ck_assert_int_eq(again(&b, &d, &e), 0);
	for (size_t n = 0; n < mu_buf_len(&b); n++)
		ck_assert_int_eq(
		    delivery_batch_dec(&e, mu_buf_data(&b), n), MUSTER_EPROTO);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(answers_come_back)
{
	struct delivery_answer a = { .logger = "logger-1",
		.logger_len = 8,
		.session = { { 4 } },
		.seq = 5 };
	struct delivery_answer e;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	delivery_answer_enc(&b, &a);
	ck_assert_int_eq(
	    delivery_answer_dec(&e, mu_buf_data(&b), mu_buf_len(&b)), 0);
	ck_assert(!e.refused);
	ck_assert_uint_eq(e.seq, 5);
	ck_assert_mem_eq(e.logger, "logger-1", 8);
	mu_buf_reset(&b);
	a.refused = true;
	a.round = 4;
	a.why = "disk full";
	a.why_len = 9;
	delivery_answer_enc(&b, &a);
	ck_assert_int_eq(
	    delivery_answer_dec(&e, mu_buf_data(&b), mu_buf_len(&b)), 0);
	ck_assert(e.refused);
	ck_assert_uint_eq(e.round, 4);
	ck_assert_uint_eq(e.why_len, 9);
	ck_assert_mem_eq(e.why, "disk full", 9);
	for (size_t n = 0; n < mu_buf_len(&b); n++)
		ck_assert_int_eq(
		    delivery_answer_dec(&e, mu_buf_data(&b), n), MUSTER_EPROTO);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(other_messages_are_told_apart)
{
	struct delivery_batch d = some_batch(), e;
	struct delivery_answer a;
	struct mu_buf b;

	ck_assert_int_eq(again(&b, &d, &e), 0);
	ck_assert_int_eq(
	    delivery_answer_dec(&a, mu_buf_data(&b), mu_buf_len(&b)),
	    MUSTER_ENOENT);
	ck_assert_int_eq(
	    delivery_batch_dec(&e, nothing, sizeof nothing), MUSTER_ENOENT);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(topics_end_in_a_slash)
{
	char *t = delivery_topic(DELIVERY_TO_LOGGER, "logger-1");

	ck_assert_str_eq(t, "muster/logs/batch/logger-1/");
	mu_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("delivery");
	TCase *t = tcase_create("wire");

	tcase_add_test(t, a_batch_comes_back);
	tcase_add_test(t, it_is_an_event_for_everybody_else);
	tcase_add_test(t, impossible_batches_are_refused);
	tcase_add_test(t, every_cut_is_refused);
	tcase_add_test(t, answers_come_back);
	tcase_add_test(t, other_messages_are_told_apart);
	tcase_add_test(t, topics_end_in_a_slash);
	suite_add_tcase(s, t);
	return unit_run(s);
}
