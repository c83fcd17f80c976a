/*
 * The messages of the native protocol, as muster-protocol(7) draws them:
 * written from that description and nothing else, so that a mistake of the
 * daemon's own code is not made here a second time.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

#define WIRE_ID    16
#define WIRE_MAGIC 0x5a45454bu
#define WIRE_TTL   16
#define WIRE_MOST  (64u << 20) /* longest frame we accept */

/* Offsets in a frame of phase 3, the length included. */
#define WIRE_SENDER   4
#define WIRE_RECEIVER 20
#define WIRE_TYPE     36
#define WIRE_HOPS     37
#define WIRE_TOPIC    41

enum wire_tag {
	WIRE_HELLO = 6,
	WIRE_PROBE,
	WIRE_SELECT,
	WIRE_DROP,
	WIRE_SYN,
	WIRE_SYN_ACK,
	WIRE_ACK
};

enum wire_type {
	WIRE_DATA = 1,
	WIRE_COMMAND,
	WIRE_ROUTING,
	WIRE_PING,
	WIRE_PONG
};

/* A list of topics in the form of the wire. */
struct filter {
	struct bytes enc; /* the strings, without their count */
	size_t n;
};

void filter_add(struct filter *f, const char *topic);
void filter_copy(struct filter *to, const struct filter *from);
bool filter_matches(const struct filter *f, const void *topic, size_t len);

uint32_t wire_u32(const uint8_t *p);
void wire_put32(uint8_t *p, uint32_t v);
void wire_put64(uint8_t *p, uint64_t v);
uint64_t wire_u64(const uint8_t *p);
size_t wire_varbyte(uint8_t *p, uint32_t v); /* bytes written */

/* Pieces of values at the end of b: a byte; a tag and a length or count. */
void wire_u8(struct bytes *b, unsigned v);
void wire_length(struct bytes *b, unsigned tag, size_t len);

/* One handshake message at the end of b. */
void wire_hello(struct bytes *b, enum wire_tag tag, const uint8_t *id);
void wire_filter(struct bytes *b, enum wire_tag tag, const struct filter *f);

/* The filter in a handshake message or routing update; false: malformed. */
bool wire_read_filter(struct filter *f, const uint8_t *p, size_t len);

/* One envelope at the end of b.  receiver NULL: nil. */
void wire_envelope(struct bytes *b, const uint8_t *sender,
    const uint8_t *receiver, enum wire_type type, const char *topic,
    const void *payload, size_t len);

#endif
