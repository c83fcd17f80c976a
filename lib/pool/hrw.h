/*
 * Rendezvous hashing as Zeek does it (reference "cluster-semantics" 3.6): 32
 * bits everywhere, so that every node of a mixed cluster chooses alike.
 */
#ifndef MU_POOL_HRW_H
#define MU_POOL_HRW_H

#include <stddef.h>
#include <stdint.h>

/* FNV-1a of [len] bytes: the digest of a key's bytes, the id of a site's
 * name. */
uint32_t mu_hrw_digest(const void *p, size_t len);

/* How much the site of that id wants a key of that digest: the site with the
 * largest weight gets it, of equal ones that with the larger id. */
uint32_t mu_hrw_weight(uint32_t site, uint32_t digest);

#endif
