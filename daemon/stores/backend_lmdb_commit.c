/*
 * The committer: a thread that takes the sealed layers there are, writes them
 * in one transaction, syncs, and says so.  It takes nothing while the
 * last layer holds unsealed writes, and after a failure waits until the owner
 * has heard of it, because what was written later may build on what failed.
 *
 * With an interval it never lets LMDB skip a sync, which could leave a file
 * beyond repair after a power cut; instead it lets sealed layers wait in
 * memory, and on failure keeps them and tries again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "muster/err.h"
#include "stores/backend_lmdb_impl.h"
#include "sys/clock.h"

#define LEAST_ROOM (1u << 20) /* bytes; LMDB writes up to 64 pages at once */

/* One transaction being written. */
struct job {
	struct lmdb_env *env;
	MDB_txn *txn;
	MDB_cursor *entries;
	MDB_cursor *expiry;
	bool indexed; /* the index has keys, so old deadlines matter */
};

static int
remove_due(struct job *j, int64_t deadline, struct mu_bytes stored)
{
	uint8_t space[8 + MU_KEY_SHORT];
	MDB_val key = lmdb_val(lmdb_due_key(deadline, stored, space));
	int rc = mdb_del(j->txn, j->env->expiry, &key, NULL);

	return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
}

/* Deadlines mostly grow: behind the last key a page is filled to its end,
 * where an ordinary insertion would leave every page half empty. */
static int
add_due(struct job *j, int64_t deadline, struct mu_bytes stored)
{
	uint8_t space[8 + MU_KEY_SHORT];
	MDB_val key = lmdb_val(lmdb_due_key(deadline, stored, space));
	MDB_val nothing = { 0, space };
	int rc = mdb_cursor_put(j->expiry, &key, &nothing, MDB_APPEND);

	if (rc == MDB_KEYEXIST)
		rc = mdb_cursor_put(j->expiry, &key, &nothing, 0);
	j->indexed = true;
	return rc;
}

/* Take the old record's deadline from the index. */
static int
forget_due(struct job *j, struct mu_bytes stored, int64_t keep)
{
	MDB_val key = lmdb_val(stored), data;
	struct record r;
	int rc;

	if (!j->indexed)
		return 0;
	rc = mdb_cursor_get(j->entries, &key, &data, MDB_SET);
	if (rc != 0)
		return rc == MDB_NOTFOUND ? 0 : rc;
	if (record_dec(lmdb_bytes(data), stored, &r) != 0)
		return MDB_CORRUPTED;
	if (r.deadline == 0 || r.deadline == keep)
		return 0;
	return remove_due(j, r.deadline, stored);
}

static int
write_entry(struct job *j, const struct layer_entry *e)
{
	MDB_val key = lmdb_val(e->stored), data = { 0, NULL };
	int64_t deadline = e->record.deadline;
	int rc = forget_due(j, e->stored, e->gone ? 0 : deadline);

	if (rc != 0)
		return rc;
	if (e->gone) {
		rc = mdb_del(j->txn, j->env->entries, &key, NULL);
		return rc == MDB_NOTFOUND ? 0 : rc;
	}
	data.mv_size = record_size(&e->record);
	rc = mdb_cursor_put(j->entries, &key, &data, MDB_RESERVE);
	if (rc != 0)
		return rc;
	record_enc(&e->record, e->stored, data.mv_data);
	return 0;
}

static int
by_deadline(const void *a, const void *b)
{
	const struct layer_entry *const *x = a, *const *y = b;
	int64_t dx = (*x)->record.deadline, dy = (*y)->record.deadline;

	if (dx != dy)
		return dx < dy ? -1 : 1;
	return mu_bytes_cmp((*x)->stored, (*y)->stored);
}

/* Deadlines in their order and not in that of the keys: then nearly all of
 * them are appended. */
static int
write_due(struct job *j, const struct layer_entry **list, size_t n)
{
	int rc = 0;

	qsort(list, n, sizeof *list, by_deadline);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = add_due(j, list[i]->record.deadline, list[i]->stored);
	return rc;
}

static int
write_entries(struct job *j, const struct layer *l)
{
	const struct layer_entry *due[LMDB_LAYER_FULL], *e;
	size_t n = 0;
	int rc = 0;

	for (e = l->entries.head[0]; e != NULL && rc == 0; e = e->next[0]) {
		rc = write_entry(j, e);
		if (e->gone || e->record.deadline == 0)
			continue;
		due[n++] = e;
		if (n == LMDB_LAYER_FULL && rc == 0) {
			rc = write_due(j, due, n);
			n = 0;
		}
	}
	return rc == 0 ? write_due(j, due, n) : rc;
}

static int
write_meta(struct job *j, const struct layer_entry *e)
{
	MDB_val key = lmdb_val(e->stored), data = lmdb_val(e->record.value);
	int rc;

	if (!e->gone)
		return mdb_put(j->txn, j->env->meta, &key, &data, 0);
	rc = mdb_del(j->txn, j->env->meta, &key, NULL);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int
write_layer(struct job *j, const struct layer *l)
{
	const struct layer_entry *e;
	int rc = 0;

	if (l->cleared) {
		rc = mdb_drop(j->txn, j->env->entries, 0);
		if (rc == 0)
			rc = mdb_drop(j->txn, j->env->expiry, 0);
		j->indexed = false;
	}
	if (rc == 0)
		rc = write_entries(j, l);
	for (e = l->meta.head[0]; e != NULL && rc == 0; e = e->next[0])
		rc = write_meta(j, e);
	return rc;
}

static int
write_layers(struct job *j, const struct layer *first, const struct layer *last)
{
	MDB_stat st;
	int rc = mdb_stat(j->txn, j->env->expiry, &st);

	j->indexed = rc != 0 || st.ms_entries > 0;
	if (rc == 0)
		rc = mdb_cursor_open(j->txn, j->env->entries, &j->entries);
	if (rc == 0)
		rc = mdb_cursor_open(j->txn, j->env->expiry, &j->expiry);
	for (const struct layer *l = first; rc == 0; l = l->newer) {
		rc = write_layer(j, l);
		if (l == last)
			break;
	}
	if (j->entries != NULL)
		mdb_cursor_close(j->entries);
	if (j->expiry != NULL)
		mdb_cursor_close(j->expiry);
	return rc;
}

static void
delay(uint64_t ns)
{
	struct timespec left = { (time_t)(ns / 1000000000),
		(long)(ns % 1000000000) };

	while (ns > 0 && nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

/* A transaction over all layers from first to last; an error of LMDB. */
static int
commit(struct lmdb *b, const struct layer *first, const struct layer *last)
{
	struct job j = { .env = &b->env };
	int rc = mdb_txn_begin(b->env.env, NULL, 0, &j.txn);

	if (rc != 0)
		return rc;
	rc = write_layers(&j, first, last);
	delay(b->options.test_sync_delay_ns);
	if (rc == 0)
		return mdb_txn_commit(j.txn);
	mdb_txn_abort(j.txn);
	return rc;
}

/* --- the thread ------------------------------------------------------------
 */

static bool
have_job(const struct lmdb *b)
{
	return b->job_first != NULL && !b->hold && !b->broken &&
	       (b->err == 0 || b->options.sync_interval_ms > 0);
}

/* Wait until the first of the layers has rested for the interval; urgent ones
 * need not. */
static void
rest(struct lmdb *b)
{
	uint64_t end =
	    b->job_since + (uint64_t)b->options.sync_interval_ms * 1000000;
	struct timespec at = { (time_t)(end / 1000000000),
		(long)(end % 1000000000) };
	int rc = 0;

	while (!b->stop && !b->urgent && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&b->wake, &b->lock, &at);
}

/* Has LMDB given up?  It does when it cannot take back a half-written head. */
static bool
is_broken(struct lmdb *b, int rc)
{
	MDB_txn *txn;

	if (rc == 0)
		return false;
	rc = mdb_txn_begin(b->env.env, NULL, MDB_RDONLY, &txn);
	if (rc == 0)
		mdb_txn_abort(txn);
	return rc == MDB_PANIC;
}

/* LMDB calls a write that came out short EIO; when the disk has no room for
 * what it writes at once, that is what was meant. */
static int
true_cause(struct lmdb *b, int rc)
{
	struct statvfs st;

	if (rc == EIO && fstatvfs(b->lock_fd, &st) == 0 &&
	    st.f_bavail * st.f_frsize < LEAST_ROOM)
		return ENOSPC;
	return rc;
}

/* The end of a job, under the lock. */
static void
finish(struct lmdb *b, struct layer *first, struct layer *last, int rc,
    uint64_t ns)
{
	bool keep = b->options.sync_interval_ms > 0;

	b->commits += rc == 0;
	b->failures += rc != 0;
	b->commit_ns = ns;
	if (ns > b->commit_max_ns)
		b->commit_max_ns = ns;
	b->last_err = rc == 0 ? 0 : lmdb_err(rc);
	if (b->last_err == MUSTER_ENOENT)
		b->last_err = MUSTER_EPROTO;
	snprintf(
	    b->reason, sizeof b->reason, "%s", rc == 0 ? "" : mdb_strerror(rc));
	if (rc == 0) {
		b->done = last->batch;
		b->err = 0;
	} else if (keep) {
		/* Begin with these again, and with what came after them. */
		b->job_first = first;
		if (b->job_last == NULL)
			b->job_last = last;
		b->job_since = clock_now();
		b->urgent = false;
		b->err = b->last_err;
	} else {
		b->err = b->last_err;
	}
}

/* The last layer of the next transaction: whole batches, and not many more
 * entries than fill a layer. */
static struct layer *
take(struct lmdb *b)
{
	struct layer *last = b->job_first;
	size_t n = last->entries.n;

	while (
	    last != b->job_last &&
	    (last->partial || n + last->newer->entries.n <= LMDB_LAYER_FULL)) {
		last = last->newer;
		n += last->entries.n;
	}
	if (last == b->job_last)
		b->job_first = b->job_last = NULL;
	else
		b->job_first = last->newer;
	return last;
}

static void
do_job(struct lmdb *b)
{
	struct layer *first = b->job_first, *last = take(b);
	uint64_t one = 1, since = clock_now();
	bool broken;
	int rc;

	b->taken_last = last;
	b->urgent = b->urgent && b->job_first != NULL;
	pthread_mutex_unlock(&b->lock);
	rc = true_cause(b, commit(b, first, last));
	broken = is_broken(b, rc);
	pthread_mutex_lock(&b->lock);
	b->broken |= broken;
	finish(b, first, last, rc, clock_now() - since);
	atomic_store(&b->news, true);
	/* Fails only when the counter is full, and then it is readable. */
	(void)!write(b->event_fd, &one, sizeof one);
}

static void *
committer(void *arg)
{
	struct lmdb *b = arg;

	pthread_mutex_lock(&b->lock);
	for (;;) {
		while (!have_job(b) && !b->stop)
			pthread_cond_wait(&b->wake, &b->lock);
		if (b->options.sync_interval_ms > 0 && !b->stop)
			rest(b);
		/* It may have become unsealed while the layer rested. */
		if (have_job(b))
			do_job(b);
		else if (b->stop)
			break;
		if (b->stop && b->err != 0)
			break;
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

int
lmdb_committer_start(struct lmdb *b)
{
	int rc = pthread_create(&b->thread, NULL, committer, b);

	b->started = rc == 0;
	return rc == 0 ? 0 : rc == ENOMEM ? MUSTER_ENOMEM : MUSTER_ESYS;
}

void
lmdb_committer_stop(struct lmdb *b)
{
	if (!b->started)
		return;
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	b->hold = false;
	pthread_cond_signal(&b->wake);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->thread, NULL);
	b->started = false;
}
