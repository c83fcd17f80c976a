/*
 * Reading a request about a store.  Each verb is a row: the machine's
 * operation, the members it wants and may have, and what a missing key becomes.
 */
#include "control/control_store.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "control/control_request.h"
#include "control/control_session.h"
#include "muster/err.h"

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

/* --- reading a request -----------------------------------------------------
 */

void
control_wish_clear(struct control_wish *w)
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
    enum control_field f, const char *name, const struct control_wish *w,
    struct muster_value **out)
{
	int r;

	if (!has(a, f))
		return true;
	r = muster_value_from_json(a->field[f].at, a->field[f].len, out);
	if (r == MUSTER_ENOMEM)
		control_store_say(s, &w->how, "memory", "out of memory");
	else if (r != 0)
		control_store_say(s, &w->how, "usage",
		    "%s: not a value, {\"@data-type\":...,\"data\":...} (%s)",
		    name, muster_strerror(r));
	return r == 0;
}

static bool
read_times(struct control_session *s, const struct control_args *a,
    struct control_wish *w)
{
	int64_t ms = 0;
	char *text;
	int r = 0;

	if (has(a, CONTROL_TIMEOUT) &&
	    (mu_jtext_integer(&a->field[CONTROL_TIMEOUT], &ms) != 0 ||
		ms <= 0 || ms > INT64_MAX / (int64_t)MS / 2)) {
		control_store_say(s, &w->how, "usage",
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
		control_store_say(
		    s, &w->how, "usage", "expiry: not a time (2s, 500ms)");
		return false;
	}
	return true;
}

static const struct verb *
find_verb(struct control_session *s, const struct control_args *a,
    const struct control_wish *w)
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
	control_store_say(s, &w->how, "usage", "do: no operation \"%s\"%s%s%s",
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
    const struct verb *v, const struct control_wish *w)
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
		control_store_say(s, &w->how, "usage", "%s %s %s", v->name,
		    (a->present & bit) == 0 ? "wants" : "takes no",
		    members[i].name);
		return false;
	}
	return true;
}

/* What a missing key becomes when something is added to it: 6.6. */
static bool
choose_init(struct control_session *s, const struct control_args *a,
    const struct verb *v, struct control_wish *w)
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
			control_store_say(
			    s, &w->how, "usage", "type: no such type");
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
    const struct verb *v, struct control_wish *w)
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
			control_store_say(
			    s, &w->how, "memory", "out of memory");
			return false;
		}
	}
	if (has(a, CONTROL_PREFIX)) {
		struct mu_buf b;

		mu_buf_init(&b, 0);
		r = mu_jtext_string(&a->field[CONTROL_PREFIX], &b);
		if (r == 0)
			w->value = muster_value_string(
			    mu_buf_len(&b) == 0 ? ""
						: (const char *)mu_buf_data(&b),
			    mu_buf_len(&b));
		mu_buf_clear(&b);
		if (w->value == NULL) {
			control_store_say(
			    s, &w->how, "usage", "prefix: not a string");
			return false;
		}
	}
	return true;
}

static bool
read_limit(struct control_session *s, const struct control_args *a,
    struct control_wish *w)
{
	int64_t n = 0;

	if (!has(a, CONTROL_LIMIT))
		return true;
	if (mu_jtext_integer(&a->field[CONTROL_LIMIT], &n) != 0 || n < 1 ||
	    n > UINT32_MAX) {
		control_store_say(
		    s, &w->how, "usage", "limit: not a positive number");
		return false;
	}
	w->req.limit = (uint32_t)n;
	return true;
}

bool
control_wish_read(struct control_session *s, const struct control_args *a,
    struct control_wish *w)
{
	const struct verb *v;

	if (has(a, CONTROL_ID)) {
		if (mu_jtext_integer(&a->field[CONTROL_ID], &w->how.tag.id) !=
		    0) {
			control_store_say(
			    s, &w->how, "usage", "id: not a whole number");
			return false;
		}
		w->how.tag.given = true;
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
		control_store_say(s, &w->how, "usage", "store: not a name");
	return w->store != NULL;
}
