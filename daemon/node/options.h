/* The command line of musterd: musterd(8). */
#ifndef NODE_OPTIONS_H
#define NODE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

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

void options_usage(FILE *out);

#endif
