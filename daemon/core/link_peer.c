/*
 * What the peering machine of a link says: bytes for the wire into the output,
 * envelopes into the router, the ups and downs to membership and to the row
 * that was dialled.
 */
#include "core/endpoint_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/access.h"
#include "muster/topic.h"
#include "sys/log.h"
#include "topic/filter.h"

#define STATUS "Broker::STATUS"

/* --- up, changed, down --------------------------------------------------- */

/* The handshake, if it was one, is over. */
static void
settle(struct link *l, enum link_state state)
{
	if (l->from != NULL && l->state == LINK_HANDSHAKE)
		accepted_settled(&l->e->accepted, l->from);
	l->state = state;
}

static bool
speaks_muster(const struct muster_filter *f)
{
	return mu_filter_has_below(f, ROUTER_MUSTER, strlen(ROUTER_MUSTER));
}

static int
introduce(struct link *l)
{
	struct members_peer p = {
		.id = l->sub.id,
		.address = l->address,
		.port = l->port,
		.outbound = l->outbound,
		.dialled = l->target == NULL ? NULL : l->target->name,
		.speaks_muster = speaks_muster(mu_peer_filter(l->peer)),
		.auth = l->auth,
	};
	int rc = router_attach(l->e->router, &l->sub, mu_peer_filter(l->peer));

	if (rc != 0)
		return rc;
	rc = members_peer_up(l->e->members, &p, l->e->now);
	if (rc != 0)
		router_detach(l->e->router, &l->sub);
	l->told = rc == 0;
	l->speaks = l->sub.may_wait = p.speaks_muster;
	if (l->told)
		link_tell(l, mu_peer_filter(l->peer));
	return rc;
}

static void
on_up(struct link *l)
{
	l->sub.id = *mu_peer_id(l->peer);
	if (introduce(l) != 0) {
		link_doom(l, MU_PEER_NOMEM, "out of memory");
		return;
	}
	settle(l, LINK_UP);
	l->since = l->e->now;
	note_broker_log(l->e, STATUS, "peer-added", l->address, l->port,
	    "handshake successful");
	if (l->target != NULL)
		target_up(l->e, l->target);
	link_greet(l);
	/* the hello goes out before anything that is routed */
	endpoint_drain_members(l->e);
}

static void
on_filter(struct link *l)
{
	const struct muster_filter *f = mu_peer_filter(l->peer);
	bool speaks = speaks_muster(f);

	if (!l->told)
		return;
	if (router_attach(l->e->router, &l->sub, f) != 0) {
		link_doom(l, MU_PEER_NOMEM, "out of memory");
		return;
	}
	link_tell(l, f);
	if (speaks != l->speaks)
		members_peer_speaks(l->e->members, &l->sub.id, speaks,
		    l->e->now);
	l->speaks = l->sub.may_wait = speaks;
}

/* Did we end the peering?  A peer that is silent left by itself. */
static bool
is_removal(enum mu_peer_reason reason)
{
	return reason != MU_PEER_LOST && reason != MU_PEER_DEAD;
}

static void
record_overflow(struct link *l)
{
	const char *name = link_name(l);
	char id[MU_UUID_TEXT], at[NAME_SHOWN];

	note_cluster_log(l->e,
	    "removed due to backpressure overflow: %s%s/tcp (%s)",
	    name == NULL ? "non-cluster peer " : "", link_spot(l, at),
	    name == NULL ? mu_uuid_format(&l->sub.id, id) : name);
}

static void
record_down(struct link *l, const struct mu_peer_out *down)
{
	if (!is_removal(down->reason))
		note_broker_log(l->e, STATUS, "connection-terminated",
		    l->address, l->port, "lost connection to remote peer");
	else if (l->e->stopping)
		note_broker_log(l->e, STATUS, "peer-removed", l->address,
		    l->port, "removed connection to remote peer");
	else
		note_broker_log(l->e, STATUS, "peer-removed", l->address,
		    l->port, "removed connection to remote peer (%s)",
		    down->text);
	if (strcmp(down->text, LINK_OVERFLOW) == 0)
		record_overflow(l);
}

/* The end of a peering: ordinary ends of known nodes are membership's line. */
static void
say_down(struct link *l, const struct mu_peer_out *down)
{
	bool ordinary = down->reason == MU_PEER_LOST ||
	    (down->reason == MU_PEER_REMOVED && l->doom == NULL);

	if (outq_stats(l->out)->dropping)
		link_say_drained(l);
	if (!ordinary)
		link_complain(l, LOG_LEVEL_WARN, down->text);
	else if (link_name(l) == NULL && !l->e->stopping)
		link_complain(l, LOG_LEVEL_INFO, down->text);
	else
		link_complain(l, LOG_LEVEL_DEBUG, down->text);
}

/* The end of a handshake; what we dialled is its row's line. */
static void
say_failed(struct link *l, const struct mu_peer_out *down)
{
	bool ordinary = down->reason == MU_PEER_DUPLICATE ||
	    down->reason == MU_PEER_CLOSING || l->e->stopping;

	link_complain(l, ordinary || l->target != NULL ? LOG_LEVEL_DEBUG
						  : LOG_LEVEL_WARN,
	    down->text);
}

static void
on_down(struct link *l, const struct mu_peer_out *down)
{
	struct mu_uuid id = *mu_peer_id(l->peer);

	if (l->told) {
		say_down(l, down);
		record_down(l, down);
		link_tell(l, NULL);
		router_detach(l->e->router, &l->sub);
		members_peer_down(l->e->members, &l->sub.id,
		    is_removal(down->reason), l->e->now);
		l->told = false;
		endpoint_drain_members(l->e);
	} else {
		say_failed(l, down);
	}
	if (l->target != NULL)
		target_down(l->e, l, down);
	settle(l, LINK_CLOSING);
	l->since = l->e->now;
	link_eased(l);
	targets_peer_gone(l->e, &id);
	l->linger = down->reason != MU_PEER_LOST &&
	    down->reason != MU_PEER_DEAD && l->doom == NULL &&
	    !outq_empty(l->out);
	link_ended(l);
}

/* --- the machine's consequences ------------------------------------------ */

static void
on_problem(struct link *l, const char *text)
{
	l->problems++;
	link_complain(l, LOG_LEVEL_WARN, text);
}

/* Is what a peer says its to say? */
static bool
may_publish(struct link *l, const struct mu_envelope *env)
{
	char text[160], topic[80];
	size_t rule;

	if (access_permits(l->e->layout, l->e->node, l->e->members,
		&l->sub.id, env, &rule))
		return true;
	l->e->refused++;
	snprintf(text, sizeof text, "may not publish on %s (access %zu)",
	    mu_text_printable(env->topic, env->topic_len, topic,
		sizeof topic),
	    rule);
	on_problem(l, text);
	return false;
}

static void
on_envelope(struct link *l, struct mu_envelope *env)
{
	l->received_messages++;
	if (!l->told)
		return;
	if (l->e->layout->naccess > 0 && env->type == MU_DATA &&
	    !may_publish(l, env))
		return;
	if (router_receive(l->e->router, &l->sub, env, l->e->now) != 0)
		on_problem(l, "dropped a malformed message");
}

static void
on_out(struct link *l, struct mu_peer_out *out)
{
	switch (out->kind) {
	case MU_PEER_ENVELOPE:
		on_envelope(l, &out->env);
		break;
	case MU_PEER_SEND:
		link_queued(l, outq_push_control(l->out, out->bytes, out->len));
		break;
	case MU_PEER_UP:
		on_up(l);
		break;
	case MU_PEER_FILTER:
		on_filter(l);
		break;
	case MU_PEER_PROBLEM:
		on_problem(l, out->text);
		break;
	case MU_PEER_PONG:
		if (l->told)
			members_pong(l->e->members, &l->sub.id, true,
			    l->e->now);
		break;
	case MU_PEER_DOWN:
		on_down(l, out);
		break;
	}
}

static void
drain_machine(struct link *l)
{
	struct mu_peer_out out;
	bool doomed = false;

	do {
		if (l->doom != NULL && !doomed) {
			mu_peer_stop(l->peer, l->doom_reason, 0, l->doom);
			doomed = true;
		}
		if (!mu_peer_next(l->peer, &out))
			return;
		on_out(l, &out);
	} while (l->state != LINK_CLOSING);
}

void
link_work(struct link *l)
{
	if (l->state == LINK_CLOSING)
		return;
	drain_machine(l);
	link_watch_time(l);
}
