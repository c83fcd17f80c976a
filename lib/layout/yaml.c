/*
 * A YAML text as a small tree, by libyaml's events; see yaml.h.  The events
 * are taken rather than libyaml's own document tree because that resolves
 * aliases, which is how a kilobyte becomes a gigabyte.
 */
#include "layout/yaml.h"

#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/alloc.h"
#include "base/text.h"
#include "layout/source.h"
#include "muster/err.h"

struct reading {
	yaml_parser_t parser;
	struct mu_diags *diags;
	size_t left; /* items that may still be made */
};

static int read_node(
    struct reading *r, const yaml_event_t *e, int depth, struct mu_yaml *out);

static struct mu_place
place_of(yaml_mark_t mark)
{
	return (struct mu_place){ (unsigned)mark.line + 1,
		(unsigned)mark.column + 1 };
}

/* What people did when libyaml says one of these, which name no remedy. */
static const char *
hint_for(const char *problem)
{
	static const struct {
		const char *said, *hint;
	} rows[] = {
		{ "found character that cannot start any token",
		    " (a tab? use spaces; a word with @, ` or % in front "
		    "wants quotes)" },
		{ "mapping values are not allowed in this context",
		    " (is a \": \" missing in front of this? a word with "
		    "\": \" in it wants quotes)" },
		{ "could not find expected ':'",
		    " (a key wants \": \" behind it)" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(rows[i].said, problem) == 0)
			return rows[i].hint;
	return "";
}

static int
syntax_error(struct reading *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem == NULL ? "not YAML" : p->problem;
	const char *hint = hint_for(problem);

	if (p->error == YAML_MEMORY_ERROR)
		return MUSTER_ENOMEM;
	if (p->context == NULL || p->context_mark.line == p->problem_mark.line)
		mu_diags_add(r->diags, place_of(p->problem_mark), "yaml: %s%s",
		    problem, hint);
	else
		mu_diags_add(r->diags, place_of(p->problem_mark),
		    "yaml: %s (%s that began on line %zu)%s", problem,
		    p->context, p->context_mark.line + 1, hint);
	return MUSTER_ECONFIG;
}

/* The next event, to be deleted by the caller when 0 is returned. */
static int
next_event(struct reading *r, yaml_event_t *e)
{
	if (!yaml_parser_parse(&r->parser, e))
		return syntax_error(r);
	return 0;
}

static bool
has_control(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return true;
	return false;
}

static int
read_scalar(struct reading *r, const yaml_event_t *e, struct mu_yaml *out)
{
	size_t len = e->data.scalar.length;

	out->kind = MU_YAML_SCALAR;
	out->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	out->text = mu_memdup0(e->data.scalar.value, len);
	if (out->text == NULL)
		return MUSTER_ENOMEM;
	len = mu_source_unmark(out->text, len);
	if (has_control(out->text, len)) {
		mu_diags_add(r->diags, out->place,
		    "text: line breaks and control characters are not "
		    "supported in a word");
		out->kind = MU_YAML_BAD;
	}
	return 0;
}

/* A zeroed element behind the last one, or NULL when memory is out. */
static struct mu_yaml *
grow(struct mu_yaml *y)
{
	if (y->nitems == y->cap) {
		size_t cap = y->cap == 0 ? 4 : y->cap * 2;
		struct mu_yaml *items =
		    mu_reallocarray(y->items, cap, sizeof *items);

		if (items == NULL)
			return NULL;
		y->items = items;
		y->cap = cap;
	}
	memset(&y->items[y->nitems], 0, sizeof y->items[0]);
	return &y->items[y->nitems++];
}

static int
read_items(
    struct reading *r, yaml_event_type_t end, int depth, struct mu_yaml *out)
{
	for (;;) {
		struct mu_yaml *item;
		yaml_event_t e;
		int rc = next_event(r, &e);

		if (rc != 0)
			return rc;
		if (e.type == end) {
			yaml_event_delete(&e);
			return 0;
		}
		item = grow(out);
		rc = item == NULL ? MUSTER_ENOMEM
				  : read_node(r, &e, depth + 1, item);
		yaml_event_delete(&e);
		if (rc != 0)
			return rc;
	}
}

static int
by_key(const void *a, const void *b)
{
	const struct mu_yaml *const *x = a, *const *y = b;
	int order = strcmp((*x)->text, (*y)->text);

	if (order != 0)
		return order;
	/* Elements of one array: their order is that of the file. */
	return *x < *y ? -1 : 1;
}

/*
 * Report keys that are no words or were there before; both are marked bad so
 * that nobody looks at them again.
 */
static int
check_keys(struct reading *r, struct mu_yaml *map)
{
	struct mu_yaml **keys = mu_calloc(map->nitems / 2, sizeof(*keys));
	size_t n = 0, first = 0;

	if (keys == NULL)
		return MUSTER_ENOMEM;
	for (size_t i = 0; i + 1 < map->nitems; i += 2) {
		struct mu_yaml *key = &map->items[i];

		if (key->kind == MU_YAML_SCALAR) {
			keys[n++] = key;
		} else if (key->kind != MU_YAML_BAD) {
			mu_diags_add(
			    r->diags, key->place, "yaml: a key must be a word");
			key->kind = MU_YAML_BAD;
		}
	}
	qsort(keys, n, sizeof(*keys), by_key);
	for (size_t i = 1; i < n; i++) {
		char shown[80];

		if (strcmp(keys[i]->text, keys[first]->text) != 0) {
			first = i;
			continue;
		}
		mu_diags_add(r->diags, keys[i]->place,
		    "%s: is given twice (first on line %u, column %u)",
		    mu_text_printable(keys[i]->text, strlen(keys[i]->text),
			shown, sizeof shown),
		    keys[first]->place.line, keys[first]->place.column);
		keys[i]->kind = MU_YAML_BAD;
	}
	mu_free(keys);
	return 0;
}

/* Anchors and tags are reported; the value itself is fine. */
static void
refuse_extras(struct reading *r, const struct mu_yaml *at,
    const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor != NULL)
		mu_diags_add(r->diags, at->place,
		    "yaml: anchors are not supported (remove the &name)");
	if (tag != NULL)
		mu_diags_add(r->diags, at->place,
		    "yaml: tags are not supported (remove the !name)");
}

static int
check_bounds(struct reading *r, const struct mu_yaml *y, int depth)
{
	if (depth > MU_YAML_MAX_DEPTH) {
		mu_diags_add(r->diags, y->place,
		    "yaml: nested more than %d deep", MU_YAML_MAX_DEPTH);
		return MUSTER_ECONFIG;
	}
	if (r->left == 0) {
		mu_diags_add(r->diags, y->place,
		    "yaml: more than %d values in one file", MU_YAML_MAX_ITEMS);
		return MUSTER_ECONFIG;
	}
	r->left--;
	return 0;
}

/* The value that event e begins; depth is bounded, so is the recursion. */
static int
read_node(
    struct reading *r, const yaml_event_t *e, int depth, struct mu_yaml *out)
{
	int rc;

	out->place = place_of(e->start_mark);
	rc = check_bounds(r, out, depth);
	if (rc != 0)
		return rc;
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		refuse_extras(
		    r, out, e->data.scalar.anchor, e->data.scalar.tag);
		return read_scalar(r, e, out);
	case YAML_SEQUENCE_START_EVENT:
		refuse_extras(r, out, e->data.sequence_start.anchor,
		    e->data.sequence_start.tag);
		out->kind = MU_YAML_SEQUENCE;
		return read_items(r, YAML_SEQUENCE_END_EVENT, depth, out);
	case YAML_MAPPING_START_EVENT:
		refuse_extras(r, out, e->data.mapping_start.anchor,
		    e->data.mapping_start.tag);
		out->kind = MU_YAML_MAPPING;
		rc = read_items(r, YAML_MAPPING_END_EVENT, depth, out);
		return rc == 0 ? check_keys(r, out) : rc;
	default: /* of those only an alias can stand here */
		mu_diags_add(r->diags, out->place,
		    "yaml: aliases are not supported (repeat the value in "
		    "place of the *name)");
		out->kind = MU_YAML_BAD;
		return 0;
	}
}

/* Stream start, at most one document, stream end. */
static int
read_stream(struct reading *r, struct mu_yaml *root)
{
	size_t ndocuments = 0;
	yaml_event_t e;
	int rc;

	while ((rc = next_event(r, &e)) == 0) {
		yaml_event_type_t type = e.type;

		if (type == YAML_DOCUMENT_START_EVENT && ++ndocuments == 2) {
			mu_diags_add(r->diags, place_of(e.start_mark),
			    "yaml: a second document begins (a layout is one "
			    "document)");
			type = YAML_STREAM_END_EVENT;
		} else if (type == YAML_SCALAR_EVENT ||
			   type == YAML_SEQUENCE_START_EVENT ||
			   type == YAML_MAPPING_START_EVENT ||
			   type == YAML_ALIAS_EVENT) {
			rc = read_node(r, &e, 1, root);
		}
		yaml_event_delete(&e);
		if (rc != 0 || type == YAML_STREAM_END_EVENT)
			break;
	}
	return rc;
}

int
mu_yaml_read(
    struct mu_yaml *root, const char *text, size_t len, struct mu_diags *diags)
{
	struct reading r = { .diags = diags, .left = MU_YAML_MAX_ITEMS };
	int rc;

	memset(root, 0, sizeof *root);
	root->kind = MU_YAML_SCALAR; /* of an empty file: null */
	root->plain = true;
	root->place = (struct mu_place){ 1, 1 };
	if (!yaml_parser_initialize(&r.parser))
		return MUSTER_ENOMEM;
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
	    &r.parser, (const unsigned char *)text, len);
	rc = read_stream(&r, root);
	yaml_parser_delete(&r.parser);
	return rc;
}

void
mu_yaml_clear(struct mu_yaml *y)
{
	for (size_t i = 0; i < y->nitems; i++)
		mu_yaml_clear(&y->items[i]);
	mu_free(y->items);
	mu_free(y->text);
	memset(y, 0, sizeof *y);
}

const struct mu_yaml *
mu_yaml_get(const struct mu_yaml *y, const char *key)
{
	if (y == NULL || y->kind != MU_YAML_MAPPING)
		return NULL;
	for (size_t i = 0; i + 1 < y->nitems; i += 2)
		if (y->items[i].kind == MU_YAML_SCALAR &&
		    strcmp(y->items[i].text, key) == 0)
			return &y->items[i + 1];
	return NULL;
}

bool
mu_yaml_is_null(const struct mu_yaml *y)
{
	if (y->kind != MU_YAML_SCALAR || !y->plain)
		return false;
	return y->text == NULL || y->text[0] == '\0' ||
	       strcmp(y->text, "~") == 0 || strcmp(y->text, "null") == 0;
}
