/*
 * Stepping over an encoded value.  This runs for every routed event when full
 * validation is on: one loop over local variables, no call per element, no
 * allocation.  Accepts a superset of the decoder: duplicates are not seen.
 */
#include "muster/err.h"
#include "value/codec.h"

/* Bytes with the tag where that is all there is to know; 0: look closer. */
static const uint8_t plain[256] = {
	[MUSTER_NONE] = 1,
	[MUSTER_BOOLEAN] = 1 + 1,
	[MUSTER_COUNT] = 1 + 8,
	[MUSTER_INTEGER] = 1 + 8,
	[MUSTER_REAL] = 1 + 8,
	[MUSTER_ADDRESS] = 1 + 16,
	[MUSTER_SUBNET] = 1 + 17,
	[MUSTER_TIMESTAMP] = 1 + 8,
	[MUSTER_TIMESPAN] = 1 + 8,
};

#define PORT_LEN 3 /* after the tag */

/* Behind a length; most have one byte.  NULL: there is none. */
static inline const uint8_t *
length(const uint8_t *p, const uint8_t *end, size_t *n)
{
	struct mu_cursor c;

	if (p != end && *p < 0x80) {
		*n = *p;
		return p + 1;
	}
	c = mu_cursor_over(p, (size_t)(end - p));
	*n = mu_cursor_varbyte(&c);
	return c.error == 0 ? c.at : NULL;
}

/* From p behind one value; NULL: *error says why not. */
static const uint8_t *
walk(const uint8_t *p, const uint8_t *end, int *error)
{
	size_t todo[MUSTER_MAX_DEPTH]; /* values left on each level above */
	size_t left = 1;               /* values left on this level */
	unsigned depth = 0;

	*error = MUSTER_EPROTO;
	for (;;) {
		uint8_t tag;
		size_t n;

		while (left == 0) {
			if (depth == 0)
				return p;
			left = todo[--depth];
		}
		left--;
		if (p == end)
			return NULL;
		tag = *p;
		n = plain[tag];
		if (n > 0) {
			if (n > (size_t)(end - p))
				return NULL;
			p += n;
			continue;
		}
		p++;
		if (tag == MUSTER_PORT) {
			if (end - p < PORT_LEN || p[2] > MUSTER_PROTO_ICMP)
				return NULL;
			p += PORT_LEN;
			continue;
		}
		if (tag >= MUSTER_NTYPES)
			return NULL;
		p = length(p, end, &n);
		if (p == NULL)
			return NULL;
		if (tag < MUSTER_SET) {
			if (n > (size_t)(end - p))
				return NULL;
			p += n;
			continue;
		}
		if (tag == MUSTER_TABLE)
			n *= 2;
		if (n > (size_t)(end - p))
			return NULL;
		if (depth == MUSTER_MAX_DEPTH) {
			*error = MUSTER_ELIMIT;
			return NULL;
		}
		todo[depth++] = left;
		left = n;
	}
}

void
mu_value_skip(struct mu_cursor *c)
{
	const uint8_t *p;
	int error;

	if (c->error != 0)
		return;
	p = walk(c->at, c->end, &error);
	if (p == NULL)
		mu_cursor_fail(c, error);
	else
		c->at = p;
}

int
mu_value_check(const uint8_t *buf, size_t len)
{
	int error;
	const uint8_t *p = walk(buf, buf + len, &error);

	if (p == NULL)
		return error;
	return p == buf + len ? 0 : MUSTER_EPROTO;
}
