/*
 * When to connect to one other node: back-off with jitter, at once after a
 * loss.  No sockets, no clock: times come in, attempts come out.
 *
 * First retries at retry_min, then doubling up to retry_max, each drawn from
 * [1/2, 1] of the step.  The step survives a success that did not last as long
 * as retry_max: a peer that takes us in and throws us out is not dialled in a
 * tight loop.
 */
#ifndef CORE_DIAL_H
#define CORE_DIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"

enum dial_state {
	DIAL_WAITING,    /* the next attempt is due at dial_deadline */
	DIAL_CONNECTING, /* an attempt is under way */
	DIAL_CONNECTED,  /* its connection stands or a duplicate of it does */
	DIAL_STOPPED     /* no further attempts */
};

struct dial {
	enum dial_state state;
	uint64_t due;       /* WAITING: when */
	uint64_t step;      /* next pause in ns */
	uint64_t min, max;  /* bounds of step */
	uint64_t attempts;  /* since the last success */
	uint64_t since;     /* when the present trouble began, or 0 */
};

/* The first attempt is due at once. */
void dial_init(struct dial *d, uint64_t retry_min_ns, uint64_t retry_max_ns,
    uint64_t now);
/* New bounds of the back-off (reload). */
void dial_set_retry(struct dial *d, uint64_t retry_min_ns,
    uint64_t retry_max_ns);
/* Is an attempt due?  If so the state becomes CONNECTING and true is returned:
 * the caller connects. */
bool dial_take(struct dial *d, uint64_t now);
uint64_t dial_deadline(const struct dial *d); /* UINT64_MAX: none */
void dial_failed(struct dial *d, struct mu_rng *rng, uint64_t now);
void dial_succeeded(struct dial *d);
/* The peering was lost: the next attempt is due at once, or, if it stood for
 * less than retry_max and there were failures or losses before, after the
 * back-off. */
void dial_lost(struct dial *d, struct mu_rng *rng, uint64_t stood_ns,
    uint64_t now);
/* Forget the back-off: something made success likely (reload, peer seen). */
void dial_hurry(struct dial *d, uint64_t now);
void dial_stop(struct dial *d);

#endif
