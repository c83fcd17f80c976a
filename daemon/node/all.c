/*
 * musterd -a: gives node/supervise its processes, and their output a name and
 * a time.
 */
#include "node/all.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "io/child.h"
#include "io/local.h"
#include "io/loop.h"
#include "layout/layout.h"
#include "layout/read.h"
#include "muster/err.h"
#include "node/choose.h"
#include "node/options.h"
#include "node/ready.h"
#include "node/supervise.h"
#include "sys/clock.h"
#include "sys/exit.h"
#include "sys/log.h"
#include "sys/notify.h"
#include "sys/process.h"

#define SIGNALS 4

struct all {
	const struct options *opt;
	struct mu_layout *layout; /* owned */
	char *log_path;           /* of this process in the background */
	struct loop *loop;
	struct loop_signal *signals[SIGNALS];
	struct loop_timer *watchdog;
	struct supervise *supervise;
	struct children *children;
	struct running *first;
	bool told_ready; /* the first ALL_UP was */
	size_t nready;   /* as the service manager knows it */
};

/* A process and its name; freed when it ended. */
struct running {
	struct all *all;
	struct running *prev, *next;
	struct child *child;
	char *name;
};

/* --- processes --------------------------------------------------------- */

static struct running *
find(const struct all *a, const char *name)
{
	for (struct running *r = a->first; r != NULL; r = r->next)
		if (strcmp(r->name, name) == 0)
			return r;
	return NULL;
}

static void
free_running(struct running *r)
{
	if (r->prev != NULL)
		r->prev->next = r->next;
	else
		r->all->first = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
	mu_free(r->name);
	mu_free(r);
}

/* Below the service manager's journal messages begin with their priority,
 * which has to stay in front of the name; otherwise they come as they are
 * ("warning: ...") and the node has decided what is worth saying. */
static void
on_line(void *ctx, const char *text)
{
	const struct running *r = ctx;
	int level = LOG_LEVEL_INFO;

	if (text[0] == '<' && text[1] >= '3' && text[1] <= '7' &&
	    text[2] == '>') {
		level = text[1] - '0';
		text += 3;
	}
	log_at((enum log_level)level, "%s: %s", r->name, text);
}

static void
on_ready(void *ctx)
{
	const struct running *r = ctx;

	supervise_ready(r->all->supervise, r->name);
}

static void
say_ended(const struct running *r, int status)
{
	if (WIFSIGNALED(status))
		log_warnx("%s: ended by signal %d (%s)", r->name,
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		log_warnx(
		    "%s: ended with status %d", r->name, WEXITSTATUS(status));
	else
		log_debug("%s: ended", r->name);
}

static void
on_ended(void *ctx, int status)
{
	struct running *r = ctx;

	say_ended(r, status);
	supervise_ended(r->all->supervise, r->name, status, clock_now());
	free_running(r);
}

static const struct child_ops child_ops = { on_line, on_ready, on_ended };

static struct child *
start_child(struct all *a, struct running *r)
{
	const struct options *o = a->opt;
	const char *argv[12];
	size_t n = 0;

	argv[n++] = "musterd";
	argv[n++] = "-d";
	argv[n++] = "-f";
	argv[n++] = o->layout;
	if (o->root[0] != '\0') {
		argv[n++] = "-r";
		argv[n++] = o->root;
	}
	if (o->user != NULL) {
		argv[n++] = "--user";
		argv[n++] = o->user;
	}
	if (o->verbose)
		argv[n++] = "-v";
	argv[n++] = r->name;
	argv[n] = NULL;
	return child_spawn(a->children, argv, r);
}

static void
spawn(struct all *a, const char *name, uint64_t now)
{
	struct running *r = mu_calloc(1, sizeof *r);

	if (r != NULL) {
		r->all = a;
		r->next = a->first;
		if (a->first != NULL)
			a->first->prev = r;
		a->first = r;
		r->name = mu_strdup(name);
		r->child = r->name == NULL ? NULL : start_child(a, r);
		if (r->child != NULL)
			return;
		log_warn("%s: cannot be started", name);
		free_running(r);
	}
	supervise_ended(a->supervise, name, -1, now);
}

/* --- consequences ------------------------------------------------------ */

static void
send_signal(const struct all *a, const char *name, int number)
{
	const struct running *r = find(a, name);

	if (r != NULL)
		child_signal(r->child, number);
}

static void
say_up(struct all *a)
{
	size_t n = supervise_count(a->supervise);
	size_t ready = supervise_nready(a->supervise);

	if (ready < n)
		log_warnx("%zu of %zu nodes are up", ready, n);
	else if (n == 1)
		log_info("the node is up");
	else
		log_info("all %zu nodes are up", n);
	if (!a->told_ready) {
		notify_ready();
		ready_tell(NULL, a->log_path);
	}
	a->told_ready = true;
}

static void
say_restart(const struct supervise_out *out)
{
	if (out->pause_ns == 0)
		log_info("%s: starting it again", out->name);
	else
		log_info("%s: starting it again in %.1f s", out->name,
		    (double)out->pause_ns / 1e9);
}

static void
carry_out(struct all *a, const struct supervise_out *out, uint64_t now)
{
	switch (out->kind) {
	case SUPERVISE_SPAWN:
		spawn(a, out->name, now);
		break;
	case SUPERVISE_TERM:
		send_signal(a, out->name, SIGTERM);
		break;
	case SUPERVISE_KILL:
		log_warnx("%s: killed", out->name);
		send_signal(a, out->name, SIGKILL);
		break;
	case SUPERVISE_GAVE_UP:
		log_err(
		    "%s: not started again (status %d)", out->name, out->code);
		break;
	case SUPERVISE_RESTART:
		say_restart(out);
		break;
	case SUPERVISE_ALL_UP:
		say_up(a);
		break;
	case SUPERVISE_FINISHED:
		loop_end(a->loop);
		break;
	}
}

static void
turn(void *ctx, uint64_t now)
{
	struct all *a = ctx;
	struct supervise_out out;
	size_t nready;

	supervise_tick(a->supervise, now);
	while (supervise_next(a->supervise, &out, now))
		carry_out(a, &out, now);
	nready = supervise_nready(a->supervise);
	if (nready != a->nready)
		notify_status("%zu of %zu nodes up", nready,
		    supervise_count(a->supervise));
	a->nready = nready;
}

static uint64_t
deadline(void *ctx)
{
	const struct all *a = ctx;

	return supervise_deadline(a->supervise);
}

/* --- the layout -------------------------------------------------------- */

/* A host that one of our nodes lives on is this one without asking again: a
 * name service that is down at a reload must not stop them. */
static bool
is_local(void *ctx, const char *host)
{
	const struct all *a = ctx;

	for (const struct running *r = a->first; r != NULL; r = r->next) {
		const struct mu_layout_node *n =
		    mu_layout_node(a->layout, r->name);

		if (n != NULL && n->host != NULL && strcmp(n->host, host) == 0)
			return true;
	}
	return local_host(host);
}

/* 0, or an exit status and nothing was changed. */
static int
set_nodes(struct all *a, const struct mu_layout *l)
{
	const struct mu_layout_node **list =
	    mu_calloc(l->nnodes + 1, sizeof(const struct mu_layout_node *));
	size_t n;
	int r;

	if (list == NULL) {
		log_err("out of memory");
		return EXIT_CANTCREAT;
	}
	n = choose_local_nodes(l, is_local, a, list);
	if (n == 0) {
		mu_free(list);
		log_err("%s: no node of it lives on this host", l->file);
		return EXIT_CONFIG;
	}
	r = supervise_set(a->supervise, list, n, clock_now());
	mu_free(list);
	if (r == 0)
		return 0;
	log_err("%s", muster_strerror(r));
	return EXIT_CANTCREAT;
}

/* A mistake is said here once, not by every node. */
static struct mu_layout *
read_layout(const struct all *a)
{
	struct mu_diags diags;
	struct mu_layout *l;
	char *line;

	if (mu_diags_init(&diags, a->opt->layout) != 0)
		return NULL;
	l = options_read_again(a->opt, &diags);
	for (size_t i = 0; (line = mu_diags_line(&diags, i)) != NULL; i++) {
		log_err("reload: %s", line);
		mu_free(line);
	}
	mu_diags_clear(&diags);
	return l;
}

static void
try_reload(struct all *a)
{
	struct mu_layout *l = read_layout(a);

	if (l == NULL || set_nodes(a, l) != 0) {
		mu_layout_free(l);
		log_err("reload refused: the running configuration stays");
		return;
	}
	mu_layout_free(a->layout);
	a->layout = l;
	/* Those that are stopped instead have nothing to reload. */
	for (struct running *r = a->first; r != NULL; r = r->next)
		if (mu_layout_node(l, r->name) != NULL)
			child_signal(r->child, SIGHUP);
}

/* The service manager waits for the end of a reload, refused or not; before
 * the start is over it waits for that. */
static void
reload(struct all *a)
{
	if (a->told_ready)
		notify_reloading();
	try_reload(a);
	ready_reopen();
	if (a->told_ready)
		notify_ready();
}

static void
on_signal(void *ctx, int number)
{
	struct all *a = ctx;

	switch (number) {
	case SIGHUP:
		reload(a);
		break;
	case SIGUSR1:
		for (struct running *r = a->first; r != NULL; r = r->next)
			child_signal(r->child, SIGUSR1);
		ready_reopen();
		break;
	default:
		log_info("stopping all nodes");
		notify_stopping();
		supervise_stop(a->supervise, clock_now());
		break;
	}
}

static void
on_watchdog(void *ctx)
{
	struct all *a = ctx;

	notify_watchdog();
	loop_timer_set(a->watchdog, clock_now() + notify_watchdog_interval());
}

/* --- start and end ----------------------------------------------------- */

static bool
start(struct all *a)
{
	static const int numbers[SIGNALS] = { SIGTERM, SIGINT, SIGHUP,
		SIGUSR1 };
	struct loop_hooks hooks = { turn, deadline, a };
	struct rlimit files;

	log_init(NULL, a->opt->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGPIPE, SIG_IGN);
	if (geteuid() == 0 && a->opt->user == NULL && a->layout->user == NULL)
		log_info("running as root: the layout names no user");
	a->log_path =
	    mu_asprintf("%s%s/musterd.log", a->opt->root, a->layout->log_dir);
	a->supervise = supervise_new();
	a->loop = loop_new();
	if (a->log_path == NULL || a->supervise == NULL || a->loop == NULL)
		return false;
	a->children = children_new(a->loop, &child_ops);
	a->watchdog = loop_timer_new(a->loop, on_watchdog, a);
	if (a->children == NULL || a->watchdog == NULL)
		return false;
	for (size_t i = 0; i < SIGNALS; i++) {
		a->signals[i] =
		    loop_signal_new(a->loop, numbers[i], on_signal, a);
		if (a->signals[i] == NULL)
			return false;
	}
	if (notify_watchdog_interval() > 0)
		on_watchdog(a);
	loop_set_hooks(a->loop, &hooks);
	process_hear();
	return true;
}

static void
take_down(struct all *a)
{
	children_free(a->children);
	while (a->first != NULL)
		free_running(a->first);
	for (size_t i = 0; i < SIGNALS; i++)
		loop_signal_free(a->signals[i]);
	loop_timer_free(a->watchdog);
	supervise_free(a->supervise);
	loop_free(a->loop);
	mu_layout_free(a->layout);
	mu_free(a->log_path);
}

int
all_run(const struct options *opt, struct mu_layout *layout)
{
	struct all a = { .opt = opt, .layout = layout };
	int code = EXIT_CANTCREAT;

	if (!start(&a)) {
		log_err("out of memory");
	} else {
		code = set_nodes(&a, layout);
		if (code == 0) {
			loop_run(a.loop);
			code = supervise_code(a.supervise);
		}
	}
	take_down(&a);
	return code;
}
