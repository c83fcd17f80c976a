/* Seeded numbers and hashes; see rng.h. */
#include "base/rng.h"

#include <string.h>

static uint64_t
rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

uint64_t
mu_mix64(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

void
mu_rng_init(struct mu_rng *r, uint64_t seed)
{
	for (int i = 0; i < 4; i++) {
		seed += 0x9e3779b97f4a7c15u;
		r->s[i] = mu_mix64(seed);
	}
}

uint64_t
mu_rng_u64(struct mu_rng *r)
{
	uint64_t *s = r->s;
	uint64_t result = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

uint64_t
mu_rng_below(struct mu_rng *r, uint64_t n)
{
	/* The bias of the modulo is below 2^-32 for every n used here. */
	return mu_rng_u64(r) % n;
}

uint64_t
mu_hash64(uint64_t seed, const void *p, uint64_t len)
{
	const uint8_t *b = p;
	uint64_t h = 0xcbf29ce484222325u ^ seed;

	/* Eight bytes a step: topics are short and hashed per event. */
	while (len >= 8) {
		uint64_t w;

		memcpy(&w, b, 8);
		h = (h ^ mu_mix64(w)) * 0x100000001b3u;
		h = rotl(h, 29);
		b += 8;
		len -= 8;
	}
	while (len-- > 0)
		h = (h ^ *b++) * 0x100000001b3u;
	return mu_mix64(h);
}

/* One lane: what is absorbed is multiplied into it.  The factors come back by
 * xor, so a factor of zero does not wipe out what was there. */
struct lane {
	uint64_t a, b;
};

static inline void
absorb(struct lane *l, uint64_t x, uint64_t y)
{
	__extension__ unsigned __int128 product;

	x ^= l->a;
	y ^= l->b;
	product = x;
	product *= y;
	l->a = (uint64_t)product ^ y;
	l->b = (uint64_t)(product >> 64) ^ x;
}

static inline void
absorb_bytes(struct lane *l, const uint8_t *p)
{
	uint64_t x, y;

	memcpy(&x, p, 8);
	memcpy(&y, p + 8, 8);
	absorb(l, x, y);
}

/* What is left at the end, less than 16 bytes after no others. */
static void __attribute__((noinline))
absorb_few(struct lane *l, const uint8_t *p, size_t len)
{
	uint8_t tail[16] = { 0 };

	memcpy(tail, p, len);
	absorb_bytes(l, tail);
}

void
mu_hash128(const uint64_t seed[2], const void *p, size_t len, uint64_t out[2])
{
	struct lane l = { seed[0] ^ len, seed[1] };
	struct lane m = { seed[1] ^ 0x9e3779b97f4a7c15u,
		seed[0] ^ 0xd1b54a32d192ed03u };
	const uint8_t *b = p;

	for (; len >= 32; b += 32, len -= 32) {
		absorb_bytes(&l, b);
		absorb_bytes(&m, b + 16);
	}
	if (len >= 16) {
		absorb_bytes(&l, b);
		b += 16;
		len -= 16;
	}
	if (len > 0 && b - (const uint8_t *)p >= 16)
		/* some bytes twice: the length was absorbed */
		absorb_bytes(&m, b + len - 16);
	else if (len > 0)
		absorb_few(&m, b, len);
	absorb(&l, m.a, m.b);
	absorb(&l, seed[1], seed[0]);
	out[0] = mu_mix64(l.a);
	out[1] = mu_mix64(l.b);
}
