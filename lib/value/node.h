/*
 * What a value is made of; for this room only.  Everybody else goes through
 * muster/value.h.
 *
 * Strings keep their bytes behind the struct.  Containers keep an array of
 * pointers: elements of a vector in their order, those of a set sorted, of a
 * table key and value alternating, sorted by key.
 */
#ifndef MU_VALUE_NODE_H
#define MU_VALUE_NODE_H

#include "muster/value.h"

/* refs of the values that exist once and are never freed or written: none,
 * true and false.  A frame of a million nones thus costs only the pointers. */
#define MU_NODE_IMMORTAL UINT32_MAX

struct mu_items {
	struct muster_value **at; /* owned array of owned values */
	uint32_t n;               /* pointers in use (two per pair) */
	uint32_t cap;             /* pointers allocated */
};

struct muster_value {
	uint32_t refs; /* owners, or MU_NODE_IMMORTAL */
	uint8_t type;  /* enum muster_type */
	uint8_t aux;   /* boolean; port protocol; subnet width */
	uint8_t depth; /* containers on the longest path down; 0: scalar */
	bool held;     /* a container inside another: never changes again */
	union {
		uint64_t count;
		int64_t integer; /* also nanoseconds */
		double real;
		uint16_t port;
		uint8_t addr[16];
		size_t len; /* of a string or enum */
		struct mu_items items;
	} u;
};

static inline bool
mu_node_is_container(const struct muster_value *v)
{
	return v->type >= MUSTER_SET && v->type <= MUSTER_VECTOR;
}

static inline bool
mu_node_is_text(const struct muster_value *v)
{
	return v->type == MUSTER_STRING || v->type == MUSTER_ENUM;
}

static inline const char *
mu_node_bytes(const struct muster_value *v)
{
	return (const char *)(v + 1);
}

/* An empty value of that type; NULL when memory is out. */
struct muster_value *mu_node_new(enum muster_type type);

/* A string or enum of len bytes for the caller to fill (bytes, then NUL); it
 * may shorten u.len afterwards.  NULL when memory is out. */
struct muster_value *mu_node_new_text(
    enum muster_type type, size_t len, char **bytes);

/* A subnet exactly as it came, neither masked nor checked (a decoder's). */
struct muster_value *mu_node_new_subnet_raw(
    const uint8_t addr[16], uint8_t width);

/*
 * For decoders, which know nothing of the order yet: add a value (for tables
 * key and value in turn) at the end.  Takes e; 0, ENOMEM or ELIMIT.  Then
 * settle sorts what must be sorted: 0, or EEXIST for duplicates.
 */
int mu_node_push(struct muster_value *container, struct muster_value *e);
int mu_node_settle(struct muster_value *container);

#endif
