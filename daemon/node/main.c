/* musterd: reads the command line and the layout, then becomes what they
 * say.  musterd(8). */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "config.h"
#include "io/local.h"
#include "layout/layout.h"
#include "layout/read.h"
#include "node/all.h"
#include "node/choose.h"
#include "node/node.h"
#include "node/options.h"
#include "node/ready.h"
#include "sys/exit.h"
#include "sys/log.h"
#include "sys/process.h"

/* The layout, or NULL after all its mistakes were printed. */
static struct mu_layout *
read_layout(const char *file)
{
	struct mu_diags diags;
	struct mu_layout *l;
	char *line;

	if (mu_diags_init(&diags, file) != 0) {
		fprintf(stderr, "musterd: out of memory\n");
		return NULL;
	}
	l = mu_layout_load(file, &diags);
	for (size_t i = 0; (line = mu_diags_line(&diags, i)) != NULL; i++) {
		fprintf(stderr, "%s\n", line);
		mu_free(line);
	}
	if (mu_diags_count(&diags) > MU_DIAG_MAX)
		fprintf(stderr, "%s: %zu more mistakes\n", file,
		    mu_diags_count(&diags) - MU_DIAG_MAX);
	mu_diags_clear(&diags);
	return l;
}

/* A process in the background leaves the folder it was started in, but must
 * find its files again.  Owned by the caller; NULL: memory or folder gone. */
static char *
absolute(const char *path)
{
	char *cwd, *whole;

	if (path[0] == '/' || path[0] == '\0')
		return mu_strdup(path);
	cwd = getcwd(NULL, 0);
	if (cwd == NULL)
		return NULL;
	whole = mu_asprintf("%s/%s", cwd, path);
	mu_free(cwd);
	return whole;
}

static int
go_to_background(struct options *opt, char **layout, char **root)
{
	*layout = absolute(opt->layout);
	*root = absolute(opt->root);
	if (*layout == NULL || *root == NULL) {
		fprintf(stderr, "musterd: cannot name the current folder\n");
		return EXIT_CANTCREAT;
	}
	opt->layout = *layout;
	opt->root = *root;
	if (ready_detach() != 0) {
		perror("musterd: cannot go into the background");
		return EXIT_CANTCREAT;
	}
	umask(027);
	if (chdir("/") != 0) {
		perror("musterd: /");
		return EXIT_CANTCREAT;
	}
	return 0;
}

static bool
is_local(void *ctx, const char *host)
{
	(void)ctx;
	return local_host(host);
}

static int
run(struct options *opt, struct mu_layout *l, const struct mu_layout_node *self)
{
	char *layout = NULL, *root = NULL;
	char *name = self == NULL ? NULL : mu_strdup(self->name);
	bool quiet = ready_init();
	int code = 0;

	if (!opt->foreground) {
		code = go_to_background(opt, &layout, &root);
		/* Paths in it may be relative to where we were. */
		mu_layout_free(l);
		l = code == 0 ? read_layout(opt->layout) : NULL;
		if (code == 0 && l == NULL)
			code = EXIT_CONFIG;
		if (code == 0 && name != NULL)
			self = mu_layout_node(l, name);
	}
	if (code != 0)
		mu_layout_free(l);
	else if (opt->all)
		code = all_run(opt, l);
	else
		code = node_run(opt, l, self, quiet);
	mu_free(name);
	mu_free(layout);
	mu_free(root);
	return code;
}

int
main(int argc, char **argv)
{
	const struct mu_layout_node *self = NULL;
	struct mu_layout *l;
	struct options opt;
	char err[512];
	int code;

	mu_alloc_tune();
	if (process_init() != 0)
		return EXIT_CANTCREAT;
	switch (options_parse(&opt, argc, argv, err, sizeof err)) {
	case OPTIONS_HELP:
		options_usage(stdout);
		return EXIT_OK;
	case OPTIONS_VERSION:
		printf("musterd %s\n", PACKAGE_VERSION);
		return EXIT_OK;
	case OPTIONS_BAD:
		fprintf(stderr, "musterd: %s (musterd --help)\n", err);
		return EXIT_USAGE;
	case OPTIONS_RUN:
		break;
	}
	l = read_layout(opt.layout);
	if (l == NULL)
		return EXIT_CONFIG;
	if (!opt.all && (!opt.check || opt.node != NULL)) {
		self = choose_node(
		    l, opt.node, is_local, NULL, &code, err, sizeof err);
		if (self == NULL) {
			fprintf(stderr, "musterd: %s\n", err);
			mu_layout_free(l);
			return code;
		}
	}
	if (opt.check) {
		fprintf(stderr, "%s: ok, %zu node%s\n", opt.layout, l->nnodes,
		    l->nnodes == 1 ? "" : "s");
		mu_layout_free(l);
		return EXIT_OK;
	}
	return run(&opt, l, self);
}
