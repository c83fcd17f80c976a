/*
 * The rows of "pools": each says how a pool differs from what it is by
 * itself.  The pools worker, proxy and logger exist without a row.
 */
#ifndef MU_LAYOUT_POOLS_H
#define MU_LAYOUT_POOLS_H

#include "base/diag.h"

struct mu_layout;
struct mu_layout_pool;
struct mu_rows;
struct mu_yaml;

#define MU_LAYOUT_MAX_POOLS    1000
#define MU_LAYOUT_MAX_REPLICAS 16
#define MU_LAYOUT_MAX_WEIGHT   64

/* Read all pools into l->pools, with the rules about the nodes they need; l
 * has its topics and manager_is_logger.  0 (with or without mistakes) or
 * MUSTER_ENOMEM. */
int mu_pools_read(struct mu_layout *l, const struct mu_rows *rows,
    const struct mu_yaml *top, struct mu_diags *diags);

/* Free what one pool owns. */
void mu_layout_pool_clear(struct mu_layout_pool *p);

#endif
