/*
 * Broker's total order (reference "broker-protocol" 4.2): by type, then by
 * content.  Broker leaves NaN unordered, which breaks its own sets; here NaN
 * is equal to itself and greater than every other real.
 */
#include "muster/value.h"

#include <math.h>
#include <string.h>

#include "base/export.h"
#include "value/node.h"

#define THREE_WAY(a, b) (((a) > (b)) - ((a) < (b)))

static int
cmp_real(double a, double b)
{
	if (isnan(a) || isnan(b))
		return THREE_WAY(isnan(a) != 0, isnan(b) != 0);
	return THREE_WAY(a, b);
}

static int
cmp_text(const struct muster_value *a, const struct muster_value *b)
{
	size_t n = a->u.len < b->u.len ? a->u.len : b->u.len;
	int c = n == 0 ? 0 : memcmp(mu_node_bytes(a), mu_node_bytes(b), n);

	return c != 0 ? c : THREE_WAY(a->u.len, b->u.len);
}

static int
cmp_subnet(const struct muster_value *a, const struct muster_value *b)
{
	int c = memcmp(a->u.addr, b->u.addr, 16);

	return c != 0 ? c : THREE_WAY(a->aux, b->aux);
}

static int
cmp_port(const struct muster_value *a, const struct muster_value *b)
{
	int c = THREE_WAY(a->u.port, b->u.port);

	return c != 0 ? c : THREE_WAY(a->aux, b->aux);
}

/* Tables keep keys and values in turn, which is the order wanted. */
static int
cmp_items(const struct mu_items *a, const struct mu_items *b)
{
	for (uint32_t i = 0; i < a->n && i < b->n; i++) {
		int c = muster_value_cmp(a->at[i], b->at[i]);

		if (c != 0)
			return c;
	}
	return THREE_WAY(a->n, b->n);
}

MU_EXPORT int
muster_value_cmp(const struct muster_value *a, const struct muster_value *b)
{
	if (a == b)
		return 0;
	if (a->type != b->type)
		return THREE_WAY(a->type, b->type);
	switch ((enum muster_type)a->type) {
	case MUSTER_NONE:
		return 0;
	case MUSTER_BOOLEAN:
		return THREE_WAY(a->aux, b->aux);
	case MUSTER_COUNT:
		return THREE_WAY(a->u.count, b->u.count);
	case MUSTER_INTEGER:
	case MUSTER_TIMESTAMP:
	case MUSTER_TIMESPAN:
		return THREE_WAY(a->u.integer, b->u.integer);
	case MUSTER_REAL:
		return cmp_real(a->u.real, b->u.real);
	case MUSTER_STRING:
	case MUSTER_ENUM:
		return cmp_text(a, b);
	case MUSTER_ADDRESS:
		return memcmp(a->u.addr, b->u.addr, 16);
	case MUSTER_SUBNET:
		return cmp_subnet(a, b);
	case MUSTER_PORT:
		return cmp_port(a, b);
	case MUSTER_SET:
	case MUSTER_TABLE:
	case MUSTER_VECTOR:
		return cmp_items(&a->u.items, &b->u.items);
	}
	return 0;
}
