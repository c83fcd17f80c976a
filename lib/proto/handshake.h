/*
 * Messages of phases 1 and 2 (reference "broker-protocol", 2.1): facts in,
 * facts out; what they mean is proto/peer.h's business.
 */
#ifndef MU_PROTO_HANDSHAKE_H
#define MU_PROTO_HANDSHAKE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/uuid.h"

#define MU_MAGIC            0x5a45454bu /* "ZEEK" */
#define MU_PROTOCOL_VERSION 1

enum mu_handshake_tag {
	MU_HELLO = 6,
	MU_PROBE = 7,
	MU_VERSION_SELECT = 8,
	MU_DROP_CONN = 9,
	MU_ORIGINATOR_SYN = 10,
	MU_RESPONDER_SYN_ACK = 11,
	MU_ORIGINATOR_ACK = 12
};

/* Broker's error codes that occur in drop_conn (2.7). */
enum mu_ec {
	MU_EC_NONE = 0,
	MU_EC_UNSPECIFIED = 1,
	MU_EC_PEER_INCOMPATIBLE = 2,
	MU_EC_PEER_UNAVAILABLE = 4,
	MU_EC_INVALID_MESSAGE = 20,
	MU_EC_SHUTTING_DOWN = 28,
	MU_EC_WRONG_MAGIC = 38,
	MU_EC_REDUNDANT = 39,
	MU_EC_LOGIC_ERROR = 40
};
const char *mu_ec_name(unsigned code); /* "redundant_connection"; never NULL */

struct muster_filter;

struct mu_handshake {
	enum mu_handshake_tag tag;
	struct mu_uuid sender;            /* hello, version_select, drop_conn */
	uint8_t min_version, max_version; /* hello */
	uint8_t version;                  /* version_select */
	uint8_t code;                     /* drop_conn */
	const char *text; /* drop_conn: borrowed, not terminated */
	size_t text_len;
	struct muster_filter *filter; /* syn, syn_ack: owned */
};

/*
 * Read one payload (without the length prefix) and validate it.
 *
 * max_topics  most entries accepted in a filter
 * ec, text    on failure: the code and description Broker answers with; text
 *             NULL: h->text, which the peer sent, is the description
 *
 * 0; MUSTER_EPROTO, MUSTER_EVERSION, MUSTER_ELIMIT or MUSTER_ENOMEM.  Trailing
 * bytes are ignored, as Broker does.  On 0 mu_handshake_clear is due.
 */
int mu_handshake_dec(struct mu_handshake *h, const uint8_t *buf, size_t len,
    size_t max_topics, unsigned *ec, const char **text);
void mu_handshake_clear(struct mu_handshake *h);

/* Append the complete frame with its prefix; failure sticks in b. */
void mu_handshake_enc(struct mu_buf *b, const struct mu_handshake *h);
/* The same for originator_syn and responder_syn_ack with a borrowed filter. */
void mu_handshake_enc_filter(
    struct mu_buf *b, enum mu_handshake_tag tag, const struct muster_filter *f);

/* Append a filter (varbyte count, strings); read one (owned by caller). */
void mu_filter_enc(struct mu_buf *b, const struct muster_filter *f);
struct mu_cursor;
struct muster_filter *mu_filter_dec(struct mu_cursor *c, size_t max_topics);

#endif
