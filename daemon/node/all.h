/* musterd -a: every node of this host, one process each. */
#ifndef NODE_ALL_H
#define NODE_ALL_H

struct mu_layout;
struct options;

/*
 * layout  taken
 *
 * Returns the exit status, sys/exit.h, once all were told to end, or once
 * none of them can run.
 */
int all_run(const struct options *opt, struct mu_layout *layout);

#endif
