/* Results and facts of the disk thread; see logdisk_impl.h. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "io/logdisk_impl.h"
#include "logs/logsink.h"

#define FACTS_NS   UINT64_C(100000000) /* between copies of facts */
#define MOST_LINES (4u << 20)          /* bytes for those who follow */

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

void
disk_drain(struct logdisk *d)
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
	/* Under the lock, so that it is readable exactly while told is set. */
	if (!d->told)
		d->told = write(d->event_fd, &one, sizeof one) == sizeof one;
	pthread_mutex_unlock(&d->lock);
}

void
disk_copy_facts(struct logdisk *d, uint64_t mono)
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

void
disk_forget_results(struct logdisk *d)
{
	while (d->results != NULL) {
		struct result *r = d->results;

		d->results = r->next;
		free_result(r);
	}
	free_result(d->shown);
	mu_free(d->facts);
	mu_free(d->copy);
}

/* --- the owner's side -------------------------------------------------- */

int
logdisk_fd(const struct logdisk *d)
{
	return d->event_fd;
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
	} else if (d->told) {
		(void)!read(d->event_fd, &count, sizeof count);
		d->told = false;
	}
	pthread_mutex_unlock(&d->lock);
	d->shown = r;
	if (r == NULL)
		return false;
	*out = r->out;
	return true;
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
