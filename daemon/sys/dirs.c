/*
 * Directories of one node.  The lock is an open-file-description lock: it
 * goes with the descriptor through fork, so a daemon that detaches keeps it,
 * and it vanishes with the last process that holds it, even by kill -9.
 */
#include "sys/dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "muster/err.h"
#include "sys/file.h"

int
dirs_init(struct dirs *d, const char *root, const char *state_dir,
    const char *run_dir, const char *log_dir, const char *node)
{
	memset(d, 0, sizeof *d);
	d->lock_fd = -1;
	if (root == NULL)
		root = "";
	if (node[0] == '\0' || strchr(node, '/') != NULL ||
	    strcmp(node, ".") == 0 || strcmp(node, "..") == 0)
		return MUSTER_EINVAL;
	d->state = mu_asprintf("%s%s/%s", root, state_dir, node);
	d->run = mu_asprintf("%s%s", root, run_dir);
	d->log = mu_asprintf("%s%s/%s", root, log_dir, node);
	d->sock = mu_asprintf("%s%s/%s.sock", root, run_dir, node);
	if (d->state == NULL || d->run == NULL || d->log == NULL ||
	    d->sock == NULL) {
		dirs_clear(d);
		return MUSTER_ENOMEM;
	}
	return 0;
}

void
dirs_clear(struct dirs *d)
{
	mu_free(d->state);
	mu_free(d->run);
	mu_free(d->log);
	mu_free(d->sock);
	if (d->lock_fd >= 0)
		close(d->lock_fd);
	memset(d, 0, sizeof *d);
	d->lock_fd = -1;
}

/* --- the lock ------------------------------------------------------------ */

/* Who holds the lock says so in the file; 0 if it does not. */
static long
read_pid(int fd)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof text - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return strtol(text, NULL, 10);
}

int
dirs_write_pid(const struct dirs *d)
{
	char text[32];
	int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());

	if (d->lock_fd < 0)
		return MUSTER_EINVAL;
	if (ftruncate(d->lock_fd, 0) != 0 ||
	    pwrite(d->lock_fd, text, (size_t)len, 0) != len)
		return MUSTER_ESYS;
	return 0;
}

static int
take_lock(struct dirs *d, const char *path, char *err, size_t err_size)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	long pid;

	d->lock_fd =
	    open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (d->lock_fd < 0)
		return mu_text_fail(MUSTER_ESYS, err, err_size,
		    "cannot open %s: %s", path, strerror(errno));
	if (fcntl(d->lock_fd, F_OFD_SETLK, &lock) == 0) {
		errno = 0;
		if (dirs_write_pid(d) == 0)
			return 0;
		/* A short write leaves errno alone: no room for 8 bytes. */
		return mu_text_fail(MUSTER_ESYS, err, err_size,
		    "cannot write %s: %s", path,
		    strerror(errno == 0 ? ENOSPC : errno));
	}
	if (errno != EAGAIN && errno != EACCES)
		return mu_text_fail(MUSTER_ESYS, err, err_size,
		    "cannot lock %s: %s", path, strerror(errno));
	pid = read_pid(d->lock_fd);
	if (pid > 0)
		return mu_text_fail(MUSTER_EEXIST, err, err_size,
		    "another musterd (pid %ld) runs this node: it holds %s",
		    pid, path);
	return mu_text_fail(MUSTER_EEXIST, err, err_size,
	    "another process runs this node: it holds %s", path);
}

static int
make_folder(const char *path, mode_t mode, char *err, size_t err_size)
{
	size_t at;

	if (file_make_folder(path, mode, &at) == 0)
		return 0;
	return mu_text_fail(MUSTER_ESYS, err, err_size,
	    "cannot create %.*s: %s", (int)at, path, strerror(errno));
}

int
dirs_open(struct dirs *d, char *err, size_t err_size)
{
	char *path;
	int r;

	if (strlen(d->sock) >= sizeof((struct sockaddr_un *)0)->sun_path)
		return mu_text_fail(MUSTER_ELIMIT, err, err_size,
		    "the path of the control socket is too long (%zu bytes, at "
		    "most %zu): %s",
		    strlen(d->sock),
		    sizeof((struct sockaddr_un *)0)->sun_path - 1, d->sock);
	r = make_folder(d->state, 0700, err, err_size);
	if (r == 0)
		r = make_folder(d->run, 0755, err, err_size);
	if (r == 0)
		r = make_folder(d->log, 0750, err, err_size);
	if (r != 0)
		return r;
	path = mu_asprintf("%s/lock", d->state);
	if (path == NULL)
		return mu_text_fail(
		    MUSTER_ENOMEM, err, err_size, "out of memory");
	r = take_lock(d, path, err, err_size);
	mu_free(path);
	if (r != 0 && d->lock_fd >= 0) {
		close(d->lock_fd);
		d->lock_fd = -1;
	}
	return r;
}
