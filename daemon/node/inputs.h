/* The followed files of a node as a process: their part of a turn. */
#ifndef NODE_INPUTS_H
#define NODE_INPUTS_H

#include <stdbool.h>
#include <stdint.h>

struct node;
struct outbox_out;

/* Begin to follow what the layout says; after the shipper.  0 or
 * MUSTER_ENOMEM. */
int node_inputs_open(struct node *n);
/* Before the shipper is closed. */
void node_inputs_close(struct node *n);
/* The layout was replaced: what it says holds as soon as no batch is under
 * way. */
void node_inputs_reload(struct node *n);

/* What is due now; before the shipper's part of the turn. */
void node_inputs_turn(struct node *n, uint64_t now);
uint64_t node_inputs_deadline(const struct node *n);
/* DONE of the outbox: was it ours? */
bool node_inputs_done(struct node *n, const struct outbox_out *out);

#endif
