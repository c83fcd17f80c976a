/*
 * Keys as Zeek hashes them; see key.h.  What has parts is described by its
 * type, how many parts there are, and the parts, each with its own type again;
 * found from what Zeek hashed for known keys (tests/golden/hrw-zeek.jsonl).
 */
#include "value/key.h"

#include <string.h>

#include "base/buf.h"
#include "muster/err.h"
#include "muster/value.h"
#include "value/key_plain.h"
#include "value/key_type.h"

static int put_value(struct mu_buf *b, const struct mu_key_type *t,
    const struct muster_value *v);

static void
put_type(struct mu_buf *b, const struct mu_key_type *t)
{
	const struct mu_key_type *p;

	mu_key_u32(b, t->tag);
	if (t->tag == ZEEK_ENUM)
		mu_buf_str(b, t->name);
	if (t->tag == ZEEK_RECORD) {
		mu_key_u64(b, 0);
		mu_key_u64(b, mu_key_type_parts(t));
	}
	for (p = t->parts; p != NULL; p = p->next) {
		if (p->field != NULL)
			mu_key_text(b, p->field);
		put_type(b, p);
	}
	if (t->yield != NULL)
		put_type(b, t->yield);
}

/* A string that is a part says how long it is. */
static int
put_string(struct mu_buf *b, const struct muster_value *v)
{
	size_t len;
	const char *bytes = muster_value_get_string(v, &len);

	mu_key_u32(b, ZEEK_STRING);
	mu_key_u32(b, (uint32_t)len);
	mu_buf_put(b, bytes, len);
	return 0;
}

static int
put_vector(
    struct mu_buf *b, const struct mu_key_type *t, const struct muster_value *v)
{
	size_t n = muster_value_size(v);
	int rc = 0;

	put_type(b, t);
	mu_key_text(b, "[");
	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct muster_value *e = muster_value_at(v, i);

		if (i > 0)
			mu_key_text(b, ", ");
		if (muster_value_type(e) != MUSTER_NONE)
			rc = put_value(b, t->parts, e);
	}
	mu_key_text(b, "]");
	return rc;
}

static int
put_record(
    struct mu_buf *b, const struct mu_key_type *t, const struct muster_value *v)
{
	const struct mu_key_type *p = t->parts;
	size_t n = muster_value_size(v);
	int rc = 0;

	if (n != mu_key_type_parts(t))
		return MUSTER_ETYPE;
	put_type(b, t);
	mu_key_u64(b, n);
	for (size_t i = 0; i < n && rc == 0; i++, p = p->next) {
		const struct muster_value *e = muster_value_at(v, i);

		mu_key_text(b, p->field);
		if (muster_value_type(e) != MUSTER_NONE)
			rc = put_value(b, p, e);
		else
			mu_key_text(b, "<uninitialized>");
	}
	return rc;
}

/* One index is the value itself, several are a vector of them. */
static int
put_index(struct mu_buf *b, const struct mu_key_type *t, size_t n,
    const struct muster_value *v)
{
	const struct mu_key_type *p;
	size_t i = 0;
	int rc = 0;

	if (n > 1 && (muster_value_type(v) != MUSTER_VECTOR ||
			 muster_value_size(v) != n))
		return MUSTER_ETYPE;
	mu_key_u32(b, (uint32_t)n);
	mu_key_u32(b, ZEEK_LIST);
	mu_key_u32(b, 0);
	mu_key_u64(b, n);
	for (p = t->parts; p != NULL; p = p->next)
		put_type(b, p);
	mu_key_u64(b, n);
	for (p = t->parts; p != NULL && rc == 0; p = p->next, i++)
		rc = put_value(b, p, n > 1 ? muster_value_at(v, i) : v);
	return rc;
}

/* Zeek walks its hash table, in an order that is another in each process; here
 * it is that of the value. */
static int
put_table(
    struct mu_buf *b, const struct mu_key_type *t, const struct muster_value *v)
{
	size_t n = muster_value_size(v), nindexes = mu_key_type_parts(t);
	int rc = 0;

	put_type(b, t);
	mu_key_u32(b, (uint32_t)n);
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (i > 0)
			mu_key_text(b, "\n");
		rc = put_index(b, t, nindexes, muster_value_at(v, i));
		if (rc == 0 && t->yield != NULL)
			rc =
			    put_value(b, t->yield, muster_value_at_value(v, i));
	}
	return rc;
}

static bool
is_of(const struct mu_key_type *t, const struct muster_value *v)
{
	enum muster_type type = muster_value_type(v);

	if (t->tag == ZEEK_RECORD)
		return type == MUSTER_VECTOR;
	if (t->tag == ZEEK_TABLE)
		return type == (t->yield == NULL ? MUSTER_SET : MUSTER_TABLE);
	return mu_zeek_type_of(type) == t->tag;
}

/* A value as a part of another, or one with parts. */
static int
put_value(
    struct mu_buf *b, const struct mu_key_type *t, const struct muster_value *v)
{
	if (!is_of(t, v))
		return MUSTER_ETYPE;
	if (mu_buf_error(b) != 0)
		return mu_buf_error(b);
	switch (t->tag) {
	case ZEEK_STRING:
		return put_string(b, v);
	case ZEEK_VECTOR:
		return put_vector(b, t, v);
	case ZEEK_RECORD:
		return put_record(b, t, v);
	case ZEEK_TABLE:
		return put_table(b, t, v);
	default:
		return mu_key_plain_enc(b, v, t->name);
	}
}

/* The type that was told, or none where it says nothing about v. */
static int
told_type(
    const char *text, const struct muster_value *v, struct mu_key_type **out)
{
	int rc = mu_key_type_parse(text, strlen(text), out);

	if (rc == 0 && (*out)->tag == ZEEK_ENUM &&
	    muster_value_type(v) != MUSTER_ENUM) {
		mu_key_type_free(*out);
		*out = NULL;
	}
	return rc;
}

int
mu_key_enc(struct mu_buf *b, const struct muster_value *v, const char *type,
    const char **why)
{
	size_t before = mu_buf_len(b);
	struct mu_key_type *t = NULL;
	int rc = 0;

	*why = "type: no type of Zeek's (such as vector of addr, set[addr, "
	       "port], table[string] of count, record { a: addr; p: port })";
	if (type != NULL)
		rc = told_type(type, v, &t);
	if (rc == 0 && t == NULL) {
		rc = mu_key_type_of(v, &t, why);
		if (rc == 0)
			*why = "its parts are not of one type: tell it (type, "
			       "such as record { a: addr; p: port })";
	} else if (rc == 0) {
		*why = "not of the type that was told (type)";
	}
	if (rc == 0)
		rc = t->tag == ZEEK_STRING && is_of(t, v)
			 ? mu_key_plain_enc(b, v, NULL)
			 : put_value(b, t, v);
	if (rc != 0)
		mu_buf_truncate(b, before);
	mu_key_type_free(t);
	return rc;
}
