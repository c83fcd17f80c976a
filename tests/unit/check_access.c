/*
 * Who may publish where, over whole endpoints without sockets.
 */
#include "endpoint_net.h"

#include "core/access.h"
#include "core/relays.h"
#include "muster/topic.h"
#include "muster/value.h"
#include "topic/filter.h"
#include "unit.h"

#define NODES                                                                  \
	"cluster: test\n"                                                      \
	"tls: none\n"                                                          \
	"nodes:\n"                                                             \
	"  manager:      {role: manager, host: 10.0.0.1, port: 27761}\n"       \
	"  proxy-1:      {role: proxy, host: 10.0.0.3, port: 27763}\n"         \
	"  worker-[1-2]: {role: worker, host: 10.0.0.[4-5]}\n"
#define RULES                                                                  \
	"access:\n"                                                            \
	"  - {topic: app/orders/, by: [manager]}\n"                            \
	"  - {topic: app/orders/w1/, by: [worker-1, proxy]}\n"                 \
	"relay: [{topic: app/orders/all/, by: [proxy], to: app/out}]\n"

enum { M, P, W1, W2, NNODES };
static const char *const names[NNODES] = { "manager", "proxy-1", "worker-1",
	"worker-2" };

static struct mu_layout *layout;
static struct net net;
static struct {
	struct subscriber sub; /* first */
	unsigned n;
} ears[NNODES];

static void
hear(struct subscriber *s, struct message *m)
{
	(void)m;
	((__typeof__(&ears[0]))s)->n++;
}

static void
start_all(const char *text)
{
	layout = must_read(text);
	net_init(&net, layout);
	memset(ears, 0, sizeof ears);
	for (size_t i = 0; i < NNODES; i++) {
		struct muster_filter *f = muster_filter_new();

		ck_assert_uint_eq(net_start(&net, names[i]), i);
		ears[i].sub.kind = SUBSCRIBER_CLIENT;
		ears[i].sub.deliver = hear;
		muster_filter_add(f, "app/", 4);
		ck_assert_int_eq(router_attach(endpoint_router(net.nodes[i].e),
				     &ears[i].sub, f),
		    0);
		muster_filter_free(f);
	}
	net_run(&net, 3 * NET_S);
}

static void
teardown(void)
{
	net_clear(&net);
	mu_layout_free(layout);
}

/* What the others got of it, since the last time. */
static void
publish(size_t from, const char *topic, unsigned m, unsigned p, unsigned w1)
{
	const uint8_t payload[2] = { MUSTER_BOOLEAN, 1 };

	for (size_t i = 0; i < NNODES; i++)
		ears[i].n = 0;
	ck_assert_int_ge(router_publish(endpoint_router(net.nodes[from].e),
			     NULL, topic, strlen(topic), payload, 2),
	    0);
	net_run(&net, NET_S);
	if (from != M)
		ck_assert_msg(ears[M].n == m, "manager %u", ears[M].n);
	if (from != P)
		ck_assert_msg(ears[P].n == p, "proxy %u", ears[P].n);
	if (from != W1)
		ck_assert_msg(ears[W1].n == w1, "worker %u", ears[W1].n);
}

START_TEST(everybody_without_rules)
{
	start_all(NODES);
	publish(W2, "app/orders/x", 1, 1, 0);
	publish(M, "app/orders/x", 0, 1, 1);
}
END_TEST

START_TEST(only_whom_the_longest_rule_names)
{
	start_all(NODES RULES);
	publish(M, "app/orders/x", 0, 1, 1);
	publish(W1, "app/orders/x", 0, 0, 0);
	publish(W2, "app/orders", 1, 1, 0);
	publish(W1, "app/orders/w1/x", 1, 1, 0);
	publish(P, "app/orders/w1/x", 1, 0, 1);
	publish(M, "app/orders/w1/x", 0, 0, 0);
	publish(W2, "app/orders/w1/x", 0, 0, 0);
	ck_assert_uint_eq(endpoint_refused(net.nodes[M].e), 2);
	net_expect(&net, M, "may not publish on app/orders/x (access 1)", 1);
	net_expect(&net, M, "may not publish on app/orders/w1/x (access 2)", 1);
}
END_TEST

START_TEST(not_by_another_way)
{
	struct relays_fact f;

	start_all(NODES RULES);
	publish(W1, "zeek/cluster/node/proxy-1/app/orders/all/", 0, 0, 0);
	relays_fact(endpoint_relays(net.nodes[P].e), 0, &f);
	ck_assert_uint_eq(f.relayed, 0);
	/* the proxy's own client gets it, too */
	publish(M, "zeek/cluster/node/proxy-1/app/orders/all/", 0, 1, 1);
	relays_fact(endpoint_relays(net.nodes[P].e), 0, &f);
	ck_assert_uint_eq(f.relayed, 1);
}
END_TEST

static size_t
refuses(const char *node, const char *topic)
{
	return access_refuses(
	    layout, mu_layout_node(layout, node), topic, strlen(topic));
}

START_TEST(a_publisher_knows_what_peers_refuse)
{
	start_all(NODES RULES);
	ck_assert_uint_eq(refuses("worker-1", "app/orders/x"), 1);
	ck_assert_uint_eq(refuses("manager", "app/orders/x"), 0);
	ck_assert_uint_eq(refuses("manager", "app/orders/w1/x"), 2);
	ck_assert_uint_eq(refuses("worker-1", "app/orders/w1/x"), 0);
	ck_assert_uint_eq(refuses("worker-1", "app/orders"), 0);
	ck_assert_uint_eq(refuses("worker-1", ""), 0);
	ck_assert_uint_eq(
	    refuses("worker-2", "zeek/cluster/node/proxy-1/app/orders/a"), 1);
	ck_assert_uint_eq(
	    refuses("worker-2", "zeek/cluster/node/nobody/app/orders/a"), 0);
	ck_assert_uint_eq(
	    refuses("manager", "zeek/cluster/node/proxy-1/app/orders/a"), 0);
}
END_TEST

START_TEST(rules_change_without_a_restart)
{
	struct mu_layout *other;

	start_all(NODES RULES);
	publish(W1, "app/orders/x", 0, 0, 0);
	other =
	    must_read(NODES "access: [{topic: app/orders/, by: [worker]}]\n");
	for (size_t i = 0; i < NNODES; i++)
		ck_assert_int_eq(
		    endpoint_reload(net.nodes[i].e, other, net.now), 0);
	mu_layout_free(layout);
	layout = other;
	publish(W1, "app/orders/x", 1, 1, 0);
	publish(M, "app/orders/x", 0, 0, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("access");
	TCase *t = tcase_create("access");

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, everybody_without_rules);
	tcase_add_test(t, only_whom_the_longest_rule_names);
	tcase_add_test(t, not_by_another_way);
	tcase_add_test(t, a_publisher_knows_what_peers_refuse);
	tcase_add_test(t, rules_change_without_a_restart);
	suite_add_tcase(s, t);
	return unit_run(s);
}
