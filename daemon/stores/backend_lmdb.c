/*
 * The operations of the LMDB backend, on the owner's thread.  See the header
 * for the idea, backend_lmdb_impl.h for who may touch what.
 */
#include "stores/backend_lmdb.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "stores/backend_lmdb_impl.h"

/* --- reading ---------------------------------------------------------------
 */

static bool
same(struct mu_bytes a, struct mu_bytes b)
{
	return mu_bytes_cmp(a, b) == 0;
}

static int
find(struct lmdb *b, struct mu_bytes key, struct mu_bytes *stored,
    uint8_t *space, struct record *r)
{
	struct mu_bytes found;
	int rc;

	if (key.len == 0 || key.len > RECORD_MAX_KEY)
		return MUSTER_ENOENT;
	*stored = mu_key_short(key, space);
	rc = lmdb_view_begin(b);
	if (rc == 0)
		rc = lmdb_view_find(b, &b->view, *stored, r, &found);
	/* Another key of the same half of SHA-256. */
	if (rc == 0 && key.len > MU_KEY_PLAIN && !same(r->key, key))
		rc = MUSTER_EPROTO;
	return rc;
}

static int
get(struct mu_backend *base, struct mu_bytes key, struct mu_bytes *value,
    int64_t *deadline)
{
	uint8_t space[MU_KEY_SHORT];
	struct mu_bytes stored;
	struct record r;
	int rc = find(lmdb_of(base), key, &stored, space, &r);

	if (rc != 0)
		return rc;
	*value = r.value;
	*deadline = r.deadline;
	return 0;
}

static int
after(struct mu_backend *base, struct mu_bytes key, struct mu_bytes *found,
    struct mu_bytes *value, int64_t *deadline)
{
	struct lmdb *b = lmdb_of(base);
	uint8_t space[MU_KEY_SHORT];
	struct mu_bytes stored = { NULL, 0 };
	struct record r;
	int rc = lmdb_view_begin(b);

	if (rc != 0)
		return rc;
	if (key.at != NULL && key.len > 0)
		stored = mu_key_short(key, space);
	rc = lmdb_view_after(b, &b->view, stored, &r, &stored);
	if (rc != 0)
		return rc;
	*found = r.key;
	*value = r.value;
	*deadline = r.deadline;
	return 0;
}

static uint64_t
size(struct mu_backend *base)
{
	return lmdb_of(base)->size;
}

static int
meta_get(struct mu_backend *base, struct mu_bytes key, struct mu_bytes *value)
{
	struct lmdb *b = lmdb_of(base);
	MDB_val k = lmdb_val(key), v;
	int rc;

	if (key.len == 0 || key.len > LMDB_MAX_META_KEY)
		return MUSTER_ENOENT;
	for (struct layer *l = b->newest; l != NULL;
	     l = lmdb_below(l, b->oldest)) {
		struct layer_entry *e = layer_find(&l->meta, key);

		if (e != NULL) {
			*value = e->record.value;
			return e->gone ? MUSTER_ENOENT : 0;
		}
	}
	rc = lmdb_view_begin(b);
	if (rc != 0)
		return rc;
	rc = mdb_get(b->view.txn, b->env.meta, &k, &v);
	if (rc == 0)
		*value = lmdb_bytes(v);
	return lmdb_err(rc);
}

/* --- writing ---------------------------------------------------------------
 */

static void
append_layer(struct lmdb *b, struct layer *l)
{
	l->older = b->newest;
	if (b->newest != NULL)
		b->newest->newer = l;
	else
		b->oldest = l;
	b->newest = b->open = l;
}

/* See that there is a layer to write to, which the committer leaves alone
 * until the next seal. */
static int
begin_write(struct lmdb *b, size_t max_pending)
{
	struct layer *l;
	int rc = 0;

	if (b->env.read_only)
		return MUSTER_EPERM;
	if (b->pending >= max_pending)
		return MUSTER_ELIMIT;
	if (b->open != NULL && b->unsealed > 0)
		return 0;
	pthread_mutex_lock(&b->lock);
	if (b->options.sync_interval_ms > 0)
		rc = b->err;
	if (b->open != NULL &&
	    (b->open == b->taken_last || b->open->entries.n >= LMDB_LAYER_FULL))
		b->open = NULL;
	if (b->open != NULL && rc == 0)
		b->hold = true;
	pthread_mutex_unlock(&b->lock);
	if (rc != 0 || b->open != NULL)
		return rc;
	l = layer_new(b->seed++);
	if (l == NULL)
		return MUSTER_ENOMEM;
	append_layer(b, l);
	return 0;
}

static int
end_write(struct lmdb *b, int rc)
{
	if (rc == 0) {
		if (b->unsealed < UINT_MAX)
			b->unsealed++;
	} else if (b->unsealed == 0) {
		/* Nothing to wait for after all. */
		pthread_mutex_lock(&b->lock);
		b->hold = false;
		pthread_cond_signal(&b->wake);
		pthread_mutex_unlock(&b->lock);
	}
	return rc;
}

static int
write_layer(struct lmdb *b, bool meta, struct mu_bytes stored,
    const struct record *r, bool gone)
{
	/* The small records of a turn find room where its entries did. */
	size_t max = b->options.max_pending, before;
	int rc = begin_write(b, meta ? 2 * max : max);

	if (rc == 0) {
		before = b->open->bytes;
		rc = layer_put(b->open,
		    meta ? &b->open->meta : &b->open->entries, stored, r, gone);
		b->pending += b->open->bytes - before;
	}
	return end_write(b, rc);
}

static int
put(struct mu_backend *base, struct mu_bytes key, struct mu_bytes value,
    int64_t deadline)
{
	struct lmdb *b = lmdb_of(base);
	struct record old, r = { key, value, deadline };
	uint8_t space[MU_KEY_SHORT];
	struct mu_bytes stored;
	int found, rc;

	if (key.len == 0 || deadline < 0)
		return MUSTER_EINVAL;
	if (key.len > RECORD_MAX_KEY || value.len > RECORD_MAX_VALUE)
		return MUSTER_ELIMIT;
	/* A damaged record stays: what it was is not ours to forget. */
	found = find(b, key, &stored, space, &old);
	if (found != 0 && found != MUSTER_ENOENT)
		return found;
	rc = write_layer(b, false, stored, &r, false);
	if (rc == 0 && found == MUSTER_ENOENT)
		b->size++;
	return rc;
}

static int
erase(struct mu_backend *base, struct mu_bytes key)
{
	struct lmdb *b = lmdb_of(base);
	struct record old, r = { .key = key };
	uint8_t space[MU_KEY_SHORT];
	struct mu_bytes stored;
	int rc = find(b, key, &stored, space, &old);

	if (rc == 0)
		rc = write_layer(b, false, stored, &r, true);
	if (rc == 0)
		b->size--;
	return rc;
}

static int
clear(struct mu_backend *base)
{
	struct lmdb *b = lmdb_of(base);
	int rc = begin_write(b, b->options.max_pending);

	if (rc == 0) {
		layer_clear(b->open);
		b->size = 0;
	}
	return end_write(b, rc);
}

static int
meta_put(struct mu_backend *base, struct mu_bytes key, struct mu_bytes value)
{
	struct record r = { key, value, 0 };

	if (key.len == 0 || key.len > LMDB_MAX_META_KEY)
		return MUSTER_EINVAL;
	return write_layer(lmdb_of(base), true, key, &r, value.len == 0);
}

/* --- life ------------------------------------------------------------------
 */

static void
lmdb_free(struct lmdb *b)
{
	lmdb_committer_stop(b);
	lmdb_snapshots_fail(b, MUSTER_ECLOSED);
	lmdb_drop_layers(b);
	lmdb_view_close(b);
	lmdb_env_close(&b->env);
	if (b->event_fd >= 0)
		close(b->event_fd);
	if (b->lock_fd >= 0)
		close(b->lock_fd);
	pthread_cond_destroy(&b->wake);
	pthread_mutex_destroy(&b->lock);
	mu_free(b->path);
	mu_free(b->name);
	mu_free(b);
}

static void
lmdb_close(struct mu_backend *base)
{
	lmdb_mend(lmdb_of(base));
	lmdb_seal(base);
	lmdb_free(lmdb_of(base));
}

static bool
behind(const struct mu_backend *base)
{
	const struct lmdb *b = (const struct lmdb *)base;

	return b->pending > b->options.max_pending / LMDB_BEHIND;
}

static const struct mu_backend_ops lmdb_ops = {
	.get = get,
	.after = after,
	.put = put,
	.erase = erase,
	.clear = clear,
	.size = size,
	.first_deadline = lmdb_first_deadline,
	.meta_get = meta_get,
	.meta_put = meta_put,
	.seal = lmdb_seal,
	.durable = lmdb_durable,
	.snapshot = lmdb_snapshot,
	.close = lmdb_close,
	.behind = behind,
};

static struct lmdb *
lmdb_new(const struct backend_lmdb_options *o)
{
	struct lmdb *b = mu_calloc(1, sizeof *b);
	pthread_condattr_t attr;

	if (b == NULL)
		return NULL;
	b->base.ops = &lmdb_ops;
	b->options = *o;
	if (b->options.max_pending == 0)
		b->options.max_pending = BACKEND_LMDB_PENDING;
	if (b->options.max_snapshots == 0)
		b->options.max_snapshots = BACKEND_LMDB_SNAPSHOTS;
	b->lock_fd = -1;
	b->event_fd = -1;
	pthread_mutex_init(&b->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&b->wake, &attr);
	pthread_condattr_destroy(&attr);
	return b;
}

static int
start(struct lmdb *b, const char *folder, char *text, size_t text_size)
{
	int rc;

	b->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (b->event_fd < 0 ||
	    getrandom(&b->seed, sizeof b->seed, 0) != sizeof b->seed) {
		snprintf(text, text_size, "%s: no event descriptor", b->path);
		return MUSTER_ESYS;
	}
	rc = lmdb_env_setup(b, folder, text, text_size);
	if (rc != 0 || b->env.read_only)
		return rc;
	rc = lmdb_committer_start(b);
	if (rc != 0)
		snprintf(text, text_size, "%s: no thread", b->path);
	return rc;
}

int
backend_lmdb_open(const struct backend_lmdb_options *o, struct mu_backend **out,
    char *text, size_t text_size)
{
	struct lmdb *b = lmdb_new(o);
	char escaped[BACKEND_LMDB_NAME];
	int rc = MUSTER_ENOMEM;

	*out = NULL;
	snprintf(text, text_size, "out of memory");
	if (b == NULL)
		return MUSTER_ENOMEM;
	backend_lmdb_escape(o->name, escaped);
	b->path = mu_asprintf("%s/%s", o->folder, escaped);
	b->name = mu_strdup(o->name);
	if (b->path != NULL && b->name != NULL)
		rc = start(b, o->folder, text, text_size);
	b->options.folder = b->options.name = NULL;
	if (rc != 0) {
		lmdb_free(b);
		return rc;
	}
	*out = &b->base;
	*text = '\0';
	return 0;
}

int
backend_lmdb_fd(const struct mu_backend *base)
{
	return ((const struct lmdb *)base)->event_fd;
}

void
backend_lmdb_facts(struct mu_backend *base, struct backend_lmdb_facts *f)
{
	struct lmdb *b = lmdb_of(base);
	struct stat st;
	int fd;

	memset(f, 0, sizeof *f);
	f->entries = b->size;
	if (mdb_env_get_fd(b->env.env, &fd) == 0 && fstat(fd, &st) == 0)
		f->file_bytes = (uint64_t)st.st_size;
	f->max_bytes = b->options.max_bytes;
	f->pending_bytes = b->pending;
	f->sealed = b->sealed;
	f->snapshots = b->nsnapshots;
	f->read_only = b->env.read_only;
	f->damaged = b->due_damaged;
	f->path = b->path;
	pthread_mutex_lock(&b->lock);
	f->synced = b->done;
	f->commits = b->commits;
	f->failures = b->failures;
	f->commit_ns = b->commit_ns;
	f->commit_max_ns = b->commit_max_ns;
	f->err = b->last_err;
	memcpy(b->shown, b->reason, sizeof b->shown);
	pthread_mutex_unlock(&b->lock);
	f->reason = b->shown;
}
