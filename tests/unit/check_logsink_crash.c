/*
 * The sink dies at every step of a life: killed, or with the power of its
 * disk; what was answered is in the files exactly once all the same.
 */
#include "logsink_world.h"
#include "unit.h"

#define ROUNDS 40 /* of a life */
#define GZIP   3  /* seeds from here on: files are compressed at once */

static uint64_t
one_crash(uint64_t seed, uint64_t at, bool power)
{
	struct world w;
	uint64_t steps;

	world_init(&w, seed);
	w.logs.rotate_ns = 2 * (int64_t)NS;
	w.logs.rotate_bytes = seed % 2 == 0 ? 0 : 500;
	w.apart = seed % 3 == 0;
	w.gzip = seed >= GZIP;
	w.disk->crash_at = at;
	w.disk->power = power;
	start(&w);
	for (int i = 0; i < ROUNDS && !w.disk->dead; i++)
		round_of(&w, true);
	if (!w.disk->dead && at == 0)
		stop(&w);
	steps = w.disk->step;
	if (at == 0) {
		mdisk_free(w.disk);
		return steps;
	}
	crash(&w);
	w.disk->power = false;
	start(&w);
	for (int i = 0; i < 5; i++)
		round_of(&w, true);
	finish(&w);
	return steps;
}

START_TEST(a_kill_at_any_step_loses_and_doubles_nothing)
{
	uint64_t steps = one_crash((uint64_t)_i, 0, false);

	ck_assert_uint_gt(steps, 100);
	for (uint64_t at = 1; at <= steps; at++)
		one_crash((uint64_t)_i, at, false);
}
END_TEST

START_TEST(nor_does_a_power_cut)
{
	uint64_t steps = one_crash((uint64_t)_i, 0, true);

	for (uint64_t at = 1; at <= steps; at++)
		one_crash((uint64_t)_i, at, true);
}
END_TEST

START_TEST(crashes_while_recovering_are_no_worse)
{
	struct world w;

	world_init(&w, (uint64_t)_i);
	w.logs.rotate_ns = 2 * (int64_t)NS;
	start(&w);
	for (int life = 0; life < 60; life++) {
		w.disk->crash_at = w.disk->step + 1 +
				   mu_rng_u64(&w.rng) % (life % 2 ? 12 : 60);
		w.disk->power = life % 3 == 0;
		for (int i = 0; i < 10 && !w.disk->dead; i++)
			round_of(&w, true);
		crash(&w);
		w.disk->crash_at = w.disk->step + 1 + mu_rng_u64(&w.rng) % 8;
		start(&w); /* and dies */
		crash(&w);
		start(&w);
		drain(&w);
	}
	w.disk->power = false;
	finish(&w);
	/* An empty one that a life before removed is not missed. */
	ck_assert(!w.gone);
}
END_TEST

/* A clock that is a year ahead after a crash, and right again, costs nothing:
 * what was answered or only written is not written twice. */
START_TEST(nor_does_a_clock_that_leaps)
{
	int64_t year = INT64_C(365) * 86400 * (int64_t)NS;
	struct world w;

	world_init(&w, (uint64_t)_i);
	w.logs.rotate_ns = 2 * (int64_t)NS;
	start(&w);
	for (int life = 0; life < 10; life++) {
		for (int i = 0; i < 10; i++)
			round_of(&w, true);
		/* some are written, and their senders do not know */
		for (size_t i = 0; i < SENDERS; i++) {
			new_batch(&w, &w.senders[i]);
			send_all(&w, i);
		}
		logsink_flush(w.sink, &w.now);
		w.deaf = true;
		crash(&w);
		w.deaf = false;
		w.now.wall += life % 2 == 0 ? year : -year;
		start(&w);
	}
	finish(&w);
}
END_TEST

/* Everything but what was answered may be written again. */
static void
allow_twice(struct world *w)
{
	for (size_t i = 0; i < SENDERS; i++)
		for (size_t k = 0; k < w->senders[i].nout; k++) {
			const struct flying *f = &w->senders[i].out[k];

			for (uint64_t n = 0; n < f->n; n++)
				w->twice[f->first + 2 * n] = 1;
		}
}

START_TEST(a_damaged_journal_is_begun_anew)
{
	struct world w;

	world_init(&w, (uint64_t)_i);
	w.logs.rotate_ns = 2 * (int64_t)NS;
	start(&w);
	for (int i = 0; i < ROUNDS; i++)
		round_of(&w, true);
	crash(&w);
	w.disk->damaged = true;
	allow_twice(&w);
	start(&w);
	drain(&w);
	ck_assert_uint_eq(w.disk->aside, 1);
	ck_assert_ptr_nonnull(strstr(
	    w.last_log, "the journal was damaged: spoilt, kept elsewhere"));
	for (int i = 0; i < 5; i++)
		round_of(&w, true);
	finish(&w);
}
END_TEST

START_TEST(damaged_while_it_runs_it_loses_nothing)
{
	struct logsink_total t;
	struct world w;

	world_init(&w, (uint64_t)_i);
	w.logs.rotate_ns = 2 * (int64_t)NS;
	start(&w);
	for (int i = 0; i < ROUNDS; i++)
		round_of(&w, true);
	w.disk->damaged = true;
	for (int i = 0; i < ROUNDS; i++)
		round_of(&w, true);
	ck_assert_uint_eq(w.disk->aside, 1);
	logsink_total(w.sink, &t);
	ck_assert_str_eq(t.damaged, "spoilt, kept elsewhere");
	ck_assert(!t.trouble);
	/* The new one knows as much as the old one did. */
	crash(&w);
	start(&w);
	for (int i = 0; i < 5; i++)
		round_of(&w, true);
	finish(&w);
}
END_TEST

START_TEST(a_disk_that_spoils_each_new_one_is_not_filled)
{
	struct logsink_total t;
	struct world w;

	world_init(&w, 1);
	start(&w);
	for (int i = 0; i < ROUNDS; i++)
		round_of(&w, true);
	for (int i = 0; i < 3 * ROUNDS; i++) {
		w.disk->damaged = true;
		round_of(&w, true);
	}
	ck_assert_uint_eq(w.disk->aside, 1);
	logsink_total(w.sink, &t);
	ck_assert(t.trouble);
	pass(&w, 3600 * NS);
	round_of(&w, true);
	ck_assert_uint_eq(w.disk->aside, 2);
	finish(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("logsink_crash");
	TCase *c = tcase_create("crashes");

	setenv("TZ", "UTC", 1);
	tcase_set_timeout(c, 200);
	tcase_add_loop_test(
	    c, a_kill_at_any_step_loses_and_doubles_nothing, 0, GZIP + 1);
	tcase_add_loop_test(c, nor_does_a_power_cut, 0, GZIP + 1);
	tcase_add_loop_test(c, crashes_while_recovering_are_no_worse, 0, 20);
	tcase_add_loop_test(c, nor_does_a_clock_that_leaps, 0, 20);
	tcase_add_loop_test(c, a_damaged_journal_is_begun_anew, 0, 20);
	tcase_add_loop_test(c, damaged_while_it_runs_it_loses_nothing, 0, 20);
	tcase_add_test(c, a_disk_that_spoils_each_new_one_is_not_filled);
	suite_add_tcase(s, c);
	return unit_run(s);
}
