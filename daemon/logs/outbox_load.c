/*
 * What an earlier life left in the outbox.  Batches that were given to a
 * logger may have been sent to it: they are sent again with their numbers.
 */
#include "logs/outbox_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "sys/log.h"

static const uint8_t next_key[] = { 'n', 'e', 'x', 't' };

typedef int (*visit)(
    struct outbox *o, uint64_t number, struct mu_bytes value, char *why);

static int
damaged(char *why, const char *what, uint64_t number)
{
	snprintf(why, OUTBOX_WHY, "the spool is damaged: %s %llu", what,
	    (unsigned long long)number);
	return MUSTER_EPROTO;
}

/* Every pair whose key is of that kind. */
static int
each(struct outbox *o, enum outbox_kind kind, visit v, char *why)
{
	uint8_t space[OUTBOX_KEY];
	struct mu_bytes key = outbox_key(space, kind, 0), found, value;
	int64_t deadline;
	uint64_t number;
	int rc;

	key.len = 1; /* comes before all others of the kind */
	for (;;) {
		rc = o->disk->ops->after(
		    o->disk, key, &found, &value, &deadline);
		if (rc == MUSTER_ENOENT)
			return 0;
		if (rc == 0 && (found.len == 0 || found.at[0] != kind))
			return 0;
		if (rc == 0 && !outbox_key_dec(found, kind, &number))
			rc = damaged(why, "a key of kind", kind);
		if (rc == 0)
			rc = v(o, number, value, why);
		if (rc != 0)
			return rc;
		key = outbox_key(space, kind, number);
	}
}

static int
load_stream(struct outbox *o, uint64_t number, struct mu_bytes value, char *why)
{
	struct mu_log_stream about = { 0 };
	struct mu_log_why text = { "" };
	struct stream *st;
	int rc = mu_log_stream_dec(&about, value.at, value.len, &text);

	if (rc == MUSTER_ENOMEM)
		return rc;
	if (rc != 0 || number == 0 || number > UINT32_MAX)
		return damaged(why, "stream", number);
	st = outbox_stream_new(o, (uint32_t)number, &about);
	mu_log_stream_clear(&about);
	if (st == NULL)
		return MUSTER_ENOMEM;
	st->stored = true;
	if (o->numbers.stream <= number)
		o->numbers.stream = (uint32_t)number + 1;
	return 0;
}

static int
load_logger(struct outbox *o, uint64_t number, struct mu_bytes value, char *why)
{
	struct mu_uuid session;
	const char *name;
	struct logger *l;
	size_t len;

	if (outbox_logger_dec(value, &session, &name, &len) != 0 ||
	    number == 0 || number > UINT32_MAX)
		return damaged(why, "logger", number);
	l = outbox_logger_new(o, name, len);
	if (l == NULL)
		return MUSTER_ENOMEM;
	l->number = (uint32_t)number;
	l->session = session;
	l->stored = true;
	if (o->numbers.logger <= number)
		o->numbers.logger = (uint32_t)number + 1;
	return 0;
}

/* In the order of numbers; ids mostly have the same. */
static void
insert(struct queue *q, struct batch *b)
{
	struct batch *after = q->last;

	while (after != NULL && after->seq > b->seq)
		after = after->prev;
	outbox_enqueue(q, after, b);
}

static int
load_batch(struct outbox *o, uint64_t number, struct mu_bytes value, char *why)
{
	struct outbox_about a;
	struct batch *b;
	struct logger *l = NULL;
	struct stream *st;

	if (outbox_about_dec(&a, value) != 0)
		return damaged(why, "batch", number);
	st = outbox_find(o, a.stream);
	if (a.logger != 0)
		for (l = o->loggers; l != NULL && l->number != a.logger;)
			l = l->next;
	if (st == NULL || (a.logger != 0 && l == NULL))
		return damaged(why, "batch", number);
	b = mu_calloc(1, sizeof *b);
	if (b == NULL)
		return MUSTER_ENOMEM;
	b->id = number;
	b->stream = st;
	b->logger = l;
	b->seq = a.seq;
	b->nrecords = a.nrecords;
	b->bytes = a.bytes;
	b->maybe = l != NULL;
	if (l != NULL)
		insert(&l->queue, b);
	else
		outbox_give(o, b, NULL);
	o->nbatches++;
	o->bytes += outbox_cost(b);
	o->found += b->nrecords;
	st->nbatches++;
	st->waiting += b->nrecords;
	if (o->numbers.id <= number)
		o->numbers.id = number + 1;
	if (o->numbers.seq <= a.seq)
		o->numbers.seq = a.seq + 1;
	return 0;
}

/* A body whose batch is not known was not erased when memory was out. */
static int
check_body(struct outbox *o, uint64_t number, struct mu_bytes value, char *why)
{
	uint8_t space[OUTBOX_KEY];
	int64_t deadline;
	int rc = o->disk->ops->get(o->disk,
	    outbox_key(space, OUTBOX_ABOUT, number), &value, &deadline);

	(void)why;
	if (rc == MUSTER_ENOENT) {
		o->disk->ops->erase(
		    o->disk, outbox_key(space, OUTBOX_BODY, number));
		rc = 0;
	}
	return rc;
}

/* What no batch needs any more: described again when it is used. */
static void
drop_idle_streams(struct outbox *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->nstreams; i++) {
		struct stream *st = o->streams[i];
		uint8_t space[OUTBOX_KEY];

		if (st->nbatches > 0 ||
		    o->disk->ops->erase(o->disk,
			outbox_key(space, OUTBOX_STREAM, st->number)) != 0)
			o->streams[st->index = n++] = st;
		else
			outbox_stream_free(st);
	}
	o->nstreams = n;
}

static int
load_numbers(struct outbox *o, char *why)
{
	struct mu_bytes key = { next_key, sizeof next_key }, value;
	int rc = o->disk->ops->meta_get(o->disk, key, &value);

	if (rc == MUSTER_ENOENT)
		return 0;
	if (rc == 0 && outbox_numbers_dec(&o->numbers, value) != 0)
		rc = damaged(why, "numbers of version", 1);
	return rc;
}

int
outbox_load(struct outbox *o, char *why)
{
	int rc;

	o->numbers = (struct outbox_numbers){ 1, 1, 1, 1 };
	rc = load_numbers(o, why);
	if (rc == 0)
		rc = each(o, OUTBOX_STREAM, load_stream, why);
	if (rc == 0)
		rc = each(o, OUTBOX_LOGGER, load_logger, why);
	if (rc == 0)
		rc = each(o, OUTBOX_ABOUT, load_batch, why);
	if (rc == 0)
		rc = each(o, OUTBOX_BODY, check_body, why);
	if (rc != 0) {
		if (why[0] == '\0')
			snprintf(why, OUTBOX_WHY,
			    "the spool cannot be read: %s",
			    muster_strerror(rc));
		return rc;
	}
	drop_idle_streams(o);
	if (o->found > 0)
		outbox_say(o, LOG_LEVEL_INFO,
		    "logs: %llu records in %zu batches wait in the spool",
		    (unsigned long long)o->found, o->nbatches);
	return 0;
}
