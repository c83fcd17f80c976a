/* The disk thread; see logdisk.h and logdisk_impl.h. */
#include "io/logdisk.h"

#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "io/logdir.h"
#include "io/logdisk_impl.h"
#include "logs/logjournal.h"
#include "sys/clock.h"

/* --- the thread -------------------------------------------------------- */

static struct logsink_now
now(void)
{
	struct logsink_now n = { clock_now(), clock_wall() };

	return n;
}

static void
carry_out(struct logdisk *d, struct disk_orders *o)
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
	struct disk_orders o;

	do {
		pthread_mutex_lock(&d->lock);
		disk_rest(d);
		disk_take(d, &o);
		pthread_mutex_unlock(&d->lock);
		carry_out(d, &o);
		disk_drain(d);
		disk_copy_facts(d, clock_now());
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
	disk_copy_logs(d, cfg->logs, cfg->several);
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
	disk_forget_results(d);
	disk_forget_orders(d);
	if (d->event_fd >= 0)
		close(d->event_fd);
	if (d->locked) {
		pthread_mutex_destroy(&d->lock);
		pthread_cond_destroy(&d->wake);
	}
	mu_free(d);
}
