/* Inputs of the layout: what their table cannot say; see inputs.h. */
#include "layout/inputs.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "layout/layout.h"
#include "layout/rows.h"
#include "layout/rules.h"
#include "layout/yaml.h"

#define SUBJECT 40
#define LONGEST 512 /* bytes of a name in a log */

struct check {
	const struct mu_layout *layout;
	const struct mu_rows *rows;
	struct mu_diags *diags;
	const struct mu_yaml *row;
	char subject[SUBJECT]; /* "inputs 2" */
};

static const char *const types[] = { "bool", "int", "count", "double", "time",
	"interval", "string", "enum", "port", "addr", "subnet", "func",
	"file" };
#define NTYPES (sizeof types / sizeof types[0])

static bool
is_element(const char *s, size_t len)
{
	for (size_t i = 0; i < NTYPES; i++)
		if (strlen(types[i]) == len && memcmp(types[i], s, len) == 0)
			return true;
	return false;
}

static bool
is_type(const char *s)
{
	static const char *const lists[] = { "set[", "table[", "vector[" };
	size_t len = strlen(s);

	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		size_t n = strlen(lists[i]);

		if (len > n + 1 && strncmp(s, lists[i], n) == 0 &&
		    s[len - 1] == ']')
			return is_element(s + n, len - n - 1);
	}
	return is_element(s, len);
}

bool
mu_input_type_ok(const char *word)
{
	const char *colon = strrchr(word, ':');

	if (colon == NULL || colon == word || colon - word > LONGEST ||
	    !is_type(colon + 1))
		return false;
	for (const char *s = word; s < colon; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f || *s == ',')
			return false;
	return true;
}

static struct mu_place
place_of(const struct check *c, const char *field)
{
	const struct mu_yaml *value = mu_yaml_get(c->row, field);

	return value == NULL ? c->row->place : value->place;
}

/* The type in a misspelt word that may have been meant. */
static const char *
nearest(const char *word)
{
	const char *colon = strrchr(word, ':');

	return colon == NULL ? NULL : mu_text_nearest(colon + 1, types, NTYPES);
}

static void
check_types(const struct check *c, const struct mu_layout_input *in)
{
	char shown[80];

	for (size_t i = 0; i < in->ntypes; i++) {
		const char *near = nearest(in->types[i]);

		if (mu_input_type_ok(in->types[i]))
			continue;
		mu_diags_add(c->diags, place_of(c, "types"),
		    "%s: types: \"%s\" is not name:type%s%s%s", c->subject,
		    mu_text_printable(in->types[i], strlen(in->types[i]), shown,
			sizeof shown),
		    near == NULL ? " (such as uid:string)" : " (did you mean ",
		    near == NULL ? "" : near, near == NULL ? "" : "?)");
	}
	for (size_t i = 1; i < in->ntypes; i++)
		for (size_t k = 0; k < i; k++) {
			size_t n = (size_t)(strrchr(in->types[i], ':') == NULL
						? 0
						: strrchr(in->types[i], ':') -
						      in->types[i] + 1);

			if (n == 0 ||
			    strncmp(in->types[i], in->types[k], n) != 0)
				continue;
			mu_diags_add(c->diags, place_of(c, "types"),
			    "%s: types: \"%.*s\" is there twice", c->subject,
			    (int)n - 1, in->types[i]);
			return;
		}
	if (in->format == MU_LOGS_JSON && in->ntypes == 0)
		mu_diags_add(c->diags, c->row->place,
		    "%s: no types (JSON lines do not tell them)", c->subject);
}

static void
check_stream(const struct check *c, const struct mu_layout_input *in)
{
	const char *id = in->stream == NULL ? NULL : strstr(in->stream, "::");

	if (in->stream == NULL)
		return;
	if (id == NULL || id == in->stream || id[2] == '\0' ||
	    strchr(in->stream, '*') != NULL)
		mu_diags_add(c->diags, place_of(c, "stream"),
		    "%s: stream: \"%s\" is not the id of a stream (such as"
		    " Conn::LOG)",
		    c->subject, in->stream);
}

static void
check_file(const struct check *c, size_t i)
{
	const struct mu_layout *l = c->layout;

	for (size_t k = 0; k < i; k++)
		if (l->inputs[i].file != NULL && l->inputs[k].file != NULL &&
		    strcmp(l->inputs[i].file, l->inputs[k].file) == 0)
			mu_diags_add(c->diags, place_of(c, "file"),
			    "%s: file: inputs %zu, on line %u, has it already",
			    c->subject, k + 1, l->inputs[k].place.line);
}

/* Without logs.remote only loggers ship records, to themselves. */
static void
check_remote(const struct check *c, const struct mu_layout_input *in)
{
	const struct mu_layout *l = c->layout;

	for (size_t i = 0; i < c->rows->n && !l->logs.remote; i++) {
		const struct mu_layout_node *n = &c->rows->list[i].node;

		if (n->role == MU_ROLE_LOGGER ||
		    (n->role == MU_ROLE_MANAGER && l->manager_is_logger) ||
		    !mu_layout_on(in->on, in->non, n))
			continue;
		mu_diags_add(c->diags, place_of(c, "on"),
		    "%s: on: %s sends no records, as logs: remote is false",
		    c->subject, n->name);
		return;
	}
}

int
mu_inputs_check(struct mu_layout *l, const struct mu_rows *rows,
    const struct mu_yaml *top, struct mu_diags *diags)
{
	struct check c = { l, rows, diags, NULL, "" };
	int rc = 0;

	for (size_t i = 0; i < l->ninputs && rc == 0; i++) {
		c.row = &mu_yaml_get(top, "inputs")->items[i];
		if (c.row->kind != MU_YAML_MAPPING)
			continue;
		snprintf(c.subject, sizeof c.subject, "inputs %zu", i + 1);
		check_stream(&c, &l->inputs[i]);
		check_types(&c, &l->inputs[i]);
		check_file(&c, i);
		check_remote(&c, &l->inputs[i]);
		rc = mu_rules_check_who(l, rows, top, diags, "inputs", i, "on",
		    l->inputs[i].on, l->inputs[i].non);
	}
	return rc;
}
