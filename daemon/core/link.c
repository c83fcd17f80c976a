/*
 * One connection with another endpoint, see link.h: what the transport and the
 * router do with it.  What the peering machine does is in link_peer.c.
 */
#include "core/endpoint_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "muster/topic.h"
#include "sys/log.h"

static struct link *
link_of(struct subscriber *s)
{
	return (struct link *)s;
}

/* --- lists --------------------------------------------------------------- */

void
link_kick(struct link *l)
{
	struct list_of_links *list = &l->e->kicked;

	if (l->kicked)
		return;
	l->kicked = true;
	l->next_kicked = NULL;
	if (list->last != NULL)
		list->last->next_kicked = l;
	else
		list->first = l;
	list->last = l;
}

static void
mark_dirty(struct link *l)
{
	struct list_of_links *list = &l->e->dirty;

	if (l->dirty || l->gone)
		return;
	l->dirty = true;
	l->next_dirty = NULL;
	if (list->last != NULL)
		list->last->next_dirty = l;
	else
		list->first = l;
	list->last = l;
}

void
link_ended(struct link *l)
{
	struct list_of_links *list = &l->e->closing;

	if (l->closing || l->gone)
		return;
	l->closing = true;
	l->next_closing = NULL;
	if (list->last != NULL)
		list->last->next_closing = l;
	else
		list->first = l;
	list->last = l;
}

void
link_doom(struct link *l, enum mu_peer_reason reason, const char *text)
{
	if (l->doom != NULL || l->state == LINK_CLOSING)
		return;
	snprintf(l->doom_text, sizeof l->doom_text, "%s", text);
	l->doom = l->doom_text;
	l->doom_reason = reason;
	link_kick(l);
}

/* --- words --------------------------------------------------------------- */

const char *
link_name(const struct link *l)
{
	return l->told ? members_name_of(l->e->members, &l->sub.id) : NULL;
}

const char *
link_spot(const struct link *l, char label[NAME_SHOWN])
{
	if (strchr(l->address, ':') != NULL)
		snprintf(label, NAME_SHOWN, "[%s]:%u", l->address,
		    (unsigned)l->port);
	else
		snprintf(
		    label, NAME_SHOWN, "%s:%u", l->address, (unsigned)l->port);
	return label;
}

const char *
link_label(const struct link *l, char label[NAME_SHOWN])
{
	const char *name = link_name(l);

	if (name == NULL)
		return link_spot(l, label);
	snprintf(label, NAME_SHOWN, "%s", name);
	return label;
}

/* It may come back each second, and do the same. */
static void
complain_of_stranger(struct link *l, int level, const char *text)
{
	uint64_t unsaid;
	char label[NAME_SHOWN], more[64] = "";
	enum echoes_answer may =
	    echoes_ask(&l->e->echoes, l->address, text, l->e->now, &unsaid);

	if (unsaid > 0)
		snprintf(
		    more, sizeof more, ", %" PRIu64 " more meanwhile", unsaid);
	else if (may == ECHOES_SAY_LAST)
		snprintf(more, sizeof more,
		    "; the same is said once a minute from now on");
	if (may != ECHOES_COUNT)
		note_log(l->e, level, "peer %s: %s%s", link_spot(l, label),
		    text, more);
}

/* One line per connection at a level that is shown, whatever it does. */
void
link_complain(struct link *l, int level, const char *text)
{
	char label[NAME_SHOWN];

	if (level < LOG_LEVEL_DEBUG && l->complained)
		level = LOG_LEVEL_DEBUG;
	if (level > (int)log_get_level())
		return;
	if (level >= LOG_LEVEL_DEBUG || l->outbound || link_name(l) != NULL)
		note_log(
		    l->e, level, "peer %s: %s", link_label(l, label), text);
	else
		complain_of_stranger(l, level, text);
	if (level < LOG_LEVEL_DEBUG)
		l->complained = true;
}

/* --- output -------------------------------------------------------------- */

static void
say_full(struct link *l)
{
	const struct outq_stats *s = outq_stats(l->out);
	enum mu_overflow policy = l->e->layout->limits.overflow;
	char label[NAME_SHOWN];

	note_log(l->e, LOG_LEVEL_WARN,
	    "peer %s: queue full (%zu bytes, %zu messages), dropping %s",
	    link_label(l, label), s->bytes, s->messages,
	    policy == MU_OVERFLOW_DROP_NEWEST ? "newest" : "oldest");
}

void
link_say_drained(struct link *l)
{
	char label[NAME_SHOWN];

	note_log(l->e, LOG_LEVEL_WARN,
	    "peer %s: queue no longer full, %" PRIu64 " messages were dropped",
	    link_label(l, label), outq_stats(l->out)->episode_dropped);
}

void
link_queued(struct link *l, enum outq_result result)
{
	switch (result) {
	case OUTQ_EPISODE:
		say_full(l);
		break;
	case OUTQ_QUEUED:
	case OUTQ_DROPPED:
		break;
	case OUTQ_OVERFLOW:
		link_doom(l, MU_PEER_REMOVED, LINK_OVERFLOW);
		return;
	case OUTQ_NOMEM:
		link_doom(l, MU_PEER_NOMEM, "out of memory");
		return;
	}
	mark_dirty(l);
}

/* From the router: an envelope for this peer. */
static void
deliver(struct subscriber *self, struct message *m)
{
	struct link *l = link_of(self);
	enum outq_result result;

	if (l->doom != NULL)
		return;
	/* Membership says each thing once, and is little. */
	result = m->from == &l->e->service ? outq_push_kept(l->out, m)
					   : outq_push(l->out, m);
	if (result != OUTQ_QUEUED || !l->dirty)
		link_queued(l, result);
	if (outq_pressed(l->out))
		link_pressed(l, m->from);
}

void
link_tell(const struct link *l, const struct muster_filter *filter)
{
	for (struct endpoint_watch *w = l->e->watches; w != NULL; w = w->next)
		w->peer(w, &l->sub.id, filter);
}

void
link_greet(const struct link *l)
{
	for (struct endpoint_watch *w = l->e->watches; w != NULL; w = w->next)
		if (w->greet != NULL)
			w->greet(w, &l->sub.id);
}

/* --- construction -------------------------------------------------------- */

static void
configure(struct link *l, struct mu_peer_config *cfg)
{
	const struct mu_limits *limits = &l->e->layout->limits;

	memset(cfg, 0, sizeof *cfg);
	cfg->table = l->e->table;
	cfg->filter = router_filter(l->e->router);
	cfg->max_handshake = limits->handshake_bytes;
	cfg->max_frame = limits->frame_bytes;
	cfg->max_topics = limits->filter_entries;
	cfg->handshake_ns = (uint64_t)limits->handshake_ns;
	cfg->ping_ns = (uint64_t)limits->ping_ns;
	/* All links of a node share these moments, and so its wake-ups. */
	cfg->ping_grain_ns = (uint64_t)limits->ping_ns / 4;
	cfg->dead_ns = (uint64_t)limits->dead_ns;
	cfg->goodbye_ns = (uint64_t)limits->goodbye_ns;
	cfg->owner = l;
}

struct link *
link_new(struct endpoint *e, const char *address, uint16_t port,
    struct target *target)
{
	struct outq_limits limits = {
		.bytes = e->layout->limits.queue_bytes,
		.messages = e->layout->limits.queue_messages,
		.policy = e->layout->limits.overflow,
	};
	struct link *l = mu_calloc(1, sizeof *l);
	struct mu_peer_config cfg;

	if (l == NULL)
		return NULL;
	l->e = e;
	l->sub.kind = SUBSCRIBER_PEER;
	l->sub.deliver = deliver;
	l->sub.hold = link_hold;
	l->target = target;
	l->outbound = target != NULL;
	l->port = port;
	l->since = e->now;
	snprintf(l->address, sizeof l->address, "%s", address);
	l->out = outq_new(&limits, &e->chunks);
	configure(l, &cfg);
	if (l->out != NULL)
		l->peer = mu_peer_new(&cfg,
		    target != NULL ? MU_PEER_DIALED : MU_PEER_ACCEPTED, e->now);
	if (!l->outbound)
		l->from = accepted_enter(&e->accepted, l->address);
	if (l->peer != NULL && (l->outbound || l->from != NULL))
		return l;
	link_free(l);
	return NULL;
}

void
link_uncount(struct link *l)
{
	if (l->from != NULL)
		accepted_leave(
		    &l->e->accepted, l->from, l->state == LINK_HANDSHAKE);
	l->from = NULL;
}

void
link_free(struct link *l)
{
	if (l == NULL)
		return;
	if (l->told) {
		link_tell(l, NULL);
		router_detach(l->e->router, &l->sub);
		/* the end of the node is not an event of its cluster */
		if (l->e->members != NULL)
			members_peer_down(
			    l->e->members, &l->sub.id, true, l->e->now);
	}
	link_uncount(l);
	mu_heap_remove(&l->e->dues, &l->due);
	mu_peer_free(l->peer);
	outq_free(l->out);
	/* It may be the last one, and then nobody goes idle. */
	outq_pool_clear(&l->e->chunks);
	mu_free(l);
}

/* --- for the transport --------------------------------------------------- */

void
link_set_transport(struct link *l, void *transport)
{
	l->transport = transport;
}

void *
link_transport(const struct link *l)
{
	return l->transport;
}

void
link_set_auth(struct link *l, const struct members_auth *auth)
{
	l->auth = *auth;
}

int
link_reserve(struct link *l, uint8_t **at, size_t *room)
{
	return mu_peer_reserve(l->peer, at, room);
}

void
link_commit(struct link *l, size_t n, uint64_t now)
{
	l->e->now = now;
	l->received_bytes += n;
	mu_peer_commit(l->peer, n, now);
	link_work(l);
	endpoint_drain_members(l->e);
}

bool
link_peek(struct link *l, const uint8_t **bytes, size_t *len)
{
	return outq_peek(l->out, bytes, len);
}

void
link_consume(struct link *l, size_t n)
{
	bool dropping = outq_stats(l->out)->dropping;

	outq_consume(l->out, n);
	if (dropping && !outq_stats(l->out)->dropping)
		link_say_drained(l);
	if ((l->pressed || l->impatient) && !outq_pressed(l->out))
		link_eased(l);
}

bool
link_held(const struct link *l)
{
	return l->sub.held;
}

bool
link_has_output(const struct link *l)
{
	return !outq_empty(l->out);
}

void
link_dry(struct link *l)
{
	mu_peer_dry(l->peer);
}

void
link_idle(struct link *l)
{
	outq_pool_clear(&l->e->chunks);
	mu_peer_idle(l->peer);
}

void
link_closed(struct link *l, const char *text, uint64_t now)
{
	l->e->now = now;
	if (l->gone)
		return;
	link_uncount(l);
	l->gone = true;
	l->next_gone = l->e->gone;
	l->e->gone = l;
	l->transport = NULL;
	mu_peer_eof(l->peer, text);
	link_work(l);
	endpoint_drain_members(l->e);
}

/* --- facts --------------------------------------------------------------- */

void
link_facts(const struct link *l, struct link_facts *out)
{
	memset(out, 0, sizeof *out);
	out->state = l->state;
	if (l->told) {
		out->id = l->sub.id;
		out->filter_size = muster_filter_size(mu_peer_filter(l->peer));
	}
	out->name = link_name(l);
	out->dialled = l->target == NULL ? NULL : l->target->name;
	out->address = l->address;
	out->port = l->port;
	out->outbound = l->outbound;
	out->originator = mu_peer_is_originator(l->peer);
	out->since = l->since;
	out->heard = mu_peer_heard(l->peer);
	out->rtt_ns = mu_peer_rtt(l->peer);
	out->received_messages = l->received_messages;
	out->received_bytes = l->received_bytes;
	out->problems = l->problems;
	out->out = *outq_stats(l->out);
}

const struct muster_filter *
link_filter(const struct link *l)
{
	return l->told ? mu_peer_filter(l->peer) : NULL;
}
