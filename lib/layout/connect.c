/* Who connects to whom: reference "cluster-semantics", 1.3. */
#include "layout/layout.h"

#include <stdbool.h>
#include <string.h>

static size_t
add_role(const struct mu_layout *l, enum mu_role role,
    const struct mu_layout_node **out)
{
	size_t n = 0;

	/* The nodes are sorted by name, as Zeek visits them. */
	for (size_t i = 0; i < l->nnodes; i++)
		if (l->nodes[i].role == role)
			out[n++] = &l->nodes[i];
	return n;
}

static size_t
add_manager(const struct mu_layout *l, const struct mu_layout_node *node,
    const struct mu_layout_node **out)
{
	const struct mu_layout_node *m;

	if (node->manager == NULL)
		return 0;
	m = mu_layout_node(l, node->manager);
	if (m == NULL || m->role != MU_ROLE_MANAGER)
		return 0;
	out[0] = m;
	return 1;
}

/* Position of a role in the order of visits. */
static int
rank(enum mu_role role)
{
	switch (role) {
	case MU_ROLE_LOGGER:
		return 0;
	case MU_ROLE_PROXY:
		return 1;
	case MU_ROLE_MANAGER:
		return 2;
	default:
		return 3;
	}
}

static bool
comes_before(const struct mu_layout_node *a, const struct mu_layout_node *b)
{
	if (rank(a->role) != rank(b->role))
		return rank(a->role) < rank(b->role);
	return strcmp(a->name, b->name) < 0;
}

/* The nodes of an explicit list, in the same order as without one. */
static size_t
add_listed(const struct mu_layout *l, const struct mu_layout_node *node,
    const struct mu_layout_node **out)
{
	size_t n = 0;

	for (size_t i = 0; i < node->nconnect; i++) {
		const struct mu_layout_node *m =
		    mu_layout_node(l, node->connect[i]);
		size_t k = n;

		if (m == NULL || m == node || n == l->nnodes)
			continue;
		for (; k > 0 && comes_before(m, out[k - 1]); k--)
			out[k] = out[k - 1];
		out[k] = m;
		n++;
	}
	return n;
}

size_t
mu_layout_connectees(const struct mu_layout *l,
    const struct mu_layout_node *node, const struct mu_layout_node **out)
{
	size_t n = 0;

	if (node->connect != NULL)
		return add_listed(l, node, out);
	switch (node->role) {
	case MU_ROLE_MANAGER:
		return add_role(l, MU_ROLE_LOGGER, out);
	case MU_ROLE_PROXY:
		n = add_role(l, MU_ROLE_LOGGER, out);
		return n + add_manager(l, node, out + n);
	case MU_ROLE_WORKER:
		n = add_role(l, MU_ROLE_LOGGER, out);
		n += add_role(l, MU_ROLE_PROXY, out + n);
		return n + add_manager(l, node, out + n);
	default:
		return 0;
	}
}

static bool
dials(const struct mu_layout_node *from, const struct mu_layout_node *to)
{
	bool manages = from->manager != NULL && to->role == MU_ROLE_MANAGER &&
		       strcmp(from->manager, to->name) == 0;

	for (size_t i = 0; from->connect != NULL && i < from->nconnect; i++)
		if (from != to && strcmp(from->connect[i], to->name) == 0)
			return true;
	if (from->connect != NULL)
		return false;
	switch (from->role) {
	case MU_ROLE_MANAGER:
		return to->role == MU_ROLE_LOGGER;
	case MU_ROLE_PROXY:
		return to->role == MU_ROLE_LOGGER || manages;
	case MU_ROLE_WORKER:
		return to->role == MU_ROLE_LOGGER ||
		       to->role == MU_ROLE_PROXY || manages;
	default:
		return false;
	}
}

bool
mu_layout_linked(
    const struct mu_layout_node *a, const struct mu_layout_node *b)
{
	return dials(a, b) || dials(b, a);
}
