/* The relays of a layout as one node sees them; see relays_impl.h. */
#include "core/relays_impl.h"

#include <string.h>

#include "base/alloc.h"
#include "core/members.h"
#include "core/pools.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "pool/pool.h"

/* Does the rule name the node, its role, or a pool that has it? */
static bool
is_named(const struct mu_layout_relay *rule, const struct mu_layout_node *node,
    const struct mu_pools *pools)
{
	for (size_t i = 0; i < rule->nby; i++) {
		const struct mu_pool *p =
		    mu_role_parse(rule->by[i]) >= 0
			? NULL
			: mu_pools_find(pools, rule->by[i]);

		if (p != NULL && mu_pool_find(p, node->name) != NULL)
			return true;
	}
	return mu_layout_on(rule->by, rule->nby, node);
}

/* The nodes of the rule, in order of their names, as the layout has them. */
static int
make_pool(struct relay *r, const struct relays_config *cfg,
    const struct mu_pools *pools)
{
	const struct mu_layout *l = cfg->layout;
	const char **names = mu_calloc(l->nnodes + 1, sizeof(*names));
	struct mu_pool_spec spec = {
		.name = r->rule->topic, .topic = r->rule->topic, .replicas = 1
	};
	size_t n = 0;

	r->rows = mu_calloc(l->nnodes + 1, sizeof *r->rows);
	if (names == NULL || r->rows == NULL) {
		mu_free(names);
		return MUSTER_ENOMEM;
	}
	for (size_t i = 0; i < l->nnodes; i++) {
		const struct mu_layout_node *node = &l->nodes[i];

		if (!is_named(r->rule, node, pools))
			continue;
		if (node == cfg->node) {
			r->here = true;
			r->first = n == 0;
		}
		r->rows[n] = i;
		names[n++] = node->name;
	}
	r->pool = mu_pool_new(&spec, names, n, NULL);
	mu_free(names);
	return r->pool == NULL ? MUSTER_ENOMEM : 0;
}

int
relay_list_make(const struct relays_config *cfg, struct relay **out)
{
	size_t n = cfg->layout->nrelays;
	struct relay *list = mu_calloc(n + 1, sizeof *list);
	struct mu_pools *pools = pools_build(cfg->layout, cfg->node);
	int rc = list == NULL || pools == NULL ? MUSTER_ENOMEM : 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		list[i].rule = &cfg->layout->relays[i];
		rc = make_pool(&list[i], cfg, pools);
	}
	mu_pools_free(pools);
	if (rc != 0) {
		relay_list_free(list, n);
		list = NULL;
	}
	*out = list;
	return rc;
}

void
relay_list_free(struct relay *list, size_t n)
{
	for (size_t i = 0; list != NULL && i < n; i++) {
		mu_pool_free(list[i].pool);
		mu_free(list[i].rows);
	}
	mu_free(list);
}

void
relay_list_inherit(struct relay *list, size_t n, struct relay *old, size_t nold)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < nold; k++) {
			struct relay *a = &old[k], *b = &list[i];

			if (strcmp(a->rule->topic, b->rule->topic) != 0)
				continue;
			mu_pool_inherit(b->pool, a->pool);
			b->published = a->published;
			b->lost = a->lost;
			b->relayed = a->relayed;
			b->circled = a->circled;
			b->dropped = a->dropped;
		}
}

static int
add(struct muster_filter *f, const char *a, const char *b)
{
	char *topic = mu_asprintf("%s%s", a, b);
	int rc = topic == NULL ? MUSTER_ENOMEM
			       : muster_filter_add(f, topic, strlen(topic));

	mu_free(topic);
	return rc < 0 ? rc : 0;
}

int
relay_list_topics(const struct relay *list, size_t n, const char *own,
    struct muster_filter *f)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		const char *topic = list[i].rule->topic;

		if (list[i].here)
			rc = add(f, own, topic);
		/* who knows no rules does not choose: one of us does it all */
		if (rc == 0 && list[i].first)
			rc = add(f, "", topic);
	}
	return rc;
}

/* Membership keeps the rows; the pool is told when somebody asks. */
static void
look(struct relay *r, const struct members *m)
{
	for (size_t i = 0; i < mu_pool_size(r->pool); i++) {
		const struct members_row *row = members_row(m, r->rows[i]);

		mu_pool_set_up(r->pool, row->node->name, row->up);
	}
}

const char *
relay_choose(struct relay *r, const struct members *m)
{
	const struct mu_pool_member *member;

	look(r, m);
	return mu_pool_turn(r->pool, "", 0, &member) == 0 ? member->name : NULL;
}

size_t
relay_up(struct relay *r, const struct members *m)
{
	look(r, m);
	return mu_pool_alive(r->pool);
}
