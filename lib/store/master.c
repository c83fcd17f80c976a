/* The master's doors. */
#include "store/master.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "muster/err.h"
#include "store/master_impl.h"

#define CATCH_UP 5  /* ticks made up for after a pause */
#define HEAD     57 /* bytes up to and with the tag */

void
mu_master_config_init(struct mu_master_config *config)
{
	memset(config, 0, sizeof *config);
	config->first_seq = 1;
	config->limits.max_buffered = 200000;
	config->limits.max_bytes = 128u << 20;
	config->limits.max_paths = 1024;
	config->limits.keep_actions = 20000;
	config->limits.keep_bytes = 16u << 20;
	config->max_writers = 1024;
	config->max_early = 16384;
	config->max_value = 4u << 20;
	config->max_key = SIZE_MAX;
	config->max_keys = 1000000;
	config->max_pending = 50000;
	config->max_snapshot = 64u << 20;
	config->chunk_bytes = 256u << 10;
	config->max_clear_events = 100000;
}

struct mu_master *
mu_master_new(const struct mu_master_config *config, struct mu_backend *backend,
    const struct mu_store_now *now)
{
	struct mu_master *m = mu_calloc(1, sizeof *m);
	struct mu_producer_limits limits = config->limits;
	uint64_t first = config->first_seq;

	if (m == NULL) {
		backend->ops->close(backend);
		return NULL;
	}
	m->config = *config;
	m->backend = backend;
	m->changes_tail = &m->changes;
	m->next_tick = now->mono + MU_CHANNEL_TICK_NS;
	mu_outq_init(&m->out);
	if (master_remember(m) != 0)
		goto fail;
	if (m->saved_seq > first)
		first = m->saved_seq;
	limits.always = config->resume;
	m->producer = mu_producer_new(first, &limits);
	if (m->producer == NULL)
		goto fail;
	return m;
fail:
	mu_master_free(m);
	return NULL;
}

void
mu_master_free(struct mu_master *m)
{
	if (m == NULL)
		return;
	while (m->changes != NULL) {
		struct change *c = m->changes;

		m->changes = c->next;
		master_change_free(c);
	}
	master_writers_free(m);
	master_chunks_free(m);
	mu_producer_free(m->producer);
	mu_outq_clear(&m->out);
	m->backend->ops->close(m->backend);
	mu_free(m);
}

/* --- feed -------------------------------------------------------------- */

/* Place, sender and tag of an action: all that is wanted before its turn. */
static bool
peek_action(struct mu_command *head, const uint8_t *payload, size_t len)
{
	struct mu_cursor c = mu_cursor_over(payload, len);
	const uint8_t *p;

	if (len < HEAD)
		return false;
	head->seq = mu_cursor_u64(&c);
	p = mu_cursor_bytes(&c, sizeof head->sender.endpoint.bytes);
	memcpy(head->sender.endpoint.bytes, p, 16);
	head->sender.object = mu_cursor_u64(&c);
	p = mu_cursor_bytes(&c, sizeof head->receiver.endpoint.bytes);
	memcpy(head->receiver.endpoint.bytes, p, 16);
	head->receiver.object = mu_cursor_u64(&c);
	head->tag = (enum mu_command_tag)payload[HEAD - 1];
	return mu_command_is_action(head->tag);
}

/* Writes travel by topic and reach every master of the name.  Broker's apply
 * them all the same; but they were meant for one. */
static bool
is_for_another(const struct mu_master *m, const struct mu_command *cmd)
{
	return !mu_entity_is_nil(&cmd->receiver) &&
	       !mu_entity_eq(&cmd->receiver, &m->config.entity);
}

static int
dispatch(struct mu_master *m, const struct mu_command *cmd,
    const struct mu_store_now *now)
{
	switch (cmd->tag) {
	case MU_CMD_ATTACH_WRITER:
		master_on_attach_writer(m, cmd);
		break;
	case MU_CMD_KEEPALIVE:
		master_on_keepalive(m, cmd);
		break;
	case MU_CMD_CUMULATIVE_ACK:
		master_on_ack(m, cmd);
		break;
	case MU_CMD_NACK:
		master_on_nack(m, cmd);
		break;
	case MU_CMD_RETRANSMIT_FAILED:
		return master_on_retransmit_failed(m, cmd, now);
	case MU_CMD_ATTACH:
		master_on_attach(m, cmd);
		break;
	case MU_CMD_WANT:
		master_on_want(m, cmd);
		break;
	default:
		break; /* what masters send: not for us */
	}
	return 0;
}

int
mu_master_feed(struct mu_master *m, const uint8_t *payload, size_t len,
    const struct mu_store_now *now)
{
	struct mu_command cmd = { 0 };
	int rc;

	if (peek_action(&cmd, payload, len))
		return is_for_another(m, &cmd)
			   ? 0
			   : master_on_action(m, &cmd, payload, len, now);
	rc = mu_command_dec(&cmd, payload, len);
	if (rc != 0)
		return rc;
	/* Our own words come back when a clone lives in the same node. */
	if (!mu_entity_eq(&cmd.sender, &m->config.entity) &&
	    !is_for_another(m, &cmd))
		rc = dispatch(m, &cmd, now);
	mu_command_clear(&cmd);
	return rc;
}

/* --- requests ---------------------------------------------------------- */

/* An answer that needs no write. */
static int
answer_now(struct mu_master *m, const struct mu_store_request *req,
    enum mu_store_status status)
{
	struct mu_out *done = mu_out_done(req->id, status, NULL);

	if (done == NULL)
		return MUSTER_ENOMEM;
	if (status == MU_STORE_OK) {
		mu_entry_query(m->backend, req, m->config.max_keys, done);
		if (done->out.status == MU_STORE_DAMAGED)
			master_damaged(m, req->key);
	}
	mu_outq_push(&m->out, done);
	return 0;
}

int
mu_master_request(struct mu_master *m, const struct mu_store_request *req,
    const struct mu_store_now *now)
{
	struct origin origin = { .req = req };
	struct mu_command cmd;
	int rc;

	if (!mu_store_request_is_complete(req))
		return answer_now(m, req, MU_STORE_INVALID);
	if (mu_store_is_read(req->op))
		return answer_now(m, req, MU_STORE_OK);
	if (m->nchanges >= m->config.max_pending)
		return answer_now(m, req, MU_STORE_BUSY);
	mu_store_command_of(req, &cmd);
	cmd.publisher = m->config.entity;
	rc = master_apply(m, &cmd, &origin, now);
	mu_command_clear(&cmd);
	return rc;
}

/* --- time and consequences --------------------------------------------- */

void
mu_master_flush(struct mu_master *m)
{
	master_seal(m);
}

void
mu_master_tick(struct mu_master *m, const struct mu_store_now *now)
{
	for (int i = 0; i < CATCH_UP && now->mono >= m->next_tick; i++) {
		m->ticks++;
		m->next_tick += MU_CHANNEL_TICK_NS;
		master_release(m);
		master_tick_clones(m);
		master_tick_chunks(m);
		master_tick_writers(m, now);
		master_expire(m, now);
	}
	if (now->mono >= m->next_tick)
		m->next_tick = now->mono + MU_CHANNEL_TICK_NS;
}

uint64_t
mu_master_deadline(const struct mu_master *m)
{
	return m->next_tick;
}

bool
mu_master_next(struct mu_master *m, struct mu_store_out *out)
{
	master_release(m);
	if (m->out.head == NULL)
		master_tell_writers(m);
	return mu_outq_next(&m->out, out);
}

void
mu_master_stats(const struct mu_master *m, struct mu_master_stats *stats)
{
	memset(stats, 0, sizeof *stats);
	stats->entries = m->backend->ops->size(m->backend);
	stats->seq = mu_producer_seq(m->producer);
	stats->epoch = m->epoch;
	stats->clones = mu_producer_npaths(m->producer);
	stats->writers = m->nwriters;
	stats->buffered = mu_producer_buffered(m->producer);
	stats->lag = stats->seq - mu_producer_acked(m->producer);
	stats->pending = m->nchanges;
	stats->nwrites = m->nwrites;
	stats->nfailed = m->nfailed;
	stats->nexpired = m->nexpired;
	stats->trouble = m->trouble;
	stats->ndamaged = m->ndamaged;
	stats->damaged = m->damaged;
}
