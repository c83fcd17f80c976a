/*
 * Phase 3: data and commands are passed on as views, everything else is the
 * machine's own business.  Nothing that arrives here ends the peering except
 * the answer to our goodbye.
 */
#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "base/text.h"
#include "muster/err.h"
#include "proto/peer_impl.h"
#include "topic/filter.h"

/* An answer is a copy: a peer may not make us copy more than this a ping. */
#define LONGEST_PING ((size_t)64 * 1024)

#define LOCAL_LEN (sizeof MU_LOCAL_PREFIX - 1)

static const char reserved[] = MU_RESERVED_TOPIC;

/* --- sending -------------------------------------------------------------- */

static void
send_internal(struct mu_peer *p, enum mu_envelope_type type,
    const void *payload, size_t len)
{
	mu_envelope_enc(&p->out, &p->cfg.table->self, &p->id, type, reserved,
	    sizeof reserved - 1, payload, len);
}

static void
make_mark(uint8_t mark[MARK_LEN], const char *word, uint64_t n)
{
	memcpy(mark, word, 3);
	for (size_t i = 0; i < 8; i++)
		mark[3 + i] = (uint8_t)(n >> (56 - 8 * i));
}

void
mu_peer_send_filter(struct mu_peer *p)
{
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_filter_enc(&b, p->cfg.filter);
	if (mu_buf_error(&b) == 0)
		send_internal(
		    p, MU_ROUTING_UPDATE, mu_buf_data(&b), mu_buf_len(&b));
	else if (p->out.error == 0)
		p->out.error = mu_buf_error(&b);
	mu_buf_clear(&b);
}

void
mu_peer_send_ping(
    struct mu_peer *p, enum ping_slot slot, uint64_t token, uint64_t timeout)
{
	struct ping *ping = &p->pings[slot];
	uint8_t mark[MARK_LEN];

	ping->out = true;
	ping->serial = ++p->ping_serial;
	ping->token = token;
	ping->sent = p->now;
	ping->timeout = timeout;
	ping->deadline = timeout == 0 || timeout > UINT64_MAX - p->now
			     ? UINT64_MAX
			     : p->now + timeout;
	make_mark(mark, "PNG", ping->serial);
	send_internal(p, MU_PING, mark, sizeof mark);
}

void
mu_peer_send_bye(struct mu_peer *p)
{
	make_mark(p->bye, "BYE", ++p->cfg.table->byes);
	send_internal(p, MU_PING, p->bye, sizeof p->bye);
}

/* --- receiving ------------------------------------------------------------ */

static bool
problem(struct mu_peer *p, struct mu_peer_out *out)
{
	out->kind = MU_PEER_PROBLEM;
	out->text = p->text;
	return true;
}

static bool
malformed(struct mu_peer *p, size_t len, struct mu_peer_out *out)
{
	snprintf(p->text, sizeof p->text,
	    "dropped a malformed envelope of %zu bytes", len - 4);
	return problem(p, out);
}

/* A topic that nobody may send to us (reference 3.6).  Hardly any begins with
 * the same byte. */
static bool
is_local(const struct mu_envelope *env)
{
	return env->topic_len >= LOCAL_LEN &&
	       env->topic[0] == MU_LOCAL_PREFIX[0] &&
	       memcmp(env->topic, MU_LOCAL_PREFIX, LOCAL_LEN) == 0;
}

static bool
forged(
    struct mu_peer *p, const struct mu_envelope *env, struct mu_peer_out *out)
{
	char topic[96];

	mu_text_printable(env->topic, env->topic_len, topic, sizeof topic);
	snprintf(p->text, sizeof p->text, "dropped a message on local topic %s",
	    topic);
	return problem(p, out);
}

static bool
on_filter(
    struct mu_peer *p, const struct mu_envelope *env, struct mu_peer_out *out)
{
	struct mu_cursor c = mu_cursor_over(env->payload, env->payload_len);
	struct muster_filter *f = mu_filter_dec(&c, p->cfg.max_topics);

	if (f != NULL) {
		/* Trailing bytes are ignored, as in the handshake. */
		muster_filter_free(p->filter);
		p->filter = f;
		out->kind = MU_PEER_FILTER;
		return true;
	}
	if (c.error == MUSTER_ENOMEM) {
		/* Going on with the old one would lose events silently. */
		mu_peer_finish(p, MU_PEER_NOMEM, 0, "out of memory");
		return false;
	}
	snprintf(p->text, sizeof p->text, "dropped a routing update: %s",
	    c.error == MUSTER_ELIMIT ? "too many or too long topics"
				     : "malformed");
	return problem(p, out);
}

static bool
on_ping(
    struct mu_peer *p, const struct mu_envelope *env, struct mu_peer_out *out)
{
	if (env->payload_len > LONGEST_PING) {
		snprintf(p->text, sizeof p->text, "dropped a ping of %zu bytes",
		    env->payload_len);
		return problem(p, out);
	}
	if (env->payload_len == MARK_LEN && memcmp(env->payload, "BYE", 3) == 0)
		p->bye_seen = true;
	send_internal(p, MU_PONG, env->payload, env->payload_len);
	return false;
}

static struct ping *
find_ping(struct mu_peer *p, const struct mu_envelope *env)
{
	uint8_t mark[MARK_LEN];

	if (env->payload_len != MARK_LEN)
		return NULL;
	for (size_t i = 0; i < NPINGS; i++) {
		if (!p->pings[i].out)
			continue;
		make_mark(mark, "PNG", p->pings[i].serial);
		if (memcmp(mark, env->payload, MARK_LEN) == 0)
			return &p->pings[i];
	}
	return NULL;
}

static bool
on_pong(
    struct mu_peer *p, const struct mu_envelope *env, struct mu_peer_out *out)
{
	struct ping *ping;

	if (p->leaving && env->payload_len == MARK_LEN &&
	    memcmp(env->payload, p->bye, MARK_LEN) == 0) {
		mu_peer_finish(p, MU_PEER_REMOVED, 0, "goodbye answered");
		return false;
	}
	ping = find_ping(p, env);
	if (ping == NULL)
		return false; /* too late, or nobody asked: harmless */
	ping->out = false;
	p->rtt = p->now > ping->sent ? p->now - ping->sent : 1;
	if (ping < &p->pings[PING_OWNER])
		return false;
	out->kind = MU_PEER_PONG;
	out->token = ping->token;
	out->rtt_ns = p->rtt;
	return true;
}

bool
mu_peer_envelope_frame(
    struct mu_peer *p, uint8_t *frame, size_t len, struct mu_peer_out *out)
{
	struct mu_envelope *env = &out->env;

	if (len == 4)
		return false; /* empty frames are ignored (reference 1.3) */
	if (mu_envelope_view(frame, len, env) != 0)
		return malformed(p, len, out);
	switch (env->type) {
	case MU_DATA:
	case MU_COMMAND:
		if (is_local(env))
			return forged(p, env, out);
		memcpy(frame + 4, p->id.bytes, sizeof p->id.bytes);
		out->kind = MU_PEER_ENVELOPE;
		return true;
	case MU_ROUTING_UPDATE:
		return on_filter(p, env, out);
	case MU_PING:
		return on_ping(p, env, out);
	case MU_PONG:
		return on_pong(p, env, out);
	}
	return false;
}
