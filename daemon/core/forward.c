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
#define INLINE   2            /* counts kept without another allocation */
#define MOST     32768        /* counts of one message */
#define LINE     64           /* bytes of a cache line */
#define NOT_YET  UINT64_MAX   /* stamp of what came since forward_time */
#define STAMP_NS UINT64_C(1000000000) /* after which it gets one */

struct count {
	uint32_t link;
	uint32_t copies;
};

/* One cache line.  The count of the holder is the best and nowhere else, so
 * most messages need no other. */
struct entry {
	uint64_t key;        /* half of it; see chain */
	uint64_t stamp;      /* of the last new copy, or NOT_YET */
	union {
		struct count few[INLINE];
		struct count *many; /* once they are more */
	} others;            /* counts of all links but the holder */
	uint32_t key_rest;
	uint32_t older, newer;
	uint32_t born;       /* links from this number on came later */
	uint32_t best;       /* largest count; 0: nobody brought it yet */
	uint32_t holder;     /* the link that has it, */
	uint32_t second;     /* largest count of all others */
	uint16_t n, cap;     /* of the others */
};
_Static_assert(sizeof(struct entry) == LINE, "entries fill cache lines");

/* The place of an entry in its bucket, or in the free list. */
struct chain {
	uint32_t next;
	uint32_t tag;        /* the last part of the entry's key */
};

struct forward {
	uint64_t seed[2];
	uint64_t now;
	uint32_t next_link;
	void *memory;          /* of entries, not aligned */
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
	mu_free(f->memory);
	mu_free(f->chains);
	mu_free(f->buckets);
	f->memory = NULL;
	f->entries = NULL;
	f->chains = NULL;
	f->buckets = NULL;
}

static bool
open_table(struct forward *f)
{
	if (f->entries != NULL)
		return true;
	f->memory = mu_calloc(FORWARD_ENTRIES + 1, sizeof *f->entries);
	f->chains = mu_calloc(FORWARD_ENTRIES, sizeof *f->chains);
	f->buckets = mu_malloc(NBUCKETS * sizeof *f->buckets);
	if (f->memory == NULL || f->chains == NULL || f->buckets == NULL) {
		close_table(f);
		return false;
	}
	f->entries = (struct entry *)((char *)f->memory +
	    (LINE - (uintptr_t)f->memory % LINE) % LINE);
	memset(f->buckets, 0xff, NBUCKETS * sizeof *f->buckets);
	f->used = 0;
	f->free = f->oldest = f->newest = NONE;
	return true;
}

static uint32_t *
bucket_of(struct forward *f, uint64_t key)
{
	return &f->buckets[key & (NBUCKETS - 1)];
}

static bool
has_many(const struct entry *e)
{
	return e->cap > INLINE;
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
	if (has_many(e))
		mu_free(e->others.many);
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
	uint32_t i = *bucket_of(f, key[0]);

	for (; i != NONE; i = f->chains[i].next) {
		struct entry *e = &f->entries[i];

		if (f->chains[i].tag == (uint32_t)key[1] && e->key == key[0] &&
		    e->key_rest == (uint32_t)(key[1] >> 32))
			return e;
	}
	return NULL;
}

static struct entry *
add(struct forward *f, const uint64_t key[2])
{
	uint32_t *at = bucket_of(f, key[0]);
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
	e->key = key[0];
	e->key_rest = (uint32_t)(key[1] >> 32);
	e->born = f->next_link;
	e->best = e->second = 0;
	e->n = 0;
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
	return has_many(e) ? e->others.many : e->others.few;
}

static bool
more_counts(struct entry *e)
{
	bool had = has_many(e);
	struct count *many;

	if (e->cap >= MOST)
		return false;
	many = mu_reallocarray(had ? e->others.many : NULL,
	    (size_t)e->cap * 2, sizeof *many);
	if (many == NULL)
		return false;
	if (!had)
		memcpy(many, e->others.few, sizeof e->others.few);
	e->others.many = many;
	e->cap = (uint16_t)(e->cap * 2);
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

/* The count in e of a link that is not the holder.  NULL: memory is out. */
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

/* A new copy, the holder's or the first of all. */
static void
renew(struct forward *f, struct entry *e, uint32_t link)
{
	e->holder = link;
	if (e->best++ == 0)
		return; /* an entry is new by itself */
	unlist(f, e);
	list_newest(f, e);
}

/* The link of c has one copy more than the holder and takes its place. */
static void
overtake(struct forward *f, struct entry *e, struct count *c)
{
	uint32_t link = c->link;

	*c = (struct count){ e->holder, e->best };
	e->second = e->best;
	renew(f, e, link);
}

static enum forward_verdict
judge(struct forward *f, struct entry *e, struct count *c, uint32_t *holder)
{
	uint32_t copies = ++c->copies;

	if (copies > e->best) {
		overtake(f, e, c);
		return FORWARD_NEW;
	}
	if (copies <= e->second)
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
		__builtin_prefetch(bucket_of(f, key->hash[0]), 1);
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
	if (e->best == 0 || e->holder == link) {
		renew(f, e, link);
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
	if (e == NULL)
		return MUSTER_ENOMEM;
	if (e->best == 0 || e->holder == FORWARD_ORIGINAL) {
		renew(f, e, FORWARD_ORIGINAL);
		return 0;
	}
	c = count_of(f, e, FORWARD_ORIGINAL);
	if (c == NULL)
		return MUSTER_ENOMEM;
	overtake(f, e, c);
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
