/*
 * How a connection ends.  Whoever closes a socket on which bytes arrive makes
 * the kernel answer with a reset, which may overtake our last words: a polite
 * end waits for the peer's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/err.h>

#include "io/conn_impl.h"
#include "sys/clock.h"
#include "tls/tls.h"

#define DRAINING_MAX 64            /* sockets waiting for the peer's end */
#define DRAIN_BYTES  (1024 * 1024) /* what each throws away meanwhile */

/* The last bytes are with the kernel.  Closing now would make it answer the
 * peer's next packet with a reset, which may overtake them: wait for the
 * peer's end of stream, though not long and not for many. */
static void
drain(struct conn *c)
{
	struct conns *cs = c->all;

	if (cs->draining >= DRAINING_MAX || c->eof || c->error != 0 ||
	    shutdown(c->fd, SHUT_WR) != 0) {
		conn_kill(c);
		return;
	}
	loop_job_cancel(cs->loop, &c->job);
	event_del(&c->writable);
	c->todo = 0;
	c->state = CONN_DRAINING;
	cs->draining++;
	event_add(&c->readable, NULL);
	loop_timer_set(c->timer, clock_now() + CONN_DRAIN_NS);
}

/* It is over; politely: the peer should receive what is in out. */
void
conn_finish(struct conn *c, const char *text, bool politely)
{
	const struct conn_ops *ops = c->muted ? NULL : c->ops;
	void *owner = c->owner;

	if (c->state == CONN_DEAD || c->state == CONN_DRAINING)
		return;
	c->ops = NULL;
	if (politely && conn_send_out(c))
		drain(c);
	else
		conn_kill(c);
	if (ops != NULL)
		ops->closed(owner, text, clock_now());
}

void
conn_finish_socket(struct conn *c)
{
	char text[256];

	snprintf(text, sizeof text, "connection lost: %s", strerror(c->error));
	conn_finish(c, text, false);
}

/* A TLS call failed for good. */
void
conn_finish_tls(struct conn *c, int r)
{
	char text[256];
	int code;

	if (c->state == CONN_OPEN && c->error == 0 && c->eof) {
		ERR_clear_error();
		conn_finish(c, NULL, false);
		return;
	}
	if (c->chores > CONN_CHORES) {
		ERR_clear_error();
		conn_finish(
		    c, "the peer keeps tls busy and sends no data", false);
		return;
	}
	code = SSL_get_error(c->ssl, r);
	if (code == SSL_ERROR_ZERO_RETURN && c->state == CONN_OPEN) {
		conn_finish(c, NULL, false);
		return;
	}
	errno = c->error;
	mu_tls_error(c->ssl, code, text, sizeof text);
	conn_finish(c, text, true);
}

void
conn_throw_away(struct conn *c)
{
	char scratch[16384];
	ssize_t n = recv(c->fd, scratch, sizeof scratch, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && (c->drained += (size_t)n) < DRAIN_BYTES)
		return;
	conn_kill(c);
}
