/*
 * Connections of the native protocol, many in one thread: sockets, TLS, the
 * handshake in both roles, pings.  Used by the generator and by the probe.
 *
 * What it does not do is wait for anybody: net_turn() does one round of the
 * loop and the caller decides what to send.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct ssl_st;
struct ssl_ctx_st;
struct peer;

enum peer_state {
	PEER_CONNECTING,
	PEER_INFO,          /* nats-server speaks first */
	PEER_TLS,
	PEER_HELLO,         /* dialled, hello is sent */
	PEER_PROBED,        /* accepted, probe is sent */
	PEER_AWAIT_SELECT,
	PEER_AWAIT_SYN,
	PEER_AWAIT_SYN_ACK,
	PEER_AWAIT_ACK,
	PEER_UP,
	PEER_GONE
};

struct net {
	int epoll;
	struct ssl_ctx_st *ctx;    /* both roles; NULL: plain TCP */
	struct bytes in;           /* what is being read, of one peer */
	struct peer *dirty;        /* have output, by next_dirty */
	struct peer *more;         /* were not read dry, by next_more */
	int listener;              /* -1: none */
	void (*accepted)(struct peer *p);
	bool nats;                 /* of nats-server, see nats.h */
	const uint8_t *head;       /* nats: what precedes a payload */
	struct bytes scratch;
	void *owner;
	uint64_t handshakes;       /* that were completed */
	uint64_t broken;           /* peers that the other side ended */
};

struct peer {
	struct net *net;
	int fd;
	struct ssl_st *ssl;
	enum peer_state state;
	bool server;               /* accepted */
	bool originator;
	bool want_write;           /* the socket is full */
	bool paused;               /* nothing is read */
	bool is_dirty, is_more;
	bool closing;
	struct peer *next_dirty, *next_more;
	uint8_t id[WIRE_ID], remote[WIRE_ID];
	struct filter own, theirs;
	struct bytes rest;         /* an incomplete frame */
	struct bytes out;          /* plain, as it will be sent */
	struct bytes sealed;       /* TLS records */
	/* A data or command frame, its length included; may be changed. */
	void (*frame)(struct peer *p, uint8_t *frame, size_t len);
	void *owner;
	unsigned index;            /* the owner's */
};

/* Certificates that both roles show and ask for; NULL: die.  cipher: of TLS
 * 1.3, NULL: OpenSSL's choice. */
struct ssl_ctx_st *tls_context(const char *ca, const char *cert,
    const char *key, const char *cipher);
/* A session over fd with our buffering; for peers and the limit cases. */
struct ssl_st *tls_session(struct ssl_ctx_st *ctx, bool server, int *fd,
    struct bytes *sealed);

void net_init(struct net *n, struct ssl_ctx_st *ctx);
void net_clear(struct net *n);
/* Listen on 127.0.0.1; returns the port. */
int net_listen(struct net *n, int port);
/* One round: wait up to ns for input, handle it, write output. */
void net_turn(struct net *n, uint64_t ns);
/* Write what is queued now. */
void net_flush(struct net *n);

/* Connect to 127.0.0.1; low: an id that makes us the originator. */
struct peer *peer_dial(struct net *n, int port, bool low);
void peer_queued(struct peer *p); /* there is new output */
void peer_pause(struct peer *p, bool on);
void peer_free(struct peer *p);

/* Start to connect and wait for the handshake; NULL: not within ns. */
struct peer *peer_open(struct net *n, int port, bool low,
    const struct filter *own, uint64_t ns);
/* Turn until all n peers are up or ns are over. */
bool peers_wait(struct net *n, struct peer **p, size_t count, uint64_t ns);

int free_port(void);

#endif
