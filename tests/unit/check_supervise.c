/* The supervisor's machine, with processes that exist only on paper. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "node/supervise.h"
#include "nomem.h"
#include "sys/exit.h"
#include "unit.h"

#define SECOND         1000000000ull
#define EXITED(code)   ((code) << 8) /* as waitpid(2) says it */
#define KILLED(number) (number)

static struct mu_layout_node nodes[] = {
	{ .name = (char[]){ "logger-1" }, .role = MU_ROLE_LOGGER },
	{ .name = (char[]){ "manager" }, .role = MU_ROLE_MANAGER },
	{ .name = (char[]){ "proxy-1" }, .role = MU_ROLE_PROXY },
	{ .name = (char[]){ "worker-1" }, .role = MU_ROLE_WORKER },
	{ .name = (char[]){ "worker-2" }, .role = MU_ROLE_WORKER },
};
#define N (sizeof nodes / sizeof nodes[0])

static struct supervise *s;
static uint64_t now;

static void
setup(void)
{
	s = supervise_new();
	ck_assert_ptr_nonnull(s);
	now = 1000 * SECOND;
}

static void
teardown(void)
{
	supervise_free(s);
}

static int
set(size_t first, size_t n)
{
	const struct mu_layout_node *list[N];

	for (size_t i = 0; i < n; i++)
		list[i] = &nodes[first + i];
	return supervise_set(s, list, n, now);
}

/* Everything that follows by now, in short: "spawn worker-1, up". */
static const char *
all_next(void)
{
	static const char *const words[] = { "spawn", "term", "kill", "gave up",
		"restart", "up", "finished" };
	static char text[1024];
	struct supervise_out out;
	size_t len = 0;

	text[0] = '\0';
	supervise_tick(s, now);
	while (supervise_next(s, &out, now))
		len += (size_t)snprintf(text + len, sizeof text - len,
		    "%s%s%s%s", len == 0 ? "" : ", ", words[out.kind],
		    out.name == NULL ? "" : " ",
		    out.name == NULL ? "" : out.name);
	return text;
}

#define ck_assert_next(want) ck_assert_str_eq(all_next(), (want))

/* All five started and ready. */
static void
bring_up(void)
{
	ck_assert_int_eq(set(0, N), 0);
	ck_assert_next("spawn logger-1, spawn manager, spawn proxy-1, "
		       "spawn worker-1, spawn worker-2");
	for (size_t i = 0; i < N; i++)
		supervise_ready(s, nodes[i].name);
	ck_assert_next("up");
}

/* --- starting ---------------------------------------------------------- */

START_TEST(all_are_started_at_once_and_up_is_said_once)
{
	bring_up();
	ck_assert_next("");
	ck_assert_uint_eq(supervise_count(s), N);
	ck_assert_uint_eq(supervise_nready(s), N);
	ck_assert(supervise_deadline(s) == UINT64_MAX);
}
END_TEST

START_TEST(up_waits_for_the_last)
{
	set(3, 2);
	all_next();
	supervise_ready(s, "worker-1");
	ck_assert_next("");
	supervise_ready(s, "worker-2");
	ck_assert_next("up");
}
END_TEST

/* --- restarting -------------------------------------------------------- */

START_TEST(crashed_one_is_back_at_once)
{
	bring_up();
	now += 20 * SECOND;
	supervise_ended(s, "worker-1", KILLED(SIGKILL), now);
	ck_assert_next("restart worker-1, spawn worker-1");
	supervise_ready(s, "worker-1");
	ck_assert_next("up");
}
END_TEST

START_TEST(one_that_keeps_crashing_is_started_ever_more_slowly)
{
	uint64_t pauses[12], last = 0;
	size_t i;

	set(3, 1);
	all_next();
	for (i = 0; i < 12; i++) {
		supervise_ended(s, "worker-1", EXITED(1), now);
		pauses[i] = supervise_deadline(s) - now;
		now = supervise_deadline(s);
		ck_assert_next("restart worker-1, spawn worker-1");
	}
	ck_assert_uint_eq(pauses[0], 0);
	ck_assert_uint_eq(pauses[1], SUPERVISE_PAUSE_MIN);
	ck_assert_uint_eq(pauses[2], 2 * SUPERVISE_PAUSE_MIN);
	ck_assert_uint_eq(pauses[11], SUPERVISE_PAUSE_MAX);
	for (i = 0; i < 12; i++) {
		ck_assert_uint_ge(pauses[i], last);
		last = pauses[i];
	}
	/* Having lived for a while it begins anew. */
	now += SUPERVISE_STEADY;
	supervise_ended(s, "worker-1", EXITED(1), now);
	ck_assert_uint_eq(supervise_deadline(s), now);
}
END_TEST

START_TEST(failure_to_start_is_tried_again)
{
	set(3, 1);
	all_next();
	supervise_ended(s, "worker-1", -1, now);
	supervise_ended(s, "worker-1", -1, now);
	ck_assert_next("restart worker-1, spawn worker-1");
	supervise_ended(s, "worker-1", -1, now);
	ck_assert_next("restart worker-1");
	now += SUPERVISE_PAUSE_MIN;
	ck_assert_next("spawn worker-1");
}
END_TEST

START_TEST(useless_ones_are_given_up)
{
	bring_up();
	supervise_ended(s, "worker-1", EXITED(EXIT_CONFIG), now);
	supervise_ended(s, "worker-2", EXITED(EXIT_NOPERM), now);
	/* The others are not kept waiting. */
	ck_assert_next("gave up worker-1, gave up worker-2, up");
	ck_assert_int_eq(supervise_code(s), EXIT_CONFIG);
	ck_assert(supervise_deadline(s) == UINT64_MAX);
	ck_assert_uint_eq(supervise_nready(s), N - 2);
}
END_TEST

/* A supervisor that was killed leaves processes that are about to end. */
START_TEST(name_in_use_is_waited_for_but_not_for_ever)
{
	uint64_t begin = now;

	set(3, 1);
	all_next();
	supervise_ended(s, "worker-1", EXITED(EXIT_TEMPFAIL), now);
	ck_assert_next("restart worker-1, spawn worker-1");
	now += SECOND;
	supervise_ready(s, "worker-1");
	ck_assert_next("up");
	/* From here on it is in use again, and stays so. */
	begin = now += SECOND;
	for (;;) {
		supervise_ended(s, "worker-1", EXITED(EXIT_TEMPFAIL), now);
		if (supervise_deadline(s) == UINT64_MAX)
			break;
		now = supervise_deadline(s);
		ck_assert_next("restart worker-1, spawn worker-1");
	}
	ck_assert_next("gave up worker-1, finished");
	ck_assert_uint_ge(now - begin, SUPERVISE_BUSY);
	ck_assert_uint_le(now - begin, SUPERVISE_BUSY + SUPERVISE_PAUSE_MAX);
	ck_assert_int_eq(supervise_code(s), EXIT_TEMPFAIL);
}
END_TEST

START_TEST(when_all_are_given_up_it_is_over)
{
	set(3, 2);
	all_next();
	supervise_ended(s, "worker-1", EXITED(EXIT_NOINPUT), now);
	ck_assert_next("gave up worker-1");
	supervise_ended(s, "worker-2", EXITED(EXIT_NOINPUT), now);
	ck_assert_next("gave up worker-2, finished");
	ck_assert_int_eq(supervise_code(s), EXIT_NOINPUT);
}
END_TEST

/* --- stopping ---------------------------------------------------------- */

START_TEST(stopping_goes_role_by_role)
{
	bring_up();
	supervise_stop(s, now);
	ck_assert_next("term worker-1, term worker-2");
	supervise_ended(s, "worker-2", EXITED(0), now);
	ck_assert_next("");
	supervise_ended(s, "worker-1", EXITED(0), now);
	ck_assert_next("term proxy-1");
	supervise_ended(s, "proxy-1", EXITED(0), now);
	ck_assert_next("term manager");
	supervise_ended(s, "manager", EXITED(1), now);
	ck_assert_next("term logger-1");
	supervise_ended(s, "logger-1", EXITED(0), now);
	ck_assert_next("finished");
	ck_assert_next("");
	ck_assert_int_eq(supervise_code(s), 0);
}
END_TEST

START_TEST(crash_while_stopping_is_not_mended)
{
	bring_up();
	supervise_ended(s, "worker-1", KILLED(SIGSEGV), now);
	all_next();
	supervise_ended(s, "worker-1", KILLED(SIGSEGV), now);
	supervise_stop(s, now); /* while it waits for its restart */
	supervise_ended(s, "manager", KILLED(SIGSEGV), now);
	ck_assert_next("restart worker-1, term worker-2");
	now += 100 * SUPERVISE_PAUSE_MAX;
	supervise_ended(s, "worker-2", EXITED(0), now);
	ck_assert_next("term proxy-1");
	supervise_ended(s, "proxy-1", EXITED(0), now);
	ck_assert_next("term logger-1");
}
END_TEST

START_TEST(one_that_does_not_end_is_killed)
{
	bring_up();
	supervise_stop(s, now);
	all_next();
	ck_assert_uint_eq(supervise_deadline(s), now + SUPERVISE_PATIENCE);
	now += SUPERVISE_PATIENCE;
	ck_assert_next("kill worker-1, kill worker-2");
	ck_assert_next("");
}
END_TEST

START_TEST(second_stop_kills_all)
{
	bring_up();
	supervise_stop(s, now);
	supervise_stop(s, now);
	ck_assert_next("kill logger-1, kill manager, kill proxy-1, "
		       "term worker-1, kill worker-1, term worker-2, "
		       "kill worker-2");
	for (size_t i = 0; i < N; i++)
		supervise_ended(s, nodes[i].name, KILLED(SIGKILL), now);
	ck_assert_next("finished");
}
END_TEST

/* --- another list ------------------------------------------------------ */

START_TEST(reload_starts_new_ones_and_stops_old_ones)
{
	set(0, 3);
	all_next();
	for (size_t i = 0; i < 3; i++)
		supervise_ready(s, nodes[i].name);
	ck_assert_next("up");
	set(0, 3);
	ck_assert_next(""); /* nothing changed */
	set(2, 3);
	ck_assert_next("term logger-1, term manager, spawn worker-1, "
		       "spawn worker-2");
	supervise_ended(s, "logger-1", EXITED(0), now);
	supervise_ended(s, "manager", EXITED(0), now);
	supervise_ready(s, "worker-1");
	supervise_ready(s, "worker-2");
	ck_assert_next("up");
	/* Back again: those that are gone are started, */
	set(0, N);
	ck_assert_next("spawn logger-1, spawn manager");
}
END_TEST

START_TEST(removing_some_is_no_news_of_the_others)
{
	bring_up();
	set(0, 3);
	ck_assert_next("term worker-1, term worker-2");
	supervise_ended(s, "worker-1", EXITED(0), now);
	supervise_ended(s, "worker-2", EXITED(0), now);
	ck_assert_next("");
	ck_assert_uint_eq(supervise_nready(s), 3);
}
END_TEST

START_TEST(one_wanted_again_while_it_stops_is_started_after)
{
	set(3, 2);
	all_next();
	set(3, 1);
	ck_assert_next("term worker-2");
	set(3, 2);
	ck_assert_next("");
	supervise_ended(s, "worker-2", EXITED(0), now);
	ck_assert_next("restart worker-2, spawn worker-2");
}
END_TEST

START_TEST(one_given_up_is_tried_after_a_reload)
{
	set(3, 1);
	all_next();
	supervise_ended(s, "worker-1", EXITED(EXIT_NOINPUT), now);
	ck_assert_next("gave up worker-1, finished");
	set(3, 1);
	ck_assert_next("spawn worker-1");
}
END_TEST

static bool
make_and_set(void *ctx)
{
	struct supervise *mine = supervise_new();
	const struct mu_layout_node *list[N];
	bool good;

	(void)ctx;
	for (size_t i = 0; i < N; i++)
		list[i] = &nodes[i];
	good = mine != NULL && supervise_set(mine, list, N, now) == 0;
	supervise_free(mine);
	return good;
}

START_TEST(memory_may_be_out)
{
	ck_assert_uint_gt(nomem_each(make_and_set, NULL), N);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("supervise");
	TCase *t = tcase_create("supervise");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, all_are_started_at_once_and_up_is_said_once);
	tcase_add_test(t, up_waits_for_the_last);
	tcase_add_test(t, crashed_one_is_back_at_once);
	tcase_add_test(t, one_that_keeps_crashing_is_started_ever_more_slowly);
	tcase_add_test(t, failure_to_start_is_tried_again);
	tcase_add_test(t, useless_ones_are_given_up);
	tcase_add_test(t, name_in_use_is_waited_for_but_not_for_ever);
	tcase_add_test(t, when_all_are_given_up_it_is_over);
	tcase_add_test(t, stopping_goes_role_by_role);
	tcase_add_test(t, crash_while_stopping_is_not_mended);
	tcase_add_test(t, one_that_does_not_end_is_killed);
	tcase_add_test(t, second_stop_kills_all);
	tcase_add_test(t, reload_starts_new_ones_and_stops_old_ones);
	tcase_add_test(t, removing_some_is_no_news_of_the_others);
	tcase_add_test(t, one_wanted_again_while_it_stops_is_started_after);
	tcase_add_test(t, one_given_up_is_tried_after_a_reload);
	tcase_add_test(t, memory_may_be_out);
	suite_add_tcase(suite, t);
	return unit_run(suite);
}
