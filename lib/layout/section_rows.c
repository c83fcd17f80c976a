/* A list of mappings into an array of structs; see section_rows.h. */
#include "layout/section_rows.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "layout/fields.h"
#include "layout/section.h"
#include "layout/yaml.h"
#include "muster/err.h"

#define SUBJECT 40

/* A plain word is the value of one key of the row. */
static int
read_word(const struct mu_spot *s, const struct mu_field *f,
    const struct mu_yaml *y, void *row)
{
	struct mu_field word = *mu_fields_find(f->section, f->section->word);
	int rc;

	word.key = f->key;
	if (*y->text == '\0')
		rc = mu_spot_mistake(s, f->key, "has an empty element");
	else
		rc = mu_scalar_read(s, &word, y->text, row);
	return rc == MUSTER_ENOMEM ? rc : 0;
}

static int
read_row(const struct mu_spot *s, const struct mu_field *f,
    const struct mu_yaml *y, size_t i, void *row)
{
	char subject[SUBJECT];
	struct mu_job job = { .owner = *s, .map = y };

	snprintf(subject, sizeof subject, "%s %zu", f->key, i + 1);
	job.owner.subject = subject;
	job.owner.at = y->place;
	memcpy((char *)row + f->section->place, &y->place, sizeof y->place);
	if (y->kind == MU_YAML_BAD)
		return 0;
	if (y->kind == MU_YAML_MAPPING)
		return mu_section_read(&job, f->section, row);
	if (y->kind == MU_YAML_SCALAR && f->section->word != NULL &&
	    !mu_yaml_is_null(y)) {
		job.owner.subject = NULL;
		return read_word(&job.owner, f, y, row);
	}
	job.owner.subject = s->subject;
	mu_spot_mistake(&job.owner, f->key, "has an element that is not a %s",
	    f->section->word == NULL ? "mapping" : "word or mapping");
	return 0;
}

int
mu_section_rows_read(const struct mu_spot *s, const struct mu_field *f,
    const struct mu_yaml *y, void *base)
{
	size_t n = y->nitems;
	char *rows;
	int rc = 0;

	if (n > MU_LAYOUT_MAX_ROWS) {
		mu_spot_mistake(
		    s, f->key, "has more than %d elements", MU_LAYOUT_MAX_ROWS);
		return 0;
	}
	rows = mu_calloc(n + 1, f->section->size);
	if (rows == NULL)
		return MUSTER_ENOMEM;
	memcpy(mu_field_at(f, base), &rows, sizeof rows);
	memcpy((char *)base + f->aside, &n, sizeof n);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = read_row(
		    s, f, &y->items[i], i, rows + i * f->section->size);
	return rc;
}

size_t
mu_section_rows_count(const struct mu_field *f, const void *base)
{
	size_t n;

	memcpy(&n, (const char *)base + f->aside, sizeof n);
	return n;
}

const void *
mu_section_rows_at(const struct mu_field *f, const void *base, size_t i)
{
	const char *rows;

	memcpy(&rows, mu_field_peek(f, base), sizeof rows);
	return rows + i * f->section->size;
}

void
mu_section_rows_clear(const struct mu_field *f, void *base)
{
	size_t n = mu_section_rows_count(f, base);
	char *rows;

	memcpy(&rows, mu_field_at(f, base), sizeof rows);
	for (size_t i = 0; i < n; i++)
		mu_section_clear(f->section, rows + i * f->section->size);
	mu_free(rows);
}

/* --- as text ------------------------------------------------------------- */

/* Has the field its default, so that nobody need write it? */
static bool
is_default(const struct mu_field *f, const struct mu_buf *text)
{
	const char *none = f->fallback != NULL        ? f->fallback
			   : f->kind == MU_KIND_COUNT ? "0"
			   : f->kind == MU_KIND_NAMES || f->kind == MU_KIND_ARGV
			       ? "[]"
			       : "none";

	return mu_buf_len(text) == strlen(none) &&
	       memcmp(mu_buf_data(text), none, strlen(none)) == 0;
}

static void put_mapping(
    struct mu_buf *out, const struct mu_section *s, const void *base);

static void
put_field(struct mu_buf *out, const struct mu_field *f, const void *base,
    const char *join)
{
	struct mu_buf text;

	mu_buf_init(&text, 0);
	if (f->kind == MU_KIND_SECTION)
		put_mapping(&text, f->section, mu_field_peek(f, base));
	else
		mu_scalar_put(&text, f, base);
	if (mu_buf_error(&text) != 0)
		out->error = mu_buf_error(&text);
	else if (!is_default(f, &text))
		mu_buf_printf(out, "%s%s: %.*s", join, f->key,
		    (int)mu_buf_len(&text), (const char *)mu_buf_data(&text));
	mu_buf_clear(&text);
}

/* "{topic: a, to: b}"; of nothing but defaults "none". */
static void
put_mapping(struct mu_buf *out, const struct mu_section *s, const void *base)
{
	size_t before = mu_buf_len(out), empty;

	mu_buf_str(out, "{");
	empty = mu_buf_len(out);
	for (size_t i = 0; i < s->nfields; i++)
		if (s->fields[i].kind != MU_KIND_REFUSED)
			put_field(out, &s->fields[i], base,
			    mu_buf_len(out) == empty ? "" : ", ");
	if (mu_buf_error(out) == 0 && mu_buf_len(out) == empty) {
		mu_buf_truncate(out, before);
		mu_buf_str(out, "none");
	} else {
		mu_buf_str(out, "}");
	}
}

/* Does the row say nothing but its word? */
static bool
is_word(const struct mu_section *s, const void *row)
{
	for (size_t i = 0; i < s->nfields; i++) {
		const struct mu_field *f = &s->fields[i];
		size_t n;

		if (s->word == NULL || strcmp(f->key, s->word) == 0)
			continue;
		/* the only kind there is beside words */
		memcpy(&n, (const char *)row + f->aside, sizeof n);
		if (n > 0)
			return false;
	}
	return s->word != NULL;
}

void
mu_section_row_put(
    struct mu_buf *out, const struct mu_field *f, const void *row)
{
	const struct mu_section *s = f->section;

	if (is_word(s, row))
		mu_scalar_put(out, mu_fields_find(s, s->word), row);
	else
		put_mapping(out, s, row);
}

void
mu_section_rows_put(
    struct mu_buf *out, const struct mu_field *f, const void *base)
{
	mu_buf_str(out, "[");
	for (size_t i = 0; i < mu_section_rows_count(f, base); i++) {
		mu_buf_str(out, i == 0 ? "" : ", ");
		mu_section_row_put(out, f, mu_section_rows_at(f, base, i));
	}
	mu_buf_str(out, "]");
}
