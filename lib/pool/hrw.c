/* Rendezvous hashing; see hrw.h. */
#include "pool/hrw.h"

#define FNV_BASIS UINT32_C(2166136261)
#define FNV_PRIME UINT32_C(16777619)
/* The linear congruential generator of 4.3BSD's rand, as Thaler and
 * Ravishankar propose ("A Name-Based Mapping Scheme for Rendezvous", 1996). */
#define LCG_A    UINT32_C(1103515245)
#define LCG_B    UINT32_C(12345)
#define LOW_BITS UINT32_C(0x7fffffff)

uint32_t
mu_hrw_digest(const void *p, size_t len)
{
	const uint8_t *at = p;
	uint32_t h = FNV_BASIS;

	for (size_t i = 0; i < len; i++)
		h = (h ^ at[i]) * FNV_PRIME;
	return h;
}

uint32_t
mu_hrw_weight(uint32_t site, uint32_t digest)
{
	uint32_t mixed = (LCG_A * site + LCG_B) ^ (digest & LOW_BITS);

	return (LCG_A * mixed + LCG_B) & LOW_BITS;
}
