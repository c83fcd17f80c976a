/*
 * Peering machines under test: an endpoint of the test's making owns a table
 * and a filter; an end is one machine of it, whose output is collected as
 * bytes for the other side and as a log of facts in words:
 *
 *   up  filter  data TOPIC PAYLOAD  command TOPIC PAYLOAD  problem
 *   pong TOKEN  down REASON EC
 */
#ifndef TESTS_UNIT_PEERS_H
#define TESTS_UNIT_PEERS_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/rng.h"
#include "muster/err.h"
#include "proto/handshake.h"
#include "proto/peer.h"
#include "topic/filter.h"

#define MS ((uint64_t)1000000)
#define S  ((uint64_t)1000000000)

struct endpoint {
	struct mu_uuid id;
	struct mu_peer_table *table;
	struct muster_filter *filter;
	struct mu_peer_config cfg; /* of its machines; may be changed */
};

struct end {
	struct mu_peer *p;
	struct mu_buf wire; /* sent and not taken yet */
	struct mu_buf log;
	bool up, down;
	enum mu_peer_reason reason;
	unsigned ec;
	char text[256];
	unsigned problems, envelopes, filters;
};

static inline struct mu_uuid
id_of(uint8_t byte)
{
	struct mu_uuid id;

	memset(&id, byte, sizeof id);
	return id;
}

static inline void
endpoint_init(struct endpoint *e, uint8_t id, const char *topic)
{
	memset(e, 0, sizeof *e);
	e->id = id_of(id);
	e->table = mu_peer_table_new(&e->id);
	e->filter = muster_filter_new();
	if (topic != NULL)
		muster_filter_add(e->filter, topic, strlen(topic));
	e->cfg = (struct mu_peer_config){
		.table = e->table,
		.filter = e->filter,
		.max_handshake = 1 << 20,
		.max_frame = 1 << 24,
		.max_topics = 100,
		.handshake_ns = 5 * S,
		.ping_ns = 2 * S,
		.dead_ns = 7 * S,
		.goodbye_ns = 3 * S,
	};
}

static inline void
endpoint_clear(struct endpoint *e)
{
	mu_peer_table_free(e->table);
	muster_filter_free(e->filter);
}

static inline void
end_init(struct end *e)
{
	memset(e, 0, sizeof *e);
	mu_buf_init(&e->wire, 0);
	mu_buf_init(&e->log, 0);
}

static inline void
end_clear(struct end *e)
{
	mu_peer_free(e->p);
	mu_buf_clear(&e->wire);
	mu_buf_clear(&e->log);
}

static inline void
end_note(struct end *e, const struct mu_peer_out *out)
{
	const struct mu_envelope *env = &out->env;

	if (mu_buf_len(&e->log) > 0)
		mu_buf_str(&e->log, ", ");
	switch (out->kind) {
	case MU_PEER_SEND:
		break;
	case MU_PEER_UP:
		e->up = true;
		mu_buf_str(&e->log, "up");
		break;
	case MU_PEER_FILTER:
		e->filters++;
		mu_buf_str(&e->log, "filter");
		break;
	case MU_PEER_ENVELOPE:
		e->envelopes++;
		ck_assert(mu_uuid_eq(env->sender, mu_peer_id(e->p)));
		mu_buf_printf(&e->log, "%s %.*s %.*s",
		    env->type == MU_DATA ? "data" : "command",
		    (int)env->topic_len, env->topic, (int)env->payload_len,
		    (const char *)env->payload);
		break;
	case MU_PEER_PROBLEM:
		e->problems++;
		ck_assert_ptr_nonnull(out->text);
		mu_buf_str(&e->log, "problem");
		break;
	case MU_PEER_PONG:
		mu_buf_printf(
		    &e->log, "pong %llu", (unsigned long long)out->token);
		break;
	case MU_PEER_DOWN:
		ck_assert(!e->down);
		e->down = true;
		e->reason = out->reason;
		e->ec = out->ec;
		snprintf(e->text, sizeof e->text, "%s", out->text);
		mu_buf_printf(&e->log, "down %s %u",
		    mu_peer_reason_name(out->reason), out->ec);
		break;
	}
}

/* Take all consequences. */
static inline void
end_drain(struct end *e)
{
	struct mu_peer_out out;

	while (mu_peer_next(e->p, &out)) {
		if (out.kind == MU_PEER_SEND)
			mu_buf_put(&e->wire, out.bytes, out.len);
		else
			end_note(e, &out);
	}
}

static inline void
end_open(
    struct end *e, struct endpoint *at, enum mu_peer_role role, uint64_t now)
{
	end_init(e);
	at->cfg.owner = e;
	e->p = mu_peer_new(&at->cfg, role, now);
	ck_assert_ptr_nonnull(e->p);
	ck_assert_ptr_eq(mu_peer_owner(e->p), e);
	end_drain(e);
}

/* Drain whoever was woken. */
static inline size_t
endpoint_wake(struct endpoint *at)
{
	struct mu_peer *p;
	size_t n = 0;

	for (; (p = mu_peer_table_wake(at->table)) != NULL; n++)
		end_drain(mu_peer_owner(p));
	return n;
}

static inline void
end_feed(struct end *e, const void *p, size_t len, uint64_t now)
{
	ck_assert_int_eq(mu_peer_feed(e->p, p, len, now), 0);
	end_drain(e);
}

/* Give e one handshake message. */
static inline void
feed_message(struct end *e, struct mu_handshake h)
{
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_handshake_enc(&b, &h);
	end_feed(e, mu_buf_data(&b), mu_buf_len(&b), 0);
	mu_buf_clear(&b);
}

static inline const char *
end_log(struct end *e)
{
	static char text[4096];

	snprintf(text, sizeof text, "%.*s", (int)mu_buf_len(&e->log),
	    mu_buf_data(&e->log) == NULL ? "" : (char *)mu_buf_data(&e->log));
	mu_buf_reset(&e->log);
	return text;
}

/* Move up to n bytes from one end to the other. */
static inline void
carry(struct end *from, struct end *to, size_t n, uint64_t now)
{
	if (n > mu_buf_len(&from->wire))
		n = mu_buf_len(&from->wire);
	if (n == 0)
		return;
	end_feed(to, mu_buf_data(&from->wire), n, now);
	mu_buf_consume(&from->wire, n);
}

/* Until nothing moves any more. */
static inline void
settle(struct end *a, struct end *b, uint64_t now)
{
	while (mu_buf_len(&a->wire) + mu_buf_len(&b->wire) > 0) {
		carry(a, b, SIZE_MAX, now);
		carry(b, a, SIZE_MAX, now);
	}
}

/* The same in random pieces. */
static inline void
settle_split(struct end *a, struct end *b, struct mu_rng *r, uint64_t now)
{
	while (mu_buf_len(&a->wire) + mu_buf_len(&b->wire) > 0) {
		if (mu_rng_below(r, 2) == 0)
			carry(a, b, 1 + mu_rng_below(r, 20), now);
		else
			carry(b, a, 1 + mu_rng_below(r, 20), now);
	}
}

/* Put an envelope on e's wire as its router would. */
static inline void
end_publish(struct end *e, const struct endpoint *at,
    enum mu_envelope_type type, const char *topic, const char *payload)
{
	mu_envelope_enc(&e->wire, &at->id, NULL, type, topic, strlen(topic),
	    payload, strlen(payload));
}

/* Two connected machines. */
static inline void
connect_ends(struct end *a, struct endpoint *at_a, struct end *b,
    struct endpoint *at_b, uint64_t now)
{
	end_open(a, at_a, MU_PEER_DIALED, now);
	end_open(b, at_b, MU_PEER_ACCEPTED, now);
	settle(a, b, now);
	ck_assert_str_eq(end_log(a), "up");
	ck_assert_str_eq(end_log(b), "up");
}

#endif
