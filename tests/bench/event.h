/*
 * The event of the measurements: Bench::event(count, time, string), encoded
 * once per publisher; only sequence number, time and a check word are patched.
 *
 *	"150 B"   164 bytes of payload, a frame of 217
 *	"1 KiB"   1039, 1092
 *	"16 KiB"  16399, 16452
 */
#ifndef BENCH_EVENT_H
#define BENCH_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

#define EVENT_TOPIC     12 /* "bench/t/0000" */
#define EVENT_TOPICS    "bench/t/"
#define EVENT_ECHOES    "bench/e/" /* what an echo answers on */
#define EVENT_SMALL     164
#define EVENT_MEDIUM    1039
#define EVENT_LARGE     16399
#define EVENT_ECHO_AT   (WIRE_TOPIC + 6)

struct event {
	uint8_t *frame;
	size_t len;
	size_t seq_at, time_at, check_at; /* offsets in the frame */
};

/* payload: at least 80 and at most 16384 + 59 bytes. */
void event_init(struct event *e, size_t payload, const uint8_t *sender);
void event_clear(struct event *e);

/* A copy at to (e->len bytes) with these contents. */
void event_write(const struct event *e, uint8_t *to, unsigned topic,
    unsigned publisher, uint64_t seq, uint64_t time);

/* Take a frame of e->len bytes apart.  deep: compare every byte that should
 * be constant.  false: it is not what was sent. */
bool event_read(const struct event *e, const uint8_t *frame, bool deep,
    unsigned *publisher, uint64_t *seq, uint64_t *time);

#endif
