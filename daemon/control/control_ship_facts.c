/* What is told of records on their way from this node. */
#include "control/control_ship.h"

#include "base/buf.h"
#include "control/control_session.h"
#include "core/answer.h"
#include "logs/inputs.h"
#include "logs/outbox.h"
#include "logs/shipper.h"

#define MS 1000000u /* ns */

static void
put_spool(struct mu_buf *b, const struct outbox *o)
{
	struct outbox_facts f;

	outbox_facts(o, &f);
	answer_open(b, "spool", '{');
	answer_number(b, "accepted", f.accepted);
	answer_number(b, "refused", f.refused);
	answer_number(b, "delivered", f.delivered);
	answer_number(b, "dropped", f.dropped);
	answer_number(b, "damaged", f.damaged);
	answer_number(b, "doubtful", f.doubtful);
	answer_number(b, "found", f.found);
	answer_number(b, "collected", f.collected);
	answer_number(b, "waiting", f.waiting);
	answer_number(b, "batches", f.batches);
	answer_number(b, "resent", f.resent);
	answer_number(b, "bytes", f.bytes);
	answer_number(b, "limit", f.limit);
	answer_text(b, "error", f.error[0] == '\0' ? NULL : f.error);
	answer_close(b, '}');
}

static void
put_loggers(struct mu_buf *b, const struct outbox *o)
{
	struct outbox_logger_facts f;

	answer_open(b, "loggers", '[');
	for (size_t i = 0; i < outbox_nloggers(o); i++) {
		outbox_logger_facts(o, i, &f);
		answer_open(b, NULL, '{');
		answer_text(b, "name", f.name);
		answer_text(b, "state", f.state);
		answer_bool(b, "acknowledges", f.muster);
		answer_number(b, "delivered", f.delivered);
		answer_number(b, "batches", f.batches);
		answer_number(b, "in_flight", f.flying);
		answer_number(b, "in_flight_bytes", f.flying_bytes);
		answer_number(b, "lag_ms", f.lag_ns / MS);
		answer_number(b, "refusals", f.refused);
		answer_text(b, "error", f.error[0] == '\0' ? NULL : f.error);
		answer_close(b, '}');
	}
	answer_close(b, ']');
}

static void
put_streams(struct mu_buf *b, const struct outbox *o)
{
	struct outbox_stream_facts f;

	answer_open(b, "streams", '[');
	for (size_t i = 0; i < outbox_nstreams(o); i++) {
		outbox_stream_facts(o, i, &f);
		answer_open(b, NULL, '{');
		answer_text(b, "stream", f.stream);
		answer_text(b, "path", f.path);
		answer_number(b, "accepted", f.accepted);
		answer_number(b, "delivered", f.delivered);
		answer_number(b, "dropped", f.dropped);
		answer_number(b, "waiting", f.waiting);
		answer_number(b, "batches", f.batches);
		answer_close(b, '}');
	}
	answer_close(b, ']');
}

static void
put_inputs(struct mu_buf *b, const struct inputs *in)
{
	struct input_facts f;

	if (in == NULL)
		return;
	answer_open(b, "inputs", '[');
	for (size_t i = 0; i < inputs_count(in); i++) {
		inputs_facts(in, i, &f);
		answer_open(b, NULL, '{');
		answer_text(b, "file", f.file);
		answer_text(b, "stream", f.stream);
		answer_text(b, "path", f.path);
		answer_text(b, "state", f.state);
		answer_number(b, "accepted", f.records);
		answer_number(b, "wrong", f.wrong);
		answer_number(b, "line", f.line);
		answer_number(b, "lag_bytes", f.lag);
		answer_number(b, "rotations", f.rotations);
		answer_number(b, "truncations", f.truncations);
		answer_number(b, "lost", f.lost);
		answer_text(b, "error", f.error[0] == '\0' ? NULL : f.error);
		answer_close(b, '}');
	}
	answer_close(b, ']');
}

void
control_set_inputs(struct control *c, const struct inputs *in)
{
	c->inputs = in;
}

void
control_put_sender(const struct control *c, struct mu_buf *b)
{
	const struct outbox *o;

	if (c->shipper == NULL)
		return;
	o = shipper_outbox(c->shipper);
	answer_open(b, "sender", '{');
	put_spool(b, o);
	put_loggers(b, o);
	put_streams(b, o);
	put_inputs(b, c->inputs);
	answer_close(b, '}');
}

void
control_put_logs(const struct control *c, struct mu_buf *b)
{
	struct outbox_facts f;

	if (c->shipper == NULL)
		return;
	outbox_facts(shipper_outbox(c->shipper), &f);
	answer_open(b, "logs", '{');
	answer_number(b, "loggers", f.up);
	answer_number(b, "waiting", f.waiting);
	answer_number(b, "bytes", f.bytes);
	answer_number(b, "limit", f.limit);
	answer_bool(b, "full", f.full);
	answer_number(b, "refused", f.refused);
	answer_number(b, "dropped", f.dropped);
	answer_number(b, "damaged", f.damaged);
	answer_number(b, "doubtful", f.doubtful);
	answer_text(b, "error", f.error[0] == '\0' ? NULL : f.error);
	answer_close(b, '}');
}
