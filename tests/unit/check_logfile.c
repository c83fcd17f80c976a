/*
 * Log files on disks that are full, gone or back again.  A full disk is
 * RLIMIT_FSIZE: writes past it are cut short and then fail.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/buf.h"
#include "core/records.h"
#include "io/logfile.h"
#include "nomem.h"
#include "scratch.h"
#include "sys/log.h"
#include "unit.h"

#define SECOND 1000000000ull

static struct logfile *f;
static uint64_t now;
static rlim_t disk; /* size at which files end, in flush */

static void
setup(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
	scratch_open();
	/* Messages go to the test's output; only errors are wanted there. */
	log_init("test", LOG_LEVEL_ERR);
	f = logfile_new(scratch_folder, "cluster");
	ck_assert_ptr_nonnull(f);
	now = SECOND;
	disk = RLIM_INFINITY;
	signal(SIGXFSZ, SIG_IGN);
}

static void
teardown(void)
{
	logfile_free(f, 0);
	f = NULL;
	scratch_close();
}

static void
put(const char *message)
{
	records_cluster(logfile_line(f), 0, "n", message);
	logfile_commit(f);
}

/* The limit holds only meanwhile: check itself writes files, too. */
static void
flush(void)
{
	struct rlimit l;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = disk < l.rlim_max ? disk : l.rlim_max;
	setrlimit(RLIMIT_FSIZE, &l);
	logfile_flush(f, 0, now);
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_FSIZE, &l);
}

static void
end(void)
{
	logfile_free(f, 60 * (int64_t)SECOND);
	f = NULL;
}

static const char *
contents(const char *name)
{
	static char all[LOGFILE_BUFFER * 2];
	FILE *in = fopen(scratch(name), "r");
	size_t n;

	if (in == NULL)
		return "";
	n = fread(all, 1, sizeof all - 1, in);
	all[n] = '\0';
	fclose(in);
	return all;
}

#define HEAD                                                                   \
	"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n"         \
	"#unset_field\t-\n#path\tcluster\n#open\t1970-01-01-00-00-00\n"        \
	"#fields\tts\tnode\tmessage\n#types\ttime\tstring\tstring\n"
#define CLOSE "#close\t1970-01-01-00-01-00\n"

/* --- on a good day ----------------------------------------------------- */

START_TEST(new_file_has_header_lines_and_close)
{
	put("one");
	put("two");
	ck_assert_str_eq(contents("cluster.log"), "");
	flush();
	ck_assert_str_eq(contents("cluster.log"),
	    HEAD "0.000000\tn\tone\n0.000000\tn\ttwo\n");
	ck_assert(logfile_deadline(f) == UINT64_MAX);
	end();
	ck_assert_str_eq(contents("cluster.log"),
	    HEAD "0.000000\tn\tone\n0.000000\tn\ttwo\n" CLOSE);
	ck_assert_uint_eq(scratch_mode("cluster.log") & 0137, 0);
}
END_TEST

START_TEST(nothing_written_makes_no_file)
{
	flush();
	end();
	ck_assert_int_ne(access(scratch("cluster.log"), F_OK), 0);
}
END_TEST

START_TEST(running_file_is_continued)
{
	scratch_write("cluster.log", HEAD "0.000000\tn\told\n", 0640);
	put("new");
	flush();
	ck_assert_str_eq(contents("cluster.log"),
	    HEAD "0.000000\tn\told\n0.000000\tn\tnew\n");
}
END_TEST

START_TEST(after_close_comes_another_header)
{
	scratch_write("cluster.log", HEAD "0.000000\tn\told\n" CLOSE, 0640);
	put("new");
	flush();
	ck_assert_str_eq(contents("cluster.log"),
	    HEAD "0.000000\tn\told\n" CLOSE HEAD "0.000000\tn\tnew\n");
}
END_TEST

START_TEST(foreign_file_is_kept_and_gets_our_header)
{
	scratch_write("cluster.log",
	    "#fields\tts\tnode\tmessage\textra\n"
	    "1\t2\t3\t4\n",
	    0640);
	put("new");
	flush();
	ck_assert_str_eq(contents("cluster.log"),
	    "#fields\tts\tnode\tmessage\textra\n1\t2\t3\t4\n" HEAD
	    "0.000000\tn\tnew\n");
}
END_TEST

START_TEST(torn_last_line_is_ended)
{
	scratch_write("cluster.log", HEAD "0.000000\tn\tto", 0640);
	put("new");
	flush();
	ck_assert_str_eq(contents("cluster.log"),
	    HEAD "0.000000\tn\tto\n0.000000\tn\tnew\n");
}
END_TEST

/* --- renamed files ----------------------------------------------------- */

START_TEST(reopening_follows_a_rename)
{
	put("one");
	flush();
	logfile_reopen(f, 0);
	put("two");
	flush();
	ck_assert_int_eq(rename(scratch("cluster.log"), scratch("old")), 0);
	put("three");
	logfile_reopen(f, 60 * (int64_t)SECOND);
	put("four");
	flush();
	ck_assert_str_eq(contents("old"),
	    HEAD "0.000000\tn\tone\n"
		 "0.000000\tn\ttwo\n0.000000\tn\tthree\n" CLOSE);
	ck_assert_str_eq(contents("cluster.log"), HEAD "0.000000\tn\tfour\n");
}
END_TEST

/* --- trouble ----------------------------------------------------------- */

START_TEST(full_disk_delays_lines_and_loses_none)
{
	/* Full from the start, within the header, within a line. */
	static const rlim_t sizes[] = { 0, 20, sizeof HEAD - 1,
		sizeof HEAD + 20 };

	disk = sizes[_i];
	put("one");
	put("two");
	flush();
	ck_assert_uint_eq(logfile_deadline(f), now + SECOND);
	put("three");
	now += SECOND / 2;
	flush(); /* too early to try */
	now += SECOND;
	flush();
	disk = RLIM_INFINITY;
	now += SECOND;
	flush();
	ck_assert_str_eq(contents("cluster.log"),
	    HEAD "0.000000\tn\tone\n0.000000\tn\ttwo\n0.000000\tn\tthree\n");
	ck_assert_uint_eq(logfile_lost(f), 0);
	ck_assert(logfile_deadline(f) == UINT64_MAX);
}
END_TEST

START_TEST(beyond_its_buffer_lines_are_lost_whole_and_counted)
{
	char message[1000];
	size_t lines = 0;
	const char *p;

	memset(message, 'x', sizeof message - 1);
	message[sizeof message - 1] = '\0';
	disk = 0;
	for (int i = 0; i < 300; i++)
		put(message);
	flush();
	ck_assert_uint_gt(logfile_lost(f), 0);
	disk = RLIM_INFINITY;
	now += 2 * SECOND;
	flush();
	put("after");
	flush();
	for (p = contents("cluster.log"); *p != '\0'; p++)
		lines += *p == '\n';
	ck_assert_uint_eq(lines, 8 + 300 - logfile_lost(f) + 1);
	ck_assert_contains(contents("cluster.log"), "x\n0.000000\tn\tafter\n");
}
END_TEST

START_TEST(missing_folder_is_waited_for)
{
	struct logfile *g;
	char path[512];

	snprintf(path, sizeof path, "%s/later", scratch_folder);
	g = logfile_new(path, "cluster");
	records_cluster(logfile_line(g), 0, "n", "patience");
	logfile_commit(g);
	logfile_flush(g, 0, now);
	ck_assert_uint_eq(logfile_deadline(g), now + SECOND);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	logfile_flush(g, 0, now + SECOND);
	logfile_free(g, 60 * (int64_t)SECOND);
	ck_assert_str_eq(contents("later/cluster.log"),
	    HEAD "0.000000\tn\tpatience\n" CLOSE);
}
END_TEST

START_TEST(device_that_is_always_full_is_survived)
{
	ck_assert_int_eq(symlink("/dev/full", scratch("cluster.log")), 0);
	put("one");
	flush();
	ck_assert_uint_eq(logfile_deadline(f), now + SECOND);
	end();
}
END_TEST

/* --- memory ------------------------------------------------------------ */

static bool
whole_life(void *ctx)
{
	struct logfile *g = logfile_new(scratch_folder, "broker");

	(void)ctx;
	if (g == NULL)
		return false;
	logfile_free(g, 0);
	return true;
}

START_TEST(memory_may_be_out)
{
	struct nomem state = { 0, false };

	nomem_each(whole_life, NULL);
	/* A line that finds no memory is a lost line. */
	mu_alloc_set_hook(nomem_hook, &state);
	put("lost");
	mu_alloc_set_hook(NULL, NULL);
	put("kept");
	flush();
	ck_assert_uint_eq(logfile_lost(f), 1);
	ck_assert_str_eq(contents("cluster.log"), HEAD "0.000000\tn\tkept\n");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("logfile");
	TCase *t = tcase_create("logfile");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, new_file_has_header_lines_and_close);
	tcase_add_test(t, nothing_written_makes_no_file);
	tcase_add_test(t, running_file_is_continued);
	tcase_add_test(t, after_close_comes_another_header);
	tcase_add_test(t, foreign_file_is_kept_and_gets_our_header);
	tcase_add_test(t, torn_last_line_is_ended);
	tcase_add_test(t, reopening_follows_a_rename);
	tcase_add_loop_test(t, full_disk_delays_lines_and_loses_none, 0, 4);
	tcase_add_test(t, beyond_its_buffer_lines_are_lost_whole_and_counted);
	tcase_add_test(t, missing_folder_is_waited_for);
	tcase_add_test(t, device_that_is_always_full_is_survived);
	tcase_add_test(t, memory_may_be_out);
	suite_add_tcase(s, t);
	return unit_run(s);
}
