/* The rows of "stores"; see stores.h. */
#include "layout/stores.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "layout/fields.h"
#include "layout/layout.h"
#include "layout/rows.h"
#include "layout/section.h"
#include "layout/yaml.h"
#include "muster/err.h"

#define SUBJECT	 120
#define RESERVED "<$>" /* no topic begins like this, so no store does */

struct reading {
	struct mu_layout *layout;
	const struct mu_rows *rows;
	struct mu_diags *diags;
	char subject[SUBJECT];
};

static int
check_name(const struct reading *r, const struct mu_yaml *key)
{
	const char *fault = NULL;
	char shown[80];

	if (key->text[0] == '\0')
		fault = "is empty";
	else if (strlen(key->text) > MU_LAYOUT_STORE_NAME)
		fault = "is longer than 255 bytes";
	else if (strncmp(key->text, RESERVED, strlen(RESERVED)) == 0)
		fault = "begins with <$>, which is reserved";
	if (fault == NULL)
		return 0;
	mu_diags_add(r->diags, key->place, "stores: name \"%s\" %s",
	    mu_text_printable(key->text, strlen(key->text), shown,
		sizeof shown),
	    fault);
	return MUSTER_EINVAL;
}

/* Nodes and, for clones, roles: what a misspelt word may have meant. */
static int
no_such_node(const struct reading *r, struct mu_place at, const char *key,
    const char *name, bool roles)
{
	const char **words, *nearest;
	size_t n = 0;

	if (r->rows->n == 0)
		return 0;
	words = mu_calloc(r->rows->n + MU_ROLE_WORKER, sizeof(*words));
	if (words == NULL)
		return MUSTER_ENOMEM;
	for (size_t i = 0; i < r->rows->n; i++)
		words[n++] = r->rows->list[i].node.name;
	for (int i = MU_ROLE_CONTROL; roles && i <= MU_ROLE_WORKER; i++)
		words[n++] = mu_role_name((enum mu_role)i);
	nearest = mu_text_nearest(name, words, n);
	mu_diags_add(r->diags, at, "%s: %s: no node%s \"%s\"%s%s%s",
	    r->subject, key, roles ? " or role" : "", name,
	    nearest == NULL ? "" : " (did you mean \"",
	    nearest == NULL ? "" : nearest, nearest == NULL ? "" : "\"?)");
	mu_free(words);
	return 0;
}

static struct mu_place
place_of(const struct mu_yaml *key, const char *field)
{
	const struct mu_yaml *value = mu_yaml_get(key + 1, field);

	return value == NULL ? key->place : value->place;
}

/* A master that is not named is on the manager. */
static int
complete_master(const struct reading *r, struct mu_layout_store *s,
    const struct mu_yaml *key)
{
	if (s->master != NULL) {
		if (mu_rows_find(r->rows, s->master) == NULL)
			return no_such_node(r, place_of(key, "master"),
			    "master", s->master, false);
		return 0;
	}
	for (size_t i = 0; i < r->rows->n; i++) {
		const struct mu_layout_node *n = &r->rows->list[i].node;

		if (n->role != MU_ROLE_MANAGER)
			continue;
		s->master = mu_strdup(n->name);
		return s->master == NULL ? MUSTER_ENOMEM : 0;
	}
	return 0; /* reported: there is no manager */
}

/* The nodes that a word stands for have a connection with the master's; the
 * first that has none is told. */
static void
check_links(const struct reading *r, const struct mu_layout_store *s,
    struct mu_place at, const char *word)
{
	const struct mu_draft *master =
	    s->master == NULL ? NULL : mu_rows_find(r->rows, s->master);

	if (master == NULL || master->node.role == MU_ROLE_NONE)
		return; /* reported */
	for (size_t i = 0; i < r->rows->n; i++) {
		const struct mu_layout_node *n = &r->rows->list[i].node;

		if (n->role == MU_ROLE_NONE || n == &master->node ||
		    (strcmp(n->name, word) != 0 &&
			strcmp(mu_role_name(n->role), word) != 0) ||
		    mu_layout_linked(n, &master->node))
			continue;
		mu_diags_add(r->diags, at,
		    "%s: clones: \"%s\" has no connection with \"%s\", "
		    "which has the master%s",
		    r->subject, n->name, s->master,
		    master->node.role == MU_ROLE_WORKER
			? " (put the master on the manager or a proxy)"
			: "");
		return;
	}
}

static int
check_clones(const struct reading *r, const struct mu_layout_store *s,
    const struct mu_yaml *key)
{
	struct mu_place at = place_of(key, "clones");
	int rc = 0;

	for (size_t i = 0; i < s->nclones && rc == 0; i++) {
		const char *name = s->clones[i];

		if (s->master != NULL && strcmp(name, s->master) == 0)
			mu_diags_add(r->diags, at,
			    "%s: clones: \"%s\" has the master", r->subject,
			    name);
		else if (mu_rows_find(r->rows, name) == NULL &&
			 mu_role_parse(name) < 0)
			rc = no_such_node(r, at, "clones", name, true);
		else
			check_links(r, s, at, name);
	}
	return rc;
}

static int
read_store(struct reading *r, const struct mu_yaml *key)
{
	struct mu_layout_store *s = &r->layout->stores[r->layout->nstores];
	const struct mu_yaml *body = key + 1;
	struct mu_job job = { .owner = { r->diags, r->subject, key->place } };
	char shown[80];
	int rc;

	if (key->kind != MU_YAML_SCALAR || check_name(r, key) != 0)
		return 0;
	snprintf(r->subject, sizeof r->subject, "store \"%s\"",
	    mu_text_printable(key->text, strlen(key->text), shown,
		sizeof shown));
	if (body->kind == MU_YAML_BAD)
		return 0;
	if (body->kind != MU_YAML_MAPPING && !mu_yaml_is_null(body)) {
		mu_diags_add(r->diags, body->place,
		    "%s: must be a mapping such as {backend: lmdb}",
		    r->subject);
		return 0;
	}
	if (body->kind == MU_YAML_MAPPING)
		job.map = body;
	s->name = mu_strdup(key->text);
	if (s->name == NULL)
		return MUSTER_ENOMEM;
	s->place = key->place;
	r->layout->nstores++;
	rc = mu_section_read(&job, &mu_fields_store, s);
	if (rc == 0)
		rc = complete_master(r, s, key);
	return rc == 0 ? check_clones(r, s, key) : rc;
}

static int
by_name(const void *a, const void *b)
{
	const struct mu_layout_store *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int
mu_stores_read(struct mu_layout *l, const struct mu_rows *rows,
    const struct mu_yaml *top, struct mu_diags *diags)
{
	struct reading r = { .layout = l, .rows = rows, .diags = diags };
	const struct mu_yaml *map = mu_yaml_get(top, "stores");
	int rc = 0;

	if (map == NULL || map->kind != MU_YAML_MAPPING || map->nitems == 0)
		return 0;
	if (map->nitems / 2 > MU_LAYOUT_MAX_STORES) {
		mu_diags_add(diags, map->place, "stores: more than %d stores",
		    MU_LAYOUT_MAX_STORES);
		return 0;
	}
	l->stores = mu_calloc(map->nitems / 2, sizeof *l->stores);
	if (l->stores == NULL)
		return MUSTER_ENOMEM;
	for (size_t i = 0; i + 1 < map->nitems && rc == 0; i += 2)
		rc = read_store(&r, &map->items[i]);
	if (l->nstores > 1)
		qsort(l->stores, l->nstores, sizeof l->stores[0], by_name);
	return rc;
}

void
mu_layout_store_clear(struct mu_layout_store *s)
{
	mu_free(s->name);
	mu_section_clear(&mu_fields_store, s);
}

/* Of nodes that are not named: store commands are not relayed. */
static bool
has_by_default(
    const struct mu_layout_node *node, const struct mu_layout_node *master)
{
	return node->role != MU_ROLE_CONTROL && node->role != MU_ROLE_NONE &&
	       master != NULL && mu_layout_linked(node, master);
}

bool
mu_layout_has_clone(const struct mu_layout_store *s,
    const struct mu_layout_node *node, const struct mu_layout_node *master)
{
	if (strcmp(s->master, node->name) == 0)
		return false;
	if (s->clones == NULL)
		return has_by_default(node, master);
	for (size_t i = 0; i < s->nclones; i++)
		if (strcmp(s->clones[i], node->name) == 0 ||
		    strcmp(s->clones[i], mu_role_name(node->role)) == 0)
			return true;
	return false;
}
