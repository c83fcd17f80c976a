/*
 * Another layout for a running endpoint; see endpoint.h.
 */
#include "core/endpoint_impl.h"

#include <string.h>

#include "core/pools.h"
#include "core/relays.h"
#include "muster/err.h"
#include "muster/topic.h"

int
endpoint_forward_filter(const struct mu_layout *layout, struct muster_filter **out)
{
	struct muster_filter *f = muster_filter_new();

	if (f == NULL)
		return MUSTER_ENOMEM;
	for (size_t i = 0; i < layout->nforward; i++) {
		const char *prefix = layout->forward[i];
		int rc = muster_filter_add(f, prefix, strlen(prefix));

		if (rc < 0) {
			muster_filter_free(f);
			return rc;
		}
	}
	*out = f;
	return 0;
}

/* Which links are of nodes that the new layout does not know?  Asked while
 * membership still has the old names. */
static void
mark_leaving(struct endpoint *e, const struct mu_layout *layout)
{
	for (size_t i = 0; i < e->nlinks; i++) {
		struct link *l = e->links[i];
		const char *name = l->told
		    ? members_name_of(e->members, &l->sub.id) : NULL;

		l->leaving = name != NULL &&
		    mu_layout_node(layout, name) == NULL;
	}
}

/* Those leave, the others get the new limits. */
static void
adjust_links(struct endpoint *e)
{
	const struct outq_limits limits = {
		.bytes = e->layout->limits.queue_bytes,
		.messages = e->layout->limits.queue_messages,
		.policy = e->layout->limits.overflow,
	};

	for (size_t i = 0; i < e->nlinks; i++) {
		struct link *l = e->links[i];

		outq_set_limits(l->out, &limits);
		if (!l->leaving || l->state != LINK_UP)
			continue;
		mu_peer_goodbye(l->peer, e->now);
		link_kick(l);
	}
}

/* Counts and turns go on; who is up is what membership says now. */
static void
pools_replace(struct endpoint *e, struct mu_pools *pools)
{
	mu_pools_inherit(pools, e->pools);
	pools_fill(pools, e->members);
	mu_pools_free(e->pools);
	e->pools = pools;
}

int
endpoint_reload(struct endpoint *e, const struct mu_layout *layout,
    uint64_t now)
{
	const struct mu_layout_node *node = mu_layout_node(layout,
	    e->node->name);
	struct muster_filter *forward;
	struct mu_pools *pools;
	struct target **fresh;
	size_t nfresh;
	int rc;

	e->now = now;
	if (node == NULL)
		return MUSTER_ENOENT;
	if (endpoint_forward_filter(layout, &forward) != 0)
		return MUSTER_ENOMEM;
	pools = pools_build(layout, node);
	rc = pools == NULL ? MUSTER_ENOMEM
	    : targets_prepare(e, layout, node, &fresh, &nfresh);
	if (rc != 0)
		goto out;
	/* what fails from here leaves at most a larger filter behind */
	rc = endpoint_subscribe(e, layout, pools);
	if (rc == 0)
		rc = router_set_forward(e->router, forward);
	if (rc == 0)
		rc = relays_prepare(e->relays, layout, node);
	if (rc != 0) {
		targets_free(fresh, nfresh);
		goto out;
	}
	mark_leaving(e, layout);
	rc = members_reload(e->members, layout, node, now);
	if (rc != 0) {
		relays_cancel(e->relays);
		targets_free(fresh, nfresh);
		goto out;
	}
	relays_commit(e->relays);
	e->layout = layout;
	e->node = node;
	targets_commit(e, &layout->limits, fresh, nfresh);
	adjust_links(e);
	pools_replace(e, pools);
	pools = NULL;
out:
	mu_pools_free(pools);
	muster_filter_free(forward);
	return rc;
}
