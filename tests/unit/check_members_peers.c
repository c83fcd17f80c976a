/*
 * Who may be which node, and who may say what: certificates, duplicate names,
 * strangers, authority, malformed events, memory.
 */
#include "members_five.h"

#include "nomem.h"
#include "unit.h"

static struct muster_value *
id_of(const struct world *w, size_t a)
{
	char id[MU_UUID_TEXT];

	return str(mu_uuid_format(&w->nodes[a].id, id));
}

static struct muster_value *
hello_of(const struct world *w, size_t a, const char *name)
{
	return args(str(name), id_of(w, a), NULL);
}

/* --- certificates --------------------------------------------------------- */

START_TEST(certificate_must_carry_the_name)
{
	struct world *w = world_open(FIVE);
	size_t m = world_start(w, "manager");
	size_t a = world_start(w, "worker-2");

	w->nodes[a].cert = "worker-1";
	world_link(w, a, m);
	world_run(w);
	said(w, m, "warning peer 127.0.0.1:1001: certificate for \"worker-1\" "
	    "claims to be node \"worker-2\"", 1);
	said(w, m, "drop", 1);
	said(w, m, "node_up", 0);
	ck_assert(!w->linked[a][m]);
	world_close(w);
}
END_TEST

START_TEST(certificate_with_the_name_is_accepted)
{
	struct world *w = world_open(FIVE);
	size_t m = world_start(w, "manager");
	size_t a = world_start(w, "worker-2");

	w->nodes[a].cert = "worker-2,manager";
	w->nodes[m].cert = "manager";
	world_link(w, a, m);
	world_run(w);
	said(w, m, "node_up worker-2", 1);
	said(w, a, "node_up manager", 1);
	said(w, m, "warning", 0);
	world_close(w);
}
END_TEST

START_TEST(tool_may_peer_but_not_speak_for_a_node)
{
	size_t at[5], tool;
	struct world *w = formed(at);

	/* Its own layout need not be ours; it says no name. */
	tool = world_start(w, "worker-1");
	w->nodes[tool].cert = "console";
	w->linked[tool][at[M]] = w->linked[at[M]][tool] = true;
	world_meet(w, at[M], tool, false);
	world_drain(w, at[M]);
	world_send(w, tool, at[W1], "App::event", args(NULL, NULL, NULL));
	world_send(w, tool, at[M], "Muster::link_down",
	    args(str("worker-1"), str("proxy-1"), NULL));
	world_send(w, tool, at[M], "Muster::link_down",
	    args(str("worker-1"), str("proxy-1"), NULL));
	world_run(w);
	said(w, at[M], "warning", 1);
	said(w, at[M], "warning peer 127.0.0.1:1005: Muster::link_down "
	    "refused", 1);
	said(w, at[M], "drop", 0);
	state(w, at[M], "started");
	ck_assert(w->linked[tool][at[M]]);
	world_close(w);
}
END_TEST

/* --- strangers ------------------------------------------------------------ */

START_TEST(unexpected_node_stays_a_stranger)
{
	size_t at[5], x;
	struct world *w = formed(at);

	x = world_start(w, "worker-1");
	w->linked[x][at[M]] = w->linked[at[M]][x] = true;
	world_meet(w, at[M], x, false);
	world_drain(w, at[M]);
	world_send(w, x, at[M], "Cluster::hello",
	    hello_of(w, x, "worker-\n9"));
	world_run(w);
	said(w, at[M], "warning peer 127.0.0.1:1005: unexpected node "
	    "\"worker-\\x0a9\"", 1);
	said(w, at[M], "node_up", 0);
	said(w, at[M], "drop", 0);
	world_cut(w, x, at[M]);
	said(w, at[M], "node_down", 0);
	world_close(w);
}
END_TEST

START_TEST(own_name_is_refused)
{
	size_t at[5], x;
	struct world *w = formed(at);

	x = world_start(w, "manager");
	world_link(w, x, at[M]);
	world_run(w);
	said(w, at[M], "warning peer 127.0.0.1:1005: claims to be node "
	    "\"manager\", which is this node", 1);
	said(w, at[M], "drop", 1);
	ck_assert(!w->linked[x][at[M]]);
	world_close(w);
}
END_TEST

START_TEST(hello_with_the_id_of_another_is_ignored)
{
	size_t at[5], x;
	struct world *w = formed(at);

	world_cut(w, at[M], at[W1]);
	x = world_start(w, "worker-1");
	w->linked[x][at[M]] = w->linked[at[M]][x] = true;
	world_meet(w, at[M], x, false);
	world_drain(w, at[M]);
	world_forget(w);
	world_send(w, x, at[M], "Cluster::hello",
	    hello_of(w, at[W1], "worker-1"));
	world_run(w);
	said(w, at[M], "warning peer 127.0.0.1:1005: hello of \"worker-1\" "
	    "with another id", 1);
	said(w, at[M], "node_up", 0);
	world_close(w);
}
END_TEST

START_TEST(second_name_ends_the_peering)
{
	size_t at[5];
	struct world *w = formed(at);

	world_send(w, at[W1], at[M], "Cluster::hello",
	    hello_of(w, at[W1], "worker-1"));
	world_run(w);
	said(w, at[M], "cluster.log got hello", 0);
	said(w, at[M], "drop", 0);
	world_send(w, at[W1], at[M], "Cluster::hello",
	    hello_of(w, at[W1], "worker-2"));
	world_run(w);
	said(w, at[M], "drop said two names", 1);
	said(w, at[M], "node_down worker-1", 1);
	world_close(w);
}
END_TEST

START_TEST(dialled_name_that_is_another_is_said)
{
	struct world *w = world_open(FIVE);
	size_t a = world_start(w, "worker-1");
	size_t p = world_start(w, "proxy-1");

	w->linked[a][p] = w->linked[p][a] = true;
	w->nodes[p].name = "logger-1"; /* the row that was dialled */
	world_meet(w, a, p, true);
	world_meet(w, p, a, false);
	world_drain(w, a);
	world_drain(w, p);
	world_run(w);
	said(w, a, "warning peer 127.0.0.1:1001: dialled as \"logger-1\", says "
	    "it is \"proxy-1\"", 1);
	said(w, a, "node_up proxy-1", 1);
	world_close(w);
}
END_TEST

/* --- duplicate names ------------------------------------------------------ */

START_TEST(duplicate_is_refused_while_the_first_answers)
{
	size_t at[5], x;
	struct world *w = formed(at);
	char a[MU_UUID_TEXT], b[MU_UUID_TEXT], want[400];

	x = world_start(w, "worker-1");
	world_link(w, x, at[M]);
	world_run(w);
	snprintf(want, sizeof want, "warning node worker-1: 127.0.0.1:1005 "
	    "(%s) refused, the name is in use by 127.0.0.1:1003 (%s)",
	    mu_uuid_format(&w->nodes[x].id, b),
	    mu_uuid_format(&w->nodes[at[W1]].id, a));
	said(w, at[M], "ping worker-1", 1);
	said(w, at[M], want, 1);
	said(w, at[M], "warning", 1);
	said(w, at[M], "node_", 0);
	ck_assert(!w->linked[x][at[M]]);
	ck_assert(w->linked[at[W1]][at[M]]);
	state(w, at[M], "started");
	world_close(w);
}
END_TEST

START_TEST(duplicate_takes_the_place_of_the_dead)
{
	size_t at[5], x;
	struct world *w = formed(at);

	w->nodes[at[W1]].mute = true;
	x = world_start(w, "worker-1");
	world_link(w, x, at[M]);
	world_run(w);
	said(w, at[M], "node_down worker-1", 1);
	said(w, at[M], "node_up worker-1", 1);
	said(w, at[M], "warning", 1);
	ck_assert(w->linked[x][at[M]]);
	ck_assert(!w->linked[at[W1]][at[M]]);
	ck_assert_str_eq(members_name_of(w->nodes[at[M]].m, &w->nodes[x].id),
	    "worker-1");
	world_close(w);
}
END_TEST

/* Drain without answering pings. */
static void
drain_deaf(struct world *w, size_t at)
{
	struct members_out o;

	while (members_next(w->nodes[at].m, &o))
		world_do(w, at, &o);
}

/* Deliver everything, answering no ping. */
static void
deliver_deaf(struct world *w)
{
	struct letter *l;

	while ((l = take_letter(w)) != NULL) {
		members_data(w->nodes[l->to].m, &w->nodes[l->from].id, "x", 1,
		    l->payload, l->len, w->now);
		drain_deaf(w, l->to);
		letter_free(l);
	}
}

START_TEST(duplicate_is_heard_when_it_takes_the_place)
{
	size_t at[5], x;
	struct world *w = formed(at);

	x = world_start(w, "worker-1");
	w->linked[x][at[M]] = w->linked[at[M]][x] = true;
	world_meet(w, at[M], x, false);
	world_send(w, x, at[M], "Cluster::hello", hello_of(w, x, "worker-1"));
	world_send(w, x, at[M], "Cluster::Experimental::node_fully_connected",
	    args(str("worker-1"), id_of(w, x), muster_value_boolean(false)));
	deliver_deaf(w);
	said(w, at[M], "ping worker-1", 1);
	said(w, at[M], "publish unicast", 0);
	/* The old one closes before its time is over. */
	world_cut(w, at[W1], at[M]);
	said(w, at[M], "node_down worker-1", 1);
	said(w, at[M], "node_up worker-1", 1);
	/* The report that came meanwhile counts now. */
	said(w, at[M], "publish unicast muster/cluster/state "
	    "Muster::cluster_state", 1);
	state(w, at[M], "started");
	world_close(w);
}
END_TEST

START_TEST(duplicate_is_decided_by_time_if_nothing_else_does)
{
	size_t at[5], x;
	struct world *w = formed(at);
	uint64_t due;

	x = world_start(w, "worker-1");
	w->linked[x][at[M]] = w->linked[at[M]][x] = true;
	world_meet(w, at[M], x, false);
	drain_deaf(w, at[M]);
	world_send(w, x, at[M], "Cluster::hello", hello_of(w, x, "worker-1"));
	deliver_deaf(w);
	due = members_deadline(w->nodes[at[M]].m);
	ck_assert_uint_gt(due, w->now);
	ck_assert_uint_ne(due, UINT64_MAX);
	members_tick(w->nodes[at[M]].m, due - 1);
	drain_deaf(w, at[M]);
	said(w, at[M], "node_up", 0);
	members_tick(w->nodes[at[M]].m, due);
	world_drain(w, at[M]);
	said(w, at[M], "node_up worker-1", 1);
	world_close(w);
}
END_TEST

START_TEST(third_of_a_name_is_refused_at_once)
{
	size_t at[5], x[2];
	struct world *w = formed(at);

	for (size_t i = 0; i < 2; i++) {
		x[i] = world_start(w, "worker-1");
		w->linked[x[i]][at[M]] = w->linked[at[M]][x[i]] = true;
		world_meet(w, at[M], x[i], false);
		world_send(w, x[i], at[M], "Cluster::hello",
		    hello_of(w, x[i], "worker-1"));
		deliver_deaf(w);
	}
	said(w, at[M], "ping worker-1", 1);
	said(w, at[M], "drop the name is being decided", 1);
	world_close(w);
}
END_TEST

START_TEST(contender_cannot_flood)
{
	size_t at[5], x;
	struct world *w = formed(at);

	x = world_start(w, "worker-1");
	w->linked[x][at[M]] = w->linked[at[M]][x] = true;
	world_meet(w, at[M], x, false);
	world_send(w, x, at[M], "Cluster::hello", hello_of(w, x, "worker-1"));
	for (unsigned i = 0; i < 50; i++)
		world_send(w, x, at[M], "Muster::link_down",
		    args(str("worker-1"), str("proxy-1"), NULL));
	deliver_deaf(w);
	said(w, at[M], "drop says too much", 1);
	said(w, at[M], "node_", 0);
	world_close(w);
}
END_TEST

/* --- authority ------------------------------------------------------------ */

START_TEST(only_the_manager_starts_the_cluster)
{
	struct world *w = world_open(FIVE);
	size_t a = world_start(w, "worker-1");
	size_t p = world_start(w, "proxy-1");

	world_link(w, a, p);
	world_run(w);
	for (unsigned i = 0; i < 3; i++)
		world_send(w, p, a, "Cluster::Experimental::cluster_started",
		    args(NULL, NULL, NULL));
	world_send(w, p, a, "Muster::cluster_state",
	    args(str("started"), muster_value_set(), NULL));
	world_send(w, a, p, "Muster::cluster_degraded",
	    args(muster_value_vector(), NULL, NULL));
	world_send(w, a, p, "Muster::cluster_restored",
	    args(NULL, NULL, NULL));
	world_run(w);
	said(w, a, "warning", 1);
	said(w, p, "warning", 1);
	state(w, a, "starting");
	state(w, p, "starting");
	world_close(w);
}
END_TEST

START_TEST(manager_starts_nothing_on_anothers_word)
{
	struct world *w = world_open(FIVE);
	size_t m = world_start(w, "manager");
	size_t a = world_start(w, "worker-1");

	world_link(w, a, m);
	world_run(w);
	world_send(w, a, m, "Cluster::Experimental::cluster_started",
	    args(NULL, NULL, NULL));
	world_run(w);
	said(w, m, "warning", 1);
	state(w, m, "starting");
	world_close(w);
}
END_TEST

START_TEST(node_reports_only_for_itself)
{
	struct world *w = world_open(FIVE);
	size_t m = world_start(w, "manager");
	size_t a = world_start(w, "worker-1");
	size_t b = world_start(w, "worker-2");
	size_t have, want;

	world_link(w, a, m);
	world_link(w, b, m);
	world_run(w);
	world_send(w, a, m, "Cluster::Experimental::node_fully_connected",
	    args(str("worker-2"), id_of(w, b), muster_value_boolean(true)));
	world_send(w, b, m, "Cluster::Experimental::node_fully_connected",
	    args(str("worker-2"), id_of(w, a), muster_value_boolean(true)));
	world_run(w);
	said(w, m, "warning", 2);
	members_progress(w->nodes[m].m, &have, &want);
	ck_assert_uint_eq(have, 0);
	state(w, m, "starting");
	world_close(w);
}
END_TEST

START_TEST(wrong_arguments_are_ignored_with_one_warning)
{
	static const char *const events[] = { "Cluster::hello",
		"Cluster::Experimental::node_fully_connected",
		"Cluster::Experimental::cluster_started", "Muster::layout",
		"Muster::cluster_state", "Muster::cluster_degraded",
		"Muster::cluster_restored", "Muster::link_down",
		"Muster::link_up", "Muster::link_state" };

	for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
		size_t at[5];
		struct world *w = formed(at);

		world_send(w, at[M], at[W1], events[i], args(
		    muster_value_count(1), NULL, NULL));
		world_send(w, at[W1], at[M], events[i], args(
		    muster_value_count(1), muster_value_none(), NULL));
		world_send(w, at[W1], at[M], events[i], args(str("worker-1"),
		    str("worker-1"), str("worker-1")));
		world_run(w);
		said(w, at[M], "warning", 1);
		said(w, at[W1], "warning", 1);
		said(w, at[M], "drop", 0);
		for (size_t k = 0; k < 5; k++)
			state(w, at[k], "started");
		world_close(w);
	}
}
END_TEST

START_TEST(garbage_is_ignored)
{
	size_t at[5];
	struct world *w = formed(at);
	struct mu_buf b;
	uint8_t noise[64];

	mu_buf_init(&b, 0);
	for (unsigned i = 0; i < 2000; i++) {
		size_t len = mu_rng_below(&w->rng, sizeof noise);

		for (size_t k = 0; k < len; k++)
			noise[k] = (uint8_t)mu_rng_u64(&w->rng);
		world_post(w, at[W1], at[M], "x", 1, noise, len);
	}
	/* A true event, cut anywhere and with each byte changed. */
	{
		struct muster_value *v = args(str("worker-1"), str("proxy-1"),
		    NULL);

		mu_event_enc(&b, "Muster::link_up", 15, v, false);
		muster_value_unref(v);
	}
	for (size_t len = 0; len < mu_buf_len(&b); len++)
		world_post(w, at[W1], at[M], "x", 1, mu_buf_data(&b), len);
	for (size_t i = 0; i < mu_buf_len(&b); i++) {
		mu_buf_data(&b)[i] ^= 0x55;
		world_post(w, at[W1], at[M], "x", 1, mu_buf_data(&b),
		    mu_buf_len(&b));
		mu_buf_data(&b)[i] ^= 0x55;
	}
	mu_buf_clear(&b);
	world_run(w);
	ck_assert_uint_le(world_said(w, at[M], "warning"), 1);
	state(w, at[M], "started");
	world_close(w);
}
END_TEST

START_TEST(data_of_nobody_is_ignored)
{
	size_t at[5];
	struct world *w = formed(at);
	struct mu_uuid nobody = { { 1 } };

	members_data(w->nodes[at[M]].m, &nobody, "x", 1, NULL, 0, w->now);
	members_peer_down(w->nodes[at[M]].m, &nobody, false, w->now);
	members_pong(w->nodes[at[M]].m, &nobody, true, w->now);
	members_peer_speaks(w->nodes[at[M]].m, &nobody, true, w->now);
	world_drain(w, at[M]);
	ck_assert_uint_eq(mu_buf_len(&w->nodes[at[M]].log), 0);
	world_close(w);
}
END_TEST

/* --- memory --------------------------------------------------------------- */

static bool
build_one(void *ctx)
{
	struct world *w = ctx;
	struct members_config cfg = { .layout = w->layout };
	struct members *m;

	cfg.self = mu_layout_node(w->layout, "manager");
	m = members_new(&cfg, 0);
	members_free(m);
	return m != NULL;
}

START_TEST(construction_survives_any_failing_allocation)
{
	struct world *w = world_open(FIVE);

	ck_assert_uint_gt(nomem_each(build_one, w), 1);
	world_close(w);
	/* Where construction itself starts the cluster. */
	w = world_open("cluster: one\ntls: none\nnodes:\n"
	    "  manager: {role: manager, host: 127.0.0.1, port: 1}\n");
	ck_assert_uint_gt(nomem_each(build_one, w), 5);
	world_close(w);
}
END_TEST

static bool
subscribe_one(void *ctx)
{
	struct world *w = ctx;
	struct muster_filter *f = muster_filter_new();
	bool ok = f != NULL && members_subscribe(w->nodes[0].m, f) == 0;

	muster_filter_free(f);
	return ok;
}

START_TEST(subscribing_survives_any_failing_allocation)
{
	struct world *w = world_open(FIVE);

	(void)world_start(w, "manager");
	ck_assert_uint_gt(nomem_each(subscribe_one, w), 5);
	world_close(w);
}
END_TEST

/* Peerings that end because memory was out are dialled again, as always. */
START_TEST(cluster_forms_although_memory_is_short_at_times)
{
	for (unsigned seed = 0; seed < 200; seed++) {
		struct world *w = world_open(FIVE);
		size_t at[5];

		mu_rng_init(&w->rng, seed);
		for (size_t i = 0; i < 5; i++)
			at[i] = world_start(w, names[i]);
		w->famine = 20 + seed;
		for (unsigned round = 0; round < 20; round++) {
			world_dial_all(w);
			world_run(w);
			world_cut(w, at[round % 5], at[round % 4]);
		}
		w->famine = 0;
		for (unsigned round = 0; round < 2; round++) {
			world_dial_all(w);
			world_run(w);
		}
		for (size_t i = 0; i < 5; i++)
			state(w, at[i], "started");
		ck_assert_uint_eq(w->nodes[at[M]].broadcasts, 1);
		world_close(w);
	}
}
END_TEST

static Suite *
members_peers_suite(void)
{
	Suite *s = suite_create("members_peers");
	TCase *t = tcase_create("peers");

	tcase_set_timeout(t, 300);
	tcase_add_test(t, certificate_must_carry_the_name);
	tcase_add_test(t, certificate_with_the_name_is_accepted);
	tcase_add_test(t, tool_may_peer_but_not_speak_for_a_node);
	tcase_add_test(t, unexpected_node_stays_a_stranger);
	tcase_add_test(t, own_name_is_refused);
	tcase_add_test(t, hello_with_the_id_of_another_is_ignored);
	tcase_add_test(t, second_name_ends_the_peering);
	tcase_add_test(t, dialled_name_that_is_another_is_said);
	tcase_add_test(t, duplicate_is_refused_while_the_first_answers);
	tcase_add_test(t, duplicate_takes_the_place_of_the_dead);
	tcase_add_test(t, duplicate_is_heard_when_it_takes_the_place);
	tcase_add_test(t, duplicate_is_decided_by_time_if_nothing_else_does);
	tcase_add_test(t, third_of_a_name_is_refused_at_once);
	tcase_add_test(t, contender_cannot_flood);
	tcase_add_test(t, only_the_manager_starts_the_cluster);
	tcase_add_test(t, manager_starts_nothing_on_anothers_word);
	tcase_add_test(t, node_reports_only_for_itself);
	tcase_add_test(t, wrong_arguments_are_ignored_with_one_warning);
	tcase_add_test(t, garbage_is_ignored);
	tcase_add_test(t, data_of_nobody_is_ignored);
	tcase_add_test(t, construction_survives_any_failing_allocation);
	tcase_add_test(t, subscribing_survives_any_failing_allocation);
	tcase_add_test(t, cluster_forms_although_memory_is_short_at_times);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(members_peers_suite());
}
