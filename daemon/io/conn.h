/*
 * One connection: a socket and perhaps TLS over it, as a stream of bytes that
 * is read straight into the owner's buffer and written straight from it.
 * Connecting, the TLS handshake, orderly closing and fairness among many
 * connections are done here; what the bytes mean is the owner's business.
 *
 * Nothing is freed while one of its callbacks may be running: a connection
 * that ended is reaped by conns_reap at the end of the turn.
 */
#ifndef IO_CONN_H
#define IO_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn;
struct conns;
struct loop;
struct ssl_st;

/* What the owner does.  All get the owner given to conn_new. */
struct conn_ops {
	/* Room for input; 0 or an error, which ends the connection. */
	int (*reserve)(void *owner, uint8_t **at, size_t *room);
	/* n bytes of it came.  May close the connection. */
	void (*commit)(void *owner, size_t n, uint64_t now);
	/* Output: look and consume; peek is false when there is none. */
	bool (*peek)(void *owner, const uint8_t **bytes, size_t *len);
	void (*consume)(void *owner, size_t n);
	/* Connected, TLS included: input and output begin.  May change ops
	 * and owner, or close. */
	void (*opened)(void *owner, uint64_t now);
	/* It ended, and not by conn_close without lingering: text is NULL when
	 * the peer closed it or our own closing is complete.  The owner
	 * forgets the connection. */
	void (*closed)(void *owner, const char *text, uint64_t now);
	/* All input that there is was read: memory for more need not wait for
	 * it.  May be NULL. */
	void (*dry)(void *owner);
	/* Nothing happened for a while: give memory back.  May be NULL. */
	void (*idle)(void *owner);
};

struct conn_config {
	int fd;                /* taken; not blocking */
	bool connecting;       /* connect(2) is under way */
	struct ssl_st *ssl;    /* taken; NULL: plain */
	uint64_t connect_by;   /* monotonic limit of connecting */
	uint64_t handshake_ns; /* limit of TLS, from being connected on */
	bool half_close;       /* the peer's end of stream ends only its side:
				  what we have for it is still written */
	const struct conn_ops *ops;
	void *owner;
};

/* All connections of a process; they share the budget of handshake steps per
 * turn.  NULL when memory is out. */
struct conns *conns_new(struct loop *l);
/* Closes what is left, without a word to the owners. */
void conns_free(struct conns *cs);
/* At the end of a turn: free what ended. */
void conns_reap(struct conns *cs);
/* Connections not yet freed, those that linger included; and those without
 * owner that only wait for the peer's end of stream. */
size_t conns_count(const struct conns *cs);
size_t conns_draining(const struct conns *cs);

/* NULL when memory is out: fd and ssl are closed then, too. */
struct conn *conn_new(struct conns *cs, const struct conn_config *cfg);

/* Hand it to somebody else. */
void conn_set_owner(struct conn *c, const struct conn_ops *ops, void *owner);

/* The owner has output, or more than it had. */
void conn_write(struct conn *c);

/* Read nothing (on), or again.  What was read already is not taken back. */
void conn_pause(struct conn *c, bool on);

/*
 * End it.  linger 0: at once and without calling closed, after one attempt to
 * write what there is.  Otherwise for at most that many ns output is written,
 * then closed is called (perhaps before this returns), and the socket waits
 * for the peer's end of stream so that the last bytes arrive.
 */
void conn_close(struct conn *c, uint64_t linger_ns);

struct ssl_st *conn_ssl(const struct conn *c);

#endif
