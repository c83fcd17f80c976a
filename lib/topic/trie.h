/*
 * From a topic to everybody whose filter has a prefix of it.  One walk, or one
 * look into a small cache keyed by topic, per event: topics repeat.
 * Subscribers are opaque pointers.
 */
#ifndef MU_TOPIC_TRIE_H
#define MU_TOPIC_TRIE_H

#include <stddef.h>
#include <stdint.h>

struct muster_filter;
struct mu_trie;

/* The subscribers that match a topic: each once, in order of attachment. */
struct mu_match {
	void **subscribers; /* [n], borrowed until the trie changes */
	size_t n;
	uint32_t *memo; /* what the caller wants to remember of the topic as
			   long as the result stays valid; 0 at first */
};

/* seed makes the cache's hash unpredictable from outside.  cache_max: topics
 * remembered (0: none); when full the cache starts over. */
struct mu_trie *mu_trie_new(uint64_t seed, size_t cache_max);
void mu_trie_free(struct mu_trie *t);

/* Replace all prefixes of subscriber by those of f (NULL: none, which forgets
 * the subscriber).  On MUSTER_ENOMEM the old ones stay. */
int mu_trie_set(
    struct mu_trie *t, void *subscriber, const struct muster_filter *f);

/*
 * Who gets topic [len]?  The result is borrowed until the next mu_trie_set;
 * further lookups keep earlier results valid only if both were cached, so use
 * one before asking for the next.  Never fails: when memory is out the result
 * comes from a slow path without the cache.
 */
struct mu_match mu_trie_match(struct mu_trie *t, const char *topic, size_t len);

/* Start over with all memos: what they were made from has changed. */
void mu_trie_forget(struct mu_trie *t);

/* Distinct prefixes that somebody asked for. */
size_t mu_trie_nprefixes(const struct mu_trie *t);

#endif
