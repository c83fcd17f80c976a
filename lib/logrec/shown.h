/*
 * Numbers of Zeek's TSV files, read so that Zeek's writer would show the same
 * text again.  Its routine gives different texts to numbers that are nearly
 * the same: "0.0" is nothing, "0" a number too small for six decimals, "-0.0"
 * a negative one that is smaller still.
 */
#ifndef MU_LOGREC_SHOWN_H
#define MU_LOGREC_SHOWN_H

#include <stdbool.h>
#include <stddef.h>

#include "logrec/record.h"

/* As mu_log_get_scalar, for a value of any scalar type; the numbers above
 * become one of those that are shown so, at most a billionth (a step of the
 * double, where that is larger) from what the digits say. */
bool mu_log_get_shown(struct mu_log_value *v, const char *s, size_t len);

/* The same of ISO 8601 as Zeek's JSON has it, where the lost carry of
 * 0.9999995 looks like ".1000000". */
bool mu_log_get_shown_iso8601(const char *s, size_t len, double *seconds);

#endif
