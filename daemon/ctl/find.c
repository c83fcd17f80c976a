/*
 * Which node is meant: -n, $MUSTER_NODE, $CLUSTER_NODE, or the only socket in
 * the run directory.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "base/text.h"
#include "ctl/ctl.h"
#include "layout/layout.h"
#include "layout/read.h"
#include "sys/exit.h"

#define DEFAULT_RUN "/run/muster"
#define MAX_NAMES   256 /* sockets looked at for suggestions */

static void
print_diags(struct mu_diags *d)
{
	size_t n = mu_diags_count(d);
	char *line;

	for (size_t i = 0; i < n && (line = mu_diags_line(d, i)) != NULL; i++) {
		say("%s", line);
		mu_free(line);
	}
	if (n > MU_DIAG_MAX)
		say("%s: %zu more mistakes", d->file, n - MU_DIAG_MAX);
}

struct mu_layout *
find_layout(const struct ctl *c, int *status)
{
	const char *file = c->layout == NULL ? DEFAULT_LAYOUT : c->layout;
	struct mu_layout *l = NULL;
	struct mu_diags d;

	*status = EXIT_CONFIG;
	if (mu_diags_init(&d, file) != 0) {
		complain("out of memory");
		return NULL;
	}
	l = mu_layout_load(file, &d);
	if (l == NULL)
		print_diags(&d);
	mu_diags_clear(&d);
	return l;
}

/* The run directory below the root; owned by the caller, NULL: no memory. */
static char *
below_root(const struct ctl *c, const struct mu_layout *l)
{
	return mu_asprintf("%s%s", c->root == NULL ? "" : c->root,
	    l == NULL || l->run_dir == NULL ? DEFAULT_RUN : l->run_dir);
}

int
find_run_directory(struct ctl *c)
{
	struct mu_layout *l = NULL;
	int status;

	if (c->layout != NULL) {
		l = find_layout(c, &status);
		if (l == NULL)
			return status;
	} else if (access(DEFAULT_LAYOUT, R_OK) == 0) {
		struct mu_diags d;

		/* Its mistakes are not what was asked about. */
		if (mu_diags_init(&d, DEFAULT_LAYOUT) == 0)
			l = mu_layout_load(DEFAULT_LAYOUT, &d);
		mu_diags_clear(&d);
	}
	c->run_dir = below_root(c, l);
	mu_layout_free(l);
	if (c->run_dir != NULL)
		return EXIT_OK;
	complain("out of memory");
	return EXIT_FAILED;
}

struct names {
	char *name[MAX_NAMES];
	size_t n;
	int error; /* errno of a directory that is there and not readable */
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
list_sockets(const char *dir, struct names *out)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	out->n = 0;
	out->error = d != NULL || errno == ENOENT ? 0 : errno;
	while (d != NULL && out->n < MAX_NAMES && (e = readdir(d)) != NULL) {
		size_t len = strlen(e->d_name);
		char *name;

		if (len < 6 || strcmp(e->d_name + len - 5, ".sock") != 0)
			continue;
		name = mu_memdup0(e->d_name, len - 5);
		if (name != NULL)
			out->name[out->n++] = name;
	}
	if (d != NULL)
		closedir(d);
	qsort(out->name, out->n, sizeof out->name[0], by_name);
}

static void
clear_names(struct names *n)
{
	for (size_t i = 0; i < n->n; i++)
		mu_free(n->name[i]);
}

/* "manager, worker-1" into out. */
static void
join_names(const struct names *n, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < n->n && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%s",
		    i == 0 ? "" : ", ", n->name[i]);
}

static const char *
named(const struct ctl *c)
{
	static const char *const vars[] = { "MUSTER_NODE", "CLUSTER_NODE" };

	if (c->node != NULL)
		return c->node;
	for (size_t i = 0; i < 2; i++) {
		const char *v = getenv(vars[i]);

		if (v != NULL && *v != '\0')
			return v;
	}
	return NULL;
}

/* Is its socket there, as far as we may see? */
static bool
is_there(const char *dir, const char *name)
{
	char *path = mu_asprintf("%s/%s.sock", dir, name);
	bool there = path == NULL || access(path, F_OK) == 0 || errno == EACCES;

	mu_free(path);
	return there;
}

/* The name to use, or NULL with err. */
static const char *
choose(const struct ctl *c, const char *dir, const struct names *n, char *err,
    size_t err_size)
{
	const char *name = named(c), *near;
	char list[1024];

	join_names(n, list, sizeof list);
	if (name != NULL && *name == '\0') {
		snprintf(err, err_size, "the name of the node is empty%s%s",
		    n->n == 0 ? "" : "; running: ", list);
		return NULL;
	}
	if (name != NULL && strchr(name, '/') != NULL) {
		snprintf(err, err_size, "%s is no name of a node", name);
		return NULL;
	}
	if (name != NULL) {
		if (is_there(dir, name))
			return name;
		near =
		    mu_text_nearest(name, (const char *const *)n->name, n->n);
		if (near != NULL)
			snprintf(err, err_size,
			    "node %s does not run here: "
			    "no %s/%s.sock (did you mean %s?)",
			    name, dir, name, near);
		else
			snprintf(err, err_size,
			    "node %s does not run here: "
			    "no %s/%s.sock%s%s",
			    name, dir, name,
			    n->n == 0 ? "" : "; running: ", list);
		return NULL;
	}
	if (n->n == 1)
		return n->name[0];
	if (n->error != 0)
		snprintf(err, err_size, "%s: %s", dir, strerror(n->error));
	else if (n->n == 0)
		snprintf(err, err_size,
		    "no node runs here: "
		    "no socket in %s",
		    dir);
	else
		snprintf(
		    err, err_size, "which node? name one with -n: %s", list);
	return NULL;
}

char *
find_socket(const struct ctl *c, char *err, size_t err_size)
{
	char *path = NULL, *dir = c->run_dir != NULL ? mu_strdup(c->run_dir)
						     : below_root(c, NULL);
	const char *name;
	struct names n;

	if (dir == NULL) {
		snprintf(err, err_size, "out of memory");
		return NULL;
	}
	list_sockets(dir, &n);
	name = choose(c, dir, &n, err, err_size);
	if (name != NULL) {
		path = mu_asprintf("%s/%s.sock", dir, name);
		if (path == NULL)
			snprintf(err, err_size, "out of memory");
	}
	clear_names(&n);
	mu_free(dir);
	return path;
}
