/*
 * Duplicate suppression; see forward.h.
 *
 * A hash table with chains over a fixed array of entries; the entries also
 * form a list by the time of their last new copy, oldest first.  Indices
 * instead of pointers keep an entry small, and chains are an array of their
 * own: to pass over a stranger costs no look at its entry, which is as good
 * as never in a cache.  The arrays come with calloc, so memory that was never
 * needed is never touched, and go when everything is forgotten.
 */
#include "core/forward.h"

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "muster/err.h"

#define NONE     UINT32_MAX
#define NBUCKETS (2u * FORWARD_ENTRIES) /* a power of two */
#define INLINE   3            /* counts kept without another allocation */
#define NOT_YET  UINT64_MAX   /* stamp of what came since forward_time */
#define STAMP_NS UINT64_C(1000000000) /* after which it gets one */

struct count {
	uint32_t link;
	uint32_t copies;
};

struct entry {
	uint64_t key[2];
	uint64_t stamp;      /* of the last new copy, or NOT_YET */
	uint32_t older, newer;
	uint32_t born;       /* links from this number on came later */
	uint32_t best;       /* largest count, */
	uint32_t holder;     /* the link that has it, */
	uint32_t second;     /* largest count of all others */
	uint32_t n, cap;     /* of counts */
	struct count few[INLINE];
	struct count *many;  /* instead of few, once they are more */
};

/* The place of an entry in its bucket, or in the free list. */
struct chain {
	uint32_t next;
	uint32_t tag;        /* part of the entry's key */
};

struct forward {
	uint64_t seed[2];
	uint64_t now;
	uint32_t next_link;
	struct entry *entries; /* [FORWARD_ENTRIES], NULL: nothing remembered */
	struct chain *chains;  /* [FORWARD_ENTRIES], of the entries */
	uint32_t *buckets;     /* [NBUCKETS] */
	uint32_t used;         /* entries ever taken from the array */
	uint32_t free;         /* given back, by chain */
	uint32_t oldest, newest;
	size_t size;
	uint64_t forgotten;
};

/* --- the table ----------------------------------------------------------- */

static void
close_table(struct forward *f)
{
	mu_free(f->entries);
	mu_free(f->chains);
	mu_free(f->buckets);
	f->entries = NULL;
	f->chains = NULL;
	f->buckets = NULL;
}

static bool
open_table(struct forward *f)
{
	if (f->entries != NULL)
		return true;
	f->entries = mu_calloc(FORWARD_ENTRIES, sizeof *f->entries);
	f->chains = mu_calloc(FORWARD_ENTRIES, sizeof *f->chains);
	f->buckets = mu_malloc(NBUCKETS * sizeof *f->buckets);
	if (f->entries == NULL || f->chains == NULL || f->buckets == NULL) {
		close_table(f);
		return false;
	}
	memset(f->buckets, 0xff, NBUCKETS * sizeof *f->buckets);
	f->used = 0;
	f->free = f->oldest = f->newest = NONE;
	return true;
}

static uint32_t *
bucket_of(struct forward *f, const uint64_t key[2])
{
	return &f->buckets[key[0] & (NBUCKETS - 1)];
}

static void
unlist(struct forward *f, struct entry *e)
{
	if (e->older != NONE)
		f->entries[e->older].newer = e->newer;
	else
		f->oldest = e->newer;
	if (e->newer != NONE)
		f->entries[e->newer].older = e->older;
	else
		f->newest = e->older;
}

static void
list_newest(struct forward *f, struct entry *e)
{
	uint32_t i = (uint32_t)(e - f->entries);

	e->older = f->newest;
	e->newer = NONE;
	if (f->newest != NONE)
		f->entries[f->newest].newer = i;
	else
		f->oldest = i;
	f->newest = i;
	e->stamp = NOT_YET;
}

static void
forget_oldest(struct forward *f)
{
	uint32_t i = f->oldest;
	struct entry *e = &f->entries[i];
	uint32_t *at = bucket_of(f, e->key);

	while (*at != i)
		at = &f->chains[*at].next;
	*at = f->chains[i].next;
	unlist(f, e);
	mu_free(e->many);
	e->many = NULL;
	f->chains[i].next = f->free;
	f->free = i;
	f->size--;
	/* A full table forgets one message for each new one: have the next
	 * bucket at hand by then. */
	if (f->oldest != NONE)
		__builtin_prefetch(bucket_of(f, f->entries[f->oldest].key), 1);
}

static struct entry *
find(struct forward *f, const uint64_t key[2])
{
	uint32_t i = *bucket_of(f, key);

	for (; i != NONE; i = f->chains[i].next) {
		struct entry *e = &f->entries[i];

		if (f->chains[i].tag == (uint32_t)key[1] &&
		    e->key[0] == key[0] && e->key[1] == key[1])
			return e;
	}
	return NULL;
}

static struct entry *
add(struct forward *f, const uint64_t key[2])
{
	uint32_t *at = bucket_of(f, key);
	struct entry *e;
	uint32_t i;

	if (f->size == FORWARD_ENTRIES) {
		forget_oldest(f);
		f->forgotten++;
	}
	i = f->free;
	if (i != NONE)
		f->free = f->chains[i].next;
	else
		i = f->used++;
	e = &f->entries[i];
	memset(e, 0, sizeof *e);
	memcpy(e->key, key, sizeof e->key);
	e->born = f->next_link;
	e->cap = INLINE;
	f->chains[i] = (struct chain){ *at, (uint32_t)key[1] };
	*at = i;
	list_newest(f, e);
	f->size++;
	return e;
}

/* --- counts -------------------------------------------------------------- */

static struct count *
counts_of(struct entry *e)
{
	return e->many != NULL ? e->many : e->few;
}

static bool
more_counts(struct entry *e)
{
	struct count *many = mu_reallocarray(e->many, (size_t)e->cap * 2,
	    sizeof *many);

	if (many == NULL)
		return false;
	if (e->many == NULL)
		memcpy(many, e->few, sizeof e->few);
	e->many = many;
	e->cap *= 2;
	return true;
}

/* What a link that came after the message starts with; see forward_link. */
static uint32_t
late_start(const struct forward *f, const struct entry *e)
{
	bool under_way = e->stamp == NOT_YET ||
	    f->now - e->stamp < FORWARD_UNDER_WAY_NS;

	return under_way && e->best > 0 ? e->best - 1 : e->best;
}

/* The count of link in e.  NULL: memory is out. */
static struct count *
count_of(const struct forward *f, struct entry *e, uint32_t link)
{
	struct count *c = counts_of(e);

	for (uint32_t i = 0; i < e->n; i++)
		if (c[i].link == link)
			return &c[i];
	if (e->n == e->cap && !more_counts(e))
		return NULL;
	c = &counts_of(e)[e->n++];
	c->link = link;
	c->copies = link >= e->born ? late_start(f, e) : 0;
	return c;
}

static void
note_new(struct forward *f, struct entry *e, uint32_t link, uint32_t copies)
{
	if (e->holder != link)
		e->second = e->best;
	e->best = copies;
	e->holder = link;
	unlist(f, e);
	list_newest(f, e);
}

static enum forward_verdict
judge(struct forward *f, struct entry *e, struct count *c, uint32_t *holder)
{
	uint32_t copies = ++c->copies;

	if (copies > e->best) {
		note_new(f, e, c->link, copies);
		return FORWARD_NEW;
	}
	if (c->link == e->holder || copies <= e->second)
		return FORWARD_DUPLICATE;
	e->second = copies;
	*holder = e->holder;
	return FORWARD_ECHO;
}

/* --- doors --------------------------------------------------------------- */

struct forward *
forward_new(uint64_t seed)
{
	struct forward *f = mu_calloc(1, sizeof *f);

	if (f == NULL)
		return NULL;
	f->seed[0] = mu_mix64(seed ^ 0x9e3779b97f4a7c15u);
	f->seed[1] = mu_mix64(f->seed[0] ^ 0xd1b54a32d192ed03u);
	f->next_link = FORWARD_ORIGINAL + 1;
	return f;
}

void
forward_free(struct forward *f)
{
	if (f == NULL)
		return;
	while (f->size > 0)
		forget_oldest(f);
	close_table(f);
	mu_free(f);
}

uint32_t
forward_link(struct forward *f)
{
	return f->next_link++;
}

void
forward_look(struct forward *f, const uint8_t *bytes, size_t len,
    struct forward_key *key)
{
	mu_hash128(f->seed, bytes, len, key->hash);
	if (f->entries != NULL)
		__builtin_prefetch(bucket_of(f, key->hash), 1);
}

/* The entry of a message, made if need be; NULL: memory is out. */
static struct entry *
entry_of(struct forward *f, const struct forward_key *key)
{
	struct entry *e;

	if (!open_table(f))
		return NULL;
	e = find(f, key->hash);
	return e != NULL ? e : add(f, key->hash);
}

enum forward_verdict
forward_seen(struct forward *f, uint32_t link, const uint8_t *bytes,
    size_t len, uint32_t *holder)
{
	struct forward_key key;

	forward_look(f, bytes, len, &key);
	return forward_seen_key(f, link, &key, holder);
}

enum forward_verdict
forward_seen_key(struct forward *f, uint32_t link,
    const struct forward_key *key, uint32_t *holder)
{
	struct entry *e = entry_of(f, key);
	struct count *c;

	if (e == NULL)
		return FORWARD_DUPLICATE;
	if (e->n == 0) { /* the first copy of all, as most are */
		e->few[0] = (struct count){ .link = link, .copies = 1 };
		e->n = e->best = 1;
		e->holder = link;
		return FORWARD_NEW;
	}
	c = count_of(f, e, link);
	return c == NULL ? FORWARD_DUPLICATE : judge(f, e, c, holder);
}

int
forward_published(struct forward *f, const uint8_t *bytes, size_t len)
{
	struct forward_key key;
	struct entry *e;
	struct count *c;

	forward_look(f, bytes, len, &key);
	e = entry_of(f, &key);
	c = e == NULL ? NULL : count_of(f, e, FORWARD_ORIGINAL);

	if (c == NULL)
		return MUSTER_ENOMEM;
	c->copies = e->best + 1;
	note_new(f, e, FORWARD_ORIGINAL, c->copies);
	return 0;
}

void
forward_time(struct forward *f, uint64_t now)
{
	if (now <= f->now)
		return; /* once for all events of a turn */
	f->now = now;
	if (f->entries == NULL)
		return;
	for (uint32_t i = f->newest; i != NONE; i = f->entries[i].older) {
		if (f->entries[i].stamp != NOT_YET)
			break;
		f->entries[i].stamp = f->now;
	}
	while (f->size > 0 &&
	    f->now - f->entries[f->oldest].stamp >= FORWARD_MEMORY_NS)
		forget_oldest(f);
	if (f->size == 0)
		close_table(f);
}

uint64_t
forward_deadline(const struct forward *f)
{
	uint64_t stamp;

	if (f->size == 0)
		return UINT64_MAX;
	/* The clock has not gone on since the newest came: have it stamped
	 * soon, or the table would stay for twice as long. */
	if (f->entries[f->newest].stamp == NOT_YET)
		return f->now + STAMP_NS;
	stamp = f->entries[f->oldest].stamp;
	return stamp + FORWARD_MEMORY_NS;
}

size_t
forward_size(const struct forward *f)
{
	return f->size;
}

uint64_t
forward_forgotten(const struct forward *f)
{
	return f->forgotten;
}
