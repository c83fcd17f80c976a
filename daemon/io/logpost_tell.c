/* What the thread for rotated files tells its owner; see logpost_impl.h. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "io/logpost_impl.h"

/* --- the thread's side ------------------------------------------------- */

void
post_signal(int fd)
{
	uint64_t one = 1;

	/* Fails only when the counter is full, and then it is readable. */
	(void)!write(fd, &one, sizeof one);
}

static void
add_note(struct logpost *p, struct post_note *n)
{
	pthread_mutex_lock(&p->lock);
	*p->last_note = n;
	p->last_note = &n->next;
	/* Under the lock, so that it is readable exactly while told is set. */
	if (!p->told)
		post_signal(p->event_fd);
	p->told = true;
	pthread_mutex_unlock(&p->lock);
}

void
post_say(struct logpost *p, int level, const char *fmt, ...)
{
	struct post_note *n = mu_calloc(1, sizeof *n);
	va_list ap;

	if (n == NULL)
		return;
	n->kind = LOGPOST_LOG;
	n->level = level;
	va_start(ap, fmt);
	vsnprintf(n->text, sizeof n->text, fmt, ap);
	va_end(ap);
	add_note(p, n);
}

void
post_failed(struct logpost *p)
{
	pthread_mutex_lock(&p->lock);
	p->facts.failed++;
	pthread_mutex_unlock(&p->lock);
}

/* Not told without memory: it is done again after the next start. */
void
post_done(struct logpost *p, struct post *t)
{
	struct post_note *n = mu_calloc(1, sizeof *n);

	pthread_mutex_lock(&p->lock);
	p->facts.done++;
	pthread_mutex_unlock(&p->lock);
	if (n == NULL)
		return;
	n->kind = LOGPOST_DONE;
	n->name = t->name;
	t->name = NULL;
	add_note(p, n);
}

/* --- the owner's side -------------------------------------------------- */

void
post_forget_notes(struct logpost *p)
{
	while (p->notes != NULL) {
		struct post_note *n = p->notes;

		p->notes = n->next;
		mu_free(n->name);
		mu_free(n);
	}
	if (p->shown != NULL)
		mu_free(p->shown->name);
	mu_free(p->shown);
}

int
logpost_fd(const struct logpost *p)
{
	return p->event_fd;
}

bool
logpost_next(struct logpost *p, struct logpost_out *out)
{
	struct post_note *n;
	uint64_t count;

	if (p->shown != NULL)
		mu_free(p->shown->name);
	mu_free(p->shown);
	pthread_mutex_lock(&p->lock);
	n = p->notes;
	if (n != NULL) {
		p->notes = n->next;
		if (p->notes == NULL)
			p->last_note = &p->notes;
	} else if (p->told) {
		(void)!read(p->event_fd, &count, sizeof count);
		p->told = false;
	}
	pthread_mutex_unlock(&p->lock);
	p->shown = n;
	if (n == NULL)
		return false;
	out->kind = n->kind;
	out->name = n->name;
	out->text = n->text;
	out->level = n->level;
	return true;
}

void
logpost_facts(struct logpost *p, struct logpost_facts *out)
{
	pthread_mutex_lock(&p->lock);
	*out = p->facts;
	pthread_mutex_unlock(&p->lock);
}
