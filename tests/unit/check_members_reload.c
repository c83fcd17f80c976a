/* Layouts that differ between nodes, and that change while these run. */
#include "members_five.h"

#include "nomem.h"
#include "unit.h"

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
members_reload_suite(void)
{
	Suite *s = suite_create("members_reload");
	TCase *t = tcase_create("reload");

	tcase_set_timeout(t, 300);
	tcase_add_test(t, equal_layouts_are_no_news);
	tcase_add_test(t, differing_layouts_are_named_on_both_sides);
	tcase_add_test(t, differing_topics_are_told_apart);
	tcase_add_test(t, many_differences_are_counted);
	tcase_add_test(t, layouts_are_not_told_to_zeek_until_it_speaks_muster);
	tcase_add_test(t, reload_keeps_what_is_known);
	tcase_add_test(t, reload_removes_a_node_and_the_cluster_may_start);
	tcase_add_test(t, reload_removes_a_connectee_and_the_cluster_may_start);
	tcase_add_test(t, lost_link_that_a_reload_removes_is_not_missed);
	tcase_add_test(t, link_that_a_reload_adds_is_missed_until_it_stands);
	tcase_add_test(t, who_came_before_its_row_is_whole_once_it_is_there);
	tcase_add_test(t, reload_turns_a_removed_node_into_a_stranger_and_back);
	tcase_add_test(t, reload_without_memory_changes_nothing_for_good);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(members_reload_suite());
}
