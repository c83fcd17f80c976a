/* The sending side of logs of a node as a process: its spool on disk, its
 * commits, its part of a turn. */
#ifndef NODE_SHIPPER_H
#define NODE_SHIPPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct endpoint_out;
struct node;
struct node_shipper;

/* Open the spool, and let the control socket know.  A spool that cannot be
 * opened is reported, and the node sends no logs.  0 or MUSTER_ENOMEM. */
int node_shipper_open(struct node *n);
/* Store what was collected, and close; no session of the control socket is
 * left. */
void node_shipper_close(struct node *n);
/* The layout was replaced. */
void node_shipper_reload(struct node *n);

/* Lines of this node's cluster.log and broker.log, for the loggers. */
void node_shipper_cluster(struct node *n, int64_t wall, const char *text);
void node_shipper_broker(
    struct node *n, int64_t wall, const struct endpoint_out *out);

/* An answer of the logger that this node is. */
void node_shipper_answer(struct node *n, const uint8_t *payload, size_t len);

struct outbox;
/* NULL: this node sends no logs. */
struct outbox *node_shipper_outbox(const struct node *n);

/* The node is about to leave: send what was collected.  And has it left? */
void node_shipper_hurry(struct node *n);
bool node_shipper_quiet(const struct node *n);

/* Everything that is due, and what follows from it. */
void node_shipper_turn(struct node *n, uint64_t now);
uint64_t node_shipper_deadline(const struct node *n);

#endif
