/*
 * Loggers that come, go, stop answering and do not come back: what becomes of
 * the batches that are theirs.
 */
#include "logs/outbox_impl.h"

#include <string.h>

#include "base/alloc.h"
#include "logs/delivery.h"
#include "muster/err.h"
#include "sys/log.h"

/* --- coming and going ---------------------------------------------------- */

/* What was never sent to it is everybody's again. */
static void
return_unsent(struct outbox *o, struct logger *l)
{
	struct batch *b, *next;

	for (b = l->queue.first; b != NULL; b = next) {
		next = b->next;
		if (!b->maybe)
			outbox_return(o, b);
	}
}

int
outbox_logger_up(struct outbox *o, const char *name, bool muster, uint64_t now)
{
	struct logger *l = outbox_logger(o, name);
	char *topic;

	o->now = now;
	if (l == NULL)
		return MUSTER_ENOENT;
	topic = muster ? delivery_topic(DELIVERY_TO_LOGGER, name)
		       : mu_asprintf("%s%s/", o->cfg.node_prefix, name);
	if (topic == NULL)
		return MUSTER_ENOMEM;
	outbox_collect_all(o);
	mu_free(l->topic);
	l->topic = topic;
	outbox_set_up(o, l, true, false);
	l->muster = muster;
	l->since = l->progress = now;
	l->retry_at = 0;
	if (l->nknows > 0)
		memset(l->knows, 0, l->nknows);
	outbox_unhold(o, l, NULL);
	outbox_rewind(l);
	return 0;
}

void
outbox_logger_down(struct outbox *o, const char *name, uint64_t now)
{
	struct logger *l = outbox_logger(o, name);

	o->now = now;
	if (l == NULL || !l->up)
		return;
	outbox_collect_all(o);
	outbox_set_up(o, l, false, false);
	l->since = now;
	outbox_rewind(l);
	return_unsent(o, l);
}

void
outbox_try_again(struct outbox *o)
{
	if (o->everybody != NULL)
		outbox_unhold(o, o->everybody, NULL);
}

/* --- the end ------------------------------------------------------------- */

void
outbox_hurry(struct outbox *o)
{
	outbox_collect_all(o);
}

bool
outbox_quiet(const struct outbox *o)
{
	bool any = false;

	if (o->disk_error[0] != '\0')
		return true;
	for (const struct logger *l = o->loggers; l != NULL; l = l->next) {
		if (!l->up || l->stalled)
			continue;
		if (l->unsent != NULL)
			return false;
		any = true;
	}
	return !any || (o->nwaiting == 0 && o->collecting == 0);
}

/* --- time ---------------------------------------------------------------- */

bool
outbox_others(const struct outbox *o, const struct logger *l)
{
	for (const struct logger *m = o->loggers; m != NULL; m = m->next)
		if (m != l && m->listed && m->up && !m->stalled)
			return true;
	return false;
}

/* When what was sent to l and is unanswered goes to others. */
static uint64_t
failover_at(const struct outbox *o, const struct logger *l)
{
	if ((l->up && !l->stalled) || l->queue.n == 0 || !outbox_others(o, l))
		return UINT64_MAX;
	return (l->up ? l->progress : l->since) + o->cfg.failover_ns;
}

static void
fail_over(struct outbox *o, struct logger *l)
{
	uint64_t n = 0;
	struct batch *b;

	while ((b = l->queue.first) != NULL) {
		if (b->maybe)
			n += b->nrecords;
		outbox_return(o, b);
	}
	o->doubtful += n;
	if (n > 0)
		outbox_say(o, LOG_LEVEL_WARN,
		    "logs: logger %s does not come back: %llu records it did "
		    "not answer for go to others and may be written twice",
		    l->name, (unsigned long long)n);
}

static uint64_t
stalls_at(const struct logger *l)
{
	return l->up && l->flying > 0 ? l->progress + OUTBOX_STALLED
				      : UINT64_MAX;
}

static void
stall(struct outbox *o, struct logger *l)
{
	outbox_collect_all(o);
	outbox_set_up(o, l, true, true);
	outbox_say(o, LOG_LEVEL_WARN,
	    "logs: logger %s has not answered for %d seconds", l->name,
	    (int)(OUTBOX_STALLED / SECOND));
	outbox_rewind(l);
	return_unsent(o, l);
	l->rewind_at = o->now + OUTBOX_STALLED;
}

static void
logger_tick(struct outbox *o, struct logger *l)
{
	if (!l->stalled && stalls_at(l) <= o->now)
		stall(o, l);
	if (l->rewind_at <= o->now) {
		outbox_rewind(l);
		if (l->stalled)
			l->rewind_at = o->now + OUTBOX_STALLED;
	}
	if (failover_at(o, l) <= o->now)
		fail_over(o, l);
	/* nothing is left to ask it with: it gets something new */
	if (l->stalled && l->queue.n == 0)
		outbox_set_up(o, l, true, false);
}

void
outbox_loggers_tick(struct outbox *o)
{
	for (struct logger *l = o->loggers; l != NULL; l = l->next)
		logger_tick(o, l);
}

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t
outbox_loggers_deadline(const struct outbox *o)
{
	uint64_t at = UINT64_MAX;

	for (const struct logger *l = o->loggers; l != NULL; l = l->next) {
		at = smaller(at, l->rewind_at);
		at = smaller(at, failover_at(o, l));
		if (!l->stalled)
			at = smaller(at, stalls_at(l));
		if (l->up && l->unsent != NULL && l->retry_at > o->now)
			at = smaller(at, l->retry_at);
	}
	return at;
}
