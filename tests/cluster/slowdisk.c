/*
 * A disk that takes its time, for LD_PRELOAD: when the process syncs a file
 * whose path contains SLOWDISK_PATH, it waits SLOWDISK_MS milliseconds first,
 * and before each write(2) to it SLOWDISK_WRITE_MS.
 *
 * SLOWDISK_FAIL names a file; while it exists the disk fails with EIO: when its
 * first letter is "s", syncs do, "w": syncs and writes, "m": writes to the
 * first two pages, where LMDB has its heads.
 *
 * SLOWDISK_WATCH names a file that others write to, SLOWDISK_LOG one to which
 * each sync adds a line when it is done: the size of the former half way
 * through the wait and at its end.  That it grew shows that life went on.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static long long
size_of(const char *path)
{
	struct stat st;

	return path == NULL || stat(path, &st) != 0 ? -1
						    : (long long)st.st_size;
}

static void
pause_ms(long ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

static void
note(long long middle, long long end)
{
	const char *path = getenv("SLOWDISK_LOG");
	char line[64];
	int fd, n;

	fd = path == NULL
		 ? -1
		 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	n = snprintf(line, sizeof line, "%lld %lld\n", middle, end);
	if (write(fd, line, (size_t)n) != n)
		abort();
	close(fd);
}

static int
is_meant(int fd)
{
	const char *part = getenv("SLOWDISK_PATH");
	char link[64], path[4096];
	ssize_t n;

	if (part == NULL)
		return 0;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	if (n < 0)
		return 0;
	path[n] = '\0';
	return strstr(path, part) != NULL;
}

static long long
begin(void)
{
	const char *text = getenv("SLOWDISK_MS");
	long ms = text == NULL ? 0 : strtol(text, NULL, 10);
	long long middle;

	pause_ms(ms / 2);
	middle = size_of(getenv("SLOWDISK_WATCH"));
	pause_ms(ms - ms / 2);
	return middle;
}

static void *
real(const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);

	if (f == NULL)
		abort();
	return f;
}

/* --- failing -----------------------------------------------------------
 */

/* The letter, 0: it works. */
static char
failing(void)
{
	const char *path = getenv("SLOWDISK_FAIL");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	char how = 0;

	if (fd < 0)
		return 0;
	if (read(fd, &how, 1) != 1)
		how = 0;
	close(fd);
	return how;
}

static int
write_fails(int fd, off_t at)
{
	int error = errno;
	char how = failing();
	int fails = (how == 'w' || (how == 'm' && at >= 0 && at < 8192)) &&
		    is_meant(fd);

	errno = fails ? EIO : error;
	return fails;
}

ssize_t
pwrite(int fd, const void *buf, size_t n, off_t at)
{
	ssize_t (*f)(int, const void *, size_t, off_t);
	void *p = real("pwrite");

	memcpy(&f, &p, sizeof f);
	return write_fails(fd, at) ? -1 : f(fd, buf, n, at);
}

ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	ssize_t (*f)(int, const struct iovec *, int);
	void *p = real("writev");

	memcpy(&f, &p, sizeof f);
	return write_fails(fd, -1) ? -1 : f(fd, iov, n);
}

ssize_t
write(int fd, const void *buf, size_t n)
{
	const char *text = getenv("SLOWDISK_WRITE_MS");
	ssize_t (*f)(int, const void *, size_t);
	void *p = real("write");
	int error = errno;

	memcpy(&f, &p, sizeof f);
	if (text != NULL && is_meant(fd))
		pause_ms(strtol(text, NULL, 10));
	errno = error;
	return f(fd, buf, n);
}

/* --- syncs -------------------------------------------------------------
 */

static int
sync_fd(const char *name, int fd)
{
	int (*f)(int);
	void *p = real(name);
	long long middle;
	int rc, error;

	memcpy(&f, &p, sizeof f);
	if (!is_meant(fd))
		return f(fd);
	middle = begin();
	if (failing() == 's' || failing() == 'w') {
		errno = EIO;
		return -1;
	}
	rc = f(fd);
	error = errno;
	note(middle, size_of(getenv("SLOWDISK_WATCH")));
	errno = error;
	return rc;
}

int
fsync(int fd)
{
	return sync_fd("fsync", fd);
}

int
fdatasync(int fd)
{
	return sync_fd("fdatasync", fd);
}

/* Of whom the pages are is not easily said: all of them are meant. */
int
msync(void *addr, size_t len, int flags)
{
	int (*f)(void *, size_t, int);
	void *p = real("msync");
	long long middle = 0;
	int rc, error;

	memcpy(&f, &p, sizeof f);
	if ((flags & MS_SYNC) != 0)
		middle = begin();
	rc = f(addr, len, flags);
	error = errno;
	if ((flags & MS_SYNC) != 0)
		note(middle, size_of(getenv("SLOWDISK_WATCH")));
	errno = error;
	return rc;
}
