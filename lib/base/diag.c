/* Collected diagnostics with places; see diag.h. */
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "muster/err.h"

int
mu_diags_init(struct mu_diags *d, const char *file)
{
	memset(d, 0, sizeof *d);
	d->file = mu_strdup(file);
	return d->file == NULL ? MUSTER_ENOMEM : 0;
}

void
mu_diags_clear(struct mu_diags *d)
{
	for (size_t i = 0; i < d->n; i++)
		mu_free(d->list[i].text);
	mu_free(d->file);
	memset(d, 0, sizeof *d);
}

static int
compare_places(const void *a, const void *b)
{
	const struct mu_diag *x = a, *y = b;

	if (x->place.line != y->place.line)
		return x->place.line < y->place.line ? -1 : 1;
	if (x->place.column != y->place.column)
		return x->place.column < y->place.column ? -1 : 1;
	return strcmp(x->text, y->text);
}

static int
is_known(const struct mu_diags *d, struct mu_place at, const char *text)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->list[i].place.line == at.line &&
		    d->list[i].place.column == at.column &&
		    strcmp(d->list[i].text, text) == 0)
			return 1;
	return 0;
}

void
mu_diags_add(struct mu_diags *d, struct mu_place at, const char *fmt, ...)
{
	struct mu_buf b;
	va_list ap;
	char *text;

	mu_buf_init(&b, 0);
	va_start(ap, fmt);
	mu_buf_vprintf(&b, fmt, ap);
	va_end(ap);
	text = mu_buf_take_string(&b);
	mu_buf_clear(&b);
	if (text != NULL && is_known(d, at, text)) {
		mu_free(text);
		return;
	}
	d->total++;
	if (text == NULL) {
		d->lost++;
		return;
	}
	if (d->n == MU_DIAG_MAX) {
		mu_free(text);
		return;
	}
	d->list[d->n].place = at;
	d->list[d->n].text = text;
	d->n++;
}

size_t
mu_diags_count(const struct mu_diags *d)
{
	return d->total;
}

char *
mu_diags_line(struct mu_diags *d, size_t i)
{
	const struct mu_diag *e = &d->list[i];

	if (i >= d->n)
		return NULL;
	if (i == 0)
		qsort(d->list, d->n, sizeof d->list[0], compare_places);
	if (e->place.line == 0)
		return mu_asprintf("%s: %s", d->file, e->text);
	return mu_asprintf("%s:%u:%u: %s", d->file, e->place.line,
	    e->place.column, e->text);
}
