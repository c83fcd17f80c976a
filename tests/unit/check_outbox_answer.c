/* The outbox and loggers that answer, refuse, fall silent and die. */
#include "outbox_case.h"
#include "unit.h"

/* --- loggers that answer ------------------------------------------------- */

START_TEST(a_batch_stays_until_it_is_taken)
{
	uint32_t s = outbox_counts(outbox, "A::LOG");
	struct delivery_batch d;

	up("logger-1", true);
	add(s, 0, 400);
	turn();
	ck_assert_uint_eq(nsent, 1);
	ck_assert_str_eq(sent[0].topic, "muster/logs/batch/logger-1/");
	ck_assert_uint_eq(facts().waiting, 400);
	d = batch_of(&sent[0]);
	ck_assert_uint_eq(d.prev, 0);
	answer("logger-1", &d, false, d.seq);
	turn();
	ck_assert_uint_eq(facts().waiting, 0);
	ck_assert_uint_eq(facts().delivered, 400);
	ck_assert_uint_eq(disk->durable->ops->size(disk->durable), 2);
}
END_TEST

START_TEST(numbers_are_kept_over_a_crash)
{
	uint32_t s = outbox_counts(outbox, "A::LOG");
	struct delivery_batch d, e;

	up("logger-1", true);
	add(s, 0, 400);
	add(s, 400, 400);
	turn();
	ck_assert_uint_eq(nsent, 2);
	d = batch_of(&sent[0]);
	disk->dead = true;
	outbox_free(outbox);
	disk_crash(disk);
	open_outbox();
	loggers(2);
	ck_assert_uint_eq(facts().found, 800);
	up("logger-2", true); /* not the one that may have them */
	turn();
	ck_assert_uint_eq(nsent, 2);
	up("logger-1", true);
	turn();
	ck_assert_uint_eq(nsent, 4);
	e = batch_of(&sent[2]);
	ck_assert(mu_uuid_eq(&d.session, &e.session));
	ck_assert_uint_eq(d.seq, e.seq);
	ck_assert_uint_eq(e.prev, 0);
	ck_assert_uint_eq(batch_of(&sent[3]).prev, e.seq);
}
END_TEST

START_TEST(what_was_never_sent_goes_to_another_at_once)
{
	uint32_t s = outbox_counts(outbox, "A::LOG");

	cfg.window_bytes = 1;
	outbox_configure(outbox, &cfg);
	up("logger-1", true);
	for (uint64_t i = 0; i < 5; i++)
		add(s, 400 * i, 400);
	turn();
	ck_assert_uint_eq(nsent, 1); /* the window is that small */
	up("logger-2", true);
	outbox_logger_down(outbox, "logger-1", now);
	turn();
	ck_assert_uint_eq(nsent, 2);
	ck_assert_str_eq(sent[1].logger, "logger-2");
	for (size_t i = 1; i < 5; i++) {
		struct delivery_batch d = batch_of(&sent[i]);

		answer("logger-2", &d, false, d.seq);
		turn();
	}
	ck_assert_uint_eq(facts().delivered, 1600);
	ck_assert_uint_eq(facts().doubtful, 0);
	/* the first one's fate is not known yet */
	later(cfg.failover_ns - 2 * SECOND);
	ck_assert_uint_eq(nsent, 5);
	later(2 * SECOND);
	ck_assert_uint_eq(nsent, 6);
	ck_assert_str_eq(sent[5].logger, "logger-2");
	ck_assert_uint_eq(facts().doubtful, 400);
	ck_assert_ptr_nonnull(strstr(lines, "may be written twice"));
}
END_TEST

START_TEST(a_refused_batch_goes_to_another)
{
	uint32_t a = outbox_counts(outbox, "A::LOG");
	uint32_t b = outbox_counts(outbox, "B::LOG");
	struct delivery_batch d;

	up("logger-1", true);
	add(a, 0, 400);
	add(b, 400, 400);
	turn();
	ck_assert_uint_eq(nsent, 2);
	up("logger-2", true);
	d = batch_of(&sent[0]);
	answer("logger-1", &d, true, d.seq);
	turn();
	/* A's to the other, B's again to the same: it was not written */
	ck_assert_uint_eq(nsent, 4);
	ck_assert_str_eq(sent[2].logger, "logger-1");
	ck_assert_uint_eq(batch_of(&sent[2]).prev, 0);
	ck_assert_str_eq(sent[3].logger, "logger-2");
	ck_assert_ptr_nonnull(
	    strstr(lines, "logger logger-1 refuses A::LOG: disk full"));
}
END_TEST

START_TEST(refused_by_all_it_waits_longer_and_longer)
{
	uint32_t a = outbox_counts(outbox, "A::LOG");
	uint64_t pause = SECOND;

	up("logger-1", true);
	add(a, 0, 400);
	turn();
	for (size_t i = 0; i < 8; i++) {
		struct delivery_batch d = batch_of(&sent[i]);

		ck_assert_uint_eq(nsent, i + 1);
		answer("logger-1", &d, true, d.seq);
		turn();
		ck_assert_uint_eq(outbox_deadline(outbox), now + pause);
		later(pause - 1);
		ck_assert_uint_eq(nsent, i + 1);
		later(1);
		pause = pause * 2 > 30 * SECOND ? 30 * SECOND : pause * 2;
	}
	ck_assert_uint_eq(nsent, 9);
}
END_TEST

START_TEST(a_late_refusal_is_no_refusal)
{
	uint32_t a = outbox_counts(outbox, "A::LOG");
	struct delivery_batch d;

	up("logger-1", true);
	add(a, 0, 400);
	turn();
	d = batch_of(&sent[0]);
	/* an answer without progress: it is sent again */
	answer("logger-1", &d, false, d.seq - 1);
	later(SECOND / 10);
	ck_assert_uint_eq(nsent, 2);
	/* the refusal of the first sending: the second may be taken */
	answer("logger-1", &d, true, d.seq);
	up("logger-2", true);
	turn();
	ck_assert_uint_eq(nsent, 2);
	answer("logger-1", &d, false, d.seq);
	turn();
	ck_assert_uint_eq(facts().delivered, 400);
}
END_TEST

START_TEST(a_silent_logger_counts_as_dead)
{
	uint32_t a = outbox_counts(outbox, "A::LOG");
	struct delivery_batch d;

	up("logger-1", true);
	up("logger-2", true);
	add(a, 0, 400);
	turn();
	ck_assert_uint_eq(nsent, 2);
	d = batch_of(&sent[0]);
	answer("logger-2", &(struct delivery_batch){ 0 }, false, 1); /* stale */
	for (size_t i = 0; i < nsent; i++) {
		struct delivery_batch e = batch_of(&sent[i]);

		if (strcmp(sent[i].logger, "logger-2") == 0)
			answer("logger-2", &e, false, e.seq);
	}
	later(10 * SECOND);
	ck_assert_ptr_nonnull(
	    strstr(lines, "logger logger-1 has not answered for 10 seconds"));
	add(a, 400, 400);
	turn();
	ck_assert_str_eq(sent[nsent - 1].logger, "logger-2");
	answer("logger-1", &d, false, d.seq);
	turn();
	ck_assert_ptr_nonnull(strstr(lines, "logger-1 answers again"));
}
END_TEST

START_TEST(the_last_words_leave_at_once)
{
	uint32_t a = outbox_counts(outbox, "A::LOG");

	ck_assert(outbox_quiet(outbox));
	add(a, 0, 1);
	ck_assert(outbox_quiet(outbox)); /* nobody would take it */
	up("logger-1", true);
	turn();
	forget_sent();
	add(a, 1, 1);
	turn();
	ck_assert_uint_eq(nsent, 0);
	ck_assert(!outbox_quiet(outbox));
	outbox_hurry(outbox);
	ck_assert(!outbox_quiet(outbox));
	turn();
	ck_assert_uint_eq(nsent, 1);
	ck_assert(outbox_quiet(outbox));
}
END_TEST

START_TEST(nobody_speaks_for_another)
{
	struct delivery_answer a = { .logger = "logger-1", .logger_len = 8 };
	struct mu_buf b;

	mu_buf_init(&b, 0);
	delivery_answer_enc(&b, &a);
	ck_assert_int_eq(outbox_answer(outbox, "worker-2", mu_buf_data(&b),
			     mu_buf_len(&b), now),
	    MUSTER_EPERM);
	ck_assert_int_eq(
	    outbox_answer(outbox, NULL, mu_buf_data(&b), mu_buf_len(&b), now),
	    MUSTER_EPERM);
	ck_assert_int_eq(
	    outbox_answer(outbox, "logger-1", (const uint8_t *)"x", 1, now),
	    MUSTER_EPROTO);
	mu_buf_clear(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("outbox_answer");
	TCase *t = tcase_create("cases");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_batch_stays_until_it_is_taken);
	tcase_add_test(t, numbers_are_kept_over_a_crash);
	tcase_add_test(t, what_was_never_sent_goes_to_another_at_once);
	tcase_add_test(t, a_refused_batch_goes_to_another);
	tcase_add_test(t, refused_by_all_it_waits_longer_and_longer);
	tcase_add_test(t, a_late_refusal_is_no_refusal);
	tcase_add_test(t, a_silent_logger_counts_as_dead);
	tcase_add_test(t, the_last_words_leave_at_once);
	tcase_add_test(t, nobody_speaks_for_another);
	suite_add_tcase(s, t);
	return unit_run(s);
}
