/*
 * A listening TCP port; see listener.h.  The wildcard is bound as Broker does
 * (reference "broker-protocol", 1.1): IPv6 with IPv4 mapped into it, or IPv4
 * where there is no IPv6.
 */
#include "io/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/alloc.h"
#include "io/loop.h"
#include "io/sock.h"
#include "sys/clock.h"
#include "sys/log.h"

#define BACKLOG  512
#define BURST    16         /* connections accepted per turn */
#define PAUSE_NS 500000000u /* without accepting when files are out */

struct listener {
	struct loop *loop;
	struct listener_config cfg; /* its address is the next field */
	char *address;              /* owned copy, or NULL */
	char *where;                /* "[address]:port", for messages */
	int fd;                     /* -1 while the port is busy */
	uint16_t port;              /* bound */
	struct event readable;
	struct loop_timer *timer; /* next attempt to bind, or end of pause */
	bool said;                /* the present trouble was logged */
};

/* --- binding ----------------------------------------------------------- */

static int
bind_to(const struct sockaddr *sa, socklen_t len)
{
	int on = 1, off = 0, saved;
	int fd = socket(sa->sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	    (sa->sa_family != AF_INET6 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) ==
		    0) &&
	    bind(fd, sa, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int
bind_wildcard(uint16_t port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
		.sin6_port = htons(port),
		.sin6_addr = IN6ADDR_ANY_INIT };
	struct sockaddr_in four = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_ANY) };
	int fd = bind_to((const struct sockaddr *)&six, sizeof six);

	if (fd < 0 && errno != EADDRINUSE)
		fd = bind_to((const struct sockaddr *)&four, sizeof four);
	return fd;
}

/* The address is literal: looking up names here could block. */
static int
bind_address(const char *address, uint16_t port)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_PASSIVE |
					      AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	char service[8];
	int fd, saved;

	snprintf(service, sizeof service, "%u", port);
	if (getaddrinfo(address, service, &hints, &list) != 0) {
		errno = EINVAL;
		return -1;
	}
	fd = bind_to(list->ai_addr, list->ai_addrlen);
	saved = errno;
	freeaddrinfo(list);
	errno = saved;
	return fd;
}

/* --- accepting --------------------------------------------------------- */

static bool
out_of_files(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

static void
pause_accepting(struct listener *ls)
{
	if (!ls->said)
		log_warn(
		    "%s: not accepting connections for a while", ls->where);
	ls->said = true;
	event_del(&ls->readable);
	loop_timer_set(ls->timer, clock_now() + PAUSE_NS);
}

/* Nobody waits any more.  A few files that came free are not the end of it:
 * that would be said at every pause. */
static void
end_trouble(struct listener *ls)
{
	if (ls->said)
		log_info("%s: accepting connections again", ls->where);
	ls->said = false;
}

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct listener *ls = ctx;

	(void)fd;
	(void)what;
	for (int i = 0; i < BURST; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof from;
		int new = accept4(ls->fd, (struct sockaddr *)&from, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (new < 0) {
			/* Others concern one connection that is gone. */
			if (out_of_files(errno))
				pause_accepting(ls);
			else if (errno == EAGAIN)
				end_trouble(ls);
			return;
		}
		sock_no_delay(new);
		ls->cfg.accepted(
		    ls->cfg.ctx, new, (const struct sockaddr *)&from, len);
	}
}

/* --- getting there ----------------------------------------------------- */

/* What time may mend: somebody else's socket, an interface not yet up. */
static bool
may_pass(int error)
{
	return error == EADDRINUSE || error == EADDRNOTAVAIL ||
	       out_of_files(error);
}

static void
now_listening(struct listener *ls)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;
	char address[SOCK_ADDRESS];

	if (getsockname(ls->fd, (struct sockaddr *)&sa, &len) == 0)
		sock_name(
		    (const struct sockaddr *)&sa, len, address, &ls->port);
	event_assign(&ls->readable, loop_base(ls->loop), ls->fd,
	    EV_READ | EV_PERSIST, on_readable, ls);
	event_add(&ls->readable, NULL);
	ls->said = false;
	if (ls->cfg.listening != NULL)
		ls->cfg.listening(ls->cfg.ctx);
}

/* False when it never will work; errno says why. */
static bool
try_to_bind(struct listener *ls)
{
	const struct listener_config *cfg = &ls->cfg;

	ls->fd = cfg->address == NULL ? bind_wildcard(cfg->port)
				      : bind_address(cfg->address, cfg->port);
	if (ls->fd >= 0) {
		now_listening(ls);
		return true;
	}
	if (!may_pass(errno))
		return false;
	if (!ls->said)
		log_warn("cannot listen on %s, trying again every %llu ms",
		    ls->where, (unsigned long long)cfg->retry_ns / 1000000);
	ls->said = true;
	loop_timer_set(ls->timer, clock_now() + cfg->retry_ns);
	return true;
}

static void
on_timer(void *ctx)
{
	struct listener *ls = ctx;

	if (ls->fd >= 0) {
		event_add(&ls->readable, NULL);
		return;
	}
	if (!try_to_bind(ls)) {
		/* It might have worked as root; the node goes on without. */
		if (!ls->said)
			log_warn("cannot listen on %s", ls->where);
		ls->said = true;
		loop_timer_set(ls->timer, clock_now() + ls->cfg.retry_ns);
	}
}

struct listener *
listener_new(struct loop *l, const struct listener_config *cfg, char *err,
    size_t err_size)
{
	struct listener *ls = mu_calloc(1, sizeof *ls);
	const char *address = cfg->address;

	snprintf(err, err_size, "out of memory");
	if (ls == NULL)
		return NULL;
	if (address != NULL && address[0] == '\0')
		address = NULL;
	ls->fd = -1;
	ls->loop = l;
	ls->cfg = *cfg;
	ls->timer = loop_timer_new(l, on_timer, ls);
	ls->where = mu_asprintf("%s%s%s:%u",
	    address != NULL && strchr(address, ':') != NULL ? "[" : "",
	    address == NULL ? "" : address,
	    address != NULL && strchr(address, ':') != NULL ? "]" : "",
	    cfg->port);
	if (address != NULL)
		ls->address = mu_strdup(address);
	ls->cfg.address = ls->address;
	if (ls->timer == NULL || ls->where == NULL ||
	    (address != NULL && ls->address == NULL))
		goto fail;
	if (try_to_bind(ls))
		return ls;
	snprintf(err, err_size, "cannot listen on %s: %s", ls->where,
	    strerror(errno));
fail:
	listener_free(ls);
	return NULL;
}

void
listener_free(struct listener *ls)
{
	if (ls == NULL)
		return;
	if (ls->fd >= 0) {
		event_del(&ls->readable);
		close(ls->fd);
	}
	loop_timer_free(ls->timer);
	mu_free(ls->where);
	mu_free(ls->address);
	mu_free(ls);
}

bool
listener_up(const struct listener *ls)
{
	return ls->fd >= 0;
}

uint16_t
listener_port(const struct listener *ls)
{
	return ls->fd >= 0 ? ls->port : 0;
}
