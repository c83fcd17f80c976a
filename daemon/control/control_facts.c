/*
 * The answers to "status", "peers" and "filters": what router, members and
 * links know, as JSON.  Times are milliseconds before now, so that a reader
 * needs no clock of ours.
 */
#include <unistd.h>

#include "base/alloc.h"
#include "control/control_logger.h"
#include "control/control_session.h"
#include "control/control_ship.h"
#include "control/control_store.h"
#include "core/answer.h"
#include "core/endpoint.h"
#include "muster/err.h"
#include "muster/topic.h"

#define MS 1000000u /* ns */

static void
put_ago(struct mu_buf *b, const char *key, uint64_t now, uint64_t then)
{
	answer_number(b, key, now > then ? (now - then) / MS : 0);
}

/* --- status ------------------------------------------------------------------
 */

/* Does from open a connection to to?  scratch has room for all nodes. */
static bool
dials(const struct mu_layout *l, const struct mu_layout_node *from,
    const struct mu_layout_node *to, const struct mu_layout_node **scratch)
{
	size_t n = mu_layout_connectees(l, from, scratch);

	for (size_t i = 0; i < n; i++)
		if (scratch[i] == to)
			return true;
	return false;
}

/* up, down, or unknown for nodes that this one never peers with. */
static const char *
row_state(const struct control *c, const struct members_row *row,
    const struct mu_layout_node **scratch)
{
	const struct mu_layout_node *self = endpoint_node(c->e);

	if (row->self || row->up)
		return "up";
	if (row->connectee ||
	    dials(endpoint_layout(c->e), row->node, self, scratch))
		return "down";
	return "unknown";
}

static void
put_node(const struct control *c, struct mu_buf *b,
    const struct members_row *row, const struct mu_layout_node **scratch)
{
	answer_open(b, NULL, '{');
	answer_text(b, "name", row->node->name);
	answer_text(b, "role", mu_role_name(row->node->role));
	answer_text(b, "host", row->node->host);
	answer_number(b, "port", row->node->port);
	answer_text(b, "state", row_state(c, row, scratch));
	answer_bool(b, "self", row->self);
	answer_bool(b, "connectee", row->connectee);
	answer_bool(b, "reported", row->reported);
	answer_bool(b, "counts", row->counts);
	answer_id(b, "id", row->self ? endpoint_id(c->e) : &row->id);
	put_ago(b, "since_ms", c->now, row->since);
	answer_close(b, '}');
}

static void
put_nodes(const struct control *c, struct mu_buf *b)
{
	const struct mu_layout *l = endpoint_layout(c->e);
	const struct members *m = endpoint_members(c->e);
	const struct mu_layout_node **scratch =
	    mu_calloc(l->nnodes, sizeof *scratch);

	if (scratch == NULL) {
		b->error = b->error != 0 ? b->error : MUSTER_ENOMEM;
		return;
	}
	answer_open(b, "nodes", '[');
	for (size_t i = 0; i < members_nrows(m); i++)
		put_node(c, b, members_row(m, i), scratch);
	answer_close(b, ']');
	mu_free(scratch);
}

static void
put_membership(const struct control *c, struct mu_buf *b)
{
	const struct members *m = endpoint_members(c->e);
	struct mu_buf missing;
	size_t have, want;

	answer_text(b, "state", members_state_name(members_state(m)));
	answer_bool(b, "started", members_started(m));
	answer_bool(b, "fully_connected", members_fully_connected(m));
	members_progress(m, &have, &want);
	answer_open(b, "progress", '{');
	answer_number(b, "have", have);
	answer_number(b, "want", want);
	answer_close(b, '}');
	mu_buf_init(&missing, 0);
	members_missing(m, &missing);
	answer_bytes(b, "missing", mu_buf_data(&missing), mu_buf_len(&missing));
	mu_buf_clear(&missing);
}

/* As Zeek's get_active_node_count: nodes that said hello, without this one. */
static void
put_active(const struct control *c, struct mu_buf *b)
{
	const struct members *m = endpoint_members(c->e);

	answer_open(b, "active", '{');
	for (int role = MU_ROLE_CONTROL; role <= MU_ROLE_WORKER; role++)
		answer_number(b, mu_role_name((enum mu_role)role),
		    members_active(m, (enum mu_role)role));
	answer_close(b, '}');
}

static void
put_router(const struct control *c, struct mu_buf *b)
{
	static const char *const types[] = { NULL, "data", "command",
		"routing_update", "ping", "pong" };
	const struct router_stats *r = router_stats(endpoint_router(c->e));

	answer_open(b, "router", '{');
	answer_open(b, "received", '{');
	for (size_t i = 1; i < sizeof types / sizeof types[0]; i++)
		answer_number(b, types[i], r->received[i]);
	answer_close(b, '}');
	answer_number(b, "published", r->published);
	answer_number(b, "delivered", r->delivered);
	answer_number(b, "unmatched", r->unmatched);
	answer_number(b, "forwarded", r->forwarded);
	answer_number(b, "duplicates", r->duplicates);
	answer_number(b, "malformed", r->malformed);
	answer_number(b, "no_path", r->no_path);
	answer_close(b, '}');
}

/* What was lost, all links and clients together: nothing goes silently. */
static void
put_dropped(const struct control *c, struct mu_buf *b)
{
	uint64_t messages = 0, bytes = 0;

	for (size_t i = 0; i < endpoint_nlinks(c->e); i++) {
		struct link_facts f;

		link_facts(endpoint_link(c->e, i), &f);
		messages += f.out.dropped;
		bytes += f.out.dropped_bytes;
	}
	answer_open(b, "dropped", '{');
	answer_number(b, "messages", messages);
	answer_number(b, "bytes", bytes);
	answer_number(b, "watch_events", c->dropped);
	answer_close(b, '}');
}

static void
put_limits(const struct control *c, struct mu_buf *b)
{
	static const char *const policies[] = { "drop_oldest", "drop_newest",
		"disconnect" };
	const struct mu_limits *l = &endpoint_layout(c->e)->limits;

	answer_open(b, "limits", '{');
	answer_number(b, "frame_bytes", l->frame_bytes);
	answer_number(b, "queue_bytes", l->queue_bytes);
	answer_number(b, "queue_messages", l->queue_messages);
	answer_text(b, "overflow", policies[l->overflow]);
	answer_number(b, "connections", l->connections);
	answer_number(b, "control_clients", l->control_clients);
	answer_number(b, "client_queue_bytes", l->client_queue_bytes);
	answer_close(b, '}');
}

static void
put_certificate(const struct control *c, struct mu_buf *b)
{
	char text[128];

	if (c->hooks.certificate != NULL &&
	    c->hooks.certificate(c->hooks.ctx, text, sizeof text))
		answer_text(b, "certificate", text);
}

void
control_answer_status(struct control *c, struct mu_buf *b)
{
	const struct mu_layout *l = endpoint_layout(c->e);
	const struct mu_layout_node *self = endpoint_node(c->e);

	answer_ok(b);
	answer_id(b, "id", endpoint_id(c->e));
	answer_text(b, "name", self->name);
	answer_text(b, "role", mu_role_name(self->role));
	answer_text(b, "cluster", l->cluster);
	answer_text(b, "version", c->version);
	answer_number(b, "pid", (uint64_t)getpid());
	answer_number(b, "time_ms", (uint64_t)c->hooks.wall(c->hooks.ctx) / MS);
	put_ago(b, "uptime_ms", c->now, c->started);
	put_membership(c, b);
	put_nodes(c, b);
	put_active(c, b);
	answer_number(b, "peers", endpoint_nlinks(c->e));
	answer_number(b, "clients", c->nsessions);
	put_router(c, b);
	put_dropped(c, b);
	put_certificate(c, b);
	control_put_stores(c, b);
	control_put_failing(c, b);
	control_put_logger_trouble(c, b);
	control_put_logs(c, b);
	put_limits(c, b);
	answer_end(b);
}

/* --- peers -------------------------------------------------------------------
 */

static const char *
link_state_name(enum link_state s)
{
	static const char *const names[] = { "handshake", "up", "closing" };

	return names[s];
}

static void
put_traffic(struct mu_buf *b, const struct link_facts *f)
{
	answer_open(b, "received", '{');
	answer_number(b, "messages", f->received_messages);
	answer_number(b, "bytes", f->received_bytes);
	answer_close(b, '}');
	answer_open(b, "sent", '{');
	answer_number(b, "messages", f->out.sent_messages);
	answer_number(b, "bytes", f->out.sent_bytes);
	answer_close(b, '}');
	answer_open(b, "queue", '{');
	answer_number(b, "messages", f->out.messages);
	answer_number(b, "bytes", f->out.bytes);
	answer_number(b, "peak_bytes", f->out.peak_bytes);
	answer_close(b, '}');
	answer_open(b, "dropped", '{');
	answer_number(b, "messages", f->out.dropped);
	answer_number(b, "bytes", f->out.dropped_bytes);
	answer_number(b, "episodes", f->out.episodes);
	answer_close(b, '}');
}

static void
put_filter(struct mu_buf *b, const char *key, const struct muster_filter *f)
{
	answer_open(b, key, '[');
	for (size_t i = 0; f != NULL && i < muster_filter_size(f); i++) {
		size_t len;
		const char *topic = muster_filter_at(f, i, &len);

		answer_bytes(b, NULL, topic, len);
	}
	answer_close(b, ']');
}

static void
put_link(const struct control *c, struct mu_buf *b, const struct link *l,
    bool topics)
{
	struct link_facts f;

	link_facts(l, &f);
	answer_open(b, NULL, '{');
	answer_text(b, "state", link_state_name(f.state));
	answer_text(b, "name", f.name);
	answer_text(b, "dialled", f.dialled);
	answer_id(b, "id", &f.id);
	answer_text(b, "address", f.address);
	answer_number(b, "port", f.port);
	answer_bool(b, "outbound", f.outbound);
	answer_bool(b, "originator", f.originator);
	put_ago(b, "since_ms", c->now, f.since);
	put_ago(b, "heard_ms", c->now, f.heard);
	answer_number(b, "rtt_us", f.rtt_ns / 1000);
	answer_number(b, "filter", f.filter_size);
	put_traffic(b, &f);
	answer_number(b, "problems", f.problems);
	if (topics)
		put_filter(b, "topics", link_filter(l));
	answer_close(b, '}');
}

static void
put_dial(const struct control *c, struct mu_buf *b, size_t i)
{
	struct endpoint_dial_facts f;

	endpoint_dial_facts(c->e, i, &f);
	answer_open(b, NULL, '{');
	answer_text(b, "name", f.name);
	answer_text(b, "host", f.host);
	answer_number(b, "port", f.port);
	answer_bool(b, "connected", f.connected);
	answer_number(b, "attempts", f.attempts);
	put_ago(b, "since_ms", c->now, f.since == 0 ? c->now : f.since);
	answer_text(b, "why", f.why);
	answer_close(b, '}');
}

void
control_answer_peers(struct control *c, struct mu_buf *b, bool topics)
{
	answer_ok(b);
	answer_text(b, "name", endpoint_node(c->e)->name);
	if (topics)
		put_filter(b, "topics", router_filter(endpoint_router(c->e)));
	answer_open(b, "peers", '[');
	for (size_t i = 0; i < endpoint_nlinks(c->e); i++)
		put_link(c, b, endpoint_link(c->e, i), topics);
	answer_close(b, ']');
	answer_open(b, "dials", '[');
	for (size_t i = 0; i < endpoint_ndials(c->e); i++)
		put_dial(c, b, i);
	answer_close(b, ']');
	answer_end(b);
}
