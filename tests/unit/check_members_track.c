/*
 * What became of the cluster since its start: degraded and restored, in the
 * eyes of the manager and of the others.
 */
#include "members_five.h"

#include "nomem.h"
#include "unit.h"

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
	tcase_add_test(t, what_the_manager_said_it_knows_when_memory_is_short);
	tcase_add_test(t, without_memory_it_is_tried_now_and_then);
	tcase_add_test(t, missing_set_is_the_truth_after_any_history);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(members_track_suite());
}
