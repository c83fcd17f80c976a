/* Envelopes as views over frames; see envelope.h. */
#include "proto/envelope.h"

#include <string.h>

#include "muster/err.h"
#include "muster/topic.h"

/* Offsets in the frame, the length prefix included. */
#define AT_SENDER   4
#define AT_RECEIVER 20
#define AT_TYPE     36
#define AT_TTL      37
#define AT_TOPIC    41 /* the topic length stands before it */

int
mu_envelope_view(uint8_t *frame, size_t len, struct mu_envelope *out)
{
	unsigned type;
	size_t topic_len;

	if (len < AT_TOPIC)
		return MUSTER_EPROTO;
	type = frame[AT_TYPE];
	topic_len = (size_t)frame[AT_TOPIC - 2] << 8 | frame[AT_TOPIC - 1];
	if (type < MU_DATA || type > MU_PONG || topic_len > len - AT_TOPIC)
		return MUSTER_EPROTO;
	out->frame = frame;
	out->len = len;
	out->sender = (const struct mu_uuid *)(frame + AT_SENDER);
	out->receiver = (const struct mu_uuid *)(frame + AT_RECEIVER);
	out->type = (enum mu_envelope_type)type;
	out->ttl = (uint16_t)(frame[AT_TTL] << 8 | frame[AT_TTL + 1]);
	out->topic = (const char *)frame + AT_TOPIC;
	out->topic_len = topic_len;
	out->payload = frame + AT_TOPIC + topic_len;
	out->payload_len = len - AT_TOPIC - topic_len;
	return 0;
}

void
mu_envelope_stamp(struct mu_envelope *e, const struct mu_uuid *sender)
{
	memcpy(e->frame + AT_SENDER, sender->bytes, sizeof sender->bytes);
	e->frame[AT_TTL] = MU_TTL >> 8;
	e->frame[AT_TTL + 1] = MU_TTL & 0xff;
	e->ttl = MU_TTL;
}

void
mu_envelope_enc(struct mu_buf *b, const struct mu_uuid *sender,
    const struct mu_uuid *receiver, enum mu_envelope_type type,
    const char *topic, size_t topic_len, const void *payload,
    size_t payload_len)
{
	static const struct mu_uuid nil;

	if (topic_len > MUSTER_TOPIC_MAX ||
	    payload_len > UINT32_MAX - MU_ENVELOPE_HEAD - topic_len) {
		if (b->error == 0)
			b->error = MUSTER_ELIMIT;
		return;
	}
	mu_buf_u32(b, (uint32_t)(MU_ENVELOPE_HEAD + topic_len + payload_len));
	mu_buf_put(b, sender->bytes, sizeof sender->bytes);
	mu_buf_put(b, receiver == NULL ? nil.bytes : receiver->bytes,
	    sizeof nil.bytes);
	mu_buf_u8(b, (uint8_t)type);
	mu_buf_u16(b, MU_TTL);
	mu_buf_u16(b, (uint16_t)topic_len);
	mu_buf_put(b, topic, topic_len);
	mu_buf_put(b, payload, payload_len);
}
