/* Whole files and folders; see file.h. */
#include "sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "muster/err.h"

#define READ_CHUNK 16384

/* --- reading ------------------------------------------------------------- */

/* Read until the end or until there is one byte more than max. */
static int
read_until(int fd, size_t max, char **data, size_t *len)
{
	size_t cap = 0;

	for (;;) {
		ssize_t n;

		if (*len + 1 >= cap) {
			size_t want = cap == 0 ? READ_CHUNK : cap * 2;
			char *p = mu_realloc(*data, want);

			if (p == NULL)
				return MUSTER_ENOMEM;
			*data = p;
			cap = want;
		}
		n = read(fd, *data + *len, cap - *len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return MUSTER_ESYS;
		if (n == 0)
			break;
		*len += (size_t)n;
		if (*len > max)
			return MUSTER_ELIMIT;
	}
	(*data)[*len] = '\0';
	return 0;
}

int
file_read_all(const char *path, size_t max, char **data, size_t *len)
{
	int fd, r, saved;

	*data = NULL;
	*len = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return MUSTER_ESYS;
	r = read_until(fd, max, data, len);
	saved = errno;
	close(fd);
	if (r != 0) {
		mu_free(*data);
		*data = NULL;
		*len = 0;
	}
	errno = saved;
	return r;
}

/* --- folders ------------------------------------------------------------- */

static int
make_one(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return chmod(path, mode); /* the umask took bits away */
	if (errno != EEXIST)
		return -1;
	if (stat(path, &st) != 0)
		return -1;
	if (S_ISDIR(st.st_mode))
		return 0;
	errno = ENOTDIR;
	return -1;
}

bool
file_is_fifo(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
}

int
file_make_folder(const char *path, mode_t mode, size_t *at)
{
	char *copy = mu_strdup(path);
	char *p;
	int r = 0, saved;

	if (at != NULL)
		*at = strlen(path);
	if (copy == NULL) {
		errno = ENOMEM;
		return MUSTER_ESYS;
	}
	p = copy + strspn(copy, "/");
	while (r == 0 && (p = strchr(p, '/')) != NULL) {
		*p = '\0';
		r = make_one(copy, 0755);
		if (r != 0 && at != NULL)
			*at = strlen(copy);
		*p = '/';
		p += strspn(p, "/");
	}
	if (r == 0)
		r = make_one(copy, mode);
	saved = errno;
	mu_free(copy);
	errno = saved;
	return r == 0 ? 0 : MUSTER_ESYS;
}
