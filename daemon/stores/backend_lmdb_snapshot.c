/*
 * Snapshots: a reading transaction of their own.  It shows all that is in the
 * file, which is all that is durable and nothing that can be undone; only with
 * an interval, where batches count as durable before they are in the file,
 * the layers of that moment lie over it.
 *
 * While one is open LMDB cannot reuse pages freed since: the file grows by
 * what is rewritten meanwhile, and with an interval its layers stay in memory.
 * How much of either is too much is said here, how old one may get is the
 * owner's to say.
 */
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "stores/backend_lmdb_impl.h"

#define MAX_GROWTH (64u << 20) /* bytes of the file since it was opened */
#define MAX_LAYERS (4u << 20)  /* bytes of layers held */

/* The end of the file, in pages. */
static size_t
last_page(const struct lmdb *b)
{
	MDB_envinfo info;

	return mdb_env_info(b->env.env, &info) == 0 ? info.me_last_pgno : 0;
}

static void
release(struct lmdb_snapshot *s)
{
	struct layer *l, *below;

	if (s->view.cursor != NULL)
		mdb_cursor_close(s->view.cursor);
	if (s->view.txn != NULL)
		mdb_txn_abort(s->view.txn);
	for (l = s->view.newest; l != NULL; l = below) {
		below = lmdb_below(l, s->view.oldest);
		layer_unref(l);
	}
	memset(&s->view, 0, sizeof s->view);
}

static bool
snapshot_next(struct mu_snapshot *base, struct mu_bytes *key,
    struct mu_bytes *value, int64_t *deadline, int *err)
{
	struct lmdb_snapshot *s = (struct lmdb_snapshot *)base;
	struct mu_bytes after = { s->begun ? s->after : NULL, s->after_len };
	struct mu_bytes found;
	struct record r;

	*err = s->err;
	if (s->err != 0)
		return false;
	*err = lmdb_view_after(s->b, &s->view, after, &r, &found);
	if (*err != 0) {
		*err = *err == MUSTER_ENOENT ? 0 : *err;
		return false;
	}
	memcpy(s->after, found.at, found.len);
	s->after_len = found.len;
	s->begun = true;
	*key = r.key;
	*value = r.value;
	*deadline = r.deadline;
	return true;
}

static bool
snapshot_is_costly(const struct mu_snapshot *base)
{
	const struct lmdb_snapshot *s = (const struct lmdb_snapshot *)base;

	if (s->b == NULL)
		return true;
	return s->layer_bytes > MAX_LAYERS ||
	       (last_page(s->b) - s->last_page) * s->page_size > MAX_GROWTH;
}

static void
snapshot_close(struct mu_snapshot *base)
{
	struct lmdb_snapshot *s = (struct lmdb_snapshot *)base, **at;

	if (s->b != NULL) {
		for (at = &s->b->snapshots; *at != s; at = &(*at)->next)
			;
		*at = s->next;
		s->b->nsnapshots--;
	}
	release(s);
	mu_free(s);
}

/* Nobody writes to these layers from now on. */
static void
keep_layers(struct lmdb *b, struct lmdb_view *v)
{
	if (b->open != NULL && b->unsealed > 0)
		b->open->partial = true;
	b->open = NULL;
	v->newest = b->newest;
	v->oldest = b->oldest;
	for (struct layer *l = v->newest; l != NULL;
	     l = lmdb_below(l, v->oldest))
		layer_ref(l);
}

/* What it costs is counted from here. */
static void
begin_count(struct lmdb *b, struct lmdb_snapshot *s)
{
	MDB_stat st = { .ms_psize = 4096 };

	mdb_env_stat(b->env.env, &st);
	s->page_size = st.ms_psize;
	s->last_page = last_page(b);
	s->layer_bytes = s->view.newest != NULL ? b->pending : 0;
}

struct mu_snapshot *
lmdb_snapshot(struct mu_backend *base, struct mu_bytes after)
{
	static const struct mu_snapshot_ops ops = {
		.next = snapshot_next,
		.is_costly = snapshot_is_costly,
		.close = snapshot_close,
	};
	struct lmdb *b = lmdb_of(base);
	struct lmdb_snapshot *s;
	struct mu_bytes stored;

	if (b->nsnapshots >= b->options.max_snapshots || !lmdb_mend(b))
		return NULL;
	s = mu_calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	s->base.ops = &ops;
	if (mdb_txn_begin(b->env.env, NULL, MDB_RDONLY, &s->view.txn) != 0 ||
	    mdb_cursor_open(s->view.txn, b->env.entries, &s->view.cursor) !=
		0) {
		release(s);
		mu_free(s);
		return NULL;
	}
	if (b->options.sync_interval_ms > 0)
		keep_layers(b, &s->view);
	begin_count(b, s);
	if (after.len > 0) {
		stored = mu_key_short(after, s->after);
		if (stored.at != s->after)
			memcpy(s->after, stored.at, stored.len);
		s->after_len = stored.len;
		s->begun = true;
	}
	s->b = b;
	s->next = b->snapshots;
	b->snapshots = s;
	b->nsnapshots++;
	return &s->base;
}

void
lmdb_snapshots_fail(struct lmdb *b, int err)
{
	struct lmdb_snapshot *s;

	while ((s = b->snapshots) != NULL) {
		b->snapshots = s->next;
		b->nsnapshots--;
		release(s);
		s->b = NULL;
		s->err = err;
	}
}
