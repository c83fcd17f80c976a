/*
 * Rules at work: which events are for which, raising, what comes out; see
 * rules.h, and rules_impl.h for which file does what.
 */
#include "rules/rules_impl.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/blob.h"
#include "core/endpoint.h"
#include "core/relays.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "sys/log.h"
#include "value/codec.h"

#define MOST_LINES 1000
#define LINE_MAX   1024

/* --- lines ---------------------------------------------------------------- */

void
rules_say(struct rules *rs, int level, const char *fmt, ...)
{
	char text[LINE_MAX];
	struct rules_line *l;
	va_list ap;

	if (rs->nlines >= MOST_LINES)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	l = mu_calloc(1, sizeof *l + strlen(text) + 1);
	if (l == NULL)
		return;
	l->level = level;
	memcpy(l->text, text, strlen(text) + 1);
	*rs->last_line = l;
	rs->last_line = &l->next;
	rs->nlines++;
}

static bool
next_line(struct rules *rs, struct rules_out *out)
{
	struct rules_line *l = rs->first_line;

	mu_free(rs->given);
	rs->given = l;
	if (l == NULL)
		return false;
	rs->first_line = l->next;
	if (l->next == NULL)
		rs->last_line = &rs->first_line;
	rs->nlines--;
	out->kind = RULES_LOG;
	out->level = l->level;
	out->text = l->text;
	return true;
}

/* --- outcomes ------------------------------------------------------------- */

void
handler_failed(struct rules *rs, struct handler *h, const char *why)
{
	h->failed++;
	h->streak++;
	snprintf(h->why, sizeof h->why, "%s", why);
	if (h->streak == 1)
		rules_say(rs, LOG_LEVEL_WARN, "%s: %s", h->label, why);
	else
		rules_say(rs, LOG_LEVEL_DEBUG, "%s: %s", h->label, why);
}

void
handler_did(struct rules *rs, struct handler *h)
{
	h->done++;
	if (h->streak > 0)
		rules_say(rs, LOG_LEVEL_INFO,
		    "%s: works again after %u failure%s", h->label, h->streak,
		    h->streak == 1 ? "" : "s");
	h->streak = 0;
	h->pause_until = 0;
}

void
handler_full(struct rules *rs, struct handler *h)
{
	h->dropped++;
	if (!h->dropping)
		rules_say(rs, LOG_LEVEL_WARN,
		    "%s: too many events wait: dropping what comes", h->label);
	h->dropping = true;
}

/* --- matching ------------------------------------------------------------- */

bool
rules_names(const char *pattern, const char *name, size_t len)
{
	size_t n = strlen(pattern);

	if (n > 0 && pattern[n - 1] == '*')
		return len >= n - 1 && memcmp(pattern, name, n - 1) == 0;
	return len == n && memcmp(pattern, name, n) == 0;
}

/* What was sent to this node by name counts as sent to the topic behind. */
static bool
on_topic(
    const struct rules *rs, const char *prefix, const char *topic, size_t len)
{
	const char *own = endpoint_layout(rs->e)->topics.node_prefix;
	const char *name = endpoint_node(rs->e)->name;
	size_t a = strlen(own), b = strlen(name);

	if (muster_topic_matches(prefix, strlen(prefix), topic, len))
		return true;
	return len > a + b && memcmp(topic, own, a) == 0 &&
	       memcmp(topic + a, name, b) == 0 && topic[a + b] == '/' &&
	       muster_topic_matches(
		   prefix, strlen(prefix), topic + a + b + 1, len - a - b - 1);
}

static bool
is_for(const struct rules *rs, const struct handler *h,
    const struct rules_event *ev)
{
	if (!rules_names(h->row->event, ev->name, ev->name_len))
		return false;
	if (h->row->topic == NULL)
		return true;
	return !ev->raised &&
	       on_topic(rs, h->row->topic, ev->topic, ev->topic_len);
}

const struct muster_value *
rules_value(struct rules_event *ev)
{
	if (ev->value == NULL && ev->error == 0) {
		ev->error = muster_value_dec(ev->payload, ev->len, &ev->value);
		if (ev->error == 0 &&
		    muster_message_kind(ev->value) != MUSTER_MESSAGE_EVENT)
			ev->error = MUSTER_EPROTO;
	}
	return ev->error == 0 ? ev->value : NULL;
}

/* Returns how many handlers it was for. */
static size_t
handle(struct rules *rs, struct rules_event *ev)
{
	size_t n = 0;

	for (size_t i = 0; i < rs->n && !rs->stopping; i++) {
		struct handler *h = rs->list[i];

		if (!is_for(rs, h, ev))
			continue;
		n++;
		h->matched++;
		if (h->row->nrun > 0)
			run_take(rs, h, ev);
		else if (h->row->log != NULL)
			log_take(rs, h, ev);
		else
			write_take(rs, h, ev);
	}
	muster_value_unref(ev->value);
	mu_blob_unref(ev->json);
	return n;
}

static bool
peek(const uint8_t *payload, size_t len, struct rules_event *ev)
{
	struct mu_peek p;

	if (mu_peek_message(payload, len, &p) != 0 ||
	    p.kind != MUSTER_MESSAGE_EVENT)
		return false;
	ev->payload = payload;
	ev->len = len;
	ev->name = p.name;
	ev->name_len = p.name_len;
	return true;
}

static void
hear(struct subscriber *self, struct message *m)
{
	struct rules *rs = (struct rules *)self;
	struct rules_event ev = { .topic = m->env.topic,
		.topic_len = m->env.topic_len };

	if (m->env.type == MU_DATA &&
	    peek(m->env.payload, m->env.payload_len, &ev))
		handle(rs, &ev);
}

/* --- raising -------------------------------------------------------------- */

static int
publish(struct rules *rs, struct subscriber *from, struct auto_rule *a,
    const struct rules_event *ev, struct rules_raised *out)
{
	int rc = relays_publish(endpoint_relays(rs->e), from, a->row->to,
	    strlen(a->row->to), ev->payload, ev->len);

	if (rc < 0)
		return rc;
	out->rules++;
	out->receivers += (uint64_t)rc;
	a->published++;
	return 0;
}

int
rules_raise(struct rules *rs, struct subscriber *from, const uint8_t *payload,
    size_t len, struct rules_raised *out, uint64_t now)
{
	struct rules_event ev = { .topic = "", .raised = true };
	int rc = 0;

	memset(out, 0, sizeof *out);
	rs->now = now;
	if (!peek(payload, len, &ev))
		return MUSTER_EINVAL;
	out->handlers = handle(rs, &ev);
	for (size_t i = 0; i < rs->nautos && rc == 0; i++)
		if (rules_names(rs->autos[i].row->event, ev.name, ev.name_len))
			rc = publish(rs, from, &rs->autos[i], &ev, out);
	return rc;
}

/* What membership raises here. */
static void
on_raise(struct endpoint_raiser *self, const uint8_t *payload, size_t len)
{
	struct rules *rs = (struct rules *)((char *)self -
					    offsetof(struct rules, raiser));
	struct rules_raised out;
	int rc = rules_raise(rs, NULL, payload, len, &out, rs->now);

	if (rc != 0)
		rules_say(rs, LOG_LEVEL_ERR, "cannot publish an event: %s",
		    muster_strerror(rc));
}

/* --- construction --------------------------------------------------------- */

static int
add(struct muster_filter *f, const char *topic)
{
	int rc = muster_filter_add(f, topic, strlen(topic));

	return rc < 0 ? rc : 0;
}

/* Topics of the handlers; without one, all that the node gets. */
static int
subscribe(struct rules *rs)
{
	struct muster_filter *f = muster_filter_new();
	int rc = f == NULL ? MUSTER_ENOMEM : 0;
	bool all = false;

	for (size_t i = 0; i < rs->n && rc == 0; i++) {
		const char *topic = rs->list[i]->row->topic;

		if (topic == NULL)
			all = true;
		else
			rc = add(f, topic);
	}
	if (rc == 0 && all)
		rc = endpoint_own_topics(rs->e, f);
	if (rc == 0)
		rc = router_attach(endpoint_router(rs->e), &rs->sub, f);
	muster_filter_free(f);
	return rc;
}

struct rules *
rules_new(struct endpoint *e, const struct rules_hooks *hooks, uint64_t now)
{
	struct rules *rs = mu_calloc(1, sizeof *rs);

	if (rs == NULL)
		return NULL;
	rs->e = e;
	rs->hooks = *hooks;
	rs->now = now;
	rs->sub.kind = SUBSCRIBER_SERVICE;
	rs->sub.deliver = hear;
	rs->raiser.raise = on_raise;
	rs->last_line = &rs->first_line;
	if (rules_reload(rs, now) == 0) {
		endpoint_set_raiser(e, &rs->raiser);
		return rs;
	}
	rules_free(rs);
	return NULL;
}

void
rules_free(struct rules *rs)
{
	if (rs == NULL)
		return;
	endpoint_set_raiser(rs->e, NULL);
	router_detach(endpoint_router(rs->e), &rs->sub);
	rules_list_clear(rs);
	while (rs->first_line != NULL) {
		struct rules_line *l = rs->first_line;

		rs->first_line = l->next;
		mu_free(l);
	}
	mu_free(rs->given);
	mu_free(rs);
}

int
rules_reload(struct rules *rs, uint64_t now)
{
	int rc;

	rs->now = now;
	rc = rules_list_load(rs);
	return rc == 0 ? subscribe(rs) : rc;
}

void
rules_stop(struct rules *rs, uint64_t now)
{
	rs->now = now;
	rs->stopping = true;
	for (size_t i = 0; i < rs->n; i++) {
		run_drop_queue(rs->list[i]);
		run_end_all(rs, rs->list[i]);
	}
}

/* --- time, consequences ----------------------------------------------------
 */

void
rules_tick(struct rules *rs, uint64_t now)
{
	rs->now = now;
	for (size_t i = 0; i < rs->n; i++)
		run_tick(rs, rs->list[i]);
	for (struct handler *h = rs->leaving; h != NULL; h = h->next)
		run_tick(rs, h);
}

uint64_t
rules_deadline(const struct rules *rs)
{
	uint64_t at = UINT64_MAX;

	for (size_t i = 0; i < rs->n; i++) {
		uint64_t due = run_deadline(rs, rs->list[i]);

		at = due < at ? due : at;
	}
	for (const struct handler *h = rs->leaving; h != NULL; h = h->next) {
		uint64_t due = run_deadline(rs, h);

		at = due < at ? due : at;
	}
	return at;
}

static bool
next_of_programs(struct rules *rs, struct rules_out *out)
{
	for (size_t i = 0; i < rs->n; i++)
		if (run_next(rs, rs->list[i], out))
			return true;
	for (struct handler *h = rs->leaving; h != NULL; h = h->next)
		if (run_next(rs, h, out))
			return true;
	return false;
}

bool
rules_next(struct rules *rs, struct rules_out *out, uint64_t now)
{
	memset(out, 0, sizeof *out);
	rs->now = now;
	if (rs->work) {
		if (next_of_programs(rs, out))
			return true;
		rs->work = false;
		rules_list_reap(rs);
	}
	return next_line(rs, out);
}
