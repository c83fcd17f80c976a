/*
 * Types as Zeek's scripts write them, for keys whose values do not tell them:
 *
 *	count   enum Log::ID   vector of addr   set[addr, port]
 *	table[string] of count   record { a: addr; p: port; s: string &optional;
 *}
 *
 * A name that is no type of Zeek's is that of an enum's type.
 */
#ifndef MU_VALUE_KEY_TYPE_H
#define MU_VALUE_KEY_TYPE_H

#include <stddef.h>

#include "muster/value.h"

/* Numbers of Zeek's types. */
enum mu_zeek_type {
	ZEEK_NONE = 0,
	ZEEK_BOOL = 1,
	ZEEK_INT = 2,
	ZEEK_COUNT = 3,
	ZEEK_DOUBLE = 4,
	ZEEK_TIME = 5,
	ZEEK_INTERVAL = 6,
	ZEEK_STRING = 7,
	ZEEK_ENUM = 9,
	ZEEK_PORT = 10,
	ZEEK_ADDR = 11,
	ZEEK_SUBNET = 12,
	ZEEK_TABLE = 14, /* a set is one that yields nothing */
	ZEEK_RECORD = 15,
	ZEEK_LIST = 16,
	ZEEK_VECTOR = 19
};

/* That of a value without parts; of a vector, which may be a record, that
 * of a vector. */
enum mu_zeek_type mu_zeek_type_of(enum muster_type type);

struct mu_key_type {
	enum mu_zeek_type tag;
	char *name;                /* of an enum's type */
	char *field;               /* its name, when a field of a record */
	struct mu_key_type *parts; /* fields, indexes, elements of a vector */
	struct mu_key_type *next;  /* the part behind this one */
	struct mu_key_type *yield; /* what a table yields; NULL: a set */
};

/*
 * Read a type.
 *
 * text  [len] at most MU_KEY_TYPE_TEXT bytes
 * out   owned by the caller
 *
 * 0; MUSTER_EINVAL for what is no type; MUSTER_ENOMEM.
 */
int mu_key_type_parse(const char *text, size_t len, struct mu_key_type **out);
void mu_key_type_free(struct mu_key_type *t);

#define MU_KEY_TYPE_TEXT 4096

/*
 * The type that a value has by itself, owned by the caller: that of its first
 * elements.  A vector is taken for a vector, not for a record.
 *
 * why  what is missing, on MUSTER_EINVAL and MUSTER_ETYPE
 *
 * 0; MUSTER_EINVAL when the value does not tell: enums, empty containers, sets
 * and tables of vectors; MUSTER_ETYPE for none; MUSTER_ENOMEM.
 */
int mu_key_type_of(
    const struct muster_value *v, struct mu_key_type **out, const char **why);

/* Number of parts. */
size_t mu_key_type_parts(const struct mu_key_type *t);

#endif
