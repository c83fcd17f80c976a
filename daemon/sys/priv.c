/*
 * From root to an ordinary user for good.  The folders change owner only
 * where root made them, never through a symbolic link and never a file with
 * a second name: whoever owns a folder could plant those.
 */
#include "sys/priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "muster/err.h"
#include "sys/dirs.h"

struct identity {
	const char *user; /* the name, for messages and initgroups */
	uid_t uid;        /* of user */
	gid_t gid;        /* of the group, or the user's own */
};

static int
look_up(const char *user, const char *group, struct identity *id, char *err,
    size_t err_size)
{
	const struct passwd *pw;
	const struct group *gr;

	errno = 0;
	pw = getpwnam(user);
	if (pw == NULL)
		return mu_text_fail(MUSTER_ENOENT, err, err_size,
		    "no user \"%s\"%s%s", user, errno == 0 ? "" : ": ",
		    errno == 0 ? "" : strerror(errno));
	id->user = user;
	id->uid = pw->pw_uid;
	id->gid = pw->pw_gid;
	if (group == NULL)
		return 0;
	errno = 0;
	gr = getgrnam(group);
	if (gr == NULL)
		return mu_text_fail(MUSTER_ENOENT, err, err_size,
		    "no group \"%s\"%s%s", group, errno == 0 ? "" : ": ",
		    errno == 0 ? "" : strerror(errno));
	id->gid = gr->gr_gid;
	return 0;
}

int
priv_find(const char *user, const char *group, uid_t *uid, gid_t *gid,
    char *err, size_t err_size)
{
	struct identity id;
	int r = look_up(user, group, &id, err, err_size);

	if (r != 0)
		return r;
	*uid = id.uid;
	*gid = id.gid;
	return 0;
}

/* --- folders ------------------------------------------------------------- */

static int
give_entry(int dirfd, const char *name, const struct identity *id)
{
	struct stat st;
	int fd =
	    openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int r = 0;

	if (fd < 0) /* a socket, a symbolic link: not ours to give */
		return 0;
	if (fstat(fd, &st) == 0 && st.st_uid == 0 && S_ISREG(st.st_mode) &&
	    st.st_nlink == 1)
		r = fchown(fd, id->uid, id->gid);
	close(fd);
	return r;
}

static int
give_entries(int fd, const struct identity *id)
{
	int copy = dup(fd);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;
	int r = 0;

	if (dir == NULL) {
		if (copy >= 0)
			close(copy);
		return -1;
	}
	while (r == 0 && (e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.')
			r = give_entry(fd, e->d_name, id);
	closedir(dir);
	return r;
}

/* Folders of the machine, such as /run itself, hold other things. */
static bool
holds_only_sockets(int fd)
{
	int copy = dup(fd);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;
	bool only = true;

	if (dir == NULL) {
		if (copy >= 0)
			close(copy);
		return false;
	}
	rewinddir(dir);
	while (only && (e = readdir(dir)) != NULL) {
		const char *dot = strrchr(e->d_name, '.');

		only = strcmp(e->d_name, ".") == 0 ||
		       strcmp(e->d_name, "..") == 0 ||
		       (dot != NULL && strcmp(dot, ".sock") == 0);
	}
	closedir(dir);
	return only;
}

static int
give_folder(const char *path, bool shared, const struct identity *id, char *err,
    size_t err_size)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = fd < 0 ? -1 : fstat(fd, &st);

	if (r == 0 && st.st_uid == 0 && (!shared || holds_only_sockets(fd)))
		r = fchown(fd, id->uid, id->gid);
	if (r == 0 && !shared)
		r = give_entries(fd, id);
	if (r != 0)
		r = mu_text_fail(MUSTER_EPERM, err, err_size,
		    "cannot give %s to user %s: %s", path, id->user,
		    strerror(errno));
	if (fd >= 0)
		close(fd);
	return r;
}

static int
give_folders(
    const struct dirs *d, const struct identity *id, char *err, size_t err_size)
{
	int r = give_folder(d->state, false, id, err, err_size);

	if (r == 0)
		r = give_folder(d->log, false, id, err, err_size);
	if (r == 0)
		r = give_folder(d->run, true, id, err, err_size);
	return r;
}

/* --- identity ------------------------------------------------------------ */

static int
become(const struct identity *id, char *err, size_t err_size)
{
	uid_t r, e, s;

	if (initgroups(id->user, id->gid) != 0 ||
	    setresgid(id->gid, id->gid, id->gid) != 0 ||
	    setresuid(id->uid, id->uid, id->uid) != 0)
		return mu_text_fail(MUSTER_EPERM, err, err_size,
		    "cannot become user %s: %s", id->user, strerror(errno));
	if (getresuid(&r, &e, &s) != 0 || r != id->uid || e != id->uid ||
	    s != id->uid || (id->uid != 0 && setuid(0) == 0))
		return mu_text_fail(MUSTER_EPERM, err, err_size,
		    "root could be regained after becoming user %s", id->user);
	return 0;
}

int
priv_drop(const char *user, const char *group, const struct dirs *d, char *err,
    size_t err_size)
{
	struct identity id;
	int r;

	if (geteuid() != 0 || user == NULL)
		return 0;
	r = look_up(user, group, &id, err, err_size);
	if (r == 0 && d != NULL)
		r = give_folders(d, &id, err, err_size);
	if (r == 0)
		r = become(&id, err, err_size);
	return r;
}

int
priv_harden(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return MUSTER_ESYS;
	return 0;
}
