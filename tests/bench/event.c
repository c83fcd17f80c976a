/* Encode once, patch often; see event.h. */
#include "event.h"

#include <stdlib.h>
#include <string.h>

#define NAME       "Bench::event"
#define SEQ_BITS   48

enum tag { TAG_COUNT = 2, TAG_STRING = 5, TAG_TIME = 9, TAG_VECTOR = 14 };

static void
put_number(struct bytes *b, enum tag tag, uint64_t v)
{
	uint8_t n[8];

	wire_u8(b, tag);
	wire_put64(n, v);
	bytes_add(b, n, sizeof n);
}

/* The string that fills up to size bytes, its own length included. */
static void
put_filler(struct bytes *b, size_t size)
{
	size_t left = size - b->len - 2;

	if (left >= 0x80)
		left--;
	wire_length(b, TAG_STRING, left);
	for (size_t i = 0; i < left; i++)
		wire_u8(b, (unsigned)(' ' + i * 7 % 95));
}

void
event_init(struct event *e, size_t payload, const uint8_t *sender)
{
	struct bytes b = { NULL }, f = { NULL };
	size_t base = WIRE_TOPIC + EVENT_TOPIC;

	wire_length(&b, TAG_VECTOR, 3);
	put_number(&b, TAG_COUNT, 1); /* version */
	put_number(&b, TAG_COUNT, 1); /* an event */
	wire_length(&b, TAG_VECTOR, 2);
	wire_length(&b, TAG_STRING, strlen(NAME));
	bytes_add(&b, NAME, strlen(NAME));
	wire_length(&b, TAG_VECTOR, 3);
	e->seq_at = base + b.len + 1;
	put_number(&b, TAG_COUNT, 0);
	e->time_at = base + b.len + 1;
	put_number(&b, TAG_TIME, 0);
	put_filler(&b, payload);
	wire_envelope(&f, sender, NULL, WIRE_DATA, EVENT_TOPICS "0000", b.p,
	    b.len);
	bytes_free(&b);
	e->frame = f.p;
	e->len = f.len;
	/* The last bytes of the filler; any byte may stand in a string. */
	e->check_at = e->len - 8;
}

void
event_clear(struct event *e)
{
	free(e->frame);
	memset(e, 0, sizeof *e);
}

static uint64_t
check_word(uint64_t seq, uint64_t time)
{
	return mix64(seq * 31 ^ time);
}

void
event_write(const struct event *e, uint8_t *to, unsigned topic,
    unsigned publisher, uint64_t seq, uint64_t time)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

	memcpy(to, e->frame, e->len);
	for (int i = 3; topic > 0 && i >= 0; i--, topic /= 36)
		to[WIRE_TOPIC + 8 + i] = (uint8_t)digits[topic % 36];
	seq |= (uint64_t)publisher << SEQ_BITS;
	wire_put64(to + e->seq_at, seq);
	wire_put64(to + e->time_at, time);
	wire_put64(to + e->check_at, check_word(seq, time));
}

static bool
same(const struct event *e, const uint8_t *frame, size_t from, size_t to)
{
	return memcmp(e->frame + from, frame + from, to - from) == 0;
}

bool
event_read(const struct event *e, const uint8_t *frame, bool deep,
    unsigned *publisher, uint64_t *seq, uint64_t *time)
{
	uint64_t s = wire_u64(frame + e->seq_at);
	unsigned hops;

	*time = wire_u64(frame + e->time_at);
	if (wire_u64(frame + e->check_at) != check_word(s, *time))
		return false;
	*publisher = (unsigned)(s >> SEQ_BITS);
	*seq = s & ((UINT64_C(1) << SEQ_BITS) - 1);
	if (!deep)
		return true;
	/* A relay may count hops down or not. */
	hops = (unsigned)frame[WIRE_HOPS] << 8 | frame[WIRE_HOPS + 1];
	return hops > 0 && hops <= WIRE_TTL &&
	    same(e, frame, 0, WIRE_SENDER) &&
	    same(e, frame, WIRE_RECEIVER, WIRE_HOPS) &&
	    same(e, frame, WIRE_HOPS + 2, EVENT_ECHO_AT) &&
	    same(e, frame, WIRE_TOPIC + EVENT_TOPIC, e->seq_at) &&
	    same(e, frame, e->time_at + 8, e->check_at);
}
