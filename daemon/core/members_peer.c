/*
 * Peerings, and which of them hold a row of the layout (reference
 * "cluster-semantics", 1.7 and 1.8).
 */
#include "core/members_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"

/* --- the set of peers ----------------------------------------------------- */

/* Ids are random, all their bytes are. */
static size_t
list_of(const struct mu_uuid *id)
{
	return id->bytes[sizeof id->bytes - 1];
}

struct peer *
mpeer_find(const struct members *m, const struct mu_uuid *id)
{
	struct peer *p = m->by_id[list_of(id)];

	while (p != NULL && !mu_uuid_eq(&p->id, id))
		p = p->next;
	return p;
}

static void
forget_held(struct peer *p)
{
	while (p->nheld > 0)
		mu_free(p->held[--p->nheld].payload);
	p->held_bytes = 0;
}

void
mpeer_free(struct peer *p)
{
	if (p == NULL)
		return;
	forget_held(p);
	mu_free(p->down[0]);
	mu_free(p->down[1]);
	mu_free(p->address);
	mu_free(p->dialled);
	mu_free(p->name);
	mu_free(p);
}

static char *
with_port(const char *address, uint16_t port)
{
	if (address == NULL)
		address = "unknown";
	return mu_asprintf(
	    strchr(address, ':') == NULL ? "%s:%u" : "[%s]:%u", address, port);
}

static struct peer *
new_peer(const struct members_peer *cfg)
{
	struct peer *p = mu_calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->id = cfg->id;
	p->auth = cfg->auth;
	p->speaks_muster = cfg->speaks_muster;
	p->row = NO_ROW;
	p->address = with_port(cfg->address, cfg->port);
	if (p->address == NULL)
		goto fail;
	if (cfg->dialled != NULL) {
		p->dialled = mu_strdup(cfg->dialled);
		if (p->dialled == NULL)
			goto fail;
	}
	return p;
fail:
	mpeer_free(p);
	return NULL;
}

static int
add_peer(struct members *m, struct peer *p)
{
	if (m->npeers == m->cap) {
		size_t cap = m->cap == 0 ? 16 : m->cap * 2;
		struct peer **v = mu_reallocarray(m->peers, cap, sizeof *v);

		if (v == NULL)
			return MUSTER_ENOMEM;
		m->peers = v;
		m->cap = cap;
	}
	p->at = m->npeers;
	m->peers[m->npeers++] = p;
	p->next = m->by_id[list_of(&p->id)];
	m->by_id[list_of(&p->id)] = p;
	return 0;
}

static void
remove_peer(struct members *m, struct peer *p)
{
	struct peer **in = &m->by_id[list_of(&p->id)];

	while (*in != p)
		in = &(*in)->next;
	*in = p->next;
	m->ndrops -= p->drop != NULL;
	m->peers[p->at] = m->peers[--m->npeers];
	m->peers[p->at]->at = p->at;
	mpeer_free(p);
}

void
mpeer_complain(struct members *m, struct peer *p, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	mout_log(m, p->complained ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
	    "peer %s: %s", p->address, text);
	p->complained = true;
}

/* --- who holds a row ------------------------------------------------------ */

/* Prepare what losing the peer will need.  0 or MUSTER_ENOMEM. */
static int
reserve_down(struct members *m, struct peer *p, size_t row)
{
	const char *name = mrows_name(m, row);
	char text[ENTRY_MAX];

	snprintf(text, sizeof text, "node down: %s", name);
	p->down[0] = mout_prepare(MEMBERS_CLUSTER_LOG, NULL, NULL, text);
	p->down[1] = mout_prepare(MEMBERS_NODE_DOWN, name, &p->id, NULL);
	if (p->down[0] != NULL && p->down[1] != NULL)
		return 0;
	mu_free(p->down[0]);
	mu_free(p->down[1]);
	p->down[0] = p->down[1] = NULL;
	return MUSTER_ENOMEM;
}

void
mpeer_join(struct members *m, struct peer *p, size_t row, uint64_t now)
{
	struct row *r = &m->rows[row];
	const char *name = mrows_name(m, row);
	char id[MU_UUID_TEXT];
	size_t i;

	if (reserve_down(m, p, row) != 0 ||
	    mout_cluster_log(m, "got hello from %s (%s)", name,
		mu_uuid_format(&p->id, id)) != 0 ||
	    mout_node(m, MEMBERS_NODE_UP, name, &p->id, false) != 0) {
		p->row = NO_ROW;
		mpeer_drop_nomem(m, p);
		return;
	}
	p->standing = STANDING_MEMBER;
	p->row = row;
	r->peer = p;
	r->seen = true;
	r->pub.up = true;
	r->pub.id = p->id;
	r->pub.since = now;
	r->complete = r->fresh = false;
	r->ndown = 0;
	if (p->dialled != NULL && strcmp(p->dialled, name) != 0)
		mpeer_complain(m, p, "dialled as \"%s\", says it is \"%s\"",
		    p->dialled, name);
	mlayout_tell(m, p, now);
	mtrack_row(m, row, now);
	mstart_node_up(m, row, now);
	for (i = 0; i < p->nheld && p->standing == STANDING_MEMBER; i++)
		mevent_handle(m, p, p->held[i].payload, p->held[i].len, now);
	forget_held(p);
}

void
mpeer_leave(struct members *m, struct row *r, uint64_t now)
{
	struct peer *p = r->peer;
	struct peer *next = r->contender;

	if (p != NULL) {
		mout_queue(m, p->down[0]);
		mout_queue(m, p->down[1]);
		p->down[0] = p->down[1] = NULL;
		p->row = NO_ROW;
		if (p->standing == STANDING_MEMBER)
			p->standing = STANDING_STRANGER;
	}
	r->peer = NULL;
	if (next != NULL)
		m->ncontests--;
	r->contender = NULL;
	r->pub.up = false;
	memset(&r->pub.id, 0, sizeof r->pub.id);
	r->pub.since = now;
	r->complete = r->fresh = false;
	/* Who has not seen the start says so when it is back. */
	memset(&r->told, 0, sizeof r->told);
	r->ndown = 0;
	mtrack_row(m, (size_t)(r - m->rows), now);
	if (next != NULL)
		mpeer_join(m, next, (size_t)(r - m->rows), now);
}

/* Take a peer out of whatever it holds or claims. */
static void
detach(struct members *m, struct peer *p, uint64_t now)
{
	struct row *r;

	if (p->row == NO_ROW)
		return;
	r = &m->rows[p->row];
	if (r->contender == p) {
		m->ncontests--;
		r->contender = NULL;
		p->row = NO_ROW;
	} else if (r->peer == p) {
		mpeer_leave(m, r, now);
	}
}

void
mpeer_drop_nomem(struct members *m, struct peer *p)
{
	if (p->standing == STANDING_DROPPED)
		return;
	p->standing = STANDING_DROPPED;
	p->drop = "out of memory";
	m->ndrops++;
	/* Its row is given up when the peering ends. */
}

void
mpeer_drop(struct members *m, struct peer *p, const char *text, uint64_t now)
{
	if (p->standing == STANDING_DROPPED)
		return;
	if (mout_drop(m, &p->id, text) != 0)
		mpeer_drop_nomem(m, p);
	p->standing = STANDING_DROPPED;
	detach(m, p, now);
}

/* --- doors ---------------------------------------------------------------- */

/* Tables of Zeek with a backend are stores of this name; what is announced is
 * the name of the table. */
#define TABLE_STORE "___sync_store_"

/* The tables whose master stores are here. */
static struct muster_value *
table_masters(const struct members *m)
{
	struct muster_value *set = muster_value_set();
	const size_t skip = strlen(TABLE_STORE);

	for (size_t i = 0; i < m->layout->nstores && set != NULL; i++) {
		const struct mu_layout_store *s = &m->layout->stores[i];

		if (strcmp(s->master, m->self->name) == 0 &&
		    strncmp(s->name, TABLE_STORE, skip) == 0 &&
		    muster_value_insert(set,
			muster_value_cstring(s->name + skip)) != 0) {
			muster_value_unref(set);
			set = NULL;
		}
	}
	return set;
}

/* What a new peer gets first: on the manager the names of Zeek's tables that
 * have their master here, then the hello.  Both as
 * Broker::publish writes events. */
static int
greet(struct members *m, const struct mu_uuid *id)
{
	char text[MU_UUID_TEXT];
	char *topic;
	int err = 0;

	topic = mu_asprintf(
	    "%s%s/", m->layout->topics.nodeid_prefix, mu_uuid_format(id, text));
	if (topic == NULL)
		return MUSTER_ENOMEM;
	if (m->is_manager)
		err = mout_event(m, NULL, topic, "Broker::announce_masters",
		    mout_args(1, table_masters(m)), true);
	if (err == 0)
		err = mout_event(m, NULL, topic, "Cluster::hello",
		    mout_args(2, muster_value_cstring(m->self->name),
			muster_value_cstring(m->id_text)),
		    true);
	mu_free(topic);
	return err;
}

int
members_peer_up(struct members *m, const struct members_peer *cfg, uint64_t now)
{
	struct peer *p;

	if (mpeer_find(m, &cfg->id) != NULL)
		members_peer_down(m, &cfg->id, true, now);
	p = new_peer(cfg);
	if (p == NULL || add_peer(m, p) != 0) {
		mpeer_free(p);
		return MUSTER_ENOMEM;
	}
	if (greet(m, &p->id) != 0) {
		remove_peer(m, p);
		return MUSTER_ENOMEM;
	}
	return 0;
}

void
members_peer_down(
    struct members *m, const struct mu_uuid *id, bool removed, uint64_t now)
{
	struct peer *p = mpeer_find(m, id);

	(void)removed; /* unlike Zeek (1.8): gone is gone */
	if (p == NULL)
		return;
	detach(m, p, now);
	remove_peer(m, p);
	mtrack_update(m, now);
}

void
members_peer_speaks(struct members *m, const struct mu_uuid *id,
    bool speaks_muster, uint64_t now)
{
	struct peer *p = mpeer_find(m, id);

	if (p == NULL || p->speaks_muster == speaks_muster)
		return;
	p->speaks_muster = speaks_muster;
	if (p->standing != STANDING_MEMBER)
		return;
	mlayout_tell(m, p, now);
	if (p->row == m->manager_row)
		mtrack_tell_links(m, now);
}
