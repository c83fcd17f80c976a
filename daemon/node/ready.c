/* Going into the background; see ready.h. */
#include "node/ready.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "sys/exit.h"
#include "sys/log.h"

static struct {
	int fd;         /* told by a byte here; -1: nobody waits */
	bool detached;  /* in the background */
	bool told;      /* ready_tell was called */
	char *log_path; /* where messages go then */
	char *name;     /* in front of them, or NULL */
	pid_t boss;     /* the supervisor, or 0 */
} state = { .fd = -1 };

bool
ready_init(void)
{
	const char *text = getenv("MUSTER_READY_FD");
	char *end;
	long fd;

	if (text == NULL)
		return false;
	fd = strtol(text, &end, 10);
	unsetenv("MUSTER_READY_FD");
	if (end == text || *end != '\0' || fd < 3 || fd > 65535 ||
	    fcntl((int)fd, F_SETFD, FD_CLOEXEC) != 0)
		return false;
	state.fd = (int)fd;
	state.boss = getppid();
	return true;
}

void
ready_follow(void)
{
	if (state.boss == 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* It may have died before we asked. */
	if (getppid() != state.boss)
		raise(SIGTERM);
}

/* The parent's whole remaining life. */
static void
wait_for_child(int fd, pid_t child)
{
	int status;
	ssize_t n;
	char byte;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(EXIT_OK);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			_exit(EXIT_FALSE);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FALSE);
}

int
ready_detach(void)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return MUSTER_ESYS;
	child = fork();
	if (child < 0) {
		int saved = errno;

		close(ends[0]);
		close(ends[1]);
		errno = saved;
		return MUSTER_ESYS;
	}
	if (child > 0) {
		close(ends[1]);
		wait_for_child(ends[0], child);
	}
	close(ends[0]);
	state.fd = ends[1];
	state.detached = true;
	/* Who interrupts the parent while it waits means the start. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setsid();
	return 0;
}

/* Who supervises may be root and the folder somebody else's: then no symbolic
 * link is followed, and nobody who plants a fifo makes us wait. */
static int
open_log(const char *path)
{
	int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY;

	if (geteuid() == 0)
		flags |= O_NOFOLLOW | O_NONBLOCK;
	return open(path, flags, 0640);
}

static void
redirect(void)
{
	int fd = open_log(state.log_path);

	if (fd < 0) {
		log_warn("%s: cannot open, no messages from here on",
		    state.log_path);
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return;
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
	log_init(state.name, log_get_level());
}

static void
leave_terminal(const char *name, const char *log_path)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		dup2(fd, STDIN_FILENO);
		close(fd);
	}
	state.log_path = mu_strdup(log_path);
	state.name = name == NULL ? NULL : mu_strdup(name);
	if (state.log_path != NULL)
		redirect();
	prctl(PR_SET_PDEATHSIG, 0);
}

void
ready_tell(const char *name, const char *log_path)
{
	if (state.told)
		return;
	state.told = true;
	if (state.detached)
		leave_terminal(name, log_path);
	if (state.fd < 0)
		return;
	/* Nobody there to read it: the start went well all the same. */
	(void)!write(state.fd, "", 1);
	close(state.fd);
	state.fd = -1;
}

void
ready_reopen(void)
{
	if (state.detached && state.told && state.log_path != NULL)
		redirect();
}
