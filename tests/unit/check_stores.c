/*
 * Stores on whole nodes without sockets: a write on one node is read on
 * another, one of two racing writers wins, masters and clones come back.
 */
#include "endpoint_net.h"

#include <poll.h>

#include "core/backend_lmdb.h"
#include "core/stores.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "muster/value.h"
#include "scratch.h"
#include "store/backend.h"

#define LAYOUT                                                                 \
	"cluster: test\n"                                                      \
	"tls: none\n"                                                          \
	"nodes:\n"                                                             \
	"  manager:      {role: manager, host: 10.0.0.1, port: 27761}\n"       \
	"  worker-[1-3]: {role: worker, host: 10.0.0.[4-6]}\n"                 \
	"stores:\n"                                                            \
	"  quick: {clones: [worker-1, worker-2]}\n"                            \
	"  my/hosts: {backend: lmdb, clones: [worker-1, worker-2]}\n"          \
	"  brief: {expiry: 2 s, clones: [worker-1]}\n"                         \
	"  far: {clones: [worker-2], clone_backend: lmdb}\n"

#define WALL   INT64_C(1700000000000000000)
#define STEP   (10 * NET_MS)
#define ANSWERS 32

struct answer {
	bool done;
	enum mu_store_status status;
	struct muster_value *result; /* counted */
};

struct on {
	struct stores *s;
	size_t node;
	bool broken; /* no backend opens */
	uint64_t delay_ns; /* of every commit */
	bool impatient; /* turns do not wait for commits */
};

static struct mu_layout *layout;
static struct net net;
static struct on nodes[NET_NODES];
static struct answer answers[ANSWERS];
static uint64_t nrequests;
static struct mu_buf events;

static int64_t
wall(void)
{
	return WALL + (int64_t)net.now;
}

/* --- nodes with stores --------------------------------------------------- */

static int
open_backend(void *ctx, const struct mu_layout_store *store, bool master,
    struct mu_backend **b, char *err, size_t err_size)
{
	const struct on *n = ctx;
	char folder[400];
	struct backend_lmdb_options o = { .folder = folder,
		.name = store->name, .max_bytes = 64u << 20,
		.test_sync_delay_ns = n->delay_ns };

	if (n->broken) {
		snprintf(err, err_size, "the disk is on fire");
		return MUSTER_ESYS;
	}
	snprintf(folder, sizeof folder, "%s/%zu-%s", scratch_folder, n->node,
	    master ? "stores" : "clones");
	if ((master ? store->backend : store->clone_backend) ==
	    MU_STORE_BACKEND_LMDB)
		return backend_lmdb_open(&o, b, err, err_size);
	*b = mu_backend_memory_new(0);
	return *b == NULL ? MUSTER_ENOMEM : 0;
}

static void
open_stores(struct on *n)
{
	struct stores_hooks hooks = { .open = open_backend, .ctx = n };

	n->s = stores_new(net.nodes[n->node].e, layout, &hooks,
	    mu_mix64(++net.ids), net.now, wall());
	ck_assert_ptr_nonnull(n->s);
}

static struct on *
start_with(const char *name, const struct mu_uuid *id)
{
	size_t i = net_start_with(&net, name, id);

	nodes[i].node = i;
	open_stores(&nodes[i]);
	return &nodes[i];
}

static struct on *
start(const char *name)
{
	return start_with(name, NULL);
}

static void
stop(struct on *n)
{
	stores_free(n->s);
	n->s = NULL;
	net_kill(&net, n->node);
}

/* Commits happen in a thread of the backend's own. */
static void
await_commits(const struct on *n)
{
	for (size_t i = 0; i < stores_count(n->s); i++) {
		bool lmdb;
		struct mu_backend *b = stores_backend(n->s, i, &lmdb);
		struct backend_lmdb_facts f;

		if (b == NULL || !lmdb)
			continue;
		for (;;) {
			struct pollfd p = { .fd = backend_lmdb_fd(b),
				.events = POLLIN };

			backend_lmdb_facts(b, &f);
			if (f.synced >= f.sealed)
				break;
			ck_assert_int_gt(poll(&p, 1, 10000), 0);
			stores_durable(n->s, net.now, wall());
			if (f.synced < f.sealed && poll(&p, 1, 0) > 0)
				break; /* news that next will take */
		}
	}
}

static void
keep_answer(const struct stores_out *out)
{
	struct answer *a = out->caller;

	ck_assert(a == &answers[out->what.id]);
	ck_assert(!a->done);
	a->done = true;
	a->status = out->what.status;
	if (out->what.result != NULL)
		a->result = muster_value_ref(out->what.result);
}

static bool
drain(struct on *n)
{
	static const char *const names[] = { "insert", "update", "erase",
		"expire" };
	struct stores_out out;
	bool any = false;

	while (stores_next(n->s, &out)) {
		any = true;
		if (out.kind == STORES_DONE)
			keep_answer(&out);
		else if (out.kind == STORES_EVENT)
			mu_buf_printf(&events, "%s %s\n", out.name,
			    names[out.what.event]);
		else
			mu_buf_printf(&net.nodes[n->node].said,
			    "store %s: %s\n", out.name, out.what.text);
	}
	return any;
}

static void
turn(void)
{
	bool any;

	do {
		any = false;
		for (size_t i = 0; i < net.nnodes; i++) {
			struct on *n = &nodes[i];

			if (n->s == NULL)
				continue;
			stores_tick(n->s, net.now, wall());
			stores_flush(n->s);
			if (!n->impatient)
				await_commits(n);
			any |= drain(n);
		}
		net_settle(&net);
	} while (any);
}

static void
pass(uint64_t ns)
{
	for (uint64_t at = 0; at < ns; at += STEP) {
		net_run(&net, STEP);
		turn();
	}
}

/* --- requests ------------------------------------------------------------ */

static struct answer *
ask(struct on *n, const char *store, enum mu_store_op op, const char *key,
    const char *value)
{
	struct muster_value *k = muster_value_cstring(key);
	struct muster_value *v =
	    value == NULL ? NULL : muster_value_cstring(value);
	struct mu_store_request req = { .id = nrequests, .op = op, .key = k,
		.value = v, .timeout_ns = 5 * NET_S };
	struct answer *a = &answers[nrequests++];

	ck_assert_uint_lt(nrequests, ANSWERS);
	ck_assert_int_eq(
	    stores_request(n->s, store, &req, a, net.now, wall()), 0);
	muster_value_unref(k);
	muster_value_unref(v);
	return a;
}

static struct answer *
answered(struct on *n, const char *store, enum mu_store_op op,
    const char *key, const char *value)
{
	struct answer *a = ask(n, store, op, key, value);

	for (int i = 0; i < 600 && !a->done; i++)
		pass(STEP);
	ck_assert(a->done);
	return a;
}

#define put(n, store, key, value)                                              \
	ck_assert_int_eq(                                                      \
	    answered(n, store, MU_STORE_PUT, key, value)->status, MU_STORE_OK)

static void
check_get(struct on *n, const char *store, const char *key, const char *value)
{
	struct answer *a = answered(n, store, MU_STORE_GET, key, NULL);
	struct muster_value *v = muster_value_cstring(value);

	ck_assert_msg(a->status == MU_STORE_OK, "%s: %s", key,
	    mu_store_status_name(a->status));
	ck_assert_int_eq(muster_value_cmp(a->result, v), 0);
	muster_value_unref(v);
}

static const struct stores_fact *
fact(const struct on *n, const char *name)
{
	static struct stores_fact f;

	for (size_t i = 0; i < stores_count(n->s); i++) {
		stores_fact(n->s, i, &f);
		if (strcmp(f.name, name) == 0)
			return &f;
	}
	ck_abort_msg("no store %s", name);
	return NULL;
}

static void
setup(void)
{
	scratch_open();
	layout = must_read(LAYOUT);
	net_init(&net, layout);
	mu_buf_init(&events, 0);
}

static void
teardown(void)
{
	for (size_t i = 0; i < NET_NODES; i++)
		stores_free(nodes[i].s);
	for (size_t i = 0; i < ANSWERS; i++)
		muster_value_unref(answers[i].result);
	net_clear(&net);
	mu_layout_free(layout);
	mu_buf_clear(&events);
	scratch_close();
}

/* --- the tests ----------------------------------------------------------- */

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
	ck_assert_int_eq((x->status == MU_STORE_OK) +
	    (y->status == MU_STORE_OK), 1);
	ck_assert_int_eq((x->status == MU_STORE_CONDITION) +
	    (y->status == MU_STORE_CONDITION), 1);
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
	ck_assert_int_eq(answered(b, "quick", MU_STORE_GET, "lost",
	    NULL)->status, MU_STORE_NO_SUCH_KEY);
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
	ck_assert_int_eq(answered(a, "brief", MU_STORE_GET, "k",
	    NULL)->status, MU_STORE_NO_SUCH_KEY);
	ck_assert_uint_eq(fact(m, "brief")->nexpired, 1);
	mu_buf_u8(&events, '\0');
	ck_assert_str_eq((const char *)mu_buf_data(&events),
	    "brief insert\nbrief expire\n");
}
END_TEST

START_TEST(nodes_have_what_the_layout_gives_them)
{
	struct on *m = start("manager"), *c = start("worker-3");
	struct mu_store_request req = { .op = MU_STORE_KEYS };

	ck_assert_uint_eq(stores_count(m->s), 4);
	ck_assert_uint_eq(stores_count(c->s), 0);
	ck_assert_int_eq(stores_request(c->s, "quick", &req, c, net.now,
	    wall()), MUSTER_ENOENT);
	ck_assert_int_eq(stores_watch(c->s, "quick", c), MUSTER_ENOENT);
	net_settle(&net);
	net_expect(&net, m->node,
	    "cluster.log created master store: my/hosts", 1);
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

/* By a peer that announces the master's topic, too. */
START_TEST(a_second_master_is_named)
{
	struct on *m = start("manager");
	struct subscriber s = { .kind = SUBSCRIBER_SERVICE };
	struct muster_filter *f = muster_filter_new();
	size_t c = net_start(&net, "worker-3");
	size_t len;
	char *topic = mu_store_topic("quick", true, &len);

	muster_filter_add(f, topic, len);
	ck_assert_int_eq(router_attach(endpoint_router(net.nodes[c].e), &s,
	    f), 0);
	pass(4 * NET_S);
	net_expect(&net, m->node, "store quick: a second master is on node "
	    "worker-3: the layouts differ", 1);
	ck_assert_ptr_nonnull(strstr(fact(m, "quick")->error, "worker-3"));
	router_detach(endpoint_router(net.nodes[c].e), &s);
	muster_filter_free(f);
	mu_free(topic);
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
		s = stores_new(net.nodes[i].e, layout, &hooks, 1, net.now,
		    wall());
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
	tcase_add_test(t, a_write_made_without_master_is_done_when_it_is_there);
	tcase_add_test(t, a_clone_on_disk_is_there_again_after_a_restart);
	tcase_add_test(t, entries_expire_by_the_default_of_the_layout);
	tcase_add_test(t, nodes_have_what_the_layout_gives_them);
	tcase_add_test(t, a_store_that_cannot_be_opened_refuses_and_says_why);
	tcase_add_test(t, callers_that_left_get_no_answers);
	tcase_add_test(t, a_second_master_is_named);
	tcase_add_test(t, stores_need_their_memory_to_begin);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
