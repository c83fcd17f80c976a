/*
 * What relays.c (events on their way) and relays_rules.c (the rules of a
 * layout) share.
 */
#ifndef CORE_RELAYS_IMPL_H
#define CORE_RELAYS_IMPL_H

#include "base/buf.h"
#include "core/relays.h"
#include "core/router.h"

struct mu_pool;

/* A rule as this node sees it. */
struct relay {
	const struct mu_layout_relay *rule;
	struct mu_pool *pool; /* the nodes that pass on, by name */
	size_t *rows;         /* [mu_pool_size] of membership */
	bool here;            /* this node is one of them */
	bool first;           /* ... and the first by name */
	uint64_t published, lost, relayed, circled, dropped;
	uint64_t said_lost, said_circled, said_dropped; /* times; 0: never */
};

/* An event that waits to be passed on. */
struct relay_item {
	struct mu_blob *blob; /* the frame that brought it */
	size_t at, len;       /* of the payload in it */
	size_t relay;         /* index of the rule */
	uint16_t ttl;
};

struct relays {
	struct relays_config cfg;
	struct subscriber sub;
	struct router_detour detour;
	uint64_t now;
	char *own; /* the node's topic, "zeek/cluster/node/proxy-1/" */
	size_t own_len;
	struct relay *list; /* of the layout's rules, in their order */
	size_t n;
	struct relay_item *queue;
	size_t nqueue, cap;
	size_t bytes;          /* of the frames in it */
	struct mu_buf scratch; /* a topic */
	size_t last;           /* of relays_last */
	const char *last_node;
	struct relay *fresh; /* of relays_prepare, or NULL */
	struct relays_config fresh_cfg;
};

/* --- relays_rules.c --- */

/* The rules of the layout as this node sees them.  0 or MUSTER_ENOMEM. */
int relay_list_make(const struct relays_config *cfg, struct relay **list);
void relay_list_free(struct relay *list, size_t n);
/* Take over counters and rotation from the rules of an earlier layout. */
void relay_list_inherit(
    struct relay *list, size_t n, struct relay *old, size_t nold);
/* Add what this node subscribes for them.  0 or MUSTER_ENOMEM. */
int relay_list_topics(const struct relay *list, size_t n, const char *own,
    struct muster_filter *f);
/* The node whose turn it is; NULL: none is up. */
const char *relay_choose(struct relay *r, const struct members *m);
/* How many are up, this node among them if it passes on. */
size_t relay_up(struct relay *r, const struct members *m);

#endif
