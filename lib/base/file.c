/* Files written whole; see file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "muster/err.h"

int
mu_file_write_fully(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
sync_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder;
	int fd, r, saved;

	if (slash == NULL)
		folder = mu_strdup(".");
	else
		folder = mu_memdup0(
		    path, slash == path ? 1 : (size_t)(slash - path));
	if (folder == NULL) {
		errno = ENOMEM;
		return -1;
	}
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mu_free(folder);
	if (fd < 0)
		return -1;
	r = fsync(fd);
	saved = errno;
	close(fd);
	/* Some file systems cannot sync a folder; that is not our failure. */
	if (r != 0 && (saved == EINVAL || saved == ENOTSUP))
		return 0;
	errno = saved;
	return r;
}

static int
write_temp(const char *temp, const void *data, size_t len, mode_t mode)
{
	int fd, saved, r;

	/* Left over by a process of this number that was killed. */
	unlink(temp);
	fd = open(
	    temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -1;
	r = fchmod(fd, mode) == 0 && mu_file_write_fully(fd, data, len) == 0 &&
		    fsync(fd) == 0
		? 0
		: -1;
	saved = errno;
	if (close(fd) != 0 && r == 0) {
		saved = errno;
		r = -1;
	}
	errno = saved;
	return r;
}

/* link(2) refuses an existing name in one step, which no check beforehand
 * could. */
static int
settle(const char *temp, const char *path, bool overwrite)
{
	if (overwrite)
		return rename(temp, path);
	if (link(temp, path) != 0)
		return -1;
	unlink(temp);
	return 0;
}

int
mu_file_write(
    const char *path, const void *data, size_t len, mode_t mode, bool overwrite)
{
	char *temp = mu_asprintf("%s.%ld.new", path, (long)getpid());
	int saved, r;

	if (temp == NULL)
		return MUSTER_ENOMEM;
	r = write_temp(temp, data, len, mode);
	if (r == 0)
		r = settle(temp, path, overwrite);
	saved = errno;
	if (r != 0)
		unlink(temp);
	mu_free(temp);
	errno = saved;
	if (r == 0)
		r = sync_folder_of(path);
	return r == 0 ? 0 : MUSTER_ESYS;
}
