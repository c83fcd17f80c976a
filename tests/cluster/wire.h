/*
 * A connection of the native protocol for tests, written without the code
 * under test: framing, handshake and envelopes are its own.  Only values are
 * the library's.  Blocking, with one deadline for the whole program.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID 16

struct wire {
	int fd;
	void *ssl;                 /* SSL *, or NULL: plain */
	bool server;               /* accepted, not connected */
	uint8_t id[ID];            /* own */
	uint8_t peer[ID];          /* the other's, after the handshake */
	const char *const *topics; /* own filter */
	size_t ntopics;
	uint8_t version; /* offered */
	uint32_t magic;
	uint8_t *in; /* bytes read, not used yet */
	size_t len, cap;
	bool closed; /* the peer ended the connection */
};

struct wire_tls {
	const char *ca, *cert, *key; /* or all NULL */
	bool anonymous;
	bool on;
};

/* HOST and PORT; a server accepts one connection.  false: errno or text in
 * why. */
bool wire_open(struct wire *w, const char *host, const char *port, bool server,
    const struct wire_tls *tls, char *why, size_t size);
void wire_close(struct wire *w);

/* All of it; false when the peer is gone. */
bool wire_send(struct wire *w, const void *p, size_t len);
bool wire_frame(struct wire *w, const void *p, size_t len);
/* The next frame without its prefix, owned by the caller; NULL when the peer
 * closed or nothing came for ms milliseconds (-1: wait). */
uint8_t *wire_next(struct wire *w, size_t *len, int ms);

/* Say hello or probe, as the role wants. */
void wire_greet(struct wire *w);
/* The handshake to its end; each message is printed.  false: it failed. */
bool wire_handshake(struct wire *w, int ms);
/* One data envelope.  to_peer: receiver is the peer, not nil. */
bool wire_data(struct wire *w, const char *topic, const void *payload,
    size_t len, bool to_peer);
bool wire_envelope(struct wire *w, uint8_t type, const char *topic,
    const void *payload, size_t len, bool to_peer);
/* What a frame after the handshake is, printed as one line; pings are
 * answered.  Returns the topic of a data envelope and its event's name, owned
 * by the caller, or NULL. */
char *wire_show(struct wire *w, const uint8_t *frame, size_t len, char **event);

#endif
