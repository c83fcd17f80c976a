/*
 * One connection; see conn.h.
 *
 * TLS runs over a BIO of ours.  Input comes from the socket as OpenSSL asks
 * for it, 64 KiB at a time (read-ahead), and is drained until OpenSSL wants
 * more: returning to the loop earlier would leave decrypted bytes that no
 * event will ever announce.  A connection whose budget for the turn is used
 * up therefore puts itself in the queue of jobs.  Records go to a buffer
 * first and leave four at a time, since OpenSSL would spend a system call on
 * each.
 */
#include "io/conn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "io/loop.h"
#include "io/sock.h"
#include "muster/err.h"
#include "sys/clock.h"
#include "tls/tls.h"

#define READ_BUDGET  (256 * 1024)  /* per connection and turn */
#define WRITE_BUDGET (1024 * 1024) /* per connection and turn */
#define WRITE_CHUNK  (64 * 1024)   /* of one send(2) */
#define TLS_RECORD   16384
#define SHAKES       8             /* TLS handshake steps per turn */
#define DRAINING_MAX 64            /* sockets waiting for the peer's end */
#define DRAIN_NS     1000000000u   /* how long each of them waits */
#define DRAIN_BYTES  (1024 * 1024) /* what it throws away meanwhile */
#define IDLE_NS      1000000000u   /* silence after which memory goes back */

enum state {
	STATE_CONNECTING, /* connect(2) is under way */
	STATE_SHAKING,    /* the TLS handshake is */
	STATE_OPEN,       /* bytes flow */
	STATE_LINGERING,  /* closing: output is still written */
	STATE_DRAINING,   /* without owner: waits for the peer's end */
	STATE_DEAD        /* to be reaped */
};

enum todo { /* for the job */
	TODO_OPEN = 1,  /* say that it is open */
	TODO_SHAKE = 2, /* go on with the handshake */
	TODO_READ = 4,
	TODO_WRITE = 8
};

struct conn {
	struct conns *all;
	struct conn *prev, *next; /* neighbours among the living or dead */
	enum state state;
	int fd;                   /* -1 when dead */
	SSL *ssl;                 /* owned; NULL: plain */
	const struct conn_ops *ops; /* NULL: the owner is gone */
	void *owner;
	struct event readable;
	struct event writable;
	bool full;                /* waiting for writable */
	bool eof;                 /* the socket's end was seen */
	bool half_close;          /* as configured */
	bool muted;               /* the owner does not want to hear */
	bool fresh;               /* no input yet */
	bool active;              /* bytes moved since the last sweep */
	bool idle;                /* the owner was told */
	int error;                /* errno of the socket's failure, or 0 */
	unsigned todo;            /* enum todo */
	struct loop_job job;
	struct loop_timer *timer; /* limit of connecting, handshake, linger */
	uint64_t handshake_ns;    /* as configured */
	struct mu_buf out;        /* TLS records that were not yet sent */
	size_t drained;           /* bytes thrown away */
};

struct conns {
	struct loop *loop;
	BIO_METHOD *method;       /* of our BIO */
	struct conn *live;        /* list */
	struct conn *dead;        /* list */
	size_t count;             /* in both */
	size_t draining;          /* in STATE_DRAINING */
	unsigned shakes;          /* handshake steps of this turn */
	struct loop_timer *sweep; /* looks for idle ones */
};

static void flush(struct conn *c);

/* --- the BIO below TLS --------------------------------------------------------- */

static int
bio_read(BIO *b, char *buf, int len)
{
	struct conn *c = BIO_get_data(b);
	ssize_t n = recv(c->fd, buf, (size_t)len, 0);

	BIO_clear_retry_flags(b);
	if (n > 0)
		return (int)n;
	if (n == 0)
		c->eof = true;
	else if (errno == EAGAIN || errno == EINTR)
		BIO_set_retry_read(b);
	else
		c->error = errno;
	return n == 0 ? 0 : -1;
}

static int
bio_write(BIO *b, const char *buf, int len)
{
	struct conn *c = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	mu_buf_put(&c->out, buf, (size_t)len);
	if (mu_buf_error(&c->out) != 0) {
		c->error = ENOMEM;
		return -1;
	}
	return len;
}

static long
bio_ctrl(BIO *b, int cmd, long larg, void *parg)
{
	const struct conn *c = BIO_get_data(b);

	(void)larg;
	(void)parg;
	if (cmd == BIO_CTRL_EOF)
		return c->eof;
	return cmd == BIO_CTRL_FLUSH;
}

static int
bio_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

static BIO_METHOD *
bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK,
	    "connection");

	if (m != NULL && (BIO_meth_set_read(m, bio_read) != 1 ||
	        BIO_meth_set_write(m, bio_write) != 1 ||
	        BIO_meth_set_ctrl(m, bio_ctrl) != 1 ||
	        BIO_meth_set_create(m, bio_create) != 1)) {
		BIO_meth_free(m);
		m = NULL;
	}
	return m;
}

static bool
bio_attach(struct conn *c)
{
	BIO *b = BIO_new(c->all->method);

	if (b == NULL)
		return false;
	BIO_set_data(b, c);
	SSL_set_bio(c->ssl, b, b);
	return true;
}

/* --- the lists ----------------------------------------------------------------- */

static void
link_in(struct conn **head, struct conn *c)
{
	c->prev = NULL;
	c->next = *head;
	if (*head != NULL)
		(*head)->prev = c;
	*head = c;
}

static void
link_out(struct conn **head, struct conn *c)
{
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		*head = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
}

static void
kill_conn(struct conn *c)
{
	if (c->state == STATE_DEAD)
		return;
	if (c->state == STATE_DRAINING)
		c->all->draining--;
	c->state = STATE_DEAD;
	c->ops = NULL;
	c->todo = 0;
	event_del(&c->readable);
	event_del(&c->writable);
	loop_job_cancel(c->all->loop, &c->job);
	if (c->timer != NULL)
		loop_timer_stop(c->timer);
	close(c->fd);
	c->fd = -1;
	link_out(&c->all->live, c);
	link_in(&c->all->dead, c);
}

static void
free_conn(struct conn *c)
{
	loop_timer_free(c->timer);
	SSL_free(c->ssl);
	ERR_clear_error();
	mu_buf_clear(&c->out);
	c->all->count--;
	mu_free(c);
}

static void
put_off(struct conn *c, enum todo what)
{
	c->todo |= what;
	loop_job_add(c->all->loop, &c->job);
}

/* --- idleness ------------------------------------------------------------------ */

static void
touch(struct conn *c)
{
	struct conns *cs = c->all;

	c->active = true;
	c->idle = false;
	if (!loop_timer_running(cs->sweep))
		loop_timer_set(cs->sweep, clock_now() + IDLE_NS);
}

static void
sweep(void *ctx)
{
	struct conns *cs = ctx;
	bool again = false;

	for (struct conn *c = cs->live; c != NULL; c = c->next) {
		if (c->active) {
			c->active = false;
			again = true;
			continue;
		}
		if (c->idle)
			continue;
		c->idle = true;
		mu_buf_shrink(&c->out);
		if (c->ops != NULL && c->ops->idle != NULL)
			c->ops->idle(c->owner);
	}
	if (again)
		loop_timer_set(cs->sweep, clock_now() + IDLE_NS);
}

/* --- ending -------------------------------------------------------------------- */

/* Send what lies in out; false when the socket is full or broken. */
static bool
send_out(struct conn *c)
{
	while (mu_buf_len(&c->out) > 0) {
		ssize_t n = send(c->fd, mu_buf_data(&c->out),
		    mu_buf_len(&c->out), MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EAGAIN)
				c->error = errno;
			return false;
		}
		mu_buf_consume(&c->out, (size_t)n);
	}
	return true;
}

/* The last bytes are with the kernel.  Closing now would make it answer the
 * peer's next packet with a reset, which may overtake them: wait for the
 * peer's end of stream, though not long and not for many. */
static void
drain(struct conn *c)
{
	struct conns *cs = c->all;

	if (cs->draining >= DRAINING_MAX || c->eof || c->error != 0 ||
	    shutdown(c->fd, SHUT_WR) != 0) {
		kill_conn(c);
		return;
	}
	loop_job_cancel(cs->loop, &c->job);
	event_del(&c->writable);
	c->todo = 0;
	c->state = STATE_DRAINING;
	cs->draining++;
	event_add(&c->readable, NULL);
	loop_timer_set(c->timer, clock_now() + DRAIN_NS);
}

/* It is over; politely: the peer should receive what is in out. */
static void
finish(struct conn *c, const char *text, bool politely)
{
	const struct conn_ops *ops = c->muted ? NULL : c->ops;
	void *owner = c->owner;

	if (c->state == STATE_DEAD || c->state == STATE_DRAINING)
		return;
	c->ops = NULL;
	if (politely && send_out(c))
		drain(c);
	else
		kill_conn(c);
	if (ops != NULL)
		ops->closed(owner, text, clock_now());
}

static void
finish_socket(struct conn *c)
{
	char text[256];

	snprintf(text, sizeof text, "connection lost: %s", strerror(c->error));
	finish(c, text, false);
}

/* A TLS call failed for good. */
static void
finish_tls(struct conn *c, int r)
{
	char text[256];
	int code;

	if (c->state == STATE_OPEN && c->error == 0 && c->eof) {
		ERR_clear_error();
		finish(c, NULL, false);
		return;
	}
	code = SSL_get_error(c->ssl, r);
	if (code == SSL_ERROR_ZERO_RETURN && c->state == STATE_OPEN) {
		finish(c, NULL, false);
		return;
	}
	errno = c->error;
	mu_tls_error(c->ssl, code, text, sizeof text);
	finish(c, text, true);
}

static bool
wants_read(struct conn *c, int r)
{
	return SSL_get_error(c->ssl, r) == SSL_ERROR_WANT_READ;
}

/* The peer will send no more.  With half_close it still gets its answer. */
static void
end_of_input(struct conn *c)
{
	if (!c->half_close) {
		finish(c, NULL, false);
		return;
	}
	c->state = STATE_LINGERING;
	event_del(&c->readable);
	loop_timer_set(c->timer, clock_now() + DRAIN_NS);
	flush(c);
}

/* --- input --------------------------------------------------------------------- */

/* Plain text and TLS are told apart by what cannot be a frame: a handshake or
 * alert record of TLS, read as a length, is beyond every limit. */
static bool
looks_like_tls(const uint8_t *p, size_t n)
{
	return n >= 2 && (p[0] == 0x16 || p[0] == 0x15) && p[1] == 0x03;
}

/* Bytes read, 0 when there are none at present, -1 when it is over. */
static ssize_t
read_plain(struct conn *c, uint8_t *at, size_t room)
{
	ssize_t n = recv(c->fd, at, room, 0);

	if (n > 0 && c->fresh && looks_like_tls(at, (size_t)n)) {
		finish(c, "the peer speaks tls, this node is configured for "
		          "plain tcp", true);
		return -1;
	}
	if (n > 0)
		return n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0) {
		c->error = errno;
		finish_socket(c);
	} else {
		c->eof = true;
		end_of_input(c);
	}
	return -1;
}

static ssize_t
read_tls(struct conn *c, uint8_t *at, size_t room)
{
	int r;

	ERR_clear_error();
	r = SSL_read(c->ssl, at, room > INT32_MAX ? INT32_MAX : (int)room);
	if (r > 0)
		return r;
	if (wants_read(c, r))
		return 0;
	finish_tls(c, r);
	return -1;
}

static void
pull(struct conn *c)
{
	size_t budget = READ_BUDGET;
	uint64_t now = clock_now();

	while (c->state == STATE_OPEN) {
		uint8_t *at;
		size_t room;
		ssize_t n;

		if (budget == 0) {
			put_off(c, TODO_READ);
			break;
		}
		if (c->ops->reserve(c->owner, &at, &room) != 0) {
			finish(c, "out of memory", false);
			return;
		}
		if (room > budget)
			room = budget;
		n = c->ssl != NULL ? read_tls(c, at, room)
				   : read_plain(c, at, room);
		if (n < 0)
			return;
		if (n == 0)
			break;
		c->fresh = false;
		budget -= (size_t)n;
		touch(c);
		c->ops->commit(c->owner, (size_t)n, now);
		if (c->ssl == NULL && (size_t)n < room)
			break; /* the socket is empty: spare one call */
	}
	/* TLS answers some messages (key updates) by itself. */
	if (c->state == STATE_OPEN && mu_buf_len(&c->out) > 0)
		flush(c);
}

static void
throw_away(struct conn *c)
{
	char scratch[16384];
	ssize_t n = recv(c->fd, scratch, sizeof scratch, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && (c->drained += (size_t)n) < DRAIN_BYTES)
		return;
	kill_conn(c);
}

/* --- output -------------------------------------------------------------------- */

static void
wait_writable(struct conn *c)
{
	c->full = true;
	event_add(&c->writable, NULL);
}

/* Encrypt until there is enough for one send; false when it is over. */
static bool
fill_out(struct conn *c, size_t *budget)
{
	const uint8_t *p;
	size_t len;

	while (mu_buf_len(&c->out) < WRITE_CHUNK &&
	    c->ops->peek(c->owner, &p, &len)) {
		int r;

		if (len > TLS_RECORD)
			len = TLS_RECORD;
		ERR_clear_error();
		r = SSL_write(c->ssl, p, (int)len);
		if (r <= 0) {
			finish_tls(c, r);
			return false;
		}
		c->ops->consume(c->owner, (size_t)r);
		*budget -= (size_t)r < *budget ? (size_t)r : *budget;
	}
	return true;
}

/* One send; 1 when something was sent, 0 when there is nothing to, -1 when
 * the socket is full or it is over. */
static int
push_tls(struct conn *c, size_t *budget)
{
	if (!fill_out(c, budget))
		return -1;
	if (mu_buf_len(&c->out) == 0)
		return 0;
	if (send_out(c))
		return 1;
	if (c->error != 0)
		finish_socket(c);
	else
		wait_writable(c);
	return -1;
}

static int
push_plain(struct conn *c, size_t *budget)
{
	const uint8_t *p;
	size_t len;
	ssize_t n;

	if (!c->ops->peek(c->owner, &p, &len))
		return 0;
	n = send(c->fd, p, len, MSG_NOSIGNAL);
	if (n >= 0) {
		c->ops->consume(c->owner, (size_t)n);
		*budget -= (size_t)n < *budget ? (size_t)n : *budget;
		return 1;
	}
	if (errno == EINTR)
		return 1;
	if (errno == EAGAIN) {
		wait_writable(c);
		return -1;
	}
	c->error = errno;
	finish_socket(c);
	return -1;
}

/* All output of a closing connection is written. */
static void
say_goodbye(struct conn *c)
{
	if (c->ssl != NULL) {
		ERR_clear_error();
		SSL_shutdown(c->ssl);
		ERR_clear_error();
	}
	finish(c, NULL, true);
}

static void
flush(struct conn *c)
{
	size_t budget = WRITE_BUDGET;
	int r = 1;

	if (c->full || (c->state != STATE_OPEN && c->state != STATE_LINGERING))
		return;
	while (r == 1 && budget > 0) {
		r = c->ssl != NULL ? push_tls(c, &budget)
				   : push_plain(c, &budget);
		if (r == 1)
			touch(c);
	}
	if (r == 1)
		put_off(c, TODO_WRITE);
	else if (r == 0 && c->state == STATE_LINGERING)
		say_goodbye(c);
}

/* --- opening ------------------------------------------------------------------- */

static void
open_up(struct conn *c)
{
	loop_timer_stop(c->timer);
	c->state = STATE_OPEN;
	c->ops->opened(c->owner, clock_now());
	if (c->state != STATE_OPEN)
		return;
	event_add(&c->readable, NULL);
	flush(c);
	/* The handshake may have brought the first bytes along. */
	if (c->state == STATE_OPEN && c->ssl != NULL)
		pull(c);
}

static void
shake(struct conn *c)
{
	int r;

	if (c->all->shakes >= SHAKES) {
		put_off(c, TODO_SHAKE);
		return;
	}
	c->all->shakes++;
	ERR_clear_error();
	r = SSL_do_handshake(c->ssl);
	if (r != 1 && !wants_read(c, r)) {
		finish_tls(c, r);
		return;
	}
	if (!send_out(c)) {
		if (c->error != 0) {
			finish_socket(c);
			return;
		}
		wait_writable(c);
	}
	if (r == 1)
		open_up(c);
}

static void
begin(struct conn *c)
{
	if (c->ssl == NULL) {
		open_up(c);
		return;
	}
	c->state = STATE_SHAKING;
	loop_timer_set(c->timer, clock_now() + c->handshake_ns);
	event_add(&c->readable, NULL);
	if (!SSL_is_server(c->ssl))
		shake(c);
}

static void
connected(struct conn *c)
{
	socklen_t len = sizeof c->error;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &c->error, &len) != 0)
		c->error = errno;
	if (c->error != 0) {
		finish(c, strerror(c->error), false);
		return;
	}
	sock_no_delay(c->fd);
	begin(c);
}

/* --- callbacks ----------------------------------------------------------------- */

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct conn *c = ctx;

	(void)fd;
	(void)what;
	if (c->state == STATE_SHAKING && (c->todo & TODO_SHAKE) == 0)
		shake(c);
	else if (c->state == STATE_OPEN && (c->todo & TODO_READ) == 0)
		pull(c);
	else if (c->state == STATE_DRAINING)
		throw_away(c);
}

static void
on_writable(evutil_socket_t fd, short what, void *ctx)
{
	struct conn *c = ctx;

	(void)fd;
	(void)what;
	c->full = false;
	if (c->state == STATE_CONNECTING) {
		connected(c);
	} else if (c->state == STATE_SHAKING) {
		if (!send_out(c)) {
			if (c->error != 0)
				finish_socket(c);
			else
				wait_writable(c);
		}
	} else {
		flush(c);
	}
}

static void
on_job(void *ctx)
{
	struct conn *c = ctx;
	unsigned todo = c->todo;

	c->todo = 0;
	if ((todo & TODO_OPEN) != 0)
		begin(c);
	if ((todo & TODO_SHAKE) != 0 && c->state == STATE_SHAKING)
		shake(c);
	if ((todo & TODO_WRITE) != 0)
		flush(c);
	if ((todo & TODO_READ) != 0 && c->state == STATE_OPEN)
		pull(c);
}

static void
on_timer(void *ctx)
{
	struct conn *c = ctx;
	char text[64];

	switch (c->state) {
	case STATE_CONNECTING:
		finish(c, "connection attempt timed out", false);
		break;
	case STATE_SHAKING:
		snprintf(text, sizeof text,
		    "tls handshake timed out after %llu ms",
		    (unsigned long long)(c->handshake_ns / 1000000));
		finish(c, text, false);
		break;
	case STATE_LINGERING:
		finish(c, "the peer took too long to receive the last bytes",
		    false);
		break;
	case STATE_DRAINING:
		kill_conn(c);
		break;
	case STATE_OPEN:
	case STATE_DEAD:
		break;
	}
}

/* --- the header's functions ---------------------------------------------------- */

struct conns *
conns_new(struct loop *l)
{
	struct conns *cs = mu_calloc(1, sizeof *cs);

	if (cs == NULL)
		return NULL;
	cs->loop = l;
	cs->method = bio_method();
	cs->sweep = loop_timer_new(l, sweep, cs);
	if (cs->method == NULL || cs->sweep == NULL) {
		conns_free(cs);
		return NULL;
	}
	return cs;
}

void
conns_free(struct conns *cs)
{
	if (cs == NULL)
		return;
	while (cs->live != NULL)
		kill_conn(cs->live);
	conns_reap(cs);
	loop_timer_free(cs->sweep);
	BIO_meth_free(cs->method);
	mu_free(cs);
}

void
conns_reap(struct conns *cs)
{
	cs->shakes = 0;
	while (cs->dead != NULL) {
		struct conn *c = cs->dead;

		cs->dead = c->next;
		free_conn(c);
	}
}

size_t
conns_count(const struct conns *cs)
{
	return cs->count;
}

size_t
conns_draining(const struct conns *cs)
{
	return cs->draining;
}

static struct conn *
conn_alloc(struct conns *cs, const struct conn_config *cfg)
{
	struct conn *c = mu_calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->all = cs;
	c->ssl = cfg->ssl;
	c->job = (struct loop_job){ .run = on_job, .ctx = c };
	c->timer = loop_timer_new(cs->loop, on_timer, c);
	mu_buf_init(&c->out, 0);
	if (c->timer == NULL || (c->ssl != NULL && !bio_attach(c))) {
		loop_timer_free(c->timer);
		mu_free(c);
		return NULL;
	}
	return c;
}

struct conn *
conn_new(struct conns *cs, const struct conn_config *cfg)
{
	struct event_base *base = loop_base(cs->loop);
	struct conn *c = conn_alloc(cs, cfg);

	if (c == NULL) {
		close(cfg->fd);
		SSL_free(cfg->ssl);
		return NULL;
	}
	c->fd = cfg->fd;
	c->ops = cfg->ops;
	c->owner = cfg->owner;
	c->handshake_ns = cfg->handshake_ns;
	c->half_close = cfg->half_close;
	c->fresh = true;
	event_assign(&c->readable, base, c->fd, EV_READ | EV_PERSIST,
	    on_readable, c);
	event_assign(&c->writable, base, c->fd, EV_WRITE, on_writable, c);
	cs->count++;
	link_in(&cs->live, c);
	if (cfg->connecting) {
		c->state = STATE_CONNECTING;
		event_add(&c->writable, NULL);
		loop_timer_set(c->timer, cfg->connect_by);
	} else {
		c->state = STATE_SHAKING;
		put_off(c, TODO_OPEN);
	}
	return c;
}

void
conn_set_owner(struct conn *c, const struct conn_ops *ops, void *owner)
{
	c->ops = ops;
	c->owner = owner;
}

void
conn_write(struct conn *c)
{
	flush(c);
}

void
conn_close(struct conn *c, uint64_t linger_ns)
{
	if (c->state == STATE_DEAD || c->state == STATE_DRAINING)
		return;
	if (linger_ns == 0) {
		c->muted = true;
		flush(c);
		if (c->state != STATE_DEAD && c->state != STATE_DRAINING)
			kill_conn(c);
		return;
	}
	if (c->state == STATE_LINGERING)
		return;
	if (c->state != STATE_OPEN) {
		/* Nothing can be written yet. */
		finish(c, NULL, false);
		return;
	}
	c->state = STATE_LINGERING;
	event_del(&c->readable);
	loop_timer_set(c->timer, clock_now() + linger_ns);
	flush(c);
}

struct ssl_st *
conn_ssl(const struct conn *c)
{
	return c->ssl;
}
