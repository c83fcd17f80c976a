/*
 * Random values of all types, nested, from a seed.
 */
#ifndef UNIT_VALUE_GEN_H
#define UNIT_VALUE_GEN_H

#include <check.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/rng.h"
#include "muster/value.h"

struct value_gen {
	struct mu_rng rng;
	bool plain; /* only what JSON carries without loss */
};

static struct muster_value *value_gen(struct value_gen *g, unsigned depth);

static uint64_t
value_gen_bits(struct value_gen *g)
{
	static const uint64_t edges[] = { 0, 1, 127, 128, 0x7fffffffffffffff,
		0x8000000000000000, UINT64_MAX };

	if (mu_rng_below(&g->rng, 3) == 0)
		return edges[mu_rng_below(&g->rng, 7)];
	return mu_rng_u64(&g->rng) >> mu_rng_below(&g->rng, 64);
}

static double
value_gen_real(struct value_gen *g)
{
	static const double edges[] = { 0.0, -0.0, 1.5, -1.5, 1e300, 1e-300,
		INFINITY, -INFINITY, NAN };
	uint64_t bits = mu_rng_u64(&g->rng);
	double d;

	if (g->plain)
		return (double)(int32_t)bits / 64;
	if (mu_rng_below(&g->rng, 2) == 0)
		return edges[mu_rng_below(&g->rng, 9)];
	memcpy(&d, &bits, sizeof d);
	return d;
}

static void
value_gen_addr(struct value_gen *g, uint8_t addr[16])
{
	memset(addr, 0, 16);
	if (mu_rng_below(&g->rng, 2) == 0)
		addr[10] = addr[11] = 0xff;
	else if (mu_rng_below(&g->rng, 2) == 0)
		for (int i = 0; i < 12; i++)
			addr[i] = (uint8_t)mu_rng_u64(&g->rng);
	for (int i = 12; i < 16; i++)
		addr[i] = (uint8_t)mu_rng_u64(&g->rng);
	addr[mu_rng_below(&g->rng, 2) * 15] &= 3;
}

static struct muster_value *
value_gen_text(struct value_gen *g, bool is_enum)
{
	static const char *const pieces[] = { "a", "b", "::", "Notice", " ",
		"\"", "\\", "/", "\n", "\x01", "\x7f", "\xc3\xbc",
		"\xf0\x9f\x90\x88", "\v" };
	char s[400];
	size_t len = mu_rng_below(&g->rng, 10) == 0 ? 300 : 12;

	len = mu_rng_below(&g->rng, len);
	if (g->plain) {
		size_t n = 0;

		s[0] = '\0';
		while (n < len) {
			const char *p = pieces[mu_rng_below(&g->rng, 14)];

			strcpy(s + n, p);
			n += strlen(p);
		}
		len = n;
	} else {
		for (size_t i = 0; i < len; i++)
			s[i] = (char)mu_rng_u64(&g->rng);
	}
	return is_enum ? muster_value_enum(s, len)
		       : muster_value_string(s, len);
}

static struct muster_value *
value_gen_scalar(struct value_gen *g, enum muster_type type)
{
	uint64_t bits = value_gen_bits(g);
	uint8_t addr[16];

	value_gen_addr(g, addr);
	switch (type) {
	case MUSTER_NONE:
		return muster_value_none();
	case MUSTER_BOOLEAN:
		return muster_value_boolean(bits & 1);
	case MUSTER_COUNT:
		return muster_value_count(bits);
	case MUSTER_INTEGER:
		return muster_value_integer((int64_t)bits);
	case MUSTER_REAL:
		return muster_value_real(value_gen_real(g));
	case MUSTER_STRING:
	case MUSTER_ENUM:
		return value_gen_text(g, type == MUSTER_ENUM);
	case MUSTER_ADDRESS:
		return muster_value_address(addr);
	case MUSTER_SUBNET:
		return muster_value_subnet(
		    addr, (unsigned)mu_rng_below(&g->rng, 129));
	case MUSTER_PORT:
		return muster_value_port(
		    (uint16_t)bits, mu_rng_below(&g->rng, 4));
	case MUSTER_TIMESTAMP:
		/* JSON has milliseconds, and none before 1970. */
		if (g->plain)
			bits = bits % 9000000000000 * 1000000;
		return muster_value_timestamp((int64_t)bits);
	default:
		return muster_value_timespan((int64_t)bits);
	}
}

static struct muster_value *
value_gen_container(struct value_gen *g, enum muster_type type, unsigned depth)
{
	struct muster_value *v = type == MUSTER_SET     ? muster_value_set()
				 : type == MUSTER_TABLE ? muster_value_table()
							: muster_value_vector();
	uint64_t n = mu_rng_below(&g->rng, 6);

	for (uint64_t i = 0; i < n; i++) {
		struct muster_value *e = value_gen(g, depth);

		/* A set may turn a duplicate down: fine. */
		if (type == MUSTER_SET)
			muster_value_insert(v, e);
		else if (type == MUSTER_VECTOR)
			ck_assert_int_eq(muster_value_append(v, e), 0);
		else
			ck_assert_int_eq(
			    muster_value_put(v, e, value_gen(g, depth)), 0);
	}
	return v;
}

/* A value of at most that many levels of containers. */
static struct muster_value *
value_gen(struct value_gen *g, unsigned depth)
{
	enum muster_type type =
	    mu_rng_below(&g->rng, depth == 0 ? MUSTER_SET : MUSTER_NTYPES);

	if (type < MUSTER_SET)
		return value_gen_scalar(g, type);
	return value_gen_container(g, type, depth - 1);
}

#endif
