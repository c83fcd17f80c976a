/*
 * Batches: what a turn wrote is sealed as one; when it is durable, everything
 * said about it leaves in the order of the writes, and actions get their
 * numbers only then: a batch that fails leaves no gap.
 */
#include "base/cursor.h"
#include "muster/err.h"
#include "store/master_impl.h"

static const struct mu_bytes seq_key = { (const uint8_t *)"seq", 3 };

/* --- what the backend remembers ---------------------------------------- */

static int
load_u64(struct mu_master *m, struct mu_bytes key, uint64_t *v)
{
	struct mu_bytes value;
	struct mu_cursor c;
	int rc = m->backend->ops->meta_get(m->backend, key, &value);

	if (rc != 0)
		return rc == MUSTER_ENOENT ? 0 : rc;
	c = mu_cursor_over(value.at, value.len);
	*v = mu_cursor_u64(&c);
	return mu_cursor_done(&c);
}

static int
save_u64(struct mu_master *m, struct mu_bytes key, uint64_t v)
{
	uint8_t raw[8];
	struct mu_bytes value = { raw, sizeof raw };

	mu_command_set_seq(raw, v);
	return m->backend->ops->meta_put(m->backend, key, value);
}

int
master_remember(struct mu_master *m)
{
	int rc;

	m->saved_seq = 0;
	m->epoch = m->config.epoch;
	rc = master_writers_load(m);
	if (rc != 0 || !m->config.resume)
		return rc;
	rc = load_u64(m, seq_key, &m->saved_seq);
	return rc != 0 ? rc : master_lives_load(m);
}

/* The numbers that will be given out once this batch is durable. */
static void
save_numbers(struct mu_master *m)
{
	uint64_t seq = mu_producer_seq(m->producer) + m->nactions;
	bool some = seq != m->saved_seq || m->unsaved;
	int rc = 0;

	/* Numbers alone are not worth another failure. */
	if (!m->config.resume || (m->commit_failed && m->unsealed == NULL))
		return;
	rc = master_lives_save(m);
	if (rc == 0 && seq != m->saved_seq)
		rc = save_u64(m, seq_key, seq);
	if (rc == 0)
		m->saved_seq = seq;
	if (rc == 0)
		rc = master_writers_save(m);
	/* Who never gave one out need not say that he could not. */
	if (rc != 0 && some && !m->numbers_failed)
		mu_outq_log(&m->out, 4, "cannot save sequence numbers: %s",
		    muster_strerror(rc));
	m->numbers_failed = rc != 0 && (some || m->numbers_failed);
}

void
master_seal(struct mu_master *m)
{
	uint64_t batch;

	save_numbers(m);
	batch = m->backend->ops->seal(m->backend);
	if (batch != 0)
		m->batch = batch;
	for (; m->unsealed != NULL; m->unsealed = m->unsealed->next)
		m->unsealed->batch = m->batch == 0 ? 1 : m->batch;
}

/* --- release ----------------------------------------------------------- */

/* Give an action its number; false: nobody is there to get it. */
static bool
number(struct mu_master *m, struct mu_out *item)
{
	uint64_t seq;
	int rc = mu_producer_produce(m->producer, &seq);

	if (rc == 0 && !m->config.resume)
		return false;
	if (rc == MUSTER_ENOMEM) {
		/* It cannot be kept; neither then can anything before it. */
		seq = mu_producer_seq(m->producer) + 1;
		mu_producer_jump(m->producer, seq);
	}
	mu_command_set_seq(item->payload->data, seq);
	if (rc != MUSTER_ENOMEM)
		mu_producer_keep(m->producer, seq, item->payload);
	return rc != 0;
}

static void
release_outs(struct mu_master *m, struct change *c)
{
	struct mu_out *item = c->outs.head, *next;

	mu_outq_init(&c->outs);
	for (; item != NULL; item = next) {
		next = item->next;
		if (item->numbered && !number(m, item))
			mu_out_free(item);
		else
			mu_outq_push(&m->out, item);
	}
}

static struct change *
pop(struct mu_master *m)
{
	struct change *c = m->changes;

	m->changes = c->next;
	if (m->unsealed == c)
		m->unsealed = c->next;
	if (m->changes == NULL)
		m->changes_tail = &m->changes;
	m->nchanges--;
	m->nactions -= c->nactions;
	return c;
}

static void
answer(struct mu_master *m, struct change *c)
{
	mu_outq_push(&m->out, c->done);
	c->done = NULL;
	if (c->has_writer)
		master_writer_done(m, &c->writer, c->seq, c->status);
	master_change_free(c);
}

static void
release_one(struct mu_master *m)
{
	struct change *c = pop(m);

	if (c->is_resync)
		m->fill = mu_producer_seq(m->producer);
	if (c->status == MU_STORE_OK && c->nactions > 0)
		master_recovered(m);
	release_outs(m, c);
	answer(m, c);
}

static void
undo_one(struct mu_master *m, enum mu_store_status why)
{
	struct change *c = pop(m);

	if (c->is_resync)
		m->resync_at = m->ticks + 10;
	m->nfailed += c->status == MU_STORE_OK;
	c->status = why;
	if (c->has_writer && !master_gives_up(m, c, why) &&
	    master_writer_rewind(m, &c->writer, c->seq)) {
		master_change_free(c);
		return;
	}
	if (c->done != NULL)
		mu_out_set_result(c->done, why, NULL);
	answer(m, c);
}

void
master_release(struct mu_master *m)
{
	enum mu_store_status why;
	uint64_t durable;
	int err;

	/* Numbers alone may be on their way, too. */
	if (m->changes == NULL && m->settled == m->batch)
		return;
	durable = m->backend->ops->durable(m->backend, &err);
	while (m->changes != NULL && m->changes->batch != 0 &&
	       (m->changes->batch <= durable || m->batch == 0))
		release_one(m);
	m->settled = err == 0 ? durable : m->batch;
	if (err == 0)
		return;
	why = mu_entry_status(err);
	m->commit_failed = true;
	if (m->nchanges > 0)
		master_refused(m, why, m->nchanges);
	if (why == MU_STORE_DAMAGED)
		master_damaged(m, NULL);
	while (m->changes != NULL)
		undo_one(m, why);
	m->saved_seq = 0;
	m->lives_saved = false;
	master_writers_unsaved(m);
}
