/* The pools of one node; see pools.h. */
#include "core/pools.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "core/members.h"
#include "layout/layout.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "pool/hrw.h"
#include "value/key.h"

/* --- from the layout ------------------------------------------------------ */

struct material {
	struct mu_pool_spec *specs;     /* [npools] */
	struct mu_pool_weight *weights; /* of all of them, one after another */
	struct mu_pool_node *nodes;     /* [nnodes + 1] */
	size_t nnodes;
};

static size_t
count_weights(const struct mu_layout *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->npools; i++)
		n += l->pools[i].nweights;
	return n;
}

static void
take_specs(struct material *m, const struct mu_layout *l)
{
	struct mu_pool_weight *at = m->weights;

	for (size_t i = 0; i < l->npools; i++) {
		const struct mu_layout_pool *p = &l->pools[i];
		struct mu_pool_weight *first = at;

		for (size_t k = 0; k < p->nweights; k++) {
			at->node = p->weights[k].node;
			at->weight = (unsigned)p->weights[k].weight;
			at++;
		}
		m->specs[i] = (struct mu_pool_spec){
			.name = p->name,
			.topic = p->topic,
			.type = (int)p->type,
			.max_nodes = (size_t)p->max_nodes,
			.exclusive = p->exclusive,
			.replicas = (unsigned)p->replicas,
			.weights = first,
			.nweights = p->nweights,
		};
	}
}

/* The layout's nodes are sorted by name, which is Zeek's order; a manager that
 * takes logs comes behind the loggers. */
static void
take_nodes(struct material *m, const struct mu_layout *l)
{
	const struct mu_layout_node *manager = NULL;

	for (size_t i = 0; i < l->nnodes; i++) {
		const struct mu_layout_node *n = &l->nodes[i];

		m->nodes[m->nnodes].name = n->name;
		m->nodes[m->nnodes++].type = (int)n->role;
		if (n->role == MU_ROLE_MANAGER && manager == NULL)
			manager = n;
	}
	if (!l->manager_is_logger || manager == NULL)
		return;
	m->nodes[m->nnodes].name = manager->name;
	m->nodes[m->nnodes++].type = MU_ROLE_LOGGER;
}

struct mu_pools *
pools_build(const struct mu_layout *layout, const struct mu_layout_node *node)
{
	struct material m = {
		.specs = mu_calloc(layout->npools, sizeof *m.specs),
		.weights = mu_calloc(count_weights(layout), sizeof *m.weights),
		.nodes = mu_calloc(layout->nnodes + 1, sizeof *m.nodes),
	};
	struct mu_pools *p = NULL;

	if (m.specs != NULL && m.weights != NULL && m.nodes != NULL) {
		take_specs(&m, layout);
		take_nodes(&m, layout);
		p = mu_pools_new(
		    m.specs, layout->npools, m.nodes, m.nnodes, node->name);
	}
	mu_free(m.specs);
	mu_free(m.weights);
	mu_free(m.nodes);
	return p;
}

void
pools_fill(struct mu_pools *p, const struct members *now)
{
	for (size_t i = 0; i < members_nrows(now); i++) {
		const struct members_row *r = members_row(now, i);

		mu_pools_set_up(p, r->node->name, r->up && !r->self);
	}
}

int
pools_subscribe(const struct mu_pools *p, const struct mu_layout_node *node,
    struct muster_filter *f)
{
	for (size_t i = 0; i < mu_pools_count(p); i++) {
		const struct mu_pool *pool = mu_pools_at(p, i);
		const char *topic = mu_pool_topic(pool);
		int rc;

		if (mu_pool_find(pool, node->name) == NULL)
			continue;
		rc = muster_filter_add(f, topic, strlen(topic));
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* --- questions ------------------------------------------------------------ */

int
pools_digest(const struct muster_value *key, const char *type, uint32_t *digest,
    const char **why)
{
	struct mu_buf b;
	int rc;

	mu_buf_init(&b, MU_KEY_BYTES);
	rc = mu_key_enc(&b, key, type, why);
	if (rc == 0)
		rc = mu_buf_error(&b);
	if (rc == 0)
		*digest = mu_hrw_digest(mu_buf_data(&b), mu_buf_len(&b));
	mu_buf_clear(&b);
	return rc;
}

char *
pools_topic(const struct mu_layout *layout, const char *member)
{
	return mu_asprintf("%s%s/", layout->topics.node_prefix, member);
}
