/*
 * One node as a process; see node.h.  The order of the start is that of the
 * privileges needed: folders, keys and the port may want root, everything
 * after must not have it, and no foreign byte is read before it is gone.
 */
#include "node/node.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "control/control.h"
#include "core/endpoint.h"
#include "io/conn.h"
#include "io/control_server.h"
#include "io/listener.h"
#include "io/logfile.h"
#include "io/loop.h"
#include "io/peers.h"
#include "layout/layout.h"
#include "muster/err.h"
#include "node/control.h"
#include "node/id.h"
#include "node/idents.h"
#include "node/inputs.h"
#include "node/logger.h"
#include "node/node_impl.h"
#include "node/options.h"
#include "node/ready.h"
#include "node/rules.h"
#include "node/shipper.h"
#include "node/stores.h"
#include "sys/clock.h"
#include "sys/exit.h"
#include "sys/log.h"
#include "sys/notify.h"
#include "sys/priv.h"
#include "sys/process.h"
#include "tls/tls.h"

#define SPARE_FILES 64 /* logs, the loop, connections that end */
#define DAY_NS      (86400 * (uint64_t)1000000000)

/* --- callbacks --------------------------------------------------------- */

static void
on_signal(void *ctx, int number)
{
	struct node *n = ctx;
	char scratch[4096];

	switch (number) {
	case SIGHUP:
		reload_node(n, scratch, sizeof scratch);
		break;
	case SIGUSR1:
		reload_logs(n);
		break;
	default:
		turn_stop(n);
		break;
	}
}

static void
on_watchdog(void *ctx)
{
	struct node *n = ctx;

	notify_watchdog();
	loop_timer_set(n->watchdog, clock_now() + notify_watchdog_interval());
}

static void
on_daily(void *ctx)
{
	struct node *n = ctx;

	reload_check_certificate(n);
	loop_timer_set(n->daily, clock_now() + DAY_NS);
}

static void
on_accepted(void *ctx, int fd, const struct sockaddr *from, socklen_t from_len)
{
	struct node *n = ctx;

	peers_accepted(n->peers, fd, from, from_len);
}

static void
on_listening(void *ctx)
{
	struct node *n = ctx;
	const struct mu_layout_node *self = mu_layout_node(n->layout, n->name);

	n->listening = true;
	n->restate = true;
	log_info("listening on %s:%u", self->listen == NULL ? "" : self->listen,
	    self->port);
}

static void
on_flushed(void *ctx)
{
	const struct node *n = ctx;

	control_server_drain(n->control_server);
}

/* --- the start, step by step: 0 or an exit status ---------------------- */

/* Each peer is a descriptor, accepted or dialled. */
static void
raise_files(const struct mu_layout *l)
{
	uint64_t want = l->limits.connections + l->limits.control_clients +
			l->nnodes + SPARE_FILES;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) != 0)
		log_warn("cannot raise the limit of open files");
	else if (files.rlim_cur < want)
		log_warnx("only %llu files may be open, the limits of the "
			  "layout allow for %llu",
		    (unsigned long long)files.rlim_cur,
		    (unsigned long long)want);
}

static int
start_process(struct node *n)
{
	log_init(node_log_name(n), log_get_level());
	reload_log_level(n);
	raise_files(n->layout);
	/* Both are errors where they happen: a peer or disk that is gone. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	return 0;
}

static int
start_dirs(struct node *n)
{
	const struct mu_layout *l = n->layout;
	char err[512] = "out of memory";
	int r = dirs_init(&n->dirs, n->opt->root, l->state_dir, l->run_dir,
	    l->log_dir, n->name);

	if (r == 0)
		r = dirs_open(&n->dirs, err, sizeof err);
	if (r == 0)
		return 0;
	log_err("%s", err);
	return r == MUSTER_EEXIST ? EXIT_TEMPFAIL : EXIT_CANTCREAT;
}

static int
start_keys(struct node *n)
{
	char err[512];

	if (reload_tls(n->layout, n->name, &n->tls, err, sizeof err) != 0) {
		log_err("%s", err);
		return EXIT_NOINPUT;
	}
	if (n->layout->tls == MU_TLS_NONE)
		log_warnx("tls is off: peers are neither authenticated nor "
			  "encrypted");
	else if (n->layout->tls == MU_TLS_ANONYMOUS)
		log_warnx("tls is anonymous: peers are not authenticated");
	reload_check_certificate(n);
	return 0;
}

static int
start_port(struct node *n)
{
	const struct mu_layout_node *self = mu_layout_node(n->layout, n->name);
	struct listener_config cfg = {
		.address = self->listen,
		.port = self->port,
		.retry_ns = (uint64_t)n->layout->limits.listen_retry_ns,
		.accepted = on_accepted,
		.listening = on_listening,
		.ctx = n,
	};
	char err[512];

	n->loop = loop_new();
	n->conns = n->loop == NULL ? NULL : conns_new(n->loop);
	if (n->conns == NULL) {
		log_err("cannot make an event loop: out of memory or files");
		return EXIT_CANTCREAT;
	}
	if (self->port == 0) {
		n->listening = true;
		return 0;
	}
	n->listener = listener_new(n->loop, &cfg, err, sizeof err);
	if (n->listener != NULL)
		return 0;
	log_err("%s", err);
	return EXIT_NOPERM;
}

static int
start_privileges(struct node *n)
{
	const char *user =
	    n->opt->user != NULL ? n->opt->user : n->layout->user;
	char err[512];

	if (priv_drop(user, n->layout->group, &n->dirs, err, sizeof err) != 0) {
		log_err("%s", err);
		return EXIT_NOPERM;
	}
	ready_follow();
	if (geteuid() == 0 && !n->quiet)
		log_info("running as root: the layout names no user");
	if (priv_harden() != 0) {
		log_err("cannot give up the right to gain privileges");
		return EXIT_NOPERM;
	}
	return 0;
}

/* The first line of cluster.log; false: there is none. */
static bool
listening_text(const struct node *n, char *text, size_t size)
{
	const struct mu_layout_node *self = mu_layout_node(n->layout, n->name);

	snprintf(text, size, "listening on %s:%u/tcp",
	    self->listen == NULL ? "" : self->listen, self->port);
	return self->port != 0;
}

static int
start_logs(struct node *n)
{
	char text[128];

	n->cluster_log = logfile_new(n->dirs.log, "cluster");
	n->broker_log = logfile_new(n->dirs.log, "broker");
	if (n->cluster_log == NULL || n->broker_log == NULL) {
		log_err("out of memory");
		return EXIT_CANTCREAT;
	}
	if (listening_text(n, text, sizeof text))
		turn_cluster_log(n, text);
	return 0;
}

/* Clones know their master by its endpoint id: it must survive us. */
static int
choose_id(struct node *n)
{
	char err[512];
	int rc;

	if (!node_has_master(n->layout, n->name))
		return id_random(&n->id);
	rc = id_keep(n->dirs.state, n->name, &n->id, err, sizeof err);
	if (rc == 0 && err[0] != '\0')
		log_warnx("%s", err);
	if (rc == 0)
		return 0;
	log_err("%s; clones of Zeek will not follow this node's masters", err);
	return id_random(&n->id);
}

static int
start_endpoint(struct node *n)
{
	struct endpoint_config ec = { .layout = n->layout, .node = n->name };
	struct peers_config pc = {
		.loop = n->loop,
		.conns = n->conns,
		.tls = n->tls,
		.note = turn_note,
		.flushed = on_flushed,
		.ctx = n,
	};

	if (choose_id(n) != 0 || id_seed(&ec.seed) != 0) {
		log_err("the system gives no random bytes");
		return EXIT_CANTCREAT;
	}
	ec.id = n->id;
	n->endpoint = endpoint_new(&ec, clock_now());
	pc.endpoint = n->endpoint;
	n->peers = n->endpoint == NULL ? NULL : peers_new(&pc);
	if (n->peers != NULL)
		return 0;
	log_err("cannot make an endpoint: out of memory or files");
	return EXIT_CANTCREAT;
}

static int
start_control(struct node *n)
{
	char err[512];

	if (node_control_open(n, err, sizeof err) == 0)
		return 0;
	log_err("%s", err);
	return EXIT_CANTCREAT;
}

static int
start_stores(struct node *n)
{
	if (node_stores_open(n) == 0)
		return 0;
	log_err("cannot make the stores: out of memory or files");
	return EXIT_CANTCREAT;
}

static int
start_shipper(struct node *n)
{
	char text[128];

	if (node_shipper_open(n) != 0) {
		log_err("cannot send logs: out of memory");
		return EXIT_CANTCREAT;
	}
	/* said before there was somebody to send it */
	if (listening_text(n, text, sizeof text))
		node_shipper_cluster(n, n->first_wall, text);
	return 0;
}

static int
start_rules(struct node *n)
{
	if (node_rules_open(n) == 0)
		return 0;
	log_err("cannot make the rules: out of memory");
	return EXIT_CANTCREAT;
}

static int
start_inputs(struct node *n)
{
	if (node_inputs_open(n) != 0) {
		log_err("cannot follow files: out of memory");
		return EXIT_CANTCREAT;
	}
	return 0;
}

static int
start_logger(struct node *n)
{
	if (node_logger_open(n) == 0)
		return 0;
	log_err("cannot make the logger: out of memory, files or threads");
	return EXIT_CANTCREAT;
}

static int
start_idents(struct node *n)
{
	if (node_idents_open(n) == 0)
		return 0;
	log_err("cannot make the identifiers: out of memory");
	return EXIT_CANTCREAT;
}

static int
start_loop(struct node *n)
{
	static const int numbers[NODE_SIGNALS] = { SIGTERM, SIGINT, SIGHUP,
		SIGUSR1 };
	struct loop_hooks hooks = {
		.turn = turn_run, .deadline = turn_deadline, .ctx = n
	};
	bool ok = true;

	for (size_t i = 0; i < NODE_SIGNALS; i++) {
		n->signals[i] =
		    loop_signal_new(n->loop, numbers[i], on_signal, n);
		ok = ok && n->signals[i] != NULL;
	}
	n->watchdog = loop_timer_new(n->loop, on_watchdog, n);
	n->daily = loop_timer_new(n->loop, on_daily, n);
	if (!ok || n->watchdog == NULL || n->daily == NULL) {
		log_err("out of memory");
		return EXIT_CANTCREAT;
	}
	if (notify_watchdog_interval() > 0)
		on_watchdog(n);
	loop_timer_set(n->daily, clock_now() + DAY_NS);
	loop_set_hooks(n->loop, &hooks);
	process_hear();
	n->restate = true;
	return 0;
}

static int
start(struct node *n)
{
	static int (*const steps[])(struct node * n) = {
		start_process,
		start_dirs,
		start_keys,
		start_port,
		start_privileges,
		start_logs,
		start_endpoint,
		start_control,
		start_stores,
		start_logger,
		start_shipper,
		start_rules,
		start_idents,
		start_inputs,
		start_loop,
	};
	int code = 0;

	for (size_t i = 0; code == 0 && i < sizeof steps / sizeof steps[0]; i++)
		code = steps[i](n);
	return code;
}

/* --- the end ----------------------------------------------------------- */

/* Backwards, and from any step of the start. */
static void
take_down(struct node *n)
{
	int64_t wall = clock_wall();

	loop_timer_free(n->daily);
	loop_timer_free(n->watchdog);
	for (size_t i = 0; i < NODE_SIGNALS; i++)
		loop_signal_free(n->signals[i]);
	control_server_free(n->control_server);
	node_rules_close(n);
	node_inputs_close(n);
	node_idents_close(n);
	node_shipper_close(n);
	node_logger_close(n);
	node_stores_close(n);
	control_free(n->control);
	listener_free(n->listener);
	peers_free(n->peers);
	endpoint_free(n->endpoint);
	conns_free(n->conns);
	loop_free(n->loop);
	logfile_free(n->broker_log, wall);
	logfile_free(n->cluster_log, wall);
	mu_tls_unref(n->tls);
	dirs_clear(&n->dirs);
	mu_layout_free(n->layout);
	mu_free(n->name);
}

int
node_run(const struct options *opt, struct mu_layout *layout,
    const struct mu_layout_node *self, bool quiet)
{
	struct node n = {
		.opt = opt, .layout = layout, .quiet = quiet, .dirs.lock_fd = -1
	};
	char id[MU_UUID_TEXT];

	n.name = mu_strdup(self->name);
	n.code = n.name == NULL ? EXIT_CANTCREAT : start(&n);
	if (n.code == 0) {
		log_info("%s of cluster %s started, endpoint %s",
		    mu_role_name(self->role), layout->cluster,
		    mu_uuid_format(&n.id, id));
		loop_run(n.loop);
		if (n.code == 0)
			log_info("stopped");
	}
	take_down(&n);
	return n.code;
}
