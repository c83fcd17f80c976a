/* The stores of a node as a process: their files, their commits, their part of
 * a turn. */
#ifndef NODE_STORES_H
#define NODE_STORES_H

#include <stdbool.h>
#include <stdint.h>

struct mu_layout;
struct node;
struct node_stores;

/* Does the layout give this node a master?  Then its endpoint id is kept. */
bool node_has_master(const struct mu_layout *l, const char *node);

/* Open them, and let the control socket know.  0 or MUSTER_ENOMEM. */
int node_stores_open(struct node *n);
/* Commit and close; no session of the control socket is left. */
void node_stores_close(struct node *n);

struct mu_store_request;
/* As stores_request and stores_forget. */
int node_stores_request(struct node *n, const char *store,
    const struct mu_store_request *req, void *caller);
void node_stores_forget(struct node *n, void *caller);

/* Everything that is due, and what follows from it, except for the network and
 * the control socket. */
void node_stores_turn(struct node *n, uint64_t now);
uint64_t node_stores_deadline(const struct node *n);

#endif
