/*
 * Names to addresses; see resolve.h.
 *
 * Up to THREADS helpers are started as needed.  They share with the loop two
 * lists below one mutex, waiting and answered, and wake the loop through a
 * pipe.  What they share is counted, since a helper may hang in a look-up
 * longer than the resolver lives.  Everything else, cancelling included,
 * belongs to the loop's thread.
 */
#include "io/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/alloc.h"
#include "io/loop.h"

#define THREADS 4

struct resolve {
	struct resolver *resolver;
	struct resolve *next; /* in waiting or answered */
	char *host;
	char service[8];
	resolve_done done; /* NULL: cancelled */
	void *ctx;
	struct addrinfo *list; /* the answer */
	int code;              /* of getaddrinfo */
	int error;             /* errno, for EAI_SYSTEM */
};

struct shared {
	pthread_mutex_t lock;
	pthread_cond_t wanted;    /* waiting got longer, or ended was set */
	struct resolve *waiting;  /* first of a list, oldest first */
	struct resolve *answered; /* any order */
	unsigned threads;         /* running; they end only with ended */
	pthread_t ids[THREADS];   /* of those */
	bool busy[THREADS];       /* in a look-up: may take long */
	unsigned resting;         /* of those: waiting for work */
	unsigned refs;            /* threads and the resolver */
	bool ended;               /* the resolver is gone */
	int wake;                 /* write end of the pipe */
};

struct resolver {
	struct loop *loop;
	struct shared *shared;
	int awake;             /* read end of the pipe */
	struct event readable; /* of it */
	size_t pending;        /* look-ups not yet freed */
};

static void
free_resolve(struct resolve *q)
{
	if (q->list != NULL)
		freeaddrinfo(q->list);
	mu_free(q->host);
	mu_free(q);
}

/* Called with the lock held; releases it. */
static void
unref_shared(struct shared *s)
{
	bool last = --s->refs == 0;

	pthread_mutex_unlock(&s->lock);
	if (!last)
		return;
	while (s->answered != NULL) {
		struct resolve *q = s->answered;

		s->answered = q->next;
		free_resolve(q);
	}
	close(s->wake);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->wanted);
	mu_free(s);
}

/* --- helpers ----------------------------------------------------------- */

static void
look_up(struct resolve *q)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV };

	q->code = getaddrinfo(q->host, q->service, &hints, &q->list);
	q->error = errno;
}

static void *
helper(void *arg)
{
	struct shared *s = arg;
	unsigned me;

	pthread_mutex_lock(&s->lock);
	for (me = 0; !pthread_equal(s->ids[me], pthread_self()); me++)
		;
	while (!s->ended) {
		struct resolve *q = s->waiting;

		if (q == NULL) {
			s->resting++;
			pthread_cond_wait(&s->wanted, &s->lock);
			s->resting--;
			continue;
		}
		s->waiting = q->next;
		s->busy[me] = true;
		pthread_mutex_unlock(&s->lock);
		look_up(q);
		pthread_mutex_lock(&s->lock);
		s->busy[me] = false;
		q->next = s->answered;
		s->answered = q;
		/* A full pipe will wake the loop just as well. */
		(void)!write(s->wake, "", 1);
	}
	unref_shared(s);
	return NULL;
}

/* Signals belong to the loop.  Called with the lock held. */
static int
start_helper(struct shared *s)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&s->ids[s->threads], NULL, helper, s);
	if (r == 0) {
		s->refs++;
		s->threads++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

/* --- the loop's side --------------------------------------------------- */

static void
answer(struct resolve *q)
{
	struct addrinfo *list = q->list;
	resolve_done done = q->done;
	void *ctx = q->ctx;
	char why[256];

	q->resolver->pending--;
	q->list = NULL;
	snprintf(why, sizeof why, "cannot resolve %s: %s", q->host,
	    q->code == EAI_SYSTEM ? strerror(q->error) : gai_strerror(q->code));
	free_resolve(q);
	if (done != NULL)
		done(ctx, list, list == NULL ? why : NULL);
	else if (list != NULL)
		freeaddrinfo(list);
}

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct resolver *r = ctx;
	struct resolve *list;
	char scratch[64];

	(void)what;
	while (read((int)fd, scratch, sizeof scratch) > 0)
		;
	pthread_mutex_lock(&r->shared->lock);
	list = r->shared->answered;
	r->shared->answered = NULL;
	pthread_mutex_unlock(&r->shared->lock);
	while (list != NULL) {
		struct resolve *q = list;

		list = q->next;
		answer(q);
	}
}

static struct shared *
shared_new(int wake)
{
	struct shared *s = mu_calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wanted, NULL);
	s->wake = wake;
	s->refs = 1;
	return s;
}

struct resolver *
resolver_new(struct loop *l)
{
	struct resolver *r = mu_calloc(1, sizeof *r);
	int ends[2];

	if (r == NULL)
		return NULL;
	r->loop = l;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
		mu_free(r);
		return NULL;
	}
	r->awake = ends[0];
	r->shared = shared_new(ends[1]);
	if (r->shared == NULL) {
		close(ends[0]);
		close(ends[1]);
		mu_free(r);
		return NULL;
	}
	event_assign(&r->readable, loop_base(l), r->awake, EV_READ | EV_PERSIST,
	    on_readable, r);
	event_add(&r->readable, NULL);
	return r;
}

void
resolver_free(struct resolver *r)
{
	pthread_t ids[THREADS];
	unsigned n = 0;
	struct shared *s;

	if (r == NULL)
		return;
	s = r->shared;
	event_del(&r->readable);
	close(r->awake);
	pthread_mutex_lock(&s->lock);
	s->ended = true;
	while (s->waiting != NULL) {
		struct resolve *q = s->waiting;

		s->waiting = q->next;
		free_resolve(q);
	}
	for (unsigned i = 0; i < s->threads; i++) {
		if (s->busy[i])
			pthread_detach(s->ids[i]);
		else
			ids[n++] = s->ids[i];
	}
	pthread_cond_broadcast(&s->wanted);
	unref_shared(s);
	while (n > 0)
		pthread_join(ids[--n], NULL);
	mu_free(r);
}

/* --- asking ------------------------------------------------------------ */

static struct resolve *
resolve_new(struct resolver *r, const char *host, uint16_t port,
    resolve_done done, void *ctx)
{
	struct resolve *q = mu_calloc(1, sizeof *q);

	if (q == NULL)
		return NULL;
	q->host = mu_strdup(host);
	if (q->host == NULL) {
		mu_free(q);
		return NULL;
	}
	snprintf(q->service, sizeof q->service, "%u", port);
	q->resolver = r;
	q->done = done;
	q->ctx = ctx;
	return q;
}

/* A literal address needs no helper: it is answered right away, in the next
 * turn like everything else. */
static bool
look_up_literal(struct resolve *q)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };

	q->code = getaddrinfo(q->host, q->service, &hints, &q->list);
	return q->code == 0;
}

/* Returns 0 when somebody will take it.  Called with the lock held. */
static int
hand_over(struct shared *s, struct resolve *q)
{
	struct resolve **end = &s->waiting;

	if ((s->resting == 0 || s->waiting != NULL) && s->threads < THREADS &&
	    start_helper(s) != 0 && s->threads == 0)
		return -1;
	while (*end != NULL)
		end = &(*end)->next;
	*end = q;
	pthread_cond_signal(&s->wanted);
	return 0;
}

struct resolve *
resolve_start(struct resolver *r, const char *host, uint16_t port,
    resolve_done done, void *ctx)
{
	struct shared *s = r->shared;
	struct resolve *q;
	bool literal;
	int failed = 0;

	if (r->pending >= RESOLVE_MAX)
		return NULL;
	q = resolve_new(r, host, port, done, ctx);
	if (q == NULL)
		return NULL;
	literal = look_up_literal(q);
	pthread_mutex_lock(&s->lock);
	if (literal) {
		q->next = s->answered;
		s->answered = q;
		(void)!write(s->wake, "", 1);
	} else {
		failed = hand_over(s, q);
	}
	pthread_mutex_unlock(&s->lock);
	if (failed != 0) {
		free_resolve(q);
		return NULL;
	}
	r->pending++;
	return q;
}

void
resolve_cancel(struct resolve *q)
{
	q->done = NULL;
}
