/* The streams of the outbox: what LogCreate messages describe. */
#include "logs/outbox_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"

struct stream *
outbox_find(const struct outbox *o, uint32_t number)
{
	for (size_t i = 0; i < o->nstreams; i++)
		if (o->streams[i]->number == number)
			return o->streams[i];
	return NULL;
}

void
outbox_stream_free(struct stream *st)
{
	if (st == NULL)
		return;
	mu_log_stream_clear(&st->about);
	mu_free(st->create);
	mu_free(st->topic);
	mu_free(st);
}

static int
describe(struct outbox *o, struct stream *st)
{
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_log_stream_enc(&b, &st->about);
	if (mu_buf_error(&b) == 0)
		st->create =
		    (uint8_t *)mu_memdup0(mu_buf_data(&b), mu_buf_len(&b));
	st->create_len = mu_buf_len(&b);
	mu_buf_clear(&b);
	st->topic = mu_asprintf("%s%s", o->cfg.logs_prefix, st->about.stream);
	return st->create == NULL || st->topic == NULL ? MUSTER_ENOMEM : 0;
}

static int
make_room(struct outbox *o)
{
	size_t cap = o->streams_cap == 0 ? 16 : o->streams_cap * 2;
	struct stream **list;

	if (o->nstreams < o->streams_cap)
		return 0;
	list = mu_reallocarray(o->streams, cap, sizeof *list);
	if (list == NULL)
		return MUSTER_ENOMEM;
	o->streams = list;
	o->streams_cap = cap;
	return 0;
}

struct stream *
outbox_stream_new(
    struct outbox *o, uint32_t number, struct mu_log_stream *about)
{
	struct stream *st = mu_calloc(1, sizeof *st);

	if (st == NULL)
		return NULL;
	st->number = number;
	st->due = UINT64_MAX;
	st->last_ticket = &st->tickets;
	st->about = *about;
	memset(about, 0, sizeof *about);
	if (make_room(o) != 0 || describe(o, st) != 0) {
		outbox_stream_free(st);
		return NULL;
	}
	st->index = o->nstreams;
	o->streams[o->nstreams++] = st;
	o->unannounced = true;
	return st;
}

static int
other_columns(const struct stream *st, char *why)
{
	snprintf(why, OUTBOX_WHY,
	    "stream %s with path %s has other columns on this node "
	    "(until its records are delivered and the node is restarted)",
	    st->about.stream, st->about.path);
	return MUSTER_EEXIST;
}

int
outbox_stream(struct outbox *o, const struct mu_log_stream *s, uint32_t *number,
    char *why)
{
	struct mu_log_stream copy = { 0 };
	struct stream *st;

	for (size_t i = 0; i < o->nstreams; i++) {
		st = o->streams[i];
		if (!mu_log_stream_same(&st->about, s))
			continue;
		*number = st->number;
		return mu_log_stream_same_fields(&st->about, s)
			   ? 0
			   : other_columns(st, why);
	}
	if (o->nstreams >= OUTBOX_STREAMS) {
		snprintf(why, OUTBOX_WHY, "more than %d streams on this node",
		    OUTBOX_STREAMS);
		return MUSTER_ELIMIT;
	}
	snprintf(why, OUTBOX_WHY, "out of memory");
	if (mu_log_stream_copy(&copy, s) != 0)
		return MUSTER_ENOMEM;
	st = outbox_stream_new(o, o->numbers.stream, &copy);
	mu_log_stream_clear(&copy);
	if (st == NULL)
		return MUSTER_ENOMEM;
	*number = o->numbers.stream++;
	o->numbers_dirty = true;
	return 0;
}

const struct mu_log_stream *
outbox_stream_of(const struct outbox *o, uint32_t number)
{
	const struct stream *st = outbox_find(o, number);

	return st == NULL ? NULL : &st->about;
}

bool
outbox_create(const struct outbox *o, size_t i, const char **topic,
    const uint8_t **bytes, size_t *len)
{
	if (i >= o->nstreams)
		return false;
	*topic = o->streams[i]->topic;
	*bytes = o->streams[i]->create;
	*len = o->streams[i]->create_len;
	return true;
}
