/*
 * Relays over whole endpoints without sockets: each event once at each
 * receiver, whoever is alive, and no storm in a circle.
 */
#include "endpoint_net.h"

#include "core/relays.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "muster/value.h"
#include "nomem.h"
#include "topic/filter.h"
#include "unit.h"

#define NODES                                                                  \
	"cluster: test\n"                                                      \
	"tls: none\n"                                                          \
	"nodes:\n"                                                             \
	"  manager:      {role: manager, host: 10.0.0.1, port: 27761}\n"       \
	"  proxy-1:      {role: proxy, host: 10.0.0.3, port: 27763}\n"         \
	"  proxy-2:      {role: proxy, host: 10.0.0.3, port: 27764}\n"         \
	"  worker-[1-3]: {role: worker, host: 10.0.0.[4-6]}\n"

#define EVENTS 64

/* A client of a node that counts what it gets, by the first payload byte after
 * the tag. */
struct ear {
	struct subscriber sub; /* first */
	unsigned n[256];       /* of that number */
	unsigned total;
	char topic[128]; /* of the last one */
};

static struct mu_layout *layout;
static struct net net;
static struct ear ears[NET_NODES];

static void
hear(struct subscriber *s, struct message *m)
{
	struct ear *e = (struct ear *)s;

	ck_assert_uint_eq(m->env.payload_len, 9);
	ck_assert_uint_eq(m->env.payload[0], MUSTER_COUNT);
	e->n[m->env.payload[8]]++;
	e->total++;
	snprintf(e->topic, sizeof e->topic, "%.*s", (int)m->env.topic_len,
	    m->env.topic);
}

static void
listen_on(size_t i, const char *topic)
{
	struct muster_filter *f = muster_filter_new();

	memset(&ears[i], 0, sizeof ears[i]);
	ears[i].sub.kind = SUBSCRIBER_CLIENT;
	ears[i].sub.deliver = hear;
	muster_filter_add(f, topic, strlen(topic));
	ck_assert_int_eq(
	    router_attach(endpoint_router(net.nodes[i].e), &ears[i].sub, f), 0);
	muster_filter_free(f);
}

static int
publish(size_t i, const char *topic, uint8_t number)
{
	const uint8_t payload[9] = { MUSTER_COUNT, [8] = number };

	return router_publish(endpoint_router(net.nodes[i].e), &ears[i].sub,
	    topic, strlen(topic), payload, sizeof payload);
}

static void
setup(void)
{
	layout = NULL;
}

static void
teardown(void)
{
	net_clear(&net);
	mu_layout_free(layout);
}

enum { M, P1, P2, W1, W2, W3, NNODES };
static const char *const names[NNODES] = { "manager", "proxy-1", "proxy-2",
	"worker-1", "worker-2", "worker-3" };

static void
start_all(const char *text)
{
	layout = must_read(text);
	net_init(&net, layout);
	for (size_t i = 0; i < NNODES; i++)
		ck_assert_uint_eq(net_start(&net, names[i]), i);
	net_run(&net, 3 * NET_S);
}

static void
all_workers_listen(const char *topic)
{
	for (size_t i = W1; i <= W3; i++)
		listen_on(i, topic);
	net_run(&net, NET_S);
}

static struct relays_fact
fact(size_t node, size_t rule)
{
	struct relays_fact f;

	relays_fact(endpoint_relays(net.nodes[node].e), rule, &f);
	return f;
}

START_TEST(the_manager_passes_on_to_all_workers)
{
	const char *node;

	start_all(NODES
	    "relay: [{topic: app/, by: [manager], to: zeek/cluster/worker}]\n");
	all_workers_listen("zeek/cluster/worker");
	for (uint8_t i = 0; i < EVENTS; i++)
		ck_assert_int_eq(publish(W1, "app/x", i), 1);
	ck_assert_uint_eq(
	    relays_last(endpoint_relays(net.nodes[W1].e), &node), 1);
	ck_assert_str_eq(node, "manager");
	net_run(&net, NET_S);
	for (size_t w = W1; w <= W3; w++) {
		ck_assert_uint_eq(ears[w].total, EVENTS);
		for (size_t i = 0; i < EVENTS; i++)
			ck_assert_uint_eq(ears[w].n[i], 1);
		ck_assert_str_eq(ears[w].topic, "zeek/cluster/worker");
	}
	ck_assert_uint_eq(fact(M, 0).relayed, EVENTS);
	ck_assert_uint_eq(fact(W1, 0).published, EVENTS);
	ck_assert(!fact(W1, 0).here && fact(M, 0).here);
	ck_assert_uint_eq(fact(W1, 0).up, 1);
	/* it counts itself, once */
	ck_assert_uint_eq(fact(M, 0).up, 1);
}
END_TEST

START_TEST(two_relays_take_turns)
{
	start_all(NODES
	    "relay: [{topic: app/, by: [proxy], to: zeek/cluster/worker}]\n");
	all_workers_listen("zeek/cluster/worker");
	for (uint8_t i = 0; i < EVENTS; i++)
		ck_assert_int_eq(publish(W2, "app/", i), 1);
	net_run(&net, NET_S);
	for (size_t w = W1; w <= W3; w++)
		for (size_t i = 0; i < EVENTS; i++)
			ck_assert_uint_eq(ears[w].n[i], 1);
	ck_assert_uint_eq(fact(P1, 0).relayed, EVENTS / 2);
	ck_assert_uint_eq(fact(P2, 0).relayed, EVENTS / 2);
}
END_TEST

START_TEST(one_of_two_dies_and_comes_back)
{
	const char *node;

	start_all(NODES
	    "relay: [{topic: app/, by: [proxy], to: zeek/cluster/worker}]\n");
	all_workers_listen("zeek/cluster/worker");
	for (uint8_t i = 0; i < 10; i++)
		publish(W1, "app/", i);
	net_kill(&net, P1);
	for (uint8_t i = 10; i < 20; i++)
		publish(W1, "app/", i);
	net_run(&net, NET_S);
	for (uint8_t i = 20; i < 30; i++) {
		publish(W1, "app/", i);
		relays_last(endpoint_relays(net.nodes[W1].e), &node);
		ck_assert_str_eq(node, "proxy-2");
	}
	net_run(&net, NET_S);
	for (size_t w = W1; w <= W3; w++) {
		/* what was on the way to it is lost, nothing comes twice */
		for (size_t i = 0; i < 20; i++)
			ck_assert_uint_le(ears[w].n[i], 1);
		for (size_t i = 20; i < 30; i++)
			ck_assert_uint_eq(ears[w].n[i], 1);
	}
	ck_assert_uint_eq(net_start(&net, "proxy-1"), P1);
	net_run(&net, 3 * NET_S);
	for (uint8_t i = 30; i < 40; i++)
		publish(W1, "app/", i);
	net_run(&net, NET_S);
	for (size_t w = W1; w <= W3; w++)
		for (size_t i = 30; i < 40; i++)
			ck_assert_uint_eq(ears[w].n[i], 1);
	ck_assert_uint_eq(fact(P1, 0).relayed, 5);
}
END_TEST

START_TEST(nobody_is_up)
{
	const char *node = "";

	start_all(NODES
	    "relay: [{topic: app/, by: [proxy], to: zeek/cluster/worker}]\n");
	all_workers_listen("zeek/cluster/worker");
	net_kill(&net, P1);
	net_kill(&net, P2);
	net_run(&net, NET_S);
	net_forget(&net, W1);
	for (uint8_t i = 0; i < 10; i++)
		ck_assert_int_eq(publish(W1, "app/", i), 0);
	ck_assert_uint_eq(
	    relays_last(endpoint_relays(net.nodes[W1].e), &node), 1);
	ck_assert_ptr_null(node);
	net_run(&net, NET_S);
	ck_assert_uint_eq(fact(W1, 0).lost, 10);
	ck_assert_uint_eq(fact(W1, 0).up, 0);
	ck_assert_uint_eq(ears[W2].total, 0);
	net_expect(
	    &net, W1, "relay 1 (app/ to zeek/cluster/worker): no node", 1);
	/* other topics are not touched */
	ck_assert_int_eq(publish(W1, "zeek/cluster/manager", 1), 1);
	ck_assert_uint_eq(
	    relays_last(endpoint_relays(net.nodes[W1].e), &node), 0);
}
END_TEST

START_TEST(a_relay_needs_no_other_for_its_own)
{
	start_all(NODES
	    "relay: [{topic: app/, by: [proxy], to: zeek/cluster/worker}]\n");
	all_workers_listen("zeek/cluster/worker");
	listen_on(P1, "app/");
	for (uint8_t i = 0; i < EVENTS; i++)
		ck_assert_int_eq(publish(P1, "app/", i), 3);
	net_run(&net, NET_S);
	for (size_t w = W1; w <= W3; w++)
		ck_assert_uint_eq(ears[w].total, EVENTS);
	ck_assert_uint_eq(fact(P1, 0).relayed, EVENTS);
	ck_assert_uint_eq(fact(P2, 0).relayed, 0);
	ck_assert_uint_eq(ears[P1].total, 0);
}
END_TEST

/* What does not name a node, or does so itself: a node without rules. */
START_TEST(publishers_without_rules)
{
	static const char app[] = "app/",
			  named[] = "zeek/cluster/node/proxy-2/app/";
	const uint8_t payload[9] = { MUSTER_COUNT };
	struct router *r;

	start_all(NODES
	    "relay: [{topic: app/, by: [proxy], to: zeek/cluster/worker}]\n");
	all_workers_listen("zeek/cluster/worker");
	r = endpoint_router(net.nodes[W1].e);
	/* not a client: no detour */
	ck_assert_int_eq(
	    router_publish(r, NULL, app, strlen(app), payload, 9), 1);
	ck_assert_int_eq(
	    router_publish(r, NULL, named, strlen(named), payload, 9), 1);
	net_run(&net, NET_S);
	for (size_t w = W1; w <= W3; w++)
		ck_assert_uint_eq(ears[w].total, 2);
	ck_assert_uint_eq(fact(P1, 0).relayed, 1);
	ck_assert_uint_eq(fact(P2, 0).relayed, 1);
}
END_TEST

START_TEST(relays_in_a_row)
{
	start_all(
	    NODES "relay:\n"
		  "  - {topic: a/, by: [manager], to: b/}\n"
		  "  - {topic: b/, by: [proxy], to: c/}\n"
		  "  - {topic: b/x, by: [manager], to: nowhere}\n"
		  "  - {topic: c/, by: [proxy], to: zeek/cluster/worker}\n");
	all_workers_listen("zeek/cluster/worker");
	for (uint8_t i = 0; i < EVENTS; i++)
		publish(W3, "a/", i);
	net_run(&net, NET_S);
	for (size_t w = W1; w <= W3; w++)
		for (size_t i = 0; i < EVENTS; i++)
			ck_assert_uint_eq(ears[w].n[i], 1);
	ck_assert_uint_eq(fact(M, 0).relayed, EVENTS);
	ck_assert_uint_eq(fact(P1, 1).relayed + fact(P2, 1).relayed, EVENTS);
	ck_assert_uint_eq(fact(P1, 3).relayed + fact(P2, 3).relayed, EVENTS);
}
END_TEST

START_TEST(a_pool_passes_on)
{
	start_all(NODES
	    "pools: {pair: {type: proxy, max_nodes: 1, exclusive: true}}\n"
	    "relay: [{topic: app/, by: [pair], to: zeek/cluster/worker}]\n");
	all_workers_listen("zeek/cluster/worker");
	for (uint8_t i = 0; i < 10; i++)
		ck_assert_int_eq(publish(W2, "app/", i), 1);
	net_run(&net, NET_S);
	for (size_t w = W1; w <= W3; w++)
		ck_assert_uint_eq(ears[w].total, 10);
	ck_assert_uint_eq(fact(P1, 0).relayed, 10);
	ck_assert_uint_eq(fact(W1, 0).nodes, 1);
}
END_TEST

/* --- churn ---------------------------------------------------------------- */

#define ROUNDS   60
#define CHURNERS 3 /* manager and both proxies come and go */

/* Nodes come and go at random moments while workers publish.  Nothing comes
 * twice, ever; what is published while nobody changed lately comes exactly
 * once; and what reaches nobody was counted or was under way to a node that
 * died. */
static void
churn(unsigned seed)
{
	static const size_t relays[CHURNERS] = { M, P1, P2 };
	static const char *const texts[] = {
		"relay: [{topic: app/, by: [proxy], to: "
		"zeek/cluster/worker}]\n",
		"relay: [{topic: app/, by: [manager, proxy], to: "
		"zeek/cluster/worker}]\n",
		"relay:\n"
		"  - {topic: app/, by: [proxy], to: b/}\n"
		"  - {topic: b/, by: [manager], to: zeek/cluster/worker}\n",
	};
	const char *text = texts[seed % 3];
	bool must[256], manager_needed = seed % 3 == 2;
	struct mu_rng rng;
	char whole[2000];
	uint64_t quiet_since;

	mu_rng_init(&rng, seed);
	snprintf(whole, sizeof whole, NODES "%s", text);
	start_all(whole);
	all_workers_listen("zeek/cluster/worker");
	quiet_since = net.now;
	for (unsigned i = 0; i < ROUNDS; i++) {
		size_t r = relays[mu_rng_u64(&rng) % CHURNERS];
		size_t w = W1 + mu_rng_u64(&rng) % 3;
		bool any = false;

		if (mu_rng_u64(&rng) % 4 == 0) {
			if (net.nodes[r].e != NULL)
				net_kill(&net, r);
			else
				net_start(&net, names[r]);
			quiet_since = net.now;
		}
		for (size_t k = 0; k < CHURNERS; k++)
			if (mu_layout_on(layout->relays[0].by,
				layout->relays[0].nby,
				mu_layout_node(layout, names[relays[k]])))
				any = any || net.nodes[relays[k]].e != NULL;
		if (manager_needed && net.nodes[M].e == NULL)
			any = false;
		must[i] = any && net.now - quiet_since > 3 * NET_S;
		publish(w, "app/x", (uint8_t)i);
		net_run(&net, mu_rng_u64(&rng) % 3 == 0 ? 0 : NET_S * 5 / 4);
	}
	net_run(&net, 3 * NET_S);
	for (size_t w = W1; w <= W3; w++)
		for (unsigned i = 0; i < ROUNDS; i++) {
			ck_assert_msg(ears[w].n[i] <= 1,
			    "seed %u: event %u came %u times", seed, i,
			    ears[w].n[i]);
			ck_assert_msg(!must[i] || ears[w].n[i] == 1,
			    "seed %u: event %u did not come", seed, i);
		}
}

START_TEST(once_each_whoever_comes_and_goes)
{
	churn((unsigned)_i);
}
END_TEST

/* --- circles -------------------------------------------------------------- */

static uint64_t
data_received(void)
{
	uint64_t n = 0;

	for (size_t i = 0; i < net.nnodes; i++)
		n += router_stats(endpoint_router(net.nodes[i].e))
			 ->received[MU_DATA];
	return n;
}

/* Three nodes with a layout each that knows one third of the circle; every
 * node but the publisher's passes on what names no node, so a message may fan
 * out at each step. */
START_TEST(a_circle_of_three_layouts_does_not_storm)
{
	static const char *const rules[NNODES] = {
		[M] = NODES "relay: [{topic: a/, by: [manager], to: b/}]\n",
		[P1] = NODES "relay: [{topic: b/, by: [proxy-1], to: c/}]\n",
		[W1] = NODES "relay: [{topic: c/, by: [worker-1], to: a/}]\n",
	};
	static const size_t who[] = { M, P1, W1 };
	struct mu_layout *layouts[NNODES] = { NULL };
	uint64_t before, after, circled = 0, relayed = 0;

	layout = must_read(NODES);
	net_init(&net, layout);
	for (size_t i = 0; i < 3; i++) {
		layouts[i] = must_read(rules[who[i]]);
		net.layout = layouts[i];
		ck_assert_uint_eq(net_start(&net, names[who[i]]), i);
	}
	net_run(&net, 3 * NET_S);
	for (size_t i = 0; i < 3; i++)
		net_forget(&net, i);
	before = data_received();
	listen_on(2, "none/");
	for (uint8_t i = 0; i < 10; i++)
		publish(2, "a/", i);
	net_run(&net, 10 * NET_S);
	after = data_received();
	for (size_t i = 0; i < 3; i++) {
		circled += fact(i, 0).circled;
		relayed += fact(i, 0).relayed;
	}
	/* 10 events, 5 relays each, and what the last one brought */
	ck_assert_uint_eq(relayed, 50);
	ck_assert_uint_eq(circled, 10);
	ck_assert_uint_le(after - before, 60 + 2);
	ck_assert_uint_eq(net_count(&net, 0, "may form a circle") +
			      net_count(&net, 1, "may form a circle") +
			      net_count(&net, 2, "may form a circle"),
	    1);
	before = data_received();
	net_run(&net, 10 * NET_S);
	ck_assert_uint_le(data_received() - before, 2);
	net_clear(&net);
	for (size_t i = 0; i < 3; i++)
		mu_layout_free(layouts[i]);
}
END_TEST

/* --- reload, memory ------------------------------------------------------- */

START_TEST(rules_change_without_a_restart)
{
	struct mu_layout *other;

	start_all(NODES);
	all_workers_listen("zeek/cluster/worker");
	other = must_read(NODES
	    "relay: [{topic: app/, by: [manager], to: zeek/cluster/worker}]\n");
	for (size_t i = 0; i < NNODES; i++)
		ck_assert_int_eq(
		    endpoint_reload(net.nodes[i].e, other, net.now), 0);
	mu_layout_free(layout);
	layout = other;
	net_run(&net, NET_S);
	publish(W1, "app/", 1);
	net_run(&net, NET_S);
	ck_assert_uint_eq(ears[W3].total, 1);
	other = must_read(
	    NODES "relay:\n"
		  "  - {topic: more/, by: [manager], to: zeek/cluster/worker}\n"
		  "  - {topic: app/, by: [proxy], to: zeek/cluster/worker}\n");
	for (size_t i = 0; i < NNODES; i++)
		ck_assert_int_eq(
		    endpoint_reload(net.nodes[i].e, other, net.now), 0);
	mu_layout_free(layout);
	layout = other;
	net_run(&net, NET_S);
	publish(W1, "app/", 1);
	publish(W1, "more/", 1);
	net_run(&net, NET_S);
	ck_assert_uint_eq(ears[W3].total, 3);
	ck_assert_uint_eq(fact(W1, 1).published, 2);
	ck_assert_uint_eq(fact(M, 1).relayed, 1);
	ck_assert_uint_eq(fact(P1, 1).relayed, 1);
}
END_TEST

/* An endpoint is made of more than relays: filters may be lacking there. */
static bool
make_relays(void *ctx)
{
	struct relays_config cfg = *(struct relays_config *)ctx;
	struct relays *rs = relays_new(&cfg, 1);

	relays_free(rs);
	return rs != NULL;
}

START_TEST(no_memory)
{
	struct relays_config cfg = { NULL };

	layout = must_read(
	    NODES "relay:\n"
		  "  - {topic: more/, by: [manager], to: zeek/cluster/worker}\n"
		  "  - {topic: app/, by: [proxy], to: zeek/cluster/worker}\n");
	net_init(&net, layout);
	ck_assert_uint_eq(net_start(&net, "proxy-1"), 0);
	cfg.router = endpoint_router(net.nodes[0].e);
	cfg.members = endpoint_members(net.nodes[0].e);
	cfg.layout = layout;
	cfg.node = mu_layout_node(layout, "proxy-1");
	ck_assert_uint_gt(nomem_each(make_relays, &cfg), 10);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relays");
	TCase *t = tcase_create("relays");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_manager_passes_on_to_all_workers);
	tcase_add_test(t, two_relays_take_turns);
	tcase_add_test(t, one_of_two_dies_and_comes_back);
	tcase_add_test(t, nobody_is_up);
	tcase_add_test(t, a_relay_needs_no_other_for_its_own);
	tcase_add_test(t, publishers_without_rules);
	tcase_add_test(t, relays_in_a_row);
	tcase_add_test(t, a_pool_passes_on);
	tcase_add_loop_test(t, once_each_whoever_comes_and_goes, 0, 60);
	tcase_add_test(t, a_circle_of_three_layouts_does_not_storm);
	tcase_add_test(t, rules_change_without_a_restart);
	tcase_add_test(t, no_memory);
	suite_add_tcase(s, t);
	return unit_run(s);
}
