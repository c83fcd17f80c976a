/*
 * The rows of the layout as this node sees them.  A reload builds them anew
 * and carries over by name what is known.
 */
#include "core/members_impl.h"

#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"

void
mrows_free(struct row *rows, size_t n)
{
	size_t i;

	if (rows == NULL)
		return;
	for (i = 0; i < n; i++)
		mu_free(rows[i].down);
	mu_free(rows);
}

size_t
mrows_find(const struct members *m, const char *name, size_t len)
{
	size_t lo = 0, hi = m->nrows;

	/* The layout sorts its nodes by strcmp; name may contain anything. */
	if (memchr(name, '\0', len) != NULL)
		return NO_ROW;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const char *at = mrows_name(m, mid);
		int cmp = strncmp(at, name, len);

		if (cmp == 0 && at[len] != '\0')
			cmp = 1;
		if (cmp == 0)
			return mid;
		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NO_ROW;
}

const char *
mrows_name(const struct members *m, size_t row)
{
	return m->rows[row].pub.node->name;
}

/*
 * May node dial somebody of that role at all?  Zeek's rule never makes anybody
 * dial a worker; asking this first spares a walk over the layout for each row.
 */
static bool
may_dial(const struct mu_layout_node *node, enum mu_role role)
{
	return node->connect != NULL || role != MU_ROLE_WORKER;
}

static size_t
position(const struct mu_layout *l, const struct mu_layout_node *node)
{
	return (size_t)(node - l->nodes);
}

static void
mark_direct(struct members *m, const struct mu_layout *l,
    const struct mu_layout_node *self, const struct mu_layout_node **seen)
{
	size_t i, k, n;

	n = mu_layout_connectees(l, self, seen);
	for (k = 0; k < n; k++) {
		struct row *r = &m->rows[position(l, seen[k])];

		r->pub.connectee = r->direct = r->pending = true;
	}
	for (i = 0; i < l->nnodes; i++) {
		const struct mu_layout_node *node = &l->nodes[i];

		if (node == self || !may_dial(node, self->role))
			continue;
		n = mu_layout_connectees(l, node, seen);
		for (k = 0; k < n; k++)
			if (seen[k] == self)
				m->rows[i].direct = true;
	}
}

static bool
counts(const struct mu_layout_node *node)
{
	return node->role != MU_ROLE_NONE && node->role != MU_ROLE_CONTROL;
}

static size_t
find_manager(const struct mu_layout *l, const struct mu_layout_node *self)
{
	const struct mu_layout_node *node;
	size_t i;

	if (self->manager != NULL) {
		node = mu_layout_node(l, self->manager);
		if (node != NULL)
			return position(l, node);
	}
	for (i = 0; i < l->nnodes; i++)
		if (l->nodes[i].role == MU_ROLE_MANAGER)
			return i;
	return NO_ROW;
}

/* The same row in the new table, or NO_ROW. */
static size_t
moved(const struct members *m, const struct row *old, size_t row)
{
	const char *name = old[row].pub.node->name;

	return mrows_find(m, name, strlen(name));
}

static int
carry_links(struct members *m, const struct row *old, const struct row *from,
    struct row *to)
{
	size_t i, at;

	if (from->ndown == 0)
		return 0;
	to->down = mu_reallocarray(NULL, from->ndown, sizeof *to->down);
	if (to->down == NULL)
		return MUSTER_ENOMEM;
	/* Both tables are sorted by name, so the order stays. */
	for (i = 0; i < from->ndown; i++) {
		at = moved(m, old, from->down[i]);
		if (at != NO_ROW)
			to->down[to->ndown++] = at;
	}
	return 0;
}

static int
carry_over(struct members *m, const struct row *old, size_t nold)
{
	size_t i, at;

	for (i = 0; i < nold; i++) {
		const struct row *from = &old[i];
		struct row *to;

		at = moved(m, old, i);
		if (at == NO_ROW)
			continue;
		to = &m->rows[at];
		to->pub.up = from->pub.up;
		to->pub.reported = from->pub.reported;
		to->pub.id = from->pub.id;
		to->pub.since = from->pub.since;
		/* A connectee that was none before is waited for, unless it
		 * is there already. */
		if (from->pub.connectee || from->pub.up)
			to->pending = to->pub.connectee && from->pending;
		to->complete = from->complete;
		to->fresh = from->fresh;
		to->seen = from->seen;
		to->told = from->told;
		to->peer = from->peer;
		to->contender = from->contender;
		to->contest_due = from->contest_due;
		if (carry_links(m, old, from, to) != 0)
			return MUSTER_ENOMEM;
	}
	return 0;
}

/* Peers point at rows by number. */
static void
renumber(struct members *m)
{
	size_t i;

	for (i = 0; i < m->nrows; i++) {
		struct row *r = &m->rows[i];

		if (r->peer != NULL)
			r->peer->row = i;
		if (r->contender != NULL)
			r->contender->row = i;
	}
}

int
mrows_build(struct members *m, const struct mu_layout *layout,
    const struct mu_layout_node *self, uint64_t now)
{
	const struct mu_layout_node **seen;
	struct row *old = m->rows;
	size_t nold = m->nrows, i;

	seen = mu_reallocarray(NULL, layout->nnodes, sizeof *seen);
	m->rows = mu_calloc(layout->nnodes, sizeof *m->rows);
	m->nrows = layout->nnodes;
	if (seen == NULL || m->rows == NULL)
		goto fail;
	for (i = 0; i < m->nrows; i++) {
		struct members_row *r = &m->rows[i].pub;

		r->node = &layout->nodes[i];
		r->self = r->node == self;
		r->counts = counts(r->node);
		r->since = now;
	}
	mark_direct(m, layout, self, seen);
	if (old != NULL && carry_over(m, old, nold) != 0)
		goto fail;
	mu_free(seen);
	m->layout = layout;
	m->digest = mu_layout_digest(layout);
	m->self = self;
	m->self_row = position(layout, self);
	m->manager_row = find_manager(layout, self);
	m->is_manager = self->role == MU_ROLE_MANAGER;
	m->rows[m->self_row].pub.up = true;
	m->rows[m->self_row].pub.id = m->id;
	renumber(m);
	mrows_free(old, nold);
	return 0;
fail:
	mu_free(seen);
	mrows_free(m->rows, m->rows == NULL ? 0 : m->nrows);
	m->rows = old;
	m->nrows = nold;
	return MUSTER_ENOMEM;
}
