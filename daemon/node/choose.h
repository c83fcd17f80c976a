/* Which nodes of a layout this process is about. */
#ifndef NODE_CHOOSE_H
#define NODE_CHOOSE_H

#include <stdbool.h>
#include <stddef.h>

struct mu_layout;
struct mu_layout_node;

/* Whether a host is this machine; by io/local.h, or a test's. */
typedef bool (*choose_local)(void *ctx, const char *host);

/*
 * The node of that name; name NULL: the only one that lives here.
 *
 * err   [err_size] filled when there is none: one line
 * code  set then to the exit status: sys/exit.h
 */
const struct mu_layout_node *choose_node(const struct mu_layout *l,
    const char *name, choose_local local, void *ctx, int *code, char *err,
    size_t err_size);

/*
 * The nodes that live here, in order of their names.
 *
 * out  [l->nnodes] filled
 *
 * Returns their number.
 */
size_t choose_local_nodes(const struct mu_layout *l, choose_local local,
    void *ctx, const struct mu_layout_node **out);

#endif
