/*
 * The daemon's ground: whole files, folders and their lock, privileges,
 * clocks, help tables, the service manager.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "muster/err.h"
#include "others.h"
#include "scratch.h"
#include "sys/clock.h"
#include "sys/dirs.h"
#include "sys/file.h"
#include "sys/notify.h"
#include "sys/priv.h"
#include "sys/usage.h"
#include "unit.h"

static char err[512];

static bool
nth_fails(void *ctx)
{
	int *left = ctx;

	return (*left)-- == 0;
}

/* From now on the disk is full: no file may grow. */
static void
fill_disk(void)
{
	struct rlimit none = { 0, 0 };

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
}

/* --- clock --------------------------------------------------------------- */

START_TEST(clocks_move_forward)
{
	uint64_t a = clock_now(), b = clock_now();

	ck_assert_uint_ge(b, a);
	/* After 2020 and before 2200. */
	ck_assert_int_gt(clock_wall() / 1000000000, 1577836800);
	ck_assert_int_lt(clock_wall() / 1000000000, 7258118400);
}
END_TEST

/* --- files --------------------------------------------------------------- */

START_TEST(file_written_is_read_back)
{
	size_t size = (size_t)_i, len;
	char *data = malloc(size + 1), *back;

	memset(data, 'x', size);
	ck_assert_int_eq(
	    mu_file_write(scratch("f"), data, size, 0640, true), 0);
	ck_assert_uint_eq(scratch_mode("f"), 0640);
	ck_assert_int_eq(file_read_all(scratch("f"), size, &back, &len), 0);
	ck_assert_uint_eq(len, size);
	ck_assert_int_eq(memcmp(back, data, size), 0);
	ck_assert_int_eq(back[len], 0);
	mu_free(back);
	if (size > 0)
		ck_assert_int_eq(
		    file_read_all(scratch("f"), size - 1, &back, &len),
		    MUSTER_ELIMIT);
	free(data);
}
END_TEST

START_TEST(file_errors_keep_errno)
{
	char *data;
	size_t len;

	ck_assert_int_eq(
	    file_read_all(scratch("no"), 9, &data, &len), MUSTER_ESYS);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_null(data);
	ck_assert_int_eq(
	    file_read_all(scratch(""), 9, &data, &len), MUSTER_ESYS);
	ck_assert_int_eq(errno, EISDIR);
	ck_assert_int_eq(
	    mu_file_write(scratch("no/f"), "x", 1, 0600, true), MUSTER_ESYS);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(mu_file_write(scratch("f"), "", 0, 0600, false), 0);
	ck_assert_int_eq(
	    mu_file_write(scratch("f"), "", 0, 0600, false), MUSTER_ESYS);
	ck_assert_int_eq(errno, EEXIST);
}
END_TEST

START_TEST(full_disk_leaves_the_old_file)
{
	char *data;
	size_t len;

	ck_assert_int_eq(mu_file_write(scratch("f"), "old", 3, 0600, true), 0);
	fill_disk();
	ck_assert_int_eq(
	    mu_file_write(scratch("f"), "newer", 5, 0600, true), MUSTER_ESYS);
	ck_assert_int_eq(errno, EFBIG);
	ck_assert_int_eq(file_read_all(scratch("f"), 99, &data, &len), 0);
	ck_assert_str_eq(data, "old");
	mu_free(data);
	/* Nothing half-written stays. */
	ck_assert_int_eq(unlink(scratch("f")), 0);
	ck_assert_int_eq(rmdir(scratch_folder), 0);
}
END_TEST

START_TEST(folders_are_made_with_parents)
{
	size_t at;

	umask(077);
	ck_assert_int_eq(file_make_folder(scratch("a//b/c"), 0750, &at), 0);
	ck_assert_uint_eq(scratch_mode("a"), 0755);
	ck_assert_uint_eq(scratch_mode("a/b"), 0755);
	ck_assert_uint_eq(scratch_mode("a/b/c"), 0750);
	/* What exists keeps its mode. */
	ck_assert_int_eq(file_make_folder(scratch("a/b/c/"), 0700, &at), 0);
	ck_assert_uint_eq(scratch_mode("a/b/c"), 0750);
	scratch_write("a/file", "", 0644);
	ck_assert_int_eq(
	    file_make_folder(scratch("a/file/d"), 0755, &at), MUSTER_ESYS);
	ck_assert_int_eq(errno, ENOTDIR);
	ck_assert_uint_eq(at, strlen(scratch("a/file")));
}
END_TEST

/* --- directories and lock ------------------------------------------------ */

static void
init_dirs(struct dirs *d)
{
	ck_assert_int_eq(dirs_init(d, scratch_folder, "/lib/muster",
			     "/run/muster", "/log/muster", "worker-1"),
	    0);
}

START_TEST(dirs_have_their_places_and_modes)
{
	struct dirs d;
	char *pid, expected[32];
	size_t len;

	init_dirs(&d);
	ck_assert_str_eq(d.state, scratch("lib/muster/worker-1"));
	ck_assert_str_eq(d.run, scratch("run/muster"));
	ck_assert_str_eq(d.log, scratch("log/muster/worker-1"));
	ck_assert_str_eq(d.sock, scratch("run/muster/worker-1.sock"));
	ck_assert_int_ne(access(scratch("lib"), F_OK), 0);
	umask(0);
	ck_assert_msg(dirs_open(&d, err, sizeof err) == 0, "%s", err);
	ck_assert_uint_eq(scratch_mode("lib/muster/worker-1"), 0700);
	ck_assert_uint_eq(scratch_mode("run/muster"), 0755);
	ck_assert_uint_eq(scratch_mode("log/muster/worker-1"), 0750);
	ck_assert_int_eq(
	    file_read_all(scratch("lib/muster/worker-1/lock"), 99, &pid, &len),
	    0);
	snprintf(expected, sizeof expected, "%ld\n", (long)getpid());
	ck_assert_str_eq(pid, expected);
	mu_free(pid);
	dirs_clear(&d);
	ck_assert_ptr_null(d.state);
	dirs_clear(&d);
}
END_TEST

START_TEST(node_names_are_no_paths)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "/" };
	struct dirs d;

	ck_assert_int_eq(
	    dirs_init(&d, NULL, "/s", "/r", "/l", bad[_i]), MUSTER_EINVAL);
	dirs_clear(&d);
}
END_TEST

START_TEST(second_daemon_learns_the_pid_of_the_first)
{
	struct dirs d, e;
	char pid[64];

	init_dirs(&d);
	init_dirs(&e);
	ck_assert_int_eq(dirs_open(&d, err, sizeof err), 0);
	ck_assert_int_eq(dirs_open(&e, err, sizeof err), MUSTER_EEXIST);
	snprintf(pid, sizeof pid, "(pid %ld)", (long)getpid());
	ck_assert_contains(err, pid);
	ck_assert_contains(err, scratch("lib/muster/worker-1/lock"));
	ck_assert_int_eq(e.lock_fd, -1);
	/* Gone with the holder, whatever the file says. */
	dirs_clear(&d);
	ck_assert_int_eq(dirs_open(&e, err, sizeof err), 0);
	dirs_clear(&e);
}
END_TEST

START_TEST(lock_goes_with_a_fork)
{
	struct dirs d, e;
	int pipes[2], status;
	char pid[64], c;
	pid_t child;

	init_dirs(&d);
	init_dirs(&e);
	ck_assert_int_eq(dirs_open(&d, err, sizeof err), 0);
	ck_assert_int_eq(pipe(pipes), 0);
	child = fork();
	if (child == 0) {
		/* As a daemon that detaches: the parent goes. */
		close(pipes[1]);
		_exit(dirs_write_pid(&d) == 0 && read(pipes[0], &c, 1) == 0
			  ? 0
			  : 1);
	}
	close(pipes[0]);
	dirs_clear(&d);
	snprintf(pid, sizeof pid, "(pid %ld)", (long)child);
	do {
		ck_assert_int_eq(dirs_open(&e, err, sizeof err), MUSTER_EEXIST);
	} while (strstr(err, pid) == NULL);
	close(pipes[1]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(dirs_open(&e, err, sizeof err), 0);
	dirs_clear(&e);
}
END_TEST

START_TEST(full_disk_is_said)
{
	struct dirs d;

	init_dirs(&d);
	fill_disk();
	ck_assert_int_eq(dirs_open(&d, err, sizeof err), MUSTER_ESYS);
	ck_assert_contains(err, "cannot write");
	ck_assert_contains(err, scratch("lib/muster/worker-1/lock"));
	ck_assert_contains(err, strerror(EFBIG));
	dirs_clear(&d);
}
END_TEST

START_TEST(obstacle_is_named)
{
	struct dirs d;

	scratch_write("lib", "a file", 0644);
	init_dirs(&d);
	ck_assert_int_eq(dirs_open(&d, err, sizeof err), MUSTER_ESYS);
	ck_assert_contains(err, "cannot create");
	ck_assert_contains(err, strerror(ENOTDIR));
	dirs_clear(&d);
}
END_TEST

START_TEST(socket_path_that_cannot_be_bound_is_refused)
{
	char node[128];
	struct dirs d;

	memset(node, 'n', sizeof node - 1);
	node[sizeof node - 1] = '\0';
	ck_assert_int_eq(
	    dirs_init(&d, scratch_folder, "/s", "/r", "/l", node), 0);
	ck_assert_int_eq(dirs_open(&d, err, sizeof err), MUSTER_ELIMIT);
	ck_assert_contains(err, "too long");
	dirs_clear(&d);
}
END_TEST

START_TEST(dirs_survive_failing_allocations)
{
	struct dirs d;
	int left, n = 0, r;

	do {
		left = n++;
		mu_alloc_set_hook(nth_fails, &left);
		r = dirs_init(&d, scratch_folder, "/s", "/r", "/l", "n");
		if (r == 0)
			r = dirs_open(&d, err, sizeof err);
		mu_alloc_set_hook(NULL, NULL);
		dirs_clear(&d);
	} while (r != 0);
	ck_assert_int_ge(n, 6);
}
END_TEST

/* --- privileges ---------------------------------------------------------- */

START_TEST(privileges_are_dropped_for_good)
{
	const struct passwd *pw = getpwnam("nobody");
	struct dirs d;
	struct stat st;
	gid_t groups[8];

	if (getuid() != 0 || pw == NULL || no_others(scratch_folder))
		return; /* only root has something to drop */
	uid_t uid = pw->pw_uid;
	gid_t gid = pw->pw_gid;
	chmod(scratch_folder, 0755);
	init_dirs(&d);
	ck_assert_int_eq(dirs_open(&d, err, sizeof err), 0);
	scratch_write("outside", "", 0600);
	ck_assert_int_eq(
	    link(scratch("outside"), scratch("lib/muster/worker-1/planted")),
	    0);
	ck_assert_msg(
	    priv_drop("nobody", NULL, &d, err, sizeof err) == 0, "%s", err);
	ck_assert_uint_eq(getuid(), uid);
	ck_assert_uint_eq(geteuid(), uid);
	ck_assert_uint_eq(getgid(), gid);
	for (int i = getgroups(8, groups); i > 0; i--)
		ck_assert_uint_ne(groups[i - 1], 0);
	ck_assert_int_ne(setuid(0), 0);
	ck_assert_int_eq(stat(d.state, &st), 0);
	ck_assert_uint_eq(st.st_uid, uid);
	ck_assert_int_eq(stat(d.run, &st), 0);
	ck_assert_uint_eq(st.st_uid, uid);
	ck_assert_int_eq(stat(scratch("lib/muster/worker-1/lock"), &st), 0);
	ck_assert_uint_eq(st.st_uid, uid);
	/* A second name for a file of root's is not followed. */
	ck_assert_int_eq(stat(scratch("outside"), &st), 0);
	ck_assert_uint_eq(st.st_uid, 0);
	dirs_clear(&d);
}
END_TEST

START_TEST(unknown_users_are_named)
{
	if (getuid() != 0)
		return;
	ck_assert_int_eq(priv_drop("no-such-user", NULL, NULL, err, sizeof err),
	    MUSTER_ENOENT);
	ck_assert_contains(err, "\"no-such-user\"");
	ck_assert_int_eq(
	    priv_drop("nobody", "no-such-group", NULL, err, sizeof err),
	    MUSTER_ENOENT);
	ck_assert_contains(err, "\"no-such-group\"");
	ck_assert_int_eq(priv_drop(NULL, NULL, NULL, err, sizeof err), 0);
	ck_assert_uint_eq(getuid(), 0);
}
END_TEST

START_TEST(hardened_process_gets_no_new_privileges)
{
	ck_assert_int_eq(priv_harden(), 0);
	ck_assert_int_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
}
END_TEST

/* --- the service manager ------------------------------------------------- */

static void
assert_told(int fd, const char *text)
{
	char got[512];
	ssize_t n = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);

	ck_assert_int_gt(n, 0);
	got[n] = '\0';
	ck_assert_contains(got, text);
}

START_TEST(service_manager_is_told)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char pid[32];

	snprintf(sun.sun_path, sizeof sun.sun_path, "%.90s/n", scratch_folder);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof sun), 0);
	setenv("NOTIFY_SOCKET", sun.sun_path, 1);
	notify_ready();
	assert_told(fd, "READY=1");
	notify_status("%d of %d\nREADY=1", 3, 9);
	assert_told(fd, "STATUS=3 of 9 READY=1");
	notify_reloading();
	assert_told(fd, "RELOADING=1\nMONOTONIC_USEC=");
	notify_stopping();
	assert_told(fd, "STOPPING=1");
	notify_watchdog();
	assert_told(fd, "WATCHDOG=1");
	ck_assert_uint_eq(notify_watchdog_interval(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	snprintf(pid, sizeof pid, "%ld", (long)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	ck_assert_uint_eq(notify_watchdog_interval(), 15000000000);
	close(fd);
}
END_TEST

START_TEST(service_manager_may_have_no_path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	socklen_t len = sizeof sun;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char name[sizeof sun.sun_path + 1] = "@";

	/* the kernel chooses an abstract name */
	ck_assert_int_eq(
	    bind(fd, (struct sockaddr *)&sun, sizeof sun.sun_family), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sun, &len), 0);
	memcpy(name + 1, sun.sun_path + 1,
	    len - offsetof(struct sockaddr_un, sun_path) - 1);
	setenv("NOTIFY_SOCKET", name, 1);
	notify_ready();
	assert_told(fd, "READY=1");
	close(fd);
}
END_TEST

START_TEST(what_is_no_address_or_time_is_passed_over)
{
	static const char *const bad[] = { "", "@", "/", "relative",
		"vsock:2:1", "/a/socket/that/nobody/has" };
	char longest[200] = "/";

	memset(longest + 1, 'x', sizeof longest - 2);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		setenv("NOTIFY_SOCKET", bad[i], 1);
		notify_ready();
	}
	setenv("NOTIFY_SOCKET", longest, 1);
	notify_ready();
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "2000000", 1);
	ck_assert_uint_eq(notify_watchdog_interval(), 1000000000);
	setenv("WATCHDOG_PID", "1", 1);
	ck_assert_uint_eq(notify_watchdog_interval(), 0);
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "2s", 1);
	ck_assert_uint_eq(notify_watchdog_interval(), 0);
	setenv("WATCHDOG_USEC", "-5", 1);
	ck_assert_uint_eq(notify_watchdog_interval(), 0);
}
END_TEST

START_TEST(nobody_to_tell_is_fine)
{
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	notify_ready();
	notify_status("%s", "alone");
	ck_assert_uint_eq(notify_watchdog_interval(), 0);
}
END_TEST

/* --- help tables --------------------------------------------------------- */

START_TEST(help_is_aligned_and_wrapped)
{
	static const struct usage_row rows[] = {
		{ NULL, "Options:" },
		{ "-f layout", "read this layout instead of the one in the "
			       "place where it usually lies, which is /etc" },
		{ "-n", "check only" },
		{ "--an-option-that-is-very-long", "does it" },
		{ NULL, NULL },
		{ "bare", NULL },
	};
	static const char expected[] =
	    "Options:\n"
	    "  -f layout  read this layout instead of the one in the place "
	    "where it usually\n"
	    "             lies, which is /etc\n"
	    "  -n         check only\n"
	    "  --an-option-that-is-very-long\n"
	    "             does it\n"
	    "\n"
	    "  bare\n";
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	usage_print(f, rows, sizeof rows / sizeof rows[0]);
	fclose(f);
	ck_assert_str_eq(text, expected);
	free(text);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("sys");
	TCase *t = tcase_create("sys");

	tcase_add_checked_fixture(t, scratch_open, scratch_close);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, clocks_move_forward);
	tcase_add_loop_test(t, file_written_is_read_back, 0, 3);
	tcase_add_loop_test(t, file_written_is_read_back, 16382, 16386);
	tcase_add_test(t, file_errors_keep_errno);
	tcase_add_test(t, full_disk_leaves_the_old_file);
	tcase_add_test(t, folders_are_made_with_parents);
	tcase_add_test(t, dirs_have_their_places_and_modes);
	tcase_add_loop_test(t, node_names_are_no_paths, 0, 5);
	tcase_add_test(t, second_daemon_learns_the_pid_of_the_first);
	tcase_add_test(t, lock_goes_with_a_fork);
	tcase_add_test(t, full_disk_is_said);
	tcase_add_test(t, obstacle_is_named);
	tcase_add_test(t, socket_path_that_cannot_be_bound_is_refused);
	tcase_add_test(t, dirs_survive_failing_allocations);
	tcase_add_test(t, privileges_are_dropped_for_good);
	tcase_add_test(t, unknown_users_are_named);
	tcase_add_test(t, hardened_process_gets_no_new_privileges);
	tcase_add_test(t, service_manager_is_told);
	tcase_add_test(t, service_manager_may_have_no_path);
	tcase_add_test(t, what_is_no_address_or_time_is_passed_over);
	tcase_add_test(t, nobody_to_tell_is_fine);
	tcase_add_test(t, help_is_aligned_and_wrapped);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
