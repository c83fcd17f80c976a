/*
 * What is missing since the start.  Every Muster node tells the manager which
 * of the links it dials are lost; the manager adds the nodes that it misses
 * itself and publishes the sum each time that it changes.  The other nodes
 * follow it, and their own eyes while it is away or is a Zeek node; but that
 * nothing is missing any more is for a manager that is there to say.
 *
 *   to muster/cluster/report
 *     Muster::link_down(string name, string peer)
 *     Muster::link_up(string name, string peer)
 *     Muster::link_state(string name, set[string] peers)    all lost links
 *   to muster/cluster/state
 *     Muster::cluster_degraded(vector of string missing)
 *     Muster::cluster_restored()
 *
 * Losing the first and regaining the last is said at once; a set that goes on
 * changing between is said every half second at most.
 */
#include "core/members_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "muster/err.h"

/* --- what is missing ------------------------------------------------------ */

static void
link_entry(const struct members *m, size_t a, size_t b, char out[ENTRY_MAX])
{
	snprintf(
	    out, ENTRY_MAX, "link %s - %s", mrows_name(m, a), mrows_name(m, b));
}

/* A link is worth naming while both its ends are there. */
static int
add_links(const struct members *m, size_t a, struct list *l)
{
	const struct row *r = &m->rows[a];
	char entry[ENTRY_MAX];
	size_t i;

	for (i = 0; i < r->ndown; i++) {
		const struct row *b = &m->rows[r->down[i]];

		if (b->direct && !b->pub.up)
			continue;
		link_entry(m, a, r->down[i], entry);
		if (mlist_add(l, entry) != 0)
			return MUSTER_ENOMEM;
	}
	return 0;
}

bool
mtrack_away(const struct members *m, const struct row *r)
{
	if (!m->started)
		return !r->pub.reported;
	return r->direct && (!r->pub.up || !r->complete);
}

static int
manager_misses(const struct members *m, struct list *l)
{
	size_t i;

	for (i = 0; i < m->nrows; i++) {
		const struct row *r = &m->rows[i];

		if (r->pub.counts && mtrack_away(m, r) &&
		    mlist_add(l, mrows_name(m, i)) != 0)
			return MUSTER_ENOMEM;
		if (m->started && r->pub.up && add_links(m, i, l) != 0)
			return MUSTER_ENOMEM;
	}
	return 0;
}

/* Is there a manager that tells us what is missing? */
static bool
is_led(const struct members *m)
{
	const struct peer *p;

	if (m->manager_row == NO_ROW)
		return false;
	p = m->rows[m->manager_row].peer;
	return p != NULL && p->speaks_muster;
}

/* What this node sees: whom it dials, and who was here before. */
static int
node_misses(const struct members *m, struct list *l)
{
	size_t i;

	for (i = 0; i < m->nrows; i++) {
		const struct row *r = &m->rows[i];

		if (r->pub.self || !r->pub.counts || r->pub.up || !r->direct)
			continue;
		if ((r->pub.connectee || r->seen) &&
		    mlist_add(l, mrows_name(m, i)) != 0)
			return MUSTER_ENOMEM;
	}
	return 0;
}

static int
add_all(struct list *l, const struct list *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (mlist_add(l, from->e[i]) != 0)
			return MUSTER_ENOMEM;
	return 0;
}

int
mtrack_missing(const struct members *m, struct list *l)
{
	int err;

	if (m->is_manager)
		return manager_misses(m, l);
	if (m->started && is_led(m) && m->told_any)
		return add_all(l, &m->told);
	err = node_misses(m, l);
	/* The manager answers our report, and may miss what we do not see;
	 * a Zeek node that subscribes below muster/ does not. */
	if (err == 0 && l->n == 0 && m->started && is_led(m) && m->answers)
		err = add_all(l, &m->shown);
	return err;
}

/* --- telling the manager -------------------------------------------------- */

static bool
is_lost_link(const struct members *m, size_t row)
{
	const struct members_row *r = &m->rows[row].pub;

	return r->connectee && !r->up && row != m->manager_row;
}

void
mtrack_tell_links(struct members *m, uint64_t now)
{
	struct muster_value *set;
	size_t i, n = 0;

	if (m->links_told || !m->started || m->is_manager || !is_led(m))
		return;
	set = muster_value_set();
	for (i = 0; i < m->nrows && set != NULL; i++) {
		if (!is_lost_link(m, i))
			continue;
		n++;
		if (muster_value_insert(
			set, muster_value_cstring(mrows_name(m, i))) != 0) {
			muster_value_unref(set);
			set = NULL;
		}
	}
	/* A manager that just met us believes all our links to stand. */
	m->links_told = true;
	if (n == 0 && set != NULL && !m->links_said) {
		muster_value_unref(set);
		return;
	}
	m->links_said = true;
	if (mout_event(m, NULL, REPORT_TOPIC, "Muster::link_state",
		mout_args(2, muster_value_cstring(m->self->name), set),
		false) != 0) {
		m->links_told = false;
		m->retry = now + RETRY_NS;
	}
}

void
mtrack_links_again(struct members *m, uint64_t now)
{
	if (!m->links_due || !is_led(m) ||
	    m->rows[m->manager_row].peer->digest != m->digest)
		return;
	m->links_due = m->links_told = false;
	mtrack_tell_links(m, now);
}

static void
tell_link(struct members *m, size_t row, uint64_t now)
{
	if (!m->links_told || !m->rows[row].pub.connectee ||
	    row == m->manager_row)
		return;
	m->links_said = true;
	if (mout_event(m, NULL, REPORT_TOPIC,
		m->rows[row].pub.up ? "Muster::link_up" : "Muster::link_down",
		mout_args(2, muster_value_cstring(m->self->name),
		    muster_value_cstring(mrows_name(m, row))),
		false) != 0) {
		m->links_told = false;
		m->retry = now + RETRY_NS;
	}
}

void
mtrack_row(struct members *m, size_t row, uint64_t now)
{
	m->changed = true;
	if (row == m->manager_row && !m->is_manager) {
		mlist_clear(&m->told);
		m->told_any = false;
		m->links_told = m->links_said = false;
	}
	tell_link(m, row, now);
}

void
mtrack_begin(struct members *m, uint64_t now)
{
	m->changed = true;
	mtrack_tell_links(m, now);
}

/* --- saying it ------------------------------------------------------------ */

static int
publish(struct members *m, const struct list *l)
{
	int err;

	if (!m->is_manager)
		return 0;
	if (l->n > 0)
		err =
		    mout_event(m, NULL, STATE_TOPIC, "Muster::cluster_degraded",
			mout_args(1, mlist_value(l, false)), false);
	else
		err = mout_event(m, NULL, STATE_TOPIC,
		    "Muster::cluster_restored", mout_args(0), false);
	if (err == 0)
		m->told_else = false;
	return err;
}

int
mtrack_forewarn(struct members *m)
{
	struct list l = { .n = 0 };
	int err;

	m->started = true;
	err = mtrack_missing(m, &l);
	m->started = false;
	if (err == 0 && l.n > 0)
		err = publish(m, &l);
	mlist_clear(&l);
	return err;
}

static int
say_degraded(struct members *m, const struct list *l)
{
	struct mu_buf b;
	int err;

	mu_buf_init(&b, 0);
	err = mlist_text(l, &b);
	mu_buf_u8(&b, '\0');
	if (err == 0)
		err = mu_buf_error(&b);
	if (err == 0)
		err = publish(m, l);
	if (err == 0) {
		const char *text = (const char *)mu_buf_data(&b);

		mout_cluster_log(m, "cluster degraded, missing: %s", text);
		mout_text(m, MEMBERS_DEGRADED, text);
	}
	mu_buf_clear(&b);
	return err;
}

static int
say_restored(struct members *m, const struct list *l)
{
	if (publish(m, l) != 0)
		return MUSTER_ENOMEM;
	mout_cluster_log(m, "cluster restored");
	/* What is published is said. */
	return mout_text(m, MEMBERS_RESTORED, NULL) == 0 || m->is_manager
		   ? 0
		   : MUSTER_ENOMEM;
}

/* Returns false when it has to be tried again. */
static bool
say(struct members *m, struct list *l, uint64_t now)
{
	bool turns = (l->n == 0) != (m->shown.n == 0);
	bool same = mlist_eq(l, &m->shown);
	int err;

	if (same && !m->told_else)
		return true;
	if (!turns && now < m->shown_at + CHANGE_PAUSE_NS)
		return false;
	if (same)
		err = publish(m, l);
	else
		err = l->n > 0 ? say_degraded(m, l) : say_restored(m, l);
	if (err != 0) {
		m->retry = now + RETRY_NS;
		return false;
	}
	m->shown_at = now;
	if (same)
		return true;
	mlist_clear(&m->shown);
	m->shown = *l;
	memset(l, 0, sizeof *l);
	m->shown_at = now;
	return true;
}

static bool
misses_any(const struct members *m)
{
	struct list l = { .most = 1 };
	bool any = mtrack_missing(m, &l) != 0 || l.n > 0;

	mlist_clear(&l);
	return any;
}

/* Something else is missing than was shown a moment ago; in a storm each loss
 * would list all others. */
static bool
can_wait(const struct members *m, uint64_t now)
{
	return m->shown.n > 0 && now < m->shown_at + CHANGE_PAUSE_NS &&
	       misses_any(m);
}

void
mtrack_update(struct members *m, uint64_t now)
{
	struct list l = { .n = 0 };

	if (!m->changed || !m->started || can_wait(m, now))
		return;
	if (mtrack_missing(m, &l) != 0)
		m->retry = now + RETRY_NS;
	else if (say(m, &l, now))
		m->changed = false;
	mlist_clear(&l);
}

uint64_t
mtrack_deadline(const struct members *m)
{
	uint64_t due = m->shown_at + CHANGE_PAUSE_NS;

	if (!m->changed || !m->started)
		return UINT64_MAX;
	/* What found no memory is long due. */
	return due < m->retry ? m->retry : due;
}

/* --- what the manager says ------------------------------------------------ */

void
mtrack_told(struct members *m, struct peer *p, const struct muster_value *v)
{
	mlist_clear(&m->told);
	m->answers = true;
	m->told_any = mlist_from_value(&m->told, v) == 0;
	m->changed = true;
	if (m->told_any)
		return;
	/* Half a list would be believed. */
	mlist_clear(&m->told);
	mpeer_drop_nomem(m, p);
}

void
mtrack_degraded(struct members *m, struct peer *p,
    const struct muster_value *args, uint64_t now)
{
	(void)now;
	mtrack_told(m, p, muster_value_at(args, 0));
}

void
mtrack_restored(struct members *m, struct peer *p,
    const struct muster_value *args, uint64_t now)
{
	(void)p;
	(void)args;
	(void)now;
	mlist_clear(&m->told);
	m->told_any = m->answers = true;
	m->changed = true;
}

/* --- what nodes tell the manager ------------------------------------------ */

/* Note or forget that a's link to b is lost. */
static int
set_link(struct row *a, size_t b, bool lost)
{
	size_t i = 0;
	size_t *v;

	while (i < a->ndown && a->down[i] < b)
		i++;
	if ((i < a->ndown && a->down[i] == b) == lost)
		return 0;
	if (!lost) {
		a->ndown--;
		memmove(a->down + i, a->down + i + 1,
		    (a->ndown - i) * sizeof *a->down);
		return 0;
	}
	v = mu_reallocarray(a->down, a->ndown + 1, sizeof *v);
	if (v == NULL)
		return MUSTER_ENOMEM;
	a->down = v;
	memmove(v + i + 1, v + i, (a->ndown - i) * sizeof *v);
	v[i] = b;
	a->ndown++;
	return 0;
}

static void
on_link(struct members *m, struct peer *p, const struct muster_value *peer,
    bool lost)
{
	size_t len, row;
	const char *name = muster_value_get_string(peer, &len);

	row = name == NULL ? NO_ROW : mrows_find(m, name, len);
	if (row == NO_ROW || row == p->row)
		mpeer_complain(m, p, "tells of a link to an unknown node");
	else if (set_link(&m->rows[p->row], row, lost) != 0)
		mpeer_drop_nomem(m, p);
	m->changed = true;
}

void
mtrack_link_down(struct members *m, struct peer *p,
    const struct muster_value *args, uint64_t now)
{
	(void)now;
	if (m->is_manager)
		on_link(m, p, muster_value_at(args, 1), true);
}

void
mtrack_link_up(struct members *m, struct peer *p,
    const struct muster_value *args, uint64_t now)
{
	(void)now;
	if (m->is_manager)
		on_link(m, p, muster_value_at(args, 1), false);
}

void
mtrack_link_state(struct members *m, struct peer *p,
    const struct muster_value *args, uint64_t now)
{
	const struct muster_value *set = muster_value_at(args, 1);
	size_t i;

	(void)now;
	if (!m->is_manager)
		return;
	m->rows[p->row].ndown = 0;
	m->changed = true;
	for (i = 0; i < muster_value_size(set); i++)
		on_link(m, p, muster_value_at(set, i), true);
}

/* --- facts ---------------------------------------------------------------- */

static bool
has_lost(const struct row *a, size_t b)
{
	for (size_t i = 0; i < a->ndown; i++)
		if (a->down[i] == b)
			return true;
	return false;
}

enum members_link
members_link(const struct members *m, size_t a, size_t b)
{
	const struct row *x = &m->rows[a], *y = &m->rows[b];

	if (x->pub.self || y->pub.self)
		return (x->pub.self ? y : x)->pub.up ? MEMBERS_LINK_UP
						     : MEMBERS_LINK_DOWN;
	if ((x->direct && !x->pub.up) || (y->direct && !y->pub.up))
		return MEMBERS_LINK_DOWN;
	if (!m->is_manager)
		return MEMBERS_LINK_UNKNOWN;
	if (has_lost(x, b) || has_lost(y, a))
		return MEMBERS_LINK_DOWN;
	return x->complete ? MEMBERS_LINK_UP : MEMBERS_LINK_UNKNOWN;
}
