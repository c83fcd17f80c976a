/*
 * The inside of the router, shared by router.c (what happens to an envelope)
 * and router_subs.c (who subscribes, and what this node announces).
 */
#ifndef CORE_ROUTER_IMPL_H
#define CORE_ROUTER_IMPL_H

#include "base/buf.h"
#include "core/router.h"
#include "core/router_peers.h"

struct forward;
struct mu_trie;

/* Longer topics do without mark and echo. */
#define ROUTER_MARKED_TOPIC 1024

struct router {
	struct mu_uuid self;
	struct mu_trie *trie;          /* everybody's filter */
	struct router_peers peers;     /* by endpoint id */
	struct muster_filter *own;     /* announced; only grows */
	uint64_t version;              /* changes of own */
	struct muster_filter *forward; /* relayed between peers now */
	struct muster_filter *ever;    /* relayed now or before */
	struct forward *seen;          /* duplicate suppression */
	struct router_detour *detour;  /* or NULL */
	struct mu_buf scratch;         /* the frame being published */
	struct subscriber *held;       /* who waits */
	struct router_stats stats;
};

#endif
