/*
 * top and graph: what they print of a daemon's answers.  The daemon is a
 * process of the test that answers with the lines it was given.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "ctl/ctl.h"
#include "scratch.h"
#include "sys/exit.h"
#include "unit.h"

/* An answer to requests that contain the text, the nth time; the last one
 * again and again. */
struct answer {
	const char *op, *line;
};

static pid_t daemon_pid;
static char out[16384], err[4096];

/* --- the daemon ------------------------------------------------------------
 */

static const char *
answer_to(const struct answer *list, const char *request, unsigned nth)
{
	const char *last = "{\"ok\":false,\"error\":\"no\",\"code\":\"usage\"}";

	for (; list->op != NULL; list++)
		if (strstr(request, list->op) != NULL) {
			last = list->line;
			if (nth-- == 0)
				break;
		}
	return last;
}

/* One line, one answer, on each connection. */
static void
serve(int listener, const struct answer *list)
{
	unsigned peers = 0;

	for (;;) {
		char request[512] = "";
		int fd = accept(listener, NULL, NULL);
		ssize_t n;
		const char *line;

		if (fd < 0)
			_exit(1);
		n = read(fd, request, sizeof request - 1);
		if (n > 0) {
			bool of_peers = strstr(request, "peers") != NULL;

			line = answer_to(list, request, of_peers ? peers : 0);
			peers += of_peers;
			dprintf(fd, "%s\n", line);
		}
		close(fd);
	}
}

static void
begin(const struct answer *list)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(mkdir(scratch("run"), 0700), 0);
	ck_assert_int_eq(mkdir(scratch("run/muster"), 0700), 0);
	snprintf(sa.sun_path, sizeof sa.sun_path, "%s",
	    scratch("run/muster/manager.sock"));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	daemon_pid = fork();
	if (daemon_pid == 0)
		serve(fd, list);
	close(fd);
}

static void
setup(void)
{
	scratch_open();
	scratch_write("c.yaml",
	    "cluster: lab\ntls: none\nnodes:\n"
	    "  manager: {role: manager, port: 1}\n",
	    0600);
	daemon_pid = 0;
}

static void
teardown(void)
{
	if (daemon_pid > 0) {
		kill(daemon_pid, SIGKILL);
		waitpid(daemon_pid, NULL, 0);
	}
	scratch_close();
}

/* --- musterctl -------------------------------------------------------------
 */

static void
slurp(const char *name, char *to, size_t size)
{
	FILE *f = fopen(scratch(name), "r");
	size_t n = fread(to, 1, size - 1, f);

	to[n] = '\0';
	fclose(f);
}

/* Run a command line; its status, and what it said in out and err. */
static int
musterctl(const char *line)
{
	static char words[512];
	char *argv[24] = { words }, *save = NULL;
	int argc = 0, status, to[2], was[2];

	snprintf(words, sizeof words, "musterctl -f %s -r %s -n manager %s",
	    scratch("c.yaml"), scratch_folder, line);
	for (char *w = strtok_r(words, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	fflush(stdout);
	for (int i = 0; i < 2; i++) {
		to[i] = open(scratch(i == 0 ? "out" : "err"),
		    O_WRONLY | O_CREAT | O_TRUNC, 0600);
		was[i] = dup(i + 1);
		dup2(to[i], i + 1);
	}
	status = ctl_main(argc, argv);
	fflush(stdout);
	for (int i = 0; i < 2; i++) {
		dup2(was[i], i + 1);
		close(was[i]);
		close(to[i]);
	}
	slurp("out", out, sizeof out);
	slurp("err", err, sizeof err);
	return status;
}

static void
printed(const char *part)
{
	ck_assert_msg(strstr(out, part) != NULL, "no %s in\n%s", part, out);
}

/* --- graph -----------------------------------------------------------------
 */

static const struct answer drawing[] = {
	{ "graph",
	    "{\"ok\":true,\"cluster\":\"lab\",\"nodes\":["
	    "{\"name\":\"manager\",\"role\":\"manager\",\"host\":\"10.0.0.1\","
	    "\"self\":true,\"state\":\"up\"},"
	    "{\"name\":\"worker-1\",\"role\":\"worker\",\"host\":\"10.0.0.2\","
	    "\"self\":false,\"state\":\"down\"},"
	    "{\"name\":\"proxy-1\",\"role\":\"proxy\",\"host\":\"10.0.0.3\","
	    "\"self\":false,\"state\":\"unknown\"}],\"links\":["
	    "{\"from\":\"proxy-1\",\"to\":\"manager\",\"state\":\"up\"},"
	    "{\"from\":\"worker-1\",\"to\":\"manager\",\"state\":\"down\"},"
	    "{\"from\":\"worker-1\",\"to\":\"proxy-1\","
	    "\"state\":\"unknown\"}]}" },
	{ NULL, NULL }
};

START_TEST(a_graph_shows_what_is_up_and_down)
{
	begin(drawing);
	ck_assert_int_eq(musterctl("graph"), EXIT_OK);
	ck_assert_str_eq(out,
	    "digraph \"lab\" {\n\tnode [shape=box];\n"
	    "\t\"manager\" [label=\"manager\\nmanager, 10.0.0.1\", "
	    "color=darkgreen, style=solid, penwidth=3];\n"
	    "\t\"worker-1\" [label=\"worker-1\\nworker, 10.0.0.2\", "
	    "color=red, style=dashed];\n"
	    "\t\"proxy-1\" [label=\"proxy-1\\nproxy, 10.0.0.3\", "
	    "color=gray, style=dotted];\n"
	    "\t\"proxy-1\" -> \"manager\" [color=darkgreen, style=solid];\n"
	    "\t\"worker-1\" -> \"manager\" [color=red, style=dashed];\n"
	    "\t\"worker-1\" -> \"proxy-1\" [color=gray, style=dotted];\n}\n");
	ck_assert_str_eq(err, "");
}
END_TEST

START_TEST(a_graph_in_json_is_the_answer)
{
	begin(drawing);
	ck_assert_int_eq(musterctl("graph --json"), EXIT_OK);
	ck_assert_int_eq(
	    strncmp(out, drawing[0].line, strlen(drawing[0].line)), 0);
	ck_assert_int_eq(musterctl("graph -q"), EXIT_OK);
	ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(no_answer_is_no_graph)
{
	static const struct answer rubbish[] = { { "graph", "{\"ok\":true" },
		{ NULL, NULL } };

	ck_assert_int_eq(musterctl("graph"), EXIT_FAILED);
	ck_assert_str_eq(out, "");
	ck_assert_str_ne(err, "");
	begin(rubbish);
	ck_assert_int_eq(musterctl("graph"), EXIT_FAILED);
	ck_assert_str_eq(out, "");
	ck_assert_str_ne(err, "");
}
END_TEST

/* --- top -------------------------------------------------------------------
 */

#define PEER(name, id, state, in, bytes, rest)                                 \
	"{\"name\":\"" name "\",\"id\":\"" id                                  \
	"\",\"port\":7,\"state\":\"" state "\",\"received\":{\"messages\":" in \
	",\"bytes\":" bytes "},\"sent\":{\"messages\":5,\"bytes\":50}," rest   \
	"}"
#define CALM                                                                   \
	"\"queue\":{\"messages\":0},\"dropped\":{\"messages\":0},"             \
	"\"rtt_us\":1500"
#define BUSY                                                                   \
	"\"queue\":{\"messages\":12},\"dropped\":{\"messages\":3},"            \
	"\"rtt_us\":0"

static const struct answer busy[] = {
	{ "status",
	    "{\"ok\":true,\"cluster\":\"lab\",\"name\":\"manager\","
	    "\"state\":\"degraded\",\"progress\":{\"have\":2,\"want\":3},"
	    "\"missing\":\"worker-2\",\"dropped\":{\"messages\":4},"
	    "\"clients\":2,\"failing_handlers\":[{},{}]}" },
	{ "peers",
	    "{\"ok\":true,\"peers\":[" PEER("still", "a", "up", "100", "1000",
		CALM) "," PEER("moved", "b", "up", "100", "1000",
		CALM) "," PEER("again", "c", "up", "100", "1000", CALM) "]}" },
	/* one sent more, one began anew, one is new */
	{ "peers",
	    "{\"ok\":true,\"peers\":[" PEER("still", "a", "up", "100", "1000",
		CALM) "," PEER("moved", "b", "up", "100000", "99000000",
		BUSY) "," PEER("again", "c", "up", "7", "70",
		CALM) "," PEER("new", "d", "joining", "50", "70", CALM) "]}" },
	{ NULL, NULL }
};

/* The columns of a peer's row; rates are at [2] to [5]. */
static void
row(const char *peer, char cells[9][32])
{
	char head[64];
	const char *at;
	int n;

	snprintf(head, sizeof head, "\n%s ", peer);
	at = strstr(out, head);
	ck_assert_msg(at != NULL, "no row of %s in\n%s", peer, out);
	n = sscanf(at, "%31s %31s %31s %31s %*s %31s %31s %*s %31s %31s %31s",
	    cells[0], cells[1], cells[2], cells[3], cells[4], cells[5],
	    cells[6], cells[7], cells[8]);
	ck_assert_int_eq(n, 9);
}

START_TEST(rates_are_of_what_came_since)
{
	char c[9][32];

	begin(busy);
	ck_assert_int_eq(musterctl("top --count 1 --interval 100ms"), EXIT_OK);
	printed("cluster lab, node manager: degraded, 2 of 3, missing "
		"worker-2\n");
	printed("dropped 4 messages, clients 2, failing handlers 2\n");
	row("still", c);
	ck_assert_str_eq(c[1], "up");
	ck_assert_str_eq(c[2], "0.0");
	ck_assert_str_eq(c[3], "0");
	ck_assert_str_eq(c[6], "0");
	ck_assert_str_eq(c[8], "1.5");
	row("moved", c);
	ck_assert(strtod(c[2], NULL) > 0 && strtod(c[3], NULL) > 0);
	ck_assert_str_eq(c[4], "0.0");
	ck_assert_str_eq(c[6], "12");
	ck_assert_str_eq(c[7], "3");
	/* a counter that went back is no rate */
	row("again", c);
	ck_assert_str_eq(c[2], "0.0");
	/* a new one counts from its beginning */
	row("new", c);
	ck_assert_str_eq(c[1], "joining");
	ck_assert(strtod(c[2], NULL) > 0 && strtod(c[4], NULL) > 0);
}
END_TEST

START_TEST(top_in_json_is_the_answers)
{
	begin(busy);
	ck_assert_int_eq(
	    musterctl("top --json --count 1 --interval 100ms"), EXIT_OK);
	ck_assert_int_eq(strncmp(out, busy[1].line, strlen(busy[1].line)), 0);
	printed(busy[2].line);
	ck_assert_ptr_null(strstr(out, "failing"));
}
END_TEST

START_TEST(top_looks_neither_too_often_nor_never)
{
	begin(busy);
	ck_assert_int_eq(musterctl("top --interval 99ms"), EXIT_USAGE);
	ck_assert_int_eq(musterctl("top --interval 25h"), EXIT_USAGE);
	ck_assert_int_eq(musterctl("top --interval soon"), EXIT_USAGE);
	ck_assert_int_eq(musterctl("top --count 0"), EXIT_USAGE);
	ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(top_ends_with_the_daemon)
{
	static const struct answer refusing[] = { { NULL, NULL } };

	begin(refusing);
	ck_assert_int_ne(musterctl("top --count 1"), EXIT_OK);
	ck_assert_str_eq(out, "");
	ck_assert_str_ne(err, "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ctl_views");
	TCase *t = tcase_create("ctl_views");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_graph_shows_what_is_up_and_down);
	tcase_add_test(t, a_graph_in_json_is_the_answer);
	tcase_add_test(t, no_answer_is_no_graph);
	tcase_add_test(t, rates_are_of_what_came_since);
	tcase_add_test(t, top_in_json_is_the_answers);
	tcase_add_test(t, top_looks_neither_too_often_nor_never);
	tcase_add_test(t, top_ends_with_the_daemon);
	suite_add_tcase(s, t);
	return unit_run(s);
}
