/*
 * A backend of stores for tests: what is written is seen at once, gets durable
 * when the test says so, and is gone after a crash or a failed commit if it
 * was not.  Batches are whole, as those of LMDB are.
 */
#ifndef UNIT_MODEL_DISK_H
#define UNIT_MODEL_DISK_H

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "muster/err.h"
#include "store/backend.h"

enum disk_kind { DISK_PUT, DISK_ERASE, DISK_META };

struct disk_op {
	struct disk_op *next;
	enum disk_kind kind;
	uint64_t seal; /* 0: not sealed */
	size_t klen, vlen;
	uint8_t bytes[]; /* key, value */
};

struct disk {
	struct mu_backend base; /* lent to one user at a time */
	struct mu_backend *seen, *durable;
	struct disk_op *first, **last;
	uint64_t sealed, committed;
	bool automatic; /* a seal is durable at once */
	bool dead;      /* crashed: whatever its user does has no effect */
	int fail;       /* the next commit fails with that */
	int refuse;     /* writes fail at once with that */
};

static struct disk *
disk_of(struct mu_backend *b)
{
	return (struct disk *)b;
}

static struct mu_bytes
disk_key(const struct disk_op *op)
{
	return (struct mu_bytes){ op->bytes, op->klen };
}

static void
disk_apply(struct mu_backend *to, const struct disk_op *op)
{
	struct mu_bytes v = { op->bytes + op->klen, op->vlen };

	if (op->kind == DISK_PUT)
		ck_assert_int_eq(to->ops->put(to, disk_key(op), v, 0), 0);
	else if (op->kind == DISK_ERASE)
		to->ops->erase(to, disk_key(op));
	else
		ck_assert_int_eq(to->ops->meta_put(to, disk_key(op), v), 0);
}

static int
disk_write(struct mu_backend *b, enum disk_kind kind, struct mu_bytes key,
    struct mu_bytes value)
{
	struct disk *d = disk_of(b);
	struct disk_op *op;

	if (d->dead)
		return 0;
	if (d->refuse != 0)
		return d->refuse;
	op = calloc(1, sizeof *op + key.len + value.len);
	ck_assert_ptr_nonnull(op);
	op->kind = kind;
	op->klen = key.len;
	op->vlen = value.len;
	memcpy(op->bytes, key.at, key.len);
	if (value.len > 0)
		memcpy(op->bytes + key.len, value.at, value.len);
	*d->last = op;
	d->last = &op->next;
	disk_apply(d->seen, op);
	return 0;
}

static int
disk_get(struct mu_backend *b, struct mu_bytes key, struct mu_bytes *value,
    int64_t *deadline)
{
	struct disk *d = disk_of(b);

	return d->seen->ops->get(d->seen, key, value, deadline);
}

static int
disk_after(struct mu_backend *b, struct mu_bytes key, struct mu_bytes *found,
    struct mu_bytes *value, int64_t *deadline)
{
	struct disk *d = disk_of(b);

	return d->seen->ops->after(d->seen, key, found, value, deadline);
}

static int
disk_put(struct mu_backend *b, struct mu_bytes key, struct mu_bytes value,
    int64_t deadline)
{
	(void)deadline;
	return disk_write(b, DISK_PUT, key, value);
}

static int
disk_erase(struct mu_backend *b, struct mu_bytes key)
{
	struct mu_bytes value;
	int64_t deadline;

	if (disk_get(b, key, &value, &deadline) != 0)
		return MUSTER_ENOENT;
	return disk_write(b, DISK_ERASE, key, (struct mu_bytes){ NULL, 0 });
}

static uint64_t
disk_size(struct mu_backend *b)
{
	return disk_of(b)->seen->ops->size(disk_of(b)->seen);
}

static int
disk_meta_get(struct mu_backend *b, struct mu_bytes key, struct mu_bytes *value)
{
	struct disk *d = disk_of(b);

	return d->seen->ops->meta_get(d->seen, key, value);
}

static int
disk_meta_put(struct mu_backend *b, struct mu_bytes key, struct mu_bytes value)
{
	return disk_write(b, DISK_META, key, value);
}

static uint64_t
disk_seal(struct mu_backend *b)
{
	struct disk *d = disk_of(b);
	uint64_t n = 0;

	for (struct disk_op *op = d->first; op != NULL; op = op->next)
		if (op->seal == 0)
			op->seal = n = d->sealed + 1;
	if (n != 0)
		d->sealed = n;
	return n;
}

/* Everything as the disk has it. */
static void
disk_copy(struct mu_backend *from, struct mu_backend *to)
{
	static const uint8_t next[] = { 'n', 'e', 'x', 't' };
	struct mu_bytes key = { NULL, 0 }, value, meta = { next, 4 };
	int64_t deadline;

	while (from->ops->after(from, key, &key, &value, &deadline) == 0)
		ck_assert_int_eq(to->ops->put(to, key, value, 0), 0);
	if (from->ops->meta_get(from, meta, &value) == 0)
		ck_assert_int_eq(to->ops->meta_put(to, meta, value), 0);
}

static void
disk_forget(struct disk *d)
{
	struct disk_op *op;

	while ((op = d->first) != NULL) {
		d->first = op->next;
		free(op);
	}
	d->last = &d->first;
	d->seen->ops->close(d->seen);
	d->seen = mu_backend_memory_new(0);
	ck_assert_ptr_nonnull(d->seen);
	disk_copy(d->durable, d->seen);
}

/* Batches up to that one are on disk. */
static void
disk_commit(struct disk *d, uint64_t upto)
{
	struct disk_op *op;

	if (d->fail != 0 || d->dead)
		return;
	while ((op = d->first) != NULL && op->seal != 0 && op->seal <= upto) {
		disk_apply(d->durable, op);
		d->first = op->next;
		free(op);
	}
	if (d->first == NULL)
		d->last = &d->first;
	if (upto > d->committed)
		d->committed = upto < d->sealed ? upto : d->sealed;
}

static uint64_t
disk_durable(struct mu_backend *b, int *err)
{
	struct disk *d = disk_of(b);

	*err = 0;
	if (d->dead)
		return 0;
	if (d->fail != 0 && d->first != NULL && d->first->seal != 0) {
		*err = d->fail;
		d->fail = 0;
		disk_forget(d);
		return d->committed;
	}
	if (d->automatic)
		disk_commit(d, d->sealed);
	return d->committed;
}

/* The user is done; the disk stays. */
static void
disk_close(struct mu_backend *b)
{
	struct disk *d = disk_of(b);

	disk_seal(b);
	disk_commit(d, d->sealed);
}

static const struct mu_backend_ops disk_ops = {
	.get = disk_get,
	.after = disk_after,
	.put = disk_put,
	.erase = disk_erase,
	.size = disk_size,
	.meta_get = disk_meta_get,
	.meta_put = disk_meta_put,
	.seal = disk_seal,
	.durable = disk_durable,
	.close = disk_close,
};

static struct disk *
disk_new(void)
{
	struct disk *d = calloc(1, sizeof *d);

	ck_assert_ptr_nonnull(d);
	d->base.ops = &disk_ops;
	d->seen = mu_backend_memory_new(0);
	d->durable = mu_backend_memory_new(0);
	d->last = &d->first;
	return d;
}

/* Everything that is not durable is gone; the user has been told to go. */
__attribute__((unused)) static void
disk_crash(struct disk *d)
{
	d->dead = false;
	d->fail = d->refuse = 0;
	disk_forget(d);
	d->committed = d->sealed;
}

static void
disk_free(struct disk *d)
{
	disk_forget(d);
	d->seen->ops->close(d->seen);
	d->durable->ops->close(d->durable);
	free(d);
}

#endif
