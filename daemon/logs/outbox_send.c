/*
 * Batches to the loggers and their answers.  A Muster logger is sent so many
 * that the way to it is filled, and answers; a batch without an answer is sent
 * again with its number, on a new connection or when the answers show that
 * one is missing.  Others have taken what is queued for them.
 */
#include "logs/outbox_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "logrec/message.h"
#include "logs/delivery.h"
#include "muster/err.h"
#include "sys/log.h"
#include "value/codec.h"

#define MESSAGE_ROOM 1024 /* of a message, for what is not the batch */

/* --- what the other side knows ------------------------------------------- */

static bool
knows(const struct logger *l, const struct stream *st)
{
	return st->index < l->nknows && l->knows[st->index] != 0;
}

/* A batch with the stream's description was taken; without memory it is told
 * again. */
static void
learn(struct logger *l, const struct stream *st)
{
	size_t n = st->index + 16;
	uint8_t *more;

	if (st->index >= l->nknows) {
		more = mu_realloc(l->knows, n);
		if (more == NULL)
			return;
		memset(more + l->nknows, 0, n - l->nknows);
		l->knows = more;
		l->nknows = n;
	}
	l->knows[st->index] = 1;
}

/* --- messages ------------------------------------------------------------ */

static void
put_batch_head(struct mu_buf *b, uint32_t n)
{
	mu_buf_u8(b, MUSTER_VECTOR);
	mu_buf_varbyte(b, 3);
	mu_buf_u8(b, MUSTER_COUNT);
	mu_buf_u64(b, 1);
	mu_buf_u8(b, MUSTER_COUNT);
	mu_buf_u64(b, MUSTER_MESSAGE_BATCH);
	mu_buf_u8(b, MUSTER_VECTOR);
	mu_buf_varbyte(b, n);
}

static void
put_records(struct mu_buf *b, const struct stream *st, struct mu_bytes body)
{
	struct mu_log_write w = {
		.stream = st->about.stream,
		.writer = st->about.writer,
		.path = st->about.path,
		.stream_len = strlen(st->about.stream),
		.writer_len = strlen(st->about.writer),
		.path_len = strlen(st->about.path),
	};
	struct mu_bytes record;
	size_t at = 0;

	while (outbox_body_next(body, &at, &record) == 0) {
		w.serial = record.at;
		w.serial_len = record.len;
		mu_log_write_enc(b, &w);
	}
}

/* The Batch message of b in o->message, with the stream's description if l is
 * to be told.  0, or an error of the disk or of what is on it. */
static int
build(struct outbox *o, const struct logger *l, const struct batch *b)
{
	const struct stream *st = b->stream;
	bool tell = l->muster && !knows(l, st);
	uint8_t space[OUTBOX_KEY];
	struct mu_bytes body;
	int64_t deadline;
	int rc = o->disk->ops->get(
	    o->disk, outbox_key(space, OUTBOX_BODY, b->id), &body, &deadline);

	if (rc != 0)
		return rc;
	if (body.len != b->bytes || outbox_body_count(body) != b->nrecords)
		return MUSTER_EPROTO;
	mu_buf_reset(&o->message);
	put_batch_head(&o->message, b->nrecords + tell);
	if (tell)
		mu_buf_put(&o->message, st->create, st->create_len);
	put_records(&o->message, st, body);
	return mu_buf_error(&o->message);
}

/* ... as an event with its number. */
static int
wrap(struct outbox *o, const struct logger *l, const struct batch *b)
{
	struct delivery_batch d = {
		.sender = o->cfg.node,
		.sender_len = strlen(o->cfg.node),
		.session = l->session,
		.seq = b->seq,
		.prev = b->prev == NULL ? 0 : b->prev->seq,
		.round = l->round,
		.batch = mu_buf_data(&o->message),
		.batch_len = mu_buf_len(&o->message),
	};

	mu_buf_reset(&o->scratch);
	delivery_batch_enc(&o->scratch, &d);
	return mu_buf_error(&o->scratch);
}

/* --- sending ------------------------------------------------------------- */

static size_t
window(const struct logger *l)
{
	return l->stalled ? 1 : OUTBOX_WINDOW;
}

/* The next batch for l, if it is to be sent now. */
static struct batch *
ready(struct outbox *o, struct logger *l)
{
	struct batch *b = l->unsent;

	if (b == NULL || !l->up || o->redo_abouts || l->barrier > o->settled ||
	    !outbox_written(o, b) || l->retry_at > o->now ||
	    l->flying >= window(l))
		return NULL;
	if (l->flying > 0 && l->flying_bytes + b->bytes > o->cfg.window_bytes)
		return NULL;
	if (o->cfg.room != NULL && l != o->everybody &&
	    o->cfg.room(o->cfg.ctx, l->name) <
		b->bytes + b->stream->create_len + MESSAGE_ROOM) {
		l->retry_at = o->now + OUTBOX_RETRY;
		return NULL;
	}
	return b;
}

/* What the disk gave back is not what was written. */
static void
damaged(struct outbox *o, struct batch *b, int rc)
{
	outbox_say(o, LOG_LEVEL_ERR,
	    "logs: %u records of %s are lost: the spool gives %s", b->nrecords,
	    b->stream->about.stream, muster_strerror(rc));
	o->damaged += b->nrecords;
	outbox_take(o, b);
	outbox_erase(o, b);
}

static bool
send_one(struct outbox *o, struct logger *l, struct outbox_out *out)
{
	struct batch *b;
	int rc;

	while ((b = ready(o, l)) != NULL) {
		rc = build(o, l, b);
		if (rc == 0 && l->muster)
			rc = wrap(o, l, b);
		if (rc == 0) {
			const struct mu_buf *m =
			    l->muster ? &o->scratch : &o->message;

			o->sending = b;
			o->sending_to = l;
			out->kind =
			    l == o->everybody ? OUTBOX_SPREAD : OUTBOX_BATCH;
			out->logger = l->name;
			out->topic =
			    l == o->everybody ? b->stream->topic : l->topic;
			out->payload = mu_buf_data(m);
			out->len = mu_buf_len(m);
			return true;
		}
		if (rc != MUSTER_EPROTO && rc != MUSTER_ENOENT) {
			l->retry_at = o->now + SECOND;
			break;
		}
		damaged(o, b, rc);
	}
	return false;
}

bool
outbox_send_next(struct outbox *o, struct outbox_out *out)
{
	for (struct logger *l = o->loggers; l != NULL; l = l->next)
		if (send_one(o, l, out))
			return true;
	return false;
}

static void
delivered(struct outbox *o, struct logger *l, struct batch *b)
{
	o->delivered += b->nrecords;
	l->delivered += b->nrecords;
	b->stream->delivered += b->nrecords;
	outbox_take(o, b);
	outbox_erase(o, b);
}

void
outbox_sent(struct outbox *o, bool somebody)
{
	struct batch *b = o->sending;
	struct logger *l = o->sending_to;

	o->sending = NULL;
	if (b == NULL)
		return;
	if (!somebody && l == o->everybody) {
		outbox_hold(o, l, b->stream);
		outbox_return(o, b);
		return;
	}
	if (!somebody) {
		l->retry_at = o->now + OUTBOX_RETRY;
		return;
	}
	if (l->flying == 0)
		l->progress = o->now;
	o->resent += b->maybe;
	b->anew = !b->maybe;
	b->sent = b->maybe = true;
	if (b->since == 0)
		b->since = o->now;
	l->flying++;
	l->flying_bytes += b->bytes;
	l->unsent = b->next;
	if (!l->muster) {
		outbox_unhold(o, l, b->stream);
		delivered(o, l, b);
	}
}

/* --- answers ------------------------------------------------------------- */

void
outbox_rewind(struct logger *l)
{
	for (struct batch *b = l->queue.first; b != NULL; b = b->next)
		b->sent = false;
	l->flying = 0;
	l->flying_bytes = 0;
	l->unsent = l->queue.first;
	l->rewind_at = UINT64_MAX;
	l->round++;
}

static void
answers_again(struct outbox *o, struct logger *l)
{
	if (!l->stalled)
		return;
	outbox_collect_all(o);
	outbox_set_up(o, l, true, false);
	outbox_say(o, LOG_LEVEL_INFO, "logs: logger %s answers again", l->name);
	outbox_rewind(l);
}

static void
on_taken(struct outbox *o, struct logger *l, uint64_t seq)
{
	struct batch *b;
	bool any = false;

	while ((b = l->queue.first) != NULL && b->maybe && b->seq <= seq) {
		outbox_unhold(o, l, b->stream);
		/* one written before may not have been read again */
		if (b->sent && b->anew)
			learn(l, b->stream);
		delivered(o, l, b);
		any = true;
	}
	if (!any) {
		if (l->flying > 0 && l->rewind_at == UINT64_MAX)
			l->rewind_at = o->now + OUTBOX_REWIND;
		return;
	}
	l->progress = o->now;
	l->rewind_at = UINT64_MAX;
	answers_again(o, l);
}

/* Nothing from that batch on was written.  Its stream's batches go to whoever
 * takes them; the others are sent again. */
static void
on_refused(struct outbox *o, struct logger *l, const struct delivery_answer *a)
{
	struct batch *b = l->queue.first, *next;
	struct stream *st;

	while (b != NULL && b->seq != a->seq)
		b = b->next;
	/* Sent again, it may have been taken since. */
	if (b == NULL || !b->sent || a->round != l->round)
		return;
	st = b->stream;
	l->refused++;
	l->progress = o->now;
	mu_text_printable(a->why, a->why_len, l->error, sizeof l->error);
	if (!outbox_held(o, l, st))
		outbox_say(o, LOG_LEVEL_WARN, "logs: logger %s refuses %s: %s",
		    l->name, st->about.stream, l->error);
	answers_again(o, l);
	outbox_hold(o, l, st);
	/* Maybe it was the description that was refused. */
	if (st->index < l->nknows)
		l->knows[st->index] = 0;
	for (; b != NULL; b = next) {
		next = b->next;
		if (b->stream == st)
			outbox_return(o, b);
	}
	outbox_rewind(l);
}

int
outbox_answer(struct outbox *o, const char *from, const uint8_t *payload,
    size_t len, uint64_t now)
{
	struct delivery_answer a;
	struct logger *l;
	int rc = delivery_answer_dec(&a, payload, len);

	o->now = now;
	if (rc != 0)
		return rc;
	if (from == NULL || strlen(from) != a.logger_len ||
	    memcmp(from, a.logger, a.logger_len) != 0)
		return MUSTER_EPERM;
	l = outbox_logger(o, from);
	if (l == NULL || !l->up || !l->muster ||
	    !mu_uuid_eq(&l->session, &a.session))
		return 0; /* late, or of an outbox that was removed */
	if (a.refused)
		on_refused(o, l, &a);
	else
		on_taken(o, l, a.seq);
	return 0;
}
