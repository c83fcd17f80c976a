/*
 * Rotated files when something is wrong: a disk that is full or a life that was
 * killed while they were compressed, and a clock that leaps ahead.
 */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/logpost.h"
#include "io/logpost_impl.h"
#include "logs/logsink.h"
#include "scratch.h"
#include "sys/clock.h"
#include "unit.h"

#define NS   INT64_C(1000000000)
#define HOUR (3600 * NS)
#define DAY  (24 * HOUR)
#define NAME "conn.2023-11-14-22-13-20.log"

static struct mu_logs logs;

static void
setup(void)
{
	scratch_open();
	memset(&logs, 0, sizeof logs);
	logs.postprocessors = 2;
	logs.postprocessor_ns = 60 * NS;
}

static void
put_file(const char *name, const void *p, size_t len)
{
	char path[400];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", scratch_folder, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(p, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

/* As old as that. */
static void
age(const char *name, int64_t seconds)
{
	int64_t at = clock_wall() / NS - seconds;
	struct timespec times[2] = { { .tv_sec = at }, { .tv_sec = at } };
	char path[400];

	snprintf(path, sizeof path, "%s/%s", scratch_folder, name);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static off_t
size_of(const char *name)
{
	struct stat st;
	char path[400];

	snprintf(path, sizeof path, "%s/%s", scratch_folder, name);
	return stat(path, &st) == 0 ? st.st_size : -1;
}

/* Exactly these are in the folder, by number. */
static void
check_files(int n)
{
	DIR *d = opendir(scratch_folder);
	struct dirent *e;
	int got = 0;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL)
		got +=
		    strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	ck_assert_int_eq(got, n);
}

/* What a program makes of the file, in one piece. */
static void
check_unpacked(const char *program, const void *p, size_t len)
{
	char cmd[700], *got = malloc(len + 1);
	FILE *f;

	ck_assert_ptr_nonnull(got);
	snprintf(cmd, sizeof cmd, "%s '%s'/conn*", program, scratch_folder);
	f = popen(cmd, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fread(got, 1, len + 1, f), len);
	ck_assert_int_eq(pclose(f), 0);
	ck_assert_int_eq(memcmp(got, p, len), 0);
	free(got);
}

static struct logpost *
begin(const char *program)
{
	struct logpost_config cfg = { .node = "logger-1",
		.here = scratch_folder,
		.logs = &logs,
		.program = program };
	struct logpost *p = logpost_new(&cfg);

	ck_assert_ptr_nonnull(p);
	return p;
}

static void
add(struct logpost *p, const char *name)
{
	struct logsink_rotated r = { .name = name, .path = "conn" };

	ck_assert_int_eq(logpost_add(p, &r), 0);
}

static void
await(struct logpost *p, uint64_t done, size_t plain)
{
	uint64_t end = clock_now() + 60 * NS;
	struct logpost_facts f;

	do {
		usleep(2000);
		logpost_facts(p, &f);
	} while ((f.done < done || f.plain != plain) && clock_now() < end);
	ck_assert_uint_eq(f.done, done);
	ck_assert_uint_eq(f.plain, plain);
}

/* The next message. */
static const char *
words(struct logpost *p)
{
	static char text[400];
	struct logpost_out out = { .text = NULL };
	uint64_t end = clock_now() + 60 * NS;

	while (!logpost_next(p, &out) || out.kind != LOGPOST_LOG) {
		ck_assert_uint_lt(clock_now(), end);
		usleep(2000);
	}
	snprintf(text, sizeof text, "%s", out.text);
	return text;
}

static void
fill(uint8_t *p, size_t len)
{
	uint32_t x = 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (uint8_t)(x >> 24);
	}
}

/* No file may be larger: a disk with room for what is there only. */
static void
limit_files(rlim_t most)
{
	struct rlimit r;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = most;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/* The file is whole all the time, is handed over once, and compressed as soon
 * as that is possible; nobody has to do anything. */
static void
one_full_disk(enum mu_logs_compress kind, const char *packed, const char *how)
{
	static uint8_t data[300000];
	struct logpost_facts f;
	struct logpost *p;
	char program[400];

	fill(data, sizeof data);
	put_file(NAME, data, sizeof data);
	put_file("after", "#!/bin/sh\necho $1 >>ran\n", 24);
	snprintf(program, sizeof program, "%s/after", scratch_folder);
	ck_assert_int_eq(chmod(program, 0755), 0);
	age(NAME, 7200);
	logs.compress = kind;
	ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	limit_files(100000);
	p = begin(program);
	add(p, NAME);
	ck_assert_str_eq(words(p),
	    "logs: " NAME " cannot be compressed: File too large; such files "
	    "stay as they are and are tried again");
	await(p, 0, 1);
	logpost_facts(p, &f);
	ck_assert_str_eq(f.error, NAME ": File too large");
	ck_assert_int_eq(size_of(NAME), sizeof data);
	ck_assert_int_eq(size_of(packed), -1);
	while (size_of("ran") <= 0)
		usleep(2000);
	do {
		usleep(2000);
		logpost_facts(p, &f);
	} while (f.failed < 2); /* again, and nothing is said */
	limit_files(RLIM_INFINITY);
	await(p, 1, 0);
	ck_assert_str_eq(
	    words(p), "logs: no rotated file waits to be compressed again");
	check_files(3);
	ck_assert_int_eq(size_of("ran"), strlen(NAME) + 1);
	check_unpacked(how, data, sizeof data);
	logpost_free(p);
}

START_TEST(what_a_full_disk_kept_plain_is_gzipped_later)
{
	one_full_disk(MU_LOGS_GZIP, NAME ".gz", "gzip -dc");
}
END_TEST

START_TEST(and_with_zstd)
{
	one_full_disk(MU_LOGS_ZSTD, NAME ".zst", "zstd -qdc");
}
END_TEST

/* One success is a sign that the others may go, too, however long they were to
 * rest yet; and they go no earlier when nothing changes. */
START_TEST(a_success_ends_the_rest_of_others)
{
	struct logpost p = { .last_delayed = &p.delayed };
	struct post a = { .name = NULL }, b = { .rest_ns = 1 << 30 };

	post_delay(&p, &a);
	post_delay(&p, &b);
	ck_assert_uint_eq(a.rest_ns, NS);
	ck_assert_uint_eq(b.rest_ns, 2u << 30);
	ck_assert_ptr_null(post_again(&p));
	ck_assert_uint_eq(post_again_at(&p), a.again_at);
	post_packed(&p);
	ck_assert_ptr_eq(post_again(&p), &a);
	ck_assert_ptr_eq(post_again(&p), &b);
	ck_assert_ptr_null(post_again(&p));
	ck_assert_uint_eq(post_again_at(&p), UINT64_MAX);
	for (int i = 0; i < 40; i++) {
		post_delay(&p, &a);
		a.again_at = 0;
		ck_assert_ptr_eq(post_again(&p), &a);
	}
	ck_assert_uint_eq(a.rest_ns, 600 * NS);
}
END_TEST

/* Killed before the compressed file had its name: it is no archive, and gone
 * with the next start, whatever the layout says by then. */
START_TEST(half_a_file_is_nobody_s)
{
	struct logpost *p;

	put_file(NAME, "all of it\n", 10);
	put_file(".tmp." NAME ".gz", "half", 4);
	put_file(".tmp.dns.2023-11-14-22-13-20.log.zst", "half", 4);
	put_file(".tmp.mine.gz", "half", 4);
	logs.compress = MU_LOGS_PLAIN;
	p = begin(NULL);
	add(p, NAME);
	await(p, 1, 0);
	logpost_free(p);
	check_files(2);
	ck_assert_int_eq(size_of(NAME), 10);
	ck_assert_int_eq(size_of(".tmp.mine.gz"), 4);
}
END_TEST

/* Killed before the plain one was removed: one of them stays, by the layout of
 * then or of now, and no record is there twice. */
START_TEST(of_both_only_one_stays)
{
	static const enum mu_logs_compress kinds[] = { MU_LOGS_PLAIN,
		MU_LOGS_GZIP, MU_LOGS_ZSTD };

	for (size_t i = 0; i < 3; i++) {
		struct logpost *p;

		put_file(NAME, "all of it\n", 10);
		put_file(NAME ".gz", "what was it", 11);
		logs.compress = kinds[i];
		p = begin(NULL);
		add(p, NAME);
		await(p, 1, 0);
		logpost_free(p);
		check_files(1);
		check_unpacked("gzip -dc", "all of it\n", 10);
	}
}
END_TEST

/* Compressed files are as old as what is in them. */
START_TEST(compression_does_not_make_young)
{
	struct stat st;
	char path[400];
	struct logpost *p;

	put_file(NAME, "x\n", 2);
	age(NAME, 100000);
	logs.compress = MU_LOGS_GZIP;
	p = begin(NULL);
	add(p, NAME);
	await(p, 1, 0);
	logpost_free(p);
	snprintf(path, sizeof path, "%s/" NAME ".gz", scratch_folder);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_lt(st.st_mtime, clock_wall() / NS - 99000);
}
END_TEST

/* --- clocks ------------------------------------------------------------ */

START_TEST(a_clock_that_condemns_everything_is_doubted)
{
	struct logpost *p;

	put_file(NAME, "x\n", 2);
	put_file("dns.2023-11-14-22-13-20.log", "x\n", 2);
	age(NAME, 100000);
	age("dns.2023-11-14-22-13-20.log", 90000);
	logs.keep_ns = DAY;
	p = begin(NULL);
	ck_assert_ptr_nonnull(strstr(words(p),
	    " s ahead of the newest rotated file, more than \"keep\"; until it "
	    "has been so for a day no rotated file is removed because of "
	    "that"));
	logpost_free(p);
	check_files(2);
	/* one that is young is enough of a sign that the clock is right */
	age("dns.2023-11-14-22-13-20.log", 80000);
	p = begin(NULL);
	ck_assert_str_eq(
	    words(p), "logs: 1 rotated files removed by age or size");
	logpost_free(p);
	check_files(1);
}
END_TEST

START_TEST(a_leap_is_believed_when_it_lasts)
{
	struct post_clock k = { .begun = false };
	int64_t start = 1700000000 * NS, wall = start, year = 365 * DAY;
	uint64_t mono = 77 * (uint64_t)DAY;

	post_clock_begin(&k, wall, mono, wall);
	/* on time, and slewed a little */
	for (int i = 0; i < 1000; i++) {
		mono += (uint64_t)(60 * NS);
		wall += 61 * NS;
		ck_assert_int_eq(post_clock_look(&k, wall, mono, DAY), wall);
		ck_assert(!k.doubts);
	}
	/* a year ahead: time goes on as before */
	for (int i = 1; i < 24; i++) {
		mono += (uint64_t)HOUR;
		wall += HOUR;
		ck_assert_int_eq(
		    post_clock_look(&k, wall + year, mono, DAY), wall);
		ck_assert(k.doubts);
	}
	/* further ahead: the day begins anew */
	for (int i = 0; i < 24; i++) {
		mono += (uint64_t)HOUR;
		wall += HOUR;
		ck_assert_int_eq(
		    post_clock_look(&k, wall + 2 * year, mono, DAY), wall);
	}
	mono += (uint64_t)HOUR;
	wall += HOUR;
	ck_assert_int_eq(
	    post_clock_look(&k, wall + 2 * year, mono, DAY), wall + 2 * year);
	ck_assert(!k.doubts);
	/* back to what it was, and on */
	ck_assert_int_eq(post_clock_look(&k, wall, mono, DAY), wall);
	ck_assert(!k.doubts);
	/* what is kept for minutes does not wait for a day */
	ck_assert_int_eq(
	    post_clock_look(&k, wall + year, mono, 120 * NS), wall);
	mono += (uint64_t)(120 * NS);
	wall += 120 * NS;
	ck_assert_int_eq(
	    post_clock_look(&k, wall + year, mono, 120 * NS), wall + year);
}
END_TEST

/* The leap is over before it is believed: nothing is left of it. */
START_TEST(a_wrong_reading_is_forgotten)
{
	struct post_clock k = { .begun = false };
	int64_t wall = 1700000000 * NS;
	uint64_t mono = 5;

	post_clock_begin(&k, wall, mono, wall);
	ck_assert_int_eq(post_clock_look(&k, wall + DAY, mono, 0), wall);
	ck_assert(k.doubts);
	ck_assert_int_eq(post_clock_look(&k, wall, mono, 0), wall);
	ck_assert(!k.doubts);
	mono += (uint64_t)(2 * DAY);
	wall += 2 * DAY;
	ck_assert_int_eq(post_clock_look(&k, wall + DAY, mono, 0), wall);
	ck_assert(k.doubts);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("logpost_again");
	TCase *t = tcase_create("post");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, scratch_close);
	tcase_add_test(t, what_a_full_disk_kept_plain_is_gzipped_later);
	tcase_add_test(t, and_with_zstd);
	tcase_add_test(t, a_success_ends_the_rest_of_others);
	tcase_add_test(t, half_a_file_is_nobody_s);
	tcase_add_test(t, of_both_only_one_stays);
	tcase_add_test(t, compression_does_not_make_young);
	tcase_add_test(t, a_clock_that_condemns_everything_is_doubted);
	tcase_add_test(t, a_leap_is_believed_when_it_lasts);
	tcase_add_test(t, a_wrong_reading_is_forgotten);
	suite_add_tcase(s, t);
	return unit_run(s);
}
