/*
 * The trie's memory of recent lookups: topic to its subscribers.  Bounded in
 * entries and bytes; when either is used up it starts over.
 */
#ifndef MU_TOPIC_TRIE_CACHE_H
#define MU_TOPIC_TRIE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "topic/trie.h"

#define MU_TRIE_CACHE_TOPIC_MAX 512 /* longer topics are not remembered */

struct mu_trie_slot {
	uint64_t hash;
	const char *topic; /* NULL: free; in a chunk */
	size_t topic_len;
	struct mu_match match; /* array and memo in the same chunk */
};

struct mu_trie_chunk;

struct mu_trie_cache {
	uint64_t seed;
	size_t max;                   /* entries at most; 0: no cache */
	size_t n;                     /* entries now */
	struct mu_trie_slot *last;    /* found or put last, or NULL */
	size_t mask;                  /* slots - 1 */
	struct mu_trie_slot *slots;   /* few at the first put, then more */
	struct mu_trie_chunk *chunks; /* where topics and arrays live */
	size_t chunk_bytes;           /* of all chunks */
};

void mu_trie_cache_init(struct mu_trie_cache *c, uint64_t seed, size_t max);
void mu_trie_cache_clear(struct mu_trie_cache *c);
/* Forget everything (the trie changed). */
void mu_trie_cache_reset(struct mu_trie_cache *c);

/* Is it the topic that was asked for last?  Events of one topic often follow
 * each other. */
static inline bool
mu_trie_cache_is_last(const struct mu_trie_cache *c, const char *topic,
    size_t len)
{
	const struct mu_trie_slot *s = c->last;

	return s != NULL && s->topic_len == len &&
	    memcmp(s->topic, topic, len) == 0;
}

/* The remembered result or NULL; *hash is for the put that follows. */
const struct mu_match *mu_trie_cache_get(
    struct mu_trie_cache *c, const char *topic, size_t len, uint64_t *hash);
/* Remember a copy of m; the copy, or NULL when it was not remembered. */
const struct mu_match *mu_trie_cache_put(struct mu_trie_cache *c,
    const char *topic, size_t len, uint64_t hash, const struct mu_match *m);

#endif
