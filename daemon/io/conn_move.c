/*
 * Bytes of a connection, in and out.
 *
 * TLS is drained until it wants more input: returning to the loop earlier
 * would leave decrypted bytes that no event will ever announce.  A connection
 * whose budget for the turn is used up therefore puts itself in the queue of
 * jobs.
 */
#include <errno.h>
#include <sys/socket.h>

#include <openssl/err.h>

#include "io/conn_impl.h"
#include "sys/clock.h"

#define READ_BUDGET  (256 * 1024)  /* per connection and turn */
#define WRITE_BUDGET (1024 * 1024) /* per connection and turn */
#define WRITE_CHUNK  (64 * 1024)   /* of one send(2) */
#define TLS_RECORD   16384

/* --- input ------------------------------------------------------------- */

/* The peer will send no more.  With half_close it still gets its answer. */
static void
end_of_input(struct conn *c)
{
	if (!c->half_close) {
		conn_finish(c, NULL, false);
		return;
	}
	c->state = CONN_LINGERING;
	event_del(&c->readable);
	loop_timer_set(c->timer, clock_now() + CONN_DRAIN_NS);
	conn_flush(c);
}

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
		conn_finish(c,
		    "the peer speaks tls, this node is configured for plain "
		    "tcp",
		    true);
		return -1;
	}
	if (n > 0)
		return n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0) {
		c->error = errno;
		conn_finish_socket(c);
	} else {
		c->eof = true;
		end_of_input(c);
	}
	return -1;
}

bool
conn_wants_read(struct conn *c, int r)
{
	return SSL_get_error(c->ssl, r) == SSL_ERROR_WANT_READ;
}

static ssize_t
read_tls(struct conn *c, uint8_t *at, size_t room)
{
	int r;

	ERR_clear_error();
	r = SSL_read(c->ssl, at, room > INT32_MAX ? INT32_MAX : (int)room);
	if (r > 0) {
		c->chores = 0;
		return r;
	}
	if (conn_wants_read(c, r))
		return 0;
	conn_finish_tls(c, r);
	return -1;
}

void
conn_pull(struct conn *c)
{
	size_t budget = READ_BUDGET;
	uint64_t now = clock_now();

	c->taken = 0;
	c->dry = false;
	while (c->state == CONN_OPEN && !c->paused) {
		uint8_t *at;
		size_t room;
		ssize_t n;

		/* Little data in much input has its price, too. */
		if (budget == 0 || c->taken > 2 * READ_BUDGET) {
			conn_put_off(c, CONN_TODO_READ);
			break;
		}
		if (c->ops->reserve(c->owner, &at, &room) != 0) {
			conn_finish(c, "out of memory", false);
			return;
		}
		if (room > budget)
			room = budget;
		n = c->ssl != NULL ? read_tls(c, at, room)
				   : read_plain(c, at, room);
		if (n < 0)
			return;
		if (n == 0) {
			if (c->ops->dry != NULL)
				c->ops->dry(c->owner);
			break;
		}
		c->fresh = false;
		budget -= (size_t)n;
		conn_touch(c, (size_t)n);
		c->ops->commit(c->owner, (size_t)n, now);
		if (c->ssl == NULL && (size_t)n < room)
			break; /* the socket is empty: spare one call */
	}
	/* TLS answers some messages (key updates) by itself. */
	if (c->state == CONN_OPEN && mu_buf_len(&c->out) > 0)
		conn_flush(c);
}

/* --- output ------------------------------------------------------------ */

bool
conn_send_out(struct conn *c)
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
	conn_lend_out(c);
	return true;
}

void
conn_wait_writable(struct conn *c)
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
			conn_finish_tls(c, r);
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
	if (conn_send_out(c))
		return 1;
	if (c->error != 0)
		conn_finish_socket(c);
	else
		conn_wait_writable(c);
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
		conn_wait_writable(c);
		return -1;
	}
	c->error = errno;
	conn_finish_socket(c);
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
	conn_finish(c, NULL, true);
}

void
conn_flush(struct conn *c)
{
	size_t budget = WRITE_BUDGET, before;
	int r = 1;

	if (c->full || (c->state != CONN_OPEN && c->state != CONN_LINGERING))
		return;
	while (r == 1 && budget > 0) {
		before = budget;
		r = c->ssl != NULL ? push_tls(c, &budget)
				   : push_plain(c, &budget);
		if (r == 1)
			conn_touch(c, before - budget);
	}
	if (r == 1)
		conn_put_off(c, CONN_TODO_WRITE);
	else if (r == 0 && c->state == CONN_LINGERING)
		say_goodbye(c);
}
