/* Tables of --help: one look for musterd and all commands of musterctl. */
#ifndef SYS_USAGE_H
#define SYS_USAGE_H

#include <stddef.h>
#include <stdio.h>

struct usage_row {
	const char *left;  /* "-f layout", or NULL for a heading or gap */
	const char *right; /* what it does; with left NULL the heading, or
	                    * NULL for an empty line */
};

/*
 * Print rows [n]: the right column starts at the same place in all of them
 * and is wrapped at 80 columns.
 */
void usage_print(FILE *out, const struct usage_row *rows, size_t n);

#endif
