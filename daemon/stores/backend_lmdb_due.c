/*
 * Which entry expires first: the heaps of the layers against the index of the
 * file, both without what newer layers have overwritten.
 */
#include <endian.h>
#include <string.h>

#include "muster/err.h"
#include "stores/backend_lmdb_impl.h"

struct mu_bytes
lmdb_due_key(int64_t deadline, struct mu_bytes stored, uint8_t *out)
{
	uint64_t be = htobe64((uint64_t)deadline);

	memcpy(out, &be, 8);
	memcpy(out + 8, stored.at, stored.len);
	return (struct mu_bytes){ out, 8 + stored.len };
}

/* Has a layer from l upwards a say about this key? */
static bool
overwritten(const struct layer *l, struct mu_bytes stored)
{
	for (; l != NULL; l = l->newer)
		if (l->cleared || layer_find(&l->entries, stored) != NULL)
			return true;
	return false;
}

/* The first of the layers.  What is outdated is dropped on the way: a layer
 * that hides it is undone only together with those below, unless they are in
 * the file by then. */
static const struct layer_entry *
first_of_layers(struct lmdb *b)
{
	const struct layer_entry *best = NULL;

	for (struct layer *l = b->newest; l != NULL;
	     l = lmdb_below(l, b->oldest)) {
		while (l->ndue > 0 &&
		       (!layer_due_holds(l) ||
			   overwritten(l->newer, l->due[0].entry->stored)))
			layer_pop_due(l);
		if (l->ndue > 0 && (best == NULL || l->due[0].deadline <
							best->record.deadline))
			best = l->due[0].entry;
		if (l->cleared)
			break;
	}
	return best;
}

/* Begin where the last search found an end: layers only grow between two
 * retirements, and what the committer adds before that they hold too. */
static int
first_key(struct lmdb *b, MDB_val *key, MDB_val *data)
{
	if (b->due_from_len == 0)
		return mdb_cursor_get(b->due_cursor, key, data, MDB_FIRST);
	*key = (MDB_val){ b->due_from_len, b->due_from };
	return mdb_cursor_get(b->due_cursor, key, data, MDB_SET_RANGE);
}

static void
remember(struct lmdb *b, MDB_val key)
{
	if (key.mv_size > sizeof b->due_from)
		return;
	memcpy(b->due_from, key.mv_data, key.mv_size);
	b->due_from_len = key.mv_size;
}

/* The first of the index that no layer overwrites, before limit. */
static int
first_of_file(
    struct lmdb *b, int64_t limit, struct mu_bytes *stored, int64_t *deadline)
{
	static uint8_t past_all = 0xff; /* deadlines are positive */
	MDB_val key, data;
	uint64_t be;
	int rc;

	for (struct layer *l = b->newest; l != NULL;
	     l = lmdb_below(l, b->oldest))
		if (l->cleared)
			return MUSTER_ENOENT;
	rc = first_key(b, &key, &data);
	for (; rc == 0;
	     rc = mdb_cursor_get(b->due_cursor, &key, &data, MDB_NEXT)) {
		if (key.mv_size < 8)
			return MUSTER_EPROTO;
		memcpy(&be, key.mv_data, 8);
		*deadline = (int64_t)be64toh(be);
		*stored = (struct mu_bytes){ (uint8_t *)key.mv_data + 8,
			key.mv_size - 8 };
		if (*deadline >= limit || !overwritten(b->oldest, *stored)) {
			remember(b, key);
			return *deadline >= limit ? MUSTER_ENOENT : 0;
		}
	}
	if (rc == MDB_NOTFOUND)
		remember(b, (MDB_val){ 1, &past_all });
	return lmdb_err(rc);
}

/* The entry cannot be read: look behind it from now on, or it would keep all
 * that come after it from expiring. */
static void
pass_over(struct lmdb *b, struct mu_bytes stored, int64_t deadline)
{
	size_t len = lmdb_due_key(deadline, stored, b->due_from).len;

	b->due_from[len] = 0;
	b->due_from_len = len + 1;
	b->due_damaged = true;
}

/* The first of the file that can be read, before limit. */
static int
first_sound(
    struct lmdb *b, int64_t limit, struct mu_bytes *key, int64_t *deadline)
{
	struct mu_bytes stored, found;
	struct record r;
	int rc;

	while ((rc = first_of_file(b, limit, &stored, deadline)) == 0) {
		if (stored.len > MU_KEY_SHORT)
			return MUSTER_EPROTO;
		rc = lmdb_view_find(b, &b->view, stored, &r, &found);
		if (rc == 0 && r.deadline == *deadline) {
			*key = r.key;
			return 0;
		}
		/* or the index speaks of an entry that says otherwise */
		if (rc != 0 && rc != MUSTER_ENOENT && rc != MUSTER_EPROTO)
			return rc;
		pass_over(b, stored, *deadline);
	}
	return rc;
}

int
lmdb_first_deadline(
    struct mu_backend *base, struct mu_bytes *key, int64_t *deadline)
{
	struct lmdb *b = lmdb_of(base);
	const struct layer_entry *e = first_of_layers(b);
	int rc = lmdb_view_begin(b);

	if (rc == 0)
		rc = first_sound(b, e == NULL ? INT64_MAX : e->record.deadline,
		    key, deadline);
	if (rc != MUSTER_ENOENT || e == NULL)
		return rc;
	*key = e->record.key;
	*deadline = e->record.deadline;
	return 0;
}
