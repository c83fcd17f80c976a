/* The outbox; see outbox.h, and outbox_impl.h for which file does what. */
#include "logs/outbox_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "pool/pool.h"
#include "sys/log.h"

/* No node is called so. */
#define EVERYBODY "*"

/* --- lines and answers --------------------------------------------------- */

void
outbox_say(struct outbox *o, int level, const char *fmt, ...)
{
	struct line *l;
	va_list ap;

	if (o->nlines >= OUTBOX_LINES)
		return;
	l = mu_calloc(1, sizeof *l);
	if (l == NULL)
		return;
	l->level = level;
	va_start(ap, fmt);
	vsnprintf(l->text, sizeof l->text, fmt, ap);
	va_end(ap);
	*o->last_line = l;
	o->last_line = &l->next;
	o->nlines++;
}

void
outbox_tell(struct outbox *o, struct ticket *t, int error)
{
	struct done *d = t->caller == NULL ? NULL : mu_calloc(1, sizeof *d);

	t->next = NULL;

	if (d == NULL) {
		/* nobody asks, or memory is out: the caller waits in vain and
		 * asks again after its own time */
		mu_free(t);
		return;
	}
	d->ticket = t;
	d->error = error;
	*o->last_done = d;
	o->last_done = &d->next;
}

static void
free_done(struct done *d)
{
	if (d == NULL)
		return;
	mu_free(d->ticket);
	mu_free(d);
}

static bool
next_line(struct outbox *o, struct outbox_out *out)
{
	struct line *l = o->first_line;

	mu_free(o->shown);
	o->shown = l;
	if (l == NULL)
		return false;
	o->first_line = l->next;
	if (l->next == NULL)
		o->last_line = &o->first_line;
	o->nlines--;
	out->kind = OUTBOX_LINE;
	out->level = l->level;
	out->text = l->text;
	return true;
}

static bool
next_done(struct outbox *o, struct outbox_out *out)
{
	struct done *d = o->first_done;

	free_done(o->given);
	o->given = d;
	if (d == NULL)
		return false;
	o->first_done = d->next;
	if (d->next == NULL)
		o->last_done = &o->first_done;
	out->kind = OUTBOX_DONE;
	out->caller = d->ticket->caller;
	out->id = d->ticket->id;
	out->n = d->ticket->n;
	out->error = d->error;
	return out->caller != NULL || next_done(o, out);
}

static bool
next_announce(struct outbox *o, struct outbox_out *out)
{
	if (!o->unannounced)
		return false;
	for (size_t i = 0; i < o->nstreams; i++) {
		struct stream *st = o->streams[i];

		if (st->announced)
			continue;
		st->announced = true;
		out->kind = OUTBOX_ANNOUNCE;
		out->topic = st->topic;
		out->payload = st->create;
		out->len = st->create_len;
		return true;
	}
	o->unannounced = false;
	return false;
}

static void
end_episode(struct outbox *o)
{
	if (!o->full || o->bytes > o->cfg.spool_bytes / 4 * 3)
		return;
	o->full = false;
	if (!o->full_told)
		return; /* counted with the next that is said */
	o->full_told = false;
	outbox_say(o, LOG_LEVEL_INFO,
	    "logs: the spool has room again; %llu records were %s meanwhile",
	    (unsigned long long)o->full_records,
	    o->cfg.drop_oldest ? "dropped" : "refused");
	o->full_records = 0;
}

bool
outbox_next(struct outbox *o, struct outbox_out *out)
{
	memset(out, 0, sizeof *out);
	end_episode(o);
	if (o->sending != NULL)
		outbox_sent(o, false);
	return next_line(o, out) || next_done(o, out) ||
	       next_announce(o, out) || outbox_send_next(o, out);
}

/* --- construction -------------------------------------------------------- */

static void
config_clear(struct outbox_config *cfg)
{
	char *owned[] = { (char *)(uintptr_t)cfg->node,
		(char *)(uintptr_t)cfg->node_prefix,
		(char *)(uintptr_t)cfg->logs_prefix };

	for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
		mu_free(owned[i]);
}

static int
config_copy(struct outbox_config *to, const struct outbox_config *from)
{
	*to = *from;
	to->node = mu_strdup(from->node);
	to->node_prefix = mu_strdup(from->node_prefix);
	to->logs_prefix = mu_strdup(from->logs_prefix);
	return to->node == NULL || to->node_prefix == NULL ||
		       to->logs_prefix == NULL
		   ? MUSTER_ENOMEM
		   : 0;
}

/* Without loggers everybody is one, and always there. */
static int
make_everybody(struct outbox *o)
{
	static const char *const name = EVERYBODY;
	struct logger *l;
	int rc = outbox_set_loggers(o, &name, 1);

	if (rc != 0)
		return rc;
	l = outbox_logger(o, EVERYBODY);
	o->everybody = l;
	return outbox_logger_up(o, EVERYBODY, false, o->now);
}

struct outbox *
outbox_new(const struct outbox_config *cfg, struct mu_backend *disk,
    uint64_t now, char *why)
{
	struct outbox *o = mu_calloc(1, sizeof *o);

	snprintf(why, OUTBOX_WHY, "out of memory");
	if (o == NULL) {
		disk->ops->close(disk);
		return NULL;
	}
	o->disk = disk;
	o->now = now;
	o->redo_at = o->due = UINT64_MAX;
	o->last_entry = &o->first_entry;
	o->last_line = &o->first_line;
	o->last_done = &o->first_done;
	mu_rng_init(&o->rng, cfg->seed);
	mu_buf_init(&o->scratch, 0);
	mu_buf_init(&o->message, 0);
	if (config_copy(&o->cfg, cfg) != 0)
		goto fail;
	why[0] = '\0';
	if (outbox_load(o, why) != 0)
		goto fail;
	snprintf(why, OUTBOX_WHY, "out of memory");
	if (cfg->alone && make_everybody(o) != 0)
		goto fail;
	return o;
fail:
	outbox_free(o);
	return NULL;
}

static void
free_queue(struct queue *q)
{
	while (q->first != NULL) {
		struct batch *b = q->first;

		outbox_dequeue(q, b);
		mu_free(b);
	}
}

static void
free_consequences(struct outbox *o)
{
	struct done *d;
	struct line *l;

	while ((d = o->first_done) != NULL) {
		o->first_done = d->next;
		free_done(d);
	}
	free_done(o->given);
	while ((l = o->first_line) != NULL) {
		o->first_line = l->next;
		mu_free(l);
	}
	mu_free(o->shown);
}

static void
free_parts(struct outbox *o)
{
	struct logger *l;

	while ((l = o->loggers) != NULL) {
		o->loggers = l->next;
		free_queue(&l->queue);
		outbox_logger_free(l);
	}
	for (size_t i = 0; i < o->nstreams; i++) {
		free_queue(&o->streams[i]->queue);
		outbox_stream_free(o->streams[i]);
	}
	mu_free(o->streams);
	mu_pool_free(o->pool);
	free_queue(&o->graves);
}

void
outbox_free(struct outbox *o)
{
	if (o == NULL)
		return;
	outbox_collect_all(o);
	outbox_flush(o);
	o->disk->ops->close(o->disk);
	outbox_journal_clear(o);
	while (o->holds != NULL)
		outbox_unhold(o, o->holds->logger, NULL);
	free_parts(o);
	free_consequences(o);
	mu_buf_clear(&o->scratch);
	mu_buf_clear(&o->message);
	config_clear(&o->cfg);
	mu_free(o);
}

void
outbox_configure(struct outbox *o, const struct outbox_config *cfg)
{
	o->cfg.spool_bytes = cfg->spool_bytes;
	o->cfg.drop_oldest = cfg->drop_oldest;
	o->cfg.batch_records = cfg->batch_records;
	o->cfg.batch_bytes = cfg->batch_bytes;
	o->cfg.batch_ns = cfg->batch_ns;
	o->cfg.max_record = cfg->max_record;
	o->cfg.window_bytes = cfg->window_bytes;
	o->cfg.failover_ns = cfg->failover_ns;
}

/* --- time ---------------------------------------------------------------- */

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void
collect_due(struct outbox *o)
{
	o->due = UINT64_MAX;
	for (size_t i = 0; i < o->nstreams; i++) {
		struct stream *st = o->streams[i];

		if (st->due <= o->now)
			outbox_collect(o, st);
		o->due = smaller(o->due, st->due);
	}
}

void
outbox_tick(struct outbox *o, uint64_t now)
{
	o->now = now;
	if (o->due <= now)
		collect_due(o);
	outbox_loggers_tick(o);
	outbox_disk_tick(o);
}

uint64_t
outbox_deadline(const struct outbox *o)
{
	uint64_t at = smaller(o->redo_at, outbox_loggers_deadline(o));

	/* Written or refused after the turn's flush: nothing else may come to
	 * seal it, or to tell. */
	if (o->unsealed || o->first_done != NULL)
		return o->now;
	at = smaller(smaller(at, o->due), outbox_disk_deadline(o));
	return smaller(at, outbox_hold_deadline(o));
}
