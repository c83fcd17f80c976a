/* The handshake of two endpoints. */
#ifndef BENCH_SHAKE_H
#define BENCH_SHAKE_H

#include "peer.h"

/* The connection is open (and TLS is up): say the first word. */
void shake_begin(struct peer *p);
/* One message without its length; false: the peer must not say that. */
bool shake_message(struct peer *p, const uint8_t *m, size_t len);

#endif
