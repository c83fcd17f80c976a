/*
 * The rows of "stores": each declares one data store.
 */
#ifndef MU_LAYOUT_STORES_H
#define MU_LAYOUT_STORES_H

#include "base/diag.h"

struct mu_layout;
struct mu_layout_store;
struct mu_rows;
struct mu_yaml;

#define MU_LAYOUT_MAX_STORES 1000
#define MU_LAYOUT_STORE_NAME 255 /* bytes */

/* Read all stores into l->stores, with the rules about the nodes they name.
 * 0 (with or without mistakes) or MUSTER_ENOMEM. */
int mu_stores_read(struct mu_layout *l, const struct mu_rows *rows,
    const struct mu_yaml *top, struct mu_diags *diags);

/* Free what one store owns. */
void mu_layout_store_clear(struct mu_layout_store *s);

#endif
