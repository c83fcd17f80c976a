/* Filters inside the library: besides muster/topic.h, copies, comparison and
 * wire form helpers. */
#ifndef MU_TOPIC_FILTER_H
#define MU_TOPIC_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "muster/topic.h"

struct muster_filter *mu_filter_copy(const struct muster_filter *f);
bool mu_filter_eq(const struct muster_filter *a, const struct muster_filter *b);
/* Is prefix [len] itself an entry (not merely covered)? */
bool mu_filter_has(const struct muster_filter *f, const char *prefix,
    size_t len);
/* Does any entry begin with prefix [len]?  (Is the peer interested below?) */
bool mu_filter_has_below(const struct muster_filter *f, const char *prefix,
    size_t len);

#endif
