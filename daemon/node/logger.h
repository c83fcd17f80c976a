/* The logger of a node as a process: its disk thread, its rotated files, its
 * part of a turn.  Nodes that are no loggers have none, and all of this does
 * nothing. */
#ifndef NODE_LOGGER_H
#define NODE_LOGGER_H

#include <stddef.h>
#include <stdint.h>

struct mu_layout;
struct node;
struct node_logger;

/* 0, MUSTER_ENOMEM, MUSTER_ESYS. */
int node_logger_open(struct node *n);
/* Everything to disk, files ended, last programs run; waits for the disk. */
void node_logger_close(struct node *n);

/* What the disk has said. */
void node_logger_turn(struct node *n);
/* The layout is another one. */
void node_logger_reload(struct node *n);
/* Files may have been renamed. */
void node_logger_reopen(struct node *n);

/* A Muster::log_batch from this node's own outbox, encoded.  0, MUSTER_ENOENT
 * (also: this node is no logger) or another error; else there will be an
 * answer, by node_shipper_answer. */
int node_logger_self(struct node *n, const uint8_t *payload, size_t len);

#endif
