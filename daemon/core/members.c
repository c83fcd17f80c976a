/*
 * The membership machine, seen from outside: it is built from a layout, says
 * what it must subscribe, is fed with peerings, events and time, and answers
 * questions.  members_impl.h says which file does what.
 */
#include "core/members.h"
#include "core/members_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "muster/topic.h"

struct members *
members_new(const struct members_config *cfg, uint64_t now)
{
	struct members *m = mu_calloc(1, sizeof *m);

	if (m == NULL)
		return NULL;
	m->last = &m->first;
	m->id = cfg->id;
	mu_uuid_format(&m->id, m->id_text);
	if (mrows_build(m, cfg->layout, cfg->self, now) != 0)
		goto fail;
	mstart_begin(m, now);
	if (m->report_due || m->start_due || m->lost)
		goto fail;
	mtrack_update(m, now);
	return m;
fail:
	members_free(m);
	return NULL;
}

void
members_free(struct members *m)
{
	if (m == NULL)
		return;
	mout_clear(m);
	while (m->npeers > 0)
		mpeer_free(m->peers[--m->npeers]);
	mu_free(m->peers);
	mrows_free(m->rows, m->nrows);
	mlist_clear(&m->told);
	mlist_clear(&m->shown);
	mu_free(m);
}

/* --- subscriptions -------------------------------------------------------- */

static int
add(struct muster_filter *f, const char *a, const char *b, const char *c)
{
	char *topic = mu_asprintf("%s%s%s", a, b, c);
	int n;

	if (topic == NULL)
		return MUSTER_ENOMEM;
	n = muster_filter_add(f, topic, strlen(topic));
	mu_free(topic);
	return n < 0 ? n : 0;
}

static const char *
class_topic(const struct mu_topics *t, enum mu_role role)
{
	switch (role) {
	case MU_ROLE_LOGGER:
		return t->logger;
	case MU_ROLE_MANAGER:
		return t->manager;
	case MU_ROLE_PROXY:
		return t->proxy;
	case MU_ROLE_WORKER:
		return t->worker;
	default:
		return NULL;
	}
}

static bool
takes_logs(const struct members *m)
{
	return m->self->role == MU_ROLE_LOGGER ||
	       (m->self->role == MU_ROLE_MANAGER &&
		   m->layout->manager_is_logger);
}

int
members_subscribe(const struct members *m, struct muster_filter *f)
{
	const struct mu_topics *t = &m->layout->topics;
	const char *class = class_topic(t, m->self->role);
	int err = 0;

	if (class != NULL)
		err = add(f, class, "", "");
	if (err == 0)
		err = add(f, t->nodeid_prefix, m->id_text, "/");
	if (err == 0)
		err = add(f, t->node_prefix, m->self->name, "/");
	if (err == 0)
		err = add(f, t->started, "", "");
	if (err == 0 && takes_logs(m))
		err = add(f, t->logs_prefix, "", "");
	if (err == 0)
		err = add(f, STATE_TOPIC, "", "");
	if (err == 0 && m->is_manager)
		err = add(f, REPORT_TOPIC, "", "");
	return err;
}

/* --- reload --------------------------------------------------------------- */

static void
leave_removed(struct members *m, const struct mu_layout *layout, uint64_t now)
{
	size_t i;

	for (i = 0; i < m->nrows; i++) {
		struct row *r = &m->rows[i];

		if (mu_layout_node(layout, mrows_name(m, i)) != NULL)
			continue;
		while (r->peer != NULL)
			mpeer_leave(m, r, now);
	}
}

static void
tell_layout(struct members *m, uint64_t now)
{
	for (size_t i = 0; i < m->npeers; i++)
		if (m->peers[i]->standing == STANDING_MEMBER)
			mlayout_tell(m, m->peers[i], now);
}

int
members_reload(struct members *m, const struct mu_layout *layout,
    const struct mu_layout_node *self, uint64_t now)
{
	bool waited = mstart_waits(m);
	int err;
	size_t i;

	leave_removed(m, layout, now);
	err = mrows_build(m, layout, self, now);
	for (i = 0; i < m->npeers; i++)
		m->peers[i]->told_digest = m->peers[i]->told_rows = false;
	tell_layout(m, now);
	mhello_recognise(m, now);
	mstart_reload(m, waited, now);
	m->links_due = true;
	mtrack_links_again(m, now);
	m->changed = true;
	mtrack_update(m, now);
	return err;
}

/* --- time ----------------------------------------------------------------- */

void
members_tick(struct members *m, uint64_t now)
{
	mhello_tick(m, now);
	if (m->retry != 0 && now >= m->retry) {
		m->retry = 0;
		mstart_retry(m, now);
		mtrack_tell_links(m, now);
		tell_layout(m, now);
	}
	mtrack_update(m, now);
}

uint64_t
members_deadline(const struct members *m)
{
	uint64_t due = mhello_deadline(m);
	uint64_t track = mtrack_deadline(m);

	if (m->retry != 0 && m->retry < due)
		due = m->retry;
	return track < due ? track : due;
}

/* --- facts ---------------------------------------------------------------- */

const char *
members_state_name(enum members_state s)
{
	switch (s) {
	case MEMBERS_STARTING:
		return "starting";
	case MEMBERS_RUNNING:
		return "started";
	case MEMBERS_DEGRADED_STATE:
		return "degraded";
	}
	return "unknown";
}

enum members_state
members_state(const struct members *m)
{
	if (!m->started)
		return MEMBERS_STARTING;
	return m->shown.n > 0 ? MEMBERS_DEGRADED_STATE : MEMBERS_RUNNING;
}

bool
members_started(const struct members *m)
{
	return m->started;
}

bool
members_fully_connected(const struct members *m)
{
	return m->fully;
}

size_t
members_nrows(const struct members *m)
{
	return m->nrows;
}

const struct members_row *
members_row(const struct members *m, size_t i)
{
	return i < m->nrows ? &m->rows[i].pub : NULL;
}

const char *
members_name_of(const struct members *m, const struct mu_uuid *id)
{
	const struct peer *p;

	if (mu_uuid_eq(id, &m->id))
		return m->self->name;
	p = mpeer_find(m, id);
	if (p == NULL || p->row == NO_ROW || m->rows[p->row].peer != p)
		return NULL;
	return mrows_name(m, p->row);
}

int
members_missing(const struct members *m, struct mu_buf *out)
{
	struct list l = { .n = 0 };
	int err = mtrack_missing(m, &l);

	if (err == 0)
		err = mlist_text(&l, out);
	mlist_clear(&l);
	return err;
}

void
members_progress(const struct members *m, size_t *have, size_t *want)
{
	size_t i;

	*have = *want = 0;
	for (i = 0; i < m->nrows; i++) {
		const struct row *r = &m->rows[i];

		if (!r->pub.counts)
			continue;
		if (!m->is_manager && !r->pub.self && !r->direct)
			continue;
		*want += 1;
		*have += m->is_manager ? !mtrack_away(m, r) : r->pub.up;
	}
}

size_t
members_active(const struct members *m, enum mu_role role)
{
	size_t i, n = 0;

	for (i = 0; i < m->nrows; i++)
		n += m->rows[i].peer != NULL &&
		     m->rows[i].pub.node->role == role;
	return n;
}
