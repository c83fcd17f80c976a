/*
 * The identifiers of a node: its settings that may be changed while it runs,
 * and the service that others talk to.
 */
#ifndef NODE_IDENTS_H
#define NODE_IDENTS_H

#include <stdint.h>

struct node;

/* 0 or MUSTER_ENOMEM. */
int node_idents_open(struct node *n);
void node_idents_close(struct node *n);
/* The layout was replaced. */
void node_idents_reload(struct node *n);
void node_idents_turn(struct node *n, uint64_t now);
uint64_t node_idents_deadline(const struct node *n);

#endif
