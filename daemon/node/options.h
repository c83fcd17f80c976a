/* The command line of musterd: musterd(8). */
#ifndef NODE_OPTIONS_H
#define NODE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct mu_diags;
struct mu_layout;

#define OPTIONS_LAYOUT "/etc/muster/cluster.yaml"

struct options {
	const char *layout; /* -f, or OPTIONS_LAYOUT */
	const char *root;   /* -r, or "" */
	const char *user;   /* --user, or NULL: the layout's */
	const char *node;   /* the argument, $MUSTER_NODE or $CLUSTER_NODE; or
			       NULL: whichever lives here */
	bool all;           /* -a */
	bool foreground;    /* -d */
	bool check;         /* -n */
	bool verbose;       /* -v */
};

enum options_result {
	OPTIONS_RUN,
	OPTIONS_HELP,
	OPTIONS_VERSION,
	OPTIONS_BAD /* err says why */
};

/*
 * Read argv.  Strings are borrowed from it and from the environment.
 *
 * err  [err_size] filled for OPTIONS_BAD: one line
 */
enum options_result options_parse(
    struct options *o, int argc, char **argv, char *err, size_t err_size);

/*
 * The layout once more, for a reload: as mu_layout_load, but never from a fifo,
 * which would make everybody who is served here wait for its writer.
 */
struct mu_layout *options_read_again(
    const struct options *o, struct mu_diags *diags);

void options_usage(FILE *out);

#endif
