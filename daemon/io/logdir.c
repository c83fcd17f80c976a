/* Files of a logger on a real disk; see logdir.h. */
#include "io/logdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "sys/file.h"

#define NS INT64_C(1000000000)

struct folder {
	char *path; /* NULL: there is none */
	int fd;     /* -1: not open */
};

struct logdir {
	struct folder here, rotated;
};

struct logdir *
logdir_new(const char *here, const char *rotated)
{
	struct logdir *d = mu_calloc(1, sizeof *d);

	if (d == NULL)
		return NULL;
	d->here.fd = d->rotated.fd = -1;
	d->here.path = mu_strdup(here);
	d->rotated.path = rotated == NULL ? NULL : mu_strdup(rotated);
	if (d->here.path != NULL &&
	    (rotated == NULL || d->rotated.path != NULL))
		return d;
	logdir_free(d);
	return NULL;
}

static void
close_folder(struct folder *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

void
logdir_free(struct logdir *d)
{
	if (d == NULL)
		return;
	close_folder(&d->here);
	close_folder(&d->rotated);
	mu_free(d->here.path);
	mu_free(d->rotated.path);
	mu_free(d);
}

/* Its descriptor, or a negative errno.  A folder that was removed meanwhile is
 * made again. */
static int
open_folder(struct folder *f)
{
	struct stat st;

	if (f->fd >= 0 && fstat(f->fd, &st) == 0 && st.st_nlink == 0)
		close_folder(f);
	if (f->fd >= 0)
		return f->fd;
	if (file_make_folder(f->path, 0750, NULL) != 0)
		return -errno;
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return f->fd < 0 ? -errno : f->fd;
}

static int
folder_at(struct logdir *d, enum logfs_place place)
{
	return open_folder(place == LOGFS_ROTATED && d->rotated.path != NULL
			       ? &d->rotated
			       : &d->here);
}

static int
hook_create(void *ctx, const char *name, struct logfs_id *id)
{
	struct logdir *d = ctx;
	int dir = folder_at(d, LOGFS_HERE), fd;
	struct stat st;

	if (dir < 0)
		return dir;
	fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	id->device = st.st_dev;
	id->inode = st.st_ino;
	return fd;
}

static int
hook_open(void *ctx, const char *name)
{
	int dir = folder_at(ctx, LOGFS_HERE), fd;

	if (dir < 0)
		return dir;
	fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static int
hook_write(void *ctx, int file, uint64_t at, const void *p, size_t len)
{
	const char *from = p;

	(void)ctx;
	while (len > 0) {
		ssize_t n = pwrite(file, from, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENOSPC;
		from += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int
hook_truncate(void *ctx, int file, uint64_t size)
{
	(void)ctx;
	return ftruncate(file, (off_t)size) == 0 ? 0 : -errno;
}

static int
hook_sync(void *ctx, int file)
{
	(void)ctx;
	return fdatasync(file) == 0 ? 0 : -errno;
}

static int
hook_length(void *ctx, int file, uint64_t *len)
{
	struct stat st;

	(void)ctx;
	if (fstat(file, &st) != 0)
		return -errno;
	*len = (uint64_t)st.st_size;
	return st.st_nlink == 0 ? -ENOENT : 0;
}

static void
hook_close(void *ctx, int file)
{
	(void)ctx;
	close(file);
}

static int
hook_stat(
    void *ctx, enum logfs_place place, const char *name, struct logfs_stat *out)
{
	int dir = folder_at(ctx, place);
	struct stat st;

	if (dir < 0)
		return dir;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return -errno;
	out->id.device = st.st_dev;
	out->id.inode = st.st_ino;
	out->size = (uint64_t)st.st_size;
	out->mtime = st.st_mtim.tv_sec * NS + st.st_mtim.tv_nsec;
	out->ctime = st.st_ctim.tv_sec * NS + st.st_ctim.tv_nsec;
	return 0;
}

/* Where the file system cannot promise not to replace, a link does. */
static int
move_by_link(int from_dir, const char *from, int to_dir, const char *to)
{
	if (linkat(from_dir, from, to_dir, to, 0) != 0)
		return -errno;
	return unlinkat(from_dir, from, 0) == 0 ? 0 : -errno;
}

static int
hook_rename(void *ctx, const char *from, enum logfs_place place, const char *to)
{
	int from_dir = folder_at(ctx, LOGFS_HERE);
	int to_dir = folder_at(ctx, place);

	if (from_dir < 0 || to_dir < 0)
		return from_dir < 0 ? from_dir : to_dir;
	if (renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EINVAL || errno == ENOSYS)
		return move_by_link(from_dir, from, to_dir, to);
	return -errno;
}

static int
hook_remove(void *ctx, const char *name)
{
	int dir = folder_at(ctx, LOGFS_HERE);

	if (dir < 0)
		return dir;
	return unlinkat(dir, name, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

static int
hook_sync_names(void *ctx)
{
	struct logdir *d = ctx;
	int dir = folder_at(d, LOGFS_HERE);

	if (dir < 0)
		return dir;
	if (fsync(dir) != 0)
		return -errno;
	if (d->rotated.fd >= 0 && fsync(d->rotated.fd) != 0)
		return -errno;
	return 0;
}

static int
hook_head(void *ctx, const char *name, char *out, size_t size)
{
	int fd = hook_open(ctx, name);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = pread(fd, out, size, 0);
	if (n < 0)
		n = -errno;
	close(fd);
	return (int)n;
}

void
logdir_hooks(struct logdir *d, struct logfs *out)
{
	out->create = hook_create;
	out->open = hook_open;
	out->write = hook_write;
	out->truncate = hook_truncate;
	out->sync = hook_sync;
	out->length = hook_length;
	out->close = hook_close;
	out->stat = hook_stat;
	out->rename = hook_rename;
	out->remove = hook_remove;
	out->sync_names = hook_sync_names;
	out->head = hook_head;
	out->ctx = d;
}
