/* The rows of "identifiers"; see identifiers.h. */
#include "layout/identifiers.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "layout/layout.h"
#include "layout/yaml.h"
#include "muster/err.h"
#include "muster/value.h"
#include "value/identifier.h"

#define OURS "Muster::" /* settings of the daemon itself */

static const char *
shown(const char *s, char buf[80])
{
	return mu_text_printable(s, strlen(s), buf, 80);
}

static bool
check_name(const struct mu_yaml *key, struct mu_diags *diags)
{
	const char *fault = NULL;
	char buf[80];

	if (!mu_identifier_is_name(key->text, strlen(key->text)))
		fault = "is not a name such as App::limit";
	else if (strncmp(key->text, OURS, strlen(OURS)) == 0)
		fault = "begins with Muster::, which is the daemon's own";
	if (fault != NULL)
		mu_diags_add(diags, key->place, "identifiers: name \"%s\" %s",
		    shown(key->text, buf), fault);
	return fault == NULL;
}

/* 0, MUSTER_EINVAL after a diagnostic, or MUSTER_ENOMEM. */
static int
check_value(const struct mu_yaml *key, struct mu_diags *diags)
{
	const struct mu_yaml *y = key + 1;
	struct muster_value *v = NULL;
	char name[80], text[80];
	int rc;

	if (y->kind == MU_YAML_BAD)
		return MUSTER_EINVAL;
	if (y->kind != MU_YAML_SCALAR || mu_yaml_is_null(y)) {
		mu_diags_add(diags, y->place,
		    "identifier \"%s\": must be a value such as count:5 "
		    "(sets, tables and vectors as JSON in quotes)",
		    shown(key->text, name));
		return MUSTER_EINVAL;
	}
	rc = muster_value_from_text(y->text, &v);
	muster_value_unref(v);
	if (rc == 0 || rc == MUSTER_ENOMEM)
		return rc;
	mu_diags_add(diags, y->place,
	    "identifier \"%s\": \"%s\" is not a value", shown(key->text, name),
	    shown(y->text, text));
	return MUSTER_EINVAL;
}

static int
read_row(struct mu_layout *l, const struct mu_yaml *key, struct mu_diags *diags)
{
	struct mu_layout_identifier *i = &l->identifiers[l->nidentifiers];
	int rc;

	if (key->kind != MU_YAML_SCALAR || !check_name(key, diags))
		return 0;
	rc = check_value(key, diags);
	if (rc != 0)
		return rc == MUSTER_ENOMEM ? rc : 0;
	i->place = key->place;
	i->name = mu_strdup(key->text);
	i->value = mu_strdup(key[1].text);
	l->nidentifiers++;
	return i->name == NULL || i->value == NULL ? MUSTER_ENOMEM : 0;
}

static int
by_name(const void *a, const void *b)
{
	const struct mu_layout_identifier *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int
mu_identifiers_read(
    struct mu_layout *l, const struct mu_yaml *top, struct mu_diags *diags)
{
	const struct mu_yaml *map = mu_yaml_get(top, "identifiers");
	int rc = 0;

	if (map == NULL || map->kind != MU_YAML_MAPPING || map->nitems == 0)
		return 0;
	if (map->nitems / 2 > MU_LAYOUT_MAX_IDENTIFIERS) {
		mu_diags_add(diags, map->place,
		    "identifiers: more than %d identifiers",
		    MU_LAYOUT_MAX_IDENTIFIERS);
		return 0;
	}
	l->identifiers = mu_calloc(map->nitems / 2, sizeof *l->identifiers);
	if (l->identifiers == NULL)
		return MUSTER_ENOMEM;
	for (size_t k = 0; k + 1 < map->nitems && rc == 0; k += 2)
		rc = read_row(l, &map->items[k], diags);
	if (rc == 0 && l->nidentifiers > 1)
		qsort(l->identifiers, l->nidentifiers, sizeof l->identifiers[0],
		    by_name);
	return rc;
}

void
mu_identifiers_clear(struct mu_layout *l)
{
	for (size_t k = 0; k < l->nidentifiers; k++) {
		mu_free(l->identifiers[k].name);
		mu_free(l->identifiers[k].value);
	}
	mu_free(l->identifiers);
}
