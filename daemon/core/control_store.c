/*
 * The requests of the control protocol about stores.  Each verb is a row: the
 * machine's operation, the members it wants and may have, and what a missing
 * key becomes.  An answer is written when the stores give it; until then the
 * session pauses, unless the request carries an id.
 */
#include "core/control_store.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "core/control_answer.h"
#include "core/control_request.h"
#include "core/control_session.h"
#include "core/stores.h"
#include "muster/err.h"
#include "value/codec.h"

#define MS 1000000u /* ns */

struct verb {
	const char *name;
	enum mu_store_op op;
	unsigned required, optional; /* bits of HAS */
	int init;                    /* enum muster_type; -1: by the amount */
};

#define ALWAYS (HAS(DO) | HAS(STORE) | HAS(TIMEOUT) | HAS(ID))

/* clang-format off */
static const struct verb verbs[] = {
	{ "put",         MU_STORE_PUT,        HAS(KEY) | HAS(VALUE), HAS(EXPIRY), 0 },
	{ "put_unique",  MU_STORE_PUT_UNIQUE, HAS(KEY) | HAS(VALUE), HAS(EXPIRY), 0 },
	{ "put_if",      MU_STORE_PUT_IF,     HAS(KEY) | HAS(VALUE),
	  HAS(EXPECTED) | HAS(EXPIRY), 0 },
	{ "erase",       MU_STORE_ERASE,      HAS(KEY), 0, 0 },
	{ "increment",   MU_STORE_ADD,        HAS(KEY) | HAS(VALUE),
	  HAS(EXPIRY) | HAS(TYPE), -1 },
	{ "decrement",   MU_STORE_SUBTRACT,   HAS(KEY) | HAS(VALUE), HAS(EXPIRY), 0 },
	{ "append",      MU_STORE_ADD,        HAS(KEY) | HAS(VALUE), HAS(EXPIRY),
	  MUSTER_STRING },
	{ "insert_into_set", MU_STORE_ADD,    HAS(KEY) | HAS(VALUE), HAS(EXPIRY),
	  MUSTER_SET },
	{ "insert_into_table", MU_STORE_ADD,  HAS(KEY) | HAS(INDEX) | HAS(VALUE),
	  HAS(EXPIRY), MUSTER_TABLE },
	{ "remove_from", MU_STORE_SUBTRACT,   HAS(KEY) | HAS(VALUE), HAS(EXPIRY), 0 },
	{ "push",        MU_STORE_ADD,        HAS(KEY) | HAS(VALUE), HAS(EXPIRY),
	  MUSTER_VECTOR },
	{ "pop",         MU_STORE_SUBTRACT,   HAS(KEY), HAS(EXPIRY), 0 },
	{ "clear",       MU_STORE_CLEAR,      0, 0, 0 },
	{ "exists",      MU_STORE_EXISTS,     HAS(KEY), 0, 0 },
	{ "get",         MU_STORE_GET,        HAS(KEY), 0, 0 },
	{ "index",       MU_STORE_GET_INDEX,  HAS(KEY) | HAS(INDEX), 0, 0 },
	{ "keys",        MU_STORE_KEYS,       0, HAS(PREFIX) | HAS(AFTER) | HAS(LIMIT), 0 },
};
/* clang-format on */
#define NVERBS (sizeof verbs / sizeof verbs[0])

/* --- sessions -------------------------------------------------------------- */

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
	a->number = req->id = ++c->asked;
	r = a->store == NULL
	    ? MUSTER_ENOMEM
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

/* --- refusals -------------------------------------------------------------- */

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
	};

	return (unsigned)status < MU_STORE_NSTATUS ? codes[status] : "failed";
}

static void
put_tag(struct mu_buf *b, const struct control_ask *how)
{
	if (how->tagged)
		mu_buf_printf(b, ",\"id\":%lld", (long long)how->tag);
}

__attribute__((format(printf, 4, 5))) static void
refuse(struct control_session *s, const struct control_ask *how,
    const char *code, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	mu_buf_str(&s->out, "{\"ok\":false");
	put_tag(&s->out, how);
	answer_text(&s->out, "error", text);
	answer_text(&s->out, "code", code);
	answer_end(&s->out);
}

void
control_store_refuse(struct control_session *s, const struct control_ask *how,
    const char *store, enum mu_store_status status)
{
	const char *why = mu_store_status_name(status);

	if (status == MU_STORE_FULL || status == MU_STORE_BACKEND ||
	    status == MU_STORE_CLOSED) {
		const char *trouble = control_store_trouble(s, store);

		refuse(s, how, control_store_code(status), "%s: %s%s%s", store,
		    why, trouble == NULL ? "" : ": ",
		    trouble == NULL ? "" : trouble);
	} else if (status == MU_STORE_TIMEOUT) {
		refuse(s, how, control_store_code(status),
		    "%s: no answer in time: a write may yet happen", store);
	} else {
		refuse(s, how, control_store_code(status), "%s: %s", store,
		    why);
	}
}

void
control_store_refuse_error(struct control_session *s,
    const struct control_ask *how, const char *store, int error)
{
	char text[256];

	if (error == MUSTER_ENOENT) {
		control_store_unknown(s, store, text, sizeof text);
		refuse(s, how, "no_store", "%s", text);
	} else if (error == MUSTER_ELIMIT) {
		control_store_refuse(s, how, store, MU_STORE_BUSY);
	} else if (error == MUSTER_ENOMEM) {
		refuse(s, how, "memory", "out of memory");
	} else {
		refuse(s, how, "backend", "%s", muster_strerror(error));
	}
}

/* --- reading a request ----------------------------------------------------- */

/* A request as it is read; what is owned is freed by clear. */
struct wish {
	struct control_ask how;
	char *store;
	struct muster_value *key, *value, *expected, *after;
	struct mu_store_request req;
};

static void
clear(struct wish *w)
{
	mu_free(w->store);
	muster_value_unref(w->key);
	muster_value_unref(w->value);
	muster_value_unref(w->expected);
	muster_value_unref(w->after);
}

static bool
has(const struct control_args *a, enum control_field f)
{
	return (a->present & 1u << f) != 0;
}

/* A value member, if it is there.  false after a refusal. */
static bool
read_value(struct control_session *s, const struct control_args *a,
    enum control_field f, const char *name, const struct wish *w,
    struct muster_value **out)
{
	int r;

	if (!has(a, f))
		return true;
	r = muster_value_from_json(a->field[f].at, a->field[f].len, out);
	if (r == MUSTER_ENOMEM)
		refuse(s, &w->how, "memory", "out of memory");
	else if (r != 0)
		refuse(s, &w->how, "usage",
		    "%s: not a value, {\"@data-type\":...,\"data\":...} (%s)",
		    name, muster_strerror(r));
	return r == 0;
}

static bool
read_times(struct control_session *s, const struct control_args *a,
    struct wish *w)
{
	int64_t ms = 0;
	char *text;
	int r = 0;

	if (has(a, CONTROL_TIMEOUT) &&
	    (mu_jtext_integer(&a->field[CONTROL_TIMEOUT], &ms) != 0 ||
		ms <= 0 || ms > INT64_MAX / (int64_t)MS / 2)) {
		refuse(s, &w->how, "usage",
		    "timeout_ms: not a positive number of milliseconds");
		return false;
	}
	w->req.timeout_ns = (uint64_t)ms * MS;
	if (!has(a, CONTROL_EXPIRY))
		return true;
	text = mu_jtext_cstring(&a->field[CONTROL_EXPIRY]);
	r = text == NULL ? MUSTER_EINVAL
			 : mu_text_duration(text, &w->req.expiry_ns);
	mu_free(text);
	if (r != 0 || w->req.expiry_ns <= 0) {
		refuse(s, &w->how, "usage", "expiry: not a time (2s, 500ms)");
		return false;
	}
	return true;
}

static const struct verb *
find_verb(struct control_session *s, const struct control_args *a,
    const struct wish *w)
{
	const char *names[NVERBS], *near;
	char *word, shown[64];

	for (size_t i = 0; i < NVERBS; i++) {
		if (mu_jtext_is(&a->field[CONTROL_DO], verbs[i].name))
			return &verbs[i];
		names[i] = verbs[i].name;
	}
	word = mu_jtext_cstring(&a->field[CONTROL_DO]);
	near = word == NULL ? NULL : mu_text_nearest(word, names, NVERBS);
	refuse(s, &w->how, "usage", "do: no operation \"%s\"%s%s%s",
	    mu_text_printable(word == NULL ? "" : word,
		word == NULL ? 0 : strlen(word), shown, sizeof shown),
	    near == NULL ? "" : " (did you mean \"", near == NULL ? "" : near,
	    near == NULL ? "" : "\"?)");
	mu_free(word);
	return NULL;
}

/* Are the members those of the verb? */
static bool
fits(struct control_session *s, const struct control_args *a,
    const struct verb *v, const struct wish *w)
{
	static const struct {
		unsigned bit;
		const char *name;
	} members[] = { { HAS(KEY), "key" }, { HAS(VALUE), "value" },
		{ HAS(INDEX), "index" }, { HAS(EXPECTED), "expected" },
		{ HAS(EXPIRY), "expiry" }, { HAS(TYPE), "type" },
		{ HAS(PREFIX), "prefix" }, { HAS(AFTER), "after" },
		{ HAS(LIMIT), "limit" } };
	unsigned may = v->required | v->optional | ALWAYS;

	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		unsigned bit = members[i].bit;

		if ((v->required & bit & ~a->present) == 0 &&
		    (a->present & bit & ~may) == 0)
			continue;
		refuse(s, &w->how, "usage", "%s %s %s", v->name,
		    (a->present & bit) == 0 ? "wants" : "takes no",
		    members[i].name);
		return false;
	}
	return true;
}

/* What a missing key becomes when something is added to it: 6.6. */
static bool
choose_init(struct control_session *s, const struct control_args *a,
    const struct verb *v, struct wish *w)
{
	char *name;
	int type;

	if (v->op != MU_STORE_ADD)
		return true;
	if (v->init >= 0) {
		w->req.init_type = (enum muster_type)v->init;
		return true;
	}
	if (has(a, CONTROL_TYPE)) {
		name = mu_jtext_cstring(&a->field[CONTROL_TYPE]);
		type = name == NULL ? -1 : muster_type_from_name(name);
		mu_free(name);
		if (type < 0) {
			refuse(s, &w->how, "usage", "type: no such type");
			return false;
		}
		w->req.init_type = (enum muster_type)type;
		return true;
	}
	switch (muster_value_type(w->value)) {
	case MUSTER_COUNT:
	case MUSTER_INTEGER:
	case MUSTER_REAL:
		w->req.init_type = muster_value_type(w->value);
		break;
	case MUSTER_TIMESPAN:
		w->req.init_type = MUSTER_TIMESTAMP;
		break;
	default:
		w->req.init_type = MUSTER_NONE;
	}
	return true;
}

/* A table's pair, or the index or prefix that stands in for the value. */
static bool
read_second(struct control_session *s, const struct control_args *a,
    const struct verb *v, struct wish *w)
{
	struct muster_value *index = NULL, *pair;
	int r;

	if (!read_value(s, a, CONTROL_INDEX, "index", w, &index))
		return false;
	if (v->op == MU_STORE_GET_INDEX) {
		w->value = index;
	} else if (index != NULL) {
		pair = muster_value_vector();
		r = muster_value_append(pair, index);
		if (r == 0)
			r = muster_value_append(pair, w->value);
		else
			muster_value_unref(w->value);
		w->value = pair; /* the builders took the rest */
		if (r != 0) {
			refuse(s, &w->how, "memory", "out of memory");
			return false;
		}
	}
	if (has(a, CONTROL_PREFIX)) {
		struct mu_buf b;

		mu_buf_init(&b, 0);
		r = mu_jtext_string(&a->field[CONTROL_PREFIX], &b);
		if (r == 0)
			w->value = muster_value_string(
			    mu_buf_len(&b) == 0
				? ""
				: (const char *)mu_buf_data(&b),
			    mu_buf_len(&b));
		mu_buf_clear(&b);
		if (w->value == NULL) {
			refuse(s, &w->how, "usage", "prefix: not a string");
			return false;
		}
	}
	return true;
}

static bool
read_limit(struct control_session *s, const struct control_args *a,
    struct wish *w)
{
	int64_t n = 0;

	if (!has(a, CONTROL_LIMIT))
		return true;
	if (mu_jtext_integer(&a->field[CONTROL_LIMIT], &n) != 0 || n < 1 ||
	    n > UINT32_MAX) {
		refuse(s, &w->how, "usage", "limit: not a positive number");
		return false;
	}
	w->req.limit = (uint32_t)n;
	return true;
}

static bool
read_wish(struct control_session *s, const struct control_args *a,
    struct wish *w)
{
	const struct verb *v;

	if (has(a, CONTROL_ID)) {
		if (mu_jtext_integer(&a->field[CONTROL_ID], &w->how.tag) !=
		    0) {
			refuse(s, &w->how, "usage", "id: not a whole number");
			return false;
		}
		w->how.tagged = true;
	}
	v = find_verb(s, a, w);
	if (v == NULL || !fits(s, a, v, w) || !read_times(s, a, w) ||
	    !read_limit(s, a, w) ||
	    !read_value(s, a, CONTROL_KEY, "key", w, &w->key) ||
	    !read_value(s, a, CONTROL_VALUE, "value", w, &w->value) ||
	    !read_value(s, a, CONTROL_EXPECTED, "expected", w, &w->expected) ||
	    !read_value(s, a, CONTROL_AFTER, "after", w, &w->after) ||
	    !read_second(s, a, v, w) || !choose_init(s, a, v, w))
		return false;
	w->req.op = v->op;
	w->req.key = w->key;
	/* Broker's pop subtracts the key from its value. */
	w->req.value = strcmp(v->name, "pop") == 0 ? w->key : w->value;
	w->req.expected = w->expected;
	w->req.after = w->after;
	w->store = mu_jtext_cstring(&a->field[CONTROL_STORE]);
	if (w->store == NULL)
		refuse(s, &w->how, "usage", "store: not a name");
	return w->store != NULL;
}

void
control_on_store(struct control_session *s, const struct control_args *a)
{
	struct wish w = { .store = NULL };
	int r;

	if (read_wish(s, a, &w)) {
		r = s->stores != NULL && s->stores->nasks >= CONTROL_ASKS
			? MUSTER_ELIMIT
			: control_store_ask(s, w.store, &w.req, &w.how);
		if (r != 0)
			control_store_refuse_error(s, &w.how, w.store, r);
		else if (!w.how.tagged)
			s->asking = true;
	}
	clear(&w);
}

void
control_on_store_watch(struct control_session *s, const struct control_args *a)
{
	static const struct control_ask plain;
	char *name = mu_jtext_cstring(&a->field[CONTROL_STORE]);
	struct stores *all = s->control->stores;
	int r = MUSTER_ENOENT;

	if (name == NULL) {
		refuse(s, &plain, "usage", "store: not a name");
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

/* --- what the stores say --------------------------------------------------- */

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
	if (what->status != MU_STORE_OK) {
		control_store_refuse(s, a, a->store, what->status);
		return;
	}
	answer_ok(&s->out);
	put_tag(&s->out, a);
	put_value(&s->out, "value", what->result);
	put_value(&s->out, "more", what->more);
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
	if (!a->dump && !a->tagged)
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
		[MU_STORE_UPDATE] = "update", [MU_STORE_ERASED] = "erase",
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
