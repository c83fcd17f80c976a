/*
 * What the machine permits, measured with the generator's own TLS: the other
 * side of every ratio.
 */
#ifndef BENCH_LIMITS_H
#define BENCH_LIMITS_H

#include "hist.h"

struct ssl_ctx_st;

struct limit_stream {
	double bytes_per_s;  /* one sender, one receiver, full records */
	double cpu_per_byte; /* ns: of sender and receiver in sum, which is
				what one relay core must do */
};

/* L1 and L2: one process sends, one receives, for so many seconds. */
void limit_stream(struct ssl_ctx_st *ctx, double seconds,
    struct limit_stream *r);
/* L3: one way over one connection between two processes, 1000 times a
 * second. */
void limit_hop(struct ssl_ctx_st *ctx, double seconds, struct hist *h);
/* CPU nanoseconds of a full handshake, both sides; median of some. */
double limit_handshake(struct ssl_ctx_st *ctx);
/* CPU nanoseconds to start a process that loads certificates and exits:
 * program --start-only CA CERT KEY. */
double limit_start(const char *program, const char *ca, const char *cert,
    const char *key);

#endif
