/*
 * Layouts that differ about who has the master: one keeps it, the other is
 * refused, clones follow the node that their layout names.
 */
#define NODES                                                                  \
	"cluster: test\n"                                                      \
	"tls: none\n"                                                          \
	"nodes:\n"                                                             \
	"  manager:      {role: manager, host: 10.0.0.1, port: 27761}\n"       \
	"  proxy-1:      {role: proxy, host: 10.0.0.2, port: 27762}\n"         \
	"  worker-[1-2]: {role: worker, host: 10.0.0.[4-5]}\n"
#define LAYOUT NODES "stores: {quick: {}}\n"

#include "stores_net.h"

#include "stores/stores_impl.h"
#include "unit.h"

#define WRONG NODES "stores: {quick: {master: proxy-1}}\n"

static struct mu_layout *wrong;

static void
setup_both(void)
{
	setup();
	wrong = must_read(WRONG);
}

static void
teardown_both(void)
{
	teardown();
	mu_layout_free(wrong);
}

/* proxy-1 believes that it has the master. */
static struct on *
start_wrong(void)
{
	nodes[net.nnodes].own = wrong;
	return start("proxy-1");
}

START_TEST(the_second_master_is_refused_whoever_was_first)
{
	struct on *m, *w;
	struct answer *x;

	if (_i == 0) {
		m = start("manager");
		w = start_wrong();
	} else {
		w = start_wrong();
		put(w, "quick", "early", "1");
		m = start("manager");
	}
	pass(4 * NET_S);
	ck_assert_str_eq(fact(w, "quick")->state, "refused");
	ck_assert_str_eq(fact(w, "quick")->error,
	    "the master is on node manager: this one is refused, the layouts "
	    "differ");
	ck_assert_str_eq(fact(m, "quick")->state, "fresh");
	ck_assert_str_eq(fact(m, "quick")->error,
	    "a second master is on node proxy-1: the layouts differ");
	x = answered(w, "quick", MU_STORE_PUT, "k", "v");
	ck_assert_int_eq(x->status, MU_STORE_SECOND);
	x = answered(w, "quick", MU_STORE_GET, "early", NULL);
	ck_assert_int_eq(x->status, MU_STORE_SECOND);
	put(m, "quick", "k", "v");
	net_expect(
	    &net, w->node, "store quick: the master is on node manager", 1);
	net_expect(&net, m->node,
	    "store quick: a second master is on node "
	    "proxy-1: the layouts differ",
	    1);
}
END_TEST

static void
command(struct on *from, struct mu_command *cmd, bool to_master)
{
	struct subscriber s = { .kind = SUBSCRIBER_SERVICE };
	size_t len;
	char *topic = mu_store_topic("quick", to_master, &len);
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_command_enc(&b, cmd);
	ck_assert_int_gt(
	    router_command(endpoint_router(net.nodes[from->node].e), &s, NULL,
		topic, len, mu_buf_data(&b), mu_buf_len(&b)),
	    0);
	mu_buf_clear(&b);
	mu_free(topic);
}

/* A client of Broker's writes to whatever master it reaches. */
START_TEST(a_refused_master_takes_no_writes_of_others)
{
	struct on *m = start("manager"), *w = start_wrong();
	struct on *c = start("worker-2");
	struct mu_entity me = { { { 9 } }, 1 };
	struct mu_command attach = { .tag = MU_CMD_ATTACH_WRITER,
		.sender = me, .number = 1, .heartbeat = 5 };
	struct mu_command put = { .tag = MU_CMD_PUT, .seq = 2, .sender = me,
		.publisher = me };

	pass(4 * NET_S);
	ck_assert_str_eq(fact(w, "quick")->state, "refused");
	put.key = muster_value_cstring("k");
	put.value = muster_value_cstring("v");
	command(c, &attach, true);
	command(c, &put, true);
	pass(NET_S);
	ck_assert_uint_eq(fact(m, "quick")->entries, 1);
	ck_assert_uint_eq(fact(w, "quick")->entries, 0);
	ck_assert_uint_eq(fact(w, "quick")->writers, 0);
	mu_command_clear(&put);
}
END_TEST

START_TEST(it_serves_again_when_the_other_is_gone)
{
	struct on *m = start("manager"), *w = start_wrong();

	pass(4 * NET_S);
	ck_assert_str_eq(fact(w, "quick")->state, "refused");
	stop(m);
	pass(NET_S);
	ck_assert_str_eq(fact(w, "quick")->state, "fresh");
	ck_assert_ptr_null(fact(w, "quick")->error);
	put(w, "quick", "k", "v");
	check_get(w, "quick", "k", "v");
	start("manager");
	pass(4 * NET_S);
	ck_assert_str_eq(fact(w, "quick")->state, "refused");
}
END_TEST

/* worker-2 follows the manager, even while it is away. */
START_TEST(clones_follow_the_node_that_their_layout_names)
{
	struct on *w = start_wrong(), *c = start("worker-2"), *m;

	pass(4 * NET_S);
	put(w, "quick", "k", "wrong");
	ck_assert_str_eq(fact(c, "quick")->state, "searching");
	/* It asks for its master, but not that one. */
	ck_assert_uint_eq(fact(w, "quick")->clones, 0);
	ck_assert_str_eq(fact(c, "quick")->error,
	    "a second master is on node proxy-1: the layouts differ");
	m = start("manager");
	pass(4 * NET_S);
	put(c, "quick", "k", "right");
	check_get(m, "quick", "k", "right");
	check_get(c, "quick", "k", "right");
	ck_assert_str_eq(fact(c, "quick")->state, "fresh");
}
END_TEST

/* What the filter of proxy-1 says is up to the test. */
static void
announce(struct on *to, struct on *from, const char *topic, bool as_muster)
{
	struct muster_filter *f = muster_filter_new();

	muster_filter_add(f, topic, strlen(topic));
	if (as_muster)
		muster_filter_add(
		    f, MU_STORE_CAPABILITY, strlen(MU_STORE_CAPABILITY));
	stores_peer(&to->s->watch, endpoint_id(net.nodes[from->node].e), f);
	muster_filter_free(f);
}

/* A node of Zeek's attached its master before it met us, and keeps it; when
 * somebody watches that topic at a node of ours, there is no master. */
START_TEST(a_node_of_zeeks_keeps_its_master)
{
	struct on *m = start("manager"), *p = start("proxy-1");
	size_t len;
	char *topic = mu_store_topic("quick", true, &len);

	pass(2 * NET_S);
	announce(m, p, topic, _i == 1);
	pass(NET_S);
	ck_assert_str_eq(
	    fact(m, "quick")->state, _i == 0 ? "refused" : "fresh");
	if (_i == 0)
		ck_assert_ptr_nonnull(
		    strstr(fact(m, "quick")->error, "proxy-1"));
	else
		ck_assert_ptr_null(fact(m, "quick")->error);
	mu_free(topic);
}
END_TEST

/* An application with Broker inside is no node: it does not count. */
START_TEST(a_stranger_is_told_and_ignored)
{
	struct on *m = start("manager"), *c = start("worker-1");
	struct muster_filter *f = muster_filter_new();
	struct mu_uuid id = { { 9, 9, 9 } };
	size_t len;
	char *topic = mu_store_topic("quick", true, &len);

	muster_filter_add(f, topic, len);
	pass(2 * NET_S);
	stores_peer(&m->s->watch, &id, f);
	stores_peer(&c->s->watch, &id, f);
	pass(NET_S);
	ck_assert_ptr_null(fact(m, "quick")->error);
	pass(3 * NET_S);
	ck_assert_str_eq(fact(m, "quick")->state, "fresh");
	ck_assert_ptr_nonnull(
	    strstr(fact(m, "quick")->error, "which is no node of the layout"));
	put(c, "quick", "k", "v");
	check_get(m, "quick", "k", "v");
	stores_peer(&m->s->watch, &id, NULL);
	ck_assert_ptr_null(fact(m, "quick")->error);
	muster_filter_free(f);
	mu_free(topic);
}
END_TEST

/* Everybody may publish on the topic of the clones; only the master counts. */
START_TEST(changes_are_taken_from_the_master_alone)
{
	struct on *m = start("manager"), *p = start("proxy-1");
	struct on *c = start("worker-1");
	struct mu_command put = { .tag = MU_CMD_PUT };
	struct mu_clone_stats stats;

	pass(2 * NET_S);
	ck_assert_int_eq(stores_watch(c->s, "quick", &events), 0);
	put(m, "quick", "k", "true");
	pass(NET_S);
	mu_clone_stats(stores_find(c->s, "quick")->clone, &stats);
	put.seq = stats.seq + 1;
	put.sender = stats.master;
	put.publisher = stats.master;
	put.key = muster_value_cstring("k");
	put.value = muster_value_cstring("forged");
	command(p, &put, false);
	mu_command_clear(&put);
	pass(NET_S);
	check_get(c, "quick", "k", "true");
	put(c, "quick", "k", "next");
	check_get(m, "quick", "k", "next");
	pass(NET_S);
	mu_buf_u8(&events, '\0');
	ck_assert_str_eq((const char *)mu_buf_data(&events),
	    "quick insert\nquick update\n");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("stores_hosts");
	TCase *t = tcase_create("hosts");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup_both, teardown_both);
	tcase_add_loop_test(
	    t, the_second_master_is_refused_whoever_was_first, 0, 2);
	tcase_add_test(t, a_refused_master_takes_no_writes_of_others);
	tcase_add_test(t, it_serves_again_when_the_other_is_gone);
	tcase_add_test(t, clones_follow_the_node_that_their_layout_names);
	tcase_add_loop_test(t, a_node_of_zeeks_keeps_its_master, 0, 2);
	tcase_add_test(t, changes_are_taken_from_the_master_alone);
	tcase_add_test(t, a_stranger_is_told_and_ignored);
	suite_add_tcase(s, t);
	return unit_run(s);
}
