/*
 * Records on their way into batches.  A stream's records are collected per
 * logger and leave together (reference "cluster-semantics", 4.3): when there
 * are enough of them, when the first has waited long enough, or when somebody
 * wants to know that they are accepted.
 */
#include "logs/outbox_impl.h"

#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "sys/log.h"

/* --- collecting ---------------------------------------------------------- */

static void
group_free(struct group *g)
{
	mu_buf_clear(&g->body);
	mu_free(g);
}

static struct group *
group_of(struct stream *st, struct logger *l)
{
	struct group **at = &st->groups, *g;

	while ((g = *at) != NULL && g->logger != l)
		at = &g->next;
	if (g != NULL)
		return g;
	g = mu_calloc(1, sizeof *g);
	if (g == NULL)
		return NULL;
	g->logger = l;
	mu_buf_init(&g->body, 0);
	*at = g;
	return g;
}

/* Whose a batch made now of this group is: behind others of its stream that
 * wait, and of a logger with enough to do already, it waits too. */
static struct logger *
owner_of(struct outbox *o, struct stream *st, const struct group *g)
{
	struct logger *l = g->logger;

	if (st->queue.n > 0 || o->redo_abouts)
		return NULL;
	if (l == NULL || !outbox_takes(o, l, st))
		l = outbox_choose(o);
	if (l == NULL || !outbox_takes(o, l, st))
		return NULL;
	return outbox_store_logger(o, l) == 0 ? l : NULL;
}

static int
store_group(struct outbox *o, struct stream *st, struct group *g)
{
	struct mu_bytes body = { mu_buf_data(&g->body), mu_buf_len(&g->body) };
	struct batch *b = mu_calloc(1, sizeof *b);
	int rc = MUSTER_ENOMEM;

	if (b == NULL)
		return rc;
	b->id = o->numbers.id++;
	b->stream = st;
	b->nrecords = g->n;
	b->bytes = (uint32_t)body.len;
	b->since = 0;
	o->numbers_dirty = true;
	outbox_give(o, b, owner_of(o, st, g));
	rc = outbox_store_stream(o, st);
	if (rc == 0)
		rc = outbox_store(o, b, body);
	if (rc != 0) {
		outbox_take(o, b);
		mu_free(b);
		return rc;
	}
	o->accepted += b->nrecords;
	o->losing = false;
	o->bytes += outbox_cost(b);
	o->nbatches++;
	st->accepted += b->nrecords;
	st->nbatches++;
	st->waiting += b->nrecords;
	return 0;
}

static void
forget_collected(struct outbox *o, struct stream *st)
{
	o->collecting -= st->bytes;
	o->promised -= st->cost;
	st->ncollected = st->bytes = st->cost = 0;
}

/* Every group becomes a batch.  Beyond the first that cannot be stored none
 * is: the rest is refused. */
static int
store_groups(struct outbox *o, struct stream *st)
{
	struct group *g;
	int rc = 0, err;

	while ((g = st->groups) != NULL) {
		st->groups = g->next;
		err = rc == 0 ? store_group(o, st, g) : rc;
		if (err != 0) {
			rc = err;
			o->refused += g->n;
		}
		group_free(g);
	}
	forget_collected(o, st);
	return rc;
}

static int
store_marks(struct outbox *o, struct stream *st, int rc)
{
	struct mark *m;

	while ((m = st->marks) != NULL) {
		st->marks = m->next;
		if (rc == 0)
			rc = outbox_store_mark(o, m);
		mu_buf_clear(&m->key);
		mu_buf_clear(&m->value);
		mu_free(m);
	}
	return rc;
}

void
outbox_collect(struct outbox *o, struct stream *st)
{
	struct ticket *t;
	int rc = store_groups(o, st);

	rc = store_marks(o, st, rc);
	if (rc != 0 && o->disk_error[0] == '\0')
		outbox_say(o, LOG_LEVEL_WARN,
		    "logs: records of %s are refused: %s", st->about.stream,
		    muster_strerror(rc));
	while ((t = st->tickets) != NULL) {
		st->tickets = t->next;
		if (rc == 0)
			outbox_store_ticket(o, t);
		else
			outbox_tell(o, t, rc);
	}
	st->last_ticket = &st->tickets;
	st->due = UINT64_MAX;
}

void
outbox_collect_all(struct outbox *o)
{
	for (size_t i = 0; i < o->nstreams; i++)
		if (o->streams[i]->ncollected > 0)
			outbox_collect(o, o->streams[i]);
}

/* --- adding -------------------------------------------------------------- */

/* What a group counts against the limit, as the batch that it will be. */
static uint64_t
cost_of(const struct group *g)
{
	size_t len = mu_buf_len(&g->body);

	return len > 0 && len < OUTBOX_LEAST ? OUTBOX_LEAST : len;
}

static int
put_record(struct outbox *o, struct stream *st, struct mu_bytes r)
{
	struct group *g = group_of(st, outbox_choose(o));
	uint64_t before;

	if (g == NULL)
		return MUSTER_ENOMEM;
	before = cost_of(g);
	mu_buf_u32(&g->body, (uint32_t)r.len);
	mu_buf_put(&g->body, r.at, r.len);
	if (mu_buf_error(&g->body) != 0)
		return mu_buf_error(&g->body);
	g->n++;
	st->ncollected++;
	st->bytes += r.len + 4;
	o->collecting += r.len + 4;
	st->cost += cost_of(g) - before;
	o->promised += cost_of(g) - before;
	return 0;
}

static bool
enough(const struct outbox *o, const struct stream *st)
{
	return st->ncollected >= o->cfg.batch_records ||
	       st->bytes >= o->cfg.batch_bytes;
}

static int
check_records(const struct outbox *o, const struct outbox_add *a, uint64_t *sum)
{
	*sum = 0;
	if (a->n == 0)
		return MUSTER_EINVAL;
	for (size_t i = 0; i < a->n; i++) {
		if (a->records[i].len > o->cfg.max_record)
			return MUSTER_EINVAL;
		*sum += a->records[i].len + 4;
	}
	return 0;
}

/* Say it once per episode; it ends when a quarter is free.  Whoever writes
 * faster than loggers take makes many: of those one is said a minute. */
static void
note_full(struct outbox *o, uint64_t n)
{
	o->full_records += n;
	o->full = true;
	if (o->full_told || o->now < o->full_next)
		return;
	o->full_told = true;
	o->full_next = o->now + OUTBOX_FULL;
	outbox_say(o, LOG_LEVEL_WARN,
	    "logs: the spool has reached its limit of %llu bytes: %s",
	    (unsigned long long)o->cfg.spool_bytes,
	    o->cfg.drop_oldest ? "the oldest records are dropped"
			       : "records are refused");
}

/* What n more records of sum bytes count at most: as many batches as they may
 * become, of which each counts as OUTBOX_LEAST. */
static uint64_t
most(const struct outbox *o, uint64_t sum, size_t n)
{
	size_t loggers = outbox_nloggers(o);
	uint64_t batches =
	    (n / o->cfg.batch_records + 1) * (loggers == 0 ? 1 : loggers);

	if (batches == 1)
		return sum < OUTBOX_LEAST ? OUTBOX_LEAST : sum;
	return sum + (batches < n ? batches : n) * OUTBOX_LEAST;
}

static int
make_space(struct outbox *o, uint64_t sum, size_t n)
{
	uint64_t more = most(o, sum, n);
	uint64_t behind = o->undurable + o->collecting;

	if (behind > 0 && behind + sum > OUTBOX_UNDURABLE)
		return MUSTER_EAGAIN;
	while (o->bytes + o->promised + more > o->cfg.spool_bytes) {
		if (o->cfg.drop_oldest && outbox_drop_oldest(o)) {
			note_full(o, 0);
			continue;
		}
		/* What the disk does not have yet cannot be dropped. */
		if (o->cfg.drop_oldest && behind > 0)
			return MUSTER_EAGAIN;
		note_full(o, n);
		o->refused += n;
		return MUSTER_ELIMIT;
	}
	return 0;
}

static struct ticket *
ticket_new(const struct outbox_add *a)
{
	struct ticket *t = mu_calloc(1, sizeof *t);

	if (t != NULL) {
		t->caller = a->caller;
		t->id = a->id;
		t->n = a->n;
	}
	return t;
}

static int
set_mark(struct stream *st, const struct outbox_mark *mark)
{
	static const uint8_t kind = OUTBOX_MARK;
	struct mark *m = st->marks;

	if (mark->key.len > OUTBOX_MARK_KEY)
		return MUSTER_EINVAL;
	while (m != NULL && (mu_buf_len(&m->key) != mark->key.len + 1 ||
				memcmp(mu_buf_data(&m->key) + 1, mark->key.at,
				    mark->key.len) != 0))
		m = m->next;
	if (m == NULL) {
		m = mu_calloc(1, sizeof *m);
		if (m == NULL)
			return MUSTER_ENOMEM;
		mu_buf_init(&m->key, 0);
		mu_buf_init(&m->value, 0);
		mu_buf_put(&m->key, &kind, 1);
		mu_buf_put(&m->key, mark->key.at, mark->key.len);
		m->next = st->marks;
		st->marks = m;
	}
	mu_buf_reset(&m->value);
	mu_buf_put(&m->value, mark->value.at, mark->value.len);
	return mu_buf_error(&m->key) != 0 ? mu_buf_error(&m->key)
					  : mu_buf_error(&m->value);
}

void
outbox_give_up(struct outbox *o, struct stream *st, int rc)
{
	struct group *g;
	struct ticket *t;

	while ((g = st->groups) != NULL) {
		st->groups = g->next;
		o->refused += g->n;
		group_free(g);
	}
	store_marks(o, st, rc);
	while ((t = st->tickets) != NULL) {
		st->tickets = t->next;
		outbox_tell(o, t, rc);
	}
	st->last_ticket = &st->tickets;
	forget_collected(o, st);
	st->due = UINT64_MAX;
}

/* The whole of it stays in one transaction, whose mark comes with its last
 * batch: what fills a batch on the way does not wait for the rest. */
static int
put_records(struct outbox *o, struct stream *st, const struct outbox_add *a,
    struct ticket *t)
{
	bool stored = false;
	int rc = 0;

	for (size_t i = 0; i < a->n && rc == 0; i++) {
		rc = put_record(o, st, a->records[i]);
		if (rc == 0 && i + 1 < a->n && enough(o, st)) {
			rc = store_groups(o, st);
			stored = true;
		}
	}
	if (rc == 0 && a->mark != NULL)
		rc = set_mark(st, a->mark);
	if (rc != 0)
		return rc;
	if (t != NULL) {
		*st->last_ticket = t;
		st->last_ticket = &t->next;
	}
	if (st->due == UINT64_MAX)
		st->due = o->now + o->cfg.batch_ns;
	if (o->due > st->due)
		o->due = st->due;
	if (stored || a->flush || enough(o, st))
		outbox_collect(o, st);
	return 0;
}

int
outbox_add(struct outbox *o, const struct outbox_add *a, uint64_t now)
{
	struct stream *st = outbox_find(o, a->stream);
	struct ticket *t = NULL;
	uint64_t sum;
	int rc = st == NULL ? MUSTER_ENOENT : check_records(o, a, &sum);

	o->now = now;
	if (rc == 0)
		rc = make_space(o, sum, a->n);
	if (rc != 0)
		return rc;
	if (a->caller != NULL) {
		t = ticket_new(a);
		if (t == NULL)
			return MUSTER_ENOMEM;
	}
	rc = put_records(o, st, a, t);
	if (rc != 0) {
		mu_free(t);
		outbox_give_up(o, st, rc);
	}
	return rc;
}

void
outbox_lost(struct outbox *o, size_t n)
{
	o->refused += n;
	if (o->losing)
		return;
	o->losing = true;
	outbox_say(o, LOG_LEVEL_WARN, "logs: records of this node are lost: %s",
	    o->disk_error[0] != '\0' ? o->disk_error
				     : "the disk is behind, or memory is out");
}

static void
forget_in(struct ticket *t, const void *caller)
{
	for (; t != NULL; t = t->next)
		if (t->caller == caller)
			t->caller = NULL;
}

void
outbox_forget(struct outbox *o, const void *caller)
{
	for (size_t i = 0; i < o->nstreams; i++)
		forget_in(o->streams[i]->tickets, caller);
	for (struct entry *e = o->first_entry; e != NULL; e = e->next)
		if (e->kind == ENTRY_TICKET)
			forget_in(e->ticket, caller);
	for (struct done *d = o->first_done; d != NULL; d = d->next)
		forget_in(d->ticket, caller);
}

int
outbox_mark(struct outbox *o, struct mu_bytes key, struct mu_buf *value)
{
	struct mu_bytes found;
	int64_t deadline;
	int rc;

	mu_buf_reset(&o->scratch);
	mu_buf_u8(&o->scratch, OUTBOX_MARK);
	mu_buf_put(&o->scratch, key.at, key.len);
	rc = mu_buf_error(&o->scratch);
	if (rc == 0)
		rc = o->disk->ops->get(o->disk,
		    (struct mu_bytes){
			mu_buf_data(&o->scratch), mu_buf_len(&o->scratch) },
		    &found, &deadline);
	if (rc != 0)
		return rc;
	mu_buf_put(value, found.at, found.len);
	return mu_buf_error(value);
}

int
outbox_put_mark(struct outbox *o, const struct outbox_mark *mark)
{
	struct mark m = { .next = NULL };
	int rc;

	if (mark->key.len > OUTBOX_MARK_KEY)
		return MUSTER_EINVAL;
	mu_buf_init(&m.key, 0);
	mu_buf_init(&m.value, 0);
	mu_buf_u8(&m.key, OUTBOX_MARK);
	mu_buf_put(&m.key, mark->key.at, mark->key.len);
	mu_buf_put(&m.value, mark->value.at, mark->value.len);
	rc = mu_buf_error(&m.key) != 0 ? mu_buf_error(&m.key)
				       : mu_buf_error(&m.value);
	if (rc == 0)
		rc = outbox_store_mark(o, &m);
	mu_buf_clear(&m.key);
	mu_buf_clear(&m.value);
	return rc;
}
