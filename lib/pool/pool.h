/*
 * A pool: nodes of one type that share work out among themselves.  Which of
 * them are alive is told by the owner; two rules say who gets a piece of work:
 * rendezvous hashing of a key, and round robin (reference "cluster-semantics"
 * 3.3 to 3.6).  Beyond Zeek: the n best for a key, and weights.
 *
 * A node of weight n has n sites in place of one, so it is chosen n times as
 * often, in whole numbers that are the same on every machine; and when its
 * weight changes by one only the keys of that site move.
 */
#ifndef MU_POOL_POOL_H
#define MU_POOL_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MU_POOL_MAX_WEIGHT   64
#define MU_POOL_MAX_REPLICAS 16

/* A node of the pool whose weight is not 1. */
struct mu_pool_weight {
	const char *node;
	unsigned weight; /* 1 to MU_POOL_MAX_WEIGHT */
};

/* What a pool is to be; borrowed. */
struct mu_pool_spec {
	const char *name;  /* as users say it */
	const char *topic; /* its members subscribe it */
	int type;          /* of its nodes; equal numbers are equal types */
	size_t max_nodes;  /* 0: no limit */
	bool exclusive;    /* no other pool gets its members */
	unsigned replicas; /* members that a key belongs to, 1 to
			      MU_POOL_MAX_REPLICAS */
	const struct mu_pool_weight *weights;
	size_t nweights;
};

struct mu_pool_member {
	const char *name;
	const uint32_t *sites; /* [weight] ids, all different in the pool */
	uint32_t alias;  /* its first site is named after name and this:
			    "proxy-1.0" */
	uint8_t weight;
	bool self;       /* the local node: it has no node_up for itself, so it
			    is alive for round robin and never chosen by key */
	bool up;         /* node_up was seen and no node_down since */
	uint64_t nkeys;  /* times chosen by key */
	uint64_t nturns; /* times chosen by round robin */
};

struct mu_pool;

/* A pool of these members, in this order (names copied); self is the name of
 * the local node, or NULL.  NULL when memory is out. */
struct mu_pool *mu_pool_new(const struct mu_pool_spec *spec,
    const char *const *names, size_t n, const char *self);
void mu_pool_free(struct mu_pool *p);

const char *mu_pool_name(const struct mu_pool *p);
const char *mu_pool_topic(const struct mu_pool *p);
int mu_pool_type(const struct mu_pool *p);
unsigned mu_pool_replicas(const struct mu_pool *p);
size_t mu_pool_size(const struct mu_pool *p);
/* Member i, in the order of round robin. */
const struct mu_pool_member *mu_pool_at(const struct mu_pool *p, size_t i);
/* The member of that name, or NULL. */
const struct mu_pool_member *mu_pool_find(
    const struct mu_pool *p, const char *name);
/* Members alive, the local node among them. */
size_t mu_pool_alive(const struct mu_pool *p);

/* A node came or went; one that is no member changes nothing.  True when the
 * pool changed. */
bool mu_pool_set_up(struct mu_pool *p, const char *name, bool up);

/* Take over from an earlier form of the pool, which is spoilt: who is up, who
 * was chosen how often, where round robin stands. */
void mu_pool_inherit(struct mu_pool *p, struct mu_pool *earlier);

/*
 * The members that a key of that digest belongs to, best first.
 *
 * out  [want] members, borrowed from p; want at most MU_POOL_MAX_REPLICAS
 *
 * Returns how many there are: fewer when fewer are up, 0 when nobody is.
 */
size_t mu_pool_choose(struct mu_pool *p, uint32_t digest,
    const struct mu_pool_member **out, size_t want);

/* Who is taken for alive when one only asks. */
struct mu_pool_view {
	bool everybody; /* all members, the local node too; else as now */
	const char *const *without; /* [nwithout] but none of these */
	size_t nwithout;
};

/* As mu_pool_choose, without counting. */
size_t mu_pool_where(const struct mu_pool *p, uint32_t digest,
    const struct mu_pool_view *view, const struct mu_pool_member **out,
    size_t want);

/*
 * The member whose turn it is; each key [len] has a rotation of its own.
 *
 * 0 with *out borrowed from p; MUSTER_ENOENT: nobody is alive; MUSTER_ELIMIT:
 * the key is too long (rotation.h); MUSTER_ENOMEM.
 */
int mu_pool_turn(struct mu_pool *p, const void *key, size_t len,
    const struct mu_pool_member **out);

/*
 * What part of all keys belongs to each member now, found by trying.
 *
 * share  [mu_pool_size] parts per million; their sum is a million less what
 *        rounding takes, or 0 when nobody is up
 */
void mu_pool_shares(const struct mu_pool *p, uint32_t *share);

#endif
