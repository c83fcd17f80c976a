/*
 * The rules of a node (rules/rules.h) with their processes and stores.
 */
#ifndef NODE_RULES_H
#define NODE_RULES_H

#include <stdbool.h>
#include <stdint.h>

struct mu_store_out;
struct node;

/* Once the stores are open.  0 or a negative error. */
int node_rules_open(struct node *n);
/* Programs that still run are killed. */
void node_rules_close(struct node *n);

/* The endpoint has another layout. */
void node_rules_reload(struct node *n);
/* Programs are told to end; idle once they have. */
void node_rules_stop(struct node *n, uint64_t now);
bool node_rules_idle(const struct node *n);

void node_rules_turn(struct node *n, uint64_t now);
uint64_t node_rules_deadline(const struct node *n);

/* An answer of the stores; false: it is not for the rules. */
bool node_rules_written(
    struct node *n, void *caller, const struct mu_store_out *what);

struct outbox_out;
/* An answer of the outbox, likewise. */
bool node_rules_logged(struct node *n, const struct outbox_out *out);

#endif
