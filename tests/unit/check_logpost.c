/*
 * Rotated files: compressed, handed to programs with Zeek's arguments within a
 * time, removed by age and size.
 */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/logpost.h"
#include "io/logpost_impl.h"
#include "logs/logsink.h"
#include "muster/err.h"
#include "nomem.h"
#include "others.h"
#include "scratch.h"
#include "sys/clock.h"
#include "unit.h"

#define NS UINT64_C(1000000000)

static struct mu_logs logs;

static void
setup(void)
{
	scratch_open();
	memset(&logs, 0, sizeof logs);
	logs.postprocessors = 2;
	logs.postprocessor_ns = 60 * (int64_t)NS;
	setenv("TZ", "UTC", 1);
}

/* It was written last at that time: clocks of file systems are coarse. */
static void
touch(const char *name, time_t when)
{
	struct timespec t[] = { { .tv_sec = when }, { .tv_sec = when } };
	char path[400];

	snprintf(path, sizeof path, "%s/%s", scratch_folder, name);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, t, 0), 0);
}

static bool
there(const char *name)
{
	struct stat st;
	char path[400];

	snprintf(path, sizeof path, "%s/%s", scratch_folder, name);
	return stat(path, &st) == 0;
}

static struct logpost *
begin(const char *program, bool several)
{
	struct logpost_config cfg = { .node = "logger-1",
		.here = scratch_folder,
		.logs = &logs,
		.program = program,
		.several = several };
	struct logpost *p = logpost_new(&cfg);

	ck_assert_ptr_nonnull(p);
	return p;
}

static void
add(struct logpost *p, const char *name)
{
	struct logsink_rotated r = { .name = name,
		.path = "conn",
		.open = INT64_C(1700000000) * (int64_t)NS,
		.close = INT64_C(1700003600) * (int64_t)NS,
		.terminating = true };

	ck_assert_int_eq(logpost_add(p, &r), 0);
}

/* Until n files are finished with. */
static void
await(struct logpost *p, uint64_t n)
{
	struct logpost_facts f;
	uint64_t end = clock_now() + 60 * NS;

	do {
		usleep(2000);
		logpost_facts(p, &f);
	} while (f.done < n && clock_now() < end);
	ck_assert_uint_eq(f.done, n);
}

static void
check_line(const char *name, const char *expect)
{
	char path[400], got[400] = "";
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", scratch_folder, name);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(got, sizeof got, f));
	fclose(f);
	ck_assert_str_eq(got, expect);
}

START_TEST(the_program_gets_what_zeek_gives)
{
	char program[400];
	struct logpost_out out;
	struct logpost *p;

	scratch_write("after",
	    "#!/bin/sh\necho \"$# $* $ZEEK_ARG_LOG_SUFFIX\" >out\n", 0755);
	scratch_write("conn.2023-11-14-22-13-20.log", "x\n", 0644);
	snprintf(program, sizeof program, "%s/after", scratch_folder);
	logs.compress = MU_LOGS_GZIP;
	p = begin(program, true);
	add(p, "conn.2023-11-14-22-13-20.log");
	await(p, 1);
	check_line("out", "6 conn.2023-11-14-22-13-20.log.gz conn "
			  "23-11-14_22.13.20 23-11-14_23.13.20 1 ascii "
			  "logger-1\n");
	ck_assert(!there("conn.2023-11-14-22-13-20.log"));
	ck_assert(logpost_next(p, &out));
	ck_assert_int_eq(out.kind, LOGPOST_DONE);
	ck_assert_str_eq(out.name, "conn.2023-11-14-22-13-20.log");
	ck_assert(!logpost_next(p, &out));
	/* again, after a crash: found compressed */
	add(p, "conn.2023-11-14-22-13-20.log");
	await(p, 2);
	/* and gone */
	add(p, "conn.2023-11-14-22-13-21.log");
	await(p, 3);
	logpost_free(p);
}
END_TEST

START_TEST(a_program_that_hangs_is_killed)
{
	struct logpost_facts f;
	struct logpost_out out;
	struct logpost *p;
	char program[400];

	scratch_write("after", "#!/bin/sh\nsleep 1000 & wait\n", 0755);
	scratch_write("conn.2023-11-14-22-13-20.log", "x\n", 0644);
	snprintf(program, sizeof program, "%s/after", scratch_folder);
	logs.postprocessor_ns = (int64_t)NS / 5;
	p = begin(program, false);
	add(p, "conn.2023-11-14-22-13-20.log");
	await(p, 1);
	logpost_facts(p, &f);
	ck_assert_uint_eq(f.failed, 1);
	ck_assert(logpost_next(p, &out));
	ck_assert_int_eq(out.kind, LOGPOST_LOG);
	ck_assert_ptr_nonnull(strstr(out.text, "was killed"));
	logpost_free(p);
}
END_TEST

START_TEST(a_program_that_is_none_is_reported)
{
	struct logpost_out out;
	struct logpost *p = begin("/nowhere/after", false);

	scratch_write("conn.2023-11-14-22-13-20.log", "x\n", 0644);
	add(p, "conn.2023-11-14-22-13-20.log");
	await(p, 1);
	ck_assert(logpost_next(p, &out));
	ck_assert_int_eq(out.kind, LOGPOST_LOG);
	ck_assert_ptr_nonnull(strstr(out.text, "cannot be run"));
	ck_assert(there("conn.2023-11-14-22-13-20.log"));
	logpost_free(p);
}
END_TEST

START_TEST(the_oldest_go_when_all_are_too_large)
{
	char name[64], text[50001];
	uint64_t end = clock_now() + 60 * NS;
	struct logpost *p;

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	scratch_write("mine.log", text, 0644);
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof name, "conn.2023-11-14-22-13-2%d.log", i);
		scratch_write(name, text, 0644);
		touch(name, 1700000000 + i);
	}
	logs.keep_bytes = 120000;
	p = begin(NULL, false);
	while (there("conn.2023-11-14-22-13-22.log") && clock_now() < end)
		usleep(2000);
	ck_assert(!there("conn.2023-11-14-22-13-20.log"));
	ck_assert(!there("conn.2023-11-14-22-13-22.log"));
	logpost_free(p);
	ck_assert(there("conn.2023-11-14-22-13-23.log"));
	ck_assert(there("conn.2023-11-14-22-13-24.log"));
	ck_assert(there("mine.log"));
}
END_TEST

/* However told and heard fall together: in the end nothing is left to hear,
 * and whoever sleeps on the descriptor sleeps. */
START_TEST(heard_means_that_the_owner_may_sleep)
{
	struct logpost *p = begin(NULL, false);
	struct pollfd pfd = { .fd = logpost_fd(p), .events = POLLIN };
	uint64_t end = clock_now() + 60 * NS;
	struct logpost_out out;
	char name[64];
	unsigned heard = 0;

	for (unsigned i = 0; i < 300; i++) {
		snprintf(
		    name, sizeof name, "conn.2023-11-14-22-13-20-%u.log", i);
		scratch_write(name, "x\n", 0644);
		add(p, name);
		while (logpost_next(p, &out))
			heard += out.kind == LOGPOST_DONE;
	}
	while (heard < 300 && clock_now() < end) {
		ck_assert_int_eq(poll(&pfd, 1, 60000), 1);
		while (logpost_next(p, &out))
			heard += out.kind == LOGPOST_DONE;
	}
	ck_assert_uint_eq(heard, 300);
	ck_assert_int_eq(poll(&pfd, 1, 0), 0);
	logpost_free(p);
}
END_TEST

/* The next message that is told, or the test fails. */
static const char *
next_words(struct logpost *p)
{
	static char words[400];
	struct logpost_out out;
	uint64_t end = clock_now() + 60 * NS;

	while (!logpost_next(p, &out)) {
		ck_assert_uint_lt(clock_now(), end);
		usleep(2000);
	}
	ck_assert_int_eq(out.kind, LOGPOST_LOG);
	snprintf(words, sizeof words, "%s", out.text);
	return words;
}

/* Again with every look there is, nothing more is said. */
static void
look_again(struct logpost *p)
{
	struct logpost_config cfg = {
		.node = "logger-1", .here = scratch_folder, .logs = &logs
	};

	ck_assert_int_eq(logpost_reload(p, &cfg), 0);
}

START_TEST(what_cannot_be_removed_is_told_once)
{
	struct logpost *p;

	if (no_others(scratch_folder))
		return;
	scratch_write("conn.2023-11-14-22-13-20.log", "x\n", 0644);
	scratch_write("conn.2023-11-14-22-13-21.log", "x\n", 0644);
	ck_assert_int_eq(chmod(scratch_folder, 0555), 0);
	/* the superuser removes anything: threads that start from here on are
	 * somebody else's */
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(OTHER), 0);
	logs.keep_bytes = 1;
	p = begin(NULL, false);
	ck_assert_str_eq(next_words(p),
	    "logs: 2 rotated files that are due cannot be removed, "
	    "conn.2023-11-14-22-13-20.log first: Permission denied");
	look_again(p);
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(chmod(scratch_folder, 0755), 0);
	look_again(p);
	ck_assert_str_eq(
	    next_words(p), "logs: rotated files can be removed again");
	ck_assert_str_eq(
	    next_words(p), "logs: 2 rotated files removed by age or size");
	logpost_free(p);
}
END_TEST

/* n with the k-th allocation of the thread failing: whatever fails, the file
 * is there, plain or packed, the program was run for it, or it is told. */
static bool
one_without(struct logpost *p, struct nomem_threads *nomem, unsigned k)
{
	char name[64], packed[80], path[400];
	struct logpost_facts f;
	struct logpost_out out;
	uint64_t done, troubles;
	bool failed, told = false;

	snprintf(name, sizeof name, "conn.2023-11-14-22-13-20-%u.log", k + 2);
	snprintf(packed, sizeof packed, "%s.gz", name);
	scratch_write(k % 2 == 0 ? name : packed, "x\n", 0644);
	logpost_facts(p, &f);
	done = f.done;
	troubles = f.failed;
	nomem_arm(nomem, true, k);
	add(p, name);
	await(p, done + 1);
	failed = atomic_load(&nomem->failed);
	nomem_arm(nomem, true, ~0u);
	logpost_facts(p, &f);
	while (logpost_next(p, &out))
		told = told || out.kind == LOGPOST_LOG;
	ck_assert(there(name) || there(packed));
	ck_assert(failed || !told);
	/* Without the memory to say it, it is counted. */
	if (!there(packed) || !there("ran"))
		ck_assert_uint_gt(f.failed, troubles);
	snprintf(path, sizeof path, "%s/ran", scratch_folder);
	unlink(path);
	return !failed;
}

START_TEST(each_allocation_may_fail)
{
	struct logpost_config cfg = {
		.node = "l", .here = scratch_folder, .logs = &logs
	};
	struct logsink_rotated r = { .name = "n", .path = "conn" };
	struct nomem_threads nomem;
	struct logpost *p = NULL;
	char program[400];
	unsigned k, made = 0;

	scratch_write("after", "#!/bin/sh\n: >ran\n", 0755);
	snprintf(program, sizeof program, "%s/after", scratch_folder);
	cfg.program = program;
	logs.compress = MU_LOGS_GZIP;
	/* the owner's */
	for (k = 0; p == NULL; k++) {
		nomem_arm(&nomem, false, k);
		p = logpost_new(&cfg);
		ck_assert((p == NULL) == atomic_load(&nomem.failed));
		made += p == NULL;
	}
	ck_assert_uint_gt(made, 2);
	for (k = 0; k < 4; k++) {
		nomem_arm(&nomem, false, k);
		ck_assert_int_eq(logpost_add(p, &r), MUSTER_ENOMEM);
	}
	nomem_arm(&nomem, false, 0);
	ck_assert_int_eq(logpost_reload(p, &cfg), MUSTER_ENOMEM);
	/* the thread's */
	for (k = 0; !one_without(p, &nomem, k) || k < 6; k++)
		ck_assert_uint_lt(k, 100);
	nomem_arm(&nomem, false, ~0u);
	logpost_free(p);
	mu_alloc_set_hook(NULL, NULL);
}
END_TEST

START_TEST(names_of_rotated_files)
{
	static const char *const yes[] = { "conn.2026-01-31-13-00-00.log",
		"conn-2.2026-01-31-13-00-00-2.log.gz",
		"a.b.2026-01-31-13-00-00.log.zst",
		"conn__2026-01-31-13-00-00__2026-01-31-14-00-00__.log",
		"c__2026-01-31-13-00-00__2026-01-31-14-00-00__n=2__.log.gz" };
	static const char *const no[] = { "conn.log", "conn.2026-01-31.log",
		".tmp.conn.2026-01-31-13-00-00.log.gz", "2026-01-31-13-00-00",
		"conn.2026-01-31-13-00-00", "conn2026-01-31-13-00-00.log",
		"conn.2026-01-31-13-00-00.logs", "journal" };

	for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
		ck_assert_msg(post_is_rotated(yes[i]), "%s", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
		ck_assert_msg(!post_is_rotated(no[i]), "%s", no[i]);
}
END_TEST

/* Until it says something with that in it. */
static void
await_words(struct logpost *p, const char *words)
{
	uint64_t end = clock_now() + 60 * NS;
	struct logpost_out out = { .text = NULL };

	do {
		ck_assert_uint_lt(clock_now(), end);
		usleep(2000);
	} while (!logpost_next(p, &out) || out.kind != LOGPOST_LOG ||
		 strstr(out.text, words) == NULL);
}

/* What passes by itself is waited for: no file stays as it is because
 * descriptors were out for a moment. */
START_TEST(what_is_out_comes_again)
{
	static const char name[] = "conn.2023-11-14-22-13-20.log";
	struct rlimit all, none;
	struct logpost_facts f;
	struct logpost *p;
	char program[400];
	int lowest;

	scratch_write("after", "#!/bin/sh\necho \"$1\" >out\n", 0755);
	scratch_write(name, "x\n", 0644);
	snprintf(program, sizeof program, "%s/after", scratch_folder);
	logs.compress = MU_LOGS_GZIP;
	p = begin(program, false);
	lowest = dup(0);
	ck_assert_int_gt(lowest, 0);
	close(lowest);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	none = all;
	none.rlim_cur = (rlim_t)lowest;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	add(p, name);
	await_words(p, "waits");
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
	await(p, 1);
	check_line("out", "conn.2023-11-14-22-13-20.log.gz\n");
	logpost_facts(p, &f);
	ck_assert_uint_eq(f.failed, 0);
	logpost_free(p);
}
END_TEST

/* However large the file: the end of the node does not wait for it, and the
 * next start does it. */
START_TEST(the_end_does_not_wait_for_a_large_file)
{
	static const char name[] = "conn.2023-11-14-22-13-20.log";
	uint64_t end = clock_now() + 60 * NS;
	struct logpost_facts f;
	struct logpost *p;
	char path[400];

	scratch_write(name, "x\n", 0644);
	snprintf(path, sizeof path, "%s/%s", scratch_folder, name);
	ck_assert_int_eq(truncate(path, INT64_C(1) << 40), 0);
	logs.compress = MU_LOGS_GZIP;
	p = begin(NULL, false);
	add(p, name);
	while (!there(".tmp.conn.2023-11-14-22-13-20.log.gz"))
		ck_assert_uint_lt(clock_now(), end);
	logpost_stop(p, 0);
	ck_assert(there(name));
	ck_assert(!there("conn.2023-11-14-22-13-20.log.gz"));
	ck_assert(!there(".tmp.conn.2023-11-14-22-13-20.log.gz"));
	logpost_facts(p, &f);
	ck_assert_uint_eq(f.done, 0);
	ck_assert_uint_eq(f.failed, 0);
	ck_assert_uint_eq(f.waiting, 1);
	logpost_free(p);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("logpost");
	TCase *t = tcase_create("post");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, scratch_close);
	tcase_add_test(t, the_program_gets_what_zeek_gives);
	tcase_add_test(t, what_is_out_comes_again);
	tcase_add_test(t, the_end_does_not_wait_for_a_large_file);
	tcase_add_test(t, a_program_that_hangs_is_killed);
	tcase_add_test(t, a_program_that_is_none_is_reported);
	tcase_add_test(t, heard_means_that_the_owner_may_sleep);
	tcase_add_test(t, what_cannot_be_removed_is_told_once);
	tcase_add_test(t, the_oldest_go_when_all_are_too_large);
	tcase_add_test(t, each_allocation_may_fail);
	tcase_add_test(t, names_of_rotated_files);
	suite_add_tcase(s, t);
	return unit_run(s);
}
