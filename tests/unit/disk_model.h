/*
 * A disk in memory that fails as disks do: full, read-only, slow to believe.
 * Every operation is a step; at a chosen step the process dies, in the middle
 * of the operation, and what survives is what a kill or a power cut leaves.
 */
#ifndef UNIT_DISK_MODEL_H
#define UNIT_DISK_MODEL_H

#include <errno.h>

#include "base/rng.h"
#include "logsink.h"

#define MODEL_INODES 400
#define MODEL_PAIRS  400

struct minode {
	uint64_t id;
	char *data, *synced; /* what is in the file; what a power cut leaves */
	size_t len, synced_len;
	char name[300], synced_name[300]; /* "" : removed */
	bool rotated, synced_rotated;     /* in which folder */
	int64_t mtime;
	bool used;
};

struct mpair {
	uint8_t key[512], value[1024];
	size_t key_len, len;
};

struct mdisk {
	struct minode in[MODEL_INODES];
	struct mpair pairs[MODEL_PAIRS];
	struct mpair txn[MODEL_PAIRS];
	size_t npairs, ntxn;
	bool in_txn;
	bool damaged; /* the journal is, until it is set aside */
	size_t aside; /* how often it was */
	uint64_t next_id;
	struct mu_rng rng;
	uint64_t step, crash_at; /* 0: never */
	bool dead, power;        /* power: the crash is a power cut */
	unsigned fail_percent;   /* of operations that can fail */
	int fail_with;
	const char *bad_name; /* files that begin so cannot be written */
	uint64_t room;        /* bytes left; UINT64_MAX: any number */
	int64_t wall;
	size_t nopen;
};

static bool
chance(struct mdisk *d, unsigned percent)
{
	return percent > 0 && mu_rng_u64(&d->rng) % 100 < percent;
}

/* 0; or the errno of what happens instead.  *half: it dies in the middle. */
static int
step(struct mdisk *d, bool can_fail, bool *half)
{
	*half = false;
	if (d->dead)
		return -EIO;
	if (++d->step == d->crash_at) {
		d->dead = true;
		*half = chance(d, 50);
		return -EIO;
	}
	return can_fail && chance(d, d->fail_percent) ? d->fail_with : 0;
}

static struct minode *
inode_named(struct mdisk *d, bool rotated, const char *name)
{
	for (size_t i = 0; i < MODEL_INODES; i++)
		if (d->in[i].used && d->in[i].rotated == rotated &&
		    strcmp(d->in[i].name, name) == 0)
			return &d->in[i];
	return NULL;
}

static int
m_create(void *ctx, const char *name, struct logfs_id *id)
{
	struct mdisk *d = ctx;
	bool half;
	int rc = step(d, true, &half);

	if (rc != 0 && !half)
		return rc;
	if (inode_named(d, false, name) != NULL)
		return rc != 0 ? rc : -EEXIST;
	for (size_t i = 0; i < MODEL_INODES; i++) {
		struct minode *n = &d->in[i];

		if (n->used)
			continue;
		memset(n, 0, sizeof *n);
		n->used = true;
		n->id = ++d->next_id;
		n->mtime = d->wall;
		snprintf(n->name, sizeof n->name, "%s", name);
		id->device = 1;
		id->inode = n->id;
		d->nopen += rc == 0;
		return rc != 0 ? rc : (int)i;
	}
	ck_abort_msg("too many files");
	return -1;
}

static int
m_open(void *ctx, const char *name)
{
	struct mdisk *d = ctx;
	struct minode *n = inode_named(d, false, name);
	bool half;
	int rc = step(d, false, &half);

	if (rc != 0)
		return rc;
	if (n == NULL)
		return -ENOENT;
	d->nopen++;
	return (int)(n - d->in);
}

static int
m_write(void *ctx, int file, uint64_t at, const void *p, size_t len)
{
	struct mdisk *d = ctx;
	struct minode *n = &d->in[file];
	size_t part = len;
	bool half;
	int rc = step(d, true, &half);

	if (rc == 0 && d->bad_name != NULL &&
	    strncmp(n->name, d->bad_name, strlen(d->bad_name)) == 0)
		return -EROFS;
	if (rc == 0 && len > d->room) {
		part = (size_t)d->room;
		rc = -ENOSPC;
	} else if (rc != 0) {
		part = half || !d->dead ? mu_rng_u64(&d->rng) % (len + 1) : 0;
	}
	ck_assert_uint_le(at, n->len);
	if (at + part > n->len) {
		n->data = realloc(n->data, at + part);
		ck_assert_ptr_nonnull(n->data);
		n->len = at + part;
	}
	if (part > 0)
		memcpy(n->data + at, p, part);
	n->mtime = d->wall;
	if (d->room != UINT64_MAX)
		d->room -= part;
	return rc;
}

static int
m_truncate(void *ctx, int file, uint64_t size)
{
	struct mdisk *d = ctx;
	struct minode *n = &d->in[file];
	bool half;
	int rc = step(d, false, &half);

	if (rc != 0 && !half)
		return rc;
	ck_assert_uint_le(size, n->len);
	if (d->room != UINT64_MAX)
		d->room += n->len - size;
	n->len = size;
	return rc;
}

static void
sync_data(struct minode *n)
{
	free(n->synced);
	n->synced = malloc(n->len + 1);
	ck_assert_ptr_nonnull(n->synced);
	if (n->len > 0)
		memcpy(n->synced, n->data, n->len);
	n->synced_len = n->len;
}

static int
m_sync(void *ctx, int file)
{
	struct mdisk *d = ctx;
	bool half;
	int rc = step(d, true, &half);

	if (rc == 0 || half)
		sync_data(&d->in[file]);
	return rc;
}

static int
m_length(void *ctx, int file, uint64_t *len)
{
	struct mdisk *d = ctx;
	struct minode *n = &d->in[file];

	*len = n->len;
	return n->used && n->name[0] != '\0' ? 0 : -ENOENT;
}

static void
m_close(void *ctx, int file)
{
	struct mdisk *d = ctx;

	(void)file;
	ck_assert_uint_gt(d->nopen, 0);
	d->nopen--;
}

static int
m_stat(
    void *ctx, enum logfs_place place, const char *name, struct logfs_stat *out)
{
	struct mdisk *d = ctx;
	struct minode *n = inode_named(d, place == LOGFS_ROTATED, name);

	if (d->dead)
		return -EIO;
	if (n == NULL)
		return -ENOENT;
	out->id.device = 1;
	out->id.inode = n->id;
	out->size = n->len;
	out->mtime = out->ctime = n->mtime;
	return 0;
}

static int
m_rename(void *ctx, const char *from, enum logfs_place place, const char *to)
{
	struct mdisk *d = ctx;
	struct minode *n = inode_named(d, false, from);
	bool half;
	int rc = step(d, true, &half);

	if (rc != 0 && !half)
		return rc;
	if (n == NULL)
		return -ENOENT;
	if (inode_named(d, place == LOGFS_ROTATED, to) != NULL)
		return -EEXIST;
	snprintf(n->name, sizeof n->name, "%s", to);
	n->rotated = place == LOGFS_ROTATED;
	return rc;
}

static int
m_remove(void *ctx, const char *name)
{
	struct mdisk *d = ctx;
	struct minode *n = inode_named(d, false, name);
	bool half;
	int rc = step(d, false, &half);

	if (n != NULL && (rc == 0 || half))
		n->name[0] = '\0';
	return rc;
}

static int
m_sync_names(void *ctx)
{
	struct mdisk *d = ctx;
	bool half;
	int rc = step(d, true, &half);

	for (size_t i = 0; i < MODEL_INODES && (rc == 0 || half); i++) {
		memcpy(
		    d->in[i].synced_name, d->in[i].name, sizeof d->in[i].name);
		d->in[i].synced_rotated = d->in[i].rotated;
	}
	return rc;
}

static int
m_head(void *ctx, const char *name, char *out, size_t size)
{
	struct mdisk *d = ctx;
	struct minode *n = inode_named(d, false, name);

	if (n == NULL)
		return -ENOENT;
	if (n->len < size)
		size = n->len;
	memcpy(out, n->data, size);
	return (int)size;
}

/* --- the journal ------------------------------------------------------- */

static int
m_begin(void *ctx)
{
	struct mdisk *d = ctx;
	bool half;
	int rc = step(d, true, &half);

	ck_assert(!d->in_txn);
	if (rc == 0 && d->damaged)
		rc = -EBADMSG;
	if (rc != 0)
		return rc;
	memcpy(d->txn, d->pairs, sizeof d->pairs);
	d->ntxn = d->npairs;
	d->in_txn = true;
	return 0;
}

static struct mpair *
pair_of(struct mdisk *d, const void *key, size_t len)
{
	for (size_t i = 0; i < d->ntxn; i++)
		if (d->txn[i].key_len == len &&
		    memcmp(d->txn[i].key, key, len) == 0)
			return &d->txn[i];
	return NULL;
}

static int
m_put(void *ctx, const void *key, size_t key_len, const void *value, size_t len)
{
	struct mdisk *d = ctx;
	struct mpair *p = pair_of(d, key, key_len);

	ck_assert(
	    d->in_txn && key_len <= sizeof p->key && len <= sizeof p->value);
	if (p == NULL) {
		ck_assert_uint_lt(d->ntxn, MODEL_PAIRS);
		p = &d->txn[d->ntxn++];
	}
	memcpy(p->key, key, key_len);
	memcpy(p->value, value, len);
	p->key_len = key_len;
	p->len = len;
	return 0;
}

static int
m_del(void *ctx, const void *key, size_t key_len)
{
	struct mdisk *d = ctx;
	struct mpair *p = pair_of(d, key, key_len);

	if (p != NULL)
		*p = d->txn[--d->ntxn];
	return 0;
}

static int
m_commit(void *ctx)
{
	struct mdisk *d = ctx;
	bool half;
	int rc = step(d, true, &half);

	ck_assert(d->in_txn);
	d->in_txn = false;
	if (rc == 0 || half) {
		memcpy(d->pairs, d->txn, sizeof d->pairs);
		d->npairs = d->ntxn;
	}
	return rc;
}

static void
m_abort(void *ctx)
{
	struct mdisk *d = ctx;

	d->in_txn = false;
}

static int
m_each(void *ctx,
    int (*each)(void *arg, const uint8_t *key, size_t key_len,
	const uint8_t *value, size_t len),
    void *arg)
{
	struct mdisk *d = ctx;
	bool half;
	int rc = step(d, true, &half);

	/* Some of it can be read. */
	for (size_t i = 0; rc == 0 && i < d->npairs; i++)
		rc = d->damaged && i == d->npairs / 2
			 ? -EBADMSG
			 : each(arg, d->pairs[i].key, d->pairs[i].key_len,
			       d->pairs[i].value, d->pairs[i].len);
	return rc == 0 && d->damaged ? -EBADMSG : rc;
}

static int
m_set_aside(void *ctx, int64_t wall, char *text, size_t size)
{
	struct mdisk *d = ctx;
	bool half;
	int rc = step(d, true, &half);

	(void)wall;
	if (rc != 0)
		return rc;
	ck_assert(d->damaged && !d->in_txn);
	d->damaged = false;
	d->npairs = 0;
	d->aside++;
	snprintf(text, size, "spoilt, kept elsewhere");
	return 0;
}

/* --- lives ------------------------------------------------------------- */

static struct mdisk *
mdisk_new(uint64_t seed)
{
	struct mdisk *d = calloc(1, sizeof *d);

	ck_assert_ptr_nonnull(d);
	mu_rng_init(&d->rng, seed);
	d->room = UINT64_MAX;
	d->fail_with = -ENOSPC;
	d->wall = THE_WALL;
	return d;
}

static void
mdisk_free(struct mdisk *d)
{
	for (size_t i = 0; i < MODEL_INODES; i++) {
		free(d->in[i].data);
		free(d->in[i].synced);
	}
	free(d);
}

static void
mdisk_hooks(struct mdisk *d, struct logfs *fs, struct logjournal *j)
{
	const struct logfs f = { m_create, m_open, m_write, m_truncate, m_sync,
		m_length, m_close, m_stat, m_rename, m_remove, m_sync_names,
		m_head, d };
	const struct logjournal l = { m_begin, m_put, m_del, m_commit, m_abort,
		m_each, m_set_aside, d };

	*fs = f;
	*j = l;
}

/* The process is gone and comes back; after a power cut with less. */
static void
mdisk_restart(struct mdisk *d)
{
	for (size_t i = 0; d->power && i < MODEL_INODES; i++) {
		struct minode *n = &d->in[i];
		size_t len = n->len;

		if (!n->used)
			continue;
		/* Names that were not synced may be old or new, as may the
		 * bytes behind those that were. */
		if (chance(d, 50)) {
			memcpy(n->name, n->synced_name, sizeof n->name);
			n->rotated = n->synced_rotated;
		}
		if (len > n->synced_len && chance(d, 70))
			len = n->synced_len;
		if (len < n->synced_len)
			len = n->synced_len;
		n->data = realloc(n->data, len + 1);
		ck_assert_ptr_nonnull(n->data);
		if (n->synced_len > 0)
			memcpy(n->data, n->synced, n->synced_len);
		n->len = len;
		if (n->name[0] == '\0') {
			free(n->data);
			free(n->synced);
			memset(n, 0, sizeof *n);
		}
	}
	d->dead = d->in_txn = false;
	d->crash_at = 0;
	d->nopen = 0;
}

#endif
