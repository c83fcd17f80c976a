/*
 * Sessions of the control socket: bytes in, lines out, in order.  A session
 * answers one request after the other; while it waits (op "wait"), or while
 * its client does not read, later requests stay in the input, which is bounded
 * too.  Events of a watcher go between the answers and are dropped, counted
 * and confessed when the output is full.
 */
#include "control/control.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "control/control_logger.h"
#include "control/control_session.h"
#include "control/control_ship.h"
#include "control/control_store.h"
#include "core/answer.h"
#include "core/endpoint.h"
#include "layout/layout.h"
#include "muster/err.h"
#include "muster/topic.h"

/* Conditions are looked at whenever the loop turns, and at least this often:
 * nobody has to tell us that something changed. */
#define LOOK_NS 50000000u

#define STUFFED 65536 /* bytes of requests that are enough while held */

struct control *
control_new(struct endpoint *e, const struct control_hooks *hooks,
    const char *version, uint64_t now)
{
	struct control *c = mu_calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->version = mu_strdup(version);
	if (c->version == NULL) {
		mu_free(c);
		return NULL;
	}
	c->e = e;
	c->hooks = *hooks;
	c->started = c->now = now;
	return c;
}

void
control_free(struct control *c)
{
	if (c == NULL)
		return;
	assert(c->sessions == NULL);
	mu_free(c->version);
	mu_free(c);
}

static const struct mu_limits *
limits(const struct control_session *s)
{
	return &endpoint_layout(s->control->e)->limits;
}

static bool
full(const struct control_session *s)
{
	return mu_buf_len(&s->out) >= limits(s)->client_queue_bytes;
}

/* --- events --------------------------------------------------------------- */

/* Half empty again: an episode of dropping is over. */
static bool
roomy(const struct control_session *s)
{
	return mu_buf_len(&s->out) <= limits(s)->client_queue_bytes / 2;
}

/* Say how many events the client missed, where they are missing. */
static void
confess(struct control_session *s)
{
	size_t before = mu_buf_len(&s->out);

	if (s->dropped == 0 || !roomy(s))
		return;
	mu_buf_printf(
	    &s->out, "{\"dropped\":%llu}\n", (unsigned long long)s->dropped);
	if (mu_buf_error(&s->out) != 0) {
		mu_buf_truncate(&s->out, before);
		s->out.error = 0;
		return; /* the count is kept for the next attempt */
	}
	s->dropped = 0;
}

static void
drop(struct control_session *s, size_t before)
{
	mu_buf_truncate(&s->out, before);
	s->out.error = 0;
	s->dropped++;
	s->control->dropped++;
}

bool
control_event_begin(struct control_session *s, size_t *before)
{
	if (s->failed)
		return false;
	confess(s);
	*before = mu_buf_len(&s->out);
	if (!full(s) && s->dropped == 0)
		return true;
	drop(s, *before);
	return false;
}

void
control_event_end(struct control_session *s, size_t before)
{
	/* Memory is out, or the line alone is too much. */
	if (mu_buf_error(&s->out) != 0 ||
	    mu_buf_len(&s->out) > limits(s)->client_queue_bytes)
		drop(s, before);
	else
		s->fresh = true;
}

static void
on_message(struct subscriber *sub, struct message *m)
{
	struct control_session *s = (struct control_session *)sub;
	size_t before;

	if (!control_event_begin(s, &before))
		return;
	control_event_line(&s->out, m);
	control_event_end(s, before);
}

/* A queue is full of what the session publishes: requests wait. */
static void
on_hold(struct subscriber *sub, bool on)
{
	struct control_session *s = (struct control_session *)sub;

	s->resumed = !on;
}

/* --- sessions ---------------------------------------------------------------
 */

struct control_session *
control_session_new(struct control *c, uint64_t now)
{
	return control_session_new_kept(c, 0, now);
}

struct control_session *
control_session_new_kept(struct control *c, size_t kept, uint64_t now)
{
	struct control_session *s;

	c->now = now;
	if (c->nsessions >=
	    endpoint_layout(c->e)->limits.control_clients + kept)
		return NULL;
	s = mu_calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	s->control = c;
	s->sub.kind = SUBSCRIBER_CLIENT;
	s->sub.deliver = on_message;
	s->sub.hold = on_hold;
	s->sub.may_wait = true;
	mu_lines_init(&s->in, CONTROL_LINE_MAX);
	mu_buf_init(&s->out, 0);
	s->next = c->sessions;
	if (s->next != NULL)
		s->next->prev = s;
	c->sessions = s;
	c->nsessions++;
	return s;
}

void
control_session_free(struct control_session *s)
{
	struct control *c;

	if (s == NULL)
		return;
	c = s->control;
	control_stores_end(s);
	control_ship_end(s);
	control_tail_end(s);
	router_detach(endpoint_router(c->e), &s->sub);
	muster_filter_free(s->filter);
	mu_lines_clear(&s->in);
	mu_buf_clear(&s->out);
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		c->sessions = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	c->nsessions--;
	mu_free(s);
}

/* Nothing more is read; what was answered still leaves. */
static void
fail(struct control_session *s, const char *code, const char *text)
{
	answer_refuse(&s->out, code, "%s", text);
	s->failed = s->fresh = true;
}

/* One request; an answer that memory has no room for ends the session. */
static void
answer(struct control_session *s, const char *line, size_t len)
{
	size_t before = mu_buf_len(&s->out);

	control_answer_line(s, line, len);
	if (mu_buf_error(&s->out) != 0) {
		mu_buf_truncate(&s->out, before);
		s->out.error = 0;
		s->failed = true;
	}
	s->fresh = true;
}

/* Does an earlier request still wait for its answer? */
static bool
paused(const struct control_session *s)
{
	return s->waiting != NULL || s->asking || s->sub.held ||
	    control_ship_pause(s);
}

bool
control_session_roomy(const struct control_session *s)
{
	return roomy(s);
}

void
control_session_run(struct control_session *s)
{
	char *line;
	size_t len;

	while (!s->failed && !paused(s) && !full(s) &&
	       mu_lines_next(&s->in, &line, &len)) {
		if (len > 0)
			answer(s, line, len);
	}
}

int
control_session_feed(
    struct control_session *s, const void *bytes, size_t len, uint64_t now)
{
	int r;

	s->control->now = now;
	if (s->failed)
		return MUSTER_ECLOSED;
	if ((paused(s) || full(s)) &&
	    mu_buf_len(&s->in.in) + len > CONTROL_LINE_MAX) {
		fail(s, "limit", "too many requests before their answers");
		return MUSTER_ELIMIT;
	}
	r = mu_lines_feed(&s->in, bytes, len);
	control_session_run(s);
	if (s->failed)
		return MUSTER_EPROTO;
	if (r == MUSTER_ELIMIT)
		fail(s, "limit", "the request is longer than 8 MiB");
	else if (r != 0)
		fail(s, "memory", "out of memory");
	return r;
}

bool
control_session_stuffed(const struct control_session *s)
{
	return (paused(s) || full(s)) && mu_buf_len(&s->in.in) >= STUFFED;
}

bool
control_session_peek(
    struct control_session *s, const uint8_t **bytes, size_t *len)
{
	*len = mu_buf_len(&s->out);
	*bytes = mu_buf_data(&s->out);
	s->fresh = false;
	return *len > 0;
}

void
control_session_consume(struct control_session *s, size_t n)
{
	mu_buf_consume(&s->out, n);
	if (roomy(s)) {
		confess(s);
		control_dump_resume(s);
		control_session_run(s);
	}
	if (mu_buf_len(&s->out) == 0)
		mu_buf_shrink(&s->out);
}

bool
control_session_done(const struct control_session *s)
{
	return s->failed && mu_buf_len(&s->out) == 0;
}

void
control_session_set_transport(struct control_session *s, void *t)
{
	s->transport = t;
}

void *
control_session_transport(const struct control_session *s)
{
	return s->transport;
}

/* --- waiting -------------------------------------------------------------- */

/* The wait is over in one way or the other: answer, go on with what came
 * behind it. */
static void
settle(struct control_session *s, bool met)
{
	const struct control_condition *what = s->waiting;

	s->waiting = NULL;
	if (met) {
		answer_ok(&s->out);
		answer_text(&s->out, "for", what->name);
		answer_end(&s->out);
	} else {
		answer_refuse(&s->out, "timeout", "not %s in time", what->name);
	}
	if (mu_buf_error(&s->out) != 0) {
		s->out.error = 0;
		s->failed = true;
	}
	s->fresh = true;
	control_session_run(s);
}

static void
look(struct control *c)
{
	for (struct control_session *s = c->sessions; s != NULL; s = s->next) {
		if (s->waiting == NULL || s->failed)
			continue;
		if (s->waiting->met(c))
			settle(s, true);
		else if (c->now >= s->wait_deadline)
			settle(s, false);
	}
}

void
control_tick(struct control *c, uint64_t now)
{
	c->now = now;
	look(c);
}

uint64_t
control_deadline(const struct control *c)
{
	uint64_t first = UINT64_MAX;

	for (struct control_session *s = c->sessions; s != NULL; s = s->next) {
		if (s->resumed)
			first = c->now;
		if (s->waiting == NULL || s->failed)
			continue;
		if (first > c->now + LOOK_NS)
			first = c->now + LOOK_NS;
		if (s->wait_deadline < first)
			first = s->wait_deadline;
	}
	return first;
}

struct control_session *
control_wake(struct control *c)
{
	look(c);
	for (struct control_session *s = c->sessions; s != NULL; s = s->next) {
		if (s->resumed) {
			s->resumed = false;
			s->fresh = true;
			control_session_run(s);
		}
		if (!s->fresh)
			continue;
		s->fresh = false;
		return s;
	}
	return NULL;
}
