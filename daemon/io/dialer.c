/* Attempts to connect; see dialer.h. */
#include "io/dialer.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "io/conn.h"
#include "io/loop.h"
#include "io/resolve.h"
#include "io/sock.h"
#include "muster/err.h"
#include "sys/clock.h"
#include "tls/tls.h"

#define WHY_MAX 512 /* bytes of all reasons together */

struct attempt {
	struct dialer *dialer;
	struct attempt *prev, *next;
	struct dialer_target target; /* its host is the resolver's copy */
	char *node;                  /* owned */
	struct resolve *lookup;      /* under way, or NULL */
	struct addrinfo *list;       /* owned: the addresses */
	struct addrinfo *at;         /* the one being tried */
	struct conn *conn;           /* the connection being made, or NULL */
	struct mu_buf why;           /* reasons so far */
};

struct dialer {
	struct dialer_config cfg;
	struct resolver *resolver;
	struct attempt *first; /* all attempts */
};

static void try_next(struct attempt *a);

static void
free_attempt(struct attempt *a)
{
	struct dialer *d = a->dialer;

	if (a->prev != NULL)
		a->prev->next = a->next;
	else
		d->first = a->next;
	if (a->next != NULL)
		a->next->prev = a->prev;
	if (a->lookup != NULL)
		resolve_cancel(a->lookup);
	if (a->conn != NULL)
		conn_close(a->conn, 0);
	if (a->list != NULL)
		freeaddrinfo(a->list);
	mu_tls_unref(a->target.tls);
	mu_free(a->node);
	mu_buf_clear(&a->why);
	mu_free(a);
}

static void
give_up(struct attempt *a)
{
	struct dialer *d = a->dialer;
	unsigned id = a->target.id;
	char why[WHY_MAX];

	snprintf(why, sizeof why, "%.*s", (int)mu_buf_len(&a->why),
	    mu_buf_len(&a->why) == 0 ? "" : (const char *)mu_buf_data(&a->why));
	free_attempt(a);
	d->cfg.failed(d->cfg.ctx, id, why[0] == '\0' ? "out of memory" : why);
}

/* With several addresses each reason says which it was. */
static void
note(struct attempt *a, const char *why)
{
	char address[SOCK_ADDRESS];
	uint16_t port;

	if (mu_buf_len(&a->why) > 0)
		mu_buf_str(&a->why, "; ");
	if (a->list != NULL && a->list->ai_next != NULL) {
		sock_name(a->at->ai_addr, a->at->ai_addrlen, address, &port);
		mu_buf_printf(&a->why, "%s: ", address);
	}
	mu_buf_str(&a->why, why);
}

/* --- the connection under way ------------------------------------------ */

static void
on_opened(void *owner, uint64_t now)
{
	struct attempt *a = owner;
	struct dialer *d = a->dialer;
	struct conn *c = a->conn;
	unsigned id = a->target.id;
	char address[SOCK_ADDRESS];
	uint16_t port;

	(void)now;
	sock_name(a->at->ai_addr, a->at->ai_addrlen, address, &port);
	a->conn = NULL;
	free_attempt(a);
	d->cfg.connected(d->cfg.ctx, id, c, address, port);
}

static void
on_closed(void *owner, const char *text, uint64_t now)
{
	struct attempt *a = owner;

	(void)now;
	a->conn = NULL;
	note(a, text == NULL ? "the peer closed the connection" : text);
	a->at = a->at->ai_next;
	try_next(a);
}

static bool
no_output(void *owner, const uint8_t **bytes, size_t *len)
{
	(void)owner;
	(void)bytes;
	(void)len;
	return false;
}

/* A connection is given away as soon as it is open: nothing else is asked. */
static const struct conn_ops dial_ops = {
	.peek = no_output,
	.opened = on_opened,
	.closed = on_closed,
};

static struct conn *
make_conn(struct attempt *a, int fd, bool connecting)
{
	struct conn_config cfg = {
		.fd = fd,
		.connecting = connecting,
		.connect_by = clock_now() + a->target.connect_ns,
		.handshake_ns = a->target.handshake_ns,
		.ops = &dial_ops,
		.owner = a,
	};

	if (a->target.tls != NULL) {
		cfg.ssl = mu_tls_dial(a->target.tls, a->node);
		if (cfg.ssl == NULL) {
			close(fd);
			return NULL;
		}
	}
	return conn_new(a->dialer->cfg.conns, &cfg);
}

/* True when it is under way; otherwise why not was noted. */
static bool
try_one(struct attempt *a)
{
	const struct addrinfo *at = a->at;
	int fd = socket(at->ai_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, at->ai_protocol);
	int r;

	if (fd < 0) {
		note(a, strerror(errno));
		return false;
	}
	r = connect(fd, at->ai_addr, at->ai_addrlen);
	if (r != 0 && errno != EINPROGRESS) {
		note(a, strerror(errno));
		close(fd);
		return false;
	}
	/* Even a connection that stands at once is treated as being made: the
	 * socket is writable in the next turn. */
	a->conn = make_conn(a, fd, true);
	if (a->conn == NULL) {
		note(a, "out of memory");
		return false;
	}
	return true;
}

static void
try_next(struct attempt *a)
{
	while (a->at != NULL) {
		if (try_one(a))
			return;
		a->at = a->at->ai_next;
	}
	give_up(a);
}

static void
on_resolved(void *ctx, struct addrinfo *list, const char *why)
{
	struct attempt *a = ctx;

	a->lookup = NULL;
	if (list == NULL) {
		note(a, why);
		give_up(a);
		return;
	}
	a->list = list;
	a->at = list;
	try_next(a);
}

/* --- the header's functions -------------------------------------------- */

struct dialer *
dialer_new(const struct dialer_config *cfg)
{
	struct dialer *d = mu_calloc(1, sizeof *d);

	if (d == NULL)
		return NULL;
	d->cfg = *cfg;
	d->resolver = resolver_new(cfg->loop);
	if (d->resolver == NULL) {
		mu_free(d);
		return NULL;
	}
	return d;
}

void
dialer_free(struct dialer *d)
{
	if (d == NULL)
		return;
	while (d->first != NULL)
		free_attempt(d->first);
	resolver_free(d->resolver);
	mu_free(d);
}

int
dialer_dial(struct dialer *d, const struct dialer_target *t)
{
	struct attempt *a = mu_calloc(1, sizeof *a);

	if (a == NULL)
		return MUSTER_ENOMEM;
	a->dialer = d;
	a->target = *t;
	a->target.host = a->target.node = NULL;
	a->node = mu_strdup(t->node);
	if (t->tls != NULL)
		mu_tls_ref(t->tls);
	mu_buf_init(&a->why, WHY_MAX);
	a->next = d->first;
	if (d->first != NULL)
		d->first->prev = a;
	d->first = a;
	if (a->node != NULL)
		a->lookup = resolve_start(
		    d->resolver, t->host, t->port, on_resolved, a);
	if (a->lookup == NULL) {
		free_attempt(a);
		return MUSTER_ENOMEM;
	}
	return 0;
}

void
dialer_cancel(struct dialer *d, unsigned id)
{
	for (struct attempt *a = d->first; a != NULL; a = a->next) {
		if (a->target.id == id) {
			free_attempt(a);
			return;
		}
	}
}
