/*
 * The start: what the journal says about the life before.  Files are cut to
 * what was promised, and rotated as if their time were over; files that were
 * being moved are found under one of both names.  Everything may be done
 * twice, so whatever fails is tried again as a whole.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "logs/logsink_impl.h"
#include "muster/err.h"
#include "sys/log.h"

/* A file of the life before. */
struct left {
	struct left *next;
	char *name, *base, *ext, *target; /* target NULL: none */
	bool here;
	struct logfs_id id;
	uint64_t size;
	int64_t opened, closed;
};

static void
free_left(struct left *l)
{
	mu_free(l->name);
	mu_free(l->base);
	mu_free(l->ext);
	mu_free(l->target);
	mu_free(l);
}

static int
keep_file(struct logsink *s, const struct journal_file *f)
{
	struct left *l = mu_calloc(1, sizeof *l);

	if (l == NULL)
		return -ENOMEM;
	l->name = mu_strdup(f->name);
	l->base = mu_strdup(f->base);
	l->ext = mu_strdup(f->ext);
	l->target = f->target[0] == '\0' ? NULL : mu_strdup(f->target);
	if (l->name == NULL || l->base == NULL || l->ext == NULL ||
	    (l->target == NULL && f->target[0] != '\0')) {
		free_left(l);
		return -ENOMEM;
	}
	l->here = f->here;
	l->id = f->id;
	l->size = f->size;
	l->opened = f->opened;
	l->closed = f->closed;
	l->next = s->left;
	s->left = l;
	return 0;
}

static int
keep_post(struct logsink *s, const struct logsink_rotated *r)
{
	if (!s->posts_told)
		sink_rotated(s, r);
	return 0;
}

void
recover_forget(struct logsink *s)
{
	while (s->left != NULL) {
		struct left *l = s->left;

		s->left = l->next;
		free_left(l);
	}
}

static bool
is_it(struct logsink *s, enum logfs_place place, const char *name,
    const struct left *l, struct logfs_stat *st)
{
	return s->fs.stat(s->fs.ctx, place, name, st) == 0 &&
	       st->id.inode == l->id.inode && st->id.device == l->id.device;
}

static int
cut(struct logsink *s, const struct left *l, uint64_t size)
{
	int file, rc;

	if (size < l->size)
		sink_say(s, LOG_LEVEL_ERR,
		    "logs: %s has %" PRIu64 " bytes, of which %" PRIu64
		    " were promised to be on disk",
		    l->name, size, l->size);
	/* Synced in any case: a cut that the life before made may not be. */
	file = s->fs.open(s->fs.ctx, l->name);
	if (file < 0)
		return file;
	rc = size <= l->size ? 0 : s->fs.truncate(s->fs.ctx, file, l->size);
	if (rc == 0)
		rc = s->fs.sync(s->fs.ctx, file);
	s->fs.close(s->fs.ctx, file);
	return rc;
}

/* Where it is to go, in the journal before it goes. */
static int
choose_target(
    struct logsink *s, struct left *l, const struct logsink_rotated *r)
{
	struct journal_file f = { l->name, l->base, l->ext, NULL, l->here,
		l->id, l->size, l->opened, r->close };

	mu_free(l->target);
	l->target = rotate_name(s, l->base, l->ext, r->open, r->close, l->here);
	if (l->target == NULL)
		return -ENOMEM;
	f.target = l->target;
	return journal_aim(s, &f);
}

/* Move it to where it was to go, or would go now. */
static int
finish_move(struct logsink *s, struct left *l, struct logsink_rotated *r)
{
	int rc = l->target == NULL
		     ? -EEXIST
		     : rotate_move(s, l->name, l->target, &l->here);

	if (rc == -EEXIST) {
		rc = choose_target(s, l, r);
		if (rc == 0)
			rc = rotate_move(s, l->name, l->target, &l->here);
	}
	r->name = l->target;
	r->here = l->here;
	return rc == 0 ? s->fs.sync_names(s->fs.ctx) : rc;
}

/* If a power cut brings it back it is empty, and nobody's. */
static int
remove_empty(struct logsink *s, const char *name)
{
	int rc = s->fs.remove(s->fs.ctx, name);

	if (rc == 0)
		rc = s->fs.sync_names(s->fs.ctx);
	return rc != 0 ? rc : journal_moved(s, name, NULL);
}

static int
recover_file(struct logsink *s, struct left *l)
{
	struct logsink_rotated r = { .path = l->base, .open = l->opened };
	struct logfs_stat st;
	int rc;

	if (is_it(s, LOGFS_HERE, l->name, l, &st)) {
		r.close = l->target != NULL ? l->closed : st.mtime;
		rc = cut(s, l, st.size);
		if (l->size == 0)
			return rc != 0 ? rc : remove_empty(s, l->name);
		if (rc == 0)
			rc = finish_move(s, l, &r);
	} else if (l->target != NULL &&
		   (is_it(s, LOGFS_ROTATED, l->target, l, &st) ||
		       is_it(s, LOGFS_HERE, l->target, l, &st))) {
		r.name = l->target;
		r.here = l->here;
		r.close = l->closed;
		rc = 0;
	} else {
		/* An empty one was removed by a life that could not say so. */
		if (l->size > 0)
			sink_say(s, LOG_LEVEL_WARN,
			    "logs: %s is gone, or another file by now",
			    l->name);
		return journal_moved(s, l->name, NULL);
	}
	if (rc == 0)
		rc = journal_moved(s, l->name, &r);
	if (rc != 0)
		return rc;
	sink_say(s, LOG_LEVEL_INFO, "logs: %s of the last run is now %s",
	    l->name, r.name);
	sink_rotated(s, &r);
	return 0;
}

int
recover(struct logsink *s)
{
	static const struct journal_reader reader = { keep_file, keep_post };
	int rc;

	recover_forget(s);
	rc = journal_read(s, &reader);
	if (rc == 0)
		s->posts_told = true;
	for (struct left *l = s->left; l != NULL && rc == 0; l = l->next)
		rc = recover_file(s, l);
	recover_forget(s);
	return rc;
}
