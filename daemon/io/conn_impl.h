/*
 * What the files of a connection share: conn.c makes and opens it, conn_move.c
 * moves its bytes, conn_end.c ends it, conn_bio.c is below its TLS.
 */
#ifndef IO_CONN_IMPL_H
#define IO_CONN_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "base/buf.h"
#include "io/conn.h"
#include "io/loop.h"

#define CONN_DRAIN_NS 1000000000u   /* how long the peer's end is waited for */
#define CONN_OUT      (1024 * 1024) /* of TLS records to be sent */
#define CONN_CHORES   (256 * 1024)  /* input of TLS without any data in it */

enum conn_state {
	CONN_CONNECTING, /* connect(2) is under way */
	CONN_SHAKING,    /* the TLS handshake is */
	CONN_OPEN,       /* bytes flow */
	CONN_LINGERING,  /* closing: output is still written */
	CONN_DRAINING,   /* without owner: waits for the peer's end */
	CONN_DEAD        /* to be reaped */
};

enum conn_todo {             /* for the job */
	CONN_TODO_OPEN = 1,  /* say that it is open */
	CONN_TODO_SHAKE = 2, /* go on with the handshake */
	CONN_TODO_READ = 4,
	CONN_TODO_WRITE = 8
};

struct conn {
	struct conns *all;
	struct conn *prev, *next; /* neighbours among the living or dead */
	enum conn_state state;
	int fd;                     /* -1 when dead */
	SSL *ssl;                   /* owned; NULL: plain */
	const struct conn_ops *ops; /* NULL: the owner is gone */
	void *owner;
	struct event readable;
	struct event writable;
	bool full; /* waiting for writable */
	bool eof;  /* the socket's end was seen */
	bool dry;  /* a read got less than it could take: spare the next */
	bool half_close; /* as configured */
	bool paused;     /* the owner has no room for input */
	bool muted;      /* the owner does not want to hear */
	bool fresh;      /* no input yet */
	bool active;     /* bytes moved since the last sweep */
	bool idle;       /* the owner was told */
	int error;       /* errno of the socket's failure, or 0 */
	unsigned todo;   /* enum conn_todo */
	struct loop_job job;
	struct loop_timer *timer; /* limit of connecting, handshake, linger */
	uint64_t handshake_ns;    /* as configured */
	struct mu_buf out;        /* TLS records that were not yet sent */
	size_t taken;             /* bytes from the socket in this pull */
	size_t chores;            /* of TLS, since there last was data */
	size_t drained;           /* bytes thrown away */
};

struct conns {
	struct loop *loop;
	BIO_METHOD *method;       /* of our BIO */
	struct conn *live;        /* list */
	struct conn *dead;        /* list */
	size_t count;             /* in both */
	size_t draining;          /* in CONN_DRAINING */
	unsigned shakes;          /* handshake steps of this turn */
	struct mu_buf spare;      /* memory for the out of whoever writes */
	size_t moved;             /* bytes since the last sweep */
	size_t untrimmed;         /* ... since memory was last given back */
	struct loop_timer *sweep; /* looks for idle ones */
};

/* --- conn.c --- */

/* Run one of these in the next turn. */
void conn_put_off(struct conn *c, enum conn_todo what);
/* n bytes moved. */
void conn_touch(struct conn *c, size_t n);
/* out was sent: its memory is for others. */
void conn_lend_out(struct conn *c);
/* It is over: only memory is left, for conns_reap. */
void conn_kill(struct conn *c);

/* --- conn_move.c --- */

/* Read until there is nothing more or the turn's budget is used up. */
void conn_pull(struct conn *c);
/* Write until there is nothing more or the socket is full. */
void conn_flush(struct conn *c);
/* Send what lies in out; false when the socket is full or broken. */
bool conn_send_out(struct conn *c);
void conn_wait_writable(struct conn *c);
/* Does a TLS call that returned r want more input? */
bool conn_wants_read(struct conn *c, int r);

/* --- conn_end.c --- */

/* It is over; politely: the peer should receive what is in out.  The owner is
 * told. */
void conn_finish(struct conn *c, const char *text, bool politely);
/* The same for c->error, and for a TLS call that returned r. */
void conn_finish_socket(struct conn *c);
void conn_finish_tls(struct conn *c, int r);
/* Input of a connection that is over. */
void conn_throw_away(struct conn *c);

/* --- conn_bio.c --- */

BIO_METHOD *conn_bio_method(void);
bool conn_bio_attach(struct conn *c);

#endif
