/* The journal of a logger on LMDB; see logjournal.h. */
#include "logs/logjournal.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "stores/backend_lmdb_check.h"
#include "sys/file.h"

#define MAP_BYTES (256u << 20)

struct logjournal_lmdb {
	char *folder;
	char why[200]; /* what is damaged, or "" */
	bool sync;
	MDB_env *env; /* NULL: not open */
	MDB_dbi dbi;
	MDB_txn *txn; /* between begin and commit */
};

struct logjournal_lmdb *
logjournal_lmdb_new(const char *folder, bool sync)
{
	struct logjournal_lmdb *j = mu_calloc(1, sizeof *j);

	if (j == NULL)
		return NULL;
	j->folder = mu_strdup(folder);
	j->sync = sync;
	if (j->folder != NULL)
		return j;
	mu_free(j);
	return NULL;
}

static void
close_env(struct logjournal_lmdb *j)
{
	if (j->env != NULL)
		mdb_env_close(j->env);
	j->env = NULL;
}

void
logjournal_lmdb_free(struct logjournal_lmdb *j)
{
	if (j == NULL)
		return;
	if (j->txn != NULL)
		mdb_txn_abort(j->txn);
	close_env(j);
	mu_free(j->folder);
	mu_free(j);
}

/* Is its file sound?  LMDB would trust it.  0, EBADMSG, or another errno. */
static int
check(struct logjournal_lmdb *j)
{
	char *path = mu_asprintf("%s/data.mdb", j->folder);
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	int rc = path == NULL ? ENOMEM : fd < 0 ? errno : 0;
	struct stat st;
	void *map;

	mu_free(path);
	if (fd < 0)
		return rc == ENOENT ? 0 : rc; /* there is none yet */
	if (fstat(fd, &st) != 0) {
		rc = errno;
	} else if (st.st_size == 0) {
		snprintf(j->why, sizeof j->why, "it is empty");
		rc = EBADMSG;
	} else {
		map = mmap(
		    NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED) {
			rc = errno;
		} else {
			rc = lmdb_check(map, (uint64_t)st.st_size, true, j->why,
			    sizeof j->why);
			rc = rc == 0               ? 0
			     : rc == MUSTER_ENOMEM ? ENOMEM
						   : EBADMSG;
			munmap(map, (size_t)st.st_size);
		}
	}
	close(fd);
	return rc;
}

/* LMDB's errors as negative numbers of errno. */
static int
to_errno(int rc)
{
	if (rc >= 0)
		return -rc;
	switch (rc) {
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
		return -ENOSPC;
	case MDB_CORRUPTED:
	case MDB_INVALID:
	case MDB_PAGE_NOTFOUND:
	case MDB_VERSION_MISMATCH:
		return -EBADMSG;
	default:
		return -EIO;
	}
}

static int
open_table(struct logjournal_lmdb *j)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(j->env, NULL, 0, &txn);

	if (rc != 0)
		return rc;
	rc = mdb_dbi_open(txn, NULL, 0, &j->dbi);
	if (rc == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

static int
open_env(struct logjournal_lmdb *j)
{
	unsigned flags = MDB_NOTLS | (j->sync ? 0 : MDB_NOSYNC);
	int rc;

	if (j->env != NULL)
		return 0;
	if (file_make_folder(j->folder, 0700, NULL) != 0)
		return errno;
	rc = check(j);
	if (rc != 0)
		return rc;
	rc = mdb_env_create(&j->env);
	if (rc != 0) {
		j->env = NULL;
		return rc;
	}
	rc = mdb_env_set_mapsize(j->env, MAP_BYTES);
	if (rc == 0)
		rc = mdb_env_open(j->env, j->folder, flags, 0600);
	if (rc == 0)
		rc = open_table(j);
	if (rc != 0) {
		mdb_env_close(j->env);
		j->env = NULL;
	}
	return rc;
}

/* LMDB gives up for good when it can neither write a head nor take it back
 * (MDB_PANIC); the disk may work again, so the file is opened anew. */
static int
begin(struct logjournal_lmdb *j, unsigned flags, MDB_txn **txn)
{
	int rc = open_env(j);

	if (rc == 0)
		rc = mdb_txn_begin(j->env, NULL, flags, txn);
	if (rc != MDB_PANIC)
		return rc;
	close_env(j);
	rc = open_env(j);
	return rc == 0 ? mdb_txn_begin(j->env, NULL, flags, txn) : rc;
}

static MDB_val
val(const void *p, size_t len)
{
	MDB_val v = { len, (void *)(uintptr_t)p };

	return v;
}

static int
hook_begin(void *ctx)
{
	struct logjournal_lmdb *j = ctx;
	int rc = begin(j, 0, &j->txn);

	if (rc != 0)
		j->txn = NULL;
	return to_errno(rc);
}

static int
hook_put(
    void *ctx, const void *key, size_t key_len, const void *value, size_t len)
{
	struct logjournal_lmdb *j = ctx;
	MDB_val k = val(key, key_len), v = val(value, len);

	return to_errno(mdb_put(j->txn, j->dbi, &k, &v, 0));
}

static int
hook_del(void *ctx, const void *key, size_t key_len)
{
	struct logjournal_lmdb *j = ctx;
	MDB_val k = val(key, key_len);
	int rc = mdb_del(j->txn, j->dbi, &k, NULL);

	return rc == MDB_NOTFOUND ? 0 : to_errno(rc);
}

static int
hook_commit(void *ctx)
{
	struct logjournal_lmdb *j = ctx;
	MDB_txn *txn = j->txn;

	j->txn = NULL;
	return to_errno(mdb_txn_commit(txn));
}

static void
hook_abort(void *ctx)
{
	struct logjournal_lmdb *j = ctx;

	mdb_txn_abort(j->txn);
	j->txn = NULL;
}

static int
hook_each(void *ctx,
    int (*each)(void *arg, const uint8_t *key, size_t key_len,
	const uint8_t *value, size_t len),
    void *arg)
{
	struct logjournal_lmdb *j = ctx;
	MDB_cursor *c = NULL;
	MDB_txn *txn = NULL;
	MDB_val k, v;
	int rc = begin(j, MDB_RDONLY, &txn);

	if (rc != 0)
		txn = NULL;
	if (rc == 0)
		rc = mdb_cursor_open(txn, j->dbi, &c);
	rc = to_errno(rc);
	while (rc == 0) {
		int e = mdb_cursor_get(c, &k, &v, MDB_NEXT);

		if (e == MDB_NOTFOUND)
			break;
		rc = e != 0 ? to_errno(e)
			    : each(arg, k.mv_data, k.mv_size, v.mv_data,
				  v.mv_size);
	}
	if (c != NULL)
		mdb_cursor_close(c);
	if (txn != NULL)
		mdb_txn_abort(txn);
	return rc;
}

static int
hook_set_aside(void *ctx, int64_t wall, char *text, size_t size)
{
	struct logjournal_lmdb *j = ctx;
	time_t t = (time_t)(wall / 1000000000);
	char stamp[40] = "0";
	struct tm tm;
	char *to;
	int rc;

	if (localtime_r(&t, &tm) != NULL)
		strftime(stamp, sizeof stamp, "%Y-%m-%d-%H-%M-%S", &tm);
	close_env(j);
	to = mu_asprintf("%s.damaged-%s", j->folder, stamp);
	rc = to == NULL ? -ENOMEM : rename(j->folder, to) != 0 ? -errno : 0;
	if (rc == 0)
		snprintf(text, size, "%s, kept as %s",
		    j->why[0] == '\0' ? "a record cannot be read" : j->why, to);
	j->why[0] = '\0';
	mu_free(to);
	return rc;
}

void
logjournal_lmdb_hooks(struct logjournal_lmdb *j, struct logjournal *out)
{
	out->begin = hook_begin;
	out->put = hook_put;
	out->del = hook_del;
	out->commit = hook_commit;
	out->abort = hook_abort;
	out->each = hook_each;
	out->set_aside = hook_set_aside;
	out->ctx = j;
}
