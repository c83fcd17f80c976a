/*
 * Rules across nodes: what each row alone cannot be wrong about.
 */
#ifndef MU_LAYOUT_CHECK_H
#define MU_LAYOUT_CHECK_H

#include "base/diag.h"

struct mu_layout;
struct mu_rows;
struct mu_yaml;

/* Defaults that depend on other fields or rows: a node's manager, the address
 * it binds, whether the manager takes logs.  0 or MUSTER_ENOMEM. */
int mu_check_complete(
    struct mu_layout *l, struct mu_rows *rows, const struct mu_yaml *top);

/* Limits that were not given, as far as they depend on the nodes, which l has
 * by now: there is room for all of them.  0 or MUSTER_ENOMEM. */
int mu_check_limits(struct mu_layout *l, const struct mu_yaml *top);

/* Report every rule that the layout breaks.  0 or MUSTER_ENOMEM. */
int mu_check_rules(const struct mu_layout *l, const struct mu_rows *rows,
    const struct mu_yaml *top, struct mu_diags *diags);

#endif
