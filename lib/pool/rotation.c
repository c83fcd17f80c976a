/*
 * Positions of round robins; see rotation.h.  A hash table of fixed size with
 * chains, and a list in order of use.
 */
#include "pool/rotation.h"

#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "muster/err.h"

#define BUCKETS 1024

struct place {
	struct place *chain;         /* next of the bucket */
	struct place *newer, *older; /* by last use */
	uint64_t hash;
	size_t position;
	size_t len;
	uint8_t key[];
};

struct mu_rotation {
	struct place *buckets[BUCKETS];
	struct place *newest, *oldest;
	size_t n;
};

struct mu_rotation *
mu_rotation_new(void)
{
	return mu_calloc(1, sizeof(struct mu_rotation));
}

void
mu_rotation_free(struct mu_rotation *r)
{
	struct place *older;

	if (r == NULL)
		return;
	for (struct place *p = r->newest; p != NULL; p = older) {
		older = p->older;
		mu_free(p);
	}
	mu_free(r);
}

static void
unlink_use(struct mu_rotation *r, struct place *p)
{
	*(p->newer == NULL ? &r->newest : &p->newer->older) = p->older;
	*(p->older == NULL ? &r->oldest : &p->older->newer) = p->newer;
}

static void
link_newest(struct mu_rotation *r, struct place *p)
{
	p->newer = NULL;
	p->older = r->newest;
	*(r->newest == NULL ? &r->oldest : &r->newest->newer) = p;
	r->newest = p;
}

static void
forget_oldest(struct mu_rotation *r)
{
	struct place *p = r->oldest;
	struct place **at = &r->buckets[p->hash % BUCKETS];

	while (*at != p)
		at = &(*at)->chain;
	*at = p->chain;
	unlink_use(r, p);
	mu_free(p);
	r->n--;
}

static struct place *
find(const struct mu_rotation *r, uint64_t hash, const void *key, size_t len)
{
	struct place *p = r->buckets[hash % BUCKETS];

	while (p != NULL && (p->hash != hash || p->len != len ||
				(len > 0 && memcmp(p->key, key, len) != 0)))
		p = p->chain;
	return p;
}

static struct place *
add(struct mu_rotation *r, uint64_t hash, const void *key, size_t len)
{
	struct place *p = mu_malloc(sizeof *p + len);

	if (p == NULL)
		return NULL;
	if (r->n == MU_ROTATION_KEYS)
		forget_oldest(r);
	p->hash = hash;
	p->position = 0;
	p->len = len;
	if (len > 0)
		memcpy(p->key, key, len);
	p->chain = r->buckets[hash % BUCKETS];
	r->buckets[hash % BUCKETS] = p;
	link_newest(r, p);
	r->n++;
	return p;
}

int
mu_rotation_at(
    struct mu_rotation *r, const void *key, size_t len, size_t **position)
{
	uint64_t hash = mu_hash64(0, key, len);
	struct place *p;

	if (len > MU_ROTATION_KEY_MAX)
		return MUSTER_ELIMIT;
	p = find(r, hash, key, len);
	if (p == NULL) {
		p = add(r, hash, key, len);
		if (p == NULL)
			return MUSTER_ENOMEM;
	} else if (p != r->newest) {
		unlink_use(r, p);
		link_newest(r, p);
	}
	*position = &p->position;
	return 0;
}

size_t
mu_rotation_size(const struct mu_rotation *r)
{
	return r->n;
}
