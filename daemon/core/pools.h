/*
 * The pools of one node: those of its layout, told by membership who is up
 * (reference "cluster-semantics", 3).  Others ask it who gets what.
 */
#ifndef CORE_POOLS_H
#define CORE_POOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/pools.h"

struct members;
struct mu_layout;
struct mu_layout_node;
struct mu_layout_pool;
struct muster_filter;
struct muster_value;

/* The pools of a layout as node sees them: everybody else is down.  NULL when
 * memory is out. */
struct mu_pools *pools_build(
    const struct mu_layout *layout, const struct mu_layout_node *node);

/* Let all of now's nodes that are up be up in p; for new pools of a reload. */
void pools_fill(struct mu_pools *p, const struct members *now);

/* Add the topics of the pools that node belongs to.  0 or MUSTER_ENOMEM. */
int pools_subscribe(const struct mu_pools *p, const struct mu_layout_node *node,
    struct muster_filter *f);

/*
 * The digest of a key.
 *
 * type  of the key where it does not tell it itself, or NULL
 * why   what was wrong
 *
 * 0, or an error as mu_key_enc (value/key.h); MUSTER_ELIMIT for a key of more
 * than MU_KEY_BYTES.
 */
int pools_digest(const struct muster_value *key, const char *type,
    uint32_t *digest, const char **why);

/* The topic that reaches a member, owned by the caller; NULL: no memory. */
char *pools_topic(const struct mu_layout *layout, const char *member);

#endif
