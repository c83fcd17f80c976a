/*
 * The stores of a process: the real masters and clones of daemon/stores, over
 * memory or over disks whose commits take virtual time.  What was committed
 * outlives the process, what was not is gone.  For each store a shadow is
 * made of nothing but its events.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/store_disk.h"
#include "sys/log.h"

#define EPOCH    INT64_C(1700000000000000000) /* of the wall clock */
#define INTERVAL SECOND /* in which such a disk writes what is sealed */

int64_t
sim_wall(const struct sim *s)
{
	return EPOCH + (int64_t)s->now;
}

static struct node *
node_of(void *caller)
{
	return caller;
}

/* --- disks ---------------------------------------------------------------- */

static size_t
row_of(const struct sim *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->layout->nstores; i++)
		if (strcmp(s->layout->stores[i].name, name) == 0)
			return i;
	abort();
}

static int
open_backend(void *ctx, const struct mu_layout_store *row, bool master,
    struct mu_backend **b, char *err, size_t err_size)
{
	struct node *n = ctx;
	size_t i = (size_t)(row - n->sim->layout->stores);
	enum mu_store_backend kind = master ? row->backend : row->clone_backend;

	(void)err, (void)err_size;
	n->disks[i] = NULL;
	n->shadows[i] = mu_backend_memory_new(0);
	n->committing[i] = false;
	if (kind == MU_STORE_BACKEND_MEMORY) {
		*b = mu_backend_memory_new(0);
	} else {
		if (n->platters[i] == NULL)
			n->platters[i] = mu_backend_memory_new(0);
		n->disks[i] = disk_open(n->platters[i]);
		n->disks[i]->interval = !master || row->sync_ns > 0;
		*b = &n->disks[i]->base;
		/* A copy goes on from what it held, without events. */
		disk_copy_all(n->platters[i], n->shadows[i]);
	}
	if (*b == NULL || n->shadows[i] == NULL)
		abort();
	return 0;
}

void
node_stores_start(struct node *n)
{
	struct stores_hooks hooks = { .open = open_backend, .ctx = n };
	struct sim *s = n->sim;
	size_t i;

	if (s->layout->nstores == 0)
		return;
	n->stores = stores_new(
	    n->e, s->layout, &hooks, mu_rng_u64(&s->rng), s->now, sim_wall(s));
	if (n->stores == NULL)
		abort();
	for (i = 0; i < s->layout->nstores; i++)
		if (n->shadows[i] != NULL &&
		    stores_watch(n->stores, s->layout->stores[i].name, n) != 0)
			abort();
}

/* Begin to write what is sealed, unless the disk is at it. */
static void
begin_commit(struct node *n, size_t i)
{
	struct sim *s = n->sim;
	const struct disk *d = n->disks[i];
	struct event e = { .kind = EVENT_COMMIT,
		.node = n,
		.life = n->life,
		.row = (unsigned)i };

	if (d == NULL || n->committing[i] || d->sealed == d->durable)
		return;
	n->committing[i] = true;
	e.batch = d->sealed;
	e.at =
	    s->now + mu_rng_below(&s->rng, d->interval ? INTERVAL : s->disk_ns);
	heap_push(s, &e);
}

void
node_stores_commit(struct node *n, const struct event *e)
{
	struct sim *s = n->sim;
	struct disk *d;

	if (n->stores == NULL || e->life != n->life)
		return;
	d = n->disks[e->row];
	n->committing[e->row] = false;
	if (s->disks_fail && !d->interval && d->ops != NULL &&
	    d->ops->batch != 0 && mu_rng_below(&s->rng, 30) == 0)
		d->fail = MUSTER_ELIMIT;
	else
		disk_commit(d, e->batch);
	stores_durable(n->stores, s->now, sim_wall(s));
	node_drain(n);
}

/* A killed process: sometimes its disk was done, and nobody was told. */
void
node_stores_lose(struct node *n)
{
	size_t i;

	if (n->stores == NULL)
		return;
	asks_orphan(n);
	for (i = 0; i < n->sim->layout->nstores; i++) {
		struct disk *d = n->disks[i];

		if (d != NULL && n->committing[i] &&
		    mu_rng_below(&n->sim->rng, 2) == 0)
			disk_commit(d, d->sealed);
		if (n->shadows[i] != NULL)
			n->shadows[i]->ops->close(n->shadows[i]);
		n->shadows[i] = NULL;
		n->disks[i] = NULL;
	}
	stores_free(n->stores);
	n->stores = NULL;
}

void
node_stores_free(struct node *n)
{
	size_t i;

	for (i = 0; i < n->sim->layout->nstores; i++)
		if (n->platters[i] != NULL)
			n->platters[i]->ops->close(n->platters[i]);
	free(n->platters);
	free(n->disks);
	free(n->shadows);
	free(n->committing);
}

bool
node_has_store(const struct node *n, size_t row, bool *master)
{
	const struct mu_layout_store *st = &n->sim->layout->stores[row];

	*master = strcmp(st->master, n->row->name) == 0;
	return *master ||
	       mu_layout_has_clone(st, n->row,
		   mu_layout_node(n->sim->layout, st->master));
}

struct mu_backend *
node_stores_content(const struct node *n, size_t row)
{
	bool master, lmdb;
	size_t at = 0, i;

	for (i = 0; i < row; i++)
		at += node_has_store(n, i, &master);
	if (n->stores == NULL || !node_has_store(n, row, &master))
		return NULL;
	return stores_backend(n->stores, at, &lmdb);
}

/* --- events --------------------------------------------------------------- */

static struct mu_bytes
encode(const struct muster_value *v)
{
	struct mu_bytes b;
	uint8_t *at;

	if (muster_value_enc(v, &at, &b.len) != 0)
		abort();
	b.at = at;
	return b;
}

static const char *
shadow_event(struct mu_backend *shadow, const struct mu_store_out *what,
    struct mu_bytes key, struct mu_bytes value)
{
	struct mu_bytes old;
	int64_t deadline;
	bool had = shadow->ops->get(shadow, key, &old, &deadline) == 0;

	switch (what->event) {
	case MU_STORE_INSERT:
		if (had)
			return "inserts what is there";
		break;
	case MU_STORE_UPDATE:
		if (!had)
			return "updates what is not there";
		break;
	case MU_STORE_ERASED:
	case MU_STORE_EXPIRED:
		if (!had)
			return "removes what is not there";
		shadow->ops->erase(shadow, key);
		return NULL;
	}
	if (shadow->ops->put(shadow, key, value, 0) != 0)
		abort();
	return NULL;
}

static void
on_event(struct node *n, const char *name, const struct mu_store_out *what)
{
	size_t row = row_of(n->sim, name);
	struct mu_bytes key = encode(what->key), value = { NULL, 0 };
	const char *wrong;
	bool master;

	if (what->value != NULL)
		value = encode(what->value);
	wrong = shadow_event(n->shadows[row], what, key, value);
	if (wrong != NULL)
		fail(
		    n->sim, "%s: an event of %s %s", n->row->name, name, wrong);
	node_has_store(n, row, &master);
	if (what->event == MU_STORE_EXPIRED)
		oracle_expired(n, row, master, what->key);
	free((void *)(uintptr_t)key.at);
	free((void *)(uintptr_t)value.at);
}

/* --- a turn --------------------------------------------------------------- */

static bool
hand_out(struct node *n)
{
	struct stores_out out;
	bool any = false;

	while (stores_next(n->stores, &out)) {
		any = true;
		switch (out.kind) {
		case STORES_DONE:
			ask_answered(node_of(out.caller), &out);
			break;
		case STORES_EVENT:
			on_event(n, out.name, &out.what);
			break;
		case STORES_LOG:
			if (n->sim->verbose)
				printf("%10.6f %s: store %s: %s\n",
				    (double)n->sim->now / 1e9, n->row->name,
				    out.name, out.what.text);
		}
	}
	return any;
}

bool
node_stores_turn(struct node *n)
{
	struct sim *s = n->sim;
	size_t i;

	if (n->stores == NULL)
		return false;
	stores_tick(n->stores, s->now, sim_wall(s));
	stores_flush(n->stores);
	for (i = 0; i < s->layout->nstores; i++)
		begin_commit(n, i);
	return hand_out(n);
}
