/*
 * Lines of cluster.log and broker.log: those of a real logger are formed
 * again byte for byte, and what must not break a line does not.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/records.h"
#include "nomem.h"
#include "unit.h"

static struct mu_buf out;

static void
setup(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
	mu_buf_init(&out, 0);
}

static void
teardown(void)
{
	mu_buf_clear(&out);
}

/* What was written so far, as a string. */
static const char *
text(void)
{
	mu_buf_u8(&out, 0);
	mu_buf_truncate(&out, mu_buf_len(&out) - 1);
	return mu_buf_len(&out) == 0 ? "" : (const char *)mu_buf_data(&out);
}

/* --- the real ones ----------------------------------------------------- */

static char *
golden(const char *name)
{
	const char *tests = getenv("MUSTER_TESTS");
	char path[512], *all;
	size_t n;
	FILE *f;

	snprintf(path, sizeof path, "%s/golden/logs/%s.log",
	    tests == NULL ? "tests" : tests, name);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s is missing", path);
	all = mu_malloc(1 << 20);
	n = fread(all, 1, (1 << 20) - 1, f);
	all[n] = '\0';
	fclose(f);
	return all;
}

/* Seconds and microseconds of a time stamp as nanoseconds. */
static int64_t
read_ts(const char *s)
{
	int64_t sec, us;

	ck_assert_int_eq(sscanf(s, "%" SCNd64 ".%" SCNd64, &sec, &us), 2);
	return sec * 1000000000 + us * 1000;
}

static int64_t
read_wall(const char *s)
{
	struct tm tm = { 0 };

	ck_assert_ptr_nonnull(strptime(s, "%Y-%m-%d-%H-%M-%S", &tm));
	return (int64_t)timegm(&tm) * 1000000000;
}

/* Split a line at tabs, in place. */
static size_t
split(char *line, char *field[8])
{
	size_t n = 0;

	for (char *p = line; p != NULL && n < 8;) {
		field[n++] = p;
		p = strchr(p, '\t');
		if (p != NULL)
			*p++ = '\0';
	}
	return n;
}

static void
again(const char *name, char *line)
{
	char *f[8];
	size_t n = split(line, f);

	if (strcmp(f[0], "#open") == 0) {
		mu_buf_reset(&out);
		records_header(&out, name, read_wall(f[1]));
	} else if (strcmp(f[0], "#close") == 0) {
		records_close(&out, read_wall(f[1]));
	} else if (f[0][0] == '#') {
		return;
	} else if (n == 3) {
		records_cluster(&out, read_ts(f[0]), f[1], f[2]);
	} else {
		ck_assert_uint_eq(n, 6);
		records_broker(&out, read_ts(f[0]), f[1], f[2],
		    strcmp(f[3], "-") == 0 ? NULL : f[3],
		    (uint16_t)strtoul(f[4], NULL, 10), f[5]);
	}
}

START_TEST(a_real_loggers_files_come_out_again)
{
	static const char *const names[] = { "cluster", "broker" };
	char *all = golden(names[_i]), *copy = mu_strdup(all), *save = NULL;

	for (char *line = strtok_r(copy, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save))
		again(names[_i], line);
	ck_assert_str_eq(text(), all);
	mu_free(copy);
	mu_free(all);
}
END_TEST

/* --- awkward ones ------------------------------------------------------ */

START_TEST(nothing_breaks_a_line)
{
	static const struct {
		const char *message;
		const char *shown;
	} rows[] = {
		{ "plain", "plain" },
		{ "", "(empty)" },
		{ "-", "\\x2d" },
		{ "--", "--" },
		{ "(empty)", "\\x28empty)" },
		{ "(empty) or not", "(empty) or not" },
		{ "a\tb", "a\\x09b" },
		{ "a\nb\r", "a\\x0ab\\x0d" },
		{ "back\\slash", "back\\\\slash" },
		{ "\x7f\x1b[0m", "\\x7f\\x1b[0m" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "\xc3\xbc\xff", "\\xc3\\xbc\\xff" },
		{ "\xc3\xbc\\\xff", "\xc3\xbc\\\\\\xff" },
		{ "c1 \xc2\x85", "c1 \\xc2\\x85" },
		{ "private \xee\x80\x80", "private \\xee\\x80\\x80" },
		{ "\xef\xbf\xbd", "\\xef\\xbf\\xbd" },
		{ "\xf0\x9f\x90\x95", "\xf0\x9f\x90\x95" },
		{ "#close", "#close" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char want[128];

		mu_buf_reset(&out);
		records_cluster(&out, 1500000, "n", rows[i].message);
		snprintf(want, sizeof want, "0.001500\tn\t%s\n", rows[i].shown);
		ck_assert_str_eq(text(), want);
	}
}
END_TEST

START_TEST(times_are_rounded_to_microseconds)
{
	records_cluster(&out, 1795348044256078501, "n", "m");
	records_cluster(&out, 1795348044999999500, "n", "m");
	records_cluster(&out, 1795348044000000499, "n", "m");
	records_cluster(&out, -1, "n", "m");
	ck_assert_str_eq(text(),
	    "1795348044.256079\tn\tm\n1795348045.000000\tn\tm\n"
	    "1795348044.000000\tn\tm\n0.000000\tn\tm\n");
}
END_TEST

START_TEST(without_an_address_the_port_is_unset_too)
{
	records_broker(&out, 0, "Broker::ERROR", "peer-invalid", NULL, 80, "x");
	records_broker(&out, 0, "Broker::ERROR", "peer-invalid", "", 80, "");
	records_broker(
	    &out, 0, "Broker::STATUS", "peer-added", "::1", 80, NULL);
	ck_assert_str_eq(text(),
	    "0.000000\tBroker::ERROR\tpeer-invalid\t-\t-\tx\n"
	    "0.000000\tBroker::ERROR\tpeer-invalid\t-\t-\t-\n"
	    "0.000000\tBroker::STATUS\tpeer-added\t::1\t80\t-\n");
}
END_TEST

START_TEST(open_and_close_are_local_time)
{
	setenv("TZ", "XYZ-02:00", 1);
	tzset();
	records_close(&out, 0);
	ck_assert_str_eq(text(), "#close\t1970-01-01-02-00-00\n");
}
END_TEST

static bool
write_all(void *ctx)
{
	bool good;

	(void)ctx;
	records_header(&out, "broker", 0);
	records_broker(&out, 0, "Broker::STATUS", "peer-added", "::1", 80, "m");
	records_close(&out, 0);
	good = mu_buf_error(&out) == 0;
	mu_buf_clear(&out);
	mu_buf_init(&out, 0);
	return good;
}

START_TEST(memory_may_be_out)
{
	ck_assert_uint_gt(nomem_each(write_all, NULL), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("records");
	TCase *t = tcase_create("records");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_real_loggers_files_come_out_again, 0, 2);
	tcase_add_test(t, nothing_breaks_a_line);
	tcase_add_test(t, times_are_rounded_to_microseconds);
	tcase_add_test(t, without_an_address_the_port_is_unset_too);
	tcase_add_test(t, open_and_close_are_local_time);
	tcase_add_test(t, memory_may_be_out);
	suite_add_tcase(s, t);
	return unit_run(s);
}
