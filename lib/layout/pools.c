/* The rows of "pools"; see pools.h. */
#include "layout/pools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "layout/fields.h"
#include "layout/layout.h"
#include "layout/names.h"
#include "layout/range.h"
#include "layout/read.h"
#include "layout/rows.h"
#include "layout/section.h"
#include "layout/yaml.h"
#include "muster/err.h"

#define SUBJECT      120
#define MOST_WEIGHTS 100000 /* of all pools together */
#define POOL(m)      offsetof(struct mu_layout_pool, m)

/* clang-format off */
static const struct mu_word type_words[] = {
	{ "worker", MU_ROLE_WORKER },
	{ "proxy",  MU_ROLE_PROXY },
	{ "logger", MU_ROLE_LOGGER },
	{ NULL, 0 }
};

static const struct mu_field pool_fields[] = {
	{ "type", MU_KIND_CHOICE, MU_FIELD_FIXED, POOL(type),
	  .words = type_words,
	  .about = "role of its nodes; worker, proxy and logger have the type "
	  "of their name" },
	{ "topic", MU_KIND_TOPIC, MU_FIELD_FIXED, POOL(topic),
	  .about = "its members subscribe it; default: topics.pool_prefix and "
	  "the name" },
	{ "max_nodes", MU_KIND_COUNT, 0, POOL(max_nodes),
	  .min = 1, .max = MU_LAYOUT_MAX_NODES,
	  .about = "members at most; default: all nodes of the type" },
	{ "exclusive", MU_KIND_BOOL, 0, POOL(exclusive), .fallback = "false",
	  .about = "its members belong to no other pool" },
	{ "replicas", MU_KIND_COUNT, 0, POOL(replicas), .fallback = "1",
	  .min = 1, .max = MU_LAYOUT_MAX_REPLICAS,
	  .about = "how many members a key belongs to" },
	{ "weights", MU_KIND_WEIGHTS, 0, POOL(weights), POOL(nweights),
	  .min = 1, .max = MU_LAYOUT_MAX_WEIGHT,
	  .about = "how often each node is chosen in comparison; default: 1" },
};

const struct mu_section mu_fields_pool = {
	"pools", pool_fields, sizeof pool_fields / sizeof pool_fields[0]
};
/* clang-format on */

struct reading {
	struct mu_layout *layout;
	const struct mu_rows *rows;
	struct mu_diags *diags;
	size_t nweights; /* of all pools so far */
	char subject[SUBJECT];
};

/* The pool that a type has by itself; MU_ROLE_NONE: the name is another's. */
static enum mu_role
standard(const char *name)
{
	for (const struct mu_word *w = type_words; w->word != NULL; w++)
		if (strcmp(w->word, name) == 0)
			return (enum mu_role)w->value;
	return MU_ROLE_NONE;
}

static struct mu_place
place_of(const struct mu_yaml *key, const char *field)
{
	const struct mu_yaml *value = mu_yaml_get(key + 1, field);

	return value == NULL ? key->place : value->place;
}

static int
check_name(const struct reading *r, const struct mu_yaml *key)
{
	const char *fault = mu_name_fault(key->text);
	char shown[80];

	if (fault == NULL)
		return 0;
	mu_diags_add(r->diags, key->place, "pools: name \"%s\" %s",
	    mu_text_printable(
		key->text, strlen(key->text), shown, sizeof shown),
	    fault);
	return MUSTER_EINVAL;
}

/* --- weights -------------------------------------------------------------- */

static int
make_room(struct mu_layout_pool *p)
{
	struct mu_layout_weight *w;

	/* Grown by doubling: the count says when it is full. */
	if ((p->nweights & (p->nweights - 1)) != 0)
		return 0;
	w = mu_reallocarray(
	    p->weights, p->nweights == 0 ? 1 : p->nweights * 2, sizeof *w);
	if (w == NULL)
		return MUSTER_ENOMEM;
	p->weights = w;
	return 0;
}

/* Append a node's weight; place is where its name stands. */
static int
add_weight(struct reading *r, struct mu_layout_pool *p, struct mu_place place,
    const char *name, uint64_t weight)
{
	struct mu_layout_weight *w;
	char shown[80];

	if (mu_rows_find(r->rows, name) == NULL) {
		if (r->rows->whole)
			mu_diags_add(r->diags, place,
			    "%s: weights: no node \"%s\"", r->subject,
			    mu_text_printable(
				name, strlen(name), shown, sizeof shown));
		return 0;
	}
	if (r->nweights++ == MOST_WEIGHTS)
		mu_diags_add(r->diags, place, "pools: more than %d weights",
		    MOST_WEIGHTS);
	if (r->nweights > MOST_WEIGHTS)
		return 0;
	if (make_room(p) != 0)
		return MUSTER_ENOMEM;
	w = &p->weights[p->nweights];
	w->weight = weight;
	w->place = place;
	w->node = mu_strdup(name);
	if (w->node == NULL)
		return MUSTER_ENOMEM;
	p->nweights++;
	return 0;
}

/* One row: a name, perhaps with a range, and a number. */
static int
read_weight(
    struct reading *r, struct mu_layout_pool *p, const struct mu_yaml *key)
{
	struct mu_field field = *mu_fields_find(&mu_fields_pool, "weights");
	struct mu_spot spot = { r->diags, r->subject, key[1].place };
	char why[160], shown[80];
	uint64_t weight = 0;
	size_t count;
	int rc;

	if (key->kind != MU_YAML_SCALAR || key[1].kind == MU_YAML_BAD)
		return 0;
	if (mu_range_count(key->text, &count, why, sizeof why) != 0) {
		spot.at = key->place;
		mu_spot_mistake(&spot, "weights", "\"%s\" %s",
		    mu_text_printable(
			key->text, strlen(key->text), shown, sizeof shown),
		    why);
		return 0;
	}
	field.kind = MU_KIND_COUNT;
	field.offset = 0;
	rc = mu_section_type(&spot, &field, &key[1]);
	if (rc == 0)
		rc = mu_scalar_read(&spot, &field, key[1].text, &weight);
	if (rc != 0)
		return rc == MUSTER_ENOMEM ? rc : 0;
	for (size_t i = 0; i < (count == 0 ? 1 : count) && rc == 0; i++) {
		char *name = mu_range_word(key->text, i);

		rc = name == NULL ? MUSTER_ENOMEM
				  : add_weight(r, p, key->place, name, weight);
		mu_free(name);
	}
	return rc;
}

static int
by_node(const void *a, const void *b)
{
	const struct mu_layout_weight *x = a, *y = b;
	int order = strcmp(x->node, y->node);

	if (order != 0)
		return order;
	return x->place.line != y->place.line
		   ? (x->place.line < y->place.line ? -1 : 1)
		   : (x->place.column > y->place.column) -
			 (x->place.column < y->place.column);
}

static int
read_weights(
    struct reading *r, struct mu_layout_pool *p, const struct mu_yaml *body)
{
	const struct mu_yaml *map = mu_yaml_get(body, "weights");
	int rc = 0;

	if (map == NULL || map->kind != MU_YAML_MAPPING)
		return 0;
	for (size_t i = 0; i + 1 < map->nitems && rc == 0; i += 2)
		rc = read_weight(r, p, &map->items[i]);
	if (p->nweights > 1)
		qsort(p->weights, p->nweights, sizeof p->weights[0], by_node);
	for (size_t i = 1; i < p->nweights; i++)
		if (strcmp(p->weights[i - 1].node, p->weights[i].node) == 0)
			mu_diags_add(r->diags, p->weights[i].place,
			    "%s: weights: \"%s\" is given twice", r->subject,
			    p->weights[i].node);
	return rc;
}

/* --- one pool ------------------------------------------------------------- */

/* What depends on the name. */
static int
complete(struct reading *r, struct mu_layout_pool *p, const struct mu_yaml *key)
{
	enum mu_role type = standard(p->name);

	if (key != NULL && p->type == MU_ROLE_NONE &&
	    mu_yaml_get(key + 1, "type") == NULL && type == MU_ROLE_NONE)
		mu_diags_add(r->diags, key->place,
		    "%s: no \"type\" (give worker, proxy or logger)",
		    r->subject);
	else if (key != NULL && type != MU_ROLE_NONE &&
		 p->type != MU_ROLE_NONE && p->type != type)
		mu_diags_add(r->diags, place_of(key, "type"),
		    "%s: type must be %s, like the name", r->subject, p->name);
	if (p->type == MU_ROLE_NONE)
		p->type = type;
	/* No prefix: it was refused. */
	if (p->topic == NULL && r->layout->topics.pool_prefix != NULL) {
		p->topic =
		    mu_asprintf("%s%s", r->layout->topics.pool_prefix, p->name);
		return p->topic == NULL ? MUSTER_ENOMEM : 0;
	}
	return 0;
}

static int
read_body(
    struct reading *r, struct mu_layout_pool *p, const struct mu_yaml *key)
{
	const struct mu_yaml *body = key == NULL ? NULL : key + 1;
	struct mu_job job = { .owner = { r->diags, r->subject } };
	int rc;

	if (key != NULL)
		job.owner.at = p->place = key->place;
	if (body != NULL && body->kind == MU_YAML_MAPPING)
		job.map = body;
	rc = mu_section_read(&job, &mu_fields_pool, p);
	if (rc == 0)
		rc = complete(r, p, key);
	if (rc == 0 && job.map != NULL)
		rc = read_weights(r, p, body);
	if (rc == 0 && p->exclusive && p->max_nodes == 0 &&
	    mu_yaml_get(body, "max_nodes") == NULL)
		mu_diags_add(r->diags, place_of(key, "exclusive"),
		    "%s: exclusive needs max_nodes (how many nodes it takes)",
		    r->subject);
	return rc;
}

/* key NULL: a pool that has no row. */
static int
add_pool(struct reading *r, const char *name, const struct mu_yaml *key)
{
	struct mu_layout_pool *p = &r->layout->pools[r->layout->npools];

	snprintf(r->subject, sizeof r->subject, "pool \"%s\"", name);
	p->name = mu_strdup(name);
	if (p->name == NULL)
		return MUSTER_ENOMEM;
	r->layout->npools++;
	return read_body(r, p, key);
}

static int
read_pool(struct reading *r, const struct mu_yaml *key)
{
	const struct mu_yaml *body = key + 1;

	if (key->kind != MU_YAML_SCALAR || check_name(r, key) != 0 ||
	    body->kind == MU_YAML_BAD)
		return 0;
	if (body->kind != MU_YAML_MAPPING && !mu_yaml_is_null(body)) {
		mu_diags_add(r->diags, body->place,
		    "pool \"%s\": must be a mapping such as {type: proxy}",
		    key->text);
		return 0;
	}
	return add_pool(r, key->text, key);
}

/* --- rules across pools --------------------------------------------------- */

static void
check_weights(const struct reading *r, const struct mu_layout_pool *p)
{
	for (size_t i = 0; i < p->nweights; i++) {
		const char *name = p->weights[i].node;
		const struct mu_layout_node *n =
		    &mu_rows_find(r->rows, name)->node;

		if (n->role == p->type || n->role == MU_ROLE_NONE ||
		    p->type == MU_ROLE_NONE ||
		    (p->type == MU_ROLE_LOGGER && n->role == MU_ROLE_MANAGER &&
			r->layout->manager_is_logger))
			continue;
		mu_diags_add(r->diags, p->weights[i].place,
		    "pool \"%s\": weights: \"%s\" is no %s", p->name, name,
		    mu_role_name(p->type));
	}
}

static size_t
candidates(const struct reading *r, enum mu_role type)
{
	bool manager = type == MU_ROLE_LOGGER && r->layout->manager_is_logger;
	size_t n = 0;

	for (size_t i = 0; i < r->rows->n; i++) {
		enum mu_role role = r->rows->list[i].node.role;

		n += role == type || (manager && role == MU_ROLE_MANAGER);
	}
	return n;
}

/* As in Zeek: exclusive pools of a type must not ask for more nodes than
 * there are.  Told once, at the pool for which no node is left. */
static void
check_exclusive(const struct reading *r, enum mu_role type)
{
	size_t have = candidates(r, type), want = 0;
	const struct mu_layout_pool *first = NULL;

	for (size_t i = 0; i < r->layout->npools; i++) {
		const struct mu_layout_pool *p = &r->layout->pools[i];

		if (!p->exclusive || p->type != type)
			continue;
		want += p->max_nodes;
		if (want > have && first == NULL)
			first = p;
	}
	if (first != NULL)
		mu_diags_add(r->diags, first->place,
		    "pool \"%s\": too few nodes (exclusive pools of type %s "
		    "need %zu and there %s %zu)",
		    first->name, mu_role_name(type), want,
		    have == 1 ? "is" : "are", have);
}

static void
check_topics(const struct reading *r)
{
	const struct mu_layout_pool *list = r->layout->pools;

	/* Sorted by topic. */
	for (size_t i = 1; i < r->layout->npools; i++) {
		const struct mu_layout_pool *p = &list[i], *other = p - 1;

		if (p->topic == NULL || other->topic == NULL ||
		    strcmp(p->topic, other->topic) != 0)
			continue;
		/* The one with a row can be mended. */
		if (p->place.line == 0) {
			other = p;
			p = p - 1;
		}
		mu_diags_add(r->diags, p->place,
		    "pool \"%s\": topic %s is that of pool \"%s\"", p->name,
		    p->topic, other->name);
	}
}

static int
by_topic(const void *a, const void *b)
{
	const struct mu_layout_pool *x = a, *y = b;
	int order = strcmp(
	    x->topic == NULL ? "" : x->topic, y->topic == NULL ? "" : y->topic);

	return order != 0 ? order : strcmp(x->name, y->name);
}

static int
read_all(struct reading *r, const struct mu_yaml *map)
{
	int rc = 0;

	for (size_t i = 0; map != NULL && i + 1 < map->nitems && rc == 0;
	     i += 2)
		rc = read_pool(r, &map->items[i]);
	for (const struct mu_word *w = type_words; w->word != NULL && rc == 0;
	     w++)
		if (mu_yaml_get(map, w->word) == NULL)
			rc = add_pool(r, w->word, NULL);
	return rc;
}

int
mu_pools_read(struct mu_layout *l, const struct mu_rows *rows,
    const struct mu_yaml *top, struct mu_diags *diags)
{
	struct reading r = { .layout = l, .rows = rows, .diags = diags };
	const struct mu_yaml *map = mu_yaml_get(top, "pools");
	size_t n;
	int rc;

	if (map != NULL && map->kind != MU_YAML_MAPPING)
		map = NULL;
	n = map == NULL ? 0 : map->nitems / 2;
	if (n > MU_LAYOUT_MAX_POOLS) {
		mu_diags_add(diags, map->place, "pools: more than %d pools",
		    MU_LAYOUT_MAX_POOLS);
		return 0;
	}
	l->pools = mu_calloc(n + 3, sizeof *l->pools);
	if (l->pools == NULL)
		return MUSTER_ENOMEM;
	rc = read_all(&r, map);
	if (rc != 0)
		return rc;
	qsort(l->pools, l->npools, sizeof l->pools[0], by_topic);
	check_topics(&r);
	for (size_t i = 0; i < l->npools; i++)
		check_weights(&r, &l->pools[i]);
	for (const struct mu_word *w = type_words;
	     w->word != NULL && rows->whole; w++)
		check_exclusive(&r, (enum mu_role)w->value);
	return 0;
}

void
mu_layout_pool_clear(struct mu_layout_pool *p)
{
	for (size_t i = 0; i < p->nweights; i++)
		mu_free(p->weights[i].node);
	mu_free(p->weights);
	mu_free(p->name);
	mu_section_clear(&mu_fields_pool, p);
}
