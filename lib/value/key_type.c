/* Types of keys; see key_type.h. */
#include "value/key_type.h"

#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "muster/value.h"

#define MAX_DEPTH 32 /* of a type's text */

enum mu_zeek_type
mu_zeek_type_of(enum muster_type type)
{
	static const enum mu_zeek_type tags[MUSTER_NTYPES] = {
		[MUSTER_NONE] = ZEEK_NONE,
		[MUSTER_BOOLEAN] = ZEEK_BOOL,
		[MUSTER_COUNT] = ZEEK_COUNT,
		[MUSTER_INTEGER] = ZEEK_INT,
		[MUSTER_REAL] = ZEEK_DOUBLE,
		[MUSTER_STRING] = ZEEK_STRING,
		[MUSTER_ADDRESS] = ZEEK_ADDR,
		[MUSTER_SUBNET] = ZEEK_SUBNET,
		[MUSTER_PORT] = ZEEK_PORT,
		[MUSTER_TIMESTAMP] = ZEEK_TIME,
		[MUSTER_TIMESPAN] = ZEEK_INTERVAL,
		[MUSTER_ENUM] = ZEEK_ENUM,
		[MUSTER_SET] = ZEEK_TABLE,
		[MUSTER_TABLE] = ZEEK_TABLE,
		[MUSTER_VECTOR] = ZEEK_VECTOR,
	};

	return tags[type];
}

void
mu_key_type_free(struct mu_key_type *t)
{
	while (t != NULL) {
		struct mu_key_type *next = t->next;

		mu_key_type_free(t->parts);
		mu_key_type_free(t->yield);
		mu_free(t->name);
		mu_free(t->field);
		mu_free(t);
		t = next;
	}
}

static struct mu_key_type *
type_new(enum mu_zeek_type tag)
{
	struct mu_key_type *t = mu_calloc(1, sizeof *t);

	if (t != NULL)
		t->tag = tag;
	return t;
}

size_t
mu_key_type_parts(const struct mu_key_type *t)
{
	size_t n = 0;

	for (const struct mu_key_type *p = t->parts; p != NULL; p = p->next)
		n++;
	return n;
}

/* --- from text ------------------------------------------------------------ */

struct reader {
	const char *at, *end;
	int depth;
};

static int read_type(struct reader *r, struct mu_key_type **out);

static void
skip_space(struct reader *r)
{
	while (r->at < r->end && isspace((unsigned char)*r->at))
		r->at++;
}

static bool
take(struct reader *r, char c)
{
	skip_space(r);
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

/* The next name ("Log::ID"), of length 0 if there is none. */
static size_t
name_here(struct reader *r)
{
	const char *p;

	skip_space(r);
	for (p = r->at; p < r->end; p++)
		if (p + 2 < r->end && p[0] == ':' && p[1] == ':' && p > r->at)
			p++;
		else if (!isalnum((unsigned char)*p) && *p != '_')
			break;
	return (size_t)(p - r->at);
}

static bool
take_word(struct reader *r, const char *word)
{
	size_t n = name_here(r);

	if (n != strlen(word) || memcmp(r->at, word, n) != 0)
		return false;
	r->at += n;
	return true;
}

static int
take_name(struct reader *r, char **out)
{
	size_t n = name_here(r);

	if (n == 0)
		return MUSTER_EINVAL;
	*out = mu_calloc(1, n + 1);
	if (*out == NULL)
		return MUSTER_ENOMEM;
	memcpy(*out, r->at, n);
	r->at += n;
	return 0;
}

/* "of TYPE" */
static int
read_of(struct reader *r, struct mu_key_type **out)
{
	return take_word(r, "of") ? read_type(r, out) : MUSTER_EINVAL;
}

/* "[TYPE, TYPE]" */
static int
read_indexes(struct reader *r, struct mu_key_type *t)
{
	struct mu_key_type **end = &t->parts;

	if (!take(r, '['))
		return MUSTER_EINVAL;
	do {
		int rc = read_type(r, end);

		if (rc != 0)
			return rc;
		end = &(*end)->next;
	} while (take(r, ','));
	return take(r, ']') ? 0 : MUSTER_EINVAL;
}

/* "NAME: TYPE &optional", attributes as they come: they are no part of it. */
static int
read_field(struct reader *r, struct mu_key_type **out)
{
	char *field = NULL;
	int rc = take_name(r, &field);

	if (rc == 0)
		rc = take(r, ':') ? read_type(r, out) : MUSTER_EINVAL;
	if (rc != 0) {
		mu_free(field);
		return rc;
	}
	(*out)->field = field;
	while (take(r, '&')) {
		size_t n = name_here(r);

		if (n == 0)
			return MUSTER_EINVAL;
		r->at += n;
	}
	return 0;
}

/* "{ FIELD; FIELD; }", or with commas. */
static int
read_fields(struct reader *r, struct mu_key_type *t)
{
	struct mu_key_type **end = &t->parts;

	if (!take(r, '{'))
		return MUSTER_EINVAL;
	while (!take(r, '}')) {
		int rc = read_field(r, end);

		if (rc != 0)
			return rc;
		end = &(*end)->next;
		if (!take(r, ';') && !take(r, ',')) {
			if (!take(r, '}'))
				return MUSTER_EINVAL;
			break;
		}
	}
	return t->parts == NULL ? MUSTER_EINVAL : 0;
}

/* What stands behind the word that names the kind of type. */
static int
read_rest(struct reader *r, struct mu_key_type *t, bool set)
{
	int rc;

	switch (t->tag) {
	case ZEEK_VECTOR:
		return read_of(r, &t->parts);
	case ZEEK_TABLE:
		rc = read_indexes(r, t);
		return rc != 0 || set ? rc : read_of(r, &t->yield);
	case ZEEK_RECORD:
		return read_fields(r, t);
	case ZEEK_ENUM:
		take(r, ':');
		return take_name(r, &t->name);
	default:
		return 0;
	}
}

static int
read_type(struct reader *r, struct mu_key_type **out)
{
	/* Zeek's names, and ours. */
	static const struct {
		const char *word;
		enum mu_zeek_type tag;
	} words[] = {
		{ "bool", ZEEK_BOOL },
		{ "boolean", ZEEK_BOOL },
		{ "int", ZEEK_INT },
		{ "integer", ZEEK_INT },
		{ "count", ZEEK_COUNT },
		{ "double", ZEEK_DOUBLE },
		{ "real", ZEEK_DOUBLE },
		{ "time", ZEEK_TIME },
		{ "timestamp", ZEEK_TIME },
		{ "interval", ZEEK_INTERVAL },
		{ "timespan", ZEEK_INTERVAL },
		{ "string", ZEEK_STRING },
		{ "port", ZEEK_PORT },
		{ "addr", ZEEK_ADDR },
		{ "address", ZEEK_ADDR },
		{ "subnet", ZEEK_SUBNET },
		{ "enum", ZEEK_ENUM },
		{ "vector", ZEEK_VECTOR },
		{ "set", ZEEK_TABLE },
		{ "table", ZEEK_TABLE },
		{ "record", ZEEK_RECORD },
	};
	size_t i, n = sizeof words / sizeof words[0];
	struct mu_key_type *t;
	int rc;

	if (r->depth == MAX_DEPTH)
		return MUSTER_EINVAL;
	for (i = 0; i < n && !take_word(r, words[i].word); i++)
		;
	t = type_new(i < n ? words[i].tag : ZEEK_ENUM);
	if (t == NULL)
		return MUSTER_ENOMEM;
	r->depth++;
	rc = i < n ? read_rest(r, t, strcmp(words[i].word, "set") == 0)
		   : take_name(r, &t->name);
	r->depth--;
	if (rc == 0)
		*out = t;
	else
		mu_key_type_free(t);
	return rc;
}

int
mu_key_type_parse(const char *text, size_t len, struct mu_key_type **out)
{
	struct reader r = { text, text + len, 0 };
	struct mu_key_type *t = NULL;
	int rc = len > MU_KEY_TYPE_TEXT ? MUSTER_EINVAL : read_type(&r, &t);

	skip_space(&r);
	if (rc == 0 && r.at != r.end)
		rc = MUSTER_EINVAL;
	if (rc != 0) {
		mu_key_type_free(t);
		return rc;
	}
	*out = t;
	return 0;
}

/* --- of a value ----------------------------------------------------------- */

/* That of the first that is there; a vector may have holes. */
static int
first_type(const struct muster_value *v,
    const struct muster_value *(*at)(const struct muster_value *v, size_t i),
    struct mu_key_type **out, const char **why)
{
	for (size_t i = 0; i < muster_value_size(v); i++) {
		const struct muster_value *e = at(v, i);

		if (muster_value_type(e) != MUSTER_NONE)
			return mu_key_type_of(e, out, why);
	}
	*why = "an empty container does not tell its type (type, such as "
	       "vector of count)";
	return MUSTER_EINVAL;
}

/* Sets and tables by several values have vectors for indexes, and so have
 * those by records and vectors. */
static int
index_type(
    const struct muster_value *v, struct mu_key_type **out, const char **why)
{
	int rc = first_type(v, muster_value_at, out, why);

	if (rc != 0 || (*out)->tag != ZEEK_VECTOR)
		return rc;
	*why = "an index that is a vector does not tell its type (type, such "
	       "as set[addr, port])";
	return MUSTER_EINVAL;
}

static int
container_type(
    const struct muster_value *v, struct mu_key_type **out, const char **why)
{
	enum muster_type type = muster_value_type(v);
	struct mu_key_type *t =
	    type_new(type == MUSTER_VECTOR ? ZEEK_VECTOR : ZEEK_TABLE);
	int rc = MUSTER_ENOMEM;

	if (t != NULL && type == MUSTER_VECTOR)
		rc = first_type(v, muster_value_at, &t->parts, why);
	else if (t != NULL)
		rc = index_type(v, &t->parts, why);
	if (rc == 0 && type == MUSTER_TABLE)
		rc = first_type(v, muster_value_at_value, &t->yield, why);
	if (rc == 0)
		*out = t;
	else
		mu_key_type_free(t);
	return rc;
}

int
mu_key_type_of(
    const struct muster_value *v, struct mu_key_type **out, const char **why)
{
	enum mu_zeek_type tag = mu_zeek_type_of(muster_value_type(v));

	if (tag == ZEEK_NONE) {
		*why = "none cannot be a key";
		return MUSTER_ETYPE;
	}
	if (tag == ZEEK_ENUM) {
		*why = "an enum needs the name of its type (type)";
		return MUSTER_EINVAL;
	}
	if (tag == ZEEK_VECTOR || tag == ZEEK_TABLE)
		return container_type(v, out, why);
	*out = type_new(tag);
	return *out == NULL ? MUSTER_ENOMEM : 0;
}
