/*
 * The peering machine in time: the handshake's limit, silence, pings, the
 * goodbye.  Nothing here looks at a clock.
 */
#include "proto/peer_impl.h"

uint64_t
mu_peer_after(uint64_t at, uint64_t ns)
{
	return ns == 0 || ns > UINT64_MAX - at ? UINT64_MAX : at + ns;
}

static unsigned
in_ms(uint64_t ns)
{
	return (unsigned)(ns / 1000000);
}

/* When the next ping because of silence is due. */
static uint64_t
alive_due(const struct mu_peer *p)
{
	uint64_t since = p->silent_since, grain = p->cfg.ping_grain_ns, due;

	if (p->pinged > since)
		since = p->pinged;
	due = mu_peer_after(since, p->cfg.ping_ns);
	return due == UINT64_MAX || grain == 0 ? due : due - due % grain;
}

uint64_t
mu_peer_deadline(const struct mu_peer *p)
{
	uint64_t d, t;

	if (p->phase == PHASE_OVER)
		return UINT64_MAX;
	if (p->phase != PHASE_UP)
		return mu_peer_after(p->started, p->cfg.handshake_ns);
	d = alive_due(p);
	if (p->held)
		return d;
	t = mu_peer_after(p->silent_since, p->cfg.dead_ns);
	if (t < d)
		d = t;
	if (p->leaving && p->bye_deadline < d)
		d = p->bye_deadline;
	for (size_t i = 0; i < NPINGS; i++)
		if (p->pings[i].out && p->pings[i].deadline < d)
			d = p->pings[i].deadline;
	return d;
}

/* The silence before now was not the peer's. */
static void
excuse(struct mu_peer *p, uint64_t now)
{
	p->silent_since = now;
	for (size_t i = 0; i < NPINGS; i++)
		if (p->pings[i].out && p->pings[i].timeout != 0)
			p->pings[i].deadline =
			    mu_peer_after(now, p->pings[i].timeout);
}

void
mu_peer_hold(struct mu_peer *p, bool on, uint64_t now)
{
	if (p->held == on || p->phase != PHASE_UP || (on && p->leaving))
		return;
	p->held = on;
	p->now = now;
	if (!on)
		excuse(p, now);
}

/*
 * When this process itself slept (stopped, suspended, starved), the silence
 * was ours: what the peer sent meanwhile waits in the socket.  Count anew.
 */
static void
excuse_own_sleep(struct mu_peer *p, uint64_t now)
{
	uint64_t due = mu_peer_deadline(p);
	uint64_t lateness =
	    p->cfg.ping_ns == 0 ? p->cfg.dead_ns : p->cfg.ping_ns;

	if (due == UINT64_MAX || lateness == 0 ||
	    now <= mu_peer_after(due, lateness))
		return;
	excuse(p, now);
}

/* Pings with a time limit; true: the peer is dead. */
static bool
check_pings(struct mu_peer *p)
{
	for (size_t i = 0; i < NPINGS; i++) {
		struct ping *ping = &p->pings[i];

		if (!ping->out || p->now < ping->deadline)
			continue;
		/* A busy peer's pong stands behind its data: any byte that
		 * came after the ping left is a sign of life. */
		if (p->heard > ping->sent &&
		    p->now < mu_peer_after(p->heard, ping->timeout)) {
			ping->deadline = mu_peer_after(p->heard, ping->timeout);
			continue;
		}
		mu_peer_finish(p, MU_PEER_DEAD, 0,
		    "no answer to a ping within %u ms", in_ms(ping->timeout));
		return true;
	}
	return false;
}

static void
tick_up(struct mu_peer *p)
{
	if (p->leaving && p->now >= p->bye_deadline) {
		mu_peer_finish(p, MU_PEER_REMOVED, 0,
		    "timeout during graceful disconnect");
		return;
	}
	if (!p->held && check_pings(p))
		return;
	if (!p->held &&
	    p->now >= mu_peer_after(p->silent_since, p->cfg.dead_ns)) {
		mu_peer_finish(p, MU_PEER_DEAD, 0, "silent for %u ms",
		    in_ms(p->now - p->heard));
		return;
	}
	if (p->now >= alive_due(p)) {
		p->pinged = p->now;
		mu_peer_send_ping(p, PING_ALIVE, 0, 0);
	}
}

void
mu_peer_tick(struct mu_peer *p, uint64_t now)
{
	if (p->phase == PHASE_OVER || p->eof)
		return;
	if (p->phase == PHASE_UP) {
		excuse_own_sleep(p, now);
		p->now = now;
		tick_up(p);
		return;
	}
	p->now = now;
	if (now >= mu_peer_after(p->started, p->cfg.handshake_ns))
		mu_peer_finish(p, MU_PEER_TIMEOUT, 0,
		    "handshake not finished after %u ms",
		    in_ms(p->cfg.handshake_ns));
}
