/* The rows of "nodes"; see rows.h. */
#include "layout/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "layout/fields.h"
#include "layout/names.h"
#include "layout/range.h"
#include "layout/read.h"
#include "layout/section.h"
#include "layout/yaml.h"
#include "muster/err.h"

#define MOST_LINKS 400000 /* names in all connect lists together */
#define SUBJECT    120

struct reading {
	struct mu_rows *rows;
	struct mu_diags *diags;
	size_t cap;    /* drafts allocated */
	size_t nlinks; /* names in connect lists so far */
};

static const char *
subject_of(const char *name, char buf[SUBJECT])
{
	char shown[80];

	snprintf(buf, SUBJECT, "node \"%s\"",
	    mu_text_printable(name, strlen(name), shown, sizeof shown));
	return buf;
}

/* A mistake in a name as written. */
static int
bad_name(struct reading *r, const struct mu_yaml *key, const char *name,
    const char *what)
{
	char shown[100];

	mu_diags_add(r->diags, key->place, "nodes: name \"%s\" %s",
	    mu_text_printable(name, strlen(name), shown, sizeof shown), what);
	return MUSTER_EINVAL;
}

static int
check_name(struct reading *r, const struct mu_yaml *key, const char *name)
{
	const char *fault = mu_name_fault(name);

	if (fault == NULL && strcmp(name, "none") == 0)
		fault = "is reserved";
	return fault == NULL ? 0 : bad_name(r, key, name, fault);
}

/* Room for count more nodes, within the limit. */
static int
make_room(struct reading *r, const struct mu_yaml *key, size_t count)
{
	size_t need = r->rows->n + count;
	struct mu_draft *list;

	if (need > MU_LAYOUT_MAX_NODES) {
		mu_diags_add(r->diags, key->place, "nodes: more than %d nodes",
		    MU_LAYOUT_MAX_NODES);
		return MUSTER_EINVAL;
	}
	if (need <= r->cap)
		return 0;
	if (need < r->cap * 2)
		need = r->cap * 2;
	list = mu_reallocarray(r->rows->list, need, sizeof *list);
	if (list == NULL)
		return MUSTER_ENOMEM;
	r->rows->list = list;
	r->cap = need;
	return 0;
}

/* What the row says about one node; its name is known. */
static int
fill_node(struct reading *r, struct mu_draft *d, size_t index, size_t count)
{
	char subject[SUBJECT];
	struct mu_job job = {
		.owner = { r->diags, subject_of(d->key->text, subject),
		    d->key->place },
		.map = d->key + 1,
		.index = index,
		.count = count,
	};
	int rc = mu_section_read(&job, &mu_fields_node, &d->node);

	if (rc != 0)
		return rc;
	if (d->node.role == MU_ROLE_NONE)
		r->rows->whole = false;
	r->nlinks += d->node.nconnect;
	if (r->nlinks > MOST_LINKS) {
		mu_diags_add(r->diags, d->key->place,
		    "nodes: more than %d names in lists of connect",
		    MOST_LINKS);
		return MUSTER_EINVAL;
	}
	return 0;
}

/* One node of a row: the index-th of its count. */
static int
add_node(
    struct reading *r, const struct mu_yaml *key, size_t index, size_t count)
{
	struct mu_draft *d = &r->rows->list[r->rows->n];
	char *name = mu_range_word(key->text, index);
	int rc;

	if (name == NULL)
		return MUSTER_ENOMEM;
	rc = check_name(r, key, name);
	if (rc != 0) {
		mu_free(name);
		return rc;
	}
	memset(d, 0, sizeof *d);
	d->key = key;
	d->first = index == 0;
	d->node.name = name;
	d->node.place = key->place;
	r->rows->n++;
	return fill_node(r, d, index, count);
}

static int
check_body(struct reading *r, const struct mu_yaml *key)
{
	const struct mu_yaml *body = key + 1;
	char subject[SUBJECT];

	if (body->kind == MU_YAML_MAPPING)
		return 0;
	if (body->kind != MU_YAML_BAD)
		mu_diags_add(r->diags, body->place,
		    "%s: must be a mapping such as {role: worker}",
		    subject_of(key->text, subject));
	return MUSTER_EINVAL;
}

static int
read_row(struct reading *r, const struct mu_yaml *key)
{
	char why[160];
	size_t count;
	int rc;

	if (key->kind != MU_YAML_SCALAR)
		return MUSTER_EINVAL;
	if (mu_range_count(key->text, &count, why, sizeof why) != 0)
		return bad_name(r, key, key->text, why);
	rc = check_body(r, key);
	if (rc != 0)
		return rc;
	rc = make_room(r, key, count == 0 ? 1 : count);
	if (rc != 0)
		return rc;
	rc = add_node(r, key, 0, count);
	for (size_t i = 1; i < count && rc == 0; i++)
		rc = add_node(r, key, i, count);
	return rc;
}

static int
by_name(const void *a, const void *b)
{
	const struct mu_draft *x = a, *y = b;
	int order = strcmp(x->node.name, y->node.name);

	if (order != 0)
		return order;
	/* Names of one row are all different, so the row decides. */
	return x->key < y->key ? -1 : x->key > y->key;
}

int
mu_rows_read(
    struct mu_rows *rows, const struct mu_yaml *map, struct mu_diags *diags)
{
	struct reading r = { .rows = rows, .diags = diags };

	rows->whole = true;
	for (size_t i = 0; i + 1 < map->nitems; i += 2) {
		int rc = read_row(&r, &map->items[i]);

		if (rc == MUSTER_ENOMEM)
			return rc;
		if (rc != 0)
			rows->whole = false;
	}
	if (rows->n > 0)
		qsort(rows->list, rows->n, sizeof rows->list[0], by_name);
	return 0;
}

void
mu_layout_node_clear(struct mu_layout_node *node)
{
	mu_free(node->name);
	mu_section_clear(&mu_fields_node, node);
}

void
mu_rows_clear(struct mu_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		mu_layout_node_clear(&rows->list[i].node);
	mu_free(rows->list);
	memset(rows, 0, sizeof *rows);
}

struct mu_draft *
mu_rows_find(const struct mu_rows *rows, const char *name)
{
	size_t low = 0, high = rows->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(rows->list[mid].node.name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == rows->n || strcmp(rows->list[low].node.name, name) != 0)
		return NULL;
	return &rows->list[low];
}

struct mu_place
mu_draft_place(const struct mu_draft *d, const char *key)
{
	const struct mu_yaml *value = mu_yaml_get(d->key + 1, key);

	return value == NULL ? d->node.place : value->place;
}

bool
mu_draft_has(const struct mu_draft *d, const char *key)
{
	return mu_yaml_get(d->key + 1, key) != NULL;
}
