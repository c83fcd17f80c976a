/*
 * JSON texts as flat arrays of tokens (RFC 8259).
 *
 * jansson cannot serve values: it keeps integers in 64 bits with a sign, so
 * counts above 2^63-1 are errors; it does not tell 1 from 1.0 once parsed into
 * a real where Broker's format does; and it refuses what Broker writes (raw
 * control bytes, \v, bytes that are no UTF-8).  A token is 16 bytes and knows
 * where its neighbour starts, so members are found in any order in one pass.
 */
#ifndef MU_VALUE_JSON_H
#define MU_VALUE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "muster/value.h"

enum mu_json_kind {
	MU_JSON_NULL,
	MU_JSON_FALSE,
	MU_JSON_TRUE,
	MU_JSON_INTEGER, /* a number without point and exponent */
	MU_JSON_REAL,    /* a number with one; or the word nan, as Broker's */
	MU_JSON_STRING,  /* at, len: between the quotes */
	MU_JSON_ARRAY,   /* elements follow */
	MU_JSON_OBJECT   /* keys (strings) and values follow in turn */
};

struct mu_json_token {
	uint32_t at;   /* first byte in the text */
	uint32_t len;  /* bytes of a scalar */
	uint32_t next; /* index of the token behind this one's last child */
	uint8_t kind;  /* enum mu_json_kind */
	bool escaped;  /* a string with backslashes */
};

struct mu_json {
	const char *text;             /* borrowed */
	struct mu_json_token *tokens; /* owned; [0] is the whole text */
	uint32_t n;
	uint32_t cap;
};

#define MU_JSON_ABSENT UINT32_MAX

/* Three levels of JSON per level of values, and the outermost. */
#define MU_JSON_MAX_DEPTH (3 * MUSTER_MAX_DEPTH + 3)

/*
 * Split text [len], which must be one JSON value, borrowed while j is used.
 * Beyond RFC 8259, strings may hold control bytes except NUL, \v, and any
 * bytes >= 0x80; nan is a number.  0, MUSTER_EPROTO, MUSTER_ELIMIT (nesting,
 * 2 GiB), MUSTER_ENOMEM.  Clear j also on failure.
 */
int mu_json_parse(struct mu_json *j, const char *text, size_t len);
void mu_json_clear(struct mu_json *j);

/* Value of an object's member, the first of that name, or MU_JSON_ABSENT. */
uint32_t mu_json_member(
    const struct mu_json *j, uint32_t object, const char *name);

/* Is that token the string s? */
bool mu_json_string_is(const struct mu_json *j, uint32_t token, const char *s);

/* Write the string's bytes, escapes resolved, to out, which has room for the
 * token's len bytes; returns their number. */
size_t mu_json_unescape(const struct mu_json *j, uint32_t token, char *out);

/*
 * Values: {"@data-type":...,"data":...} at a token; the data of a known type
 * at a token.  0 and *out owned by the caller; MUSTER_ETYPE where type and data
 * do not fit, MUSTER_EPROTO for integers beyond 64 bits, MUSTER_EEXIST for
 * duplicates, MUSTER_ELIMIT for nesting, MUSTER_ENOMEM.
 */
int mu_json_read_value(
    const struct mu_json *j, uint32_t token, struct muster_value **out);
int mu_json_read_data(const struct mu_json *j, enum muster_type type,
    uint32_t token, struct muster_value **out);

#endif
