/*
 * One node without its sockets; see endpoint.h, and endpoint_impl.h for which
 * file does what.
 */
#include "core/endpoint_impl.h"
#include "core/pools.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "core/relays.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "sys/log.h"

/* --- construction -------------------------------------------------------- */

static void
hear(struct subscriber *self, struct message *m)
{
	struct endpoint *e = (struct endpoint *)((char *)self -
	    offsetof(struct endpoint, service));

	if (m->env.type == MU_DATA)
		members_data(e->members, &m->origin, m->env.topic,
		    m->env.topic_len, m->env.payload, m->env.payload_len,
		    e->now);
}

static void
relays_say(void *ctx, int level, const char *text)
{
	note_log(ctx, level, "%s", text);
}

static int
build_relays(struct endpoint *e)
{
	struct relays_config cfg = {
		.router = e->router,
		.members = e->members,
		.layout = e->layout,
		.node = e->node,
		.say = relays_say,
		.ctx = e,
	};

	e->relays = relays_new(&cfg, e->now);
	return e->relays == NULL ? MUSTER_ENOMEM : 0;
}

static int
build(struct endpoint *e, uint64_t seed)
{
	struct members_config mc = {
		.layout = e->layout,
		.self = e->node,
		.id = e->id,
	};
	struct muster_filter *forward;
	struct target **fresh;
	size_t nfresh;

	if (endpoint_forward_filter(e->layout, &forward) != 0)
		return MUSTER_ENOMEM;
	e->router = router_new(&e->id, forward, seed);
	muster_filter_free(forward);
	e->table = mu_peer_table_new(&e->id);
	e->members = members_new(&mc, e->now);
	e->pools = pools_build(e->layout, e->node);
	if (e->router == NULL || e->table == NULL || e->members == NULL ||
	    e->pools == NULL)
		return MUSTER_ENOMEM;
	if (endpoint_subscribe(e, e->layout, e->pools) != 0 ||
	    build_relays(e) != 0 ||
	    targets_prepare(e, e->layout, e->node, &fresh, &nfresh) != 0)
		return MUSTER_ENOMEM;
	targets_commit(e, &e->layout->limits, fresh, nfresh);
	e->announced = router_filter_version(e->router);
	return 0;
}

struct endpoint *
endpoint_new(const struct endpoint_config *cfg, uint64_t now)
{
	const struct mu_layout_node *node = mu_layout_node(cfg->layout,
	    cfg->node);
	struct endpoint *e = node == NULL ? NULL : mu_calloc(1, sizeof *e);

	if (e == NULL)
		return NULL;
	e->layout = cfg->layout;
	e->node = node;
	e->id = cfg->id;
	e->now = now;
	e->veto = cfg->veto;
	e->veto_ctx = cfg->veto_ctx;
	e->last_note = &e->first_note;
	e->hold_due = UINT64_MAX;
	e->service.kind = SUBSCRIBER_SERVICE;
	e->service.deliver = hear;
	mu_rng_init(&e->rng, cfg->seed);
	if (build(e, mu_rng_u64(&e->rng)) == 0)
		return e;
	endpoint_free(e);
	return NULL;
}

void
endpoint_free(struct endpoint *e)
{
	if (e == NULL)
		return;
	members_free(e->members);
	e->members = NULL;
	for (size_t i = 0; i < e->nlinks; i++)
		link_free(e->links[i]);
	mu_free(e->links);
	accepted_clear(&e->accepted);
	mu_heap_clear(&e->dues);
	outq_pool_clear(&e->chunks);
	targets_free(e->targets, e->ntargets);
	relays_free(e->relays);
	if (e->router != NULL)
		router_detach(e->router, &e->service);
	mu_pools_free(e->pools);
	router_free(e->router);
	mu_peer_table_free(e->table);
	notes_clear(e);
	mu_free(e);
}

/* --- links --------------------------------------------------------------- */

struct link *
endpoint_add_link(struct endpoint *e, const char *address, uint16_t port,
    struct target *t)
{
	struct link *l;

	if (e->nlinks == e->links_cap) {
		size_t cap = e->links_cap == 0 ? 16 : e->links_cap * 2;
		struct link **links = mu_reallocarray(e->links, cap,
		    sizeof *links);

		if (links == NULL)
			return NULL;
		e->links = links;
		e->links_cap = cap;
	}
	l = link_new(e, address, port, t);
	if (l == NULL)
		return NULL;
	if (mu_heap_set(&e->dues, &l->due, mu_peer_deadline(l->peer)) != 0) {
		link_free(l);
		return NULL;
	}
	l->place = e->nlinks;
	e->links[e->nlinks++] = l;
	link_kick(l); /* hello or probe */
	return l;
}

/* Free what the transport forgot; the other lists are empty then. */
static void
reap(struct endpoint *e)
{
	struct link *l;

	while ((l = e->gone) != NULL) {
		struct link *last = e->links[--e->nlinks];

		e->gone = l->next_gone;
		e->links[l->place] = last;
		last->place = l->place;
		link_free(l);
	}
}

struct link *
endpoint_link_of(const struct endpoint *e, const struct mu_uuid *id)
{
	struct subscriber *s = router_peer(e->router, id);

	return s == NULL ? NULL : (struct link *)s;
}

struct link *
endpoint_accepted(struct endpoint *e, const char *address, uint16_t port,
    const char **why, uint64_t now)
{
	struct link *l;

	e->now = now;
	*why = e->stopping ? "shutting down"
			   : accepted_refusal(&e->accepted, &e->layout->limits,
				 address);
	if (*why != NULL)
		return NULL;
	l = endpoint_add_link(e, address, port, NULL);
	if (l == NULL)
		*why = "out of memory";
	return l;
}

/* --- consequences -------------------------------------------------------- */

static bool
work_kicked(struct endpoint *e)
{
	struct link *l = e->kicked.first;

	if (l == NULL)
		return false;
	e->kicked.first = l->next_kicked;
	if (e->kicked.first == NULL)
		e->kicked.last = NULL;
	l->kicked = false;
	link_work(l);
	return true;
}

static bool
work_woken(struct endpoint *e)
{
	struct mu_peer *p = mu_peer_table_wake(e->table);

	if (p == NULL)
		return false;
	link_work(mu_peer_owner(p));
	return true;
}

/* Our filter grew: all peers get the whole of it. */
static bool
announce(struct endpoint *e)
{
	uint64_t version = router_filter_version(e->router);

	if (version == e->announced)
		return false;
	e->announced = version;
	for (size_t i = 0; i < e->nlinks; i++) {
		if (e->links[i]->state == LINK_CLOSING)
			continue;
		mu_peer_announce(e->links[i]->peer);
		link_kick(e->links[i]);
	}
	return true;
}

void
endpoint_settle(struct endpoint *e)
{
	while (relays_flush(e->relays, e->now) || endpoint_drain_members(e) ||
	    work_kicked(e) || work_woken(e) || announce(e))
		continue;
}

static bool
next_write(struct endpoint *e, struct endpoint_out *out)
{
	struct link *l;

	while ((l = e->dirty.first) != NULL) {
		e->dirty.first = l->next_dirty;
		if (e->dirty.first == NULL)
			e->dirty.last = NULL;
		l->dirty = false;
		if (l->gone || l->closing || outq_empty(l->out))
			continue;
		out->kind = ENDPOINT_WRITE;
		out->link = l;
		return true;
	}
	return false;
}

static bool
next_read(struct endpoint *e, struct endpoint_out *out)
{
	out->kind = ENDPOINT_READ;
	out->link = holds_resumed(e);
	return out->link != NULL;
}

static bool
next_close(struct endpoint *e, struct endpoint_out *out)
{
	struct link *l;

	while ((l = e->closing.first) != NULL) {
		e->closing.first = l->next_closing;
		if (e->closing.first == NULL)
			e->closing.last = NULL;
		if (l->gone)
			continue;
		out->kind = ENDPOINT_CLOSE;
		out->link = l;
		out->linger = l->linger;
		return true;
	}
	return false;
}

bool
endpoint_next(struct endpoint *e, struct endpoint_out *out)
{
	memset(out, 0, sizeof *out);
	endpoint_settle(e);
	if (notes_next(e, out) || targets_next(e, out) || next_write(e, out) ||
	    next_read(e, out) || next_close(e, out))
		return true;
	reap(e);
	return false;
}

/* --- verbs --------------------------------------------------------------- */

void
endpoint_stop(struct endpoint *e, uint64_t now)
{
	e->now = now;
	if (e->stopping)
		return;
	e->stopping = true;
	mu_peer_table_close(e->table);
	targets_stop(e);
	router_release(e->router);
	for (size_t i = 0; i < e->nlinks; i++) {
		if (e->links[i]->state == LINK_CLOSING)
			continue;
		mu_peer_goodbye(e->links[i]->peer, now);
		link_kick(e->links[i]);
	}
}

/* --- for services -------------------------------------------------------- */

void
endpoint_add_watch(struct endpoint *e, struct endpoint_watch *w)
{
	w->next = e->watches;
	e->watches = w;
	for (size_t i = 0; i < e->nlinks; i++) {
		const struct link *l = e->links[i];

		if (l->told)
			w->peer(w, &l->sub.id, mu_peer_filter(l->peer));
	}
}

void
endpoint_remove_watch(struct endpoint *e, struct endpoint_watch *w)
{
	struct endpoint_watch **at = &e->watches;

	while (*at != NULL && *at != w)
		at = &(*at)->next;
	if (*at != NULL)
		*at = w->next;
}

void
endpoint_cluster_log(struct endpoint *e, const char *text)
{
	note_cluster_log(e, "%s", text);
}

/* --- facts --------------------------------------------------------------- */

uint64_t
endpoint_now(const struct endpoint *e)
{
	return e->now;
}

struct router *
endpoint_router(struct endpoint *e)
{
	return e->router;
}

struct members *
endpoint_members(struct endpoint *e)
{
	return e->members;
}

struct mu_pools *
endpoint_pools(const struct endpoint *e)
{
	return e->pools;
}

uint64_t
endpoint_refused(const struct endpoint *e)
{
	return e->refused;
}

struct relays *
endpoint_relays(struct endpoint *e)
{
	return e->relays;
}

const struct mu_layout *
endpoint_layout(const struct endpoint *e)
{
	return e->layout;
}

const struct mu_layout_node *
endpoint_node(const struct endpoint *e)
{
	return e->node;
}

const struct mu_uuid *
endpoint_id(const struct endpoint *e)
{
	return &e->id;
}

size_t
endpoint_nlinks(const struct endpoint *e)
{
	return e->nlinks;
}

struct link *
endpoint_link(const struct endpoint *e, size_t i)
{
	return e->links[i];
}
