/*
 * The connections with other endpoints; see peers.h.
 *
 * What arrives is committed to its link and routed at once into the outputs
 * of others; those are written at the end of the turn, or as soon as
 * FLUSH_BYTES came in: with many busy publishers a subscriber's queue would
 * overflow within one turn although the subscriber is not slow at all.
 */
#include "io/peers.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "core/endpoint.h"
#include "core/link.h"
#include "io/conn.h"
#include "io/dialer.h"
#include "io/loop.h"
#include "io/sock.h"
#include "layout/layout.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "tls/tls.h"

#define FLUSH_BYTES (64 * 1024)
#define REFUSED_NS  (10 * (uint64_t)1000000000) /* one line in that time */

struct peers {
	struct peers_config cfg;
	struct dialer *dialer;
	struct wire *first;          /* all of them */
	size_t unflushed;            /* input since outputs were last written */
	bool draining;               /* peers_drain is at work */
	uint64_t refused;            /* connections, since it was last said */
	struct loop_timer *refusing; /* runs: one was said a moment ago */
};

/* Between one link and its connection. */
struct wire {
	struct peers *peers;
	struct wire *prev, *next;
	struct link *link;
	struct conn *conn;
};

static struct wire *
wire_new(struct peers *p, struct link *link)
{
	struct wire *w = mu_calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
	w->peers = p;
	w->link = link;
	w->next = p->first;
	if (p->first != NULL)
		p->first->prev = w;
	p->first = w;
	link_set_transport(link, w);
	return w;
}

/* The link hears that it is over, the wire is gone. */
static void
wire_end(struct wire *w, const char *text, uint64_t now)
{
	struct peers *p = w->peers;

	if (w->prev != NULL)
		w->prev->next = w->next;
	else
		p->first = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	link_set_transport(w->link, NULL);
	link_closed(w->link, text, now);
	mu_free(w);
}

/* --- what a connection asks of its owner ------------------------------- */

static int
on_reserve(void *owner, uint8_t **at, size_t *room)
{
	struct wire *w = owner;

	return link_reserve(w->link, at, room);
}

static void
on_commit(void *owner, size_t n, uint64_t now)
{
	struct wire *w = owner;
	struct peers *p = w->peers;

	link_commit(w->link, n, now);
	if (link_held(w->link))
		conn_pause(w->conn, true);
	p->unflushed += n;
	if (p->unflushed < FLUSH_BYTES)
		return;
	peers_drain(p, now);
	if (p->cfg.flushed != NULL)
		p->cfg.flushed(p->cfg.ctx);
}

static bool
on_peek(void *owner, const uint8_t **bytes, size_t *len)
{
	struct wire *w = owner;

	return link_peek(w->link, bytes, len);
}

static void
on_consume(void *owner, size_t n)
{
	struct wire *w = owner;

	link_consume(w->link, n);
}

static bool
has_name(void *ctx, const char *name)
{
	struct wire *w = ctx;

	return mu_tls_peer_has_name(conn_ssl(w->conn), name);
}

/* Names count where certificates are verified. */
static void
tell_auth(struct wire *w)
{
	const struct endpoint *e = w->peers->cfg.endpoint;
	struct members_auth auth = { .has_name = NULL, .ctx = w };

	if (conn_ssl(w->conn) != NULL &&
	    endpoint_layout(e)->tls == MU_TLS_CERTIFICATES)
		auth.has_name = has_name;
	link_set_auth(w->link, &auth);
}

static void
on_opened(void *owner, uint64_t now)
{
	(void)now;
	tell_auth(owner);
}

static void
on_closed(void *owner, const char *text, uint64_t now)
{
	wire_end(owner, text, now);
}

static void
on_dry(void *owner)
{
	struct wire *w = owner;

	link_dry(w->link);
}

static void
on_idle(void *owner)
{
	struct wire *w = owner;

	link_idle(w->link);
}

static const struct conn_ops wire_ops = {
	.reserve = on_reserve,
	.commit = on_commit,
	.peek = on_peek,
	.consume = on_consume,
	.opened = on_opened,
	.closed = on_closed,
	.dry = on_dry,
	.idle = on_idle,
};

/* --- accepted ---------------------------------------------------------- */

/* Whoever is refused comes again at once, and a storm would fill the log: the
 * first is said, the others are counted. */
static void
say_refused(struct peers *p, const char *address, uint16_t port,
    const char *why, uint64_t now)
{
	if (loop_timer_running(p->refusing)) {
		p->refused++;
		return;
	}
	log_warnx("connection from %s:%u refused: %s", address, port, why);
	loop_timer_set(p->refusing, now + REFUSED_NS);
}

static void
on_refusing(void *ctx)
{
	struct peers *p = ctx;

	if (p->refusing == NULL || p->refused == 0)
		return;
	log_warnx("%" PRIu64 " more connections refused within %u s",
	    p->refused, (unsigned)(REFUSED_NS / 1000000000));
	p->refused = 0;
	loop_timer_set(p->refusing, clock_now() + REFUSED_NS);
}

void
peers_accepted(
    struct peers *p, int fd, const struct sockaddr *from, socklen_t from_len)
{
	uint64_t now = clock_now();
	struct conn_config cfg = { .fd = fd, .ops = &wire_ops };
	char address[SOCK_ADDRESS];
	const char *why = "out of memory";
	uint16_t port;
	struct link *link;
	struct wire *w;

	sock_name(from, from_len, address, &port);
	link = endpoint_accepted(p->cfg.endpoint, address, port, &why, now);
	if (link == NULL) {
		say_refused(p, address, port, why, now);
		close(fd);
		return;
	}
	w = wire_new(p, link);
	if (w != NULL && p->cfg.tls != NULL)
		cfg.ssl = mu_tls_session(p->cfg.tls, true);
	if (w == NULL || (p->cfg.tls != NULL && cfg.ssl == NULL)) {
		close(fd);
	} else {
		cfg.handshake_ns = (uint64_t)endpoint_layout(p->cfg.endpoint)
				       ->limits.handshake_ns;
		cfg.owner = w;
		w->conn = conn_new(p->cfg.conns, &cfg);
	}
	if (w == NULL)
		link_closed(link, "out of memory", now);
	else if (w->conn == NULL)
		wire_end(w, "out of memory", now);
}

/* --- dialled ----------------------------------------------------------- */

static void
dial(struct peers *p, const struct endpoint_out *out, uint64_t now)
{
	const struct mu_limits *limits =
	    &endpoint_layout(p->cfg.endpoint)->limits;
	struct dialer_target t = {
		.id = out->dial_id,
		.node = out->name,
		.host = out->host,
		.port = out->port,
		.connect_ns = (uint64_t)limits->connect_ns,
		.handshake_ns = (uint64_t)limits->handshake_ns,
		.tls = p->cfg.tls,
	};

	log_debug("connecting to %s at %s:%u", out->name, out->host, out->port);
	if (dialer_dial(p->dialer, &t) != 0)
		endpoint_connect_failed(
		    p->cfg.endpoint, t.id, "out of memory", now);
}

static void
on_connected(void *ctx, unsigned id, struct conn *conn, const char *address,
    uint16_t port)
{
	struct peers *p = ctx;
	uint64_t now = clock_now();
	struct link *link =
	    endpoint_connected(p->cfg.endpoint, id, address, port, now);
	struct wire *w = link == NULL ? NULL : wire_new(p, link);

	if (w == NULL) {
		conn_close(conn, 0);
		if (link != NULL)
			link_closed(link, "out of memory", now);
		return;
	}
	w->conn = conn;
	if (conn_ssl(conn) != NULL && mu_tls_resumed(conn_ssl(conn)))
		log_debug("%s:%u: tls session resumed", address, port);
	conn_set_owner(conn, &wire_ops, w);
	tell_auth(w);
}

static void
on_failed(void *ctx, unsigned id, const char *why)
{
	struct peers *p = ctx;

	endpoint_connect_failed(p->cfg.endpoint, id, why, clock_now());
}

/* --- consequences ------------------------------------------------------ */

static void
close_link(struct peers *p, const struct endpoint_out *out, uint64_t now)
{
	struct wire *w = link_transport(out->link);
	uint64_t patience =
	    (uint64_t)endpoint_layout(p->cfg.endpoint)->limits.goodbye_ns;

	if (w == NULL)
		return;
	if (out->linger && patience > 0) {
		conn_close(w->conn, patience);
		return;
	}
	conn_close(w->conn, 0);
	wire_end(w, NULL, now);
}

static void
write_link(const struct endpoint_out *out)
{
	struct wire *w = link_transport(out->link);

	/* Before it is open output waits; conn writes it by itself then. */
	if (w != NULL && w->conn != NULL)
		conn_write(w->conn);
}

static void
read_link(const struct endpoint_out *out)
{
	struct wire *w = link_transport(out->link);

	if (w != NULL && w->conn != NULL)
		conn_pause(w->conn, false);
}

static void
carry_out(struct peers *p, const struct endpoint_out *out, uint64_t now)
{
	switch (out->kind) {
	case ENDPOINT_DIAL:
		dial(p, out, now);
		break;
	case ENDPOINT_CANCEL_DIAL:
		dialer_cancel(p->dialer, out->dial_id);
		break;
	case ENDPOINT_WRITE:
		write_link(out);
		break;
	case ENDPOINT_READ:
		read_link(out);
		break;
	case ENDPOINT_CLOSE:
		close_link(p, out, now);
		break;
	case ENDPOINT_LOG:
	case ENDPOINT_CLUSTER_LOG:
	case ENDPOINT_BROKER_LOG:
	case ENDPOINT_STATE:
		p->cfg.note(p->cfg.ctx, out);
		break;
	}
}

void
peers_drain(struct peers *p, uint64_t now)
{
	struct endpoint_out out;

	p->unflushed = 0;
	if (p->draining)
		return;
	p->draining = true;
	while (endpoint_next(p->cfg.endpoint, &out))
		carry_out(p, &out, now);
	p->draining = false;
}

/* --- all of them ------------------------------------------------------- */

struct peers *
peers_new(const struct peers_config *cfg)
{
	struct peers *p = mu_calloc(1, sizeof *p);
	struct dialer_config dc = {
		.loop = cfg->loop,
		.conns = cfg->conns,
		.connected = on_connected,
		.failed = on_failed,
		.ctx = p,
	};

	if (p == NULL)
		return NULL;
	p->cfg = *cfg;
	if (p->cfg.tls != NULL)
		mu_tls_ref(p->cfg.tls);
	p->dialer = dialer_new(&dc);
	p->refusing = loop_timer_new(cfg->loop, on_refusing, p);
	if (p->dialer == NULL || p->refusing == NULL) {
		peers_free(p);
		return NULL;
	}
	return p;
}

void
peers_free(struct peers *p)
{
	uint64_t now = clock_now();

	if (p == NULL)
		return;
	dialer_free(p->dialer);
	while (p->first != NULL) {
		conn_close(p->first->conn, 0);
		wire_end(p->first, NULL, now);
	}
	peers_drain(p, now);
	on_refusing(p);
	loop_timer_free(p->refusing);
	mu_tls_unref(p->cfg.tls);
	mu_free(p);
}

void
peers_set_tls(struct peers *p, struct mu_tls *tls)
{
	if (tls != NULL)
		mu_tls_ref(tls);
	mu_tls_unref(p->cfg.tls);
	p->cfg.tls = tls;
}
