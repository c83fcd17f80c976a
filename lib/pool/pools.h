/*
 * All pools of a cluster as one node sees them: which nodes belong to which,
 * assigned exactly as Zeek does (reference "cluster-semantics" 3.2), so that
 * all nodes of a mixed cluster agree without a word.
 */
#ifndef MU_POOL_POOLS_H
#define MU_POOL_POOLS_H

#include <stdbool.h>
#include <stddef.h>

#include "pool/pool.h"

struct mu_pools;

/* A node that pools may take; borrowed. */
struct mu_pool_node {
	const char *name;
	int type;
};

/*
 * Assign nodes to pools.
 *
 * specs  [nspecs] in any order
 * nodes  [nnodes] those of one type stand in the order in which pools take
 *        them: by name, and behind the loggers a manager that is one too
 * self   name of the local node, or NULL
 *
 * A pool that asks for more nodes than there are gets those there are.  NULL
 * when memory is out.
 */
struct mu_pools *mu_pools_new(const struct mu_pool_spec *specs, size_t nspecs,
    const struct mu_pool_node *nodes, size_t nnodes, const char *self);
void mu_pools_free(struct mu_pools *p);

/* Let each pool take over from the pool of the same name; earlier is spoilt
 * and only to be freed.  Members that no pool had before are down: tell with
 * mu_pools_set_up who is up. */
void mu_pools_inherit(struct mu_pools *p, struct mu_pools *earlier);

/* A node came or went, for all pools.  True when some pool changed. */
bool mu_pools_set_up(struct mu_pools *p, const char *name, bool up);

size_t mu_pools_count(const struct mu_pools *p);
/* Pool i, in the order of their topics. */
struct mu_pool *mu_pools_at(const struct mu_pools *p, size_t i);
/* The pool of that name, or NULL. */
struct mu_pool *mu_pools_find(const struct mu_pools *p, const char *name);

#endif
