/*
 * Peers of the router by endpoint id: an open table of pointers.  Its hash is
 * seeded, as ids come from outside.
 */
#ifndef CORE_ROUTER_PEERS_H
#define CORE_ROUTER_PEERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"

struct subscriber;

struct router_peers {
	uint64_t seed;
	struct subscriber **slots; /* [cap], NULL: free */
	size_t cap;                /* a power of two, or 0 */
	size_t n;
};

void router_peers_init(struct router_peers *p, uint64_t seed);
void router_peers_clear(struct router_peers *p);
/* s->id is not in the table.  0 or MUSTER_ENOMEM. */
int router_peers_add(struct router_peers *p, struct subscriber *s);
/* s is in the table. */
void router_peers_remove(struct router_peers *p, struct subscriber *s);
/* The peer with that id, or NULL. */
struct subscriber *router_peers_find(const struct router_peers *p,
    const struct mu_uuid *id);

#endif
