/*
 * Who is connected with whom: one claim per remote id, as in reference 2.4.
 * Entries live no longer than the machine that holds them: "disconnected" and
 * "unknown" mean the same to everything an endpoint decides.
 *
 * Claims are in lists by one byte of their id, which is random: an endpoint has
 * thousands of peers, not millions.  Lists are searched from their front.
 */
#include "base/alloc.h"
#include "proto/peer_impl.h"

/* How long a suspected peering has to answer. */
#define SUSPECT_NS ((uint64_t)1000 * 1000 * 1000)

struct mu_peer_table *
mu_peer_table_new(const struct mu_uuid *self)
{
	struct mu_peer_table *t = mu_calloc(1, sizeof *t);

	if (t != NULL)
		t->self = *self;
	return t;
}

void
mu_peer_table_free(struct mu_peer_table *t)
{
	mu_free(t);
}

void
mu_peer_table_close(struct mu_peer_table *t)
{
	t->closed = true;
}

/* --- waking --------------------------------------------------------------- */

static void
wake(struct mu_peer *p)
{
	struct mu_peer_table *t = p->cfg.table;

	if (p->waking)
		return;
	p->waking = true;
	p->wake_next = NULL;
	if (t->wake_last == NULL)
		t->wake_first = p;
	else
		t->wake_last->wake_next = p;
	t->wake_last = p;
}

struct mu_peer *
mu_peer_table_wake(struct mu_peer_table *t)
{
	struct mu_peer *p = t->wake_first;

	if (p == NULL)
		return NULL;
	t->wake_first = p->wake_next;
	if (t->wake_first == NULL)
		t->wake_last = NULL;
	p->waking = false;
	return p;
}

static void
unwake(struct mu_peer *p)
{
	struct mu_peer_table *t = p->cfg.table;
	struct mu_peer **at = &t->wake_first, *last = NULL;

	if (!p->waking)
		return;
	while (*at != p) {
		last = *at;
		at = &(*at)->wake_next;
	}
	*at = p->wake_next;
	if (t->wake_last == p)
		t->wake_last = last;
	p->waking = false;
}

/* --- claims --------------------------------------------------------------- */

static size_t
list_of(const struct mu_uuid *id)
{
	return id->bytes[sizeof id->bytes - 1];
}

static void
enlist(struct mu_peer *p, enum claim claim)
{
	struct mu_peer **first = &p->cfg.table->claims[list_of(&p->id)];

	p->claim = claim;
	p->prev = NULL;
	p->next = *first;
	if (*first != NULL)
		(*first)->prev = p;
	*first = p;
}

static void
delist(struct mu_peer *p)
{
	struct mu_peer_table *t = p->cfg.table;

	if (p->claim == CLAIM_NONE)
		return;
	p->claim = CLAIM_NONE;
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		t->claims[list_of(&p->id)] = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
}

static struct mu_peer *
holder(const struct mu_peer_table *t, const struct mu_uuid *id)
{
	struct mu_peer *p = t->claims[list_of(id)];

	while (p != NULL &&
	       (p->claim < CLAIM_CONNECTING || !mu_uuid_eq(&p->id, id)))
		p = p->next;
	return p;
}

/* The one parked longest behind id: the list has the newest in front. */
static struct mu_peer *
parked(const struct mu_peer_table *t, const struct mu_uuid *id)
{
	struct mu_peer *found = NULL;

	for (struct mu_peer *p = t->claims[list_of(id)]; p != NULL; p = p->next)
		if (p->claim == CLAIM_PARKED && mu_uuid_eq(&p->id, id))
			found = p;
	return found;
}

bool
mu_peer_table_has(const struct mu_peer_table *t, const struct mu_uuid *id)
{
	const struct mu_peer *p = holder(t, id);

	return p != NULL && p->claim == CLAIM_CONNECTED;
}

bool
mu_peer_table_held(const struct mu_peer *p, const struct mu_uuid *id)
{
	const struct mu_peer *other = holder(p->cfg.table, id);

	return other != NULL && other != p;
}

/*
 * The peer dials although we have a peering with it.  Either its other
 * handshake crossed ours, or it lost the peering and we have not noticed
 * (reference 2.6): ask.
 */
static void
suspect(struct mu_peer *p, uint64_t now)
{
	if (p->phase != PHASE_UP || p->pings[PING_SUSPECT].out)
		return;
	if (now > p->now)
		p->now = now;
	mu_peer_send_ping(p, PING_SUSPECT, 0, SUSPECT_NS);
	wake(p);
}

enum claim_result
mu_peer_table_claim(struct mu_peer *p)
{
	struct mu_peer_table *t = p->cfg.table;
	struct mu_peer *other;

	if (t->closed)
		return CLAIM_CLOSED;
	other = holder(t, &p->id);
	if (other == NULL) {
		enlist(p, CLAIM_CONNECTING);
		return CLAIM_GRANTED;
	}
	if (other->claim == CLAIM_CONNECTING)
		return CLAIM_BUSY;
	suspect(other, p->now);
	return CLAIM_TAKEN;
}

void
mu_peer_table_park(struct mu_peer *p)
{
	enlist(p, CLAIM_PARKED);
}

void
mu_peer_table_settle(struct mu_peer *p)
{
	struct mu_peer_table *t = p->cfg.table;
	struct mu_peer *other;

	p->claim = CLAIM_CONNECTED;
	while ((other = parked(t, &p->id)) != NULL) {
		static const char text[] = "redundant connection";

		mu_peer_send_drop(
		    other, MU_EC_REDUNDANT, text, sizeof text - 1);
		mu_peer_finish(other, MU_PEER_DUPLICATE, MU_EC_REDUNDANT,
		    "another connection with the same peer was first");
		wake(other);
	}
}

void
mu_peer_table_release(struct mu_peer *p)
{
	struct mu_peer_table *t = p->cfg.table;
	bool held = p->claim >= CLAIM_CONNECTING;
	struct mu_peer *other;

	delist(p);
	if (!held)
		return;
	while ((other = parked(t, &p->id)) != NULL) {
		wake(other);
		if (!t->closed) {
			other->claim = CLAIM_CONNECTING;
			mu_peer_proceed(other);
			return;
		}
		mu_peer_stop(other, MU_PEER_CLOSING, MU_EC_SHUTTING_DOWN,
		    "shutting down");
	}
}

void
mu_peer_table_forget(struct mu_peer *p)
{
	mu_peer_table_release(p);
	unwake(p);
}
