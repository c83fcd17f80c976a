/* Filters inside the library: besides muster/topic.h, copies, comparison and
 * the bulk form that reading one from the wire needs. */
#ifndef MU_TOPIC_FILTER_H
#define MU_TOPIC_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "muster/topic.h"

/* A copy, owned by the caller; NULL when memory is out. */
struct muster_filter *mu_filter_copy(const struct muster_filter *f);
bool mu_filter_eq(const struct muster_filter *a, const struct muster_filter *b);
/* Is prefix [len] itself an entry (not merely covered)? */
bool mu_filter_has(
    const struct muster_filter *f, const char *prefix, size_t len);
/* Does any entry begin with prefix [len]?  (Is the peer interested below?) */
bool mu_filter_has_below(
    const struct muster_filter *f, const char *prefix, size_t len);

/*
 * Many prefixes at once: append each, in any order, then normalize once.  In
 * between the filter is good for nothing else but muster_filter_free.  0,
 * MUSTER_ENOMEM, or MUSTER_ELIMIT for a topic too long.
 */
int mu_filter_append(struct muster_filter *f, const char *prefix, size_t len);
void mu_filter_normalize(struct muster_filter *f);

#endif
