/*
 * Back-pressure: who brings messages for an output that is more than half full
 * waits until it is three quarters empty.  That is asked of clients of this
 * node, and of peers that are Muster nodes: they, too, keep what they cannot
 * send and let their own publishers wait.  A Broker would end the peering.
 *
 * What the node itself says never waits, and held peers are pinged and not
 * found dead.  Nobody waits longer than the layout permits for an output to
 * ease: in a cycle of nodes that forward each could wait for the next one, and
 * a subscriber that never reads must not stop the cluster.  Then its overflow
 * policy holds, until it has room again.
 */
#include "core/endpoint_impl.h"

#include "sys/log.h"

static uint64_t
patience(const struct endpoint *e)
{
	return e->stopping ? 0 : (uint64_t)e->layout->limits.backpressure_ns;
}

void
link_hold(struct subscriber *self, bool on)
{
	struct link *l = (struct link *)self;
	struct list_of_links *list = &l->e->resumed;

	mu_peer_hold(l->peer, on, l->e->now);
	if (on || l->gone)
		return;
	link_kick(l); /* for what it has read already */
	if (l->resumed)
		return;
	l->resumed = true;
	l->next_resumed = NULL;
	if (list->last != NULL)
		list->last->next_resumed = l;
	else
		list->first = l;
	list->last = l;
}

struct link *
holds_resumed(struct endpoint *e)
{
	struct link *l;

	while ((l = e->resumed.first) != NULL) {
		e->resumed.first = l->next_resumed;
		if (e->resumed.first == NULL)
			e->resumed.last = NULL;
		l->resumed = false;
		if (!l->sub.held && !l->gone)
			return l;
	}
	return NULL;
}

void
link_pressed(struct link *l, struct subscriber *from)
{
	struct endpoint *e = l->e;

	if (from == NULL || !from->may_wait || l->impatient || patience(e) == 0)
		return;
	if (!l->pressed) {
		l->pressed = true;
		l->pressed_since = e->now;
		if (e->now + patience(e) < e->hold_due)
			e->hold_due = e->now + patience(e);
	}
	router_hold(e->router, from);
}

void
link_eased(struct link *l)
{
	l->impatient = false;
	if (!l->pressed)
		return;
	l->pressed = false;
	router_release(l->e->router);
}

void
holds_tick(struct endpoint *e)
{
	char label[NAME_SHOWN];

	if (e->now < e->hold_due)
		return;
	e->hold_due = UINT64_MAX;
	for (size_t i = 0; i < e->nlinks; i++) {
		struct link *l = e->links[i];
		uint64_t due = l->pressed_since + patience(e);

		if (!l->pressed)
			continue;
		if (e->now < due) {
			if (due < e->hold_due)
				e->hold_due = due;
			continue;
		}
		note_log(e, LOG_LEVEL_WARN,
		    "peer %s: does not read, nobody waits for it any more",
		    link_label(l, label));
		link_eased(l);
		l->impatient = true;
	}
}
