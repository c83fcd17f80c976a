/* What the control socket may ask of the node itself; see control.h. */
#include "node/control.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "config.h"
#include "control/control.h"
#include "io/control_server.h"
#include "io/peers.h"
#include "muster/err.h"
#include "node/node_impl.h"
#include "sys/clock.h"
#include "sys/log.h"

static void
on_fed(void *ctx)
{
	const struct node *n = ctx;

	peers_drain(n->peers, clock_now());
}

static int
hook_reload(void *ctx, char *err, size_t err_size)
{
	return reload_node(ctx, err, err_size);
}

static int
hook_diff(void *ctx, char *err, size_t err_size)
{
	return reload_diff(ctx, err, err_size);
}

static int
hook_log_level(void *ctx, const char *text)
{
	int level = log_level_parse(text);

	(void)ctx;
	if (level < 0)
		return MUSTER_EINVAL;
	log_set_level((enum log_level)level);
	log_info("log level is now %s", text);
	return 0;
}

static void
hook_stop(void *ctx)
{
	turn_stop(ctx);
}

static int64_t
hook_wall(void *ctx)
{
	(void)ctx;
	return clock_wall();
}

static bool
hook_listening(void *ctx)
{
	const struct node *n = ctx;

	return n->listening;
}

static bool
hook_certificate(void *ctx, char *text, size_t size)
{
	return reload_certificate_ends(ctx, text, size);
}

int
node_control_open(struct node *n, char *err, size_t err_size)
{
	struct control_hooks hooks = {
		.reload = hook_reload,
		.diff = hook_diff,
		.log_level = hook_log_level,
		.stop = hook_stop,
		.wall = hook_wall,
		.listening = hook_listening,
		.certificate = hook_certificate,
		.ctx = n,
	};

	snprintf(err, err_size, "out of memory");
	n->control =
	    control_new(n->endpoint, &hooks, PACKAGE_VERSION, clock_now());
	if (n->control == NULL)
		return MUSTER_ENOMEM;
	n->control_server = control_server_new(
	    n->loop, n->conns, n->control, n->dirs.sock, err, err_size);
	if (n->control_server == NULL)
		return MUSTER_ESYS;
	control_server_set_flush(n->control_server, on_fed, n);
	return 0;
}
