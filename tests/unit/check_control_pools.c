/* Pools through the control protocol, on two endpoints that talk. */
#include <stdio.h>
#include <stdlib.h>

#include "control_ask.h"
#include "endpoint_net.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "pool/pools.h"
#include "unit.h"

static const char text[] = "cluster: lab\ntls: none\nnodes:\n"
			   "  manager: {role: manager, port: 1}\n"
			   "  proxy-1: {role: proxy, port: 2}\n"
			   "  proxy-2: {role: proxy, port: 3}\n"
			   "  worker-1: {role: worker}\n"
			   "pools: {twice: {type: proxy, replicas: 2},\n"
			   "  heavy: {type: proxy, weights: {proxy-1: 3}}}\n";

static struct mu_layout *layout;
static struct net net;
static struct control *control;
static struct control_session *session;
static size_t worker, proxy1;

static int64_t
on_wall(void *ctx)
{
	(void)ctx;
	return 1700000000000000000;
}

static void
setup(void)
{
	static const struct control_hooks hooks = { .wall = on_wall };

	layout = must_read(text);
	net_init(&net, layout);
	net_start(&net, "manager");
	proxy1 = net_start(&net, "proxy-1");
	net_start(&net, "proxy-2");
	worker = net_start(&net, "worker-1");
	net_run(&net, 3 * NET_S);
	control = control_new(net.nodes[worker].e, &hooks, "1", net.now);
	session = control_session_new(control, net.now);
	ck_assert_ptr_nonnull(session);
}

static void
teardown(void)
{
	control_session_free(session);
	control_free(control);
	net_clear(&net);
	mu_layout_free(layout);
}

static const char *
ask(const char *line)
{
	return control_ask(session, line, net.now);
}

static void
expect(const char *line, const char *part)
{
	control_expect(session, line, part, net.now);
}

#define COUNT(n)  "{\"@data-type\":\"count\",\"data\":" n "}"
#define STRING(s) "{\"@data-type\":\"string\",\"data\":\"" s "\"}"
#define HRW(key)                                                               \
	"{\"op\":\"publish\",\"hrw\":\"proxy\",\"key\":" key ",\"event\":"     \
							     "\"E\"}"
#define RR(more) "{\"op\":\"publish\",\"rr\":\"proxy\",\"event\":\"E\"" more "}"

START_TEST(a_key_is_published_to_its_node)
{
	expect(HRW(COUNT("0")), "{\"ok\":true,\"receivers\":1,"
				"\"pool\":\"proxy\",\"node\":\"proxy-2\","
				"\"self\":false,\"nodes\":[\"proxy-2\"]}");
	expect(HRW(COUNT("1")), "\"node\":\"proxy-1\"");
	net_run(&net, NET_S);
	net_kill(&net, proxy1);
	net_run(&net, NET_S);
	expect(HRW(COUNT("1")), "\"node\":\"proxy-2\"");
	proxy1 = net_start(&net, "proxy-1");
	net_run(&net, 3 * NET_S);
	expect(HRW(COUNT("1")), "\"node\":\"proxy-1\"");
	expect("{\"op\":\"publish\",\"hrw\":\"twice\",\"key\":" COUNT(
		   "1") ",\"event\":\"E\"}",
	    "\"receivers\":2,\"pool\":\"twice\",\"node\":\"proxy-1\","
	    "\"self\":false,\"nodes\":[\"proxy-1\",\"proxy-2\"]");
	expect("{\"op\":\"publish\",\"hrw\":\"proxy\",\"key\":"
	       "{\"@data-type\":\"enum-value\",\"data\":\"tcp\"},"
	       "\"type\":\"transport_proto\",\"event\":\"E\"}",
	    "\"ok\":true");
	expect(HRW("{\"@data-type\":\"vector\",\"data\":[" COUNT(
		   "1") "," STRING("a") "]},\"type\":"
					"\"record { n: count; s: string; }\""),
	    "\"ok\":true");
}
END_TEST

START_TEST(turns_go_round_per_key)
{
	expect(RR(""), "\"node\":\"proxy-1\"");
	expect(RR(""), "\"node\":\"proxy-2\"");
	expect(RR(",\"key\":" STRING("a")), "\"node\":\"proxy-1\"");
	expect(RR(",\"key\":" STRING("")), "\"node\":\"proxy-1\"");
	expect(RR(",\"key\":" STRING("a")), "\"node\":\"proxy-2\"");
}
END_TEST

START_TEST(nobody_alive_is_said)
{
	expect("{\"op\":\"publish\",\"hrw\":\"worker\",\"key\":" COUNT(
		   "1") ",\"event\":\"E\"}",
	    "\"code\":\"nobody\"");
	/* but it has turns itself, and then nobody gets it */
	expect("{\"op\":\"publish\",\"rr\":\"worker\",\"event\":\"E\"}",
	    "\"receivers\":0,\"pool\":\"worker\",\"node\":\"worker-1\","
	    "\"self\":true");
}
END_TEST

START_TEST(pools_are_shown)
{
	const char *a = ask("{\"op\":\"pools\"}");

	ck_assert_ptr_nonnull(strstr(a, "{\"ok\":true,\"name\":\"worker-1\""));
	ck_assert_ptr_nonnull(strstr(a,
	    "{\"name\":\"proxy\",\"type\":\"proxy\","
	    "\"topic\":\"zeek/cluster/pool/proxy\",\"max_nodes\":null,"
	    "\"exclusive\":false,\"replicas\":1,\"alive\":2,\"members\":[{"
	    "\"name\":\"proxy-1\",\"self\":false,\"alive\":true,"
	    "\"keyed\":true,\"weight\":1,\"alias\":\"proxy-1.0\","
	    "\"site\":2719221839,\"share_ppm\":"));
	ck_assert_ptr_nonnull(strstr(a,
	    "{\"name\":\"worker-1\",\"self\":true,\"alive\":true,"
	    "\"keyed\":false,\"weight\":1,\"alias\":\"worker-1.0\","));
	ck_assert_ptr_nonnull(strstr(a, "\"weight\":3"));
}
END_TEST

#define WHERE(more)                                                            \
	"{\"op\":\"pool_where\",\"pool\":\"proxy\",\"keys\":[" COUNT(          \
	    "0") "," COUNT("1") "]" more "}"

START_TEST(questions_about_keys_are_answered)
{
	expect(WHERE(""),
	    "{\"ok\":true,\"pool\":\"proxy\",\"keys\":["
	    "{\"key\":" COUNT("0") ",\"digest\":3049837286,"
				   "\"nodes\":[\"proxy-2\"]},"
				   "{\"key\":" COUNT(
				       "1") ",\"digest\":321532423,"
					    "\"nodes\":[\"proxy-1\"]}]}");
	expect(WHERE(",\"without\":[\"proxy-2\"]"),
	    "3049837286,\"nodes\":[\"proxy-1\"]");
	expect(WHERE(",\"without\":[\"proxy-2\",\"proxy-1\"]"),
	    "3049837286,\"nodes\":[]");
	net_kill(&net, proxy1);
	net_run(&net, NET_S);
	expect(WHERE(""), "321532423,\"nodes\":[\"proxy-2\"]");
	expect(
	    WHERE(",\"everybody\":true"), "321532423,\"nodes\":[\"proxy-1\"]");
	expect(
	    WHERE(",\"everybody\":false"), "321532423,\"nodes\":[\"proxy-2\"]");
	/* none of it counts */
	ck_assert_ptr_null(strstr(ask("{\"op\":\"pools\"}"), "\"keys\":1"));
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	expect(HRW("{\"@data-type\":\"set\",\"data\":[]}"),
	    "key: an empty container does not tell its type");
	expect(HRW("{\"@data-type\":\"enum-value\",\"data\":\"tcp\"}"),
	    "needs the name of its type");
	expect(HRW("{\"x\":1}"), "key: not a value in the JSON form");
	expect(HRW("{\"@data-type\":\"none\",\"data\":{}}"),
	    "key: none cannot be a key");
	expect(HRW(COUNT("1") ",\"type\":\"set[\""), "key: type: no type of");
	expect(RR(",\"key\":" COUNT("1")), "key: not a string");
	expect("{\"op\":\"publish\",\"hrw\":\"proxy\",\"event\":\"E\"}",
	    "wants key");
	expect("{\"op\":\"publish\",\"hrw\":\"proxi\",\"key\":" COUNT(
		   "1") ",\"event\":\"E\"}",
	    "no pool \\\"proxi\\\" (did you mean \\\"proxy\\\"?)");
	expect("{\"op\":\"publish\",\"hrw\":\"proxy\",\"rr\":\"proxy\","
	       "\"event\":\"E\"}",
	    "publish wants one of topic, hrw (with key), rr");
	expect("{\"op\":\"publish\",\"topic\":\"t\",\"key\":" COUNT(
		   "1") ",\"event\":\"E\"}",
	    "publish wants one of topic");
	expect(WHERE(",\"without\":[\"worker-1\"]"),
	    "without: no node \\\"worker-1\\\" in pool \\\"proxy\\\"");
	expect(WHERE(",\"without\":[1]"), "without: no node");
	expect("{\"op\":\"pool_where\",\"pool\":\"proxy\",\"keys\":[1]}",
	    "key: not a value in the JSON form");
	expect("{\"op\":\"pool_where\",\"pool\":\"\",\"keys\":[]}",
	    "no pool \\\"\\\"");
}
END_TEST

START_TEST(more_keys_than_a_thousand_are_refused)
{
	struct mu_buf b;
	char *line;

	mu_buf_init(&b, 0);
	mu_buf_str(&b, "{\"op\":\"pool_where\",\"pool\":\"proxy\",\"keys\":[");
	for (int i = 0; i <= 1000; i++)
		mu_buf_printf(&b, "%s" COUNT("%d"), i == 0 ? "" : ",", i);
	mu_buf_str(&b, "]}");
	line = mu_buf_take_string(&b);
	expect(line, "keys: more than 1000 at once");
	mu_free(line);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(active_nodes_are_counted_as_zeek_does)
{
	expect("{\"op\":\"status\"}", "\"active\":{\"control\":0,\"logger\":0,"
				      "\"manager\":1,\"proxy\":2,"
				      "\"worker\":0}");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("control_pools");
	TCase *t = tcase_create("control_pools");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_key_is_published_to_its_node);
	tcase_add_test(t, turns_go_round_per_key);
	tcase_add_test(t, nobody_alive_is_said);
	tcase_add_test(t, pools_are_shown);
	tcase_add_test(t, questions_about_keys_are_answered);
	tcase_add_test(t, what_makes_no_sense_is_refused);
	tcase_add_test(t, more_keys_than_a_thousand_are_refused);
	tcase_add_test(t, active_nodes_are_counted_as_zeek_does);
	suite_add_tcase(s, t);
	return unit_run(s);
}
