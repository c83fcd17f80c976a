/*
 * Relays whose events come back to them.
 */
#ifndef MU_LAYOUT_RULES_CIRCLE_H
#define MU_LAYOUT_RULES_CIRCLE_H

#include "base/diag.h"

struct mu_layout;
struct mu_rows;
struct mu_yaml;

/* Report every circle of relays, once, at the rule that comes first in the
 * file.  0 (with or without mistakes) or MUSTER_ENOMEM. */
int mu_circles_check(const struct mu_layout *l, const struct mu_rows *rows,
    const struct mu_yaml *top, struct mu_diags *diags);

#endif
