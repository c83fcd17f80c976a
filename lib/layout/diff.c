/*
 * What a reload would change, for the operator to read and for the daemon to
 * refuse.  Fields with MU_FIELD_FIXED cannot change: who has this name, where
 * it listens and how it proves itself were decided when the node started.
 */
#include "layout/read.h"

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "layout/fields.h"
#include "layout/layout.h"
#include "layout/scalars.h"
#include "layout/section_rows.h"
#include "muster/err.h"

struct diff {
	struct mu_buf *out;
	unsigned fixed; /* flags of fields that cannot change here */
	int ncannot;    /* lines that refuse the reload */
	int error;      /* MUSTER_ENOMEM when a value could not be shown */
};

static const char *
verdict(struct diff *d, bool fixed)
{
	if (!fixed)
		return "can";
	d->ncannot++;
	return "cannot";
}

/* The values of one field as text; false when memory is out. */
static bool
show(struct mu_buf *b, const struct mu_field *f, const void *base)
{
	mu_buf_init(b, 0);
	mu_scalar_put(b, f, base);
	return mu_buf_error(b) == 0;
}

static bool
differs(const struct mu_buf *a, const struct mu_buf *b)
{
	size_t n = mu_buf_len(a);

	return n != mu_buf_len(b) ||
	       (n > 0 && memcmp(mu_buf_data(a), mu_buf_data(b), n) != 0);
}

static void
diff_field(struct diff *d, const char *prefix, const struct mu_field *f,
    const void *a, const void *b, bool fixed)
{
	struct mu_buf old, new;
	bool ok = show(&old, f, a);

	ok = show(&new, f, b) && ok;
	if (!ok)
		d->error = MUSTER_ENOMEM;
	else if (differs(&old, &new))
		mu_buf_printf(d->out, "%s: %s%s %.*s -> %.*s\n",
		    verdict(d, fixed), prefix, f->key, (int)mu_buf_len(&old),
		    (const char *)mu_buf_data(&old), (int)mu_buf_len(&new),
		    (const char *)mu_buf_data(&new));
	mu_buf_clear(&old);
	mu_buf_clear(&new);
}

/* Is there such a row in the list at base? */
static bool
has_row(struct diff *d, const struct mu_field *f, const void *base,
    const struct mu_buf *text)
{
	bool found = false;

	for (size_t i = 0; i < mu_section_rows_count(f, base) && !found; i++) {
		struct mu_buf b;

		mu_buf_init(&b, 0);
		mu_section_row_put(&b, f, mu_section_rows_at(f, base, i));
		if (mu_buf_error(&b) != 0)
			d->error = MUSTER_ENOMEM;
		found = !differs(text, &b);
		mu_buf_clear(&b);
	}
	return found;
}

/* The rows of list a that list b has not. */
static void
diff_rows(struct diff *d, const struct mu_field *f, const void *a,
    const void *b, const char *what)
{
	for (size_t i = 0; i < mu_section_rows_count(f, a); i++) {
		struct mu_buf text;

		mu_buf_init(&text, 0);
		mu_section_row_put(&text, f, mu_section_rows_at(f, a, i));
		if (mu_buf_error(&text) != 0)
			d->error = MUSTER_ENOMEM;
		else if (!has_row(d, f, b, &text))
			mu_buf_printf(d->out, "can: %s %.*s %s\n", f->key,
			    (int)mu_buf_len(&text),
			    (const char *)mu_buf_data(&text), what);
		mu_buf_clear(&text);
	}
}

static void
diff_section(struct diff *d, const char *prefix, const struct mu_section *s,
    const void *a, const void *b)
{
	for (size_t i = 0; i < s->nfields; i++) {
		const struct mu_field *f = &s->fields[i];
		char inner[32] = "";

		if (f->kind == MU_KIND_NODES || f->kind == MU_KIND_STORES ||
		    f->kind == MU_KIND_POOLS ||
		    f->kind == MU_KIND_IDENTIFIERS || f->kind == MU_KIND_REFUSED)
			continue;
		if (f->kind == MU_KIND_ROWS) {
			diff_rows(d, f, a, b, "removed");
			diff_rows(d, f, b, a, "added");
			continue;
		}
		if (f->kind != MU_KIND_SECTION) {
			diff_field(d, prefix, f, a, b, f->flags & d->fixed);
			continue;
		}
		strncat(inner, f->key, sizeof inner - 2);
		strcat(inner, ".");
		diff_section(d, inner, f->section, mu_field_peek(f, a),
		    mu_field_peek(f, b));
	}
}

static const char *
tls_name(enum mu_tls_mode mode)
{
	return mode == MU_TLS_NONE        ? "none"
	       : mode == MU_TLS_ANONYMOUS ? "anonymous"
					  : "certificates";
}

/* With a node gone or new there is nothing to compare. */
static void
diff_presence(
    struct diff *d, const struct mu_layout_node *n, bool added, bool self)
{
	mu_buf_printf(d->out, "%s: node %s %s\n", verdict(d, self), n->name,
	    added ? "added" : "removed");
}

static void
diff_node(struct diff *d, const struct mu_layout_node *a,
    const struct mu_layout_node *b, bool self)
{
	char *prefix = mu_asprintf("node %s ", a->name);

	if (prefix == NULL) {
		d->error = MUSTER_ENOMEM;
		return;
	}
	for (size_t i = 0; i < mu_fields_node.nfields; i++) {
		const struct mu_field *f = &mu_fields_node.fields[i];

		if (f->kind != MU_KIND_REFUSED)
			diff_field(d, prefix, f, a, b,
			    self && f->flags & MU_FIELD_FIXED);
	}
	mu_free(prefix);
}

/* Both lists are sorted by name. */
static void
diff_nodes(struct diff *d, const struct mu_layout *a, const struct mu_layout *b,
    const char *self)
{
	size_t i = 0, k = 0;

	while (i < a->nnodes || k < b->nnodes) {
		const struct mu_layout_node *x = &a->nodes[i];
		const struct mu_layout_node *y = &b->nodes[k];
		int order = i == a->nnodes   ? 1
			    : k == b->nnodes ? -1
					     : strcmp(x->name, y->name);
		bool is_self = self != NULL &&
			       strcmp(order > 0 ? y->name : x->name, self) == 0;

		if (order == 0)
			diff_node(d, x, y, is_self);
		else
			diff_presence(d, order > 0 ? y : x, order > 0, is_self);
		i += order <= 0;
		k += order >= 0;
	}
}

static void
diff_store(struct diff *d, const struct mu_layout_store *a,
    const struct mu_layout_store *b)
{
	char *prefix = mu_asprintf("store %s ", a->name);

	if (prefix == NULL) {
		d->error = MUSTER_ENOMEM;
		return;
	}
	for (size_t i = 0; i < mu_fields_store.nfields; i++) {
		const struct mu_field *f = &mu_fields_store.fields[i];

		diff_field(d, prefix, f, a, b, f->flags & d->fixed);
	}
	mu_free(prefix);
}

/* Stores are opened when a node starts: none comes or goes while it runs. */
static void
diff_stores(
    struct diff *d, const struct mu_layout *a, const struct mu_layout *b)
{
	size_t i = 0, k = 0;

	while (i < a->nstores || k < b->nstores) {
		const struct mu_layout_store *x = &a->stores[i];
		const struct mu_layout_store *y = &b->stores[k];
		int order = i == a->nstores   ? 1
			    : k == b->nstores ? -1
					      : strcmp(x->name, y->name);

		if (order == 0)
			diff_store(d, x, y);
		else
			mu_buf_printf(d->out, "%s: store %s %s\n",
			    verdict(d, true), order > 0 ? y->name : x->name,
			    order > 0 ? "added" : "removed");
		i += order <= 0;
		k += order >= 0;
	}
}

static void
diff_pool(struct diff *d, const struct mu_layout_pool *a,
    const struct mu_layout_pool *b)
{
	char *prefix = mu_asprintf("pool %s ", a->name);

	if (prefix == NULL) {
		d->error = MUSTER_ENOMEM;
		return;
	}
	for (size_t i = 0; i < mu_fields_pool.nfields; i++) {
		const struct mu_field *f = &mu_fields_pool.fields[i];

		diff_field(d, prefix, f, a, b, f->flags & d->fixed);
	}
	mu_free(prefix);
}

static const struct mu_layout_pool *
find_pool(const struct mu_layout *l, const char *name)
{
	for (size_t i = 0; i < l->npools; i++)
		if (strcmp(l->pools[i].name, name) == 0)
			return &l->pools[i];
	return NULL;
}

/* Pools come, go and change their size while a node runs. */
static void
diff_pools(struct diff *d, const struct mu_layout *a, const struct mu_layout *b)
{
	for (size_t i = 0; i < a->npools; i++) {
		const struct mu_layout_pool *p = &a->pools[i];
		const struct mu_layout_pool *other = find_pool(b, p->name);

		if (other != NULL)
			diff_pool(d, p, other);
		else
			mu_buf_printf(d->out, "%s: pool %s removed\n",
			    verdict(d, false), p->name);
	}
	for (size_t i = 0; i < b->npools; i++)
		if (find_pool(a, b->pools[i].name) == NULL)
			mu_buf_printf(d->out, "%s: pool %s added\n",
			    verdict(d, false), b->pools[i].name);
}

static const struct mu_layout_identifier *
find_identifier(const struct mu_layout *l, const char *name)
{
	for (size_t i = 0; i < l->nidentifiers; i++)
		if (strcmp(l->identifiers[i].name, name) == 0)
			return &l->identifiers[i];
	return NULL;
}

static void
diff_identifiers(
    struct diff *d, const struct mu_layout *a, const struct mu_layout *b)
{
	for (size_t i = 0; i < a->nidentifiers; i++) {
		const struct mu_layout_identifier *x = &a->identifiers[i];
		const struct mu_layout_identifier *y =
		    find_identifier(b, x->name);

		if (y == NULL)
			mu_buf_printf(d->out, "%s: identifier %s removed\n",
			    verdict(d, false), x->name);
		else if (strcmp(x->value, y->value) != 0)
			mu_buf_printf(d->out, "%s: identifier %s %s -> %s\n",
			    verdict(d, false), x->name, x->value, y->value);
	}
	for (size_t i = 0; i < b->nidentifiers; i++)
		if (find_identifier(a, b->identifiers[i].name) == NULL)
			mu_buf_printf(d->out, "%s: identifier %s added\n",
			    verdict(d, false), b->identifiers[i].name);
}

int
mu_layout_diff(const struct mu_layout *a, const struct mu_layout *b,
    const char *self, struct mu_buf *out)
{
	const struct mu_layout_node *node =
	    self == NULL ? NULL : mu_layout_node(a, self);
	struct diff d = { .out = out, .fixed = MU_FIELD_FIXED };

	if (node != NULL && node->role == MU_ROLE_MANAGER)
		d.fixed |= MU_FIELD_MANAGER;
	if (a->tls != b->tls)
		mu_buf_printf(out, "%s: tls %s -> %s\n", verdict(&d, true),
		    tls_name(a->tls), tls_name(b->tls));
	diff_section(&d, "", &mu_fields_top, a, b);
	diff_nodes(&d, a, b, self);
	diff_stores(&d, a, b);
	diff_pools(&d, a, b);
	diff_identifiers(&d, a, b);
	if (d.error != 0 || mu_buf_error(out) != 0)
		return MUSTER_ENOMEM;
	return d.ncannot;
}
