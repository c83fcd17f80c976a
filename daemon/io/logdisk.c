/*
 * The disk thread; see logdisk.h.  Two threads share struct logdisk: what is
 * marked "shared" is looked at under the lock, the sink is the thread's, all
 * the rest the owner's.
 */
#include "io/logdisk.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "core/logjournal.h"
#include "io/logdir.h"
#include "sys/clock.h"

#define LOOK_NS     UINT64_C(10000000000) /* at the wall clock, at least */
#define FACTS_NS    UINT64_C(100000000)   /* between copies of facts */
#define ROUND_ITEMS 512                   /* before answers leave */
#define MOST_LINES  (4u << 20)            /* bytes for those who follow */

/* A consequence on its way to the loop. */
struct result {
	struct result *next;
	struct logsink_out out;
	char *text, *name, *path; /* owned copies */
};

struct name {
	struct name *next;
	char text[];
};

struct logdisk {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool started, locked;
	int event_fd;
	/* shared */
	struct logitem *items, **last_item;
	struct name *posted;
	struct mu_logs logs;
	bool several, reload, reopen, tail, tail_changed, stop;
	struct result *results, **last_result;
	size_t line_bytes; /* of LINE results that wait */
	struct logsink_total total;
	struct logsink_fact *facts; /* owned [nfacts] */
	size_t nfacts;
	/* the thread's */
	struct logsink *sink;
	struct logdir *dir;
	struct logjournal_lmdb *journal;
	uint64_t facts_at; /* monotonic: not copied before */
	bool facts_old;    /* something happened since */
	/* the owner's */
	struct result *shown;
	struct logsink_fact *copy;
	size_t ncopy;
};

static struct logsink_now
now(void)
{
	struct logsink_now n = { clock_now(), clock_wall() };

	return n;
}

/* --- results ----------------------------------------------------------- */

static void
free_result(struct result *r)
{
	if (r == NULL)
		return;
	mu_free(r->text);
	mu_free(r->name);
	mu_free(r->path);
	mu_free(r);
}

static char *
copy_text(const char *s, size_t len)
{
	return s == NULL ? NULL : mu_memdup0(s, len == 0 ? strlen(s) : len);
}

/* An item always comes back: its result is allocated until it can be. */
static struct result *
make_result(const struct logsink_out *out)
{
	struct result *r = mu_calloc(1, sizeof *r);
	static const struct timespec pause = { 0, 10000000 };

	while (r == NULL && out->kind == LOGSINK_BACK) {
		nanosleep(&pause, NULL);
		r = mu_calloc(1, sizeof *r);
	}
	if (r == NULL)
		return NULL;
	r->out = *out;
	r->text = copy_text(out->text, out->len);
	r->name = copy_text(
	    out->kind == LOGSINK_ROTATED ? out->rotated.name : out->name, 0);
	r->path = copy_text(out->rotated.path, 0);
	r->out.text = r->text;
	r->out.name = r->name;
	r->out.rotated.name = r->name;
	r->out.rotated.path = r->path;
	if ((out->text == NULL || r->text != NULL) &&
	    (out->name == NULL || r->name != NULL))
		return r;
	if (out->kind == LOGSINK_BACK)
		return r;
	/* An answer or line that is lost: the sender asks again, and the
	 * journal knows what was rotated. */
	free_result(r);
	return NULL;
}

static void
drain(struct logdisk *d)
{
	struct result *first = NULL, **last = &first, *r;
	struct logsink_out out;
	uint64_t one = 1;

	while (logsink_next(d->sink, &out)) {
		r = make_result(&out);
		if (r == NULL)
			continue;
		*last = r;
		last = &r->next;
	}
	if (first == NULL)
		return;
	pthread_mutex_lock(&d->lock);
	while ((r = first) != NULL) {
		first = r->next;
		r->next = NULL;
		if (r->out.kind == LOGSINK_LINE) {
			if (d->line_bytes + r->out.len > MOST_LINES) {
				d->total.tail_dropped++;
				free_result(r);
				continue;
			}
			d->line_bytes += r->out.len;
		}
		*d->last_result = r;
		d->last_result = &r->next;
	}
	pthread_mutex_unlock(&d->lock);
	/* Fails only when the counter is full, and then it is readable. */
	(void)!write(d->event_fd, &one, sizeof one);
}

static void
copy_facts(struct logdisk *d, uint64_t mono)
{
	size_t n = logsink_count(d->sink);
	struct logsink_fact *list;
	struct logsink_total total;

	d->facts_old = mono < d->facts_at;
	if (d->facts_old)
		return;
	d->facts_at = mono + FACTS_NS;
	logsink_total(d->sink, &total);
	list = mu_calloc(n + 1, sizeof *list);
	if (list != NULL)
		logsink_facts(d->sink, list, n);
	pthread_mutex_lock(&d->lock);
	d->total = total;
	if (list != NULL) {
		struct logsink_fact *old = d->facts;

		d->facts = list;
		d->nfacts = n;
		list = old;
	}
	pthread_mutex_unlock(&d->lock);
	mu_free(list);
}

/* --- the thread -------------------------------------------------------- */

struct orders {
	struct logitem *items;
	struct name *posted;
	struct mu_logs logs;
	bool several, reload, reopen, tail, tail_changed, stop, more;
};

static bool
have_orders(const struct logdisk *d)
{
	return d->items != NULL || d->posted != NULL || d->reload ||
	       d->reopen || d->tail_changed || d->stop;
}

static void
rest(struct logdisk *d)
{
	uint64_t at = logsink_deadline(d->sink), mono = clock_now();
	struct timespec end;

	if (at > mono + LOOK_NS)
		at = mono + LOOK_NS;
	if (d->facts_old && at > d->facts_at)
		at = d->facts_at;
	end.tv_sec = (time_t)(at / 1000000000);
	end.tv_nsec = (long)(at % 1000000000);
	while (!have_orders(d) &&
	       pthread_cond_timedwait(&d->wake, &d->lock, &end) != ETIMEDOUT)
		;
}

/* Some items and all orders, under the lock. */
static void
take_orders(struct logdisk *d, struct orders *o)
{
	struct logitem **at = &d->items;

	for (int i = 0; i < ROUND_ITEMS && *at != NULL; i++)
		at = &(*at)->next;
	o->items = d->items == *at ? NULL : d->items;
	d->items = *at;
	*at = NULL;
	if (d->items == NULL)
		d->last_item = &d->items;
	o->more = d->items != NULL;
	o->posted = d->posted;
	d->posted = NULL;
	o->logs = d->logs;
	o->several = d->several;
	o->reload = d->reload;
	o->reopen = d->reopen;
	o->tail = d->tail;
	o->tail_changed = d->tail_changed;
	o->stop = d->stop;
	d->reload = d->reopen = d->tail_changed = false;
}

static void
carry_out(struct logdisk *d, struct orders *o)
{
	struct logsink_now at = now();
	struct logitem *it;

	logsink_tick(d->sink, &at);
	if (o->tail_changed)
		logsink_tail(d->sink, o->tail);
	while ((it = o->items) != NULL) {
		o->items = it->next;
		logsink_feed(d->sink, it, &at);
	}
	at = now();
	logsink_tick(d->sink, &at);
	while (o->posted != NULL) {
		struct name *n = o->posted;

		o->posted = n->next;
		logsink_posted(d->sink, n->text);
		mu_free(n);
	}
	/* Without memory the layout before holds on. */
	if (o->reload)
		(void)logsink_reload(d->sink, &o->logs, o->several);
	if (o->reopen)
		logsink_reopen(d->sink, &at);
	if (o->stop && !o->more)
		logsink_end(d->sink, &at);
}

static void *
run(void *arg)
{
	struct logdisk *d = arg;
	struct orders o;

	do {
		pthread_mutex_lock(&d->lock);
		rest(d);
		take_orders(d, &o);
		pthread_mutex_unlock(&d->lock);
		carry_out(d, &o);
		drain(d);
		copy_facts(d, clock_now());
	} while (!o.stop || o.more);
	return NULL;
}

/* --- construction ------------------------------------------------------ */

static int
init_locks(struct logdisk *d)
{
	pthread_condattr_t attr;
	int rc;

	if (pthread_condattr_init(&attr) != 0)
		return -1;
	rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (rc == 0)
		rc = pthread_cond_init(&d->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (rc != 0)
		return -1;
	if (pthread_mutex_init(&d->lock, NULL) == 0) {
		d->locked = true;
		return 0;
	}
	pthread_cond_destroy(&d->wake);
	return -1;
}

static void
copy_logs(struct logdisk *d, const struct mu_logs *logs, bool several)
{
	d->logs = *logs;
	d->several = several;
}

static int
make_sink(struct logdisk *d, const struct logdisk_config *cfg)
{
	struct logjournal journal;
	struct logfs fs;
	struct logsink_config sc = { .node = cfg->node,
		.logs = cfg->logs,
		.several = cfg->several,
		.fs = &fs,
		.journal = &journal };

	d->dir = logdir_new(cfg->here, cfg->rotated);
	d->journal = logjournal_lmdb_new(cfg->journal, cfg->logs->sync);
	if (d->dir == NULL || d->journal == NULL)
		return -1;
	logdir_hooks(d->dir, &fs);
	logjournal_lmdb_hooks(d->journal, &journal);
	d->sink = logsink_new(&sc);
	return d->sink == NULL ? -1 : 0;
}

struct logdisk *
logdisk_new(const struct logdisk_config *cfg)
{
	struct logdisk *d = mu_calloc(1, sizeof *d);

	if (d == NULL)
		return NULL;
	d->last_item = &d->items;
	d->last_result = &d->results;
	copy_logs(d, cfg->logs, cfg->several);
	d->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (d->event_fd < 0 || init_locks(d) != 0 || make_sink(d, cfg) != 0)
		goto fail;
	d->started = pthread_create(&d->thread, NULL, run, d) == 0;
	if (d->started)
		return d;
fail:
	logdisk_free(d);
	return NULL;
}

void
logdisk_stop(struct logdisk *d)
{
	if (!d->started)
		return;
	pthread_mutex_lock(&d->lock);
	d->stop = true;
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	d->started = false;
}

void
logdisk_free(struct logdisk *d)
{
	if (d == NULL)
		return;
	logdisk_stop(d);
	logsink_free(d->sink);
	logdir_free(d->dir);
	logjournal_lmdb_free(d->journal);
	while (d->results != NULL) {
		struct result *r = d->results;

		d->results = r->next;
		free_result(r);
	}
	while (d->posted != NULL) {
		struct name *n = d->posted;

		d->posted = n->next;
		mu_free(n);
	}
	free_result(d->shown);
	mu_free(d->facts);
	mu_free(d->copy);
	if (d->event_fd >= 0)
		close(d->event_fd);
	if (d->locked) {
		pthread_mutex_destroy(&d->lock);
		pthread_cond_destroy(&d->wake);
	}
	mu_free(d);
}

/* --- the owner's side -------------------------------------------------- */

int
logdisk_fd(const struct logdisk *d)
{
	return d->event_fd;
}

void
logdisk_put(struct logdisk *d, struct logitem *it)
{
	it->next = NULL;
	pthread_mutex_lock(&d->lock);
	*d->last_item = it;
	d->last_item = &it->next;
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
}

bool
logdisk_next(struct logdisk *d, struct logsink_out *out)
{
	struct result *r;
	uint64_t count;

	free_result(d->shown);
	pthread_mutex_lock(&d->lock);
	r = d->results;
	if (r != NULL) {
		d->results = r->next;
		if (d->results == NULL)
			d->last_result = &d->results;
		if (r->out.kind == LOGSINK_LINE)
			d->line_bytes -= r->out.len;
	} else {
		(void)!read(d->event_fd, &count, sizeof count);
	}
	pthread_mutex_unlock(&d->lock);
	d->shown = r;
	if (r == NULL)
		return false;
	*out = r->out;
	return true;
}

void
logdisk_reload(struct logdisk *d, const struct mu_logs *logs, bool several)
{
	pthread_mutex_lock(&d->lock);
	copy_logs(d, logs, several);
	d->reload = true;
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
}

void
logdisk_reopen(struct logdisk *d)
{
	pthread_mutex_lock(&d->lock);
	d->reopen = true;
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
}

void
logdisk_tail(struct logdisk *d, bool on)
{
	pthread_mutex_lock(&d->lock);
	d->tail = on;
	d->tail_changed = true;
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
}

/* Lost without memory: it is done once more after the next start. */
void
logdisk_posted(struct logdisk *d, const char *name)
{
	size_t len = strlen(name) + 1;
	struct name *n = mu_malloc(sizeof *n + len);

	if (n == NULL)
		return;
	memcpy(n->text, name, len);
	pthread_mutex_lock(&d->lock);
	n->next = d->posted;
	d->posted = n;
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
}

void
logdisk_facts(struct logdisk *d, struct logsink_total *total,
    const struct logsink_fact **list, size_t *n)
{
	struct logsink_fact *copy;

	pthread_mutex_lock(&d->lock);
	*total = d->total;
	copy = mu_calloc(d->nfacts + 1, sizeof *copy);
	if (copy != NULL) {
		if (d->nfacts > 0)
			memcpy(copy, d->facts, d->nfacts * sizeof *copy);
		mu_free(d->copy);
		d->copy = copy;
		d->ncopy = d->nfacts;
	}
	pthread_mutex_unlock(&d->lock);
	*list = d->copy;
	*n = d->ncopy;
}
