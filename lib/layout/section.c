/* A mapping of the layout into a struct; see section.h. */
#include "layout/section.h"

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "layout/fields.h"
#include "layout/range.h"
#include "layout/read.h"
#include "layout/section_rows.h"
#include "layout/yaml.h"
#include "muster/err.h"

/* A diagnostic is not the end of the reading; lack of memory is. */
static int
go_on(int rc)
{
	return rc == MUSTER_ENOMEM ? rc : 0;
}

static bool
is_list(const struct mu_field *f)
{
	return f->kind == MU_KIND_TOPICS || f->kind == MU_KIND_NAMES ||
	       f->kind == MU_KIND_ARGV;
}

/* Are its rows read by somebody else? */
static bool
is_left_alone(const struct mu_field *f)
{
	return f->kind == MU_KIND_NODES || f->kind == MU_KIND_STORES ||
	       f->kind == MU_KIND_POOLS || f->kind == MU_KIND_WEIGHTS ||
	       f->kind == MU_KIND_IDENTIFIERS;
}

static enum mu_yaml_kind
wanted_kind(const struct mu_field *f, const struct mu_yaml *y)
{
	switch (f->kind) {
	case MU_KIND_TOPICS:
	case MU_KIND_NAMES:
	case MU_KIND_ARGV:
	case MU_KIND_ROWS:
		if (f->words != NULL && y->kind == MU_YAML_SCALAR)
			return MU_YAML_SCALAR;
		return MU_YAML_SEQUENCE;
	case MU_KIND_NODES:
	case MU_KIND_STORES:
	case MU_KIND_POOLS:
	case MU_KIND_WEIGHTS:
	case MU_KIND_IDENTIFIERS:
		return MU_YAML_MAPPING;
	case MU_KIND_SECTION:
		if (f->words != NULL && y->kind == MU_YAML_SCALAR)
			return MU_YAML_SCALAR;
		return MU_YAML_MAPPING;
	default:
		return MU_YAML_SCALAR;
	}
}

int
mu_section_type(
    const struct mu_spot *s, const struct mu_field *f, const struct mu_yaml *y)
{
	static const char *const found[] = { "a word", "a list", "a mapping" };
	char wanted[MU_SCALAR_WANTED];

	if (y->kind == MU_YAML_BAD)
		return MUSTER_EINVAL;
	mu_scalar_wanted(f, wanted);
	if (mu_yaml_is_null(y))
		return mu_spot_mistake(s, f->key, "has no value (%sgive %s)",
		    f->flags & MU_FIELD_REQUIRED ? "" : "leave the key out or ",
		    wanted);
	if (y->kind != wanted_kind(f, y))
		return mu_spot_mistake(
		    s, f->key, "must be %s, not %s", wanted, found[y->kind]);
	return 0;
}

/* The word meant by a text with ranges: *word is owned by the caller, NULL
 * when the text is to be taken as it is. */
static int
pick_word(const struct mu_job *job, const struct mu_spot *s,
    const struct mu_field *f, const char *text, char **word)
{
	char why[160], shown[80];
	size_t count;

	*word = NULL;
	if (mu_range_count(text, &count, why, sizeof why) != 0)
		return mu_spot_mistake(s, f->key, "\"%s\" %s",
		    mu_text_printable(text, strlen(text), shown, sizeof shown),
		    why);
	if (count == 0)
		return 0;
	if (job->count == 0)
		return mu_spot_mistake(s, f->key,
		    "\"%s\" has a range but the "
		    "node's name has none",
		    mu_text_printable(text, strlen(text), shown, sizeof shown));
	if (count != job->count)
		return mu_spot_mistake(s, f->key,
		    "\"%s\" stands for %zu and "
		    "the node's name for %zu",
		    mu_text_printable(text, strlen(text), shown, sizeof shown),
		    count, job->count);
	*word = mu_range_word(text, job->index);
	return *word == NULL ? MUSTER_ENOMEM : 0;
}

static int
read_scalar(const struct mu_job *job, struct mu_spot s,
    const struct mu_field *f, const char *text, void *base)
{
	char *word = NULL;
	int rc;

	if (f->flags & MU_FIELD_RANGED) {
		struct mu_spot first = s;

		if (job->index > 0)
			first.diags = NULL;
		rc = pick_word(job, &first, f, text, &word);
		if (rc != 0)
			return rc;
	}
	/* The other words of a range can be wrong in ways the first is not. */
	if (word == NULL && job->index > 0)
		s.diags = NULL;
	rc = mu_scalar_read(&s, f, word == NULL ? text : word, base);
	mu_free(word);
	return rc;
}

struct list {
	char **items;
	size_t n;
};

static void
free_list(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		mu_free(l->items[i]);
	mu_free(l->items);
}

/* Read one element through the field's own checks and keep it. */
static int
add_element(const struct mu_spot *s, const struct mu_field *f, const char *text,
    struct list *l)
{
	struct mu_field element = *f;
	char *value = NULL, **items;
	int rc;

	if (*text == '\0' && f->kind != MU_KIND_ARGV)
		return mu_spot_mistake(s, f->key, "has an empty element");
	element.offset = 0;
	if (f->kind != MU_KIND_ARGV)
		element.kind = f->kind == MU_KIND_TOPICS ? MU_KIND_TOPIC
							 : MU_KIND_NAME;
	rc = mu_scalar_read(s, &element, text, &value);
	if (rc != 0)
		return rc;
	/* Grown by doubling: the count says when it is full. */
	if ((l->n & (l->n - 1)) == 0) {
		items = mu_reallocarray(
		    l->items, l->n == 0 ? 1 : l->n * 2, sizeof *items);
		if (items == NULL) {
			mu_free(value);
			return MUSTER_ENOMEM;
		}
		l->items = items;
	}
	l->items[l->n++] = value;
	return 0;
}

/* All names that one element of a list of names stands for. */
static int
add_names(const struct mu_spot *s, const struct mu_field *f, const char *text,
    struct list *l)
{
	char why[160], shown[80];
	size_t count;
	int rc = 0;

	if (mu_range_count(text, &count, why, sizeof why) != 0)
		return mu_spot_mistake(s, f->key, "\"%s\" %s",
		    mu_text_printable(text, strlen(text), shown, sizeof shown),
		    why);
	if (count == 0)
		return add_element(s, f, text, l);
	if (l->n + count > MU_LAYOUT_MAX_NODES)
		return mu_spot_mistake(
		    s, f->key, "has more than %d names", MU_LAYOUT_MAX_NODES);
	for (size_t i = 0; i < count && rc == 0; i++) {
		char *word = mu_range_word(text, i);

		if (word == NULL)
			return MUSTER_ENOMEM;
		rc = add_element(s, f, word, l);
		mu_free(word);
	}
	return rc;
}

static int
read_list(const struct mu_job *job, struct mu_spot s, const struct mu_field *f,
    const struct mu_yaml *y, void *base)
{
	struct list l = { mu_calloc(1, sizeof *l.items), 0 };
	int rc = l.items == NULL ? MUSTER_ENOMEM : 0;

	if (job->index > 0)
		s.diags = NULL;
	for (size_t i = 0; i < y->nitems && rc == 0; i++) {
		const struct mu_yaml *e = &y->items[i];

		s.at = e->place;
		if (e->kind == MU_YAML_BAD)
			continue;
		if (e->kind != MU_YAML_SCALAR || mu_yaml_is_null(e))
			mu_spot_mistake(&s, f->key,
			    "has an element that is "
			    "not a word");
		else if (f->kind == MU_KIND_NAMES)
			rc = go_on(add_names(&s, f, e->text, &l));
		else
			rc = go_on(add_element(&s, f, e->text, &l));
	}
	if (rc != 0) {
		free_list(&l);
		return rc;
	}
	memcpy(mu_field_at(f, base), &l.items, sizeof l.items);
	memcpy((char *)base + f->aside, &l.n, sizeof l.n);
	return 0;
}

/* The word in place of a list: nobody. */
static int
read_no_list(const struct mu_spot *s, const struct mu_field *f,
    const char *text, void *base)
{
	char **items;
	int rc = mu_scalar_read_word(s, f, text, base);

	if (rc != 0)
		return rc;
	items = mu_calloc(1, sizeof *items);
	if (items == NULL)
		return MUSTER_ENOMEM;
	memcpy(mu_field_at(f, base), &items, sizeof items);
	return 0;
}

/* A section inside this one, or the word in its place. */
static int
read_inner(const struct mu_spot *s, const struct mu_field *f,
    const struct mu_yaml *y, void *base)
{
	struct mu_job inner = { .owner = *s, .map = y };

	if (y != NULL && y->kind == MU_YAML_SCALAR)
		return mu_scalar_read_word(s, f, y->text, base);
	inner.owner.subject = f->section->name;
	return mu_section_read(&inner, f->section, mu_field_at(f, base));
}

static int
read_value(const struct mu_job *job, const struct mu_field *f,
    const struct mu_yaml *y, void *base)
{
	struct mu_spot s = job->owner, first;
	int rc;

	s.at = y->place;
	first = s;
	if (job->index > 0)
		first.diags = NULL;
	rc = mu_section_type(&first, f, y);
	if (rc != 0)
		return rc;
	if (f->kind == MU_KIND_SECTION)
		return read_inner(&s, f, y, base);
	if (is_list(f) && y->kind == MU_YAML_SCALAR)
		return read_no_list(&s, f, y->text, base);
	if (f->kind == MU_KIND_ROWS)
		return mu_section_rows_read(&s, f, y, base);
	if (is_list(f))
		return read_list(job, s, f, y, base);
	if (is_left_alone(f))
		return 0;
	return read_scalar(job, s, f, y->text, base);
}

static void
unknown_key(const struct mu_job *job, const struct mu_section *section,
    const struct mu_yaml *key)
{
	const char *nearest = mu_fields_nearest(section, key->text);
	const char *subject = job->owner.subject;
	char shown[80];

	mu_text_printable(key->text, strlen(key->text), shown, sizeof shown);
	if (subject == NULL)
		subject = "layout";
	if (nearest != NULL)
		mu_diags_add(job->owner.diags, key->place,
		    "%s: unknown key \"%s\" (did you mean \"%s\"?)", subject,
		    shown, nearest);
	else
		mu_diags_add(job->owner.diags, key->place,
		    "%s: unknown key \"%s\"", subject, shown);
}

static void
refused_key(const struct mu_job *job, const struct mu_field *f,
    const struct mu_yaml *key)
{
	const char *subject = job->owner.subject;

	mu_diags_add(job->owner.diags, key->place, "%s: \"%s\" %s",
	    subject == NULL ? "layout" : subject, f->key, f->about);
}

/* What the mapping says. */
static int
read_given(
    const struct mu_job *job, const struct mu_section *section, void *base)
{
	int rc = 0;

	for (size_t i = 0; i + 1 < job->map->nitems && rc == 0; i += 2) {
		const struct mu_yaml *key = &job->map->items[i];
		const struct mu_field *f;

		if (key->kind != MU_YAML_SCALAR)
			continue;
		f = mu_fields_find(section, key->text);
		if (f != NULL && f->kind != MU_KIND_REFUSED)
			rc = go_on(read_value(job, f, key + 1, base));
		else if (job->index > 0)
			continue;
		else if (f != NULL)
			refused_key(job, f, key);
		else
			unknown_key(job, section, key);
	}
	return rc;
}

static void
missing_key(const struct mu_spot *s, const struct mu_field *f)
{
	const char *subject = s->subject == NULL ? "layout" : s->subject;
	char wanted[MU_SCALAR_WANTED];

	if (s->diags != NULL)
		mu_diags_add(s->diags, s->at, "%s: no \"%s\" (give %s)",
		    subject, f->key, mu_scalar_wanted(f, wanted));
}

/* What it does not say. */
static int
read_absent(
    const struct mu_job *job, const struct mu_section *section, void *base)
{
	struct mu_spot s = job->owner;
	int rc = 0;

	if (job->index > 0)
		s.diags = NULL;
	for (size_t i = 0; i < section->nfields && rc == 0; i++) {
		const struct mu_field *f = &section->fields[i];

		if (mu_yaml_get(job->map, f->key) != NULL)
			continue;
		if (f->flags & MU_FIELD_REQUIRED)
			missing_key(&s, f);
		else if (f->kind == MU_KIND_SECTION)
			rc = read_inner(&s, f, NULL, base);
		else if (f->fallback != NULL)
			rc = mu_scalar_read(&s, f, f->fallback, base);
	}
	return rc;
}

int
mu_section_read(
    const struct mu_job *job, const struct mu_section *section, void *base)
{
	int rc = job->map == NULL ? 0 : read_given(job, section, base);

	return rc == 0 ? read_absent(job, section, base) : rc;
}

void
mu_section_clear(const struct mu_section *section, void *base)
{
	for (size_t i = 0; i < section->nfields; i++) {
		const struct mu_field *f = &section->fields[i];
		void *at = mu_field_at(f, base);
		struct list l;

		switch (f->kind) {
		case MU_KIND_SECTION:
			mu_section_clear(f->section, at);
			break;
		case MU_KIND_ROWS:
			mu_section_rows_clear(f, base);
			break;
		case MU_KIND_TOPICS:
		case MU_KIND_NAMES:
		case MU_KIND_ARGV:
			memcpy(&l.items, at, sizeof l.items);
			memcpy(&l.n, (char *)base + f->aside, sizeof l.n);
			free_list(&l);
			break;
		case MU_KIND_NAME:
		case MU_KIND_TEXT:
		case MU_KIND_HOST:
		case MU_KIND_ADDRESS:
		case MU_KIND_WORD:
		case MU_KIND_PATH:
		case MU_KIND_DIRECTORY:
		case MU_KIND_TOPIC:
		case MU_KIND_EVENT:
			mu_free(*(char **)at);
			break;
		default:
			break;
		}
	}
}
