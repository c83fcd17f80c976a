/* Pools of endpoints: what they subscribe, who is alive, what a reload does. */
#include <stdio.h>
#include <stdlib.h>

#include "endpoint_net.h"
#include "muster/topic.h"
#include "pool/pools.h"
#include "unit.h"

#define NODES                                                                  \
	"cluster: lab\ntls: none\nnodes:\n"                                    \
	"  manager: {role: manager, port: 1}\n"                                \
	"  proxy-1: {role: proxy, port: 2}\n"                                  \
	"  proxy-2: {role: proxy, port: 3}\n"                                  \
	"  worker-1: {role: worker}\n"

static struct mu_layout *layout;
static struct net net;

static void
begin(const char *text)
{
	layout = must_read(text);
	net_init(&net, layout);
}

static void
end(void)
{
	net_clear(&net);
	mu_layout_free(layout);
}

/* "proxy-1+ proxy-2": members of a pool, + for up. */
static const char *
pool_of(size_t node, const char *name)
{
	static char text[256];
	struct mu_pool *p =
	    mu_pools_find(endpoint_pools(net.nodes[node].e), name);

	ck_assert_ptr_nonnull(p);
	text[0] = '\0';
	for (size_t i = 0; i < mu_pool_size(p); i++) {
		const struct mu_pool_member *m = mu_pool_at(p, i);

		snprintf(text + strlen(text), sizeof text - strlen(text),
		    "%s%s%s", i == 0 ? "" : " ", m->name,
		    m->self ? "*"
		    : m->up ? "+"
			    : "");
	}
	return text;
}

static bool
asks_for(size_t node, const char *topic)
{
	return muster_filter_matches(
	    router_filter(endpoint_router(net.nodes[node].e)), topic,
	    strlen(topic));
}

START_TEST(members_subscribe_the_topics_of_their_pools)
{
	size_t m, p1, p2, w;

	begin(NODES "pools:\n"
		    "  intel: {type: proxy, max_nodes: 1, exclusive: true}\n"
		    "  scan: {type: worker, topic: site/scan}\n");
	m = net_start(&net, "manager");
	p1 = net_start(&net, "proxy-1");
	p2 = net_start(&net, "proxy-2");
	w = net_start(&net, "worker-1");
	ck_assert(asks_for(m, "zeek/cluster/pool/logger"));
	ck_assert(!asks_for(m, "zeek/cluster/pool/proxy"));
	ck_assert(asks_for(p1, "zeek/cluster/pool/intel"));
	ck_assert(!asks_for(p1, "zeek/cluster/pool/proxy"));
	ck_assert(!asks_for(p2, "zeek/cluster/pool/intel"));
	ck_assert(asks_for(p2, "zeek/cluster/pool/proxy"));
	ck_assert(asks_for(w, "site/scan"));
	ck_assert(asks_for(w, "zeek/cluster/pool/worker"));
	ck_assert(!asks_for(p1, "site/scan"));
	end();
}
END_TEST

START_TEST(nodes_come_and_go)
{
	size_t m, p1, p2, w;

	begin(NODES);
	m = net_start(&net, "manager");
	p1 = net_start(&net, "proxy-1");
	w = net_start(&net, "worker-1");
	ck_assert_str_eq(pool_of(w, "proxy"), "proxy-1 proxy-2");
	ck_assert_str_eq(pool_of(w, "worker"), "worker-1*");
	net_run(&net, 3 * NET_S);
	ck_assert_str_eq(pool_of(w, "proxy"), "proxy-1+ proxy-2");
	p2 = net_start(&net, "proxy-2");
	net_run(&net, 3 * NET_S);
	ck_assert_str_eq(pool_of(w, "proxy"), "proxy-1+ proxy-2+");
	ck_assert_str_eq(pool_of(m, "proxy"), "proxy-1+ proxy-2+");
	ck_assert_str_eq(pool_of(m, "logger"), "manager*");
	ck_assert_str_eq(pool_of(w, "logger"), "manager+");
	/* Proxies do not know each other. */
	ck_assert_str_eq(pool_of(p1, "proxy"), "proxy-1* proxy-2");
	ck_assert_str_eq(pool_of(p2, "proxy"), "proxy-1 proxy-2*");
	net_kill(&net, p1);
	net_run(&net, 3 * NET_S);
	ck_assert_str_eq(pool_of(w, "proxy"), "proxy-1 proxy-2+");
	net_start(&net, "proxy-1");
	net_run(&net, 3 * NET_S);
	ck_assert_str_eq(pool_of(w, "proxy"), "proxy-1+ proxy-2+");
	end();
}
END_TEST

START_TEST(a_reload_resizes_pools_and_forgets_nobody)
{
	struct mu_layout *more =
	    must_read(NODES "  proxy-3: {role: proxy, port: 4}\n"
			    "pools: {small: {type: proxy, max_nodes: 2},\n"
			    "  proxy: {max_nodes: 1, replicas: 2}}\n");
	const struct mu_pool_member *who;
	struct mu_pool *p;
	size_t w, p1;

	begin(NODES);
	net_start(&net, "manager");
	p1 = net_start(&net, "proxy-1");
	net_start(&net, "proxy-2");
	w = net_start(&net, "worker-1");
	net_run(&net, 3 * NET_S);
	p = mu_pools_find(endpoint_pools(net.nodes[w].e), "proxy");
	ck_assert_int_eq(mu_pool_turn(p, "", 0, &who), 0);
	ck_assert_str_eq(who->name, "proxy-1");
	ck_assert(!asks_for(p1, "zeek/cluster/pool/small"));
	ck_assert_int_eq(endpoint_reload(net.nodes[w].e, more, net.now), 0);
	ck_assert_int_eq(endpoint_reload(net.nodes[p1].e, more, net.now), 0);
	net_run(&net, NET_S);
	/* "proxy" sorts before "small" and takes one, the other the rest */
	ck_assert_str_eq(pool_of(w, "proxy"), "proxy-1+");
	ck_assert_str_eq(pool_of(w, "small"), "proxy-2+ proxy-3");
	ck_assert(!asks_for(p1, "zeek/cluster/pool/small"));
	p = mu_pools_find(endpoint_pools(net.nodes[w].e), "proxy");
	ck_assert_uint_eq(mu_pool_replicas(p), 2);
	ck_assert_uint_eq(mu_pool_at(p, 0)->nturns, 1);
	net_clear(&net);
	mu_layout_free(more);
	mu_layout_free(layout);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("endpoint_pools");
	TCase *t = tcase_create("endpoint_pools");

	tcase_add_test(t, members_subscribe_the_topics_of_their_pools);
	tcase_add_test(t, nodes_come_and_go);
	tcase_add_test(t, a_reload_resizes_pools_and_forgets_nobody);
	suite_add_tcase(s, t);
	return unit_run(s);
}
