/*
 * A node at work: what happens once per turn, and where the endpoint's
 * messages go.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "control/control.h"
#include "core/endpoint.h"
#include "core/records.h"
#include "io/conn.h"
#include "io/control_server.h"
#include "io/listener.h"
#include "io/logfile.h"
#include "io/loop.h"
#include "io/peers.h"
#include "layout/layout.h"
#include "node/idents.h"
#include "node/inputs.h"
#include "node/logger.h"
#include "node/node_impl.h"
#include "node/ready.h"
#include "node/rules.h"
#include "node/shipper.h"
#include "node/stores.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/notify.h"

#define STOP_MARGIN 1000000000 /* ns beyond goodbye: for last bytes */
#define LAST_WORDS  500000000  /* ns for records that are not yet sent */

/* --- records ----------------------------------------------------------- */

void
turn_cluster_log(struct node *n, const char *text)
{
	int64_t wall = clock_wall();

	if (n->first_wall == 0)
		n->first_wall = wall;
	node_shipper_cluster(n, wall, text);
	if (!n->layout->logs.local)
		return;
	records_cluster(logfile_line(n->cluster_log), wall, n->name, text);
	logfile_commit(n->cluster_log);
}

static void
broker_log(struct node *n, const struct endpoint_out *out)
{
	int64_t wall = clock_wall();

	node_shipper_broker(n, wall, out);
	if (!n->layout->logs.local)
		return;
	records_broker(logfile_line(n->broker_log), wall, out->ty, out->ev,
	    out->address, out->port, out->text);
	logfile_commit(n->broker_log);
}

void
turn_note(void *ctx, const struct endpoint_out *out)
{
	struct node *n = ctx;

	switch (out->kind) {
	case ENDPOINT_LOG:
		log_at((enum log_level)out->level, "%s", out->text);
		break;
	case ENDPOINT_CLUSTER_LOG:
		turn_cluster_log(n, out->text);
		n->restate = true;
		break;
	case ENDPOINT_BROKER_LOG:
		broker_log(n, out);
		break;
	case ENDPOINT_STATE:
		n->restate = true;
		break;
	case ENDPOINT_DIAL:
	case ENDPOINT_CANCEL_DIAL:
	case ENDPOINT_WRITE:
	case ENDPOINT_READ:
	case ENDPOINT_CLOSE:
		break; /* carried out by io/peers */
	}
}

/* --- what the service manager is told ---------------------------------- */

static void
put_missing(const struct members *m, char *out, size_t size)
{
	struct mu_buf b;

	out[0] = '\0';
	mu_buf_init(&b, 0);
	if (members_missing(m, &b) == 0 && mu_buf_error(&b) == 0 &&
	    mu_buf_len(&b) > 0)
		snprintf(out, size, ": missing %.*s", (int)mu_buf_len(&b),
		    (const char *)mu_buf_data(&b));
	mu_buf_clear(&b);
}

static void
say_status(struct node *n)
{
	const struct members *m = endpoint_members(n->endpoint);
	enum members_state state = members_state(m);
	char status[NODE_STATUS], missing[NODE_STATUS / 2] = "";
	size_t have, want;

	n->restate = false;
	members_progress(m, &have, &want);
	if (state == MEMBERS_DEGRADED_STATE)
		put_missing(m, missing, sizeof missing);
	if (!n->listening)
		snprintf(status, sizeof status, "waiting for its port");
	else if (missing[0] != '\0')
		snprintf(status, sizeof status, "%s%s",
		    members_state_name(state), missing);
	else
		snprintf(status, sizeof status, "%s, %zu of %zu nodes",
		    members_state_name(state), have, want);
	if (strcmp(status, n->status) == 0)
		return;
	snprintf(n->status, sizeof n->status, "%s", status);
	notify_status("%s", status);
}

static void
say_ready(struct node *n)
{
	char *path;

	n->ready = true;
	notify_ready();
	path = mu_asprintf("%s/musterd.log", n->dirs.log);
	ready_tell(node_log_name(n), path == NULL ? "/dev/null" : path);
	mu_free(path);
}

/* --- the end ----------------------------------------------------------- */

/* Say goodbye once the last records are on their way; whoever never starts
 * again leaves none behind. */
static void
part(struct node *n, uint64_t now)
{
	if (n->parted || (!node_shipper_quiet(n) && now < n->part_by))
		return;
	n->parted = true;
	endpoint_stop(n->endpoint, now);
}

void
turn_stop(struct node *n)
{
	uint64_t now = clock_now();

	if (n->stopping) {
		log_warnx("told to stop again: ending at once");
		n->code = 1;
		loop_end(n->loop);
		return;
	}
	log_info("stopping");
	notify_stopping();
	n->stopping = true;
	n->stop_by = now + (uint64_t)n->layout->limits.goodbye_ns + STOP_MARGIN;
	n->part_by = now + LAST_WORDS;
	listener_free(n->listener);
	n->listener = NULL;
	node_rules_stop(n, now);
	node_shipper_hurry(n);
	part(n, now);
}

static void
end_if_done(struct node *n, uint64_t now)
{
	bool done = endpoint_nlinks(n->endpoint) == 0 &&
		    conns_draining(n->conns) == 0 && node_rules_idle(n);

	if (!done && now < n->stop_by)
		return;
	if (!done && endpoint_nlinks(n->endpoint) > 0)
		log_warnx("%zu peers did not answer the goodbye",
		    endpoint_nlinks(n->endpoint));
	loop_end(n->loop);
}

/* --- a turn ------------------------------------------------------------ */

static uint64_t
min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t
turn_deadline(void *ctx)
{
	const struct node *n = ctx;
	uint64_t at = min_u64(
	    endpoint_deadline(n->endpoint), control_deadline(n->control));

	at = min_u64(at, node_stores_deadline(n));
	at = min_u64(at, node_rules_deadline(n));
	at = min_u64(at, node_inputs_deadline(n));
	at = min_u64(at, node_shipper_deadline(n));
	at = min_u64(at, node_idents_deadline(n));
	at = min_u64(at, logfile_deadline(n->cluster_log));
	at = min_u64(at, logfile_deadline(n->broker_log));
	if (n->stopping && !n->parted)
		at = min_u64(at, n->part_by);
	return n->stopping ? min_u64(at, n->stop_by) : at;
}

static void
flush_logs(struct node *n, uint64_t now)
{
	int64_t wall = clock_wall();

	logfile_flush(n->cluster_log, wall, now);
	logfile_flush(n->broker_log, wall, now);
}

void
turn_run(void *ctx, uint64_t now)
{
	struct node *n = ctx;

	if (now >= endpoint_deadline(n->endpoint))
		endpoint_tick(n->endpoint, now);
	peers_drain(n->peers, now);
	/* Whoever is told of something finds it in the logs. */
	flush_logs(n, now);
	control_tick(n->control, now);
	control_server_drain(n->control_server);
	node_logger_turn(n);
	/* Acknowledgements leave in the turn in which their commit is done. */
	node_stores_turn(n, now);
	node_rules_turn(n, now);
	node_inputs_turn(n, now);
	node_shipper_turn(n, now);
	node_idents_turn(n, now);
	if (n->stopping)
		part(n, now);
	control_server_drain(n->control_server);
	/* What clients asked for in between leaves in this turn, too. */
	peers_drain(n->peers, now);
	if (n->restate)
		say_status(n);
	if (n->listening && !n->ready)
		say_ready(n);
	flush_logs(n, now);
	conns_reap(n->conns);
	if (n->parted)
		end_if_done(n, now);
}
