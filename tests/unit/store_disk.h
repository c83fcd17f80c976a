/*
 * A backend like one on a disk, for tests: batches become durable when the
 * test says so, may fail and are undone then, and what is durable survives
 * the process.  Two memory backends: what reads see, and what is on disk.
 */
#ifndef UNIT_STORE_DISK_H
#define UNIT_STORE_DISK_H

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "muster/err.h"
#include "store/backend.h"

enum disk_what { DISK_PUT, DISK_ERASE, DISK_CLEAR, DISK_META };

struct disk_op {
	struct disk_op *next;
	enum disk_what what;
	uint64_t batch; /* 0: open */
	uint8_t *key, *value;
	size_t key_len, value_len;
	int64_t deadline;
};

struct disk {
	struct mu_backend base;
	struct mu_backend *live;
	struct mu_backend *platter; /* owned by the test */
	struct disk_op *ops, **tail;
	uint64_t sealed, durable;
	bool interval;           /* what is sealed counts as durable */
	bool lags;               /* much waits for it */
	int fail;                /* error of the next commit */
	int refuse;              /* error of every write */
	struct mu_bytes damaged; /* a key whose record cannot be read */
	bool heals;              /* by clear */
	struct mu_bytes rotten;  /* a key that no commit can hold */
};

static bool
disk_is(struct mu_bytes a, struct mu_bytes b)
{
	return a.at != NULL && a.len == b.len && memcmp(a.at, b.at, b.len) == 0;
}

static uint8_t *
disk_dup(struct mu_bytes b)
{
	uint8_t *p = malloc(b.len + 1);

	if (b.len > 0)
		memcpy(p, b.at, b.len);
	return p;
}

static void
disk_note(struct disk *d, enum disk_what what, struct mu_bytes key,
    struct mu_bytes value, int64_t deadline)
{
	struct disk_op *op = calloc(1, sizeof *op);

	op->what = what;
	op->key = disk_dup(key);
	op->key_len = key.len;
	op->value = disk_dup(value);
	op->value_len = value.len;
	op->deadline = deadline;
	*d->tail = op;
	d->tail = &op->next;
}

static int
disk_do(struct mu_backend *b, const struct disk_op *op)
{
	struct mu_bytes key = { op->key, op->key_len };
	struct mu_bytes value = { op->value, op->value_len };

	switch (op->what) {
	case DISK_PUT:
		return b->ops->put(b, key, value, op->deadline);
	case DISK_ERASE:
		return b->ops->erase(b, key);
	case DISK_CLEAR:
		return b->ops->clear(b);
	case DISK_META:
		return b->ops->meta_put(b, key, value);
	}
	return 0;
}

static void
disk_drop(struct disk *d)
{
	struct disk_op *op = d->ops;

	d->ops = op->next;
	if (d->ops == NULL)
		d->tail = &d->ops;
	free(op->key);
	free(op->value);
	free(op);
}

static bool
disk_copy(struct mu_backend *from, struct mu_backend *to)
{
	struct mu_bytes at = { NULL, 0 }, key, value;
	int64_t deadline;

	while (from->ops->after(from, at, &key, &value, &deadline) == 0) {
		if (to->ops->put(to, key, value, deadline) != 0)
			return false;
		at = key;
	}
	return true;
}

static void
disk_copy_all(struct mu_backend *from, struct mu_backend *to)
{
	if (!disk_copy(from, to))
		abort();
}

/* Records by name: masters and clones use few. */
static void
disk_copy_meta(struct mu_backend *from, struct mu_backend *to)
{
	static const char *const names[] = { "seq", "epoch", "lives", "held" };
	struct mu_bytes key, value;

	for (size_t i = 0; i < 4; i++) {
		key.at = (const uint8_t *)names[i];
		key.len = strlen(names[i]);
		if (from->ops->meta_get(from, key, &value) == 0)
			to->ops->meta_put(to, key, value);
	}
	for (unsigned i = 0; i < 1024; i++) {
		uint8_t raw[3] = { 'w', (uint8_t)(i >> 8), (uint8_t)i };

		key.at = raw;
		key.len = 3;
		if (from->ops->meta_get(from, key, &value) == 0)
			to->ops->meta_put(to, key, value);
	}
}

/* The disk commits everything up to that batch; after a failure it waits until
 * its owner has heard of it. */
static void
disk_commit(struct disk *d, uint64_t batch)
{
	if (d->fail != 0)
		return;
	for (struct disk_op *op = d->ops; op != NULL; op = op->next) {
		struct mu_bytes key = { op->key, op->key_len };

		if (op->batch == 0 || op->batch > batch)
			break;
		if (disk_is(d->rotten, key)) {
			d->fail = MUSTER_EPROTO;
			return;
		}
	}
	while (d->ops != NULL && d->ops->batch != 0 && d->ops->batch <= batch) {
		disk_do(d->platter, d->ops);
		disk_drop(d);
	}
	if (batch > d->durable)
		d->durable = batch;
}

static int
disk_get(struct mu_backend *b, struct mu_bytes key, struct mu_bytes *value,
    int64_t *deadline)
{
	struct disk *d = (struct disk *)b;

	if (disk_is(d->damaged, key))
		return MUSTER_EPROTO;
	return d->live->ops->get(d->live, key, value, deadline);
}

static int
disk_after(struct mu_backend *b, struct mu_bytes key, struct mu_bytes *found,
    struct mu_bytes *value, int64_t *deadline)
{
	struct disk *d = (struct disk *)b;

	return d->live->ops->after(d->live, key, found, value, deadline);
}

static int
disk_put(struct mu_backend *b, struct mu_bytes key, struct mu_bytes value,
    int64_t deadline)
{
	struct disk *d = (struct disk *)b;
	int rc = d->refuse;

	if (rc == 0)
		rc = d->live->ops->put(d->live, key, value, deadline);
	if (rc == 0)
		disk_note(d, DISK_PUT, key, value, deadline);
	return rc;
}

static int
disk_erase(struct mu_backend *b, struct mu_bytes key)
{
	struct disk *d = (struct disk *)b;
	struct mu_bytes none = { NULL, 0 };
	int rc = d->refuse;

	if (rc == 0) {
		disk_note(d, DISK_ERASE, key, none, 0);
		rc = d->live->ops->erase(d->live, key);
	}
	return rc;
}

static int
disk_clear(struct mu_backend *b)
{
	struct disk *d = (struct disk *)b;
	struct mu_bytes none = { NULL, 0 };

	if (d->refuse != 0)
		return d->refuse;
	if (d->heals)
		d->damaged.at = NULL;
	disk_note(d, DISK_CLEAR, none, none, 0);
	return d->live->ops->clear(d->live);
}

static uint64_t
disk_size(struct mu_backend *b)
{
	struct disk *d = (struct disk *)b;

	return d->live->ops->size(d->live);
}

static int
disk_first(struct mu_backend *b, struct mu_bytes *key, int64_t *deadline)
{
	struct disk *d = (struct disk *)b;

	return d->live->ops->first_deadline(d->live, key, deadline);
}

static int
disk_meta_get(struct mu_backend *b, struct mu_bytes key, struct mu_bytes *value)
{
	struct disk *d = (struct disk *)b;

	return d->live->ops->meta_get(d->live, key, value);
}

static int
disk_meta_put(struct mu_backend *b, struct mu_bytes key, struct mu_bytes value)
{
	struct disk *d = (struct disk *)b;

	if (d->refuse != 0)
		return d->refuse;
	disk_note(d, DISK_META, key, value, 0);
	return d->live->ops->meta_put(d->live, key, value);
}

static uint64_t
disk_seal(struct mu_backend *b)
{
	struct disk *d = (struct disk *)b;
	bool any = false;

	for (struct disk_op *op = d->ops; op != NULL; op = op->next)
		if (op->batch == 0) {
			op->batch = d->sealed + 1;
			any = true;
		}
	return any ? ++d->sealed : 0;
}

static uint64_t
disk_durable(struct mu_backend *b, int *err)
{
	struct disk *d = (struct disk *)b;

	*err = d->fail;
	if (d->fail == 0)
		return d->interval ? d->sealed : d->durable;
	d->fail = 0;
	while (d->ops != NULL)
		disk_drop(d);
	d->live->ops->close(d->live);
	d->live = mu_backend_memory_new(0);
	disk_copy_all(d->platter, d->live);
	disk_copy_meta(d->platter, d->live);
	return d->durable;
}

/* A copy of its own: it stays as it is. */
struct disk_picture {
	struct mu_snapshot base;
	struct mu_backend *copy;
	struct mu_snapshot *walk;
};

static bool
disk_next(struct mu_snapshot *s, struct mu_bytes *key, struct mu_bytes *value,
    int64_t *deadline, int *err)
{
	struct disk_picture *p = (struct disk_picture *)s;

	return p->walk->ops->next(p->walk, key, value, deadline, err);
}

static bool disk_is_costly;    /* every picture is, says it */
static unsigned disk_pictures; /* taken ever */
static unsigned disk_open_pictures;

static bool
disk_costs(const struct mu_snapshot *s)
{
	(void)s;
	return disk_is_costly;
}

static void
disk_let_go(struct mu_snapshot *s)
{
	struct disk_picture *p = (struct disk_picture *)s;

	if (p->walk != NULL)
		p->walk->ops->close(p->walk);
	if (p->copy != NULL)
		p->copy->ops->close(p->copy);
	disk_open_pictures--;
	free(p);
}

static struct mu_snapshot *
disk_snapshot(struct mu_backend *b, struct mu_bytes after)
{
	static const struct mu_snapshot_ops ops = {
		.next = disk_next,
		.is_costly = disk_costs,
		.close = disk_let_go,
	};
	struct disk *d = (struct disk *)b;
	struct disk_picture *p = calloc(1, sizeof *p);

	p->base.ops = &ops;
	p->copy = mu_backend_memory_new(0);
	if (p->copy != NULL &&
	    disk_copy(d->interval ? d->live : d->platter, p->copy))
		p->walk = p->copy->ops->snapshot(p->copy, after);
	disk_pictures++;
	disk_open_pictures++;
	if (p->walk != NULL)
		return &p->base;
	disk_let_go(&p->base);
	return NULL;
}

static void
disk_close(struct mu_backend *b)
{
	struct disk *d = (struct disk *)b;

	while (d->ops != NULL)
		disk_drop(d);
	d->live->ops->close(d->live);
	free(d);
}

static bool
disk_behind(const struct mu_backend *b)
{
	return ((const struct disk *)b)->lags;
}

/* A backend over what is on the platter (a memory backend of the test's). */
__attribute__((unused)) static struct disk *
disk_open(struct mu_backend *platter)
{
	static const struct mu_backend_ops ops = { .get = disk_get,
		.after = disk_after,
		.put = disk_put,
		.erase = disk_erase,
		.clear = disk_clear,
		.size = disk_size,
		.first_deadline = disk_first,
		.meta_get = disk_meta_get,
		.meta_put = disk_meta_put,
		.seal = disk_seal,
		.durable = disk_durable,
		.snapshot = disk_snapshot,
		.behind = disk_behind,
		.close = disk_close };
	struct disk *d = calloc(1, sizeof *d);

	d->base.ops = &ops;
	d->tail = &d->ops;
	d->platter = platter;
	d->live = mu_backend_memory_new(0);
	disk_copy_all(platter, d->live);
	disk_copy_meta(platter, d->live);
	return d;
}

#endif
