/*
 * The consequences of membership, in order.  The owner drains them after each
 * call, so the queue is as long as what one call causes: a few entries per
 * node.  Each carries its own bytes and outlives what it talks about.
 */
#include "core/members_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "value/codec.h"

static struct out *
new_out(enum members_out_kind kind, size_t extra)
{
	struct out *o = mu_calloc(1, sizeof *o + extra);

	if (o != NULL)
		o->pub.kind = kind;
	return o;
}

void
mout_queue(struct members *m, struct out *o)
{
	o->next = NULL;
	*m->last = o;
	m->last = &o->next;
	m->nqueued++;
}

/* Messages give way when somebody makes us talk faster than we are drained;
 * what changes anything never does. */
static bool
crowded(const struct members *m)
{
	return m->nqueued > 256 + 8 * (m->npeers + m->nrows);
}

void
mout_clear(struct members *m)
{
	struct out *o;

	while ((o = m->first) != NULL) {
		m->first = o->next;
		mu_free(o);
	}
	m->last = &m->first;
	m->nqueued = 0;
	mu_free(m->given);
	m->given = NULL;
}

static int
queue_or_lose(struct members *m, struct out *o)
{
	if (o == NULL) {
		m->lost = true;
		return MUSTER_ENOMEM;
	}
	mout_queue(m, o);
	return 0;
}

static struct out *
publication(const struct mu_uuid *to, const char *topic, const uint8_t *payload,
    size_t len)
{
	size_t tlen = strlen(topic);
	struct out *o = new_out(MEMBERS_PUBLISH, tlen + 1 + len);

	if (o == NULL)
		return NULL;
	memcpy(o->mem, topic, tlen + 1);
	memcpy(o->mem + tlen + 1, payload, len);
	o->pub.topic = o->mem;
	o->pub.topic_len = tlen;
	o->pub.payload = (const uint8_t *)o->mem + tlen + 1;
	o->pub.payload_len = len;
	if (to != NULL) {
		o->to = *to;
		o->pub.receiver = &o->to;
	}
	return o;
}

struct muster_value *
mout_args(size_t n, ...)
{
	struct muster_value *v = muster_value_vector();
	bool ok = v != NULL;
	va_list ap;

	va_start(ap, n);
	while (n-- > 0) {
		struct muster_value *e = va_arg(ap, struct muster_value *);

		if (!ok)
			muster_value_unref(e);
		else if (muster_value_append(v, e) != 0)
			ok = false;
	}
	va_end(ap);
	if (ok)
		return v;
	muster_value_unref(v);
	return NULL;
}

int
mout_event(struct members *m, const struct mu_uuid *to, const char *topic,
    const char *event, struct muster_value *args, bool with_meta)
{
	struct out *o = NULL;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	if (args != NULL)
		mu_event_enc(&b, event, strlen(event), args, with_meta);
	if (args != NULL && mu_buf_error(&b) == 0)
		o = publication(to, topic, mu_buf_data(&b), mu_buf_len(&b));
	mu_buf_clear(&b);
	muster_value_unref(args);
	return queue_or_lose(m, o);
}

__attribute__((format(printf, 2, 0))) static struct out *
formatted(enum members_out_kind kind, const char *fmt, va_list ap)
{
	va_list again;
	struct out *o;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	o = n < 0 ? NULL : new_out(kind, (size_t)n + 1);
	if (o == NULL)
		return NULL;
	vsnprintf(o->mem, (size_t)n + 1, fmt, ap);
	o->pub.text = o->mem;
	return o;
}

int
mout_cluster_log(struct members *m, const char *fmt, ...)
{
	struct out *o;
	va_list ap;

	va_start(ap, fmt);
	o = formatted(MEMBERS_CLUSTER_LOG, fmt, ap);
	va_end(ap);
	return queue_or_lose(m, o);
}

int
mout_log(struct members *m, int level, const char *fmt, ...)
{
	struct out *o;
	va_list ap;

	if (crowded(m))
		return 0;
	va_start(ap, fmt);
	o = formatted(MEMBERS_LOG, fmt, ap);
	va_end(ap);
	if (o != NULL)
		o->pub.level = level;
	return queue_or_lose(m, o);
}

struct out *
mout_prepare(enum members_out_kind kind, const char *name,
    const struct mu_uuid *id, const char *text)
{
	size_t nlen = name == NULL ? 0 : strlen(name) + 1;
	size_t tlen = text == NULL ? 0 : strlen(text) + 1;
	struct out *o = new_out(kind, nlen + tlen);

	if (o == NULL)
		return NULL;
	if (name != NULL)
		o->pub.name = memcpy(o->mem, name, nlen);
	if (text != NULL)
		o->pub.text = memcpy(o->mem + nlen, text, tlen);
	if (id != NULL)
		o->pub.id = *id;
	return o;
}

int
mout_node(struct members *m, enum members_out_kind kind, const char *name,
    const struct mu_uuid *id, bool resending)
{
	struct out *o = mout_prepare(kind, name, id, NULL);

	if (o != NULL)
		o->pub.resending = resending;
	return queue_or_lose(m, o);
}

int
mout_text(struct members *m, enum members_out_kind kind, const char *text)
{
	return queue_or_lose(m, mout_prepare(kind, NULL, NULL, text));
}

int
mout_drop(struct members *m, const struct mu_uuid *id, const char *text)
{
	return queue_or_lose(m, mout_prepare(MEMBERS_DROP, NULL, id, text));
}

/* What could not be queued because memory was out is said without any. */
static bool
emergency(struct members *m, struct members_out *out)
{
	size_t i;

	memset(out, 0, sizeof *out);
	for (i = 0; m->ndrops > 0 && i < m->npeers; i++) {
		struct peer *p = m->peers[i];

		if (p->drop == NULL)
			continue;
		m->ndrops--;
		out->kind = MEMBERS_DROP;
		out->id = p->id;
		out->text = p->drop;
		p->drop = NULL;
		return true;
	}
	if (!m->lost)
		return false;
	m->lost = false;
	out->kind = MEMBERS_LOG;
	out->level = LOG_LEVEL_ERR;
	out->text = "membership: out of memory, messages were lost";
	return true;
}

bool
members_next(struct members *m, struct members_out *out)
{
	struct out *o;

	mu_free(m->given);
	m->given = NULL;
	o = m->first;
	if (o == NULL)
		return emergency(m, out);
	m->first = o->next;
	if (m->first == NULL)
		m->last = &m->first;
	m->nqueued--;
	m->given = o;
	*out = o->pub;
	return true;
}
