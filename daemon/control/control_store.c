/*
 * The requests of the control protocol about stores.  An answer is written when
 * the stores give it; until then the session pauses, unless the request carries
 * an id.
 */
#include "control/control_store.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "control/control_request.h"
#include "control/control_session.h"
#include "core/answer.h"
#include "muster/err.h"
#include "stores/stores.h"
#include "value/codec.h"

#define MS 1000000u /* ns */

/* --- sessions --------------------------------------------------------------
 */

struct control_stores *
control_stores_of(struct control_session *s)
{
	if (s->stores == NULL)
		s->stores = mu_calloc(1, sizeof *s->stores);
	return s->stores;
}

static void
free_ask(struct control_ask *a)
{
	mu_free(a->store);
	mu_free(a);
}

void
control_stores_end(struct control_session *s)
{
	struct control_stores *mine = s->stores;
	struct control_ask *a;

	if (mine == NULL)
		return;
	if (s->control->stores != NULL)
		stores_forget(s->control->stores, s);
	control_dump_end(s);
	while ((a = mine->asks) != NULL) {
		mine->asks = a->next;
		free_ask(a);
	}
	mu_free(mine);
	s->stores = NULL;
}

int
control_store_ask(struct control_session *s, const char *store,
    struct mu_store_request *req, const struct control_ask *how)
{
	struct control *c = s->control;
	struct control_stores *mine = control_stores_of(s);
	struct control_ask *a;
	int r;

	if (c->stores == NULL)
		return MUSTER_ENOENT;
	a = mine == NULL ? NULL : mu_calloc(1, sizeof *a);
	if (a == NULL)
		return MUSTER_ENOMEM;
	*a = *how;
	a->store = mu_strdup(store);
	a->reads = req->op >= MU_STORE_EXISTS;
	a->number = req->id = ++c->asked;
	r = a->store == NULL ? MUSTER_ENOMEM
			     : stores_request(c->stores, store, req, s, c->now,
				   c->hooks.wall(c->hooks.ctx));
	if (r != 0) {
		free_ask(a);
		return r;
	}
	a->next = mine->asks;
	mine->asks = a;
	mine->nasks++;
	return 0;
}

/* Takes the request of that number out of the list; NULL: not ours. */
static struct control_ask *
take(struct control_stores *mine, uint64_t number)
{
	struct control_ask **at = &mine->asks, *a;

	while ((a = *at) != NULL && a->number != number)
		at = &a->next;
	if (a != NULL) {
		*at = a->next;
		mine->nasks--;
	}
	return a;
}

/* --- refusals --------------------------------------------------------------
 */

const char *
control_store_code(enum mu_store_status status)
{
	static const char *const codes[MU_STORE_NSTATUS] = {
		[MU_STORE_OK] = "ok",
		[MU_STORE_NO_SUCH_KEY] = "no_such_key",
		[MU_STORE_CONDITION] = "condition",
		[MU_STORE_TYPE_CLASH] = "type_clash",
		[MU_STORE_INVALID] = "invalid",
		[MU_STORE_STALE] = "stale",
		[MU_STORE_TIMEOUT] = "timeout",
		[MU_STORE_NO_MASTER] = "no_master",
		[MU_STORE_TOO_LARGE] = "too_large",
		[MU_STORE_FULL] = "full",
		[MU_STORE_BACKEND] = "backend",
		[MU_STORE_NOMEM] = "memory",
		[MU_STORE_BUSY] = "busy",
		[MU_STORE_UNSUPPORTED] = "unsupported",
		[MU_STORE_CLOSED] = "closed",
		[MU_STORE_DAMAGED] = "damaged",
		[MU_STORE_SECOND] = "second_master",
	};

	return (unsigned)status < MU_STORE_NSTATUS ? codes[status] : "failed";
}

void
control_store_say(struct control_session *s, const struct control_ask *how,
    const char *code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	answer_refuse_tagged(&s->out, &how->tag, code, fmt, ap);
	va_end(ap);
}

void
control_store_refuse(struct control_session *s, const struct control_ask *how,
    const char *store, enum mu_store_status status)
{
	const char *why = mu_store_status_name(status);

	if (status == MU_STORE_FULL || status == MU_STORE_BACKEND ||
	    status == MU_STORE_CLOSED || status == MU_STORE_SECOND) {
		const char *trouble = control_store_trouble(s, store);

		control_store_say(s, how, control_store_code(status),
		    "%s: %s%s%s", store, why, trouble == NULL ? "" : ": ",
		    trouble == NULL ? "" : trouble);
	} else if (status == MU_STORE_TIMEOUT) {
		control_store_say(s, how, control_store_code(status),
		    "%s: %s: %s", store, why,
		    how->reads ? "the copy is not complete yet"
			       : "the write may have happened, or may yet");
	} else {
		control_store_say(
		    s, how, control_store_code(status), "%s: %s", store, why);
	}
}

void
control_store_refuse_error(struct control_session *s,
    const struct control_ask *how, const char *store, int error)
{
	char text[256];

	if (error == MUSTER_ENOENT) {
		control_store_unknown(s, store, text, sizeof text);
		control_store_say(s, how, "no_store", "%s", text);
	} else if (error == MUSTER_ELIMIT) {
		control_store_refuse(s, how, store, MU_STORE_BUSY);
	} else if (error == MUSTER_ENOMEM) {
		control_store_say(s, how, "memory", "out of memory");
	} else {
		control_store_say(
		    s, how, "backend", "%s", muster_strerror(error));
	}
}

/* --- requests --------------------------------------------------------------
 */

void
control_on_store(struct control_session *s, const struct control_args *a)
{
	struct control_wish w = { .store = NULL };
	int r;

	if (control_wish_read(s, a, &w)) {
		r = s->stores != NULL && s->stores->nasks >= CONTROL_ASKS
			? MUSTER_ELIMIT
			: control_store_ask(s, w.store, &w.req, &w.how);
		if (r != 0)
			control_store_refuse_error(s, &w.how, w.store, r);
		else if (!w.how.tag.given)
			s->asking = true;
	}
	control_wish_clear(&w);
}

void
control_on_store_watch(struct control_session *s, const struct control_args *a)
{
	static const struct control_ask plain;
	char *name = mu_jtext_cstring(&a->field[CONTROL_STORE]);
	struct stores *all = s->control->stores;
	int r = MUSTER_ENOENT;

	if (name == NULL) {
		control_store_say(s, &plain, "usage", "store: not a name");
		return;
	}
	if (control_stores_of(s) == NULL)
		r = MUSTER_ENOMEM;
	else if (all != NULL)
		r = stores_watch(all, name, s);
	if (r != 0) {
		control_store_refuse_error(s, &plain, name, r);
	} else {
		s->stores->watching = true;
		answer_ok(&s->out);
		answer_text(&s->out, "store", name);
		answer_end(&s->out);
	}
	mu_free(name);
}

/* --- what the stores say ---------------------------------------------------
 */

static void
put_value(struct mu_buf *b, const char *name, const struct muster_value *v)
{
	if (v == NULL)
		return;
	mu_buf_printf(b, ",\"%s\":", name);
	mu_value_enc_json(b, v);
}

static void
answer_ask(struct control_session *s, const struct control_ask *a,
    const struct mu_store_out *what)
{
	if (what->status == MU_STORE_NO_SUCH_KEY && what->stale_ns != 0) {
		control_store_say(s, a, control_store_code(what->status),
		    "%s: no such key in a copy that has not heard of its "
		    "master for %llu s",
		    a->store, (unsigned long long)(what->stale_ns / MS / 1000));
		return;
	}
	if (what->status != MU_STORE_OK) {
		control_store_refuse(s, a, a->store, what->status);
		return;
	}
	answer_ok(&s->out);
	answer_tag(&s->out, &a->tag);
	put_value(&s->out, "value", what->result);
	put_value(&s->out, "more", what->more);
	if (what->stale_ns != 0)
		answer_number(&s->out, "stale_ms", what->stale_ns / MS);
	answer_end(&s->out);
}

static void
on_done(struct control_session *s, const struct mu_store_out *what)
{
	struct control_ask *a = take(s->stores, what->id);
	size_t before = mu_buf_len(&s->out);

	if (a == NULL)
		return;
	if (s->failed) {
		free_ask(a);
		return;
	}
	if (a->dump)
		control_dump_answer(s, what);
	else
		answer_ask(s, a, what);
	if (!a->dump && !a->tag.given)
		s->asking = false;
	free_ask(a);
	if (mu_buf_error(&s->out) != 0) {
		mu_buf_truncate(&s->out, before);
		s->out.error = 0;
		s->failed = true;
	}
	s->fresh = true;
	control_session_run(s);
}

static void
on_event(struct control_session *s, const struct stores_out *out)
{
	static const char *const names[] = { [MU_STORE_INSERT] = "insert",
		[MU_STORE_UPDATE] = "update",
		[MU_STORE_ERASED] = "erase",
		[MU_STORE_EXPIRED] = "expire" };
	const struct mu_store_out *e = &out->what;
	struct mu_buf *b = &s->out;
	size_t before;

	if (!control_event_begin(s, &before))
		return;
	mu_buf_str(b, "{\"store_event\":{");
	answer_text(b, "store", out->name);
	answer_text(b, "event", names[e->event]);
	put_value(b, "key", e->key);
	put_value(b, "value", e->value);
	put_value(b, "old", e->old_value);
	if (e->has_expiry)
		answer_number(b, "expiry_ms", (uint64_t)e->expiry_ns / MS);
	answer_id(b, "publisher", &e->publisher.endpoint);
	mu_buf_str(b, "}}\n");
	control_event_end(s, before);
}

void
control_store_out(struct control *c, const struct stores_out *out)
{
	struct control_session *s = out->caller;

	(void)c;
	if (s == NULL || s->stores == NULL)
		return;
	if (out->kind == STORES_DONE)
		on_done(s, &out->what);
	else if (out->kind == STORES_EVENT && s->stores->watching)
		on_event(s, out);
}

void
control_set_stores(struct control *c, struct stores *s)
{
	c->stores = s;
}
