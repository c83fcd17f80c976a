/*
 * Rules about who connects to whom: managers and connect lists that name
 * nodes, and nodes that are dialled but do not listen.
 */
#ifndef MU_LAYOUT_LINKS_H
#define MU_LAYOUT_LINKS_H

#include "base/diag.h"

struct mu_rows;

/* Report every such rule that the rows break.  0 or MUSTER_ENOMEM. */
int mu_links_check(const struct mu_rows *rows, struct mu_diags *diags);

#endif
