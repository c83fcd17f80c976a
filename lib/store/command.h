/*
 * Commands between masters and clones (reference "broker-protocol", 6.1 and
 * 6.2): facts in, facts out.
 *
 * Beyond Broker's fourteen there are six of our own, tags 64 to 69.  They
 * are sent only to endpoints that announced MU_STORE_CAPABILITY in their
 * filter, or that sent one themselves; Broker never sees them.  opt_value is
 * u8 flag (0 = absent) and the value if present.
 *
 *  64 put_if    action, clone -> master (R = master, E = nil)
 *               value key, opt_value expected, value val, opt_span expiry,
 *               entity publisher
 *               Store val if the present value equals expected (absent: if
 *               the key is missing).  Broadcast as an ordinary put.
 *  65 attach    clone -> master (unicast)
 *               u64 epoch, u64 seq, opt_value after, u64 writer
 *               "I hold the content of history epoch up to action seq (epoch
 *               0: nothing), but of keys only those not after the given one
 *               (absent: all); of my writes those up to number writer were
 *               answered."
 *  66 attached  master -> clone (unicast)
 *               u64 epoch, u64 offset, u16 heartbeat, u8 flags, u64 total,
 *               u64 writer, u64 seq
 *               flags 1: fresh: forget your place, ask for chunks from the
 *               first key; otherwise go on at offset, which is the seq asked
 *               for.  flags 2: writer is the number of the last write of
 *               yours that was applied; without it the master does not know
 *               your writes.  total: pairs in the store.  seq: the newest
 *               action.
 *  67 want      clone -> master (unicast)
 *               u64 index, u64 least, u8 window, u8 flags, opt_value after
 *               "I have all chunks before index; send those up to window of
 *               them from there on, pairs after that key.  I passed over
 *               actions up to least: read them no earlier."  flags 1: what
 *               may be under way counts as lost, begin at index again.
 *               Repeated until answered, after 500 ms or twice the time the
 *               last one took; the window is the flow control.
 *  68 chunk     master -> clone (unicast)
 *               u64 index, u64 offset, u8 last, opt_value after, vb n,
 *               n x (value key, value val)
 *               Pairs in the order of encoded keys: the content of the range
 *               behind after, up to the last of them, as of action offset.
 *               Those of one picture have one offset; a clone keeps actions
 *               beyond it on keys of later chunks until these have come.
 *  69 result    master -> writer (unicast)
 *               u64 upto, u64 visible, u64 floor, vb n, n x (u64 seq,
 *               u8 status)
 *               Writes up to upto are decided and durable; the ones listed
 *               failed with enum mu_store_status.  They can be seen once
 *               action visible is applied.  The list is complete for numbers
 *               above floor; what became of those up to it was told earlier.
 * Replaces cumulative_ack towards writers that attached with tag 65.
 */
#ifndef MU_STORE_COMMAND_H
#define MU_STORE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/uuid.h"
#include "muster/value.h"

/* The filter entry of an endpoint that understands tags from 64. */
#define MU_STORE_CAPABILITY "<$>/muster/store"
/* Followed by length, slash and name of a store: the entry of an endpoint of
 * ours that has its master. */
#define MU_STORE_MASTER "<$>/muster/master/"

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
	MU_CMD_RETRANSMIT_FAILED = 13,
	/* Muster's own, see above */
	MU_CMD_PUT_IF = 64,
	MU_CMD_ATTACH = 65,
	MU_CMD_ATTACHED = 66,
	MU_CMD_WANT = 67,
	MU_CMD_CHUNK = 68,
	MU_CMD_RESULT = 69
};

#define MU_ATTACHED_FRESH  1 /* flags of attached */
#define MU_ATTACHED_WRITER 2
#define MU_WANT_AGAIN      1 /* flag of want */

/* Actions have a place in the sequence. */
static inline bool
mu_command_is_action(enum mu_command_tag tag)
{
	return tag <= MU_CMD_CLEAR || tag == MU_CMD_PUT_IF;
}

struct mu_command_failure {
	uint64_t seq;
	uint8_t status; /* enum mu_store_status */
};

struct mu_command {
	uint64_t seq; /* actions: place; ack_clone: offset; else 0 */
	struct mu_entity sender;
	struct mu_entity receiver; /* nil: everybody, or unknown */
	enum mu_command_tag tag;
	struct muster_value *key; /* counted; put .. subtract; attach, want,
				     chunk: the last key held, or NULL */
	struct muster_value
	    *value; /* counted; put, put_unique, add, subtract */
	struct muster_value *expected; /* counted; put_if, NULL: absent */
	bool has_expiry;
	int64_t expiry_ns;          /* from the master's receipt */
	struct mu_entity publisher; /* who caused it */
	struct mu_entity who;       /* put_unique and its result */
	uint64_t req_id;
	bool inserted;              /* put_unique_result */
	enum muster_type init_type; /* add: what a missing key becomes */
	uint64_t number;            /* attach_writer, ack_clone, attached,
				       chunk: offset; keepalive, ack, attach,
				       retransmit_failed: seq; result: upto */
	uint16_t heartbeat;         /* attach_writer, ack_clone: ticks */
	uint64_t *nack;             /* owned [nnack] */
	size_t nnack;
	const uint8_t *entries; /* ack_clone, chunk: encoded pairs, borrowed
				   from the input, structure checked */
	size_t entries_len;
	uint32_t nentries;
	uint64_t epoch;   /* attach, attached: which history */
	uint64_t writer;  /* attach, attached: see above */
	uint64_t total;   /* attached: pairs */
	uint64_t newest;  /* attached: newest action */
	uint64_t index;   /* want, chunk */
	uint64_t least;   /* want: of the chunk's number */
	uint8_t window;   /* want: chunks that may be under way */
	uint64_t visible; /* result */
	uint64_t floor;   /* result */
	uint8_t flags;    /* attached; want; chunk: 1 = last */
	struct mu_command_failure *failures; /* result: owned [nfailures] */
	size_t nfailures;
};

/* Most numbers accepted in one nack, and most failures in one result. */
#define MU_COMMAND_MAX_NACK     65536
#define MU_COMMAND_MAX_FAILURES 4096

/* Read the payload of a command envelope; trailing bytes are ignored as Broker
 * does.  0 (mu_command_clear is due), MUSTER_EPROTO, ELIMIT or ENOMEM. */
int mu_command_dec(struct mu_command *c, const uint8_t *buf, size_t len);
void mu_command_clear(struct mu_command *c);

/* Append the payload; failure sticks in b.  ack_clone and chunk write nentries
 * and the encoded pairs in entries. */
void mu_command_enc(struct mu_buf *b, const struct mu_command *c);

/* Write the place of an encoded command, its first eight bytes. */
void mu_command_set_seq(uint8_t *payload, uint64_t seq);
/* Write the receiver of an encoded command. */
void mu_command_set_receiver(uint8_t *payload, const struct mu_entity *e);
/* ... and its sender. */
void mu_command_set_sender(uint8_t *payload, const struct mu_entity *e);

/* Topics of a store: NAME/<$>/data/master or .../clone, by the joining rule of
 * 3.6.  Owned by the caller (mu_free); NULL when memory is out. */
char *mu_store_topic(const char *name, bool master, size_t *len);

#endif
