/*
 * Batches on the owner's side: ending one, learning what became of it,
 * dropping layers that are in the file, and going back to what is in the file
 * when a commit failed.
 */
#include <unistd.h>

#include "muster/err.h"
#include "stores/backend_lmdb_impl.h"
#include "sys/clock.h"

uint64_t
lmdb_seal(struct mu_backend *base)
{
	struct lmdb *b = lmdb_of(base);

	if (b->unsealed == 0)
		return 0;
	lmdb_view_end(b);
	b->unsealed = 0;
	b->sealed++;
	pthread_mutex_lock(&b->lock);
	for (struct layer *l = b->newest; l != NULL;
	     l = lmdb_below(l, b->oldest)) {
		if (l != b->newest && l->batch != 0)
			break;
		l->batch = b->sealed;
	}
	if (b->job_first == NULL) {
		b->job_first =
		    b->taken_last == NULL ? b->oldest : b->taken_last->newer;
		b->job_since = clock_now();
	}
	b->job_last = b->newest;
	b->hold = false;
	b->urgent = b->pending > b->options.max_pending / LMDB_BEHIND;
	pthread_cond_signal(&b->wake);
	pthread_mutex_unlock(&b->lock);
	return b->sealed;
}

/* Drop the layers that are in the file. */
static void
retire(struct lmdb *b, uint64_t done)
{
	struct layer *l;

	while ((l = b->oldest) != NULL && l->batch != 0 && l->batch <= done) {
		lmdb_view_end(b);
		b->due_from_len = 0;
		pthread_mutex_lock(&b->lock);
		if (b->taken_last == l)
			b->taken_last = NULL;
		pthread_mutex_unlock(&b->lock);
		if (b->open == l)
			b->open = NULL;
		b->oldest = l->newer;
		if (b->oldest == NULL)
			b->newest = NULL;
		b->pending -= l->bytes;
		layer_unref(l);
	}
}

void
lmdb_drop_layers(struct lmdb *b)
{
	struct layer *l;

	while ((l = b->oldest) != NULL) {
		b->oldest = l->newer;
		layer_unref(l);
	}
	b->newest = b->open = NULL;
	b->pending = 0;
	b->unsealed = 0;
	b->due_from_len = 0;
}

/* Back to what is in the file.  The committer rests until err is 0. */
static void
undo(struct lmdb *b)
{
	MDB_txn *txn;
	MDB_stat st;
	int rc;

	lmdb_view_end(b);
	lmdb_drop_layers(b);
	rc = lmdb_mend(b) ? mdb_txn_begin(b->env.env, NULL, MDB_RDONLY, &txn)
			  : MDB_PANIC;
	if (rc == 0) {
		if (mdb_stat(txn, b->env.entries, &st) == 0)
			b->size = st.ms_entries;
		mdb_txn_abort(txn);
	}
	pthread_mutex_lock(&b->lock);
	b->job_first = b->job_last = b->taken_last = NULL;
	b->hold = false;
	b->err = 0;
	pthread_mutex_unlock(&b->lock);
}

uint64_t
lmdb_durable(struct mu_backend *base, int *err)
{
	struct lmdb *b = lmdb_of(base);
	bool interval = b->options.sync_interval_ms > 0;
	uint64_t news;

	*err = 0;
	/* It is asked for each answer, and rarely there is news. */
	if (!atomic_exchange(&b->news, false))
		return interval ? b->sealed : b->told;
	pthread_mutex_lock(&b->lock);
	/* Under the lock: read between the committer's two words the
	 * descriptor would stay readable, and its owner never sleep. */
	(void)!read(b->event_fd, &news, sizeof news);
	b->told = b->done;
	*err = interval ? 0 : b->err;
	pthread_mutex_unlock(&b->lock);
	retire(b, b->told);
	if (*err != 0)
		undo(b);
	if (!lmdb_mend(b))
		atomic_store(&b->news, true); /* try again */
	return interval ? b->sealed : b->told;
}
