/*
 * The copy: actions in their order, and ranges of keys made equal to what a
 * snapshot says.  While chunks arrive, actions on keys beyond the last chunk
 * are set aside: see clone_aside.c.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "muster/err.h"
#include "store/clone_impl.h"
#include "value/codec.h"

static const struct mu_bytes seq_key = { (const uint8_t *)"seq", 3 };
static const struct mu_bytes epoch_key = { (const uint8_t *)"epoch", 5 };
/* Of a copy on its way: the last key held; absent when it is whole. */
static const struct mu_bytes held_key = { (const uint8_t *)"held", 4 };

/* An outcome of the backend: what does not read as it was written is worth
 * nothing, see clone_restart. */
int
clone_medium(struct mu_clone *c, int rc)
{
	c->damaged |= rc == MUSTER_EPROTO;
	return rc;
}

/* --- single changes ---------------------------------------------------- */

/* The same with an event, which is made before the write.  is_new: the key is
 * known to be missing. */
static int
put_watched(struct mu_clone *c, struct mu_bytes key, struct mu_bytes value,
    const struct mu_command *cmd, bool is_new)
{
	struct muster_value *k = NULL, *old = NULL, *v = NULL;
	struct mu_out *event = NULL;
	enum mu_store_status status =
	    is_new ? MU_STORE_NO_SUCH_KEY : mu_entry_get(c->backend, key, &old);
	int rc;

	c->damaged |= status == MU_STORE_DAMAGED;
	if (status != MU_STORE_OK && status != MU_STORE_NO_SUCH_KEY)
		return status == MU_STORE_NOMEM ? MUSTER_ENOMEM : MUSTER_ESYS;
	rc = muster_value_dec(key.at, key.len, &k);
	if (rc == 0)
		rc = muster_value_dec(value.at, value.len, &v);
	if (rc == 0) {
		event = mu_out_event(
		    old == NULL ? MU_STORE_INSERT : MU_STORE_UPDATE, k, old, v,
		    &cmd->publisher);
		rc = event == NULL
			 ? MUSTER_ENOMEM
			 : clone_medium(c,
			       c->backend->ops->put(c->backend, key, value, 0));
	}
	if (rc == 0) {
		event->out.has_expiry = cmd->has_expiry;
		event->out.expiry_ns = cmd->expiry_ns;
		mu_outq_push(&c->out, event);
	} else {
		mu_out_free(event);
	}
	muster_value_unref(k);
	muster_value_unref(old);
	muster_value_unref(v);
	return rc;
}

int
clone_put(struct mu_clone *c, struct mu_bytes key, struct mu_bytes value,
    const struct mu_command *cmd, bool is_new)
{
	if (c->unwatched)
		return clone_medium(
		    c, c->backend->ops->put(c->backend, key, value, 0));
	return put_watched(c, key, value, cmd, is_new);
}

int
clone_erase(struct mu_clone *c, struct mu_bytes key, enum mu_store_event what,
    const struct mu_entity *publisher)
{
	struct muster_value *k = NULL;
	struct mu_out *event = NULL;
	int rc = 0;

	if (!c->unwatched) {
		rc = muster_value_dec(key.at, key.len, &k);
		if (rc == 0)
			event = mu_out_event(what, k, NULL, NULL, publisher);
		if (rc == 0 && event == NULL)
			rc = MUSTER_ENOMEM;
	}
	if (rc == 0)
		rc = clone_medium(c, c->backend->ops->erase(c->backend, key));
	if (rc == 0)
		mu_outq_push(&c->out, event);
	else
		mu_out_free(event);
	muster_value_unref(k);
	return rc == MUSTER_ENOENT ? 0 : rc;
}

/* --- actions ----------------------------------------------------------- */

/* As a whole: one by one, each would be looked for among those that are gone
 * already. */
static int
clear(struct mu_clone *c, const struct mu_command *cmd)
{
	uint64_t n = c->backend->ops->size(c->backend);
	struct mu_outq events;
	int rc = 0;

	mu_outq_init(&events);
	if (!c->unwatched && n > c->config.max_clear_events)
		mu_outq_log(&events, 6,
		    "cleared of %llu entries, without an event for each",
		    (unsigned long long)n);
	else if (!c->unwatched)
		rc = mu_entry_say_erased(c->backend, &cmd->publisher, &events);
	if (rc == 0)
		rc = c->backend->ops->clear(c->backend);
	if (rc == 0)
		mu_outq_move(&c->out, &events);
	mu_outq_clear(&events);
	return rc;
}

int
clone_apply_keyed(
    struct mu_clone *c, const struct mu_command *cmd, struct mu_bytes key)
{
	struct mu_buf value;
	int rc;

	if (cmd->tag != MU_CMD_PUT)
		return clone_erase(c, key,
		    cmd->tag == MU_CMD_EXPIRE ? MU_STORE_EXPIRED
					      : MU_STORE_ERASED,
		    &cmd->publisher);
	mu_buf_init(&value, 0);
	mu_value_enc(&value, cmd->value);
	rc = mu_buf_error(&value);
	if (rc == 0)
		rc = clone_put(c, key, mu_bytes_of(&value), cmd, false);
	mu_buf_clear(&value);
	return rc;
}

static int
apply_or_set_aside(
    struct mu_clone *c, const struct mu_command *cmd, struct mu_blob *blob)
{
	enum mu_store_status status;
	struct mu_buf key;
	int rc = 0;

	mu_buf_init(&key, 0);
	status = mu_entry_key(&key, cmd->key);
	if (status == MU_STORE_NOMEM)
		rc = MUSTER_ENOMEM;
	else if (status == MU_STORE_OK && clone_is_held(c, mu_bytes_of(&key)))
		rc = clone_apply_keyed(c, cmd, mu_bytes_of(&key));
	else if (status == MU_STORE_OK)
		clone_set_aside(c, mu_bytes_of(&key), blob, cmd->seq);
	mu_buf_clear(&key);
	return rc;
}

static int
apply(struct mu_clone *c, const struct mu_command *cmd, struct mu_blob *blob)
{
	switch (cmd->tag) {
	case MU_CMD_PUT:
	case MU_CMD_ERASE:
	case MU_CMD_EXPIRE:
		return apply_or_set_aside(c, cmd, blob);
	case MU_CMD_CLEAR:
		if (c->loading)
			clone_pass_over(c, cmd->seq);
		return clear(c, cmd);
	case MU_CMD_PUT_UNIQUE_RESULT:
		clone_on_unique_result(c, cmd);
		return 0;
	default:
		mu_outq_log(&c->out, 4,
		    "the master sent what only clones send: command %u",
		    (unsigned)cmd->tag);
		return 0;
	}
}

/* The action that found no room, or the next one. */
static struct mu_blob *
take(struct mu_clone *c, uint64_t *seq)
{
	struct mu_blob *b = c->stuck;

	if (b == NULL)
		return mu_consumer_take(c->in, seq);
	*seq = c->stuck_seq;
	c->stuck = NULL;
	return b;
}

int
clone_drain(struct mu_clone *c)
{
	struct mu_blob *blob;
	uint64_t seq;
	int rc = 0;

	while (rc == 0 && (blob = take(c, &seq)) != NULL) {
		struct mu_command cmd;

		rc = mu_command_dec(&cmd, blob->data, blob->len);
		if (rc == 0) {
			rc = apply(c, &cmd, blob);
			mu_command_clear(&cmd);
		}
		/* A slow disk has time; a full one says so itself. */
		if (rc == MUSTER_ELIMIT && clone_is_behind(c)) {
			c->stuck = blob;
			c->stuck_seq = seq;
			return 0;
		}
		mu_blob_unref(blob);
		if (rc == 0)
			c->applied = seq;
	}
	if (rc == 0 && mu_consumer_is_open(c->in))
		c->applied = mu_consumer_next_seq(c->in) - 1;
	return rc;
}

/* --- what outlives the process ----------------------------------------- */

static int
load_u64(struct mu_clone *c, struct mu_bytes key, uint64_t *v)
{
	struct mu_bytes value;
	struct mu_cursor cur;
	int rc = c->backend->ops->meta_get(c->backend, key, &value);

	if (rc != 0)
		return rc == MUSTER_ENOENT ? 0 : rc;
	cur = mu_cursor_over(value.at, value.len);
	*v = mu_cursor_u64(&cur);
	return mu_cursor_done(&cur);
}

static int
load_held(struct mu_clone *c)
{
	struct mu_bytes value;
	int rc = c->backend->ops->meta_get(c->backend, held_key, &value);

	if (rc != 0)
		return rc == MUSTER_ENOENT ? 0 : rc;
	mu_buf_put(&c->held, value.at, value.len);
	c->saved_index = UINT64_MAX; /* something is there */
	return mu_buf_error(&c->held);
}

int
clone_remember(struct mu_clone *c)
{
	int rc;

	if (!c->config.resume)
		return 0;
	rc = load_u64(c, seq_key, &c->applied);
	if (rc == 0)
		rc = load_u64(c, epoch_key, &c->epoch);
	if (rc == 0)
		rc = load_held(c);
	c->saved_seq = c->applied;
	c->saved_epoch = c->epoch;
	if (c->epoch == 0) {
		c->applied = 0;
		mu_buf_reset(&c->held);
	}
	c->loading = mu_buf_len(&c->held) > 0;
	c->passed = c->applied; /* what was set aside is gone */
	c->loaded = c->loading ? c->backend->ops->size(c->backend) : 0;
	c->complete = c->epoch != 0 && !c->loading;
	return rc;
}

static int
save_u64(struct mu_clone *c, struct mu_bytes key, uint64_t *saved, uint64_t v)
{
	uint8_t raw[8];
	struct mu_bytes value = { raw, sizeof raw };
	int rc;

	if (*saved == v)
		return 0;
	mu_command_set_seq(raw, v);
	rc = c->backend->ops->meta_put(c->backend, key, value);
	if (rc == 0)
		*saved = v;
	return rc;
}

/* A copy on its way grows in the order of keys: the last one says how far it
 * is.  Each chunk has an index of its own. */
static int
save_held(struct mu_clone *c)
{
	struct mu_bytes value = { NULL, 0 };
	uint64_t at = c->loading ? c->index + 1 : 0;
	int rc;

	if (c->saved_index == at)
		return 0;
	if (c->loading)
		value = mu_bytes_of(&c->held);
	rc = c->backend->ops->meta_put(c->backend, held_key, value);
	if (rc == 0)
		c->saved_index = at;
	return rc;
}

/* Without a first chunk there is no place to go on from. */
void
clone_save(struct mu_clone *c)
{
	bool some = c->loading ? mu_buf_len(&c->held) > 0 : c->complete;
	int rc;

	if (!c->config.resume)
		return;
	rc = save_u64(c, seq_key, &c->saved_seq, some ? c->applied : 0);
	if (rc == 0)
		rc = save_u64(
		    c, epoch_key, &c->saved_epoch, some ? c->epoch : 0);
	if (rc == 0)
		rc = save_held(c);
	if (rc != 0)
		clone_restart(c, muster_strerror(rc));
}
