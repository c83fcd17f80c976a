/* Who may publish where; see access.h. */
#include "core/access.h"

#include <string.h>

#include "core/members.h"
#include "layout/layout.h"
#include "proto/envelope.h"

/* The rule with the longest topic that is a prefix of this one, or NULL. */
static const struct mu_layout_access *
rule_of(const struct mu_layout *l, const char *topic, size_t len)
{
	const struct mu_layout_access *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < l->naccess; i++) {
		const struct mu_layout_access *a = &l->access[i];
		size_t n = strlen(a->topic);

		if (n > longest && n <= len &&
		    memcmp(a->topic, topic, n) == 0) {
			best = a;
			longest = n;
		}
	}
	return best;
}

/* What is behind node_prefix, the node's name and a slash; NULL: another
 * topic. */
static const char *
behind_node(const struct mu_layout *l, const struct mu_layout_node *self,
    const char *topic, size_t len)
{
	size_t a = strlen(l->topics.node_prefix), b = strlen(self->name);

	if (len <= a + b || memcmp(topic, l->topics.node_prefix, a) != 0 ||
	    memcmp(topic + a, self->name, b) != 0 || topic[a + b] != '/')
		return NULL;
	return topic + a + b + 1;
}

static bool
permits(const struct mu_layout *l, const struct mu_layout_access *a,
    const struct members *m, const struct mu_uuid *peer)
{
	const char *name = members_name_of(m, peer);
	const struct mu_layout_node *node =
	    name == NULL ? NULL : mu_layout_node(l, name);

	return node != NULL && mu_layout_on(a->by, a->nby, node);
}

bool
access_permits(const struct mu_layout *l, const struct mu_layout_node *self,
    const struct members *m, const struct mu_uuid *peer,
    const struct mu_envelope *env, size_t *rule)
{
	const char *behind = behind_node(l, self, env->topic, env->topic_len);
	const struct mu_layout_access *a[2] = {
		rule_of(l, env->topic, env->topic_len),
		behind == NULL
		    ? NULL
		    : rule_of(l, behind,
			  env->topic_len - (size_t)(behind - env->topic)),
	};

	for (size_t i = 0; i < 2; i++)
		if (a[i] != NULL && !permits(l, a[i], m, peer)) {
			*rule = (size_t)(a[i] - l->access) + 1;
			return false;
		}
	return true;
}

size_t
access_refuses(const struct mu_layout *l, const struct mu_layout_node *node,
    const char *topic, size_t len)
{
	const struct mu_layout_access *a = rule_of(l, topic, len);
	const char *behind = NULL;

	if (a != NULL && !mu_layout_on(a->by, a->nby, node))
		return (size_t)(a - l->access) + 1;
	for (size_t i = 0; l->naccess > 0 && behind == NULL && i < l->nnodes;
	     i++)
		behind = behind_node(l, &l->nodes[i], topic, len);
	if (behind == NULL)
		return 0;
	a = rule_of(l, behind, len - (size_t)(behind - topic));
	if (a == NULL || mu_layout_on(a->by, a->nby, node))
		return 0;
	return (size_t)(a - l->access) + 1;
}
