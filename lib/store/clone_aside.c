/*
 * Actions on keys that have not come yet.  All chunks of one picture show the
 * store as of one action, so what was sent later on such a key must wait until
 * its chunk is here.  Only the last one of each key counts: actions say what
 * is, not what changes.
 *
 * They are kept in memory up to a limit.  Beyond it they are passed over, all
 * of them, and so is clear: then chunks must come from a later picture.
 */
#include "base/blob.h"
#include "muster/err.h"
#include "store/clone_impl.h"

bool
clone_is_held(struct mu_clone *c, struct mu_bytes key)
{
	if (!c->loading)
		return true;
	return mu_buf_len(&c->held) > 0 &&
	       mu_key_cmp(key, mu_bytes_of(&c->held)) <= 0;
}

void
clone_pass_over(struct mu_clone *c, uint64_t seq)
{
	if (c->aside != NULL)
		c->aside->ops->close(c->aside);
	c->aside = NULL;
	c->passed = seq;
}

void
clone_set_aside(struct mu_clone *c, struct mu_bytes key, struct mu_blob *action,
    uint64_t seq)
{
	struct mu_bytes whole = { action->data, action->len };

	if (seq <= c->passed)
		return;
	if (c->aside == NULL)
		c->aside = mu_backend_memory_new(c->config.max_aside);
	if (c->aside == NULL ||
	    c->aside->ops->put(c->aside, key, whole, 0) != 0)
		clone_pass_over(c, seq);
}

/* One of them, to a key that came. */
static int
take_up(struct mu_clone *c, struct mu_bytes key, struct mu_bytes whole,
    uint64_t number)
{
	struct mu_command cmd;
	int rc = mu_command_dec(&cmd, whole.at, whole.len);

	if (rc != 0)
		return rc;
	if (cmd.seq > number)
		rc = clone_apply_keyed(c, &cmd, key);
	mu_command_clear(&cmd);
	return rc;
}

int
clone_take_up(struct mu_clone *c, uint64_t number)
{
	struct mu_bytes all = { NULL, 0 }, key, whole;
	struct mu_buf copy;
	int64_t deadline;
	int rc = 0;

	mu_buf_init(&copy, 0);
	while (
	    rc == 0 && c->aside != NULL &&
	    c->aside->ops->after(c->aside, all, &key, &whole, &deadline) == 0 &&
	    clone_is_held(c, key)) {
		rc = take_up(c, key, whole, number);
		mu_buf_reset(&copy);
		mu_buf_put(&copy, key.at, key.len);
		if (rc == 0)
			rc = mu_buf_error(&copy);
		if (rc == 0)
			rc = c->aside->ops->erase(c->aside, mu_bytes_of(&copy));
	}
	mu_buf_clear(&copy);
	return rc;
}

void
clone_aside_drop(struct mu_clone *c)
{
	clone_pass_over(c, c->passed);
	mu_blob_unref(c->stuck);
	c->stuck = NULL;
}
