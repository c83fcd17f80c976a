/*
 * What the outbox keeps on disk: keys and values.  Numbers are big-endian, so
 * that keys of one kind come in their order.
 *
 *	'a' id       what a batch is and who is to get it
 *	'b' id       its records, each behind its length in 32 bits
 *	'l' number   a logger: session and name
 *	'm' key      a caller's mark
 *	's' number   a stream: the LogCreate message
 *
 * and beside the entries, under "next", the first numbers never used.
 */
#ifndef LOGS_OUTBOX_RECORD_H
#define LOGS_OUTBOX_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/uuid.h"
#include "store/backend.h"

#define OUTBOX_KEY      9    /* bytes of every key but a mark's */
#define OUTBOX_MARK_KEY 1024 /* bytes of a caller's key at most */

enum outbox_kind {
	OUTBOX_ABOUT = 'a',
	OUTBOX_BODY = 'b',
	OUTBOX_LOGGER = 'l',
	OUTBOX_MARK = 'm',
	OUTBOX_STREAM = 's'
};

struct outbox_about {
	uint32_t stream;   /* number */
	uint32_t nrecords; /* at least 1 */
	uint32_t bytes;    /* of the body */
	uint32_t logger;   /* number; 0: nobody yet, then seq is 0 */
	uint64_t seq;      /* in the session with that logger */
};

struct outbox_numbers {
	uint64_t id, seq;
	uint32_t stream, logger;
};

/* Write the key and return it. */
struct mu_bytes outbox_key(
    uint8_t out[OUTBOX_KEY], enum outbox_kind kind, uint64_t number);
/* The number in a key of that kind; false: it is no such key. */
bool outbox_key_dec(
    struct mu_bytes key, enum outbox_kind kind, uint64_t *number);

/* Append the value; failure sticks in b. */
void outbox_about_enc(struct mu_buf *b, const struct outbox_about *a);
void outbox_numbers_enc(struct mu_buf *b, const struct outbox_numbers *n);
void outbox_logger_enc(struct mu_buf *b, const struct mu_uuid *session,
    const char *name, size_t len);

/* 0, or MUSTER_EPROTO for what was not written by us. */
int outbox_about_dec(struct outbox_about *a, struct mu_bytes value);
int outbox_numbers_dec(struct outbox_numbers *n, struct mu_bytes value);
/* name [*len] is borrowed and is not NUL-terminated. */
int outbox_logger_dec(struct mu_bytes value, struct mu_uuid *session,
    const char **name, size_t *len);

/* A record of a body, and where the next one begins: 0, MUSTER_ENOENT at the
 * end, MUSTER_EPROTO.  *at begins with 0. */
int outbox_body_next(struct mu_bytes body, size_t *at, struct mu_bytes *record);
/* The number of records of a body, 0 if it is none. */
uint32_t outbox_body_count(struct mu_bytes body);

#endif
