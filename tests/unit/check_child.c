/*
 * Child processes: this program plays the child, too, when it is started with
 * a word.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/blob.h"
#include "io/child.h"
#include "io_end.h"
#include "unit.h"

static struct children *children;

struct one {
	struct child *child;
	char said[65536]; /* its lines, each with a newline */
	size_t len;
	unsigned lines;
	bool ready;
	bool ended;
	int status;
	int unfit; /* errno, or 0 */
};

static void
on_line(void *ctx, const char *text)
{
	struct one *o = ctx;

	ck_assert(!o->ended);
	o->lines++;
	if (o->len + strlen(text) + 2 < sizeof o->said)
		o->len += (size_t)snprintf(
		    o->said + o->len, sizeof o->said - o->len, "%s\n", text);
}

static void
on_ready(void *ctx)
{
	struct one *o = ctx;

	ck_assert(!o->ready && !o->ended);
	o->ready = true;
}

static void
on_ended(void *ctx, int status)
{
	struct one *o = ctx;

	ck_assert(!o->ended);
	o->ended = true;
	o->status = status;
}

static void
on_unfit(void *ctx, int error)
{
	struct one *o = ctx;

	ck_assert(!o->ended && o->unfit == 0);
	o->unfit = error;
}

static const struct child_ops ops = { on_line, on_ready, on_ended, on_unfit };

static void
setup(void)
{
	io_setup();
	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	children = children_new(loop, &ops);
	ck_assert_ptr_nonnull(children);
}

static void
teardown(void)
{
	children_free(children);
	io_teardown();
}

static void
spawn(struct one *o, const char *word)
{
	const char *const argv[] = { "check_child", word, NULL };

	memset(o, 0, sizeof *o);
	o->child = child_spawn(children, argv, o);
	ck_assert_ptr_nonnull(o->child);
}

static void
run(struct one *o, const char *const *argv, const char *input)
{
	static const char *const env[] = { "CHECK_CHILD=yes", "HOME=/nowhere",
		NULL };
	struct mu_blob *b = mu_blob_new(input, strlen(input));
	struct child_program p = { argv, env, b };

	memset(o, 0, sizeof *o);
	o->child = child_run(children, &p, o);
	ck_assert_ptr_nonnull(o->child);
	mu_blob_unref(b);
}
#define RUN(o, input, ...)                                                     \
	run(o, (const char *const[]){ __VA_ARGS__, NULL }, input)

/* --- the child's side -------------------------------------------------- */

static void
be_ready(void)
{
	(void)!write(atoi(getenv("MUSTER_READY_FD")), "", 1);
}

/* Descriptors besides the three and that one which a program started from
 * here inherits. */
static int
strays(int ready)
{
	int n = 0;

	for (int fd = 3; fd < 256; fd++)
		n += fd != ready && fcntl(fd, F_GETFD) == 0;
	return n;
}

static int
as_child(const char *word)
{
	char byte;

	if (strcmp(word, "talk") == 0) {
		printf("one\n\ntwo\x01\n");
		fflush(stdout);
		fprintf(stderr, "no newline at the end");
		return 7;
	}
	if (strcmp(word, "long") == 0) {
		for (int i = 0; i < 5000; i++)
			putchar('x');
		return 0;
	}
	if (strcmp(word, "facts") == 0) {
		printf("strays %d\n", strays(atoi(getenv("MUSTER_READY_FD"))));
		printf("stdin %zd\n", read(0, &byte, 1));
		printf("group %d\n", getpgrp() == getpid());
		printf("notify %d\n", getenv("NOTIFY_SOCKET") != NULL);
		printf("term %d\n", signal(SIGTERM, SIG_DFL) == SIG_DFL);
		return 0;
	}
	if (strcmp(word, "wait") == 0) {
		be_ready();
		for (;;)
			pause();
	}
	if (strcmp(word, "deaf") == 0) {
		signal(SIGTERM, SIG_IGN);
		be_ready();
		for (;;)
			pause();
	}
	if (strcmp(word, "leave") == 0) {
		/* A grandchild that writes for ever into the same pipe. */
		if (fork() == 0) {
			alarm(20);
			for (;;)
				if (puts("still here") < 0 || fflush(stdout))
					_exit(0);
		}
		return 0;
	}
	return 64;
}

/* --- tests ------------------------------------------------------------- */

START_TEST(lines_come_whole_and_the_last_without_newline)
{
	struct one o;

	spawn(&o, "talk");
	io_until(o.ended);
	ck_assert(WIFEXITED(o.status));
	ck_assert_int_eq(WEXITSTATUS(o.status), 7);
	ck_assert_str_eq(o.said, "one\n\ntwo\x01\nno newline at the end\n");
	ck_assert(!o.ready);
}
END_TEST

START_TEST(long_line_comes_in_pieces)
{
	struct one o;

	spawn(&o, "long");
	io_until(o.ended);
	ck_assert_uint_eq(o.lines, 3);
	ck_assert_uint_eq(o.len, 5000 + 3);
}
END_TEST

START_TEST(child_starts_clean)
{
	char want[128];
	struct one o;

	setenv("NOTIFY_SOCKET", "/nowhere", 1);
	/* What this test itself was started with is not ours. */
	snprintf(want, sizeof want,
	    "strays %d\nstdin 0\ngroup 1\nnotify 0\nterm 1\n", strays(-1));
	spawn(&o, "facts");
	io_until(o.ended);
	ck_assert_str_eq(o.said, want);
}
END_TEST

START_TEST(ready_is_told_and_signals_reach_it)
{
	struct one o;

	spawn(&o, "wait");
	io_until(o.ready);
	child_signal(o.child, SIGTERM);
	io_until(o.ended);
	ck_assert(WIFSIGNALED(o.status));
	ck_assert_int_eq(WTERMSIG(o.status), SIGTERM);
}
END_TEST

START_TEST(many_that_end_at_once_are_all_buried)
{
	enum { MANY = 30 };
	struct one *o = mu_calloc(MANY, sizeof *o);
	size_t ended = 0;

	for (size_t i = 0; i < MANY; i++)
		spawn(&o[i], "wait");
	for (size_t i = 0; i < MANY; i++)
		io_until(o[i].ready);
	for (size_t i = 0; i < MANY; i++)
		child_signal(o[i].child, SIGKILL);
	while (ended < MANY) {
		io_turn();
		ended = 0;
		for (size_t i = 0; i < MANY; i++)
			ended += o[i].ended;
	}
	/* No zombie is left. */
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	mu_free(o);
}
END_TEST

START_TEST(freeing_kills_and_waits)
{
	struct one o;
	pid_t pid;

	spawn(&o, "deaf");
	io_until(o.ready);
	pid = child_pid(o.child);
	children_free(children);
	children = NULL;
	ck_assert_int_eq(kill(pid, 0), -1);
	ck_assert(!o.ended);
}
END_TEST

START_TEST(writer_that_outlives_it_does_not_hold_us_up)
{
	struct one o;

	spawn(&o, "leave");
	io_until(o.ended);
	ck_assert(WIFEXITED(o.status));
}
END_TEST

/* The kernel tells the child when its parent dies, however it does. */
START_TEST(child_ends_with_its_parent)
{
	int ends[2];
	char byte;
	pid_t middle;

	ck_assert_int_eq(pipe(ends), 0);
	middle = fork();
	if (middle == 0) {
		struct one o;

		/* The child inherits its end of the pipe and keeps it. */
		children_free(children);
		children = children_new(loop, &ops);
		spawn(&o, "wait");
		io_until(o.ready);
		(void)!write(ends[1], "", 1);
		kill(getpid(), SIGKILL);
	}
	close(ends[1]);
	ck_assert_int_eq(read(ends[0], &byte, 1), 1);
	waitpid(middle, NULL, 0);
	/* The end of the pipe is the end of the child. */
	ck_assert_int_eq(
	    poll(&(struct pollfd){ ends[0], POLLIN, 0 }, 1, 60000), 1);
	ck_assert_int_eq(read(ends[0], &byte, 1), 0);
	close(ends[0]);
}
END_TEST

/* --- other programs ---------------------------------------------------- */

#define SH "/bin/sh", "-c"

START_TEST(program_gets_its_input_and_environment)
{
	struct one o;

	RUN(&o, "hello\n", SH,
	    "cat; echo $CHECK_CHILD $HOME; echo ${PATH:+path}; "
	    "ls /proc/self/fd | wc -l");
	io_until(o.ended);
	ck_assert_str_eq(o.said, "hello\nyes /nowhere\npath\n4\n");
	ck_assert_int_eq(o.status, 0);
	ck_assert_int_eq(o.unfit, 0);
}
END_TEST

START_TEST(program_that_does_not_read)
{
	char *big = malloc(1 << 20);
	struct one o;

	memset(big, 'x', 1 << 20);
	big[(1 << 20) - 1] = '\0';
	RUN(&o, big, "/bin/false");
	io_until(o.ended);
	ck_assert_int_eq(WEXITSTATUS(o.status), 1);
	RUN(&o, big, SH, "wc -c");
	io_until(o.ended);
	ck_assert_int_eq(atoi(o.said), (1 << 20) - 1);
	free(big);
}
END_TEST

START_TEST(program_that_is_not_there)
{
	struct one o;

	RUN(&o, "x", "/nowhere/at/all");
	io_until(o.ended);
	ck_assert_int_eq(o.unfit, ENOENT);
	RUN(&o, "x", "/etc/passwd");
	io_until(o.ended);
	ck_assert_int_eq(o.unfit, EACCES);
}
END_TEST

static bool
is_gone(int pid)
{
	char path[64], state[256] = "";
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (f == NULL)
		return true;
	if (fgets(state, sizeof state, f) == NULL)
		state[0] = '\0';
	fclose(f);
	return strstr(state, ") Z ") != NULL;
}

START_TEST(group_ends_with_its_program)
{
	struct one o;
	int pid;

	RUN(&o, "", SH, "sleep 100 >/dev/null 2>&1 & echo $!");
	io_until(o.ended);
	pid = atoi(o.said);
	ck_assert_int_gt(pid, 1);
	for (int i = 0; i < 6000 && !is_gone(pid); i++)
		poll(NULL, 0, 10);
	ck_assert(is_gone(pid));
	/* and a signal is for all of it */
	RUN(&o, "", SH, "sleep 100 & echo $!; wait");
	while (o.lines == 0)
		loop_turn(loop, 100000000);
	pid = atoi(o.said);
	child_signal(o.child, SIGTERM);
	io_until(o.ended);
	ck_assert_int_eq(WTERMSIG(o.status), SIGTERM);
	for (int i = 0; i < 6000 && !is_gone(pid); i++)
		poll(NULL, 0, 10);
	ck_assert(is_gone(pid));
}
END_TEST

START_TEST(zeros_are_heard)
{
	struct one o;

	RUN(&o, "", SH, "head -c 5000 /dev/zero; echo end");
	io_until(o.ended);
	ck_assert_uint_eq(o.lines, 3);
	ck_assert_uint_eq(o.len, 5003 + 3);
}
END_TEST

START_TEST(muted_program_is_not_heard)
{
	struct one o;
	unsigned lines;

	RUN(&o, "", SH, "while echo line; do :; done; exit 9");
	while (o.lines == 0)
		loop_turn(loop, 100000000);
	child_mute(o.child);
	lines = o.lines;
	io_until(o.ended);
	ck_assert_uint_eq(o.lines, lines);
	ck_assert_int_ne(o.status, 0);
}
END_TEST

int
main(int argc, char **argv)
{
	Suite *s;
	TCase *t;

	if (argc > 1)
		return as_child(argv[1]);
	s = suite_create("child");
	t = tcase_create("child");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, lines_come_whole_and_the_last_without_newline);
	tcase_add_test(t, long_line_comes_in_pieces);
	tcase_add_test(t, zeros_are_heard);
	tcase_add_test(t, child_starts_clean);
	tcase_add_test(t, ready_is_told_and_signals_reach_it);
	tcase_add_test(t, many_that_end_at_once_are_all_buried);
	tcase_add_test(t, freeing_kills_and_waits);
	tcase_add_test(t, writer_that_outlives_it_does_not_hold_us_up);
	tcase_add_test(t, child_ends_with_its_parent);
	tcase_add_test(t, program_gets_its_input_and_environment);
	tcase_add_test(t, program_that_does_not_read);
	tcase_add_test(t, program_that_is_not_there);
	tcase_add_test(t, group_ends_with_its_program);
	tcase_add_test(t, muted_program_is_not_heard);
	suite_add_tcase(s, t);
	return unit_run(s);
}
