/* Encoding and decoding by hand; see wire.h. */
#include "wire.h"

#include <string.h>

uint32_t
wire_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

uint64_t
wire_u64(const uint8_t *p)
{
	return (uint64_t)wire_u32(p) << 32 | wire_u32(p + 4);
}

void
wire_put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

void
wire_put64(uint8_t *p, uint64_t v)
{
	wire_put32(p, (uint32_t)(v >> 32));
	wire_put32(p + 4, (uint32_t)v);
}

size_t
wire_varbyte(uint8_t *p, uint32_t v)
{
	size_t n = 0;

	while (v >= 0x80) {
		p[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	p[n++] = (uint8_t)v;
	return n;
}

/* Read a varbyte at *at; false: it does not end, or is too large. */
static bool
read_varbyte(const uint8_t *p, size_t len, size_t *at, uint32_t *v)
{
	*v = 0;
	for (unsigned shift = 0; shift < 32 && *at < len; shift += 7) {
		uint8_t c = p[(*at)++];

		*v |= (uint32_t)(c & 0x7f) << shift;
		if (c < 0x80)
			return true;
	}
	return false;
}

void
filter_add(struct filter *f, const char *topic)
{
	uint8_t n[5];

	bytes_add(&f->enc, n, wire_varbyte(n, (uint32_t)strlen(topic)));
	bytes_add(&f->enc, topic, strlen(topic));
	f->n++;
}

void
filter_copy(struct filter *to, const struct filter *from)
{
	to->enc.at = to->enc.len = 0;
	if (from->n > 0)
		bytes_add(&to->enc, from->enc.p, from->enc.len);
	to->n = from->n;
}

bool
filter_matches(const struct filter *f, const void *topic, size_t len)
{
	const uint8_t *p = f->enc.p;
	size_t at = 0;

	for (size_t i = 0; i < f->n; i++) {
		uint32_t n;

		if (!read_varbyte(p, f->enc.len, &at, &n))
			return false;
		if (n <= len && memcmp(p + at, topic, n) == 0)
			return true;
		at += n;
	}
	return false;
}

bool
wire_read_filter(struct filter *f, const uint8_t *p, size_t len)
{
	size_t at = 0, start;
	uint32_t n, slen;

	if (!read_varbyte(p, len, &at, &n))
		return false;
	start = at;
	for (uint32_t i = 0; i < n; i++) {
		if (!read_varbyte(p, len, &at, &slen) || slen > len - at)
			return false;
		at += slen;
	}
	f->enc.at = f->enc.len = 0;
	bytes_add(&f->enc, p + start, at - start);
	f->n = n;
	return true;
}

void
wire_u8(struct bytes *b, unsigned v)
{
	uint8_t c = (uint8_t)v;

	bytes_add(b, &c, 1);
}

void
wire_length(struct bytes *b, unsigned tag, size_t len)
{
	uint8_t n[5];

	wire_u8(b, tag);
	bytes_add(b, n, wire_varbyte(n, (uint32_t)len));
}

static size_t
begin(struct bytes *b)
{
	static const uint8_t zero[4];

	bytes_add(b, zero, sizeof zero);
	return b->len - b->at;
}

/* Everything since begin() is the frame. */
static void
end(struct bytes *b, size_t from)
{
	size_t n = b->len - b->at - from;

	wire_put32(b->p + b->at + from - 4, (uint32_t)n);
}

void
wire_hello(struct bytes *b, enum wire_tag tag, const uint8_t *id)
{
	static const uint8_t versions[] = { 1, 1 };
	size_t at = begin(b);
	uint8_t head[5] = { (uint8_t)tag };

	wire_put32(head + 1, WIRE_MAGIC);
	bytes_add(b, head, sizeof head);
	if (tag != WIRE_PROBE)
		bytes_add(b, id, WIRE_ID);
	if (tag == WIRE_HELLO)
		bytes_add(b, versions, 2);
	else if (tag == WIRE_SELECT)
		bytes_add(b, versions, 1);
	end(b, at);
}

void
wire_filter(struct bytes *b, enum wire_tag tag, const struct filter *f)
{
	size_t at = begin(b);
	uint8_t t = (uint8_t)tag, n[5];

	bytes_add(b, &t, 1);
	if (tag != WIRE_ACK) {
		bytes_add(b, n, wire_varbyte(n, (uint32_t)f->n));
		if (f->n > 0)
			bytes_add(b, f->enc.p, f->enc.len);
	}
	end(b, at);
}

void
wire_envelope(struct bytes *b, const uint8_t *sender, const uint8_t *receiver,
    enum wire_type type, const char *topic, const void *payload, size_t len)
{
	static const uint8_t nil[WIRE_ID];
	size_t at = begin(b), n = strlen(topic);
	uint8_t head[5] = { (uint8_t)type, 0, WIRE_TTL, (uint8_t)(n >> 8),
		(uint8_t)n };

	bytes_add(b, sender, WIRE_ID);
	bytes_add(b, receiver == NULL ? nil : receiver, WIRE_ID);
	bytes_add(b, head, sizeof head);
	bytes_add(b, topic, n);
	if (len > 0)
		bytes_add(b, payload, len);
	end(b, at);
}
