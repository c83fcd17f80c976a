/*
 * The handshake as a responder and as an originator, whoever opened the
 * connection: the smaller id is the originator.
 */
#include "shake.h"

#include <string.h>

static void
originate(struct peer *p)
{
	p->originator = true;
	wire_hello(&p->out, WIRE_SELECT, p->id);
	wire_filter(&p->out, WIRE_SYN, &p->own);
	p->state = PEER_AWAIT_SYN_ACK;
}

static bool
on_hello(struct peer *p, const uint8_t *m, size_t len)
{
	if (len < 23 || wire_u32(m + 1) != WIRE_MAGIC || m[21] > 1 ||
	    m[22] < 1 || (p->state != PEER_HELLO && p->state != PEER_PROBED))
		return false;
	memcpy(p->remote, m + 5, WIRE_ID);
	if (memcmp(p->id, p->remote, WIRE_ID) < 0) {
		originate(p);
		return true;
	}
	wire_hello(&p->out, WIRE_HELLO, p->id);
	p->state = PEER_AWAIT_SELECT;
	return true;
}

static bool
on_select(struct peer *p, const uint8_t *m, size_t len)
{
	if (len < 22 || wire_u32(m + 1) != WIRE_MAGIC || m[21] != 1 ||
	    (p->state != PEER_HELLO && p->state != PEER_AWAIT_SELECT))
		return false;
	memcpy(p->remote, m + 5, WIRE_ID);
	p->state = PEER_AWAIT_SYN;
	return true;
}

static bool
on_syn(struct peer *p, const uint8_t *m, size_t len)
{
	if (p->state != PEER_AWAIT_SYN ||
	    !wire_read_filter(&p->theirs, m + 1, len - 1))
		return false;
	wire_filter(&p->out, WIRE_SYN_ACK, &p->own);
	p->state = PEER_AWAIT_ACK;
	return true;
}

static bool
on_syn_ack(struct peer *p, const uint8_t *m, size_t len)
{
	if (p->state != PEER_AWAIT_SYN_ACK ||
	    !wire_read_filter(&p->theirs, m + 1, len - 1))
		return false;
	wire_filter(&p->out, WIRE_ACK, NULL);
	p->state = PEER_UP;
	return true;
}

bool
shake_message(struct peer *p, const uint8_t *m, size_t len)
{
	bool ok = false;

	switch (len > 0 ? m[0] : 0) {
	case WIRE_HELLO:
		ok = on_hello(p, m, len);
		break;
	case WIRE_PROBE:
		ok = !p->server;
		break;
	case WIRE_SELECT:
		ok = on_select(p, m, len);
		break;
	case WIRE_SYN:
		ok = on_syn(p, m, len);
		break;
	case WIRE_SYN_ACK:
		ok = on_syn_ack(p, m, len);
		break;
	case WIRE_ACK:
		ok = p->state == PEER_AWAIT_ACK;
		if (ok)
			p->state = PEER_UP;
		break;
	}
	if (ok && p->state == PEER_UP)
		p->net->handshakes++;
	peer_queued(p);
	return ok;
}

void
shake_begin(struct peer *p)
{
	p->state = p->server ? PEER_PROBED : PEER_HELLO;
	wire_hello(&p->out, p->server ? WIRE_PROBE : WIRE_HELLO, p->id);
	peer_queued(p);
}
