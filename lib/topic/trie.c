/*
 * From subscribers to a radix trie (trie_node.c) and back.  Because a filter
 * holds no prefix of another of its entries, a subscriber stands at most once
 * on any path, and a walk gives each subscriber once without marking anybody.
 *
 * Changing a subscriber's prefixes first adds all new ones (which may fail and
 * is undone) and then removes the old ones (which cannot fail): on failure the
 * old state stays.
 */
#include "topic/trie.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "muster/err.h"
#include "topic/filter.h"
#include "topic/trie_cache.h"
#include "topic/trie_node.h"

struct mu_subscription {
	void *who;                    /* the caller's */
	uint64_t order;               /* of attachment */
	struct mu_subscription *next; /* in its list of subscribers */
	struct muster_filter *filter; /* what is in the trie; owned */
};

#define LISTS 256

struct mu_trie {
	struct mu_trie_node root;
	struct mu_subscription *all[LISTS]; /* owned, by a hash of who */
	size_t nall;
	uint64_t next_order;
	size_t nprefixes; /* nodes that have subscribers */
	void **scratch;   /* owned [scratch_cap >= nall]: the last result */
	struct mu_subscription **found; /* owned, the same size */
	size_t scratch_cap;
	uint32_t memo; /* of a result that was not remembered */
	struct mu_trie_cache cache;
};

struct mu_trie *
mu_trie_new(uint64_t seed, size_t cache_max)
{
	struct mu_trie *t = mu_calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	mu_trie_cache_init(&t->cache, seed, cache_max);
	return t;
}

void
mu_trie_free(struct mu_trie *t)
{
	if (t == NULL)
		return;
	mu_trie_node_clear(&t->root);
	for (size_t i = 0; i < LISTS; i++)
		while (t->all[i] != NULL) {
			struct mu_subscription *s = t->all[i];

			t->all[i] = s->next;
			muster_filter_free(s->filter);
			mu_free(s);
		}
	mu_free(t->scratch);
	mu_free(t->found);
	mu_trie_cache_clear(&t->cache);
	mu_free(t);
}

/* --- subscribers ---------------------------------------------------------- */

static size_t
sub_at(struct mu_subscription *const *subs, size_t n, uint64_t order)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (subs[mid]->order < order)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int
add_prefix(
    struct mu_trie *t, struct mu_subscription *s, const char *p, size_t len)
{
	struct mu_trie_node *n = mu_trie_node_make(&t->root, p, len);
	struct mu_subscription **subs;
	size_t at;

	if (n == NULL)
		return MUSTER_ENOMEM;
	at = sub_at(n->subs, n->nsubs, s->order);
	if (at < n->nsubs && n->subs[at] == s)
		return 0;
	subs = mu_reallocarray(n->subs, n->nsubs + 1, sizeof *subs);
	if (subs == NULL) {
		mu_trie_node_prune(n);
		return MUSTER_ENOMEM;
	}
	n->subs = subs;
	memmove(subs + at + 1, subs + at, (n->nsubs - at) * sizeof *subs);
	subs[at] = s;
	if (n->nsubs++ == 0)
		t->nprefixes++;
	return 0;
}

static void
remove_prefix(
    struct mu_trie *t, struct mu_subscription *s, const char *p, size_t len)
{
	struct mu_trie_node *n = mu_trie_node_find(&t->root, p, len);
	size_t at;

	if (n == NULL)
		return;
	at = sub_at(n->subs, n->nsubs, s->order);
	if (at == n->nsubs || n->subs[at] != s)
		return;
	memmove(n->subs + at, n->subs + at + 1,
	    (n->nsubs - at - 1) * sizeof *n->subs);
	if (--n->nsubs == 0) {
		t->nprefixes--;
		mu_free(n->subs);
		n->subs = NULL;
		mu_trie_node_prune(n);
	}
}

/* Remove the prefixes of f that are not entries of keep (or NULL). */
static void
remove_prefixes(struct mu_trie *t, struct mu_subscription *s,
    const struct muster_filter *f, const struct muster_filter *keep)
{
	for (size_t i = 0; i < muster_filter_size(f); i++) {
		size_t len;
		const char *p = muster_filter_at(f, i, &len);

		if (keep == NULL || !mu_filter_has(keep, p, len))
			remove_prefix(t, s, p, len);
	}
}

/* Replace the prefixes of s by those of f, which is taken on success. */
static int
replace(struct mu_trie *t, struct mu_subscription *s, struct muster_filter *f)
{
	for (size_t i = 0; i < muster_filter_size(f); i++) {
		size_t len;
		const char *p = muster_filter_at(f, i, &len);

		if (add_prefix(t, s, p, len) != 0) {
			remove_prefixes(t, s, f, s->filter);
			return MUSTER_ENOMEM;
		}
	}
	remove_prefixes(t, s, s->filter, f);
	muster_filter_free(s->filter);
	s->filter = f;
	return 0;
}

/* Room for one more subscriber in a result. */
static int
make_room(struct mu_trie *t)
{
	size_t cap = t->scratch_cap == 0 ? 16 : t->scratch_cap * 2;
	struct mu_subscription **p;
	void **scratch;

	if (t->nall < t->scratch_cap)
		return 0;
	p = mu_reallocarray(t->found, cap, sizeof *p);
	if (p == NULL)
		return MUSTER_ENOMEM;
	t->found = p;
	scratch = mu_reallocarray(t->scratch, cap, sizeof *scratch);
	if (scratch == NULL)
		return MUSTER_ENOMEM;
	t->scratch = scratch;
	t->scratch_cap = cap;
	return 0;
}

/* Where the subscriber is linked in, or the end of its list. */
static struct mu_subscription **
place_of(struct mu_trie *t, const void *who)
{
	uint64_t hash = mu_mix64((uintptr_t)who);
	struct mu_subscription **at = &t->all[hash % LISTS];

	while (*at != NULL && (*at)->who != who)
		at = &(*at)->next;
	return at;
}

static int
attach(struct mu_trie *t, void *who, struct muster_filter *f)
{
	struct mu_subscription *s;

	if (make_room(t) != 0)
		return MUSTER_ENOMEM;
	s = mu_calloc(1, sizeof *s);
	if (s == NULL)
		return MUSTER_ENOMEM;
	s->who = who;
	s->order = t->next_order;
	s->filter = muster_filter_new();
	if (s->filter == NULL || replace(t, s, f) != 0) {
		muster_filter_free(s->filter);
		mu_free(s);
		return MUSTER_ENOMEM;
	}
	t->next_order++;
	*place_of(t, who) = s;
	t->nall++;
	return 0;
}

static void
detach(struct mu_trie *t, struct mu_subscription **at)
{
	struct mu_subscription *s = *at;

	remove_prefixes(t, s, s->filter, NULL);
	*at = s->next;
	t->nall--;
	muster_filter_free(s->filter);
	mu_free(s);
}

int
mu_trie_set(struct mu_trie *t, void *subscriber, const struct muster_filter *f)
{
	struct mu_subscription **at = place_of(t, subscriber);
	struct muster_filter *copy = NULL;
	int rc;

	if (f == NULL) {
		mu_trie_cache_reset(&t->cache);
		if (*at != NULL)
			detach(t, at);
		return 0;
	}
	copy = mu_filter_copy(f);
	if (copy == NULL)
		return MUSTER_ENOMEM;
	mu_trie_cache_reset(&t->cache);
	if (*at != NULL)
		rc = replace(t, *at, copy);
	else
		rc = attach(t, subscriber, copy);
	if (rc != 0)
		muster_filter_free(copy);
	return rc;
}

/* --- lookup --------------------------------------------------------------- */

static int
by_order(const void *va, const void *vb)
{
	const struct mu_subscription *const *a = va, *const *b = vb;

	return (*a)->order < (*b)->order ? -1 : (*a)->order > (*b)->order;
}

/* Everybody on the path of topic, into t->found; returns how many. */
static size_t
walk(const struct mu_trie *t, const char *topic, size_t len)
{
	const struct mu_trie_node *n = &t->root;
	size_t count = 0;
	bool sorted = true;

	for (;;) {
		bool there;
		size_t at;

		if (n->nsubs > 0) {
			if (count > 0 &&
			    t->found[count - 1]->order > n->subs[0]->order)
				sorted = false;
			assert(count + n->nsubs <= t->nall);
			memcpy(t->found + count, n->subs,
			    n->nsubs * sizeof *n->subs);
			count += n->nsubs;
		}
		if (len == 0 || n->nkids == 0)
			break;
		at = mu_trie_node_kid(n, (unsigned char)*topic, &there);
		if (!there)
			break;
		n = n->kids[at];
		if (n->label_len > len ||
		    memcmp(n->label, topic, n->label_len) != 0)
			break;
		topic += n->label_len;
		len -= n->label_len;
	}
	if (!sorted)
		qsort(t->found, count, sizeof *t->found, by_order);
	return count;
}

struct mu_match
mu_trie_match(struct mu_trie *t, const char *topic, size_t len)
{
	struct mu_match m = { .memo = &t->memo };
	const struct mu_match *cached;
	uint64_t hash;

	if (mu_trie_cache_is_last(&t->cache, topic, len))
		return t->cache.last->match;
	t->memo = 0;
	if (t->nall == 0)
		return m;
	cached = mu_trie_cache_get(&t->cache, topic, len, &hash);
	if (cached != NULL)
		return *cached;
	m.subscribers = t->scratch;
	m.n = walk(t, topic, len);
	for (size_t i = 0; i < m.n; i++)
		m.subscribers[i] = t->found[i]->who;
	cached = mu_trie_cache_put(&t->cache, topic, len, hash, &m);
	return cached == NULL ? m : *cached;
}

void
mu_trie_forget(struct mu_trie *t)
{
	mu_trie_cache_reset(&t->cache);
}

size_t
mu_trie_nprefixes(const struct mu_trie *t)
{
	return t->nprefixes;
}
