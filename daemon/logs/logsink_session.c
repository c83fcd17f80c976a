/*
 * Numbered batches: what was written already is not written again, and what
 * shows that one before it is missing is not written yet (muster-protocol(7),
 * LOGS).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "logs/logsink_impl.h"
#include "muster/err.h"

#define ERASE_MOST 1000 /* in one transaction */

struct session *
session_find(struct logsink *s, const struct mu_uuid *id)
{
	struct session *ss;

	HASH_FIND(hh, s->sessions, id, sizeof *id, ss);
	return ss;
}

static int
by_time(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The time up to which an eighth of them was used last; false: no memory. */
static bool
find_oldest(const struct logsink *s, int64_t *until)
{
	size_t n = HASH_COUNT(s->sessions), i = 0;
	int64_t *used = mu_calloc(n + 1, sizeof *used);
	const struct session *ss, *next;

	if (used == NULL)
		return false;
	HASH_ITER(hh, s->sessions, ss, next)
	{
		used[i++] = ss->used;
	}
	qsort(used, n, sizeof *used, by_time);
	*until = used[n / 8];
	mu_free(used);
	return true;
}

/* The journal has it until the next transaction; at most as many as are
 * remembered wait for that, others stay there until they are forgotten again.
 */
static void
remember_gone(struct logsink *s, const struct mu_uuid *id)
{
	struct gone *g = &s->gone;
	size_t room = g->room == 0 ? 64 : 2 * g->room;
	struct mu_uuid *more;

	if (g->n >= s->max_sessions)
		return;
	if (g->n == g->room) {
		more = mu_realloc(g->ids, room * sizeof *more);
		if (more == NULL)
			return;
		g->ids = more;
		g->room = room;
	}
	g->ids[g->n++] = *id;
}

/* There are too many.  Only then, and not when they are old: by a clock that
 * leaps ahead all of them are, and what they had under way would be written
 * twice. */
static bool
forget_oldest(struct logsink *s)
{
	struct session *ss, *next;
	int64_t until;
	bool any = false;

	if (!find_oldest(s, &until))
		return false;
	HASH_ITER(hh, s->sessions, ss, next)
	{
		if (ss->used > until || ss->due || ss->seen != ss->taken)
			continue;
		if (ss->taken > 0)
			remember_gone(s, &ss->id);
		HASH_DEL(s->sessions, ss);
		mu_free(ss);
		any = true;
	}
	return any;
}

struct session *
session_add(struct logsink *s, const struct mu_uuid *id)
{
	struct session *ss;

	if (HASH_COUNT(s->sessions) >= s->max_sessions && !forget_oldest(s))
		return NULL;
	ss = mu_calloc(1, sizeof *ss);
	if (ss == NULL)
		return NULL;
	ss->id = *id;
	HASH_ADD(hh, s->sessions, id, sizeof ss->id, ss);
	return ss;
}

void
session_refuse(struct logsink *s, struct logitem *it, const char *why)
{
	it->refused = true;
	snprintf(it->why, sizeof it->why, "%s", why);
	s->total.refused++;
}

/* Its answer leaves, maybe once more. */
static void
answer(struct logsink *s, struct session *ss)
{
	if (ss->due)
		return;
	ss->due = true;
	ss->next_due = NULL;
	*s->last_due = ss;
	s->last_due = &ss->next_due;
}

void
session_due(struct logsink *s, struct session *ss)
{
	ss->taken = ss->seen;
	answer(s, ss);
}

enum session_verdict
session_judge(struct logsink *s, struct logitem *it, struct session **out)
{
	struct session *ss = session_find(s, &it->session);

	if (ss == NULL)
		ss = session_add(s, &it->session);
	*out = ss;
	if (ss == NULL) {
		session_refuse(s, it, "too many sessions, or no memory");
		return SESSION_REFUSE;
	}
	ss->peer = it->peer;
	snprintf(ss->name, sizeof ss->name, "%s", it->name);
	ss->used = s->now.wall;
	if (it->seq <= ss->seen) {
		/* What is only in the group is answered with the group. */
		s->total.repeated += !s->again;
		if (it->seq <= ss->taken)
			answer(s, ss);
		return SESSION_REPEATED;
	}
	if (it->prev > ss->seen) {
		s->total.gaps += !s->again;
		answer(s, ss);
		return SESSION_REPEATED;
	}
	if (it->kind == LOGITEM_BUSY) {
		session_refuse(s, it,
		    "busy: the records that wait for the disk fill the buffer");
		return SESSION_REFUSE;
	}
	if (!s->ready || s->journal_retry != 0) {
		session_refuse(s, it, s->total.error);
		return SESSION_REFUSE;
	}
	s->total.batches += !s->again;
	return SESSION_TAKE;
}

void
session_forget(struct logsink *s)
{
	struct session *ss, *next;

	HASH_ITER(hh, s->sessions, ss, next)
	{
		HASH_DEL(s->sessions, ss);
		mu_free(ss);
	}
	mu_free(s->gone.ids);
	s->gone = (struct gone){ .n = 0 };
}

/* Those that came back meanwhile stay. */
int
session_erase(struct logsink *s, size_t *n)
{
	const struct gone *g = &s->gone;
	int rc = 0;

	*n = g->n < ERASE_MOST ? g->n : ERASE_MOST;
	for (size_t i = g->n - *n; i < g->n && rc == 0; i++)
		if (session_find(s, &g->ids[i]) == NULL)
			rc = journal_erase_session(s, &g->ids[i]);
	return rc;
}
