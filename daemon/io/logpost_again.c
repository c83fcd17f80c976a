/*
 * Files that could not be compressed, because the disk is full for instance:
 * they stay as they are, whole, and are tried again, first after a second, then
 * after twice the time of before, and all of them as soon as another one could
 * be compressed.  The journal has them until then, so the next start tries,
 * too.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/logpost_impl.h"
#include "sys/clock.h"
#include "sys/log.h"

#define REST_NS  UINT64_C(1000000000)
#define REST_MAX (600 * REST_NS)
#define TMP      ".tmp."

void
post_stays_plain(struct logpost *p, struct post *t, int error)
{
	bool first;

	pthread_mutex_lock(&p->lock);
	first = p->facts.error[0] == '\0';
	snprintf(p->facts.error, sizeof p->facts.error, "%.100s: %s", t->file,
	    strerror(error));
	p->facts.plain += !t->plain;
	pthread_mutex_unlock(&p->lock);
	t->plain = true;
	if (first)
		post_say(p, LOG_LEVEL_WARN,
		    "logs: %s cannot be compressed: %s; such files stay as "
		    "they are and are tried again",
		    t->file, strerror(error));
}

void
post_not_plain(struct logpost *p, struct post *t)
{
	bool over;

	if (!t->plain)
		return;
	t->plain = false;
	pthread_mutex_lock(&p->lock);
	over = --p->facts.plain == 0;
	if (over)
		p->facts.error[0] = '\0';
	pthread_mutex_unlock(&p->lock);
	if (over)
		post_say(p, LOG_LEVEL_INFO,
		    "logs: no rotated file waits to be compressed again");
}

void
post_packed(struct logpost *p)
{
	for (struct post *t = p->delayed; t != NULL; t = t->next)
		t->again_at = 0;
}

void
post_delay(struct logpost *p, struct post *t)
{
	t->rest_ns = t->rest_ns == 0              ? REST_NS
		     : t->rest_ns >= REST_MAX / 2 ? REST_MAX
						  : 2 * t->rest_ns;
	t->again_at = clock_now() + t->rest_ns;
	t->next = NULL;
	*p->last_delayed = t;
	p->last_delayed = &t->next;
}

struct post *
post_again(struct logpost *p)
{
	struct post **at = &p->delayed, *t;
	uint64_t now = clock_now();

	while (*at != NULL && (*at)->again_at > now)
		at = &(*at)->next;
	t = *at;
	if (t == NULL)
		return NULL;
	*at = t->next;
	if (*at == NULL)
		p->last_delayed = at;
	return t;
}

uint64_t
post_again_at(const struct logpost *p)
{
	uint64_t first = UINT64_MAX;

	for (const struct post *t = p->delayed; t != NULL; t = t->next)
		if (t->again_at < first)
			first = t->again_at;
	return first;
}

/* ".tmp." and what compression makes of a rotated file's name. */
static bool
is_leftover(const char *name)
{
	const char *dot = strrchr(name, '.');

	return strncmp(name, TMP, strlen(TMP)) == 0 &&
	       (strcmp(dot, ".gz") == 0 || strcmp(dot, ".zst") == 0) &&
	       post_is_rotated(name + strlen(TMP));
}

static void
sweep(const char *folder)
{
	DIR *d = folder == NULL ? NULL : opendir(folder);
	struct dirent *e;

	if (d == NULL)
		return; /* nothing was rotated yet */
	while ((e = readdir(d)) != NULL)
		if (is_leftover(e->d_name))
			(void)unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
}

void
post_sweep(struct logpost *p)
{
	sweep(p->here);
	sweep(p->rotated);
}
