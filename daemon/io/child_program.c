/*
 * Other programs as children; see child.h.
 *
 * Everything that allocates happens before fork(2): this process has threads,
 * and what they held at that moment stays held in the child.
 */
#include "io/child_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/blob.h"

#define INPUT_PIECE 65536 /* bytes written in one turn */

extern char **environ;

/* The child's ends. */
struct ends {
	int input, output, failure;
};

/* --- its surroundings ----------------------------------------------------- */

static bool
same_name(const char *a, const char *b)
{
	size_t n = strcspn(b, "=");

	return strncmp(a, b, n) == 0 && a[n] == '=';
}

/* What the service manager told us is not for others. */
static bool
is_private(const char *entry)
{
	static const char *const names[] = { "NOTIFY_SOCKET=", "WATCHDOG_USEC=",
		"WATCHDOG_PID=", "MUSTER_READY_FD=" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (same_name(entry, names[i]))
			return true;
	return false;
}

static bool
is_replaced(const char *entry, const char *const *env)
{
	for (; env != NULL && *env != NULL; env++)
		if (same_name(entry, *env))
			return true;
	return false;
}

/* Our environment with env; only the array is owned.  NULL: no memory. */
static const char **
make_environment(const char *const *env)
{
	size_t n = 0, k = 0;
	const char **list;

	while (environ != NULL && environ[n] != NULL)
		n++;
	while (env != NULL && env[k] != NULL)
		k++;
	list = mu_calloc(n + k + 1, sizeof(*list));
	if (list == NULL)
		return NULL;
	k = 0;
	for (size_t i = 0; i < n; i++)
		if (!is_private(environ[i]) && !is_replaced(environ[i], env))
			list[k++] = environ[i];
	for (; env != NULL && *env != NULL; env++)
		list[k++] = *env;
	return list;
}

static void
close_both(int p[2])
{
	for (int i = 0; i < 2; i++)
		if (p[i] >= 0)
			close(p[i]);
}

static bool
make_pipes(struct child *c, struct ends *theirs)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, failure[2];

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 ||
	    pipe2(failure, O_CLOEXEC) != 0) {
		int saved = errno;

		close_both(in);
		close_both(out);
		errno = saved;
		return false;
	}
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(failure[0], F_SETFL, O_NONBLOCK);
	c->input.fd = in[1];
	c->output.fd = out[0];
	c->ready.fd = failure[0];
	*theirs = (struct ends){ in[0], out[1], failure[1] };
	return true;
}

static void
close_ends(const struct ends *theirs)
{
	close(theirs->input);
	close(theirs->output);
	close(theirs->failure);
}

/* --- the child's side ------------------------------------------------------
 */

/* All signals are blocked; only calls that are safe between fork and exec. */
static _Noreturn void
become(const char *const *argv, const char *const *env, const struct ends *mine,
    pid_t parent)
{
	union {
		const char *const *in;
		char *const *out; /* execve(2) does not change them */
	} args = { .in = argv }, vars = { .in = env };
	sigset_t none;
	unsigned char why;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	sigemptyset(&none);
	child_reset_signals(&none);
	dup2(mine->input, STDIN_FILENO);
	dup2(mine->output, STDOUT_FILENO);
	dup2(mine->output, STDERR_FILENO);
	/* ours are closed by themselves; those of libraries may not be */
	(void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	execve(argv[0], args.out, vars.out);
	why = (unsigned char)errno;
	(void)!write(mine->failure, &why, 1);
	_exit(127);
}

/* --- its input --------------------------------------------------------------
 */

/* A program that does not want its input, or ended, is nothing to us. */
static void
on_input(evutil_socket_t fd, short what, void *ctx)
{
	struct pipe *p = ctx;
	struct child *c = p->child;
	size_t left = c->data == NULL ? 0 : c->data->len - c->sent;
	ssize_t n = 0;

	(void)what;
	if (left > 0) {
		n = write((int)fd, c->data->data + c->sent,
		    left < INPUT_PIECE ? left : INPUT_PIECE);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
	}
	if (n > 0)
		c->sent += (size_t)n;
	if (n < 0 || (size_t)n == left)
		child_close_pipe(p);
}

/* --- the beginning ----------------------------------------------------------
 */

struct child *
child_run(struct children *cs, const struct child_program *p, void *ctx)
{
	const char **env = make_environment(p->env);
	struct child *c = env == NULL ? NULL : mu_calloc(1, sizeof *c);
	pid_t parent = getpid();
	struct ends theirs;
	sigset_t all, old;
	int saved;

	if (c == NULL) {
		mu_free(env);
		errno = ENOMEM;
		return NULL;
	}
	if (!make_pipes(c, &theirs))
		goto fail;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	c->pid = fork();
	if (c->pid == 0)
		become(p->argv, env, &theirs, parent);
	saved = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	close_ends(&theirs);
	if (c->pid < 0) {
		close(c->input.fd);
		close(c->output.fd);
		close(c->ready.fd);
		errno = saved;
		goto fail;
	}
	/* both do it: neither knows who comes first */
	setpgid(c->pid, c->pid);
	mu_free(env);
	c->program = true;
	c->data = p->input == NULL ? NULL : mu_blob_ref(p->input);
	child_enlist(cs, c, ctx);
	child_watch(c, &c->input, EV_WRITE, on_input);
	return c;
fail:
	saved = errno;
	mu_free(c);
	mu_free(env);
	errno = saved;
	return NULL;
}
