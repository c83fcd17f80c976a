/* The spool and its commits; see shipper.h. */
#include "node/shipper.h"

#include "base/alloc.h"
#include "control/control_ship.h"
#include "core/endpoint.h"
#include "io/loop.h"
#include "layout/layout.h"
#include "logs/shipper.h"
#include "muster/err.h"
#include "node/id.h"
#include "node/inputs.h"
#include "node/logger.h"
#include "node/node_impl.h"
#include "node/rules.h"
#include "stores/backend_lmdb.h"
#include "sys/clock.h"
#include "sys/log.h"

#define SPOOL  "spool" /* folder below that of the node's state */
#define ROUNDS 8       /* of answers that ask again, in one turn */

struct node_shipper {
	struct shipper *core;
	struct loop_fd *commits;
};

static void
on_commit(void *ctx)
{
	const struct node *n = ctx;

	/* what follows is done at the end of the turn */
	outbox_durable(shipper_outbox(n->shipper->core), clock_now());
}

static int
hook_deliver(void *ctx, const uint8_t *payload, size_t len)
{
	return node_logger_self(ctx, payload, len);
}

static struct shipper *
make(struct node *n, struct mu_backend *disk, char *why)
{
	struct shipper_hooks hooks = {
		.deliver = n->logger == NULL ? NULL : hook_deliver,
		.ctx = n,
	};
	uint64_t seed;

	if (id_seed(&seed) != 0) {
		disk->ops->close(disk);
		return NULL;
	}
	return shipper_new(
	    n->endpoint, n->layout, &hooks, disk, seed, clock_now(), why);
}

int
node_shipper_open(struct node *n)
{
	struct backend_lmdb_options o = {
		.folder = n->dirs.state,
		.name = SPOOL,
		.max_bytes = shipper_disk_bytes(n->layout),
	};
	struct mu_backend *disk;
	char why[512] = "no random numbers";

	if (!shipper_wanted(n->layout, n->name))
		return 0;
	n->shipper = mu_calloc(1, sizeof *n->shipper);
	if (n->shipper == NULL)
		return MUSTER_ENOMEM;
	if (backend_lmdb_open(&o, &disk, why, sizeof why) == 0)
		n->shipper->core = make(n, disk, why);
	if (n->shipper->core != NULL)
		n->shipper->commits =
		    loop_fd_new(n->loop, backend_lmdb_fd(disk), on_commit, n);
	if (n->shipper->commits != NULL) {
		control_set_shipper(n->control, n->shipper->core);
		return 0;
	}
	log_err("logs: this node sends none: %s", why);
	node_shipper_close(n);
	return 0;
}

void
node_shipper_close(struct node *n)
{
	struct node_shipper *s = n->shipper;

	if (s == NULL)
		return;
	control_set_shipper(n->control, NULL);
	loop_fd_free(s->commits);
	shipper_free(s->core);
	mu_free(s);
	n->shipper = NULL;
}

void
node_shipper_reload(struct node *n)
{
	if (n->shipper != NULL &&
	    shipper_reload(n->shipper->core, n->layout) != 0)
		log_err("logs: out of memory: loggers stay as they were");
}

void
node_shipper_cluster(struct node *n, int64_t wall, const char *text)
{
	if (n->shipper != NULL)
		shipper_cluster(n->shipper->core, wall, text, clock_now());
}

void
node_shipper_broker(
    struct node *n, int64_t wall, const struct endpoint_out *out)
{
	if (n->shipper != NULL)
		shipper_broker(n->shipper->core, wall, out->ty, out->ev,
		    out->address, out->port, out->text, clock_now());
}

void
node_shipper_answer(struct node *n, const uint8_t *payload, size_t len)
{
	if (n->shipper != NULL)
		shipper_answer(n->shipper->core, payload, len, clock_now());
}

struct outbox *
node_shipper_outbox(const struct node *n)
{
	return n->shipper == NULL ? NULL : shipper_outbox(n->shipper->core);
}

void
node_shipper_hurry(struct node *n)
{
	if (n->shipper != NULL)
		outbox_hurry(shipper_outbox(n->shipper->core));
}

bool
node_shipper_quiet(const struct node *n)
{
	return n->shipper == NULL ||
	       outbox_quiet(shipper_outbox(n->shipper->core));
}

/* --- a turn -------------------------------------------------------------- */

static void
carry_out(struct node *n, const struct outbox_out *out)
{
	if (out->kind != OUTBOX_DONE)
		log_at((enum log_level)out->level, "%s", out->text);
	else if (!node_rules_logged(n, out) && !node_inputs_done(n, out))
		control_log_done(n->control, out);
}

void
node_shipper_turn(struct node *n, uint64_t now)
{
	struct outbox_out out;
	bool any = true;
	struct shipper *s;

	if (n->shipper == NULL)
		return;
	s = n->shipper->core;
	shipper_tick(s, now);
	control_log_turn(n->control);
	for (int i = 0; i < ROUNDS && any; i++) {
		any = false;
		shipper_flush(s);
		while (shipper_next(s, &out)) {
			carry_out(n, &out);
			any = true;
		}
	}
}

uint64_t
node_shipper_deadline(const struct node *n)
{
	return n->shipper == NULL ? UINT64_MAX
				  : shipper_deadline(n->shipper->core);
}
