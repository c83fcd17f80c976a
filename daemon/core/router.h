/*
 * The router: from whoever has an envelope to everybody who wants it.  Peers,
 * clients of the control socket and the node's own services are all
 * subscribers; one loop, no special cases.
 *
 * Who gets what (reference "broker-protocol", 3.3):
 *   from a peer            services and clients; other peers only for topics
 *                          below a forward prefix, with duplicates suppressed
 *   from a service         peers and clients, never services: publishing does
 *                          not call local handlers
 *   from a client          peers and the other clients
 * and never the subscriber it came from.  Unicasts: to the named direct peer;
 * to this node's services and clients by topic when it is named itself.
 *
 * The router is never entered from within deliver: subscribers queue, and the
 * end of the turn drains them.
 */
#ifndef CORE_ROUTER_H
#define CORE_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/uuid.h"
#include "proto/envelope.h"

struct muster_filter;
struct router;
struct subscriber;

/* Payloads of peers are walked once before anybody gets them, without decoding:
 * the next peer may be less careful than we are, and a Broker dies of deep
 * nesting (reference "broker-protocol", 4.1). */
enum message_form {
	MESSAGE_UNCHECKED = 0,
	MESSAGE_SOUND,
	MESSAGE_MALFORMED
};

/* One envelope on its way; borrowed by deliver. */
struct message {
	struct mu_envelope env;  /* stamped: sender is this node, TTL 16, less
				    one for each time it was forwarded */
	struct subscriber *from; /* who brought it; NULL: the node itself */
	struct mu_uuid origin;   /* endpoint id of the peer it came from, or own
				    id */
	struct mu_blob *blob;    /* the frame as a blob once somebody asked */
	enum message_form form;  /* of the payload, once it mattered */
	uint16_t ttl;            /* it came with, at most MU_TTL */
};

/* The frame as a counted blob, made at the first call (the only copy of a
 * large frame); returns a new reference or NULL when memory is out. */
struct mu_blob *message_blob(struct message *m);

enum subscriber_kind {
	SUBSCRIBER_PEER,   /* another endpoint; also by unicast to its id */
	SUBSCRIBER_CLIENT, /* a session of the control socket */
	SUBSCRIBER_SERVICE /* part of this node */
};

/* Embedded in whoever subscribes; the fields below the line are the
 * router's. */
struct subscriber {
	enum subscriber_kind kind;
	struct mu_uuid id; /* PEER: its endpoint id */
	void (*deliver)(struct subscriber *self, struct message *m);
	/* What it brings shall wait (on), or go on: called in the middle of
	 * things, so remember and do nothing else.  NULL: it cannot wait. */
	void (*hold)(struct subscriber *self, bool on);
	bool may_wait; /* ... and nothing is lost by it */
	/* --- */
	bool held;
	struct subscriber *next_held;
	bool attached;
	bool relays;   /* PEER: may bring what others published */
	uint32_t link; /* PEER: its number for duplicate suppression */
};

/*
 * Nodes that forward a prefix say so by this and the prefix in their filter,
 * so that other Muster nodes know who relays and who suppresses duplicates.
 * Broker nodes neither say it nor mind it: they count as relaying.
 */
#define ROUTER_FORWARDS "muster-forward/"
/* A filter with topics below this is that of a Muster node. */
#define ROUTER_MUSTER "muster/"

struct router_stats {
	uint64_t received[6];  /* by envelope type, from peers */
	uint64_t published;    /* by services and clients */
	uint64_t delivered;    /* deliveries, all kinds */
	uint64_t unmatched;    /* envelopes nobody wanted */
	uint64_t forwarded;    /* peer to peer */
	uint64_t malformed;    /* from peers, given to nobody: the payload is
				  no value */
	uint64_t expired;      /* not forwarded, TTL used up: a cycle */
	uint64_t duplicates;   /* suppressed while forwarding */
	uint64_t no_path;      /* unicasts to an endpoint that is no peer, or
				  that are not forwarded */
	uint64_t forgotten;    /* messages not remembered for want of room:
				  copies of them would not be recognized */
};

/*
 * self     own endpoint id
 * forward  prefixes relayed between peers, or NULL: nothing; copied
 * seed     for hash tables
 */
struct router *router_new(const struct mu_uuid *self,
    const struct muster_filter *forward, uint64_t seed);
void router_free(struct router *r);

/* Replace the forward prefixes (reload).  Duplicates stay suppressed below
 * prefixes forwarded before.  0 or MUSTER_ENOMEM. */
int router_set_forward(struct router *r, const struct muster_filter *forward);

/*
 * Make s a subscriber of the prefixes of filter (copied; NULL: none); called
 * again it replaces them.  s is borrowed until router_detach.  0 or
 * MUSTER_ENOMEM (nothing changed).
 */
int router_attach(struct router *r, struct subscriber *s,
    const struct muster_filter *filter);
void router_detach(struct router *r, struct subscriber *s); /* or never was */

/*
 * Back-pressure.  hold: let s wait, if it can; NULL and who waits already are
 * fine.  release: all who wait may go on, and whoever is still too fast will
 * soon be held again.  Whether anybody waits.
 */
void router_hold(struct router *r, struct subscriber *s);
void router_release(struct router *r);
bool router_holds(const struct router *r);

/*
 * What this node announces to its peers: everything its services, clients and
 * forward prefixes ask for, without topics below <$>/local/.  It only grows
 * while the node lives, as Broker's does; version counts the changes.
 * Borrowed.
 */
const struct muster_filter *router_filter(const struct router *r);
uint64_t router_filter_version(const struct router *r);

/*
 * Publish by topic.  from NULL: the node itself.  payload is an encoded value
 * [len].  Returns the number of receivers, or MUSTER_ENOMEM / MUSTER_ELIMIT
 * (topic too long) / MUSTER_EINVAL (reserved topic: anything that begins with
 * <$>).  After an error nobody got it.
 */
int router_publish(struct router *r, struct subscriber *from,
    const char *topic, size_t topic_len, const uint8_t *payload, size_t len);

/* The same with the kinds of receivers, bits of 1 << enum subscriber_kind, and
 * the TTL, 1 to MU_TTL, chosen by the caller; nobody's detour. */
#define ROUTER_TO(kind) (1u << (kind))
int router_publish_to(struct router *r, struct subscriber *from,
    unsigned kinds, uint16_t ttl, const char *topic, size_t topic_len,
    const uint8_t *payload, size_t len);

/*
 * Somebody who takes publications of clients another way.  Embedded in its
 * owner.  publish gets what router_publish got and returns what it is to
 * return; MUSTER_ENOENT: not mine, go on.  NULL: none.
 */
struct router_detour {
	int (*publish)(struct router_detour *self, struct subscriber *from,
	    const char *topic, size_t topic_len, const uint8_t *payload,
	    size_t len);
};
void router_set_detour(struct router *r, struct router_detour *d);

/* The same for one direct peer (receiver = its id).  1, MUSTER_ENOENT when
 * there is no such peer, or an error. */
int router_unicast(struct router *r, struct subscriber *from,
    const struct mu_uuid *receiver, const char *topic, size_t topic_len,
    const uint8_t *payload, size_t len);

/* A command of a store: receiver NULL: by topic, as router_publish, otherwise
 * for one direct peer, as router_unicast.  Clients never see commands. */
int router_command(struct router *r, struct subscriber *from,
    const struct mu_uuid *receiver, const char *topic, size_t topic_len,
    const uint8_t *payload, size_t len);

/*
 * An envelope from a peer; env->frame is overwritten (stamped).  0, or
 * MUSTER_EPROTO when somebody wanted it and did not get it, because its
 * payload is not a value.  Commands of stores are never forwarded: their stores talk
 * to direct peers.
 */
int router_receive(struct router *r, struct subscriber *from,
    struct mu_envelope *env, uint64_t now);

/* Time passed: messages are forgotten; UINT64_MAX: none to forget. */
void router_tick(struct router *r, uint64_t now);
uint64_t router_deadline(const struct router *r);

/* The direct peer with that id, or NULL. */
struct subscriber *router_peer(const struct router *r,
    const struct mu_uuid *id);

const struct router_stats *router_stats(const struct router *r);

#endif
