/* Who connects to whom; see links.h. */
#include "layout/links.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "layout/layout.h"
#include "layout/range.h"
#include "layout/rows.h"
#include "layout/yaml.h"
#include "muster/err.h"

struct links {
	const struct mu_rows *rows;
	struct mu_diags *diags;
};

/* ' (did you mean "manager"?)' or nothing; the caller owns it. */
static char *
suggest_node(const struct links *c, const char *name)
{
	const char **names, *nearest;
	char *text;

	/* Beyond that nobody reads it, and 10,000 names take their time. */
	if (c->diags->n == MU_DIAG_MAX)
		return mu_strdup("");
	names = mu_calloc(c->rows->n, sizeof(*names));
	if (names == NULL)
		return NULL;
	for (size_t i = 0; i < c->rows->n; i++)
		names[i] = c->rows->list[i].node.name;
	nearest = mu_text_nearest(name, names, c->rows->n);
	text = nearest == NULL
		   ? mu_strdup("")
		   : mu_asprintf(" (did you mean \"%s\"?)", nearest);
	mu_free(names);
	return text;
}

static int
no_such_node(const struct links *c, const struct mu_draft *d,
    struct mu_place at, const char *key, const char *name)
{
	char *hint = suggest_node(c, name);

	if (hint == NULL)
		return MUSTER_ENOMEM;
	mu_diags_add(c->diags, at, "node \"%s\": %s: no node \"%s\"%s",
	    d->key->text, key, name, hint);
	mu_free(hint);
	return 0;
}

/* Told once for all nodes of a row: they share the word. */
static int
check_manager(const struct links *c, const struct mu_draft *d)
{
	const struct mu_draft *manager;
	struct mu_place at = mu_draft_place(d, "manager");

	if (!d->first || d->node.manager == NULL || !mu_draft_has(d, "manager"))
		return 0;
	if (d->node.role == MU_ROLE_MANAGER) {
		mu_diags_add(c->diags, at,
		    "node \"%s\": manager: a manager "
		    "has none (leave the key out)",
		    d->key->text);
		return 0;
	}
	manager = mu_rows_find(c->rows, d->node.manager);
	if (manager == NULL)
		return no_such_node(c, d, at, "manager", d->node.manager);
	if (manager->node.role != MU_ROLE_MANAGER &&
	    manager->node.role != MU_ROLE_NONE)
		mu_diags_add(c->diags, at,
		    "node \"%s\": manager: \"%s\" is a %s, not the manager",
		    d->key->text, d->node.manager,
		    mu_role_name(manager->node.role));
	return 0;
}

/* The list's element that stands for the name. */
static struct mu_place
connect_place(const struct links *c, const struct mu_draft *d, const char *name)
{
	const struct mu_yaml *list = mu_yaml_get(d->key + 1, "connect");

	if (c->diags->n == MU_DIAG_MAX)
		return list->place;
	for (size_t i = 0; i < list->nitems; i++) {
		const struct mu_yaml *e = &list->items[i];
		char why[160], *word;
		size_t count;
		bool found = false;

		if (e->kind != MU_YAML_SCALAR ||
		    mu_range_count(e->text, &count, why, sizeof why) != 0)
			continue;
		for (size_t k = 0; !found && k < (count ? count : 1); k++) {
			word = mu_range_word(e->text, k);
			found = word != NULL && strcmp(word, name) == 0;
			mu_free(word);
		}
		if (found)
			return e->place;
	}
	return list->place;
}

static int
by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* Told once for all nodes of a row: they share the list. */
static int
check_shared_list(const struct links *c, const struct mu_draft *d)
{
	size_t n = d->node.nconnect;
	const char **names = mu_calloc(n, sizeof(*names));
	int rc = 0;

	if (names == NULL)
		return MUSTER_ENOMEM;
	for (size_t i = 0; i < n; i++)
		names[i] = d->node.connect[i];
	qsort(names, n, sizeof(*names), by_text);
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (i > 0 && strcmp(names[i - 1], names[i]) == 0)
			mu_diags_add(c->diags, connect_place(c, d, names[i]),
			    "node \"%s\": connect: \"%s\" is given twice",
			    d->key->text, names[i]);
		else if (mu_rows_find(c->rows, names[i]) == NULL)
			rc = no_such_node(c, d, connect_place(c, d, names[i]),
			    "connect", names[i]);
	}
	mu_free(names);
	return rc;
}

static int
check_connect(const struct links *c, const struct mu_draft *d)
{
	for (size_t i = 0; i < d->node.nconnect; i++) {
		const char *name = d->node.connect[i];

		if (strcmp(name, d->node.name) == 0)
			mu_diags_add(c->diags, connect_place(c, d, name),
			    "node \"%s\": connect: a node does not connect "
			    "to itself",
			    name);
	}
	if (!d->first || d->node.nconnect == 0)
		return 0;
	return check_shared_list(c, d);
}

/* Who dials nodes of a role by Zeek's rule; the first by name. */
static const struct mu_draft *
dialer_of_role(const struct mu_rows *rows, enum mu_role role)
{
	for (size_t i = 0; i < rows->n; i++) {
		const struct mu_layout_node *n = &rows->list[i].node;

		if (n->connect != NULL)
			continue;
		if (n->role == MU_ROLE_WORKER ||
		    (role == MU_ROLE_LOGGER && (n->role == MU_ROLE_PROXY ||
						   n->role == MU_ROLE_MANAGER)))
			return &rows->list[i];
	}
	return NULL;
}

/* Note that d dials the node of that name, unless it is known already. */
static void
note_dialer(const struct links *c, const struct mu_draft **dialers,
    const struct mu_draft *d, const char *name)
{
	const struct mu_draft *target = mu_rows_find(c->rows, name);

	if (target != NULL && dialers[target - c->rows->list] == NULL)
		dialers[target - c->rows->list] = d;
}

static void
note_dialers(const struct links *c, const struct mu_draft **dialers)
{
	const struct mu_draft *of_logger, *of_proxy;

	of_logger = dialer_of_role(c->rows, MU_ROLE_LOGGER);
	of_proxy = dialer_of_role(c->rows, MU_ROLE_PROXY);
	for (size_t i = 0; i < c->rows->n; i++) {
		const struct mu_draft *d = &c->rows->list[i];
		const struct mu_layout_node *n = &d->node;

		if (n->role == MU_ROLE_LOGGER && dialers[i] == NULL)
			dialers[i] = of_logger;
		if (n->role == MU_ROLE_PROXY && dialers[i] == NULL)
			dialers[i] = of_proxy;
		if (n->connect != NULL) {
			for (size_t k = 0; k < n->nconnect; k++)
				note_dialer(c, dialers, d, n->connect[k]);
		} else if (n->manager != NULL &&
			   (n->role == MU_ROLE_WORKER ||
			       n->role == MU_ROLE_PROXY)) {
			note_dialer(c, dialers, d, n->manager);
		}
	}
}

static int
check_listeners(const struct links *c)
{
	const struct mu_draft **dialers =
	    mu_calloc(c->rows->n, sizeof(*dialers));

	if (dialers == NULL)
		return MUSTER_ENOMEM;
	note_dialers(c, dialers);
	for (size_t i = 0; i < c->rows->n; i++) {
		const struct mu_draft *d = &c->rows->list[i];

		if (dialers[i] != NULL && dialers[i] != d &&
		    !mu_draft_has(d, "port"))
			mu_diags_add(c->diags, d->node.place,
			    "node \"%s\": no port, but \"%s\" connects to it "
			    "(add for example port: 27761)",
			    d->node.name, dialers[i]->node.name);
		if (d->first && !mu_draft_has(d, "port") &&
		    mu_draft_has(d, "listen"))
			mu_diags_add(c->diags, mu_draft_place(d, "listen"),
			    "node \"%s\": listen without a port (add one, or "
			    "leave listen out)",
			    d->key->text);
	}
	mu_free(dialers);
	return 0;
}

int
mu_links_check(const struct mu_rows *rows, struct mu_diags *diags)
{
	struct links c = { rows, diags };
	int rc = 0;

	for (size_t i = 0; i < rows->n && rc == 0; i++) {
		rc = check_manager(&c, &rows->list[i]);
		if (rc == 0)
			rc = check_connect(&c, &rows->list[i]);
	}
	return rc == 0 ? check_listeners(&c) : rc;
}
