/*
 * One node without its sockets: router, peers, dials, membership, put
 * together.  daemon/io gives it TCP, TLS and a clock; the simulator gives it
 * a network of its own.  Broker calls this an endpoint.
 *
 * Four doors: connections and bytes come in (endpoint_accepted,
 * endpoint_connected, link_commit, ...), time comes in (tick), consequences
 * come out (next), verbs ask for something.  After every call that lets
 * something happen, drain next until it is false.
 */
#ifndef CORE_ENDPOINT_H
#define CORE_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "core/link.h"
#include "core/members.h"
#include "core/router.h"
#include "layout/layout.h"

struct mu_pools;
struct muster_filter;
struct relays;

struct endpoint_config {
	const struct mu_layout *layout; /* borrowed until endpoint_reload */
	const char *node;               /* a name in it */
	struct mu_uuid id;
	uint64_t seed;                  /* jitter, hash tables */
	bool (*veto)(void *ctx, const char *node); /* tests: refuse to dial a
						      node; or NULL */
	void *veto_ctx;
};

/* NULL when memory is out or the layout has no such node.  Dials are due at
 * once. */
struct endpoint *endpoint_new(const struct endpoint_config *cfg, uint64_t now);
/* All links must have been closed by the transport or are forgotten. */
void endpoint_free(struct endpoint *e);

/* --- connections --------------------------------------------------------- */

/* Somebody connected to us.  NULL: refused by a limit or memory; *why says it
 * (static text).  The link exists until link_closed. */
struct link *endpoint_accepted(struct endpoint *e, const char *address,
    uint16_t port, const char **why, uint64_t now);

/* The DIAL consequence dial_id worked (TLS included) or failed.  NULL: nobody
 * waits for it any more, or memory is out; close it. */
struct link *endpoint_connected(struct endpoint *e, unsigned dial_id,
    const char *address, uint16_t port, uint64_t now);
void endpoint_connect_failed(struct endpoint *e, unsigned dial_id,
    const char *why, uint64_t now);

/* --- time ---------------------------------------------------------------- */

void endpoint_tick(struct endpoint *e, uint64_t now);
uint64_t endpoint_deadline(const struct endpoint *e);

/* --- consequences -------------------------------------------------------- */

enum endpoint_out_kind {
	ENDPOINT_DIAL,  /* connect to host:port, answer with dial_id */
	ENDPOINT_CANCEL_DIAL, /* forget the attempt dial_id */
	ENDPOINT_WRITE, /* link has output (once per turn and link) */
	ENDPOINT_READ,  /* link was held and may be read again */
	ENDPOINT_CLOSE, /* flush the link's output, close, link_closed */
	ENDPOINT_LOG,   /* level, text: a message for the operator */
	ENDPOINT_CLUSTER_LOG, /* text: a line of cluster.log */
	ENDPOINT_BROKER_LOG,  /* ty, ev, address, port, text */
	ENDPOINT_STATE  /* text: "fully connected", "started",
			   "degraded: ...", "restored" */
};

struct endpoint_out {
	enum endpoint_out_kind kind;
	unsigned dial_id;
	const char *host; /* pointers borrowed until the next call */
	uint16_t port;
	const char *name; /* DIAL: the node's name */
	struct link *link;
	int level;
	const char *text;
	const char *ty, *ev; /* BROKER_LOG: "Broker::STATUS", "peer-added" */
	const char *address; /* BROKER_LOG, or NULL: unset */
	bool linger; /* CLOSE: wait for the output to be written */
};

bool endpoint_next(struct endpoint *e, struct endpoint_out *out);

/* --- verbs --------------------------------------------------------------- */

/* Replace the layout (checked by the caller with mu_layout_diff: only what
 * may change differs).  The old one is no longer used after it returns 0. */
int endpoint_reload(struct endpoint *e, const struct mu_layout *layout,
    uint64_t now);

/* Say goodbye to every peer and accept nobody new; done when the last link is
 * closed (endpoint_nlinks 0). */
void endpoint_stop(struct endpoint *e, uint64_t now);

/* --- for services ---------------------------------------------------------- */

/* Who wants to know what peers there are.  Embedded in its owner. */
struct endpoint_watch {
	/* A peering came up or its filter changed; filter NULL: it ended.
	 * Called in the middle of things: remember, do nothing else. */
	void (*peer)(struct endpoint_watch *self, const struct mu_uuid *id,
	    const struct muster_filter *filter);
	/* Or NULL: a peering came up; what is sent to that peer now leaves
	 * before the hello. */
	void (*greet)(struct endpoint_watch *self, const struct mu_uuid *id);
	struct endpoint_watch *next; /* the endpoint's */
};
/* One more; it is told of the peers that are up already. */
void endpoint_add_watch(struct endpoint *e, struct endpoint_watch *w);
void endpoint_remove_watch(struct endpoint *e, struct endpoint_watch *w);

/* Who handles events that this node raises itself: node_up and so on.  Embedded
 * in its owner; may publish. */
struct endpoint_raiser {
	/* An encoded event [len], borrowed. */
	void (*raise)(struct endpoint_raiser *self, const uint8_t *payload,
	    size_t len);
};
/* One; NULL: none. */
void endpoint_set_raiser(struct endpoint *e, struct endpoint_raiser *r);

/* Add the topics that this node itself asks for, by role, pools, subscriptions
 * and relays.  0 or MUSTER_ENOMEM. */
int endpoint_own_topics(struct endpoint *e, struct muster_filter *f);

/* A line for cluster.log. */
void endpoint_cluster_log(struct endpoint *e, const char *text);

/* --- facts --------------------------------------------------------------- */

/* The latest monotonic time anybody told it. */
uint64_t endpoint_now(const struct endpoint *e);
struct router *endpoint_router(struct endpoint *e);
struct members *endpoint_members(struct endpoint *e);
/* Who shares out work, as this node sees it; valid until a reload. */
struct mu_pools *endpoint_pools(const struct endpoint *e);
struct relays *endpoint_relays(struct endpoint *e);
/* Messages of peers that the access rules of the layout refused. */
uint64_t endpoint_refused(const struct endpoint *e);
const struct mu_layout *endpoint_layout(const struct endpoint *e);
const struct mu_layout_node *endpoint_node(const struct endpoint *e);
const struct mu_uuid *endpoint_id(const struct endpoint *e);
size_t endpoint_nlinks(const struct endpoint *e);
struct link *endpoint_link(const struct endpoint *e, size_t i);

/* The rows this node connects to, for status.  connected is also true while a
 * connection that the other side opened stands in for it. */
struct endpoint_dial_facts {
	const char *name;
	const char *host;
	uint16_t port;
	uint64_t attempts;
	uint64_t since;     /* monotonic time the trouble began */
	const char *why;    /* last failure, or NULL */
	bool connected;
};
size_t endpoint_ndials(const struct endpoint *e);
void endpoint_dial_facts(const struct endpoint *e, size_t i,
    struct endpoint_dial_facts *out);

#endif
