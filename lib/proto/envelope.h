/*
 * Phase 3 envelopes (reference "broker-protocol", 3.1): views over received
 * frames and encoders.  The payload is never decoded here.
 */
#ifndef MU_PROTO_ENVELOPE_H
#define MU_PROTO_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/uuid.h"

enum mu_envelope_type {
	MU_DATA = 1,
	MU_COMMAND = 2,
	MU_ROUTING_UPDATE = 3,
	MU_PING = 4,
	MU_PONG = 5
};

#define MU_TTL            16
#define MU_ENVELOPE_HEAD  37 /* bytes before the topic, without the prefix */
#define MU_RESERVED_TOPIC "<$>"
#define MU_LOCAL_PREFIX   "<$>/local/"

/* A view: everything points into the frame. */
struct mu_envelope {
	uint8_t *frame; /* with the 4-byte prefix */
	size_t len;     /* with the prefix */
	const struct mu_uuid *sender;
	const struct mu_uuid *receiver;
	enum mu_envelope_type type;
	uint16_t ttl;
	const char *topic; /* not terminated */
	size_t topic_len;
	const uint8_t *payload;
	size_t payload_len;
};

/* Look at a complete frame.  0, or MUSTER_EPROTO when it is shorter than its
 * head, its type unknown or its topic longer than the frame.  The payload is
 * not looked at. */
int mu_envelope_view(uint8_t *frame, size_t len, struct mu_envelope *out);

/* Overwrite sender and TTL in place: what every hop does before sending. */
void mu_envelope_stamp(struct mu_envelope *e, const struct mu_uuid *sender);

/* Append a complete frame; failure sticks in b (ELIMIT: topic too long).
 * receiver NULL: nil. */
void mu_envelope_enc(struct mu_buf *b, const struct mu_uuid *sender,
    const struct mu_uuid *receiver, enum mu_envelope_type type,
    const char *topic, size_t topic_len, const void *payload,
    size_t payload_len);

#endif
