/* Control sessions that ask the stores of a whole endpoint. */
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
#include "nomem.h"
#include "proto/jtext.h"
#include "store/backend.h"
#include "stores/stores.h"
#include "unit.h"

#define MS    1000000u
#define START 1000000000u
#define WALL  1700000000000000000

static const char layout_text[] =
    "cluster: test\n"
    "tls: none\n"
    "limits: {client_queue: 64 KiB}\n"
    "nodes:\n"
    "  manager: {role: manager, host: 127.0.0.1, port: 27761}\n"
    "  worker-1: {role: worker, host: 127.0.0.1}\n"
    "stores:\n"
    "  s: {}\n"
    "  bad: {}\n"
    "  far: {master: worker-1}\n";

static struct mu_layout *layout;
static struct endpoint *endpoint;
static struct control *control;
static struct stores *stores;
static uint64_t now;
static int64_t wall;

static int
on_reload(void *ctx, char *err, size_t err_size)
{
	(void)ctx;
	(void)err;
	(void)err_size;
	return 0;
}

static int
on_log_level(void *ctx, const char *level)
{
	(void)ctx;
	(void)level;
	return 0;
}

static void
on_stop(void *ctx)
{
	(void)ctx;
}

static int64_t
on_wall(void *ctx)
{
	(void)ctx;
	return wall;
}

static int
on_open(void *ctx, const struct mu_layout_store *store, bool master,
    struct mu_backend **b, char *err, size_t err_size)
{
	(void)ctx;
	(void)master;
	if (strcmp(store->name, "bad") == 0) {
		snprintf(err, err_size, "bad.mdb: not a store");
		return MUSTER_EPROTO;
	}
	*b = mu_backend_memory_new(0);
	return *b == NULL ? MUSTER_ENOMEM : 0;
}

static void
setup(void)
{
	static const struct control_hooks hooks = { on_reload, on_log_level,
		on_stop, on_wall, NULL, NULL };
	static const struct stores_hooks open = { on_open, NULL };
	struct endpoint_config cfg = { .node = "manager", .seed = 1 };
	struct mu_diags d;

	now = START;
	wall = WALL;
	ck_assert_int_eq(mu_diags_init(&d, "t.yaml"), 0);
	layout = mu_layout_read("t.yaml", layout_text, strlen(layout_text), &d);
	if (layout == NULL)
		ck_abort_msg("%s", mu_diags_line(&d, 0));
	mu_diags_clear(&d);
	memset(cfg.id.bytes, 0x55, 16);
	cfg.layout = layout;
	endpoint = endpoint_new(&cfg, now);
	ck_assert_ptr_nonnull(endpoint);
	stores = stores_new(endpoint, layout, &open, 7, now, wall);
	ck_assert_ptr_nonnull(stores);
	control = control_new(endpoint, &hooks, "1.2.3", now);
	ck_assert_ptr_nonnull(control);
	control_set_stores(control, stores);
}

static void
teardown(void)
{
	control_set_stores(control, NULL);
	control_free(control);
	stores_free(stores);
	endpoint_free(endpoint);
	mu_layout_free(layout);
}

/* --- helpers ---------------------------------------------------------------
 */

/* A turn of the node: the stores are heard until they are silent. */
static void
turn(void)
{
	struct endpoint_out e;
	struct stores_out out;

	stores_flush(stores);
	while (stores_next(stores, &out))
		if (out.kind != STORES_LOG)
			control_store_out(control, &out);
	while (endpoint_next(endpoint, &e))
		;
}

static const char *
taken(struct control_session *s)
{
	static char all[4 << 20];
	const uint8_t *p;
	size_t len, n = 0;

	turn();
	while (control_session_peek(s, &p, &len)) {
		ck_assert_uint_lt(n + len, sizeof all);
		memcpy(all + n, p, len);
		n += len;
		control_session_consume(s, len);
		turn();
	}
	all[n] = '\0';
	return all;
}

static void
feed(struct control_session *s, const char *line)
{
	control_session_feed(s, line, strlen(line), now);
}

static const char *
ask(struct control_session *s, const char *line)
{
	feed(s, line);
	return taken(s);
}

/* {"op":"store","do":DO,"store":"s",REST} */
static const char *
perform(struct control_session *s, const char *verb, const char *rest)
{
	char line[1024];

	snprintf(line, sizeof line,
	    "{\"op\":\"store\",\"do\":\"%s\",\"store\":\"s\"%s%s}\n", verb,
	    *rest == '\0' ? "" : ",", rest);
	return ask(s, line);
}

static void
expect(struct control_session *s, const char *verb, const char *rest,
    const char *part)
{
	const char *a = perform(s, verb, rest);

	if (strstr(a, part) == NULL)
		ck_abort_msg("%s %s: no %s in %s", verb, rest, part, a);
}

static size_t
count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)) != NULL; text += strlen(what))
		n++;
	return n;
}

#define K  "\"key\":{\"@data-type\":\"string\",\"data\":\"k\"}"
#define C1 "{\"@data-type\":\"count\",\"data\":1}"
#define C2 "{\"@data-type\":\"count\",\"data\":2}"
#define SX "{\"@data-type\":\"string\",\"data\":\"x\"}"

/* --- operations ------------------------------------------------------------
 */

START_TEST(every_operation_does_what_it_says)
{
	static const struct {
		const char *verb, *rest, *answer;
	} steps[] = {
		{ "get", K, "\"no_such_key\"" },
		{ "exists", K,
		    "{\"ok\":true,\"value\":{\"@data-type\":"
		    "\"boolean\",\"data\":false}}\n" },
		{ "put", K ",\"value\":" C1, "{\"ok\":true" },
		{ "get", K, "{\"ok\":true,\"value\":" C1 "}\n" },
		{ "exists", K, "\"data\":true" },
		{ "increment", K ",\"value\":" C1, "{\"ok\":true" },
		{ "get", K, "\"value\":" C2 },
		{ "decrement", K ",\"value\":" C1, "{\"ok\":true" },
		{ "get", K, "\"value\":" C1 },
		{ "increment", K ",\"value\":" SX, "\"type_clash\"" },
		{ "put_unique", K ",\"value\":" C2, "\"condition\"" },
		{ "put_if", K ",\"value\":" SX, "\"condition\"" },
		{ "put_if", K ",\"value\":" SX ",\"expected\":" C2,
		    "\"condition\"" },
		{ "put_if", K ",\"value\":" SX ",\"expected\":" C1,
		    "{\"ok\":true" },
		{ "append", K ",\"value\":" SX, "{\"ok\":true" },
		{ "get", K, "\"data\":\"xx\"" },
		{ "erase", K, "{\"ok\":true" },
		{ "erase", K, "{\"ok\":true" },
		{ "decrement", K ",\"value\":" C1, "\"no_such_key\"" },
		{ "insert_into_set", K ",\"value\":" C1, "{\"ok\":true" },
		{ "index", K ",\"index\":" C1, "\"data\":true" },
		{ "remove_from", K ",\"value\":" C1, "{\"ok\":true" },
		{ "get", K, "{\"@data-type\":\"set\",\"data\":[]}" },
		{ "put_if", K ",\"value\":" C1, "\"condition\"" },
		{ "erase", K, "{\"ok\":true" },
		{ "insert_into_table", K ",\"index\":" SX ",\"value\":" C2,
		    "{\"ok\":true" },
		{ "index", K ",\"index\":" SX, "\"value\":" C2 },
		{ "clear", "", "{\"ok\":true" },
		{ "push", K ",\"value\":" C1, "{\"ok\":true" },
		{ "push", K ",\"value\":" C2, "{\"ok\":true" },
		{ "pop", K, "{\"ok\":true" },
		{ "get", K, "{\"@data-type\":\"vector\",\"data\":[" C1 "]}" },
		{ "keys", "",
		    "{\"ok\":true,\"value\":{\"@data-type\":\"set\","
		    "\"data\":[{\"@data-type\":\"string\","
		    "\"data\":\"k\"}]}}\n" },
		{ "keys", "\"prefix\":\"q\"", "\"data\":[]" },
		{ "put_if", "\"key\":" SX ",\"value\":" C1, "{\"ok\":true" },
		{ "increment",
		    "\"key\":" C1 ",\"type\":\"timestamp\",\"value\":"
		    "{\"@data-type\":\"timespan\",\"data\":\"2s\"}",
		    "{\"ok\":true" },
	};
	struct control_session *s = control_session_new(control, now);

	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		expect(s, steps[i].verb, steps[i].rest, steps[i].answer);
	control_session_free(s);
}
END_TEST

START_TEST(wrong_requests_are_refused_with_a_reason)
{
	static const struct {
		const char *verb, *rest, *part;
	} cases[] = {
		{ "putt", K, "did you mean \\\"put\\\"" },
		{ "put", K, "put wants value" },
		{ "get", "", "get wants key" },
		{ "get", K ",\"value\":" C1, "get takes no value" },
		{ "clear", K, "clear takes no key" },
		{ "put", "\"key\":{},\"value\":" C1, "key: not a value" },
		{ "put", "\"key\":1,\"value\":" C1, "key: not a value" },
		{ "put", K ",\"expiry\":\"soon\",\"value\":" C1,
		    "expiry: not a time" },
		{ "put", K ",\"expiry\":\"-1s\",\"value\":" C1,
		    "expiry: not a time" },
		{ "get", K ",\"timeout_ms\":0", "timeout_ms: " },
		{ "get", K ",\"id\":0.5", "id: not a whole number" },
		{ "keys", "\"limit\":0", "limit: not a positive" },
		{ "increment", K ",\"type\":\"nonsense\",\"value\":" C1,
		    "type: no such type" },
		{ "insert_into_table", K ",\"value\":" C1,
		    "insert_into_table wants index" },
	};
	struct control_session *s = control_session_new(control, now);

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		expect(s, cases[i].verb, cases[i].rest, cases[i].part);
		expect(s, cases[i].verb, cases[i].rest, "\"code\":\"usage\"");
	}
	ck_assert_ptr_nonnull(strstr(
	    ask(s,
		"{\"op\":\"store\",\"do\":\"get\",\"store\":\"faar\"," K "}\n"),
	    "did you mean \\\"far\\\"?)\",\"code\":\"no_store\""));
	control_session_free(s);
}
END_TEST

START_TEST(a_store_that_failed_says_why)
{
	struct control_session *s = control_session_new(control, now);
	const char *a = ask(
	    s, "{\"op\":\"store\",\"do\":\"get\",\"store\":\"bad\"," K "}\n");

	ck_assert_ptr_nonnull(strstr(a, "bad.mdb: not a store"));
	ck_assert_ptr_nonnull(strstr(a, "\"code\":\"backend\""));
	a = ask(s, "{\"op\":\"stores\"}\n");
	ck_assert_ptr_nonnull(
	    strstr(a, "{\"name\":\"bad\",\"role\":\"master\""));
	ck_assert_ptr_nonnull(strstr(a, "\"error\":\"bad.mdb: not a store\""));
	ck_assert_ptr_nonnull(strstr(a, "\"name\":\"far\",\"role\":\"clone\""));
	ck_assert_uint_eq(count(a, "\"role\":"), 3);
	control_session_free(s);
}
END_TEST

START_TEST(requests_without_an_id_are_answered_in_order)
{
	struct control_session *s = control_session_new(control, now);
	const char *a =
	    ask(s, "{\"op\":\"store\",\"do\":\"put\",\"store\":\"s\"," K
		   ",\"value\":" C1 "}\n"
		   "{\"op\":\"store\",\"do\":\"get\",\"store\":\"s\"," K "}\n"
		   "{\"op\":\"version\"}\n");

	ck_assert_str_eq(a,
	    "{\"ok\":true}\n"
	    "{\"ok\":true,\"value\":" C1 "}\n"
	    "{\"ok\":true,\"version\":\"1.2.3\",\"protocol\":1}\n");
	control_session_free(s);
}
END_TEST

START_TEST(requests_with_an_id_do_not_hold_up_others)
{
	struct control_session *s = control_session_new(control, now);
	/* Nobody hosts "far": it is answered when its time is over. */
	const char *a = ask(s,
	    "{\"op\":\"store\",\"do\":\"get\",\"store\":\"far\",\"id\":4,"
	    "\"timeout_ms\":200," K "}\n"
	    "{\"op\":\"store\",\"do\":\"put\",\"store\":\"s\",\"id\":5," K
	    ",\"value\":" C1 "}\n");

	ck_assert_str_eq(a, "{\"ok\":true,\"id\":5}\n");
	for (int i = 0; i < 30; i++) {
		now += 100 * MS;
		wall += 100 * MS;
		stores_tick(stores, now, wall);
	}
	a = taken(s);
	ck_assert_ptr_nonnull(strstr(a, "{\"ok\":false,\"id\":4,"));
	control_session_free(s);
}
END_TEST

START_TEST(a_session_that_ends_leaves_nothing_behind)
{
	struct control_session *s = control_session_new(control, now);

	ask(s, "{\"op\":\"store_watch\",\"store\":\"s\"}\n");
	feed(s, "{\"op\":\"store\",\"do\":\"get\",\"store\":\"far\"," K "}\n");
	control_session_free(s);
	turn();
}
END_TEST

START_TEST(changes_are_told_to_those_who_watch)
{
	struct control_session *s = control_session_new(control, now);
	struct control_session *w = control_session_new(control, now);
	const char *a;

	ck_assert_str_eq(ask(w, "{\"op\":\"store_watch\",\"store\":\"s\"}\n"),
	    "{\"ok\":true,\"store\":\"s\"}\n");
	ck_assert_ptr_nonnull(
	    strstr(ask(w, "{\"op\":\"store_watch\",\"store\":\"x\"}\n"),
		"\"no_store\""));
	perform(s, "put", K ",\"expiry\":\"1s\",\"value\":" C1);
	a = taken(w);
	ck_assert_ptr_nonnull(strstr(a,
	    "{\"store_event\":{\"store\":\"s\",\"event\":\"insert\"," K
	    ",\"value\":" C1));
	ck_assert_ptr_nonnull(strstr(a, "\"expiry_ms\":1000"));
	perform(s, "put", K ",\"value\":" C2);
	ck_assert_ptr_nonnull(strstr(taken(w),
	    "\"event\":\"update\"," K ",\"value\":" C2 ",\"old\":" C1));
	perform(s, "erase", K);
	ck_assert_ptr_nonnull(strstr(taken(w), "\"event\":\"erase\"," K));
	ck_assert_str_eq(taken(s), "");
	control_session_free(s);
	control_session_free(w);
}
END_TEST

/* --- dump ------------------------------------------------------------------
 */

static void
fill(struct control_session *s, int n)
{
	char rest[128];

	for (int i = 0; i < n; i++) {
		snprintf(rest, sizeof rest,
		    "\"key\":{\"@data-type\":\"string\",\"data\":\"k%04d\"},"
		    "\"value\":" C1,
		    i);
		expect(s, "put", rest, "{\"ok\":true");
	}
}

START_TEST(a_dump_gives_every_pair_while_the_client_reads)
{
	struct control_session *s = control_session_new(control, now);
	const uint8_t *p;
	const char *a;
	size_t len;

	fill(s, 2000);
	feed(s, "{\"op\":\"store_dump\",\"store\":\"s\"}\n"
		"{\"op\":\"version\"}\n");
	turn();
	/* As long as nobody reads it stays bounded. */
	ck_assert(control_session_peek(s, &p, &len));
	ck_assert_uint_lt(len, 40000);
	a = taken(s);
	ck_assert_uint_eq(count(a, "{\"pair\":{"), 2000);
	ck_assert_ptr_nonnull(
	    strstr(a, "{\"ok\":true,\"pairs\":2000,\"expiry\":true,"
		      "\"master\":\"manager\"}\n"
		      "{\"ok\":true,\"version\""));
	for (int i = 0; i < 2000; i += 1) {
		char key[16];

		snprintf(key, sizeof key, "\"k%04d\"", i);
		ck_assert_uint_eq(count(a, key), 1);
		if (i >= 100)
			i += 99;
	}
	control_session_free(s);
}
END_TEST

START_TEST(a_dump_goes_on_after_a_key)
{
	struct control_session *s = control_session_new(control, now);
	const char *a;

	fill(s, 600);
	a = ask(s, "{\"op\":\"store_dump\",\"store\":\"s\",\"after\":"
		   "{\"@data-type\":\"string\",\"data\":\"k0299\"}}\n");
	ck_assert_uint_eq(count(a, "{\"pair\":{"), 300);
	ck_assert_ptr_nonnull(strstr(a, "\"k0300\""));
	ck_assert_ptr_null(strstr(a, "\"k0299\""));
	a = ask(s, "{\"op\":\"store_dump\",\"store\":\"s\","
		   "\"prefix\":\"k01\"}\n");
	ck_assert_uint_eq(count(a, "{\"pair\":{"), 100);
	a = ask(s, "{\"op\":\"store_dump\",\"store\":\"bad\"}\n");
	ck_assert_ptr_nonnull(strstr(a, "\"code\":\"backend\""));
	a = ask(s, "{\"op\":\"store_dump\",\"store\":\"none\"}\n");
	ck_assert_ptr_nonnull(strstr(a, "\"code\":\"no_store\""));
	ck_assert_ptr_nonnull(
	    strstr(ask(s, "{\"op\":\"version\"}\n"), "\"1.2.3\""));
	control_session_free(s);
}
END_TEST

START_TEST(a_dump_whose_client_leaves_is_over)
{
	struct control_session *s = control_session_new(control, now);

	fill(s, 1000);
	feed(s, "{\"op\":\"store_dump\",\"store\":\"s\"}\n");
	turn();
	control_session_free(s);
	turn();
}
END_TEST

START_TEST(a_page_of_keys_says_where_to_go_on)
{
	struct control_session *s = control_session_new(control, now);

	fill(s, 5);
	expect(s, "keys", "\"limit\":2",
	    "\"more\":{\"@data-type\":\"string\",\"data\":\"k0001\"}");
	expect(s, "keys",
	    "\"limit\":3,\"after\":{\"@data-type\":\"string\","
	    "\"data\":\"k0001\"}",
	    "\"k0004\"}]}}\n");
	control_session_free(s);
}
END_TEST

START_TEST(without_memory_nothing_leaks_or_hangs)
{
	for (long n = 0; n < 60; n++) {
		struct control_session *s = control_session_new(control, now);
		struct nomem state = { (unsigned)n, false };

		mu_alloc_set_hook(nomem_hook, &state);
		perform(s, "put", K ",\"value\":" C1);
		ask(s, "{\"op\":\"store_watch\",\"store\":\"s\"}\n");
		ask(s, "{\"op\":\"store_dump\",\"store\":\"s\"}\n");
		mu_alloc_set_hook(NULL, NULL);
		control_session_free(s);
		turn();
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("control_store");
	TCase *c = tcase_create("sessions");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, every_operation_does_what_it_says);
	tcase_add_test(c, wrong_requests_are_refused_with_a_reason);
	tcase_add_test(c, a_store_that_failed_says_why);
	tcase_add_test(c, requests_without_an_id_are_answered_in_order);
	tcase_add_test(c, requests_with_an_id_do_not_hold_up_others);
	tcase_add_test(c, a_session_that_ends_leaves_nothing_behind);
	tcase_add_test(c, changes_are_told_to_those_who_watch);
	tcase_add_test(c, a_dump_gives_every_pair_while_the_client_reads);
	tcase_add_test(c, a_dump_goes_on_after_a_key);
	tcase_add_test(c, a_dump_whose_client_leaves_is_over);
	tcase_add_test(c, a_page_of_keys_says_where_to_go_on);
	tcase_add_test(c, without_memory_nothing_leaks_or_hangs);
	suite_add_tcase(suite, c);
	return unit_run(suite);
}
