/*
 * What a modification makes of a value (reference "broker-protocol", 6.6), and
 * what a query reads out of one; for this room and its tests.
 */
#ifndef MU_STORE_APPLY_H
#define MU_STORE_APPLY_H

#include "store/store.h"

/*
 * add or subtract amount.
 *
 * old        the stored value, borrowed; NULL: the key is missing
 * init_type  add: what a missing key becomes first
 * out        on MU_STORE_OK the new value, owned by the caller
 *
 * MU_STORE_OK, TYPE_CLASH, INVALID (a pair for a table has not two elements),
 * NO_SUCH_KEY (subtract from a missing key), TOO_LARGE (nesting) or NOMEM.
 */
enum mu_store_status mu_apply_add(const struct muster_value *old,
    const struct muster_value *amount, enum muster_type init_type,
    struct muster_value **out);
enum mu_store_status mu_apply_subtract(const struct muster_value *old,
    const struct muster_value *amount, struct muster_value **out);

/* get_index_from_value: the element of a table or vector, the membership of a
 * set as boolean, any other value itself.  OK with *out owned, NO_SUCH_KEY,
 * TYPE_CLASH or NOMEM. */
enum mu_store_status mu_apply_index(const struct muster_value *value,
    const struct muster_value *index, struct muster_value **out);

#endif
