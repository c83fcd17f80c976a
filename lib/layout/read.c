/* Reading a layout with all its mistakes; see read.h. */
#include "layout/read.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "layout/check.h"
#include "layout/fields.h"
#include "layout/inputs.h"
#include "layout/layout.h"
#include "layout/identifiers.h"
#include "layout/pools.h"
#include "layout/rows.h"
#include "layout/rules.h"
#include "layout/section.h"
#include "layout/source.h"
#include "layout/stores.h"
#include "layout/yaml.h"
#include "muster/err.h"

#define CHUNK 65536 /* bytes read from a file at once */

static const struct mu_place nowhere = { 0, 0 };

/* The folder of a file, as dirname(3) has it. */
static char *
folder_of(const char *file)
{
	const char *slash = strrchr(file, '/');

	if (slash == NULL)
		return mu_strdup(".");
	if (slash == file)
		return mu_strdup("/");
	return mu_memdup0(file, (size_t)(slash - file));
}

/* The sorted rows become the layout's nodes. */
static int
take_nodes(struct mu_layout *l, struct mu_rows *rows)
{
	l->nodes = mu_calloc(rows->n, sizeof *l->nodes);
	if (l->nodes == NULL)
		return MUSTER_ENOMEM;
	for (size_t i = 0; i < rows->n; i++)
		l->nodes[i] = rows->list[i].node;
	l->nnodes = rows->n;
	rows->n = 0;
	return 0;
}

static int
read_nodes(
    struct mu_layout *l, const struct mu_yaml *top, struct mu_diags *diags)
{
	const struct mu_yaml *map = mu_yaml_get(top, "nodes");
	struct mu_rows rows = { 0 };
	size_t before = mu_diags_count(diags);
	int rc = 0;

	if (map != NULL && map->kind == MU_YAML_MAPPING) {
		rc = mu_rows_read(&rows, map, diags);
		if (map->nitems == 0)
			mu_diags_add(diags, map->place,
			    "nodes: no nodes (a "
			    "cluster needs at least a manager)");
	}
	if (rc == 0)
		rc = mu_check_complete(l, &rows, top);
	if (rc == 0)
		rc = mu_check_rules(l, &rows, top, diags);
	if (rc == 0)
		rc = mu_stores_read(l, &rows, top, diags);
	if (rc == 0)
		rc = mu_pools_read(l, &rows, top, diags);
	if (rc == 0)
		rc = mu_rules_check(l, &rows, top, diags);
	if (rc == 0)
		rc = mu_identifiers_read(l, top, diags);
	if (rc == 0)
		rc = mu_inputs_check(l, &rows, top, diags);
	if (rc == 0 && mu_diags_count(diags) == before)
		rc = take_nodes(l, &rows);
	if (rc == 0)
		rc = mu_check_limits(l, top);
	mu_rows_clear(&rows);
	return rc;
}

/* The root of the tree: a mapping or nothing we could use. */
static int
check_root(const struct mu_yaml *root, struct mu_diags *diags)
{
	static const struct mu_place first = { 1, 1 };

	if (root->kind == MU_YAML_MAPPING)
		return 0;
	if (root->kind == MU_YAML_BAD)
		return MUSTER_ECONFIG;
	if (mu_yaml_is_null(root))
		mu_diags_add(diags, first,
		    "layout: the file is empty "
		    "(a layout has at least \"cluster\" and \"nodes\")");
	else
		mu_diags_add(diags, root->place,
		    "layout: must be a mapping "
		    "of keys to values, not a %s",
		    root->kind == MU_YAML_SEQUENCE ? "list" : "word");
	return MUSTER_ECONFIG;
}

static int
read_tree(
    struct mu_layout *l, const struct mu_yaml *root, struct mu_diags *diags)
{
	struct mu_job job = {
		.owner = { diags, NULL, root->place },
		.map = root,
	};
	int rc = check_root(root, diags);

	if (rc == 0)
		rc = mu_section_read(&job, &mu_fields_top, l);
	return rc == 0 ? read_nodes(l, root, diags) : rc;
}

static int
read_text(
    struct mu_layout *l, const char *text, size_t len, struct mu_diags *diags)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct mu_yaml root;
	size_t n;
	char *marked;
	int rc;

	if (len > MU_LAYOUT_MAX_BYTES) {
		mu_diags_add(diags, nowhere, "layout: larger than %u MiB",
		    MU_LAYOUT_MAX_BYTES >> 20);
		return MUSTER_ECONFIG;
	}
	if (len >= 3 && memcmp(text, bom, 3) == 0) {
		text += 3;
		len -= 3;
	}
	rc = mu_source_check(text, len, diags);
	if (rc != 0)
		return rc;
	marked = mu_source_mark(text, len, &n);
	if (marked == NULL)
		return MUSTER_ENOMEM;
	rc = mu_yaml_read(&root, marked, n, diags);
	if (rc == 0)
		rc = read_tree(l, &root, diags);
	mu_yaml_clear(&root);
	mu_free(marked);
	return rc;
}

static struct mu_layout *
layout_new(const char *file)
{
	struct mu_layout *l = mu_calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	l->file = mu_strdup(file);
	l->dir = folder_of(file);
	if (l->file == NULL || l->dir == NULL) {
		mu_layout_free(l);
		return NULL;
	}
	return l;
}

struct mu_layout *
mu_layout_read(
    const char *file, const char *text, size_t len, struct mu_diags *diags)
{
	struct mu_layout *l = layout_new(file);
	size_t before = mu_diags_count(diags);
	int rc = l == NULL ? MUSTER_ENOMEM : read_text(l, text, len, diags);

	if (rc == MUSTER_ENOMEM)
		mu_diags_add(diags, nowhere, "layout: out of memory");
	if (rc == 0 && mu_diags_count(diags) == before)
		return l;
	mu_layout_free(l);
	return NULL;
}

/* The whole file, but not much more than what is refused anyway. */
static int
slurp(FILE *f, struct mu_buf *b)
{
	for (;;) {
		uint8_t *at;
		size_t room, n;
		int rc = mu_buf_reserve(b, CHUNK, &at, &room);

		if (rc != 0)
			return rc;
		n = fread(at, 1, room, f);
		mu_buf_commit(b, n);
		if (n == 0)
			return ferror(f) ? MUSTER_ESYS : 0;
		if (mu_buf_len(b) > MU_LAYOUT_MAX_BYTES)
			return 0;
	}
}

struct mu_layout *
mu_layout_load(const char *file, struct mu_diags *diags)
{
	FILE *f = fopen(file, "re");
	struct mu_layout *l = NULL;
	struct mu_buf b;
	int rc;

	if (f == NULL) {
		mu_diags_add(
		    diags, nowhere, "cannot be opened: %s", strerror(errno));
		return NULL;
	}
	mu_buf_init(&b, 0);
	errno = 0;
	rc = slurp(f, &b);
	if (rc == MUSTER_ESYS)
		mu_diags_add(
		    diags, nowhere, "cannot be read: %s", strerror(errno));
	else if (rc != 0)
		mu_diags_add(diags, nowhere, "layout: out of memory");
	else
		l = mu_layout_read(file,
		    mu_buf_len(&b) == 0 ? "" : (const char *)mu_buf_data(&b),
		    mu_buf_len(&b), diags);
	mu_buf_clear(&b);
	fclose(f);
	return l;
}
