/*
 * The whole peering machine.  The first byte: bit 0 role, bit 1 our id is the
 * larger one, bit 2 a peering with the other id exists already, bit 3 we leave
 * when it is up; the rest is what the peer sends.  At once and byte by byte
 * must give the same bytes and facts, and an end.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "muster/topic.h"
#include "proto/handshake.h"
#include "proto/peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fixture {
	struct mu_uuid self, other;
	struct muster_filter *filter;
	struct mu_peer_table *table;
	struct mu_peer_config cfg;
	struct mu_peer *standing; /* the peering that exists, or NULL */
};

static void
put(struct mu_peer *p, const struct mu_handshake *h)
{
	struct mu_peer_out out;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_handshake_enc(&b, h);
	mu_peer_feed(p, mu_buf_data(&b), mu_buf_len(&b), 0);
	while (mu_peer_next(p, &out))
		;
	mu_buf_clear(&b);
}

/* A peering with the other id, made by the shortest way. */
static struct mu_peer *
make_standing(struct fixture *f)
{
	struct mu_peer *p = mu_peer_new(&f->cfg, MU_PEER_DIALED, 0);
	struct mu_handshake h = { .tag = MU_VERSION_SELECT,
		.sender = f->other,
		.version = 1,
		.filter = f->filter };

	assert(p != NULL);
	put(p, &h);
	h.tag = MU_ORIGINATOR_SYN;
	put(p, &h);
	h.tag = MU_ORIGINATOR_ACK;
	put(p, &h);
	assert(mu_peer_is_up(p));
	return p;
}

static void
fixture_init(struct fixture *f, unsigned flags)
{
	memset(f, 0, sizeof *f);
	memset(&f->self, (flags & 2) != 0 ? 0x99 : 0x00, sizeof f->self);
	f->self.bytes[0] |= 1;
	memset(&f->other, 0x11, sizeof f->other);
	f->other.bytes[6] = 0x51;
	f->other.bytes[8] = 0x81;
	f->filter = muster_filter_new();
	assert(muster_filter_add(f->filter, "own/", 4) == 1);
	f->table = mu_peer_table_new(&f->self);
	f->cfg = (struct mu_peer_config){ .table = f->table,
		.filter = f->filter,
		.max_handshake = 1 << 16,
		.max_frame = 1 << 20,
		.max_topics = 50,
		.handshake_ns = 1000,
		.ping_ns = 1000,
		.dead_ns = 5000,
		.goodbye_ns = 1000 };
	if ((flags & 4) != 0)
		f->standing = make_standing(f);
}

static void
fixture_clear(struct fixture *f)
{
	mu_peer_free(f->standing);
	mu_peer_table_free(f->table);
	muster_filter_free(f->filter);
}

static void
note(struct mu_buf *log, const struct mu_peer_out *out)
{
	if (out->kind == MU_PEER_ENVELOPE)
		mu_buf_put(log, out->env.frame, out->env.len);
	else if (out->kind == MU_PEER_DOWN)
		mu_buf_printf(log, "<down %d %u %s>", (int)out->reason, out->ec,
		    out->text);
	else if (out->kind == MU_PEER_PROBLEM)
		mu_buf_printf(log, "<problem %s>", out->text);
	else
		mu_buf_printf(log, "<%d>", (int)out->kind);
}

/* Sent bytes and facts apart: their order against each other is not fixed. */
static void
run(unsigned flags, const uint8_t *p, size_t len, size_t piece,
    struct mu_buf *wire, struct mu_buf *log)
{
	struct fixture f;
	struct mu_peer *peer;
	struct mu_peer_out out;
	bool down = false;

	fixture_init(&f, flags);
	peer = mu_peer_new(
	    &f.cfg, (flags & 1) != 0 ? MU_PEER_DIALED : MU_PEER_ACCEPTED, 0);
	assert(peer != NULL);
	for (;;) {
		size_t n = piece < len ? piece : len;

		while (mu_peer_next(peer, &out)) {
			if (out.kind == MU_PEER_SEND)
				mu_buf_put(wire, out.bytes, out.len);
			else
				note(log, &out);
			down |= out.kind == MU_PEER_DOWN;
			if (out.kind == MU_PEER_UP && (flags & 8) != 0)
				mu_peer_goodbye(peer, 0);
		}
		if (down)
			break;
		if (n == 0)
			mu_peer_eof(peer, NULL);
		else
			assert(mu_peer_feed(peer, p, n, 0) == 0);
		p += n;
		len -= n;
	}
	assert(!mu_peer_next(peer, &out));
	assert(mu_peer_deadline(peer) == UINT64_MAX);
	mu_peer_free(peer);
	assert(f.standing == NULL || mu_peer_is_up(f.standing));
	fixture_clear(&f);
}

static bool
same(const struct mu_buf *a, const struct mu_buf *b)
{
	return mu_buf_len(a) == mu_buf_len(b) &&
	       (mu_buf_len(a) == 0 ||
		   memcmp(mu_buf_data(a), mu_buf_data(b), mu_buf_len(a)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mu_buf wire[2], log[2];

	if (size < 1)
		return 0;
	for (int i = 0; i < 2; i++) {
		mu_buf_init(&wire[i], 0);
		mu_buf_init(&log[i], 0);
		run(data[0], data + 1, size - 1, i == 0 ? SIZE_MAX : 1,
		    &wire[i], &log[i]);
	}
	assert(same(&wire[0], &wire[1]) && same(&log[0], &log[1]));
	for (int i = 0; i < 2; i++) {
		mu_buf_clear(&wire[i]);
		mu_buf_clear(&log[i]);
	}
	return 0;
}
