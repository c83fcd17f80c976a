/*
 * Stepping over an encoded value.  This runs for every routed event when full
 * validation is on: one loop over local variables, no call per element, no
 * allocation.  Accepts a superset of the decoder: duplicates are not seen.
 */
#include "muster/err.h"
#include "value/codec.h"

/* Bytes after the tag where their number is fixed. */
static const uint8_t fixed[MUSTER_NTYPES] = {
	[MUSTER_BOOLEAN] = 1,
	[MUSTER_COUNT] = 8,
	[MUSTER_INTEGER] = 8,
	[MUSTER_REAL] = 8,
	[MUSTER_ADDRESS] = 16,
	[MUSTER_SUBNET] = 17,
	[MUSTER_PORT] = 3,
	[MUSTER_TIMESTAMP] = 8,
	[MUSTER_TIMESPAN] = 8,
};

/* A length; most have one byte. */
static inline uint32_t
length(struct mu_cursor *c)
{
	if (c->at != c->end && *c->at < 0x80)
		return *c->at++;
	return mu_cursor_varbyte(c);
}

static void
walk(struct mu_cursor *c)
{
	size_t todo[MUSTER_MAX_DEPTH]; /* values left on each level above */
	size_t left = 1;               /* values left on this level */
	unsigned depth = 0;

	for (;;) {
		uint8_t tag;
		size_t n;

		while (left == 0) {
			if (depth == 0)
				return;
			left = todo[--depth];
		}
		left--;
		if (c->at == c->end)
			break;
		tag = *c->at++;
		if (tag >= MUSTER_NTYPES)
			break;
		n = fixed[tag];
		if (n == 0 && tag != MUSTER_NONE) {
			n = length(c);
			if (tag >= MUSTER_SET) {
				if (tag == MUSTER_TABLE)
					n *= 2;
				if (n > mu_cursor_left(c))
					break;
				if (depth == MUSTER_MAX_DEPTH) {
					mu_cursor_fail(c, MUSTER_ELIMIT);
					return;
				}
				todo[depth++] = left;
				left = n;
				continue;
			}
		}
		if (n > mu_cursor_left(c))
			break;
		if (tag == MUSTER_PORT && c->at[2] > MUSTER_PROTO_ICMP)
			break;
		c->at += n;
	}
	mu_cursor_fail(c, MUSTER_EPROTO);
}

void
mu_value_skip(struct mu_cursor *c)
{
	if (c->error == 0)
		walk(c);
}

int
mu_value_check(const uint8_t *buf, size_t len)
{
	struct mu_cursor c = mu_cursor_over(buf, len);

	mu_value_skip(&c);
	return mu_cursor_done(&c);
}
