/*
 * The control socket itself: who gets it, what is in its place, clients that
 * keep it waiting.  What is said over it is check_control's.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "check_layout.h"
#include "control/control.h"
#include "core/endpoint.h"
#include "io/control_server.h"
#include "io_end.h"
#include "layout/layout.h"
#include "scratch.h"
#include "sys/log.h"
#include "unit.h"

static const char text[] = "cluster: test\n"
			   "tls: none\n"
			   "limits: {control_clients: 3}\n"
			   "nodes:\n"
			   "  a: {role: manager, host: 127.0.0.1, port: 1}\n";

static struct mu_layout *layout;
static struct endpoint *endpoint;
static struct control *control;
static struct control_server *server;
static char err[512];

static struct control_server *
serve(void)
{
	return control_server_new(
	    loop, conns, control, scratch("a.sock"), err, sizeof err);
}

static void
setup(void)
{
	static const struct control_hooks hooks = { .ctx = NULL };
	struct endpoint_config cfg = { .node = "a", .seed = 1 };

	signal(SIGPIPE, SIG_IGN);
	log_init("test", LOG_LEVEL_ERR);
	scratch_open();
	io_setup();
	layout = must_read(text);
	cfg.layout = layout;
	endpoint = endpoint_new(&cfg, clock_now());
	control = control_new(endpoint, &hooks, "1", clock_now());
	ck_assert_ptr_nonnull(control);
	server = serve();
	ck_assert_msg(server != NULL, "%s", err);
}

static void
teardown(void)
{
	control_server_free(server);
	control_free(control);
	endpoint_free(endpoint);
	mu_layout_free(layout);
	io_teardown();
	scratch_close();
}

static void
turn(void)
{
	loop_turn(loop, SECOND / 100);
	control_server_drain(server);
	conns_reap(conns);
}

static int
client(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", scratch("a.sock"));
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* What the client hears until a line is whole or the connection ends; static.
 * "" is the end. */
static const char *
heard(int fd)
{
	static char line[8192];
	size_t len = 0;
	uint64_t end = clock_now() + 120 * SECOND;

	for (;;) {
		ssize_t n = read(fd, line + len, sizeof line - 1 - len);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			return "";
		len += n > 0 ? (size_t)n : 0;
		line[len] = '\0';
		if (len > 0 && line[len - 1] == '\n')
			return line;
		ck_assert_msg(clock_now() < end, "nothing heard: %s", line);
		turn();
	}
}

/* A turn, and the answers that came in it. */
static size_t
count_answers(int fd)
{
	char some[65536];
	ssize_t len = read(fd, some, sizeof some);
	size_t n = 0;

	ck_assert_msg(
	    len > 0 || (len < 0 && errno == EAGAIN), "the connection ended");
	for (ssize_t i = 0; i < len; i++)
		n += some[i] == '\n';
	turn();
	return n;
}

static void
say(int fd, const char *what)
{
	ck_assert_int_eq(write(fd, what, strlen(what)), (ssize_t)strlen(what));
}

/* --- the file ---------------------------------------------------------- */

START_TEST(it_is_for_owner_and_group_and_goes_with_us)
{
	struct stat st;

	ck_assert_int_eq(stat(scratch("a.sock"), &st), 0);
	ck_assert_int_eq(st.st_mode, S_IFSOCK | 0660);
	control_server_free(server);
	server = NULL;
	ck_assert_int_eq(stat(scratch("a.sock"), &st), -1);
}
END_TEST

START_TEST(socket_that_answers_is_not_taken)
{
	ck_assert_ptr_null(serve());
	ck_assert_ptr_nonnull(strstr(err, "in use"));
}
END_TEST

START_TEST(socket_left_over_is_replaced)
{
	/* As after kill -9: the name stays, nobody listens. */
	ck_assert_int_eq(rename(scratch("a.sock"), scratch("b.sock")), 0);
	control_server_free(server);
	ck_assert_int_eq(rename(scratch("b.sock"), scratch("a.sock")), 0);
	server = serve();
	ck_assert_msg(server != NULL, "%s", err);
}
END_TEST

START_TEST(other_files_are_left_alone)
{
	struct stat st;
	int fd;

	control_server_free(server);
	fd = open(scratch("a.sock"), O_CREAT | O_WRONLY, 0600);
	close(fd);
	server = serve();
	ck_assert_ptr_null(server);
	ck_assert_int_eq(stat(scratch("a.sock"), &st), 0);
	ck_assert(S_ISREG(st.st_mode));
}
END_TEST

START_TEST(what_took_our_place_is_not_removed)
{
	struct stat st;
	int fd;

	unlink(scratch("a.sock"));
	fd = open(scratch("a.sock"), O_CREAT | O_WRONLY, 0600);
	close(fd);
	control_server_free(server);
	server = NULL;
	ck_assert_int_eq(stat(scratch("a.sock"), &st), 0);
}
END_TEST

/* --- clients ----------------------------------------------------------- */

START_TEST(requests_are_answered_in_any_split)
{
	static const char request[] = "{\"op\":\"version\"}\n";
	int fd = client();

	for (const char *p = request; *p != '\0'; p++) {
		ck_assert_int_eq(write(fd, p, 1), 1);
		turn();
	}
	ck_assert_ptr_nonnull(strstr(heard(fd), "\"ok\":true"));
	close(fd);
}
END_TEST

START_TEST(removed_socket_is_made_anew)
{
	static const char request[] = "{\"op\":\"version\"}\n";
	int early = client(), late;

	ck_assert_int_eq(control_server_renew(server, err, sizeof err), 0);
	say(early, request);
	ck_assert_ptr_nonnull(strstr(heard(early), "\"ok\":true"));
	ck_assert_int_eq(unlink(scratch("a.sock")), 0);
	ck_assert_int_eq(control_server_renew(server, err, sizeof err), 1);
	ck_assert_int_eq(control_server_renew(server, err, sizeof err), 0);
	late = client();
	say(late, request);
	ck_assert_ptr_nonnull(strstr(heard(late), "\"ok\":true"));
	/* who was there before is still there */
	say(early, request);
	ck_assert_ptr_nonnull(strstr(heard(early), "\"ok\":true"));
	close(early);
	close(late);
}
END_TEST

START_TEST(what_took_our_place_is_not_renewed)
{
	struct stat st;
	int fd;

	unlink(scratch("a.sock"));
	fd = open(scratch("a.sock"), O_CREAT | O_WRONLY, 0600);
	close(fd);
	ck_assert_int_lt(control_server_renew(server, err, sizeof err), 0);
	ck_assert_ptr_nonnull(strstr(err, "a.sock"));
	ck_assert_int_eq(stat(scratch("a.sock"), &st), 0);
	ck_assert(S_ISREG(st.st_mode));
}
END_TEST

START_TEST(last_words_are_answered_after_a_half_close)
{
	int fd = client();

	say(fd, "{\"op\":\"version\"}\n");
	shutdown(fd, SHUT_WR);
	ck_assert_ptr_nonnull(strstr(heard(fd), "\"ok\":true"));
	ck_assert_str_eq(heard(fd), "");
	close(fd);
}
END_TEST

/* Whoever ends its side waits for nothing more. */
START_TEST(a_half_close_ends_what_waits)
{
	int fd = client();

	say(fd, "{\"op\":\"version\"}\n{\"op\":\"wait\",\"for\":\"degraded\"}\n"
		"{\"op\":\"version\"}\n");
	shutdown(fd, SHUT_WR);
	ck_assert_ptr_nonnull(strstr(heard(fd), "\"version\":\"1\""));
	ck_assert_str_eq(heard(fd), "");
	close(fd);
}
END_TEST

/* The answer may leave at once, and then the client is gone within the call
 * that read its words. */
START_TEST(who_does_not_speak_json_is_told_and_let_go)
{
	for (int i = 0; i < 20; i++) {
		int fd = client();

		say(fd, "hello\n{\"op\":\"version\"}\n");
		shutdown(fd, SHUT_WR);
		ck_assert_ptr_nonnull(strstr(heard(fd), "\"json\""));
		ck_assert_str_eq(heard(fd), "");
		close(fd);
	}
}
END_TEST

START_TEST(places_are_limited_and_come_free)
{
	/* The layout's three, and those kept for root and for our user. */
	int fds[7], fd, n = geteuid() == 0 ? 7 : 5;

	for (int i = 0; i < n; i++)
		fds[i] = client();
	turn();
	fd = client();
	ck_assert_ptr_nonnull(strstr(heard(fd), "too many"));
	ck_assert_str_eq(heard(fd), "");
	close(fd);
	close(fds[0]);
	turn();
	fds[0] = client();
	say(fds[0], "{\"op\":\"version\"}\n");
	ck_assert_ptr_nonnull(strstr(heard(fds[0]), "\"ok\":true"));
	for (int i = 0; i < n; i++)
		close(fds[i]);
}
END_TEST

START_TEST(silent_and_half_requests_end_the_others_stay)
{
	int silent, half, good;
	uint64_t begin;

	control_server_set_patience(server, SECOND / 5);
	silent = client();
	half = client();
	good = client();
	say(good, "{\"op\":\"version\"}\n");
	ck_assert_ptr_nonnull(strstr(heard(good), "\"ok\":true"));
	/* It trickles: what counts is when the request began. */
	begin = clock_now();
	while (read(half, &(char){ 0 }, 1) < 0) {
		(void)!write(half, "x", 1);
		turn();
		ck_assert_uint_lt(clock_now() - begin, 120 * SECOND);
	}
	ck_assert_str_eq(heard(silent), "");
	/* Between two requests there is time. */
	say(good, "{\"op\":\"version\"}\n");
	ck_assert_ptr_nonnull(strstr(heard(good), "\"ok\":true"));
	close(silent);
	close(half);
	close(good);
}
END_TEST

/* A busy client's input may end within a request every time it is read. */
START_TEST(stream_of_requests_is_no_half_request)
{
	static const char piece[] = "ersion\"}\n{\"op\":\"v";
	int fd;

	control_server_set_patience(server, SECOND / 10);
	fd = client();
	say(fd, "{\"op\":\"v");
	for (uint64_t end = clock_now() + SECOND / 2; clock_now() < end;) {
		say(fd, piece);
		ck_assert_ptr_nonnull(strstr(heard(fd), "\"ok\":true"));
	}
	close(fd);
}
END_TEST

/* Requests behind one that waits are not read beyond some: then a half one is
 * not the client's fault, and none is lost. */
START_TEST(what_is_not_read_is_not_late)
{
	static const char wait[] =
	    "{\"op\":\"wait\",\"for\":\"degraded\",\"timeout_ms\":600}\n";
	const size_t most = 2500;
	struct mu_buf all;
	size_t n = 0;
	int fd;

	control_server_set_patience(server, SECOND / 20);
	mu_buf_init(&all, 0);
	for (size_t i = 0; i < most; i++)
		mu_buf_printf(&all, "{\"op\":%4000s}\n", "\"version\"");
	fd = client();
	say(fd, wait);
	while (mu_buf_len(&all) > 0) {
		ssize_t sent = write(fd, mu_buf_data(&all), mu_buf_len(&all));

		ck_assert_msg(sent > 0 || errno == EAGAIN, "%m");
		if (sent > 0)
			mu_buf_consume(&all, (size_t)sent);
		control_tick(control, clock_now());
		n += count_answers(fd);
	}
	while (n < most + 1) {
		control_tick(control, clock_now());
		n += count_answers(fd);
	}
	mu_buf_clear(&all);
	close(fd);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("control_server");
	TCase *t = tcase_create("control_server");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, it_is_for_owner_and_group_and_goes_with_us);
	tcase_add_test(t, socket_that_answers_is_not_taken);
	tcase_add_test(t, socket_left_over_is_replaced);
	tcase_add_test(t, other_files_are_left_alone);
	tcase_add_test(t, what_took_our_place_is_not_removed);
	tcase_add_test(t, requests_are_answered_in_any_split);
	tcase_add_test(t, removed_socket_is_made_anew);
	tcase_add_test(t, what_took_our_place_is_not_renewed);
	tcase_add_test(t, last_words_are_answered_after_a_half_close);
	tcase_add_test(t, a_half_close_ends_what_waits);
	tcase_add_test(t, who_does_not_speak_json_is_told_and_let_go);
	tcase_add_test(t, places_are_limited_and_come_free);
	tcase_add_test(t, silent_and_half_requests_end_the_others_stay);
	tcase_add_test(t, stream_of_requests_is_no_half_request);
	tcase_add_test(t, what_is_not_read_is_not_late);
	suite_add_tcase(s, t);
	return unit_run(s);
}
