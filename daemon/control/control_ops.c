/*
 * The requests of the control protocol: each a row with its fields and its
 * handler.  What no row allows is refused with the nearest name.  Manual:
 * muster-protocol(7), CONTROL PROTOCOL.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "control/control_idents.h"
#include "control/control_logger.h"
#include "control/control_request.h"
#include "control/control_session.h"
#include "control/control_ship.h"
#include "control/control_store.h"
#include "core/answer.h"
#include "core/endpoint.h"
#include "muster/err.h"
#include "proto/jtext.h"

#define MS 1000000u /* ns */

struct field_row {
	const char *name;
	enum mu_jtext_kind kind;
	const char *what; /* for messages */
};

/* clang-format off */
static const struct field_row fields[CONTROL_NFIELDS] = {
	[CONTROL_TOPIC] =   { "topic",      MU_JTEXT_STRING,  "a string" },
	[CONTROL_EVENT] =   { "event",      MU_JTEXT_STRING,  "a string" },
	[CONTROL_ARGS] =    { "args",       MU_JTEXT_ARRAY,   "an array" },
	[CONTROL_DATA] =    { "data",       MU_JTEXT_OBJECT,  "a value" },
	[CONTROL_PAYLOAD] = { "payload",    MU_JTEXT_STRING,  "a string of hex" },
	[CONTROL_TOPICS] =  { "topics",     MU_JTEXT_ARRAY,   "an array" },
	[CONTROL_FOR] =     { "for",        MU_JTEXT_STRING,  "a string" },
	[CONTROL_TIMEOUT] = { "timeout_ms", MU_JTEXT_NUMBER,  "a number" },
	[CONTROL_LEVEL] =   { "level",      MU_JTEXT_STRING,  "a string" },
	[CONTROL_DO] =      { "do",         MU_JTEXT_STRING,  "a string" },
	[CONTROL_STORE] =   { "store",      MU_JTEXT_STRING,  "a string" },
	[CONTROL_KEY] =     { "key",        MU_JTEXT_OBJECT,  "a value" },
	[CONTROL_VALUE] =   { "value",      MU_JTEXT_OBJECT,  "a value" },
	[CONTROL_INDEX] =   { "index",      MU_JTEXT_OBJECT,  "a value" },
	[CONTROL_EXPECTED] = { "expected",  MU_JTEXT_OBJECT,  "a value" },
	[CONTROL_EXPIRY] =  { "expiry",     MU_JTEXT_STRING,  "a string" },
	[CONTROL_TYPE] =    { "type",       MU_JTEXT_STRING,  "a string" },
	[CONTROL_PREFIX] =  { "prefix",     MU_JTEXT_STRING,  "a string" },
	[CONTROL_AFTER] =   { "after",      MU_JTEXT_OBJECT,  "a value" },
	[CONTROL_LIMIT] =   { "limit",      MU_JTEXT_NUMBER,  "a number" },
	[CONTROL_ID] =      { "id",         MU_JTEXT_NUMBER,  "a number" },
	[CONTROL_HRW] =     { "hrw",        MU_JTEXT_STRING,  "a string" },
	[CONTROL_RR] =      { "rr",         MU_JTEXT_STRING,  "a string" },
	[CONTROL_POOL] =    { "pool",       MU_JTEXT_STRING,  "a string" },
	[CONTROL_KEYS] =    { "keys",       MU_JTEXT_ARRAY,   "an array" },
	[CONTROL_EVERYBODY] = { "everybody", MU_JTEXT_BOOLEAN, "true or false" },
	[CONTROL_WITHOUT] = { "without",    MU_JTEXT_ARRAY,   "an array" },
	[CONTROL_CREATE] =  { "create",     MU_JTEXT_STRING,  "a string of base64" },
	[CONTROL_RECORDS] = { "records",    MU_JTEXT_STRING,  "a string of base64" },
	[CONTROL_NAME] =    { "name",       MU_JTEXT_STRING,  "a string" },
	[CONTROL_FLUSH] =   { "flush",      MU_JTEXT_BOOLEAN, "true or false" },
	[CONTROL_ORDERED] = { "ordered",    MU_JTEXT_BOOLEAN, "true or false" },
	[CONTROL_STREAM] =  { "stream",     MU_JTEXT_STRING,  "a string" },
};
/* clang-format on */

typedef void (*handler)(
    struct control_session *s, const struct control_args *a);

/* --- status, peers, version ------------------------------------------------
 */

static void
on_status(struct control_session *s, const struct control_args *a)
{
	(void)a;
	control_answer_status(s->control, &s->out);
}

static void
on_peers(struct control_session *s, const struct control_args *a)
{
	(void)a;
	control_answer_peers(s->control, &s->out, false);
}

static void
on_filters(struct control_session *s, const struct control_args *a)
{
	(void)a;
	control_answer_peers(s->control, &s->out, true);
}

static void
on_version(struct control_session *s, const struct control_args *a)
{
	(void)a;
	answer_ok(&s->out);
	answer_text(&s->out, "version", s->control->version);
	answer_number(&s->out, "protocol", 1);
	answer_end(&s->out);
}

/* --- wait -------------------------------------------------------------------
 */

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
on_wait(struct control_session *s, const struct control_args *a)
{
	const struct control_condition *what = NULL;
	int64_t ms = -1;

	for (size_t i = 0; i < NCONDITIONS; i++)
		if (mu_jtext_is(&a->field[CONTROL_FOR], conditions[i].name))
			what = &conditions[i];
	if (what == NULL) {
		answer_refuse(&s->out, "usage",
		    "for: not listening, "
		    "connected, started, degraded or restored");
		return;
	}
	if ((a->present & HAS(TIMEOUT)) != 0 &&
	    (mu_jtext_integer(&a->field[CONTROL_TIMEOUT], &ms) != 0 || ms < 0 ||
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
	s->wait_deadline =
	    ms < 0 ? UINT64_MAX : s->control->now + (uint64_t)ms * MS;
}

/* --- reload, log-level, stop ------------------------------------------------
 */

static void
on_reload(struct control_session *s, const struct control_args *a)
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
on_diff(struct control_session *s, const struct control_args *a)
{
	const struct control_hooks *h = &s->control->hooks;
	char text[16384] = "";
	int r;

	(void)a;
	if (h->diff == NULL) {
		answer_refuse(&s->out, "usage", "this node cannot tell");
		return;
	}
	r = h->diff(h->ctx, text, sizeof text);
	answer_ok(&s->out);
	answer_bool(&s->out, "refused", r != 0);
	answer_text(&s->out, "text", text);
	answer_end(&s->out);
}

static void
on_log_level(struct control_session *s, const struct control_args *a)
{
	const struct control_hooks *h = &s->control->hooks;
	char *level = mu_jtext_cstring(&a->field[CONTROL_LEVEL]);

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
on_stop(struct control_session *s, const struct control_args *a)
{
	const struct control_hooks *h = &s->control->hooks;

	(void)a;
	answer_ok(&s->out);
	answer_end(&s->out);
	h->stop(h->ctx);
}

/* --- the table --------------------------------------------------------------
 */

struct op {
	const char *name;
	uint64_t required, optional; /* bits of HAS */
	handler run;
};

/* clang-format off */
static const struct op ops[] = {
	{ "status",    0,           0,                            on_status },
	{ "peers",     0,           0,                            on_peers },
	{ "graph",     0,           0,                            control_on_graph },
	{ "filters",   0,           0,                            on_filters },
	{ "watch",     HAS(TOPICS), 0,                            control_on_watch },
	{ "publish",   0,           HAS(TOPIC) | HAS(EVENT) | HAS(ARGS) |
	                            HAS(DATA) | HAS(PAYLOAD) |
	                            HAS(HRW) | HAS(RR) | HAS(KEY) |
	                            HAS(TYPE),                    control_on_publish },
	{ "pools",     0,           0,                            control_on_pools },
	{ "pool_where", HAS(POOL) | HAS(KEYS), HAS(TYPE) |
	                            HAS(EVERYBODY) | HAS(WITHOUT), control_on_pool_where },
	{ "raise",     HAS(EVENT),  HAS(ARGS),                    control_on_raise },
	{ "rules",     0,           0,                            control_on_rules },
	{ "wait",      HAS(FOR),    HAS(TIMEOUT),                 on_wait },
	{ "reload",    0,           0,                            on_reload },
	{ "diff",      0,           0,                            on_diff },
	{ "log-level", HAS(LEVEL),  0,                            on_log_level },
	{ "stop",      0,           0,                            on_stop },
	{ "version",   0,           0,                            on_version },
	{ "store",     HAS(DO) | HAS(STORE),
	  HAS(KEY) | HAS(VALUE) | HAS(INDEX) | HAS(EXPECTED) | HAS(EXPIRY) |
	  HAS(TYPE) | HAS(PREFIX) | HAS(AFTER) | HAS(LIMIT) | HAS(TIMEOUT) |
	  HAS(ID),                                                control_on_store },
	{ "stores",    0,           0,                            control_on_stores },
	{ "log_write", HAS(CREATE) | HAS(RECORDS),
	  HAS(FLUSH) | HAS(ID) | HAS(ORDERED),                    control_on_log_write },
	{ "logs",      0,           0,                            control_on_logs },
	{ "log_tail",  0,           HAS(STREAM),                  control_on_log_tail },
	{ "ids",       0,           0,                            control_on_ids },
	{ "id_get",    HAS(NAME),   0,                            control_on_id_get },
	{ "id_set",    HAS(NAME) | HAS(VALUE), 0,                 control_on_id_set },
	{ "id_publish", HAS(NAME) | HAS(TOPIC), 0,                control_on_id_publish },
	{ "store_watch", HAS(STORE), 0,                           control_on_store_watch },
	{ "store_dump", HAS(STORE), HAS(PREFIX) | HAS(AFTER) |
	                            HAS(TIMEOUT),                 control_on_store_dump },
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
		answer_refuse(&s->out, "usage", "op: missing or not a string");
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
	    near == NULL ? "" : " (did you mean \"", near == NULL ? "" : near,
	    near == NULL ? "" : "\"?)");
	mu_free(word);
	return NULL;
}

/* Which field a member is; CONTROL_NFIELDS: none. */
static enum control_field
field_of(const struct mu_jtext *key)
{
	size_t i;

	for (i = 0; i < CONTROL_NFIELDS; i++)
		if (mu_jtext_is(key, fields[i].name))
			break;
	return (enum control_field)i;
}

/* Fills a from the members; false after a refusal. */
static bool
take_fields(struct control_session *s, const struct op *op,
    const struct mu_jtext *object, struct control_args *a)
{
	struct mu_jtext_walk w = mu_jtext_walk(object);
	struct mu_jtext key, value;
	char shown[64];

	while (mu_jtext_next(&w, &key, &value)) {
		enum control_field f = field_of(&key);

		if (mu_jtext_is(&key, "op"))
			continue;
		if (f == CONTROL_NFIELDS ||
		    ((op->required | op->optional) & UINT64_C(1) << f) == 0) {
			answer_refuse(&s->out, "usage", "%s takes no %s",
			    op->name,
			    mu_text_printable(
				key.at, key.len, shown, sizeof shown));
			return false;
		}
		if (mu_jtext_kind(&value) != fields[f].kind) {
			answer_refuse(&s->out, "usage", "%s: not %s",
			    fields[f].name, fields[f].what);
			return false;
		}
		a->field[f] = value;
		a->present |= UINT64_C(1) << f;
	}
	for (size_t f = 0; f < CONTROL_NFIELDS; f++)
		if ((op->required & ~a->present & UINT64_C(1) << f) != 0) {
			answer_refuse(&s->out, "usage", "%s wants %s", op->name,
			    fields[f].name);
			return false;
		}
	return true;
}

void
control_answer_line(struct control_session *s, const char *line, size_t len)
{
	struct control_args a = { .present = 0 };
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
