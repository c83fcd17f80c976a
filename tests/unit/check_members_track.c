/*
 * What became of the cluster since its start: degraded and restored, in the
 * eyes of the manager and of the others; layouts that differ; reloads.
 */
#include "check_members.h"

#include "nomem.h"
#include "unit.h"

enum { M, L, P, W1, W2 };
static const char *const names[] = { "manager", "logger-1", "proxy-1",
	"worker-1", "worker-2" };

static struct world *
formed_of(const char *yaml, size_t at[5])
{
	struct world *w = world_open(yaml);

	for (size_t i = 0; i < 5; i++)
		at[i] = world_start(w, names[i]);
	world_dial_all(w);
	world_run(w);
	for (size_t i = 0; i < 5; i++)
		state(w, at[i], "started");
	world_forget(w);
	return w;
}

static struct world *
formed(size_t at[5])
{
	return formed_of(FIVE, at);
}

static void
all_are(struct world *w, const size_t at[5], const char *what)
{
	for (size_t i = 0; i < 5; i++)
		if (w->nodes[at[i]].m != NULL)
			state(w, at[i], what);
}

/* --- degraded and restored ------------------------------------------------ */

START_TEST(lost_node_is_missed_by_all_and_welcomed_back)
{
	size_t at[5];
	struct world *w = formed(at);

	world_kill(w, at[W1]);
	world_run(w);
	all_are(w, at, "degraded");
	for (size_t i = 0; i < 5; i++) {
		if (i == W1)
			continue;
		missing(w, at[i], "worker-1");
		said(w, at[i], "degraded worker-1", 1);
		said(w, at[i], "cluster.log cluster degraded, missing: "
		    "worker-1", 1);
	}
	said(w, at[M], "publish muster/cluster/state "
	    "Muster::cluster_degraded((worker-1))", 1);
	at[W1] = world_start(w, "worker-1");
	world_dial_all(w);
	world_run(w);
	all_are(w, at, "started");
	for (size_t i = 0; i < W1; i++) {
		missing(w, at[i], "");
		said(w, at[i], "restored", 1);
		said(w, at[i], "degraded", 1);
		said(w, at[i], "cluster.log cluster restored", 1);
	}
	said(w, at[M], "publish muster/cluster/state "
	    "Muster::cluster_restored()", 1);
	said(w, at[W1], "degraded", 0);
	world_close(w);
}
END_TEST

/* Both ends live: only who dialled can tell. */
START_TEST(lost_link_is_told_to_the_manager)
{
	size_t at[5];
	struct world *w = formed(at);

	world_cut(w, at[W1], at[P]);
	world_run(w);
	said(w, at[W1], "publish muster/cluster/report "
	    "Muster::link_down(worker-1, proxy-1)", 1);
	for (size_t i = 0; i < 5; i++)
		missing(w, at[i], "link worker-1 - proxy-1");
	all_are(w, at, "degraded");
	progress(w, at[M], 5, 5);
	world_dial_all(w);
	world_run(w);
	said(w, at[W1], "publish muster/cluster/report "
	    "Muster::link_up(worker-1, proxy-1)", 1);
	all_are(w, at, "started");
	said(w, at[M], "degraded", 1);
	said(w, at[M], "restored", 1);
	world_close(w);
}
END_TEST

/* What node at thinks of the link that row a dials to row b. */
static enum members_link
link_seen(const struct world *w, size_t at, size_t a, size_t b)
{
	return members_link(w->nodes[at].m, a, b);
}

START_TEST(links_are_known_to_both_ends_and_the_manager)
{
	size_t at[5];
	struct world *w = formed(at);

	ck_assert_int_eq(link_seen(w, at[M], W1, P), MEMBERS_LINK_UP);
	ck_assert_int_eq(link_seen(w, at[M], P, M), MEMBERS_LINK_UP);
	ck_assert_int_eq(link_seen(w, at[W1], W1, P), MEMBERS_LINK_UP);
	ck_assert_int_eq(link_seen(w, at[P], W1, P), MEMBERS_LINK_UP);
	ck_assert_int_eq(link_seen(w, at[W2], W1, P), MEMBERS_LINK_UNKNOWN);
	world_cut(w, at[W1], at[P]);
	world_run(w);
	ck_assert_int_eq(link_seen(w, at[M], W1, P), MEMBERS_LINK_DOWN);
	ck_assert_int_eq(link_seen(w, at[M], W2, P), MEMBERS_LINK_UP);
	ck_assert_int_eq(link_seen(w, at[W1], W1, P), MEMBERS_LINK_DOWN);
	ck_assert_int_eq(link_seen(w, at[W1], W1, L), MEMBERS_LINK_UP);
	ck_assert_int_eq(link_seen(w, at[P], W1, P), MEMBERS_LINK_DOWN);
	ck_assert_int_eq(link_seen(w, at[P], P, M), MEMBERS_LINK_UP);
	world_dial_all(w);
	world_run(w);
	ck_assert_int_eq(link_seen(w, at[M], W1, P), MEMBERS_LINK_UP);
	/* Nobody has a link with a node that is gone, at either end of it. */
	world_kill(w, at[P]);
	world_run(w);
	ck_assert_int_eq(link_seen(w, at[M], W1, P), MEMBERS_LINK_DOWN);
	ck_assert_int_eq(link_seen(w, at[M], P, L), MEMBERS_LINK_DOWN);
	ck_assert_int_eq(link_seen(w, at[W1], W1, P), MEMBERS_LINK_DOWN);
	ck_assert_int_eq(link_seen(w, at[W1], P, L), MEMBERS_LINK_DOWN);
	ck_assert_int_eq(link_seen(w, at[W1], W2, P), MEMBERS_LINK_DOWN);
	ck_assert_int_eq(link_seen(w, at[W1], W2, L), MEMBERS_LINK_UNKNOWN);
	world_close(w);
}
END_TEST

START_TEST(link_to_a_missing_node_is_not_named)
{
	size_t at[5];
	struct world *w = formed(at);

	world_kill(w, at[P]);
	world_run(w);
	missing(w, at[M], "proxy-1");
	progress(w, at[M], 4, 5);
	world_close(w);
}
END_TEST

START_TEST(node_that_has_not_reported_again_is_missing)
{
	size_t at[5];
	struct world *w = formed(at);

	world_kill(w, at[P]);
	world_kill(w, at[W1]);
	world_run(w);
	at[W1] = world_start(w, "worker-1");
	world_dial_all(w);
	world_run(w);
	/* It is here, but lacks the proxy. */
	missing(w, at[M], "proxy-1, worker-1");
	progress(w, at[M], 3, 5);
	missing(w, at[W1], "proxy-1");
	state(w, at[W1], "starting");
	at[P] = world_start(w, "proxy-1");
	world_dial_all(w);
	world_run(w);
	all_are(w, at, "started");
	world_close(w);
}
END_TEST

START_TEST(without_the_manager_nodes_believe_their_eyes)
{
	size_t at[5];
	struct world *w = formed(at);

	world_kill(w, at[M]);
	world_run(w);
	all_are(w, at, "degraded");
	missing(w, at[W1], "manager");
	missing(w, at[L], "manager");
	world_kill(w, at[W2]);
	world_run(w);
	missing(w, at[W1], "manager"); /* never met worker-2 */
	missing(w, at[P], "manager, worker-2");
	world_cut(w, at[W1], at[P]);
	missing(w, at[W1], "manager, proxy-1");
	at[M] = world_start(w, "manager");
	at[W2] = world_start(w, "worker-2");
	world_dial_all(w);
	world_run(w);
	all_are(w, at, "started");
	world_close(w);
}
END_TEST

/* The new manager knows no links: each node tells those it lost. */
START_TEST(restarted_manager_is_told_all_lost_links)
{
	size_t at[5];
	struct world *w = formed(at);

	world_kill(w, at[M]);
	world_cut(w, at[W1], at[P]);
	world_cut(w, at[W1], at[L]);
	world_cut(w, at[W2], at[L]);
	world_run(w);
	at[M] = world_start(w, "manager");
	world_dial(w, at[M]);
	world_link(w, at[P], at[M]);
	world_link(w, at[W1], at[M]);
	world_link(w, at[W2], at[M]);
	world_run(w);
	said(w, at[W1], "publish muster/cluster/report Muster::link_state("
	    "worker-1, {logger-1, proxy-1})", 1);
	missing(w, at[M], "link worker-1 - logger-1, link worker-1 - proxy-1, "
	    "link worker-2 - logger-1");
	missing(w, at[P], "link worker-1 - logger-1, link worker-1 - proxy-1, "
	    "link worker-2 - logger-1");
	world_dial_all(w);
	world_run(w);
	all_are(w, at, "started");
	world_close(w);
}
END_TEST

/* Who comes back to a manager that lived on has said what it still lacks before
 * anybody takes the cluster for whole. */
START_TEST(nobody_says_restored_before_all_is)
{
	size_t at[5];
	struct world *w = formed(at);

	world_cut(w, at[W1], at[M]);
	world_cut(w, at[W1], at[P]);
	world_run(w);
	all_are(w, at, "degraded");
	world_link(w, at[W1], at[M]);
	world_run(w);
	for (size_t i = 0; i < 5; i++) {
		said(w, at[i], "restored", 0);
		missing(w, at[i], "link worker-1 - proxy-1");
	}
	world_dial_all(w);
	world_run(w);
	all_are(w, at, "started");
	for (size_t i = 0; i < 5; i++)
		said(w, at[i], "restored", 1);
	world_close(w);
}
END_TEST

/* All its links stand again before the manager, which lived on, has answered:
 * there may be more that is missing than a node sees. */
START_TEST(who_comes_back_waits_for_the_managers_word)
{
	size_t at[5];
	struct world *w = formed(at);

	world_cut(w, at[W1], at[M]);
	world_cut(w, at[W1], at[P]);
	world_run(w);
	all_are(w, at, "degraded");
	world_link(w, at[W1], at[M]);
	world_link(w, at[W1], at[P]);
	world_run(w);
	all_are(w, at, "started");
	for (size_t i = 0; i < 5; i++) {
		said(w, at[i], "restored", 1);
		missing(w, at[i], "");
	}
	world_close(w);
}
END_TEST

/* Connected by a list, without calling anybody its manager. */
START_TEST(node_without_a_manager_is_not_missed_for_ever)
{
	size_t at[5];
	struct world *w = formed_of("cluster: test\ntls: none\nnodes:\n"
	    "  manager:  {role: manager, host: 127.0.0.1, port: 27761}\n"
	    "  logger-1: {role: logger, host: 127.0.0.1, port: 27762}\n"
	    "  proxy-1:  {role: proxy, host: 127.0.0.1, port: 27763}\n"
	    "  worker-1: {role: worker, host: 127.0.0.1, manager: none, "
	    "connect: [manager, logger-1]}\n"
	    "  worker-2: {role: worker, host: 127.0.0.1}\n", at);

	world_cut(w, at[W1], at[M]);
	world_run(w);
	all_are(w, at, "degraded");
	world_dial_all(w);
	world_run(w);
	all_are(w, at, "started");
	world_close(w);
}
END_TEST

/* What the manager missed when a node reported is over before all are told. */
START_TEST(who_reports_in_between_is_told_the_end_of_it)
{
	size_t at[5];
	struct world *w = formed(at);

	world_kill(w, at[P]);
	while (world_step(w))
		continue;
	world_cut(w, at[L], at[M]);
	world_cut(w, at[W2], at[M]);
	world_link(w, at[M], at[L]);
	while (world_step(w))
		continue;
	missing(w, at[L], "proxy-1, worker-2");
	world_link(w, at[W2], at[M]);
	world_run(w);
	missing(w, at[M], "proxy-1");
	missing(w, at[L], "proxy-1");
	said(w, at[M], "degraded", 1);
	world_close(w);
}
END_TEST

/* A new manager starts the cluster when the last one reports, though one of the
 * others is gone again: who was degraded stays so. */
START_TEST(start_without_one_who_reported_is_no_end_of_it)
{
	size_t at[5];
	struct world *w = formed(at);

	world_kill(w, at[M]);
	for (size_t i = P; i < 5; i++) {
		world_kill(w, at[i]);
		if (i != W1)
			at[i] = world_start(w, names[i]);
	}
	at[M] = world_start(w, names[M]);
	world_dial_all(w);
	world_run(w);
	state(w, at[M], "starting");
	state(w, at[L], "degraded");
	world_cut(w, at[P], at[M]);
	at[W1] = world_start(w, names[W1]);
	world_link(w, at[W1], at[L]);
	world_link(w, at[W1], at[P]);
	world_link(w, at[W1], at[M]);
	world_run(w);
	missing(w, at[M], "proxy-1");
	missing(w, at[L], "proxy-1");
	said(w, at[L], "restored", 0);
	said(w, at[W1], "degraded proxy-1", 1);
	world_dial_all(w);
	world_run(w);
	all_are(w, at, "started");
	said(w, at[L], "restored", 1);
	world_close(w);
}
END_TEST

START_TEST(zeek_manager_leaves_nodes_to_their_eyes)
{
	struct world *w = world_open(FIVE);
	size_t at[5];

	for (size_t i = 0; i < 5; i++)
		at[i] = world_start(w, names[i]);
	w->nodes[at[M]].muster = false;
	world_dial_all(w);
	world_run(w);
	all_are(w, at, "started");
	for (size_t i = 0; i < 5; i++)
		said(w, at[i], "degraded", 0);
	world_cut(w, at[W1], at[P]);
	world_run(w);
	said(w, at[W1], "publish muster/cluster/report", 0);
	missing(w, at[W1], "proxy-1");
	missing(w, at[P], "worker-1");
	missing(w, at[W2], "");
	world_dial_all(w);
	world_run(w);
	all_are(w, at, "started");
	world_close(w);
}
END_TEST

/* A letter that a Zeek node would not send is lost. */
static bool
heard_of_zeek(struct world *w, const struct letter *l)
{
	return strcmp(w->nodes[l->from].name, "manager") != 0 ||
	       memcmp(l->topic, "muster/", 7) != 0;
}

/* Something on it subscribes below muster/, so that it seems to be ours. */
START_TEST(zeek_manager_that_listens_is_not_waited_for)
{
	struct world *w = world_open(FIVE);
	size_t at[5];

	w->heard = heard_of_zeek;
	for (size_t i = 0; i < 5; i++)
		at[i] = world_start(w, names[i]);
	world_dial_all(w);
	world_run(w);
	world_kill(w, at[M]);
	world_run(w);
	all_are(w, at, "degraded");
	at[M] = world_start(w, "manager");
	world_dial_all(w);
	world_run(w);
	all_are(w, at, "started");
	world_close(w);
}
END_TEST

/* The first loss and the last return are said at once, the rest in steps. */
START_TEST(changing_set_is_published_in_steps)
{
	size_t at[5];
	struct world *w = formed(at);
	uint64_t due;

	world_kill(w, at[W1]);
	said(w, at[M], "degraded worker-1", 1);
	world_kill(w, at[W2]);
	world_kill(w, at[P]);
	said(w, at[M], "degraded", 1);
	due = members_deadline(w->nodes[at[M]].m);
	ck_assert_uint_eq(due, w->now + SECOND / 2);
	members_tick(w->nodes[at[M]].m, due - 1);
	world_drain(w, at[M]);
	said(w, at[M], "degraded", 1);
	w->now = due;
	members_tick(w->nodes[at[M]].m, due);
	world_drain(w, at[M]);
	said(w, at[M], "degraded proxy-1, worker-1, worker-2", 1);
	ck_assert_uint_eq(members_deadline(w->nodes[at[M]].m), UINT64_MAX);
	world_close(w);
}
END_TEST

START_TEST(same_set_is_published_once)
{
	size_t at[5];
	struct world *w = formed(at);

	for (unsigned i = 0; i < 5; i++) {
		world_send(w, at[W1], at[M], "Muster::link_down",
		    args(str("worker-1"), str("proxy-1"), NULL));
		world_run(w);
	}
	said(w, at[M], "publish muster/cluster/state", 1);
	for (unsigned i = 0; i < 5; i++) {
		world_send(w, at[W1], at[M], "Muster::link_up",
		    args(str("worker-1"), str("proxy-1"), NULL));
		world_run(w);
	}
	said(w, at[M], "publish muster/cluster/state", 2);
	world_close(w);
}
END_TEST

START_TEST(links_to_unknown_nodes_are_refused)
{
	size_t at[5];
	struct world *w = formed(at);

	world_send(w, at[W1], at[M], "Muster::link_down",
	    args(str("worker-1"), str("nobody"), NULL));
	world_send(w, at[W1], at[M], "Muster::link_down",
	    args(str("worker-1"), str("worker-1"), NULL));
	world_run(w);
	said(w, at[M], "warning peer 127.0.0.1:1003: tells of a link to an "
	    "unknown node", 1);
	state(w, at[M], "started");
	world_close(w);
}
END_TEST

START_TEST(long_lists_are_cut_with_a_count)
{
	size_t at[5];
	struct world *w = formed(at);
	struct muster_value *many = muster_value_vector();
	char *text;

	for (unsigned i = 0; i < 5000; i++) {
		char name[40];

		snprintf(name, sizeof name, "node-%04u\x01", i);
		ck_assert_int_eq(muster_value_append(many, str(name)), 0);
	}
	world_send(w, at[M], at[W1], "Muster::cluster_degraded",
	    args(many, NULL, NULL));
	world_run(w);
	text = missing_of(w, at[W1]);
	ck_assert_uint_lt(strlen(text), 2000);
	ck_assert_ptr_null(strchr(text, '\x01'));
	mu_free(text);
	world_close(w);
}
END_TEST

/* Deliver everything; the n-th allocation fails of what node does with it.
 * False when there was none. */
static bool
deliver_short(struct world *w, size_t node, unsigned n)
{
	struct nomem short_of = { n, false };
	struct letter *l;

	while ((l = take_letter(w)) != NULL) {
		if (l->to == node && !short_of.failed)
			mu_alloc_set_hook(nomem_hook, &short_of);
		members_data(w->nodes[l->to].m, &w->nodes[l->from].id,
		    l->topic, l->topic_len, l->payload, l->len, w->now);
		mu_alloc_set_hook(NULL, NULL);
		world_drain(w, l->to);
		letter_free(l);
	}
	return short_of.failed;
}

START_TEST(half_a_list_is_not_believed)
{
	bool failed = true;

	for (unsigned n = 0; failed; n++) {
		size_t at[5];
		struct world *w = formed(at);

		world_kill(w, at[W1]);
		failed = deliver_short(w, at[W2], n);
		world_dial_all(w);
		world_run(w);
		state(w, at[W2], "degraded");
		missing(w, at[W2], "worker-1");
		world_close(w);
		ck_assert_uint_lt(n, 1000);
	}
}
END_TEST

START_TEST(without_memory_it_is_tried_now_and_then)
{
	size_t at[5];
	struct world *w = formed(at);
	struct members *m = w->nodes[at[M]].m;

	w->now += 10 * SECOND;
	w->famine = 1;
	world_call(w, members_peer_down(m, &w->nodes[at[W1]].id, true, w->now));
	for (int i = 0; i < 3; i++) {
		uint64_t due = members_deadline(m);

		ck_assert_uint_ge(due, w->now + SECOND);
		w->now = due;
		world_call(w, members_tick(m, w->now));
	}
	w->famine = 0;
	world_kill(w, at[W1]);
	w->now = members_deadline(m);
	members_tick(m, w->now);
	world_drain(w, at[M]);
	world_run(w);
	all_are(w, at, "degraded");
	ck_assert_uint_eq(members_deadline(m), UINT64_MAX);
	world_close(w);
}
END_TEST

START_TEST(what_the_manager_said_it_knows_when_memory_is_short)
{
	bool failed = true;

	for (unsigned n = 0; failed; n++) {
		size_t at[5];
		struct world *w = formed(at);

		world_kill(w, at[W1]);
		world_run(w);
		at[W1] = world_start(w, "worker-1");
		world_dial_all(w);
		while (world_said(w, at[W1], "node_fully_connected") == 0)
			ck_assert(world_step(w));
		failed = deliver_short(w, at[M], n);
		world_kill(w, at[W1]);
		world_dial_all(w);
		world_run(w);
		for (size_t i = 0; i < W1; i++) {
			state(w, at[i], "degraded");
			missing(w, at[i], "worker-1");
		}
		world_close(w);
		ck_assert_uint_lt(n, 1000);
	}
}
END_TEST

/* Once it is quiet the manager misses exactly what is not there. */
START_TEST(missing_set_is_the_truth_after_any_history)
{
	for (unsigned seed = 0; seed < 500; seed++) {
		size_t at[5];
		struct world *w = formed(at);

		mu_rng_init(&w->rng, seed);
		w->shuffle = true;
		for (unsigned i = 0; i < 60; i++) {
			size_t a = at[mu_rng_below(&w->rng, 5)];
			size_t b = at[mu_rng_below(&w->rng, 5)];

			if (a != b && mu_rng_below(&w->rng, 2) == 0)
				world_cut(w, a, b);
			else
				world_dial(w, a);
			for (size_t k = mu_rng_below(&w->rng, 9); k > 0; k--)
				(void)world_step(w);
		}
		/* All but two links of workers. */
		world_dial_all(w);
		world_cut(w, at[W1], at[P]);
		world_cut(w, at[W2], at[L]);
		world_run(w);
		for (size_t i = 0; i < 5; i++)
			missing(w, at[i], "link worker-1 - proxy-1, "
			    "link worker-2 - logger-1");
		world_dial_all(w);
		world_run(w);
		all_are(w, at, "started");
		ck_assert_uint_eq(w->nodes[at[M]].broadcasts, 0);
		world_close(w);
	}
}
END_TEST

/* --- layouts that differ -------------------------------------------------- */

/* A world in which one node read another file. */
static void
meet_with(const char *other, const char *line_here, const char *line_there)
{
	struct world *w = world_open(FIVE);
	struct mu_layout *own = w->layout;
	size_t m, a;

	m = world_start(w, "manager");
	w->layout = world_layout(other);
	a = world_start(w, "worker-1");
	world_link(w, a, m);
	world_run(w);
	if (line_here == NULL) {
		said(w, m, "warning", 0);
		said(w, a, "warning", 0);
		said(w, m, "publish unicast muster/cluster/state "
		    "Muster::layout", 1);
	} else {
		said(w, m, line_here, 1);
		said(w, a, line_there, 1);
		said(w, m, "warning", 1);
		said(w, a, "warning", 1);
	}
	members_free(w->nodes[a].m);
	w->nodes[a].m = NULL;
	mu_layout_free(w->layout);
	w->layout = own;
	world_close(w);
}

#define HEAD "cluster: test\ntls: none\nnodes:\n"
#define REST \
	"  proxy-1:  {role: proxy, host: 127.0.0.1, port: 27763}\n" \
	"  worker-1: {role: worker, host: 127.0.0.1}\n"
#define PROXY_2 \
	"  proxy-2:  {role: proxy, host: 127.0.0.1, port: 27764}\n"

START_TEST(equal_layouts_are_no_news)
{
	meet_with(FIVE, NULL, NULL);
}
END_TEST

START_TEST(differing_layouts_are_named_on_both_sides)
{
	meet_with(HEAD
	    "  manager:  {role: manager, host: 127.0.0.1, port: 27761}\n"
	    "  logger-1: {role: logger, host: 127.0.0.1, port: 30000}\n" REST
	    "  worker-3: {role: worker, host: 127.0.0.1}\n",
	    "warning node worker-1 has another layout; missing here: worker-3; "
	    "missing there: worker-2; different: logger-1\n",
	    "warning node manager has another layout; missing here: worker-2; "
	    "missing there: worker-3; different: logger-1\n");
}
END_TEST

START_TEST(differing_topics_are_told_apart)
{
	meet_with(FIVE "topics: {started: some/where/else}\n",
	    "warning node worker-1 has another layout; the nodes are the same, "
	    "cluster name, topics, stores, relays or pools differ\n",
	    "warning node manager has another layout; the nodes are the same, "
	    "cluster name, topics, stores, relays or pools differ\n");
}
END_TEST

START_TEST(many_differences_are_counted)
{
	meet_with(HEAD
	    "  manager:  {role: manager, host: 127.0.0.1, port: 27761}\n"
	    "  logger-1: {role: logger, host: 127.0.0.1, port: 27762}\n" REST
	    "  worker-[2-20]: {role: worker, host: 127.0.0.1}\n",
	    "warning node worker-1 has another layout; missing here: "
	    "worker-10, worker-11, worker-12, worker-13, worker-14, worker-15, "
	    "worker-16, worker-17 and 10 more\n",
	    "warning node manager has another layout; missing there: "
	    "worker-10, worker-11, worker-12, worker-13, worker-14, worker-15, "
	    "worker-16, worker-17 and 10 more\n");
}
END_TEST

START_TEST(layouts_are_not_told_to_zeek_until_it_speaks_muster)
{
	struct world *w = world_open(FIVE);
	size_t m = world_start(w, "manager");
	size_t a = world_start(w, "worker-1");

	w->nodes[a].muster = false;
	world_link(w, a, m);
	world_run(w);
	said(w, m, "publish unicast", 0);
	members_peer_speaks(w->nodes[m].m, &w->nodes[a].id, true, w->now);
	world_drain(w, m);
	said(w, m, "publish unicast muster/cluster/state Muster::layout", 1);
	members_peer_speaks(w->nodes[m].m, &w->nodes[a].id, true, w->now);
	world_drain(w, m);
	said(w, m, "publish unicast", 1);
	world_close(w);
}
END_TEST

/* --- reload --------------------------------------------------------------- */

static void
reload(struct world *w, size_t a, const struct mu_layout *l)
{
	ck_assert_int_eq(members_reload(w->nodes[a].m, l,
	    mu_layout_node(l, w->nodes[a].name), w->now), 0);
	w->nodes[a].name = mu_layout_node(l, w->nodes[a].name)->name;
	world_drain(w, a);
}

START_TEST(reload_keeps_what_is_known)
{
	size_t at[5];
	struct world *w = formed(at);
	struct mu_layout *l = world_layout(FIVE
	    "  alpha: {role: worker, host: 127.0.0.1}\n"
	    "  worker-3: {role: worker, host: 127.0.0.1}\n");
	struct mu_layout *old = w->layout;
	size_t x;

	world_cut(w, at[W1], at[P]);
	world_run(w);
	world_forget(w);
	w->layout = l;
	for (size_t i = 0; i < 5; i++)
		reload(w, at[i], l);
	mu_layout_free(old);
	world_run(w);
	for (size_t i = 0; i < 5; i++)
		missing(w, at[i], "alpha, link worker-1 - proxy-1, worker-3");
	said(w, at[M], "node_", 0);
	x = world_start(w, "alpha");
	world_dial(w, x);
	x = world_start(w, "worker-3");
	world_dial(w, x);
	world_dial(w, at[W1]);
	world_run(w);
	all_are(w, at, "started");
	ck_assert_uint_eq(w->nodes[at[M]].broadcasts, 0);
	world_close(w);
}
END_TEST

START_TEST(reload_removes_a_node_and_the_cluster_may_start)
{
	struct world *w = world_open(FIVE);
	struct mu_layout *old = w->layout;
	size_t at[5];

	for (size_t i = 0; i < 4; i++)
		at[i] = world_start(w, names[i]);
	world_dial_all(w);
	world_run(w);
	state(w, at[M], "starting");
	w->layout = world_layout(HEAD
	    "  manager:  {role: manager, host: 127.0.0.1, port: 27761}\n"
	    "  logger-1: {role: logger, host: 127.0.0.1, port: 27762}\n" REST);
	reload(w, at[M], w->layout);
	for (size_t i = 1; i < 4; i++)
		reload(w, at[i], w->layout);
	mu_layout_free(old);
	world_run(w);
	said(w, at[M], "cluster_started", 1);
	for (size_t i = 0; i < 4; i++)
		state(w, at[i], "started");
	world_close(w);
}
END_TEST

/* A proxy that never came is not waited for once the layout lacks it. */
START_TEST(reload_removes_a_connectee_and_the_cluster_may_start)
{
	struct world *w = world_open(FIVE PROXY_2);
	struct mu_layout *old = w->layout;
	size_t at[5];

	for (size_t i = 0; i < 5; i++)
		at[i] = world_start(w, names[i]);
	world_dial_all(w);
	world_run(w);
	all_are(w, at, "starting");
	w->layout = world_layout(FIVE);
	for (size_t i = 0; i < 5; i++)
		reload(w, at[i], w->layout);
	mu_layout_free(old);
	world_run(w);
	all_are(w, at, "started");
	said(w, at[W1], "node_fully_connected", 1);
	said(w, at[M], "cluster_started", 1);
	world_close(w);
}
END_TEST

/* The manager is the first to read another layout, or the last. */
static void
reload_all(struct world *w, size_t at[5], struct mu_layout *l, bool manager)
{
	struct mu_layout *old = w->layout;

	for (size_t i = 0; i < 5; i++) {
		reload(w, at[manager ? i : 4 - i], l);
		world_run(w);
	}
	w->layout = l;
	mu_layout_free(old);
}

START_TEST(lost_link_that_a_reload_removes_is_not_missed)
{
	for (unsigned first = 0; first < 2; first++) {
		size_t at[5];
		struct world *w = formed(at);

		world_cut(w, at[W1], at[P]);
		world_run(w);
		all_are(w, at, "degraded");
		reload_all(w, at, world_layout(HEAD
		    "  manager:  {role: manager, host: 127.0.0.1, port: 27761}\n"
		    "  logger-1: {role: logger, host: 127.0.0.1, port: 27762}\n"
		    "  proxy-1:  {role: proxy, host: 127.0.0.1, port: 27763}\n"
		    "  worker-1: {role: worker, host: 127.0.0.1, connect: "
		    "[manager, logger-1]}\n"
		    "  worker-2: {role: worker, host: 127.0.0.1}\n"), first);
		all_are(w, at, "started");
		said(w, at[M], "warning peer", 0);
		world_close(w);
	}
}
END_TEST

START_TEST(link_that_a_reload_adds_is_missed_until_it_stands)
{
	for (unsigned first = 0; first < 2; first++) {
		size_t at[5], x;
		struct world *w = formed(at);

		reload_all(w, at, world_layout(FIVE PROXY_2), first);
		for (size_t i = 0; i < 5; i++)
			missing(w, at[i], "proxy-2");
		x = world_start(w, "proxy-2");
		world_dial(w, x);
		world_dial(w, at[W2]);
		world_run(w);
		for (size_t i = 0; i < 5; i++)
			missing(w, at[i], "link worker-1 - proxy-2");
		world_dial(w, at[W1]);
		world_run(w);
		all_are(w, at, "started");
		said(w, at[M], "restored", 1);
		said(w, at[M], "warning peer", 0);
		world_close(w);
	}
}
END_TEST

/* Who came before the manager's layout had its row told it everything in vain:
 * it tells it again. */
START_TEST(who_came_before_its_row_is_whole_once_it_is_there)
{
	size_t at[5], x;
	struct world *w = formed(at);
	struct mu_layout *old = w->layout;

	w->layout = world_layout(FIVE
	    "  worker-3: {role: worker, host: 127.0.0.1}\n");
	x = world_start(w, "worker-3");
	world_dial_all(w);
	world_run(w);
	state(w, x, "starting");
	for (size_t i = 0; i < 5; i++)
		reload(w, at[i], w->layout);
	mu_layout_free(old);
	world_run(w);
	said(w, x, "node_down manager", 1);
	said(w, x, "node_down", 1);
	world_dial_all(w);
	world_run(w);
	state(w, x, "started");
	all_are(w, at, "started");
	world_close(w);
}
END_TEST

START_TEST(reload_turns_a_removed_node_into_a_stranger_and_back)
{
	size_t at[5];
	struct world *w = formed(at);
	struct mu_layout *small = world_layout(HEAD
	    "  manager:  {role: manager, host: 127.0.0.1, port: 27761}\n"
	    "  logger-1: {role: logger, host: 127.0.0.1, port: 27762}\n" REST);

	reload(w, at[M], small);
	said(w, at[M], "node_down worker-2", 1);
	state(w, at[M], "started");
	ck_assert_ptr_null(members_name_of(w->nodes[at[M]].m,
	    &w->nodes[at[W2]].id));
	reload(w, at[M], w->layout);
	said(w, at[M], "drop the layout names it now: both begin anew", 1);
	world_dial(w, at[W2]);
	world_run(w);
	said(w, at[M], "node_up worker-2", 1);
	ck_assert_str_eq(members_name_of(w->nodes[at[M]].m,
	    &w->nodes[at[W2]].id), "worker-2");
	all_are(w, at, "started");
	mu_layout_free(small);
	world_close(w);
}
END_TEST

START_TEST(reload_without_memory_changes_nothing_for_good)
{
	for (unsigned n = 0;; n++) {
		size_t at[5];
		struct world *w = formed(at);
		struct mu_layout *l = world_layout(FIVE
		    "  worker-3: {role: worker, host: 127.0.0.1}\n");
		struct mu_layout *old = w->layout;
		struct nomem state_of = { n, false };
		int rc;

		world_cut(w, at[W1], at[P]);
		world_run(w);
		mu_alloc_set_hook(nomem_hook, &state_of);
		rc = members_reload(w->nodes[at[M]].m, l,
		    mu_layout_node(l, "manager"), w->now);
		mu_alloc_set_hook(NULL, NULL);
		world_drain(w, at[M]);
		/* It may be tried again, and then knows all it knew. */
		ck_assert(rc == 0 || state_of.failed);
		w->layout = l;
		for (size_t i = 0; i < 5; i++)
			reload(w, at[i], l);
		mu_layout_free(old);
		world_run(w);
		missing(w, at[M], "link worker-1 - proxy-1, worker-3");
		world_close(w);
		if (!state_of.failed)
			break;
		ck_assert_uint_lt(n, 1000);
	}
}
END_TEST

static Suite *
members_track_suite(void)
{
	Suite *s = suite_create("members_track");
	TCase *t = tcase_create("track");

	tcase_set_timeout(t, 300);
	tcase_add_test(t, lost_node_is_missed_by_all_and_welcomed_back);
	tcase_add_test(t, lost_link_is_told_to_the_manager);
	tcase_add_test(t, links_are_known_to_both_ends_and_the_manager);
	tcase_add_test(t, link_to_a_missing_node_is_not_named);
	tcase_add_test(t, node_that_has_not_reported_again_is_missing);
	tcase_add_test(t, without_the_manager_nodes_believe_their_eyes);
	tcase_add_test(t, restarted_manager_is_told_all_lost_links);
	tcase_add_test(t, nobody_says_restored_before_all_is);
	tcase_add_test(t, who_comes_back_waits_for_the_managers_word);
	tcase_add_test(t, node_without_a_manager_is_not_missed_for_ever);
	tcase_add_test(t, who_reports_in_between_is_told_the_end_of_it);
	tcase_add_test(t, start_without_one_who_reported_is_no_end_of_it);
	tcase_add_test(t, zeek_manager_leaves_nodes_to_their_eyes);
	tcase_add_test(t, zeek_manager_that_listens_is_not_waited_for);
	tcase_add_test(t, changing_set_is_published_in_steps);
	tcase_add_test(t, same_set_is_published_once);
	tcase_add_test(t, links_to_unknown_nodes_are_refused);
	tcase_add_test(t, long_lists_are_cut_with_a_count);
	tcase_add_test(t, half_a_list_is_not_believed);
	tcase_add_test(t,
	    what_the_manager_said_it_knows_when_memory_is_short);
	tcase_add_test(t, without_memory_it_is_tried_now_and_then);
	tcase_add_test(t, missing_set_is_the_truth_after_any_history);
	tcase_add_test(t, equal_layouts_are_no_news);
	tcase_add_test(t, differing_layouts_are_named_on_both_sides);
	tcase_add_test(t, differing_topics_are_told_apart);
	tcase_add_test(t, many_differences_are_counted);
	tcase_add_test(t,
	    layouts_are_not_told_to_zeek_until_it_speaks_muster);
	tcase_add_test(t, reload_keeps_what_is_known);
	tcase_add_test(t, reload_removes_a_node_and_the_cluster_may_start);
	tcase_add_test(t,
	    reload_removes_a_connectee_and_the_cluster_may_start);
	tcase_add_test(t, lost_link_that_a_reload_removes_is_not_missed);
	tcase_add_test(t, link_that_a_reload_adds_is_missed_until_it_stands);
	tcase_add_test(t, who_came_before_its_row_is_whole_once_it_is_there);
	tcase_add_test(t,
	    reload_turns_a_removed_node_into_a_stranger_and_back);
	tcase_add_test(t, reload_without_memory_changes_nothing_for_good);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(members_track_suite());
}
