/*
 * What must hold of subscriptions, relay, auto_publish and handlers beyond
 * what their tables say.
 */
#ifndef MU_LAYOUT_RULES_H
#define MU_LAYOUT_RULES_H

#include <stddef.h>

#include "base/diag.h"

struct mu_layout;
struct mu_rows;
struct mu_yaml;

/* Of element i of the list key: does its field name nodes and roles that
 * there are?  For lists of the same form elsewhere.  0 or MUSTER_ENOMEM. */
int mu_rules_check_who(struct mu_layout *l, const struct mu_rows *rows,
    const struct mu_yaml *top, struct mu_diags *diags, const char *key,
    size_t i, const char *field, char *const *list, size_t n);

/* Check the rules that were read into l; the stores must have been, too.  0
 * (with or without mistakes) or MUSTER_ENOMEM. */
int mu_rules_check(struct mu_layout *l, const struct mu_rows *rows,
    const struct mu_yaml *top, struct mu_diags *diags);

struct mu_layout_handler;

/* A handler as the layout would give it, owned by the caller; NULL when memory
 * is out.  Equal texts are equal handlers. */
char *mu_handler_text(const struct mu_layout_handler *h);

#endif
