/*
 * The nodes of the radix trie: edges carry several bytes, nodes the
 * subscribers of the prefix that ends there.
 */
#ifndef MU_TOPIC_TRIE_NODE_H
#define MU_TOPIC_TRIE_NODE_H

#include <stdbool.h>
#include <stddef.h>

struct mu_subscription; /* of trie.c */

struct mu_trie_node {
	struct mu_trie_node *parent; /* NULL: the root */
	char *label;                 /* owned: bytes of the edge from parent */
	size_t label_len;
	struct mu_trie_node **kids; /* owned [nkids], by first byte of label */
	size_t nkids;
	struct mu_subscription **subs; /* owned [nsubs], by order */
	size_t nsubs;
};

/* Free everything below the root, which is the caller's. */
void mu_trie_node_clear(struct mu_trie_node *root);

/* Where among n's kids a label that begins with byte is or belongs. */
size_t mu_trie_node_kid(
    const struct mu_trie_node *n, unsigned char byte, bool *there);

/* The node of a prefix below root, made if need be; NULL when memory is out.
 * A node made half-way is harmless and goes with the next removal there. */
struct mu_trie_node *mu_trie_node_make(
    struct mu_trie_node *root, const char *p, size_t len);
/* The node of a prefix that is in the trie, or NULL. */
struct mu_trie_node *mu_trie_node_find(
    struct mu_trie_node *root, const char *p, size_t len);
/* Remove what is no longer needed from n upwards.  Never fails. */
void mu_trie_node_prune(struct mu_trie_node *n);

#endif
