/*
 * Driving nats-server, which speaks a text protocol of its own: a connection
 * whose net has "nats" set begins with the server's INFO line in plain text,
 * goes on with TLS, and has CONNECT, SUB and PUB in place of our handshake and
 * frames.  One subject; no echoes, no prefixes.
 */
#ifndef BENCH_NATS_H
#define BENCH_NATS_H

#include "peer.h"

/* Read the server's first line: 1 when it is there, 0: wait, -1: over. */
int nats_info(struct peer *p);
/* Connect and subscribe if the peer's filter has the topic of events; the
 * peer is up when the server answers. */
void nats_begin(struct peer *p);
/* Publish the payload of a frame. */
void nats_publish(struct peer *p, const uint8_t *frame, size_t len);
/* Take what is complete from b; false: the protocol is broken. */
bool nats_parse(struct peer *p, struct bytes *b);

#endif
