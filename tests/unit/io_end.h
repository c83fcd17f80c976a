/*
 * Owners of connections for tests: what they have to say is a text, what they
 * hear is kept.
 */
#ifndef UNIT_IO_END_H
#define UNIT_IO_END_H

#include <check.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "io/conn.h"
#include "io/loop.h"
#include "sys/clock.h"

#define SECOND 1000000000ull

static struct loop *loop;
static struct conns *conns;

struct side {
	struct conn *conn;
	struct mu_buf say; /* to be written */
	struct mu_buf heard;
	size_t room;          /* most bytes read at once */
	uint8_t space[65536]; /* where they go */
	size_t largest;       /* most bytes heard in one turn */
	size_t turn;          /* heard in this one */
	bool opened;
	bool closed;
	bool idle;
	char text[256]; /* of closing; "" for NULL */
};

static int
side_reserve(void *owner, uint8_t **at, size_t *room)
{
	struct side *s = owner;

	*at = s->space;
	*room = s->room;
	return 0;
}

static void
side_commit(void *owner, size_t n, uint64_t now)
{
	struct side *s = owner;

	(void)now;
	ck_assert(s->opened && !s->closed);
	mu_buf_put(&s->heard, s->space, n);
	s->turn += n;
	if (s->turn > s->largest)
		s->largest = s->turn;
}

static bool
side_peek(void *owner, const uint8_t **bytes, size_t *len)
{
	struct side *s = owner;

	*bytes = mu_buf_data(&s->say);
	*len = mu_buf_len(&s->say);
	return *len > 0;
}

static void
side_consume(void *owner, size_t n)
{
	struct side *s = owner;

	mu_buf_consume(&s->say, n);
}

static void
side_opened(void *owner, uint64_t now)
{
	struct side *s = owner;

	(void)now;
	ck_assert(!s->opened);
	s->opened = true;
}

static void
side_closed(void *owner, const char *text, uint64_t now)
{
	struct side *s = owner;

	(void)now;
	ck_assert(!s->closed);
	s->closed = true;
	s->conn = NULL;
	snprintf(s->text, sizeof s->text, "%s", text == NULL ? "" : text);
}

static void
side_idle(void *owner)
{
	struct side *s = owner;

	s->idle = true;
}

static const struct conn_ops side_ops = {
	.reserve = side_reserve,
	.commit = side_commit,
	.peek = side_peek,
	.consume = side_consume,
	.opened = side_opened,
	.closed = side_closed,
	.idle = side_idle,
};

__attribute__((unused)) static void
side_init(struct side *s)
{
	memset(s, 0, sizeof *s);
	s->room = sizeof s->space;
	mu_buf_init(&s->say, 0);
	mu_buf_init(&s->heard, 0);
}

__attribute__((unused)) static void
side_clear(struct side *s)
{
	mu_buf_clear(&s->say);
	mu_buf_clear(&s->heard);
}

/* Give it a socket and perhaps TLS. */
__attribute__((unused)) static void
side_attach(struct side *s, int fd, struct ssl_st *ssl, bool half_close)
{
	struct conn_config cfg = { .fd = fd,
		.ssl = ssl,
		.handshake_ns = 5 * SECOND,
		.half_close = half_close,
		.ops = &side_ops,
		.owner = s };

	s->conn = conn_new(conns, &cfg);
	ck_assert_ptr_nonnull(s->conn);
}

/* len bytes that differ from their neighbours. */
__attribute__((unused)) static void
side_say(struct side *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		mu_buf_u8(&s->say, (uint8_t)(i * 7 + i / 251));
	conn_write(s->conn);
}

__attribute__((unused)) static bool
side_heard(const struct side *s, size_t len)
{
	const uint8_t *p = mu_buf_data(&s->heard);

	if (mu_buf_len(&s->heard) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (p[i] != (uint8_t)(i * 7 + i / 251))
			return false;
	return true;
}

__attribute__((unused)) static void
io_pair(int fd[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX,
			     SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd),
	    0);
}

__attribute__((unused)) static void
io_setup(void)
{
	loop = loop_new();
	conns = conns_new(loop);
	ck_assert_ptr_nonnull(conns);
}

__attribute__((unused)) static void
io_teardown(void)
{
	conns_free(conns);
	loop_free(loop);
}

__attribute__((unused)) static void
io_turn(void)
{
	loop_turn(loop, SECOND / 100);
	conns_reap(conns);
}

/* Turn until the condition holds, for a generous while. */
#define io_until(condition)                                                    \
	do {                                                                   \
		uint64_t io_end = clock_now() + 120 * SECOND;                  \
		while (!(condition)) {                                         \
			ck_assert_msg(                                         \
			    clock_now() < io_end, "never: %s", #condition);    \
			io_turn();                                             \
		}                                                              \
	} while (0)

#endif
