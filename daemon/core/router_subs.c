/*
 * Who subscribes to the router, and what this node announces to its peers for
 * them.
 */
#include "core/router_impl.h"

#include <string.h>

#include "core/forward.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "topic/filter.h"
#include "topic/trie.h"

/* --- filters ------------------------------------------------------------- */

static bool
is_local(const char *topic, size_t len)
{
	return muster_topic_matches(MU_LOCAL_PREFIX, strlen(MU_LOCAL_PREFIX),
	    topic, len);
}

/* Add the prefixes of f to what is announced.  What was added before memory
 * ran out stays: to announce too much costs traffic, never correctness. */
static int
grow_own(struct router *r, const struct muster_filter *f)
{
	for (size_t i = 0; i < muster_filter_size(f); i++) {
		size_t len;
		const char *prefix = muster_filter_at(f, i, &len);
		int rc;

		if (is_local(prefix, len))
			continue;
		rc = muster_filter_add(r->own, prefix, len);
		if (rc < 0)
			return rc;
		if (rc > 0)
			r->version++;
	}
	return 0;
}

/* Say in the own filter that duplicates below prefix are suppressed here. */
static int
mark_forward(struct router *r, const char *prefix, size_t len)
{
	char mark[sizeof ROUTER_FORWARDS + ROUTER_MARKED_TOPIC];
	size_t n = strlen(ROUTER_FORWARDS);
	int rc;

	if (len > ROUTER_MARKED_TOPIC)
		return 0;
	memcpy(mark, ROUTER_FORWARDS, n);
	memcpy(mark + n, prefix, len);
	rc = muster_filter_add(r->own, mark, n + len);
	if (rc > 0)
		r->version++;
	return rc < 0 ? rc : 0;
}

int
router_set_forward(struct router *r, const struct muster_filter *forward)
{
	struct muster_filter *copy = mu_filter_copy(forward);
	int rc;

	if (copy == NULL)
		return MUSTER_ENOMEM;
	mu_trie_forget(r->trie);
	rc = grow_own(r, copy);
	for (size_t i = 0; rc == 0 && i < muster_filter_size(copy); i++) {
		size_t len;
		const char *prefix = muster_filter_at(copy, i, &len);

		rc = mark_forward(r, prefix, len);
		if (rc == 0)
			rc = muster_filter_add(r->ever, prefix, len);
		if (rc > 0)
			rc = 0;
	}
	if (rc != 0) {
		muster_filter_free(copy);
		return rc;
	}
	muster_filter_free(r->forward);
	r->forward = copy;
	return 0;
}

const struct muster_filter *
router_filter(const struct router *r)
{
	return r->own;
}

uint64_t
router_filter_version(const struct router *r)
{
	return r->version;
}

/* --- subscribers --------------------------------------------------------- */

/* May a peer with that filter bring what others published?  A Muster node that
 * does not forward may not; of anybody else we cannot know. */
static bool
may_relay(const struct muster_filter *f)
{
	if (f == NULL)
		return false; /* nobody sends it anything to relay */
	return !mu_filter_has_below(f, ROUTER_MUSTER, strlen(ROUTER_MUSTER)) ||
	    mu_filter_has_below(f, ROUTER_FORWARDS, strlen(ROUTER_FORWARDS));
}

static int
attach_peer(struct router *r, struct subscriber *s,
    const struct muster_filter *filter)
{
	if (!s->attached) {
		int rc = router_peers_add(&r->peers, s);

		if (rc != 0)
			return rc;
		s->link = forward_link(r->seen);
	}
	s->relays = may_relay(filter);
	return 0;
}

int
router_attach(struct router *r, struct subscriber *s,
    const struct muster_filter *filter)
{
	int rc = 0;

	if (s->kind != SUBSCRIBER_PEER && filter != NULL)
		rc = grow_own(r, filter);
	if (rc == 0)
		rc = mu_trie_set(r->trie, s, filter);
	if (rc != 0)
		return rc;
	if (s->kind == SUBSCRIBER_PEER) {
		rc = attach_peer(r, s, filter);
		if (rc != 0) {
			mu_trie_set(r->trie, s, NULL);
			return rc;
		}
	}
	s->attached = true;
	return 0;
}

/* --- back-pressure ------------------------------------------------------- */

void
router_hold(struct router *r, struct subscriber *s)
{
	if (s == NULL || s->held || !s->may_wait || s->hold == NULL)
		return;
	s->held = true;
	s->next_held = r->held;
	r->held = s;
	s->hold(s, true);
}

void
router_release(struct router *r)
{
	while (r->held != NULL) {
		struct subscriber *s = r->held;

		r->held = s->next_held;
		s->held = false;
		s->hold(s, false);
	}
}

bool
router_holds(const struct router *r)
{
	return r->held != NULL;
}

static void
forget_held(struct router *r, struct subscriber *s)
{
	struct subscriber **at = &r->held;

	if (!s->held)
		return;
	while (*at != s)
		at = &(*at)->next_held;
	*at = s->next_held;
	s->held = false;
}

void
router_detach(struct router *r, struct subscriber *s)
{
	forget_held(r, s);
	if (!s->attached)
		return;
	mu_trie_set(r->trie, s, NULL);
	if (s->kind == SUBSCRIBER_PEER)
		router_peers_remove(&r->peers, s);
	s->attached = false;
}

struct subscriber *
router_peer(const struct router *r, const struct mu_uuid *id)
{
	return router_peers_find(&r->peers, id);
}
