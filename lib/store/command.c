/*
 * The codec of store commands.  Values inside are counted; pairs of a snapshot
 * stay where they are and are decoded by whoever applies them, one by one.
 */
#include "store/command.h"

#include <string.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "muster/err.h"
#include "value/codec.h"

#define RECEIVER_AT 32 /* seq and sender stand before it */
#define SENDER_AT   8

bool
mu_entity_eq(const struct mu_entity *a, const struct mu_entity *b)
{
	return a->object == b->object && mu_uuid_eq(&a->endpoint, &b->endpoint);
}

bool
mu_entity_is_nil(const struct mu_entity *e)
{
	return e->object == 0 && mu_uuid_is_nil(&e->endpoint);
}

/* --- reading ----------------------------------------------------------- */

static void
get_entity(struct mu_cursor *c, struct mu_entity *e)
{
	const uint8_t *p = mu_cursor_bytes(c, sizeof e->endpoint.bytes);

	if (p != NULL)
		memcpy(e->endpoint.bytes, p, sizeof e->endpoint.bytes);
	e->object = mu_cursor_u64(c);
}

static void
get_expiry(struct mu_cursor *c, struct mu_command *cmd)
{
	cmd->has_expiry = mu_cursor_u8(c) != 0;
	if (cmd->has_expiry)
		cmd->expiry_ns = (int64_t)mu_cursor_u64(c);
}

static struct muster_value *
get_optional(struct mu_cursor *c)
{
	return mu_cursor_u8(c) != 0 ? mu_value_dec(c) : NULL;
}

static void
get_type(struct mu_cursor *c, struct mu_command *cmd)
{
	uint8_t type = mu_cursor_u8(c);

	if (type >= MUSTER_NTYPES)
		mu_cursor_fail(c, MUSTER_EPROTO);
	else
		cmd->init_type = (enum muster_type)type;
}

static void
get_nack(struct mu_cursor *c, struct mu_command *cmd)
{
	size_t n = mu_cursor_count(c, 8);

	if (n > MU_COMMAND_MAX_NACK)
		mu_cursor_fail(c, MUSTER_ELIMIT);
	if (c->error != 0 || n == 0)
		return;
	cmd->nack = mu_reallocarray(NULL, n, sizeof *cmd->nack);
	if (cmd->nack == NULL) {
		mu_cursor_fail(c, MUSTER_ENOMEM);
		return;
	}
	for (cmd->nnack = 0; cmd->nnack < n; cmd->nnack++)
		cmd->nack[cmd->nnack] = mu_cursor_u64(c);
}

/* Pairs of two values of at least one byte each. */
static void
get_entries(struct mu_cursor *c, struct mu_command *cmd)
{
	cmd->nentries = mu_cursor_count(c, 2);
	cmd->entries = c->at;
	for (uint32_t i = 0; i < cmd->nentries && c->error == 0; i++) {
		mu_value_skip(c);
		mu_value_skip(c);
	}
	if (c->error == 0)
		cmd->entries_len = (size_t)(c->at - cmd->entries);
}

static void
get_failures(struct mu_cursor *c, struct mu_command *cmd)
{
	size_t n = mu_cursor_count(c, 9);

	if (n > MU_COMMAND_MAX_FAILURES)
		mu_cursor_fail(c, MUSTER_ELIMIT);
	if (c->error != 0 || n == 0)
		return;
	cmd->failures = mu_reallocarray(NULL, n, sizeof *cmd->failures);
	if (cmd->failures == NULL) {
		mu_cursor_fail(c, MUSTER_ENOMEM);
		return;
	}
	for (cmd->nfailures = 0; cmd->nfailures < n; cmd->nfailures++) {
		struct mu_command_failure *f = &cmd->failures[cmd->nfailures];

		f->seq = mu_cursor_u64(c);
		f->status = mu_cursor_u8(c);
	}
}

static void
get_action(struct mu_cursor *c, struct mu_command *cmd)
{
	if (cmd->tag == MU_CMD_PUT_UNIQUE_RESULT)
		cmd->inserted = mu_cursor_u8(c) != 0;
	else if (cmd->tag != MU_CMD_CLEAR)
		cmd->key = mu_value_dec(c);
	if (cmd->tag == MU_CMD_PUT_IF)
		cmd->expected = get_optional(c);
	switch (cmd->tag) {
	case MU_CMD_PUT:
	case MU_CMD_PUT_UNIQUE:
	case MU_CMD_ADD:
	case MU_CMD_SUBTRACT:
	case MU_CMD_PUT_IF:
		cmd->value = mu_value_dec(c);
		if (cmd->tag == MU_CMD_ADD)
			get_type(c, cmd);
		get_expiry(c, cmd);
		break;
	default:
		break;
	}
	if (cmd->tag == MU_CMD_PUT_UNIQUE ||
	    cmd->tag == MU_CMD_PUT_UNIQUE_RESULT) {
		get_entity(c, &cmd->who);
		cmd->req_id = mu_cursor_u64(c);
	}
	get_entity(c, &cmd->publisher);
}

static void
get_own(struct mu_cursor *c, struct mu_command *cmd)
{
	switch (cmd->tag) {
	case MU_CMD_ATTACH:
		cmd->epoch = mu_cursor_u64(c);
		cmd->number = mu_cursor_u64(c);
		cmd->key = get_optional(c);
		cmd->writer = mu_cursor_u64(c);
		break;
	case MU_CMD_ATTACHED:
		cmd->epoch = mu_cursor_u64(c);
		cmd->number = mu_cursor_u64(c);
		cmd->heartbeat = mu_cursor_u16(c);
		cmd->flags = mu_cursor_u8(c);
		cmd->total = mu_cursor_u64(c);
		cmd->writer = mu_cursor_u64(c);
		cmd->newest = mu_cursor_u64(c);
		break;
	case MU_CMD_WANT:
		cmd->index = mu_cursor_u64(c);
		cmd->least = mu_cursor_u64(c);
		cmd->window = mu_cursor_u8(c);
		cmd->flags = mu_cursor_u8(c);
		cmd->key = get_optional(c);
		break;
	case MU_CMD_CHUNK:
		cmd->index = mu_cursor_u64(c);
		cmd->number = mu_cursor_u64(c);
		cmd->flags = mu_cursor_u8(c);
		cmd->key = get_optional(c);
		get_entries(c, cmd);
		break;
	case MU_CMD_RESULT:
		cmd->number = mu_cursor_u64(c);
		cmd->visible = mu_cursor_u64(c);
		cmd->floor = mu_cursor_u64(c);
		get_failures(c, cmd);
		break;
	default:
		mu_cursor_fail(c, MUSTER_EPROTO);
	}
}

static void
get_content(struct mu_cursor *c, struct mu_command *cmd)
{
	switch (cmd->tag) {
	case MU_CMD_ATTACH_WRITER:
	case MU_CMD_ACK_CLONE:
		cmd->number = mu_cursor_u64(c);
		cmd->heartbeat = mu_cursor_u16(c);
		if (cmd->tag == MU_CMD_ACK_CLONE)
			get_entries(c, cmd);
		break;
	case MU_CMD_KEEPALIVE:
	case MU_CMD_CUMULATIVE_ACK:
	case MU_CMD_RETRANSMIT_FAILED:
		cmd->number = mu_cursor_u64(c);
		break;
	case MU_CMD_NACK:
		get_nack(c, cmd);
		break;
	default:
		if (mu_command_is_action(cmd->tag))
			get_action(c, cmd);
		else
			get_own(c, cmd);
	}
}

int
mu_command_dec(struct mu_command *cmd, const uint8_t *buf, size_t len)
{
	struct mu_cursor c = mu_cursor_over(buf, len);

	memset(cmd, 0, sizeof *cmd);
	cmd->seq = mu_cursor_u64(&c);
	get_entity(&c, &cmd->sender);
	get_entity(&c, &cmd->receiver);
	cmd->tag = (enum mu_command_tag)mu_cursor_u8(&c);
	get_content(&c, cmd);
	if (c.error == 0)
		return 0;
	mu_command_clear(cmd);
	return c.error;
}

void
mu_command_clear(struct mu_command *cmd)
{
	muster_value_unref(cmd->key);
	muster_value_unref(cmd->value);
	muster_value_unref(cmd->expected);
	mu_free(cmd->nack);
	mu_free(cmd->failures);
	memset(cmd, 0, sizeof *cmd);
}

/* --- writing ----------------------------------------------------------- */

static void
put_entity(struct mu_buf *b, const struct mu_entity *e)
{
	mu_buf_put(b, e->endpoint.bytes, sizeof e->endpoint.bytes);
	mu_buf_u64(b, e->object);
}

static void
put_expiry(struct mu_buf *b, const struct mu_command *cmd)
{
	mu_buf_u8(b, cmd->has_expiry);
	if (cmd->has_expiry)
		mu_buf_u64(b, (uint64_t)cmd->expiry_ns);
}

static void
put_optional(struct mu_buf *b, const struct muster_value *v)
{
	mu_buf_u8(b, v != NULL);
	if (v != NULL)
		mu_value_enc(b, v);
}

static void
put_action(struct mu_buf *b, const struct mu_command *cmd)
{
	if (cmd->tag == MU_CMD_PUT_UNIQUE_RESULT)
		mu_buf_u8(b, cmd->inserted);
	else if (cmd->tag != MU_CMD_CLEAR)
		mu_value_enc(b, cmd->key);
	if (cmd->tag == MU_CMD_PUT_IF)
		put_optional(b, cmd->expected);
	switch (cmd->tag) {
	case MU_CMD_PUT:
	case MU_CMD_PUT_UNIQUE:
	case MU_CMD_ADD:
	case MU_CMD_SUBTRACT:
	case MU_CMD_PUT_IF:
		mu_value_enc(b, cmd->value);
		if (cmd->tag == MU_CMD_ADD)
			mu_buf_u8(b, (uint8_t)cmd->init_type);
		put_expiry(b, cmd);
		break;
	default:
		break;
	}
	if (cmd->tag == MU_CMD_PUT_UNIQUE ||
	    cmd->tag == MU_CMD_PUT_UNIQUE_RESULT) {
		put_entity(b, &cmd->who);
		mu_buf_u64(b, cmd->req_id);
	}
	put_entity(b, &cmd->publisher);
}

static void
put_entries(struct mu_buf *b, const struct mu_command *cmd)
{
	mu_buf_varbyte(b, cmd->nentries);
	if (cmd->entries_len != 0)
		mu_buf_put(b, cmd->entries, cmd->entries_len);
}

static void
put_own(struct mu_buf *b, const struct mu_command *cmd)
{
	switch (cmd->tag) {
	case MU_CMD_ATTACH:
		mu_buf_u64(b, cmd->epoch);
		mu_buf_u64(b, cmd->number);
		put_optional(b, cmd->key);
		mu_buf_u64(b, cmd->writer);
		break;
	case MU_CMD_ATTACHED:
		mu_buf_u64(b, cmd->epoch);
		mu_buf_u64(b, cmd->number);
		mu_buf_u16(b, cmd->heartbeat);
		mu_buf_u8(b, cmd->flags);
		mu_buf_u64(b, cmd->total);
		mu_buf_u64(b, cmd->writer);
		mu_buf_u64(b, cmd->newest);
		break;
	case MU_CMD_WANT:
		mu_buf_u64(b, cmd->index);
		mu_buf_u64(b, cmd->least);
		mu_buf_u8(b, cmd->window);
		mu_buf_u8(b, cmd->flags);
		put_optional(b, cmd->key);
		break;
	case MU_CMD_CHUNK:
		mu_buf_u64(b, cmd->index);
		mu_buf_u64(b, cmd->number);
		mu_buf_u8(b, cmd->flags);
		put_optional(b, cmd->key);
		put_entries(b, cmd);
		break;
	case MU_CMD_RESULT:
		mu_buf_u64(b, cmd->number);
		mu_buf_u64(b, cmd->visible);
		mu_buf_u64(b, cmd->floor);
		mu_buf_varbyte(b, (uint32_t)cmd->nfailures);
		for (size_t i = 0; i < cmd->nfailures; i++) {
			mu_buf_u64(b, cmd->failures[i].seq);
			mu_buf_u8(b, cmd->failures[i].status);
		}
		break;
	default:
		break;
	}
}

void
mu_command_enc(struct mu_buf *b, const struct mu_command *cmd)
{
	mu_buf_u64(b, cmd->seq);
	put_entity(b, &cmd->sender);
	put_entity(b, &cmd->receiver);
	mu_buf_u8(b, (uint8_t)cmd->tag);
	switch (cmd->tag) {
	case MU_CMD_ATTACH_WRITER:
	case MU_CMD_ACK_CLONE:
		mu_buf_u64(b, cmd->number);
		mu_buf_u16(b, cmd->heartbeat);
		if (cmd->tag == MU_CMD_ACK_CLONE)
			put_entries(b, cmd);
		break;
	case MU_CMD_KEEPALIVE:
	case MU_CMD_CUMULATIVE_ACK:
	case MU_CMD_RETRANSMIT_FAILED:
		mu_buf_u64(b, cmd->number);
		break;
	case MU_CMD_NACK:
		mu_buf_varbyte(b, (uint32_t)cmd->nnack);
		for (size_t i = 0; i < cmd->nnack; i++)
			mu_buf_u64(b, cmd->nack[i]);
		break;
	default:
		if (mu_command_is_action(cmd->tag))
			put_action(b, cmd);
		else
			put_own(b, cmd);
	}
}

static void
store_u64(uint8_t *p, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

void
mu_command_set_seq(uint8_t *payload, uint64_t seq)
{
	store_u64(payload, seq);
}

static void
set_entity(uint8_t *at, const struct mu_entity *e)
{
	memcpy(at, e->endpoint.bytes, sizeof e->endpoint.bytes);
	store_u64(at + sizeof e->endpoint.bytes, e->object);
}

void
mu_command_set_receiver(uint8_t *payload, const struct mu_entity *e)
{
	set_entity(payload + RECEIVER_AT, e);
}

void
mu_command_set_sender(uint8_t *payload, const struct mu_entity *e)
{
	set_entity(payload + SENDER_AT, e);
}

/* --- topics ------------------------------------------------------------ */

/* The suffixes never end in a slash, so only one stands between. */
char *
mu_store_topic(const char *name, bool master, size_t *len)
{
	char *topic = mu_asprintf("%s%s<$>/data/%s", name,
	    name[0] == '\0' ? "" : "/", master ? "master" : "clone");

	if (topic != NULL)
		*len = strlen(topic);
	return topic;
}
