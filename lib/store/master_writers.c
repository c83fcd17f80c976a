/*
 * Clones as writers: one consumer for each, and what they are told about
 * their writes.  The number of a writer's last applied write is kept in the
 * same batch as the write itself, so that a clone of ours that resumes after
 * our restart neither loses nor repeats one.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "muster/err.h"
#include "store/master_impl.h"

#define HOLD   10 /* ticks before a write that failed is asked for again */
#define RECORD 40 /* bytes: endpoint, object, number, use */
#define LEAST  32 /* of the first versions, which kept no use */

/* --- records ----------------------------------------------------------- */

static struct mu_bytes
record_key(size_t slot, uint8_t raw[3])
{
	struct mu_bytes key = { raw, 3 };

	raw[0] = 'w';
	raw[1] = (uint8_t)(slot >> 8);
	raw[2] = (uint8_t)slot;
	return key;
}

int
master_writers_load(struct mu_master *m)
{
	m->remembered = mu_calloc(MAX_REMEMBERED, sizeof *m->remembered);
	if (m->remembered == NULL)
		return MUSTER_ENOMEM;
	for (size_t i = 0; m->config.resume && i < MAX_REMEMBERED; i++) {
		struct remembered *r = &m->remembered[i];
		struct mu_bytes value;
		struct mu_cursor c;
		uint8_t raw[3];
		int rc = m->backend->ops->meta_get(
		    m->backend, record_key(i, raw), &value);

		if (rc == MUSTER_ENOENT)
			continue;
		if (rc != 0)
			return rc;
		if (value.len != RECORD && value.len != LEAST)
			return MUSTER_EPROTO;
		c = mu_cursor_over(value.at, value.len);
		memcpy(r->who.endpoint.bytes, mu_cursor_bytes(&c, 16), 16);
		r->who.object = mu_cursor_u64(&c);
		r->seq = mu_cursor_u64(&c);
		r->used = value.len == RECORD ? mu_cursor_u64(&c) : 0;
		if (m->nremembered < r->used)
			m->nremembered = r->used;
	}
	return 0;
}

static int
save_record(struct mu_master *m, size_t slot)
{
	const struct remembered *r = &m->remembered[slot];
	uint8_t raw[3], record[RECORD];
	struct mu_bytes value = { record, sizeof record };

	memcpy(record, r->who.endpoint.bytes, 16);
	mu_command_set_seq(record + 16, r->who.object);
	mu_command_set_seq(record + 24, r->seq);
	mu_command_set_seq(record + 32, r->used);
	return m->backend->ops->meta_put(
	    m->backend, record_key(slot, raw), value);
}

int
master_writers_save(struct mu_master *m)
{
	for (size_t i = 0; m->unsaved && i < MAX_REMEMBERED; i++) {
		int rc;

		if (!m->remembered[i].unsaved)
			continue;
		rc = save_record(m, i);
		if (rc != 0)
			return rc;
		m->remembered[i].unsaved = false;
	}
	m->unsaved = false;
	return 0;
}

void
master_writers_unsaved(struct mu_master *m)
{
	for (size_t i = 0; i < MAX_REMEMBERED; i++)
		m->remembered[i].unsaved =
		    !mu_entity_is_nil(&m->remembered[i].who);
	m->unsaved = true;
}

static struct remembered *
record_of(struct mu_master *m, const struct mu_entity *who)
{
	for (size_t i = 0; m->remembered != NULL && i < MAX_REMEMBERED; i++)
		if (mu_entity_eq(&m->remembered[i].who, who))
			return &m->remembered[i];
	return NULL;
}

static void
remember(struct mu_master *m, struct writer *w, uint64_t seq)
{
	struct remembered *r = w->record;

	if (r == NULL || !mu_entity_eq(&r->who, &w->who))
		r = record_of(m, &w->who);
	for (size_t i = 0; r == NULL && i < MAX_REMEMBERED; i++)
		if (mu_entity_is_nil(&m->remembered[i].who))
			r = &m->remembered[i];
	if (r == NULL) {
		r = &m->remembered[0];
		for (size_t i = 1; i < MAX_REMEMBERED; i++)
			if (m->remembered[i].used < r->used)
				r = &m->remembered[i];
	}
	w->record = r;
	r->who = w->who;
	r->seq = seq;
	r->used = ++m->nremembered;
	r->unsaved = true;
	m->unsaved = true;
}

bool
master_writer_recall(
    struct mu_master *m, const struct mu_entity *who, uint64_t *seq)
{
	const struct writer *w = master_writer(m, who);
	const struct remembered *r = record_of(m, who);

	if (w != NULL && mu_consumer_is_open(w->in)) {
		*seq = mu_consumer_next_seq(w->in) - 1;
		return true;
	}
	if (r == NULL)
		return false;
	*seq = r->seq;
	return true;
}

/* Slots are given to others only when none is free. */
bool
master_writers_are_complete(const struct mu_master *m)
{
	for (size_t i = 0; m->remembered != NULL && i < MAX_REMEMBERED; i++)
		if (mu_entity_is_nil(&m->remembered[i].who))
			return true;
	return false;
}

/* --- the list ---------------------------------------------------------- */

struct writer *
master_writer(const struct mu_master *m, const struct mu_entity *who)
{
	struct writer *w = m->writers;

	while (w != NULL && !mu_entity_eq(&w->who, who))
		w = w->next;
	return w;
}

static void
open_at(struct writer *w, uint64_t offset, uint16_t heartbeat)
{
	if (mu_consumer_handshake(w->in, offset, heartbeat)) {
		w->decided = offset;
		w->floor = offset;
	}
}

void
master_writer_open(struct writer *w, uint64_t offset)
{
	open_at(w, offset, MU_CHANNEL_HEARTBEAT);
}

/* offset UINT64_MAX: not opened yet */
struct writer *
master_writer_add(struct mu_master *m, const struct mu_entity *who,
    uint64_t offset, uint16_t heartbeat)
{
	struct writer *w;

	if (m->nwriters >= m->config.max_writers)
		return NULL;
	w = mu_calloc(1, sizeof *w);
	if (w == NULL)
		return NULL;
	w->in = mu_consumer_new(m->config.max_early);
	if (w->in == NULL) {
		mu_free(w);
		return NULL;
	}
	w->who = *who;
	if (offset != UINT64_MAX)
		open_at(w, offset, heartbeat);
	w->next = m->writers;
	m->writers = w;
	m->nwriters++;
	return w;
}

static void
remove_writer(struct mu_master *m, struct writer **at)
{
	struct writer *w = *at;

	*at = w->next;
	mu_consumer_free(w->in);
	mu_free(w);
	m->nwriters--;
}

void
master_writers_free(struct mu_master *m)
{
	while (m->writers != NULL)
		remove_writer(m, &m->writers);
	mu_free(m->remembered);
	m->remembered = NULL;
}

/* What was skipped needs no decision; what waits for the medium does. */
uint64_t
master_writer_acked(const struct writer *w)
{
	return w->npending == 0 && mu_consumer_is_open(w->in)
		   ? mu_consumer_next_seq(w->in) - 1
		   : w->decided;
}

/* --- what they send ---------------------------------------------------- */

static void
send_ack(struct mu_master *m, const struct writer *w)
{
	struct mu_command ack = { .tag = MU_CMD_CUMULATIVE_ACK };

	ack.number = master_writer_acked(w);
	master_send(m, &ack, &w->who, true);
}

void
master_on_attach_writer(struct mu_master *m, const struct mu_command *cmd)
{
	struct writer *w = master_writer(m, &cmd->sender);

	if (cmd->number == UINT64_MAX)
		return;
	if (w == NULL)
		w = master_writer_add(
		    m, &cmd->sender, cmd->number, cmd->heartbeat);
	if (w == NULL) {
		mu_outq_log(&m->out, 4, "cannot accept one more writer");
		return;
	}
	open_at(w, cmd->number, cmd->heartbeat);
	send_ack(m, w);
}

/* The first word of a writer that knows us from an earlier life: go on after
 * the last write the backend remembers, or ask for some that came before. */
static void
open_adopted(struct mu_master *m, struct writer *w, uint64_t last)
{
	uint64_t offset = last > MAX_LOOKBACK ? last - MAX_LOOKBACK : 1;
	const struct remembered *r = record_of(m, &w->who);

	if (!w->adopted || mu_consumer_is_open(w->in))
		return;
	if (r != NULL && r->seq <= last)
		offset = r->seq;
	open_at(w, offset, MU_CHANNEL_HEARTBEAT);
}

void
master_on_keepalive(struct mu_master *m, const struct mu_command *cmd)
{
	struct writer *w = master_writer(m, &cmd->sender);

	if (w == NULL)
		return;
	open_adopted(m, w, cmd->number);
	mu_consumer_keepalive(w->in, cmd->number);
}

bool
master_writer_rewind(
    struct mu_master *m, const struct mu_entity *who, uint64_t seq)
{
	struct writer *w = master_writer(m, who);
	struct mu_consumer *in;
	uint64_t end;

	if (w == NULL || w->is_ours)
		return false;
	end = mu_consumer_next_seq(w->in);
	in = end > seq ? mu_consumer_new(m->config.max_early) : NULL;
	if (end > seq && in == NULL)
		return false;
	if (w->npending > 0)
		w->npending--;
	if (in == NULL)
		return true; /* done for an earlier one */
	mu_consumer_free(w->in);
	w->in = in;
	mu_consumer_handshake(in, seq - 1, MU_CHANNEL_HEARTBEAT);
	mu_consumer_keepalive(in, end - 1);
	if (w->decided > seq - 1)
		w->decided = seq - 1;
	w->hold = m->ticks + HOLD;
	if (w->record != NULL)
		remember(m, w, seq - 1);
	return true;
}

/* One action in its turn.  False: no memory, or the medium is behind. */
static bool
take_one(struct mu_master *m, struct writer *w, const struct mu_store_now *now)
{
	struct origin origin = { .writer = w };
	struct mu_command cmd;
	struct mu_blob *blob;
	uint64_t seq;
	int rc;

	if (m->nchanges >= m->config.max_pending || m->ticks < w->hold ||
	    (w->suspect != 0 && w->npending > 0))
		return false;
	blob = mu_consumer_take(w->in, &seq);
	if (blob == NULL)
		return false;
	origin.seq = seq;
	rc = mu_command_dec(&cmd, blob->data, blob->len);
	mu_blob_unref(blob);
	if (rc == 0) {
		rc = master_apply(m, &cmd, &origin, now);
		mu_command_clear(&cmd);
	}
	w->npending++;
	if (rc == 0) {
		remember(m, w, seq);
		return true;
	}
	if (rc != MUSTER_EPROTO && rc != MUSTER_ELIMIT && !w->is_ours &&
	    master_writer_rewind(m, &w->who, seq))
		return false;
	mu_outq_log(&m->out, 4, "a write is lost: %s", muster_strerror(rc));
	master_writer_done(m, &w->who, seq,
	    rc == MUSTER_ENOMEM ? MU_STORE_NOMEM : MU_STORE_INVALID);
	return true;
}

static void
drain(struct mu_master *m, struct writer *w, const struct mu_store_now *now)
{
	while (take_one(m, w, now))
		;
}

int
master_on_action(struct mu_master *m, const struct mu_command *head,
    const uint8_t *payload, size_t len, const struct mu_store_now *now)
{
	struct writer *w = master_writer(m, &head->sender);
	struct mu_blob *blob;
	int rc;

	if (w == NULL)
		return 0;
	open_adopted(m, w, head->seq);
	if (!mu_consumer_is_open(w->in))
		return 0;
	blob = mu_blob_new(payload, len);
	if (blob == NULL)
		return MUSTER_ENOMEM;
	rc = mu_consumer_action(w->in, head->seq, blob);
	mu_blob_unref(blob);
	drain(m, w, now);
	return rc;
}

int
master_on_retransmit_failed(struct mu_master *m, const struct mu_command *cmd,
    const struct mu_store_now *now)
{
	struct writer *w = master_writer(m, &cmd->sender);

	if (w == NULL)
		return 0;
	mu_consumer_skip(w->in, cmd->number);
	drain(m, w, now);
	return 0;
}

/* --- what they are told ------------------------------------------------ */

static void
tell(struct mu_master *m, struct writer *w)
{
	struct mu_command result = {
		.tag = MU_CMD_RESULT,
		.number = master_writer_acked(w),
		.visible = w->visible,
		.floor = w->floor,
		.failures = w->failures,
		.nfailures = w->nfailures,
	};

	w->dirty = false;
	w->nuntold = 0;
	master_send(m, &result, &w->who, true);
}

static void
add_failure(struct mu_master *m, struct writer *w, uint64_t seq,
    enum mu_store_status status)
{
	if (w->is_ours && w->nuntold == MAX_FAILURES)
		tell(m, w);
	if (w->nfailures == MAX_FAILURES) {
		w->floor = w->failures[0].seq;
		memmove(w->failures, w->failures + 1,
		    (MAX_FAILURES - 1) * sizeof w->failures[0]);
		w->nfailures--;
	}
	w->failures[w->nfailures].seq = seq;
	w->failures[w->nfailures].status = (uint8_t)status;
	w->nfailures++;
	w->nuntold++;
}

void
master_writer_done(struct mu_master *m, const struct mu_entity *who,
    uint64_t seq, enum mu_store_status status)
{
	struct writer *w = master_writer(m, who);

	if (w == NULL)
		return;
	if (w->npending > 0)
		w->npending--;
	if (seq > w->decided)
		w->decided = seq;
	if (seq >= w->suspect)
		w->suspect = 0;
	w->visible = mu_producer_seq(m->producer);
	w->dirty = w->is_ours;
	if (status != MU_STORE_OK)
		add_failure(m, w, seq, status);
}

void
master_tell_writers(struct mu_master *m)
{
	for (struct writer *w = m->writers; w != NULL; w = w->next)
		if (w->dirty)
			tell(m, w);
}

/* --- time -------------------------------------------------------------- */

static void
tick_one(struct mu_master *m, struct writer *w)
{
	struct mu_command nack = { .tag = MU_CMD_NACK };
	const uint64_t *list;
	uint64_t ack;

	switch (mu_consumer_tick(w->in, &ack, &list, &nack.nnack)) {
	case MU_CONSUMER_ACK:
		if (w->is_ours)
			w->dirty = true;
		else
			send_ack(m, w);
		break;
	case MU_CONSUMER_NACK:
		/* The first word of an adopted one tells more than it could be
		 * asked. */
		if ((w->adopted && !mu_consumer_is_open(w->in)) ||
		    m->ticks < w->hold)
			break;
		nack.nack =
		    mu_reallocarray(NULL, nack.nnack, sizeof *nack.nack);
		if (nack.nack == NULL)
			break;
		memcpy(nack.nack, list, nack.nnack * sizeof *list);
		master_send(m, &nack, &w->who, true);
		mu_free(nack.nack);
		break;
	case MU_CONSUMER_NOTHING:
		break;
	}
}

void
master_tick_writers(struct mu_master *m, const struct mu_store_now *now)
{
	struct writer **at = &m->writers;

	while (*at != NULL) {
		struct writer *w = *at;

		tick_one(m, w);
		drain(m, w, now);
		if (mu_consumer_silent(w->in) >=
			(uint64_t)MU_CHANNEL_HEARTBEAT * MU_CHANNEL_TIMEOUT &&
		    w->npending == 0)
			remove_writer(m, at);
		else
			at = &w->next;
	}
}
