/*
 * Whole nodes with stores, joined without sockets, for tests that tell one
 * story each.
 */
#ifndef UNIT_STORES_NET_H
#define UNIT_STORES_NET_H

#include "endpoint_net.h"

#include <poll.h>

#include "muster/err.h"
#include "muster/topic.h"
#include "muster/value.h"
#include "scratch.h"
#include "store/backend.h"
#include "stores/backend_lmdb.h"
#include "stores/stores.h"

#ifndef LAYOUT /* a test may have its own */
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
	"  far: {clones: [worker-2], clone_backend: lmdb}\n"                     \
	"  near: {master: worker-1}\n"
#endif

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
	const struct mu_layout *own; /* another layout for its stores, or NULL */
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

	n->s = stores_new(net.nodes[n->node].e,
	    n->own != NULL ? n->own : layout, &hooks,
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

__attribute__((unused)) static struct on *
start(const char *name)
{
	return start_with(name, NULL);
}

__attribute__((unused)) static void
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
			ck_assert_int_gt(poll(&p, 1, 60000), 0);
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

__attribute__((unused)) static struct answer *
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

__attribute__((unused)) static void
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

#endif
