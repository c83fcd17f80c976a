/*
 * The requests of the control protocol about rules: what they are and did, and
 * raising events.
 */
#include <string.h>

#include "control/control_request.h"
#include "control/control_session.h"
#include "core/access.h"
#include "core/answer.h"
#include "core/endpoint.h"
#include "core/relays.h"
#include "muster/err.h"
#include "rules/rules.h"

#define MS 1000000u /* ns */

void
control_set_rules(struct control *c, struct rules *r)
{
	c->rules = r;
}

/* --- rules -----------------------------------------------------------------
 */

static void
put_names(struct mu_buf *b, const char *key, char *const *list, size_t n)
{
	if (list == NULL)
		return;
	answer_open(b, key, '[');
	for (size_t i = 0; i < n; i++)
		answer_text(b, NULL, list[i]);
	answer_close(b, ']');
}

static void
put_subscriptions(const struct control *c, struct mu_buf *b)
{
	const struct mu_layout *l = endpoint_layout(c->e);

	answer_open(b, "subscriptions", '[');
	for (size_t i = 0; i < l->nsubscriptions; i++) {
		const struct mu_layout_subscription *s = &l->subscriptions[i];

		if (!mu_layout_on(s->on, s->non, endpoint_node(c->e)))
			continue;
		answer_open(b, NULL, '{');
		answer_number(b, "rule", i + 1);
		answer_text(b, "topic", s->topic);
		answer_close(b, '}');
	}
	answer_close(b, ']');
}

static void
put_relays(const struct control *c, struct mu_buf *b)
{
	const struct relays *rs = endpoint_relays(c->e);

	answer_open(b, "relay", '[');
	for (size_t i = 0; i < relays_count(rs); i++) {
		struct relays_fact f;

		relays_fact(rs, i, &f);
		answer_open(b, NULL, '{');
		answer_number(b, "rule", i + 1);
		answer_text(b, "topic", f.rule->topic);
		put_names(b, "by", f.rule->by, f.rule->nby);
		answer_text(b, "to", f.rule->to);
		answer_bool(b, "here", f.here);
		answer_number(b, "nodes", f.nodes);
		answer_number(b, "up", f.up);
		answer_number(b, "published", f.published);
		answer_number(b, "lost", f.lost);
		answer_number(b, "relayed", f.relayed);
		answer_number(b, "circled", f.circled);
		answer_number(b, "dropped", f.dropped);
		answer_close(b, '}');
	}
	answer_close(b, ']');
}

static void
put_access(const struct control *c, struct mu_buf *b)
{
	const struct mu_layout *l = endpoint_layout(c->e);

	answer_open(b, "access", '[');
	for (size_t i = 0; i < l->naccess; i++) {
		answer_open(b, NULL, '{');
		answer_number(b, "rule", i + 1);
		answer_text(b, "topic", l->access[i].topic);
		put_names(b, "by", l->access[i].by, l->access[i].nby);
		answer_close(b, '}');
	}
	answer_close(b, ']');
	answer_number(b, "access_refused", endpoint_refused(c->e));
}

static void
put_autos(const struct control *c, struct mu_buf *b)
{
	answer_open(b, "auto_publish", '[');
	for (size_t i = 0; i < rules_auto_count(c->rules); i++) {
		struct rules_auto_fact f;

		rules_auto_fact(c->rules, i, &f);
		answer_open(b, NULL, '{');
		answer_number(b, "rule", f.number);
		answer_text(b, "event", f.row->event);
		answer_text(b, "to", f.row->to);
		answer_number(b, "published", f.published);
		answer_close(b, '}');
	}
	answer_close(b, ']');
}

static void
put_handler(struct mu_buf *b, const struct rules_fact *f)
{
	answer_open(b, NULL, '{');
	answer_number(b, "rule", f->number);
	answer_text(b, "event", f->row->event);
	if (f->row->topic != NULL)
		answer_text(b, "topic", f->row->topic);
	put_names(b, "run", f->row->run, f->row->nrun);
	if (f->row->store.name != NULL)
		answer_text(b, "store", f->row->store.name);
	if (f->row->log != NULL)
		answer_text(b, "log", f->row->log);
	answer_number(b, "matched", f->matched);
	answer_number(b, "running", f->running);
	answer_number(b, "waiting", f->waiting);
	answer_number(b, "done", f->done);
	answer_number(b, "failed", f->failed);
	answer_number(b, "dropped", f->dropped);
	answer_number(b, "lines_not_shown", f->lines);
	answer_number(b, "failures_in_a_row", f->streak);
	answer_number(b, "pause_ms", f->pause_ns / MS);
	answer_text(b, "last_failure", f->why);
	answer_close(b, '}');
}

void
control_on_rules(struct control_session *s, const struct control_args *a)
{
	struct control *c = s->control;
	struct mu_buf *b = &s->out;

	(void)a;
	if (c->rules == NULL) {
		answer_refuse(b, "usage", "this node has no rules yet");
		return;
	}
	answer_ok(b);
	answer_text(b, "name", endpoint_node(c->e)->name);
	put_subscriptions(c, b);
	put_relays(c, b);
	put_access(c, b);
	put_autos(c, b);
	answer_open(b, "handlers", '[');
	for (size_t i = 0; i < rules_count(c->rules); i++) {
		struct rules_fact f;

		rules_fact(c->rules, i, &f);
		put_handler(b, &f);
	}
	answer_close(b, ']');
	answer_end(b);
}

/* --- for other answers ------------------------------------------------------
 */

void
control_put_failing(const struct control *c, struct mu_buf *b)
{
	answer_open(b, "failing_handlers", '[');
	for (size_t i = 0; c->rules != NULL && i < rules_count(c->rules); i++) {
		struct rules_fact f;

		rules_fact(c->rules, i, &f);
		if (f.streak == 0)
			continue;
		answer_open(b, NULL, '{');
		answer_number(b, "rule", f.number);
		answer_text(b, "event", f.row->event);
		answer_number(b, "failures", f.streak);
		answer_text(b, "why", f.why);
		answer_close(b, '}');
	}
	answer_close(b, ']');
}

void
control_put_relay(const struct control *c, struct mu_buf *b)
{
	const char *node;
	size_t rule = relays_last(endpoint_relays(c->e), &node);

	if (rule == 0)
		return;
	answer_open(b, "relay", '{');
	answer_number(b, "rule", rule);
	answer_text(b, "node", node);
	answer_close(b, '}');
}

void
control_put_access(
    const struct control *c, struct mu_buf *b, const char *topic, size_t len)
{
	size_t rule = access_refuses(
	    endpoint_layout(c->e), endpoint_node(c->e), topic, len);

	if (rule != 0)
		answer_number(b, "access", rule);
}

/* --- raise ------------------------------------------------------------------
 */

void
control_on_raise(struct control_session *s, const struct control_args *a)
{
	struct control *c = s->control;
	struct rules_raised raised;
	const char *why = "event: not a name";
	struct mu_buf payload;
	int r;

	if (c->rules == NULL) {
		answer_refuse(&s->out, "usage", "this node has no rules yet");
		return;
	}
	mu_buf_init(&payload, 0);
	r = control_event_payload(a, &payload, &why);
	if (r == 0) {
		why = "event: cannot be raised";
		r = rules_raise(c->rules, &s->sub, mu_buf_data(&payload),
		    mu_buf_len(&payload), &raised, c->now);
	}
	mu_buf_clear(&payload);
	if (r == MUSTER_ENOMEM) {
		answer_refuse(&s->out, "memory", "out of memory");
		return;
	}
	if (r < 0) {
		answer_refuse(
		    &s->out, "usage", "%s (%s)", why, muster_strerror(r));
		return;
	}
	answer_ok(&s->out);
	answer_number(&s->out, "handlers", raised.handlers);
	answer_number(&s->out, "auto_publish", raised.rules);
	answer_number(&s->out, "receivers", raised.receivers);
	answer_end(&s->out);
}
