/*
 * The sink: groups of items and their flushes; see logsink.h, and
 * logsink_impl.h for which file does what.
 */
#include "logs/logsink_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "sys/clock.h"
#include "sys/log.h"

#define GROUP_BYTES (8u << 20) /* a group of this size is flushed at once */
#define DELAY_MIN   UINT64_C(20000000) /* ns a group with batches waits */
#define DELAY_TIMES 4                  /* or so many times the last flush */

/* --- construction ------------------------------------------------------ */

static void
take_logs(struct logsink *s, const struct mu_logs *logs, bool several)
{
	s->logs = *logs;
	s->rotated_apart = logs->rotated != NULL;
	s->logs.directory = s->logs.rotated = s->logs.postprocessor = NULL;
	s->several = several;
}

struct logsink *
logsink_new(const struct logsink_config *cfg)
{
	struct logsink *s = mu_calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->node = mu_strdup(cfg->node);
	take_logs(s, cfg->logs, cfg->several);
	s->max_sessions = cfg->sessions == 0 ? SINK_SESSIONS : cfg->sessions;
	s->fs = *cfg->fs;
	s->journal = *cfg->journal;
	s->last_writer = &s->writers;
	s->last_item = &s->group;
	s->last_back = &s->back;
	s->last_note = &s->notes;
	s->last_due = &s->due;
	s->delay_ns = DELAY_MIN;
	mu_buf_init(&s->scratch, 0);
	mu_buf_init(&s->tail_lines, SINK_LINES);
	mu_buf_init(&s->tail_done, 2 * SINK_LINES);
	if (s->node != NULL)
		return s;
	logsink_free(s);
	return NULL;
}

void
logsink_free(struct logsink *s)
{
	if (s == NULL)
		return;
	recover_forget(s);
	writer_forget_keys(s);
	while (s->writers != NULL) {
		struct writer *w = s->writers;

		s->writers = w->next;
		writer_free(s, w);
	}
	session_forget(s);
	sink_forget_notes(s);
	mu_log_record_clear(&s->record);
	mu_buf_clear(&s->scratch);
	mu_buf_clear(&s->tail_lines);
	mu_buf_clear(&s->tail_done);
	mu_free(s->node);
	mu_free(s);
}

/* --- groups ------------------------------------------------------------ */

static void
give_back(struct logsink *s, struct logitem *it)
{
	it->next = NULL;
	*s->last_back = it;
	s->last_back = &it->next;
}

static void
refuse(struct logsink *s, struct logitem *it)
{
	char why[LOGITEM_WHY];

	if (s->journal_retry != 0 || !s->ready)
		snprintf(why, sizeof why, "%s", s->total.error);
	else if (s->blocked != NULL)
		snprintf(why, sizeof why, "%s", s->blocked->error);
	else if (s->no_writer != NULL)
		snprintf(why, sizeof why, "%s", s->no_writer);
	else
		snprintf(why, sizeof why, "out of memory");
	session_refuse(s, it, why);
}

/* One item, for the first time or again; false: it is done with, because it
 * was refused or is on disk already. */
static bool
take(struct logsink *s, struct logitem *it)
{
	struct session *ss = NULL;

	if (it->kind == LOGITEM_MESSAGE) {
		/* what has no file is dropped, record by record */
		(void)item_take(s, it);
		return true;
	}
	if (session_judge(s, it, &ss) != SESSION_TAKE)
		return false;
	if (!item_take(s, it)) {
		refuse(s, it);
		return false;
	}
	ss->seen = it->seq;
	return true;
}

void
logsink_feed(
    struct logsink *s, struct logitem *it, const struct logsink_now *now)
{
	s->now = *now;
	it->next = NULL;
	if (!take(s, it)) {
		give_back(s, it);
		return;
	}
	if (s->group == NULL) {
		s->group_since = now->mono;
		s->group_numbered = false;
	}
	*s->last_item = it;
	s->last_item = &it->next;
	s->group_bytes += it->len + 64;
	if (it->kind == LOGITEM_BATCH)
		s->group_numbered = true;
	if (s->group_bytes >= GROUP_BYTES ||
	    s->group_bytes >= s->logs.buffer_bytes / 2)
		logsink_flush(s, now);
}

/* --- the flush --------------------------------------------------------- */

/* Everything of the group to disk and into the journal; false: something
 * failed, and who is to blame rests for a while. */
static bool
write_group(struct logsink *s)
{
	int rc;

	if (!writer_open_all(s) || !writer_write_all(s))
		return false;
	if (s->journal_retry != 0)
		return true; /* nothing was taken */
	rc = journal_commit_group(s);
	if (rc == 0)
		return true;
	s->journal_retry = s->now.mono + SINK_RETRY_NS;
	sink_trouble(s, "journal", rc);
	return false;
}

static void
do_again(struct logsink *s)
{
	struct logitem *it;
	struct session *ss;

	writer_rollback_all(s);
	for (it = s->group; it != NULL; it = it->next) {
		ss = it->kind == LOGITEM_BATCH ? session_find(s, &it->session)
					       : NULL;
		if (ss != NULL)
			ss->seen = ss->taken;
	}
	s->again = true;
	for (it = s->group; it != NULL; it = it->next)
		if (!it->refused)
			(void)take(s, it); /* in the group in any case */
	s->again = false;
}

static void
end_group(struct logsink *s)
{
	struct logitem *it;

	while ((it = s->group) != NULL) {
		struct session *ss;

		s->group = it->next;
		ss = it->kind == LOGITEM_BATCH && !it->refused
			 ? session_find(s, &it->session)
			 : NULL;
		if (ss != NULL)
			session_due(s, ss);
		give_back(s, it);
	}
	s->last_item = &s->group;
	s->group_bytes = 0;
}

static void
count_flush(struct logsink *s, uint64_t ns)
{
	s->total.flushes++;
	s->total.flush_ns = ns;
	if (ns > s->total.flush_max_ns)
		s->total.flush_max_ns = ns;
	s->delay_ns = ns * DELAY_TIMES;
	if (s->delay_ns < DELAY_MIN)
		s->delay_ns = DELAY_MIN;
	if (s->delay_ns > (uint64_t)s->logs.flush_ns)
		s->delay_ns = (uint64_t)s->logs.flush_ns;
}

/* Files that rested are tried again. */
static void
forgive(struct logsink *s)
{
	if (s->journal_retry != 0 && s->journal_retry <= s->now.mono)
		s->journal_retry = 0;
	if (!s->trouble)
		return;
	for (struct writer *w = s->writers; w != NULL; w = w->next)
		if (w->retry != 0 && w->retry <= s->now.mono)
			w->retry = 0;
}

void
logsink_flush(struct logsink *s, const struct logsink_now *now)
{
	uint64_t since = clock_now();
	bool wrote;

	s->now = *now;
	if (s->group == NULL)
		return;
	wrote = s->dirty != NULL;
	/* Each round blames somebody new, so there are few. */
	while (!write_group(s))
		do_again(s);
	wrote = wrote && s->dirty != NULL;
	writer_commit_all(s);
	end_group(s);
	count_flush(s, clock_now() - since);
	if (wrote)
		sink_end_trouble(s);
}

/* --- time -------------------------------------------------------------- */

static uint64_t
group_deadline(const struct logsink *s)
{
	uint64_t delay = (uint64_t)s->logs.flush_ns;

	if (s->group == NULL)
		return UINT64_MAX;
	if (s->group_numbered && s->delay_ns < delay)
		delay = s->delay_ns;
	return s->group_since + delay;
}

static void
try_recover(struct logsink *s)
{
	int rc = recover(s);

	if (rc != 0 && s->damaged) {
		anew(s);
		rc = s->damaged ? rc : recover(s);
	}
	s->ready = rc == 0;
	if (rc == 0) {
		if (s->before.since == 0)
			s->before.since = s->now.wall;
		sink_end_trouble(s);
		return;
	}
	s->recover_at = s->now.mono + SINK_RETRY_NS;
	sink_trouble(s, "what was left cannot be put in order", rc);
}

void
logsink_tick(struct logsink *s, const struct logsink_now *now)
{
	s->now = *now;
	if (s->total.since == 0)
		s->total.since = now->wall;
	anew(s);
	forgive(s);
	if (!s->ready && now->mono >= s->recover_at)
		try_recover(s);
	if (group_deadline(s) <= now->mono)
		logsink_flush(s, now);
	rotate_due(s);
}

uint64_t
logsink_deadline(const struct logsink *s)
{
	uint64_t at = group_deadline(s);
	int64_t left = s->next_rotation - s->now.wall;

	if (!s->ready && s->recover_at < at)
		at = s->recover_at;
	if (s->rotation_waits && s->now.mono + SINK_RETRY_NS / 5 < at)
		at = s->now.mono + SINK_RETRY_NS / 5;
	if (s->next_rotation != 0 && left < 0)
		left = 0;
	if (s->next_rotation != 0 && s->now.mono + (uint64_t)left < at)
		at = s->now.mono + (uint64_t)left;
	return at;
}

static bool
everything(struct logsink *s, const struct writer *w)
{
	(void)s;
	(void)w;
	return true;
}

static bool
renamed(struct logsink *s, const struct writer *w)
{
	struct logfs_stat st;
	char name[SINK_NAME + 16];

	writer_file(w, name, sizeof name);
	return s->fs.stat(s->fs.ctx, LOGFS_HERE, name, &st) != 0 ||
	       st.id.inode != w->id.inode || st.id.device != w->id.device;
}

void
logsink_reopen(struct logsink *s, const struct logsink_now *now)
{
	logsink_flush(s, now);
	rotate_let_go(s, renamed, true);
}

void
logsink_end(struct logsink *s, const struct logsink_now *now)
{
	logsink_flush(s, now);
	if (s->logs.rotate_ns > 0 || s->logs.rotate_bytes > 0)
		rotate(s, everything, true);
	rotate_let_go(s, everything, false);
}

int
logsink_reload(struct logsink *s, const struct mu_logs *logs, bool several)
{
	struct mu_logs old = s->logs;
	bool was = s->several;
	bool again = old.format != logs->format ||
		     old.json_time != logs->json_time ||
		     old.json_unset != logs->json_unset;
	int rc;

	logsink_flush(s, &s->now);
	take_logs(s, logs, several);
	s->next_rotation = 0;
	rc = again ? writer_format_all(s) : 0;
	if (rc != 0) {
		take_logs(s, &old, was);
		sink_say(s, LOG_LEVEL_ERR,
		    "logs: the layout of before holds on: out of memory");
		return rc;
	}
	if (again)
		rotate(s, everything, false);
	rotate_due(s);
	return 0;
}

void
logsink_tail(struct logsink *s, bool on)
{
	s->tail = on;
}

void
logsink_posted(struct logsink *s, const char *name)
{
	int rc = journal_del(s, 'p', name);

	if (rc != 0)
		sink_trouble(s, "journal", rc);
}
