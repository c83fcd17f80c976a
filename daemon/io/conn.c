/*
 * One connection; see conn.h, and conn_impl.h for which file does what.  Here
 * it is made, connected, shaken hands with, and told when something is ready.
 */
#include "io/conn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/alloc.h"
#include "io/conn_impl.h"
#include "io/sock.h"
#include "sys/clock.h"

#define SHAKES  8                 /* TLS handshake steps per turn */
#define IDLE_NS 1000000000u       /* silence after which memory goes back */
#define QUIET   (256 * 1024)      /* bytes between two sweeps that are little */
#define BUSY    (4 * 1024 * 1024) /* ... that may have left memory behind */

/* --- the lists --------------------------------------------------------- */

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

void
conn_kill(struct conn *c)
{
	if (c->state == CONN_DEAD)
		return;
	if (c->state == CONN_DRAINING)
		c->all->draining--;
	c->state = CONN_DEAD;
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

void
conn_put_off(struct conn *c, enum conn_todo what)
{
	c->todo |= what;
	loop_job_add(c->all->loop, &c->job);
}

/* --- idleness ---------------------------------------------------------- */

void
conn_lend_out(struct conn *c)
{
	if (c->out.mem == NULL)
		return;
	if (c->all->spare.mem == NULL)
		mu_buf_lend(&c->out, &c->all->spare);
	else
		mu_buf_shrink(&c->out);
}

void
conn_touch(struct conn *c, size_t n)
{
	struct conns *cs = c->all;

	cs->moved += n;
	c->active = true;
	c->idle = false;
	if (!loop_timer_running(cs->sweep))
		loop_timer_set(cs->sweep, clock_now() + IDLE_NS);
}

/* What was freed after a peak lies between what is in use. */
static void
trim(struct conns *cs)
{
	cs->untrimmed += cs->moved;
	if (cs->moved <= QUIET) {
		mu_buf_shrink(&cs->spare);
		if (cs->untrimmed > BUSY)
			mu_alloc_trim();
		cs->untrimmed = 0;
	}
	cs->moved = 0;
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
	trim(cs);
	if (again || cs->untrimmed > 0)
		loop_timer_set(cs->sweep, clock_now() + IDLE_NS);
}

/* --- opening ----------------------------------------------------------- */

static void
open_up(struct conn *c)
{
	loop_timer_stop(c->timer);
	c->state = CONN_OPEN;
	c->ops->opened(c->owner, clock_now());
	if (c->state != CONN_OPEN)
		return;
	if (!c->paused)
		event_add(&c->readable, NULL);
	conn_flush(c);
	/* The handshake may have brought the first bytes along. */
	if (c->state == CONN_OPEN && c->ssl != NULL)
		conn_pull(c);
}

static void
shake(struct conn *c)
{
	int r;

	if (c->all->shakes >= SHAKES) {
		conn_put_off(c, CONN_TODO_SHAKE);
		return;
	}
	c->all->shakes++;
	c->dry = false;
	ERR_clear_error();
	r = SSL_do_handshake(c->ssl);
	if (r != 1 && !conn_wants_read(c, r)) {
		conn_finish_tls(c, r);
		return;
	}
	if (!conn_send_out(c)) {
		if (c->error != 0) {
			conn_finish_socket(c);
			return;
		}
		conn_wait_writable(c);
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
	c->state = CONN_SHAKING;
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
		conn_finish(c, strerror(c->error), false);
		return;
	}
	sock_no_delay(c->fd);
	begin(c);
}

/* --- callbacks --------------------------------------------------------- */

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct conn *c = ctx;

	(void)fd;
	(void)what;
	if (c->state == CONN_SHAKING && (c->todo & CONN_TODO_SHAKE) == 0)
		shake(c);
	else if (c->state == CONN_OPEN && (c->todo & CONN_TODO_READ) == 0)
		conn_pull(c);
	else if (c->state == CONN_DRAINING)
		conn_throw_away(c);
}

static void
on_writable(evutil_socket_t fd, short what, void *ctx)
{
	struct conn *c = ctx;

	(void)fd;
	(void)what;
	c->full = false;
	if (c->state == CONN_CONNECTING) {
		connected(c);
	} else if (c->state == CONN_SHAKING) {
		if (!conn_send_out(c)) {
			if (c->error != 0)
				conn_finish_socket(c);
			else
				conn_wait_writable(c);
		}
	} else {
		conn_flush(c);
	}
}

static void
on_job(void *ctx)
{
	struct conn *c = ctx;
	unsigned todo = c->todo;

	c->todo = 0;
	if ((todo & CONN_TODO_OPEN) != 0)
		begin(c);
	if ((todo & CONN_TODO_SHAKE) != 0 && c->state == CONN_SHAKING)
		shake(c);
	if ((todo & CONN_TODO_WRITE) != 0)
		conn_flush(c);
	if ((todo & CONN_TODO_READ) != 0 && c->state == CONN_OPEN)
		conn_pull(c);
}

static void
on_timer(void *ctx)
{
	struct conn *c = ctx;
	char text[64];

	switch (c->state) {
	case CONN_CONNECTING:
		conn_finish(c, "connection attempt timed out", false);
		break;
	case CONN_SHAKING:
		snprintf(text, sizeof text,
		    "tls handshake timed out after %llu ms",
		    (unsigned long long)(c->handshake_ns / 1000000));
		conn_finish(c, text, false);
		break;
	case CONN_LINGERING:
		conn_finish(c,
		    "the peer took too long to receive the last bytes", false);
		break;
	case CONN_DRAINING:
		conn_kill(c);
		break;
	case CONN_OPEN:
	case CONN_DEAD:
		break;
	}
}

/* --- the header's functions -------------------------------------------- */

struct conns *
conns_new(struct loop *l)
{
	struct conns *cs = mu_calloc(1, sizeof *cs);

	if (cs == NULL)
		return NULL;
	cs->loop = l;
	mu_buf_init(&cs->spare, CONN_OUT);
	cs->method = conn_bio_method();
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
		conn_kill(cs->live);
	conns_reap(cs);
	loop_timer_free(cs->sweep);
	mu_buf_clear(&cs->spare);
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
	mu_buf_init(&c->out, CONN_OUT);
	if (c->timer == NULL || (c->ssl != NULL && !conn_bio_attach(c))) {
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
	event_assign(
	    &c->readable, base, c->fd, EV_READ | EV_PERSIST, on_readable, c);
	event_assign(&c->writable, base, c->fd, EV_WRITE, on_writable, c);
	cs->count++;
	link_in(&cs->live, c);
	if (cfg->connecting) {
		c->state = CONN_CONNECTING;
		event_add(&c->writable, NULL);
		loop_timer_set(c->timer, cfg->connect_by);
	} else {
		c->state = CONN_SHAKING;
		conn_put_off(c, CONN_TODO_OPEN);
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
	conn_flush(c);
}

void
conn_pause(struct conn *c, bool on)
{
	if (c->paused == on)
		return;
	c->paused = on;
	if (c->state != CONN_OPEN)
		return;
	if (on) {
		event_del(&c->readable);
		return;
	}
	event_add(&c->readable, NULL);
	/* TLS may hold bytes that no event announces. */
	conn_put_off(c, CONN_TODO_READ);
}

void
conn_close(struct conn *c, uint64_t linger_ns)
{
	if (c->state == CONN_DEAD || c->state == CONN_DRAINING)
		return;
	if (linger_ns == 0) {
		c->muted = true;
		conn_flush(c);
		if (c->state != CONN_DEAD && c->state != CONN_DRAINING)
			conn_kill(c);
		return;
	}
	if (c->state == CONN_LINGERING)
		return;
	if (c->state != CONN_OPEN) {
		/* Nothing can be written yet. */
		conn_finish(c, NULL, false);
		return;
	}
	c->state = CONN_LINGERING;
	event_del(&c->readable);
	loop_timer_set(c->timer, clock_now() + linger_ns);
	conn_flush(c);
}

struct ssl_st *
conn_ssl(const struct conn *c)
{
	return c->ssl;
}
