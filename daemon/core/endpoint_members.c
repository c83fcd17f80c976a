/*
 * Membership as a service of the router, and what it asks for: publications,
 * records, the end of peerings, changes of the cluster's state.
 */
#include "core/endpoint_impl.h"
#include "core/pools.h"

#include <string.h>

#include "core/relays.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "sys/log.h"

/* A peer whose name another one claims has so long to show it is alive: a
 * restarted host must not wait for dead_ns. */
#define CONTEST_NS UINT64_C(1000000000)

/* A publication found no memory.  Membership relies on it; ending the peerings
 * with those who should have got it makes both sides begin anew. */
static void
start_over(struct endpoint *e, const struct members_out *out)
{
	for (size_t i = 0; i < e->nlinks; i++) {
		struct link *l = e->links[i];

		if (!l->told || (out->receiver != NULL &&
		    !mu_uuid_eq(out->receiver, &l->sub.id)))
			continue;
		if (out->receiver != NULL ||
		    muster_filter_matches(mu_peer_filter(l->peer), out->topic,
			out->topic_len))
			link_doom(l, MU_PEER_NOMEM, "out of memory");
	}
}

static void
publish(struct endpoint *e, const struct members_out *out)
{
	int rc;

	if (out->receiver != NULL)
		rc = router_unicast(e->router, &e->service, out->receiver,
		    out->topic, out->topic_len, out->payload,
		    out->payload_len);
	else
		rc = router_publish(e->router, &e->service, out->topic,
		    out->topic_len, out->payload, out->payload_len);
	if (rc == MUSTER_ENOMEM)
		start_over(e, out);
	/* ENOENT: the peer left meanwhile, and takes its events with it */
	else if (rc < 0 && rc != MUSTER_ENOENT)
		note_log(e, LOG_LEVEL_ERR, "cannot publish to %.*s: %s",
		    (int)out->topic_len, out->topic, muster_strerror(rc));
}

static void
ping(struct endpoint *e, const struct mu_uuid *id)
{
	struct link *l = endpoint_link_of(e, id);
	uint64_t dead = (uint64_t)e->layout->limits.dead_ns;

	if (l == NULL) {
		members_pong(e->members, id, false, e->now);
		return;
	}
	mu_peer_ping(l->peer, 0,
	    dead != 0 && dead < CONTEST_NS ? dead : CONTEST_NS, e->now);
	link_kick(l);
}

/* Membership has mostly said why, with more words. */
static void
drop(struct endpoint *e, const struct members_out *out, bool warned)
{
	struct link *l = endpoint_link_of(e, &out->id);

	if (l == NULL)
		return;
	if (warned)
		l->complained = true;
	link_doom(l, MU_PEER_REMOVED, out->text);
}

static void
say_node(struct endpoint *e, const struct members_out *out)
{
	char id[MU_UUID_TEXT];

	mu_uuid_format(&out->id, id);
	switch (out->kind) {
	case MEMBERS_NODE_UP:
		note_log(e, LOG_LEVEL_INFO, "node %s is up (%s)", out->name,
		    id);
		break;
	case MEMBERS_NODE_DOWN:
		note_log(e, LOG_LEVEL_INFO, "node %s is down (%s)", out->name,
		    id);
		break;
	default:
		note_log(e, LOG_LEVEL_INFO, "%s: all its connections stand%s",
		    out->name, out->resending ? " (again)" : "");
		break;
	}
}

static void
say_state(struct endpoint *e, const struct members_out *out)
{
	switch (out->kind) {
	case MEMBERS_STARTED:
		note_log(e, LOG_LEVEL_INFO, "cluster started");
		note_state(e, "started");
		break;
	case MEMBERS_DEGRADED:
		/* Our own goodbye is no news, and no trouble. */
		if (e->stopping)
			break;
		note_log(e, LOG_LEVEL_WARN, "cluster degraded: %s", out->text);
		note_state(e, "degraded: %s", out->text);
		break;
	default:
		note_log(e, LOG_LEVEL_INFO, "cluster restored");
		note_state(e, "restored");
		break;
	}
}

/* warned: membership wrote a warning in this drain. */
static void
carry_out(struct endpoint *e, const struct members_out *out, bool warned)
{
	switch (out->kind) {
	case MEMBERS_PUBLISH:
		publish(e, out);
		break;
	case MEMBERS_CLUSTER_LOG:
		note_cluster_log(e, "%s", out->text);
		break;
	case MEMBERS_LOG:
		note_log(e, out->level, "%s", out->text);
		break;
	case MEMBERS_NODE_UP:
	case MEMBERS_NODE_DOWN:
		mu_pools_set_up(
		    e->pools, out->name, out->kind == MEMBERS_NODE_UP);
		say_node(e, out);
		break;
	case MEMBERS_FULLY_CONNECTED:
		say_node(e, out);
		note_state(e, "fully connected");
		break;
	case MEMBERS_STARTED:
	case MEMBERS_DEGRADED:
	case MEMBERS_RESTORED:
		say_state(e, out);
		break;
	case MEMBERS_PING:
		ping(e, &out->id);
		break;
	case MEMBERS_DROP:
		drop(e, out, warned);
		break;
	}
}

bool
endpoint_drain_members(struct endpoint *e)
{
	struct members_out out;
	bool any = false, warned = false;

	while (members_next(e->members, &out)) {
		if (out.kind == MEMBERS_LOG && out.level <= LOG_LEVEL_WARN)
			warned = true;
		carry_out(e, &out, warned);
		endpoint_raise(e, &out);
		any = true;
	}
	return any;
}

/* Everything this node itself asks for, but for relays. */
static int
add_topics(struct endpoint *e, const struct mu_layout *layout,
    const struct mu_pools *pools, struct muster_filter *f)
{
	const struct mu_layout_node *node =
	    mu_layout_node(layout, e->node->name);
	int rc = members_subscribe(e->members, f);

	if (rc == 0)
		rc = pools_subscribe(pools, e->node, f);
	for (size_t i = 0; rc == 0 && i < layout->nsubscriptions; i++) {
		const struct mu_layout_subscription *s =
		    &layout->subscriptions[i];
		const char *prefix = s->topic;

		if (!mu_layout_on(s->on, s->non, node))
			continue;
		rc = muster_filter_add(f, prefix, strlen(prefix));
		if (rc > 0)
			rc = 0;
	}
	return rc;
}

int
endpoint_own_topics(struct endpoint *e, struct muster_filter *f)
{
	int rc = add_topics(e, e->layout, e->pools, f);

	return rc == 0 ? relays_add_topics(e->relays, f) : rc;
}

int
endpoint_subscribe(struct endpoint *e, const struct mu_layout *layout,
    const struct mu_pools *pools)
{
	struct muster_filter *f = muster_filter_new();
	int rc = f == NULL ? MUSTER_ENOMEM : add_topics(e, layout, pools, f);

	if (rc == 0)
		rc = router_attach(e->router, &e->service, f);
	muster_filter_free(f);
	return rc;
}
