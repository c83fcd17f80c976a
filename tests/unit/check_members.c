/*
 * Membership by Zeek's rules (reference "cluster-semantics", sections 1 and
 * 2): hello, reports, cluster_started, restarts.
 */
#include "check_members.h"
#include "unit.h"

enum { L, M, P, W1, W2 };
static const char *const names[] = { "logger-1", "manager", "proxy-1",
	"worker-1", "worker-2" };

/* Nodes begin in that order, each dialling and being dialled as soon as both
 * ends run. */
static void
start_in_order(struct world *w, const size_t order[5], size_t at[5])
{
	for (size_t i = 0; i < 5; i++) {
		at[order[i]] = world_start(w, names[order[i]]);
		world_dial_all(w);
		world_run(w);
	}
}

static void
formed(struct world *w, const size_t at[5])
{
	for (size_t i = 0; i < 5; i++) {
		ck_assert(members_started(w->nodes[at[i]].m));
		state(w, at[i], "started");
		said(w, at[i], "cluster_started", 1);
		said(w, at[i], "warning", 0);
		said(w, at[i], "degraded", 0);
		ck_assert_uint_eq(w->nodes[at[i]].broadcasts, i == M);
	}
	/* The manager raises it for the logger, which knows no manager. */
	said(w, at[M], "cluster.log fully connected", 2);
	said(w, at[M], "cluster.log cluster connected", 1);
	said(w, at[M], "node_fully_connected logger-1 F", 1);
	said(w, at[M], "node_fully_connected manager F", 1);
	said(w, at[L], "cluster.log fully connected", 0);
	for (size_t i = P; i <= W2; i++) {
		said(w, at[i], "cluster.log fully connected", 1);
		said(w, at[i], "publish zeek/cluster/manager Cluster::"
		    "Experimental::node_fully_connected", 1);
	}
}

static void
permute(size_t *v, size_t n, void (*fn)(const size_t *))
{
	if (n == 1) {
		fn(v);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		size_t t;

		permute(v + 0, n - 1, fn);
		t = v[n % 2 == 0 ? i : 0];
		v[n % 2 == 0 ? i : 0] = v[n - 1];
		v[n - 1] = t;
	}
}

static void
form_in(const size_t *order)
{
	struct world *w = world_open(FIVE);
	size_t at[5];

	start_in_order(w, order, at);
	formed(w, at);
	world_close(w);
}

START_TEST(sequence_is_zeeks_in_every_order_of_start)
{
	size_t order[5] = { L, M, P, W1, W2 };

	permute(order, 5, form_in);
}
END_TEST

START_TEST(sequence_of_the_manager_is_exact)
{
	static const size_t order[5] = { L, M, P, W1, W2 };
	struct world *w = world_open(FIVE);
	size_t at[5];
	char id[MU_UUID_TEXT];
	char want[512];

	start_in_order(w, order, at);
	mu_uuid_format(&w->nodes[at[L]].id, id);
	snprintf(want, sizeof want,
	    "publish zeek/cluster/nodeid/%s/ Broker::announce_masters({})\n"
	    "publish zeek/cluster/nodeid/%s/ Cluster::hello(manager, ", id, id);
	ck_assert_mem_eq(mu_buf_data(&w->nodes[at[M]].log), want, strlen(want));
	snprintf(want, sizeof want, "cluster.log got hello from logger-1 (%s)",
	    id);
	said(w, at[M], want, 1);
	world_close(w);
}
END_TEST

/* Zeek's tables live in stores of such names; of the masters on this node. */
START_TEST(masters_of_tables_are_announced_without_their_prefix)
{
	struct world *w = world_open(FIVE
	    "stores:\n"
	    "  ___sync_store_X509::certs: {}\n"
	    "  ___sync_store_Other::t: {master: proxy-1}\n"
	    "  zeek/known/hosts: {}\n");
	static const size_t order[5] = { L, M, P, W1, W2 };
	size_t at[5];
	char id[MU_UUID_TEXT];
	char want[512];

	start_in_order(w, order, at);
	mu_uuid_format(&w->nodes[at[L]].id, id);
	snprintf(want, sizeof want,
	    "publish zeek/cluster/nodeid/%s/ "
	    "Broker::announce_masters({X509::certs})\n",
	    id);
	said(w, at[M], want, 1);
	said(w, at[P], "announce_masters", 0);
	world_close(w);
}
END_TEST

START_TEST(sequence_survives_any_interleaving)
{
	for (unsigned seed = 0; seed < 200; seed++) {
		struct world *w = world_open(FIVE);
		size_t at[5];

		mu_rng_init(&w->rng, seed);
		w->shuffle = true;
		for (size_t i = 0; i < 5; i++)
			at[i] = world_start(w, names[i]);
		world_dial_all(w);
		world_run(w);
		formed(w, at);
		world_close(w);
	}
}
END_TEST

/* The recorded bytes of Zeek 8.0.10. */
START_TEST(hello_has_zeeks_bytes)
{
	static const char tail[] =
	    "0e030200000000000000010200000000000000010e03050e436c7573746572"
	    "3a3a68656c6c6f0e0205086c6f676765722d31052433663166666462392d37"
	    "3835302d353331662d623534632d3630396366363265633936330e00";
	struct world *w = world_open(FIVE);
	struct members_config cfg = { .layout = w->layout };
	struct members_peer p = { .address = "::1", .port = 1 };
	struct members_out o;
	struct members *m;
	char hex[600];

	cfg.self = mu_layout_node(w->layout, "logger-1");
	ck_assert_int_eq(mu_uuid_parse(&cfg.id,
	    "3f1ffdb9-7850-531f-b54c-609cf62ec963"), 0);
	ck_assert_int_eq(mu_uuid_parse(&p.id,
	    "dee5941d-5237-541e-b6dd-df036d29e722"), 0);
	m = members_new(&cfg, 0);
	ck_assert_int_eq(members_peer_up(m, &p, 0), 0);
	ck_assert(members_next(m, &o));
	ck_assert_int_eq(o.kind, MEMBERS_PUBLISH);
	ck_assert_ptr_null(o.receiver);
	ck_assert_mem_eq(o.topic, "zeek/cluster/nodeid/dee5941d-5237-541e-"
	    "b6dd-df036d29e722/", o.topic_len);
	mu_text_hex(o.payload, o.payload_len, hex);
	ck_assert_str_eq(hex, tail);
	ck_assert(!members_next(m, &o));
	members_free(m);
	world_close(w);
}
END_TEST

START_TEST(started_has_zeeks_bytes)
{
	static const char want[] =
	    "0e030200000000000000010200000000000000010e020526436c7573746572"
	    "3a3a4578706572696d656e74616c3a3a636c75737465725f73746172746564"
	    "0e00";
	struct world *w = world_open("cluster: one\ntls: none\nnodes:\n"
	    "  manager: {role: manager, host: 127.0.0.1, port: 1}\n");
	struct members_config cfg = { .layout = w->layout };
	struct members_out o;
	struct members *m;
	char hex[600];
	bool seen = false;

	cfg.self = w->layout->nodes;
	m = members_new(&cfg, 0);
	while (members_next(m, &o)) {
		if (o.kind != MEMBERS_PUBLISH)
			continue;
		ck_assert(!seen);
		seen = true;
		mu_text_hex(o.payload, o.payload_len, hex);
		ck_assert_str_eq(hex, want);
	}
	ck_assert(seen);
	members_free(m);
	world_close(w);
}
END_TEST

/* --- subscriptions -------------------------------------------------------- */

static void
subscribes(const char *yaml, const char *name, const char *want)
{
	struct world *w = world_open(yaml);
	size_t a = world_start(w, name);
	struct mu_buf b;
	char *text, id[MU_UUID_TEXT];
	size_t len;

	mu_uuid_format(&w->nodes[a].id, id);
	mu_buf_init(&b, 0);
	for (size_t i = 0; i < muster_filter_size(w->nodes[a].filter); i++) {
		const char *t = muster_filter_at(w->nodes[a].filter, i, &len);
		const char *at = memmem(t, len, id, strlen(id));

		if (at != NULL)
			mu_buf_printf(&b, "%.*sID/\n", (int)(at - t), t);
		else
			mu_buf_printf(&b, "%.*s\n", (int)len, t);
	}
	text = mu_buf_take_string(&b);
	mu_buf_clear(&b);
	ck_assert_str_eq(text, want);
	mu_free(text);
	world_close(w);
}

#define STATE "muster/cluster/state\n"
#define STARTED "zeek/cluster/experimental/started\n"
#define NODEID "zeek/cluster/nodeid/ID/\n"

START_TEST(subscriptions_follow_the_role)
{
	subscribes(FIVE, "logger-1", STATE STARTED "zeek/cluster/logger\n"
	    "zeek/cluster/node/logger-1/\n" NODEID
	    "zeek/logs/\n");
	subscribes(FIVE, "manager", "muster/cluster/report\n" STATE STARTED
	    "zeek/cluster/manager\nzeek/cluster/node/manager/\n" NODEID);
	subscribes(FIVE, "proxy-1", STATE STARTED
	    "zeek/cluster/node/proxy-1/\n" NODEID
	    "zeek/cluster/proxy\n");
	subscribes(FIVE, "worker-1", STATE STARTED
	    "zeek/cluster/node/worker-1/\n" NODEID
	    "zeek/cluster/worker\n");
	subscribes(FIVE "manager_is_logger: true\n", "manager",
	    "muster/cluster/report\n" STATE STARTED
	    "zeek/cluster/manager\nzeek/cluster/node/manager/\n" NODEID
	    "zeek/logs/\n");
}
END_TEST

/* --- reports -------------------------------------------------------------- */

START_TEST(missing_connectee_delays_the_report)
{
	struct world *w = world_open(FIVE);
	size_t m = world_start(w, "manager");
	size_t l = world_start(w, "logger-1");
	size_t a = world_start(w, "worker-1");
	size_t have, want, p;

	world_dial_all(w);
	world_run(w);
	said(w, a, "node_fully_connected", 0);
	ck_assert(!members_fully_connected(w->nodes[a].m));
	missing(w, a, "proxy-1");
	missing(w, m, "proxy-1, worker-1, worker-2");
	members_progress(w->nodes[m].m, &have, &want);
	ck_assert_uint_eq(have, 2);
	ck_assert_uint_eq(want, 5);
	members_progress(w->nodes[a].m, &have, &want);
	ck_assert_uint_eq(have, 3);
	ck_assert_uint_eq(want, 4);
	state(w, l, "starting");
	p = world_start(w, "proxy-1");
	world_dial_all(w);
	world_run(w);
	said(w, a, "node_fully_connected worker-1 F", 1);
	said(w, p, "node_fully_connected proxy-1 F", 1);
	ck_assert(members_fully_connected(w->nodes[a].m));
	missing(w, m, "worker-2");
	world_close(w);
}
END_TEST

#define LOGGER_REPORTS \
	"cluster: test\n" \
	"tls: none\n" \
	"nodes:\n" \
	"  manager:  {role: manager, host: 127.0.0.1, port: 27761}\n" \
	"  logger-1: {role: logger, host: 127.0.0.1, port: 27762, " \
	"manager: manager}\n" \
	"  control:  {role: control, host: 127.0.0.1}\n"

START_TEST(logger_with_manager_reports_itself)
{
	struct world *w = world_open(LOGGER_REPORTS);
	size_t l = world_start(w, "logger-1");
	size_t m = world_start(w, "manager");

	world_dial_all(w);
	world_run(w);
	said(w, l, "node_fully_connected logger-1 F", 1);
	said(w, m, "node_fully_connected logger-1", 0);
	said(w, m, "node_fully_connected manager F", 1);
	said(w, m, "cluster_started", 1);
	said(w, l, "cluster_started", 1);
	world_close(w);
}
END_TEST

START_TEST(control_row_does_not_block_the_start)
{
	struct world *w = world_open(LOGGER_REPORTS);
	size_t l = world_start(w, "logger-1");
	size_t m = world_start(w, "manager");
	size_t have, want;

	world_dial_all(w);
	world_run(w);
	members_progress(w->nodes[m].m, &have, &want);
	ck_assert_uint_eq(have, 2);
	ck_assert_uint_eq(want, 2);
	state(w, m, "started");
	state(w, l, "started");
	world_close(w);
}
END_TEST

START_TEST(manager_alone_starts_at_once)
{
	struct world *w = world_open("cluster: one\ntls: none\nnodes:\n"
	    "  manager: {role: manager, host: 127.0.0.1, port: 1}\n");
	size_t m = world_start(w, "manager");

	said(w, m, "node_fully_connected manager F", 1);
	said(w, m, "cluster_started", 1);
	said(w, m, "publish zeek/cluster/manager", 0);
	world_close(w);
}
END_TEST

START_TEST(who_died_before_the_start_does_not_hold_it_up)
{
	static const size_t order[5] = { L, M, P, W1, W2 };
	struct world *w = world_open(FIVE);
	size_t at[5];

	for (size_t i = 0; i < 4; i++) {
		at[order[i]] = world_start(w, names[order[i]]);
		world_dial_all(w);
		world_run(w);
	}
	world_kill(w, at[W1]);
	world_run(w);
	at[W2] = world_start(w, "worker-2");
	world_dial_all(w);
	world_run(w);
	said(w, at[M], "cluster_started", 1);
	ck_assert_uint_eq(w->nodes[at[M]].broadcasts, 1);
	/* ... but it is missed. */
	said(w, at[M], "degraded worker-1", 1);
	state(w, at[M], "degraded");
	state(w, at[W2], "degraded");
	world_close(w);
}
END_TEST

/* --- restarts ------------------------------------------------------------- */

static struct world *
five(size_t at[5])
{
	static const size_t order[5] = { L, M, P, W1, W2 };
	struct world *w = world_open(FIVE);

	start_in_order(w, order, at);
	formed(w, at);
	world_forget(w);
	return w;
}

static void
restart(struct world *w, size_t at[5], size_t who)
{
	world_kill(w, at[who]);
	world_run(w);
	at[who] = world_start(w, names[who]);
	world_dial_all(w);
	world_run(w);
}

START_TEST(restarted_manager_hears_resending_and_does_not_broadcast)
{
	size_t at[5];
	struct world *w = five(at);

	restart(w, at, M);
	for (size_t i = P; i <= W2; i++) {
		char line[64];

		snprintf(line, sizeof line, "node_fully_connected %s T",
		    names[i]);
		said(w, at[i], line, 1);
		said(w, at[i], "cluster.log fully connected", 1);
		said(w, at[i], "cluster_started", 0);
		state(w, at[i], "started");
	}
	said(w, at[M], "cluster_started", 0);
	said(w, at[M], "started before", 1);
	said(w, at[M], "cluster.log cluster connected", 0);
	ck_assert_uint_eq(w->nodes[at[M]].broadcasts, 0);
	state(w, at[M], "started");
	/* Once more: the adopted state is passed on. */
	world_forget(w);
	restart(w, at, M);
	ck_assert_uint_eq(w->nodes[at[M]].broadcasts, 0);
	state(w, at[M], "started");
	world_close(w);
}
END_TEST

START_TEST(restarted_others_report_once_and_nothing_is_broadcast)
{
	static const size_t who[] = { L, P, W1, W2 };

	for (size_t i = 0; i < 4; i++) {
		size_t at[5], k = who[i];
		struct world *w = five(at);
		char line[64];

		restart(w, at, k);
		snprintf(line, sizeof line, "node_fully_connected %s F",
		    names[k]);
		said(w, at[k == L ? M : k], line, 1);
		ck_assert_uint_eq(w->nodes[at[M]].broadcasts, 0);
		said(w, at[k], "cluster_started", 0);
		/* Muster tells the late joiner. */
		said(w, at[k], "started before", 1);
		state(w, at[k], "started");
		state(w, at[M], "started");
		world_close(w);
	}
}
END_TEST

START_TEST(restarted_zeek_node_is_told_nothing)
{
	size_t at[5];
	struct world *w = five(at);

	world_kill(w, at[W1]);
	at[W1] = world_start(w, "worker-1");
	w->nodes[at[W1]].muster = false;
	world_dial_all(w);
	world_run(w);
	said(w, at[M], "publish unicast muster/", 0);
	said(w, at[W1], "started before", 0);
	state(w, at[W1], "starting");
	world_close(w);
}
END_TEST

START_TEST(replay_started_repeats_the_event_to_a_late_joiner)
{
	struct world *w = world_open(FIVE "replay_started: true\n");
	size_t at[5];

	for (size_t i = 0; i < 5; i++)
		at[i] = world_start(w, names[i]);
	world_dial_all(w);
	world_run(w);
	world_forget(w);
	world_kill(w, at[W1]);
	at[W1] = world_start(w, "worker-1");
	w->nodes[at[W1]].muster = false;
	world_dial_all(w);
	world_run(w);
	said(w, at[M], "publish unicast zeek/cluster/experimental/started "
	    "Cluster::Experimental::cluster_started()", 1);
	said(w, at[W1], "cluster_started", 1);
	ck_assert_uint_eq(w->nodes[at[M]].broadcasts, 0);
	world_close(w);
}
END_TEST

/* The event was on its way when the connection broke. */
START_TEST(start_that_a_cut_swallowed_is_repeated)
{
	struct world *w = world_open(FIVE "replay_started: true\n");
	size_t at[5];

	for (size_t i = 0; i < 5; i++)
		at[i] = world_start(w, names[i]);
	w->nodes[at[W1]].muster = false;
	world_dial_all(w);
	while (w->nodes[at[M]].broadcasts == 0)
		ck_assert(world_step(w));
	world_cut(w, at[W1], at[M]);
	world_run(w);
	said(w, at[W1], "cluster_started", 0);
	world_dial_all(w);
	world_run(w);
	said(w, at[W1], "cluster_started", 1);
	world_cut(w, at[W1], at[M]);
	world_dial_all(w);
	world_run(w);
	said(w, at[W1], "cluster_started", 1);
	ck_assert_uint_eq(w->nodes[at[M]].broadcasts, 1);
	world_close(w);
}
END_TEST

/* A new manager cannot know whether a logger that does not report has seen it:
 * it is no news there, and not that all is well. */
START_TEST(start_that_is_repeated_to_an_old_node_changes_nothing)
{
	struct world *w = world_open(FIVE "replay_started: true\n");
	size_t at[5];

	for (size_t i = 0; i < 5; i++)
		at[i] = world_start(w, names[i]);
	world_dial_all(w);
	world_run(w);
	world_forget(w);
	world_kill(w, at[P]);
	world_kill(w, at[M]);
	world_run(w);
	at[M] = world_start(w, "manager");
	world_dial_all(w);
	world_run(w);
	said(w, at[M], "publish unicast zeek/cluster/experimental/started", 1);
	said(w, at[L], "cluster_started", 0);
	said(w, at[L], "restored", 0);
	missing(w, at[L], "proxy-1");
	world_close(w);
}
END_TEST

START_TEST(everybody_restarted_starts_again)
{
	size_t at[5];
	struct world *w = five(at);

	for (size_t i = 0; i < 5; i++)
		world_kill(w, at[i]);
	for (size_t i = 0; i < 5; i++) {
		at[i] = world_start(w, names[i]);
		world_dial_all(w);
		world_run(w);
	}
	formed(w, at);
	world_close(w);
}
END_TEST

/* A fresh node reports to a fresh manager before an old one does: it is told
 * when the manager learns. */
START_TEST(joiner_before_the_adoption_is_told_too)
{
	size_t at[5];
	struct world *w = five(at);

	world_kill(w, at[M]);
	world_kill(w, at[W1]);
	world_run(w);
	at[M] = world_start(w, "manager");
	at[W1] = world_start(w, "worker-1");
	world_dial(w, at[M]);
	world_dial(w, at[W1]);
	world_run(w);
	state(w, at[W1], "starting");
	world_dial_all(w);
	world_run(w);
	state(w, at[W1], "started");
	state(w, at[M], "started");
	ck_assert_uint_eq(w->nodes[at[M]].broadcasts, 0);
	world_close(w);
}
END_TEST

START_TEST(lost_link_is_node_down_on_both_sides)
{
	size_t at[5];
	struct world *w = five(at);

	world_cut(w, at[W1], at[P]);
	said(w, at[W1], "cluster.log node down: proxy-1", 1);
	said(w, at[W1], "node_down proxy-1", 1);
	said(w, at[P], "node_down worker-1", 1);
	ck_assert_uint_eq(members_active(w->nodes[at[P]].m, MU_ROLE_WORKER),
	    1);
	ck_assert_ptr_null(members_name_of(w->nodes[at[P]].m,
	    &w->nodes[at[W1]].id));
	world_link(w, at[W1], at[P]);
	world_run(w);
	said(w, at[W1], "node_up proxy-1", 1);
	/* Not pending any more, and not the manager: no second report. */
	said(w, at[W1], "node_fully_connected", 0);
	ck_assert_uint_eq(members_active(w->nodes[at[P]].m, MU_ROLE_WORKER),
	    2);
	ck_assert_str_eq(members_name_of(w->nodes[at[P]].m,
	    &w->nodes[at[W1]].id), "worker-1");
	world_close(w);
}
END_TEST

/* --- for any order of events ---------------------------------------------- */

static void
churn(struct world *w, size_t at[5])
{
	size_t who = mu_rng_below(&w->rng, 5), other;

	switch (mu_rng_below(&w->rng, 4)) {
	case 0:
		if (w->n == WORLD_NODES)
			break;
		world_kill(w, at[who]);
		at[who] = world_start(w, names[who]);
		break;
	case 1:
		other = mu_rng_below(&w->rng, 5);
		if (other != who)
			world_cut(w, at[who], at[other]);
		break;
	default:
		world_dial(w, at[who]);
	}
}

START_TEST(no_manager_ever_broadcasts_twice)
{
	for (unsigned seed = 0; seed < 1000; seed++) {
		struct world *w = world_open(FIVE);
		size_t at[5];

		mu_rng_init(&w->rng, seed);
		w->shuffle = true;
		for (size_t i = 0; i < 5; i++)
			at[i] = world_start(w, names[i]);
		for (unsigned i = 0; i < 200; i++) {
			churn(w, at);
			for (size_t k = mu_rng_below(&w->rng, 12); k > 0; k--)
				(void)world_step(w);
		}
		world_dial_all(w);
		world_run(w);
		for (size_t i = 0; i < w->n; i++) {
			unsigned b = w->nodes[i].broadcasts;
			unsigned adopted = world_said(w, i, "started before");

			ck_assert_uint_le(b, 1);
			if (strcmp(w->nodes[i].name, "manager") == 0 &&
			    adopted > 0)
				ck_assert_uint_eq(b, 0);
		}
		for (size_t i = 0; i < 5; i++)
			state(w, at[i], "started");
		world_close(w);
	}
}
END_TEST

static Suite *
members_suite(void)
{
	Suite *s = suite_create("members");
	TCase *t = tcase_create("zeek");

	tcase_set_timeout(t, 300);
	tcase_add_test(t, sequence_is_zeeks_in_every_order_of_start);
	tcase_add_test(t, sequence_of_the_manager_is_exact);
	tcase_add_test(t, masters_of_tables_are_announced_without_their_prefix);
	tcase_add_test(t, sequence_survives_any_interleaving);
	tcase_add_test(t, hello_has_zeeks_bytes);
	tcase_add_test(t, started_has_zeeks_bytes);
	tcase_add_test(t, subscriptions_follow_the_role);
	tcase_add_test(t, missing_connectee_delays_the_report);
	tcase_add_test(t, logger_with_manager_reports_itself);
	tcase_add_test(t, control_row_does_not_block_the_start);
	tcase_add_test(t, manager_alone_starts_at_once);
	tcase_add_test(t, who_died_before_the_start_does_not_hold_it_up);
	tcase_add_test(t,
	    restarted_manager_hears_resending_and_does_not_broadcast);
	tcase_add_test(t,
	    restarted_others_report_once_and_nothing_is_broadcast);
	tcase_add_test(t, restarted_zeek_node_is_told_nothing);
	tcase_add_test(t, replay_started_repeats_the_event_to_a_late_joiner);
	tcase_add_test(t, start_that_a_cut_swallowed_is_repeated);
	tcase_add_test(t,
	    start_that_is_repeated_to_an_old_node_changes_nothing);
	tcase_add_test(t, everybody_restarted_starts_again);
	tcase_add_test(t, joiner_before_the_adoption_is_told_too);
	tcase_add_test(t, lost_link_is_node_down_on_both_sides);
	tcase_add_test(t, no_manager_ever_broadcasts_twice);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(members_suite());
}
