/* Nodes of the radix trie; see trie_node.h. */
#include "topic/trie_node.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

static void
free_node(struct mu_trie_node *n)
{
	mu_free(n->label);
	mu_free(n->kids);
	mu_free(n->subs);
	mu_free(n);
}

/* Without recursion: how deep a trie is, peers decide. */
void
mu_trie_node_clear(struct mu_trie_node *root)
{
	struct mu_trie_node *n = root;

	for (;;) {
		if (n->nkids > 0) {
			n = n->kids[--n->nkids];
		} else if (n != root) {
			struct mu_trie_node *parent = n->parent;

			free_node(n);
			n = parent;
		} else {
			break;
		}
	}
	mu_free(root->kids);
	mu_free(root->subs);
}

size_t
mu_trie_node_kid(const struct mu_trie_node *n, unsigned char byte, bool *there)
{
	size_t lo = 0, hi = n->nkids;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		unsigned char first = (unsigned char)n->kids[mid]->label[0];

		if (first < byte)
			lo = mid + 1;
		else
			hi = mid;
	}
	*there = lo < n->nkids && (unsigned char)n->kids[lo]->label[0] == byte;
	return lo;
}

static struct mu_trie_node *
new_node(struct mu_trie_node *parent, const char *label, size_t len)
{
	struct mu_trie_node *n = mu_calloc(1, sizeof *n);

	if (n == NULL)
		return NULL;
	n->parent = parent;
	n->label = mu_memdup0(label, len);
	n->label_len = len;
	if (n->label == NULL) {
		mu_free(n);
		return NULL;
	}
	return n;
}

/* Hang a new leaf below n at position at. */
static struct mu_trie_node *
add_kid(struct mu_trie_node *n, size_t at, const char *label, size_t len)
{
	struct mu_trie_node *kid = new_node(n, label, len);
	struct mu_trie_node **kids;

	if (kid == NULL)
		return NULL;
	kids = mu_reallocarray(n->kids, n->nkids + 1, sizeof *kids);
	if (kids == NULL) {
		free_node(kid);
		return NULL;
	}
	n->kids = kids;
	memmove(kids + at + 1, kids + at, (n->nkids - at) * sizeof *kids);
	kids[at] = kid;
	n->nkids++;
	return kid;
}

/* Cut the edge to kid i of n after len bytes; returns the node in between. */
static struct mu_trie_node *
split_edge(struct mu_trie_node *n, size_t i, size_t len)
{
	struct mu_trie_node *kid = n->kids[i];
	struct mu_trie_node *mid = new_node(n, kid->label, len);

	if (mid == NULL)
		return NULL;
	mid->kids = mu_malloc(sizeof *mid->kids);
	if (mid->kids == NULL) {
		free_node(mid);
		return NULL;
	}
	memmove(kid->label, kid->label + len, kid->label_len - len + 1);
	kid->label_len -= len;
	kid->parent = mid;
	mid->kids[0] = kid;
	mid->nkids = 1;
	n->kids[i] = mid;
	return mid;
}

static size_t
common_length(const char *a, size_t alen, const char *b, size_t blen)
{
	size_t n = 0;

	while (n < alen && n < blen && a[n] == b[n])
		n++;
	return n;
}

struct mu_trie_node *
mu_trie_node_make(struct mu_trie_node *n, const char *p, size_t len)
{
	while (len > 0) {
		bool there;
		size_t at = mu_trie_node_kid(n, (unsigned char)*p, &there);
		struct mu_trie_node *kid;
		size_t common;

		if (!there)
			return add_kid(n, at, p, len);
		kid = n->kids[at];
		common = common_length(kid->label, kid->label_len, p, len);
		if (common < kid->label_len) {
			kid = split_edge(n, at, common);
			if (kid == NULL)
				return NULL;
		}
		n = kid;
		p += common;
		len -= common;
	}
	return n;
}

struct mu_trie_node *
mu_trie_node_find(struct mu_trie_node *n, const char *p, size_t len)
{
	while (len > 0) {
		bool there;
		size_t at = mu_trie_node_kid(n, (unsigned char)*p, &there);
		struct mu_trie_node *kid = there ? n->kids[at] : NULL;

		if (kid == NULL || kid->label_len > len ||
		    memcmp(kid->label, p, kid->label_len) != 0)
			return NULL;
		n = kid;
		p += kid->label_len;
		len -= kid->label_len;
	}
	return n;
}

/* Join n with its only kid; without memory both stay, which is only slower. */
static void
join_kid(struct mu_trie_node *n)
{
	struct mu_trie_node *kid = n->kids[0];
	char *label = mu_realloc(n->label, n->label_len + kid->label_len + 1);

	if (label == NULL)
		return;
	memcpy(label + n->label_len, kid->label, kid->label_len + 1);
	mu_free(kid->label);
	kid->label = label;
	kid->label_len += n->label_len;
	kid->parent = n->parent;
	for (size_t i = 0; i < n->parent->nkids; i++)
		if (n->parent->kids[i] == n)
			n->parent->kids[i] = kid;
	n->label = NULL;
	free_node(n);
}

void
mu_trie_node_prune(struct mu_trie_node *n)
{
	while (n->parent != NULL && n->nsubs == 0 && n->nkids == 0) {
		struct mu_trie_node *parent = n->parent;
		bool there;
		size_t at = mu_trie_node_kid(
		    parent, (unsigned char)n->label[0], &there);

		assert(there && parent->kids[at] == n);
		memmove(parent->kids + at, parent->kids + at + 1,
		    (parent->nkids - at - 1) * sizeof *parent->kids);
		parent->nkids--;
		free_node(n);
		n = parent;
	}
	if (n->parent != NULL && n->nsubs == 0 && n->nkids == 1)
		join_kid(n);
}
