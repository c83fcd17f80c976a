/*
 * Time in an endpoint.  Each input of a link moves its deadline away, so the
 * heap is only told of those that come nearer; of the others it finds out when
 * their old time has come.
 */
#include <stddef.h>

#include "core/endpoint_impl.h"

static uint64_t
deadline_of(const struct link *l)
{
	return l->state == LINK_CLOSING ? UINT64_MAX
					: mu_peer_deadline(l->peer);
}

void
link_watch_time(struct link *l)
{
	uint64_t at = deadline_of(l);

	if (at < l->due.at)
		mu_heap_set(&l->e->dues, &l->due, at);
}

static void
tick_link(struct link *l, uint64_t now)
{
	uint64_t at;

	if (deadline_of(l) <= now) {
		mu_peer_tick(l->peer, now);
		link_work(l);
	}
	/* Each once, even if the same is due again. */
	at = deadline_of(l);
	mu_heap_set(&l->e->dues, &l->due, at > now ? at : now + 1);
}

void
endpoint_tick(struct endpoint *e, uint64_t now)
{
	struct mu_heap_item *first;

	e->now = now;
	holds_tick(e);
	while ((first = mu_heap_first(&e->dues)) != NULL && first->at <= now)
		tick_link((struct link *)((char *)first -
			      offsetof(struct link, due)), now);
	members_tick(e->members, now);
	endpoint_drain_members(e);
	router_tick(e->router, now);
	targets_tick(e);
}

uint64_t
endpoint_deadline(const struct endpoint *e)
{
	const struct mu_heap_item *first = mu_heap_first(&e->dues);
	uint64_t d = targets_deadline(e);
	uint64_t t = members_deadline(e->members);

	if (t < d)
		d = t;
	t = router_deadline(e->router);
	if (t < d)
		d = t;
	if (e->hold_due < d)
		d = e->hold_due;
	return first != NULL && first->at < d ? first->at : d;
}
