/*
 * The nodes to connect to.  A target keeps trying as long as its row is in the
 * layout; what it says about trouble it says once, and once when it is over.
 * Zeek writes a peer-unavailable line into broker.log at every attempt, once a
 * second; attempts here are more frequent, so it is one line per trouble too.
 */
#include "core/endpoint_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "sys/log.h"

#define QUIET_NS UINT64_C(1000000000) /* trouble that nobody needs to hear of */
#define NIL_ID "00000000-0000-0000-0000-000000000000"

/* --- rows ---------------------------------------------------------------- */

static void
target_free(struct target *t)
{
	if (t == NULL)
		return;
	mu_free(t->name);
	mu_free(t->host);
	mu_free(t);
}

static struct target *
target_new(const struct mu_layout_node *node)
{
	struct target *t = mu_calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	t->name = mu_strdup(node->name);
	t->host = mu_strdup(node->host);
	t->port = node->port;
	if (t->name != NULL && t->host != NULL)
		return t;
	target_free(t);
	return NULL;
}

static bool
is_row(const struct target *t, const struct mu_layout_node *node)
{
	return !t->removed && strcmp(t->name, node->name) == 0 &&
	    strcmp(t->host, node->host) == 0 && t->port == node->port;
}

/* The target of that row, to be kept if there is one. */
static bool
keep(struct endpoint *e, const struct mu_layout_node *node)
{
	for (size_t i = 0; i < e->ntargets; i++) {
		if (!is_row(e->targets[i], node))
			continue;
		e->targets[i]->keep = true;
		return true;
	}
	return false;
}

/* Whom the layout has node connect to, as far as there is somewhere to connect
 * to and no veto; freed by the caller. */
static const struct mu_layout_node **
wanted(const struct endpoint *e, const struct mu_layout *layout,
    const struct mu_layout_node *node, size_t *n)
{
	const struct mu_layout_node **list = mu_calloc(layout->nnodes + 1,
	    sizeof *list);
	size_t all;

	*n = 0;
	if (list == NULL)
		return NULL;
	all = mu_layout_connectees(layout, node, list);
	for (size_t i = 0; i < all; i++) {
		if (list[i]->port == 0 || list[i]->host == NULL)
			continue;
		if (e->veto != NULL && e->veto(e->veto_ctx, list[i]->name))
			continue;
		list[(*n)++] = list[i];
	}
	return list;
}

void
targets_free(struct target **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		target_free(list[i]);
	mu_free(list);
}

int
targets_prepare(struct endpoint *e, const struct mu_layout *layout,
    const struct mu_layout_node *node, struct target ***fresh, size_t *nfresh)
{
	size_t n, made = 0;
	const struct mu_layout_node **nodes = wanted(e, layout, node, &n);
	/* room for those that stay and those that come */
	struct target **list = mu_calloc(e->ntargets + n + 1, sizeof *list);

	if (nodes == NULL || list == NULL)
		goto fail;
	for (size_t i = 0; i < e->ntargets; i++)
		e->targets[i]->keep = false;
	for (size_t i = 0; i < n; i++) {
		if (keep(e, nodes[i]))
			continue;
		list[made] = target_new(nodes[i]);
		if (list[made] == NULL)
			goto fail;
		made++;
	}
	mu_free(nodes);
	*fresh = list;
	*nfresh = made;
	return 0;
fail:
	mu_free(nodes);
	if (list != NULL)
		targets_free(list, made);
	return MUSTER_ENOMEM;
}

static void
give_up(struct endpoint *e, struct target *t)
{
	if (t->dial.state == DIAL_CONNECTING && t->link == NULL && !t->issue)
		t->cancel = e->dials_due = true;
	t->issue = false;
	t->duplicate = false;
	dial_stop(&t->dial);
}

static void
announce(struct endpoint *e, const struct target *t)
{
	double s = (double)e->layout->limits.retry_max_ns / 1e9;

	note_cluster_log(e, "initiate peering with %s:%u/tcp, retry=%.1f %s, "
	    "status=T", t->host, (unsigned)t->port, s,
	    s == 1.0 ? "sec" : "secs");
}

static void
remove_target(struct endpoint *e, struct target *t)
{
	t->removed = e->dials_due = true;
	give_up(e, t);
	if (t->link == NULL)
		return;
	mu_peer_goodbye(t->link->peer, e->now);
	link_kick(t->link);
}

/* e->layout is the new one already; the fresh array becomes ours. */
void
targets_commit(struct endpoint *e, const struct mu_limits *limits,
    struct target **fresh, size_t nfresh)
{
	for (size_t i = 0; i < e->ntargets; i++) {
		struct target *t = e->targets[i];

		if (t->removed)
			continue;
		if (!t->keep) {
			remove_target(e, t);
			continue;
		}
		dial_set_retry(&t->dial, (uint64_t)limits->retry_min_ns,
		    (uint64_t)limits->retry_max_ns);
		dial_hurry(&t->dial, e->now);
	}
	for (size_t i = 0; i < nfresh; i++) {
		dial_init(&fresh[i]->dial, (uint64_t)limits->retry_min_ns,
		    (uint64_t)limits->retry_max_ns, e->now);
		announce(e, fresh[i]);
	}
	if (e->ntargets > 0) {
		memmove(fresh + e->ntargets, fresh, nfresh * sizeof *fresh);
		memcpy(fresh, e->targets, e->ntargets * sizeof *fresh);
	}
	mu_free(e->targets);
	e->targets = fresh;
	e->ntargets += nfresh;
}

/* --- time and consequences ----------------------------------------------- */

void
targets_tick(struct endpoint *e)
{
	for (size_t i = 0; i < e->ntargets; i++) {
		struct target *t = e->targets[i];

		if (!dial_take(&t->dial, e->now))
			continue;
		t->id = ++e->last_dial_id;
		if (t->tried == 0)
			t->tried = e->now;
		t->issue = e->dials_due = true;
	}
}

uint64_t
targets_deadline(const struct endpoint *e)
{
	uint64_t d = UINT64_MAX;

	for (size_t i = 0; i < e->ntargets; i++) {
		uint64_t t = dial_deadline(&e->targets[i]->dial);

		if (t < d)
			d = t;
	}
	return d;
}

void
targets_stop(struct endpoint *e)
{
	for (size_t i = 0; i < e->ntargets; i++)
		give_up(e, e->targets[i]);
}

static void
give_out(const struct target *t, enum endpoint_out_kind kind,
    struct endpoint_out *out)
{
	out->kind = kind;
	out->dial_id = t->id;
	out->name = t->name;
	out->host = t->host;
	out->port = t->port;
}

static void
sweep(struct endpoint *e)
{
	size_t n = 0;

	for (size_t i = 0; i < e->ntargets; i++) {
		struct target *t = e->targets[i];

		if (t->removed && t->link == NULL)
			target_free(t);
		else
			e->targets[n++] = t;
	}
	e->ntargets = n;
}

bool
targets_next(struct endpoint *e, struct endpoint_out *out)
{
	if (!e->dials_due)
		return false;
	for (size_t i = 0; i < e->ntargets; i++) {
		struct target *t = e->targets[i];

		if (t->cancel) {
			t->cancel = false;
			give_out(t, ENDPOINT_CANCEL_DIAL, out);
			return true;
		}
		if (t->issue) {
			t->issue = false;
			give_out(t, ENDPOINT_DIAL, out);
			return true;
		}
	}
	e->dials_due = false;
	sweep(e);
	return false;
}

/* --- what became of an attempt ------------------------------------------- */

/* Nodes are started in any order: whoever comes first finds nobody there, and
 * that is no trouble unless it lasts. */
static void
failed(struct endpoint *e, struct target *t, const char *why)
{
	bool quiet = t->told || e->now - t->tried < QUIET_NS;

	snprintf(t->why, sizeof t->why, "%s", why);
	dial_failed(&t->dial, &e->rng, e->now);
	note_log(e, quiet ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
	    "cannot reach %s (%s:%u): %s; retrying", t->name, t->host,
	    (unsigned)t->port, why);
	if (quiet)
		return;
	t->told = true;
	note_broker_log(e, "Broker::ERROR", "peer-unavailable", NULL, 0,
	    "(" NIL_ID ", *%s:%u, \"unable to connect to remote peer\")",
	    t->host, (unsigned)t->port);
}

static void
succeeded(struct endpoint *e, struct target *t)
{
	dial_succeeded(&t->dial);
	t->stands = e->now;
	t->why[0] = '\0';
	if (t->told)
		note_log(e, LOG_LEVEL_INFO, "reached %s (%s:%u) again", t->name,
		    t->host, (unsigned)t->port);
	t->told = false;
	t->tried = 0;
}

void
target_up(struct endpoint *e, struct target *t)
{
	succeeded(e, t);
}

/* Another connection with endpoint id that stands or may come to stand. */
static bool
has_other(const struct endpoint *e, const struct mu_uuid *id,
    const struct link *except)
{
	for (size_t i = 0; i < e->nlinks; i++) {
		const struct link *l = e->links[i];

		if (l != except && l->state != LINK_CLOSING &&
		    mu_uuid_eq(mu_peer_id(l->peer), id))
			return true;
	}
	return false;
}

/* The handshake of a dialled connection ended. */
static void
handshake_failed(struct endpoint *e, struct target *t, const struct link *l,
    const struct mu_peer_out *down)
{
	const struct mu_uuid *id = mu_peer_id(l->peer);

	switch (down->reason) {
	case MU_PEER_DUPLICATE:
		if (!has_other(e, id, l)) {
			failed(e, t, down->text);
			break;
		}
		succeeded(e, t);
		t->duplicate = true;
		t->peer = *id;
		break;
	case MU_PEER_SELF:
		give_up(e, t);
		snprintf(t->why, sizeof t->why, "%s", down->text);
		note_log(e, LOG_LEVEL_ERR,
		    "%s (%s:%u) is this node itself: %s; not dialled again",
		    t->name, t->host, (unsigned)t->port, down->text);
		break;
	default:
		failed(e, t, down->text);
		break;
	}
}

void
target_down(struct endpoint *e, struct link *l, const struct mu_peer_out *down)
{
	struct target *t = l->target;

	l->target = NULL;
	t->link = NULL;
	if (t->dial.state == DIAL_STOPPED) {
		e->dials_due = true; /* may be swept */
	} else if (l->state == LINK_UP) {
		snprintf(t->why, sizeof t->why, "%s", down->text);
		dial_lost(&t->dial, &e->rng, e->now - t->stands, e->now);
	} else {
		handshake_failed(e, t, l, down);
	}
}

void
targets_peer_gone(struct endpoint *e, const struct mu_uuid *id)
{
	for (size_t i = 0; i < e->ntargets; i++) {
		struct target *t = e->targets[i];

		if (!t->duplicate || !mu_uuid_eq(&t->peer, id) ||
		    has_other(e, id, NULL))
			continue;
		t->duplicate = false;
		dial_lost(&t->dial, &e->rng, e->now - t->stands, e->now);
	}
}

/* --- doors --------------------------------------------------------------- */

static struct target *
under_way(const struct endpoint *e, unsigned dial_id)
{
	for (size_t i = 0; i < e->ntargets; i++) {
		struct target *t = e->targets[i];

		if (t->id == dial_id && t->dial.state == DIAL_CONNECTING &&
		    t->link == NULL && !t->issue)
			return t;
	}
	return NULL; /* cancelled meanwhile */
}

void
endpoint_connect_failed(struct endpoint *e, unsigned dial_id, const char *why,
    uint64_t now)
{
	struct target *t = under_way(e, dial_id);

	e->now = now;
	if (t != NULL)
		failed(e, t, why);
}

struct link *
endpoint_connected(struct endpoint *e, unsigned dial_id, const char *address,
    uint16_t port, uint64_t now)
{
	struct target *t = under_way(e, dial_id);
	struct link *l;

	e->now = now;
	if (t == NULL)
		return NULL;
	l = endpoint_add_link(e, address, port, t);
	if (l == NULL)
		failed(e, t, "out of memory");
	else
		t->link = l;
	return l;
}

size_t
endpoint_ndials(const struct endpoint *e)
{
	return e->ntargets;
}

void
endpoint_dial_facts(const struct endpoint *e, size_t i,
    struct endpoint_dial_facts *out)
{
	const struct target *t = e->targets[i];

	out->name = t->name;
	out->host = t->host;
	out->port = t->port;
	out->attempts = t->dial.attempts;
	out->since = t->dial.since;
	out->why = t->why[0] == '\0' ? NULL : t->why;
	out->connected = t->dial.state == DIAL_CONNECTED;
}
