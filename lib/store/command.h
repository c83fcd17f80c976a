/*
 * Commands between masters and clones (reference "broker-protocol", 6.1 and
 * 6.2): facts in, facts out.
 */
#ifndef MU_STORE_COMMAND_H
#define MU_STORE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/uuid.h"
#include "muster/value.h"

/* A master or clone: endpoint and a number unique in its process. */
struct mu_entity {
	struct mu_uuid endpoint;
	uint64_t object;
};
bool mu_entity_eq(const struct mu_entity *a, const struct mu_entity *b);
bool mu_entity_is_nil(const struct mu_entity *e);

enum mu_command_tag {
	MU_CMD_PUT = 0,
	MU_CMD_PUT_UNIQUE = 1,
	MU_CMD_PUT_UNIQUE_RESULT = 2,
	MU_CMD_ERASE = 3,
	MU_CMD_EXPIRE = 4,
	MU_CMD_ADD = 5,
	MU_CMD_SUBTRACT = 6,
	MU_CMD_CLEAR = 7,
	MU_CMD_ATTACH_WRITER = 8,
	MU_CMD_KEEPALIVE = 9,
	MU_CMD_CUMULATIVE_ACK = 10,
	MU_CMD_NACK = 11,
	MU_CMD_ACK_CLONE = 12,
	MU_CMD_RETRANSMIT_FAILED = 13
};

/* Tags 0 to 7 are actions: they have a place in the sequence. */
static inline bool
mu_command_is_action(enum mu_command_tag tag)
{
	return tag <= MU_CMD_CLEAR;
}

struct mu_command {
	uint64_t seq;              /* actions: place; ack_clone: offset; else 0 */
	struct mu_entity sender;
	struct mu_entity receiver; /* nil: everybody, or unknown */
	enum mu_command_tag tag;
	struct muster_value *key;   /* counted; put .. subtract */
	struct muster_value *value; /* counted; put, put_unique, add, subtract */
	bool has_expiry;
	int64_t expiry_ns;          /* from the master's receipt */
	struct mu_entity publisher; /* who caused it */
	struct mu_entity who;       /* put_unique and its result */
	uint64_t req_id;
	bool inserted;              /* put_unique_result */
	enum muster_type init_type; /* add: what a missing key becomes */
	uint64_t number;            /* attach_writer, ack_clone: offset;
				       keepalive, ack, retransmit_failed: seq */
	uint16_t heartbeat;         /* attach_writer, ack_clone: ticks */
	uint64_t *nack;             /* owned [nnack] */
	size_t nnack;
	const uint8_t *entries;     /* ack_clone: encoded pairs, borrowed from
				       the input, checked for structure */
	size_t entries_len;
	uint32_t nentries;
};

/* Most numbers accepted in one nack. */
#define MU_COMMAND_MAX_NACK 65536

/* Read the payload of a command envelope; trailing bytes are ignored as Broker
 * does.  0 (mu_command_clear is due), MUSTER_EPROTO, ELIMIT or ENOMEM. */
int mu_command_dec(struct mu_command *c, const uint8_t *buf, size_t len);
void mu_command_clear(struct mu_command *c);

/* Append the payload; failure sticks in b.  ack_clone writes nentries and the
 * encoded pairs in entries. */
void mu_command_enc(struct mu_buf *b, const struct mu_command *c);

/* Topics of a store: NAME/<$>/data/master or .../clone, by the joining rule of
 * 3.6.  Owned by the caller. */
char *mu_store_topic(const char *name, bool master, size_t *len);

#endif
