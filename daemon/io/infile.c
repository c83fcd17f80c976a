/* Files that are followed; see infile.h. */
#include "io/infile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "muster/err.h"

static int
fail(void)
{
	return errno == ENOENT || errno == ENOTDIR ? MUSTER_ENOENT
						   : MUSTER_ESYS;
}

static void
describe(struct input_file *f, const struct stat *st)
{
	f->device = (uint64_t)st->st_dev;
	f->inode = (uint64_t)st->st_ino;
	f->size = (uint64_t)st->st_size;
}

static int
look(void *ctx, const char *path, struct input_file *f)
{
	struct stat st;

	(void)ctx;
	if (stat(path, &st) != 0)
		return fail();
	describe(f, &st);
	return 0;
}

static int
facts(void *ctx, int handle, struct input_file *f)
{
	struct stat st;

	(void)ctx;
	if (fstat(handle, &st) != 0)
		return MUSTER_ESYS;
	describe(f, &st);
	return 0;
}

static void
put_away(void *ctx, int handle)
{
	(void)ctx;
	close(handle);
}

/* Without O_NONBLOCK a pipe would wait for its writer. */
static int
open_at(int folder, const char *name, int *handle, struct input_file *f)
{
	int fd =
	    openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return fail();
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		errno = EINVAL;
		return MUSTER_ESYS;
	}
	describe(f, &st);
	*handle = fd;
	return 0;
}

static int
open_path(void *ctx, const char *path, int *handle, struct input_file *f)
{
	(void)ctx;
	return open_at(AT_FDCWD, path, handle, f);
}

/* The entry of the folder with that identity. */
static int
search(DIR *d, const struct input_file *want, int *handle, struct input_file *f)
{
	const struct dirent *e;
	struct stat st;
	int rc;

	while ((e = readdir(d)) != NULL) {
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) !=
			0 ||
		    (uint64_t)st.st_dev != want->device ||
		    (uint64_t)st.st_ino != want->inode)
			continue;
		rc = open_at(dirfd(d), e->d_name, handle, f);
		if (rc != 0)
			return rc;
		if (f->device == want->device && f->inode == want->inode)
			return 0;
		close(*handle);
	}
	return MUSTER_ENOENT;
}

static int
find(void *ctx, const char *path, int *handle, struct input_file *f)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL ? mu_strdup(".")
		       : slash == path
			   ? mu_strdup("/")
			   : mu_memdup0(path, (size_t)(slash - path));
	struct input_file want = *f;
	DIR *d;
	int rc;

	(void)ctx;
	if (folder == NULL)
		return MUSTER_ENOMEM;
	d = opendir(folder);
	rc = d == NULL ? fail() : search(d, &want, handle, f);
	if (d != NULL)
		closedir(d);
	mu_free(folder);
	return rc;
}

/* What is in memory, without waiting for the disk; ask it for the rest.
 * -1 with errno EOPNOTSUPP: this file system cannot tell. */
static ssize_t
read_now(int fd, uint64_t offset, uint8_t *buf, size_t len)
{
	struct iovec v = { buf, len };
	ssize_t n;

	do
		n = preadv2(fd, &v, 1, (off_t)offset, RWF_NOWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN) {
		(void)posix_fadvise(
		    fd, (off_t)offset, (off_t)len, POSIX_FADV_WILLNEED);
		errno = EAGAIN;
	}
	return n;
}

static long
read_at(
    void *ctx, int handle, uint64_t offset, uint8_t *buf, size_t len, bool wait)
{
	ssize_t n = -1;

	(void)ctx;
	errno = EOPNOTSUPP;
	if (!wait)
		n = read_now(handle, offset, buf, len);
	if (n < 0 && errno == EAGAIN)
		return MUSTER_EAGAIN;
	while (n < 0 && (errno == EOPNOTSUPP || errno == EINTR))
		n = pread(handle, buf, len, (off_t)offset);
	return n < 0 ? MUSTER_ESYS : (long)n;
}

const struct input_hooks infile_hooks = { look, open_path, find, facts, read_at,
	put_away, NULL };
