/* The layout after reading; see layout.h. */
#include "layout/layout.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "layout/fields.h"
#include "layout/identifiers.h"
#include "layout/pools.h"
#include "layout/rows.h"
#include "layout/section.h"
#include "layout/stores.h"

static const char *const role_names[] = {
	[MU_ROLE_NONE] = "none",
	[MU_ROLE_CONTROL] = "control",
	[MU_ROLE_LOGGER] = "logger",
	[MU_ROLE_MANAGER] = "manager",
	[MU_ROLE_PROXY] = "proxy",
	[MU_ROLE_WORKER] = "worker",
};

#define NROLES (sizeof role_names / sizeof role_names[0])

void
mu_layout_free(struct mu_layout *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->nnodes; i++)
		mu_layout_node_clear(&l->nodes[i]);
	mu_free(l->nodes);
	for (size_t i = 0; i < l->nstores; i++)
		mu_layout_store_clear(&l->stores[i]);
	mu_free(l->stores);
	for (size_t i = 0; i < l->npools; i++)
		mu_layout_pool_clear(&l->pools[i]);
	mu_free(l->pools);
	mu_identifiers_clear(l);
	mu_section_clear(&mu_fields_top, l);
	mu_free(l->file);
	mu_free(l->dir);
	mu_free(l);
}

const struct mu_layout_node *
mu_layout_node(const struct mu_layout *l, const char *name)
{
	size_t low = 0, high = l->nnodes;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(l->nodes[mid].name, name);

		if (order == 0)
			return &l->nodes[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const char *
mu_role_name(enum mu_role role)
{
	return (size_t)role < NROLES ? role_names[role] : "none";
}

int
mu_role_parse(const char *name)
{
	for (size_t i = MU_ROLE_CONTROL; i < NROLES; i++)
		if (strcmp(role_names[i], name) == 0)
			return (int)i;
	return -1;
}

char *
mu_layout_path(const struct mu_layout *l, const char *path, const char *node)
{
	static const char mark[] = "{node}";
	struct mu_buf b;
	const char *at;
	char *result;

	mu_buf_init(&b, 0);
	if (path[0] != '/' && strcmp(l->dir, ".") != 0) {
		mu_buf_str(&b, l->dir);
		if (strcmp(l->dir, "/") != 0)
			mu_buf_u8(&b, '/');
	}
	while ((at = strstr(path, mark)) != NULL) {
		mu_buf_put(&b, path, (size_t)(at - path));
		mu_buf_str(&b, node);
		path = at + sizeof mark - 1;
	}
	mu_buf_str(&b, path);
	result = mu_buf_take_string(&b);
	mu_buf_clear(&b);
	return result;
}
