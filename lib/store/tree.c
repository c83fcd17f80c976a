/* The treap; no recursion, whatever its height. */
#include "store/tree.h"

#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "store/order.h"

/* A place in the order.  Sums are computed once, not at every step. */
struct place {
	struct mu_bytes key;
	uint8_t sum[MU_KEY_SUM]; /* of a long key */
};

static bool
is_long(size_t key_len)
{
	return key_len > MU_KEY_PLAIN;
}

static struct place
place_of(struct mu_bytes key)
{
	struct place p = { .key = key };

	if (is_long(key.len))
		mu_key_sum(key, p.sum);
	return p;
}

static int
cmp(const struct place *p, const struct mu_tree_entry *e)
{
	struct mu_bytes key = { e->key, e->key_len };
	int c = mu_bytes_cmp(p->key, key);

	if (c == 0 || !mu_keys_are_alike(p->key, key))
		return c;
	return memcmp(p->sum, e->key + e->key_len, MU_KEY_SUM);
}

static size_t
bytes_of(const struct mu_tree_entry *e)
{
	return sizeof *e + e->key_len + e->value_len;
}

struct mu_tree_entry *
mu_tree_find(const struct mu_tree *t, struct mu_bytes key)
{
	struct mu_tree_entry *e = t->root;
	struct place p = place_of(key);

	while (e != NULL) {
		int c = cmp(&p, e);

		if (c == 0)
			return e;
		e = c < 0 ? e->left : e->right;
	}
	return NULL;
}

struct mu_tree_entry *
mu_tree_after(const struct mu_tree *t, struct mu_bytes key)
{
	struct mu_tree_entry *e = t->root, *best = NULL;
	struct place p = place_of(key);

	while (e != NULL) {
		if (key.at == NULL || cmp(&p, e) < 0) {
			best = e;
			e = e->left;
		} else {
			e = e->right;
		}
	}
	return best;
}

/* Split: what comes before p to *left, what comes behind it to *right. */
static void
split(struct mu_tree_entry *e, const struct place *p,
    struct mu_tree_entry **left, struct mu_tree_entry **right)
{
	while (e != NULL) {
		if (cmp(p, e) < 0) {
			*right = e;
			right = &e->left;
			e = e->left;
		} else {
			*left = e;
			left = &e->right;
			e = e->right;
		}
	}
	*left = *right = NULL;
}

static struct mu_tree_entry *
merge(struct mu_tree_entry *left, struct mu_tree_entry *right)
{
	struct mu_tree_entry *root, **at = &root;

	while (left != NULL && right != NULL) {
		if (left->priority > right->priority) {
			*at = left;
			at = &left->right;
			left = left->right;
		} else {
			*at = right;
			at = &right->left;
			right = right->left;
		}
	}
	*at = left != NULL ? left : right;
	return root;
}

void
mu_tree_insert(struct mu_tree *t, struct mu_tree_entry *e)
{
	struct place p = place_of((struct mu_bytes){ e->key, e->key_len });
	struct mu_tree_entry **at = &t->root;

	while (*at != NULL && (*at)->priority >= e->priority)
		at = cmp(&p, *at) < 0 ? &(*at)->left : &(*at)->right;
	split(*at, &p, &e->left, &e->right);
	*at = e;
	t->n++;
	t->bytes += bytes_of(e);
}

struct mu_tree_entry *
mu_tree_remove(struct mu_tree *t, struct mu_bytes key)
{
	struct mu_tree_entry **at = &t->root, *e;
	struct place p = place_of(key);
	int c;

	while (*at != NULL && (c = cmp(&p, *at)) != 0)
		at = c < 0 ? &(*at)->left : &(*at)->right;
	e = *at;
	if (e == NULL)
		return NULL;
	*at = merge(e->left, e->right);
	t->n--;
	t->bytes -= bytes_of(e);
	return e;
}

void
mu_tree_entry_free(struct mu_tree_entry *e)
{
	mu_free(e->value);
	mu_free(e);
}

struct mu_tree_entry *
mu_tree_entry_new(
    uint64_t seed, struct mu_bytes key, uint8_t *value, size_t len)
{
	size_t sum = is_long(key.len) ? MU_KEY_SUM : 0;
	struct mu_tree_entry *e = mu_calloc(1, sizeof *e + key.len + sum);

	if (e == NULL)
		return NULL;
	memcpy(e->key, key.at, key.len);
	if (sum > 0)
		mu_key_sum(key, e->key + key.len);
	e->key_len = key.len;
	e->priority = mu_hash64(seed, key.at, key.len);
	e->value = value;
	e->value_len = len;
	e->heap_at = MU_TREE_NO_HEAP;
	return e;
}

/* Unhook left children until a node has none: no recursion, no stack. */
void
mu_tree_clear(struct mu_tree *t)
{
	struct mu_tree_entry *e = t->root;

	while (e != NULL) {
		struct mu_tree_entry *left = e->left;

		if (left != NULL) {
			e->left = left->right;
			left->right = e;
			e = left;
			continue;
		}
		left = e->right;
		mu_tree_entry_free(e);
		e = left;
	}
	memset(t, 0, sizeof *t);
}
