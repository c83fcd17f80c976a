/*
 * The relays of the layout at one node (muster.yaml(5), RULES): who publishes
 * on the topic of a relay sends the event to one of the relaying nodes; that
 * one publishes it again.
 *
 * At the publisher this is a detour of the router: the event goes to the topic
 * of the chosen node with the relay's topic behind it, so that no other node
 * gets it.  At the relay it is a service: what arrives is queued, as the router
 * is never entered from within a delivery, and published by relays_flush.
 *
 * The hop mark is the envelope's TTL, which says nothing else among direct
 * peers: each relay takes RELAY_COST of the 16 it began with.  The payload is
 * neither changed nor looked at.
 */
#ifndef CORE_RELAYS_H
#define CORE_RELAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout/layout.h"

struct members;
struct muster_filter;
struct relays;
struct router;
struct subscriber;

#define RELAY_COST  3            /* so that five in a row are possible */
#define RELAY_QUEUE 65536        /* events that wait for the end of the turn */
#define RELAY_BYTES (256u << 20) /* ... and their bytes */

struct relays_config {
	struct router *router;
	const struct members *members;
	const struct mu_layout *layout;    /* borrowed until reload */
	const struct mu_layout_node *node; /* in that layout */
	/* A message for the operator. */
	void (*say)(void *ctx, int level, const char *text);
	void *ctx;
};

/* NULL when memory is out. */
struct relays *relays_new(const struct relays_config *cfg, uint64_t now);
void relays_free(struct relays *rs);

/*
 * Another layout.  prepare allocates what is needed: 0, or MUSTER_ENOMEM and
 * nothing changed but perhaps a larger filter.  commit, once membership has the
 * layout too, cannot fail; relays with the same topic keep what they counted.
 * cancel forgets what was prepared.  Nothing else happens in between.
 */
int relays_prepare(struct relays *rs, const struct mu_layout *layout,
    const struct mu_layout_node *node);
void relays_commit(struct relays *rs);
void relays_cancel(struct relays *rs);

/* Add the topics that this node takes for others.  0 or MUSTER_ENOMEM. */
int relays_add_topics(const struct relays *rs, struct muster_filter *f);

/*
 * Publish, by way of a relay if the topic is that of one.  from as for
 * router_publish; what it returns, too: without a relay that is up nobody gets
 * it, which is 0.
 */
int relays_publish(struct relays *rs, struct subscriber *from,
    const char *topic, size_t topic_len, const uint8_t *payload, size_t len);

/* What became of the publication before this call: the number of its rule,
 * from 1, and the node that was chosen, NULL: none is up.  0: it was for no
 * relay. */
size_t relays_last(const struct relays *rs, const char **node);

/* Publish what arrived; true when there was anything. */
bool relays_flush(struct relays *rs, uint64_t now);

/* For status; counted since the start. */
struct relays_fact {
	const struct mu_layout_relay *rule;
	bool here;          /* this node is one of those that pass on */
	size_t nodes, up;   /* of those that pass on; up as seen from here */
	uint64_t published; /* by clients here, for this relay */
	uint64_t lost;      /* of them: no relay was up, or none took it */
	uint64_t relayed;   /* passed on by this node */
	uint64_t circled;   /* not passed on: passed on too often already */
	uint64_t dropped;   /* not passed on: queue or memory full */
};
size_t relays_count(const struct relays *rs);
void relays_fact(const struct relays *rs, size_t i, struct relays_fact *out);

#endif
