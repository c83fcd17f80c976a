/*
 * How an entry lies in the file.
 *
 *	head      1 byte: version in the upper half, flags below
 *	check     4 bytes over the stored key and all of the record
 *	deadline  8 bytes, with flag EXPIRES
 *	key       4 bytes length and the key, with flag LONG_KEY
 *	value     the rest
 *
 * Integers are big endian.  LMDB's keys have at most 511 bytes, eight of which
 * the index of deadlines needs: an entry is stored under the short form of its
 * key (store/order.h), and where that is not the key the record repeats it.
 */
#ifndef STORES_BACKEND_LMDB_RECORD_H
#define STORES_BACKEND_LMDB_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/order.h"

#define RECORD_MAX_KEY   (64u << 10)
#define RECORD_MAX_VALUE (1u << 30)

struct record {
	struct mu_bytes key; /* the whole key */
	struct mu_bytes value;
	int64_t deadline; /* 0: none */
};

/* Bytes that record_enc writes. */
size_t record_size(const struct record *r);

/* Write r, of that size, as it lies under the stored key. */
void record_enc(const struct record *r, struct mu_bytes stored, uint8_t *out);

/*
 * Read the record data lying under the stored key; *r borrows from both.
 * 0, MUSTER_EVERSION, or MUSTER_EPROTO when it is not what was written.
 */
int record_dec(struct mu_bytes data, struct mu_bytes stored, struct record *r);

#endif
