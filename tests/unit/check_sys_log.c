/*
 * Operator messages: their form for each kind of standard error, and that a
 * reader who stopped reading costs messages, not the daemon.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "muster/err.h"
#include "scratch.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "unit.h"

static char text[65536 * 4];
static int reader; /* the other end of standard error */

static void
setup(void)
{
	scratch_open();
	unsetenv("JOURNAL_STREAM");
	unsetenv("INVOCATION_ID");
}

static void
stderr_to_pipe(void)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	close(fds[1]);
	reader = fds[0];
	ck_assert_int_eq(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
}

static void
stderr_to_file(void)
{
	int fd = open(scratch("log"), O_RDWR | O_CREAT | O_APPEND, 0600);

	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	close(fd);
	reader = open(scratch("log"), O_RDONLY);
}

/* Everything written up to now. */
static const char *
all(void)
{
	size_t len = 0;
	ssize_t n;

	while (len < sizeof text - 1 &&
	       (n = read(reader, text + len, sizeof text - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return text;
}

START_TEST(pipe_gets_name_and_message)
{
	stderr_to_pipe();
	log_init("worker-1", LOG_LEVEL_INFO);
	log_info("peer %s is up", "manager");
	ck_assert_str_eq(all(), "worker-1: peer manager is up\n");
	log_warnx("slow");
	log_err("no");
	ck_assert_str_eq(all(), "worker-1: warning: slow\n"
				"worker-1: error: no\n");
	errno = ENOENT;
	log_warn("cannot read %s", "f");
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_str_eq(all(), "worker-1: warning: cannot read f: No such "
				"file or directory\n");
	log_init(NULL, LOG_LEVEL_INFO);
	log_info("bare");
	ck_assert_str_eq(all(), "bare\n");
}
END_TEST

START_TEST(file_gets_a_time_stamp)
{
	unsigned year, month, day, hour, minute, second, ms;

	setenv("INVOCATION_ID", "some", 1);
	stderr_to_file();
	log_init("m", LOG_LEVEL_INFO);
	log_info("here");
	ck_assert_int_eq(sscanf(all(), "%4u-%2u-%2uT%2u:%2u:%2u.%3uZ m: here",
			     &year, &month, &day, &hour, &minute, &second, &ms),
	    7);
	ck_assert_contains(text, "Z m: here\n");
}
END_TEST

START_TEST(journal_gets_priorities)
{
	char stream[64];
	struct stat st;

	stderr_to_pipe();
	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof stream, "%llu:%llu",
	    (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	if (_i == 0)
		setenv("JOURNAL_STREAM", stream, 1);
	else
		setenv("INVOCATION_ID", "some", 1);
	log_init("m", LOG_LEVEL_DEBUG);
	log_err("a");
	log_warnx("b");
	log_info("c");
	log_debug("d");
	ck_assert_str_eq(all(), "<3>m: a\n<4>m: b\n<6>m: c\n<7>m: d\n");
}
END_TEST

START_TEST(journal_of_somebody_else_is_not_ours)
{
	setenv("JOURNAL_STREAM", "1:2", 1);
	stderr_to_pipe();
	log_init("m", LOG_LEVEL_INFO);
	log_info("c");
	ck_assert_str_eq(all(), "m: c\n");
}
END_TEST

START_TEST(level_decides_what_is_said)
{
	stderr_to_pipe();
	log_init("m", LOG_LEVEL_WARN);
	log_info("no");
	log_debug("no");
	log_warnx("yes");
	ck_assert_str_eq(all(), "m: warning: yes\n");
	log_set_level(LOG_LEVEL_DEBUG);
	ck_assert_int_eq(log_get_level(), LOG_LEVEL_DEBUG);
	log_at(LOG_LEVEL_DEBUG, "now");
	ck_assert_str_eq(all(), "m: debug: now\n");
	log_set_level(LOG_LEVEL_ERR);
	errno = EIO;
	log_warn("no");
	ck_assert_int_eq(errno, EIO);
	ck_assert_str_eq(all(), "");
}
END_TEST

START_TEST(levels_have_names)
{
	static const enum log_level levels[] = { LOG_LEVEL_ERR, LOG_LEVEL_WARN,
		LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(
		    log_level_parse(log_level_name(levels[i])), (int)levels[i]);
	ck_assert_int_eq(log_level_parse("loud"), -1);
	ck_assert_int_eq(log_level_parse(""), -1);
}
END_TEST

START_TEST(one_event_is_one_line)
{
	char big[5000];

	stderr_to_pipe();
	log_init("a\nb", LOG_LEVEL_INFO);
	log_info("x\ny\r\x1b[31m\x7fz");
	ck_assert_str_eq(all(), "a?b: x?y??[31m?z\n");
	memset(big, 'w', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	log_info("%s", big);
	ck_assert_uint_lt(strlen(all()), 2049);
	ck_assert_str_eq(text + strlen(text) - 5, "w...\n");
	errno = EIO;
	log_warn("%s", big);
	ck_assert_str_eq(all() + strlen(text) - 5, "w...\n");
	ck_assert_uint_lt(strlen(text), 2049);
}
END_TEST

START_TEST(every_length_fits_its_line)
{
	char big[2100];

	stderr_to_pipe();
	log_init("m", LOG_LEVEL_INFO);
	for (size_t len = 1990; len < sizeof big; len++) {
		memset(big, 'w', len);
		big[len] = '\0';
		errno = EIO;
		log_warn("%s", big);
		all();
		ck_assert_uint_lt(strlen(text), 2049);
		ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
	}
}
END_TEST

START_TEST(stopped_reader_costs_messages_and_is_told)
{
	uint64_t before = clock_now();
	const char *said;
	char big[1000];
	unsigned long lost;
	int fds[2];

	if (_i == 0) {
		stderr_to_pipe();
	} else {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		dup2(fds[1], STDERR_FILENO);
		reader = fds[0];
		fcntl(reader, F_SETFL, O_NONBLOCK);
	}
	log_init("m", LOG_LEVEL_INFO);
	memset(big, 'w', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	for (int i = 0; i < 2000; i++)
		log_info("%s", big);
	/* One short wait, not 2000, on the slowest machine. */
	ck_assert_uint_lt(clock_now() - before, UINT64_C(60000000000));
	all();
	log_info("back");
	said = strstr(all(), "m: warning: ");
	ck_assert_ptr_nonnull(said);
	ck_assert_int_eq(
	    sscanf(said, "m: warning: %lu messages lost", &lost), 1);
	ck_assert_uint_gt(lost, 100);
	ck_assert_uint_lt(lost, 2000);
	ck_assert_contains(said, "\nm: back\n");
}
END_TEST

START_TEST(closed_stderr_is_survived)
{
	close(STDERR_FILENO);
	log_init("m", LOG_LEVEL_INFO);
	for (int i = 0; i < 5; i++)
		log_info("to nobody");
}
END_TEST

START_TEST(reader_that_is_gone_is_survived)
{
	stderr_to_pipe();
	log_init("m", LOG_LEVEL_INFO);
	close(reader);
	for (int i = 0; i < 5; i++)
		log_info("to nobody");
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("sys_log");
	TCase *t = tcase_create("log");

	tcase_add_checked_fixture(t, setup, scratch_close);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, pipe_gets_name_and_message);
	tcase_add_test(t, file_gets_a_time_stamp);
	tcase_add_loop_test(t, journal_gets_priorities, 0, 2);
	tcase_add_test(t, journal_of_somebody_else_is_not_ours);
	tcase_add_test(t, level_decides_what_is_said);
	tcase_add_test(t, levels_have_names);
	tcase_add_test(t, one_event_is_one_line);
	tcase_add_test(t, every_length_fits_its_line);
	tcase_add_loop_test(t, stopped_reader_costs_messages_and_is_told, 0, 2);
	tcase_add_test(t, closed_stderr_is_survived);
	tcase_add_test(t, reader_that_is_gone_is_survived);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
