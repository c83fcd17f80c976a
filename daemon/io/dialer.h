/*
 * Attempts to connect: the host's addresses are tried in order, each within
 * its time, until one is through (TLS included).
 */
#ifndef IO_DIALER_H
#define IO_DIALER_H

#include <stdint.h>

struct conn;
struct conns;
struct dialer;
struct loop;
struct mu_tls;

struct dialer_config {
	struct loop *loop;
	struct conns *conns;
	/* The attempt id is through: conn is taken, by conn_set_owner or
	 * conn_close.  The address is that of the other side. */
	void (*connected)(void *ctx, unsigned id, struct conn *conn,
	    const char *address, uint16_t port);
	/* No address worked: why for each of them.  Never called from within
	 * dialer_dial. */
	void (*failed)(void *ctx, unsigned id, const char *why);
	void *ctx;
};

/* NULL when memory or descriptors are out. */
struct dialer *dialer_new(const struct dialer_config *cfg);
/* Gives up what is under way without a word. */
void dialer_free(struct dialer *d);

struct dialer_target {
	unsigned id;      /* for the answer and cancelling */
	const char *node; /* its name, copied */
	const char *host; /* copied */
	uint16_t port;
	uint64_t connect_ns;   /* limit for each address */
	uint64_t handshake_ns; /* limit of TLS */
	struct mu_tls *tls;    /* a reference is kept; NULL: plain */
};

/* 0 or MUSTER_ENOMEM: then nothing follows. */
int dialer_dial(struct dialer *d, const struct dialer_target *t);
/* Forget it; an unknown id is fine. */
void dialer_cancel(struct dialer *d, unsigned id);

#endif
