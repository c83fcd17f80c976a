/*
 * Who belongs to which pool; see pools.h.  Exclusive pools take their nodes
 * first and nobody else gets these; the others walk in a circle over what is
 * left, each type of nodes with one position that all its pools share, so
 * that limited pools spread over different nodes.
 */
#include "pool/pools.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"

struct mu_pools {
	struct mu_pool **list; /* [n], by topic */
	size_t n;
};

struct assignment {
	const struct mu_pool_spec **specs; /* by topic */
	const struct mu_pool_node *nodes;
	size_t nnodes;
	const char *self;
	bool *gone;         /* [nnodes] belongs to an exclusive pool */
	size_t *position;   /* [nnodes] at the first node of a type: where its
			       pools go on */
	const char **names; /* [nnodes] members of the pool at hand */
	size_t *left;       /* [nnodes] candidates of the pool at hand */
	struct mu_pools *pools;
};

static int
by_topic(const void *a, const void *b)
{
	const struct mu_pool_spec *const *x = a, *const *y = b;
	int order = strcmp((*x)->topic, (*y)->topic);

	/* Topics differ in a layout; otherwise let the order be fixed. */
	return order != 0 ? order : strcmp((*x)->name, (*y)->name);
}

static size_t
candidates(struct assignment *a, int type)
{
	size_t n = 0;

	for (size_t i = 0; i < a->nnodes; i++)
		if (a->nodes[i].type == type && !a->gone[i])
			a->left[n++] = i;
	return n;
}

/* Where the position of a type is kept. */
static size_t *
position_of(struct assignment *a, int type)
{
	size_t i = 0;

	while (a->nodes[i].type != type)
		i++;
	return &a->position[i];
}

static size_t
take_first(struct assignment *a, size_t want)
{
	for (size_t i = 0; i < want; i++) {
		a->names[i] = a->nodes[a->left[i]].name;
		a->gone[a->left[i]] = true;
	}
	return want;
}

static size_t
take_around(struct assignment *a, size_t want, size_t nleft, int type)
{
	size_t *position;

	if (want == 0)
		return 0;
	position = position_of(a, type);
	for (size_t i = 0; i < want; i++) {
		a->names[i] = a->nodes[a->left[*position]].name;
		*position = (*position + 1) % nleft;
	}
	return want;
}

static int
assign(struct assignment *a, size_t index)
{
	const struct mu_pool_spec *spec = a->specs[index];
	size_t nleft = candidates(a, spec->type);
	size_t want = spec->max_nodes != 0 && spec->max_nodes < nleft
			  ? spec->max_nodes
			  : nleft;
	size_t n = spec->exclusive ? take_first(a, want)
				   : take_around(a, want, nleft, spec->type);

	a->pools->list[index] = mu_pool_new(spec, a->names, n, a->self);
	return a->pools->list[index] == NULL ? MUSTER_ENOMEM : 0;
}

static int
assign_all(struct assignment *a, size_t nspecs)
{
	int rc = 0;

	for (size_t i = 0; i < nspecs && rc == 0; i++)
		if (a->specs[i]->exclusive)
			rc = assign(a, i);
	for (size_t i = 0; i < nspecs && rc == 0; i++)
		if (!a->specs[i]->exclusive)
			rc = assign(a, i);
	return rc;
}

struct mu_pools *
mu_pools_new(const struct mu_pool_spec *specs, size_t nspecs,
    const struct mu_pool_node *nodes, size_t nnodes, const char *self)
{
	struct mu_pools *p = mu_calloc(1, sizeof *p);
	struct assignment a = {
		.specs = mu_calloc(nspecs, sizeof *a.specs),
		.nodes = nodes,
		.nnodes = nnodes,
		.self = self,
		.gone = mu_calloc(nnodes, sizeof *a.gone),
		.position = mu_calloc(nnodes, sizeof *a.position),
		.names = mu_calloc(nnodes, sizeof *a.names),
		.left = mu_calloc(nnodes, sizeof *a.left),
		.pools = p,
	};
	bool ok = p != NULL && a.specs != NULL && a.gone != NULL &&
		  a.position != NULL && a.names != NULL && a.left != NULL;

	if (ok) {
		p->list = mu_calloc(nspecs, sizeof(*p->list));
		p->n = p->list == NULL ? 0 : nspecs;
		for (size_t i = 0; i < nspecs; i++)
			a.specs[i] = &specs[i];
		if (nspecs > 1)
			qsort(a.specs, nspecs, sizeof *a.specs, by_topic);
		ok = p->list != NULL && assign_all(&a, nspecs) == 0;
	}
	mu_free(a.specs);
	mu_free(a.gone);
	mu_free(a.position);
	mu_free(a.names);
	mu_free(a.left);
	if (ok)
		return p;
	mu_pools_free(p);
	return NULL;
}

void
mu_pools_free(struct mu_pools *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n; i++)
		mu_pool_free(p->list[i]);
	mu_free(p->list);
	mu_free(p);
}

void
mu_pools_inherit(struct mu_pools *p, struct mu_pools *earlier)
{
	for (size_t i = 0; i < p->n; i++) {
		struct mu_pool *was =
		    mu_pools_find(earlier, mu_pool_name(p->list[i]));

		if (was != NULL)
			mu_pool_inherit(p->list[i], was);
	}
}

bool
mu_pools_set_up(struct mu_pools *p, const char *name, bool up)
{
	bool changed = false;

	for (size_t i = 0; i < p->n; i++)
		changed = mu_pool_set_up(p->list[i], name, up) || changed;
	return changed;
}

size_t
mu_pools_count(const struct mu_pools *p)
{
	return p->n;
}

struct mu_pool *
mu_pools_at(const struct mu_pools *p, size_t i)
{
	return i < p->n ? p->list[i] : NULL;
}

struct mu_pool *
mu_pools_find(const struct mu_pools *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(mu_pool_name(p->list[i]), name) == 0)
			return p->list[i];
	return NULL;
}
