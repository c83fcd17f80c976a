/*
 * When to connect to one other node; see dial.h.
 *
 * The step of the back-off is kept over a success and only given up when the
 * connection stood for longer than the longest pause: a peer that accepts and
 * drops us again and again is otherwise dialled in a tight loop.
 */
#include "core/dial.h"

/* step times [1/2, 1]: nodes that lost the same peer at the same moment do
 * not all come back at the same moment. */
static uint64_t
jitter(uint64_t step, struct mu_rng *rng)
{
	return step - mu_rng_below(rng, step / 2 + 1);
}

static uint64_t
later(uint64_t now, uint64_t pause)
{
	/* UINT64_MAX is "never" for dial_deadline */
	return pause < UINT64_MAX - 1 - now ? now + pause : UINT64_MAX - 1;
}

static void
longer_step(struct dial *d)
{
	d->step = d->step > d->max / 2 ? d->max : d->step * 2;
}

static void
back_off(struct dial *d, struct mu_rng *rng, uint64_t now)
{
	d->due = later(now, jitter(d->step, rng));
	longer_step(d);
}

void
dial_init(struct dial *d, uint64_t retry_min_ns, uint64_t retry_max_ns,
    uint64_t now)
{
	d->step = 0;
	dial_set_retry(d, retry_min_ns, retry_max_ns);
	d->state = DIAL_WAITING;
	d->due = now;
	d->step = d->min;
	d->attempts = 0;
	d->since = 0;
}

void
dial_set_retry(struct dial *d, uint64_t retry_min_ns, uint64_t retry_max_ns)
{
	d->min = retry_min_ns > 0 ? retry_min_ns : 1;
	d->max = retry_max_ns > d->min ? retry_max_ns : d->min;
	if (d->step > d->max)
		d->step = d->max;
}

bool
dial_take(struct dial *d, uint64_t now)
{
	if (d->state != DIAL_WAITING || d->due > now)
		return false;
	d->state = DIAL_CONNECTING;
	d->attempts++;
	return true;
}

uint64_t
dial_deadline(const struct dial *d)
{
	return d->state == DIAL_WAITING ? d->due : UINT64_MAX;
}

void
dial_failed(struct dial *d, struct mu_rng *rng, uint64_t now)
{
	if (d->state == DIAL_STOPPED)
		return;
	d->state = DIAL_WAITING;
	if (d->since == 0)
		d->since = now;
	back_off(d, rng, now);
}

void
dial_succeeded(struct dial *d)
{
	if (d->state == DIAL_STOPPED)
		return;
	d->state = DIAL_CONNECTED;
	d->attempts = 0;
	d->since = 0;
}

void
dial_lost(struct dial *d, struct mu_rng *rng, uint64_t stood_ns, uint64_t now)
{
	if (d->state == DIAL_STOPPED)
		return;
	d->state = DIAL_WAITING;
	d->since = now;
	if (stood_ns >= d->max)
		d->step = d->min;
	if (d->step > d->min) {
		back_off(d, rng, now);
		return;
	}
	/* the first loss: most are restarts, and Broker is there at once */
	d->due = now;
	longer_step(d);
}

void
dial_hurry(struct dial *d, uint64_t now)
{
	d->step = d->min;
	if (d->state == DIAL_WAITING && d->due > now)
		d->due = now;
}

void
dial_stop(struct dial *d)
{
	d->state = DIAL_STOPPED;
}
