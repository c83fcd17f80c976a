/*
 * When to connect: at once, after a back-off, at once after a loss.
 */
#include <check.h>

#include "core/dial.h"
#include "unit.h"

#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

static struct dial d;
static struct mu_rng rng;

static void
setup(void)
{
	mu_rng_init(&rng, 1);
	dial_init(&d, 20 * MS, S, 5 * S);
}

START_TEST(the_first_attempt_is_due_at_once_and_once)
{
	ck_assert_uint_eq(dial_deadline(&d), 5 * S);
	ck_assert(!dial_take(&d, 5 * S - 1));
	ck_assert(dial_take(&d, 5 * S));
	ck_assert(!dial_take(&d, 6 * S));
	ck_assert_int_eq(d.state, DIAL_CONNECTING);
	ck_assert_uint_eq(dial_deadline(&d), UINT64_MAX);
}
END_TEST

START_TEST(pauses_double_up_to_the_longest_and_jitter_downwards)
{
	uint64_t now = 5 * S, step = 20 * MS;

	for (int i = 0; i < 12; i++) {
		uint64_t pause;

		ck_assert(dial_take(&d, now));
		dial_failed(&d, &rng, now);
		pause = dial_deadline(&d) - now;
		ck_assert_uint_ge(pause, step / 2);
		ck_assert_uint_le(pause, step);
		now = dial_deadline(&d);
		step = step * 2 > S ? S : step * 2;
	}
	ck_assert_uint_eq(d.attempts, 12);
	ck_assert_uint_eq(d.since, 5 * S);
}
END_TEST

START_TEST(a_thousand_nodes_do_not_come_back_together)
{
	uint64_t first = UINT64_MAX, last = 0;

	for (uint64_t i = 0; i < 1000; i++) {
		mu_rng_init(&rng, i);
		dial_init(&d, S, S, 0);
		dial_take(&d, 0);
		dial_failed(&d, &rng, 0);
		if (d.due < first)
			first = d.due;
		if (d.due > last)
			last = d.due;
	}
	ck_assert_uint_lt(first, 510 * MS);
	ck_assert_uint_gt(last, 990 * MS);
}
END_TEST

START_TEST(success_ends_the_trouble)
{
	dial_take(&d, 5 * S);
	dial_failed(&d, &rng, 5 * S);
	dial_take(&d, 6 * S);
	dial_succeeded(&d);
	ck_assert_int_eq(d.state, DIAL_CONNECTED);
	ck_assert_uint_eq(d.attempts, 0);
	ck_assert_uint_eq(d.since, 0);
	ck_assert(!dial_take(&d, 100 * S));
}
END_TEST

START_TEST(a_loss_is_followed_by_an_attempt_at_once)
{
	dial_take(&d, 5 * S);
	dial_succeeded(&d);
	dial_lost(&d, &rng, MS, 6 * S);
	ck_assert_uint_eq(dial_deadline(&d), 6 * S);
	ck_assert_uint_eq(d.since, 6 * S);
}
END_TEST

START_TEST(a_peer_that_throws_us_out_is_not_dialled_in_a_tight_loop)
{
	uint64_t now = 5 * S, attempts = 0;

	while (now < 65 * S) {
		ck_assert(dial_take(&d, now));
		attempts++;
		dial_succeeded(&d);
		now += MS;
		dial_lost(&d, &rng, MS, now);
		now = dial_deadline(&d);
	}
	ck_assert_uint_lt(attempts, 130);
}
END_TEST

START_TEST(standing_long_enough_forgets_the_back_off)
{
	for (int i = 0; i < 8; i++) {
		dial_take(&d, 100 * S);
		dial_failed(&d, &rng, 90 * S);
	}
	dial_take(&d, 100 * S);
	dial_succeeded(&d);
	dial_lost(&d, &rng, S, 101 * S);
	ck_assert_uint_eq(dial_deadline(&d), 101 * S);
	dial_take(&d, 101 * S);
	dial_failed(&d, &rng, 101 * S);
	ck_assert_uint_le(dial_deadline(&d), 101 * S + 40 * MS);
}
END_TEST

START_TEST(hurry_makes_the_next_attempt_due)
{
	for (int i = 0; i < 8; i++) {
		dial_take(&d, 100 * S);
		dial_failed(&d, &rng, 100 * S - S);
	}
	dial_failed(&d, &rng, 100 * S);
	ck_assert_uint_gt(dial_deadline(&d), 100 * S);
	dial_hurry(&d, 100 * S);
	ck_assert_uint_eq(dial_deadline(&d), 100 * S);
}
END_TEST

START_TEST(a_stopped_dial_stays_stopped)
{
	dial_stop(&d);
	dial_failed(&d, &rng, 6 * S);
	dial_lost(&d, &rng, 0, 6 * S);
	dial_succeeded(&d);
	dial_hurry(&d, 7 * S);
	ck_assert_int_eq(d.state, DIAL_STOPPED);
	ck_assert(!dial_take(&d, UINT64_MAX));
	ck_assert_uint_eq(dial_deadline(&d), UINT64_MAX);
}
END_TEST

START_TEST(bounds_that_make_no_sense_are_mended)
{
	dial_init(&d, 0, 0, UINT64_MAX - 1);
	dial_take(&d, UINT64_MAX - 1);
	dial_failed(&d, &rng, UINT64_MAX - 1);
	ck_assert_uint_lt(dial_deadline(&d), UINT64_MAX);
	dial_init(&d, S, MS, 0);
	ck_assert_uint_eq(d.max, S);
	dial_set_retry(&d, MS, 10 * MS);
	ck_assert_uint_eq(d.step, 10 * MS);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("dial");
	TCase *t = tcase_create("dial");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, the_first_attempt_is_due_at_once_and_once);
	tcase_add_test(t, pauses_double_up_to_the_longest_and_jitter_downwards);
	tcase_add_test(t, a_thousand_nodes_do_not_come_back_together);
	tcase_add_test(t, success_ends_the_trouble);
	tcase_add_test(t, a_loss_is_followed_by_an_attempt_at_once);
	tcase_add_test(t,
	    a_peer_that_throws_us_out_is_not_dialled_in_a_tight_loop);
	tcase_add_test(t, standing_long_enough_forgets_the_back_off);
	tcase_add_test(t, hurry_makes_the_next_attempt_due);
	tcase_add_test(t, a_stopped_dial_stays_stopped);
	tcase_add_test(t, bounds_that_make_no_sense_are_mended);
	suite_add_tcase(s, t);
	return unit_run(s);
}
