/* The commands that wait for input of their own: the daemon closes connections
 * that ask nothing, so they say something first. */
#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "muster/err.h"
#include "scratch.h"
#include "sys/clock.h"
#include "sys/exit.h"
#include "unit.h"

static int server = -1;

static void
setup(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char folder[300];

	scratch_open();
	snprintf(folder, sizeof folder, "%s/run", scratch_folder);
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	snprintf(folder, sizeof folder, "%s/run/muster", scratch_folder);
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	ck_assert_int_lt(
	    snprintf(a.sun_path, sizeof a.sun_path, "%s/w.sock", folder),
	    (int)sizeof a.sun_path);
	server = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(server, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(server, 4), 0);
}

static void
teardown(void)
{
	close(server);
	scratch_close();
}

/* Runs command in a process whose input stays open and empty; what it said to
 * the daemon first, of n bytes at most.  answer is what the daemon says. */
static int
first_words(int (*command)(struct ctl *c), struct ctl *c, const char *answer,
    char *words, size_t n)
{
	int quiet[2], fd, status = 0;
	ssize_t got;
	pid_t child;

	ck_assert_int_eq(pipe(quiet), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		dup2(quiet[0], STDIN_FILENO);
		close(quiet[1]);
		_exit(command(c));
	}
	fd = accept(server, NULL, NULL);
	ck_assert_int_ge(fd, 0);
	got = read(fd, words, n - 1);
	ck_assert_int_gt((int)got, 0);
	words[got] = '\0';
	ck_assert_int_eq(
	    (int)write(fd, answer, strlen(answer)), (int)strlen(answer));
	close(quiet[1]);
	waitpid(child, &status, 0);
	close(quiet[0]);
	close(fd);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define ASK "{\"op\":\"version\"}\n"
#define OK  "{\"ok\":true,\"version\":\"1\",\"protocol\":1}\n"

static void
check_command(int (*command)(struct ctl *c), struct ctl *c)
{
	char words[256], node[] = "w";

	c->root = scratch_folder;
	c->node = node;
	c->quiet = true;
	ck_assert_int_eq(
	    first_words(command, c, OK, words, sizeof words), EXIT_OK);
	ck_assert_str_eq(words, ASK);
	ck_assert_int_ne(
	    first_words(command, c, "{\"ok\":false,\"error\":\"go away\"}\n",
		words, sizeof words),
	    EXIT_OK);
}

START_TEST(log_write_asks_before_its_input_comes)
{
	char stream[] = "T::LOG", *args[] = { stream };
	struct ctl c = { .args = args, .nargs = 1 };

	check_command(cmd_log_write, &c);
}
END_TEST

START_TEST(publish_asks_before_its_input_comes)
{
	struct ctl c = { .from_stdin = true };

	check_command(cmd_publish, &c);
}
END_TEST

START_TEST(restore_asks_before_its_input_comes)
{
	char op[] = "restore", store[] = "s", *args[] = { op, store };
	struct ctl c = { .args = args, .nargs = 2 };

	check_command(cmd_store, &c);
}
END_TEST

/* --- the second time ------------------------------------------------------ */

#define PAIR "{\"key\":\"k\",\"value\":\"v\"}\n"

static void
say_to(int fd, const char *text)
{
	ck_assert_int_eq((int)write(fd, text, strlen(text)), (int)strlen(text));
}

/* What the client says now, all of it, begins with text. */
static void
hears(int fd, const char *text, bool alone)
{
	char words[1024];
	ssize_t n = read(fd, words, sizeof words - 1);

	ck_assert_int_gt((int)n, 0);
	words[n] = '\0';
	ck_assert_msg(strncmp(words, text, strlen(text)) == 0, "%s", words);
	ck_assert(!alone || words[strlen(text)] == '\0');
}

static int
next_client(void)
{
	int fd = accept(server, NULL, NULL);

	ck_assert_int_ge(fd, 0);
	hears(fd, ASK, true);
	return fd;
}

/* A restore of two pairs; the connection is lost after the first one. */
START_TEST(restore_asks_first_also_when_it_connects_again)
{
	char op[] = "restore", store[] = "s", *args[] = { op, store };
	char node[] = "w";
	struct ctl c = { .args = args, .nargs = 2, .node = node };
	int input[2], fd, status;
	pid_t child;

	c.root = scratch_folder;
	c.quiet = true;
	ck_assert_int_eq(pipe(input), 0);
	child = fork();
	if (child == 0) {
		dup2(input[0], STDIN_FILENO);
		close(input[1]);
		close(server);
		_exit(cmd_store(&c));
	}
	say_to(input[1], PAIR);
	fd = next_client();
	say_to(fd, OK);
	say_to(input[1], PAIR);
	close(input[1]);
	hears(fd, "{\"op\":\"store\"", false);
	say_to(fd, "{\"ok\":true,\"id\":1}\n");
	close(fd);
	/* turned away: it comes again */
	fd = next_client();
	say_to(fd, "{\"ok\":false,\"error\":\"too many\"}\n");
	close(fd);
	fd = next_client();
	say_to(fd, OK);
	hears(fd, "{\"op\":\"store\",\"store\":\"s\"", false);
	say_to(fd, "{\"ok\":true,\"id\":2}\n");
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EXIT_OK);
	close(fd);
	close(input[0]);
}
END_TEST

/* --- a full spool ----------------------------------------------------------
 */

#define LINES 1000
#define SPOOL                                                                  \
	"{\"ok\":true,\"sender\":{\"spool\":{\"delivered\":%d,\"bytes\":%d,"   \
	"\"limit\":100000}}}\n"
#define FULL                                                                   \
	"{\"ok\":false,\"code\":\"full\",\"error\":\"the spool is "            \
	"full\",\"id\":0}\n"
#define BEHIND                                                                 \
	"{\"ok\":false,\"code\":\"order\",\"error\":\"order\",\"id\":%d}\n"

/* A "log write" of LINES records, in three requests. */
static pid_t
writes_lines(char *timeout)
{
	char stream[] = "T::LOG", types[] = "n:count", node[] = "w";
	char *args[] = { stream };
	struct ctl c = { .args = args,
		.nargs = 1,
		.types = types,
		.node = node,
		.timeout = timeout,
		.root = scratch_folder,
		.quiet = true };
	FILE *input = tmpfile();
	pid_t child;

	ck_assert_ptr_nonnull(input);
	for (int i = 0; i < LINES; i++)
		fprintf(input, "%d\n", i);
	fflush(input);
	rewind(input);
	child = fork();
	if (child == 0) {
		dup2(fileno(input), STDIN_FILENO);
		close(server);
		_exit(cmd_log_write(&c));
	}
	fclose(input);
	return child;
}

/* A line of the client's, owned by the caller. */
static char *
hear_line(int fd)
{
	size_t n = 0, room = 1u << 16;
	char *line = mu_malloc(room);

	ck_assert_ptr_nonnull(line);
	do {
		ck_assert_uint_lt(n + 1, room);
		ck_assert_int_eq((int)read(fd, line + n, 1), 1);
	} while (line[n++] != '\n');
	line[n] = '\0';
	return line;
}

static void
is_asked(int fd, const char *what)
{
	char *line = hear_line(fd);

	ck_assert_msg(strstr(line, what) != NULL, "%s", line);
	mu_free(line);
}

static void
refuse_three(int fd, char *requests[3])
{
	char text[200];

	for (int i = 0; i < 3; i++)
		requests[i] = hear_line(fd);
	say_to(fd, FULL);
	for (int i = 1; i < 3; i++) {
		snprintf(text, sizeof text, BEHIND, i);
		say_to(fd, text);
	}
}

static void
tell_spool(int fd, int delivered, int bytes)
{
	char text[200];

	is_asked(fd, "{\"op\":\"logs\"}");
	snprintf(text, sizeof text, SPOOL, delivered, bytes);
	say_to(fd, text);
}

static void
ends_with(pid_t child, int want)
{
	int status;

	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), want);
}

/* What the spool had no room for comes again, the same and in order, when it
 * has, and not before; in a session of its own. */
START_TEST(log_write_waits_for_room)
{
	char timeout[] = "1min", *requests[3], *line, text[64];
	pid_t child = writes_lines(timeout);
	int fd = next_client();

	say_to(fd, OK);
	refuse_three(fd, requests);
	tell_spool(fd, 1, 99000);
	tell_spool(fd, 2, 80000);
	tell_spool(fd, 3, 70000);
	ck_assert_int_eq((int)read(fd, text, 1), 0);
	close(fd);
	fd = next_client();
	say_to(fd, OK);
	for (int i = 0; i < 3; i++) {
		line = hear_line(fd);
		ck_assert_str_eq(line, requests[i]);
		mu_free(line);
		mu_free(requests[i]);
		snprintf(text, sizeof text, "{\"ok\":true,\"id\":%d}\n", i);
		say_to(fd, text);
	}
	ends_with(child, EXIT_OK);
	close(fd);
}
END_TEST

/* It ends when nothing moves for the time set, or at once with none. */
START_TEST(log_write_does_not_wait_for_ever)
{
	char set[] = "300ms", none[] = "0s", *requests[3], text[200];
	pid_t child = writes_lines(set);
	int fd = next_client();
	char *line;

	say_to(fd, OK);
	refuse_three(fd, requests);
	snprintf(text, sizeof text, SPOOL, 7, 99000);
	for (bool more = true; more;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint8_t byte;

		ck_assert_int_eq(poll(&p, 1, 30000), 1);
		more = recv(fd, &byte, 1, MSG_PEEK) == 1;
		if (!more)
			break;
		line = hear_line(fd);
		mu_free(line);
		say_to(fd, text);
	}
	ends_with(child, EXIT_FAILED);
	close(fd);
	for (int i = 0; i < 3; i++)
		mu_free(requests[i]);
	child = writes_lines(none);
	fd = next_client();
	say_to(fd, OK);
	refuse_three(fd, requests);
	ends_with(child, EXIT_FAILED);
	close(fd);
	for (int i = 0; i < 3; i++)
		mu_free(requests[i]);
}
END_TEST

/* Nobody reads: what does not fit is given up after the time set. */
START_TEST(patience_has_the_end_that_is_set)
{
	struct client cl;
	struct mu_buf b;
	char path[300];
	uint8_t *at;
	size_t room, len = 16u << 20;
	uint64_t since;

	snprintf(path, sizeof path, "%s/run/muster/w.sock", scratch_folder);
	ck_assert_int_eq(client_connect(&cl, path), 0);
	client_patience(&cl, 1);
	mu_buf_init(&b, 0);
	ck_assert_int_eq(mu_buf_reserve(&b, len, &at, &room), 0);
	memset(at, ' ', len);
	mu_buf_commit(&b, len);
	since = clock_now();
	ck_assert_int_eq(client_send(&cl, &b), MUSTER_ETIMEOUT);
	/* not the time by default */
	ck_assert_uint_lt(
	    clock_now() - since, CLIENT_TIMEOUT_MS * UINT64_C(1000000));
	ck_assert_uint_gt(mu_buf_len(&b), 0);
	mu_buf_clear(&b);
	client_close(&cl);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ctl_client");
	TCase *t = tcase_create("greeting");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, log_write_asks_before_its_input_comes);
	tcase_add_test(t, publish_asks_before_its_input_comes);
	tcase_add_test(t, restore_asks_before_its_input_comes);
	tcase_add_test(t, restore_asks_first_also_when_it_connects_again);
	tcase_add_test(t, log_write_waits_for_room);
	tcase_add_test(t, log_write_does_not_wait_for_ever);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, patience_has_the_end_that_is_set);
	suite_add_tcase(s, t);
	return unit_run(s);
}
