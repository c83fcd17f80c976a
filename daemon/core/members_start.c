/*
 * Reports and the start of the cluster: reference "cluster-semantics", 2.3 to
 * 2.5, rule by rule.  Beyond Zeek: rows that cannot report are not waited for,
 * and who reports after the start is told what became of it.
 *
 *   Muster::cluster_state(string state, set[string] missing)
 */
#include "core/members_impl.h"

#include <string.h>

#include "base/text.h"
#include "muster/err.h"

#define EXPERIMENTAL "Cluster::Experimental::"

bool
mstart_waits(const struct members *m)
{
	size_t i;

	for (i = 0; i < m->nrows; i++)
		if (m->rows[i].pending)
			return true;
	return false;
}

static bool
all_reported(const struct members *m)
{
	size_t i;

	for (i = 0; i < m->nrows; i++)
		if (m->rows[i].pub.counts && !m->rows[i].pub.reported)
			return false;
	return true;
}

static int
send_started(struct members *m, const struct mu_uuid *to)
{
	return mout_event(m, to, m->layout->topics.started,
	    EXPERIMENTAL "cluster_started", mout_args(0), false);
}

/* --- late joiners --------------------------------------------------------- */

static void
send_state(struct members *m, struct peer *p)
{
	struct list missing = { .n = 0 };
	struct muster_value *set = NULL;
	bool none;

	if (mtrack_missing(m, &missing) == 0)
		set = mlist_value(&missing, true);
	none = missing.n == 0;
	if (!mlist_eq(&missing, &m->shown))
		m->told_else = true;
	mlist_clear(&missing);
	if (mout_event(m, &p->id, STATE_TOPIC, "Muster::cluster_state",
		mout_args(2,
		    muster_value_cstring(members_state_name(
			none ? MEMBERS_RUNNING : MEMBERS_DEGRADED_STATE)),
		    set),
		false) != 0)
		mpeer_drop_nomem(m, p);
}

/* A node reported to a cluster that has started. */
static void
welcome(struct members *m, struct row *r, bool resending)
{
	struct peer *p = r->peer;

	r->fresh = false;
	if (p == NULL)
		return;
	/* First: the event alone would say that nothing is missing. */
	if (p->speaks_muster)
		send_state(m, p);
	if (!resending && m->layout->replay_started &&
	    !mu_uuid_eq(&r->told, &p->id) && send_started(m, &p->id) != 0) {
		mpeer_drop_nomem(m, p);
		return;
	}
	r->told = p->id;
}

/* --- the manager ---------------------------------------------------------- */

/* Somebody saw the cluster start before this manager lived. */
static void
adopt(struct members *m, size_t row, uint64_t now)
{
	size_t i;

	m->started = true;
	m->start_due = false;
	mout_log(m, LOG_LEVEL_INFO,
	    "the cluster has started before: %s "
	    "remembers",
	    mrows_name(m, row));
	mout_node(m, MEMBERS_STARTED, m->self->name, &m->id, true);
	mtrack_begin(m, now);
	for (i = 0; i < m->nrows; i++)
		if (m->rows[i].fresh)
			welcome(m, &m->rows[i], false);
}

/* Is there nobody left to wait for? */
static void
start(struct members *m, uint64_t now)
{
	size_t i;

	if (!m->is_manager || m->started || !all_reported(m))
		return;
	if (mtrack_forewarn(m) != 0 || send_started(m, NULL) != 0) {
		m->start_due = true;
		m->retry = now + RETRY_NS;
		return;
	}
	m->started = true;
	m->start_due = false;
	mout_cluster_log(m, "cluster connected");
	mout_node(m, MEMBERS_STARTED, m->self->name, &m->id, false);
	for (i = 0; i < m->nrows; i++) {
		m->rows[i].told = m->rows[i].pub.id;
		m->rows[i].fresh = false;
	}
	mtrack_begin(m, now);
}

/* node_fully_connected at the manager, local or remote. */
static void
reported(struct members *m, size_t row, bool resending, uint64_t now)
{
	struct row *r = &m->rows[row];
	bool again = r->complete;
	bool before = m->started;

	r->pub.reported = true;
	r->complete = true;
	m->changed = true;
	if (!m->started) {
		r->fresh = !resending && r->peer != NULL;
		if (resending)
			adopt(m, row, now);
		else
			start(m, now);
	}
	/* Once per peering: only a manager that comes back asks again.  Who
	 * reported just before the start gets the event itself. */
	if (m->started && !again && (before || resending))
		welcome(m, r, resending);
}

/* --- every node ----------------------------------------------------------- */

/* Raise node_fully_connected here; a remote one is not written to the log. */
static int
raise_report(struct members *m, size_t row, bool resending)
{
	const struct mu_uuid *id = &m->rows[row].pub.id;
	int err;

	err = mout_node(
	    m, MEMBERS_FULLY_CONNECTED, mrows_name(m, row), id, resending);
	if (err == 0)
		err = mout_cluster_log(m, "fully connected");
	return err;
}

static int
publish_report(struct members *m)
{
	return mout_event(m, NULL, m->layout->topics.manager,
	    EXPERIMENTAL "node_fully_connected",
	    mout_args(3, muster_value_cstring(m->self->name),
		muster_value_cstring(m->id_text),
		muster_value_boolean(m->started)),
	    false);
}

static void
report(struct members *m, bool publish, uint64_t now)
{
	bool resending = m->started;

	m->report_due = (publish && publish_report(m) != 0) ||
			raise_report(m, m->self_row, resending) != 0;
	if (m->report_due) {
		m->retry = now + RETRY_NS;
		return;
	}
	m->fully = true;
	if (m->is_manager)
		reported(m, m->self_row, resending, now);
}

/* Does a node report each time that the manager comes up?  Who knows none, in
 * Zeek, leaves it to the manager, or is never connected to it; here a list may
 * connect them all the same. */
static bool
reports_again(const struct mu_layout_node *node)
{
	return node->manager != NULL || node->role == MU_ROLE_WORKER ||
	       node->role == MU_ROLE_PROXY;
}

void
mstart_node_up(struct members *m, size_t row, uint64_t now)
{
	const struct mu_layout_node *node = m->rows[row].pub.node;
	bool own_manager = row == m->manager_row && reports_again(m->self);

	/* A logger that knows no manager does not report: the manager does. */
	if (m->is_manager && node->role == MU_ROLE_LOGGER &&
	    node->manager == NULL) {
		raise_report(m, row, false);
		reported(m, row, false, now);
	}
	/* First, or the manager takes us for whole. */
	if (row == m->manager_row)
		mtrack_tell_links(m, now);
	if (m->rows[row].pending || own_manager) {
		m->rows[row].pending = false;
		if (!mstart_waits(m))
			report(m, true, now);
	}
}

void
mstart_begin(struct members *m, uint64_t now)
{
	if (m->is_manager && !mstart_waits(m))
		report(m, false, now);
}

void
mstart_retry(struct members *m, uint64_t now)
{
	if (m->report_due)
		report(m, true, now);
	if (m->start_due)
		start(m, now);
}

void
mstart_reload(struct members *m, bool waited, uint64_t now)
{
	if (waited && !mstart_waits(m))
		report(m, true, now);
	start(m, now);
}

/* --- events --------------------------------------------------------------- */

void
mstart_report(struct members *m, struct peer *p,
    const struct muster_value *args, uint64_t now)
{
	char own[MU_UUID_TEXT];
	size_t len;
	const char *id;

	if (!m->is_manager)
		return;
	id = muster_value_get_string(muster_value_at(args, 1), &len);
	mu_uuid_format(&p->id, own);
	if (len != strlen(own) || strncasecmp(id, own, len) != 0) {
		mpeer_complain(m, p, "node_fully_connected with another id");
		return;
	}
	reported(
	    m, p->row, muster_value_get_boolean(muster_value_at(args, 2)), now);
}

void
mstart_started(struct members *m, struct peer *p,
    const struct muster_value *args, uint64_t now)
{
	(void)args;
	if (p->row == m->manager_row)
		m->told_any = true; /* nothing is missing, or it said what */
	if (!m->started)
		mout_node(m, MEMBERS_STARTED, mrows_name(m, p->row), &p->id,
		    false);
	m->started = true;
	mtrack_begin(m, now);
}

void
mstart_state(struct members *m, struct peer *p, const struct muster_value *args,
    uint64_t now)
{
	if (!m->started) {
		m->started = true;
		mout_log(m, LOG_LEVEL_INFO,
		    "the cluster has started before: "
		    "%s says so",
		    mrows_name(m, p->row));
		mout_node(
		    m, MEMBERS_STARTED, mrows_name(m, p->row), &p->id, true);
		mtrack_begin(m, now);
	}
	mtrack_told(m, p, muster_value_at(args, 1));
}
