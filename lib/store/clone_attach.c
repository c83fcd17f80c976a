/*
 * Attaching: nack{0} to masters of Broker's and a snapshot in one piece, the
 * messages of our own to the others: resume, or fetch in chunks.
 */
#include <string.h>

#include "base/blob.h"
#include "muster/err.h"
#include "store/clone_impl.h"

#define ASK_BROKER    2   /* ticks between two nack{0} */
#define ASK_OURS      10  /* ticks between two attach */
#define MAX_PATIENCE  600 /* ticks before a copy that fails is begun again */
#define GIVE_UP_CHUNK 100 /* ticks without a word of the master */
#define OLD_AFTER     30  /* ticks of silence in which a copy counts as fresh */

/* --- asking ------------------------------------------------------------ */

static void
ask_ours(struct mu_clone *c)
{
	struct mu_command cmd = {
		.tag = MU_CMD_ATTACH,
		.number = c->applied,
		.epoch = c->epoch,
		.writer = c->answered,
	};

	cmd.key = clone_last_held(c);
	clone_send(c, &cmd, &c->peer, NULL);
	muster_value_unref(cmd.key);
}

static void
ask_broker(struct mu_clone *c)
{
	uint64_t zero = 0;
	struct mu_command cmd = {
		.tag = MU_CMD_NACK,
		.nack = &zero,
		.nnack = 1,
	};

	clone_send(c, &cmd, NULL, NULL);
}

static void
ask(struct mu_clone *c)
{
	c->asked = c->ticks;
	c->spoke = true;
	if (c->has_peer && c->peer_is_ours)
		ask_ours(c);
	else
		ask_broker(c);
}

static bool
renew_consumer(struct mu_clone *c)
{
	struct mu_consumer *in = mu_consumer_new(c->config.max_early);

	if (in == NULL)
		return false;
	mu_consumer_free(c->in);
	c->in = in;
	return true;
}

void
clone_seek(struct mu_clone *c)
{
	bool ours = c->has_peer && c->peer_is_ours;

	if (c->seeking && c->asked == c->ticks && c->spoke)
		return;
	c->seeking = true;
	c->writer_open = false;
	if (!ours) {
		/* Broker's masters resend old handshakes to those they know;
		 * ours knows our writes by this name. */
		if (c->spoke && c->attached > 0 && !c->is_ours)
			c->me.object++;
		if (!renew_consumer(c))
			return; /* the old one ignores what comes; ask later */
	}
	ask(c);
}

/* A copy is not precious: what is damaged is dropped. */
static void
drop_copy(struct mu_clone *c)
{
	int rc = c->backend->ops->clear(c->backend);

	c->damaged = false;
	if (rc == 0)
		mu_outq_log(&c->out, 4, "the copy is damaged and dropped");
	else
		mu_outq_log(&c->out, 3,
		    "the copy is damaged and cannot be dropped: %s",
		    muster_strerror(rc));
}

/* A copy that fails again and again, as on a full disk, is begun ever more
 * rarely. */
static void
note_failure(struct mu_clone *c)
{
	if (c->ticks - c->failed > 2 * MAX_PATIENCE)
		c->patience = 0;
	else
		c->patience = c->patience == 0 ? ASK_OURS : 2 * c->patience;
	if (c->patience > MAX_PATIENCE)
		c->patience = MAX_PATIENCE;
	c->failed = c->ticks;
}

void
clone_restart(struct mu_clone *c, const char *why)
{
	mu_outq_log(&c->out, 3, "the copy is fetched again: %s", why);
	if (c->damaged)
		drop_copy(c);
	c->epoch = 0;
	c->applied = 0;
	c->complete = false;
	c->loading = false;
	c->seeking = true; /* at the next tick that is due, not at once */
	note_failure(c);
	clone_aside_drop(c);
	c->writer_open = false;
	c->asked = c->ticks;
	if (c->attached > 0 && !c->is_ours)
		c->me.object++;
	mu_buf_reset(&c->held);
	renew_consumer(c);
}

/* --- a snapshot in one piece ------------------------------------------- */

static void
is_attached(struct mu_clone *c, const struct mu_command *cmd, bool ours)
{
	c->master = cmd->sender;
	c->is_ours = ours;
	c->seeking = false;
	c->told_second = false;
	c->attached++;
}

static void
send_ack(struct mu_clone *c, uint64_t seq)
{
	struct mu_command ack = {
		.tag = MU_CMD_CUMULATIVE_ACK,
		.number = seq,
	};

	clone_send(c, &ack, &c->master.endpoint, &c->master);
}

void
clone_check_whole(struct mu_clone *c)
{
	if (c->loading || c->seeking || c->applied < c->need)
		return;
	c->complete = true;
}

void
clone_on_ack_clone(struct mu_clone *c, const struct mu_command *cmd)
{
	struct mu_bytes all = { NULL, 0 };
	int rc;

	if (!c->seeking || (c->has_peer && c->peer_is_ours) ||
	    !mu_entity_eq(&cmd->receiver, &c->me))
		return;
	c->master = cmd->sender; /* the publisher of differences */
	c->loading = false;
	mu_buf_reset(&c->held);
	rc = clone_merge(c, all, cmd, true, NULL);
	if (rc != 0) {
		clone_restart(c, muster_strerror(rc));
		return;
	}
	if (!mu_consumer_handshake(c->in, cmd->number, cmd->heartbeat))
		return;
	is_attached(c, cmd, false);
	c->epoch = 0;
	c->need = c->applied = cmd->number;
	send_ack(c, cmd->number);
	clone_open_writer(c, false, 0);
	rc = clone_drain(c);
	if (rc != 0)
		clone_restart(c, muster_strerror(rc));
	clone_check_whole(c);
}

/* --- our own kind ------------------------------------------------------ */

static bool
begin_loading(struct mu_clone *c, const struct mu_command *cmd)
{
	if (!renew_consumer(c))
		return false;
	mu_consumer_handshake(c->in, cmd->number, cmd->heartbeat);
	c->epoch = cmd->epoch;
	c->applied = cmd->number;
	c->loading = true;
	c->loaded = 0;
	c->total = cmd->total;
	c->index = 0;
	c->passed = cmd->number;
	clone_aside_drop(c);
	c->saved_index = UINT64_MAX; /* it speaks of another load */
	mu_buf_reset(&c->held);
	return true;
}

/* What waits was told by an earlier life of the master, which need not have
 * kept it: the new one has other actions with these numbers. */
static bool
begin_life(struct mu_clone *c)
{
	if (!renew_consumer(c))
		return false;
	mu_blob_unref(c->stuck);
	c->stuck = NULL;
	return true;
}

/* The copy goes on where it was, in the history of the master's new life if it
 * has one; after a restart the consumer is new. */
static bool
go_on(struct mu_clone *c, const struct mu_command *cmd)
{
	if (cmd->number != c->applied)
		return false;
	if (cmd->epoch != c->epoch && !begin_life(c))
		return false;
	c->epoch = cmd->epoch;
	c->total = cmd->total;
	if (!mu_consumer_is_open(c->in))
		mu_consumer_handshake(c->in, cmd->number, cmd->heartbeat);
	mu_consumer_keepalive(c->in, cmd->newest);
	return true;
}

void
clone_on_attached(struct mu_clone *c, const struct mu_command *cmd)
{
	bool good;
	int rc;

	if (!c->seeking || !mu_entity_eq(&cmd->receiver, &c->me) ||
	    !c->has_peer || !mu_uuid_eq(&cmd->sender.endpoint, &c->peer))
		return;
	/* The late answer to an earlier question knows less than we do. */
	if ((cmd->flags & MU_ATTACHED_WRITER) != 0 && cmd->writer < c->answered)
		return;
	good = (cmd->flags & MU_ATTACHED_FRESH) != 0 ? begin_loading(c, cmd)
						     : go_on(c, cmd);
	if (!good)
		return; /* asked again at its time */
	is_attached(c, cmd, true);
	c->need = cmd->newest;
	if (c->loading)
		clone_want_first(c);
	else
		send_ack(c, c->applied);
	clone_open_writer(
	    c, (cmd->flags & MU_ATTACHED_WRITER) != 0, cmd->writer);
	/* What was broadcast between the question and this answer waits. */
	rc = clone_drain(c);
	if (rc != 0) {
		clone_restart(c, muster_strerror(rc));
		return;
	}
	clone_check_whole(c);
	clone_answer_writes(c);
}

/* --- time -------------------------------------------------------------- */

static bool
is_due(const struct mu_clone *c)
{
	uint64_t every = c->has_peer && c->peer_is_ours ? ASK_OURS : ASK_BROKER;

	if (every < c->patience)
		every = c->patience;
	return c->ticks - c->asked >= every;
}

void
clone_tick_attach(struct mu_clone *c)
{
	if (c->seeking) {
		if (is_due(c))
			ask(c);
		return;
	}
	if (c->loading && c->ticks - c->heard >= GIVE_UP_CHUNK)
		clone_seek(c);
	else
		clone_tick_chunks(c);
}

enum mu_store_state
clone_state(const struct mu_clone *c, unsigned *percent)
{
	*percent = 0;
	if (c->loading && !c->seeking) {
		if (c->total > 0)
			*percent = (unsigned)(c->loaded >= c->total
						  ? 99
						  : c->loaded * 100 / c->total);
		return MU_STORE_ATTACHING;
	}
	if (c->attached == 0 || !c->complete)
		return c->complete ? MU_STORE_OLD : MU_STORE_SEARCHING;
	if (c->seeking || c->applied < c->need ||
	    c->ticks - c->heard > OLD_AFTER)
		return MU_STORE_OLD;
	return MU_STORE_FRESH;
}
