/* What the control socket may ask of the node itself. */
#ifndef NODE_CONTROL_H
#define NODE_CONTROL_H

#include <stddef.h>

struct node;

/* Make the node's control sessions and their socket.  0, or an error with err
 * [err_size] saying why; both are freed with the node. */
int node_control_open(struct node *n, char *err, size_t err_size);

#endif
