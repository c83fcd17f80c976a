/*
 * Numbers as Zeek's log writers print them (reference "cluster-semantics",
 * 4.6 and 4.7).  All functions write at p without a NUL, never more than
 * MU_LOG_NUMBER bytes, and return the end.
 */
#ifndef MU_LOGREC_NUMBER_H
#define MU_LOGREC_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MU_LOG_NUMBER 336

char *mu_log_put_u64(char *p, uint64_t v);
char *mu_log_put_i64(char *p, int64_t v);

/* A double column of TSV: at most six decimals, ".0" behind what is whole. */
char *mu_log_put_double(char *p, double v);

/* A time or interval column of TSV: six decimals; exponent form from
 * 2147483647. */
char *mu_log_put_time(char *p, double v);

/* A number of JSON lines, the shortest that reads back as v (finite). */
char *mu_log_put_shortest(char *p, double v);

/* "2008-07-09T16:13:30.005432Z" */
char *mu_log_put_iso8601(char *p, double seconds);

/* Milliseconds, cut off; out of range they stay at the limit. */
int64_t mu_log_millis(double seconds);

/* The reverse, of [len] bytes which must be all number.  False when it is
 * none or does not fit. */
bool mu_log_get_u64(const char *s, size_t len, uint64_t *v);
bool mu_log_get_i64(const char *s, size_t len, int64_t *v);
/* Also "inf", "-inf", "nan"; correctly rounded. */
bool mu_log_get_double(const char *s, size_t len, double *v);
/* ISO 8601 with seconds, optional fraction, Z or an offset or nothing. */
bool mu_log_get_iso8601(const char *s, size_t len, double *seconds);

#endif
