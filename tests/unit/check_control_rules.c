/* Rules through the control protocol: what they are, what they did, raise. */
#include <stdio.h>
#include <stdlib.h>

#include "control_ask.h"
#include "endpoint_net.h"
#include "muster/err.h"
#include "rules/rules.h"
#include "store/store.h"
#include "unit.h"

static const char text[] =
    "cluster: lab\ntls: none\nnodes:\n"
    "  manager: {role: manager, port: 1}\n"
    "  proxy-1: {role: proxy, port: 2}\n"
    "  worker-1: {role: worker}\n"
    "stores: {hosts: {backend: memory}}\n"
    "subscriptions:\n"
    "  - {topic: app/theirs, on: [worker]}\n"
    "  - {topic: app/ours, on: [manager]}\n"
    "relay:\n"
    "  - {topic: app/relay/, by: [manager], to: zeek/cluster/worker}\n"
    "  - {topic: app/away/, by: [proxy], to: app/out}\n"
    "access: [{topic: app/guarded/, by: [proxy, worker-1]}]\n"
    "auto_publish:\n"
    "  - {event: Other, on: [worker], to: app/x}\n"
    "  - {event: App::alert, to: zeek/cluster/worker}\n"
    "handlers:\n"
    "  - {event: App::theirs, on: [worker], run: [/bin/theirs]}\n"
    "  - {event: App::run, run: [/bin/run, \"two words\"]}\n"
    "  - {event: App::alert, store: {name: hosts, key: 0, value: 1}}\n"
    "  - {event: App::log, log: App::LOG}\n"
    "  - {event: App::alert, topic: app/, log: App::LOG}\n";

static struct mu_layout *layout;
static struct net net;
static struct control *control;
static struct control_session *session;
static struct rules *rules;
static size_t manager, proxy;
static struct rules_run *run; /* started last */
static uint64_t write_id, record_id;

static int64_t
on_wall(void *ctx)
{
	(void)ctx;
	return 1700000000000000000;
}

static int
on_write(void *ctx, const char *store, const struct mu_store_request *req)
{
	(void)ctx;
	ck_assert_str_eq(store, "hosts");
	write_id = req->id;
	return 0;
}

static int
on_log(void *ctx, const struct rules_record *r)
{
	(void)ctx;
	ck_assert_str_eq(r->stream, "App::LOG");
	record_id = r->id;
	return 0;
}

static void
setup(void)
{
	static const struct control_hooks hooks = { .wall = on_wall };
	static const struct rules_hooks asks = { on_write, on_log, NULL };

	layout = must_read(text);
	net_init(&net, layout);
	manager = net_start(&net, "manager");
	net_start(&net, "worker-1");
	net_run(&net, 3 * NET_S);
	control = control_new(net.nodes[manager].e, &hooks, "1", net.now);
	session = control_session_new(control, net.now);
	rules = rules_new(net.nodes[manager].e, &asks, net.now);
	ck_assert_ptr_nonnull(session);
	ck_assert_ptr_nonnull(rules);
	control_set_rules(control, rules);
	run = NULL;
}

static void
teardown(void)
{
	control_session_free(session);
	control_free(control);
	rules_free(rules);
	net_clear(&net);
	mu_layout_free(layout);
}

static void
expect(const char *line, const char *part)
{
	control_expect(session, line, part, net.now);
}

#define RULES        "{\"op\":\"rules\"}"
#define RAISE(event) "{\"op\":\"raise\",\"event\":\"" event "\"}"
#define ALERT                                                                  \
	"{\"op\":\"raise\",\"event\":\"App::alert\",\"args\":["                \
	"{\"@data-type\":\"string\",\"data\":\"k\"},"                          \
	"{\"@data-type\":\"count\",\"data\":1}]}"

/* Start what the rules want started. */
static void
drain(void)
{
	struct rules_out out;

	while (rules_next(rules, &out, net.now))
		if (out.kind == RULES_START) {
			run = out.run;
			rules_started(run, NULL);
		}
}

/* --- what they are ---------------------------------------------------------
 */

START_TEST(without_rules_that_is_said)
{
	control_set_rules(control, NULL);
	expect(RULES, "\"error\":\"this node has no rules yet\"");
	expect(RAISE("App::alert"), "\"error\":\"this node has no rules yet\"");
	expect("{\"op\":\"status\"}", "\"failing_handlers\":[]");
}
END_TEST

START_TEST(rules_of_this_node_have_their_numbers_in_the_layout)
{
	expect(RULES, "{\"ok\":true,\"name\":\"manager\",\"subscriptions\":"
		      "[{\"rule\":2,\"topic\":\"app/ours\"}],\"relay\":[");
	expect(RULES,
	    "{\"rule\":1,\"topic\":\"app/relay/\",\"by\":[\"manager\"],"
	    "\"to\":\"zeek/cluster/worker\",\"here\":true,\"nodes\":1,"
	    "\"up\":1,\"published\":0,\"lost\":0,\"relayed\":0,"
	    "\"circled\":0,\"dropped\":0}");
	expect(RULES,
	    "{\"rule\":2,\"topic\":\"app/away/\",\"by\":[\"proxy\"],"
	    "\"to\":\"app/out\",\"here\":false,\"nodes\":1,\"up\":0,");
	expect(RULES, "\"access\":[{\"rule\":1,\"topic\":\"app/guarded/\","
		      "\"by\":[\"proxy\",\"worker-1\"]}],\"access_refused\":0");
	expect(RULES, "\"auto_publish\":[{\"rule\":2,\"event\":\"App::alert\","
		      "\"to\":\"zeek/cluster/worker\",\"published\":0}]");
	expect(RULES, "\"handlers\":[{\"rule\":2,\"event\":\"App::run\","
		      "\"run\":[\"/bin/run\",\"two words\"],"
		      "\"matched\":0");
	expect(RULES, "{\"rule\":3,\"event\":\"App::alert\","
		      "\"store\":\"hosts\",\"matched\":0");
	expect(RULES, "{\"rule\":4,\"event\":\"App::log\",\"log\":\"App::LOG\","
		      "\"matched\":0");
	expect(RULES, "{\"rule\":5,\"event\":\"App::alert\","
		      "\"topic\":\"app/\",\"log\"");
}
END_TEST

/* --- what they did ---------------------------------------------------------
 */

START_TEST(an_event_is_raised_and_everything_counts)
{
	/* its topic is none: the rule about a topic does not match */
	expect(ALERT, "{\"ok\":true,\"handlers\":1,\"auto_publish\":1,"
		      "\"receivers\":1}");
	expect(RULES, "\"rule\":3,\"event\":\"App::alert\",\"store\":\"hosts\","
		      "\"matched\":1,\"running\":1,\"waiting\":0,\"done\":0,");
	expect(RULES, "\"to\":\"zeek/cluster/worker\",\"published\":1}");
	rules_written(rules,
	    &(struct mu_store_out){ .kind = MU_STORE_DONE, .id = write_id },
	    net.now);
	expect(RULES, "\"matched\":1,\"running\":0,\"waiting\":0,\"done\":1,");
	expect(RAISE("App::log"), "\"handlers\":1,\"auto_publish\":0");
	rules_logged(rules, record_id, MUSTER_ELIMIT, net.now);
	expect(RULES, "\"log\":\"App::LOG\",\"matched\":1,\"running\":0,"
		      "\"waiting\":0,\"done\":0,\"failed\":1,");
}
END_TEST

START_TEST(an_event_about_which_no_rule_is_does_nothing)
{
	expect(RAISE("App::theirs"), "{\"ok\":true,\"handlers\":0,"
				     "\"auto_publish\":0,\"receivers\":0}");
	expect(RAISE("Other"), "\"handlers\":0,\"auto_publish\":0");
}
END_TEST

START_TEST(what_cannot_be_raised_is_refused)
{
	expect("{\"op\":\"raise\"}", "\"code\":\"usage\"");
	expect(RAISE(""), "\"error\":\"event: not a name");
	expect("{\"op\":\"raise\",\"event\":\"E\",\"args\":[1]}",
	    "\"code\":\"usage\"");
	expect("{\"op\":\"raise\",\"event\":\"E\",\"args\":1}",
	    "\"code\":\"usage\"");
	expect(RULES, "\"ok\":true");
}
END_TEST

START_TEST(failures_show_until_one_does_well)
{
	expect(RAISE("App::run"), "\"handlers\":1");
	drain();
	ck_assert_ptr_nonnull(run);
	expect(RULES, "\"two words\"],\"matched\":1,\"running\":1,");
	rules_ended(rules, run, 3 << 8, net.now);
	expect(RULES, "\"done\":0,\"failed\":1,\"dropped\":0,"
		      "\"lines_not_shown\":0,\"failures_in_a_row\":1,"
		      "\"pause_ms\":1000,\"last_failure\":\"exit status 3\"}");
	expect("{\"op\":\"status\"}",
	    "\"failing_handlers\":[{\"rule\":2,\"event\":\"App::run\","
	    "\"failures\":1,\"why\":\"exit status 3\"}");
	net.now += 2 * NET_S;
	expect(RAISE("App::run"), "\"handlers\":1");
	rules_tick(rules, net.now);
	drain();
	rules_ended(rules, run, 0, net.now);
	expect(RULES, "\"done\":1,\"failed\":1,\"dropped\":0,"
		      "\"lines_not_shown\":0,\"failures_in_a_row\":0,"
		      "\"pause_ms\":0,\"last_failure\":\"exit status 3\"}");
	expect("{\"op\":\"status\"}", "\"failing_handlers\":[]");
}
END_TEST

/* --- relays in other answers ------------------------------------------------
 */

START_TEST(publishing_says_which_node_passes_it_on)
{
	expect("{\"op\":\"publish\",\"topic\":\"app/relay/x\",\"event\":\"E\"}",
	    "{\"ok\":true,\"receivers\":1,\"relay\":{\"rule\":1,"
	    "\"node\":\"manager\"}}");
	expect("{\"op\":\"publish\",\"topic\":\"app/away/x\",\"event\":\"E\"}",
	    "\"relay\":{\"rule\":2,\"node\":null}}");
	expect(RULES, "\"up\":1,\"published\":1,\"lost\":0,\"relayed\":1,");
	expect(RULES, "\"up\":0,\"published\":1,\"lost\":1,\"relayed\":0,");
	proxy = net_start(&net, "proxy-1");
	net_run(&net, 3 * NET_S);
	expect("{\"op\":\"publish\",\"topic\":\"app/away/x\",\"event\":\"E\"}",
	    "\"receivers\":1,\"relay\":{\"rule\":2,\"node\":\"proxy-1\"}}");
	expect("{\"op\":\"publish\",\"topic\":\"app/plain\",\"event\":\"E\"}",
	    "{\"ok\":true,\"receivers\":0}");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("control_rules");
	TCase *t = tcase_create("control_rules");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, without_rules_that_is_said);
	tcase_add_test(t, rules_of_this_node_have_their_numbers_in_the_layout);
	tcase_add_test(t, an_event_is_raised_and_everything_counts);
	tcase_add_test(t, an_event_about_which_no_rule_is_does_nothing);
	tcase_add_test(t, what_cannot_be_raised_is_refused);
	tcase_add_test(t, failures_show_until_one_does_well);
	tcase_add_test(t, publishing_says_which_node_passes_it_on);
	suite_add_tcase(s, t);
	return unit_run(s);
}
