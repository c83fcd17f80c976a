/* Rules across nodes; see check.h. */
#include "layout/check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "layout/layout.h"
#include "layout/links.h"
#include "layout/names.h"
#include "layout/rows.h"
#include "layout/yaml.h"
#include "muster/err.h"

#define HOST_MAX 256 /* a name has 253 */

struct check {
	const struct mu_layout *layout;
	const struct mu_rows *rows;
	const struct mu_yaml *top;
	struct mu_diags *diags;
};

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const struct mu_draft *
find_role(const struct mu_rows *rows, enum mu_role role)
{
	for (size_t i = 0; i < rows->n; i++)
		if (rows->list[i].node.role == role)
			return &rows->list[i];
	return NULL;
}

/* The rows in which two managers are a mistake use the first by name. */
static int
complete_node(struct mu_draft *d, const struct mu_draft *manager)
{
	struct mu_layout_node *n = &d->node;
	const char *address;

	if (n->manager != NULL && strcmp(n->manager, "none") == 0) {
		mu_free(n->manager);
		n->manager = NULL;
	} else if (manager != NULL && !mu_draft_has(d, "manager") &&
		   (n->role == MU_ROLE_WORKER || n->role == MU_ROLE_PROXY)) {
		n->manager = mu_strdup(manager->node.name);
		if (n->manager == NULL)
			return MUSTER_ENOMEM;
	}
	if (n->port == 0 || n->host == NULL || n->listen != NULL)
		return 0;
	address = mu_host_loopback(n->host);
	if (address != NULL) {
		n->listen = mu_strdup(address);
		if (n->listen == NULL)
			return MUSTER_ENOMEM;
	}
	return 0;
}

/* Nodes of the layout that may come from the same address, at most. */
static size_t
most_of_a_host(const struct mu_layout *l, const char **hosts)
{
	size_t n = 0, run = 0, most = 0;

	for (size_t i = 0; i < l->nnodes; i++)
		if (l->nodes[i].host != NULL)
			hosts[n++] = l->nodes[i].host;
	if (n > 1)
		qsort(hosts, n, sizeof *hosts, by_text);
	for (size_t i = 0; i < n; i++) {
		bool same = i > 0 && strcmp(hosts[i - 1], hosts[i]) == 0;

		run = same ? run + 1 : 1;
		if (run > most)
			most = run;
	}
	return most;
}

int
mu_check_limits(struct mu_layout *l, const struct mu_yaml *top)
{
	const struct mu_yaml *limits = mu_yaml_get(top, "limits");
	struct mu_limits *m = &l->limits;
	const char **hosts = mu_calloc(l->nnodes + 1, sizeof *hosts);
	size_t most;

	if (hosts == NULL)
		return MUSTER_ENOMEM;
	most = most_of_a_host(l, hosts);
	mu_free(hosts);
	/* Twice: a node that comes back may be there before the connection
	 * of its earlier life is given up. */
	if (mu_yaml_get(limits, "connections") == NULL &&
	    m->connections < 2 * l->nnodes)
		m->connections = 2 * l->nnodes;
	if (mu_yaml_get(limits, "connections_per_address") == NULL &&
	    m->connections_per_address < 2 * most)
		m->connections_per_address = 2 * most;
	return 0;
}

int
mu_check_complete(
    struct mu_layout *l, struct mu_rows *rows, const struct mu_yaml *top)
{
	const struct mu_draft *manager = find_role(rows, MU_ROLE_MANAGER);
	int rc = 0;

	if (mu_yaml_get(top, "manager_is_logger") == NULL)
		l->manager_is_logger = find_role(rows, MU_ROLE_LOGGER) == NULL;
	l->replay_set = mu_yaml_get(top, "replay_started") != NULL;
	for (size_t i = 0; i < rows->n && rc == 0; i++)
		rc = complete_node(&rows->list[i], manager);
	return rc;
}

static void
check_duplicates(const struct check *c)
{
	const struct mu_draft *first = c->rows->list;

	for (size_t i = 1; i < c->rows->n; i++) {
		const struct mu_draft *d = &c->rows->list[i];

		if (strcmp(first->node.name, d->node.name) != 0) {
			first = d;
			continue;
		}
		mu_diags_add(c->diags, d->node.place,
		    "node \"%s\": is given twice (first on line %u, column "
		    "%u)",
		    d->node.name, first->node.place.line,
		    first->node.place.column);
	}
}

static struct mu_place
nodes_place(const struct check *c)
{
	for (size_t i = 0; i + 1 < c->top->nitems; i += 2)
		if (c->top->items[i].kind == MU_YAML_SCALAR &&
		    strcmp(c->top->items[i].text, "nodes") == 0)
			return c->top->items[i].place;
	return c->top->place;
}

/* The manager that comes first in the file; the others are too many. */
static const struct mu_draft *
first_manager(const struct check *c)
{
	const struct mu_draft *first = NULL;

	for (size_t i = 0; i < c->rows->n; i++) {
		const struct mu_draft *d = &c->rows->list[i];

		if (d->node.role == MU_ROLE_MANAGER &&
		    (first == NULL || d->key < first->key))
			first = d;
	}
	return first;
}

static void
check_managers(const struct check *c)
{
	const struct mu_draft *first = first_manager(c);

	if (first == NULL && c->rows->whole)
		mu_diags_add(c->diags, nodes_place(c),
		    "nodes: missing "
		    "manager (one node must have the role manager)");
	for (size_t i = 0; i < c->rows->n; i++) {
		const struct mu_draft *d = &c->rows->list[i];

		if (d->node.role == MU_ROLE_MANAGER && d != first &&
		    strcmp(d->node.name, first->node.name) != 0)
			mu_diags_add(c->diags, mu_draft_place(d, "role"),
			    "node \"%s\": is a second manager (the first is "
			    "\"%s\" on line %u)",
			    d->node.name, first->node.name,
			    first->node.place.line);
	}
}

/* Two spellings of one address are one host. */
static int
compare_hosts(const char *a, const char *b)
{
	char x[HOST_MAX], y[HOST_MAX];

	mu_host_plain(a, x, sizeof x);
	mu_host_plain(b, y, sizeof y);
	return strcmp(x, y);
}

static int
by_address(const void *a, const void *b)
{
	const struct mu_draft *const *pa = a, *const *pb = b;
	const struct mu_layout_node *x = &(*pa)->node, *y = &(*pb)->node;
	int order = compare_hosts(x->host, y->host);

	if (order != 0)
		return order;
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	if ((*pa)->key != (*pb)->key)
		return (*pa)->key < (*pb)->key ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int
check_ports(const struct check *c)
{
	const struct mu_draft **list = mu_calloc(c->rows->n, sizeof(*list));
	size_t n = 0;

	if (list == NULL)
		return MUSTER_ENOMEM;
	for (size_t i = 0; i < c->rows->n; i++)
		if (c->rows->list[i].node.port != 0 &&
		    c->rows->list[i].node.host != NULL)
			list[n++] = &c->rows->list[i];
	qsort(list, n, sizeof(*list), by_address);
	for (size_t i = 1; i < n; i++) {
		const struct mu_layout_node *x = &list[i - 1]->node;
		const struct mu_layout_node *y = &list[i]->node;

		if (x->port == y->port &&
		    compare_hosts(x->host, y->host) == 0 &&
		    strcmp(x->name, y->name) != 0)
			mu_diags_add(c->diags, mu_draft_place(list[i], "port"),
			    "node \"%s\": port %u on host %s is that of "
			    "\"%s\" already",
			    y->name, y->port, y->host, x->name);
	}
	mu_free(list);
	return 0;
}

static void
check_certificates(const struct check *c)
{
	static const char *const keys[] = { "certificate", "key" };

	if (c->layout->tls == MU_TLS_CERTIFICATES)
		return;
	for (size_t i = 0; i < c->rows->n; i++) {
		const struct mu_draft *d = &c->rows->list[i];

		for (size_t k = 0; d->first && k < 2; k++)
			if (mu_draft_has(d, keys[k]))
				mu_diags_add(c->diags,
				    mu_draft_place(d, keys[k]),
				    "node \"%s\": %s is of no use with tls: "
				    "%s",
				    d->key->text, keys[k],
				    c->layout->tls == MU_TLS_NONE
					? "none"
					: "anonymous");
	}
}

/* The place of a limit, or of the other one if that is the one given. */
static struct mu_place
limit_place(const struct check *c, const char *key, const char *other)
{
	const struct mu_yaml *limits = mu_yaml_get(c->top, "limits");
	const struct mu_yaml *value = mu_yaml_get(limits, key);

	if (value == NULL)
		value = mu_yaml_get(limits, other);
	return value == NULL ? c->top->place : value->place;
}

static void
check_limits(const struct check *c)
{
	const struct mu_limits *m = &c->layout->limits;

	/* A limit that could not be read is 0 and was reported. */
	if (m->dead_ns != 0 && m->dead_ns <= m->ping_ns)
		mu_diags_add(c->diags, limit_place(c, "dead", "ping"),
		    "limits: dead must be longer than ping");
	if (m->retry_max_ns != 0 && m->retry_max_ns < m->retry_min_ns)
		mu_diags_add(c->diags, limit_place(c, "retry_max", "retry_min"),
		    "limits: retry_max must not be shorter than retry_min");
	if (m->frame_bytes != 0 && m->frame_bytes < m->handshake_bytes)
		mu_diags_add(c->diags,
		    limit_place(c, "frame", "handshake_frame"),
		    "limits: frame must not be smaller than "
		    "handshake_frame");
}

int
mu_check_rules(const struct mu_layout *l, const struct mu_rows *rows,
    const struct mu_yaml *top, struct mu_diags *diags)
{
	struct check c = { l, rows, top, diags };
	int rc;

	check_limits(&c);
	if (rows->n == 0)
		return 0;
	check_duplicates(&c);
	check_managers(&c);
	check_certificates(&c);
	rc = check_ports(&c);
	return rc == 0 ? mu_links_check(rows, diags) : rc;
}
