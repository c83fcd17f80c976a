/*
 * The sending half of a channel.  Numbers follow each other, so what is kept
 * is a ring: the oldest number and the blobs from there on.  A path that lags
 * too far behind is cut rather than remembered for; it attaches again.
 */
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "store/channel.h"

#define FIRST_RING    16
#define PATIENCE_MIN  4 /* ticks: what was resent may be under way */
#define PATIENCE_MAX  32
#define TIMEOUT_TICKS ((uint64_t)MU_CHANNEL_HEARTBEAT * MU_CHANNEL_TIMEOUT)

struct path {
	struct mu_entity consumer;
	uint64_t offset;    /* seq when it was added */
	uint64_t acked;     /* it has everything up to here; 0: never acked */
	uint64_t last_seen; /* tick of its last sign of life */
	bool confirmed;     /* its first ack completed the handshake */
	bool lost;          /* to be reported and removed */
	uint64_t asked;     /* first number of the nack answered last */
	uint64_t asked_at;  /* its tick */
	uint64_t patience;  /* ticks before the same is answered again */
};

struct mu_producer {
	struct mu_producer_limits limits;
	uint64_t seq; /* last number given out */
	uint64_t tick;
	uint64_t broadcast; /* tick of the last broadcast */
	struct path *paths; /* owned [npaths] */
	size_t npaths;
	size_t cap_paths;
	struct mu_blob **ring; /* owned [ring_cap], a power of two */
	size_t ring_cap;
	size_t ring_head; /* where number low is */
	size_t nkept;
	uint64_t low; /* number of the oldest one kept */
	size_t bytes; /* of all kept */
};

struct mu_producer *
mu_producer_new(uint64_t first_seq, const struct mu_producer_limits *limits)
{
	struct mu_producer *p = mu_calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->limits = *limits;
	p->seq = first_seq;
	p->low = first_seq + 1;
	return p;
}

static struct mu_blob **
slot(const struct mu_producer *p, uint64_t seq)
{
	size_t i = (size_t)(seq - p->low);

	return &p->ring[(p->ring_head + i) & (p->ring_cap - 1)];
}

static void
drop_oldest(struct mu_producer *p)
{
	struct mu_blob **b = slot(p, p->low);

	if (*b != NULL)
		p->bytes -= (*b)->len;
	mu_blob_unref(*b);
	*b = NULL;
	p->ring_head = (p->ring_head + 1) & (p->ring_cap - 1);
	p->nkept--;
	p->low++;
}

static void
drop_all(struct mu_producer *p)
{
	while (p->nkept > 0)
		drop_oldest(p);
}

void
mu_producer_free(struct mu_producer *p)
{
	if (p == NULL)
		return;
	drop_all(p);
	mu_free(p->ring);
	mu_free(p->paths);
	mu_free(p);
}

uint64_t
mu_producer_seq(const struct mu_producer *p)
{
	return p->seq;
}

size_t
mu_producer_npaths(const struct mu_producer *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->npaths; i++)
		n += !p->paths[i].lost;
	return n;
}

size_t
mu_producer_buffered(const struct mu_producer *p)
{
	return p->nkept;
}

const struct mu_entity *
mu_producer_path(const struct mu_producer *p, size_t i, uint64_t *acked)
{
	if (i >= p->npaths)
		return NULL;
	*acked = p->paths[i].acked;
	return &p->paths[i].consumer;
}

/* --- what is kept ------------------------------------------------------ */

/* What a path certainly has. */
static uint64_t
has(const struct path *path)
{
	return path->acked > path->offset ? path->acked : path->offset;
}

static struct path *
slowest(const struct mu_producer *p)
{
	struct path *found = NULL;

	for (size_t i = 0; i < p->npaths; i++) {
		struct path *path = &p->paths[i];

		if (!path->lost && (found == NULL || has(path) < has(found)))
			found = path;
	}
	return found;
}

uint64_t
mu_producer_acked(const struct mu_producer *p)
{
	const struct path *path = slowest(p);

	return path == NULL ? p->seq : has(path);
}

/* Forget what nobody lacks and no resumption may want. */
static void
trim(struct mu_producer *p)
{
	uint64_t acked = mu_producer_acked(p);

	while (p->nkept > 0 && p->low <= acked &&
	       (p->nkept > p->limits.keep_actions ||
		   p->bytes > p->limits.keep_bytes))
		drop_oldest(p);
}

static bool
is_too_much(const struct mu_producer *p)
{
	return p->nkept > p->limits.max_buffered ||
	       p->bytes > p->limits.max_bytes;
}

static void
enforce(struct mu_producer *p)
{
	trim(p);
	while (is_too_much(p)) {
		struct path *path = slowest(p);

		if (path == NULL) {
			drop_oldest(p);
			continue;
		}
		path->lost = true;
		trim(p);
	}
}

static int
grow_ring(struct mu_producer *p)
{
	size_t cap = p->ring_cap == 0 ? FIRST_RING : p->ring_cap * 2;
	struct mu_blob **ring;

	if (p->nkept < p->ring_cap)
		return 0;
	ring = mu_calloc(cap, sizeof(struct mu_blob *));
	if (ring == NULL)
		return MUSTER_ENOMEM;
	for (size_t i = 0; i < p->nkept; i++)
		ring[i] = *slot(p, p->low + i);
	mu_free(p->ring);
	p->ring = ring;
	p->ring_cap = cap;
	p->ring_head = 0;
	return 0;
}

int
mu_producer_produce(struct mu_producer *p, uint64_t *seq)
{
	size_t npaths = mu_producer_npaths(p);

	*seq = p->seq;
	if (npaths == 0 && !p->limits.always)
		return 0;
	if (grow_ring(p) != 0)
		return MUSTER_ENOMEM;
	if (p->nkept == 0)
		p->low = p->seq + 1;
	*seq = ++p->seq;
	*slot(p, p->seq) = NULL;
	p->nkept++;
	if (npaths == 0)
		return 0;
	p->broadcast = p->tick;
	return 1;
}

void
mu_producer_keep(struct mu_producer *p, uint64_t seq, struct mu_blob *b)
{
	struct mu_blob **at;

	if (seq < p->low || seq - p->low >= p->nkept)
		return;
	at = slot(p, seq);
	if (*at != NULL)
		return;
	*at = mu_blob_ref(b);
	p->bytes += b->len;
	enforce(p);
}

struct mu_blob *
mu_producer_kept(const struct mu_producer *p, uint64_t seq)
{
	if (seq < p->low || seq - p->low >= p->nkept)
		return NULL;
	return *slot(p, seq);
}

void
mu_producer_jump(struct mu_producer *p, uint64_t seq)
{
	if (seq <= p->seq)
		return;
	drop_all(p);
	p->seq = seq;
	p->low = seq + 1;
}

/* --- paths ------------------------------------------------------------- */

static struct path *
find(const struct mu_producer *p, const struct mu_entity *consumer)
{
	for (size_t i = 0; i < p->npaths; i++)
		if (!p->paths[i].lost &&
		    mu_entity_eq(&p->paths[i].consumer, consumer))
			return &p->paths[i];
	return NULL;
}

static int
add(struct mu_producer *p, const struct mu_entity *consumer, uint64_t offset)
{
	struct path *path;

	if (p->npaths >= p->limits.max_paths)
		return MUSTER_ELIMIT;
	if (p->npaths == p->cap_paths) {
		size_t cap = p->cap_paths == 0 ? 4 : p->cap_paths * 2;
		struct path *paths =
		    mu_reallocarray(p->paths, cap, sizeof *paths);

		if (paths == NULL)
			return MUSTER_ENOMEM;
		p->paths = paths;
		p->cap_paths = cap;
	}
	path = &p->paths[p->npaths++];
	memset(path, 0, sizeof *path);
	path->consumer = *consumer;
	path->offset = offset;
	path->last_seen = p->tick;
	return 0;
}

int
mu_producer_add(
    struct mu_producer *p, const struct mu_entity *consumer, uint64_t *offset)
{
	struct path *path = find(p, consumer);

	if (path != NULL) {
		*offset = path->offset;
		return MUSTER_EEXIST;
	}
	*offset = p->seq;
	return add(p, consumer, p->seq);
}

int
mu_producer_resume(
    struct mu_producer *p, const struct mu_entity *consumer, uint64_t offset)
{
	struct path *path = find(p, consumer);

	if (offset > p->seq || offset + 1 < p->low)
		return MUSTER_ENOENT;
	if (offset < p->seq && p->nkept == 0)
		return MUSTER_ENOENT;
	if (path == NULL)
		return add(p, consumer, offset);
	path->offset = offset;
	path->acked = offset;
	path->last_seen = p->tick;
	return 0;
}

static void
ack_path(struct mu_producer *p, struct path *path, uint64_t seq)
{
	if (seq < path->acked || seq > p->seq)
		return;
	path->last_seen = p->tick;
	path->confirmed = true;
	path->acked = seq;
	trim(p);
}

int
mu_producer_adopt(
    struct mu_producer *p, const struct mu_entity *consumer, uint64_t offset)
{
	int rc = find(p, consumer) != NULL ? MUSTER_EEXIST
					   : add(p, consumer, offset);

	if (rc == 0)
		ack_path(p, &p->paths[p->npaths - 1], offset);
	return rc;
}

static void
remove_at(struct mu_producer *p, size_t i)
{
	p->paths[i] = p->paths[--p->npaths];
	trim(p);
}

void
mu_producer_remove(struct mu_producer *p, const struct mu_entity *consumer)
{
	struct path *path = find(p, consumer);

	if (path != NULL)
		remove_at(p, (size_t)(path - p->paths));
}

bool
mu_producer_has(const struct mu_producer *p, const struct mu_entity *consumer,
    uint64_t *offset, bool *acked)
{
	const struct path *path = find(p, consumer);

	if (path == NULL)
		return false;
	*offset = path->offset;
	*acked = path->confirmed;
	return true;
}

void
mu_producer_touch(struct mu_producer *p, const struct mu_entity *consumer)
{
	struct path *path = find(p, consumer);

	if (path != NULL)
		path->last_seen = p->tick;
}

void
mu_producer_ack(
    struct mu_producer *p, const struct mu_entity *consumer, uint64_t seq)
{
	struct path *path = find(p, consumer);

	if (path != NULL)
		ack_path(p, path, seq);
}

static bool
is_ascending(const uint64_t *seqs, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (seqs[i] <= seqs[i - 1])
			return false;
	return true;
}

/* Who is slow asks for the same again while the answer waits in a queue, and
 * answers to each would fill the queue until it drops them. */
static bool
is_too_soon(const struct mu_producer *p, struct path *path, uint64_t first)
{
	bool again = first == path->asked;

	if (again && p->tick - path->asked_at < path->patience)
		return true;
	path->patience = !again ? PATIENCE_MIN : path->patience * 2;
	if (path->patience > PATIENCE_MAX)
		path->patience = PATIENCE_MAX;
	path->asked = first;
	path->asked_at = p->tick;
	return false;
}

enum mu_nack_answer
mu_producer_nack(struct mu_producer *p, const struct mu_entity *consumer,
    const uint64_t *seqs, size_t n)
{
	struct path *path = find(p, consumer);

	if (path == NULL)
		return n == 1 && seqs[0] == 0 ? MU_NACK_UNKNOWN
					      : MU_NACK_IGNORE;
	if (n == 0)
		return MU_NACK_IGNORE;
	if (!is_ascending(seqs, n)) {
		remove_at(p, (size_t)(path - p->paths));
		return MU_NACK_DROPPED;
	}
	path->last_seen = p->tick;
	if (seqs[0] == 0)
		return MU_NACK_HANDSHAKE;
	ack_path(p, path, seqs[0] - 1);
	return is_too_soon(p, path, seqs[0]) ? MU_NACK_IGNORE : MU_NACK_RESEND;
}

/* --- time -------------------------------------------------------------- */

bool
mu_producer_tick(struct mu_producer *p)
{
	p->tick++;
	for (size_t i = 0; i < p->npaths; i++)
		if (p->tick - p->paths[i].last_seen >= TIMEOUT_TICKS)
			p->paths[i].lost = true;
	trim(p);
	if (p->tick - p->broadcast < MU_CHANNEL_HEARTBEAT)
		return false;
	p->broadcast = p->tick;
	return true;
}

bool
mu_producer_next_lost(struct mu_producer *p, struct mu_entity *consumer)
{
	for (size_t i = 0; i < p->npaths; i++) {
		if (!p->paths[i].lost)
			continue;
		*consumer = p->paths[i].consumer;
		remove_at(p, i);
		return true;
	}
	return false;
}
