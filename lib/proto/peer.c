/*
 * The peering machine: its doors and verbs.  Frames are looked at one by
 * one when the owner asks for the next consequence, so what comes out never
 * depends on how the bytes came in.
 */
#include "proto/peer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "muster/err.h"
#include "proto/peer_impl.h"
#include "topic/filter.h"

#define KEEP_OUT ((size_t)4096) /* output memory kept when it is empty */

const char *
mu_peer_reason_name(enum mu_peer_reason r)
{
	static const char *const names[] = {
		[MU_PEER_LOST] = "lost",
		[MU_PEER_PROTOCOL] = "protocol violation",
		[MU_PEER_LIMIT] = "limit exceeded",
		[MU_PEER_TIMEOUT] = "handshake timed out",
		[MU_PEER_DEAD] = "dead",
		[MU_PEER_VERSION] = "no common version",
		[MU_PEER_REFUSED] = "refused",
		[MU_PEER_DUPLICATE] = "duplicate",
		[MU_PEER_SELF] = "connected to ourselves",
		[MU_PEER_CLOSING] = "shutting down",
		[MU_PEER_REMOVED] = "removed",
		[MU_PEER_NOMEM] = "out of memory",
	};

	if ((size_t)r >= sizeof names / sizeof names[0])
		return "unknown";
	return names[r];
}

/* --- life ----------------------------------------------------------------- */

struct mu_peer *
mu_peer_new(
    const struct mu_peer_config *cfg, enum mu_peer_role role, uint64_t now)
{
	struct mu_peer *p = mu_calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->cfg = *cfg;
	p->role = role;
	p->now = p->started = p->heard = p->silent_since = now;
	mu_frames_init(&p->in, cfg->max_handshake);
	mu_buf_init(&p->out, 0);
	mu_peer_open(p);
	if (mu_buf_error(&p->out) != 0) {
		mu_peer_free(p);
		return NULL;
	}
	return p;
}

void
mu_peer_free(struct mu_peer *p)
{
	if (p == NULL)
		return;
	mu_peer_table_forget(p);
	mu_frames_clear(&p->in);
	mu_buf_clear(&p->out);
	muster_filter_free(p->filter);
	mu_free(p);
}

void *
mu_peer_owner(const struct mu_peer *p)
{
	return p->cfg.owner;
}

void
mu_peer_finish(struct mu_peer *p, enum mu_peer_reason reason, unsigned ec,
    const char *fmt, ...)
{
	va_list ap;

	if (p->phase == PHASE_OVER)
		return;
	p->phase = PHASE_OVER;
	p->reason = reason;
	p->ec = ec;
	va_start(ap, fmt);
	vsnprintf(p->text, sizeof p->text, fmt, ap);
	va_end(ap);
	mu_peer_table_release(p);
}

void
mu_peer_complete(struct mu_peer *p)
{
	p->phase = PHASE_UP;
	p->up_due = true;
	p->silent_since = p->pinged = p->now;
	mu_frames_limit(&p->in, p->cfg.max_frame);
	mu_peer_table_settle(p);
	if (p->announce_due)
		mu_peer_send_filter(p);
	p->announce_due = false;
}

/* --- bytes ---------------------------------------------------------------- */

int
mu_peer_reserve(struct mu_peer *p, uint8_t **at, size_t *room)
{
	int rc = mu_frames_reserve(&p->in, at, room);

	if (rc != 0)
		mu_peer_finish(p, MU_PEER_NOMEM, 0, "out of memory");
	return rc;
}

void
mu_peer_commit(struct mu_peer *p, size_t n, uint64_t now)
{
	if (n == 0 || p->phase == PHASE_OVER || p->eof)
		return;
	p->now = p->heard = p->silent_since = now;
	mu_frames_commit(&p->in, n);
}

int
mu_peer_feed(struct mu_peer *p, const uint8_t *buf, size_t len, uint64_t now)
{
	while (len > 0 && p->phase != PHASE_OVER) {
		uint8_t *at;
		size_t room;
		int rc = mu_peer_reserve(p, &at, &room);

		if (rc != 0)
			return rc;
		if (room > len)
			room = len;
		memcpy(at, buf, room);
		mu_peer_commit(p, room, now);
		buf += room;
		len -= room;
	}
	return 0;
}

void
mu_peer_eof(struct mu_peer *p, const char *text)
{
	if (p->phase == PHASE_OVER || p->eof)
		return;
	p->eof = true;
	p->held = false;
	p->eof_named = text != NULL;
	if (text != NULL)
		mu_text_printable(
		    text, strlen(text), p->eof_text, sizeof p->eof_text);
}

void
mu_peer_dry(struct mu_peer *p)
{
	mu_frames_dry(&p->in);
}

void
mu_peer_idle(struct mu_peer *p)
{
	mu_frames_idle(&p->in);
}

/* All that came before the end was looked at. */
static void
on_eof(struct mu_peer *p)
{
	if (p->leaving)
		mu_peer_finish(p, MU_PEER_REMOVED, 0,
		    "the peer closed before it answered our goodbye");
	else if (p->eof_named)
		mu_peer_finish(p, MU_PEER_LOST, 0, "%s", p->eof_text);
	else if (p->bye_seen)
		mu_peer_finish(p, MU_PEER_LOST, 0, "said goodbye");
	else if (p->phase != PHASE_UP)
		mu_peer_finish(p, MU_PEER_LOST, 0,
		    "closed by the peer during the handshake");
	else
		mu_peer_finish(p, MU_PEER_LOST, 0, "closed by the peer");
}

/* --- consequences --------------------------------------------------------- */

/* What next() gave out last is not looked at any more. */
static void
release_output(struct mu_peer *p)
{
	if (p->given == 0)
		return;
	mu_buf_consume(&p->out, p->given);
	p->given = 0;
	if (mu_buf_len(&p->out) == 0 && p->out.cap > KEEP_OUT)
		mu_buf_shrink(&p->out);
}

static bool
give_down(struct mu_peer *p, struct mu_peer_out *out)
{
	if (p->down_given)
		return false;
	p->down_given = true;
	out->kind = MU_PEER_DOWN;
	out->reason = p->reason;
	out->ec = p->ec;
	out->text = p->text;
	return true;
}

enum step {
	STEP_AGAIN, /* something happened: look at the output first */
	STEP_OUT,   /* out is set */
	STEP_NONE   /* more input is needed */
};

static enum step
step(struct mu_peer *p, struct mu_peer_out *out)
{
	uint8_t *frame;
	size_t len;
	int rc = mu_frames_next(&p->in, &frame, &len);

	if (rc == 1) {
		if (p->phase == PHASE_UP)
			return mu_peer_envelope_frame(p, frame, len, out)
				   ? STEP_OUT
				   : STEP_AGAIN;
		mu_peer_handshake_frame(p, frame + 4, len - 4);
		return STEP_AGAIN;
	}
	if (rc != 0) {
		mu_peer_finish(p, MU_PEER_LIMIT, 0,
		    "announced a frame of more than %zu bytes", p->in.max);
		return STEP_AGAIN;
	}
	if (p->eof) {
		on_eof(p);
		return STEP_AGAIN;
	}
	return STEP_NONE;
}

bool
mu_peer_next(struct mu_peer *p, struct mu_peer_out *out)
{
	enum step s;

	release_output(p);
	do {
		if (mu_buf_error(&p->out) != 0) {
			mu_buf_reset(&p->out);
			mu_peer_finish(p, MU_PEER_NOMEM, 0, "out of memory");
		}
		if (mu_buf_len(&p->out) > 0) {
			out->kind = MU_PEER_SEND;
			out->bytes = mu_buf_data(&p->out);
			out->len = p->given = mu_buf_len(&p->out);
			return true;
		}
		if (p->up_due) {
			p->up_due = false;
			out->kind = MU_PEER_UP;
			return true;
		}
		if (p->phase == PHASE_OVER)
			return give_down(p, out);
		if (p->held)
			return false;
		s = step(p, out);
	} while (s == STEP_AGAIN);
	return s == STEP_OUT;
}

/* --- facts ---------------------------------------------------------------- */

bool
mu_peer_is_up(const struct mu_peer *p)
{
	return p->phase == PHASE_UP;
}

const struct mu_uuid *
mu_peer_id(const struct mu_peer *p)
{
	return &p->id;
}

const struct muster_filter *
mu_peer_filter(const struct mu_peer *p)
{
	return p->filter;
}

bool
mu_peer_is_originator(const struct mu_peer *p)
{
	return p->originator;
}

uint64_t
mu_peer_heard(const struct mu_peer *p)
{
	return p->heard;
}

uint64_t
mu_peer_rtt(const struct mu_peer *p)
{
	return p->rtt;
}

bool
mu_peer_said_goodbye(const struct mu_peer *p)
{
	return p->bye_seen;
}

/* --- verbs ---------------------------------------------------------------- */

void
mu_peer_announce(struct mu_peer *p)
{
	if (p->phase == PHASE_UP)
		mu_peer_send_filter(p);
	else if (p->filter_sent)
		p->announce_due = true;
}

void
mu_peer_ping(
    struct mu_peer *p, uint64_t token, uint64_t timeout_ns, uint64_t now)
{
	enum ping_slot slot = PING_OWNER;

	if (p->phase != PHASE_UP)
		return;
	p->now = now;
	/* A free place, or that of the one waiting longest. */
	for (enum ping_slot i = PING_OWNER; i < NPINGS; i++) {
		if (!p->pings[i].out) {
			slot = i;
			break;
		}
		if (p->pings[i].serial < p->pings[slot].serial)
			slot = i;
	}
	mu_peer_send_ping(p, slot, token, timeout_ns);
}

void
mu_peer_goodbye(struct mu_peer *p, uint64_t now)
{
	if (p->phase == PHASE_OVER || p->leaving)
		return;
	p->now = now;
	if (p->phase != PHASE_UP) {
		mu_peer_stop(
		    p, MU_PEER_REMOVED, MU_EC_SHUTTING_DOWN, "shutting down");
		return;
	}
	p->leaving = true;
	mu_peer_hold(p, false, now);
	p->bye_deadline = mu_peer_after(now, p->cfg.goodbye_ns);
	mu_peer_send_bye(p);
}

void
mu_peer_stop(struct mu_peer *p, enum mu_peer_reason reason, unsigned ec,
    const char *text)
{
	if (p->phase == PHASE_OVER)
		return;
	if (text == NULL)
		text = mu_peer_reason_name(reason);
	if (p->phase != PHASE_UP && ec != 0)
		mu_peer_send_drop(p, ec, text, strlen(text));
	p->up_due = false;
	mu_peer_finish(p, reason, ec, "%s", text);
}
