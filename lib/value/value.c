/*
 * Life and death of values, and the scalars.  Containers are in container.c.
 */
#include "muster/value.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/export.h"
#include "value/net.h"
#include "value/node.h"
#include "value/real.h"

static struct muster_value the_none = { MU_NODE_IMMORTAL, MUSTER_NONE };
static struct muster_value the_false = { MU_NODE_IMMORTAL, MUSTER_BOOLEAN, 0 };
static struct muster_value the_true = { MU_NODE_IMMORTAL, MUSTER_BOOLEAN, 1 };

static const char *const names[MUSTER_NTYPES] = {
	[MUSTER_NONE] = "none",
	[MUSTER_BOOLEAN] = "boolean",
	[MUSTER_COUNT] = "count",
	[MUSTER_INTEGER] = "integer",
	[MUSTER_REAL] = "real",
	[MUSTER_STRING] = "string",
	[MUSTER_ADDRESS] = "address",
	[MUSTER_SUBNET] = "subnet",
	[MUSTER_PORT] = "port",
	[MUSTER_TIMESTAMP] = "timestamp",
	[MUSTER_TIMESPAN] = "timespan",
	[MUSTER_ENUM] = "enum-value",
	[MUSTER_SET] = "set",
	[MUSTER_TABLE] = "table",
	[MUSTER_VECTOR] = "vector",
};

MU_EXPORT const char *
muster_type_name(enum muster_type type)
{
	return (unsigned)type < MUSTER_NTYPES ? names[type] : NULL;
}

MU_EXPORT int
muster_type_from_name(const char *name)
{
	for (int i = 0; i < MUSTER_NTYPES; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -1;
}

MU_EXPORT struct muster_value *
muster_value_ref(const struct muster_value *v)
{
	/* Counting owners is no change of the value. */
	struct muster_value *mine = (struct muster_value *)(uintptr_t)v;

	if (mine != NULL && mine->refs != MU_NODE_IMMORTAL) {
		assert(mine->refs > 0 && mine->refs < MU_NODE_IMMORTAL - 1);
		mine->refs++;
	}
	return mine;
}

MU_EXPORT void
muster_value_unref(struct muster_value *v)
{
	if (v == NULL || v->refs == MU_NODE_IMMORTAL)
		return;
	assert(v->refs > 0);
	if (--v->refs > 0)
		return;
	if (mu_node_is_container(v)) {
		/* No deeper than MUSTER_MAX_DEPTH: the builders see to it. */
		for (uint32_t i = 0; i < v->u.items.n; i++)
			muster_value_unref(v->u.items.at[i]);
		mu_free(v->u.items.at);
	}
	mu_free(v);
}

MU_EXPORT enum muster_type
muster_value_type(const struct muster_value *v)
{
	return v->type;
}

/* --- construction ------------------------------------------------------ */

struct muster_value *
mu_node_new(enum muster_type type)
{
	struct muster_value *v = mu_calloc(1, sizeof *v);

	if (v == NULL)
		return NULL;
	v->refs = 1;
	v->type = (uint8_t)type;
	v->depth = mu_node_is_container(v);
	return v;
}

struct muster_value *
mu_node_new_text(enum muster_type type, size_t len, char **bytes)
{
	struct muster_value *v;

	if (len > SIZE_MAX - sizeof *v - 1)
		return NULL;
	v = mu_malloc(sizeof *v + len + 1);
	if (v == NULL)
		return NULL;
	memset(v, 0, sizeof *v);
	v->refs = 1;
	v->type = (uint8_t)type;
	v->u.len = len;
	*bytes = (char *)(v + 1);
	(*bytes)[len] = '\0';
	return v;
}

static struct muster_value *
new_text(enum muster_type type, const char *s, size_t len)
{
	char *bytes;
	struct muster_value *v = mu_node_new_text(type, len, &bytes);

	if (v != NULL && len > 0)
		memcpy(bytes, s, len);
	return v;
}

static struct muster_value *
new_integer(enum muster_type type, int64_t n)
{
	struct muster_value *v = mu_node_new(type);

	if (v != NULL)
		v->u.integer = n;
	return v;
}

MU_EXPORT struct muster_value *
muster_value_none(void)
{
	return &the_none;
}

MU_EXPORT struct muster_value *
muster_value_boolean(bool b)
{
	return b ? &the_true : &the_false;
}

MU_EXPORT struct muster_value *
muster_value_count(uint64_t n)
{
	struct muster_value *v = mu_node_new(MUSTER_COUNT);

	if (v != NULL)
		v->u.count = n;
	return v;
}

MU_EXPORT struct muster_value *
muster_value_integer(int64_t n)
{
	return new_integer(MUSTER_INTEGER, n);
}

MU_EXPORT struct muster_value *
muster_value_real(double d)
{
	struct muster_value *v = mu_node_new(MUSTER_REAL);

	if (v != NULL)
		v->u.real = mu_real_flush(d);
	return v;
}

MU_EXPORT struct muster_value *
muster_value_string(const char *s, size_t len)
{
	return new_text(MUSTER_STRING, s, len);
}

MU_EXPORT struct muster_value *
muster_value_cstring(const char *s)
{
	return new_text(MUSTER_STRING, s, strlen(s));
}

MU_EXPORT struct muster_value *
muster_value_enum(const char *s, size_t len)
{
	return new_text(MUSTER_ENUM, s, len);
}

MU_EXPORT struct muster_value *
muster_value_address(const uint8_t addr[16])
{
	struct muster_value *v = mu_node_new(MUSTER_ADDRESS);

	if (v != NULL)
		memcpy(v->u.addr, addr, 16);
	return v;
}

struct muster_value *
mu_node_new_subnet_raw(const uint8_t addr[16], uint8_t width)
{
	struct muster_value *v = mu_node_new(MUSTER_SUBNET);

	if (v != NULL) {
		memcpy(v->u.addr, addr, 16);
		v->aux = width;
	}
	return v;
}

MU_EXPORT struct muster_value *
muster_value_subnet(const uint8_t addr[16], unsigned width)
{
	uint8_t masked[16] = { 0 };

	if (width > 128)
		return mu_node_new_subnet_raw(masked, 0);
	memcpy(masked, addr, 16);
	mu_net_mask(masked, width);
	return mu_node_new_subnet_raw(masked, (uint8_t)width);
}

MU_EXPORT struct muster_value *
muster_value_port(uint16_t number, enum muster_proto proto)
{
	struct muster_value *v = mu_node_new(MUSTER_PORT);

	if (v != NULL) {
		v->u.port = number;
		v->aux =
		    (unsigned)proto <= MUSTER_PROTO_ICMP ? (uint8_t)proto : 0;
	}
	return v;
}

MU_EXPORT struct muster_value *
muster_value_timestamp(int64_t ns)
{
	return new_integer(MUSTER_TIMESTAMP, ns);
}

MU_EXPORT struct muster_value *
muster_value_timespan(int64_t ns)
{
	return new_integer(MUSTER_TIMESPAN, ns);
}

/* --- access ------------------------------------------------------------ */

MU_EXPORT bool
muster_value_get_boolean(const struct muster_value *v)
{
	return v->type == MUSTER_BOOLEAN && v->aux != 0;
}

MU_EXPORT uint64_t
muster_value_get_count(const struct muster_value *v)
{
	return v->type == MUSTER_COUNT ? v->u.count : 0;
}

MU_EXPORT int64_t
muster_value_get_integer(const struct muster_value *v)
{
	return v->type == MUSTER_INTEGER ? v->u.integer : 0;
}

MU_EXPORT double
muster_value_get_real(const struct muster_value *v)
{
	return v->type == MUSTER_REAL ? v->u.real : 0;
}

MU_EXPORT const char *
muster_value_get_string(const struct muster_value *v, size_t *len)
{
	bool text = mu_node_is_text(v);

	if (len != NULL)
		*len = text ? v->u.len : 0;
	return text ? mu_node_bytes(v) : NULL;
}

MU_EXPORT const uint8_t *
muster_value_get_address(const struct muster_value *v)
{
	if (v->type != MUSTER_ADDRESS && v->type != MUSTER_SUBNET)
		return NULL;
	return v->u.addr;
}

MU_EXPORT unsigned
muster_value_get_width(const struct muster_value *v)
{
	return v->type == MUSTER_SUBNET ? v->aux : 0;
}

MU_EXPORT uint16_t
muster_value_get_port(const struct muster_value *v, enum muster_proto *proto)
{
	bool port = v->type == MUSTER_PORT;

	if (proto != NULL)
		*proto = port ? v->aux : MUSTER_PROTO_UNKNOWN;
	return port ? v->u.port : 0;
}

MU_EXPORT int64_t
muster_value_get_ns(const struct muster_value *v)
{
	if (v->type != MUSTER_TIMESTAMP && v->type != MUSTER_TIMESPAN)
		return 0;
	return v->u.integer;
}
