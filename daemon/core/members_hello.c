/*
 * What a hello makes of a peer (reference "cluster-semantics", 1.7).  Beyond
 * Zeek: a certificate must carry the name that is said, and of two peers with
 * one name the first stays if it still answers.
 */
#include "core/members_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

#define NAME_SHOWN 128 /* characters of a foreign name in a message */

/* A second peer with a name in use: is the first one still alive? */
static void
contest(struct members *m, struct peer *p, size_t row, uint64_t now)
{
	struct row *r = &m->rows[row];
	uint64_t wait = (uint64_t)m->layout->limits.dead_ns;

	if (r->contender != NULL) {
		mpeer_drop(
		    m, p, "the name is being decided between two others", now);
		return;
	}
	if (mout_node(m, MEMBERS_PING, mrows_name(m, row), &r->pub.id, false) !=
	    0) {
		mpeer_drop_nomem(m, p);
		return;
	}
	p->standing = STANDING_CONTENDER;
	p->row = row;
	r->contender = p;
	m->ncontests++;
	/* The transport bounds the ping; this only bounds the transport. */
	r->contest_due = now + (wait == 0 ? 10 * RETRY_NS : 2 * wait);
}

/* A node of the layout that the certificate is for, or NULL. */
static const char *
certified(const struct members *m, const struct peer *p)
{
	size_t i;

	for (i = 0; i < m->nrows; i++)
		if (p->auth.has_name(p->auth.ctx, mrows_name(m, i)))
			return mrows_name(m, i);
	return NULL;
}

static void
drop_misnamed(struct members *m, struct peer *p, uint64_t now)
{
	const char *name = certified(m, p);

	if (name != NULL)
		mpeer_complain(m, p,
		    "certificate for \"%s\" claims to be node "
		    "\"%s\"",
		    name, p->name);
	else
		mpeer_complain(m, p,
		    "certificate for no node of the layout "
		    "claims to be node \"%s\"",
		    p->name);
	mpeer_drop(m, p, "the certificate is not for this node name", now);
}

static bool
is_permitted(struct members *m, struct peer *p, uint64_t now)
{
	if (p->auth.has_name != NULL &&
	    !p->auth.has_name(p->auth.ctx, p->name)) {
		drop_misnamed(m, p, now);
		return false;
	}
	if (strcmp(p->name, m->self->name) == 0) {
		mpeer_complain(m, p,
		    "claims to be node \"%s\", which is this "
		    "node",
		    p->name);
		mpeer_drop(
		    m, p, "the name is that of the node it peers with", now);
		return false;
	}
	return true;
}

static void
recognise(struct members *m, struct peer *p, uint64_t now)
{
	size_t row = mrows_find(m, p->name, strlen(p->name));

	if (row == NO_ROW) {
		if (p->standing != STANDING_STRANGER)
			mpeer_complain(m, p, "unexpected node \"%s\"", p->name);
		p->standing = STANDING_STRANGER;
	} else if (m->rows[row].peer == NULL) {
		mpeer_join(m, p, row, now);
	} else {
		contest(m, p, row, now);
	}
}

void
mhello_heard(struct members *m, struct peer *p, const struct muster_value *args,
    uint64_t now)
{
	size_t nlen, ilen;
	const char *name =
	    muster_value_get_string(muster_value_at(args, 0), &nlen);
	const char *id =
	    muster_value_get_string(muster_value_at(args, 1), &ilen);
	char shown[NAME_SHOWN], own[MU_UUID_TEXT];

	mu_text_printable(name, nlen, shown, sizeof shown);
	mu_uuid_format(&p->id, own);
	if (ilen != strlen(own) || strncasecmp(id, own, ilen) != 0) {
		mpeer_complain(m, p, "hello of \"%s\" with another id", shown);
		return;
	}
	if (p->name != NULL) {
		if (strcmp(p->name, shown) == 0)
			return;
		mpeer_complain(
		    m, p, "hello of \"%s\" after \"%s\"", shown, p->name);
		mpeer_drop(m, p, "said two names", now);
		return;
	}
	p->name = mu_strdup(shown);
	if (p->name == NULL) {
		mpeer_drop_nomem(m, p);
		return;
	}
	if (is_permitted(m, p, now))
		recognise(m, p, now);
}

void
mhello_recognise(struct members *m, uint64_t now)
{
	size_t i, row;

	for (i = 0; i < m->npeers; i++) {
		struct peer *p = m->peers[i];

		if (p->standing != STANDING_STRANGER || p->name == NULL)
			continue;
		row = mrows_find(m, p->name, strlen(p->name));
		/* What a manager and its nodes tell each other is said once,
		 * and was not heard. */
		if (row != NO_ROW && (m->is_manager || row == m->manager_row))
			mpeer_drop(m, p,
			    "the layout names it now: both begin anew", now);
		else
			recognise(m, p, now);
	}
}

/* --- contests ------------------------------------------------------------- */

static void
describe(const struct peer *p, char *out, size_t size)
{
	char id[MU_UUID_TEXT];

	snprintf(out, size, "%s (%s)", p->address, mu_uuid_format(&p->id, id));
}

static void
decide(struct members *m, struct row *r, bool alive, uint64_t now)
{
	struct peer *old = r->peer, *claimant = r->contender;
	const char *name = r->pub.node->name;
	char a[400], b[400];

	if (claimant == NULL)
		return;
	describe(old, a, sizeof a);
	describe(claimant, b, sizeof b);
	if (alive) {
		mout_log(m, LOG_LEVEL_WARN,
		    "node %s: %s refused, the name is "
		    "in use by %s",
		    name, b, a);
		mpeer_drop(m, claimant, "the node's name is in use", now);
	} else {
		mout_log(m, LOG_LEVEL_WARN,
		    "node %s: %s takes the place of %s, "
		    "which does not answer",
		    name, b, a);
		mpeer_drop(m, old, "replaced by another with its name", now);
	}
}

void
members_pong(struct members *m, const struct mu_uuid *id, bool ok, uint64_t now)
{
	struct peer *p = mpeer_find(m, id);

	if (p != NULL && p->standing == STANDING_MEMBER)
		decide(m, &m->rows[p->row], ok, now);
	mtrack_update(m, now);
}

void
mhello_tick(struct members *m, uint64_t now)
{
	size_t i;

	for (i = 0; i < m->nrows && m->ncontests > 0; i++) {
		struct row *r = &m->rows[i];

		if (r->contender != NULL && now >= r->contest_due)
			decide(m, r, false, now);
	}
}

uint64_t
mhello_deadline(const struct members *m)
{
	uint64_t due = UINT64_MAX;
	size_t i;

	for (i = 0; i < m->npeers && m->ncontests > 0; i++) {
		const struct peer *p = m->peers[i];

		if (p->standing == STANDING_CONTENDER &&
		    m->rows[p->row].contest_due < due)
			due = m->rows[p->row].contest_due;
	}
	return due;
}
