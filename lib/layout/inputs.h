/* What must hold of inputs beyond what their table says. */
#ifndef MU_LAYOUT_INPUTS_H
#define MU_LAYOUT_INPUTS_H

#include <stdbool.h>

#include "base/diag.h"

struct mu_layout;
struct mu_rows;
struct mu_yaml;

/* Check the inputs that were read into l.  0 (with or without mistakes) or
 * MUSTER_ENOMEM. */
int mu_inputs_check(struct mu_layout *l, const struct mu_rows *rows,
    const struct mu_yaml *top, struct mu_diags *diags);

/* Is "name:type" a column of a log?  The reader of logs, lib/logrec, lives on
 * a higher floor; a test compares the two. */
bool mu_input_type_ok(const char *word);

#endif
