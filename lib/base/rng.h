/*
 * A small seeded generator for jitter and for the simulator: the same seed
 * gives the same numbers.  Not for secrets.  The algorithm is xoshiro256**
 * seeded by splitmix64 (Blackman and Vigna, 2018).
 */
#ifndef MU_BASE_RNG_H
#define MU_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct mu_rng {
	uint64_t s[4];
};

void mu_rng_init(struct mu_rng *r, uint64_t seed);
uint64_t mu_rng_u64(struct mu_rng *r);

/* A number in [0, n); n > 0. */
uint64_t mu_rng_below(struct mu_rng *r, uint64_t n);

/* SplitMix64 finalizer: spreads the bits of one word; for hashing. */
uint64_t mu_mix64(uint64_t x);

/* 64-bit FNV-1a with a seed in place of the offset, finished by mu_mix64;
 * for tables keyed by strings from outside give it a random seed. */
uint64_t mu_hash64(uint64_t seed, const void *p, uint64_t len);

/* 128 bits at once and in one pass, for whole messages: two lanes of 128-bit
 * products, 32 bytes a step.  seed is secret: who knows it can make equal
 * hashes. */
void mu_hash128(const uint64_t seed[2], const void *p, size_t len,
    uint64_t out[2]);

#endif
