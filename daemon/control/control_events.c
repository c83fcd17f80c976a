/*
 * Events of the control protocol: "watch" subscribes the session, "publish"
 * sends.  Values stay text until the value codec reads them.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "control/control_request.h"
#include "control/control_session.h"
#include "core/answer.h"
#include "core/endpoint.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "proto/jtext.h"
#include "value/codec.h"

/* --- watch ------------------------------------------------------------------
 */

/* Adds the topics to f.  0, MUSTER_ETYPE: not strings; ENOMEM, ELIMIT. */
static int
add_topics(struct muster_filter *f, const struct mu_jtext *topics)
{
	struct mu_jtext_walk w = mu_jtext_walk(topics);
	struct mu_jtext v;
	struct mu_buf b;
	int r = 0;

	mu_buf_init(&b, 0);
	while (r >= 0 && mu_jtext_next(&w, NULL, &v)) {
		mu_buf_reset(&b);
		r = mu_jtext_string(&v, &b);
		if (r == 0)
			r = muster_filter_add(
			    f, (const char *)mu_buf_data(&b), mu_buf_len(&b));
	}
	mu_buf_clear(&b);
	return r < 0 ? r : 0;
}

static int
add_old(struct muster_filter *f, const struct muster_filter *old)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < muster_filter_size(old); i++) {
		size_t len;
		const char *topic = muster_filter_at(old, i, &len);

		r = muster_filter_add(f, topic, len);
	}
	return r < 0 ? r : 0;
}

void
control_on_watch(struct control_session *s, const struct control_args *a)
{
	struct muster_filter *f = muster_filter_new();
	int r = f == NULL ? MUSTER_ENOMEM : 0;

	if (r == 0 && s->filter != NULL)
		r = add_old(f, s->filter);
	if (r == 0)
		r = add_topics(f, &a->field[CONTROL_TOPICS]);
	if (r == 0)
		r = router_attach(endpoint_router(s->control->e), &s->sub, f);
	if (r != 0) {
		muster_filter_free(f);
		answer_refuse(&s->out, r == MUSTER_ENOMEM ? "memory" : "usage",
		    "topics: %s",
		    r == MUSTER_ETYPE ? "not all are strings"
				      : muster_strerror(r));
		return;
	}
	muster_filter_free(s->filter);
	s->filter = f;
	answer_ok(&s->out);
	answer_open(&s->out, "topics", '[');
	for (size_t i = 0; i < muster_filter_size(f); i++) {
		size_t len;
		const char *topic = muster_filter_at(f, i, &len);

		answer_bytes(&s->out, NULL, topic, len);
	}
	answer_close(&s->out, ']');
	answer_end(&s->out);
}

/* An event as its name and arguments; false when v is none. */
static bool
put_event(struct mu_buf *b, const struct muster_value *v)
{
	const char *name;
	size_t len;

	if (muster_message_kind(v) != MUSTER_MESSAGE_EVENT)
		return false;
	name = muster_event_name(v, &len);
	answer_text(b, "type", "event");
	answer_bytes(b, "name", name, len);
	answer_open(b, "args", '[');
	for (size_t i = 0; i < muster_value_size(muster_event_args(v)); i++) {
		if (i > 0)
			mu_buf_u8(b, ',');
		mu_value_enc_json(b, muster_value_at(muster_event_args(v), i));
	}
	answer_close(b, ']');
	if (muster_event_meta(v) != NULL &&
	    muster_value_size(muster_event_meta(v)) > 0) {
		mu_buf_str(b, ",\"meta\":");
		mu_value_enc_json(b, muster_event_meta(v));
	}
	return true;
}

void
control_event_line(struct mu_buf *b, const struct message *m)
{
	struct muster_value *v = NULL;
	int r = muster_value_dec(m->env.payload, m->env.payload_len, &v);

	if (r == MUSTER_ENOMEM) {
		b->error = r;
		return;
	}
	mu_buf_str(b, "{\"event\":{");
	answer_bytes(b, "topic", m->env.topic, m->env.topic_len);
	answer_id(b, "from", &m->origin);
	if (r != 0) {
		answer_text(b, "type", "malformed");
		answer_number(b, "bytes", m->env.payload_len);
	} else if (!put_event(b, v)) {
		answer_text(b, "type", "data");
		mu_buf_str(b, ",\"data\":");
		mu_value_enc_json(b, v);
	}
	muster_value_unref(v);
	mu_buf_str(b, "}}\n");
}

/* --- publish ----------------------------------------------------------------
 */

/* The arguments as a vector; *bad is the number of the one that is wrong. */
static int
read_args(const struct mu_jtext *args, struct muster_value **out, size_t *bad)
{
	struct mu_jtext_walk w = mu_jtext_walk(args);
	struct muster_value *vector = muster_value_vector(), *v;
	struct mu_jtext item;
	int r = vector == NULL ? MUSTER_ENOMEM : 0;

	*bad = 0;
	while (r == 0 && mu_jtext_next(&w, NULL, &item)) {
		++*bad;
		r = muster_value_from_json(item.at, item.len, &v);
		if (r == 0)
			r = muster_value_append(vector, v);
	}
	if (r != 0) {
		muster_value_unref(vector);
		vector = NULL;
	}
	*out = vector;
	return r;
}

int
control_event_payload(
    const struct control_args *a, struct mu_buf *out, const char **why)
{
	static const char none[] = "[]";
	struct mu_jtext args = a->field[CONTROL_ARGS];
	struct muster_value *vector;
	struct mu_buf name;
	size_t bad;
	int r;

	if ((a->present & HAS(ARGS)) == 0)
		args = mu_jtext_over(none, 2);
	r = read_args(&args, &vector, &bad);
	if (r != 0) {
		*why = "args: not all are values, "
		       "{\"@data-type\":...,\"data\":...}";
		return r;
	}
	mu_buf_init(&name, 0);
	r = mu_jtext_string(&a->field[CONTROL_EVENT], &name);
	if (r == 0 && mu_buf_len(&name) == 0)
		r = MUSTER_EINVAL;
	if (r == 0) {
		mu_event_enc(out, (const char *)mu_buf_data(&name),
		    mu_buf_len(&name), vector, false);
		r = mu_buf_error(out);
	}
	*why = "event: not a name";
	mu_buf_clear(&name);
	muster_value_unref(vector);
	return r;
}

static int
payload_of_data(
    const struct control_args *a, struct mu_buf *out, const char **why)
{
	const struct mu_jtext *data = &a->field[CONTROL_DATA];
	struct muster_value *v;
	int r = muster_value_from_json(data->at, data->len, &v);

	*why = "data: not a value, {\"@data-type\":...,\"data\":...}";
	if (r != 0)
		return r;
	mu_value_enc(out, v);
	muster_value_unref(v);
	return mu_buf_error(out);
}

/* Encoded already: decoded once, so that no rubbish leaves. */
static int
payload_of_hex(
    const struct control_args *a, struct mu_buf *out, const char **why)
{
	char *hex = mu_jtext_cstring(&a->field[CONTROL_PAYLOAD]);
	struct muster_value *v = NULL;
	uint8_t *at;
	size_t room;
	long n;
	int r;

	*why = "payload: not one encoded value in hex";
	if (hex == NULL)
		return MUSTER_EINVAL;
	r = mu_buf_reserve(out, strlen(hex) / 2 + 1, &at, &room);
	if (r == 0) {
		n = mu_text_unhex(hex, at);
		if (n < 0) {
			r = MUSTER_EINVAL;
		} else {
			mu_buf_commit(out, (size_t)n);
			r = muster_value_dec(at, (size_t)n, &v);
		}
	}
	muster_value_unref(v);
	mu_free(hex);
	return r;
}

static void
refuse_publish(struct control_session *s, int r, const char *why)
{
	if (r == MUSTER_ENOMEM)
		answer_refuse(&s->out, "memory", "out of memory");
	else
		answer_refuse(
		    &s->out, "usage", "%s (%s)", why, muster_strerror(r));
}

/* 0 and answered, or a negative error. */
static int
publish_on(struct control_session *s, const struct mu_buf *topic,
    const struct mu_buf *payload)
{
	size_t len = mu_buf_len(topic);
	const char *name = len == 0 ? "" : (const char *)mu_buf_data(topic);
	int r = router_publish(endpoint_router(s->control->e), &s->sub, name,
	    len, mu_buf_data(payload), mu_buf_len(payload));

	if (r < 0)
		return r;
	answer_ok(&s->out);
	answer_number(&s->out, "receivers", (uint64_t)r);
	control_put_relay(s->control, &s->out);
	control_put_access(s->control, &s->out, name, len);
	answer_end(&s->out);
	return 0;
}

void
control_on_publish(struct control_session *s, const struct control_args *a)
{
	uint64_t what = a->present & (HAS(EVENT) | HAS(DATA) | HAS(PAYLOAD));
	uint64_t where = a->present & (HAS(TOPIC) | HAS(HRW) | HAS(RR));
	const char *why = "topic: not a topic";
	struct mu_buf topic, payload;
	int r;

	if (what == 0 || (what & (what - 1)) != 0 ||
	    ((a->present & HAS(ARGS)) != 0 && what != HAS(EVENT))) {
		answer_refuse(&s->out, "usage",
		    "publish wants one of event (with args), data, payload");
		return;
	}
	if (where == 0 || (where & (where - 1)) != 0 ||
	    ((a->present & (HAS(KEY) | HAS(TYPE))) != 0 &&
		where == HAS(TOPIC))) {
		answer_refuse(&s->out, "usage",
		    "publish wants one of topic, hrw (with key), rr");
		return;
	}
	mu_buf_init(&topic, 0);
	mu_buf_init(&payload, 0);
	r = what == HAS(EVENT)  ? control_event_payload(a, &payload, &why)
	    : what == HAS(DATA) ? payload_of_data(a, &payload, &why)
				: payload_of_hex(a, &payload, &why);
	if (r == 0 && where != HAS(TOPIC)) {
		control_publish_pool(s, a, &payload);
		mu_buf_clear(&payload);
		return;
	}
	if (r == 0) {
		why = "topic: not a topic";
		r = mu_jtext_string(&a->field[CONTROL_TOPIC], &topic);
	}
	if (r == 0)
		r = publish_on(s, &topic, &payload);
	mu_buf_clear(&topic);
	mu_buf_clear(&payload);
	if (r < 0)
		refuse_publish(s, r, why);
}
