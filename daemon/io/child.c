/*
 * Child processes; see child.h.
 *
 * Each has a process group of its own, so that a ^C reaches only this process
 * and the order of stopping is ours to decide; the kernel tells it when this
 * process dies, however it does.
 */
#include "io/child_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/blob.h"
#include "io/loop.h"

#define LAST_WORDS 32 /* chunks read of one that ended */

/* --- output ------------------------------------------------------------ */

static void
end_line(struct child *c)
{
	c->line[c->len] = '\0';
	c->len = 0;
	c->all->ops->line(c->ctx, c->line);
}

static void
take(struct child *c, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (c->muted)
			return;
		if (p[i] == '\n') {
			end_line(c);
			continue;
		}
		if (c->len == LINE_BYTES)
			end_line(c);
		/* Lines are text; what is not counts all the same. */
		c->line[c->len++] = p[i] == '\0' ? '?' : p[i];
	}
}

void
child_close_pipe(struct pipe *p)
{
	if (p->fd < 0)
		return;
	event_del(&p->event);
	close(p->fd);
	p->fd = -1;
}

/* Returns false when there is nothing more at present. */
static bool
read_output(struct child *c)
{
	char chunk[8192];
	ssize_t n = read(c->output.fd, chunk, sizeof chunk);

	if (n > 0) {
		take(c, chunk, (size_t)n);
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		child_close_pipe(&c->output);
	return false;
}

static void
on_output(evutil_socket_t fd, short what, void *ctx)
{
	struct pipe *p = ctx;

	(void)fd;
	(void)what;
	read_output(p->child);
}

static void
on_ready(evutil_socket_t fd, short what, void *ctx)
{
	struct pipe *p = ctx;
	struct child *c = p->child;
	char byte;
	ssize_t n = read((int)fd, &byte, 1);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	child_close_pipe(p);
	if (n == 1 && c->program)
		c->all->ops->unfit(c->ctx, (unsigned char)byte);
	else if (n == 1)
		c->all->ops->ready(c->ctx);
}

/* --- the end ----------------------------------------------------------- */

static void
free_child(struct child *c)
{
	child_close_pipe(&c->output);
	child_close_pipe(&c->ready);
	child_close_pipe(&c->input);
	mu_blob_unref(c->data);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		c->all->first = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	mu_free(c);
}

static void
bury(struct child *c, int status)
{
	struct children *cs = c->all;
	void *ctx = c->ctx;

	/* Its last words are often the important ones.  A pipe does not hold
	 * more than that, unless somebody else still writes into it. */
	for (int i = 0; i < LAST_WORDS && c->output.fd >= 0; i++)
		if (!read_output(c))
			break;
	if (c->len > 0 && !c->muted)
		end_line(c);
	if (c->ready.fd >= 0)
		on_ready(c->ready.fd, 0, &c->ready);
	free_child(c);
	cs->ops->ended(ctx, status);
}

/* Did it end?  What is left of a program's group ends with it, before anybody
 * else can get its number. */
static bool
collect(const struct child *c, int *status)
{
	siginfo_t info = { .si_pid = 0 };

	if (c->program) {
		if (waitid(P_PID, (id_t)c->pid, &info,
			WEXITED | WNOHANG | WNOWAIT) != 0 ||
		    info.si_pid != c->pid)
			return false;
		kill(-c->pid, SIGKILL);
	}
	return waitpid(c->pid, status, WNOHANG) == c->pid;
}

static void
on_sigchld(void *ctx, int number)
{
	struct children *cs = ctx;

	(void)number;
	for (struct child *c = cs->first, *next; c != NULL; c = next) {
		int status;

		next = c->next;
		if (collect(c, &status))
			bury(c, status);
	}
}

/* --- the beginning ----------------------------------------------------- */

void
child_reset_signals(const sigset_t *blocked)
{

	for (int i = 1; i < NSIG; i++)
		if (i != SIGKILL && i != SIGSTOP)
			signal(i, SIG_DFL);
	sigprocmask(SIG_SETMASK, blocked, NULL);
}

/* The child's side of fork(2), all signals blocked; never returns. */
static _Noreturn void
become(const char *const *argv, int output, int ready, pid_t parent)
{
	union {
		const char *const *in;
		char *const *out; /* execv(3) does not change them */
	} args = { .in = argv };
	char text[16];
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t later;

	/* Our handlers would tell our loop of the child's signals.  Those of
	 * sys/process.h wait until the node hears them. */
	sigemptyset(&later);
	sigaddset(&later, SIGHUP);
	sigaddset(&later, SIGUSR1);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	child_reset_signals(&later);
	snprintf(text, sizeof text, "%d", ready);
	/* The service manager is ours to talk to. */
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	setenv("MUSTER_READY_FD", text, 1);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	fcntl(ready, F_SETFD, 0);
	execv("/proc/self/exe", args.out);
	_exit(127);
}

static bool
make_pipes(struct child *c, int *output, int *ready)
{
	int a[2], b[2];

	if (pipe2(a, O_CLOEXEC) != 0)
		return false;
	if (pipe2(b, O_CLOEXEC) != 0) {
		close(a[0]);
		close(a[1]);
		return false;
	}
	fcntl(a[0], F_SETFL, O_NONBLOCK);
	fcntl(b[0], F_SETFL, O_NONBLOCK);
	c->output.fd = a[0];
	c->ready.fd = b[0];
	*output = a[1];
	*ready = b[1];
	return true;
}

void
child_watch(struct child *c, struct pipe *p, short what, event_callback_fn on)
{
	p->child = c;
	event_assign(&p->event, loop_base(c->all->loop), p->fd,
	    what | EV_PERSIST, on, p);
	event_add(&p->event, NULL);
}

struct child *
child_spawn(struct children *cs, const char *const *argv, void *ctx)
{
	struct child *c = mu_calloc(1, sizeof *c);
	pid_t parent = getpid();
	sigset_t all, old;
	int output, ready, saved;

	if (c == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	c->input.fd = -1;
	if (!make_pipes(c, &output, &ready)) {
		saved = errno;
		mu_free(c);
		errno = saved;
		return NULL;
	}
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	c->pid = fork();
	if (c->pid == 0)
		become(argv, output, ready, parent);
	saved = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(output);
	close(ready);
	if (c->pid < 0) {
		close(c->output.fd);
		close(c->ready.fd);
		mu_free(c);
		errno = saved;
		return NULL;
	}
	child_enlist(cs, c, ctx);
	return c;
}

void
child_enlist(struct children *cs, struct child *c, void *ctx)
{
	c->all = cs;
	c->ctx = ctx;
	c->next = cs->first;
	if (cs->first != NULL)
		cs->first->prev = c;
	cs->first = c;
	child_watch(c, &c->output, EV_READ, on_output);
	child_watch(c, &c->ready, EV_READ, on_ready);
}

void
child_signal(struct child *c, int number)
{
	kill(c->program ? -c->pid : c->pid, number);
}

void
child_mute(struct child *c)
{
	c->muted = true;
	c->len = 0;
	child_close_pipe(&c->output);
}

pid_t
child_pid(const struct child *c)
{
	return c->pid;
}

/* --- all of them ------------------------------------------------------- */

struct children *
children_new(struct loop *l, const struct child_ops *ops)
{
	struct children *cs = mu_calloc(1, sizeof *cs);

	if (cs == NULL)
		return NULL;
	cs->loop = l;
	cs->ops = ops;
	cs->signal = loop_signal_new(l, SIGCHLD, on_sigchld, cs);
	if (cs->signal == NULL) {
		mu_free(cs);
		return NULL;
	}
	return cs;
}

void
children_each(struct children *cs, void (*what)(void *ctx))
{
	for (struct child *c = cs->first; c != NULL; c = c->next)
		what(c->ctx);
}

void
children_free(struct children *cs)
{
	int status;

	if (cs == NULL)
		return;
	for (struct child *c = cs->first; c != NULL; c = c->next)
		child_signal(c, SIGKILL);
	while (cs->first != NULL) {
		while (
		    waitpid(cs->first->pid, &status, 0) < 0 && errno == EINTR)
			;
		free_child(cs->first);
	}
	loop_signal_free(cs->signal);
	mu_free(cs);
}
