/* One pool; see pool.h. */
#include "pool/pool.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "pool/hrw.h"
#include "pool/rotation.h"

#define ALIAS_ROOM 12 /* ".4294967295" and NUL */
/* Keys tried to find shares: fewer for large pools, but never few. */
#define TRIES      (UINT32_C(1) << 16)
#define TRIES_COST (UINT32_C(1) << 23) /* weights computed at most */

struct mu_pool {
	char *name, *topic;
	int type;
	unsigned replicas;
	struct mu_pool_member *members; /* [n] */
	size_t n;
	char *names;     /* of all members, one after another */
	uint32_t *sites; /* [nturns] the same */
	uint32_t *turns; /* [nturns] members in the order of round robin */
	size_t nturns;
	struct mu_rotation *rotation;
};

/* --- construction --------------------------------------------------------- */

/* Ids given so far: open addressing, at most half full. */
struct taken {
	uint32_t *ids;
	bool *used;
	size_t mask;
};

static int
taken_init(struct taken *t, size_t n)
{
	size_t size = 16;

	while (size < 2 * n)
		size *= 2;
	t->mask = size - 1;
	t->ids = mu_calloc(size, sizeof *t->ids);
	t->used = mu_calloc(size, sizeof *t->used);
	return t->ids == NULL || t->used == NULL ? MUSTER_ENOMEM : 0;
}

static void
taken_clear(struct taken *t)
{
	mu_free(t->ids);
	mu_free(t->used);
}

/* False when the id was given before. */
static bool
take(struct taken *t, uint32_t id)
{
	size_t at = id & t->mask;

	while (t->used[at]) {
		if (t->ids[at] == id)
			return false;
		at = (at + 1) & t->mask;
	}
	t->used[at] = true;
	t->ids[at] = id;
	return true;
}

/*
 * Site i of member m: the id of the first "NAME.c" from c = *next on that
 * nobody has.  What is tried ends: ids are many more than sites.
 *
 * alias  [room] scratch
 */
static void
add_site(struct mu_pool *p, struct taken *t, struct mu_pool_member *m,
    char *alias, size_t room, unsigned i, uint32_t *next)
{
	uint32_t id;

	do {
		int len = snprintf(alias, room, "%s.%u", m->name, *next);

		++*next;
		id = mu_hrw_digest(alias, (size_t)len);
	} while (!take(t, id));
	p->sites[(size_t)(m->sites - p->sites) + i] = id;
	if (i == 0)
		m->alias = *next - 1;
}

static uint8_t
weight_of(const struct mu_pool_spec *spec, const char *name)
{
	for (size_t i = 0; i < spec->nweights; i++)
		if (strcmp(spec->weights[i].node, name) == 0)
			return (uint8_t)spec->weights[i].weight;
	return 1;
}

/* Room for the longest alias. */
static size_t
alias_room(const struct mu_pool *p)
{
	size_t most = 0;

	for (size_t i = 0; i < p->n; i++) {
		size_t len = strlen(p->members[i].name);

		if (len > most)
			most = len;
	}
	return most + ALIAS_ROOM;
}

/* All first sites before all others, so that the first are those of Zeek,
 * which knows no others. */
static int
give_sites(struct mu_pool *p)
{
	size_t room = alias_room(p);
	struct taken t = { 0 };
	uint32_t *next = mu_calloc(p->n + 1, sizeof *next);
	char *alias = mu_malloc(room);
	int rc = next == NULL || alias == NULL ? MUSTER_ENOMEM
					       : taken_init(&t, p->nturns);

	for (size_t i = 0; i < p->n && rc == 0; i++)
		add_site(p, &t, &p->members[i], alias, room, 0, &next[i]);
	for (size_t i = 0; i < p->n && rc == 0; i++)
		for (unsigned k = 1; k < p->members[i].weight; k++)
			add_site(
			    p, &t, &p->members[i], alias, room, k, &next[i]);
	taken_clear(&t);
	mu_free(alias);
	mu_free(next);
	return rc;
}

/* In the first round everybody, in the next those of weight 2 and more, and
 * so on: a heavy node's turns do not follow each other. */
static int
give_turns(struct mu_pool *p)
{
	size_t n = 0;

	p->turns = mu_calloc(p->nturns, sizeof *p->turns);
	if (p->turns == NULL)
		return MUSTER_ENOMEM;
	for (unsigned round = 0; n < p->nturns; round++)
		for (size_t i = 0; i < p->n; i++)
			if (p->members[i].weight > round)
				p->turns[n++] = (uint32_t)i;
	return 0;
}

/* Names and sites of all members stand in two arrays: a layout of thousands of
 * nodes has thousands of members in each of its processes. */
static int
add_members(struct mu_pool *p, const struct mu_pool_spec *spec,
    const char *const *names, size_t n, const char *self)
{
	size_t size = 0, at = 0;

	for (size_t i = 0; i < n; i++) {
		size += strlen(names[i]) + 1;
		p->nturns += weight_of(spec, names[i]);
	}
	p->members = mu_calloc(n, sizeof *p->members);
	p->names = mu_malloc(size + 1);
	p->sites = mu_calloc(p->nturns + 1, sizeof *p->sites);
	if (p->members == NULL || p->names == NULL || p->sites == NULL)
		return MUSTER_ENOMEM;
	size = 0;
	for (p->n = 0; p->n < n; p->n++) {
		struct mu_pool_member *m = &p->members[p->n];
		const char *name = names[p->n];
		size_t len = strlen(name) + 1;

		m->name = memcpy(p->names + size, name, len);
		m->sites = p->sites + at;
		m->weight = weight_of(spec, name);
		m->self = self != NULL && strcmp(name, self) == 0;
		size += len;
		at += m->weight;
	}
	return 0;
}

static int
fill(struct mu_pool *p, const struct mu_pool_spec *spec,
    const char *const *names, size_t n, const char *self)
{
	p->name = mu_strdup(spec->name);
	p->topic = mu_strdup(spec->topic);
	p->rotation = mu_rotation_new();
	if (p->name == NULL || p->topic == NULL || p->rotation == NULL)
		return MUSTER_ENOMEM;
	p->type = spec->type;
	p->replicas = spec->replicas;
	if (add_members(p, spec, names, n, self) != 0)
		return MUSTER_ENOMEM;
	return give_turns(p) == 0 ? give_sites(p) : MUSTER_ENOMEM;
}

struct mu_pool *
mu_pool_new(const struct mu_pool_spec *spec, const char *const *names, size_t n,
    const char *self)
{
	struct mu_pool *p = mu_calloc(1, sizeof *p);

	if (p != NULL && fill(p, spec, names, n, self) != 0) {
		mu_pool_free(p);
		p = NULL;
	}
	return p;
}

void
mu_pool_free(struct mu_pool *p)
{
	if (p == NULL)
		return;
	mu_free(p->members);
	mu_free(p->names);
	mu_free(p->sites);
	mu_free(p->turns);
	mu_rotation_free(p->rotation);
	mu_free(p->name);
	mu_free(p->topic);
	mu_free(p);
}

/* --- facts ---------------------------------------------------------------- */

const char *
mu_pool_name(const struct mu_pool *p)
{
	return p->name;
}

const char *
mu_pool_topic(const struct mu_pool *p)
{
	return p->topic;
}

int
mu_pool_type(const struct mu_pool *p)
{
	return p->type;
}

unsigned
mu_pool_replicas(const struct mu_pool *p)
{
	return p->replicas;
}

size_t
mu_pool_size(const struct mu_pool *p)
{
	return p->n;
}

const struct mu_pool_member *
mu_pool_at(const struct mu_pool *p, size_t i)
{
	return i < p->n ? &p->members[i] : NULL;
}

static struct mu_pool_member *
find(const struct mu_pool *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->members[i].name, name) == 0)
			return &p->members[i];
	return NULL;
}

const struct mu_pool_member *
mu_pool_find(const struct mu_pool *p, const char *name)
{
	return find(p, name);
}

size_t
mu_pool_alive(const struct mu_pool *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->members[i].self || p->members[i].up;
	return n;
}

/* --- aliveness ------------------------------------------------------------ */

bool
mu_pool_set_up(struct mu_pool *p, const char *name, bool up)
{
	struct mu_pool_member *m = find(p, name);

	if (m == NULL || m->self || m->up == up)
		return false;
	m->up = up;
	return true;
}

void
mu_pool_inherit(struct mu_pool *p, struct mu_pool *earlier)
{
	struct mu_rotation *rotation = p->rotation;

	for (size_t i = 0; i < p->n; i++) {
		struct mu_pool_member *m = &p->members[i];
		const struct mu_pool_member *was = find(earlier, m->name);

		if (was == NULL)
			continue;
		m->up = was->up && !m->self;
		m->nkeys = was->nkeys;
		m->nturns = was->nturns;
	}
	p->rotation = earlier->rotation;
	earlier->rotation = rotation;
}

/* --- by key --------------------------------------------------------------- */

struct best {
	struct mu_pool_member *member;
	uint32_t weight, site;
};

static bool
beats(const struct best *a, const struct best *b)
{
	return a->weight != b->weight ? a->weight > b->weight
				      : a->site > b->site;
}

/* The site of a member that wants the key most. */
static struct best
best_site(struct mu_pool_member *m, uint32_t digest)
{
	struct best best = { m, mu_hrw_weight(m->sites[0], digest),
		m->sites[0] };

	for (unsigned i = 1; i < m->weight; i++) {
		struct best other = { m, mu_hrw_weight(m->sites[i], digest),
			m->sites[i] };

		if (beats(&other, &best))
			best = other;
	}
	return best;
}

static bool
takes_part(const struct mu_pool_member *m, const struct mu_pool_view *view)
{
	if (view == NULL)
		return m->up;
	for (size_t i = 0; i < view->nwithout; i++)
		if (strcmp(view->without[i], m->name) == 0)
			return false;
	return view->everybody || m->up;
}

/* The list stays sorted, best first; what falls off its end is forgotten. */
static size_t
choose(const struct mu_pool *p, uint32_t digest,
    const struct mu_pool_view *view, struct best *list, size_t want)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		struct best b;
		size_t at;

		if (!takes_part(&p->members[i], view))
			continue;
		b = best_site(&p->members[i], digest);
		if (n == want && (n == 0 || !beats(&b, &list[n - 1])))
			continue;
		at = n < want ? n++ : n - 1;
		for (; at > 0 && beats(&b, &list[at - 1]); at--)
			list[at] = list[at - 1];
		list[at] = b;
	}
	return n;
}

size_t
mu_pool_where(const struct mu_pool *p, uint32_t digest,
    const struct mu_pool_view *view, const struct mu_pool_member **out,
    size_t want)
{
	struct best list[MU_POOL_MAX_REPLICAS];
	size_t n;

	if (want > MU_POOL_MAX_REPLICAS)
		want = MU_POOL_MAX_REPLICAS;
	n = choose(p, digest, view, list, want);
	for (size_t i = 0; i < n; i++)
		out[i] = list[i].member;
	return n;
}

size_t
mu_pool_choose(struct mu_pool *p, uint32_t digest,
    const struct mu_pool_member **out, size_t want)
{
	struct best list[MU_POOL_MAX_REPLICAS];
	size_t n;

	if (want > MU_POOL_MAX_REPLICAS)
		want = MU_POOL_MAX_REPLICAS;
	n = choose(p, digest, NULL, list, want);
	for (size_t i = 0; i < n; i++) {
		list[i].member->nkeys++;
		out[i] = list[i].member;
	}
	return n;
}

void
mu_pool_shares(const struct mu_pool *p, uint32_t *share)
{
	uint32_t tries = TRIES;

	memset(share, 0, p->n * sizeof *share);
	while (tries > 256 && (uint64_t)tries * p->nturns > TRIES_COST)
		tries /= 2;
	for (uint32_t i = 0; i < tries; i++) {
		struct best best;
		uint32_t digest = mu_hrw_digest(&i, sizeof i);

		if (choose(p, digest, NULL, &best, 1) == 1)
			share[best.member - p->members]++;
	}
	for (size_t i = 0; i < p->n; i++)
		share[i] = (uint32_t)((uint64_t)share[i] * 1000000 / tries);
}

/* --- round robin ---------------------------------------------------------- */

int
mu_pool_turn(struct mu_pool *p, const void *key, size_t len,
    const struct mu_pool_member **out)
{
	size_t *position, tried = 0;
	int rc = mu_rotation_at(p->rotation, key, len, &position);

	if (rc != 0)
		return rc;
	/* The pool may have become smaller. */
	if (*position >= p->nturns)
		*position = 0;
	while (tried++ < p->nturns) {
		struct mu_pool_member *m = &p->members[p->turns[*position]];

		*position = (*position + 1) % p->nturns;
		if (m->self || m->up) {
			m->nturns++;
			*out = m;
			return 0;
		}
	}
	return MUSTER_ENOENT;
}
