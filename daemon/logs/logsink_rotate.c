/*
 * Rotation: last line, close, a new name.  Where a file is to be moved is in
 * the journal before it is, and that it was moved after; whoever comes in
 * between finds it under one of both names.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "logs/logsink_impl.h"
#include "sys/log.h"

#define NS         INT64_C(1000000000)
#define TIME_TEXT  32
#define MOST_NAMES 10000 /* tried before a rotation is put off */
#define HEAD_BYTES 1024  /* of a stranger's file that are looked at */

/* --- when -------------------------------------------------------------- */

static int64_t
midnight(int64_t wall)
{
	time_t t = (time_t)(wall / NS);
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL)
		return wall / NS / 86400 * 86400 * NS;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm) * NS;
}

int64_t
rotate_next(const struct mu_logs *l, int64_t wall)
{
	int64_t base, n;

	if (l->rotate_ns == 0)
		return 0;
	base = midnight(wall) + l->rotate_base_ns;
	n = (wall - base) / l->rotate_ns;
	if (wall < base && n * l->rotate_ns > wall - base)
		n--;
	return base + (n + 1) * l->rotate_ns;
}

/* --- names ------------------------------------------------------------- */

static void
put_time(int64_t wall, char out[TIME_TEXT])
{
	time_t t = (time_t)(wall / NS);
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(out, TIME_TEXT, "%Y-%m-%d-%H-%M-%S", &tm) == 0)
		snprintf(out, TIME_TEXT, "%lld", (long long)t);
}

/* The n-th choice; what makes it different from the first is where the
 * archiver does not mind it. */
static char *
make_name(const struct logsink *s, const char *base, const char *ext,
    int64_t from, int64_t to, unsigned n)
{
	char open[TIME_TEXT], close[TIME_TEXT], more[32] = "";

	put_time(from, open);
	put_time(to, close);
	if (s->logs.naming == MU_LOGS_ZEEK) {
		if (n > 1)
			snprintf(more, sizeof more, "-%u", n);
		return mu_asprintf("%s.%s%s%s", base, open, more, ext);
	}
	if (n > 1)
		snprintf(more, sizeof more, "n=%u", n);
	if (s->several)
		return mu_asprintf("%s__%s__%s__log_suffix=%s%s%s__%s", base,
		    open, close, s->node, n > 1 ? "," : "", more, ext);
	return mu_asprintf("%s__%s__%s__%s%s%s", base, open, close, more,
	    n > 1 ? "__" : "", ext);
}

static enum logfs_place
place_of(const struct logsink *s, bool here)
{
	return s->rotated_apart && !here ? LOGFS_ROTATED : LOGFS_HERE;
}

/* Compressed or not. */
static bool
is_there(struct logsink *s, enum logfs_place place, const char *name)
{
	static const char *const ends[] = { "", ".gz", ".zst" };
	struct logfs_stat st;
	char full[400];

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		snprintf(full, sizeof full, "%s%s", name, ends[i]);
		if (s->fs.stat(s->fs.ctx, place, full, &st) == 0)
			return true;
	}
	return false;
}

char *
rotate_name(struct logsink *s, const char *base, const char *ext, int64_t open,
    int64_t close, bool here)
{
	for (unsigned n = 1; n < MOST_NAMES; n++) {
		char *name = make_name(s, base, ext, open, close, n);

		if (name == NULL || !is_there(s, place_of(s, here), name))
			return name;
		mu_free(name);
	}
	return NULL;
}

int
rotate_move(struct logsink *s, const char *name, const char *target, bool *here)
{
	enum logfs_place place = place_of(s, *here);
	int rc = s->fs.rename(s->fs.ctx, name, place, target);

	if (rc == 0 || rc == -EEXIST || place == LOGFS_HERE) {
		if (rc == 0 && place == LOGFS_ROTATED)
			s->rotation_trouble = false;
		return rc;
	}
	if (!s->rotation_trouble)
		sink_say(s, LOG_LEVEL_WARN,
		    "logs: rotated files stay where they are: %s",
		    strerror(-rc));
	s->rotation_trouble = true;
	*here = true;
	return s->fs.rename(s->fs.ctx, name, LOGFS_HERE, target);
}

/* --- one file ---------------------------------------------------------- */

/* The last line, if there is room for it; the lines of the group are on disk
 * by now: every way here begins with a flush. */
static void
end_lines(struct logsink *s, struct writer *w)
{
	assert(mu_buf_len(&w->lines) == 0);
	format_close(w->fmt, &w->lines, s->now.wall);
	if (mu_buf_error(&w->lines) == 0 && mu_buf_len(&w->lines) > 0) {
		if (format_write(s, w) == 0)
			w->size = w->written;
		else if (s->fs.truncate(s->fs.ctx, w->file, w->size) == 0)
			w->written = w->size;
	}
	mu_buf_reset(&w->lines);
	if (s->logs.sync && s->fs.sync(s->fs.ctx, w->file) != 0)
		sink_say(s, LOG_LEVEL_WARN, "logs: %s%s cannot be synced",
		    w->base, w->ext);
}

static bool
begin_one(struct logsink *s, struct writer *w)
{
	if (w->file < 0) {
		w->opened = s->now.wall;
		return false;
	}
	if (w->size == 0 || writer_lost(s, w))
		return false; /* it has no records: there is nothing to keep */
	end_lines(s, w);
	w->here = s->rotation_trouble;
	w->target =
	    rotate_name(s, w->base, w->ext, w->opened, s->now.wall, w->here);
	if (w->target == NULL) {
		w->no_rotation = s->now.mono + SINK_RETRY_NS;
		return false;
	}
	w->rotated = s->now.wall;
	w->rotating = true;
	return true;
}

static void
forget_target(struct writer *w)
{
	mu_free(w->target);
	w->target = NULL;
	w->rotating = false;
	w->rotated = 0;
}

void
rotate_close(struct logsink *s, struct writer *w)
{
	s->fs.close(s->fs.ctx, w->file);
	w->file = -1;
	w->size = w->written = 0;
	writer_renew(w);
	w->ext = format_ext(w->fmt);
}

static bool
is_its(struct logsink *s, const struct writer *w, const char *name)
{
	struct logfs_stat st;

	return s->fs.stat(s->fs.ctx, LOGFS_HERE, name, &st) == 0 &&
	       st.id.inode == w->id.inode && st.id.device == w->id.device;
}

static void
move_one(struct logsink *s, struct writer *w)
{
	char name[SINK_NAME + 16];
	int rc = 0;

	writer_file(w, name, sizeof name);
	if (!is_its(s, w, name)) {
		sink_say(s, LOG_LEVEL_WARN,
		    "logs: %s was moved away by somebody; it is not rotated",
		    name);
		rc = -ENOENT;
	} else {
		rc = rotate_move(s, name, w->target, &w->here);
		if (rc != 0)
			sink_trouble(s, name, rc);
	}
	if (rc != 0) {
		/* When its name is needed it is in the way, and moved. */
		mu_free(w->target);
		w->target = NULL;
	}
}

static void
end_one(struct logsink *s, struct writer *w, bool terminating)
{
	struct logsink_rotated r = { w->target, w->here, w->base, w->opened,
		w->rotated, terminating };

	if (w->target != NULL)
		sink_rotated(s, &r);
	w->opened = w->rotated;
	rotate_close(s, w);
	forget_target(w);
}

void
rotate(struct logsink *s,
    bool (*want)(struct logsink *s, const struct writer *w), bool terminating)
{
	struct writer *w;
	size_t n = 0;
	int rc;

	for (w = s->writers; w != NULL; w = w->next)
		if (want(s, w) && begin_one(s, w))
			n++;
	if (n == 0)
		return;
	rc = journal_commit_targets(s);
	if (rc != 0)
		sink_trouble(s, "journal", rc);
	for (w = s->writers; w != NULL; w = w->next) {
		if (!w->rotating)
			continue;
		if (rc == 0)
			move_one(s, w);
		else
			forget_target(w);
		w->no_rotation = rc == 0 ? 0 : s->now.mono + SINK_RETRY_NS;
	}
	if (rc != 0)
		return;
	rc = s->fs.sync_names(s->fs.ctx);
	if (rc == 0)
		rc = journal_commit_moved(s, terminating);
	if (rc != 0)
		sink_trouble(s, "journal", rc);
	for (w = s->writers; w != NULL; w = w->next)
		if (w->rotating)
			end_one(s, w, terminating);
}

/* --- when it is time --------------------------------------------------- */

static bool
any(struct logsink *s, const struct writer *w)
{
	(void)s;
	(void)w;
	return true;
}

/* Names have whole seconds: no file is rotated twice in one. */
static bool
too_large(struct logsink *s, const struct writer *w)
{
	if (w->file < 0 || w->size < s->logs.rotate_bytes)
		return false;
	if (w->opened / NS == s->now.wall / NS ||
	    w->no_rotation > s->now.mono) {
		s->rotation_waits = true;
		return false;
	}
	return true;
}

static bool
any_too_large(struct logsink *s)
{
	bool any = false;

	if (s->logs.rotate_bytes == 0)
		return false;
	for (const struct writer *w = s->writers; w != NULL; w = w->next)
		any = too_large(s, w) || any;
	return any;
}

void
rotate_due(struct logsink *s)
{
	s->rotation_waits = false;
	if (any_too_large(s)) {
		logsink_flush(s, &s->now);
		rotate(s, too_large, false);
	}
	if (s->logs.rotate_ns == 0) {
		s->next_rotation = 0;
		return;
	}
	if (s->next_rotation != 0 && s->now.wall >= s->next_rotation) {
		logsink_flush(s, &s->now);
		rotate(s, any, false);
		s->next_rotation = 0;
	}
	/* also when the clock was put back by more than an interval */
	if (s->next_rotation == 0 ||
	    s->next_rotation - s->now.wall > s->logs.rotate_ns + NS)
		s->next_rotation = rotate_next(&s->logs, s->now.wall);
}

void
rotate_let_go(struct logsink *s,
    bool (*want)(struct logsink *s, const struct writer *w), bool forget)
{
	char name[SINK_NAME + 16];
	int rc = 0;

	for (struct writer *w = s->writers; w != NULL; w = w->next) {
		if (w->file < 0 || !want(s, w))
			continue;
		writer_file(w, name, sizeof name);
		end_lines(s, w);
		w->rotating = !forget; /* in the transaction below */
		if (forget)
			rc = journal_moved(s, name, NULL);
		else
			rc = journal_commit_targets(s);
		if (rc != 0)
			sink_trouble(s, "journal", rc);
		w->rotating = false;
		w->opened = s->now.wall;
		rotate_close(s, w);
	}
}

/* --- strangers --------------------------------------------------------- */

/* When a file was begun: by its own word, else when it was written last. */
static int64_t
opened(struct logsink *s, const char *name, int64_t otherwise)
{
	char head[HEAD_BYTES + 1], *line;
	struct tm tm = { .tm_isdst = -1 };
	int n = s->fs.head(s->fs.ctx, name, head, HEAD_BYTES);
	time_t t;

	if (n <= 0)
		return otherwise;
	head[n] = '\0';
	line = strstr(head, "\n#open\t");
	if (line == NULL ||
	    strptime(line + 7, "%Y-%m-%d-%H-%M-%S", &tm) == NULL)
		return otherwise;
	t = mktime(&tm);
	return t == (time_t)-1 ? otherwise : (int64_t)t * NS;
}

int
rotate_foreign(struct logsink *s, const struct writer *w)
{
	struct logsink_rotated r = { .path = w->base };
	char name[SINK_NAME + 16], *target;
	struct logfs_stat st;
	int rc;

	writer_file(w, name, sizeof name);
	rc = s->fs.stat(s->fs.ctx, LOGFS_HERE, name, &st);
	if (rc != 0)
		return rc;
	if (st.size == 0)
		return s->fs.remove(s->fs.ctx, name);
	r.open = opened(s, name, st.mtime);
	r.close = st.mtime;
	r.here = s->rotation_trouble;
	target = rotate_name(s, w->base, w->ext, r.open, r.close, r.here);
	if (target == NULL)
		return -ENOMEM;
	r.name = target;
	rc = rotate_move(s, name, target, &r.here);
	if (rc == 0)
		rc = s->fs.sync_names(s->fs.ctx);
	if (rc == 0)
		rc = journal_moved(s, name, &r);
	if (rc == 0) {
		sink_say(s, LOG_LEVEL_INFO,
		    "logs: %s was there before: it is %s now", name, target);
		sink_rotated(s, &r);
	}
	mu_free(target);
	return rc;
}
