/*
 * Stores on whole nodes without sockets: a write on one node is read on
 * another, one of two racing writers wins, masters and clones come back.
 */
#include "stores_net.h"

#include "store/command.h"

START_TEST(a_write_on_one_clone_is_read_on_another)
{
	const char *store = _i == 0 ? "quick" : "my/hosts";
	struct on *m = start("manager"), *a = start("worker-1");
	struct on *b = start("worker-2");

	pass(2 * NET_S);
	ck_assert_str_eq(fact(a, store)->state, "fresh");
	put(a, store, "k", "v");
	check_get(a, store, "k", "v");
	check_get(m, store, "k", "v");
	pass(NET_S);
	check_get(b, store, "k", "v");
	ck_assert_uint_eq(fact(m, store)->entries, 1);
	ck_assert_uint_eq(fact(m, store)->clones, 2);
	ck_assert_str_eq(fact(b, store)->master_node, "manager");
}
END_TEST

static bool
is_committing(const struct on *n, const char *store)
{
	for (size_t i = 0; i < stores_count(n->s); i++) {
		bool lmdb;
		struct mu_backend *b = stores_backend(n->s, i, &lmdb);
		struct backend_lmdb_facts f;
		struct stores_fact what;

		stores_fact(n->s, i, &what);
		if (!lmdb || strcmp(what.name, store) != 0)
			continue;
		backend_lmdb_facts(b, &f);
		return f.synced < f.sealed;
	}
	ck_abort_msg("no store %s on disk", store);
	return false;
}

/* The disk is slow: turns go on, and the answer comes after the commit. */
START_TEST(nothing_is_acknowledged_before_its_commit)
{
	struct on *m, *a;
	struct answer *x;
	unsigned turns = 0;

	nodes[0].delay_ns = 300 * NET_MS;
	m = start("manager");
	a = start("worker-1");
	pass(NET_S);
	m->impatient = true;
	x = ask(a, "my/hosts", MU_STORE_PUT, "k", "v");
	for (int i = 0; i < 20 && !is_committing(m, "my/hosts"); i++)
		pass(STEP);
	ck_assert(is_committing(m, "my/hosts"));
	for (int i = 0; i < 10 && is_committing(m, "my/hosts"); i++) {
		ck_assert(!x->done);
		pass(STEP);
		turns++;
	}
	ck_assert_uint_gt(turns, 0);
	m->impatient = false;
	pass(NET_S);
	ck_assert(x->done);
	ck_assert_int_eq(x->status, MU_STORE_OK);
}
END_TEST

START_TEST(one_of_two_racing_writers_wins)
{
	struct on *a, *b;
	struct answer *x, *y;

	start("manager");
	a = start("worker-1");
	b = start("worker-2");
	pass(2 * NET_S);
	x = ask(a, "my/hosts", MU_STORE_PUT_UNIQUE, "k", "a");
	y = ask(b, "my/hosts", MU_STORE_PUT_UNIQUE, "k", "b");
	pass(2 * NET_S);
	ck_assert(x->done && y->done);
	ck_assert_int_eq(
	    (x->status == MU_STORE_OK) + (y->status == MU_STORE_OK), 1);
	ck_assert_int_eq((x->status == MU_STORE_CONDITION) +
			     (y->status == MU_STORE_CONDITION),
	    1);
	check_get(a, "my/hosts", "k", x->status == MU_STORE_OK ? "a" : "b");
	check_get(b, "my/hosts", "k", x->status == MU_STORE_OK ? "a" : "b");
}
END_TEST

START_TEST(clones_follow_a_master_that_comes_back)
{
	struct on *m = start("manager"), *a = start("worker-1");
	struct on *b = start("worker-2");
	struct mu_uuid id = *endpoint_id(net.nodes[m->node].e);

	pass(2 * NET_S);
	put(a, "my/hosts", "old", "1");
	put(a, "quick", "lost", "1");
	stop(m);
	pass(NET_S);
	m = start_with("manager", _i == 0 ? &id : NULL);
	pass(3 * NET_S);
	check_get(m, "my/hosts", "old", "1");
	put(a, "my/hosts", "new", "2");
	pass(NET_S);
	check_get(b, "my/hosts", "old", "1");
	check_get(b, "my/hosts", "new", "2");
	ck_assert_int_eq(
	    answered(b, "quick", MU_STORE_GET, "lost", NULL)->status,
	    MU_STORE_NO_SUCH_KEY);
}
END_TEST

/* Whenever it comes back, the first thing it hears of a clone is "attach". */
START_TEST(a_restarted_master_hears_attach_first)
{
	struct on *m = start("manager"), *a = start("worker-1");
	struct mu_uuid id = *endpoint_id(net.nodes[m->node].e);

	pass(2 * NET_S);
	put(a, "my/hosts", "k", "v");
	for (int i = 0; i < 5; i++) {
		stop(m);
		pass(NET_S + (uint64_t)i * 110 * NET_MS);
		m = start_with("manager", &id);
		pass(2 * NET_S);
		net_expect(&net, m->node, "of an earlier life goes on", 0);
		ck_assert_str_eq(fact(a, "my/hosts")->state, "fresh");
		put(a, "my/hosts", "k", "w");
	}
}
END_TEST

static struct mu_entity heard;

static void
hear_master(struct subscriber *s, struct message *m)
{
	struct mu_command cmd;

	(void)s;
	if (m->env.type != MU_COMMAND ||
	    mu_command_dec(&cmd, m->env.payload, m->env.payload_len) != 0)
		return;
	heard = cmd.sender;
	mu_command_clear(&cmd);
}

/* That is what lets Zeek's clones follow it. */
START_TEST(a_master_is_the_same_entity_in_every_life)
{
	struct on *m = start("manager");
	size_t c = net_start(&net, "worker-3"), len;
	struct mu_uuid id = *endpoint_id(net.nodes[m->node].e);
	char *topic = mu_store_topic("my/hosts", false, &len);
	struct subscriber s = { .kind = SUBSCRIBER_SERVICE,
		.deliver = hear_master };
	struct muster_filter *f = muster_filter_new();
	struct mu_entity first;

	muster_filter_add(f, topic, len);
	ck_assert_int_eq(
	    router_attach(endpoint_router(net.nodes[c].e), &s, f), 0);
	pass(3 * NET_S);
	first = heard;
	ck_assert(!mu_entity_is_nil(&first));
	ck_assert(mu_uuid_eq(&first.endpoint, &id));
	stop(m);
	memset(&heard, 0, sizeof heard);
	pass(NET_S);
	start_with("manager", &id);
	pass(3 * NET_S);
	ck_assert(mu_entity_eq(&first, &heard));
	router_detach(endpoint_router(net.nodes[c].e), &s);
	muster_filter_free(f);
	mu_free(topic);
}
END_TEST

/* A clone of Broker's says what it has of my/hosts. */
static void
acknowledge(size_t c, const struct mu_uuid *master, uint64_t number)
{
	static const char store[] = "my/hosts";
	struct router *r = endpoint_router(net.nodes[c].e);
	struct subscriber s = { .kind = SUBSCRIBER_SERVICE,
		.deliver = hear_master };
	struct mu_command ack = { .tag = MU_CMD_CUMULATIVE_ACK,
		.sender = { *endpoint_id(net.nodes[c].e), 1 },
		.number = number };
	struct muster_filter *f = muster_filter_new();
	size_t len;
	char *topic = mu_store_topic(store, true, &len);
	struct mu_buf b;

	ack.receiver.endpoint = *master;
	ack.receiver.object = mu_hash64(0, store, strlen(store)) | 1;
	mu_buf_init(&b, 0);
	mu_command_enc(&b, &ack);
	ck_assert_int_eq(router_attach(r, &s, f), 0);
	ck_assert_int_ge(router_command(r, &s, NULL, topic, len,
			     mu_buf_data(&b), mu_buf_len(&b)),
	    0);
	router_detach(r, &s);
	muster_filter_free(f);
	mu_buf_clear(&b);
	mu_free(topic);
}

/* The manager, with the layout given for its stores. */
static struct on *
start_manager(const struct mu_uuid *id, const struct mu_layout *own)
{
	struct on *m = start_with("manager", id);

	stores_free(m->s);
	m->own = own;
	open_stores(m);
	return m;
}

/* Clones of Broker's know no lives: with an interval their numbers may stand
 * for something else, and they are sent everything. */
START_TEST(with_an_interval_clones_of_brokers_begin_anew)
{
	static const char *const syncs[] = { "commit", "1 s" };
	struct mu_layout *own;
	struct mu_buf text;
	struct mu_uuid id;
	struct on *m;
	uint64_t seq;
	size_t c;

	mu_buf_init(&text, 0);
	mu_buf_printf(&text,
	    "cluster: test\n"
	    "tls: none\n"
	    "nodes:\n"
	    "  manager: {role: manager, host: 10.0.0.1, port: 27761}\n"
	    "stores: {my/hosts: {backend: lmdb, sync: %s}}\n",
	    syncs[_i]);
	mu_buf_put(&text, "", 1);
	own = must_read((const char *)mu_buf_data(&text));
	m = start_manager(NULL, own);
	id = *endpoint_id(net.nodes[m->node].e);
	c = net_start(&net, "worker-3");
	put(m, "my/hosts", "k", "v");
	seq = fact(m, "my/hosts")->seq;
	stop(m);
	pass(NET_S);
	m = start_manager(&id, own);
	pass(3 * NET_S);
	ck_assert_uint_eq(fact(m, "my/hosts")->seq, seq);
	acknowledge(c, &id, seq);
	pass(3 * NET_S);
	net_expect(&net, m->node, "of an earlier life goes on", 1);
	net_expect(&net, m->node, "resynchronising clones", _i == 1);
	stores_free(m->s);
	m->s = NULL;
	mu_layout_free(own);
	mu_buf_clear(&text);
}
END_TEST

START_TEST(a_write_made_without_master_is_done_when_it_is_there)
{
	struct on *a = start("worker-1");
	struct answer *x;

	pass(NET_S);
	ck_assert_str_eq(fact(a, "quick")->state, "searching");
	x = ask(a, "quick", MU_STORE_PUT, "k", "v");
	pass(NET_S);
	ck_assert(!x->done);
	start("manager");
	pass(2 * NET_S);
	ck_assert(x->done);
	ck_assert_int_eq(x->status, MU_STORE_OK);
}
END_TEST

/* Virtual minutes, the limit of the manual. */
START_TEST(a_copy_is_stale_after_five_minutes)
{
	struct on *m = start("manager"), *a = start("worker-1");
	struct answer *x;

	pass(2 * NET_S);
	put(a, "quick", "k", "v");
	stop(m);
	pass(295 * NET_S);
	ck_assert_ptr_nonnull(strstr(fact(a, "quick")->state, "stale since"));
	check_get(a, "quick", "k", "v");
	pass(10 * NET_S);
	x = ask(a, "quick", MU_STORE_GET, "k", NULL);
	pass(NET_S);
	ck_assert(!x->done);
	pass(5 * NET_S);
	ck_assert(x->done);
	ck_assert_int_eq(x->status, MU_STORE_STALE);
	start("manager");
	pass(3 * NET_S);
	ck_assert_str_eq(fact(a, "quick")->state, "fresh");
}
END_TEST

START_TEST(a_clone_on_disk_is_there_again_after_a_restart)
{
	struct on *m = start("manager"), *b = start("worker-2");

	pass(2 * NET_S);
	put(m, "far", "before", "1");
	pass(2 * NET_S);
	stop(b);
	put(m, "far", "meanwhile", "2");
	b = start("worker-2");
	ck_assert_uint_eq(fact(b, "far")->entries, 1);
	pass(2 * NET_S);
	check_get(b, "far", "before", "1");
	check_get(b, "far", "meanwhile", "2");
}
END_TEST

START_TEST(entries_expire_by_the_default_of_the_layout)
{
	struct on *m = start("manager"), *a = start("worker-1");

	pass(2 * NET_S);
	ck_assert_int_eq(stores_watch(a->s, "brief", &events), 0);
	put(a, "brief", "k", "v");
	check_get(a, "brief", "k", "v");
	pass(3 * NET_S);
	ck_assert_int_eq(answered(a, "brief", MU_STORE_GET, "k", NULL)->status,
	    MU_STORE_NO_SUCH_KEY);
	ck_assert_uint_eq(fact(m, "brief")->nexpired, 1);
	mu_buf_u8(&events, '\0');
	ck_assert_str_eq(
	    (const char *)mu_buf_data(&events), "brief insert\nbrief expire\n");
}
END_TEST

START_TEST(nodes_have_what_the_layout_gives_them)
{
	struct on *m = start("manager"), *c = start("worker-3");
	struct mu_store_request req = { .op = MU_STORE_KEYS };

	ck_assert_uint_eq(stores_count(m->s), 5);
	ck_assert(!fact(m, "near")->master);
	/* no connection with worker-1, so no clone of what that one has */
	ck_assert_uint_eq(stores_count(c->s), 0);
	ck_assert_int_eq(
	    stores_request(c->s, "quick", &req, c, net.now, wall()),
	    MUSTER_ENOENT);
	ck_assert_int_eq(stores_watch(c->s, "quick", c), MUSTER_ENOENT);
	net_settle(&net);
	net_expect(
	    &net, m->node, "cluster.log created master store: my/hosts", 1);
	net_expect(&net, c->node, "cluster.log created", 0);
}
END_TEST

START_TEST(a_store_that_cannot_be_opened_refuses_and_says_why)
{
	struct on *m;
	struct answer *x;

	nodes[0].broken = true;
	m = start("manager");
	pass(NET_S);
	net_expect(&net, m->node,
	    "store quick: cannot be opened: the disk is on fire", 1);
	ck_assert_str_eq(fact(m, "quick")->state, "failed");
	ck_assert_str_eq(fact(m, "quick")->error, "the disk is on fire");
	x = answered(m, "quick", MU_STORE_GET, "k", NULL);
	ck_assert_int_eq(x->status, MU_STORE_BACKEND);
}
END_TEST

START_TEST(callers_that_left_get_no_answers)
{
	struct on *m, *a = start("worker-1");
	struct answer *x;

	pass(NET_S);
	x = ask(a, "quick", MU_STORE_PUT, "k", "v");
	ck_assert_int_eq(stores_watch(a->s, "quick", x), 0);
	stores_forget(a->s, x);
	m = start("manager");
	pass(2 * NET_S);
	ck_assert(!x->done);
	check_get(m, "quick", "k", "v");
	ck_assert_uint_eq(mu_buf_len(&events), 0);
}
END_TEST

static bool
fail_nth(void *ctx)
{
	unsigned *left = ctx;

	return (*left)-- == 0;
}

START_TEST(stores_need_their_memory_to_begin)
{
	size_t i = net_start(&net, "worker-1");
	struct stores_hooks hooks = { .open = open_backend, .ctx = &nodes[i] };

	nodes[i].node = i;
	for (unsigned n = 0;; n++) {
		unsigned left = n;
		struct stores *s;

		mu_alloc_set_hook(fail_nth, &left);
		s = stores_new(
		    net.nodes[i].e, layout, &hooks, 1, net.now, wall());
		mu_alloc_set_hook(NULL, NULL);
		stores_free(s);
		if (left < UINT32_MAX / 2)
			break; /* it was not reached */
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("stores");
	TCase *t = tcase_create("stores");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_write_on_one_clone_is_read_on_another, 0, 2);
	tcase_add_test(t, nothing_is_acknowledged_before_its_commit);
	tcase_add_test(t, one_of_two_racing_writers_wins);
	tcase_add_loop_test(t, clones_follow_a_master_that_comes_back, 0, 2);
	tcase_add_test(t, a_restarted_master_hears_attach_first);
	tcase_add_test(t, a_master_is_the_same_entity_in_every_life);
	tcase_add_loop_test(
	    t, with_an_interval_clones_of_brokers_begin_anew, 0, 2);
	tcase_add_test(t, a_write_made_without_master_is_done_when_it_is_there);
	tcase_add_test(t, a_copy_is_stale_after_five_minutes);
	tcase_add_test(t, a_clone_on_disk_is_there_again_after_a_restart);
	tcase_add_test(t, entries_expire_by_the_default_of_the_layout);
	tcase_add_test(t, nodes_have_what_the_layout_gives_them);
	tcase_add_test(t, a_store_that_cannot_be_opened_refuses_and_says_why);
	tcase_add_test(t, callers_that_left_get_no_answers);
	tcase_add_test(t, stores_need_their_memory_to_begin);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
