/*
 * The journal's records.  Keys begin with what they are about:
 *
 *   f NAME     a file being written: base, extension, where it is to be moved
 *              ("" : nowhere yet), which file it is, its length, open time,
 *              close time
 *   s SESSION  the number up to which everything is on disk, time of last use
 *   p NAME     a rotated file to be compressed and post-processed: path, open
 *              and close time
 *   c          how many records and bytes were written, and since when
 *
 * Integers are big endian, texts have a length of 16 bits in front.
 */
#include <errno.h>
#include <string.h>

#include "base/cursor.h"
#include "logs/logsink_impl.h"
#include "muster/err.h"
#include "sys/log.h"

#define KEY_MAX 400 /* LMDB takes 511 */

static size_t
make_key(char *out, char kind, const char *name)
{
	size_t len = strlen(name);

	if (len > KEY_MAX - 1)
		len = KEY_MAX - 1;
	out[0] = kind;
	memcpy(out + 1, name, len);
	return len + 1;
}

static void
put_text(struct mu_buf *b, const char *text)
{
	size_t len = strlen(text);

	mu_buf_u16(b, (uint16_t)len);
	mu_buf_put(b, text, len);
}

static int
put(struct logsink *s, const void *key, size_t key_len)
{
	struct mu_buf *b = &s->scratch;

	if (mu_buf_error(b) != 0)
		return -ENOMEM;
	return s->journal.put(
	    s->journal.ctx, key, key_len, mu_buf_data(b), mu_buf_len(b));
}

static int
put_entry(struct logsink *s, const struct journal_file *f)
{
	struct mu_buf *b = &s->scratch;
	char key[KEY_MAX];

	mu_buf_reset(b);
	put_text(b, f->base);
	put_text(b, f->ext);
	put_text(b, f->target == NULL ? "" : f->target);
	mu_buf_u8(b, f->here);
	mu_buf_u64(b, f->id.device);
	mu_buf_u64(b, f->id.inode);
	mu_buf_u64(b, f->size);
	mu_buf_u64(b, (uint64_t)f->opened);
	mu_buf_u64(b, (uint64_t)f->closed);
	return put(s, key, make_key(key, 'f', f->name));
}

static int
put_file(struct logsink *s, const struct writer *w, uint64_t size)
{
	char name[SINK_NAME + 16];
	struct journal_file f = { name, w->base, w->ext, w->target, w->here,
		w->id, size, w->opened, w->rotated };

	writer_file(w, name, sizeof name);
	return put_entry(s, &f);
}

#define SESSION_KEY (1 + sizeof(struct mu_uuid))

static void
session_key(uint8_t *key, const struct mu_uuid *id)
{
	key[0] = 's';
	memcpy(key + 1, id->bytes, sizeof id->bytes);
}

/* Up to that number everything is on disk. */
static int
put_session(struct logsink *s, const struct session *ss, uint64_t number)
{
	uint8_t key[SESSION_KEY];
	struct mu_buf *b = &s->scratch;

	session_key(key, &ss->id);
	mu_buf_reset(b);
	mu_buf_u64(b, number);
	mu_buf_u64(b, (uint64_t)ss->used);
	return put(s, key, sizeof key);
}

int
journal_erase_session(struct logsink *s, const struct mu_uuid *id)
{
	uint8_t key[SESSION_KEY];

	session_key(key, id);
	return s->journal.del(s->journal.ctx, key, sizeof key);
}

static int
put_post(struct logsink *s, const struct logsink_rotated *r)
{
	struct mu_buf *b = &s->scratch;
	char key[KEY_MAX];

	mu_buf_reset(b);
	put_text(b, r->path);
	mu_buf_u8(b, r->here);
	mu_buf_u64(b, (uint64_t)r->open);
	mu_buf_u64(b, (uint64_t)r->close);
	mu_buf_u8(b, r->terminating);
	return put(s, key, make_key(key, 'p', r->name));
}

/* All of it, with what is about to be committed. */
static int
put_counts(struct logsink *s, uint64_t records, uint64_t bytes)
{
	struct mu_buf *b = &s->scratch;

	mu_buf_reset(b);
	mu_buf_u64(b, s->before.records + s->total.records + records);
	mu_buf_u64(b, s->before.bytes + s->total.bytes + bytes);
	mu_buf_u64(b, (uint64_t)s->before.since);
	return put(s, "c", 1);
}

/* Remember whether it is damaged. */
static int
heed(struct logsink *s, int rc)
{
	s->damaged = s->damaged || rc == -EBADMSG;
	return rc;
}

static int
begin(struct logsink *s)
{
	return heed(s, s->journal.begin(s->journal.ctx));
}

static int
end(struct logsink *s, int rc)
{
	if (rc == 0)
		return heed(s, s->journal.commit(s->journal.ctx));
	s->journal.abort(s->journal.ctx);
	return heed(s, rc);
}

/* --- transactions ------------------------------------------------------ */

static bool
has_lines(const struct writer *w)
{
	return mu_buf_len(&w->lines) > 0;
}

static bool
has_news(const struct logsink *s)
{
	for (const struct writer *w = s->dirty; w != NULL; w = w->next_dirty)
		if (has_lines(w))
			return true;
	for (const struct logitem *it = s->group; it != NULL; it = it->next)
		if (it->kind == LOGITEM_BATCH && !it->refused)
			return true;
	return false;
}

int
journal_commit_group(struct logsink *s)
{
	const struct session *last = NULL;
	uint64_t records = 0, bytes = 0;
	size_t erased = 0;
	int rc;

	if (!has_news(s))
		return 0;
	rc = begin(s);
	if (rc != 0)
		return rc;
	rc = session_erase(s, &erased);
	for (struct writer *w = s->dirty; w != NULL && rc == 0;
	     w = w->next_dirty) {
		if (has_lines(w))
			rc = put_file(s, w, w->written);
		records += w->group_records;
		bytes += w->written - w->size;
	}
	if (rc == 0 && bytes > 0)
		rc = put_counts(s, records, bytes);
	for (const struct logitem *it = s->group; it != NULL && rc == 0;
	     it = it->next) {
		const struct session *ss;

		if (it->kind != LOGITEM_BATCH || it->refused)
			continue;
		ss = session_find(s, &it->session);
		if (ss != NULL && ss != last)
			rc = put_session(s, ss, ss->seen);
		last = ss;
	}
	rc = end(s, rc);
	if (rc == 0)
		s->gone.n -= erased;
	return rc;
}

int
journal_commit_all(struct logsink *s)
{
	const struct session *ss, *next;
	int rc = begin(s);

	if (rc != 0)
		return rc;
	for (struct writer *w = s->writers; w != NULL && rc == 0; w = w->next)
		if (w->file >= 0)
			rc = put_file(s, w, w->size);
	HASH_ITER(hh, s->sessions, ss, next)
	{
		if (rc == 0 && ss->taken > 0)
			rc = put_session(s, ss, ss->taken);
	}
	if (rc == 0)
		rc = put_counts(s, 0, 0);
	return end(s, rc);
}

int
journal_commit_created(struct logsink *s)
{
	int rc = begin(s);

	if (rc != 0)
		return rc;
	for (struct writer *w = s->dirty; w != NULL && rc == 0;
	     w = w->next_dirty)
		if (w->fresh)
			rc = put_file(s, w, 0);
	return end(s, rc);
}

int
journal_commit_targets(struct logsink *s)
{
	int rc = begin(s);

	if (rc != 0)
		return rc;
	for (struct writer *w = s->writers; w != NULL && rc == 0; w = w->next)
		if (w->rotating)
			rc = put_file(s, w, w->size);
	return end(s, rc);
}

static int
del(struct logsink *s, char kind, const char *name)
{
	char key[KEY_MAX];

	return s->journal.del(s->journal.ctx, key, make_key(key, kind, name));
}

int
journal_commit_moved(struct logsink *s, bool terminating)
{
	char name[SINK_NAME + 16];
	int rc = begin(s);

	if (rc != 0)
		return rc;
	for (struct writer *w = s->writers; w != NULL && rc == 0; w = w->next) {
		struct logsink_rotated r = { w->target, w->here, w->base,
			w->opened, w->rotated, terminating };

		if (!w->rotating || w->target == NULL)
			continue;
		writer_file(w, name, sizeof name);
		rc = del(s, 'f', name);
		if (rc == 0)
			rc = put_post(s, &r);
	}
	return end(s, rc);
}

int
journal_moved(
    struct logsink *s, const char *name, const struct logsink_rotated *r)
{
	int rc = begin(s);

	if (rc != 0)
		return rc;
	if (name != NULL)
		rc = del(s, 'f', name);
	if (rc == 0 && r != NULL)
		rc = put_post(s, r);
	return end(s, rc);
}

int
journal_aim(struct logsink *s, const struct journal_file *f)
{
	int rc = begin(s);

	return rc != 0 ? rc : end(s, put_entry(s, f));
}

int
journal_del(struct logsink *s, char kind, const char *name)
{
	int rc = begin(s);

	return rc != 0 ? rc : end(s, del(s, kind, name));
}

/* --- reading ----------------------------------------------------------- */

/* A text of the record, NUL-terminated in the given room. */
static void
get_text(struct mu_cursor *c, char *out, size_t size)
{
	size_t len = mu_cursor_u16(c);
	const uint8_t *p = len < size ? mu_cursor_bytes(c, len) : NULL;

	if (len >= size)
		mu_cursor_fail(c, MUSTER_EPROTO);
	if (p != NULL)
		memcpy(out, p, len);
	out[p == NULL ? 0 : len] = '\0';
}

struct reading {
	struct logsink *s;
	const struct journal_reader *r;
};

static int
read_file(struct reading *r, const char *name, struct mu_cursor *c)
{
	char base[KEY_MAX], ext[KEY_MAX], target[KEY_MAX];
	struct journal_file f = {
		.name = name, .base = base, .ext = ext, .target = target
	};

	get_text(c, base, sizeof base);
	get_text(c, ext, sizeof ext);
	get_text(c, target, sizeof target);
	f.here = mu_cursor_u8(c) != 0;
	f.id.device = mu_cursor_u64(c);
	f.id.inode = mu_cursor_u64(c);
	f.size = mu_cursor_u64(c);
	f.opened = (int64_t)mu_cursor_u64(c);
	f.closed = (int64_t)mu_cursor_u64(c);
	if (mu_cursor_done(c) != 0)
		return -EBADMSG;
	return r->r->file(r->s, &f);
}

static int
read_post(struct reading *r, const char *name, struct mu_cursor *c)
{
	struct logsink_rotated post = { .name = name };
	char path[KEY_MAX];

	get_text(c, path, sizeof path);
	post.path = path;
	post.here = mu_cursor_u8(c) != 0;
	post.open = (int64_t)mu_cursor_u64(c);
	post.close = (int64_t)mu_cursor_u64(c);
	post.terminating = mu_cursor_u8(c) != 0;
	if (mu_cursor_done(c) != 0)
		return -EBADMSG;
	return r->r->post(r->s, &post);
}

static int
read_session(struct reading *r, const uint8_t *id, struct mu_cursor *c)
{
	struct mu_uuid uuid;
	struct session *ss;
	uint64_t taken = mu_cursor_u64(c);
	int64_t used = (int64_t)mu_cursor_u64(c);

	if (mu_cursor_done(c) != 0)
		return -EBADMSG;
	memcpy(uuid.bytes, id, sizeof uuid.bytes);
	ss = session_find(r->s, &uuid);
	if (ss == NULL)
		ss = session_add(r->s, &uuid);
	if (ss == NULL)
		return -ENOMEM;
	ss->taken = ss->seen = taken;
	ss->used = used;
	return 0;
}

static int
read_counts(struct reading *r, struct mu_cursor *c)
{
	struct counts n = { .records = mu_cursor_u64(c) };

	n.bytes = mu_cursor_u64(c);
	n.since = (int64_t)mu_cursor_u64(c);
	if (mu_cursor_done(c) != 0)
		return -EBADMSG;
	r->s->before = n;
	return 0;
}

static int
read_pair(void *arg, const uint8_t *key, size_t key_len, const uint8_t *value,
    size_t len)
{
	struct reading *r = arg;
	struct mu_cursor c = mu_cursor_over(value, len);
	char name[KEY_MAX];

	if (key_len < 1 || key_len > KEY_MAX)
		return -EBADMSG;
	memcpy(name, key + 1, key_len - 1);
	name[key_len - 1] = '\0';
	switch (key[0]) {
	case 'f':
		return read_file(r, name, &c);
	case 'p':
		return read_post(r, name, &c);
	case 's':
		return key_len == 17 ? read_session(r, key + 1, &c) : -EBADMSG;
	case 'c':
		return read_counts(r, &c);
	default:
		return 0; /* of a later version */
	}
}

int
journal_read(struct logsink *s, const struct journal_reader *r)
{
	struct reading reading = { s, r };

	return heed(s, s->journal.each(s->journal.ctx, read_pair, &reading));
}
