/*
 * Values that are neither text nor sets, as text: what TSV and JSON lines
 * have in common, and the way back.
 */
#ifndef MU_LOGREC_SCALAR_H
#define MU_LOGREC_SCALAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "logrec/record.h"

/* Write v, which is set and no text, set or vector, at p as TSV shows it; at
 * most MU_LOG_NUMBER bytes.  Returns the end. */
uint8_t *mu_log_put_scalar(uint8_t *p, const struct mu_log_value *v);

/* Read [len] bytes as a value of v's type, which is none of those either;
 * v is set.  False: it is none. */
bool mu_log_get_scalar(struct mu_log_value *v, const char *s, size_t len);

#endif
