/*
 * Endpoints joined by wires in memory on a clock of their own: what daemon/io
 * does, without sockets.  Everything they say is kept as lines of text.
 */
#ifndef UNIT_ENDPOINT_NET_H
#define UNIT_ENDPOINT_NET_H

#include <check.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/rng.h"
#include "check_layout.h"
#include "core/endpoint.h"
#include "core/router.h"
#include "sys/log.h"

#define NET_NODES 12
#define NET_WIRES 128
#define NET_MS	  UINT64_C(1000000)
#define NET_S	  UINT64_C(1000000000)

struct net_side {
	size_t node;
	struct link *link;  /* NULL: nobody, or a raw client of the test */
	struct mu_buf in;   /* bytes under way to this side */
	bool eof;           /* ... and then the end */
	bool frozen;        /* does not read */
	bool closing;       /* closes when its output is written */
};

struct net_wire {
	bool used;
	struct net_side side[2]; /* 0: dialled */
};

struct net_node {
	struct endpoint *e; /* NULL: down */
	const char *name;
	uint16_t port;
	struct mu_buf said;
	unsigned dials; /* attempts made */
	bool deaf;      /* accepts connections that never answer */
};

struct net {
	const struct mu_layout *layout;
	struct net_node nodes[NET_NODES];
	size_t nnodes;
	struct net_wire wires[NET_WIRES];
	size_t wire_room; /* bytes on a wire in one direction; 0: any number */
	uint64_t now;
	uint64_t ids;
};

static inline void
net_init(struct net *n, const struct mu_layout *layout)
{
	memset(n, 0, sizeof *n);
	n->layout = layout;
	n->now = NET_S;
	log_set_level(LOG_LEVEL_INFO);
}

/* --- wires --------------------------------------------------------------- */

static inline struct net_wire *
net_wire(struct net *n)
{
	struct net_wire *w = NULL;

	for (size_t i = 0; w == NULL && i < NET_WIRES; i++)
		if (!n->wires[i].used)
			w = &n->wires[i];
	ck_assert_ptr_nonnull(w);
	memset(w, 0, sizeof *w);
	w->used = true;
	mu_buf_init(&w->side[0].in, 0);
	mu_buf_init(&w->side[1].in, 0);
	return w;
}

static inline struct net_side *
net_other(struct net *n, struct net_side *s)
{
	for (size_t i = 0; i < NET_WIRES; i++) {
		if (s == &n->wires[i].side[0])
			return &n->wires[i].side[1];
		if (s == &n->wires[i].side[1])
			return &n->wires[i].side[0];
	}
	ck_abort_msg("no such side");
	return NULL;
}

static inline struct net_side *
net_side_of(const struct link *l)
{
	return link_transport(l);
}

/* One side goes; the other one reads what is under way and then the end. */
static inline void
net_close(struct net *n, struct net_side *s, const char *text)
{
	struct link *l = s->link;
	struct net_side *o = net_other(n, s);

	s->link = NULL;
	mu_buf_clear(&s->in);
	o->eof = true;
	if (l != NULL)
		link_closed(l, text, n->now);
}

static inline void
net_write(struct net *n, struct net_side *s)
{
	const uint8_t *at;
	size_t len;
	struct net_side *o = net_other(n, s);

	if (o->frozen)
		return;
	while (s->link != NULL && link_peek(s->link, &at, &len)) {
		if (n->wire_room != 0 && mu_buf_len(&o->in) >= n->wire_room)
			return;
		mu_buf_put(&o->in, at, len);
		link_consume(s->link, len);
	}
}

/* Bytes arrive; true when any did. */
static inline bool
net_read(struct net *n, struct net_side *s)
{
	bool any = false;

	while (s->link != NULL && !link_held(s->link) &&
	    mu_buf_len(&s->in) > 0) {
		uint8_t *at;
		size_t room, len = mu_buf_len(&s->in);

		if (link_reserve(s->link, &at, &room) != 0) {
			net_close(n, s, "out of memory");
			return true;
		}
		if (room > len)
			room = len;
		memcpy(at, mu_buf_data(&s->in), room);
		mu_buf_consume(&s->in, room);
		link_commit(s->link, room, n->now);
		any = true;
		if (n->wire_room != 0)
			net_write(n, net_other(n, s));
	}
	if (s->link != NULL && s->eof && !link_held(s->link)) {
		net_close(n, s, NULL);
		any = true;
	}
	return any;
}

/* --- consequences -------------------------------------------------------- */

static inline size_t
net_at_port(const struct net *n, uint16_t port)
{
	for (size_t i = 0; i < n->nnodes; i++)
		if (n->nodes[i].port == port && n->nodes[i].e != NULL)
			return i;
	return SIZE_MAX;
}

static inline void
net_dial(struct net *n, size_t from, const struct endpoint_out *out)
{
	size_t to = net_at_port(n, out->port);
	uint16_t source = (uint16_t)(40000 + n->nodes[from].dials++);
	struct net_wire *w;
	const char *why = "connection refused";

	if (to == SIZE_MAX) {
		endpoint_connect_failed(n->nodes[from].e, out->dial_id, why,
		    n->now);
		return;
	}
	w = net_wire(n);
	w->side[0].node = from;
	w->side[1].node = to;
	w->side[0].link = endpoint_connected(n->nodes[from].e, out->dial_id,
	    out->host, out->port, n->now);
	if (w->side[0].link != NULL)
		link_set_transport(w->side[0].link, &w->side[0]);
	else
		w->side[1].eof = true;
	if (n->nodes[to].deaf)
		return;
	w->side[1].link = endpoint_accepted(n->nodes[to].e, out->host, source,
	    &why, n->now);
	if (w->side[1].link != NULL)
		link_set_transport(w->side[1].link, &w->side[1]);
	else
		w->side[0].eof = true;
}

static inline void
net_carry_out(struct net *n, size_t i, const struct endpoint_out *out)
{
	struct mu_buf *said = &n->nodes[i].said;
	struct net_side *s;

	switch (out->kind) {
	case ENDPOINT_DIAL:
		net_dial(n, i, out);
		break;
	case ENDPOINT_CANCEL_DIAL:
		mu_buf_printf(said, "cancel %s\n", out->name);
		break;
	case ENDPOINT_WRITE:
		s = link_transport(out->link);
		if (s != NULL)
			net_write(n, s);
		break;
	case ENDPOINT_READ:
		break; /* net_settle looks at all of them */
	case ENDPOINT_CLOSE:
		s = link_transport(out->link);
		ck_assert_ptr_nonnull(s);
		if (out->linger)
			net_write(n, s);
		net_close(n, s, NULL);
		break;
	case ENDPOINT_LOG:
		mu_buf_printf(said, "%s: %s\n",
		    log_level_name((enum log_level)out->level), out->text);
		break;
	case ENDPOINT_CLUSTER_LOG:
		mu_buf_printf(said, "cluster.log %s\n", out->text);
		break;
	case ENDPOINT_BROKER_LOG:
		mu_buf_printf(said, "broker.log %s %s %s:%u %s\n", out->ty,
		    out->ev, out->address == NULL ? "-" : out->address,
		    (unsigned)out->port, out->text);
		break;
	case ENDPOINT_STATE:
		mu_buf_printf(said, "state %s\n", out->text);
		break;
	}
}

static inline bool
net_drain(struct net *n)
{
	struct endpoint_out out;
	bool any = false;

	for (size_t i = 0; i < n->nnodes; i++)
		while (n->nodes[i].e != NULL &&
		    endpoint_next(n->nodes[i].e, &out)) {
			net_carry_out(n, i, &out);
			any = true;
		}
	return any;
}

static inline void
net_release(struct net_wire *w)
{
	if (!w->used || w->side[0].link != NULL || w->side[1].link != NULL)
		return;
	mu_buf_clear(&w->side[0].in);
	mu_buf_clear(&w->side[1].in);
	w->used = false;
}

/* Everything that can happen at this moment. */
static inline void
net_settle(struct net *n)
{
	bool any;

	do {
		any = net_drain(n);
		for (size_t i = 0; i < NET_WIRES; i++)
			for (size_t k = 0; k < 2; k++)
				if (n->wires[i].used &&
				    !n->wires[i].side[k].frozen)
					any |= net_read(n,
					    &n->wires[i].side[k]);
		any |= net_drain(n);
	} while (any);
}

/* Until nothing is due before the clock has gone on by ns. */
static inline void
net_run(struct net *n, uint64_t ns)
{
	uint64_t end = n->now + ns;

	for (;;) {
		uint64_t due = UINT64_MAX;

		net_settle(n);
		for (size_t i = 0; i < n->nnodes; i++) {
			uint64_t d = n->nodes[i].e == NULL ? UINT64_MAX
			    : endpoint_deadline(n->nodes[i].e);

			if (d < due)
				due = d;
		}
		if (due > end)
			break;
		if (due > n->now)
			n->now = due;
		for (size_t i = 0; i < n->nnodes; i++)
			if (n->nodes[i].e != NULL)
				endpoint_tick(n->nodes[i].e, n->now);
	}
	n->now = end;
	for (size_t i = 0; i < n->nnodes; i++)
		if (n->nodes[i].e != NULL)
			endpoint_tick(n->nodes[i].e, n->now);
	net_settle(n);
}

/* --- nodes --------------------------------------------------------------- */

/* (Re)start a node of the layout; returns its number. */
static inline size_t
net_start_with(struct net *n, const char *name, const struct mu_uuid *id)
{
	const struct mu_layout_node *row = mu_layout_node(n->layout, name);
	struct endpoint_config cfg = {
		.layout = n->layout,
		.node = name,
		.seed = mu_mix64(++n->ids),
	};
	size_t i = 0;

	while (i < n->nnodes && n->nodes[i].name != name &&
	    strcmp(n->nodes[i].name, name) != 0)
		i++;
	ck_assert_uint_lt(i, NET_NODES);
	if (i == n->nnodes) {
		n->nnodes++;
		mu_buf_init(&n->nodes[i].said, 0);
	}
	if (id != NULL)
		cfg.id = *id;
	else
		for (size_t k = 0; k < 16; k++)
			cfg.id.bytes[k] =
			    (uint8_t)(mu_mix64(n->ids * 16 + k) | 1);
	n->nodes[i].name = name;
	n->nodes[i].port = row->port;
	n->nodes[i].dials = 0;
	n->nodes[i].e = endpoint_new(&cfg, n->now);
	ck_assert_ptr_nonnull(n->nodes[i].e);
	return i;
}

static inline size_t
net_start(struct net *n, const char *name)
{
	return net_start_with(n, name, NULL);
}

/* As kill -9: the others read the end of their connections. */
static inline void
net_kill(struct net *n, size_t i)
{
	for (size_t k = 0; k < NET_WIRES; k++)
		for (size_t s = 0; s < 2; s++) {
			struct net_wire *w = &n->wires[k];

			if (!w->used || w->side[s].node != i)
				continue;
			w->side[s].link = NULL;
			w->side[1 - s].eof = true;
			net_release(w);
		}
	endpoint_free(n->nodes[i].e);
	n->nodes[i].e = NULL;
}

static inline void
net_clear(struct net *n)
{
	for (size_t i = 0; i < n->nnodes; i++) {
		if (n->nodes[i].e != NULL)
			net_kill(n, i);
		mu_buf_clear(&n->nodes[i].said);
	}
	for (size_t k = 0; k < NET_WIRES; k++) {
		n->wires[k].side[0].link = n->wires[k].side[1].link = NULL;
		net_release(&n->wires[k]);
	}
}

/* --- what they said ------------------------------------------------------ */

static inline const char *
net_said(struct net *n, size_t i)
{
	mu_buf_u8(&n->nodes[i].said, '\0');
	mu_buf_truncate(&n->nodes[i].said, mu_buf_len(&n->nodes[i].said) - 1);
	return (const char *)mu_buf_data(&n->nodes[i].said);
}

/* How many lines contain text? */
static inline unsigned
net_count(struct net *n, size_t i, const char *text)
{
	const char *line = net_said(n, i);
	unsigned found = 0;

	while (*line != '\0') {
		size_t len = strcspn(line, "\n");

		found += memmem(line, len, text, strlen(text)) != NULL;
		line += len + (line[len] == '\n');
	}
	return found;
}

#define net_expect(n, i, text, times)                                          \
	ck_assert_msg(net_count(n, i, text) == (times),                        \
	    "\"%s\" %u times instead of %u in\n%s", text,                      \
	    net_count(n, i, text), (unsigned)(times), net_said(n, i))

static inline void
net_forget(struct net *n, size_t i)
{
	mu_buf_reset(&n->nodes[i].said);
}

/* Links of node i that are up. */
static inline unsigned
net_up(const struct net *n, size_t i)
{
	unsigned up = 0;

	for (size_t k = 0; k < endpoint_nlinks(n->nodes[i].e); k++) {
		struct link_facts f;

		link_facts(endpoint_link(n->nodes[i].e, k), &f);
		up += f.state == LINK_UP;
	}
	return up;
}

#endif
