/*
 * The peering machine: one connection of the native protocol, from the first
 * byte to the last, in either role (reference "broker-protocol", sections 2
 * and 3).  Four doors: feed, tick/deadline, next, verbs.
 *
 * Duplicate detection needs to know the other connections of the endpoint:
 * they share a struct mu_peer_table, which must outlive them.
 */
#ifndef MU_PROTO_PEER_H
#define MU_PROTO_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "proto/envelope.h"

struct muster_filter;
struct mu_peer;
struct mu_peer_table;

/* --- the table of peers of one endpoint --------------------------------- */

struct mu_peer_table *mu_peer_table_new(const struct mu_uuid *self);
/* No machine may use it any more. */
void mu_peer_table_free(struct mu_peer_table *t);
/* From now on every handshake is answered with "shutting down" (28). */
void mu_peer_table_close(struct mu_peer_table *t);
/* Is there a finished peering with id? */
bool mu_peer_table_has(const struct mu_peer_table *t, const struct mu_uuid *id);
/*
 * A machine whose situation changed because of another one (a parked duplicate
 * was decided; a peering is suspected because its peer dials again and shall
 * be probed), or NULL.  The owner drains next() of each.  Each is returned
 * once per change.
 */
struct mu_peer *mu_peer_table_wake(struct mu_peer_table *t);

/* --- one connection ------------------------------------------------------- */

struct mu_peer_config {
	struct mu_peer_table *table;
	const struct muster_filter *filter; /* own; read when it is sent */
	size_t max_handshake;  /* bytes of a frame before the peering is up */
	size_t max_frame;      /* after */
	size_t max_topics;     /* entries of a remote filter */
	uint64_t handshake_ns; /* from creation to up */
	uint64_t ping_ns;      /* silence before a ping; 0: never */
	uint64_t ping_grain_ns; /* such pings leave at multiples of it, up to
				   that much sooner: those of many peers
				   together; at most ping_ns / 2; 0: any time */
	uint64_t dead_ns;      /* silence before DOWN; 0: never */
	uint64_t goodbye_ns;   /* wait for the pong of BYE */
	void *owner;           /* of the machine, for mu_peer_owner */
};

enum mu_peer_role {
	MU_PEER_DIALED,  /* we connected: speaks first with hello */
	MU_PEER_ACCEPTED /* speaks first with probe */
};

/* NULL when memory is out.  now: monotonic nanoseconds, here and below. */
struct mu_peer *mu_peer_new(
    const struct mu_peer_config *cfg, enum mu_peer_role role, uint64_t now);
/* Also ends whatever the table knows of it. */
void mu_peer_free(struct mu_peer *p);
void *mu_peer_owner(const struct mu_peer *p);

enum mu_peer_reason {
	MU_PEER_LOST,      /* transport ended (EOF, reset) */
	MU_PEER_PROTOCOL,  /* the peer violated the protocol */
	MU_PEER_LIMIT,     /* the peer exceeded a limit */
	MU_PEER_TIMEOUT,   /* handshake not finished in time */
	MU_PEER_DEAD,      /* silent, and no answer to pings */
	MU_PEER_VERSION,   /* no common version */
	MU_PEER_REFUSED,   /* the peer sent drop_conn, not a duplicate */
	MU_PEER_DUPLICATE, /* a peering with this peer exists already: success
			    */
	MU_PEER_SELF,      /* we connected to ourselves */
	MU_PEER_CLOSING,   /* our own endpoint shuts down */
	MU_PEER_REMOVED,   /* ended by us: BYE answered, timed out, or stop */
	MU_PEER_NOMEM
};
const char *mu_peer_reason_name(enum mu_peer_reason r);

enum mu_peer_out_kind {
	MU_PEER_SEND,     /* bytes for the wire, in this order */
	MU_PEER_UP,       /* peering complete; filter and id are known */
	MU_PEER_FILTER,   /* the remote filter was replaced */
	MU_PEER_ENVELOPE, /* data or command; sender already overwritten with
			     the peer's id; topics below <$>/local/ never
			     come out */
	MU_PEER_PROBLEM,  /* something was dropped, the peering goes on: text */
	MU_PEER_PONG,     /* answer to mu_peer_ping */
	MU_PEER_DOWN      /* over: flush what was sent, close, free */
};

struct mu_peer_out {
	enum mu_peer_out_kind kind;
	const uint8_t *bytes; /* SEND */
	size_t len;
	struct mu_envelope env; /* ENVELOPE: view, borrowed until the next call
				   on the machine; frame is writable */
	enum mu_peer_reason reason; /* DOWN */
	unsigned ec;                /* DOWN: Broker's code, sent or received */
	const char *text;           /* DOWN, PROBLEM: for the log; printable */
	uint64_t token;             /* PONG */
	uint64_t rtt_ns;            /* PONG */
};

/*
 * Bytes from the peer.  reserve gives room to read into directly (so that
 * nothing is copied), commit says how many came; feed does both with a copy.
 * After DOWN was queued input is ignored.  reserve: 0 or MUSTER_ENOMEM.
 */
int mu_peer_reserve(struct mu_peer *p, uint8_t **at, size_t *room);
void mu_peer_commit(struct mu_peer *p, size_t n, uint64_t now);
int mu_peer_feed(
    struct mu_peer *p, const uint8_t *buf, size_t len, uint64_t now);
/* The transport ended; text says why (NULL: closed by the peer). */
void mu_peer_eof(struct mu_peer *p, const char *text);

/* There is no more input at present: give its memory back if nothing is left
 * in it.  Consequences that were given out are not looked at any more. */
void mu_peer_dry(struct mu_peer *p);
/* Nothing came for a while: give memory back (input not yet used stays). */
void mu_peer_idle(struct mu_peer *p);

/* Time.  deadline: when tick is due, UINT64_MAX for never. */
void mu_peer_tick(struct mu_peer *p, uint64_t now);
uint64_t mu_peer_deadline(const struct mu_peer *p);

/* One consequence; false when there is none at the moment.  SEND is always
 * drained before UP, DOWN and the like that came later. */
bool mu_peer_next(struct mu_peer *p, struct mu_peer_out *out);

/* Facts, valid from UP on; the id as soon as the peer has said it (nil before),
 * so also at DOWN with DUPLICATE. */
bool mu_peer_is_up(const struct mu_peer *p);
const struct mu_uuid *mu_peer_id(const struct mu_peer *p);
const struct muster_filter *mu_peer_filter(const struct mu_peer *p);
/* Are we the originator (smaller id)? */
bool mu_peer_is_originator(const struct mu_peer *p);
/* Monotonic time of the last byte received. */
uint64_t mu_peer_heard(const struct mu_peer *p);
/* Last measured round trip, 0 when none. */
uint64_t mu_peer_rtt(const struct mu_peer *p);
/* Has the peer sent BYE?  Then the end of the transport is no accident. */
bool mu_peer_said_goodbye(const struct mu_peer *p);

/* Verbs. */
/* Our filter changed: send the whole of it.  Before UP it is sent with or right
 * after the handshake, as need be. */
void mu_peer_announce(struct mu_peer *p);
/* Ask for a PONG with this token within timeout_ns (0: no limit), else DOWN
 * (DEAD).  The time starts again while other bytes arrive: the pong stands
 * behind them.  Up to four may be on their way; a fifth replaces the oldest. */
void mu_peer_ping(
    struct mu_peer *p, uint64_t token, uint64_t timeout_ns, uint64_t now);
/* Leave input where it is (on), or go on with it: the owner has no room for
 * what follows.  Meanwhile the peer is pinged but never found dead, since its
 * answers are not looked at.  Any end lets go. */
void mu_peer_hold(struct mu_peer *p, bool on, uint64_t now);
/* Graceful end: BYE, then DOWN (REMOVED) on its answer or after goodbye_ns. */
void mu_peer_goodbye(struct mu_peer *p, uint64_t now);
/* End at once: DOWN with this reason; before UP with drop_conn if ec != 0. */
void mu_peer_stop(struct mu_peer *p, enum mu_peer_reason reason, unsigned ec,
    const char *text);

#endif
