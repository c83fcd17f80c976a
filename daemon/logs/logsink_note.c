/* What a sink has to say: messages, rotated files, answers, items that go
 * back. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "logs/logsink_impl.h"
#include "sys/log.h"

#define MOST_NOTES 1000
#define TOLD_NS    UINT64_C(60000000000) /* between two, when there are many */

/* --- what is said ------------------------------------------------------ */

static struct note *
add_note(struct logsink *s, enum logsink_out_kind kind)
{
	struct note *n;

	if (s->nnotes >= MOST_NOTES && kind == LOGSINK_LOG)
		return NULL;
	n = mu_calloc(1, sizeof *n);
	if (n == NULL)
		return NULL;
	n->kind = kind;
	*s->last_note = n;
	s->last_note = &n->next;
	s->nnotes++;
	return n;
}

void
sink_say(struct logsink *s, int level, const char *fmt, ...)
{
	struct note *n = add_note(s, LOGSINK_LOG);
	va_list ap;

	if (n == NULL)
		return;
	n->level = level;
	va_start(ap, fmt);
	vsnprintf(n->text, sizeof n->text, fmt, ap);
	va_end(ap);
}

bool
sink_told(struct logsink *s, const char *what, const void *p, size_t len)
{
	uint64_t h = mu_hash64(mu_hash64(0, what, strlen(what)), p, len);
	size_t i, n = s->ntold < SINK_TOLD ? s->ntold : SINK_TOLD;

	for (i = 0; i < n; i++)
		if (s->told[i] == h)
			return true;
	/* So many that some are forgotten would be said again and again. */
	if (s->ntold >= SINK_TOLD && s->now.mono < s->told_next)
		return true;
	s->told_next = s->now.mono + TOLD_NS;
	s->told[s->ntold++ % SINK_TOLD] = h;
	return false;
}

/* Lost when memory is out: the journal has it, the next start finds it. */
void
sink_rotated(struct logsink *s, const struct logsink_rotated *r)
{
	char *name = mu_strdup(r->name), *path = mu_strdup(r->path);
	struct note *n = NULL;

	s->total.rotations++;
	if (name != NULL && path != NULL)
		n = add_note(s, LOGSINK_ROTATED);
	if (n == NULL) {
		mu_free(name);
		mu_free(path);
		return;
	}
	n->rotated = *r;
	n->rotated.name = name;
	n->rotated.path = path;
}

void
sink_trouble(struct logsink *s, const char *what, int error)
{
	snprintf(s->total.error, sizeof s->total.error, "%s: %s", what,
	    strerror(-error));
	s->total.error_at = s->now.wall;
	s->total.failures++;
	if (s->trouble)
		return;
	s->trouble = true;
	sink_say(s, LOG_LEVEL_WARN,
	    "logs: %s; records of Muster nodes stay with them, others are lost",
	    s->total.error);
}

void
sink_end_trouble(struct logsink *s)
{
	uint64_t dropped = 0;

	if (!s->trouble || s->journal_retry != 0 || !s->ready)
		return;
	for (struct writer *w = s->writers; w != NULL; w = w->next) {
		if (w->retry != 0)
			return;
		w->told_drop = false;
		dropped += w->dropped;
	}
	s->trouble = false;
	sink_say(s, LOG_LEVEL_INFO,
	    "logs: writing again, %llu records lost so far",
	    (unsigned long long)dropped);
}

static void
free_note(struct note *n)
{
	if (n != NULL && n->kind == LOGSINK_ROTATED) {
		/* Both are ours. */
		mu_free((void *)(uintptr_t)n->rotated.name);
		mu_free((void *)(uintptr_t)n->rotated.path);
	}
	mu_free(n);
}

void
sink_forget_notes(struct logsink *s)
{
	while (s->notes != NULL) {
		struct note *n = s->notes;

		s->notes = n->next;
		free_note(n);
	}
	free_note(s->shown);
	s->shown = NULL;
}

/* --- consequences ------------------------------------------------------ */

static bool
next_back(struct logsink *s, struct logsink_out *out)
{
	struct logitem *it = s->back;

	if (it == NULL)
		return false;
	s->back = it->next;
	if (s->back == NULL)
		s->last_back = &s->back;
	it->next = NULL;
	out->kind = LOGSINK_BACK;
	out->item = it;
	return true;
}

static bool
next_due(struct logsink *s, struct logsink_out *out)
{
	struct session *ss = s->due;

	if (ss == NULL)
		return false;
	s->due = ss->next_due;
	if (s->due == NULL)
		s->last_due = &s->due;
	ss->due = false;
	out->kind = LOGSINK_TAKEN;
	out->peer = ss->peer;
	out->session = ss->id;
	out->name = ss->name;
	out->seq = ss->taken;
	return true;
}

static bool
next_note(struct logsink *s, struct logsink_out *out)
{
	struct note *n = s->notes;

	free_note(s->shown);
	s->shown = n;
	if (n == NULL)
		return false;
	s->notes = n->next;
	if (s->notes == NULL)
		s->last_note = &s->notes;
	s->nnotes--;
	out->kind = n->kind;
	out->level = n->level;
	out->text = n->text;
	out->rotated = n->rotated;
	return true;
}

static bool
next_line(struct logsink *s, struct logsink_out *out)
{
	if (mu_buf_len(&s->tail_done) == 0)
		return false;
	/* All of them at once: the reader takes them apart. */
	mu_buf_reset(&s->scratch);
	mu_buf_put(
	    &s->scratch, mu_buf_data(&s->tail_done), mu_buf_len(&s->tail_done));
	mu_buf_reset(&s->tail_done);
	if (mu_buf_error(&s->scratch) != 0) {
		mu_buf_reset(&s->scratch);
		return false;
	}
	out->kind = LOGSINK_LINE;
	out->text = (const char *)mu_buf_data(&s->scratch);
	out->len = mu_buf_len(&s->scratch);
	return true;
}

bool
logsink_next(struct logsink *s, struct logsink_out *out)
{
	memset(out, 0, sizeof *out);
	return next_due(s, out) || next_back(s, out) || next_note(s, out) ||
	       next_line(s, out);
}
