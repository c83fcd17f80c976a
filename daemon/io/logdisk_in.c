/* Items and orders for the disk thread; see logdisk_impl.h. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "io/logdisk_impl.h"
#include "logs/logsink.h"
#include "sys/clock.h"

#define LOOK_NS     UINT64_C(10000000000) /* at the wall clock, at least */
#define ROUND_ITEMS 512                   /* before answers leave */

/* --- the thread's side ------------------------------------------------- */

static bool
have_orders(const struct logdisk *d)
{
	return d->items != NULL || d->posted != NULL || d->reload ||
	       d->reopen || d->tail_changed || d->stop;
}

void
disk_rest(struct logdisk *d)
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

void
disk_take(struct logdisk *d, struct disk_orders *o)
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

void
disk_forget_orders(struct logdisk *d)
{
	while (d->posted != NULL) {
		struct name *n = d->posted;

		d->posted = n->next;
		mu_free(n);
	}
}

/* --- the owner's side -------------------------------------------------- */

void
disk_copy_logs(struct logdisk *d, const struct mu_logs *logs, bool several)
{
	d->logs = *logs;
	d->several = several;
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

void
logdisk_reload(struct logdisk *d, const struct mu_logs *logs, bool several)
{
	pthread_mutex_lock(&d->lock);
	disk_copy_logs(d, logs, several);
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
