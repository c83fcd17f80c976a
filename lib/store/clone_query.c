/*
 * Queries at a clone: answered from the copy at once, or when it is whole and
 * fresh, or with the reason why not when their time is over.
 */
#include "base/alloc.h"
#include "store/clone_impl.h"

static void
drop(struct mu_clone *c, struct query **at)
{
	struct query *q = *at;

	*at = q->next;
	if (q->next == NULL)
		c->queries_tail = at;
	c->nqueries--;
	muster_value_unref((struct muster_value *)(uintptr_t)q->req.key);
	muster_value_unref((struct muster_value *)(uintptr_t)q->req.value);
	muster_value_unref((struct muster_value *)(uintptr_t)q->req.after);
	mu_out_free(q->done);
	mu_free(q);
}

void
clone_queries_free(struct mu_clone *c)
{
	while (c->queries != NULL)
		drop(c, &c->queries);
}

/* May the copy answer now? */
static bool
may_answer(const struct mu_clone *c)
{
	unsigned percent;

	switch (clone_state(c, &percent)) {
	case MU_STORE_FRESH:
		return true;
	case MU_STORE_OLD:
		/* One of an earlier life may be of any age. */
		return c->attached > 0 &&
		       c->now - c->heard_at <= c->config.max_stale_ns &&
		       c->applied >= c->need;
	default:
		return false;
	}
}

static void
look_up(
    struct mu_clone *c, const struct mu_store_request *req, struct mu_out *done)
{
	unsigned percent;

	if (clone_state(c, &percent) == MU_STORE_OLD)
		done->out.stale_ns = c->now - c->heard_at + 1;
	mu_entry_query(c->backend, req, c->config.max_keys, done);
	if (done->out.status != MU_STORE_DAMAGED)
		return;
	c->damaged = true;
	clone_restart(c, mu_store_status_name(MU_STORE_DAMAGED));
}

static enum mu_store_status
wait(struct mu_clone *c, const struct mu_store_request *req,
    struct mu_out *done, uint64_t deadline)
{
	struct query *q;

	if (c->nqueries >= c->config.max_queries)
		return MU_STORE_BUSY;
	q = mu_calloc(1, sizeof *q);
	if (q == NULL)
		return MU_STORE_NOMEM;
	q->req = *req;
	muster_value_ref(req->key);
	muster_value_ref(req->value);
	muster_value_ref(req->after);
	q->deadline = deadline;
	q->done = done;
	*c->queries_tail = q;
	c->queries_tail = &q->next;
	c->nqueries++;
	return MU_STORE_OK;
}

void
clone_query(struct mu_clone *c, const struct mu_store_request *req,
    struct mu_out *done, uint64_t deadline)
{
	enum mu_store_status status;

	if (may_answer(c)) {
		look_up(c, req, done);
	} else {
		status = wait(c, req, done, deadline);
		if (status == MU_STORE_OK)
			return;
		mu_out_set_result(done, status, NULL);
	}
	mu_outq_push(&c->out, done);
}

void
clone_answer_queries(struct mu_clone *c)
{
	while (c->queries != NULL && may_answer(c)) {
		struct query *q = c->queries;

		look_up(c, &q->req, q->done);
		mu_outq_push(&c->out, q->done);
		q->done = NULL;
		drop(c, &c->queries);
	}
}

enum mu_store_status
clone_why_not(const struct mu_clone *c)
{
	if (c->loading && !c->seeking)
		return MU_STORE_TIMEOUT; /* it is on its way */
	if (c->complete)
		return MU_STORE_STALE;
	return c->has_peer || c->attached > 0 ? MU_STORE_TIMEOUT
					      : MU_STORE_NO_MASTER;
}

void
clone_expire_queries(struct mu_clone *c)
{
	struct query **at = &c->queries;

	while (*at != NULL) {
		struct query *q = *at;

		if (q->deadline > c->now) {
			at = &q->next;
			continue;
		}
		mu_out_set_result(q->done, clone_why_not(c), NULL);
		mu_outq_push(&c->out, q->done);
		q->done = NULL;
		drop(c, at);
	}
}
