/*
 * Points and spans of time as text, in Broker's JSON forms (reference
 * "broker-protocol" 4.5).  Both are nanoseconds in 64 bits with a sign.
 * Texts to be read are [len] bytes, not NUL-terminated.
 */
#ifndef MU_VALUE_TIME_H
#define MU_VALUE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MU_TIME_TEXT 40 /* room for either, with NUL */

/* "2020-09-01T15:58:42.372": UTC, cut to milliseconds.  Before 1970 Broker
 * rounds the seconds up and drops the fraction; so do we.  Returns out. */
char *mu_time_format_stamp(int64_t ns, char out[MU_TIME_TEXT]);

/* The same with 0 to 9 digits of fraction and an optional zone: Z, +hh:mm,
 * +hhmm, +hh. */
bool mu_time_parse_stamp(const char *s, size_t len, int64_t *ns);

/* "1500ms": the largest of ns us ms s that is exact; "0s".  Returns out. */
char *mu_time_format_span(int64_t ns, char out[MU_TIME_TEXT]);

/* Number, with or without fraction, directly followed by ns us ms s min h;
 * what is smaller than a nanosecond is cut off. */
bool mu_time_parse_span(const char *s, size_t len, int64_t *ns);

#endif
