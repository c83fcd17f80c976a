/*
 * Which batch is whose.  A batch given to a logger stays with it until it is
 * answered or the logger is given up; what waits for nobody in particular is
 * in its stream's queue, in the order of its acceptance, and goes to loggers
 * that have room, so that a slow one does not hold up what another could take.
 */
#include "logs/outbox_impl.h"

#include <string.h>

#include "base/alloc.h"
#include "logs/delivery.h"
#include "muster/err.h"
#include "pool/pool.h"
#include "sys/log.h"

/* --- queues -------------------------------------------------------------- */

/* Behind after; NULL: as the first. */
void
outbox_enqueue(struct queue *q, struct batch *after, struct batch *b)
{
	b->prev = after;
	b->next = after == NULL ? q->first : after->next;
	if (b->prev != NULL)
		b->prev->next = b;
	else
		q->first = b;
	if (b->next != NULL)
		b->next->prev = b;
	else
		q->last = b;
	q->n++;
}

void
outbox_dequeue(struct queue *q, struct batch *b)
{
	if (b->prev != NULL)
		b->prev->next = b->next;
	else
		q->first = b->next;
	if (b->next != NULL)
		b->next->prev = b->prev;
	else
		q->last = b->prev;
	b->prev = b->next = NULL;
	q->n--;
}

static void
land(struct logger *l, struct batch *b)
{
	if (!b->sent)
		return;
	b->sent = false;
	l->flying--;
	l->flying_bytes -= b->bytes;
}

void
outbox_take(struct outbox *o, struct batch *b)
{
	struct logger *l = b->logger;

	if (o->sending == b)
		o->sending = NULL;
	if (l == NULL) {
		outbox_dequeue(&b->stream->queue, b);
		o->nwaiting--;
		return;
	}
	if (l->unsent == b)
		l->unsent = b->next;
	land(l, b);
	outbox_dequeue(&l->queue, b);
}

void
outbox_give(struct outbox *o, struct batch *b, struct logger *l)
{
	struct batch *after = b->stream->queue.first;

	b->logger = l;
	b->seq = 0;
	if (l != NULL) {
		b->seq = o->numbers.seq++;
		o->numbers_dirty = true;
		outbox_enqueue(&l->queue, l->queue.last, b);
		if (l->unsent == NULL)
			l->unsent = b;
		return;
	}
	/* mostly behind all others, or before them */
	if (after == NULL || after->id > b->id) {
		after = NULL;
	} else {
		after = b->stream->queue.last;
		while (after->id > b->id)
			after = after->prev;
	}
	outbox_enqueue(&b->stream->queue, after, b);
	o->nwaiting++;
}

void
outbox_return(struct outbox *o, struct batch *b)
{
	struct logger *l = b->logger;

	outbox_take(o, b);
	b->maybe = false;
	outbox_give(o, b, NULL);
	outbox_restore(o, b);
	l->barrier = o->journal;
}

/* --- loggers ------------------------------------------------------------- */

struct logger *
outbox_logger(const struct outbox *o, const char *name)
{
	struct logger *l = o->loggers;

	while (l != NULL && strcmp(l->name, name) != 0)
		l = l->next;
	return l;
}

void
outbox_logger_free(struct logger *l)
{
	if (l == NULL)
		return;
	mu_free(l->name);
	mu_free(l->topic);
	mu_free(l->knows);
	mu_free(l);
}

static void
new_session(struct outbox *o, struct logger *l)
{
	uint64_t random[2] = { mu_rng_u64(&o->rng), mu_rng_u64(&o->rng) };
	uint8_t bytes[16];

	memcpy(bytes, random, sizeof bytes);
	mu_uuid_from_random(&l->session, bytes);
}

struct logger *
outbox_logger_new(struct outbox *o, const char *name, size_t len)
{
	struct logger *l = mu_calloc(1, sizeof *l), **at = &o->loggers;

	if (l == NULL)
		return NULL;
	l->name = mu_memdup0(name, len);
	if (l->name == NULL) {
		mu_free(l);
		return NULL;
	}
	l->number = o->numbers.logger;
	l->since = o->now;
	l->rewind_at = UINT64_MAX;
	new_session(o, l);
	while (*at != NULL && strcmp((*at)->name, l->name) < 0)
		at = &(*at)->next;
	l->next = *at;
	*at = l;
	return l;
}

static int
make_pool(struct outbox *o, const char *const *names, size_t n)
{
	struct mu_pool_spec spec = { .name = "loggers",
		.topic = "zeek/cluster/pool/logger",
		.replicas = 1 };
	struct mu_pool *pool = mu_pool_new(&spec, names, n, NULL);

	if (pool == NULL)
		return MUSTER_ENOMEM;
	if (o->pool != NULL)
		mu_pool_inherit(pool, o->pool);
	mu_pool_free(o->pool);
	o->pool = pool;
	return 0;
}

int
outbox_set_loggers(struct outbox *o, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (outbox_logger(o, names[i]) != NULL)
			continue;
		if (outbox_logger_new(o, names[i], strlen(names[i])) == NULL)
			return MUSTER_ENOMEM;
		o->numbers.logger++;
		o->numbers_dirty = true;
	}
	if (make_pool(o, names, n) != 0)
		return MUSTER_ENOMEM;
	for (struct logger *l = o->loggers; l != NULL; l = l->next) {
		l->member = mu_pool_find(o->pool, l->name);
		l->listed = l->member != NULL;
		mu_pool_set_up(o->pool, l->name, l->up && !l->stalled);
	}
	return 0;
}

void
outbox_set_up(struct outbox *o, struct logger *l, bool up, bool stalled)
{
	l->up = up;
	l->stalled = stalled;
	if (o->pool != NULL)
		mu_pool_set_up(o->pool, l->name, up && !stalled);
}

/* Zeek's round robin over its logger pool, under Zeek's key: one turn for all
 * streams.  Without memory, as if nobody were alive. */
struct logger *
outbox_choose(struct outbox *o)
{
	static const char key[] = "Cluster::rr_log_topic";
	const struct mu_pool_member *m;
	struct logger *l = o->loggers;

	if (o->pool == NULL ||
	    mu_pool_turn(o->pool, key, sizeof key - 1, &m) != 0)
		return NULL;
	while (l != NULL && l->member != m)
		l = l->next;
	return l;
}

/* --- holds --------------------------------------------------------------- */

static struct hold *
find_hold(
    const struct outbox *o, const struct logger *l, const struct stream *st)
{
	struct hold *h = o->holds;

	while (h != NULL && (h->logger != l || h->stream != st))
		h = h->next;
	return h;
}

bool
outbox_held(
    const struct outbox *o, const struct logger *l, const struct stream *st)
{
	return find_hold(o, l, st) != NULL;
}

void
outbox_hold(struct outbox *o, struct logger *l, struct stream *st)
{
	struct hold *h = find_hold(o, l, st);

	if (h == NULL) {
		h = mu_calloc(1, sizeof *h);
		if (h == NULL)
			return; /* it is asked again too soon */
		h->logger = l;
		h->stream = st;
		h->next = o->holds;
		o->holds = h;
	}
	h->pause = h->pause == 0 ? OUTBOX_HOLD_MIN : h->pause * 2;
	if (h->pause > OUTBOX_HOLD_MAX)
		h->pause = OUTBOX_HOLD_MAX;
	h->until = o->now + h->pause;
}

void
outbox_unhold(struct outbox *o, const struct logger *l, const struct stream *st)
{
	struct hold **at = &o->holds, *h;

	while ((h = *at) != NULL) {
		if (h->logger != l || (st != NULL && h->stream != st)) {
			at = &h->next;
			continue;
		}
		*at = h->next;
		mu_free(h);
	}
}

uint64_t
outbox_hold_deadline(const struct outbox *o)
{
	uint64_t at = UINT64_MAX;

	for (const struct hold *h = o->holds; h != NULL; h = h->next)
		if (h->until > o->now && h->until < at &&
		    h->stream->queue.n > 0)
			at = h->until;
	return at;
}

/* --- who gets what waits ------------------------------------------------- */

bool
outbox_takes(
    const struct outbox *o, const struct logger *l, const struct stream *st)
{
	const struct hold *h = find_hold(o, l, st);

	return l->listed && l->up && !l->stalled &&
	       l->queue.n < 2 * OUTBOX_WINDOW &&
	       (h == NULL || h->until <= o->now);
}

/* The stream whose first waiting batch is the oldest that l takes. */
static struct stream *
oldest_for(const struct outbox *o, const struct logger *l)
{
	struct stream *best = NULL;

	for (size_t i = 0; i < o->nstreams; i++) {
		struct stream *st = o->streams[i];

		if (st->queue.n > 0 && !st->queue.first->redo &&
		    (best == NULL ||
			st->queue.first->id < best->queue.first->id) &&
		    outbox_takes(o, l, st))
			best = st;
	}
	return best;
}

/* One to each in turn, until nobody takes any. */
void
outbox_spread(struct outbox *o)
{
	bool any = !o->redo_abouts && o->nwaiting > 0;

	while (any) {
		any = false;
		for (struct logger *l = o->loggers; l != NULL; l = l->next) {
			struct stream *st;
			struct batch *b;

			if (!l->listed || !l->up || l->stalled ||
			    l->queue.n >= OUTBOX_WINDOW)
				continue;
			st = oldest_for(o, l);
			if (st == NULL || outbox_store_logger(o, l) != 0)
				continue;
			b = st->queue.first;
			outbox_take(o, b);
			outbox_give(o, b, l);
			outbox_restore(o, b);
			any = !o->redo_abouts;
		}
	}
}

bool
outbox_drop_oldest(struct outbox *o)
{
	struct stream *st = NULL;
	struct batch *b;

	for (size_t i = 0; i < o->nstreams; i++) {
		struct stream *s = o->streams[i];

		if (s->queue.n > 0 && !s->queue.first->fresh &&
		    (st == NULL || s->queue.first->id < st->queue.first->id))
			st = s;
	}
	if (st == NULL)
		return false;
	b = st->queue.first;
	outbox_take(o, b);
	o->dropped += b->nrecords;
	st->dropped += b->nrecords;
	o->full_records += b->nrecords;
	outbox_erase(o, b);
	return true;
}
