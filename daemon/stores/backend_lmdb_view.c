/* Reading: layers first, newest on top, then the file. */
#include "stores/backend_lmdb_impl.h"

#include <string.h>

#include "muster/err.h"

static int
begin(struct lmdb *b, struct lmdb_view *v)
{
	if (b->env.env == NULL)
		return MDB_PANIC;
	return v->txn != NULL
		   ? mdb_txn_renew(v->txn)
		   : mdb_txn_begin(b->env.env, NULL, MDB_RDONLY, &v->txn);
}

static int
renew(struct lmdb *b, struct lmdb_view *v)
{
	int rc = begin(b, v);

	if (rc == MDB_PANIC && lmdb_mend(b))
		rc = begin(b, v);
	if (rc != 0)
		return lmdb_err(rc);
	if (v->cursor == NULL)
		rc = mdb_cursor_open(v->txn, b->env.entries, &v->cursor);
	else
		rc = mdb_cursor_renew(v->txn, v->cursor);
	if (rc == 0 && b->due_cursor == NULL)
		rc = mdb_cursor_open(v->txn, b->env.expiry, &b->due_cursor);
	else if (rc == 0)
		rc = mdb_cursor_renew(v->txn, b->due_cursor);
	if (rc != 0) {
		mdb_txn_reset(v->txn);
		return lmdb_err(rc);
	}
	b->active = true;
	return 0;
}

int
lmdb_view_begin(struct lmdb *b)
{
	struct lmdb_view *v = &b->view;
	int rc = b->active ? 0 : renew(b, v);

	v->newest = b->newest;
	v->oldest = b->oldest;
	v->loaded = false;
	return rc;
}

void
lmdb_view_end(struct lmdb *b)
{
	if (b->active)
		mdb_txn_reset(b->view.txn);
	b->active = false;
}

void
lmdb_view_close(struct lmdb *b)
{
	if (b->view.cursor != NULL)
		mdb_cursor_close(b->view.cursor);
	if (b->due_cursor != NULL)
		mdb_cursor_close(b->due_cursor);
	if (b->view.txn != NULL)
		mdb_txn_abort(b->view.txn);
	memset(&b->view, 0, sizeof b->view);
	b->due_cursor = NULL;
	b->active = false;
}

static int
from_layer(
    const struct layer_entry *e, struct record *r, struct mu_bytes *found)
{
	if (e->gone)
		return MUSTER_ENOENT;
	*r = e->record;
	*found = e->stored;
	return 0;
}

int
lmdb_view_find(struct lmdb *b, struct lmdb_view *v, struct mu_bytes stored,
    struct record *r, struct mu_bytes *found)
{
	MDB_val key = lmdb_val(stored), data;
	int rc;

	for (struct layer *l = v->newest; l != NULL;
	     l = lmdb_below(l, v->oldest)) {
		struct layer_entry *e = layer_find(&l->entries, stored);

		if (e != NULL)
			return from_layer(e, r, found);
		if (l->cleared)
			return MUSTER_ENOENT;
	}
	rc = mdb_get(v->txn, b->env.entries, &key, &data);
	if (rc != 0)
		return lmdb_err(rc);
	*found = stored;
	return record_dec(lmdb_bytes(data), stored, r);
}

/* --- in order --------------------------------------------------------------
 */

/* Does the file still count, and which of the layers' entries comes first
 * behind stored?  Of equals the newest. */
static struct layer_entry *
first_in_layers(struct lmdb_view *v, struct mu_bytes stored, bool *file_counts)
{
	struct layer_entry *best = NULL, *e;

	*file_counts = true;
	for (struct layer *l = v->newest; l != NULL;
	     l = lmdb_below(l, v->oldest)) {
		e = layer_after(&l->entries, stored);
		if (e != NULL &&
		    (best == NULL || mu_bytes_cmp(e->stored, best->stored) < 0))
			best = e;
		if (l->cleared) {
			*file_counts = false;
			break;
		}
	}
	return best;
}

/* Move the cursor to the first key behind stored, from where it is. */
static int
advance(struct lmdb_view *v, struct mu_bytes stored)
{
	MDB_val key = lmdb_val(stored), data;
	int rc = 0;

	if (!v->loaded) {
		rc = mdb_cursor_get(v->cursor, &key, &data,
		    stored.at == NULL ? MDB_FIRST : MDB_SET_RANGE);
		v->end = false;
	} else if (!v->end) {
		key = lmdb_val(v->at);
		data = lmdb_val(v->data);
	}
	while (rc == 0 && !v->end && stored.at != NULL &&
	       mu_bytes_cmp(lmdb_bytes(key), stored) <= 0)
		rc = mdb_cursor_get(v->cursor, &key, &data, MDB_NEXT);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return lmdb_err(rc);
	v->loaded = true;
	v->end = v->end || rc == MDB_NOTFOUND;
	if (!v->end) {
		v->at = lmdb_bytes(key);
		v->data = lmdb_bytes(data);
	}
	return 0;
}

int
lmdb_view_after(struct lmdb *b, struct lmdb_view *v, struct mu_bytes stored,
    struct record *r, struct mu_bytes *found)
{
	struct layer_entry *e;
	bool file_counts;
	int rc, c;

	(void)b;
	for (;;) {
		e = first_in_layers(v, stored, &file_counts);
		if (file_counts) {
			rc = advance(v, stored);
			if (rc != 0)
				return rc;
			file_counts = !v->end;
		}
		if (!file_counts && e == NULL)
			return MUSTER_ENOENT;
		c = !file_counts ? 1
		    : e == NULL  ? -1
				 : mu_bytes_cmp(v->at, e->stored);
		if (c < 0) {
			*found = v->at;
			return record_dec(v->data, v->at, r);
		}
		if (!e->gone)
			return from_layer(e, r, found);
		stored = e->stored;
	}
}
