/*
 * The event loop; see loop.h.  Jobs are what callbacks put off so that one
 * busy connection cannot keep the others waiting: while there are any, the
 * loop polls without waiting.
 */
#include "io/loop.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/alloc.h"
#include "sys/clock.h"

#define SECOND 1000000000u
#define HOUR   (3600 * (uint64_t)SECOND)

struct loop {
	struct event_base *base; /* libevent's */
	struct event wake;       /* ends the wait at the owner's deadline */
	struct loop_hooks hooks; /* of the owner; zero: none */
	struct loop_job *first;  /* jobs in order */
	struct loop_job *last;
	uint64_t turn; /* their number so far */
	bool ended;    /* loop_end was called */
};

struct loop_timer {
	struct event event; /* libevent's */
	void (*fire)(void *ctx);
	void *ctx;
};

struct loop_fd {
	struct event event;
	void (*ready)(void *ctx);
	void *ctx;
};

struct loop_signal {
	struct event event; /* libevent's */
	void (*caught)(void *ctx, int number);
	void *ctx;
};

static struct timeval
until(uint64_t at)
{
	uint64_t now = clock_now();
	uint64_t ns = at > now ? at - now : 0;
	struct timeval tv = { .tv_sec = (time_t)(ns / SECOND),
		.tv_usec = (suseconds_t)((ns % SECOND + 999) / 1000) };

	if (tv.tv_usec == 1000000) {
		tv.tv_sec++;
		tv.tv_usec = 0;
	}
	return tv;
}

static void
on_wake(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
}

static struct event_base *
base_new(void)
{
	struct event_config *cfg = event_config_new();
	struct event_base *base;

	if (cfg == NULL)
		return NULL;
	/* First retries are 20 ms apart: coarse timers would blur them. */
	event_config_set_flag(
	    cfg, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_PRECISE_TIMER);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	return base;
}

struct loop *
loop_new(void)
{
	struct loop *l = mu_calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	l->base = base_new();
	if (l->base == NULL ||
	    evtimer_assign(&l->wake, l->base, on_wake, l) != 0) {
		loop_free(l);
		return NULL;
	}
	return l;
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	if (l->base != NULL) {
		if (event_initialized(&l->wake))
			event_del(&l->wake);
		event_base_free(l->base);
	}
	mu_free(l);
}

void
loop_set_hooks(struct loop *l, const struct loop_hooks *hooks)
{
	l->hooks = *hooks;
}

struct event_base *
loop_base(struct loop *l)
{
	return l->base;
}

/* --- turns ------------------------------------------------------------- */

/* The jobs that were there when the turn began; those that they add wait for
 * the next one.  Returns whether there were any. */
static bool
run_jobs(struct loop *l)
{
	bool any = false;

	l->turn++;
	while (l->first != NULL && l->first->turn != l->turn) {
		struct loop_job *j = l->first;

		loop_job_cancel(l, j);
		j->run(j->ctx);
		any = true;
	}
	return any;
}

void
loop_turn(struct loop *l, uint64_t max_ns)
{
	bool busy = run_jobs(l) || l->first != NULL;
	uint64_t now = clock_now();
	uint64_t due = max_ns > UINT64_MAX - now ? UINT64_MAX : now + max_ns;

	if (l->hooks.deadline != NULL) {
		uint64_t at = l->hooks.deadline(l->hooks.ctx);

		if (at < due)
			due = at;
	}
	if (busy || due <= now) {
		event_base_loop(l->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	} else {
		struct timeval tv = until(due == UINT64_MAX ? now + HOUR : due);

		/* Always set: without any event libevent would not wait. */
		evtimer_add(&l->wake, &tv);
		event_base_loop(l->base, EVLOOP_ONCE);
		evtimer_del(&l->wake);
	}
	if (l->hooks.turn != NULL)
		l->hooks.turn(l->hooks.ctx, clock_now());
}

void
loop_run(struct loop *l)
{
	while (!l->ended)
		loop_turn(l, UINT64_MAX);
}

void
loop_end(struct loop *l)
{
	l->ended = true;
}

/* --- jobs -------------------------------------------------------------- */

void
loop_job_add(struct loop *l, struct loop_job *j)
{
	if (j->queued)
		return;
	j->queued = true;
	j->turn = l->turn;
	j->next = NULL;
	j->prev = l->last;
	if (l->last != NULL)
		l->last->next = j;
	else
		l->first = j;
	l->last = j;
}

void
loop_job_cancel(struct loop *l, struct loop_job *j)
{
	if (!j->queued)
		return;
	j->queued = false;
	if (j->prev != NULL)
		j->prev->next = j->next;
	else
		l->first = j->next;
	if (j->next != NULL)
		j->next->prev = j->prev;
	else
		l->last = j->prev;
	j->prev = j->next = NULL;
}

/* --- timers ------------------------------------------------------------ */

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct loop_timer *t = ctx;

	(void)fd;
	(void)what;
	t->fire(t->ctx);
}

struct loop_timer *
loop_timer_new(struct loop *l, void (*fire)(void *ctx), void *ctx)
{
	struct loop_timer *t = mu_calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	t->fire = fire;
	t->ctx = ctx;
	evtimer_assign(&t->event, l->base, on_timer, t);
	return t;
}

void
loop_timer_free(struct loop_timer *t)
{
	if (t == NULL)
		return;
	evtimer_del(&t->event);
	mu_free(t);
}

void
loop_timer_set(struct loop_timer *t, uint64_t at)
{
	struct timeval tv = until(at);

	evtimer_add(&t->event, &tv);
}

void
loop_timer_stop(struct loop_timer *t)
{
	evtimer_del(&t->event);
}

bool
loop_timer_running(const struct loop_timer *t)
{
	return evtimer_pending(&t->event, NULL) != 0;
}

/* --- descriptors of others --------------------------------------------- */

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct loop_fd *w = ctx;

	(void)fd;
	(void)what;
	w->ready(w->ctx);
}

struct loop_fd *
loop_fd_new(struct loop *l, int fd, void (*ready)(void *ctx), void *ctx)
{
	struct loop_fd *w = mu_calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
	w->ready = ready;
	w->ctx = ctx;
	if (event_assign(&w->event, l->base, fd, EV_READ | EV_PERSIST,
		on_readable, w) != 0 ||
	    event_add(&w->event, NULL) != 0) {
		mu_free(w);
		return NULL;
	}
	return w;
}

void
loop_fd_free(struct loop_fd *w)
{
	if (w == NULL)
		return;
	event_del(&w->event);
	mu_free(w);
}

/* --- signals ----------------------------------------------------------- */

static void
on_signal(evutil_socket_t number, short what, void *ctx)
{
	struct loop_signal *s = ctx;

	(void)what;
	s->caught(s->ctx, (int)number);
}

struct loop_signal *
loop_signal_new(struct loop *l, int number,
    void (*caught)(void *ctx, int number), void *ctx)
{
	struct loop_signal *s = mu_calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->caught = caught;
	s->ctx = ctx;
	if (evsignal_assign(&s->event, l->base, number, on_signal, s) != 0 ||
	    evsignal_add(&s->event, NULL) != 0) {
		mu_free(s);
		return NULL;
	}
	return s;
}

void
loop_signal_free(struct loop_signal *s)
{
	if (s == NULL)
		return;
	evsignal_del(&s->event);
	mu_free(s);
}
