/* Which nodes of a layout this process is about; see choose.h. */
#include "node/choose.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "layout/layout.h"
#include "sys/exit.h"

size_t
choose_local_nodes(const struct mu_layout *l, choose_local local, void *ctx,
    const struct mu_layout_node **out)
{
	const char *last = NULL;
	bool was_local = false;
	size_t n = 0;

	/* Neighbours in a layout often share a host: look it up once. */
	for (size_t i = 0; i < l->nnodes; i++) {
		const char *host = l->nodes[i].host;

		if (host == NULL)
			continue;
		if (last == NULL || strcmp(host, last) != 0)
			was_local = local(ctx, host);
		last = host;
		if (was_local)
			out[n++] = &l->nodes[i];
	}
	return n;
}

static void
say_which(
    const struct mu_layout_node **list, size_t n, char *err, size_t err_size)
{
	int len = snprintf(err, err_size,
	    "which node? these live on this "
	    "host:");

	for (size_t i = 0; i < n && len > 0 && (size_t)len < err_size; i++) {
		if (i == 8) {
			len += snprintf(err + len, err_size - (size_t)len,
			    " and %zu more", n - i);
			break;
		}
		len += snprintf(err + len, err_size - (size_t)len, "%s %s",
		    i == 0 ? "" : ",", list[i]->name);
	}
	if (len > 0 && (size_t)len < err_size)
		snprintf(err + len, err_size - (size_t)len,
		    " (name one, or -a for all)");
}

static const struct mu_layout_node *
choose_only(const struct mu_layout *l, choose_local local, void *ctx, int *code,
    char *err, size_t err_size)
{
	const struct mu_layout_node **list =
	    mu_calloc(l->nnodes + 1, sizeof(const struct mu_layout_node *));
	const struct mu_layout_node *only = NULL;
	size_t n;

	*code = EXIT_CONFIG;
	if (list == NULL) {
		snprintf(err, err_size, "out of memory");
		return NULL;
	}
	n = choose_local_nodes(l, local, ctx, list);
	if (n == 1) {
		only = list[0];
	} else if (n == 0) {
		snprintf(err, err_size,
		    "%s: no node of it lives on this host (name one)", l->file);
	} else {
		*code = EXIT_USAGE;
		say_which(list, n, err, err_size);
	}
	mu_free(list);
	return only;
}

static const char *
nearest_name(const struct mu_layout *l, const char *name)
{
	const char **names = mu_calloc(l->nnodes + 1, sizeof(const char *));
	const char *near;

	if (names == NULL)
		return NULL;
	for (size_t i = 0; i < l->nnodes; i++)
		names[i] = l->nodes[i].name;
	near = mu_text_nearest(name, names, l->nnodes);
	mu_free(names);
	return near;
}

const struct mu_layout_node *
choose_node(const struct mu_layout *l, const char *name, choose_local local,
    void *ctx, int *code, char *err, size_t err_size)
{
	const struct mu_layout_node *n;
	const char *near;

	if (name == NULL)
		return choose_only(l, local, ctx, code, err, err_size);
	n = mu_layout_node(l, name);
	if (n != NULL)
		return n;
	near = nearest_name(l, name);
	*code = EXIT_CONFIG;
	snprintf(err, err_size, "%s: no node \"%s\"%s%s%s", l->file, name,
	    near == NULL ? "" : " (did you mean \"", near == NULL ? "" : near,
	    near == NULL ? "" : "\"?)");
	return NULL;
}
