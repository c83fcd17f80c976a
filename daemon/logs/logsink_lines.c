/*
 * Lines on their way to files: marked so that an item can be undone, written
 * by the group, taken back or kept.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "logs/logsink_impl.h"
#include "sys/log.h"

bool
writer_works(const struct logsink *s, const struct writer *w)
{
	return s->ready && w->retry == 0 && s->journal_retry == 0;
}

void
writer_touch(struct logsink *s, struct writer *w)
{
	if (!w->dirty) {
		w->dirty = true;
		w->next_dirty = s->dirty;
		s->dirty = w;
	}
	if (w->item == s->item)
		return;
	w->item = s->item;
	w->mark = mu_buf_len(&w->lines);
	w->mark_records = w->group_records;
	w->next_touched = s->touched;
	s->touched = w;
}

void
writer_fail(struct logsink *s, struct writer *w, int error)
{
	char name[SINK_NAME + 16];

	writer_file(w, name, sizeof name);
	snprintf(
	    w->error, sizeof w->error, "%.100s: %s", name, strerror(-error));
	w->retry = s->now.mono + SINK_RETRY_NS;
	sink_trouble(s, name, error);
}

bool
writer_lost(struct logsink *s, struct writer *w)
{
	char name[SINK_NAME + 16];
	uint64_t len = 0;
	int rc = s->fs.length(s->fs.ctx, w->file, &len);

	if (rc != -ENOENT && (rc != 0 || len >= w->size))
		return false;
	writer_file(w, name, sizeof name);
	sink_say(s, LOG_LEVEL_WARN,
	    "logs: %s was %s by somebody, with records in it; another one is "
	    "begun",
	    name, rc == -ENOENT ? "removed" : "truncated");
	w->opened = s->now.wall;
	rotate_close(s, w);
	return true;
}

/* A new file of length 0, whose name nobody had. */
static int
create(struct logsink *s, struct writer *w)
{
	char name[SINK_NAME + 16];
	int file;

	writer_renew(w);
	w->ext = format_ext(w->fmt);
	writer_file(w, name, sizeof name);
	file = s->fs.create(s->fs.ctx, name, &w->id);
	if (file == -EEXIST) {
		file = rotate_foreign(s, w);
		if (file == 0)
			file = s->fs.create(s->fs.ctx, name, &w->id);
	}
	if (file < 0)
		return file;
	w->file = file;
	w->size = w->written = 0;
	return 0;
}

/* Without its entry in the journal a file is a stranger's: that comes before
 * the first byte. */
bool
writer_open_all(struct logsink *s)
{
	bool ok = true, any = false;
	int rc;

	/* Lines without a header, of a file that had one, are made again. */
	for (struct writer *w = s->dirty; w != NULL; w = w->next_dirty)
		ok = (w->file < 0 || !writer_lost(s, w)) && ok;
	if (!ok)
		return false;
	for (struct writer *w = s->dirty; w != NULL; w = w->next_dirty) {
		if (mu_buf_len(&w->lines) == 0 || w->file >= 0)
			continue;
		rc = create(s, w);
		if (rc != 0)
			writer_fail(s, w, rc);
		w->fresh = rc == 0;
		ok = ok && rc == 0;
		any = any || rc == 0;
	}
	if (!any)
		return ok;
	rc = s->fs.sync_names(s->fs.ctx);
	if (rc == 0)
		rc = journal_commit_created(s);
	for (struct writer *w = s->dirty; w != NULL; w = w->next_dirty) {
		if (w->fresh && rc != 0) {
			/* Empty, and ours when we come by again. */
			s->fs.close(s->fs.ctx, w->file);
			w->file = -1;
			writer_fail(s, w, rc);
		}
		w->fresh = false;
	}
	return ok && rc == 0;
}

bool
writer_write_all(struct logsink *s)
{
	bool ok = true;
	int rc;

	for (struct writer *w = s->dirty; w != NULL; w = w->next_dirty) {
		size_t len = mu_buf_len(&w->lines);

		if (len == 0)
			continue;
		rc = format_write(s, w);
		if (rc != 0)
			writer_fail(s, w, rc);
		ok = ok && rc == 0;
	}
	if (!ok || !s->logs.sync)
		return ok;
	for (struct writer *w = s->dirty; w != NULL; w = w->next_dirty) {
		if (mu_buf_len(&w->lines) == 0)
			continue;
		rc = s->fs.sync(s->fs.ctx, w->file);
		if (rc != 0)
			writer_fail(s, w, rc);
		ok = ok && rc == 0;
	}
	return ok;
}

static void
forget_group(struct writer *w)
{
	mu_buf_reset(&w->lines);
	mu_buf_shrink(&w->lines);
	w->group_records = 0;
	w->group_dropped = 0;
	w->dirty = false;
}

void
writer_rollback_all(struct logsink *s)
{
	struct writer *w;

	while ((w = s->dirty) != NULL) {
		s->dirty = w->next_dirty;
		/* If not even that works, the next write goes over it, and
		 * after a crash the journal knows better. */
		if (w->file >= 0 &&
		    s->fs.truncate(s->fs.ctx, w->file, w->size) == 0)
			w->written = w->size;
		forget_group(w);
	}
	/* drops of files that failed before are not in the list */
	for (w = s->writers; w != NULL; w = w->next)
		w->group_dropped = 0;
	mu_buf_reset(&s->tail_lines);
}

void
writer_commit_all(struct logsink *s)
{
	struct writer *w;

	while ((w = s->dirty) != NULL) {
		s->dirty = w->next_dirty;
		w->records += w->group_records;
		w->bytes += w->written - w->size;
		s->total.records += w->group_records;
		s->total.bytes += w->written - w->size;
		if (w->group_records > 0) {
			w->last = s->now.wall;
			w->error[0] = '\0';
		}
		w->size = w->written;
		w->dropped += w->group_dropped;
		s->total.dropped += w->group_dropped;
		forget_group(w);
	}
	for (w = s->trouble ? s->writers : NULL; w != NULL; w = w->next) {
		w->dropped += w->group_dropped;
		s->total.dropped += w->group_dropped;
		w->group_dropped = 0;
	}
	if (mu_buf_len(&s->tail_done) + mu_buf_len(&s->tail_lines) <=
	    2 * SINK_LINES)
		mu_buf_put(&s->tail_done, mu_buf_data(&s->tail_lines),
		    mu_buf_len(&s->tail_lines));
	mu_buf_reset(&s->tail_lines);
}
