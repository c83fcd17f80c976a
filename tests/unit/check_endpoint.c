/*
 * Whole nodes without sockets: peerings come up, go, come back; what the
 * operator reads meanwhile.
 */
#include "endpoint_net.h"

#define LAYOUT                                                                 \
	"cluster: test\n"                                                      \
	"tls: none\n"                                                          \
	"nodes:\n"                                                             \
	"  manager:      {role: manager, host: 10.0.0.1, port: 27761}\n"       \
	"  logger-1:     {role: logger, host: 10.0.0.2, port: 27762}\n"        \
	"  proxy-1:      {role: proxy, host: 10.0.0.3, port: 27763}\n"         \
	"  worker-[1-2]: {role: worker, host: 10.0.0.[4-5]}\n"

static struct mu_layout *layout;
static struct net net;

static void
setup(void)
{
	layout = must_read(LAYOUT);
	net_init(&net, layout);
}

static void
teardown(void)
{
	net_clear(&net);
	mu_layout_free(layout);
}

START_TEST(two_nodes_become_peers)
{
	size_t l = net_start(&net, "logger-1");
	size_t m = net_start(&net, "manager");

	net_run(&net, NET_S);
	ck_assert_uint_eq(net_up(&net, l), 1);
	ck_assert_uint_eq(net_up(&net, m), 1);
	net_expect(&net, m, "broker.log Broker::STATUS peer-added "
	    "10.0.0.2:27762 handshake successful", 1);
	net_expect(&net, l, "peer-added", 1);
	net_expect(&net, m, "info: node logger-1 is up", 1);
	net_expect(&net, l, "info: node manager is up", 1);
	net_expect(&net, m, "cluster.log initiate peering with "
	    "10.0.0.2:27762/tcp, retry=1.0 sec, status=T", 1);
}
END_TEST

START_TEST(a_cluster_forms)
{
	static const char *const names[] = { "worker-1", "proxy-1", "manager",
		"worker-2", "logger-1" };
	size_t at[5];

	for (size_t i = 0; i < 5; i++) {
		at[i] = net_start(&net, names[i]);
		net_run(&net, 100 * NET_MS);
	}
	net_run(&net, 5 * NET_S);
	for (size_t i = 0; i < 5; i++) {
		net_expect(&net, at[i], "state started", 1);
		ck_assert(members_started(endpoint_members(
		    net.nodes[at[i]].e)));
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("endpoint");
	TCase *t = tcase_create("endpoint");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, two_nodes_become_peers);
	tcase_add_test(t, a_cluster_forms);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
