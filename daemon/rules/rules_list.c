/* The rules that are for this node, and what becomes of them when the layout
 * changes. */
#include "rules/rules_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "core/endpoint.h"
#include "layout/rules.h"
#include "muster/err.h"

static void
handler_free(struct handler *h)
{
	if (h == NULL)
		return;
	run_drop_queue(h);
	run_free_all(h);
	mu_free(h->shape);
	mu_free(h);
}

static void
label(struct handler *h)
{
	snprintf(h->label, sizeof h->label, "handler %zu (%.60s)", h->number,
	    h->row->event);
}

static struct handler *
handler_new(struct rules *rs, const struct mu_layout_handler *row)
{
	struct handler *h = mu_calloc(1, sizeof *h);

	if (h == NULL)
		return NULL;
	h->row = row;
	h->id = ++rs->last_id;
	h->last = &h->first;
	h->tokens = RULES_OUTPUT_LINES;
	h->token_time = rs->now;
	h->shape = mu_handler_text(row);
	if (h->shape != NULL)
		return h;
	mu_free(h);
	return NULL;
}

/* A rule that is written as before goes on: its queue, programs, counters. */
static struct handler *
take_over(struct rules *rs, const char *shape)
{
	for (size_t i = 0; i < rs->n; i++) {
		struct handler *h = rs->list[i];

		if (h != NULL && h->row == NULL && strcmp(h->shape, shape) == 0)
			return h;
	}
	return NULL;
}

static void
forget(struct handler **list, size_t n, bool fresh)
{
	for (size_t i = 0; list != NULL && i < n; i++)
		if (fresh)
			handler_free(list[i]);
	mu_free(list);
}

/* Everything that must be allocated. */
static int
make(struct rules *rs, struct handler ***list, size_t *n,
    struct auto_rule **autos, size_t *nautos)
{
	const struct mu_layout *l = endpoint_layout(rs->e);
	const struct mu_layout_node *node = endpoint_node(rs->e);

	*n = *nautos = 0;
	*list = mu_calloc(l->nhandlers + 1, sizeof(**list));
	*autos = mu_calloc(l->nautos + 1, sizeof(**autos));
	if (*list == NULL || *autos == NULL)
		return MUSTER_ENOMEM;
	for (size_t i = 0; i < l->nhandlers; i++) {
		const struct mu_layout_handler *row = &l->handlers[i];

		if (!mu_layout_on(row->on, row->non, node))
			continue;
		(*list)[*n] = handler_new(rs, row);
		if ((*list)[*n] == NULL)
			return MUSTER_ENOMEM;
		(*list)[(*n)++]->number = i + 1;
	}
	for (size_t i = 0; i < l->nautos; i++) {
		const struct mu_layout_auto *row = &l->autos[i];

		if (mu_layout_on(row->on, row->non, node))
			(*autos)[(*nautos)++] =
			    (struct auto_rule){ row, i + 1, 0 };
	}
	return 0;
}

static void
inherit_autos(struct rules *rs, struct auto_rule *autos, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < rs->nautos; k++)
			if (autos[i].number == rs->autos[k].number)
				autos[i].published = rs->autos[k].published;
}

/* The old ones that nobody took over end their programs and leave. */
static void
leave(struct rules *rs)
{
	for (size_t i = 0; i < rs->n; i++) {
		struct handler *h = rs->list[i];

		if (h == NULL)
			continue;
		run_drop_queue(h);
		run_end_all(rs, h);
		h->next = rs->leaving;
		rs->leaving = h;
	}
	rs->work = true;
}

static void
replace(struct rules *rs, struct handler **list, size_t n)
{
	for (size_t i = 0; i < rs->n; i++)
		rs->list[i]->row = NULL;
	for (size_t i = 0; i < n; i++) {
		struct handler *old = take_over(rs, list[i]->shape);

		if (old != NULL) {
			old->row = list[i]->row;
			old->number = list[i]->number;
			handler_free(list[i]);
			list[i] = old;
		}
		label(list[i]);
	}
	/* what was taken over is no longer in the old list */
	for (size_t i = 0; i < rs->n; i++)
		if (rs->list[i]->row != NULL)
			rs->list[i] = NULL;
	leave(rs);
	mu_free(rs->list);
	rs->list = list;
	rs->n = n;
}

int
rules_list_load(struct rules *rs)
{
	struct handler **list;
	struct auto_rule *autos;
	size_t n, nautos;
	int rc = make(rs, &list, &n, &autos, &nautos);

	if (rc != 0) {
		forget(list, n, true);
		mu_free(autos);
		/* the old rows are those of a layout that goes */
		list = NULL;
		autos = NULL;
		n = nautos = 0;
	}
	inherit_autos(rs, autos, nautos);
	mu_free(rs->autos);
	rs->autos = autos;
	rs->nautos = nautos;
	replace(rs, list, n);
	return rc;
}

void
rules_list_clear(struct rules *rs)
{
	forget(rs->list, rs->n, true);
	rs->list = NULL;
	rs->n = 0;
	while (rs->leaving != NULL) {
		struct handler *h = rs->leaving;

		rs->leaving = h->next;
		handler_free(h);
	}
	mu_free(rs->autos);
	rs->autos = NULL;
	rs->nautos = 0;
}

struct handler *
rules_list_find(const struct rules *rs, uint64_t id)
{
	for (size_t i = 0; i < rs->n; i++)
		if (rs->list[i]->id == id)
			return rs->list[i];
	return NULL;
}

void
rules_list_reap(struct rules *rs)
{
	struct handler **at = &rs->leaving;

	while (*at != NULL) {
		struct handler *h = *at;

		if (h->running > 0) {
			at = &h->next;
			continue;
		}
		*at = h->next;
		handler_free(h);
	}
}
