/*
 * The postprocessor: a program with the arguments that Zeek gives to its own
 * (reference "cluster-semantics", 4.8), in the folder of the file, in a
 * process group of its own, for a limited time.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "io/logpost_impl.h"
#include "sys/clock.h"
#include "sys/log.h"

#define NS         INT64_C(1000000000)
#define TIME_TEXT  32
#define KILL_AGAIN UINT64_C(1000000000)

extern char **environ;

static void
put_time(int64_t wall, char out[TIME_TEXT])
{
	time_t t = (time_t)(wall / NS);
	struct tm tm;

	char year[8];

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(out + 2, TIME_TEXT - 2, "-%m-%d_%H.%M.%S", &tm) == 0) {
		snprintf(out, TIME_TEXT, "%lld", (long long)t);
		return;
	}
	snprintf(year, sizeof year, "%02u", (unsigned)tm.tm_year % 100);
	memcpy(out, year, 2);
}

/* Ours and, of several loggers, which one; owned, but only the array. */
static char **
make_environment(char *suffix)
{
	size_t n = 0;
	char **env;

	while (environ[n] != NULL)
		n++;
	env = mu_calloc(n + 2, sizeof(*env));
	if (env == NULL)
		return NULL;
	memcpy(env, environ, n * sizeof(*env));
	env[n] = suffix;
	return env;
}

static int
prepare(posix_spawn_file_actions_t *files, posix_spawnattr_t *attr,
    const char *folder)
{
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	rc = posix_spawn_file_actions_addchdir_np(files, folder);
	if (rc == 0)
		rc = posix_spawn_file_actions_addopen(
		    files, 0, "/dev/null", O_RDONLY, 0);
	/* What it prints goes where our messages go. */
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(files, 2, 1);
	if (rc == 0)
		rc = posix_spawnattr_setsigmask(attr, &none);
	if (rc == 0)
		rc = posix_spawnattr_setsigdefault(attr, &all);
	if (rc == 0)
		rc = posix_spawnattr_setpgroup(attr, 0);
	if (rc == 0)
		rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK |
							POSIX_SPAWN_SETSIGDEF |
							POSIX_SPAWN_SETPGROUP);
	return rc;
}

static int
spawn(struct logpost *p, struct post *t, char **env)
{
	char open_time[TIME_TEXT], close_time[TIME_TEXT];
	char writer[] = "ascii", no[] = "0", yes[] = "1";
	char *argv[] = { p->run, t->file, t->path, open_time, close_time,
		t->terminating ? yes : no, writer, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int rc;

	put_time(t->open, open_time);
	put_time(t->close, close_time);
	rc = posix_spawn_file_actions_init(&files);
	if (rc != 0)
		return rc;
	rc = posix_spawnattr_init(&attr);
	if (rc == 0) {
		rc = prepare(&files, &attr, post_folder(p, t->here));
		if (rc == 0)
			rc = posix_spawn(
			    &t->pid, p->run, &files, &attr, argv, env);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

int
post_run(struct logpost *p, struct post *t)
{
	char *suffix = p->now_several
			   ? mu_asprintf("ZEEK_ARG_LOG_SUFFIX=%s", p->node)
			   : NULL;
	char **env = make_environment(suffix);
	int rc = env == NULL || (suffix == NULL && p->now_several)
		     ? ENOMEM
		     : spawn(p, t, env);

	mu_free(env);
	mu_free(suffix);
	if (rc != 0)
		t->pid = 0;
	if (rc != 0 && post_passes(p, t, rc))
		return 1;
	if (rc != 0) {
		post_say(p, LOG_LEVEL_WARN, "logs: %s cannot be run for %s: %s",
		    p->run, t->file, strerror(rc));
		return -1;
	}
	/* Without one (no more descriptors) it is asked for each second. */
	t->pid_fd = (int)syscall(SYS_pidfd_open, t->pid, 0);
	t->kill_at = clock_now() + (uint64_t)p->now.postprocessor_ns;
	return 0;
}

static void
judge(struct logpost *p, const struct post *t, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	post_failed(p);
	if (t->killed)
		post_say(p, LOG_LEVEL_WARN,
		    "logs: the postprocessor of %s took too long and was "
		    "killed",
		    t->file);
	else if (WIFSIGNALED(status))
		post_say(p, LOG_LEVEL_WARN,
		    "logs: the postprocessor of %s ended by signal %d", t->file,
		    WTERMSIG(status));
	else
		post_say(p, LOG_LEVEL_WARN,
		    "logs: the postprocessor of %s ended with status %d",
		    t->file, WEXITSTATUS(status));
}

bool
post_ended(struct logpost *p, struct post *t, uint64_t now)
{
	int status;
	pid_t pid = waitpid(t->pid, &status, WNOHANG);

	if (pid == t->pid) {
		judge(p, t, status);
		return true;
	}
	if (pid < 0 && errno != EINTR)
		return true; /* somebody else waited for it */
	if (now >= t->kill_at) {
		kill(-t->pid, SIGKILL);
		t->killed = true;
		t->kill_at = now + KILL_AGAIN;
	}
	return false;
}
