/*
 * The inside of the peering machine, shared by its five files: peer.c (doors
 * and verbs), peer_time.c (ticks), peer_table.c (who else is connected),
 * peer_handshake.c (phases 1 and 2) and peer_phase3.c (envelopes).
 */
#ifndef MU_PROTO_PEER_IMPL_H
#define MU_PROTO_PEER_IMPL_H

#include "base/buf.h"
#include "proto/frame.h"
#include "proto/handshake.h"
#include "proto/peer.h"

/* The states of reference 2.3, and ours. */
enum phase {
	PHASE_C_HELLO,       /* dialled, hello sent */
	PHASE_S_HELLO,       /* accepted, probe sent */
	PHASE_AWAIT_VSELECT, /* both said hello, the peer decides */
	PHASE_PARKED,        /* we decide, once another handshake is done */
	PHASE_AWAIT_SYN,
	PHASE_AWAIT_SYN_ACK,
	PHASE_AWAIT_ACK,
	PHASE_UP,
	PHASE_OVER /* DOWN is due or was given */
};

/* What the table knows of a machine. */
enum claim {
	CLAIM_NONE,
	CLAIM_PARKED,     /* waits for the holder of the same id */
	CLAIM_CONNECTING, /* holds the id, handshake running */
	CLAIM_CONNECTED   /* holds the id, peering complete */
};

/* Pings on their way.  The owner may have a few; ours have places of their
 * own. */
enum ping_slot {
	PING_ALIVE,   /* sent because of silence; no time limit */
	PING_SUSPECT, /* sent because the peer dials again */
	PING_OWNER,   /* mu_peer_ping */
	NPINGS = PING_OWNER + 4
};

struct ping {
	bool out;        /* not answered yet */
	uint64_t serial; /* in its payload */
	uint64_t token;  /* the owner's */
	uint64_t sent;
	uint64_t timeout;  /* 0: none */
	uint64_t deadline; /* UINT64_MAX: none */
};

#define MARK_LEN ((size_t)11) /* "BYE" or "PNG" and eight bytes */

struct mu_peer {
	struct mu_peer_config cfg;
	enum mu_peer_role role;
	enum phase phase;

	uint64_t now;          /* the latest time anybody told us */
	uint64_t started;      /* creation */
	uint64_t heard;        /* last byte from the peer */
	uint64_t silent_since; /* heard, or when we woke up ourselves */
	uint64_t pinged;       /* last ping because of silence */
	uint64_t rtt;

	struct mu_frames in;
	struct mu_buf out; /* bytes for the wire not given out yet */
	size_t given;      /* of out, by the last next() */
	bool up_due;       /* UP was not given yet */
	bool down_given;
	bool held;      /* input waits */
	bool eof;       /* the transport ended */
	bool eof_named; /* ... for the reason in eof_text */
	char eof_text[160];

	struct mu_uuid id; /* of the peer, as soon as it is known */
	bool originator;
	bool filter_sent;             /* ours, in syn or syn_ack */
	bool announce_due;            /* ours changed between that and UP */
	struct muster_filter *filter; /* the peer's; owned */

	bool bye_seen;         /* the peer said goodbye */
	bool leaving;          /* we did */
	uint8_t bye[MARK_LEN]; /* the payload we sent */
	uint64_t bye_deadline;
	struct ping pings[NPINGS];
	uint64_t ping_serial;

	enum mu_peer_reason reason; /* of DOWN */
	unsigned ec;
	char text[224]; /* of DOWN and PROBLEM */

	enum claim claim;
	struct mu_peer *prev, *next; /* in the table while claim is not NONE */
	bool waking;
	struct mu_peer *wake_next;
};

#define MU_PEER_CLAIMS 256

struct mu_peer_table {
	struct mu_uuid self;
	bool closed;
	/* machines with a claim, by the last byte of the peer's id */
	struct mu_peer *claims[MU_PEER_CLAIMS];
	struct mu_peer *wake_first, *wake_last;
	uint64_t byes; /* said so far: their tokens */
};

/* --- peer.c --- */

/* Over: DOWN is due, the table forgets the machine.  The first call counts. */
void mu_peer_finish(struct mu_peer *p, enum mu_peer_reason reason, unsigned ec,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* PHASE_UP: the handshake is complete. */
void mu_peer_complete(struct mu_peer *p);

/* --- peer_time.c --- */

/* at + ns; 0 stands for never, as does a sum that does not fit. */
uint64_t mu_peer_after(uint64_t at, uint64_t ns);

/* --- peer_table.c --- */

enum claim_result {
	CLAIM_GRANTED, /* the machine now holds p->id as CONNECTING */
	CLAIM_BUSY,    /* another handshake holds it */
	CLAIM_TAKEN,   /* a complete peering holds it; it is now suspected */
	CLAIM_CLOSED   /* the endpoint shuts down */
};
enum claim_result mu_peer_table_claim(struct mu_peer *p);
/* Wait for the holder of p->id. */
void mu_peer_table_park(struct mu_peer *p);
/* p's handshake is complete: those parked behind it are duplicates. */
void mu_peer_table_settle(struct mu_peer *p);
/* p gives up what it has; the first one parked behind it goes on. */
void mu_peer_table_release(struct mu_peer *p);
/* Does another machine hold id, complete or not? */
bool mu_peer_table_held(const struct mu_peer *p, const struct mu_uuid *id);
/* Free the table's links to p (waking list included). */
void mu_peer_table_forget(struct mu_peer *p);

/* --- peer_handshake.c --- */

void mu_peer_open(struct mu_peer *p);
void mu_peer_handshake_frame(
    struct mu_peer *p, const uint8_t *payload, size_t len);
/* The originator's next step once it holds p->id. */
void mu_peer_proceed(struct mu_peer *p);
void mu_peer_send_drop(
    struct mu_peer *p, unsigned ec, const char *text, size_t len);

/* --- peer_phase3.c --- */

/* Look at one frame; true: out is set. */
bool mu_peer_envelope_frame(
    struct mu_peer *p, uint8_t *frame, size_t len, struct mu_peer_out *out);
void mu_peer_send_filter(struct mu_peer *p);
void mu_peer_send_ping(
    struct mu_peer *p, enum ping_slot slot, uint64_t token, uint64_t timeout);
void mu_peer_send_bye(struct mu_peer *p);

#endif
