/* Processes and /proc; see proc.h. */
#include "proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

/* --- starting and stopping ----------------------------------------------------- */

static void
child(char *const argv[], const char *log)
{
	int in = open("/dev/null", O_RDWR);
	int out = log == NULL ? in
			      : open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	dup2(in, 0);
	dup2(out, 1);
	dup2(out, 2);
	closefrom(3);
	execvp(argv[0], argv);
	_exit(127);
}

pid_t
proc_start(char *const argv[], const char *log)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid == 0)
		child(argv, log);
	return pid;
}

static void
pause_ms(unsigned ms)
{
	struct timespec t = { .tv_nsec = (long)ms * 1000000 };

	nanosleep(&t, NULL);
}

void
proc_stop(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGCONT);
	kill(pid, SIGTERM);
	for (int i = 0; i < 600; i++) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		pause_ms(5);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

bool
proc_run(char *const argv[], const char *log)
{
	pid_t pid = proc_start(argv, log);
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool
proc_alive(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

/* --- /proc --------------------------------------------------------------------- */

static bool
slurp(char *to, size_t size, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, to, size - 1);
	close(fd);
	if (n < 0)
		return false;
	to[n] = '\0';
	return true;
}

/* In clock ticks, where the kernel keeps nothing finer. */
static uint64_t
cpu_by_stat(pid_t pid)
{
	char path[64], text[1024], *p;
	unsigned long long user, sys;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (!slurp(text, sizeof text, path) || (p = strrchr(text, ')')) == NULL)
		return 0;
	if (sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
	    "%llu %llu", &user, &sys) != 2)
		return 0;
	return (user + sys) * (SEC / (uint64_t)sysconf(_SC_CLK_TCK));
}

uint64_t
proc_cpu(pid_t pid)
{
	char path[320], text[128];
	struct dirent *d;
	uint64_t sum = 0;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	while ((d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat",
		    (int)pid, d->d_name);
		if (slurp(text, sizeof text, path))
			sum += strtoull(text, NULL, 10);
	}
	closedir(dir);
	return sum > 0 ? sum : cpu_by_stat(pid);
}

uint64_t
proc_cpu_tree(pid_t pid)
{
	char path[64], text[8192], *p = text;
	uint64_t sum = proc_cpu(pid);

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid,
	    (int)pid);
	if (!slurp(text, sizeof text, path))
		return sum;
	for (long c; (c = strtol(p, &p, 10)) > 0;)
		sum += proc_cpu_tree((pid_t)c);
	return sum;
}

static uint64_t
status_field(pid_t pid, const char *name)
{
	char path[64], text[4096], *p;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	if (!slurp(text, sizeof text, path) || (p = strstr(text, name)) == NULL)
		return 0;
	return strtoull(p + strlen(name), NULL, 10);
}

uint64_t
proc_rss(pid_t pid)
{
	return status_field(pid, "\nVmRSS:") * 1024;
}

uint64_t
proc_rss_peak(pid_t pid)
{
	return status_field(pid, "\nVmHWM:") * 1024;
}

uint64_t
proc_rss_anon(pid_t pid)
{
	return status_field(pid, "\nRssAnon:") * 1024;
}

uint64_t
proc_switches(pid_t pid)
{
	return status_field(pid, "\nvoluntary_ctxt_switches:") +
	    status_field(pid, "\nnonvoluntary_ctxt_switches:");
}

/* --- folders ------------------------------------------------------------------- */

void
make_folder(char *path, size_t size)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(path, size, "%s/mb.XXXXXX", tmp == NULL ? "/tmp" : tmp);
	if (mkdtemp(path) == NULL)
		die("%s: %s", path, strerror(errno));
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

void
remove_folder(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
