/*
 * Handlers and auto_publish: what is done on events, and what is not done when
 * programs hang, flood, fail or are missing.
 */
#include "endpoint_net.h"

#include <signal.h>
#include <stdlib.h>

#include "base/blob.h"
#include "muster/err.h"
#include "muster/event.h"
#include "muster/topic.h"
#include "muster/value.h"
#include "nomem.h"
#include "rules/rules.h"
#include "store/store.h"
#include "topic/filter.h"
#include "unit.h"
#include "value/codec.h"

#define NODES                                                                  \
	"cluster: test\n"                                                      \
	"tls: none\n"                                                          \
	"nodes:\n"                                                             \
	"  manager:      {role: manager, host: 10.0.0.1, port: 27761}\n"       \
	"  worker-[1-2]: {role: worker, host: 10.0.0.[4-5]}\n"                 \
	"stores: {hosts: {backend: memory}}\n"

static struct mu_layout *layout;
static struct net net;
static struct rules *rs;
static uint64_t now;

/* --- what the rules asked for ----------------------------------------------
 */

#define MOST 4096

static struct {
	struct rules_run *runs[MOST];
	char input[MOST][512];
	char program[MOST][32];
	unsigned started, termed, killed, muted, logged;
	char log[65536];
} got;

static struct {
	char store[64];
	enum mu_store_op op;
	char key[64], value[64];
	enum muster_type init;
	int64_t expiry_ns;
	uint64_t id;
	unsigned n;
	int answer;
} wrote;

static void
as_text(const struct muster_value *v, char out[64])
{
	char *text;
	size_t len;

	if (v == NULL) {
		strcpy(out, "-");
		return;
	}
	ck_assert_int_eq(muster_value_to_text(v, &text, &len), 0);
	snprintf(out, 64, "%.*s", (int)len, text);
	free(text);
}

static int
hook_write(void *ctx, const char *store, const struct mu_store_request *req)
{
	(void)ctx;
	wrote.n++;
	snprintf(wrote.store, sizeof wrote.store, "%s", store);
	wrote.op = req->op;
	wrote.init = req->init_type;
	wrote.expiry_ns = req->expiry_ns;
	wrote.id = req->id;
	as_text(req->key, wrote.key);
	as_text(req->value, wrote.value);
	return wrote.answer;
}

static int
hook_log(void *ctx, const struct rules_record *r)
{
	(void)ctx;
	wrote.n++;
	wrote.id = r->id;
	snprintf(wrote.store, sizeof wrote.store, "%s", r->stream);
	snprintf(
	    wrote.key, sizeof wrote.key, "%.*s", (int)r->name_len, r->name);
	as_text(r->args, wrote.value);
	return wrote.answer;
}

static void
drain(void)
{
	struct rules_out out;

	while (rules_next(rs, &out, now)) {
		switch (out.kind) {
		case RULES_START:
			ck_assert_uint_lt(got.started, MOST);
			ck_assert_uint_gt(out.nargv, 0);
			snprintf(
			    got.program[got.started], 32, "%s", out.argv[0]);
			snprintf(got.input[got.started], 512, "%.*s",
			    (int)out.input->len, (char *)out.input->data);
			got.runs[got.started] = out.run;
			rules_started(out.run, &got.runs[got.started++]);
			break;
		case RULES_TERM:
			got.termed++;
			break;
		case RULES_KILL:
			got.killed++;
			break;
		case RULES_MUTE:
			got.muted++;
			break;
		case RULES_LOG:
			got.logged++;
			snprintf(got.log + strlen(got.log),
			    sizeof got.log - strlen(got.log), "%s\n", out.text);
			break;
		}
	}
}

static void
go_on(uint64_t ns)
{
	uint64_t end = now + ns;

	for (;;) {
		uint64_t due = rules_deadline(rs);

		now = due < end ? (due > now ? due : now) : end;
		rules_tick(rs, now);
		drain();
		if (now == end)
			break;
	}
}

static struct rules_raised
raise_event(const char *name, unsigned nargs)
{
	struct muster_value *args = muster_value_vector();
	struct rules_raised out;
	struct mu_buf b;

	for (unsigned i = 0; i < nargs; i++)
		muster_value_append(args, muster_value_count(100 + i));
	mu_buf_init(&b, 0);
	mu_event_enc(&b, name, strlen(name), args, false);
	ck_assert_int_eq(
	    rules_raise(rs, NULL, mu_buf_data(&b), mu_buf_len(&b), &out, now),
	    0);
	mu_buf_clear(&b);
	muster_value_unref(args);
	drain();
	return out;
}

static void
start_rules(const char *rules)
{
	struct rules_hooks hooks = { hook_write, hook_log, NULL };
	char text[4096];

	snprintf(text, sizeof text, NODES "%s", rules);
	layout = must_read(text);
	net_init(&net, layout);
	ck_assert_uint_eq(net_start(&net, "manager"), 0);
	now = NET_S;
	rs = rules_new(net.nodes[0].e, &hooks, now);
	ck_assert_ptr_nonnull(rs);
	drain();
}

static void
end(unsigned i, int status)
{
	rules_ended(rs, got.runs[i], status, now);
	drain();
}

static struct rules_fact
fact(size_t i)
{
	struct rules_fact f;

	rules_fact(rs, i, &f);
	return f;
}

static bool
said(const char *text)
{
	return strstr(got.log, text) != NULL;
}

static void
setup(void)
{
	memset(&got, 0, sizeof got);
	memset(&wrote, 0, sizeof wrote);
	rs = NULL;
}

static void
teardown(void)
{
	rules_free(rs);
	net_clear(&net);
	mu_layout_free(layout);
}

/* --- matching --------------------------------------------------------------
 */

START_TEST(events_by_name_and_beginning)
{
	start_rules("handlers:\n"
		    "  - {event: \"App::a\", run: [/a]}\n"
		    "  - {event: \"App::*\", run: [/b], at_once: 9}\n"
		    "  - {event: \"*\", run: [/c], at_once: 9}\n"
		    "  - {event: \"App::a\", on: [worker], run: [/d]}\n"
		    "  - {event: \"App::a\", topic: x/, run: [/e]}\n");
	ck_assert_uint_eq(rules_count(rs), 4);
	ck_assert_uint_eq(raise_event("App::a", 1).handlers, 3);
	ck_assert_uint_eq(got.started, 3);
	ck_assert_str_eq(got.program[0], "/a");
	/* as the WebSocket API has it, in a line */
	ck_assert_str_eq(got.input[0],
	    "{\"type\":\"data-message\",\"topic\":\"\",\"@data-type\":"
	    "\"vector\",\"data\":[{\"@data-type\":\"count\",\"data\":1},"
	    "{\"@data-type\":\"count\",\"data\":1},{\"@data-type\":\"vector\","
	    "\"data\":[{\"@data-type\":\"string\",\"data\":\"App::a\"},"
	    "{\"@data-type\":\"vector\",\"data\":[{\"@data-type\":\"count\","
	    "\"data\":100}]}]}]}\n");
	ck_assert_uint_eq(raise_event("App::ab", 0).handlers, 2);
	ck_assert_uint_eq(raise_event("App:", 0).handlers, 1);
	ck_assert_uint_eq(raise_event("Ap", 0).handlers, 1);
	ck_assert_uint_eq(fact(0).matched, 1);
	ck_assert_uint_eq(fact(2).matched, 4);
}
END_TEST

START_TEST(rules_for_nodes_and_roles)
{
	start_rules("handlers:\n"
		    "  - {event: A, on: [manager], run: [/role]}\n"
		    "  - {event: A, on: [worker], run: [/other-role]}\n"
		    "  - {event: A, on: [worker-2], run: [/other-node]}\n"
		    "  - {event: A, on: [worker-1, manager], run: [/both]}\n"
		    "auto_publish:\n"
		    "  - {event: A, on: [worker-1], to: x}\n"
		    "  - {event: A, on: [\"worker-[1-2]\", manager], to: x}\n");
	ck_assert_uint_eq(rules_count(rs), 2);
	ck_assert_uint_eq(fact(0).number, 1);
	ck_assert_uint_eq(fact(1).number, 4);
	ck_assert_uint_eq(rules_auto_count(rs), 1);
	ck_assert_uint_eq(raise_event("A", 0).handlers, 2);
	ck_assert_uint_eq(got.started, 2);
	ck_assert_str_eq(got.program[0], "/role");
	ck_assert_str_eq(got.program[1], "/both");
}
END_TEST

static void
from_worker(const char *topic, const char *name)
{
	struct muster_value *args = muster_value_vector();
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_event_enc(&b, name, strlen(name), args, false);
	ck_assert_int_ge(
	    router_publish(endpoint_router(net.nodes[1].e), NULL, topic,
		strlen(topic), mu_buf_data(&b), mu_buf_len(&b)),
	    0);
	mu_buf_clear(&b);
	muster_value_unref(args);
	net_run(&net, NET_S);
	drain();
}

START_TEST(events_of_peers_and_topics)
{
	static const char *const topics[] = { "x/1", "zeek/cluster/manager",
		"zeek/cluster/node/manager/x/2", "zeek/cluster/node/manager/y/",
		"elsewhere" };

	start_rules(
	    "handlers:\n"
	    "  - {event: \"App::a\", run: [/any], at_once: 9}\n"
	    "  - {event: \"App::a\", topic: x/, run: [/x], at_once: 9}\n"
	    "auto_publish: [{event: \"App::a\", to: again/}]\n");
	ck_assert_uint_eq(net_start(&net, "worker-1"), 1);
	net_run(&net, 3 * NET_S);
	for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
		from_worker(topics[i], "App::a");
	from_worker("x/1", "Other::a");
	ck_assert_uint_eq(fact(0).matched, 4);
	ck_assert_uint_eq(fact(1).matched, 2);
	/* what came from elsewhere is never published again */
	ck_assert_uint_eq(rules_auto_count(rs), 1);
	struct rules_auto_fact a;

	rules_auto_fact(rs, 0, &a);
	ck_assert_uint_eq(a.published, 0);
	ck_assert_uint_eq(raise_event("App::a", 0).rules, 1);
	rules_auto_fact(rs, 0, &a);
	ck_assert_uint_eq(a.published, 1);
}
END_TEST

START_TEST(what_membership_raises)
{
	start_rules("handlers: [{event: \"Cluster::node_*\", run: [/a], "
		    "at_once: 9}]\n");
	ck_assert_uint_eq(net_start(&net, "worker-1"), 1);
	net_run(&net, 3 * NET_S);
	drain();
	ck_assert_uint_eq(got.started, 1);
	ck_assert_ptr_nonnull(strstr(got.input[0], "\"Cluster::node_up\""));
	ck_assert_ptr_nonnull(strstr(got.input[0], "\"worker-1\""));
	net_kill(&net, 1);
	net_run(&net, NET_S);
	drain();
	ck_assert_uint_eq(got.started, 2);
	ck_assert_ptr_nonnull(strstr(got.input[1], "\"Cluster::node_down\""));
}
END_TEST

START_TEST(what_is_no_event_is_for_nobody)
{
	const uint8_t rubbish[] = { 14, 1, 0 };
	struct rules_raised out;

	start_rules("handlers: [{event: \"*\", run: [/a]}]\n");
	ck_assert_int_eq(
	    rules_raise(rs, NULL, rubbish, sizeof rubbish, &out, now),
	    MUSTER_EINVAL);
	ck_assert_uint_eq(fact(0).matched, 0);
}
END_TEST

/* --- programs ---------------------------------------------------------------
 */

START_TEST(so_many_at_once_and_the_others_wait)
{
	start_rules(
	    "handlers: [{event: A, run: [/a], at_once: 2, queue: 10}]\n");
	for (unsigned i = 0; i < 20; i++)
		raise_event("A", 0);
	ck_assert_uint_eq(got.started, 2);
	ck_assert_uint_eq(fact(0).running, 2);
	ck_assert_uint_eq(fact(0).waiting, 10);
	ck_assert_uint_eq(fact(0).dropped, 8);
	ck_assert_uint_eq(got.logged, 1);
	ck_assert(said("handler 1 (A): too many events wait"));
	for (unsigned i = 0; i < 12; i++) {
		ck_assert_uint_gt(got.started, i);
		end(i, 0);
	}
	ck_assert_uint_eq(got.started, 12);
	ck_assert_uint_eq(fact(0).done, 12);
	ck_assert_uint_eq(fact(0).running, 0);
	ck_assert_uint_eq(got.logged, 1);
	/* another episode says so again */
	for (unsigned i = 0; i < 20; i++)
		raise_event("A", 0);
	ck_assert_uint_eq(got.logged, 2);
}
END_TEST

START_TEST(bytes_that_wait_are_bounded_too)
{
	start_rules("handlers: [{event: A, run: [/a], queue_size: 4 KiB}]\n");
	for (unsigned i = 0; i < 100; i++)
		raise_event("A", 10);
	ck_assert_uint_gt(fact(0).dropped, 80);
	ck_assert_uint_gt(fact(0).waiting, 2);
	/* one event alone is more than there may be */
	raise_event("A", 1000);
	ck_assert_uint_eq(fact(0).matched, 101);
}
END_TEST

START_TEST(one_that_hangs_is_ended_and_then_killed)
{
	start_rules("handlers: [{event: A, run: [/a], time: 5 s}]\n");
	raise_event("A", 0);
	raise_event("A", 0);
	go_on(4900 * NET_MS);
	ck_assert_uint_eq(got.termed, 0);
	go_on(200 * NET_MS);
	ck_assert_uint_eq(got.termed, 1);
	ck_assert_uint_eq(got.killed, 0);
	go_on(RULES_KILL_NS);
	ck_assert_uint_eq(got.killed, 1);
	ck_assert_uint_eq(got.termed, 1);
	go_on(100 * NET_S);
	ck_assert_uint_eq(got.killed, 1);
	end(0, SIGKILL);
	ck_assert_uint_eq(fact(0).failed, 1);
	ck_assert(said("it ran too long"));
	/* the next one after a pause */
	ck_assert_uint_eq(got.started, 1);
	go_on(RULES_PAUSE_NS);
	ck_assert_uint_eq(got.started, 2);
}
END_TEST

START_TEST(one_that_floods_is_ended_and_the_log_is_spared)
{
	unsigned lines = 0;

	start_rules("handlers: [{event: A, run: [/a], output: 1 KiB}]\n");
	raise_event("A", 0);
	for (; got.muted == 0 && lines < 1000; lines++) {
		rules_line(rs, got.runs[0], "0123456789 abc\x01", now);
		drain();
	}
	ck_assert_uint_eq(lines, 65);
	ck_assert_uint_eq(got.muted, 1);
	ck_assert_uint_eq(got.termed, 1);
	ck_assert_uint_eq(got.logged, RULES_OUTPUT_LINES);
	ck_assert(said("handler 1 (A): 0123456789 abc\\x01"));
	ck_assert_uint_eq(fact(0).lines, 65 - RULES_OUTPUT_LINES);
	end(0, SIGTERM);
	ck_assert(said("wrote more than"));
	/* later one line says how many were not shown */
	go_on(3 * NET_S);
	raise_event("A", 0);
	rules_line(rs, got.runs[1], "x", now);
	drain();
	ck_assert(said("45 lines of output are not shown"));
}
END_TEST

START_TEST(failures_pause_longer_and_longer)
{
	uint64_t pause = RULES_PAUSE_NS;

	start_rules("handlers: [{event: A, run: [/a], queue: 100}]\n");
	for (unsigned i = 0; i < 12; i++)
		raise_event("A", 0);
	for (unsigned i = 0; i < 9; i++) {
		ck_assert_uint_eq(got.started, i + 1);
		end(i, 1 << 8);
		go_on(pause - NET_MS);
		ck_assert_uint_eq(got.started, i + 1);
		go_on(2 * NET_MS);
		pause = pause * 2 > RULES_PAUSE_MAX_NS ? RULES_PAUSE_MAX_NS
						       : pause * 2;
	}
	ck_assert_uint_eq(fact(0).streak, 9);
	ck_assert_str_eq(fact(0).why, "exit status 1");
	ck_assert_uint_eq(fact(0).failed, 9);
	end(9, 0);
	ck_assert(said("works again after 9 failures"));
	ck_assert_uint_eq(fact(0).streak, 0);
	ck_assert_uint_eq(got.started, 11);
	end(10, SIGSEGV);
	ck_assert(said("killed by signal 11"));
}
END_TEST

START_TEST(one_that_is_missing)
{
	start_rules("handlers: [{event: A, run: [/not/here]}]\n");
	raise_event("A", 0);
	rules_unfit(got.runs[0], "No such file or directory");
	end(0, 127 << 8);
	ck_assert_uint_eq(fact(0).failed, 1);
	ck_assert_str_eq(
	    fact(0).why, "cannot run /not/here: No such file or directory");
	go_on(RULES_PAUSE_NS);
	raise_event("A", 0);
	rules_not_started(rs, got.runs[1], "Cannot allocate memory", now);
	drain();
	ck_assert_uint_eq(fact(0).failed, 2);
	ck_assert_uint_eq(fact(0).running, 0);
	ck_assert_uint_eq(rules_running(rs), 0);
}
END_TEST

START_TEST(stopping_ends_programs)
{
	start_rules("handlers: [{event: A, run: [/a], at_once: 3}]\n");
	for (unsigned i = 0; i < 10; i++)
		raise_event("A", 0);
	rules_stop(rs, now);
	drain();
	ck_assert_uint_eq(got.termed, 3);
	go_on(RULES_KILL_NS + NET_MS);
	ck_assert_uint_eq(got.killed, 3);
	for (unsigned i = 0; i < 3; i++)
		end(i, SIGKILL);
	ck_assert_uint_eq(rules_running(rs), 0);
	ck_assert_uint_eq(got.started, 3);
	ck_assert_uint_eq(raise_event("A", 0).handlers, 0);
}
END_TEST

/* --- reload ------------------------------------------------------------------
 */

START_TEST(a_reload_keeps_what_is_the_same)
{
	struct mu_layout *other =
	    must_read(NODES "handlers:\n"
			    "  - {event: B, run: [/b]}\n"
			    "  - {event: A, run: [/a], queue: 10}\n");

	start_rules("handlers:\n"
		    "  - {event: A, run: [/a], queue: 10}\n"
		    "  - {event: C, run: [/c]}\n");
	for (unsigned i = 0; i < 4; i++)
		raise_event("A", 0);
	raise_event("C", 0);
	raise_event("C", 0);
	ck_assert_uint_eq(got.started, 2);
	ck_assert_int_eq(endpoint_reload(net.nodes[0].e, other, net.now), 0);
	ck_assert_int_eq(rules_reload(rs, now), 0);
	mu_layout_free(layout);
	layout = other;
	drain();
	ck_assert_uint_eq(rules_count(rs), 2);
	ck_assert_uint_eq(fact(1).matched, 4);
	ck_assert_uint_eq(fact(1).waiting, 3);
	ck_assert_uint_eq(got.termed, 1); /* that of C */
	ck_assert_uint_eq(raise_event("C", 0).handlers, 0);
	end(0, 0);
	ck_assert_uint_eq(got.started, 3);
	ck_assert_uint_eq(rules_running(rs), 2);
	end(1, SIGTERM);
	ck_assert_uint_eq(rules_running(rs), 1);
	ck_assert_uint_eq(raise_event("B", 0).handlers, 1);
	ck_assert_uint_eq(got.started, 4);
}
END_TEST

/* --- stores ------------------------------------------------------------------
 */

static void
answer(enum mu_store_status status)
{
	struct mu_store_out what = {
		.kind = MU_STORE_DONE, .id = wrote.id, .status = status
	};

	rules_written(rs, &what, now);
	drain();
}

START_TEST(events_are_written_to_stores)
{
	start_rules(
	    "handlers:\n"
	    "  - {event: A, store: {name: hosts, key: 1, value: 0, expiry: 2 "
	    "s}}\n"
	    "  - {event: B, store: {name: hosts, op: increment}}\n"
	    "  - {event: C, store: {name: hosts, op: insert_into_table, key: "
	    "0, "
	    "index: 1, value: 2}}\n"
	    "  - {event: D, store: {name: hosts, op: erase}}\n"
	    "  - {event: E, store: {name: hosts, op: pop}}\n"
	    "  - {event: F, store: {name: hosts, op: insert_into_set, value: "
	    "1}}\n"
	    "  - {event: G, store: {name: hosts, op: put_unique, value: 1}}\n");
	raise_event("A", 2);
	ck_assert_uint_eq(wrote.n, 1);
	ck_assert_str_eq(wrote.store, "hosts");
	ck_assert_int_eq(wrote.op, MU_STORE_PUT);
	ck_assert_str_eq(wrote.key, "101");
	ck_assert_str_eq(wrote.value, "100");
	ck_assert_int_eq(wrote.expiry_ns, 2000000000);
	ck_assert_uint_eq(fact(0).running, 1);
	answer(MU_STORE_OK);
	ck_assert_uint_eq(fact(0).done, 1);
	raise_event("B", 1);
	ck_assert_int_eq(wrote.op, MU_STORE_ADD);
	ck_assert_str_eq(wrote.value, "1");
	ck_assert_int_eq(wrote.init, MUSTER_COUNT);
	raise_event("C", 3);
	ck_assert_str_eq(wrote.value, "(101, 102)");
	ck_assert_int_eq(wrote.init, MUSTER_TABLE);
	raise_event("D", 1);
	ck_assert_int_eq(wrote.op, MU_STORE_ERASE);
	raise_event("E", 1);
	ck_assert_int_eq(wrote.op, MU_STORE_SUBTRACT);
	ck_assert_str_eq(wrote.value, "100");
	raise_event("F", 2);
	ck_assert_int_eq(wrote.init, MUSTER_SET);
	raise_event("G", 2);
	answer(MU_STORE_CONDITION);
	ck_assert_uint_eq(fact(6).done, 1);
	ck_assert_uint_eq(fact(6).failed, 0);
}
END_TEST

START_TEST(writes_fail_visibly_and_are_bounded)
{
	start_rules(
	    "handlers:\n"
	    "  - {event: A, store: {name: hosts, value: 1}, queue: 3}\n");
	raise_event("A", 1);
	ck_assert_uint_eq(wrote.n, 0);
	ck_assert_str_eq(
	    fact(0).why, "the event has no argument 1, only 1 of them");
	raise_event("A", 2);
	answer(MU_STORE_TIMEOUT);
	ck_assert_uint_eq(fact(0).failed, 2);
	ck_assert_uint_eq(fact(0).streak, 2);
	wrote.answer = MUSTER_ENOENT;
	raise_event("A", 2);
	ck_assert_str_eq(fact(0).why, "no such store on this node");
	wrote.answer = 0;
	for (unsigned i = 0; i < 10; i++)
		raise_event("A", 2);
	ck_assert_uint_eq(fact(0).running, 4);
	ck_assert_uint_eq(fact(0).dropped, 6);
	for (unsigned i = 0; i < 4; i++)
		answer(MU_STORE_OK);
	ck_assert_uint_eq(fact(0).running, 0);
	ck_assert_uint_eq(fact(0).streak, 0);
}
END_TEST

START_TEST(events_are_logged)
{
	start_rules("handlers: [{event: \"App::*\", log: App::ALERTS}]\n");
	raise_event("App::a", 2);
	ck_assert_uint_eq(wrote.n, 1);
	ck_assert_str_eq(wrote.store, "App::ALERTS");
	ck_assert_str_eq(wrote.key, "App::a");
	ck_assert_str_eq(wrote.value, "(100, 101)");
	rules_logged(rs, wrote.id, 0, now);
	ck_assert_uint_eq(fact(0).done, 1);
	raise_event("App::a", 0);
	rules_logged(rs, wrote.id, MUSTER_ESYS, now);
	ck_assert_uint_eq(fact(0).failed, 1);
	wrote.answer = MUSTER_ENOENT;
	raise_event("App::a", 0);
	ck_assert_str_eq(fact(0).why, "this node sends no logs");
	wrote.answer = MUSTER_ELIMIT;
	raise_event("App::a", 0);
	ck_assert_uint_eq(fact(0).dropped, 1);
	ck_assert_uint_eq(fact(0).running, 0);
}
END_TEST

/* --- memory ------------------------------------------------------------------
 */

static bool
make_rules(void *ctx)
{
	struct rules_hooks hooks = { hook_write, hook_log, NULL };
	struct rules *r = rules_new(ctx, &hooks, now);

	rules_free(r);
	return r != NULL;
}

START_TEST(no_memory)
{
	start_rules("handlers:\n"
		    "  - {event: A, topic: x/, run: [/a]}\n"
		    "  - {event: A, run: [/a]}\n"
		    "auto_publish: [{event: A, to: x}]\n");
	ck_assert_uint_gt(nomem_each(make_rules, net.nodes[0].e), 10);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("rules");
	TCase *t = tcase_create("rules");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, events_by_name_and_beginning);
	tcase_add_test(t, events_of_peers_and_topics);
	tcase_add_test(t, rules_for_nodes_and_roles);
	tcase_add_test(t, what_membership_raises);
	tcase_add_test(t, what_is_no_event_is_for_nobody);
	tcase_add_test(t, so_many_at_once_and_the_others_wait);
	tcase_add_test(t, bytes_that_wait_are_bounded_too);
	tcase_add_test(t, one_that_hangs_is_ended_and_then_killed);
	tcase_add_test(t, one_that_floods_is_ended_and_the_log_is_spared);
	tcase_add_test(t, failures_pause_longer_and_longer);
	tcase_add_test(t, one_that_is_missing);
	tcase_add_test(t, stopping_ends_programs);
	tcase_add_test(t, a_reload_keeps_what_is_the_same);
	tcase_add_test(t, events_are_written_to_stores);
	tcase_add_test(t, writes_fail_visibly_and_are_bounded);
	tcase_add_test(t, events_are_logged);
	tcase_add_test(t, no_memory);
	suite_add_tcase(s, t);
	return unit_run(s);
}
