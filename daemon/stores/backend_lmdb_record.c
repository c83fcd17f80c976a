/* Encoding of entries in LMDB; the form is drawn in the header. */
#include "stores/backend_lmdb_record.h"

#include <endian.h>
#include <string.h>

#include "base/cursor.h"
#include "base/rng.h"
#include "muster/err.h"

#define VERSION  1
#define EXPIRES  1u
#define LONG_KEY 2u
#define HEADER   5 /* head and check */

/* Not against an enemy but against a bad disk, and eight bytes at a step
 * because every read of an entry pays for it. */
static uint64_t
stir(uint64_t h, const uint8_t *p, size_t len)
{
	uint64_t word;

	h ^= len;
	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		h = (h ^ le64toh(word)) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	word = 0;
	if (len > 0)
		memcpy(&word, p, len);
	h = (h ^ le64toh(word)) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 32;
}

static uint32_t
check_of(uint8_t head, struct mu_bytes stored, const uint8_t *rest, size_t len)
{
	uint64_t h = stir(head, stored.at, stored.len);

	return (uint32_t)mu_mix64(stir(h, rest, len));
}

static uint8_t
head_of(const struct record *r)
{
	return (uint8_t)(VERSION << 4 | (r->deadline != 0 ? EXPIRES : 0) |
			 (r->key.len > MU_KEY_PLAIN ? LONG_KEY : 0));
}

size_t
record_size(const struct record *r)
{
	return HEADER + (r->deadline != 0 ? 8 : 0) +
	       (r->key.len > MU_KEY_PLAIN ? 4 + r->key.len : 0) + r->value.len;
}

static uint8_t *
put_u32(uint8_t *at, uint32_t v)
{
	v = htobe32(v);
	memcpy(at, &v, 4);
	return at + 4;
}

void
record_enc(const struct record *r, struct mu_bytes stored, uint8_t *out)
{
	uint8_t *at = out + HEADER;
	uint64_t deadline = htobe64((uint64_t)r->deadline);

	out[0] = head_of(r);
	if (r->deadline != 0) {
		memcpy(at, &deadline, 8);
		at += 8;
	}
	if (r->key.len > MU_KEY_PLAIN) {
		at = put_u32(at, (uint32_t)r->key.len);
		memcpy(at, r->key.at, r->key.len);
		at += r->key.len;
	}
	if (r->value.len > 0)
		memcpy(at, r->value.at, r->value.len);
	put_u32(out + 1,
	    check_of(out[0], stored, out + HEADER, record_size(r) - HEADER));
}

int
record_dec(struct mu_bytes data, struct mu_bytes stored, struct record *r)
{
	struct mu_cursor c = mu_cursor_over(data.at, data.len);
	uint8_t head = mu_cursor_u8(&c);
	uint32_t check = mu_cursor_u32(&c);
	uint8_t again[MU_KEY_SHORT];

	if (c.error != 0)
		return MUSTER_EPROTO;
	if (head >> 4 != VERSION)
		return head >> 4 > VERSION ? MUSTER_EVERSION : MUSTER_EPROTO;
	if ((head & 0xf & ~(EXPIRES | LONG_KEY)) != 0 ||
	    check != check_of(head, stored, c.at, mu_cursor_left(&c)))
		return MUSTER_EPROTO;
	memset(r, 0, sizeof *r);
	r->key = stored;
	if (head & EXPIRES)
		r->deadline = (int64_t)mu_cursor_u64(&c);
	if (head & LONG_KEY) {
		r->key.len = mu_cursor_u32(&c);
		r->key.at = mu_cursor_bytes(&c, r->key.len);
	}
	r->value.len = mu_cursor_left(&c);
	r->value.at = mu_cursor_bytes(&c, r->value.len);
	/* One form only: what is read would be written the same. */
	if (c.error != 0 || r->deadline < 0 || head_of(r) != head ||
	    r->key.len > RECORD_MAX_KEY ||
	    mu_bytes_cmp(mu_key_short(r->key, again), stored) != 0)
		return MUSTER_EPROTO;
	return 0;
}
