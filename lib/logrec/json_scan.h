/*
 * Scanning one line of JSON: an object of scalars and arrays of scalars, token
 * by token, without copying.  Log lines come by the hundred thousand per
 * second; building a tree of each would cost more than all the rest.
 */
#ifndef MU_LOGREC_JSON_SCAN_H
#define MU_LOGREC_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mu_log_json_kind {
	MU_LOG_JSON_STRING,
	MU_LOG_JSON_NUMBER,
	MU_LOG_JSON_TRUE,
	MU_LOG_JSON_FALSE,
	MU_LOG_JSON_NULL,
	MU_LOG_JSON_ARRAY /* elements follow by mu_log_json_element */
};

struct mu_log_json_token {
	enum mu_log_json_kind kind;
	uint8_t *at; /* a string without its quotes, still escaped; a number */
	size_t len;
};

struct mu_log_json_scan {
	uint8_t *at;
	uint8_t *end;
	bool first;        /* no member or element was read yet */
	const char *error; /* what is wrong, once something is */
};

/* Begin at the brace of [len] bytes. */
void mu_log_json_begin(struct mu_log_json_scan *s, uint8_t *line, size_t len);

/* The next member, key still escaped.  False at the closing brace, behind
 * which only blanks may stand, or with an error. */
bool mu_log_json_member(struct mu_log_json_scan *s,
    struct mu_log_json_token *key, struct mu_log_json_token *value);

/* The next element of an array just met.  False at its end or an error. */
bool mu_log_json_element(
    struct mu_log_json_scan *s, struct mu_log_json_token *value);

/* Decode the escapes of a string in place; the new length, or -1: not JSON.
 * A lone surrogate becomes U+FFFD. */
long mu_log_json_decode(uint8_t *s, size_t len);

#endif
