/*
 * Values from Broker's JSON (reference "broker-protocol" 4.5): what fits which
 * type, including the laxness that Broker's clients may rely on.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/export.h"
#include "muster/err.h"
#include "value/json.h"
#include "value/net.h"
#include "value/node.h"
#include "value/real.h"
#include "value/time.h"

#define LONGEST_TERM 128 /* bytes of an address, port, time in a string */

/* One value being read; depth counts the containers around it. */
struct reading {
	const struct mu_json *j;
	unsigned depth;
};

static int read_value(
    struct reading r, uint32_t token, struct muster_value **out);

static const struct mu_json_token *
token_of(struct reading r, uint32_t token)
{
	return &r.j->tokens[token];
}

/* NULL is what constructors give when memory is out. */
static int
made(struct muster_value *v, struct muster_value **out)
{
	*out = v;
	return v == NULL ? MUSTER_ENOMEM : 0;
}

/* The digits of an integer token as sign and magnitude. */
static int
magnitude(struct reading r, uint32_t token, bool *negative, uint64_t *n)
{
	const struct mu_json_token *t = token_of(r, token);
	const char *p = r.j->text + t->at, *end = p + t->len;

	*negative = *p == '-';
	*n = 0;
	for (p += *negative; p < end; p++)
		if (__builtin_mul_overflow(*n, UINT64_C(10), n) ||
		    __builtin_add_overflow(*n, (uint64_t)(*p - '0'), n))
			return MUSTER_EPROTO;
	return 0;
}

static int
read_count(struct reading r, uint32_t token, struct muster_value **out)
{
	bool negative;
	uint64_t n;
	int rc;

	if (token_of(r, token)->kind != MU_JSON_INTEGER)
		return MUSTER_ETYPE;
	rc = magnitude(r, token, &negative, &n);
	if (rc != 0)
		return rc;
	if (negative && n != 0)
		return MUSTER_ETYPE;
	return made(muster_value_count(n), out);
}

static int
read_integer(struct reading r, uint32_t token, struct muster_value **out)
{
	bool negative;
	uint64_t n;
	int rc;

	if (token_of(r, token)->kind != MU_JSON_INTEGER)
		return MUSTER_ETYPE;
	rc = magnitude(r, token, &negative, &n);
	if (rc != 0)
		return rc;
	if (n > (uint64_t)INT64_MAX + negative)
		return MUSTER_ETYPE;
	return made(muster_value_integer((int64_t)(negative ? -n : n)), out);
}

/* Our own writer says null for NaN, as JavaScript does. */
static int
read_real(struct reading r, uint32_t token, struct muster_value **out)
{
	const struct mu_json_token *t = token_of(r, token);
	const char *text = t->kind == MU_JSON_NULL ? "nan" : r.j->text + t->at;
	size_t len = t->kind == MU_JSON_NULL ? 3 : t->len;
	char small[MU_REAL_TEXT], *copy = small;
	double d;
	bool good;

	if (t->kind != MU_JSON_REAL && t->kind != MU_JSON_NULL)
		return MUSTER_ETYPE;
	if (len >= sizeof small) {
		copy = mu_malloc(len + 1);
		if (copy == NULL)
			return MUSTER_ENOMEM;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	good = mu_real_parse(copy, &d);
	if (copy != small)
		mu_free(copy);
	return good ? made(muster_value_real(d), out) : MUSTER_ETYPE;
}

static int
read_boolean(struct reading r, uint32_t token, struct muster_value **out)
{
	uint8_t kind = token_of(r, token)->kind;

	if (kind != MU_JSON_TRUE && kind != MU_JSON_FALSE)
		return MUSTER_ETYPE;
	return made(muster_value_boolean(kind == MU_JSON_TRUE), out);
}

static int
read_text(struct reading r, enum muster_type type, uint32_t token,
    struct muster_value **out)
{
	const struct mu_json_token *t = token_of(r, token);
	struct muster_value *v;
	char *bytes;

	if (t->kind != MU_JSON_STRING)
		return MUSTER_ETYPE;
	v = mu_node_new_text(type, t->len, &bytes);
	if (v == NULL)
		return MUSTER_ENOMEM;
	v->u.len = mu_json_unescape(r.j, token, bytes);
	bytes[v->u.len] = '\0';
	*out = v;
	return 0;
}

/* Types written as a short string. */
static int
read_term(struct reading r, enum muster_type type, uint32_t token,
    struct muster_value **out)
{
	char s[LONGEST_TERM];
	uint8_t addr[16];
	unsigned width;
	uint16_t number;
	enum muster_proto proto;
	int64_t ns;
	size_t len;

	if (token_of(r, token)->kind != MU_JSON_STRING ||
	    token_of(r, token)->len > sizeof s)
		return MUSTER_ETYPE;
	len = mu_json_unescape(r.j, token, s);
	if (type == MUSTER_ADDRESS && mu_net_parse_address(s, len, addr))
		return made(muster_value_address(addr), out);
	if (type == MUSTER_SUBNET && mu_net_parse_subnet(s, len, addr, &width))
		return made(muster_value_subnet(addr, width), out);
	if (type == MUSTER_PORT &&
	    mu_net_parse_port(s, len, false, &number, &proto))
		return made(muster_value_port(number, proto), out);
	if (type == MUSTER_TIMESTAMP && mu_time_parse_stamp(s, len, &ns))
		return made(muster_value_timestamp(ns), out);
	if (type == MUSTER_TIMESPAN && mu_time_parse_span(s, len, &ns))
		return made(muster_value_timespan(ns), out);
	return MUSTER_ETYPE;
}

static int
push_value(struct reading r, uint32_t token, struct muster_value *container)
{
	struct muster_value *e;
	int rc;

	if (token == MU_JSON_ABSENT)
		return MUSTER_ETYPE;
	rc = read_value(r, token, &e);
	return rc == 0 ? mu_node_push(container, e) : rc;
}

static int
push_element(struct reading r, uint32_t token, struct muster_value *container)
{
	int rc;

	if (container->type != MUSTER_TABLE)
		return push_value(r, token, container);
	rc = push_value(r, mu_json_member(r.j, token, "key"), container);
	if (rc == 0)
		rc = push_value(
		    r, mu_json_member(r.j, token, "value"), container);
	return rc;
}

static int
read_container(struct reading r, enum muster_type type, uint32_t token,
    struct muster_value **out)
{
	const struct mu_json_token *t = token_of(r, token);
	struct muster_value *v;
	int rc = 0;

	if (t->kind != MU_JSON_ARRAY)
		return MUSTER_ETYPE;
	if (r.depth == MUSTER_MAX_DEPTH)
		return MUSTER_ELIMIT;
	v = mu_node_new(type);
	if (v == NULL)
		return MUSTER_ENOMEM;
	r.depth++;
	for (uint32_t i = token + 1; i < t->next && rc == 0;
	     i = token_of(r, i)->next)
		rc = push_element(r, i, v);
	if (rc == 0)
		rc = mu_node_settle(v);
	if (rc != 0) {
		muster_value_unref(v);
		return rc;
	}
	*out = v;
	return 0;
}

static int
read_data(struct reading r, enum muster_type type, uint32_t token,
    struct muster_value **out)
{
	if (type == MUSTER_NONE)
		return made(muster_value_none(), out);
	if (token == MU_JSON_ABSENT)
		return MUSTER_ETYPE;
	switch (type) {
	case MUSTER_BOOLEAN:
		return read_boolean(r, token, out);
	case MUSTER_COUNT:
		return read_count(r, token, out);
	case MUSTER_INTEGER:
		return read_integer(r, token, out);
	case MUSTER_REAL:
		return read_real(r, token, out);
	case MUSTER_STRING:
	case MUSTER_ENUM:
		return read_text(r, type, token, out);
	case MUSTER_SET:
	case MUSTER_TABLE:
	case MUSTER_VECTOR:
		return read_container(r, type, token, out);
	default:
		return read_term(r, type, token, out);
	}
}

static int
read_value(struct reading r, uint32_t token, struct muster_value **out)
{
	uint32_t name = mu_json_member(r.j, token, "@data-type");

	if (name == MU_JSON_ABSENT)
		return MUSTER_ETYPE;
	for (unsigned type = 0; type < MUSTER_NTYPES; type++)
		if (mu_json_string_is(r.j, name, muster_type_name(type)))
			return read_data(
			    r, type, mu_json_member(r.j, token, "data"), out);
	return MUSTER_ETYPE;
}

int
mu_json_read_value(
    const struct mu_json *j, uint32_t token, struct muster_value **out)
{
	return read_value((struct reading){ j, 0 }, token, out);
}

int
mu_json_read_data(const struct mu_json *j, enum muster_type type,
    uint32_t token, struct muster_value **out)
{
	return read_data((struct reading){ j, 0 }, type, token, out);
}

MU_EXPORT int
muster_value_from_json(const char *text, size_t len, struct muster_value **out)
{
	struct mu_json j;
	int rc = mu_json_parse(&j, text, len);

	if (rc == 0)
		rc = mu_json_read_value(&j, 0, out);
	mu_json_clear(&j);
	return rc;
}
