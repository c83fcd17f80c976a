/*
 * The rows of "identifiers": named values that a node begins with.
 */
#ifndef MU_LAYOUT_IDENTIFIERS_H
#define MU_LAYOUT_IDENTIFIERS_H

#include "base/diag.h"

struct mu_layout;
struct mu_yaml;

#define MU_LAYOUT_MAX_IDENTIFIERS 1000

/* Read all identifiers into l->identifiers.  0 (with or without mistakes) or
 * MUSTER_ENOMEM. */
int mu_identifiers_read(
    struct mu_layout *l, const struct mu_yaml *top, struct mu_diags *diags);

void mu_identifiers_clear(struct mu_layout *l);

#endif
