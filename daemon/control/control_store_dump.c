/*
 * "store_dump": all pairs of a store, one line each, however large it is.
 * Keys and values are fetched one by one, and only while the client reads; so
 * neither side ever holds more than half an output queue.  Pairs come in
 * the order of encoded keys; one that changes meanwhile appears as it was when
 * its turn came.
 */
#include "control/control_store.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "control/control_request.h"
#include "control/control_session.h"
#include "core/answer.h"
#include "muster/err.h"
#include "value/codec.h"

/* Keys at a time.  A page is a set, in the order of values, and only its end is
 * a place to go on after: with one key each line is such a place. */
#define PAGE 1u
#define MS   1000000

static const struct control_ask of_dump = { .dump = true };
static const struct control_ask plain;

void
control_dump_end(struct control_session *s)
{
	struct control_dump *d = &s->stores->dump;

	mu_free(d->store);
	muster_value_unref(d->prefix);
	muster_value_unref(d->keys);
	muster_value_unref(d->more);
	muster_value_unref(d->key);
	*d = (struct control_dump){ .active = false };
}

/* The session may be asked again. */
static void
settle(struct control_session *s)
{
	control_dump_end(s);
	s->asking = false;
}

static void
ask_page(struct control_session *s)
{
	struct control_dump *d = &s->stores->dump;
	struct mu_store_request req = { .op = MU_STORE_KEYS,
		.value = d->prefix,
		.after = d->more,
		.limit = PAGE,
		.timeout_ns = d->timeout_ns };
	int r = control_store_ask(s, d->store, &req, &of_dump);

	if (r != 0) {
		control_store_refuse_error(s, &plain, d->store, r);
		settle(s);
	}
}

static void
ask_value(struct control_session *s)
{
	struct control_dump *d = &s->stores->dump;
	struct mu_store_request req = { .op = MU_STORE_GET,
		.timeout_ns = d->timeout_ns };
	int r;

	d->key = muster_value_ref(muster_value_at(d->keys, d->at++));
	req.key = d->key;
	r = control_store_ask(s, d->store, &req, &of_dump);
	if (r != 0) {
		control_store_refuse_error(s, &plain, d->store, r);
		settle(s);
	}
}

static void
finish(struct control_session *s)
{
	bool here; /* the master, which alone knows what expires when */
	const char *master =
	    control_store_master(s, s->stores->dump.store, &here);

	answer_ok(&s->out);
	answer_number(&s->out, "pairs", s->stores->dump.pairs);
	answer_bool(&s->out, "expiry", here);
	answer_text(&s->out, "master", master);
	answer_end(&s->out);
	settle(s);
}

/* The next thing to ask for, unless the client has enough to read. */
static void
go_on(struct control_session *s)
{
	struct control_dump *d = &s->stores->dump;

	d->paused = !control_session_roomy(s);
	if (d->paused)
		return;
	if (d->keys != NULL && d->at == muster_value_size(d->keys)) {
		muster_value_unref(d->keys);
		d->keys = NULL;
		if (d->more == NULL) {
			finish(s);
			return;
		}
	}
	if (d->keys == NULL)
		ask_page(s);
	else
		ask_value(s);
}

static void
take_page(struct control_dump *d, const struct mu_store_out *what)
{
	muster_value_unref(d->more);
	d->keys = muster_value_ref(what->result);
	d->more = muster_value_ref(what->more);
	d->at = 0;
}

/* The life that is left, rounded up. */
static void
put_expiry(struct mu_buf *b, int64_t left)
{
	mu_buf_printf(b, ",\"expiry\":\"%lld ms\"",
	    (long long)(left / MS + (left % MS > 0)));
}

static void
put_pair(struct control_session *s, const struct mu_store_out *what)
{
	struct control_dump *d = &s->stores->dump;
	int64_t left =
	    what->deadline - s->control->hooks.wall(s->control->hooks.ctx);

	if (what->deadline != 0 && left <= 0)
		return; /* it is about to expire */
	mu_buf_str(&s->out, "{\"pair\":{\"key\":");
	mu_value_enc_json(&s->out, d->key);
	mu_buf_str(&s->out, ",\"value\":");
	mu_value_enc_json(&s->out, what->result);
	if (what->deadline != 0)
		put_expiry(&s->out, left);
	mu_buf_str(&s->out, "}}\n");
	d->pairs++;
}

void
control_dump_answer(struct control_session *s, const struct mu_store_out *what)
{
	struct control_dump *d = &s->stores->dump;
	bool gone = d->key != NULL && what->status == MU_STORE_NO_SUCH_KEY;

	if (!d->active)
		return;
	if (what->status != MU_STORE_OK && !gone) {
		control_store_refuse(s, &plain, d->store, what->status);
		settle(s);
		return;
	}
	if (d->key == NULL)
		take_page(d, what);
	else if (!gone) /* erased since its page was read: no pair */
		put_pair(s, what);
	muster_value_unref(d->key);
	d->key = NULL;
	go_on(s);
}

void
control_dump_resume(struct control_session *s)
{
	if (s->stores != NULL && s->stores->dump.paused && !s->failed)
		go_on(s);
}

/* The members into d.  0, or an error after which d is to be cleared. */
static int
read_dump(struct control_dump *d, const struct control_args *a)
{
	const struct mu_jtext *after = &a->field[CONTROL_AFTER];
	struct mu_buf b;
	int64_t ms = 0;
	int r = 0;

	d->store = mu_jtext_cstring(&a->field[CONTROL_STORE]);
	if (d->store == NULL)
		return MUSTER_EINVAL;
	if ((a->present & HAS(TIMEOUT)) != 0 &&
	    (mu_jtext_integer(&a->field[CONTROL_TIMEOUT], &ms) != 0 ||
		ms <= 0 || ms > 86400000))
		return MUSTER_EINVAL;
	d->timeout_ns = (uint64_t)ms * MS;
	if ((a->present & HAS(AFTER)) != 0)
		r = muster_value_from_json(after->at, after->len, &d->more);
	if (r != 0 || (a->present & HAS(PREFIX)) == 0)
		return r;
	mu_buf_init(&b, 0);
	r = mu_jtext_string(&a->field[CONTROL_PREFIX], &b);
	if (r == 0) {
		d->prefix = muster_value_string(
		    mu_buf_len(&b) == 0 ? "" : (const char *)mu_buf_data(&b),
		    mu_buf_len(&b));
		r = d->prefix == NULL ? MUSTER_ENOMEM : 0;
	}
	mu_buf_clear(&b);
	return r;
}

void
control_on_store_dump(struct control_session *s, const struct control_args *a)
{
	int r = control_stores_of(s) == NULL ? MUSTER_ENOMEM : 0;

	if (r == 0)
		r = read_dump(&s->stores->dump, a);
	if (r != 0) {
		answer_refuse(&s->out, r == MUSTER_ENOMEM ? "memory" : "usage",
		    "store_dump: %s", muster_strerror(r));
		if (s->stores != NULL)
			control_dump_end(s);
		return;
	}
	s->stores->dump.active = true;
	s->asking = true;
	go_on(s);
}
