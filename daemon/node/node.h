/* One node as a process: builds it bottom-up, runs it, takes it down. */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include <stdbool.h>

struct mu_layout;
struct mu_layout_node;
struct options;

/*
 * layout  taken
 * self    a node of it
 * quiet   somebody else puts the name before messages
 *
 * Returns the exit status, sys/exit.h, once the node was told to end.
 */
int node_run(const struct options *opt, struct mu_layout *layout,
    const struct mu_layout_node *self, bool quiet);

#endif
