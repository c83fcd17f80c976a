/*
 * The receiving half of a channel: actions wait in an array sorted by number
 * until their turn.  What does not fit is dropped; it counts as missing and
 * is asked for again.
 */
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "store/channel.h"

struct early {
	uint64_t seq;
	struct mu_blob *blob; /* counted; NULL: will never come */
};

struct mu_consumer {
	size_t max_early;
	uint64_t next; /* the number wanted; 0: not opened */
	uint64_t last; /* end known so far, exclusive */
	uint64_t tick;
	uint64_t seen;       /* tick of the producer's last sign of life */
	uint64_t at_tick;    /* next, at the last tick */
	uint64_t idle;       /* ticks without progress */
	uint16_t heartbeat;  /* ticks */
	struct early *early; /* owned [cap], used from head, sorted */
	size_t head;
	size_t n;
	size_t cap;
	uint64_t *nack; /* owned, the list given out; NULL until needed */
};

struct mu_consumer *
mu_consumer_new(size_t max_early)
{
	struct mu_consumer *c = mu_calloc(1, sizeof *c);

	if (c != NULL)
		c->max_early = max_early;
	return c;
}

void
mu_consumer_free(struct mu_consumer *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n; i++)
		mu_blob_unref(c->early[c->head + i].blob);
	mu_free(c->early);
	mu_free(c->nack);
	mu_free(c);
}

bool
mu_consumer_is_open(const struct mu_consumer *c)
{
	return c->next != 0;
}

uint64_t
mu_consumer_next_seq(const struct mu_consumer *c)
{
	return c->next;
}

uint64_t
mu_consumer_newest(const struct mu_consumer *c)
{
	uint64_t newest = c->n == 0 ? 0 : c->early[c->head + c->n - 1].seq;

	return c->last != 0 && c->last - 1 > newest ? c->last - 1 : newest;
}

/* --- the waiting ones -------------------------------------------------- */

static struct early *
first(const struct mu_consumer *c)
{
	return c->n == 0 ? NULL : &c->early[c->head];
}

static void
drop_first(struct mu_consumer *c)
{
	mu_blob_unref(c->early[c->head].blob);
	c->head++;
	if (--c->n == 0)
		c->head = 0;
}

static void
drop_last(struct mu_consumer *c)
{
	mu_blob_unref(c->early[c->head + c->n - 1].blob);
	if (--c->n == 0)
		c->head = 0;
}

/* The place of seq among the waiting, relative to head. */
static size_t
place(const struct mu_consumer *c, uint64_t seq)
{
	size_t lo = 0, hi = c->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->early[c->head + mid].seq < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int
make_room(struct mu_consumer *c)
{
	size_t cap = c->cap == 0 ? 8 : c->cap * 2;
	struct early *early;

	if (c->head + c->n < c->cap)
		return 0;
	if (c->head > 0) {
		memmove(c->early, c->early + c->head, c->n * sizeof *early);
		c->head = 0;
		return 0;
	}
	early = mu_reallocarray(c->early, cap, sizeof *early);
	if (early == NULL)
		return MUSTER_ENOMEM;
	c->early = early;
	c->cap = cap;
	return 0;
}

/* The action wanted next always finds room: the latest one makes it. */
static int
insert(struct mu_consumer *c, uint64_t seq, struct mu_blob *b)
{
	size_t at = place(c, seq);
	struct early *e;

	if (at < c->n && c->early[c->head + at].seq == seq)
		return 0;
	if (c->n > 0 && c->n >= c->max_early) {
		if (at == c->n)
			return 0;
		drop_last(c);
	}
	if (make_room(c) != 0)
		return MUSTER_ENOMEM;
	e = &c->early[c->head + at];
	memmove(e + 1, e, (c->n - at) * sizeof *e);
	e->seq = seq;
	e->blob = b == NULL ? NULL : mu_blob_ref(b);
	c->n++;
	return 0;
}

/* --- what arrives ------------------------------------------------------ */

bool
mu_consumer_handshake(
    struct mu_consumer *c, uint64_t offset, uint16_t heartbeat)
{
	c->seen = c->tick;
	if (c->next != 0 || offset == UINT64_MAX)
		return false;
	c->next = offset + 1;
	if (c->last < c->next)
		c->last = c->next;
	c->heartbeat = heartbeat;
	c->at_tick = c->next;
	while (c->n > 0 && first(c)->seq < c->next)
		drop_first(c);
	return true;
}

int
mu_consumer_action(struct mu_consumer *c, uint64_t seq, struct mu_blob *b)
{
	c->seen = c->tick;
	if (seq < c->next || seq == UINT64_MAX)
		return 0;
	if (seq > c->next && seq > c->last)
		c->last = seq;
	return insert(c, seq, b);
}

void
mu_consumer_keepalive(struct mu_consumer *c, uint64_t seq)
{
	c->seen = c->tick;
	if (seq != UINT64_MAX && seq + 1 > c->last)
		c->last = seq + 1;
}

void
mu_consumer_touch(struct mu_consumer *c)
{
	c->seen = c->tick;
}

void
mu_consumer_skip(struct mu_consumer *c, uint64_t seq)
{
	c->seen = c->tick;
	if (c->next == 0 || seq < c->next)
		return;
	if (seq == c->next) {
		c->next++;
		while (c->n > 0 && first(c)->seq < c->next)
			drop_first(c);
		return;
	}
	/* No memory: it is missing still, and will be asked for again. */
	(void)insert(c, seq, NULL);
}

struct mu_blob *
mu_consumer_take(struct mu_consumer *c, uint64_t *seq)
{
	struct early *e;

	while (c->next != 0 && (e = first(c)) != NULL && e->seq == c->next) {
		struct mu_blob *b = e->blob;

		e->blob = NULL;
		drop_first(c);
		*seq = c->next++;
		if (b != NULL)
			return b;
	}
	return NULL;
}

/* --- time -------------------------------------------------------------- */

/* The numbers in [next, last) that do not wait already. */
static size_t
list_missing(struct mu_consumer *c)
{
	size_t n = 0, at = 0;

	for (uint64_t s = c->next; s < c->last && n < MU_CHANNEL_MAX_NACK;) {
		if (at < c->n && c->early[c->head + at].seq == s)
			at++;
		else
			c->nack[n++] = s;
		s++;
	}
	return n;
}

static enum mu_consumer_due
ask(struct mu_consumer *c, const uint64_t **list, size_t *n)
{
	if (c->nack == NULL)
		c->nack =
		    mu_reallocarray(NULL, MU_CHANNEL_MAX_NACK, sizeof *c->nack);
	if (c->nack == NULL)
		return MU_CONSUMER_NOTHING; /* at the next occasion */
	if (c->next == 0) {
		c->nack[0] = 0;
		*n = 1;
	} else {
		*n = list_missing(c);
	}
	c->idle = 0;
	*list = c->nack;
	return *n > 0 ? MU_CONSUMER_NACK : MU_CONSUMER_NOTHING;
}

static enum mu_consumer_due
heartbeat(struct mu_consumer *c, uint64_t *ack)
{
	if (c->heartbeat == 0 || c->tick % c->heartbeat != 0)
		return MU_CONSUMER_NOTHING;
	*ack = c->next - 1;
	return MU_CONSUMER_ACK;
}

enum mu_consumer_due
mu_consumer_tick(
    struct mu_consumer *c, uint64_t *ack, const uint64_t **list, size_t *n)
{
	c->tick++;
	if (c->next == 0)
		return c->tick % MU_CHANNEL_NACK_TICKS == 0
			   ? ask(c, list, n)
			   : MU_CONSUMER_NOTHING;
	if (c->next > c->at_tick) {
		c->at_tick = c->next;
		c->idle = 0;
		return heartbeat(c, ack);
	}
	c->idle++;
	if (c->next < c->last && c->idle >= MU_CHANNEL_NACK_TICKS)
		return ask(c, list, n);
	return heartbeat(c, ack);
}

uint64_t
mu_consumer_silent(const struct mu_consumer *c)
{
	return c->tick - c->seen;
}
