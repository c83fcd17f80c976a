/* The clone's doors. */
#include "store/clone.h"

#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "store/clone_impl.h"

#define CATCH_UP        5 /* ticks made up for after a pause */
#define DEFAULT_TIMEOUT (15 * UINT64_C(1000000000))
#define LONG_SILENCE    450 /* ticks: a master may have forgotten us */
#define SHORT_SILENCE   30  /* ticks: another master may take its place */

void
mu_clone_config_init(struct mu_clone_config *config)
{
	memset(config, 0, sizeof *config);
	config->max_writes = 50000;
	config->max_write_bytes = 64u << 20;
	config->max_queries = 10000;
	config->max_early = 65536;
	config->max_aside = 16u << 20;
	config->max_value = 4u << 20;
	config->max_keys = 1000000;
	config->max_stale_ns = 300 * UINT64_C(1000000000);
	config->max_clear_events = 100000;
}

struct mu_clone *
mu_clone_new(const struct mu_clone_config *config, struct mu_backend *backend,
    const struct mu_store_now *now)
{
	struct mu_clone *c = mu_calloc(1, sizeof *c);

	if (c == NULL) {
		backend->ops->close(backend);
		return NULL;
	}
	c->config = *config;
	c->backend = backend;
	c->me = c->who = config->entity;
	c->req_id = config->first_req_id;
	c->writes_tail = &c->writes;
	c->queries_tail = &c->queries;
	c->now = now->mono;
	c->heard_at = now->mono;
	c->next_tick = now->mono + MU_CHANNEL_TICK_NS;
	mu_outq_init(&c->out);
	mu_buf_init(&c->held, 0);
	c->in = mu_consumer_new(config->max_early);
	if (c->in == NULL || clone_remember(c) != 0) {
		mu_clone_free(c);
		return NULL;
	}
	clone_seek(c);
	return c;
}

void
mu_clone_free(struct mu_clone *c)
{
	if (c == NULL)
		return;
	clone_writes_free(c);
	clone_queries_free(c);
	mu_consumer_free(c->in);
	mu_producer_free(c->writer);
	mu_outq_clear(&c->out);
	mu_buf_clear(&c->held);
	clone_aside_drop(c);
	c->backend->ops->close(c->backend);
	mu_free(c);
}

void
clone_send(struct mu_clone *c, struct mu_command *cmd,
    const struct mu_uuid *endpoint, const struct mu_entity *receiver)
{
	cmd->sender = c->me;
	if (receiver != NULL)
		cmd->receiver = *receiver;
	mu_outq_push(&c->out, mu_out_command(cmd, true, endpoint));
}

/* --- requests ------------------------------------------------------------ */

int
mu_clone_request(struct mu_clone *c, const struct mu_store_request *req,
    const struct mu_store_now *now)
{
	struct mu_out *done = mu_out_done(req->id, MU_STORE_OK, NULL);
	uint64_t timeout =
	    req->timeout_ns != 0 ? req->timeout_ns : DEFAULT_TIMEOUT;

	if (done == NULL)
		return MUSTER_ENOMEM;
	c->now = now->mono;
	if (!mu_store_request_is_complete(req)) {
		mu_out_set_result(done, MU_STORE_INVALID, NULL);
		mu_outq_push(&c->out, done);
	} else if (mu_store_is_read(req->op)) {
		clone_query(c, req, done, now->mono + timeout);
	} else {
		return clone_write(c, req, done, now->mono + timeout);
	}
	return 0;
}

/* --- feed -------------------------------------------------------------- */

static void
hear(struct mu_clone *c, const struct mu_store_now *now)
{
	c->heard = c->ticks;
	c->heard_at = now->mono;
}

/* Somebody else speaks as master: ours restarted, or there are two. */
static void
meet_stranger(struct mu_clone *c, const struct mu_command *cmd)
{
	char text[MU_UUID_TEXT];

	if (c->seeking)
		return;
	if (c->ticks - c->heard > SHORT_SILENCE) {
		clone_seek(c);
	} else if (!c->told_second) {
		c->told_second = true;
		mu_outq_log(&c->out, 4, "a second master speaks: %llu@%s",
		    (unsigned long long)cmd->sender.object,
		    mu_uuid_format(&cmd->sender.endpoint, text));
	}
}

static int
on_action(struct mu_clone *c, const struct mu_command *cmd,
    const uint8_t *payload, size_t len)
{
	struct mu_blob *blob = mu_blob_new(payload, len);
	int rc;

	if (blob == NULL)
		return MUSTER_ENOMEM;
	rc = mu_consumer_action(c->in, cmd->seq, blob);
	mu_blob_unref(blob);
	if (rc != 0 || c->seeking)
		return rc;
	rc = clone_drain(c);
	if (rc != 0) {
		/* Damage of our own is not the sender's. */
		if (c->damaged && rc == MUSTER_EPROTO)
			rc = MUSTER_ESYS;
		clone_restart(c, muster_strerror(rc));
		return rc;
	}
	clone_check_whole(c);
	clone_answer_writes(c);
	return 0;
}

static void
on_keepalive(struct mu_clone *c, const struct mu_command *cmd)
{
	if (mu_consumer_is_open(c->in) && !c->seeking &&
	    cmd->number < mu_consumer_next_seq(c->in) - 1) {
		clone_seek(c); /* it began again under the same name */
		return;
	}
	mu_consumer_keepalive(c->in, cmd->number);
}

static void
on_retransmit_failed(struct mu_clone *c, const struct mu_command *cmd)
{
	if (c->seeking || cmd->number < mu_consumer_next_seq(c->in))
		return;
	clone_restart(c, "the master no longer has an action that is missing");
	c->complete = true; /* old, but whole */
	c->need = 0;
	clone_seek(c);
}

static bool
is_for_me(const struct mu_clone *c, const struct mu_command *cmd)
{
	return mu_entity_eq(&cmd->receiver, &c->me);
}

static void
from_master(struct mu_clone *c, const struct mu_command *cmd)
{
	switch (cmd->tag) {
	case MU_CMD_KEEPALIVE:
		on_keepalive(c, cmd);
		break;
	case MU_CMD_CUMULATIVE_ACK:
		if (is_for_me(c, cmd))
			clone_on_ack(c, cmd);
		break;
	case MU_CMD_NACK:
		if (is_for_me(c, cmd))
			clone_on_nack(c, cmd);
		break;
	case MU_CMD_RETRANSMIT_FAILED:
		if (is_for_me(c, cmd))
			on_retransmit_failed(c, cmd);
		break;
	case MU_CMD_CHUNK:
		if (is_for_me(c, cmd))
			clone_on_chunk(c, cmd);
		break;
	case MU_CMD_RESULT:
		if (is_for_me(c, cmd))
			clone_on_result(c, cmd);
		break;
	default:
		break; /* what clones send: not for us */
	}
}

static int
dispatch(struct mu_clone *c, const struct mu_command *cmd,
    const uint8_t *payload, size_t len, const struct mu_store_now *now)
{
	if (cmd->tag == MU_CMD_ACK_CLONE || cmd->tag == MU_CMD_ATTACHED) {
		if (!is_for_me(c, cmd))
			return 0;
		hear(c, now);
		if (cmd->tag == MU_CMD_ACK_CLONE)
			clone_on_ack_clone(c, cmd);
		else
			clone_on_attached(c, cmd);
		return 0;
	}
	if (!mu_entity_eq(&cmd->sender, &c->master)) {
		/* Actions of the master to be may come before its handshake. */
		if (c->seeking && mu_command_is_action(cmd->tag) &&
		    mu_entity_is_nil(&c->master))
			return on_action(c, cmd, payload, len);
		meet_stranger(c, cmd);
		return 0;
	}
	if (!c->seeking && c->ticks - c->heard > LONG_SILENCE)
		clone_seek(c); /* it has forgotten us by now */
	hear(c, now);
	if (mu_command_is_action(cmd->tag))
		return on_action(c, cmd, payload, len);
	from_master(c, cmd);
	return 0;
}

int
mu_clone_feed(struct mu_clone *c, const uint8_t *payload, size_t len,
    const struct mu_store_now *now)
{
	struct mu_command cmd;
	int rc = mu_command_dec(&cmd, payload, len);

	if (rc != 0)
		return rc;
	c->now = now->mono;
	rc = dispatch(c, &cmd, payload, len, now);
	mu_command_clear(&cmd);
	clone_answer_queries(c);
	return rc;
}

void
mu_clone_set_watched(struct mu_clone *c, bool watched)
{
	c->unwatched = !watched;
}

void
mu_clone_set_master(struct mu_clone *c, const struct mu_uuid *endpoint,
    bool is_ours, const struct mu_store_now *now)
{
	bool was_same = endpoint != NULL && !c->is_ours && !is_ours &&
			c->attached > 0 &&
			mu_uuid_eq(endpoint, &c->master.endpoint) &&
			c->ticks - c->heard <= LONG_SILENCE;

	c->now = now->mono;
	c->has_peer = endpoint != NULL;
	if (endpoint == NULL)
		return;
	c->peer = *endpoint;
	c->peer_is_ours = is_ours;
	/* A short gap to a master of Broker's is filled by nacks. */
	if (!was_same || c->seeking) {
		c->asked = c->ticks - 1;
		clone_seek(c);
	}
}

/* --- time and consequences --------------------------------------------- */

static void
tick_consumer(struct mu_clone *c)
{
	struct mu_command cmd = { .tag = MU_CMD_CUMULATIVE_ACK };
	const uint64_t *list;

	/* A master of our own kind must hear attach before anything else: an
	 * ack from out of the blue looks like a clone of Broker's. */
	if (c->seeking || (c->is_ours && !c->has_peer))
		return;
	switch (mu_consumer_tick(c->in, &cmd.number, &list, &cmd.nnack)) {
	case MU_CONSUMER_ACK:
		clone_send(c, &cmd, &c->master.endpoint, &c->master);
		break;
	case MU_CONSUMER_NACK:
		cmd.tag = MU_CMD_NACK;
		cmd.nack = mu_reallocarray(NULL, cmd.nnack, sizeof *list);
		if (cmd.nack == NULL)
			break;
		memcpy(cmd.nack, list, cmd.nnack * sizeof *list);
		clone_send(c, &cmd, &c->master.endpoint, &c->master);
		mu_free(cmd.nack);
		break;
	case MU_CONSUMER_NOTHING:
		break;
	}
}

void
mu_clone_tick(struct mu_clone *c, const struct mu_store_now *now)
{
	c->now = now->mono;
	for (int i = 0; i < CATCH_UP && now->mono >= c->next_tick; i++) {
		c->ticks++;
		c->next_tick += MU_CHANNEL_TICK_NS;
		clone_tick_attach(c);
		tick_consumer(c);
		clone_tick_writes(c);
		clone_expire_queries(c);
	}
	if (now->mono >= c->next_tick)
		c->next_tick = now->mono + MU_CHANNEL_TICK_NS;
	clone_answer_queries(c);
}

uint64_t
mu_clone_deadline(const struct mu_clone *c)
{
	return c->next_tick;
}

void
mu_clone_flush(struct mu_clone *c)
{
	int err;

	clone_save(c);
	c->backend->ops->seal(c->backend);
	c->backend->ops->durable(c->backend, &err);
	if (err != 0)
		clone_restart(c, muster_strerror(err));
	clone_go_on(c);
}

static void
tell_state(struct mu_clone *c)
{
	unsigned percent;
	enum mu_store_state state = clone_state(c, &percent);
	struct mu_out *item;

	if (state == c->state && percent / 10 == c->percent / 10)
		return;
	item = mu_out_new(MU_STORE_STATE);
	if (item == NULL)
		return; /* at the next occasion */
	c->state = state;
	c->percent = percent;
	item->out.state = state;
	item->out.percent = percent;
	mu_outq_push(&c->out, item);
}

bool
mu_clone_next(struct mu_clone *c, struct mu_store_out *out)
{
	if (c->out.head == NULL)
		tell_state(c);
	return mu_outq_next(&c->out, out);
}

void
mu_clone_stats(const struct mu_clone *c, struct mu_clone_stats *stats)
{
	uint64_t newest;

	memset(stats, 0, sizeof *stats);
	stats->state = clone_state(c, &stats->percent);
	stats->stale_ns = c->now - c->heard_at;
	stats->master = c->master;
	stats->is_ours = c->is_ours;
	stats->entries = c->backend->ops->size(c->backend);
	stats->seq = c->applied;
	newest = mu_consumer_newest(c->in);
	if (newest < c->need)
		newest = c->need;
	stats->lag = newest > c->applied ? newest - c->applied : 0;
	stats->writes = c->nwrites;
	stats->queries = c->nqueries;
	stats->attached = c->attached;
}
