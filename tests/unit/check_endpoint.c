/*
 * Whole nodes without sockets: peerings come up, go, come back; what the
 * operator reads meanwhile.
 */
#include "endpoint_net.h"

#include "core/echoes.h"
#include "muster/topic.h"
#include "unit.h"

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

/* --- time ---------------------------------------------------------------- */

/* How often anybody wakes up within ns. */
static unsigned
wake_ups(uint64_t ns)
{
	uint64_t end = net.now + ns;
	unsigned n = 0;

	while (net.now < end) {
		uint64_t due = end;

		for (size_t i = 0; i < net.nnodes; i++) {
			uint64_t d = endpoint_deadline(net.nodes[i].e);

			due = d < due ? d : due;
		}
		n += due < end;
		net_run(&net, due > net.now ? due - net.now : 1);
	}
	return n;
}

/* Ten nodes of which each is silent since another moment: their pings leave
 * in four moments of a period. */
START_TEST(idle_links_share_their_wake_ups)
{
	static const char text[] =
	    "cluster: test\n"
	    "tls: none\n"
	    "nodes:\n"
	    "  manager: {role: manager, host: 10.0.0.1, port: 27761}\n"
	    "  worker-[1-9]: {role: worker, host: 10.0.0.[2-10]}\n";
	struct mu_layout *many = must_read(text);
	struct link_facts facts;
	char name[32];

	net_clear(&net);
	net_init(&net, many);
	net_start(&net, "manager");
	for (int i = 1; i <= 9; i++) {
		snprintf(name, sizeof name, "worker-%d", i);
		net_start(&net, mu_layout_node(many, name)->name);
		net_run(&net, 137 * NET_MS);
	}
	net_run(&net, 5 * NET_S);
	ck_assert_uint_eq(net_up(&net, 0), 9);
	/* 2 s, the default, ten times */
	ck_assert_uint_le(wake_ups(20 * NET_S), 10 * 4 + 4);
	for (size_t i = 0; i < 9; i++) {
		link_facts(endpoint_link(net.nodes[0].e, i), &facts);
		ck_assert_uint_le(net.now - facts.heard, 2 * NET_S);
	}
	net_clear(&net);
	net_init(&net, layout);
	mu_layout_free(many);
}
END_TEST

/* --- dials --------------------------------------------------------------- */

START_TEST(short_trouble_is_not_said)
{
	size_t m = net_start(&net, "manager");

	net_run(&net, 700 * NET_MS);
	ck_assert_uint_gt(net.nodes[m].dials, 2);
	net_start(&net, "logger-1");
	net_run(&net, 2 * NET_S);
	net_expect(&net, m, "node logger-1 is up", 1);
	net_expect(&net, m, "info: cannot reach", 0);
	net_expect(&net, m, "info: reached", 0);
	net_expect(&net, m, "peer-unavailable", 0);
}
END_TEST

START_TEST(trouble_is_said_once_and_its_end_too)
{
	size_t m = net_start(&net, "manager");
	size_t l;

	net_run(&net, 60 * NET_S);
	ck_assert_uint_gt(net.nodes[m].dials, 60);
	net_expect(&net, m, "info: cannot reach logger-1 (10.0.0.2:27762): "
	    "connection refused; retrying", 1);
	net_expect(&net, m, "broker.log Broker::ERROR peer-unavailable -:0 "
	    "(00000000-0000-0000-0000-000000000000, *10.0.0.2:27762, "
	    "\"unable to connect to remote peer\")", 1);
	net_expect(&net, m, "cannot reach", 1);
	l = net_start(&net, "logger-1");
	net_run(&net, 2 * NET_S);
	net_expect(&net, m, "info: reached logger-1 (10.0.0.2:27762) again",
	    1);
	net_kill(&net, l);
	net_run(&net, 2 * NET_S);
	net_expect(&net, m, "cannot reach", 2);
	net_expect(&net, m, "broker.log Broker::STATUS connection-terminated "
	    "10.0.0.2:27762 lost connection to remote peer", 1);
	net_expect(&net, m, "info: node logger-1 is down", 1);
}
END_TEST

START_TEST(dials_tell_how_they_fare)
{
	size_t m = net_start(&net, "manager");
	struct endpoint_dial_facts f;

	net_run(&net, 5 * NET_S);
	ck_assert_uint_eq(endpoint_ndials(net.nodes[m].e), 1);
	endpoint_dial_facts(net.nodes[m].e, 0, &f);
	ck_assert_str_eq(f.name, "logger-1");
	ck_assert_uint_eq(f.port, 27762);
	ck_assert_uint_eq(f.attempts, net.nodes[m].dials);
	ck_assert_str_eq(f.why, "connection refused");
	ck_assert(!f.connected);
	ck_assert_uint_eq(f.since, NET_S);
	net_start(&net, "logger-1");
	net_run(&net, 2 * NET_S);
	endpoint_dial_facts(net.nodes[m].e, 0, &f);
	ck_assert(f.connected);
	ck_assert_ptr_null(f.why);
	ck_assert_uint_eq(f.attempts, 0);
}
END_TEST

START_TEST(a_restarted_node_is_back_within_a_second)
{
	size_t l = net_start(&net, "logger-1");
	size_t m = net_start(&net, "manager");

	net_run(&net, 5 * NET_S);
	for (int i = 0; i < 5; i++) {
		net_kill(&net, l);
		net_run(&net, 3 * NET_S);
		net_start(&net, "logger-1");
		net_run(&net, NET_S + 50 * NET_MS);
		ck_assert_uint_eq(net_up(&net, m), 1);
		ck_assert_uint_eq(net_up(&net, l), 1);
	}
	net_expect(&net, m, "info: node logger-1 is up", 6);
	net_expect(&net, m, "info: node logger-1 is down", 5);
}
END_TEST

#define MUTUAL                                                                 \
	"cluster: test\n"                                                      \
	"tls: none\n"                                                          \
	"nodes:\n"                                                             \
	"  manager: {role: manager, host: 10.0.0.1, port: 1001, "              \
	"connect: [proxy-1]}\n"                                                \
	"  proxy-1: {role: proxy, host: 10.0.0.2, port: 1002, "                \
	"connect: [manager]}\n"

static void
other_layout(const char *text)
{
	teardown();
	layout = must_read(text);
	net_init(&net, layout);
}

START_TEST(two_that_dial_each_other_have_one_peering)
{
	size_t a, b;

	other_layout(MUTUAL);
	a = net_start(&net, "manager");
	b = net_start(&net, "proxy-1");
	net_run(&net, 10 * NET_S);
	ck_assert_uint_eq(net_up(&net, a), 1);
	ck_assert_uint_eq(net_up(&net, b), 1);
	/* the duplicate is a success: nobody tries again and again */
	ck_assert_uint_le(net.nodes[a].dials, 4);
	ck_assert_uint_le(net.nodes[b].dials, 4);
	for (size_t i = 0; i < 2; i++) {
		struct endpoint_dial_facts f;

		endpoint_dial_facts(net.nodes[i].e, 0, &f);
		ck_assert(f.connected);
		net_expect(&net, i, "warning", 0);
	}
	/* whoever goes: the other dials, also when its own was the duplicate */
	net_kill(&net, a);
	net_run(&net, 2 * NET_S);
	net_start(&net, "manager");
	net_run(&net, 3 * NET_S);
	ck_assert_uint_eq(net_up(&net, b), 1);
	net_kill(&net, b);
	net_run(&net, 2 * NET_S);
	net_start(&net, "proxy-1");
	net_run(&net, 3 * NET_S);
	ck_assert_uint_eq(net_up(&net, a), 1);
}
END_TEST

START_TEST(dialling_oneself_is_one_error_and_the_end_of_it)
{
	static const struct mu_uuid same = { { 0x55 } };
	size_t m;

	net_start_with(&net, "logger-1", &same);
	m = net_start_with(&net, "manager", &same);
	net_run(&net, 30 * NET_S);
	ck_assert_uint_eq(net.nodes[m].dials, 1);
	net_expect(&net, m, "error: logger-1 (10.0.0.2:27762) is this node "
	    "itself", 1);
	net_expect(&net, m, "warning", 0);
}
END_TEST

static bool
veto_loggers(void *ctx, const char *node)
{
	(void)ctx;
	return strncmp(node, "logger", 6) == 0;
}

START_TEST(a_vetoed_node_is_not_dialled_and_delays_the_report)
{
	struct endpoint_config cfg = { .layout = layout, .node = "manager",
		.id = { { 3 } }, .veto = veto_loggers };
	size_t m = net_start(&net, "manager");

	endpoint_free(net.nodes[m].e);
	mu_buf_reset(&net.nodes[m].said);
	net.nodes[m].e = endpoint_new(&cfg, net.now);
	net_start(&net, "logger-1");
	net_run(&net, 5 * NET_S);
	ck_assert_uint_eq(endpoint_ndials(net.nodes[m].e), 0);
	ck_assert(!members_fully_connected(endpoint_members(
	    net.nodes[m].e)));
	net_expect(&net, m, "fully connected", 0);
}
END_TEST

START_TEST(a_silent_listener_is_given_up_and_tried_again)
{
	size_t l = net_start(&net, "logger-1");
	size_t m = net_start(&net, "manager");

	net.nodes[l].deaf = true;
	net_run(&net, 35 * NET_S);
	ck_assert_uint_ge(net.nodes[m].dials, 3);
	ck_assert_uint_le(net.nodes[m].dials, 4);
	net_expect(&net, m, "cannot reach logger-1 (10.0.0.2:27762): "
	    "handshake not finished after 10000 ms; retrying", 1);
	net_expect(&net, m, "warning", 0);
}
END_TEST

START_TEST(a_connection_nobody_waits_for_any_more_is_refused)
{
	size_t m = net_start(&net, "manager");

	ck_assert_ptr_null(endpoint_connected(net.nodes[m].e, 4711,
	    "10.0.0.2", 1, net.now));
	endpoint_connect_failed(net.nodes[m].e, 4711, "gone", net.now);
	net_settle(&net);
	net_expect(&net, m, "gone", 0);
}
END_TEST

/* --- limits -------------------------------------------------------------- */

static const char *
accept_from(size_t i, const char *address)
{
	const char *why = NULL;
	struct net_wire *w = net_wire(&net);
	struct link *l = endpoint_accepted(net.nodes[i].e, address, 1, &why,
	    net.now);

	ck_assert((l == NULL) == (why != NULL));
	w->side[0].node = SIZE_MAX;
	w->side[1].node = i;
	w->side[1].link = l;
	if (l != NULL)
		link_set_transport(l, &w->side[1]);
	else
		net_release(w);
	return why;
}

START_TEST(limits_of_connections_hold)
{
	size_t m;

	other_layout(LAYOUT "limits: {connections: 5, handshakes: 4, "
	    "connections_per_address: 2}\n");
	m = net_start(&net, "manager");
	ck_assert_ptr_null(accept_from(m, "192.0.2.1"));
	ck_assert_ptr_null(accept_from(m, "192.0.2.1"));
	ck_assert_str_eq(accept_from(m, "192.0.2.1"),
	    "too many connections from this address");
	ck_assert_ptr_null(accept_from(m, "192.0.2.2"));
	ck_assert_ptr_null(accept_from(m, "192.0.2.3"));
	ck_assert_str_eq(accept_from(m, "192.0.2.4"),
	    "too many handshakes in progress");
	/* those time out and leave room */
	net_run(&net, 11 * NET_S);
	ck_assert_uint_eq(endpoint_nlinks(net.nodes[m].e), 0);
	ck_assert_ptr_null(accept_from(m, "192.0.2.1"));
}
END_TEST

START_TEST(one_address_does_not_take_all_handshakes)
{
	size_t m;

	other_layout(LAYOUT "limits: {handshakes: 4}\n");
	m = net_start(&net, "manager");
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_null(accept_from(m, "192.0.2.1"));
	ck_assert_str_eq(accept_from(m, "192.0.2.1"),
	    "too many handshakes in progress from this address");
	ck_assert_ptr_null(accept_from(m, "192.0.2.2"));
}
END_TEST

START_TEST(peers_count_as_connections)
{
	size_t m;

	other_layout("cluster: test\ntls: none\nnodes:\n"
	    "  manager: {role: manager, host: 10.0.0.1, port: 1}\n"
	    "  worker-[1-3]: {role: worker, host: 10.0.0.2, manager: manager}\n"
	    "limits: {connections: 2}\n");
	m = net_start(&net, "manager");
	net_start(&net, "worker-1");
	net_start(&net, "worker-2");
	net_run(&net, NET_S);
	ck_assert_uint_eq(net_up(&net, m), 2);
	ck_assert_str_eq(accept_from(m, "192.0.2.1"), "too many connections");
}
END_TEST

/* --- the end ------------------------------------------------------------- */

START_TEST(stopping_says_goodbye_to_all)
{
	size_t l = net_start(&net, "logger-1");
	size_t m = net_start(&net, "manager");
	size_t w = net_start(&net, "worker-1");

	net_run(&net, 5 * NET_S);
	ck_assert_uint_eq(net_up(&net, m), 2);
	endpoint_stop(net.nodes[m].e, net.now);
	ck_assert_str_eq(accept_from(m, "192.0.2.1"), "shutting down");
	net_settle(&net);
	ck_assert_uint_eq(endpoint_nlinks(net.nodes[m].e), 0);
	net_expect(&net, m, "broker.log Broker::STATUS peer-removed", 2);
	net_expect(&net, m, "removed connection to remote peer (", 0);
	net_expect(&net, m, "warning", 0);
	net_expect(&net, l, "broker.log Broker::STATUS connection-terminated",
	    1);
	net_expect(&net, w, "info: node manager is down", 1);
	/* those who dial it learn why */
	net_run(&net, 2 * NET_S);
	ck_assert_uint_eq(endpoint_nlinks(net.nodes[m].e), 0);
	net_expect(&net, w, "cannot reach manager", 1);
	ck_assert_uint_eq(net.nodes[m].dials, 1);
}
END_TEST

START_TEST(stopping_does_not_wait_for_the_dead)
{
	size_t m, w = net_start(&net, "worker-1");

	m = net_start(&net, "manager");
	net_start(&net, "logger-1");
	net_run(&net, NET_S);
	for (size_t i = 0; i < NET_WIRES; i++)
		for (size_t k = 0; k < 2; k++)
			if (net.wires[i].used &&
			    net.wires[i].side[k].node == w)
				net.wires[i].side[k].frozen = true;
	endpoint_stop(net.nodes[m].e, net.now);
	net_settle(&net);
	ck_assert_uint_eq(endpoint_nlinks(net.nodes[m].e), 1);
	net_run(&net, 3 * NET_S);
	ck_assert_uint_eq(endpoint_nlinks(net.nodes[m].e), 0);
}
END_TEST

START_TEST(attempts_under_way_are_cancelled)
{
	struct endpoint_out out;
	size_t m = net_start(&net, "manager");
	struct endpoint *e = net.nodes[m].e;
	unsigned id = 0, cancelled = 0;

	endpoint_tick(e, net.now);
	while (endpoint_next(e, &out))
		if (out.kind == ENDPOINT_DIAL)
			id = out.dial_id;
	ck_assert_uint_ne(id, 0);
	endpoint_stop(e, net.now);
	while (endpoint_next(e, &out))
		if (out.kind == ENDPOINT_CANCEL_DIAL && out.dial_id == id)
			cancelled++;
	ck_assert_uint_eq(cancelled, 1);
	ck_assert_ptr_null(endpoint_connected(e, id, "10.0.0.2", 1, net.now));
	ck_assert_uint_eq(endpoint_deadline(e), UINT64_MAX);
}
END_TEST

/* --- reload -------------------------------------------------------------- */

START_TEST(a_reload_brings_and_takes_nodes)
{
	static const char bigger[] = LAYOUT
	    "  logger-2:     {role: logger, host: 10.0.0.9, port: 27769}\n"
	    "subscriptions: [site/]\n"
	    "limits: {queue_messages: 17}\n";
	struct mu_layout *more = must_read(bigger);
	size_t m = net_start(&net, "manager");
	size_t l1 = net_start(&net, "logger-1"), l2;
	struct endpoint *e = net.nodes[m].e;
	struct endpoint_dial_facts f;

	net_run(&net, 2 * NET_S);
	net.layout = more;
	l2 = net_start(&net, "logger-2");
	ck_assert_int_eq(endpoint_reload(e, more, net.now), 0);
	net_run(&net, 2 * NET_S);
	ck_assert_uint_eq(net_up(&net, m), 2);
	net_expect(&net, m, "node logger-2 is up", 1);
	ck_assert(muster_filter_matches(router_filter(endpoint_router(e)),
	    "site/a", 6));
	/* and back again */
	net.layout = layout;
	ck_assert_int_eq(endpoint_reload(e, layout, net.now), 0);
	net_run(&net, 2 * NET_S);
	ck_assert_uint_eq(endpoint_ndials(e), 1);
	endpoint_dial_facts(e, 0, &f);
	ck_assert_str_eq(f.name, "logger-1");
	ck_assert_uint_eq(net_up(&net, m), 1);
	ck_assert_uint_eq(net_up(&net, l1), 1);
	ck_assert_uint_eq(net_up(&net, l2), 0);
	net_expect(&net, l1, "is down", 0);
	net_kill(&net, l2);
	mu_layout_free(more);
}
END_TEST

START_TEST(a_row_that_moves_is_dialled_at_its_new_place)
{
	static const char moved[] =
	    "cluster: test\n"
	    "tls: none\n"
	    "nodes:\n"
	    "  manager:      {role: manager, host: 10.0.0.1, port: 27761}\n"
	    "  logger-1:     {role: logger, host: 10.0.0.2, port: 30000}\n"
	    "  proxy-1:      {role: proxy, host: 10.0.0.3, port: 27763}\n"
	    "  worker-[1-2]: {role: worker, host: 10.0.0.[4-5]}\n";
	struct mu_layout *other = must_read(moved);
	size_t m = net_start(&net, "manager");
	size_t l = net_start(&net, "logger-1");

	net_run(&net, 2 * NET_S);
	net_kill(&net, l);
	net.layout = other;
	net_start(&net, "logger-1");
	net_run(&net, 5 * NET_S);
	ck_assert_uint_eq(net_up(&net, m), 0);
	ck_assert_int_eq(endpoint_reload(net.nodes[m].e, other, net.now), 0);
	net_run(&net, NET_S);
	ck_assert_uint_eq(net_up(&net, m), 1);
	ck_assert_uint_eq(endpoint_ndials(net.nodes[m].e), 1);
	net_clear(&net);
	net.nnodes = 0;
	mu_layout_free(other);
}
END_TEST

/* --- memory -------------------------------------------------------------- */

static bool
fail_nth(void *ctx)
{
	unsigned *left = ctx;

	return (*left)-- == 0;
}

/* Whatever allocation fails while two nodes meet, they come together: what it
 * broke is done again. */
START_TEST(one_failing_allocation_delays_and_breaks_nothing)
{
	size_t m = net_start(&net, "manager");
	size_t l = net_start(&net, "logger-1");
	unsigned left = (unsigned)_i;

	mu_alloc_set_hook(fail_nth, &left);
	net_run(&net, NET_S);
	mu_alloc_set_hook(NULL, NULL);
	net_run(&net, 30 * NET_S);
	ck_assert_uint_eq(net_up(&net, m), 1);
	ck_assert_uint_eq(net_up(&net, l), 1);
	ck_assert_ptr_nonnull(members_name_of(endpoint_members(
	    net.nodes[m].e), endpoint_id(net.nodes[l].e)));
	ck_assert_ptr_nonnull(members_name_of(endpoint_members(
	    net.nodes[l].e), endpoint_id(net.nodes[m].e)));
}
END_TEST

START_TEST(an_endpoint_needs_its_memory_to_begin)
{
	struct endpoint_config cfg = { .layout = layout, .node = "worker-1",
		.id = { { 3 } } };

	for (unsigned n = 0;; n++) {
		unsigned left = n;
		struct endpoint *e;

		mu_alloc_set_hook(fail_nth, &left);
		e = endpoint_new(&cfg, 1);
		mu_alloc_set_hook(NULL, NULL);
		endpoint_free(e);
		if (left < UINT32_MAX / 2)
			break; /* it was not reached */
	}
	cfg.node = "nobody";
	ck_assert_ptr_null(endpoint_new(&cfg, 1));
}
END_TEST

START_TEST(a_reload_without_memory_changes_nothing)
{
	static const char bigger[] = LAYOUT
	    "  logger-2:     {role: logger, host: 10.0.0.9, port: 27769}\n";
	struct mu_layout *more = must_read(bigger);
	size_t m = net_start(&net, "manager");
	struct endpoint *e = net.nodes[m].e;

	net_run(&net, NET_S);
	for (unsigned n = 0;; n++) {
		unsigned left = n;
		int rc;

		mu_alloc_set_hook(fail_nth, &left);
		rc = endpoint_reload(e, more, net.now);
		mu_alloc_set_hook(NULL, NULL);
		if (rc == 0)
			break;
		ck_assert_ptr_eq(endpoint_layout(e), layout);
		ck_assert_uint_eq(endpoint_ndials(e), 1);
		net_settle(&net);
	}
	ck_assert_ptr_eq(endpoint_layout(e), more);
	net_settle(&net);
	net_clear(&net);
	net.nnodes = 0;
	mu_layout_free(more);
}
END_TEST

/* --- too many lines ------------------------------------------------------ */

START_TEST(lines_give_way_when_there_are_too_many)
{
	struct endpoint_out out;
	size_t m = net_start(&net, "manager"), lines = 0;
	const char *why;

	net_settle(&net);
	for (int i = 0; i < 3000; i++) {
		char from[32];
		struct link *l;

		snprintf(from, sizeof from, "192.0.%d.%d", i / 100, i % 100);
		l = endpoint_accepted(net.nodes[m].e, from, 1, &why, net.now);
		ck_assert_ptr_nonnull(l);
		link_closed(l, NULL, net.now);
	}
	while (endpoint_next(net.nodes[m].e, &out)) {
		if (out.kind != ENDPOINT_LOG)
			continue;
		lines++;
		mu_buf_printf(&net.nodes[m].said, "%s\n", out.text);
	}
	ck_assert_uint_le(lines, 1001);
	net_expect(&net, m, "2000 messages were not written: too many at once",
	    1);
	ck_assert_uint_eq(endpoint_nlinks(net.nodes[m].e), 0);
}
END_TEST

START_TEST(who_comes_again_and_again_is_said_now_and_then)
{
	struct endpoint_out out;
	size_t m = net_start(&net, "manager"), lines = 0;
	const char *why;

	net_settle(&net);
	for (int i = 0; i < 150; i++) {
		struct link *l = endpoint_accepted(net.nodes[m].e, "192.0.2.1",
		    1, &why, net.now);

		ck_assert_ptr_nonnull(l);
		link_closed(l, NULL, net.now);
		net.now += 1000000000;
	}
	while (endpoint_next(net.nodes[m].e, &out)) {
		if (out.kind != ENDPOINT_LOG)
			continue;
		lines++;
		mu_buf_printf(&net.nodes[m].said, "%s\n", out.text);
	}
	ck_assert_uint_eq(lines, ECHOES_SAID + 2);
	net_expect(&net, m, "once a minute from now on", 1);
	net_expect(&net, m, ", 52 more meanwhile", 1);
	net_expect(&net, m, ", 59 more meanwhile", 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("endpoint");
	TCase *t = tcase_create("endpoint");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, two_nodes_become_peers);
	tcase_add_test(t, a_cluster_forms);
	tcase_add_test(t, idle_links_share_their_wake_ups);
	tcase_add_test(t, short_trouble_is_not_said);
	tcase_add_test(t, trouble_is_said_once_and_its_end_too);
	tcase_add_test(t, dials_tell_how_they_fare);
	tcase_add_test(t, a_restarted_node_is_back_within_a_second);
	tcase_add_test(t, two_that_dial_each_other_have_one_peering);
	tcase_add_test(t, dialling_oneself_is_one_error_and_the_end_of_it);
	tcase_add_test(t, a_vetoed_node_is_not_dialled_and_delays_the_report);
	tcase_add_test(t, a_silent_listener_is_given_up_and_tried_again);
	tcase_add_test(t, a_connection_nobody_waits_for_any_more_is_refused);
	tcase_add_test(t, limits_of_connections_hold);
	tcase_add_test(t, one_address_does_not_take_all_handshakes);
	tcase_add_test(t, peers_count_as_connections);
	tcase_add_test(t, stopping_says_goodbye_to_all);
	tcase_add_test(t, stopping_does_not_wait_for_the_dead);
	tcase_add_test(t, attempts_under_way_are_cancelled);
	tcase_add_test(t, a_reload_brings_and_takes_nodes);
	tcase_add_test(t, a_row_that_moves_is_dialled_at_its_new_place);
	tcase_add_loop_test(t,
	    one_failing_allocation_delays_and_breaks_nothing, 0, 200);
	tcase_add_test(t, an_endpoint_needs_its_memory_to_begin);
	tcase_add_test(t, a_reload_without_memory_changes_nothing);
	tcase_add_test(t, lines_give_way_when_there_are_too_many);
	tcase_add_test(t, who_comes_again_and_again_is_said_now_and_then);
	suite_add_tcase(s, t);
	return unit_run(s);
}
