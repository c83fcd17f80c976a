/*
 * The event loop: libevent behind a few words.  A turn is: run the jobs that
 * the turn before put off, wait, run what became ready, and then once the
 * owner's turn function, where everything that gains from batching happens.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct event_base;

/* What happens at the end of each turn. */
struct loop_hooks {
	/* now: monotonic, ns. */
	void (*turn)(void *ctx, uint64_t now);
	/* Monotonic time at which a turn is due though nothing happens;
	 * UINT64_MAX: none. */
	uint64_t (*deadline)(void *ctx);
	void *ctx;
};

/* NULL when memory is out or the system has no way to poll. */
struct loop *loop_new(void);
void loop_free(struct loop *l);

/* Copied.  Without hooks a turn only runs callbacks and jobs. */
void loop_set_hooks(struct loop *l, const struct loop_hooks *hooks);

/* Run turns until loop_end was called. */
void loop_run(struct loop *l);
void loop_end(struct loop *l);
/* One turn; waits for something to happen at most max_ns. */
void loop_turn(struct loop *l, uint64_t max_ns);

/* For the other files of this room. */
struct event_base *loop_base(struct loop *l);

/* --- jobs: once, in the next turn -------------------------------------- */

/* Embedded by its owner; zero means idle.  A job that runs is idle again and
 * may add itself: it then runs in the turn after. */
struct loop_job {
	void (*run)(void *ctx);
	void *ctx;
	struct loop_job *prev, *next; /* neighbours in the queue */
	uint64_t turn;                /* in which it was added */
	bool queued;
};

void loop_job_add(struct loop *l, struct loop_job *j);
void loop_job_cancel(struct loop *l, struct loop_job *j);

/* --- timers ------------------------------------------------------------ */

struct loop_timer;

/* Not running at first.  NULL when memory is out. */
struct loop_timer *loop_timer_new(
    struct loop *l, void (*fire)(void *ctx), void *ctx);
void loop_timer_free(struct loop_timer *t);
/* Fire once at the monotonic time; replaces an earlier setting. */
void loop_timer_set(struct loop_timer *t, uint64_t at);
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_running(const struct loop_timer *t);

/* --- descriptors of others --------------------------------------------- */

struct loop_fd;

/* Call ready(ctx) in every turn in which fd is readable; fd stays its owner's
 * and must outlive the watch.  NULL when memory is out. */
struct loop_fd *loop_fd_new(
    struct loop *l, int fd, void (*ready)(void *ctx), void *ctx);
void loop_fd_free(struct loop_fd *w);

/* --- signals ----------------------------------------------------------- */

struct loop_signal;

/* Call caught(ctx, number) in a turn whenever the signal came.  NULL when
 * memory is out. */
struct loop_signal *loop_signal_new(struct loop *l, int number,
    void (*caught)(void *ctx, int number), void *ctx);
void loop_signal_free(struct loop_signal *s);

#endif
