/*
 * The control socket; see control_server.h.  The file's mode says who may
 * connect; peer credentials are checked as well, since some systems ignore
 * the mode of sockets and a descriptor may have been handed on.
 */
#include "io/control_server.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/alloc.h"
#include "control/control.h"
#include "io/conn.h"
#include "io/loop.h"
#include "muster/err.h"
#include "sys/clock.h"
#include "sys/log.h"

#define BACKLOG    64
#define BURST      16
#define ROOM       65536       /* read at once */
#define LINGER_NS  1000000000u /* for the last answer to be read */
#define PAUSE_NS   500000000u  /* without accepting when files are out */
#define LINE_NS    (30 * (uint64_t)1000000000) /* to finish a request */
#define GROUPS_MAX 1024 /* of one client that are looked at */

/* Places beyond the layout's limit: whoever may connect can take the others,
 * and hold them, which must lock out neither root nor the node's user; nor may
 * programs of that user, such as handlers, lock out root. */
#define KEPT_FOR_USER 2
#define KEPT_FOR_ROOT 4

struct client {
	struct control_server *server;
	struct client *prev, *next;
	struct control_session *session;
	struct conn *conn;
	bool ending;     /* closes once its output is written */
	bool paused;     /* its requests wait, and no more are read */
	bool unfinished; /* what was read ends within a request */
	/* Clients are few, and one that says half a request or none holds a
	 * place; between requests it may take its time.  Runs meanwhile, but
	 * not while it is us who do not read. */
	struct loop_timer *patience;
};

struct control_server {
	struct loop *loop;
	struct conns *conns;
	struct control *control;
	char *path;
	int fd;
	gid_t group; /* of the socket */
	dev_t dev;   /* to remove only what is ours */
	ino_t ino;
	struct event readable;
	struct loop_timer *timer; /* end of a pause */
	struct client *first;
	uint8_t *room;            /* ROOM bytes, for whoever reads */
	uint64_t patience_ns;     /* LINE_NS, or a test's */
	size_t unflushed;         /* input since flush was called */
	void (*flush)(void *ctx); /* see control_server_set_flush; or NULL */
	void *flush_ctx;
};

/* --- who may ----------------------------------------------------------- */

static bool
in_group(int fd, gid_t group)
{
	static gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof groups;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) != 0)
		return false;
	for (size_t i = 0; i < len / sizeof groups[0]; i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* May the peer connect, and how many places are kept for such as it? */
static bool
may_connect(const struct control_server *s, int fd, size_t *kept)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return false;
	*kept = 0;
	if (peer.uid == 0)
		*kept = KEPT_FOR_ROOT;
	else if (peer.uid == geteuid())
		*kept = KEPT_FOR_USER;
	if (*kept > 0 || peer.gid == s->group || in_group(fd, s->group))
		return true;
	log_warnx("control socket: user %u (pid %d) is not permitted",
	    (unsigned)peer.uid, (int)peer.pid);
	return false;
}

/* --- sessions ---------------------------------------------------------- */

static void
client_end(struct client *c)
{
	struct control_server *s = c->server;

	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		s->first = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	loop_timer_free(c->patience);
	control_session_free(c->session);
	mu_free(c);
}

static void
end_when_written(struct client *c)
{
	if (c->ending)
		return;
	c->ending = true;
	loop_timer_stop(c->patience);
	conn_close(c->conn, LINGER_NS);
}

static void
on_patience(void *ctx)
{
	struct client *c = ctx;

	log_debug("control socket: a client did not finish its request");
	end_when_written(c);
}

/* Does the input end within a request, and since when? */
static void
watch_line(struct client *c, const uint8_t *in, size_t n, uint64_t now)
{
	const uint8_t *end = memrchr(in, '\n', n);

	c->unfinished = end != in + n - 1;
	if (end != NULL)
		loop_timer_stop(c->patience);
	if (c->unfinished && !loop_timer_running(c->patience))
		loop_timer_set(c->patience, now + c->server->patience_ns);
}

/* Requests that wait for earlier ones stay in the socket, but for a few. */
static void
pause_or_resume(struct client *c)
{
	bool pause = control_session_stuffed(c->session);

	if (pause == c->paused || c->ending)
		return;
	c->paused = pause;
	conn_pause(c->conn, pause);
	if (pause)
		loop_timer_stop(c->patience);
	else if (c->unfinished)
		loop_timer_set(
		    c->patience, clock_now() + c->server->patience_ns);
}

static int
on_reserve(void *owner, uint8_t **at, size_t *room)
{
	struct client *c = owner;

	*at = c->server->room;
	*room = ROOM;
	return 0;
}

static void
on_commit(void *owner, size_t n, uint64_t now)
{
	struct client *c = owner;
	struct control_server *s = c->server;

	watch_line(c, s->room, n, now);
	if (control_session_feed(c->session, s->room, n, now) != 0)
		end_when_written(c); /* it may be gone now */
	else
		pause_or_resume(c);
	s->unflushed += n;
	if (s->unflushed < ROOM || s->flush == NULL)
		return;
	s->unflushed = 0;
	s->flush(s->flush_ctx);
}

static bool
on_peek(void *owner, const uint8_t **bytes, size_t *len)
{
	struct client *c = owner;

	return control_session_peek(c->session, bytes, len);
}

static void
on_consume(void *owner, size_t n)
{
	struct client *c = owner;

	control_session_consume(c->session, n);
	pause_or_resume(c);
}

static void
on_opened(void *owner, uint64_t now)
{
	(void)owner;
	(void)now;
}

static void
on_closed(void *owner, const char *text, uint64_t now)
{
	(void)text;
	(void)now;
	client_end(owner);
}

static const struct conn_ops client_ops = {
	.reserve = on_reserve,
	.commit = on_commit,
	.peek = on_peek,
	.consume = on_consume,
	.opened = on_opened,
	.closed = on_closed,
};

static struct client *
client_new(struct control_server *s, size_t kept)
{
	struct client *c = mu_calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->session = control_session_new_kept(s->control, kept, clock_now());
	c->patience = loop_timer_new(s->loop, on_patience, c);
	if (c->session == NULL || c->patience == NULL) {
		control_session_free(c->session);
		loop_timer_free(c->patience);
		mu_free(c);
		return NULL;
	}
	loop_timer_set(c->patience, clock_now() + s->patience_ns);
	control_session_set_transport(c->session, c);
	c->server = s;
	c->next = s->first;
	if (s->first != NULL)
		s->first->prev = c;
	s->first = c;
	return c;
}

static void
refuse(int fd, const char *why)
{
	char line[128];
	int len = snprintf(
	    line, sizeof line, "{\"ok\":false,\"error\":\"%s\"}\n", why);

	(void)send(fd, line, (size_t)len, MSG_NOSIGNAL);
	close(fd);
}

static void
serve(struct control_server *s, int fd)
{
	struct conn_config cfg = {
		.fd = fd, .half_close = true, .ops = &client_ops
	};
	struct client *c;
	size_t kept;

	if (!may_connect(s, fd, &kept)) {
		refuse(fd, "you may not use this control socket");
		return;
	}
	c = client_new(s, kept);
	if (c == NULL) {
		refuse(fd, "too many control clients");
		return;
	}
	cfg.owner = c;
	c->conn = conn_new(s->conns, &cfg);
	if (c->conn == NULL)
		client_end(c);
}

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct control_server *s = ctx;

	(void)fd;
	(void)what;
	for (int i = 0; i < BURST; i++) {
		int new =
		    accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (new >= 0) {
			serve(s, new);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		    errno == ENOBUFS) {
			event_del(&s->readable);
			loop_timer_set(s->timer, clock_now() + PAUSE_NS);
		}
		return;
	}
}

static void
on_timer(void *ctx)
{
	struct control_server *s = ctx;

	event_add(&s->readable, NULL);
}

/* --- the socket -------------------------------------------------------- */

/* 0 when the name is free (or was made so). */
static int
clear_stale(const struct sockaddr_un *sa)
{
	struct stat st;
	int fd, r;

	if (lstat(sa->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	r = connect(fd, (const struct sockaddr *)sa, sizeof *sa);
	if (r == 0 || errno == EAGAIN)
		errno = EADDRINUSE;
	else if (errno == ECONNREFUSED)
		r = unlink(sa->sun_path) == 0 ? 1 : -1;
	close(fd);
	return r == 1 ? 0 : -1;
}

/* 0 with s->fd, or -1 with s as it was. */
static int
open_socket(struct control_server *s)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t old;
	int fd, r;

	if (strlen(s->path) >= sizeof sa.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(sa.sun_path, s->path, strlen(s->path) + 1);
	if (clear_stale(&sa) != 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	/* Never more open than intended, not for a moment. */
	old = umask(0117);
	r = bind(fd, (const struct sockaddr *)&sa, sizeof sa);
	umask(old);
	if (r != 0 || listen(fd, BACKLOG) != 0 || stat(s->path, &st) != 0) {
		r = errno;
		close(fd);
		errno = r;
		return -1;
	}
	s->fd = fd;
	s->group = st.st_gid;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return 0;
}

static void
start_accepting(struct control_server *s)
{
	event_assign(&s->readable, loop_base(s->loop), s->fd,
	    EV_READ | EV_PERSIST, on_readable, s);
	event_add(&s->readable, NULL);
}

struct control_server *
control_server_new(struct loop *l, struct conns *cs, struct control *c,
    const char *path, char *err, size_t err_size)
{
	struct control_server *s = mu_calloc(1, sizeof *s);

	snprintf(err, err_size, "out of memory");
	if (s == NULL)
		return NULL;
	s->loop = l;
	s->conns = cs;
	s->control = c;
	s->fd = -1;
	s->patience_ns = LINE_NS;
	s->path = mu_strdup(path);
	s->room = mu_malloc(ROOM);
	s->timer = loop_timer_new(l, on_timer, s);
	if (s->path == NULL || s->room == NULL || s->timer == NULL)
		goto fail;
	if (open_socket(s) != 0) {
		snprintf(err, err_size, "control socket %s: %s", path,
		    strerror(errno));
		goto fail;
	}
	start_accepting(s);
	return s;
fail:
	control_server_free(s);
	return NULL;
}

/* Is what lies at the path our socket? */
static bool
is_ours(const struct control_server *s)
{
	struct stat st;

	return lstat(s->path, &st) == 0 && st.st_dev == s->dev &&
	       st.st_ino == s->ino;
}

int
control_server_renew(struct control_server *s, char *err, size_t err_size)
{
	int old = s->fd;

	if (is_ours(s))
		return 0;
	if (open_socket(s) != 0) {
		snprintf(err, err_size, "control socket %s: %s", s->path,
		    strerror(errno));
		return MUSTER_ESYS;
	}
	event_del(&s->readable);
	loop_timer_stop(s->timer);
	close(old);
	start_accepting(s);
	return 1;
}

void
control_server_free(struct control_server *s)
{
	if (s == NULL)
		return;
	while (s->first != NULL) {
		conn_close(s->first->conn, 0);
		client_end(s->first);
	}
	if (s->fd >= 0) {
		event_del(&s->readable);
		close(s->fd);
		if (is_ours(s))
			unlink(s->path);
	}
	loop_timer_free(s->timer);
	mu_free(s->room);
	mu_free(s->path);
	mu_free(s);
}

void
control_server_set_flush(
    struct control_server *s, void (*flush)(void *ctx), void *ctx)
{
	s->flush = flush;
	s->flush_ctx = ctx;
}

void
control_server_set_patience(struct control_server *s, uint64_t ns)
{
	s->patience_ns = ns;
}

void
control_server_drain(struct control_server *s)
{
	s->unflushed = 0;
	struct control_session *session;

	while ((session = control_wake(s->control)) != NULL) {
		struct client *c = control_session_transport(session);

		if (c == NULL)
			continue;
		pause_or_resume(c);
		conn_write(c->conn);
	}
	/* A session that asked to end does so here, not in a callback. */
	for (struct client *c = s->first, *next; c != NULL; c = next) {
		next = c->next;
		if (control_session_done(c->session))
			end_when_written(c);
	}
}
