/*
 * The network.  Each direction of a connection is a pipe that keeps its order;
 * a path between two hosts may be cut (connections break) or silent (nothing
 * arrives until it is healed, as TCP would send it again).
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
net_wake(struct node *n, uint64_t at)
{
	struct event e = { .kind = EVENT_WAKE, .node = n, .at = at };

	if (e.at < n->sim->now)
		e.at = n->sim->now;
	if (e.at >= n->wake)
		return;
	n->wake = e.at;
	heap_push(n->sim, &e);
}

/* --- connections ---------------------------------------------------------- */

static uint64_t
delay(struct sim *s)
{
	return s->delay_min +
	       mu_rng_below(&s->rng, s->delay_max - s->delay_min + 1);
}

static void
unref(struct conn *c)
{
	int side;

	if (--c->refs > 0)
		return;
	for (side = 0; side < 2; side++) {
		*c->prev[side] = c->next[side];
		if (c->next[side] != NULL)
			c->next[side]->prev[side] = c->prev[side];
	}
	free(c);
}

static struct conn *
new_conn(struct node *from, struct node *to)
{
	struct conn *c = calloc(1, sizeof *c);
	int side;

	if (c == NULL)
		abort();
	c->end[0].node = from;
	c->end[1].node = to;
	c->refs = 2;
	for (side = 0; side < 2; side++) {
		struct node *n = c->end[side].node;

		c->end[side].life = n->life;
		c->next[side] = n->conns[side];
		c->prev[side] = &n->conns[side];
		if (c->next[side] != NULL)
			c->next[side]->prev[side] = &c->next[side];
		n->conns[side] = c;
	}
	return c;
}

/* Send something from end dir; it arrives after all that it sent before. */
static void
post(struct sim *s, struct conn *c, int dir, enum event_kind kind,
    uint8_t *bytes, size_t len)
{
	struct event e = {
		.kind = kind, .conn = c, .dir = dir, .bytes = bytes, .len = len
	};

	e.at = s->now + delay(s);
	if (e.at < c->last[dir])
		e.at = c->last[dir];
	c->last[dir] = e.at;
	c->refs++;
	heap_push(s, &e);
}

static bool
is_open(const struct end *e)
{
	return !e->closed && e->node != NULL && e->node->e != NULL &&
	       e->life == e->node->life;
}

static void
shut(struct conn *c, int side)
{
	if (c->end[side].closed)
		return;
	c->end[side].closed = true;
	c->end[side].link = NULL;
	unref(c);
}

/* Who listens there. */
static struct node *
listener(struct sim *s, const struct endpoint_out *o)
{
	struct node *n;

	if (o->port < FIRST_PORT || o->port >= FIRST_PORT + PORTS)
		return NULL;
	n = s->by_port[o->port - FIRST_PORT];
	return n != NULL && strcmp(n->row->host, o->host) == 0 ? n : NULL;
}

void
net_dial(struct node *n, const struct endpoint_out *o)
{
	struct event e = { .kind = EVENT_TIMEOUT };
	struct node *to = listener(n->sim, o);
	struct conn *c;

	if (to == NULL) {
		fail(n->sim, "%s dials %s:%u, where nobody may listen",
		    n->row->name, o->host, o->port);
		return;
	}
	c = new_conn(n, to);
	c->dial_id = o->dial_id;
	post(n->sim, c, 0, EVENT_ARRIVE, NULL, 0);
	e.conn = c;
	e.at = n->sim->now + (uint64_t)n->sim->layout->limits.connect_ns;
	c->refs++;
	heap_push(n->sim, &e);
}

void
net_cancel(struct node *n, unsigned dial_id)
{
	struct conn *c;

	for (c = n->conns[0]; c != NULL; c = c->next[0])
		if (c->end[0].life == n->life && c->dial_id == dial_id && c->end[0].link == NULL &&
		    !c->end[0].closed) {
			post(n->sim, c, 0, EVENT_EOF, NULL, 0);
			shut(c, 0);
			return;
		}
}

static void
attach(struct conn *c, int side, struct link *l)
{
	c->end[side].link = l;
	link_set_transport(l, c);
}

static int
side_of(const struct conn *c, const struct link *l)
{
	return c->end[0].link == l ? 0 : 1;
}

/* Bytes leave in pieces of any size: a stream has no frames. */
void
net_write(struct link *l)
{
	struct conn *c = link_transport(l);
	int side = side_of(c, l);
	struct sim *s = c->end[side].node->sim;
	const uint8_t *at;
	size_t len;

	while (link_peek(l, &at, &len)) {
		uint8_t *copy;

		if (len > 1 && mu_rng_below(&s->rng, 4) == 0)
			len = 1 + mu_rng_below(&s->rng, len);
		copy = malloc(len);
		if (copy == NULL)
			abort();
		memcpy(copy, at, len);
		link_consume(l, len);
		post(s, c, side, EVENT_BYTES, copy, len);
	}
}

void
net_close(struct link *l)
{
	struct conn *c = link_transport(l);
	int side = side_of(c, l);
	struct node *n = c->end[side].node;

	net_write(l);
	post(n->sim, c, side, EVENT_EOF, NULL, 0);
	shut(c, side);
	link_closed(l, NULL, n->sim->now);
}

void
net_lose(struct node *n, bool quiet)
{
	struct conn *c, *next;
	int side;

	for (side = 0; side < 2; side++)
		for (c = n->conns[side]; c != NULL; c = next) {
			next = c->next[side];
			if (c->end[side].closed ||
			    c->end[side].life != n->life)
				continue;
			if (!quiet)
				post(n->sim, c, side, EVENT_EOF, NULL, 0);
			shut(c, side);
		}
}

/* --- paths ---------------------------------------------------------------- */

static enum path
path(const struct sim *s, const struct conn *c)
{
	return s->paths[c->end[0].node->index * s->n + c->end[1].node->index];
}

/* A broken connection: both ends learn it. */
static void
sever(struct sim *s, struct conn *c)
{
	post(s, c, 0, EVENT_EOF, NULL, 0);
	post(s, c, 1, EVENT_EOF, NULL, 0);
}

/* Put back what was held and may go on now: before all that was sent later on
 * the same connection, which may be due at once. */
static void
release(struct sim *s)
{
	struct held old = s->held;
	size_t i;

	memset(&s->held, 0, sizeof s->held);
	for (i = 0; i < old.n; i++) {
		old.v[i].at = s->now;
		heap_push_again(s, &old.v[i]);
	}
	free(old.v);
}

void
net_set_path(struct sim *s, size_t a, size_t b, enum path p)
{
	struct conn *c;
	int side;

	s->paths[a * s->n + b] = s->paths[b * s->n + a] = (uint8_t)p;
	for (side = 0; side < 2 && p == PATH_CUT; side++)
		for (c = s->nodes[a].conns[side]; c != NULL; c = c->next[side])
			if (c->end[!side].node->index == b)
				sever(s, c);
	if (p != PATH_SILENT)
		release(s);
}

void
net_heal(struct sim *s)
{
	memset(s->paths, PATH_OPEN, s->n * s->n);
	release(s);
}

void
net_resume(struct node *n)
{
	n->stopped = false;
	n->wake = UINT64_MAX;
	net_wake(n, n->sim->now);
	release(n->sim);
}

/* --- what happens --------------------------------------------------------- */

static void
answer(struct sim *s, struct conn *c, enum event_kind kind)
{
	post(s, c, 1, kind, NULL, 0);
}

static void
on_arrive(struct sim *s, struct conn *c)
{
	struct node *to = c->end[1].node;
	const char *why;
	struct link *l;

	/* Closed: the process that was dialled is gone. */
	if (to->e == NULL || to->ending || path(s, c) == PATH_CUT ||
	    c->end[1].closed) {
		answer(s, c, EVENT_FAILED);
		shut(c, 1);
		return;
	}
	if (c->end[0].closed) {
		shut(c, 1);
		return;
	}
	c->end[1].life = to->life;
	l = endpoint_accepted(to->e, c->end[0].node->row->host,
	    (uint16_t)(40000 + s->seq % 20000), &why, s->now);
	answer(s, c, EVENT_CONNECTED);
	if (l == NULL) {
		post(s, c, 1, EVENT_EOF, NULL, 0);
		shut(c, 1);
	} else {
		attach(c, 1, l);
	}
	node_drain(to);
}

static void
on_connected(struct sim *s, struct conn *c)
{
	struct node *n = c->end[0].node;
	struct link *l;

	if (!is_open(&c->end[0]))
		return;
	l = endpoint_connected(n->e, c->dial_id, c->end[1].node->row->host,
	    c->end[1].node->row->port, s->now);
	if (l == NULL) {
		post(s, c, 0, EVENT_EOF, NULL, 0);
		shut(c, 0);
	} else {
		attach(c, 0, l);
	}
	node_drain(n);
}

static void
on_failed(struct sim *s, struct conn *c, const char *why)
{
	struct node *n = c->end[0].node;

	if (!is_open(&c->end[0]))
		return;
	shut(c, 0);
	endpoint_connect_failed(n->e, c->dial_id, why, s->now);
	node_drain(n);
}

/* The transport's own limit for an attempt. */
static void
on_timeout(struct sim *s, struct conn *c)
{
	if (!is_open(&c->end[0]) || c->end[0].link != NULL)
		return;
	post(s, c, 0, EVENT_EOF, NULL, 0);
	on_failed(s, c, "connection timed out");
}

static void
on_bytes(struct sim *s, struct event *e)
{
	struct end *to = &e->conn->end[!e->dir];
	const uint8_t *at = e->bytes;
	size_t left = e->len, room;
	uint8_t *in;

	if (!is_open(to) || to->link == NULL) {
		/* The kernel of a living host answers with a reset. */
		if (to->node->e != NULL && !e->conn->end[e->dir].closed)
			post(s, e->conn, !e->dir, EVENT_EOF, NULL, 0);
		return;
	}
	while (left > 0 && to->link != NULL) {
		if (link_reserve(to->link, &in, &room) != 0)
			abort();
		if (room > left)
			room = left;
		memcpy(in, at, room);
		at += room;
		left -= room;
		link_commit(to->link, room, s->now);
		node_drain(to->node);
	}
	if (to->link != NULL)
		link_idle(to->link);
}

static void
on_eof(struct sim *s, struct event *e)
{
	struct end *to = &e->conn->end[!e->dir];
	struct link *l = to->link;

	if (!is_open(to))
		return;
	if (l == NULL) {
		/* Still connecting, or accepted by a kernel only. */
		if (e->dir == 1)
			on_failed(s, e->conn, "connection reset");
		return;
	}
	if (!e->conn->end[e->dir].closed)
		post(s, e->conn, !e->dir, EVENT_EOF, NULL, 0);
	shut(e->conn, !e->dir);
	link_closed(l, NULL, s->now);
	node_drain(to->node);
}

static void
on_wake(struct node *n, uint64_t at)
{
	if (n->wake != at)
		return; /* superseded by an earlier one */
	n->wake = UINT64_MAX;
	if (n->e != NULL)
		node_tick(n);
}

static struct node *
target(const struct event *e)
{
	if (e->kind == EVENT_WAKE || e->kind == EVENT_COMMIT)
		return e->node;
	return e->conn->end[e->kind == EVENT_TIMEOUT ? 0 : !e->dir].node;
}

/* Does it have to wait for a path or a process? */
static bool
must_wait(const struct sim *s, const struct event *e)
{
	if (target(e)->stopped)
		return e->kind != EVENT_WAKE;
	return e->conn != NULL && e->kind != EVENT_TIMEOUT &&
	       path(s, e->conn) == PATH_SILENT;
}

static void
happen(struct sim *s, struct event *e)
{
	switch (e->kind) {
	case EVENT_WAKE:
		if (!e->node->stopped)
			on_wake(e->node, e->at);
		return;
	case EVENT_COMMIT:
		node_stores_commit(e->node, e);
		return;
	case EVENT_ARRIVE:
		on_arrive(s, e->conn);
		break;
	case EVENT_CONNECTED:
		on_connected(s, e->conn);
		break;
	case EVENT_FAILED:
		on_failed(s, e->conn, "connection refused");
		break;
	case EVENT_TIMEOUT:
		on_timeout(s, e->conn);
		break;
	case EVENT_BYTES:
		on_bytes(s, e);
		break;
	case EVENT_EOF:
		on_eof(s, e);
		break;
	}
	free(e->bytes);
	unref(e->conn);
}

bool
net_step(struct sim *s, uint64_t until)
{
	struct event e;

	if (s->nheap == 0 || s->heap[0].at > until)
		return false;
	e = heap_pop(s);
	if (e.at > s->now)
		s->now = e.at;
	if (must_wait(s, &e)) {
		heap_hold(s, &e);
		return true;
	}
	s->steps++;
	happen(s, &e);
	return true;
}

static void
discard(struct event *e)
{
	free(e->bytes);
	if (e->conn != NULL)
		unref(e->conn);
}

void
net_free(struct sim *s)
{
	size_t i;

	for (i = 0; i < s->nheap; i++)
		discard(&s->heap[i]);
	for (i = 0; i < s->held.n; i++)
		discard(&s->held.v[i]);
	for (i = 0; i < s->n; i++)
		while (s->nodes[i].conns[0] != NULL) {
			s->nodes[i].conns[0]->refs = 1;
			unref(s->nodes[i].conns[0]);
		}
	free(s->heap);
	free(s->held.v);
}
