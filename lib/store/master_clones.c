/*
 * Clones as readers: how they attach, what they missed, and how those that
 * knew an earlier life of this master are picked up again.  Chunks for our own
 * kind are in master_chunks.c.
 *
 * Snapshots are read at the number of the last released action and may show
 * later writes: every action says what is, not what changes, so applying one
 * twice does no harm.
 */
#include "muster/err.h"
#include "store/master_impl.h"

#define RESEND_AFTER 5   /* ticks between two snapshots for one clone */
#define REFUSE_AGAIN 100 /* ticks between two looks at a large store */
#define RESYNC_AFTER 10  /* ticks in which clones tell where they are */
#define RESYNC_EVERY 300 /* ticks between two resynchronisations */

void
master_send(struct mu_master *m, struct mu_command *cmd,
    const struct mu_entity *to, bool name_receiver)
{
	cmd->sender = m->config.entity;
	if (name_receiver)
		cmd->receiver = *to;
	mu_outq_push(&m->out,
	    mu_out_command(cmd, false, to == NULL ? NULL : &to->endpoint));
}

/* --- the single message for clones of Broker's ------------------------- */

/* All pairs, as long as they fit.  0, ELIMIT or an error. */
static int
read_all(struct mu_master *m, struct mu_buf *b, uint32_t *n)
{
	struct mu_bytes all = { NULL, 0 }, key, value;
	struct mu_snapshot *s = m->backend->ops->snapshot(m->backend, all);
	int64_t deadline;
	int err = 0;

	if (s == NULL)
		return MUSTER_ENOMEM;
	for (*n = 0; s->ops->next(s, &key, &value, &deadline, &err); ++*n) {
		mu_buf_put(b, key.at, key.len);
		mu_buf_put(b, value.at, value.len);
		if (mu_buf_error(b) != 0)
			break;
	}
	s->ops->close(s);
	return mu_buf_error(b) != 0 ? mu_buf_error(b) : err;
}

static void
refuse_snapshot(struct mu_master *m, const char *why)
{
	m->snapshot_refused = m->ticks + 1;
	mu_outq_log(&m->out, 3,
	    "cannot send the snapshot as one message: %s (limit %zu bytes; "
	    "only nodes of our own kind can attach beyond it)",
	    why, m->config.max_snapshot);
}

static bool
send_snapshot(struct mu_master *m, const struct mu_entity *to, uint64_t offset)
{
	struct mu_command cmd = {
		.tag = MU_CMD_ACK_CLONE,
		.seq = offset,
		.number = offset,
		.heartbeat = MU_CHANNEL_HEARTBEAT,
	};
	struct mu_buf b;
	int rc;

	mu_buf_init(&b, m->config.max_snapshot);
	rc = read_all(m, &b, &cmd.nentries);
	if (rc == 0) {
		cmd.entries = mu_buf_data(&b);
		cmd.entries_len = mu_buf_len(&b);
		master_send(m, &cmd, to, true);
		m->handshake_tick = m->ticks;
		m->handshake_to = *to;
	} else {
		if (rc == MUSTER_EPROTO)
			master_damaged(m, NULL);
		refuse_snapshot(m, muster_strerror(rc));
	}
	mu_buf_clear(&b);
	return rc == 0;
}

static void
add_clone(struct mu_master *m, const struct mu_entity *who)
{
	uint64_t offset;
	int rc;

	if (m->snapshot_refused != 0 &&
	    m->ticks + 1 - m->snapshot_refused < REFUSE_AGAIN)
		return;
	m->snapshot_refused = 0;
	rc = mu_producer_add(m->producer, who, &offset);
	if (rc != 0) {
		mu_outq_log(&m->out, 4, "cannot accept one more clone: %s",
		    muster_strerror(rc));
		return;
	}
	if (!send_snapshot(m, who, offset))
		mu_producer_remove(m->producer, who);
}

/* A clone that is known asks for the handshake again: it did not get it, or
 * forgot everything.  In the second case what it needs after the old offset
 * may be gone, so it gets a new one. */
static void
repeat_handshake(struct mu_master *m, const struct mu_entity *who)
{
	uint64_t offset;
	bool acked;

	if (mu_entity_eq(&m->handshake_to, who) &&
	    m->ticks - m->handshake_tick < RESEND_AFTER)
		return;
	if (!mu_producer_has(m->producer, who, &offset, &acked))
		return;
	if (!acked) {
		send_snapshot(m, who, offset);
		return;
	}
	mu_producer_remove(m->producer, who);
	add_clone(m, who);
}

/* --- clones of an earlier life ----------------------------------------- */

/* A clone of ours that fell too far behind attaches again when it is told. */
static void
send_away(struct mu_master *m, const struct mu_entity *who, uint64_t has)
{
	struct mu_command failed = {
		.tag = MU_CMD_RETRANSMIT_FAILED,
		.number = has + 1,
	};

	master_send(m, &failed, who, true);
}

/* Clones of ours attach again by themselves; those of Broker's never do, and
 * go on when their numbers continue. */
static void
learn(struct mu_master *m, const struct mu_command *cmd, uint64_t has)
{
	uint64_t seq = mu_producer_seq(m->producer), unused;
	struct writer *w = master_writer(m, &cmd->sender);
	bool acked;
	int rc = 0;

	if (!m->config.resume || has == 0 || has > UINT64_MAX / 2 ||
	    !mu_entity_eq(&cmd->receiver, &m->config.entity) ||
	    mu_producer_has(m->producer, &cmd->sender, &unused, &acked))
		return;
	if (w != NULL && w->is_ours) {
		if (mu_producer_resume(m->producer, &cmd->sender, has) != 0)
			send_away(m, &cmd->sender, has);
		return;
	}
	if (has > seq) {
		mu_producer_jump(m->producer, has);
		m->gone = has;
	}
	if (mu_producer_resume(m->producer, &cmd->sender, has) != 0) {
		rc = mu_producer_adopt(m->producer, &cmd->sender, has);
		if (m->gone < seq)
			m->gone = seq;
		m->resync_at = m->ticks + RESYNC_AFTER;
	} else if (has > seq || m->config.may_lose) {
		/* Its numbers may stand for something else. */
		m->resync_at = m->ticks + RESYNC_AFTER;
	}
	if (rc == 0 && w == NULL)
		w = master_writer_add(m, &cmd->sender, UINT64_MAX, 0);
	if (w != NULL && !w->is_ours)
		w->adopted = true;
	m->must_resync |= w == NULL;
	mu_outq_log(&m->out, 6,
	    "a clone of an earlier life goes on at action %llu of %llu",
	    (unsigned long long)has, (unsigned long long)seq);
}

/* An action that does nothing, in place of one that is gone. */
static void
send_filler(struct mu_master *m, const struct mu_entity *to, uint64_t seq)
{
	struct mu_command filler = {
		.tag = MU_CMD_PUT_UNIQUE_RESULT,
		.seq = seq,
		.publisher = m->config.entity,
	};

	master_send(m, &filler, to, false);
}

static bool
add_put(struct mu_master *m, struct change *c, struct mu_bytes key,
    struct mu_bytes value)
{
	struct mu_command put = { .tag = MU_CMD_PUT };
	bool good = muster_value_dec(key.at, key.len, &put.key) == 0 &&
		    muster_value_dec(value.at, value.len, &put.value) == 0;

	put.publisher = m->config.entity;
	good = good && master_change_action(m, c, &put);
	muster_value_unref(put.key);
	muster_value_unref(put.value);
	return good;
}

/* Reads what all writes so far made of the store: the change comes after them
 * in the queue, and is undone with them. */
static bool
add_puts(struct mu_master *m, struct change *c)
{
	struct mu_bytes from = { NULL, 0 }, key, value;
	size_t bytes = 0;
	bool good = true;
	int64_t deadline;
	struct mu_buf last;
	int rc = 0;

	mu_buf_init(&last, 0);
	while (good && (rc = m->backend->ops->after(
			    m->backend, from, &key, &value, &deadline)) == 0) {
		bytes += key.len + value.len;
		good = bytes <= m->config.max_snapshot &&
		       c->nactions < m->config.limits.max_buffered / 2 &&
		       add_put(m, c, key, value);
		mu_buf_reset(&last);
		mu_buf_put(&last, key.at, key.len);
		from = mu_bytes_of(&last);
		good = good && mu_buf_error(&last) == 0;
	}
	mu_buf_clear(&last);
	if (rc == MUSTER_EPROTO)
		master_damaged(m, NULL);
	return good && rc == MUSTER_ENOENT; /* all of them, or nothing */
}

void
master_resync(struct mu_master *m)
{
	struct mu_command clear = { .tag = MU_CMD_CLEAR };
	struct origin nobody = { 0 };
	struct change *c = master_change_new(&nobody);

	m->resync_at = 0;
	m->resynced = m->ticks;
	clear.publisher = m->config.entity;
	if (c != NULL && master_change_action(m, c, &clear) && add_puts(m, c)) {
		c->is_resync = true;
		master_change_push(m, c);
		mu_outq_log(&m->out, 5,
		    "resynchronising clones with %u actions", c->nactions);
		return;
	}
	master_change_free(c);
	mu_outq_log(&m->out, 3,
	    "cannot resynchronise clones of an earlier life: the store is "
	    "beyond the limit for clones of Broker's, or cannot be read");
}

/* --- channel ----------------------------------------------------------- */

/* What is gone comes with a resynchronisation; if there is none, a clone of
 * ours can do better than wait for it. */
static bool
waits_in_vain(const struct mu_master *m, const struct mu_entity *who)
{
	const struct writer *w = master_writer(m, who);

	return m->resync_at == 0 && w != NULL && w->is_ours;
}

static void
resend(struct mu_master *m, const struct mu_command *cmd)
{
	struct mu_command failed = { .tag = MU_CMD_RETRANSMIT_FAILED };

	for (size_t i = 0; i < cmd->nnack && i < MU_CHANNEL_MAX_RESEND; i++) {
		uint64_t seq = cmd->nack[i];
		struct mu_blob *b = mu_producer_kept(m->producer, seq);

		if (seq > mu_producer_seq(m->producer))
			break;
		if (b != NULL) {
			mu_outq_push(&m->out,
			    mu_out_blob(b, false, &cmd->sender.endpoint));
		} else if (seq <= m->fill) {
			send_filler(m, &cmd->sender, seq);
		} else if (seq > m->gone || waits_in_vain(m, &cmd->sender)) {
			failed.number = seq;
			master_send(m, &failed, &cmd->sender, true);
		}
	}
}

void
master_on_nack(struct mu_master *m, const struct mu_command *cmd)
{
	switch (mu_producer_nack(
	    m->producer, &cmd->sender, cmd->nack, cmd->nnack)) {
	case MU_NACK_UNKNOWN:
		add_clone(m, &cmd->sender);
		break;
	case MU_NACK_HANDSHAKE:
		repeat_handshake(m, &cmd->sender);
		break;
	case MU_NACK_RESEND:
		resend(m, cmd);
		break;
	case MU_NACK_DROPPED:
		mu_outq_log(&m->out, 4,
		    "a clone is dropped: its nack is not ascending");
		break;
	case MU_NACK_IGNORE:
		if (cmd->nnack > 0 && cmd->nack[0] > 1)
			learn(m, cmd, cmd->nack[0] - 1);
		break;
	}
}

void
master_on_ack(struct mu_master *m, const struct mu_command *cmd)
{
	uint64_t offset;
	bool acked;

	if (mu_producer_has(m->producer, &cmd->sender, &offset, &acked))
		mu_producer_ack(m->producer, &cmd->sender, cmd->number);
	else
		learn(m, cmd, cmd->number);
}

/* --- clones of our own kind -------------------------------------------- */

static bool
is_resumable(struct mu_master *m, const struct mu_command *cmd)
{
	return master_has_lived(m, cmd->epoch, cmd->number) &&
	       mu_producer_resume(m->producer, &cmd->sender, cmd->number) == 0;
}

/* Their writes are answered with results from now on. */
static void
greet_writer(
    struct mu_master *m, const struct mu_command *cmd, struct mu_command *reply)
{
	struct writer *w = master_writer(m, &cmd->sender);
	bool known = master_writer_recall(m, &cmd->sender, &reply->writer);

	/* What it knows to be answered was decided, whoever remembers; and
	 * nothing of it came after what the backend remembers, when that is of
	 * this history and complete. */
	if (!known || reply->writer < cmd->writer) {
		known = master_has_lived(m, cmd->epoch, 0) &&
			master_writers_are_complete(m);
		reply->writer = cmd->writer;
	}
	if (w != NULL && known)
		master_writer_open(w, reply->writer);
	if (w == NULL)
		w = master_writer_add(m, &cmd->sender,
		    known ? reply->writer : UINT64_MAX, MU_CHANNEL_HEARTBEAT);
	if (w == NULL)
		return;
	w->is_ours = true;
	w->dirty = known;
	if (known)
		reply->flags |= MU_ATTACHED_WRITER;
}

void
master_on_attach(struct mu_master *m, const struct mu_command *cmd)
{
	struct mu_command reply = {
		.tag = MU_CMD_ATTACHED,
		.epoch = m->epoch,
		.number = cmd->number,
		.heartbeat = MU_CHANNEL_HEARTBEAT,
		.total = m->backend->ops->size(m->backend),
		.newest = mu_producer_seq(m->producer),
	};
	int rc = 0;

	if (!is_resumable(m, cmd)) {
		mu_producer_remove(m->producer, &cmd->sender);
		rc = mu_producer_add(m->producer, &cmd->sender, &reply.number);
		reply.flags = MU_ATTACHED_FRESH;
	}
	if (rc != 0) {
		mu_outq_log(&m->out, 4, "cannot accept one more clone: %s",
		    muster_strerror(rc));
		return;
	}
	greet_writer(m, cmd, &reply);
	master_send(m, &reply, &cmd->sender, true);
}

/* A clone of ours may be heard before it attaches; it needs none of this. */
static bool
needs_resync(const struct mu_master *m)
{
	const struct writer *w = m->writers;

	while (w != NULL && (!w->adopted || w->is_ours))
		w = w->next;
	return m->must_resync || w != NULL;
}

/* --- time -------------------------------------------------------------- */

void
master_tick_clones(struct mu_master *m)
{
	struct mu_command keepalive = { .tag = MU_CMD_KEEPALIVE };
	char text[MU_UUID_TEXT];
	struct mu_entity lost;

	if (mu_producer_tick(m->producer)) {
		keepalive.number = mu_producer_seq(m->producer);
		master_send(m, &keepalive, NULL, false);
	}
	while (mu_producer_next_lost(m->producer, &lost))
		mu_outq_log(&m->out, 5,
		    "clone %llu@%s is dropped: silent or too far behind",
		    (unsigned long long)lost.object,
		    mu_uuid_format(&lost.endpoint, text));
	if (m->resync_at == 0 || m->ticks < m->resync_at ||
	    (m->resynced != 0 && m->ticks - m->resynced < RESYNC_EVERY))
		return;
	if (needs_resync(m))
		master_resync(m);
	m->resync_at = 0;
	m->must_resync = false;
}
