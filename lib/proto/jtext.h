/*
 * JSON objects of one line, looked at in place: the values stay slices of the
 * text, so an argument of many megabytes or a count beyond 2^63 goes through
 * to the value codec exactly as it was written.  (A tree would round the
 * numbers and copy everything twice.)  RFC 8259.
 */
#ifndef MU_PROTO_JTEXT_H
#define MU_PROTO_JTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Nesting of arrays and objects accepted by mu_jtext_check.  A Broker value of
 * the deepest permitted nesting (100) needs at most four levels for each. */
#define MU_JTEXT_MAX_DEPTH 512

enum mu_jtext_kind {
	MU_JTEXT_NONE = 0, /* no value at all: the member is absent */
	MU_JTEXT_NULL,
	MU_JTEXT_BOOLEAN,
	MU_JTEXT_NUMBER,
	MU_JTEXT_STRING,
	MU_JTEXT_ARRAY,
	MU_JTEXT_OBJECT
};

/* One value as it stands in the text; borrowed. */
struct mu_jtext {
	const char *at;
	size_t len;
};

/*
 * Is text [len] exactly one JSON value (blanks around it are fine)?
 *
 * 0; MUSTER_EPROTO with *bad the offset of the first byte that does not fit;
 * MUSTER_ELIMIT when it is nested too deep.  bad may be NULL.
 */
int mu_jtext_check(const char *text, size_t len, size_t *bad);

/* The checked text as a value without the blanks around it. */
struct mu_jtext mu_jtext_over(const char *text, size_t len);
enum mu_jtext_kind mu_jtext_kind(const struct mu_jtext *v);

/* Walks the members of a checked object or the elements of an array. */
struct mu_jtext_walk {
	const char *at, *end;
	bool object;
};
struct mu_jtext_walk mu_jtext_walk(const struct mu_jtext *v);
/* The next one; key is set for objects and may be NULL.  false: no more. */
bool mu_jtext_next(
    struct mu_jtext_walk *w, struct mu_jtext *key, struct mu_jtext *value);

/* The value of the first member with that name; kind NONE when absent. */
struct mu_jtext mu_jtext_member(
    const struct mu_jtext *object, const char *name);

/*
 * Append the bytes of a string, escapes undone.  Failure sticks in out; a lone
 * surrogate is MUSTER_EPROTO.  0 or that error; MUSTER_ETYPE for no string.
 */
int mu_jtext_string(const struct mu_jtext *v, struct mu_buf *out);
/* The string as C text, owned by the caller (mu_free); NULL when it is no
 * string, holds a NUL byte or memory is out. */
char *mu_jtext_cstring(const struct mu_jtext *v);
/* Is it the string s?  (Escapes are understood.) */
bool mu_jtext_is(const struct mu_jtext *v, const char *s);
/* A whole number; MUSTER_ETYPE otherwise. */
int mu_jtext_integer(const struct mu_jtext *v, int64_t *out);

/* Append bytes [len] as a JSON string: control bytes are escaped and what is
 * not UTF-8 becomes U+FFFD, so the result is valid always. */
void mu_jtext_put_string(struct mu_buf *b, const void *bytes, size_t len);
void mu_jtext_put_cstring(struct mu_buf *b, const char *s);

#endif
