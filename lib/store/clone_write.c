/*
 * Writes on their way to the master.  A write stays here until it is decided:
 * by a result of a master of our own kind, by the acknowledgement of another.
 *
 * A master that does not know our earlier writes gets those again that may
 * safely happen twice; of the others nobody knows whether they happened, and
 * their callers are told so.
 */
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "store/clone_impl.h"
#include "value/codec.h"

static void
drop_write(struct mu_clone *c, struct write **at)
{
	struct write *w = *at;

	*at = w->next;
	if (w->next == NULL)
		c->writes_tail = at;
	c->nwrites--;
	c->nunsent -= w->seq == 0;
	c->write_bytes -= w->payload->len;
	mu_blob_unref(w->payload);
	mu_out_free(w->done);
	mu_free(w);
}

static void
answer(struct mu_clone *c, struct write *w, enum mu_store_status status)
{
	struct muster_value *result = NULL;

	if (w->done == NULL)
		return;
	if (w->tag == MU_CMD_PUT_UNIQUE &&
	    (status == MU_STORE_OK || status == MU_STORE_CONDITION))
		result = muster_value_boolean(status == MU_STORE_OK);
	mu_out_set_result(w->done, status, result);
	muster_value_unref(result);
	mu_outq_push(&c->out, w->done);
	w->done = NULL;
}

void
clone_writes_free(struct mu_clone *c)
{
	while (c->writes != NULL)
		drop_write(c, &c->writes);
}

/* --- sending ----------------------------------------------------------- */

static void
push_payload(struct mu_clone *c, struct mu_blob *payload)
{
	mu_outq_push(&c->out, mu_out_blob(payload, true, NULL));
}

/* Payloads that wait for an acknowledgement are shared: number a copy. */
static struct mu_blob *
address(struct mu_clone *c, const struct write *w, uint64_t seq)
{
	struct mu_blob *b = mu_blob_new(w->payload->data, w->payload->len);

	if (b == NULL)
		return NULL;
	mu_command_set_seq(b->data, seq);
	mu_command_set_sender(b->data, &c->me);
	mu_command_set_receiver(b->data, &c->master);
	return b;
}

/* False: no memory; it is tried again at the next tick. */
static bool
send_write(struct mu_clone *c, struct write *w)
{
	uint64_t seq = mu_producer_seq(c->writer) + 1;
	struct mu_blob *b = address(c, w, seq);

	if (b == NULL || mu_producer_produce(c->writer, &seq) != 1) {
		mu_blob_unref(b);
		return false;
	}
	mu_blob_unref(w->payload);
	w->payload = b;
	w->seq = seq;
	c->nunsent--;
	mu_producer_keep(c->writer, seq, b);
	push_payload(c, b);
	return true;
}

static void
send_writes(struct mu_clone *c)
{
	struct write **at = &c->writes;

	/* A burst must not walk the list for each of its writes. */
	if (!c->writer_open || c->nunsent == 0)
		return;
	while (*at != NULL) {
		struct write *w = *at;

		if (w->tag == MU_CMD_PUT_IF && !c->is_ours && w->seq == 0) {
			answer(c, w, MU_STORE_UNSUPPORTED);
			drop_write(c, at);
			continue;
		}
		if (w->seq == 0 && !send_write(c, w))
			return;
		at = &w->next;
	}
}

static enum mu_store_status
write_blob(
    struct mu_clone *c, const struct mu_store_request *req, struct write *w)
{
	enum mu_store_status status;
	struct mu_command cmd;
	struct mu_buf b, key;

	mu_buf_init(&b, 0);
	mu_buf_init(&key, 0);
	mu_store_command_of(req, &cmd);
	cmd.publisher = c->me;
	cmd.who = c->who;
	cmd.req_id = w->req_id;
	w->tag = cmd.tag;
	status = req->key == NULL ? MU_STORE_OK : mu_entry_key(&key, req->key);
	if (status == MU_STORE_OK) {
		mu_command_enc(&b, &cmd);
		status = mu_buf_error(&b) != 0 ? MU_STORE_NOMEM
			 : mu_buf_len(&b) > c->config.max_value
			     ? MU_STORE_TOO_LARGE
			     : MU_STORE_OK;
	}
	if (status == MU_STORE_OK) {
		w->payload = mu_blob_new(mu_buf_data(&b), mu_buf_len(&b));
		if (w->payload == NULL)
			status = MU_STORE_NOMEM;
	}
	mu_command_clear(&cmd);
	mu_buf_clear(&key);
	mu_buf_clear(&b);
	return status;
}

static enum mu_store_status
accept(struct mu_clone *c, const struct mu_store_request *req,
    struct mu_out *done, uint64_t deadline)
{
	enum mu_store_status status;
	struct write *w;

	if (c->nwrites >= c->config.max_writes ||
	    c->write_bytes >= c->config.max_write_bytes)
		return MU_STORE_BUSY;
	w = mu_calloc(1, sizeof *w);
	if (w == NULL)
		return MU_STORE_NOMEM;
	w->req_id = ++c->req_id;
	status = write_blob(c, req, w);
	if (status != MU_STORE_OK) {
		mu_free(w);
		return status;
	}
	w->id = req->id;
	w->deadline = deadline;
	w->done = done;
	*c->writes_tail = w;
	c->writes_tail = &w->next;
	c->nwrites++;
	c->write_bytes += w->payload->len;
	if (c->nunsent++ == 0 && c->writer_open &&
	    (c->is_ours || w->tag != MU_CMD_PUT_IF))
		send_write(c, w);
	else
		send_writes(c);
	return MU_STORE_OK;
}

/* Takes done. */
int
clone_write(struct mu_clone *c, const struct mu_store_request *req,
    struct mu_out *done, uint64_t deadline)
{
	enum mu_store_status status = accept(c, req, done, deadline);

	if (status != MU_STORE_OK) {
		mu_out_set_result(done, status, NULL);
		mu_outq_push(&c->out, done);
	}
	return 0;
}

/* --- the writer channel ------------------------------------------------ */

static void
send_attach_writer(struct mu_clone *c)
{
	struct mu_command cmd = {
		.tag = MU_CMD_ATTACH_WRITER,
		.heartbeat = MU_CHANNEL_HEARTBEAT,
	};
	bool acked;

	if (!mu_producer_has(c->writer, &c->master, &cmd.number, &acked))
		return;
	clone_send(c, &cmd, NULL, &c->master);
}

static bool
may_happen_twice(const struct write *w)
{
	return w->tag == MU_CMD_PUT || w->tag == MU_CMD_ERASE ||
	       w->tag == MU_CMD_CLEAR;
}

static void
unsend(struct mu_clone *c, struct write *w)
{
	c->nunsent += w->seq != 0;
	w->seq = 0;
}

/* Nobody knows about what was sent: what may happen twice is sent again. */
static void
forget_sent(struct mu_clone *c)
{
	struct write **at = &c->writes;

	while (*at != NULL) {
		struct write *w = *at;

		if (w->seq != 0 && (!may_happen_twice(w) || w->done == NULL)) {
			answer(c, w, MU_STORE_TIMEOUT);
			drop_write(c, at);
			continue;
		}
		unsend(c, w);
		w->decided = false;
		at = &w->next;
	}
}

static bool
new_channel(struct mu_clone *c, uint64_t first)
{
	struct mu_producer_limits limits = {
		.max_buffered = c->config.max_writes + 1,
		.max_bytes = SIZE_MAX,
		.max_paths = 1,
	};
	struct mu_producer *p = mu_producer_new(first, &limits);
	uint64_t offset;

	if (p != NULL && mu_producer_add(p, &c->master, &offset) != 0) {
		mu_producer_free(p);
		p = NULL;
	}
	if (p == NULL)
		return false;
	mu_producer_free(c->writer);
	c->writer = p;
	return true;
}

static bool
restart_channel(struct mu_clone *c)
{
	/* Numbers towards a master of our own kind never repeat. */
	uint64_t first =
	    c->is_ours && c->writer != NULL ? mu_producer_seq(c->writer) : 1;

	if (!new_channel(c, first))
		return false;
	forget_sent(c);
	c->answered = first;
	c->writer_acked = false;
	c->writer_open = true;
	send_attach_writer(c);
	return true;
}

/* The master remembers our writes up to last: go on after it. */
static bool
resume_channel(struct mu_clone *c, uint64_t last)
{
	struct mu_producer *old = c->writer;
	uint64_t seq = old == NULL ? last : mu_producer_seq(old);

	c->writer = NULL;
	if (last > seq || !new_channel(c, last)) {
		c->writer = old;
		return false;
	}
	mu_producer_free(old);
	c->writer_open = c->writer_acked = true;
	for (struct write *w = c->writes; w != NULL; w = w->next)
		if (w->seq > last)
			unsend(c, w); /* gets the same number again */
	return true;
}

void
clone_open_writer(struct mu_clone *c, bool known, uint64_t last)
{
	c->writer_open = false;
	if (known ? !resume_channel(c, last) : true)
		if (!restart_channel(c)) {
			clone_seek(c);
			return;
		}
	send_writes(c);
}

/* --- what the master says ---------------------------------------------- */

static void
decide(struct mu_clone *c, uint64_t upto)
{
	if (upto > c->answered)
		c->answered = upto;
	c->writer_acked = true;
	mu_producer_ack(c->writer, &c->master, upto);
}

/* Another kind of master tells no outcome, only that it has them. */
void
clone_on_ack(struct mu_clone *c, const struct mu_command *cmd)
{
	struct write **at = &c->writes;

	if (!c->writer_open)
		return;
	if (c->is_ours) {
		/* It answers attach_writer so; outcomes come as results. */
		c->writer_acked = true;
		mu_producer_touch(c->writer, &c->master);
		return;
	}
	decide(c, cmd->number);
	while (*at != NULL) {
		struct write *w = *at;

		if (w->seq == 0 || w->seq > cmd->number)
			break; /* they stand in the order of numbers */
		if (w->tag == MU_CMD_PUT_UNIQUE && w->done != NULL) {
			at = &w->next;
			continue;
		}
		answer(c, w, MU_STORE_OK);
		drop_write(c, at);
	}
}

static enum mu_store_status
outcome(const struct mu_command *cmd, uint64_t seq)
{
	for (size_t i = 0; i < cmd->nfailures; i++)
		if (cmd->failures[i].seq == seq)
			return cmd->failures[i].status < MU_STORE_NSTATUS
				   ? cmd->failures[i].status
				   : MU_STORE_BACKEND;
	return seq <= cmd->floor ? MU_STORE_TIMEOUT : MU_STORE_OK;
}

void
clone_on_result(struct mu_clone *c, const struct mu_command *cmd)
{
	struct write **at = &c->writes;

	if (!c->writer_open)
		return;
	decide(c, cmd->number);
	while (*at != NULL) {
		struct write *w = *at;
		enum mu_store_status status;

		if (w->seq == 0 || w->seq > cmd->number)
			break;
		if (w->decided) {
			at = &w->next;
			continue;
		}
		status = outcome(cmd, w->seq);
		if (status == MU_STORE_OK) {
			w->decided = true;
			w->visible = cmd->visible;
			at = &w->next;
			continue;
		}
		answer(c, w, status);
		drop_write(c, at);
	}
	clone_answer_writes(c);
}

void
clone_answer_writes(struct mu_clone *c)
{
	struct write **at = &c->writes;

	while (*at != NULL) {
		struct write *w = *at;

		if (!w->decided)
			break; /* they are decided in order */
		if (w->visible > c->applied || c->loading) {
			at = &w->next;
			continue;
		}
		answer(c, w, MU_STORE_OK);
		drop_write(c, at);
	}
}

void
clone_on_unique_result(struct mu_clone *c, const struct mu_command *cmd)
{
	struct write **at = &c->writes;

	if (!mu_entity_eq(&cmd->who, &c->who))
		return;
	while (*at != NULL && ((*at)->tag != MU_CMD_PUT_UNIQUE ||
				  (*at)->req_id != cmd->req_id))
		at = &(*at)->next;
	if (*at == NULL)
		return;
	answer(c, *at, cmd->inserted ? MU_STORE_OK : MU_STORE_CONDITION);
	drop_write(c, at);
}

void
clone_on_nack(struct mu_clone *c, const struct mu_command *cmd)
{
	struct mu_command failed = { .tag = MU_CMD_RETRANSMIT_FAILED };

	if (!c->writer_open)
		return;
	switch (
	    mu_producer_nack(c->writer, &c->master, cmd->nack, cmd->nnack)) {
	case MU_NACK_HANDSHAKE:
		send_attach_writer(c);
		break;
	case MU_NACK_RESEND:
		for (size_t i = 0; i < cmd->nnack && i < MU_CHANNEL_MAX_RESEND;
		     i++) {
			struct mu_blob *b =
			    mu_producer_kept(c->writer, cmd->nack[i]);

			failed.number = cmd->nack[i];
			if (b != NULL)
				push_payload(c, b);
			else if (failed.number <= mu_producer_seq(c->writer))
				clone_send(c, &failed, NULL, &c->master);
		}
		break;
	case MU_NACK_DROPPED:
		clone_seek(c);
		break;
	case MU_NACK_UNKNOWN:
	case MU_NACK_IGNORE:
		break;
	}
}

/* --- time -------------------------------------------------------------- */

static void
expire_writes(struct mu_clone *c)
{
	struct write **at = &c->writes;

	while (*at != NULL) {
		struct write *w = *at;

		if (w->done == NULL || w->deadline > c->now) {
			at = &w->next;
			continue;
		}
		if (w->seq != 0) {
			answer(c, w, MU_STORE_TIMEOUT);
			at = &w->next;
			continue;
		}
		/* Never sent, and now it never will be. */
		answer(c, w, clone_why_not(c));
		drop_write(c, at);
	}
}

void
clone_tick_writes(struct mu_clone *c)
{
	struct mu_command keepalive = { .tag = MU_CMD_KEEPALIVE };
	struct mu_entity lost;

	expire_writes(c);
	if (!c->writer_open)
		return;
	send_writes(c);
	if (!mu_producer_tick(c->writer))
		goto lost;
	keepalive.number = mu_producer_seq(c->writer);
	if (c->writer_acked)
		clone_send(c, &keepalive, NULL, NULL);
	else
		send_attach_writer(c);
lost:
	if (mu_producer_next_lost(c->writer, &lost))
		clone_seek(c); /* it will have forgotten us as well */
}
