/* The thread for rotated files; see logpost.h and logpost_impl.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "io/logpost_impl.h"
#include "logs/logsink.h"
#include "muster/err.h"
#include "sys/clock.h"
#include "sys/log.h"

#define KEEP_NS  UINT64_C(60000000000) /* between looks at what to remove */
#define LOOK_NS  UINT64_C(1000000000)  /* after a file is finished with */
#define MOST_RUN 64                    /* the layout's limit */
#define MS       1000000

static void
free_post(struct post *t)
{
	if (t == NULL)
		return;
	if (t->pid_fd >= 0)
		close(t->pid_fd);
	mu_free(t->name);
	mu_free(t->file);
	mu_free(t->path);
	mu_free(t);
}

void
post_finished(struct logpost *p, struct post *t)
{
	if (t->plain) {
		post_delay(p, t);
		return;
	}
	if (p->keep_at > clock_now() + LOOK_NS)
		p->keep_at = clock_now() + LOOK_NS;
	p->waits = false;
	post_done(p, t);
	free_post(t);
}

const char *
post_folder(const struct logpost *p, bool here)
{
	return here || p->rotated == NULL ? p->here : p->rotated;
}

/* --- one file ---------------------------------------------------------- */

static bool
is_there(const struct logpost *p, const struct post *t, const char *end)
{
	char path[PATH_MAX];
	struct stat st;
	int n = snprintf(path, sizeof path, "%s/%s%s", post_folder(p, t->here),
	    t->file, end);

	return n > 0 && (size_t)n < sizeof path && lstat(path, &st) == 0;
}

/* The file of an earlier life may have been compressed by it already.  0,
 * ENOENT, ENOMEM. */
static int
find(const struct logpost *p, struct post *t)
{
	static const char *const ends[] = { ".gz", ".zst" };

	if (is_there(p, t, ""))
		return 0;
	for (size_t i = 0; i < 2; i++) {
		char *name;

		if (!is_there(p, t, ends[i]))
			continue;
		name = mu_asprintf("%s%s", t->file, ends[i]);
		if (name == NULL)
			return MUSTER_ENOMEM;
		mu_free(t->file);
		t->file = name;
		return 0;
	}
	return MUSTER_ENOENT;
}

/* Its turn comes again. */
static void
put_back(struct logpost *p, struct post *t)
{
	p->rest_until = clock_now() + LOOK_NS;
	pthread_mutex_lock(&p->lock);
	t->next = p->waiting;
	p->waiting = t;
	if (t->next == NULL)
		p->last_waiting = &t->next;
	p->facts.waiting++;
	pthread_mutex_unlock(&p->lock);
}

bool
post_passes(struct logpost *p, const struct post *t, int error)
{
	if (error != EMFILE && error != ENFILE && error != EAGAIN &&
	    error != ENOMEM)
		return false;
	if (!p->waits)
		post_say(p, LOG_LEVEL_WARN,
		    "logs: %s waits to be compressed or handed over: %s",
		    t->file, strerror(error));
	p->waits = true;
	return true;
}

static void
begin(struct logpost *p, struct post *t)
{
	int rc = find(p, t);

	if (rc == MUSTER_ENOMEM) {
		put_back(p, t);
		return;
	}
	if (rc != 0) {
		/* somebody, maybe the program, was faster */
		post_not_plain(p, t);
		post_finished(p, t);
		return;
	}
	rc = post_compress(p, t);
	if (rc > 0) {
		put_back(p, t);
		return;
	}
	if (rc != 0)
		post_failed(p);
	/* What stays plain is handed over all the same: where a program takes
	 * files away it is what helps a full disk. */
	if (p->run == NULL || t->ran) {
		post_finished(p, t);
		return;
	}
	rc = post_run(p, t);
	if (rc > 0) {
		put_back(p, t);
		return;
	}
	t->ran = true;
	if (rc != 0) {
		post_failed(p);
		post_finished(p, t);
		return;
	}
	t->next = p->running;
	p->running = t;
	pthread_mutex_lock(&p->lock);
	p->facts.running++;
	pthread_mutex_unlock(&p->lock);
}

/* --- the thread -------------------------------------------------------- */

static size_t
nrunning(const struct logpost *p)
{
	size_t n = 0;

	for (const struct post *t = p->running; t != NULL; t = t->next)
		n++;
	return n;
}

static uint64_t
next_time(const struct logpost *p, bool stop, uint64_t stop_by)
{
	uint64_t at = stop ? stop_by : p->keep_at;

	if (p->rest_until > clock_now() && p->rest_until < at)
		at = p->rest_until;
	if (!stop && post_again_at(p) < at)
		at = post_again_at(p);
	for (const struct post *t = p->running; t != NULL; t = t->next) {
		if (t->kill_at < at)
			at = t->kill_at;
		/* nobody tells when it ends */
		if (t->pid_fd < 0 && at > clock_now() + LOOK_NS)
			at = clock_now() + LOOK_NS;
	}
	return at;
}

static void
wait_for_something(struct logpost *p, bool stop, uint64_t stop_by)
{
	struct pollfd fds[MOST_RUN + 1];
	uint64_t at = next_time(p, stop, stop_by), now = clock_now();
	uint64_t count;
	nfds_t n = 0;

	fds[n].fd = p->wake_fd;
	fds[n++].events = POLLIN;
	for (struct post *t = p->running; t != NULL && n <= MOST_RUN;
	     t = t->next) {
		fds[n].fd = t->pid_fd;
		fds[n++].events = POLLIN;
	}
	(void)poll(fds, n, at <= now ? 0 : (int)((at - now) / MS + 1));
	(void)!read(p->wake_fd, &count, sizeof count);
}

static void
reap(struct logpost *p)
{
	struct post **at = &p->running, *t;
	uint64_t now = clock_now();

	while ((t = *at) != NULL) {
		if (!post_ended(p, t, now)) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		pthread_mutex_lock(&p->lock);
		p->facts.running--;
		pthread_mutex_unlock(&p->lock);
		post_finished(p, t);
	}
}

/* The program as the layout has it now, under the lock; false: no memory. */
static bool
take_program(struct logpost *p)
{
	char *run;

	if (p->program != NULL && p->run != NULL &&
	    strcmp(p->program, p->run) == 0)
		return true;
	run = p->program == NULL ? NULL : mu_strdup(p->program);
	if (run == NULL && p->program != NULL)
		return false;
	mu_free(p->run);
	p->run = run;
	return true;
}

/* The next file, with the layout of now; NULL: none, or enough at work, or it
 * waits for memory. */
static struct post *
next_post(struct logpost *p)
{
	struct post *t = NULL;
	bool stop;

	pthread_mutex_lock(&p->lock);
	p->now = p->logs;
	p->now_several = p->several;
	if (p->look)
		p->keep_at = 0;
	p->look = false;
	if (p->waiting != NULL && !take_program(p))
		p->rest_until = clock_now() + LOOK_NS;
	if (nrunning(p) < p->now.postprocessors && p->rest_until <= clock_now())
		t = p->waiting;
	if (t != NULL) {
		p->waiting = t->next;
		if (p->waiting == NULL)
			p->last_waiting = &p->waiting;
		p->facts.waiting--;
	}
	stop = p->stop;
	pthread_mutex_unlock(&p->lock);
	return t != NULL || stop || p->rest_until > clock_now() ? t
								: post_again(p);
}

bool
post_is_over(struct logpost *p)
{
	bool over;

	pthread_mutex_lock(&p->lock);
	over = p->stop && clock_now() >= p->stop_by;
	pthread_mutex_unlock(&p->lock);
	return over;
}

static bool
may_end(struct logpost *p, bool *stop, uint64_t *stop_by)
{
	bool idle;

	pthread_mutex_lock(&p->lock);
	*stop = p->stop;
	*stop_by = p->stop_by;
	idle = p->waiting == NULL && p->running == NULL;
	pthread_mutex_unlock(&p->lock);
	return *stop && (idle || clock_now() >= *stop_by);
}

static void *
run(void *arg)
{
	struct logpost *p = arg;
	uint64_t stop_by;
	struct post *t;
	bool stop;

	post_sweep(p);
	while (!may_end(p, &stop, &stop_by)) {
		t = next_post(p);
		if (t != NULL)
			begin(p, t);
		else
			wait_for_something(p, stop, stop_by);
		reap(p);
		if (clock_now() >= p->keep_at) {
			p->keep_at = clock_now() + KEEP_NS;
			post_keep(p);
		}
	}
	return NULL;
}

/* --- construction ------------------------------------------------------ */

static int
copy_config(struct logpost *p, const struct logpost_config *cfg)
{
	char *program = NULL;

	if (cfg->program != NULL) {
		program = mu_strdup(cfg->program);
		if (program == NULL)
			return MUSTER_ENOMEM;
	}
	mu_free(p->program);
	p->program = program;
	p->logs = *cfg->logs;
	p->logs.directory = p->logs.rotated = p->logs.postprocessor = NULL;
	p->several = cfg->several;
	return 0;
}

static int
fill(struct logpost *p, const struct logpost_config *cfg)
{
	p->node = mu_strdup(cfg->node);
	p->here = mu_strdup(cfg->here);
	p->rotated = cfg->rotated == NULL ? NULL : mu_strdup(cfg->rotated);
	if (p->node == NULL || p->here == NULL ||
	    (p->rotated == NULL && cfg->rotated != NULL))
		return MUSTER_ENOMEM;
	p->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	p->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (p->event_fd < 0 || p->wake_fd < 0)
		return MUSTER_ESYS;
	return copy_config(p, cfg);
}

struct logpost *
logpost_new(const struct logpost_config *cfg)
{
	struct logpost *p = mu_calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->event_fd = p->wake_fd = -1;
	p->last_waiting = &p->waiting;
	p->last_delayed = &p->delayed;
	p->last_note = &p->notes;
	if (fill(p, cfg) != 0)
		goto fail;
	p->locked = pthread_mutex_init(&p->lock, NULL) == 0;
	p->started = p->locked && pthread_create(&p->thread, NULL, run, p) == 0;
	if (p->started)
		return p;
fail:
	logpost_free(p);
	return NULL;
}

void
logpost_stop(struct logpost *p, uint64_t patience_ns)
{
	if (!p->started)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	p->stop_by = clock_now() + patience_ns;
	pthread_mutex_unlock(&p->lock);
	post_signal(p->wake_fd);
	pthread_join(p->thread, NULL);
	p->started = false;
}

static void
free_posts(struct post *t)
{
	while (t != NULL) {
		struct post *next = t->next;

		free_post(t);
		t = next;
	}
}

void
logpost_free(struct logpost *p)
{
	if (p == NULL)
		return;
	logpost_stop(p, 0);
	free_posts(p->waiting);
	free_posts(p->running);
	free_posts(p->delayed);
	post_forget_notes(p);
	if (p->event_fd >= 0)
		close(p->event_fd);
	if (p->wake_fd >= 0)
		close(p->wake_fd);
	if (p->locked)
		pthread_mutex_destroy(&p->lock);
	mu_free(p->node);
	mu_free(p->here);
	mu_free(p->rotated);
	mu_free(p->program);
	mu_free(p->run);
	mu_free(p);
}

/* --- the owner's side -------------------------------------------------- */

int
logpost_reload(struct logpost *p, const struct logpost_config *cfg)
{
	int rc;

	pthread_mutex_lock(&p->lock);
	rc = copy_config(p, cfg);
	p->look = true;
	pthread_mutex_unlock(&p->lock);
	post_signal(p->wake_fd);
	return rc;
}

int
logpost_add(struct logpost *p, const struct logsink_rotated *r)
{
	struct post *t = mu_calloc(1, sizeof *t);

	if (t == NULL)
		return MUSTER_ENOMEM;
	t->pid_fd = -1;
	t->name = mu_strdup(r->name);
	t->file = mu_strdup(r->name);
	t->path = mu_strdup(r->path);
	if (t->name == NULL || t->file == NULL || t->path == NULL) {
		free_post(t);
		return MUSTER_ENOMEM;
	}
	t->here = r->here;
	t->open = r->open;
	t->close = r->close;
	t->terminating = r->terminating;
	pthread_mutex_lock(&p->lock);
	*p->last_waiting = t;
	p->last_waiting = &t->next;
	p->facts.waiting++;
	pthread_mutex_unlock(&p->lock);
	post_signal(p->wake_fd);
	return 0;
}
