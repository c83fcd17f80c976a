/*
 * Writes: decide what one does, make everything that will be said about it,
 * then do it.  Nothing can fail between the backend's yes and the release.
 */
#include "base/alloc.h"
#include "muster/err.h"
#include "store/apply.h"
#include "store/master_impl.h"
#include "value/codec.h"

#define EXPIRE_PER_TICK 2000
#define LOG_EVERY       600 /* ticks */

enum effect { EFFECT_NONE, EFFECT_STORE, EFFECT_REMOVE, EFFECT_WIPE };

/* What a write comes to. */
struct plan {
	const struct mu_command *cmd;
	struct mu_buf key;          /* encoded */
	struct muster_value *old;   /* counted; NULL: the key is missing */
	struct muster_value *value; /* counted; what will be stored */
	enum effect effect;
	bool has_expiry; /* of the event and the broadcast */
	int64_t expiry_ns;
	int64_t deadline;
};

/* --- changes ----------------------------------------------------------- */

struct change *
master_change_new(const struct origin *origin)
{
	struct change *c = mu_calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	mu_outq_init(&c->outs);
	if (origin->req != NULL) {
		c->done = mu_out_done(origin->req->id, MU_STORE_OK, NULL);
		if (c->done == NULL) {
			mu_free(c);
			return NULL;
		}
	}
	if (origin->writer != NULL) {
		c->has_writer = true;
		c->writer = origin->writer->who;
		c->seq = origin->seq;
	}
	return c;
}

void
master_change_free(struct change *c)
{
	if (c == NULL)
		return;
	mu_outq_clear(&c->outs);
	mu_out_free(c->done);
	mu_free(c);
}

void
master_change_push(struct mu_master *m, struct change *c)
{
	c->next = NULL;
	*m->changes_tail = c;
	m->changes_tail = &c->next;
	if (m->unsealed == NULL)
		m->unsealed = c;
	m->nchanges++;
	m->nactions += c->nactions;
}

bool
master_change_action(
    struct mu_master *m, struct change *c, const struct mu_command *cmd)
{
	struct mu_command own = *cmd;
	struct mu_out *item;

	own.sender = m->config.entity;
	own.receiver = (struct mu_entity){ 0 };
	item = mu_out_command(&own, false, NULL);
	if (item == NULL)
		return false;
	item->numbered = true;
	mu_outq_push(&c->outs, item);
	c->nactions++;
	return true;
}

static void
forget_outs(struct change *c)
{
	mu_outq_clear(&c->outs);
	c->nactions = 0;
}

/* --- deciding ---------------------------------------------------------- */

static enum mu_store_status
decide_value(struct plan *p)
{
	const struct mu_command *cmd = p->cmd;

	switch (cmd->tag) {
	case MU_CMD_PUT_UNIQUE:
		if (p->old != NULL)
			return MU_STORE_CONDITION;
		break;
	case MU_CMD_PUT_IF:
		if ((p->old == NULL) != (cmd->expected == NULL) ||
		    (p->old != NULL &&
			muster_value_cmp(p->old, cmd->expected) != 0))
			return MU_STORE_CONDITION;
		break;
	case MU_CMD_ADD:
		return mu_apply_add(
		    p->old, cmd->value, cmd->init_type, &p->value);
	case MU_CMD_SUBTRACT:
		return mu_apply_subtract(p->old, cmd->value, &p->value);
	default:
		break;
	}
	p->value = muster_value_ref(cmd->value);
	return MU_STORE_OK;
}

static void
decide_expiry(const struct mu_master *m, struct plan *p, int64_t wall)
{
	const struct mu_command *cmd = p->cmd;
	bool has = cmd->has_expiry;
	int64_t ns = cmd->expiry_ns;

	if (!has && m->config.default_expiry_ns > 0) {
		has = true;
		ns = m->config.default_expiry_ns;
	}
	if (!has)
		return;
	if (__builtin_add_overflow(wall, ns, &p->deadline))
		p->deadline = ns > 0 ? INT64_MAX : 1;
	if (p->deadline <= 0)
		p->deadline = 1; /* 0 would be never */
	/* The result of add and subtract is told without it, as in Broker. */
	p->has_expiry = cmd->tag != MU_CMD_ADD && cmd->tag != MU_CMD_SUBTRACT;
	p->expiry_ns = p->has_expiry ? ns : 0;
}

static enum mu_store_status
decide_key(struct mu_master *m, struct plan *p)
{
	enum mu_store_status status = mu_entry_key(&p->key, p->cmd->key);

	if (status == MU_STORE_OK)
		status =
		    mu_entry_get(m->backend, mu_bytes_of(&p->key), &p->old);
	return status == MU_STORE_NO_SUCH_KEY ? MU_STORE_OK : status;
}

static enum mu_store_status
decide(struct mu_master *m, struct plan *p, int64_t wall)
{
	enum mu_store_status status;

	switch (p->cmd->tag) {
	case MU_CMD_CLEAR:
		p->effect = EFFECT_WIPE;
		return MU_STORE_OK;
	case MU_CMD_PUT_UNIQUE_RESULT:
		return MU_STORE_INVALID; /* ours to say */
	case MU_CMD_ERASE:
	case MU_CMD_EXPIRE:
		status = decide_key(m, p);
		/* What is not there is as good as erased. */
		if (p->old != NULL)
			p->effect = EFFECT_REMOVE;
		else if (status == MU_STORE_OK && p->cmd->tag == MU_CMD_EXPIRE)
			status = MU_STORE_NO_SUCH_KEY;
		return status;
	default:
		status = decide_key(m, p);
		if (status == MU_STORE_OK)
			status = decide_value(p);
		if (status == MU_STORE_OK) {
			p->effect = EFFECT_STORE;
			decide_expiry(m, p, wall);
		}
		return status;
	}
}

/* --- what will be said ------------------------------------------------- */

static bool
say_stored(struct mu_master *m, struct change *c, const struct plan *p)
{
	struct mu_command put = {
		.tag = MU_CMD_PUT,
		.key = p->cmd->key,
		.value = p->value,
		.has_expiry = p->has_expiry,
		.expiry_ns = p->expiry_ns,
		.publisher = p->cmd->publisher,
	};
	struct mu_out *event =
	    mu_out_event(p->old == NULL ? MU_STORE_INSERT : MU_STORE_UPDATE,
		p->cmd->key, p->old, p->value, &p->cmd->publisher);

	if (event == NULL)
		return false;
	event->out.has_expiry = p->has_expiry;
	event->out.expiry_ns = p->expiry_ns;
	mu_outq_push(&c->outs, event);
	return master_change_action(m, c, &put);
}

static bool
say_removed(struct mu_master *m, struct change *c, const struct plan *p)
{
	struct mu_command gone = {
		.tag = p->cmd->tag,
		.key = p->cmd->key,
		.publisher = p->cmd->publisher,
	};
	struct mu_out *event = mu_out_event(
	    p->cmd->tag == MU_CMD_EXPIRE ? MU_STORE_EXPIRED : MU_STORE_ERASED,
	    p->cmd->key, NULL, NULL, &p->cmd->publisher);

	if (event == NULL)
		return false;
	mu_outq_push(&c->outs, event);
	return master_change_action(m, c, &gone);
}

static bool
say_cleared(struct mu_master *m, struct change *c, const struct plan *p)
{
	struct mu_command clear = {
		.tag = MU_CMD_CLEAR,
		.publisher = p->cmd->publisher,
	};
	uint64_t n = m->backend->ops->size(m->backend);

	if (n > m->config.max_clear_events)
		mu_outq_log(&c->outs, 6,
		    "cleared of %llu entries, without an event for each",
		    (unsigned long long)n);
	else if (mu_entry_say_erased(
		     m->backend, &p->cmd->publisher, &c->outs) != 0)
		return false;
	return master_change_action(m, c, &clear);
}

/* A put_unique from afar is answered by name, whatever became of it. */
static bool
say_unique(struct mu_master *m, struct change *c, const struct mu_command *cmd,
    bool inserted)
{
	struct mu_command result = {
		.tag = MU_CMD_PUT_UNIQUE_RESULT,
		.inserted = inserted,
		.who = cmd->who,
		.req_id = cmd->req_id,
		.publisher = m->config.entity,
	};

	return master_change_action(m, c, &result);
}

static bool
say(struct mu_master *m, struct change *c, const struct plan *p)
{
	bool good = true;

	switch (p->effect) {
	case EFFECT_STORE:
		good = say_stored(m, c, p);
		break;
	case EFFECT_REMOVE:
		good = say_removed(m, c, p);
		break;
	case EFFECT_WIPE:
		good = say_cleared(m, c, p);
		break;
	case EFFECT_NONE:
		break;
	}
	if (good && p->cmd->tag == MU_CMD_PUT_UNIQUE && c->has_writer)
		good = say_unique(m, c, p->cmd, p->effect == EFFECT_STORE);
	return good;
}

/* --- doing ------------------------------------------------------------- */

static enum mu_store_status
store(struct mu_master *m, const struct plan *p)
{
	enum mu_store_status status = MU_STORE_NOMEM;
	struct mu_buf value;

	mu_buf_init(&value, 0);
	mu_value_enc(&value, p->value);
	if (mu_buf_error(&value) == 0)
		status = mu_buf_len(&p->key) > m->config.max_key ||
				 mu_buf_len(&value) + mu_buf_len(&p->key) >
				     m->config.max_value
			     ? MU_STORE_TOO_LARGE
			     : mu_entry_status(m->backend->ops->put(m->backend,
				   mu_bytes_of(&p->key), mu_bytes_of(&value),
				   p->deadline));
	mu_buf_clear(&value);
	return status;
}

static enum mu_store_status
perform(struct mu_master *m, const struct plan *p)
{
	switch (p->effect) {
	case EFFECT_STORE:
		return store(m, p);
	case EFFECT_REMOVE:
		return mu_entry_status(
		    m->backend->ops->erase(m->backend, mu_bytes_of(&p->key)));
	case EFFECT_WIPE:
		return mu_entry_status(m->backend->ops->clear(m->backend));
	case EFFECT_NONE:
		break;
	}
	return MU_STORE_OK;
}

static void
finish_done(struct change *c, const struct plan *p)
{
	struct muster_value *result = NULL;

	if (c->done == NULL)
		return;
	/* Booleans exist once: this takes no memory. */
	if (p->cmd->tag == MU_CMD_PUT_UNIQUE &&
	    (c->status == MU_STORE_OK || c->status == MU_STORE_CONDITION))
		result = muster_value_boolean(c->status == MU_STORE_OK);
	mu_out_set_result(c->done, c->status, result);
	muster_value_unref(result);
}

/* The store's fault, not the write's. */
static bool
is_fault(enum mu_store_status status)
{
	return status == MU_STORE_FULL || status == MU_STORE_BACKEND ||
	       status == MU_STORE_NOMEM;
}

/* Takes c. */
static int
apply(struct mu_master *m, struct change *c, const struct mu_command *cmd,
    const struct origin *origin, int64_t wall)
{
	struct plan p = { .cmd = cmd };
	const struct writer *w = origin->writer;
	bool again;

	mu_buf_init(&p.key, 0);
	c->status = decide(m, &p, wall);
	if (c->status != MU_STORE_OK)
		p.effect = EFFECT_NONE;
	if (!say(m, c, &p)) {
		forget_outs(c);
		p.effect = EFFECT_NONE;
		c->status = MU_STORE_NOMEM;
	} else if (c->status == MU_STORE_OK) {
		c->status = perform(m, &p);
		if (c->status != MU_STORE_OK)
			forget_outs(c);
	}
	finish_done(c, &p);
	if (c->status == MU_STORE_DAMAGED)
		master_damaged(m, cmd->key);
	else if (is_fault(c->status))
		master_refused(m, c->status, 1);
	m->last_status = c->status;
	m->nwrites++;
	m->nfailed += c->status != MU_STORE_OK;
	mu_buf_clear(&p.key);
	muster_value_unref(p.old);
	muster_value_unref(p.value);
	again = w != NULL && !w->is_ours && is_fault(c->status);
	if (again)
		master_change_free(c);
	else
		master_change_push(m, c);
	return again ? MUSTER_EAGAIN : 0;
}

int
master_apply(struct mu_master *m, const struct mu_command *cmd,
    const struct origin *origin, const struct mu_store_now *now)
{
	struct change *c = master_change_new(origin);

	if (c == NULL)
		return MUSTER_ENOMEM;
	return apply(m, c, cmd, origin, now->wall);
}

/* --- expiry ------------------------------------------------------------ */

static void
expiry_failed(struct mu_master *m, const char *why)
{
	if (m->expiry_failed != 0 && m->ticks - m->expiry_failed < LOG_EVERY)
		return;
	m->expiry_failed = m->ticks;
	mu_outq_log(&m->out, 4, "cannot remove an expired entry: %s", why);
}

static bool
expire_one(
    struct mu_master *m, struct mu_bytes key, const struct mu_store_now *now)
{
	struct mu_command cmd = { .tag = MU_CMD_EXPIRE };
	struct origin nobody = { 0 };
	int rc = muster_value_dec(key.at, key.len, &cmd.key);

	cmd.publisher = m->config.entity;
	if (rc == 0)
		rc = master_apply(m, &cmd, &nobody, now);
	muster_value_unref(cmd.key);
	if (rc != 0) {
		expiry_failed(m, muster_strerror(rc));
		return false;
	}
	if (m->last_status != MU_STORE_OK) {
		expiry_failed(m, mu_store_status_name(m->last_status));
		return false;
	}
	m->nexpired++;
	return true;
}

bool
master_expire(struct mu_master *m, const struct mu_store_now *now)
{
	struct mu_bytes key;
	int64_t deadline;

	for (unsigned i = 0; i < EXPIRE_PER_TICK; i++) {
		if (m->nchanges >= m->config.max_pending ||
		    m->backend->ops->first_deadline(
			m->backend, &key, &deadline) != 0 ||
		    deadline >= now->wall)
			return false;
		if (!expire_one(m, key, now))
			return false;
	}
	return true;
}
