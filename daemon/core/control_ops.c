/*
 * The requests of the control protocol: each a row with its fields and its
 * handler.  What no row allows is refused with the nearest name.  Manual:
 * muster-protocol(7), CONTROL PROTOCOL.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "core/control_answer.h"
#include "core/control_session.h"
#include "core/endpoint.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "proto/jtext.h"
#include "value/codec.h"

#define MS 1000000u /* ns */

enum field {
	FIELD_TOPIC,
	FIELD_EVENT,
	FIELD_ARGS,
	FIELD_DATA,
	FIELD_PAYLOAD,
	FIELD_TOPICS,
	FIELD_FOR,
	FIELD_TIMEOUT,
	FIELD_LEVEL,
	NFIELDS
};
#define HAS(f) (1u << FIELD_##f)

struct field_row {
	const char *name;
	enum mu_jtext_kind kind;
	const char *what; /* for messages */
};

/* clang-format off */
static const struct field_row fields[NFIELDS] = {
	[FIELD_TOPIC] =   { "topic",      MU_JTEXT_STRING,  "a string" },
	[FIELD_EVENT] =   { "event",      MU_JTEXT_STRING,  "a string" },
	[FIELD_ARGS] =    { "args",       MU_JTEXT_ARRAY,   "an array" },
	[FIELD_DATA] =    { "data",       MU_JTEXT_OBJECT,  "a value" },
	[FIELD_PAYLOAD] = { "payload",    MU_JTEXT_STRING,  "a string of hex" },
	[FIELD_TOPICS] =  { "topics",     MU_JTEXT_ARRAY,   "an array" },
	[FIELD_FOR] =     { "for",        MU_JTEXT_STRING,  "a string" },
	[FIELD_TIMEOUT] = { "timeout_ms", MU_JTEXT_NUMBER,  "a number" },
	[FIELD_LEVEL] =   { "level",      MU_JTEXT_STRING,  "a string" },
};
/* clang-format on */

struct args {
	struct mu_jtext field[NFIELDS];
	unsigned present; /* bits of HAS */
};

typedef void (*handler)(struct control_session *s, const struct args *a);

/* --- status, peers, version ------------------------------------------------ */

static void
on_status(struct control_session *s, const struct args *a)
{
	(void)a;
	control_answer_status(s->control, &s->out);
}

static void
on_peers(struct control_session *s, const struct args *a)
{
	(void)a;
	control_answer_peers(s->control, &s->out, false);
}

static void
on_filters(struct control_session *s, const struct args *a)
{
	(void)a;
	control_answer_peers(s->control, &s->out, true);
}

static void
on_version(struct control_session *s, const struct args *a)
{
	(void)a;
	answer_ok(&s->out);
	answer_text(&s->out, "version", s->control->version);
	answer_number(&s->out, "protocol", 1);
	answer_end(&s->out);
}

/* --- watch ------------------------------------------------------------------ */

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
			r = muster_filter_add(f, (const char *)mu_buf_data(&b),
			    mu_buf_len(&b));
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

static void
on_watch(struct control_session *s, const struct args *a)
{
	struct muster_filter *f = muster_filter_new();
	int r = f == NULL ? MUSTER_ENOMEM : 0;

	if (r == 0 && s->filter != NULL)
		r = add_old(f, s->filter);
	if (r == 0)
		r = add_topics(f, &a->field[FIELD_TOPICS]);
	if (r == 0)
		r = router_attach(endpoint_router(s->control->e), &s->sub, f);
	if (r != 0) {
		muster_filter_free(f);
		answer_refuse(&s->out, r == MUSTER_ENOMEM ? "memory" : "usage",
		    "topics: %s",
		    r == MUSTER_ETYPE ? "not all are strings" :
		                        muster_strerror(r));
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

/* --- publish ---------------------------------------------------------------- */

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

static int
payload_of_event(const struct args *a, struct mu_buf *out, const char **why)
{
	static const char none[] = "[]";
	struct mu_jtext args = a->field[FIELD_ARGS];
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
	r = mu_jtext_string(&a->field[FIELD_EVENT], &name);
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
payload_of_data(const struct args *a, struct mu_buf *out, const char **why)
{
	const struct mu_jtext *data = &a->field[FIELD_DATA];
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
payload_of_hex(const struct args *a, struct mu_buf *out, const char **why)
{
	char *hex = mu_jtext_cstring(&a->field[FIELD_PAYLOAD]);
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
		answer_refuse(&s->out, "usage", "%s (%s)", why,
		    muster_strerror(r));
}

static void
on_publish(struct control_session *s, const struct args *a)
{
	unsigned what = a->present & (HAS(EVENT) | HAS(DATA) | HAS(PAYLOAD));
	const char *why = "topic: not a topic";
	struct mu_buf topic, payload;
	int r;

	if (what == 0 || (what & (what - 1)) != 0 ||
	    ((a->present & HAS(ARGS)) != 0 && what != HAS(EVENT))) {
		answer_refuse(&s->out, "usage",
		    "publish wants one of event (with args), data, payload");
		return;
	}
	mu_buf_init(&topic, 0);
	mu_buf_init(&payload, 0);
	r = what == HAS(EVENT) ? payload_of_event(a, &payload, &why) :
	    what == HAS(DATA)  ? payload_of_data(a, &payload, &why) :
	                         payload_of_hex(a, &payload, &why);
	if (r == 0) {
		why = "topic: not a topic";
		r = mu_jtext_string(&a->field[FIELD_TOPIC], &topic);
	}
	if (r == 0)
		r = router_publish(endpoint_router(s->control->e), &s->sub,
		    mu_buf_len(&topic) == 0 ? "" :
		                              (const char *)mu_buf_data(&topic),
		    mu_buf_len(&topic), mu_buf_data(&payload),
		    mu_buf_len(&payload));
	mu_buf_clear(&topic);
	mu_buf_clear(&payload);
	if (r < 0) {
		refuse_publish(s, r, why);
		return;
	}
	answer_ok(&s->out);
	answer_number(&s->out, "receivers", (uint64_t)r);
	answer_end(&s->out);
}

/* --- wait ------------------------------------------------------------------- */

static bool
is_listening(const struct control *c)
{
	return c->hooks.listening == NULL || c->hooks.listening(c->hooks.ctx);
}

static bool
is_connected(const struct control *c)
{
	const struct members *m = endpoint_members(c->e);

	for (size_t i = 0; i < members_nrows(m); i++) {
		const struct members_row *row = members_row(m, i);

		if (row->connectee && !row->up)
			return false;
	}
	return true;
}

static bool
is_started(const struct control *c)
{
	return members_started(endpoint_members(c->e));
}

static bool
is_degraded(const struct control *c)
{
	return members_state(endpoint_members(c->e)) == MEMBERS_DEGRADED_STATE;
}

static bool
is_restored(const struct control *c)
{
	return members_state(endpoint_members(c->e)) == MEMBERS_RUNNING;
}

static const struct control_condition conditions[] = {
	{ "listening", is_listening },
	{ "connected", is_connected },
	{ "started", is_started },
	{ "degraded", is_degraded },
	{ "restored", is_restored },
};
#define NCONDITIONS (sizeof conditions / sizeof conditions[0])

static void
on_wait(struct control_session *s, const struct args *a)
{
	const struct control_condition *what = NULL;
	int64_t ms = -1;

	for (size_t i = 0; i < NCONDITIONS; i++)
		if (mu_jtext_is(&a->field[FIELD_FOR], conditions[i].name))
			what = &conditions[i];
	if (what == NULL) {
		answer_refuse(&s->out, "usage", "for: not listening, "
		    "connected, started, degraded or restored");
		return;
	}
	if ((a->present & HAS(TIMEOUT)) != 0 &&
	    (mu_jtext_integer(&a->field[FIELD_TIMEOUT], &ms) != 0 || ms < 0 ||
	        ms > INT64_MAX / (int64_t)MS / 2)) {
		answer_refuse(&s->out, "usage",
		    "timeout_ms: not a whole number of milliseconds");
		return;
	}
	if (what->met(s->control)) {
		answer_ok(&s->out);
		answer_text(&s->out, "for", what->name);
		answer_end(&s->out);
		return;
	}
	s->waiting = what;
	s->wait_deadline = ms < 0 ? UINT64_MAX :
	                            s->control->now + (uint64_t)ms * MS;
}

/* --- reload, log-level, stop ------------------------------------------------ */

static void
on_reload(struct control_session *s, const struct args *a)
{
	const struct control_hooks *h = &s->control->hooks;
	char text[16384] = "";
	int r = h->reload(h->ctx, text, sizeof text);

	(void)a;
	if (r != 0) {
		answer_refuse(&s->out, r == MUSTER_ENOMEM ? "memory" : "config",
		    "%s", text[0] != '\0' ? text : muster_strerror(r));
		return;
	}
	answer_ok(&s->out);
	answer_text(&s->out, "text", text);
	answer_end(&s->out);
}

static void
on_log_level(struct control_session *s, const struct args *a)
{
	const struct control_hooks *h = &s->control->hooks;
	char *level = mu_jtext_cstring(&a->field[FIELD_LEVEL]);

	if (level == NULL || h->log_level(h->ctx, level) != 0) {
		answer_refuse(&s->out, "usage",
		    "level: not error, warning, info or debug");
	} else {
		answer_ok(&s->out);
		answer_text(&s->out, "level", level);
		answer_end(&s->out);
	}
	mu_free(level);
}

static void
on_stop(struct control_session *s, const struct args *a)
{
	const struct control_hooks *h = &s->control->hooks;

	(void)a;
	answer_ok(&s->out);
	answer_end(&s->out);
	h->stop(h->ctx);
}

/* --- the table -------------------------------------------------------------- */

struct op {
	const char *name;
	unsigned required, optional; /* bits of HAS */
	handler run;
};

/* clang-format off */
static const struct op ops[] = {
	{ "status",    0,           0,                            on_status },
	{ "peers",     0,           0,                            on_peers },
	{ "filters",   0,           0,                            on_filters },
	{ "watch",     HAS(TOPICS), 0,                            on_watch },
	{ "publish",   HAS(TOPIC),  HAS(EVENT) | HAS(ARGS) |
	                            HAS(DATA) | HAS(PAYLOAD),     on_publish },
	{ "wait",      HAS(FOR),    HAS(TIMEOUT),                 on_wait },
	{ "reload",    0,           0,                            on_reload },
	{ "log-level", HAS(LEVEL),  0,                            on_log_level },
	{ "stop",      0,           0,                            on_stop },
	{ "version",   0,           0,                            on_version },
};
/* clang-format on */
#define NOPS (sizeof ops / sizeof ops[0])

static const struct op *
find_op(struct control_session *s, const struct mu_jtext *name)
{
	const char *names[NOPS];
	const char *near;
	char *word, shown[64];

	if (mu_jtext_kind(name) != MU_JTEXT_STRING) {
		answer_refuse(&s->out, "usage",
		    "op: missing or not a string");
		return NULL;
	}
	for (size_t i = 0; i < NOPS; i++) {
		if (mu_jtext_is(name, ops[i].name))
			return &ops[i];
		names[i] = ops[i].name;
	}
	word = mu_jtext_cstring(name);
	near = word == NULL ? NULL : mu_text_nearest(word, names, NOPS);
	mu_text_printable(word == NULL ? "" : word,
	    word == NULL ? 0 : strlen(word), shown, sizeof shown);
	answer_refuse(&s->out, "usage", "op: no request \"%s\"%s%s%s", shown,
	    near == NULL ? "" : " (did you mean \"",
	    near == NULL ? "" : near, near == NULL ? "" : "\"?)");
	mu_free(word);
	return NULL;
}

/* Which field a member is; NFIELDS: none. */
static enum field
field_of(const struct mu_jtext *key)
{
	size_t i;

	for (i = 0; i < NFIELDS; i++)
		if (mu_jtext_is(key, fields[i].name))
			break;
	return (enum field)i;
}

/* Fills a from the members; false after a refusal. */
static bool
take_fields(struct control_session *s, const struct op *op,
    const struct mu_jtext *object, struct args *a)
{
	struct mu_jtext_walk w = mu_jtext_walk(object);
	struct mu_jtext key, value;
	char shown[64];

	while (mu_jtext_next(&w, &key, &value)) {
		enum field f = field_of(&key);

		if (mu_jtext_is(&key, "op"))
			continue;
		if (f == NFIELDS ||
		    ((op->required | op->optional) & 1u << f) == 0) {
			answer_refuse(&s->out, "usage", "%s takes no %s",
			    op->name, mu_text_printable(key.at, key.len,
			                  shown, sizeof shown));
			return false;
		}
		if (mu_jtext_kind(&value) != fields[f].kind) {
			answer_refuse(&s->out, "usage", "%s: not %s",
			    fields[f].name, fields[f].what);
			return false;
		}
		a->field[f] = value;
		a->present |= 1u << f;
	}
	for (size_t f = 0; f < NFIELDS; f++)
		if ((op->required & ~a->present & 1u << f) != 0) {
			answer_refuse(&s->out, "usage", "%s wants %s",
			    op->name, fields[f].name);
			return false;
		}
	return true;
}

void
control_answer_line(struct control_session *s, const char *line, size_t len)
{
	struct args a = { .present = 0 };
	struct mu_jtext object, name;
	const struct op *op;
	size_t bad;
	int r = mu_jtext_check(line, len, &bad);

	object = mu_jtext_over(line, len);
	if (r != 0 || mu_jtext_kind(&object) != MU_JTEXT_OBJECT) {
		answer_refuse(&s->out, "json",
		    "the request is not a JSON object (byte %zu)",
		    r == 0 ? 0 : bad);
		s->failed = true;
		return;
	}
	name = mu_jtext_member(&object, "op");
	op = find_op(s, &name);
	if (op != NULL && take_fields(s, op, &object, &a))
		op->run(s, &a);
}
