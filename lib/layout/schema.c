/*
 * The format as a JSON Schema for editors, from the reader's tables.  It says
 * what a table can say; rules across nodes are left to the reader.
 */
#include "layout/read.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/alloc.h"
#include "layout/fields.h"

#define RANGE  "\\[[0-9]+-[0-9]+\\]"
#define NUMBER "^[0-9.]+ *"
#define DURATION_PATTERN                                                       \
	"^0$|" NUMBER "(ns|nsecs?|us|usecs?|ms|msecs?|s|secs?|seconds?|m|"     \
	"mins?|minutes?|h|hr|hours?|d|days?|weeks?)$"
#define SIZE_PATTERN  NUMBER "([kKMGT]?B|[KMGT]iB|bytes?)$"
#define NAME_PATTERN  "^[A-Za-z0-9]([A-Za-z0-9._-]|" RANGE ")*$"
#define TOPIC_PATTERN "^(?!<\\$>)"
#define EVENT_PATTERN "^[A-Za-z0-9_:]*\\*?$"

static json_t *section_schema(const struct mu_section *s);
static json_t *value_schema(const struct mu_field *f);

static json_t *
pattern(const char *regex)
{
	return json_pack("{s:s, s:s}", "type", "string", "pattern", regex);
}

static json_t *
words(const struct mu_field *f)
{
	json_t *list = json_array();

	for (const struct mu_word *w = f->words; w->word != NULL; w++)
		json_array_append_new(list, json_string(w->word));
	return json_pack("{s:o}", "enum", list);
}

static json_t *
integer(int64_t min, int64_t max)
{
	return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum",
	    (json_int_t)min, "maximum", (json_int_t)max);
}

static json_t *
list_of(json_t *element)
{
	return json_pack("{s:s, s:o}", "type", "array", "items", element);
}

/* A port may be written with a range, which makes it a string. */
static json_t *
port(void)
{
	return json_pack("{s:[o,o]}", "anyOf", integer(1, 65535),
	    pattern("^[0-9]*" RANGE "[0-9]*$"));
}

static json_t *
nodes(const struct mu_section *s)
{
	return json_pack("{s:s, s:i, s:o, s:o}", "type", "object",
	    "minProperties", 1, "propertyNames", pattern(NAME_PATTERN),
	    "additionalProperties", section_schema(s));
}

static json_t *
stores(const struct mu_section *s)
{
	return json_pack("{s:s, s:o, s:o}", "type", "object", "propertyNames",
	    json_pack("{s:i, s:i}", "minLength", 1, "maxLength", 255),
	    "additionalProperties", section_schema(s));
}

/* A list of sections, or of words in place of them. */
static json_t *
rows(const struct mu_section *s)
{
	json_t *row = section_schema(s);

	if (s->word != NULL)
		row = json_pack("{s:[o,o]}", "anyOf",
		    value_schema(mu_fields_find(s, s->word)), row);
	return list_of(row);
}

/* A mapping of names to what each must be. */
static json_t *
named(json_t *schema)
{
	return json_pack("{s:s, s:o, s:o}", "type", "object", "propertyNames",
	    pattern(NAME_PATTERN), "additionalProperties", schema);
}

static json_t *
or_word(const struct mu_field *f, json_t *schema)
{
	if (f->words == NULL)
		return schema;
	return json_pack("{s:[o,o]}", "anyOf", words(f), schema);
}

/* What a value must be, without its default and description. */
static json_t *
value_schema(const struct mu_field *f)
{
	switch (f->kind) {
	case MU_KIND_NAME:
		return pattern(NAME_PATTERN);
	case MU_KIND_PORT:
		return port();
	case MU_KIND_BOOL:
		return json_pack("{s:s}", "type", "boolean");
	case MU_KIND_COUNT:
		return integer(f->min, f->max);
	case MU_KIND_SIZE:
		return or_word(f, pattern(SIZE_PATTERN));
	case MU_KIND_DURATION:
		return or_word(f, pattern(DURATION_PATTERN));
	case MU_KIND_CHOICE:
	case MU_KIND_WORD:
		return words(f);
	case MU_KIND_DIRECTORY:
		return pattern("^/");
	case MU_KIND_TOPIC:
		return pattern(TOPIC_PATTERN);
	case MU_KIND_TOPICS:
		return list_of(pattern(TOPIC_PATTERN));
	case MU_KIND_NAMES:
		return or_word(f, list_of(pattern(NAME_PATTERN)));
	case MU_KIND_SECTION:
		return or_word(f, section_schema(f->section));
	case MU_KIND_NODES:
		return nodes(f->section);
	case MU_KIND_STORES:
		return stores(f->section);
	case MU_KIND_EVENT:
		return pattern(EVENT_PATTERN);
	case MU_KIND_ARGV:
		return list_of(json_pack("{s:s}", "type", "string"));
	case MU_KIND_ROWS:
		return rows(f->section);
	case MU_KIND_POOLS:
		return named(section_schema(f->section));
	case MU_KIND_IDENTIFIERS:
		return json_pack("{s:s, s:o, s:{s:[s,s,s]}}", "type", "object",
		    "propertyNames", pattern(EVENT_PATTERN),
		    "additionalProperties", "type", "string", "number",
		    "boolean");
	case MU_KIND_WEIGHTS:
		return named(integer(f->min, f->max));
	default:
		return json_pack(
		    "{s:s, s:i}", "type", "string", "minLength", 1);
	}
}

static json_t *
fallback(const struct mu_field *f)
{
	switch (f->kind) {
	case MU_KIND_COUNT:
	case MU_KIND_PORT:
		return json_integer(strtoll(f->fallback, NULL, 10));
	case MU_KIND_BOOL:
		return json_boolean(strcmp(f->fallback, "true") == 0);
	default:
		return json_string(f->fallback);
	}
}

static json_t *
field_schema(const struct mu_field *f)
{
	json_t *schema = value_schema(f);

	json_object_set_new(schema, "description", json_string(f->about));
	if (f->fallback != NULL)
		json_object_set_new(schema, "default", fallback(f));
	return schema;
}

static json_t *
section_schema(const struct mu_section *s)
{
	json_t *properties = json_object(), *required = json_array();

	for (size_t i = 0; i < s->nfields; i++) {
		const struct mu_field *f = &s->fields[i];

		if (f->kind == MU_KIND_REFUSED)
			continue;
		json_object_set_new(properties, f->key, field_schema(f));
		if (f->flags & MU_FIELD_REQUIRED)
			json_array_append_new(required, json_string(f->key));
	}
	return json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties",
	    properties, "required", required, "additionalProperties", 0);
}

char *
mu_layout_schema(void)
{
	json_t *schema = section_schema(&mu_fields_top);
	char *text, *copy;

	json_object_set_new(schema, "$schema",
	    json_string("https://json-schema.org/draft/2020-12/schema"));
	json_object_set_new(schema, "title", json_string("Muster layout"));
	text = json_dumps(schema, JSON_INDENT(2));
	json_decref(schema);
	copy = text == NULL ? NULL : mu_strdup(text);
	free(text);
	return copy;
}
