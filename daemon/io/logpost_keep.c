/*
 * Retention: rotated files that are too old go, and the oldest while all
 * together are too large.  Only what has a name such as rotation gives is
 * looked at, so that nothing else in the folder is in danger.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "io/logpost_impl.h"
#include "sys/clock.h"
#include "sys/log.h"

#define NS    INT64_C(1000000000)
#define STAMP "dddd-dd-dd-dd-dd-dd"

struct kept {
	char *name;
	int64_t mtime;
	uint64_t size;
};

struct kept_list {
	struct kept *list;
	size_t n, cap;
	uint64_t bytes;
};

static bool
is_stamp(const char *s)
{
	for (const char *f = STAMP; *f != '\0'; f++, s++)
		if (*f == 'd' ? !isdigit((unsigned char)*s) : *s != *f)
			return false;
	return true;
}

bool
post_is_rotated(const char *name)
{
	const char *log = strstr(name, ".log");

	if (name[0] == '.' || log == NULL || (log[4] != '\0' && log[4] != '.'))
		return false;
	for (const char *p = name + 1; *p != '\0'; p++) {
		const char *end = p + strlen(STAMP);

		if (!is_stamp(p))
			continue;
		if (p[-1] == '.' && (*end == '.' || *end == '-'))
			return true;
		if (p[-1] == '_' && strncmp(end, "__", 2) == 0)
			return true;
	}
	return false;
}

static bool
is_busy(struct logpost *p, const char *name)
{
	bool busy = false;

	for (struct post *t = p->running; t != NULL && !busy; t = t->next)
		busy = strcmp(t->file, name) == 0;
	pthread_mutex_lock(&p->lock);
	for (struct post *t = p->waiting; t != NULL && !busy; t = t->next)
		busy = strncmp(t->file, name, strlen(t->file)) == 0;
	pthread_mutex_unlock(&p->lock);
	return busy;
}

static void
add(struct kept_list *l, const char *name, const struct stat *st)
{
	struct kept *k;

	if (l->n == l->cap) {
		size_t cap = l->cap == 0 ? 64 : 2 * l->cap;

		k = mu_reallocarray(l->list, cap, sizeof *k);
		if (k == NULL)
			return; /* it is there at the next look */
		l->list = k;
		l->cap = cap;
	}
	k = &l->list[l->n];
	k->name = mu_strdup(name);
	if (k->name == NULL)
		return;
	k->mtime = st->st_mtim.tv_sec * NS + st->st_mtim.tv_nsec;
	k->size = (uint64_t)st->st_size;
	l->bytes += k->size;
	l->n++;
}

static int
by_age(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	if (x->mtime != y->mtime)
		return x->mtime < y->mtime ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void
look(struct logpost *p, DIR *d, struct kept_list *l)
{
	struct dirent *e;
	struct stat st;

	while ((e = readdir(d)) != NULL)
		if (post_is_rotated(e->d_name) &&
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) ==
			0 &&
		    S_ISREG(st.st_mode) && !is_busy(p, e->d_name))
			add(l, e->d_name, &st);
	if (l->n > 1)
		qsort(l->list, l->n, sizeof *l->list, by_age);
}

/* Said once, not at each look, until all can be removed. */
static void
say_stuck(struct logpost *p, uint64_t n, const char *first, int error)
{
	if (n > 0 && !p->stuck)
		post_say(p, LOG_LEVEL_WARN,
		    "logs: %llu rotated files that are due cannot be removed, "
		    "%s first: %s",
		    (unsigned long long)n, first, strerror(error));
	if (n == 0 && p->stuck)
		post_say(p, LOG_LEVEL_INFO,
		    "logs: rotated files can be removed again");
	p->stuck = n > 0;
}

static void
say_doubt(struct logpost *p, bool start, int64_t ahead)
{
	post_say(p, LOG_LEVEL_WARN,
	    "logs: the clock %s %lld s ahead%s; until it has been so for %s no "
	    "rotated file is removed because of that",
	    start ? "is" : "went", (long long)(ahead / NS),
	    start ? " of the newest rotated file, more than \"keep\"" : "",
	    p->now.keep_ns > 0 && p->now.keep_ns < 86400 * NS ? "\"keep\""
							      : "a day");
}

/* The time to judge ages by.  At the start, when every file there is would go,
 * it is the clock that is doubted. */
static int64_t
now_by_clock(struct logpost *p, const struct kept_list *l)
{
	struct post_clock *k = &p->clock;
	int64_t wall = clock_wall(), newest = wall, now;
	uint64_t mono = clock_now(), since = k->since;
	bool start = !k->begun, doubted = k->doubts;

	if (start) {
		if (p->now.keep_ns > 0 && l->n > 0 &&
		    l->list[l->n - 1].mtime < wall - p->now.keep_ns)
			newest = l->list[l->n - 1].mtime;
		post_clock_begin(k, wall, mono, newest);
	}
	now = post_clock_look(k, wall, mono, p->now.keep_ns);
	if (k->doubts && (!doubted || k->since != since) && p->now.keep_ns > 0)
		say_doubt(p, start, wall - now);
	return now;
}

static void
clean(struct logpost *p, DIR *d, struct kept_list *l, int64_t now)
{
	const char *first = NULL;
	int error = 0;
	int64_t oldest = p->now.keep_ns == 0 ? INT64_MIN : now - p->now.keep_ns;
	uint64_t removed = 0, left = 0,
		 most = p->now.keep_bytes == 0 ? UINT64_MAX : p->now.keep_bytes;

	for (size_t i = 0; i < l->n; i++) {
		const struct kept *k = &l->list[i];

		if (k->mtime >= oldest && l->bytes <= most)
			break;
		if (unlinkat(dirfd(d), k->name, 0) != 0) {
			error = left++ == 0 ? errno : error;
			first = first == NULL ? k->name : first;
			continue;
		}
		l->bytes -= k->size;
		removed++;
	}
	say_stuck(p, left, first, error);
	if (removed > 0)
		post_say(p, LOG_LEVEL_INFO,
		    "logs: %llu rotated files removed by age or size",
		    (unsigned long long)removed);
	pthread_mutex_lock(&p->lock);
	p->facts.removed += removed;
	p->facts.bytes = l->bytes;
	pthread_mutex_unlock(&p->lock);
}

void
post_keep(struct logpost *p)
{
	struct kept_list l = { .n = 0 };
	DIR *d = NULL;
	int64_t now;

	pthread_mutex_lock(&p->lock);
	p->now = p->logs;
	pthread_mutex_unlock(&p->lock);
	if (p->now.keep_ns > 0 || p->now.keep_bytes > 0)
		d = opendir(post_folder(p, false));
	if (d != NULL)
		look(p, d, &l);
	now = now_by_clock(p, &l);
	if (d == NULL)
		return; /* everything is kept, or nothing was rotated yet */
	clean(p, d, &l, now);
	closedir(d);
	for (size_t i = 0; i < l.n; i++)
		mu_free(l.list[i].name);
	mu_free(l.list);
}
