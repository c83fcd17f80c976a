/*
 * Open addressing over slots that are at most half full; topics and arrays
 * are cut from chunks, so a lookup that was remembered costs one hash and one
 * comparison and starting over costs no frees per entry.
 */
#include "topic/trie_cache.h"

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"

#define CHUNK_SIZE      ((size_t)64 * 1024)
#define FEW_SLOTS       ((size_t)16)
#define BYTES_PER_ENTRY ((size_t)256) /* of the bound on all chunks */

struct mu_trie_chunk {
	struct mu_trie_chunk *next;
	size_t used;
	alignas(void *) char bytes[CHUNK_SIZE];
};

void
mu_trie_cache_init(struct mu_trie_cache *c, uint64_t seed, size_t max)
{
	memset(c, 0, sizeof *c);
	c->seed = seed;
	c->max = max;
}

static void
free_chunks(struct mu_trie_cache *c, struct mu_trie_chunk *chunk)
{
	while (chunk != NULL) {
		struct mu_trie_chunk *next = chunk->next;

		mu_free(chunk);
		c->chunk_bytes -= sizeof *chunk;
		chunk = next;
	}
}

void
mu_trie_cache_clear(struct mu_trie_cache *c)
{
	free_chunks(c, c->chunks);
	mu_free(c->slots);
	c->chunks = NULL;
	c->slots = NULL;
	c->last = NULL;
	c->n = 0;
}

void
mu_trie_cache_reset(struct mu_trie_cache *c)
{
	if (c->n == 0)
		return;
	memset(c->slots, 0, (c->mask + 1) * sizeof *c->slots);
	c->last = NULL;
	c->n = 0;
	if (c->chunks != NULL) {
		free_chunks(c, c->chunks->next);
		c->chunks->next = NULL;
		c->chunks->used = 0;
	}
}

static bool
is_topic(const struct mu_trie_slot *s, const char *topic, size_t len)
{
	return s->topic_len == len && memcmp(s->topic, topic, len) == 0;
}

/* The slot of topic, or the free one where it belongs. */
static struct mu_trie_slot *
find(struct mu_trie_cache *c, const char *topic, size_t len, uint64_t hash)
{
	size_t i = (size_t)hash & c->mask;

	for (;; i = (i + 1) & c->mask) {
		struct mu_trie_slot *s = &c->slots[i];

		if (s->topic == NULL)
			return s;
		if (s->hash == hash && is_topic(s, topic, len))
			return s;
	}
}

const struct mu_match *
mu_trie_cache_get(
    struct mu_trie_cache *c, const char *topic, size_t len, uint64_t *hash)
{
	struct mu_trie_slot *s;

	*hash = 0;
	if (c->max == 0 || len > MU_TRIE_CACHE_TOPIC_MAX)
		return NULL;
	*hash = mu_hash64(c->seed, topic, len);
	if (c->n == 0)
		return NULL;
	s = find(c, topic, len, *hash);
	if (s->topic == NULL)
		return NULL;
	c->last = s;
	return &s->match;
}

/* Room for one more topic; false: no memory for it.  Half of the slots stay
 * free. */
static bool
grow(struct mu_trie_cache *c)
{
	size_t had = c->slots == NULL ? 0 : c->mask + 1;
	size_t cap = had == 0 ? FEW_SLOTS : had * 2;
	struct mu_trie_slot *slots, *old = c->slots;

	if (had >= (c->n + 1) * 2)
		return true;
	slots = mu_calloc(cap, sizeof *slots);
	if (slots == NULL)
		return false;
	c->slots = slots;
	c->mask = cap - 1;
	c->last = NULL;
	for (size_t i = 0; i < had; i++)
		if (old[i].topic != NULL)
			*find(c, old[i].topic, old[i].topic_len, old[i].hash) =
			    old[i];
	mu_free(old);
	return true;
}

/* size bytes, aligned for pointers, or NULL: no memory or none allowed. */
static void *
cut(struct mu_trie_cache *c, size_t size)
{
	struct mu_trie_chunk *chunk = c->chunks;
	void *p;

	size = (size + alignof(void *) - 1) / alignof(void *) * alignof(void *);
	if (size > CHUNK_SIZE)
		return NULL;
	if (chunk == NULL || chunk->used + size > CHUNK_SIZE) {
		if (chunk != NULL && c->chunk_bytes > c->max * BYTES_PER_ENTRY)
			return NULL;
		chunk = mu_malloc(sizeof *chunk);
		if (chunk == NULL)
			return NULL;
		chunk->next = c->chunks;
		chunk->used = 0;
		c->chunks = chunk;
		c->chunk_bytes += sizeof *chunk;
	}
	p = chunk->bytes + chunk->used;
	chunk->used += size;
	return p;
}

const struct mu_match *
mu_trie_cache_put(struct mu_trie_cache *c, const char *topic, size_t len,
    uint64_t hash, const struct mu_match *m)
{
	size_t array = m->n * sizeof m->subscribers[0];
	struct mu_trie_slot *s;
	uint32_t *memo;
	char *p;

	if (c->max == 0 || len > MU_TRIE_CACHE_TOPIC_MAX ||
	    array > CHUNK_SIZE / 2)
		return NULL;
	if (c->n == c->max)
		mu_trie_cache_reset(c);
	if (!grow(c))
		return NULL;
	p = cut(c, array + sizeof *memo + len + 1);
	if (p == NULL) {
		mu_trie_cache_reset(c);
		p = cut(c, array + sizeof *memo + len + 1);
		if (p == NULL)
			return NULL;
	}
	memo = (uint32_t *)(void *)(p + array);
	*memo = 0;
	s = find(c, topic, len, hash);
	assert(s->topic == NULL);
	s->hash = hash;
	s->match.subscribers = (void **)(void *)p;
	s->match.n = m->n;
	if (array > 0)
		memcpy(p, m->subscribers, array);
	s->match.memo = memo;
	p += array + sizeof *memo;
	if (len > 0)
		memcpy(p, topic, len);
	p[len] = '\0';
	s->topic = p;
	s->topic_len = len;
	c->last = s;
	c->n++;
	return &s->match;
}
