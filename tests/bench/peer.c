/*
 * Sockets and frames; see peer.h.
 *
 * All peers share one buffer to read into; what remains of an incomplete frame
 * is kept by its peer.  So an idle peer costs nothing here, and a busy one is
 * parsed where its bytes were decrypted.  TLS is read until it wants more, or
 * the peer goes to the list of those that were not read dry: bytes that lie
 * decrypted in OpenSSL wake nobody.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "nats.h"
#include "shake.h"

#define READ_ROOM  (128u * 1024)
#define READ_TURN  (1u << 20) /* per peer, then the others */
#define RECORD     16384u
#define SEND_CHUNK (64u * 1024)
#define EVENTS     64

static void
drop(struct peer *p)
{
	if (p->state == PEER_GONE)
		return;
	if (!p->closing)
		p->net->broken++;
	p->state = PEER_GONE;
	close(p->fd);
	p->fd = -1;
}

static void
watch(struct peer *p, int op)
{
	struct epoll_event e = { .data.ptr = p };

	if (!p->paused)
		e.events |= EPOLLIN;
	if (p->want_write)
		e.events |= EPOLLOUT;
	if (epoll_ctl(p->net->epoll, op, p->fd, &e) != 0)
		die("epoll_ctl: %s", strerror(errno));
}

static void
want_write(struct peer *p, bool on)
{
	if (p->want_write == on)
		return;
	p->want_write = on;
	watch(p, EPOLL_CTL_MOD);
}

/* --- output ------------------------------------------------------------------ */

/* Send all of b; false: the socket is full or broken. */
static bool
send_all(struct peer *p, struct bytes *b)
{
	while (bytes_left(b) > 0) {
		ssize_t n = send(p->fd, b->p + b->at, bytes_left(b),
		    MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			drop(p);
		if (n < 0)
			return false;
		bytes_take(b, (size_t)n);
	}
	return true;
}

static bool
seal(struct peer *p)
{
	while (bytes_left(&p->out) > 0 && bytes_left(&p->sealed) < SEND_CHUNK) {
		size_t n = bytes_left(&p->out);
		int r = SSL_write(p->ssl, p->out.p + p->out.at,
		    (int)(n < RECORD ? n : RECORD));

		if (r <= 0) {
			drop(p);
			return false;
		}
		bytes_take(&p->out, (size_t)r);
	}
	return true;
}

static void
flush(struct peer *p)
{
	bool open = true;

	if (p->state == PEER_GONE || p->state <= PEER_INFO)
		return;
	if (p->ssl == NULL) {
		open = send_all(p, &p->out);
	} else {
		do {
			if (p->state > PEER_TLS && !seal(p))
				return;
			open = send_all(p, &p->sealed);
		} while (open && p->state > PEER_TLS &&
		    bytes_left(&p->out) > 0);
	}
	if (p->state != PEER_GONE)
		want_write(p, !open);
}

void
peer_queued(struct peer *p)
{
	if (p->is_dirty)
		return;
	p->is_dirty = true;
	p->next_dirty = p->net->dirty;
	p->net->dirty = p;
}

void
net_flush(struct net *n)
{
	while (n->dirty != NULL) {
		struct peer *p = n->dirty;

		n->dirty = p->next_dirty;
		p->is_dirty = false;
		if (!p->want_write)
			flush(p);
	}
}

/* --- input ------------------------------------------------------------------- */

static void
on_frame(struct peer *p, uint8_t *f, size_t len)
{
	size_t topic;

	if (p->state != PEER_UP) {
		if (!shake_message(p, f + 4, len - 4))
			drop(p);
		return;
	}
	if (len < WIRE_TOPIC)
		return;
	topic = (size_t)f[WIRE_TOPIC - 2] << 8 | f[WIRE_TOPIC - 1];
	if (topic > len - WIRE_TOPIC)
		return;
	switch (f[WIRE_TYPE]) {
	case WIRE_DATA:
	case WIRE_COMMAND:
		if (p->frame != NULL)
			p->frame(p, f, len);
		break;
	case WIRE_ROUTING:
		wire_read_filter(&p->theirs, f + WIRE_TOPIC + topic,
		    len - WIRE_TOPIC - topic);
		break;
	case WIRE_PING:
		wire_envelope(&p->out, p->id, p->remote, WIRE_PONG, "<$>",
		    f + WIRE_TOPIC + topic, len - WIRE_TOPIC - topic);
		peer_queued(p);
		break;
	}
}

/* Cut frames from b; what is incomplete stays. */
static void
parse(struct peer *p, struct bytes *b)
{
	if (p->net->nats) {
		if (!nats_parse(p, b))
			drop(p);
		return;
	}
	while (p->state != PEER_GONE && bytes_left(b) >= 4) {
		uint8_t *f = b->p + b->at;
		size_t len = 4 + (size_t)wire_u32(f);

		if (len > WIRE_MOST) {
			drop(p);
			return;
		}
		if (bytes_left(b) < len) {
			if (b->cap < len + RECORD)
				bytes_room(b, len + RECORD);
			return;
		}
		b->at += len;
		if (len > 4)
			on_frame(p, f, len);
	}
}

/* Bytes, 0: none at present, -1: over. */
static ssize_t
read_some(struct peer *p, uint8_t *to, size_t room)
{
	ssize_t n;

	if (p->ssl != NULL) {
		int r;

		ERR_clear_error();
		r = SSL_read(p->ssl, to, (int)room);
		if (r > 0)
			return r;
		return SSL_get_error(p->ssl, r) == SSL_ERROR_WANT_READ ? 0 : -1;
	}
	n = recv(p->fd, to, room, 0);
	if (n > 0)
		return n;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

/* Fill b as far as it goes: bytes, 0: dry, -1: over. */
static ssize_t
fill(struct peer *p, struct bytes *b)
{
	size_t got = 0;

	while (b->cap - b->len >= RECORD) {
		ssize_t n = read_some(p, b->p + b->len, b->cap - b->len);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		b->len += (size_t)n;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

static void
add_more(struct peer *p)
{
	if (p->is_more)
		return;
	p->is_more = true;
	p->next_more = p->net->more;
	p->net->more = p;
}

static void
pull(struct peer *p)
{
	struct bytes *b = &p->net->in;
	size_t total = 0;
	ssize_t n = 1;

	b->at = b->len = 0;
	if (bytes_left(&p->rest) > 0) {
		bytes_add(b, p->rest.p + p->rest.at, bytes_left(&p->rest));
		bytes_take(&p->rest, bytes_left(&p->rest));
		if (b->len >= 4 && !p->net->nats)
			bytes_room(b, wire_u32(b->p) + RECORD);
	}
	while (n > 0 && total < READ_TURN && !p->paused) {
		bytes_room(b, RECORD);
		n = fill(p, b);
		total += n > 0 ? (size_t)n : 0;
		parse(p, b);
		if (p->state == PEER_GONE)
			return;
	}
	if (n < 0) {
		drop(p);
		return;
	}
	if (bytes_left(b) > 0)
		bytes_add(&p->rest, b->p + b->at, bytes_left(b));
	else if (p->rest.cap > RECORD)
		bytes_free(&p->rest);
	if (n > 0 && !p->paused)
		add_more(p);
}

/* --- opening ----------------------------------------------------------------- */

static struct peer *
peer_new(struct net *n, int fd, bool server)
{
	struct peer *p = xalloc(sizeof *p);
	int one = 1;

	p->net = n;
	p->fd = fd;
	p->server = server;
	if (getrandom(p->id, sizeof p->id, 0) != sizeof p->id)
		die("no random numbers");
	p->id[6] = (uint8_t)(0x50 | (p->id[6] & 0x0f));
	p->id[8] = (uint8_t)(0x80 | (p->id[8] & 0x3f));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (n->ctx != NULL)
		p->ssl = tls_session(n->ctx, server, &p->fd, &p->sealed);
	p->state = PEER_CONNECTING;
	p->want_write = !server;
	watch(p, EPOLL_CTL_ADD);
	return p;
}

static void
begin(struct peer *p)
{
	if (p->net->nats)
		nats_begin(p);
	else
		shake_begin(p);
}

static void
shake_tls(struct peer *p)
{
	int r;

	ERR_clear_error();
	r = SSL_do_handshake(p->ssl);
	peer_queued(p);
	if (r == 1) {
		begin(p);
		return;
	}
	if (SSL_get_error(p->ssl, r) != SSL_ERROR_WANT_READ)
		drop(p);
}

static void
secure(struct peer *p)
{
	if (p->ssl == NULL) {
		begin(p);
		return;
	}
	p->state = PEER_TLS;
	shake_tls(p);
}

static void
opened(struct peer *p)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 ||
	    error != 0) {
		drop(p);
		return;
	}
	want_write(p, false);
	if (p->net->nats)
		p->state = PEER_INFO;
	else
		secure(p);
}

static void
informed(struct peer *p)
{
	int r = nats_info(p);

	if (r > 0)
		secure(p);
	else if (r < 0)
		drop(p);
}

static struct sockaddr_in
loopback(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return a;
}

struct peer *
peer_dial(struct net *n, int port, bool low)
{
	struct sockaddr_in a = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct peer *p;

	if (fd < 0)
		die("socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0 &&
	    errno != EINPROGRESS) {
		close(fd);
		return NULL;
	}
	p = peer_new(n, fd, false);
	p->id[0] = low ? 0x00 : 0xff;
	return p;
}

static void
accept_all(struct net *n)
{
	for (;;) {
		int fd = accept4(n->listener, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct peer *p;

		if (fd < 0)
			return;
		p = peer_new(n, fd, true);
		n->accepted(p);
		opened(p);
	}
}

void
peer_pause(struct peer *p, bool on)
{
	p->paused = on;
	watch(p, EPOLL_CTL_MOD);
	if (!on)
		add_more(p);
}

static void
unlist(struct peer **at, struct peer *p, bool dirty)
{
	while (*at != NULL && *at != p)
		at = dirty ? &(*at)->next_dirty : &(*at)->next_more;
	if (*at == p)
		*at = dirty ? p->next_dirty : p->next_more;
}

void
peer_free(struct peer *p)
{
	if (p == NULL)
		return;
	p->closing = true;
	drop(p);
	unlist(&p->net->dirty, p, true);
	unlist(&p->net->more, p, false);
	SSL_free(p->ssl);
	ERR_clear_error();
	bytes_free(&p->rest);
	bytes_free(&p->out);
	bytes_free(&p->sealed);
	bytes_free(&p->own.enc);
	bytes_free(&p->theirs.enc);
	free(p);
}

/* --- the loop ---------------------------------------------------------------- */

void
net_init(struct net *n, SSL_CTX *ctx)
{
	memset(n, 0, sizeof *n);
	n->ctx = ctx;
	n->listener = -1;
	n->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (n->epoll < 0)
		die("epoll: %s", strerror(errno));
	bytes_room(&n->in, READ_ROOM);
}

void
net_clear(struct net *n)
{
	if (n->listener >= 0)
		close(n->listener);
	close(n->epoll);
	bytes_free(&n->in);
	bytes_free(&n->scratch);
}

int
net_listen(struct net *n, int port)
{
	struct sockaddr_in a = loopback(port);
	socklen_t len = sizeof a;
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL };
	int one = 1;

	n->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	setsockopt(n->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (n->listener < 0 ||
	    bind(n->listener, (struct sockaddr *)&a, sizeof a) != 0 ||
	    listen(n->listener, 1024) != 0 ||
	    getsockname(n->listener, (struct sockaddr *)&a, &len) != 0 ||
	    epoll_ctl(n->epoll, EPOLL_CTL_ADD, n->listener, &e) != 0)
		die("port %d: %s", port, strerror(errno));
	return ntohs(a.sin_port);
}

static void
handle(struct peer *p, uint32_t events)
{
	if (p->state == PEER_CONNECTING) {
		opened(p);
		return;
	}
	if (p->state == PEER_INFO) {
		informed(p);
		return;
	}
	if (p->state == PEER_TLS && (events & (EPOLLIN | EPOLLHUP)) != 0)
		shake_tls(p);
	if (p->state == PEER_GONE || p->state == PEER_TLS)
		return;
	if ((events & EPOLLOUT) != 0) {
		p->want_write = false;
		watch(p, EPOLL_CTL_MOD);
		flush(p);
	}
	if (p->state != PEER_GONE && !p->paused &&
	    (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
		pull(p);
}

static void
pull_more(struct net *n)
{
	struct peer *p = n->more;

	n->more = NULL;
	while (p != NULL) {
		struct peer *next = p->next_more;

		p->is_more = false;
		if (p->state != PEER_GONE && !p->paused)
			pull(p);
		p = next;
	}
}

void
net_turn(struct net *n, uint64_t ns)
{
	struct epoll_event e[EVENTS];
	struct timespec t = { .tv_sec = (time_t)(ns / SEC),
		.tv_nsec = (long)(ns % SEC) };
	int got;

	net_flush(n);
	if (n->more != NULL)
		t.tv_sec = t.tv_nsec = 0;
	got = epoll_pwait2(n->epoll, e, EVENTS, &t, NULL);
	pull_more(n);
	for (int i = 0; i < got; i++) {
		struct peer *p = e[i].data.ptr;

		if (p == NULL)
			accept_all(n);
		else if (p->state != PEER_GONE)
			handle(p, e[i].events);
	}
	net_flush(n);
}

bool
peers_wait(struct net *n, struct peer **p, size_t count, uint64_t ns)
{
	uint64_t end = now_ns() + ns;
	size_t up = 0;

	while (now_ns() < end) {
		for (up = 0; up < count && p[up]->state == PEER_UP; up++)
			;
		if (up == count || p[up]->state == PEER_GONE)
			break;
		net_turn(n, 10 * MS);
	}
	return up == count;
}

struct peer *
peer_open(struct net *n, int port, bool low, const struct filter *own,
    uint64_t ns)
{
	uint64_t end = now_ns() + ns;
	struct peer *p;

	do {
		uint64_t broken = n->broken;

		p = peer_dial(n, port, low);
		if (p != NULL) {
			if (own != NULL)
				filter_copy(&p->own, own);
			if (peers_wait(n, &p, 1, end - now_ns()))
				return p;
			peer_free(p);
		}
		n->broken = broken;
		net_turn(n, MS);
	} while (now_ns() < end);
	return NULL;
}

int
free_port(void)
{
	for (;;) {
		uint32_t r;
		struct sockaddr_in a;
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), bound;

		if (fd < 0 || getrandom(&r, sizeof r, 0) != sizeof r)
			die("no socket");
		/* below what the kernel gives to those who connect */
		a = loopback(20000 + (int)(r % 12000));
		bound = bind(fd, (struct sockaddr *)&a, sizeof a);
		close(fd);
		if (bound == 0)
			return ntohs(a.sin_port);
	}
}
