/* Complaints that come again and again. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/echoes.h"
#include "unit.h"

#define SECOND ((uint64_t)1000000000)

static struct echoes es;
static uint64_t unsaid;

static enum echoes_answer
ask(const char *address, const char *text, uint64_t second)
{
	return echoes_ask(&es, address, text, second * SECOND, &unsaid);
}

static void
setup(void)
{
	es = (struct echoes){ 0 };
}

START_TEST(few_are_said_then_one_a_minute)
{
	unsigned said = 0;

	for (uint64_t s = 0; s < 60; s++) {
		enum echoes_answer a = ask("192.0.2.1", "unknown ca", s);

		said += a != ECHOES_COUNT;
		ck_assert_int_eq(a == ECHOES_SAY_LAST, s == ECHOES_SAID - 1);
	}
	ck_assert_uint_eq(said, ECHOES_SAID);
	for (uint64_t minute = 1; minute < 10; minute++) {
		ck_assert_int_eq(ask("192.0.2.1", "unknown ca", minute * 60),
		    ECHOES_SAY_LAST);
		ck_assert_uint_eq(unsaid, minute == 1 ? 60 - ECHOES_SAID : 59);
		for (uint64_t s = 1; s < 60; s++)
			ck_assert_int_eq(
			    ask("192.0.2.1", "unknown ca", minute * 60 + s),
			    ECHOES_COUNT);
	}
}
END_TEST

START_TEST(others_are_said_meanwhile)
{
	for (uint64_t s = 0; s < 30; s++)
		ask("192.0.2.1", "unknown ca", s);
	ck_assert_int_eq(ask("192.0.2.1", "unknown ca", 30), ECHOES_COUNT);
	ck_assert_int_eq(ask("192.0.2.2", "unknown ca", 30), ECHOES_SAY);
	ck_assert_int_eq(ask("192.0.2.1", "expired", 30), ECHOES_SAY);
}
END_TEST

START_TEST(rare_ones_are_always_said)
{
	for (uint64_t s = 0; s < 100; s++) {
		ck_assert_int_eq(ask("192.0.2.1", "x", s * 10), ECHOES_SAY);
		ck_assert_uint_eq(unsaid, 0);
	}
}
END_TEST

START_TEST(what_stopped_is_new_when_it_comes_again)
{
	for (uint64_t s = 0; s < ECHOES_SAID; s++)
		ask("192.0.2.1", "x", s);
	for (uint64_t s = 0; s + 1 < ECHOES_SAID; s++)
		ck_assert_int_eq(ask("192.0.2.1", "x", 100 + s), ECHOES_SAY);
}
END_TEST

/* Many kinds push each other out, which costs lines and nothing else. */
START_TEST(many_kinds)
{
	char text[16];

	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof text, "%u", i);
		ck_assert_int_eq(ask("192.0.2.1", text, i), ECHOES_SAY);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("echoes");
	TCase *t = tcase_create("echoes");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, few_are_said_then_one_a_minute);
	tcase_add_test(t, others_are_said_meanwhile);
	tcase_add_test(t, rare_ones_are_always_said);
	tcase_add_test(t, what_stopped_is_new_when_it_comes_again);
	tcase_add_test(t, many_kinds);
	suite_add_tcase(s, t);
	return unit_run(s);
}
