/*
 * Types of log columns (reference "broker-protocol", 5.6) and what errors of
 * this room look like: a number of enum muster_err and a sentence.
 */
#ifndef MU_LOGREC_TYPE_H
#define MU_LOGREC_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers are those of the wire; what is missing is never logged. */
enum mu_log_type {
	MU_LOG_VOID = 0,
	MU_LOG_BOOL = 1,
	MU_LOG_INT = 2,
	MU_LOG_COUNT = 3,
	MU_LOG_DOUBLE = 4,
	MU_LOG_TIME = 5,
	MU_LOG_INTERVAL = 6,
	MU_LOG_STRING = 7,
	MU_LOG_ENUM = 9,
	MU_LOG_PORT = 10,
	MU_LOG_ADDR = 11,
	MU_LOG_SUBNET = 12,
	MU_LOG_SET = 14,
	MU_LOG_FUNC = 17,
	MU_LOG_FILE = 18,
	MU_LOG_VECTOR = 19
};

#define MU_LOG_TYPE_TEXT 24 /* room for "vector[interval]" */

/* What was wrong, in words that name the field, line or key concerned. */
struct mu_log_why {
	char text[200];
};

/* Set the sentence (why may be NULL) and return err. */
int mu_log_fail(struct mu_log_why *why, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static inline bool
mu_log_is_list(unsigned type)
{
	return type == MU_LOG_SET || type == MU_LOG_VECTOR;
}

static inline bool
mu_log_is_text(unsigned type)
{
	return type == MU_LOG_STRING || type == MU_LOG_ENUM ||
	       type == MU_LOG_FUNC || type == MU_LOG_FILE;
}

/* May a column be of that type, a set or vector having elements of subtype
 * (others: 0)?  Sets and vectors do not nest. */
bool mu_log_type_ok(uint64_t type, uint64_t subtype);

/* "count", "set[addr]"; "?" for what is no type.  Returns out. */
char *mu_log_type_format(
    unsigned type, unsigned subtype, char out[MU_LOG_TYPE_TEXT]);

/* The reverse, of [len] bytes; "table[T]" is read as "set[T]". */
bool mu_log_type_parse(const char *s, size_t len, enum mu_log_type *type,
    enum mu_log_type *subtype);

#endif
