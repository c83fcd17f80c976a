/* Lines of the control protocol: any split, a longest line. */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "muster/err.h"
#include "proto/lines.h"
#include "unit.h"

static bool
all_fail(void *ctx)
{
	(void)ctx;
	return true;
}

static void
expect(struct mu_lines *l, const char *want)
{
	char *line;
	size_t len;

	ck_assert(mu_lines_next(l, &line, &len));
	ck_assert_uint_eq(len, strlen(want));
	ck_assert_str_eq(line, want);
}

static void
expect_none(struct mu_lines *l)
{
	char *line;
	size_t len;

	ck_assert(!mu_lines_next(l, &line, &len));
	ck_assert(!mu_lines_next(l, &line, &len));
}

START_TEST(lines_end_in_lf_or_crlf)
{
	static const char text[] = "one\ntwo\r\n\n\r\nx\ry\r\r\nrest";
	struct mu_lines l;

	mu_lines_init(&l, 100);
	expect_none(&l);
	ck_assert_int_eq(mu_lines_feed(&l, text, sizeof text - 1), 0);
	expect(&l, "one");
	expect(&l, "two");
	expect(&l, "");
	expect(&l, "");
	expect(&l, "x\ry\r");
	expect_none(&l);
	ck_assert_int_eq(mu_lines_feed(&l, "\n", 1), 0);
	expect(&l, "rest");
	expect_none(&l);
	mu_lines_clear(&l);
}
END_TEST

START_TEST(lines_come_out_however_they_are_split)
{
	static const char text[] = "{\"a\":1}\n\n{\"b\":\"\r\"}\r\nlast\n";
	struct mu_lines l;
	struct mu_rng r;

	mu_rng_init(&r, (uint64_t)_i);
	mu_lines_init(&l, 10);
	for (int round = 0; round < 200; round++) {
		const char *want[] = { "{\"a\":1}", "", "{\"b\":\"\r\"}",
			"last" };
		size_t at = 0, seen = 0;

		while (at < sizeof text - 1) {
			size_t n = 1 + mu_rng_below(&r, 6), len;
			char *line;

			if (n > sizeof text - 1 - at)
				n = sizeof text - 1 - at;
			ck_assert_int_eq(mu_lines_feed(&l, text + at, n), 0);
			at += n;
			while (mu_rng_below(&r, 3) > 0 &&
			       mu_lines_next(&l, &line, &len))
				ck_assert_str_eq(line, want[seen++]);
		}
		while (seen < 4)
			expect(&l, want[seen++]);
		expect_none(&l);
	}
	mu_lines_clear(&l);
}
END_TEST

START_TEST(a_line_too_long_ends_it_all)
{
	struct mu_lines l;

	mu_lines_init(&l, 4);
	ck_assert_int_eq(mu_lines_feed(&l, "1234\n1234\r\n12", 13), 0);
	ck_assert_int_eq(mu_lines_feed(&l, "34\r", 3), 0);
	ck_assert_int_eq(mu_lines_feed(&l, "x", 1), MUSTER_ELIMIT);
	ck_assert_int_eq(mu_lines_feed(&l, "\n", 1), MUSTER_ELIMIT);
	expect(&l, "1234");
	expect(&l, "1234");
	expect_none(&l);
	mu_lines_clear(&l);
	ck_assert_int_eq(mu_lines_feed(&l, "12345\n", 6), MUSTER_ELIMIT);
	mu_lines_clear(&l);
	ck_assert_int_eq(mu_lines_feed(&l, "12345\r\n", 7), MUSTER_ELIMIT);
	mu_lines_clear(&l);
}
END_TEST

START_TEST(memory_is_bounded_by_the_longest_line)
{
	struct mu_lines l;
	char chunk[1000];
	size_t total = 0;

	memset(chunk, 'x', sizeof chunk);
	mu_lines_init(&l, 100000);
	while (mu_lines_feed(&l, chunk, sizeof chunk) == 0) {
		total += sizeof chunk;
		expect_none(&l);
	}
	ck_assert_uint_eq(total, 100000);
	ck_assert_uint_le(l.in.cap, 4 * 100000);
	mu_lines_clear(&l);
}
END_TEST

START_TEST(without_memory_nothing_is_taken)
{
	struct mu_lines l;

	mu_lines_init(&l, 100);
	mu_alloc_set_hook(all_fail, NULL);
	ck_assert_int_eq(mu_lines_feed(&l, "a\n", 2), MUSTER_ENOMEM);
	mu_alloc_set_hook(NULL, NULL);
	expect_none(&l);
	ck_assert_int_eq(mu_lines_feed(&l, "a\n", 2), 0);
	expect(&l, "a");
	mu_lines_clear(&l);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("lines");
	TCase *t = tcase_create("lines");

	tcase_add_test(t, lines_end_in_lf_or_crlf);
	tcase_add_loop_test(t, lines_come_out_however_they_are_split, 0, 5);
	tcase_add_test(t, a_line_too_long_ends_it_all);
	tcase_add_test(t, memory_is_bounded_by_the_longest_line);
	tcase_add_test(t, without_memory_nothing_is_taken);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
