/* Reading a format with an error that sticks; see cursor.h. */
#include "base/cursor.h"

#include "muster/err.h"

void
mu_cursor_fail(struct mu_cursor *c, int err)
{
	if (c->error == 0)
		c->error = err;
	c->at = c->end;
}

const uint8_t *
mu_cursor_bytes(struct mu_cursor *c, size_t n)
{
	const uint8_t *p = c->at;

	if (c->error != 0)
		return NULL;
	if (n > mu_cursor_left(c)) {
		mu_cursor_fail(c, MUSTER_EPROTO);
		return NULL;
	}
	c->at += n;
	return p;
}

uint8_t
mu_cursor_u8(struct mu_cursor *c)
{
	if (c->at == c->end) {
		mu_cursor_fail(c, MUSTER_EPROTO);
		return 0;
	}
	return *c->at++;
}

uint16_t
mu_cursor_u16(struct mu_cursor *c)
{
	const uint8_t *p = mu_cursor_bytes(c, 2);

	return (uint16_t)(p == NULL ? 0 : p[0] << 8 | p[1]);
}

uint32_t
mu_cursor_u32(struct mu_cursor *c)
{
	const uint8_t *p = mu_cursor_bytes(c, 4);

	return p == NULL ? 0
			 : (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
			       (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

uint64_t
mu_cursor_u64(struct mu_cursor *c)
{
	const uint8_t *p = mu_cursor_bytes(c, 8);
	uint64_t v = 0;

	for (int i = 0; p != NULL && i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

uint32_t
mu_cursor_varbyte(struct mu_cursor *c)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 35; shift += 7) {
		uint8_t byte = mu_cursor_u8(c);

		v |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0) {
			if (v > UINT32_MAX)
				break;
			return (uint32_t)v;
		}
	}
	mu_cursor_fail(c, MUSTER_EPROTO);
	return 0;
}

uint32_t
mu_cursor_count(struct mu_cursor *c, size_t min_size)
{
	uint32_t n = mu_cursor_varbyte(c);

	if (min_size > 0 && n > mu_cursor_left(c) / min_size) {
		mu_cursor_fail(c, MUSTER_EPROTO);
		return 0;
	}
	return n;
}

const uint8_t *
mu_cursor_str(struct mu_cursor *c, size_t *len)
{
	uint32_t n = mu_cursor_varbyte(c);
	const uint8_t *p = mu_cursor_bytes(c, n);

	*len = p == NULL ? 0 : n;
	return p;
}

int
mu_cursor_done(const struct mu_cursor *c)
{
	if (c->error != 0)
		return c->error;
	return c->at == c->end ? 0 : MUSTER_EPROTO;
}
