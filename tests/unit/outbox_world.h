/*
 * A sender with an outbox, a disk that crashes, a network that loses and
 * loggers that die; check_outbox_model.c lets chance decide.
 */
#ifndef UNIT_OUTBOX_WORLD_H
#define UNIT_OUTBOX_WORLD_H

#include "check_outbox.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "model_disk.h"

#define LOGGERS 3
#define STREAMS 3
#define RECORDS 20000
#define STEPS   2500

struct message {
	struct message *next;
	unsigned connection;
	size_t len;
	uint8_t bytes[];
};

struct pipe {
	struct message *first, **last;
};

struct session {
	struct mu_uuid id;
	uint64_t last, committed; /* number taken; on disk */
};

struct model_logger {
	char name[32];
	bool alive, linked, refusing;
	unsigned connection;
	struct pipe in, out; /* batches, answers */
	struct session sessions[4];
	size_t nsessions;
	bool knows[STREAMS];     /* on this connection */
	uint32_t files[RECORDS]; /* numbers in the order they were written */
	size_t written, committed;
};

enum fate { NEVER = 0, PENDING, ACCEPTED, REFUSED, UNKNOWN };

struct world {
	struct mu_rng rng;
	uint64_t now;
	struct outbox_config cfg;
	struct outbox *o;
	struct disk *disk;
	size_t nloggers;
	struct model_logger loggers[LOGGERS];
	uint32_t streams[STREAMS];
	uint8_t fate[RECORDS], stream_of[RECORDS];
	struct {
		uint32_t first, n;
	} tickets[RECORDS];
	size_t ntickets;
	uint32_t nrecords;
	uint64_t doubtful, dropped; /* by earlier lives */
	uint64_t found; /* bytes that the present life began with */
};

static const char *const stream_names[STREAMS] = { "A::LOG", "B::LOG",
	"C::LOG" };

static bool
chance(struct world *w, unsigned one_in)
{
	return mu_rng_below(&w->rng, one_in) == 0;
}

/* --- pipes --------------------------------------------------------------- */

static void
pipe_put(struct pipe *p, unsigned connection, const uint8_t *bytes, size_t len)
{
	struct message *m = malloc(sizeof *m + len);

	ck_assert_ptr_nonnull(m);
	m->next = NULL;
	m->connection = connection;
	m->len = len;
	memcpy(m->bytes, bytes, len);
	*p->last = m;
	p->last = &m->next;
}

static struct message *
pipe_get(struct pipe *p)
{
	struct message *m = p->first;

	if (m == NULL)
		return NULL;
	p->first = m->next;
	if (p->first == NULL)
		p->last = &p->first;
	return m;
}

static void
pipe_cut(struct pipe *p)
{
	struct message *m;

	while ((m = pipe_get(p)) != NULL)
		free(m);
}

/* --- a logger ------------------------------------------------------------ */

static struct session *
session_of(struct model_logger *l, const struct mu_uuid *id)
{
	for (size_t i = 0; i < l->nsessions; i++)
		if (mu_uuid_eq(&l->sessions[i].id, id))
			return &l->sessions[i];
	ck_assert_uint_lt(l->nsessions, 4);
	l->sessions[l->nsessions].id = *id;
	return &l->sessions[l->nsessions++];
}

static void
answer(struct model_logger *l, const struct session *s, const char *why,
    uint64_t seq, uint64_t round)
{
	struct delivery_answer a = {
		.refused = why != NULL,
		.logger = l->name,
		.logger_len = strlen(l->name),
		.session = s->id,
		.seq = seq,
		.round = round,
		.why = why,
		.why_len = why == NULL ? 0 : strlen(why),
	};
	struct mu_buf b;

	mu_buf_init(&b, 0);
	delivery_answer_enc(&b, &a);
	pipe_put(&l->out, l->connection, mu_buf_data(&b), mu_buf_len(&b));
	mu_buf_clear(&b);
}

static size_t
stream_index(const char *name, size_t len)
{
	for (size_t i = 0; i < STREAMS; i++)
		if (strlen(stream_names[i]) == len &&
		    memcmp(stream_names[i], name, len) == 0)
			return i;
	ck_abort_msg("an unknown stream");
	return 0;
}

static void
write_batch(
    struct world *w, struct model_logger *l, const uint8_t *p, size_t len)
{
	struct mu_log_walk walk;
	struct mu_log_item item;

	ck_assert_int_eq(mu_log_walk_init(&walk, p, len), 0);
	while (mu_log_walk_next(&walk, &item)) {
		struct mu_log_stream s = { 0 };
		uint64_t n;

		if (item.kind == MUSTER_MESSAGE_LOG_CREATE) {
			ck_assert_int_eq(
			    mu_log_stream_dec(&s, item.bytes, item.len, NULL),
			    0);
			l->knows[stream_index(s.stream, strlen(s.stream))] =
			    true;
			mu_log_stream_clear(&s);
			continue;
		}
		ck_assert_int_eq(item.kind, MUSTER_MESSAGE_LOG_WRITE);
		n = get_count_record(item.write.serial, item.write.serial_len);
		ck_assert_uint_lt(n, w->nrecords);
		ck_assert_msg(l->knows[stream_index(
				  item.write.stream, item.write.stream_len)],
		    "a record before its stream");
		ck_assert_uint_lt(l->written, RECORDS);
		l->files[l->written++] = (uint32_t)n;
	}
}

static void
logger_feed(struct world *w, struct model_logger *l, const struct message *m)
{
	struct delivery_batch d;
	struct session *s;

	ck_assert_int_eq(delivery_batch_dec(&d, m->bytes, m->len), 0);
	s = session_of(l, &d.session);
	if (d.seq <= s->last || d.prev > s->last) {
		/* of what is not on disk yet nothing is said */
		answer(l, s, NULL, s->committed, 0);
	} else if (l->refusing) {
		answer(l, s, "disk full", d.seq, d.round);
	} else {
		write_batch(w, l, d.batch, d.batch_len);
		s->last = d.seq;
	}
}

static void
logger_commit(struct model_logger *l)
{
	l->committed = l->written;
	for (size_t i = 0; i < l->nsessions; i++) {
		struct session *s = &l->sessions[i];

		if (s->committed == s->last)
			continue;
		s->committed = s->last;
		answer(l, s, NULL, s->last, 0);
	}
}

static void
unlink_logger(struct world *w, struct model_logger *l)
{
	pipe_cut(&l->in);
	pipe_cut(&l->out);
	if (l->linked && w->o != NULL)
		outbox_logger_down(w->o, l->name, w->now);
	l->linked = false;
}

static void
logger_crash(struct world *w, struct model_logger *l)
{
	unlink_logger(w, l);
	l->alive = false;
	l->written = l->committed;
	for (size_t i = 0; i < l->nsessions; i++)
		l->sessions[i].last = l->sessions[i].committed;
}

static void
link_logger(struct world *w, struct model_logger *l)
{
	l->alive = l->linked = true;
	l->connection++;
	memset(l->knows, 0, sizeof l->knows);
	ck_assert_int_eq(outbox_logger_up(w->o, l->name, true, w->now), 0);
}

/* --- the sender ---------------------------------------------------------- */

static struct model_logger *
logger_named(struct world *w, const char *name)
{
	for (size_t i = 0; i < w->nloggers; i++)
		if (strcmp(w->loggers[i].name, name) == 0)
			return &w->loggers[i];
	ck_abort_msg("an unknown logger");
	return NULL;
}

static void
done(struct world *w, const struct outbox_out *out)
{
	for (uint32_t i = 0; i < w->tickets[out->id].n; i++) {
		uint32_t n = w->tickets[out->id].first + i;

		ck_assert_int_eq(w->fate[n], PENDING);
		w->fate[n] = out->error == 0 ? ACCEPTED : REFUSED;
	}
}

static void
turn(struct world *w)
{
	struct outbox_out out;

	outbox_tick(w->o, w->now);
	outbox_flush(w->o);
	while (outbox_next(w->o, &out)) {
		struct model_logger *l;

		if (out.kind == OUTBOX_DONE)
			done(w, &out);
		if (out.kind != OUTBOX_BATCH)
			continue;
		l = logger_named(w, out.logger);
		ck_assert(l->linked);
		if (chance(w, 50)) {
			outbox_sent(w->o, false);
			continue;
		}
		if (!chance(w, 30)) /* else a full queue drops it */
			pipe_put(&l->in, l->connection, out.payload, out.len);
		outbox_sent(w->o, true);
	}
}

static void
open_outbox(struct world *w)
{
	const char *names[LOGGERS];
	char why[OUTBOX_WHY];

	w->cfg.seed = mu_rng_u64(&w->rng);
	w->o = outbox_new(&w->cfg, &w->disk->base, w->now, why);
	ck_assert_msg(w->o != NULL, "%s", why);
	for (size_t i = 0; i < w->nloggers; i++)
		names[i] = w->loggers[i].name;
	ck_assert_int_eq(outbox_set_loggers(w->o, names, w->nloggers), 0);
	for (size_t i = 0; i < STREAMS; i++)
		w->streams[i] = outbox_counts(w->o, stream_names[i]);
}

static void
sender_crash(struct world *w)
{
	struct outbox_facts f;

	outbox_facts(w->o, &f);
	w->doubtful += f.doubtful;
	w->dropped += f.dropped;
	w->disk->dead = true;
	outbox_free(w->o);
	w->o = NULL;
	for (size_t i = 0; i < w->nloggers; i++)
		unlink_logger(w, &w->loggers[i]);
	disk_crash(w->disk);
	for (uint32_t i = 0; i < w->nrecords; i++)
		if (w->fate[i] == PENDING)
			w->fate[i] = UNKNOWN;
	open_outbox(w);
	outbox_facts(w->o, &f);
	w->found = f.bytes;
}

static void
add(struct world *w)
{
	uint32_t n =
	    1 + (uint32_t)mu_rng_below(&w->rng, chance(w, 10) ? 90 : 9);
	size_t st = mu_rng_below(&w->rng, STREAMS);
	int rc;

	if (w->nrecords + n > RECORDS)
		return;
	for (uint32_t i = 0; i < n; i++) {
		w->fate[w->nrecords + i] = PENDING;
		w->stream_of[w->nrecords + i] = (uint8_t)st;
	}
	w->tickets[w->ntickets].first = w->nrecords;
	w->tickets[w->ntickets].n = n;
	rc = outbox_add_counts(w->o, w->streams[st], w->nrecords, n, w,
	    w->ntickets++, chance(w, 2), w->now);
	for (uint32_t i = 0; rc != 0 && i < n; i++)
		w->fate[w->nrecords + i] = REFUSED;
	w->nrecords += n;
}

#endif
