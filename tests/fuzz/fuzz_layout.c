/*
 * Any bytes as a layout: either it has mistakes, which are told, or there is
 * a layout of which every part can be used.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/diag.h"
#include "layout/layout.h"
#include "layout/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
use(const struct mu_layout *l)
{
	const struct mu_layout_node **out = calloc(l->nnodes, sizeof(*out));
	struct mu_buf b;

	if (out == NULL)
		abort();
	for (size_t i = 0; i < l->nnodes; i++) {
		const struct mu_layout_node *n = &l->nodes[i];

		if (mu_layout_node(l, n->name) != n ||
		    n->role == MU_ROLE_NONE || n->host == NULL ||
		    mu_layout_connectees(l, n, out) > l->nnodes)
			abort();
		/* A large one in full would only be slow. */
		if (i == 50)
			break;
	}
	free(out);
	for (size_t i = 0; i < l->nrelays; i++) {
		const struct mu_layout_relay *r = &l->relays[i];

		if (r->nby == 0 || r->to == NULL ||
		    mu_layout_relay_of(l, r->topic, strlen(r->topic)) != r)
			abort();
	}
	for (size_t i = 0; i < l->nhandlers; i++) {
		const struct mu_layout_handler *h = &l->handlers[i];

		if (h->event == NULL || (h->nrun > 0) +
						(h->store.name != NULL) +
						(h->log != NULL) !=
					    1)
			abort();
		mu_layout_on(h->on, h->non, &l->nodes[0]);
	}
	if (l->npools < 3)
		abort();
	for (size_t i = 1; i < l->npools; i++)
		if (strcmp(l->pools[i - 1].topic, l->pools[i].topic) >= 0)
			abort();
	mu_layout_digest(l);
	mu_buf_init(&b, 0);
	if (mu_layout_diff(l, l, l->nodes[0].name, &b) != 0 ||
	    mu_buf_len(&b) != 0)
		abort();
	mu_buf_clear(&b);
	if (l->tls == MU_TLS_CERTIFICATES)
		mu_free(mu_layout_path(l, l->certificate, "n"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mu_diags d;
	struct mu_layout *l;

	if (mu_diags_init(&d, "layout.yaml") != 0)
		abort();
	l = mu_layout_read("layout.yaml", (const char *)data, size, &d);
	if ((l == NULL) != (mu_diags_count(&d) > 0))
		abort();
	for (size_t i = 0; i < d.n; i++)
		mu_free(mu_diags_line(&d, i));
	if (l != NULL)
		use(l);
	mu_layout_free(l);
	mu_diags_clear(&d);
	return 0;
}
