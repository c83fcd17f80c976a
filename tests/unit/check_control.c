/* Control sessions against a whole endpoint without sockets. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "control/control.h"
#include "core/endpoint.h"
#include "layout/read.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "proto/jtext.h"
#include "unit.h"
#include "value/codec.h"

#define MS    1000000u
#define START 1000000000u

static const char layout_text[] =
    "cluster: test\n"
    "tls: none\n"
    "limits: {client_queue: 64 KiB, control_clients: 3}\n"
    "nodes:\n"
    "  manager: {role: manager, host: 127.0.0.1, port: 27761}\n"
    "  logger-1: {role: logger, host: 127.0.0.1, port: 27762}\n"
    "  worker-1: {role: worker, host: 127.0.0.1}\n";

static struct mu_layout *layout;
static struct endpoint *endpoint;
static struct control *control;
static int stopped, level_calls, reload_result;
static bool bound;

static int
on_reload(void *ctx, char *err, size_t err_size)
{
	(void)ctx;
	snprintf(err, err_size, "can: nothing\n");
	return reload_result;
}

static int
on_log_level(void *ctx, const char *level)
{
	(void)ctx;
	level_calls++;
	return strcmp(level, "debug") == 0 ? 0 : MUSTER_EINVAL;
}

static void
on_stop(void *ctx)
{
	(void)ctx;
	stopped++;
}

static int64_t
on_wall(void *ctx)
{
	(void)ctx;
	return 1700000000000000000;
}

static bool
on_listening(void *ctx)
{
	(void)ctx;
	return bound;
}

static void
drain(void)
{
	struct endpoint_out out;

	while (endpoint_next(endpoint, &out))
		;
}

static void
setup(void)
{
	static const struct control_hooks hooks = { on_reload, on_log_level,
		on_stop, on_wall, NULL, on_listening };
	struct endpoint_config cfg = { .node = "worker-1", .seed = 1 };
	struct mu_diags d;

	ck_assert_int_eq(mu_diags_init(&d, "t.yaml"), 0);
	layout = mu_layout_read("t.yaml", layout_text, strlen(layout_text), &d);
	if (layout == NULL)
		ck_abort_msg("%s", mu_diags_line(&d, 0));
	mu_diags_clear(&d);
	memset(cfg.id.bytes, 0x55, 16);
	cfg.layout = layout;
	endpoint = endpoint_new(&cfg, START);
	ck_assert_ptr_nonnull(endpoint);
	drain();
	control = control_new(endpoint, &hooks, "1.2.3", START);
	ck_assert_ptr_nonnull(control);
	stopped = level_calls = reload_result = 0;
	bound = true;
}

static void
teardown(void)
{
	control_free(control);
	endpoint_free(endpoint);
	mu_layout_free(layout);
}

/* --- helpers --------------------------------------------------------- */

static int
feed(struct control_session *s, const char *text)
{
	return control_session_feed(s, text, strlen(text), START);
}

/* Everything the session has to say, taken; static. */
static const char *
taken(struct control_session *s)
{
	static char all[4 << 20];
	const uint8_t *p;
	size_t len, n = 0;

	while (control_session_peek(s, &p, &len)) {
		ck_assert_uint_lt(n + len, sizeof all);
		memcpy(all + n, p, len);
		n += len;
		control_session_consume(s, len);
	}
	all[n] = '\0';
	return all;
}

static const char *
ask(struct control_session *s, const char *line)
{
	feed(s, line);
	return taken(s);
}

static void
publish(const char *topic, const char *name, size_t size)
{
	struct muster_value *args = muster_value_vector();
	char *text = malloc(size + 1);
	struct mu_buf b;

	memset(text, 'x', size);
	muster_value_append(args, muster_value_string(text, size));
	mu_buf_init(&b, 0);
	mu_event_enc(&b, name, strlen(name), args, false);
	ck_assert_int_ge(router_publish(endpoint_router(endpoint), NULL, topic,
			     strlen(topic), mu_buf_data(&b), mu_buf_len(&b)),
	    0);
	mu_buf_clear(&b);
	muster_value_unref(args);
	free(text);
}

static size_t
count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)) != NULL; text += strlen(what))
		n++;
	return n;
}

/* --- requests -------------------------------------------------------- */

START_TEST(status_tells_who_and_what)
{
	struct control_session *s = control_session_new(control, START);
	const char *a = ask(s, "{\"op\":\"status\"}\n");
	static const char *const parts[] = { "{\"ok\":true,",
		"\"id\":\"55555555-5555-5555-5555-555555555555\"",
		"\"name\":\"worker-1\"", "\"role\":\"worker\"",
		"\"cluster\":\"test\"", "\"version\":\"1.2.3\"",
		"\"state\":\"starting\"", "\"started\":false",
		"\"time_ms\":1700000000000", "\"router\":{", "\"limits\":{" };

	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (strstr(a, parts[i]) == NULL)
			ck_abort_msg("no %s in %s", parts[i], a);
	ck_assert_int_eq(mu_jtext_check(a, strlen(a), NULL), 0);
	ck_assert_uint_eq(count(a, "\"role\":"), 4);
	control_session_free(s);
}
END_TEST

START_TEST(peers_lists_dials_that_do_not_stand)
{
	struct control_session *s = control_session_new(control, START);
	const char *a = ask(s, "{\"op\":\"peers\"}\n{\"op\":\"filters\"}\n");

	ck_assert_ptr_nonnull(strstr(a, "\"dials\":[{\"name\":\"logger-1\""));
	ck_assert_ptr_nonnull(strstr(a, "\"zeek/cluster/worker\""));
	ck_assert_uint_eq(count(a, "\n"), 2);
	control_session_free(s);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
	struct control_session *s = control_session_new(control, START);
	const char *a = ask(s, "{\"op\":\"version\"}\n\n{\"op\":\"nonsense\"}\n"
			       "{\"op\":\"version\"}\n");

	ck_assert_str_eq(a,
	    "{\"ok\":true,\"version\":\"1.2.3\",\"protocol\":1}\n"
	    "{\"ok\":false,\"error\":\"op: no request \\\"nonsense\\\"\","
	    "\"code\":\"usage\"}\n"
	    "{\"ok\":true,\"version\":\"1.2.3\",\"protocol\":1}\n");
	control_session_free(s);
}
END_TEST

START_TEST(any_split_gives_the_same_answers)
{
	static const char requests[] =
	    "{\"op\":\"version\"}\n"
	    "{\"op\":\"publish\",\"topic\":\"a\",\"event\":\"b\"}\r\n"
	    "{\"op\":\"peers\"}\n";
	struct control_session *s = control_session_new(control, START);
	char *whole = strdup(ask(s, requests));

	for (size_t cut = 1; cut < sizeof requests - 1; cut++) {
		control_session_feed(s, requests, cut, START);
		control_session_feed(
		    s, requests + cut, sizeof requests - 1 - cut, START);
		ck_assert_str_eq(taken(s), whole);
	}
	free(whole);
	control_session_free(s);
}
END_TEST

START_TEST(wrong_requests_are_refused_with_a_reason)
{
	static const struct {
		const char *request, *error;
	} cases[] = {
		{ "{\"op\":\"statsu\"}", "did you mean \\\"status\\\"?" },
		{ "{}", "op: missing" },
		{ "{\"op\":7}", "op: missing" },
		{ "{\"op\":\"status\",\"topic\":\"x\"}", "status takes no" },
		{ "{\"op\":\"status\",\"strange\":1}", "status takes no" },
		{ "{\"op\":\"watch\"}", "watch wants topics" },
		{ "{\"op\":\"watch\",\"topics\":\"x\"}",
		    "topics: not an array" },
		{ "{\"op\":\"watch\",\"topics\":[1]}", "not all are strings" },
		{ "{\"op\":\"publish\",\"event\":\"x\"}",
		    "publish wants one of topic" },
		{ "{\"op\":\"publish\",\"topic\":\"x\"}",
		    "publish wants one of" },
		{ "{\"op\":\"publish\",\"topic\":\"x\",\"event\":\"e\","
		  "\"payload\":\"00\"}",
		    "publish wants one of" },
		{ "{\"op\":\"publish\",\"topic\":\"x\",\"data\":"
		  "{\"@data-type\":\"count\",\"data\":1},\"args\":[]}",
		    "publish wants one of" },
		{ "{\"op\":\"publish\",\"topic\":\"x\",\"event\":\"\"}",
		    "event: not a name" },
		{ "{\"op\":\"publish\",\"topic\":\"x\",\"event\":\"e\","
		  "\"args\":[1]}",
		    "args: not all are values" },
		{ "{\"op\":\"publish\",\"topic\":\"x\",\"data\":{}}",
		    "data: not a value" },
		{ "{\"op\":\"publish\",\"topic\":\"x\",\"payload\":\"0\"}",
		    "payload: not one" },
		{ "{\"op\":\"publish\",\"topic\":\"x\",\"payload\":\"ff\"}",
		    "payload: not one" },
		{ "{\"op\":\"publish\",\"topic\":\"<$>/local/x\","
		  "\"event\":\"e\"}",
		    "topic: not a topic" },
		{ "{\"op\":\"wait\",\"for\":\"godot\"}", "for: not listening" },
		{ "{\"op\":\"wait\",\"for\":\"started\",\"timeout_ms\":-1}",
		    "timeout_ms" },
		{ "{\"op\":\"wait\",\"for\":\"started\",\"timeout_ms\":1e99}",
		    "timeout_ms" },
		{ "{\"op\":\"log-level\",\"level\":\"loud\"}", "level: not" },
	};
	struct control_session *s = control_session_new(control, START);

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *a;

		ck_assert_int_eq(feed(s, cases[i].request), 0);
		ck_assert_int_eq(feed(s, "\n"), 0);
		a = taken(s);
		if (strstr(a, "\"ok\":false") == NULL ||
		    strstr(a, cases[i].error) == NULL ||
		    strstr(a, "\"code\":\"usage\"") == NULL)
			ck_abort_msg("%s: %s", cases[i].request, a);
	}
	control_session_free(s);
}
END_TEST

START_TEST(what_is_not_json_ends_the_session)
{
	static const char *const lines[] = { "hello\n", "[]\n", "{\"op\":\n",
		"{\"op\":\"version\"} x\n", "\"status\"\n" };

	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct control_session *s = control_session_new(control, START);
		const char *a;

		ck_assert_int_lt(feed(s, lines[i]), 0);
		ck_assert(!control_session_done(s));
		a = taken(s);
		ck_assert_ptr_nonnull(strstr(a, "\"code\":\"json\""));
		ck_assert(control_session_done(s));
		ck_assert_int_lt(feed(s, "{\"op\":\"version\"}\n"), 0);
		ck_assert_str_eq(taken(s), "");
		control_session_free(s);
	}
}
END_TEST

START_TEST(a_line_too_long_ends_the_session)
{
	struct control_session *s = control_session_new(control, START);
	size_t len = 9u << 20;
	char *line = malloc(len);
	int r = 0;

	memset(line, ' ', len);
	feed(s, "{\"op\":\"version\"}\n");
	for (size_t at = 0; r == 0 && at < len; at += 65536)
		r = control_session_feed(s, line + at, 65536, START);
	ck_assert_int_eq(r, MUSTER_ELIMIT);
	ck_assert_ptr_nonnull(strstr(taken(s), "longer than 8 MiB"));
	ck_assert(control_session_done(s));
	free(line);
	control_session_free(s);
}
END_TEST

START_TEST(verbs_reach_the_node)
{
	struct control_session *s = control_session_new(control, START);

	ck_assert_str_eq(ask(s, "{\"op\":\"log-level\",\"level\":\"debug\"}\n"),
	    "{\"ok\":true,\"level\":\"debug\"}\n");
	ck_assert_int_eq(level_calls, 1);
	ck_assert_str_eq(ask(s, "{\"op\":\"reload\"}\n"),
	    "{\"ok\":true,\"text\":\"can: nothing\\n\"}\n");
	reload_result = MUSTER_ECONFIG;
	ck_assert_str_eq(ask(s, "{\"op\":\"reload\"}\n"),
	    "{\"ok\":false,\"error\":\"can: nothing\\n\","
	    "\"code\":\"config\"}\n");
	ck_assert_str_eq(ask(s, "{\"op\":\"stop\"}\n"), "{\"ok\":true}\n");
	ck_assert_int_eq(stopped, 1);
	control_session_free(s);
}
END_TEST

START_TEST(clients_are_limited)
{
	struct control_session *s[3], *kept;

	for (size_t i = 0; i < 3; i++) {
		s[i] = control_session_new(control, START);
		ck_assert_ptr_nonnull(s[i]);
	}
	ck_assert_ptr_null(control_session_new(control, START));
	/* Of the places that are kept the first is one beyond the limit. */
	kept = control_session_new_kept(control, 1, START);
	ck_assert_ptr_nonnull(kept);
	ck_assert_ptr_null(control_session_new_kept(control, 1, START));
	ck_assert_ptr_null(control_session_new(control, START));
	control_session_free(kept);
	control_session_free(s[1]);
	s[1] = control_session_new(control, START);
	ck_assert_ptr_nonnull(s[1]);
	for (size_t i = 0; i < 3; i++)
		control_session_free(s[i]);
}
END_TEST

/* --- watch and publish ----------------------------------------------- */

START_TEST(watchers_get_what_begins_with_their_topics)
{
	struct control_session *s = control_session_new(control, START);
	const char *a;

	ck_assert_str_eq(
	    ask(s, "{\"op\":\"watch\",\"topics\":[\"b\",\"a/b\",\"a/bc\"]}\n"),
	    "{\"ok\":true,\"topics\":[\"a/b\",\"b\"]}\n");
	publish("a/bc", "X::y", 3);
	publish("a", "X::y", 3);
	publish("b/1", "X::z", 2);
	ck_assert_ptr_eq(control_wake(control), s);
	a = taken(s);
	ck_assert_str_eq(a,
	    "{\"event\":{\"topic\":\"a/bc\","
	    "\"from\":\"55555555-5555-5555-5555-555555555555\","
	    "\"type\":\"event\",\"name\":\"X::y\",\"args\":"
	    "[{\"@data-type\":\"string\",\"data\":\"xxx\"}]}}\n"
	    "{\"event\":{\"topic\":\"b/1\","
	    "\"from\":\"55555555-5555-5555-5555-555555555555\","
	    "\"type\":\"event\",\"name\":\"X::z\",\"args\":"
	    "[{\"@data-type\":\"string\",\"data\":\"xx\"}]}}\n");
	ck_assert_ptr_null(control_wake(control));
	control_session_free(s);
}
END_TEST

START_TEST(watched_topics_are_announced)
{
	struct control_session *s = control_session_new(control, START);
	uint64_t before = router_filter_version(endpoint_router(endpoint));

	ask(s, "{\"op\":\"watch\",\"topics\":[\"app/\"]}\n");
	ck_assert_uint_gt(
	    router_filter_version(endpoint_router(endpoint)), before);
	ck_assert(muster_filter_matches(
	    router_filter(endpoint_router(endpoint)), "app/x", 5));
	control_session_free(s);
}
END_TEST

START_TEST(topics_add_up)
{
	struct control_session *s = control_session_new(control, START);

	ask(s, "{\"op\":\"watch\",\"topics\":[\"a\"]}\n");
	ck_assert_str_eq(ask(s, "{\"op\":\"watch\",\"topics\":[\"b\"]}\n"),
	    "{\"ok\":true,\"topics\":[\"a\",\"b\"]}\n");
	control_session_free(s);
}
END_TEST

START_TEST(a_client_gets_what_another_publishes_but_not_its_own)
{
	struct control_session *one = control_session_new(control, START);
	struct control_session *two = control_session_new(control, START);

	ask(one, "{\"op\":\"watch\",\"topics\":[\"t\"]}\n");
	ask(two, "{\"op\":\"watch\",\"topics\":[\"t\"]}\n");
	ck_assert_str_eq(
	    ask(one, "{\"op\":\"publish\",\"topic\":\"t\","
		     "\"event\":\"E\",\"args\":[{\"@data-type\":\"count\","
		     "\"data\":18446744073709551615}]}\n"),
	    "{\"ok\":true,\"receivers\":1}\n");
	ck_assert_ptr_nonnull(
	    strstr(taken(two), "\"data\":18446744073709551615"));
	control_session_free(one);
	control_session_free(two);
}
END_TEST

START_TEST(data_and_payload_are_published_as_they_are)
{
	struct control_session *one = control_session_new(control, START);
	struct control_session *two = control_session_new(control, START);

	ask(two, "{\"op\":\"watch\",\"topics\":[\"t\"]}\n");
	ask(one, "{\"op\":\"publish\",\"topic\":\"t\",\"data\":"
		 "{\"@data-type\":\"string\",\"data\":\"hi\"}}\n"
		 "{\"op\":\"publish\",\"topic\":\"t\\u0000\","
		 "\"payload\":\"020000000000000007\"}\n");
	ck_assert_str_eq(taken(two),
	    "{\"event\":{\"topic\":\"t\","
	    "\"from\":\"55555555-5555-5555-5555-555555555555\","
	    "\"type\":\"data\",\"data\":{\"@data-type\":\"string\","
	    "\"data\":\"hi\"}}}\n"
	    "{\"event\":{\"topic\":\"t\\u0000\","
	    "\"from\":\"55555555-5555-5555-5555-555555555555\","
	    "\"type\":\"data\",\"data\":{\"@data-type\":\"count\","
	    "\"data\":7}}}\n");
	control_session_free(one);
	control_session_free(two);
}
END_TEST

START_TEST(a_slow_watcher_loses_events_and_is_told)
{
	struct control_session *s = control_session_new(control, START);
	const char *a;
	size_t seen;

	ask(s, "{\"op\":\"watch\",\"topics\":[\"t\"]}\n");
	for (int i = 0; i < 100; i++)
		publish("t", "E", 1000);
	a = taken(s);
	seen = count(a, "{\"event\"");
	ck_assert_uint_ge(seen, 40);
	ck_assert_uint_le(seen, 64);
	ck_assert_uint_eq(count(a, "{\"dropped\":"), 1);
	ck_assert_int_eq(
	    atoi(strstr(a, "{\"dropped\":") + 11), 100 - (int)seen);
	publish("t", "E", 1000);
	ck_assert_uint_eq(count(taken(s), "{\"event\""), 1);
	ck_assert_ptr_nonnull(
	    strstr(ask(s, "{\"op\":\"status\"}\n"), "\"watch_events\":"));
	control_session_free(s);
}
END_TEST

START_TEST(an_event_beyond_the_limit_is_dropped_alone)
{
	struct control_session *s = control_session_new(control, START);
	const char *a;

	ask(s, "{\"op\":\"watch\",\"topics\":[\"t\"]}\n");
	publish("t", "Big", 200000);
	publish("t", "Small", 10);
	a = taken(s);
	ck_assert_uint_eq(count(a, "\"Big\""), 0);
	ck_assert_uint_eq(count(a, "\"Small\""), 1);
	ck_assert_ptr_nonnull(strstr(a, "{\"dropped\":1}\n"));
	control_session_free(s);
}
END_TEST

START_TEST(requests_pause_while_the_client_does_not_read)
{
	struct control_session *s = control_session_new(control, START);
	const uint8_t *p;
	size_t len, before;

	for (int i = 0; i < 1000; i++)
		feed(s, "{\"op\":\"status\"}\n");
	control_session_peek(s, &p, &len);
	before = len;
	ck_assert_uint_lt(before, 2 * 65536);
	ck_assert_uint_eq(count(taken(s), "\"ok\":true"), 1000);
	control_session_free(s);
}
END_TEST

/* --- wait ------------------------------------------------------------ */

START_TEST(wait_ends_at_once_when_it_is_so)
{
	struct control_session *s = control_session_new(control, START);

	ck_assert_str_eq(ask(s, "{\"op\":\"wait\",\"for\":\"listening\"}\n"),
	    "{\"ok\":true,\"for\":\"listening\"}\n");
	ck_assert_uint_eq(control_deadline(control), UINT64_MAX);
	control_session_free(s);
}
END_TEST

START_TEST(wait_ends_when_it_becomes_so)
{
	struct control_session *s = control_session_new(control, START);

	bound = false;
	ck_assert_str_eq(ask(s, "{\"op\":\"wait\",\"for\":\"listening\"}\n"
				"{\"op\":\"version\"}\n"),
	    "");
	ck_assert_uint_le(control_deadline(control), START + 100 * MS);
	control_tick(control, START + 50 * MS);
	ck_assert_ptr_null(control_wake(control));
	bound = true;
	control_tick(control, START + 100 * MS);
	ck_assert_ptr_eq(control_wake(control), s);
	ck_assert_str_eq(taken(s),
	    "{\"ok\":true,\"for\":\"listening\"}\n"
	    "{\"ok\":true,\"version\":\"1.2.3\",\"protocol\":1}\n");
	control_session_free(s);
}
END_TEST

START_TEST(wait_gives_up)
{
	struct control_session *s = control_session_new(control, START);

	ask(s, "{\"op\":\"wait\",\"for\":\"started\",\"timeout_ms\":20}\n");
	ck_assert_uint_eq(control_deadline(control), START + 20 * MS);
	control_tick(control, START + 19 * MS);
	ck_assert_str_eq(taken(s), "");
	control_tick(control, START + 20 * MS);
	ck_assert_str_eq(taken(s),
	    "{\"ok\":false,\"error\":"
	    "\"not started in time\",\"code\":\"timeout\"}\n");
	ck_assert(!control_session_done(s));
	control_session_free(s);
}
END_TEST

START_TEST(input_behind_a_wait_is_bounded)
{
	struct control_session *s = control_session_new(control, START);
	char *line = malloc(1 << 20);
	int r = 0;

	memset(line, '\n', 1 << 20);
	ask(s, "{\"op\":\"wait\",\"for\":\"started\"}\n");
	for (int i = 0; r == 0 && i < 20; i++)
		r = control_session_feed(s, line, 1 << 20, START);
	ck_assert_int_eq(r, MUSTER_ELIMIT);
	free(line);
	control_session_free(s);
}
END_TEST

START_TEST(a_client_that_waits_may_leave)
{
	struct control_session *s = control_session_new(control, START);

	ask(s, "{\"op\":\"wait\",\"for\":\"started\"}\n");
	control_session_free(s);
	control_tick(control, START + 1000 * MS);
	ck_assert_uint_eq(control_deadline(control), UINT64_MAX);
}
END_TEST

/* --- memory ---------------------------------------------------------- */

static bool
fail_nth(void *ctx)
{
	long *left = ctx;

	return (*left)-- <= 0;
}

static void
everything(struct control_session *s)
{
	feed(s, "{\"op\":\"status\"}\n{\"op\":\"filters\"}\n"
		"{\"op\":\"watch\",\"topics\":[\"t\",\"u\"]}\n"
		"{\"op\":\"publish\",\"topic\":\"t\",\"event\":\"E\",\"args\":"
		"[{\"@data-type\":\"set\",\"data\":[]}]}\n"
		"{\"op\":\"publish\",\"topic\":\"t\",\"payload\":\"00\"}\n"
		"{\"op\":\"wait\",\"for\":\"started\",\"timeout_ms\":0}\n");
	control_tick(control, START);
}

START_TEST(nth_allocation_failing_never_crashes)
{
	static const uint8_t payload[] = { 0 };

	for (long n = 0; n < 300; n++) {
		long left = n;
		struct control_session *s;

		mu_alloc_set_hook(fail_nth, &left);
		s = control_session_new(control, START);
		if (s != NULL) {
			everything(s);
			router_publish(endpoint_router(endpoint), NULL, "t", 1,
			    payload, 1);
			control_wake(control);
		}
		mu_alloc_set_hook(NULL, NULL);
		if (s != NULL)
			taken(s);
		control_session_free(s);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("control");
	TCase *c = tcase_create("control");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, status_tells_who_and_what);
	tcase_add_test(c, peers_lists_dials_that_do_not_stand);
	tcase_add_test(c, pipelined_requests_are_answered_in_order);
	tcase_add_test(c, any_split_gives_the_same_answers);
	tcase_add_test(c, wrong_requests_are_refused_with_a_reason);
	tcase_add_test(c, what_is_not_json_ends_the_session);
	tcase_add_test(c, a_line_too_long_ends_the_session);
	tcase_add_test(c, verbs_reach_the_node);
	tcase_add_test(c, clients_are_limited);
	tcase_add_test(c, watchers_get_what_begins_with_their_topics);
	tcase_add_test(c, watched_topics_are_announced);
	tcase_add_test(c, topics_add_up);
	tcase_add_test(c, a_client_gets_what_another_publishes_but_not_its_own);
	tcase_add_test(c, data_and_payload_are_published_as_they_are);
	tcase_add_test(c, a_slow_watcher_loses_events_and_is_told);
	tcase_add_test(c, an_event_beyond_the_limit_is_dropped_alone);
	tcase_add_test(c, requests_pause_while_the_client_does_not_read);
	tcase_add_test(c, wait_ends_at_once_when_it_is_so);
	tcase_add_test(c, wait_ends_when_it_becomes_so);
	tcase_add_test(c, wait_gives_up);
	tcase_add_test(c, input_behind_a_wait_is_bounded);
	tcase_add_test(c, a_client_that_waits_may_leave);
	tcase_add_test(c, nth_allocation_failing_never_crashes);
	suite_add_tcase(s, c);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
