/*
 * Who may publish where (access in the layout): asked for each message of a
 * peer before anybody gets it.  The peer is who it said it is in its hello,
 * which with certificates is who it is.
 */
#ifndef CORE_ACCESS_H
#define CORE_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

struct members;
struct mu_envelope;
struct mu_layout;
struct mu_layout_node;
struct mu_uuid;

/*
 * May the peer publish env?  A topic that names this node counts as the one
 * behind the name, too.
 *
 * rule  number of the rule that forbids it, from 1
 */
bool access_permits(const struct mu_layout *l,
    const struct mu_layout_node *self, const struct members *m,
    const struct mu_uuid *peer, const struct mu_envelope *env, size_t *rule);

/* The number of the rule by which peers that have this layout, too, refuse what
 * the node itself publishes on topic [len], or 0: none does. */
size_t access_refuses(const struct mu_layout *l,
    const struct mu_layout_node *node, const char *topic, size_t len);

#endif
