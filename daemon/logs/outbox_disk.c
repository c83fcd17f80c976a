/*
 * What the outbox writes, and what became of it.  Everything written in a turn
 * is one transaction; the journal remembers it until the disk has it.  When a
 * commit fails, all that was written since is undone: what was new is refused,
 * what was known is written again.
 */
#include "logs/outbox_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "sys/log.h"

static const uint8_t next_key[] = { 'n', 'e', 'x', 't' };

uint64_t
outbox_cost(const struct batch *b)
{
	return b->bytes < OUTBOX_LEAST ? OUTBOX_LEAST : b->bytes;
}

/* --- writing ------------------------------------------------------------- */

static struct entry *
entry_new(enum entry_kind kind)
{
	struct entry *e = mu_calloc(1, sizeof *e);

	if (e != NULL)
		e->kind = kind;
	return e;
}

/* It was written. */
static uint64_t
enter(struct outbox *o, struct entry *e)
{
	o->unsealed = true;
	if (o->first_entry == NULL)
		o->progress = o->now;
	e->number = ++o->journal;
	e->next = NULL;
	*o->last_entry = e;
	o->last_entry = &e->next;
	return e->number;
}

static int
put(struct outbox *o, struct mu_bytes key, const struct mu_buf *value)
{
	struct mu_bytes v = { mu_buf_data(value), mu_buf_len(value) };

	if (mu_buf_error(value) != 0)
		return mu_buf_error(value);
	return o->disk->ops->put(o->disk, key, v, 0);
}

static int
put_about(struct outbox *o, const struct batch *b)
{
	struct outbox_about a = {
		.stream = b->stream->number,
		.nrecords = b->nrecords,
		.bytes = b->bytes,
		.logger = b->logger == NULL ? 0 : b->logger->number,
		.seq = b->logger == NULL ? 0 : b->seq,
	};
	uint8_t space[OUTBOX_KEY];

	mu_buf_reset(&o->scratch);
	outbox_about_enc(&o->scratch, &a);
	return put(o, outbox_key(space, OUTBOX_ABOUT, b->id), &o->scratch);
}

static int
erase_key(struct outbox *o, enum outbox_kind kind, uint64_t number)
{
	uint8_t space[OUTBOX_KEY];
	int rc = o->disk->ops->erase(o->disk, outbox_key(space, kind, number));

	return rc == MUSTER_ENOENT ? 0 : rc;
}

static void
try_later(struct outbox *o)
{
	if (o->redo_at == UINT64_MAX)
		o->redo_at = o->now + OUTBOX_DISK;
}

int
outbox_store(struct outbox *o, struct batch *b, struct mu_bytes body)
{
	struct entry *e = entry_new(ENTRY_BATCH);
	uint8_t space[OUTBOX_KEY];
	int rc = MUSTER_ENOMEM;

	if (e != NULL)
		rc = o->disk->ops->put(
		    o->disk, outbox_key(space, OUTBOX_BODY, b->id), body, 0);
	if (rc == 0)
		rc = put_about(o, b);
	if (rc != 0) {
		if (e != NULL)
			erase_key(o, OUTBOX_BODY, b->id);
		mu_free(e);
		return rc;
	}
	e->batch = b;
	b->fresh = true;
	b->written = enter(o, e);
	o->undurable += b->bytes;
	return 0;
}

void
outbox_restore(struct outbox *o, struct batch *b)
{
	struct entry *e = entry_new(ENTRY_ABOUT);

	if (e != NULL && put_about(o, b) == 0) {
		e->batch = b;
		b->written = enter(o, e);
		b->redo = false;
		return;
	}
	mu_free(e);
	b->redo = o->redo_abouts = true;
	try_later(o);
}

/* Both keys of a dead batch. */
static void
bury(struct outbox *o, struct batch *b)
{
	struct entry *e = entry_new(ENTRY_ERASE);

	if (e != NULL && erase_key(o, OUTBOX_ABOUT, b->id) == 0 &&
	    erase_key(o, OUTBOX_BODY, b->id) == 0) {
		e->batch = b;
		b->redo = false;
		enter(o, e);
		return;
	}
	mu_free(e);
	b->redo = true;
	try_later(o);
}

void
outbox_erase(struct outbox *o, struct batch *b)
{
	o->bytes -= outbox_cost(b);
	o->nbatches--;
	b->stream->nbatches--;
	b->stream->waiting -= b->nrecords;
	b->dead = true;
	b->logger = NULL;
	outbox_enqueue(&o->graves, o->graves.last, b);
	bury(o, b);
}

int
outbox_store_stream(struct outbox *o, struct stream *st)
{
	struct entry *e;
	struct mu_bytes v = { st->create, st->create_len };
	uint8_t space[OUTBOX_KEY];
	int rc;

	if (st->stored)
		return 0;
	e = entry_new(ENTRY_STREAM);
	if (e == NULL)
		return MUSTER_ENOMEM;
	rc = o->disk->ops->put(
	    o->disk, outbox_key(space, OUTBOX_STREAM, st->number), v, 0);
	if (rc != 0) {
		mu_free(e);
		return rc;
	}
	e->stream = st;
	st->stored = true;
	enter(o, e);
	return 0;
}

int
outbox_store_logger(struct outbox *o, struct logger *l)
{
	struct entry *e;
	uint8_t space[OUTBOX_KEY];
	int rc;

	if (l->stored)
		return 0;
	e = entry_new(ENTRY_LOGGER);
	if (e == NULL)
		return MUSTER_ENOMEM;
	mu_buf_reset(&o->scratch);
	outbox_logger_enc(&o->scratch, &l->session, l->name, strlen(l->name));
	rc = put(o, outbox_key(space, OUTBOX_LOGGER, l->number), &o->scratch);
	if (rc != 0) {
		mu_free(e);
		return rc;
	}
	e->logger = l;
	l->stored = true;
	enter(o, e);
	return 0;
}

int
outbox_store_mark(struct outbox *o, const struct mark *m)
{
	struct mu_bytes key = { mu_buf_data(&m->key), mu_buf_len(&m->key) };
	int rc;

	o->unsealed = true;
	if (mu_buf_len(&m->value) > 0)
		return put(o, key, &m->value);
	rc = o->disk->ops->erase(o->disk, key);
	return rc == MUSTER_ENOENT ? 0 : rc;
}

void
outbox_store_ticket(struct outbox *o, struct ticket *t)
{
	struct entry *e = entry_new(ENTRY_TICKET);

	t->next = NULL;
	/* Its records are written and will be delivered; nobody can say so
	 * now but by waiting for nothing. */
	if (e == NULL) {
		outbox_tell(o, t, MUSTER_ENOMEM);
		return;
	}
	e->ticket = t;
	enter(o, e);
}

static void
store_numbers(struct outbox *o)
{
	struct mu_bytes key = { next_key, sizeof next_key }, value;
	struct entry *e = entry_new(ENTRY_NUMBERS);

	mu_buf_reset(&o->scratch);
	outbox_numbers_enc(&o->scratch, &o->numbers);
	value = (struct mu_bytes){ mu_buf_data(&o->scratch),
		mu_buf_len(&o->scratch) };
	if (e == NULL || mu_buf_error(&o->scratch) != 0 ||
	    o->disk->ops->meta_put(o->disk, key, value) != 0) {
		mu_free(e);
		return; /* the next turn tries again */
	}
	o->numbers_dirty = false;
	enter(o, e);
}

/* --- what became of it --------------------------------------------------- */

static void
settled(struct outbox *o, struct entry *e)
{
	struct batch *b = e->batch;

	o->settled = e->number;
	switch (e->kind) {
	case ENTRY_BATCH:
		o->undurable -= b->bytes;
		b->fresh = false;
		break;
	case ENTRY_ERASE:
		outbox_dequeue(&o->graves, b);
		mu_free(b);
		break;
	case ENTRY_TICKET:
		outbox_tell(o, e->ticket, 0);
		break;
	case ENTRY_ABOUT:
	case ENTRY_STREAM:
	case ENTRY_LOGGER:
	case ENTRY_NUMBERS:
		break;
	}
}

/* A new batch that the disk did not get: as if it had never been.  The entries
 * behind it may speak of it. */
static void
unstore(struct outbox *o, struct batch *b)
{
	o->undurable -= b->bytes;
	if (b->dead) {
		b->redo = false; /* nothing is left to erase */
		return;
	}
	outbox_take(o, b);
	o->accepted -= b->nrecords;
	o->refused += b->nrecords;
	b->stream->accepted -= b->nrecords;
	o->bytes -= outbox_cost(b);
	o->nbatches--;
	b->stream->nbatches--;
	b->stream->waiting -= b->nrecords;
	b->dead = true;
	b->redo = false;
	b->logger = NULL;
	outbox_enqueue(&o->graves, o->graves.last, b);
}

static void
undone(struct outbox *o, struct entry *e, int err)
{
	struct batch *b = e->batch;

	switch (e->kind) {
	case ENTRY_BATCH:
		unstore(o, b);
		break;
	case ENTRY_ABOUT:
		if (!b->dead)
			b->redo = o->redo_abouts = true;
		break;
	case ENTRY_ERASE:
		if (!b->fresh)
			b->redo = true;
		break;
	case ENTRY_TICKET:
		outbox_tell(o, e->ticket, err);
		break;
	case ENTRY_STREAM:
		e->stream->stored = false;
		break;
	case ENTRY_LOGGER:
		e->logger->stored = false;
		break;
	case ENTRY_NUMBERS:
		o->numbers_dirty = true;
		break;
	}
}

/* Batches that were never stored, and whose erasure therefore is done. */
static void
free_unstored(struct outbox *o)
{
	struct batch *b, *next;

	for (b = o->graves.first; b != NULL; b = next) {
		next = b->next;
		if (!b->fresh)
			continue;
		outbox_dequeue(&o->graves, b);
		mu_free(b);
	}
}

static struct entry *
pop(struct outbox *o)
{
	struct entry *e = o->first_entry;

	o->first_entry = e->next;
	if (e->next == NULL)
		o->last_entry = &o->first_entry;
	return e;
}

static void
fail_all(struct outbox *o, int err)
{
	struct entry *e;

	if (o->disk_error[0] == '\0')
		outbox_say(o, LOG_LEVEL_ERR,
		    "logs: the spool cannot be written (%s): nothing is "
		    "accepted until it can",
		    muster_strerror(err));
	snprintf(
	    o->disk_error, sizeof o->disk_error, "%s", muster_strerror(err));
	while (o->first_entry != NULL) {
		e = pop(o);
		undone(o, e, err);
		mu_free(e);
	}
	free_unstored(o);
	/* Who was told of a failure must not see accepted what it sent behind
	 * that.  Records of this node itself wait for the disk. */
	for (size_t i = 0; i < o->nstreams; i++)
		if (o->streams[i]->tickets != NULL)
			outbox_give_up(o, o->streams[i], err);
	o->settled = o->journal;
	o->redo_at = o->now + OUTBOX_DISK;
}

/* The disk spoke. */
static void
moves(struct outbox *o)
{
	if (o->hangs)
		outbox_say(o, LOG_LEVEL_INFO,
		    "logs: the disk of the spool confirms again, after %llu s",
		    (unsigned long long)((o->now - o->progress) / SECOND));
	o->hangs = false;
	o->progress = o->now;
}

static void
settle(struct outbox *o)
{
	int err = 0;
	uint64_t upto = o->disk->ops->durable(o->disk, &err);
	bool any = false;

	while (o->first_entry != NULL && o->first_entry->seal != 0 &&
	       o->first_entry->seal <= upto) {
		struct entry *e = pop(o);

		settled(o, e);
		mu_free(e);
		any = true;
	}
	if (any || err != 0)
		moves(o);
	if (err != 0) {
		fail_all(o, err);
	} else if (any && o->disk_error[0] != '\0') {
		o->disk_error[0] = '\0';
		outbox_say(
		    o, LOG_LEVEL_INFO, "logs: the spool can be written again");
	}
}

uint64_t
outbox_disk_deadline(const struct outbox *o)
{
	return o->first_entry == NULL || o->hangs ? UINT64_MAX
						  : o->progress + OUTBOX_HANGS;
}

void
outbox_disk_tick(struct outbox *o)
{
	if (outbox_disk_deadline(o) > o->now)
		return;
	/* It may have spoken while it was us who slept. */
	settle(o);
	if (outbox_disk_deadline(o) > o->now)
		return;
	o->hangs = true;
	outbox_say(o, LOG_LEVEL_WARN,
	    "logs: the disk of the spool has confirmed nothing for %d seconds: "
	    "records wait for it",
	    (int)(OUTBOX_HANGS / SECOND));
}

void
outbox_durable(struct outbox *o, uint64_t now)
{
	o->now = now;
	settle(o);
}

/* Nothing was written, and nothing is to be: most turns of a node that routes
 * events. */
static bool
idle(const struct outbox *o)
{
	return o->first_entry == NULL && !o->unsealed && !o->numbers_dirty &&
	       o->nwaiting == 0 && o->redo_at == UINT64_MAX;
}

void
outbox_flush(struct outbox *o)
{
	uint64_t seal;

	if (idle(o))
		return;
	settle(o);
	outbox_redo(o);
	outbox_spread(o);
	if (o->numbers_dirty)
		store_numbers(o);
	seal = o->disk->ops->seal(o->disk);
	if (seal == 0)
		seal = o->last_seal;
	o->last_seal = seal;
	o->unsealed = false;
	for (struct entry *e = o->first_entry; e != NULL; e = e->next)
		if (e->seal == 0)
			e->seal = seal;
	settle(o);
}

/* --- again --------------------------------------------------------------- */

static void
redo_queue(struct outbox *o, struct queue *q)
{
	for (struct batch *b = q->first; b != NULL; b = b->next) {
		if (!b->redo)
			continue;
		if (b->logger != NULL &&
		    outbox_store_logger(o, b->logger) != 0) {
			o->redo_abouts = true;
			try_later(o);
			continue;
		}
		outbox_restore(o, b);
	}
}

void
outbox_redo(struct outbox *o)
{
	struct batch *b, *next;

	if (o->now < o->redo_at)
		return;
	o->redo_at = UINT64_MAX;
	for (b = o->graves.first; b != NULL; b = next) {
		next = b->next;
		if (b->redo)
			bury(o, b);
	}
	if (!o->redo_abouts)
		return;
	o->redo_abouts = false;
	for (size_t i = 0; i < o->nstreams; i++)
		redo_queue(o, &o->streams[i]->queue);
	for (struct logger *l = o->loggers; l != NULL; l = l->next)
		redo_queue(o, &l->queue);
	/* Whatever they were taken from waits for the disk. */
	for (struct logger *l = o->loggers; l != NULL; l = l->next)
		l->barrier = o->journal;
}

void
outbox_journal_clear(struct outbox *o)
{
	while (o->first_entry != NULL) {
		struct entry *e = pop(o);

		if (e->kind == ENTRY_TICKET)
			mu_free(e->ticket);
		mu_free(e);
	}
}
