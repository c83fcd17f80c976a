/*
 * The text protocol of nats-server, as far as a load needs it; see nats.h.
 *
 * On the wire goes what a NATS client would send: a subject and the payload
 * alone.  What the load looks at is a whole frame of ours, so the head is put
 * in front of each payload that comes.
 */
#include "nats.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "event.h"

#define SUBJECT "bench.t"
#define HEAD	(WIRE_TOPIC + EVENT_TOPIC)
#define LINE	4096 /* longest line, the server's INFO among them */

static void
say(struct peer *p, const char *text)
{
	bytes_add(&p->out, text, strlen(text));
	peer_queued(p);
}

int
nats_info(struct peer *p)
{
	char line[LINE];
	ssize_t n = recv(p->fd, line, sizeof line, MSG_PEEK);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (n == 0 || n == LINE)
		return -1;
	if (line[n - 1] != '\n')
		return 0;
	/* It says nothing more before we do. */
	return recv(p->fd, line, (size_t)n, 0) == n &&
		       memcmp(line, "INFO ", 5) == 0
		   ? 1
		   : -1;
}

void
nats_begin(struct peer *p)
{
	static const char topic[] = EVENT_TOPICS "0000";

	p->state = PEER_AWAIT_ACK;
	say(p, "CONNECT {\"verbose\":false,\"pedantic\":false,"
	       "\"lang\":\"c\",\"version\":\"1\"}\r\n");
	if (filter_matches(&p->own, topic, strlen(topic)))
		say(p, "SUB " SUBJECT " 1\r\n");
	say(p, "PING\r\n");
}

void
nats_publish(struct peer *p, const uint8_t *frame, size_t len)
{
	char line[64];
	int n = snprintf(
	    line, sizeof line, "PUB " SUBJECT " %zu\r\n", len - HEAD);

	bytes_add(&p->out, line, (size_t)n);
	bytes_add(&p->out, frame + HEAD, len - HEAD);
	bytes_add(&p->out, "\r\n", 2);
	peer_queued(p);
}

/* The number at the end of a line. */
static size_t
last_number(const char *line, size_t len)
{
	size_t n = 0, at = len;

	while (at > 0 && line[at - 1] >= '0' && line[at - 1] <= '9')
		at--;
	for (; at < len; at++)
		n = n * 10 + (size_t)(line[at] - '0');
	return n;
}

/* A message of size bytes behind its line; false: not all of it is there. */
static bool
on_message(struct peer *p, const uint8_t *at, size_t left, size_t size)
{
	struct net *n = p->net;

	if (left < size + 2)
		return false;
	if (n->scratch.cap < HEAD + size)
		bytes_room(&n->scratch, HEAD + size);
	memcpy(n->scratch.p, n->head, HEAD);
	memcpy(n->scratch.p + WIRE_SENDER, p->remote, WIRE_ID);
	memcpy(n->scratch.p + HEAD, at, size);
	if (p->frame != NULL)
		p->frame(p, n->scratch.p, HEAD + size);
	return true;
}

/* One line [len] without its end; false: it breaks the protocol. */
static bool
on_line(struct peer *p, const char *line, size_t len)
{
	if (len == 4 && memcmp(line, "PING", 4) == 0) {
		say(p, "PONG\r\n");
	} else if (len == 4 && memcmp(line, "PONG", 4) == 0) {
		if (p->state == PEER_AWAIT_ACK)
			p->net->handshakes++;
		p->state = PEER_UP;
	}
	if (len > 0 && line[0] == '-')
		note("nats-server says %.*s", (int)len, line);
	return len == 0 || line[0] != '-';
}

bool
nats_parse(struct peer *p, struct bytes *b)
{
	for (;;) {
		const char *line = (const char *)b->p + b->at, *end;
		size_t left = bytes_left(b), len, size;

		end = memchr(line, '\n', left < LINE ? left : LINE);
		if (end == NULL)
			return left < LINE;
		len = (size_t)(end - line);
		if (len == 0 || line[--len] != '\r')
			return false;
		if (len < 4 || memcmp(line, "MSG ", 4) != 0) {
			if (!on_line(p, line, len))
				return false;
			b->at += len + 2;
			continue;
		}
		size = last_number(line, len);
		if (size > WIRE_MOST)
			return false;
		if (!on_message(
			p, b->p + b->at + len + 2, left - len - 2, size)) {
			bytes_room(b, size + LINE);
			return true;
		}
		b->at += len + 2 + size + 2;
	}
}
