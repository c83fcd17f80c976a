/*
 * Environments: made beside their place and moved there when complete, so
 * that a folder without a sound data.mdb always means damage; checked before
 * LMDB sees them; opened with the whole address space they may ever need,
 * because LMDB cannot grow its map while anybody reads.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "muster/err.h"
#include "stores/backend_lmdb_check.h"
#include "stores/backend_lmdb_impl.h"
#include "sys/file.h"

#define FORMAT      1
#define MIN_MAP     (64ull << 10)
#define DEFAULT_MAP (1ull << 40)
#define LEAST_MAP   (1ull << 30) /* tried when address space is scarce */

int
lmdb_err(int rc)
{
	switch (rc) {
	case 0:
		return 0;
	case MDB_NOTFOUND:
		return MUSTER_ENOENT;
	case ENOMEM:
		return MUSTER_ENOMEM;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return MUSTER_ELIMIT;
	case EROFS:
	case EACCES:
	case EPERM:
		return MUSTER_EPERM;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_INCOMPATIBLE:
		return MUSTER_EPROTO;
	case MDB_VERSION_MISMATCH:
		return MUSTER_EVERSION;
	default:
		return MUSTER_ESYS;
	}
}

void
backend_lmdb_escape(const char *name, char *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	uint8_t sum[SHA256_DIGEST_LENGTH];
	size_t n = 0;

	for (const char *p = name; *p != '\0' && n <= 200; p++) {
		if (strchr(plain, *p) != NULL && (*p != '.' || n > 0))
			out[n++] = *p;
		else
			n += (size_t)snprintf(
			    out + n, 4, "%%%02X", (unsigned char)*p);
	}
	out[n] = '\0';
	if (n == 0)
		snprintf(out, BACKEND_LMDB_NAME, "%%");
	if (n <= 200)
		return;
	/* No escape has "%" twice, so this is nobody else's. */
	SHA256((const uint8_t *)name, strlen(name), sum);
	out[160] = out[161] = '%';
	mu_text_hex(sum, 16, out + 162);
}

__attribute__((format(printf, 4, 5))) static int
say(int err, char *text, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, size, fmt, ap);
	va_end(ap);
	return err;
}

/* --- opening ---------------------------------------------------------------
 */

static int
open_tables(struct lmdb_env *e, MDB_txn *txn, unsigned flags)
{
	int rc = mdb_dbi_open(txn, "entries", flags, &e->entries);

	if (rc == 0)
		rc = mdb_dbi_open(txn, "expiry", flags, &e->expiry);
	if (rc == 0)
		rc = mdb_dbi_open(txn, "meta", flags, &e->meta);
	if (rc == 0)
		rc = mdb_dbi_open(txn, "about", flags, &e->about);
	return rc;
}

/* An environment with as much of the map as the machine grants. */
static int
open_env(struct lmdb *b, struct lmdb_env *e, const char *path, unsigned flags)
{
	uint64_t map = b->options.max_bytes;
	int rc;

	for (;;) {
		rc = mdb_env_create(&e->env);
		if (rc != 0)
			return rc;
		mdb_env_set_maxdbs(e->env, 4);
		mdb_env_set_maxreaders(e->env, b->options.max_snapshots + 8);
		rc = mdb_env_set_mapsize(e->env, map);
		if (rc == 0)
			rc = mdb_env_open(e->env, path,
			    flags | MDB_NOTLS | MDB_NORDAHEAD, 0600);
		if (rc == 0)
			return 0;
		mdb_env_close(e->env);
		e->env = NULL;
		if (rc != ENOMEM || map <= LEAST_MAP)
			return rc;
		map /= 2;
	}
}

void
lmdb_env_close(struct lmdb_env *e)
{
	if (e->env != NULL)
		mdb_env_close(e->env);
	memset(e, 0, sizeof *e);
}

static int
put_about(struct lmdb_env *e, MDB_txn *txn, const char *key, const void *p,
    size_t len)
{
	MDB_val k = { strlen(key), (void *)(uintptr_t)key };
	MDB_val v = { len, (void *)(uintptr_t)p };

	return mdb_put(txn, e->about, &k, &v, 0);
}

static int
fill_new(struct lmdb_env *e, const char *name)
{
	static const uint8_t format[4] = { 0, 0, 0, FORMAT };
	MDB_txn *txn;
	int rc = mdb_txn_begin(e->env, NULL, 0, &txn);

	if (rc != 0)
		return rc;
	rc = open_tables(e, txn, MDB_CREATE);
	if (rc == 0)
		rc = put_about(e, txn, "format", format, sizeof format);
	if (rc == 0)
		rc = put_about(e, txn, "name", name, strlen(name));
	if (rc == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

static int
sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) != 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

/* Remove what an interrupted creation left; it never held anything. */
static void
remove_new(const char *path)
{
	char file[4096];

	snprintf(file, sizeof file, "%s/data.mdb", path);
	unlink(file);
	snprintf(file, sizeof file, "%s/lock.mdb", path);
	unlink(file);
	rmdir(path);
}

static int
create_at(struct lmdb *b, const char *folder, const char *path)
{
	struct lmdb_env e = { 0 };
	int rc = 0;

	remove_new(path);
	if (mkdir(path, 0700) != 0)
		return errno;
	rc = open_env(b, &e, path, 0);
	if (rc == 0)
		rc = fill_new(&e, b->name);
	lmdb_env_close(&e);
	if (rc == 0)
		rc = sync_folder(path);
	if (rc == 0 && rename(path, b->path) != 0)
		rc = errno;
	if (rc == 0)
		rc = sync_folder(folder);
	if (rc != 0)
		remove_new(path);
	return rc;
}

static int
create(struct lmdb *b, const char *folder, char *text, size_t size)
{
	/* "%%" is in no escaped name, so no store of that name is met. */
	char *path = mu_asprintf("%s%%%%new", b->path);
	int rc = path == NULL ? ENOMEM : create_at(b, folder, path);

	mu_free(path);
	if (rc == 0)
		return 0;
	return say(rc == ENOMEM ? MUSTER_ENOMEM : lmdb_err(rc), text, size,
	    "cannot create %s: %s", b->path, mdb_strerror(rc));
}

/* --- what is there ---------------------------------------------------------
 */

/* Open the file and lock it as long as the descriptor lives, against other
 * processes and a second opening in this one, of which LMDB warns. */
static int
lock_data(struct lmdb *b, const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	b->lock_fd = open(path, O_RDWR | O_CLOEXEC);
	if (b->lock_fd < 0 && (errno == EROFS || errno == EACCES)) {
		b->lock_fd = open(path, O_RDONLY | O_CLOEXEC);
		lock.l_type = F_RDLCK;
	}
	if (b->lock_fd < 0)
		return errno;
	return fcntl(b->lock_fd, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
}

static int
check_pages(
    struct lmdb *b, const char *path, uint64_t len, char *text, size_t size)
{
	char why[256] = "";
	void *map;
	int rc;

	if (len == 0)
		return say(MUSTER_EPROTO, text, size, "%s: it is empty", path);
	map = mmap(NULL, len, PROT_READ, MAP_SHARED, b->lock_fd, 0);
	if (map == MAP_FAILED)
		return say(
		    MUSTER_ESYS, text, size, "%s: %s", path, strerror(errno));
	if (!b->options.skip_check)
		madvise(map, len, MADV_WILLNEED);
	rc = lmdb_check(map, len, !b->options.skip_check, why, sizeof why);
	munmap(map, len);
	return rc == 0 ? 0 : say(rc, text, size, "%s: %s", path, why);
}

static int
check_data(struct lmdb *b, const char *path, char *text, size_t size)
{
	struct stat st;
	int rc = lock_data(b, path);

	if (rc == EAGAIN || rc == EACCES)
		return say(
		    MUSTER_EEXIST, text, size, "%s: it is open already", path);
	if (rc == ENOENT)
		return say(MUSTER_EPROTO, text, size,
		    "%s: %s (remove the folder to begin anew)", path,
		    strerror(rc));
	if (rc == 0 && fstat(b->lock_fd, &st) != 0)
		rc = errno;
	if (rc == 0 && !S_ISREG(st.st_mode))
		rc = EINVAL;
	if (rc != 0)
		return say(
		    MUSTER_ESYS, text, size, "%s: %s", path, strerror(rc));
	return check_pages(b, path, (uint64_t)st.st_size, text, size);
}

/* Is it a store of ours, in a form we know, and this one? */
static int
check_about(struct lmdb *b, MDB_txn *txn, char *text, size_t size)
{
	MDB_val key = { 6, (void *)(uintptr_t) "format" }, v;
	const uint8_t *p;
	int rc = mdb_get(txn, b->env.about, &key, &v);

	if (rc != 0 || v.mv_size != 4)
		return say(MUSTER_EPROTO, text, size,
		    "%s: it is not a store of Muster", b->path);
	p = v.mv_data;
	if (p[0] != 0 || p[1] != 0 || p[2] != 0 || p[3] != FORMAT)
		return say(MUSTER_EVERSION, text, size,
		    "%s: its format is %u.%u.%u.%u, this version knows %d",
		    b->path, p[0], p[1], p[2], p[3], FORMAT);
	key = (MDB_val){ 4, (void *)(uintptr_t) "name" };
	rc = mdb_get(txn, b->env.about, &key, &v);
	if (rc != 0 || v.mv_size != strlen(b->name) ||
	    memcmp(v.mv_data, b->name, v.mv_size) != 0)
		return say(MUSTER_EPROTO, text, size,
		    "%s: it holds another store than \"%s\"", b->path, b->name);
	return 0;
}

static int
learn(struct lmdb *b, char *text, size_t size)
{
	MDB_txn *txn;
	MDB_stat st;
	int rc = mdb_txn_begin(b->env.env, NULL, MDB_RDONLY, &txn), err;

	if (rc != 0)
		return say(lmdb_err(rc), text, size, "%s: %s", b->path,
		    mdb_strerror(rc));
	rc = open_tables(&b->env, txn, 0);
	if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE)
		err = say(MUSTER_EPROTO, text, size,
		    "%s: it is not a store of Muster", b->path);
	else if (rc != 0)
		err = say(lmdb_err(rc), text, size, "%s: %s", b->path,
		    mdb_strerror(rc));
	else
		err = check_about(b, txn, text, size);
	if (err == 0 && mdb_stat(txn, b->env.entries, &st) == 0)
		b->size = st.ms_entries;
	/* The handles stay valid only if the transaction commits. */
	if (err == 0)
		mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	return err;
}

static int
open_existing(struct lmdb *b, char *text, size_t size)
{
	int rc = open_env(b, &b->env, b->path, 0);

	if (rc == EROFS || rc == EACCES || rc == EPERM) {
		rc = open_env(b, &b->env, b->path, MDB_RDONLY);
		b->env.read_only = rc == 0;
	}
	if (rc != 0)
		return say(lmdb_err(rc), text, size, "%s: %s", b->path,
		    mdb_strerror(rc));
	return learn(b, text, size);
}

int
lmdb_env_setup(struct lmdb *b, const char *folder, char *text, size_t size)
{
	struct stat st;
	char *data;
	int rc;

	if (b->options.max_bytes == 0)
		b->options.max_bytes = DEFAULT_MAP;
	if (b->options.max_bytes < MIN_MAP)
		b->options.max_bytes = MIN_MAP;
	if (stat(b->path, &st) != 0) {
		if (errno == ENOENT &&
		    file_make_folder(folder, 0700, NULL) != 0)
			return say(lmdb_err(errno), text, size, "%s: %s",
			    folder, strerror(errno));
		rc = create(b, folder, text, size);
		if (rc != 0)
			return rc;
	}
	data = mu_asprintf("%s/data.mdb", b->path);
	if (data == NULL)
		return say(MUSTER_ENOMEM, text, size, "out of memory");
	rc = check_data(b, data, text, size);
	mu_free(data);
	return rc != 0 ? rc : open_existing(b, text, size);
}

bool
lmdb_mend(struct lmdb *b)
{
	char text[LMDB_REASON];
	bool broken;

	pthread_mutex_lock(&b->lock);
	broken = b->broken;
	pthread_mutex_unlock(&b->lock);
	if (!broken)
		return true;
	/* The committer rests. */
	lmdb_snapshots_fail(b, MUSTER_ESYS);
	lmdb_view_close(b);
	lmdb_env_close(&b->env);
	if (open_existing(b, text, sizeof text) != 0)
		return false;
	pthread_mutex_lock(&b->lock);
	b->broken = false;
	pthread_cond_signal(&b->wake);
	pthread_mutex_unlock(&b->lock);
	return true;
}
