/* What status says about logs on their way. */
#include "logs/outbox_impl.h"

void
outbox_facts(const struct outbox *o, struct outbox_facts *out)
{
	*out = (struct outbox_facts){
		.accepted = o->accepted,
		.refused = o->refused,
		.delivered = o->delivered,
		.dropped = o->dropped,
		.damaged = o->damaged,
		.doubtful = o->doubtful,
		.resent = o->resent,
		.found = o->found,
		.batches = o->nbatches,
		.bytes = o->bytes,
		.limit = o->cfg.spool_bytes,
		.full = o->full,
		.error = o->disk_error,
	};
	for (const struct logger *l = o->loggers; l != NULL; l = l->next)
		out->up += l->listed && l->up && !l->stalled;
	for (size_t i = 0; i < o->nstreams; i++) {
		out->waiting += o->streams[i]->waiting;
		out->collected += o->streams[i]->ncollected;
	}
}

/* --- loggers ------------------------------------------------------------- */

/* Gone loggers are told of as long as something is theirs. */
static bool
is_shown(const struct logger *l)
{
	return l->listed || l->queue.n > 0;
}

size_t
outbox_nloggers(const struct outbox *o)
{
	size_t n = 0;

	for (const struct logger *l = o->loggers; l != NULL; l = l->next)
		n += is_shown(l);
	return n;
}

static const char *
state_of(const struct logger *l)
{
	if (!l->listed)
		return "gone";
	if (!l->up)
		return "down";
	return l->stalled ? "stalled" : "up";
}

void
outbox_logger_facts(
    const struct outbox *o, size_t i, struct outbox_logger_facts *out)
{
	const struct logger *l = o->loggers;

	while (!is_shown(l) || i-- > 0)
		l = l->next;
	*out = (struct outbox_logger_facts){
		.name = l->name,
		.state = state_of(l),
		.muster = l->muster,
		.delivered = l->delivered,
		.refused = l->refused,
		.batches = l->queue.n,
		.flying = l->flying,
		.flying_bytes = l->flying_bytes,
		.error = l->error,
	};
	if (l->queue.first != NULL && l->queue.first->since != 0 &&
	    l->queue.first->since < o->now)
		out->lag_ns = o->now - l->queue.first->since;
}

/* --- streams ------------------------------------------------------------- */

size_t
outbox_nstreams(const struct outbox *o)
{
	return o->nstreams;
}

void
outbox_stream_facts(
    const struct outbox *o, size_t i, struct outbox_stream_facts *out)
{
	const struct stream *st = o->streams[i];

	*out = (struct outbox_stream_facts){
		.stream = st->about.stream,
		.writer = st->about.writer,
		.path = st->about.path,
		.accepted = st->accepted,
		.delivered = st->delivered,
		.dropped = st->dropped,
		.waiting = st->waiting,
		.batches = st->nbatches,
	};
}
