/*
 * Who gets what (reference "broker-protocol", 3.2 and 3.3).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/rng.h"
#include "core/outq.h"
#include "core/router.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "muster/value.h"
#include "nomem.h"
#include "topic/filter.h"
#include "unit.h"

#define MANY 300

/* A subscriber that keeps what it got last. */
struct ear {
	struct subscriber sub; /* first */
	unsigned n;
	char topic[128];
	struct mu_uuid origin, sender;
	uint16_t ttl;
	struct subscriber *from;
	struct mu_blob *blob;
	struct outq *out; /* peers of the allocation test queue */
};

static const struct mu_uuid self = { { 1 } };
static struct router *r;
static struct ear ears[MANY];

static void
deliver(struct subscriber *s, struct message *m)
{
	struct ear *e = (struct ear *)s;

	e->n++;
	snprintf(e->topic, sizeof e->topic, "%.*s", (int)m->env.topic_len,
	    m->env.topic);
	e->origin = m->origin;
	e->sender = *m->env.sender;
	e->ttl = m->env.ttl;
	e->from = m->from;
	mu_blob_unref(e->blob);
	e->blob = m->env.len >= OUTQ_BY_REFERENCE ? message_blob(m) : NULL;
}

static struct muster_filter *
filter_of(const char *const *prefixes)
{
	struct muster_filter *f = muster_filter_new();

	for (; *prefixes != NULL; prefixes++)
		muster_filter_add(f, *prefixes, strlen(*prefixes));
	return f;
}

#define FILTER(...) filter_of((const char *const[]){ __VA_ARGS__, NULL })

static int
attach(size_t i, enum subscriber_kind kind, struct muster_filter *f)
{
	struct ear *e = &ears[i];
	int rc;

	e->sub.kind = kind;
	e->sub.deliver = deliver;
	memset(&e->sub.id, 0, sizeof e->sub.id);
	e->sub.id.bytes[0] = 0x80;
	e->sub.id.bytes[14] = (uint8_t)(i >> 8);
	e->sub.id.bytes[15] = (uint8_t)i;
	rc = router_attach(r, &e->sub, f);
	muster_filter_free(f);
	return rc;
}

static void
peer(size_t i, struct muster_filter *f)
{
	ck_assert_int_eq(attach(i, SUBSCRIBER_PEER, f), 0);
}

static void
service(size_t i, struct muster_filter *f)
{
	ck_assert_int_eq(attach(i, SUBSCRIBER_SERVICE, f), 0);
}

static void
client(size_t i, struct muster_filter *f)
{
	ck_assert_int_eq(attach(i, SUBSCRIBER_CLIENT, f), 0);
}

static int
publish(size_t i, const char *topic)
{
	return router_publish(r, i == SIZE_MAX ? NULL : &ears[i].sub, topic,
	    strlen(topic), (const uint8_t *)"x", 1);
}

#define NODE SIZE_MAX

/* Envelope from peer i; receiver NULL: by topic. */
static void
receive_sized(size_t i, const struct mu_uuid *receiver,
    enum mu_envelope_type type, const char *topic, size_t size)
{
	/* a string: its length takes one, two or three bytes */
	static uint8_t payload[20000] = { MUSTER_STRING };
	size_t n = size < 2 ? 0 : size < 130 ? 1 : size < 16387 ? 2 : 3;
	struct mu_envelope env;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	if (n == 0)
		payload[0] = MUSTER_NONE;
	else
		mu_buf_varbyte(&b, (uint32_t)(size - 1 - n));
	ck_assert_uint_eq(mu_buf_len(&b), n);
	if (n > 0) {
		payload[0] = MUSTER_STRING;
		memcpy(payload + 1, mu_buf_data(&b), n);
	}
	mu_buf_reset(&b);
	mu_envelope_enc(&b, &ears[i].sub.id, receiver, type, topic,
	    strlen(topic), payload, size);
	ck_assert_int_eq(mu_envelope_view(mu_buf_data(&b), mu_buf_len(&b),
	    &env), 0);
	env.ttl = 0x7710; /* a TTL of its own */
	mu_buf_data(&b)[37] = 0x77;
	router_receive(r, &ears[i].sub, &env, 1);
	mu_buf_clear(&b);
}

static void
receive(size_t i, const char *topic)
{
	receive_sized(i, NULL, MU_DATA, topic, 10);
}

static void
setup(void)
{
	memset(ears, 0, sizeof ears);
	r = router_new(&self, NULL, 42);
	ck_assert_ptr_nonnull(r);
}

static struct outq_pool pool;

static void
teardown(void)
{
	for (size_t i = 0; i < MANY; i++) {
		router_detach(r, &ears[i].sub);
		mu_blob_unref(ears[i].blob);
		outq_free(ears[i].out);
	}
	outq_pool_clear(&pool);
	router_free(r);
}

/* --- by topic ------------------------------------------------------------ */

START_TEST(a_subscription_is_a_prefix)
{
	static const char *const hit[] = { "alice/dogs/corgi", "alice/dogs",
		"alice/dogsarecool/oratleastilikethem" };
	static const char *const miss[] = { "alice/cats/siamese", "alice/cats",
		"alice/dog", "alice" };

	peer(0, FILTER("alice/dogs"));
	service(1, FILTER("alice/dogs"));
	peer(2, FILTER("bob"));
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(publish(NODE, hit[i]), 1);
		ck_assert_str_eq(ears[0].topic, hit[i]);
		receive(2, hit[i]);
		ck_assert_str_eq(ears[1].topic, hit[i]);
	}
	ck_assert_uint_eq(ears[0].n, 3);
	ck_assert_uint_eq(ears[1].n, 3);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(publish(NODE, miss[i]), 0);
		receive(2, miss[i]);
	}
	ck_assert_uint_eq(ears[0].n, 3);
	ck_assert_uint_eq(ears[1].n, 3);
	ck_assert_uint_eq(ears[2].n, 0);
	ck_assert_uint_eq(router_stats(r)->unmatched, 8);
}
END_TEST

START_TEST(publishing_does_not_call_local_handlers)
{
	service(0, FILTER("a"));
	service(1, FILTER("a"));
	client(2, FILTER("a"));
	peer(3, FILTER("a"));
	ck_assert_int_eq(publish(0, "a/b"), 2);
	ck_assert_int_eq(publish(NODE, "a/b"), 2);
	ck_assert_uint_eq(ears[0].n + ears[1].n, 0);
	ck_assert_uint_eq(ears[2].n, 2);
	ck_assert_uint_eq(ears[3].n, 2);
}
END_TEST

START_TEST(a_client_reaches_peers_and_other_clients)
{
	service(0, FILTER("a"));
	client(1, FILTER("a"));
	client(2, FILTER("a"));
	peer(3, FILTER("a"));
	ck_assert_int_eq(publish(1, "a"), 2);
	ck_assert_uint_eq(ears[0].n, 0);
	ck_assert_uint_eq(ears[1].n, 0);
	ck_assert_uint_eq(ears[2].n, 1);
	ck_assert_uint_eq(ears[3].n, 1);
	ck_assert(mu_uuid_eq(&ears[3].origin, &self));
	ck_assert_ptr_eq(ears[3].from, &ears[1].sub);
}
END_TEST

START_TEST(from_a_peer_to_services_and_clients_and_nobody_else)
{
	service(0, FILTER("a"));
	client(1, FILTER("a"));
	peer(2, FILTER("a"));
	peer(3, FILTER("a"));
	receive(2, "a");
	ck_assert_uint_eq(ears[0].n, 1);
	ck_assert_uint_eq(ears[1].n, 1);
	ck_assert_uint_eq(ears[2].n, 0);
	ck_assert_uint_eq(ears[3].n, 0);
	ck_assert(mu_uuid_eq(&ears[0].origin, &ears[2].sub.id));
	ck_assert_uint_eq(router_stats(r)->forwarded, 0);
}
END_TEST

START_TEST(what_leaves_is_stamped)
{
	service(0, FILTER("a"));
	peer(1, FILTER("b"));
	receive(1, "a");
	ck_assert(mu_uuid_eq(&ears[0].sender, &self));
	ck_assert_uint_eq(ears[0].ttl, MU_TTL);
	publish(NODE, "b");
	ck_assert(mu_uuid_eq(&ears[1].sender, &self));
	ck_assert_uint_eq(ears[1].ttl, MU_TTL);
}
END_TEST

START_TEST(attaching_again_replaces_the_filter)
{
	peer(0, FILTER("a"));
	peer(0, FILTER("b"));
	ck_assert_int_eq(publish(NODE, "a"), 0);
	ck_assert_int_eq(publish(NODE, "b"), 1);
	ck_assert_int_eq(router_attach(r, &ears[0].sub, NULL), 0);
	ck_assert_int_eq(publish(NODE, "b"), 0);
}
END_TEST

START_TEST(who_detached_gets_nothing)
{
	peer(0, FILTER("a"));
	router_detach(r, &ears[0].sub);
	router_detach(r, &ears[0].sub);
	ck_assert_int_eq(publish(NODE, "a"), 0);
	ck_assert_ptr_null(router_peer(r, &ears[0].sub.id));
	peer(0, FILTER("a"));
	ck_assert_int_eq(publish(NODE, "a"), 1);
}
END_TEST

START_TEST(commands_go_to_services_by_topic)
{
	service(0, FILTER("store/<$>/data/master"));
	peer(1, FILTER("store/<$>/data/clone"));
	receive_sized(1, NULL, MU_COMMAND, "store/<$>/data/master", 30);
	ck_assert_uint_eq(ears[0].n, 1);
	ck_assert_uint_eq(router_stats(r)->received[MU_COMMAND], 1);
	ck_assert_uint_eq(router_stats(r)->received[MU_DATA], 0);
}
END_TEST

START_TEST(reserved_and_overlong_topics_are_refused)
{
	static char topic[MUSTER_TOPIC_MAX + 1];

	peer(0, FILTER(""));
	client(1, FILTER("x"));
	ck_assert_int_eq(publish(1, "<$>"), MUSTER_EINVAL);
	ck_assert_int_eq(publish(1, "<$>/local/data/errors"), MUSTER_EINVAL);
	ck_assert_int_eq(publish(1, "<"), 1);
	memset(topic, 'a', sizeof topic);
	ck_assert_int_eq(router_publish(r, NULL, topic, sizeof topic, NULL, 0),
	    MUSTER_ELIMIT);
	ck_assert_int_eq(router_publish(r, NULL, topic, MUSTER_TOPIC_MAX, NULL,
	    0), 1);
	ck_assert_int_eq(publish(1, ""), 1);
}
END_TEST

START_TEST(large_frames_are_one_blob_for_all)
{
	static uint8_t payload[50000];

	peer(0, FILTER("a"));
	peer(1, FILTER("a"));
	router_publish(r, NULL, "a", 1, payload, sizeof payload);
	ck_assert_ptr_nonnull(ears[0].blob);
	ck_assert_ptr_eq(ears[0].blob, ears[1].blob);
	ck_assert_uint_eq(ears[0].blob->refs, 2);
}
END_TEST

/* --- by receiver --------------------------------------------------------- */

START_TEST(a_unicast_reaches_the_direct_peer_whatever_its_filter)
{
	peer(0, FILTER("x"));
	peer(1, FILTER("a"));
	ck_assert_int_eq(router_unicast(r, NULL, &ears[0].sub.id, "a", 1, NULL,
	    0), 1);
	ck_assert_uint_eq(ears[0].n, 1);
	ck_assert_uint_eq(ears[1].n, 0);
	ck_assert_int_eq(router_unicast(r, NULL, &ears[5].sub.id, "a", 1, NULL,
	    0), MUSTER_ENOENT);
	ck_assert_int_eq(router_unicast(r, NULL, &self, "a", 1, NULL, 0),
	    MUSTER_ENOENT);
	ck_assert_int_eq(router_unicast(r, NULL, &ears[0].sub.id, "<$>", 3,
	    NULL, 0), MUSTER_EINVAL);
}
END_TEST

START_TEST(a_unicast_for_us_reaches_services_by_topic)
{
	service(0, FILTER("a"));
	service(1, FILTER("b"));
	client(2, FILTER("a"));
	peer(3, FILTER("a"));
	peer(4, FILTER("a"));
	receive_sized(3, &self, MU_DATA, "a", 1);
	ck_assert_uint_eq(ears[0].n, 1);
	ck_assert_uint_eq(ears[1].n, 0);
	ck_assert_uint_eq(ears[2].n, 1);
	ck_assert_uint_eq(ears[3].n + ears[4].n, 0);
}
END_TEST

START_TEST(a_unicast_for_another_peer_is_dropped_unless_forwarded)
{
	struct muster_filter *f = FILTER("fwd/");

	peer(0, FILTER("x"));
	peer(1, FILTER("x"));
	service(2, FILTER("fwd/"));
	receive_sized(0, &ears[1].sub.id, MU_DATA, "fwd/a", 1);
	ck_assert_uint_eq(ears[1].n, 0);
	ck_assert_uint_eq(router_stats(r)->no_path, 1);
	ck_assert_int_eq(router_set_forward(r, f), 0);
	receive_sized(0, &ears[1].sub.id, MU_DATA, "fwd/a", 1);
	ck_assert_uint_eq(ears[1].n, 1);
	ck_assert_uint_eq(ears[2].n, 0);
	receive_sized(0, &ears[1].sub.id, MU_DATA, "other", 1);
	receive_sized(0, &ears[0].sub.id, MU_DATA, "fwd/a", 1);
	receive_sized(0, &(struct mu_uuid){ { 7 } }, MU_DATA, "fwd/a", 1);
	ck_assert_uint_eq(router_stats(r)->no_path, 4);
	ck_assert_uint_eq(ears[0].n, 0);
	muster_filter_free(f);
}
END_TEST

START_TEST(peers_are_found_by_id_however_many)
{
	struct mu_rng rng;
	bool there[MANY] = { false };

	mu_rng_init(&rng, 5);
	for (int step = 0; step < 5000; step++) {
		size_t i = mu_rng_below(&rng, MANY);

		if (there[i])
			router_detach(r, &ears[i].sub);
		else
			peer(i, FILTER("a"));
		there[i] = !there[i];
		i = mu_rng_below(&rng, MANY);
		if (router_peer(r, &ears[i].sub.id) !=
		    (there[i] ? &ears[i].sub : NULL))
			ck_abort_msg("peer %zu at step %d", i, step);
	}
}
END_TEST

/* --- forwarding ---------------------------------------------------------- */

START_TEST(forwarded_prefixes_are_relayed_and_never_back)
{
	struct muster_filter *f = FILTER("fwd/");

	router_set_forward(r, f);
	muster_filter_free(f);
	for (size_t i = 0; i < 3; i++)
		peer(i, FILTER("fwd/", "other/"));
	receive(0, "fwd/a");
	ck_assert_uint_eq(ears[0].n, 0);
	ck_assert_uint_eq(ears[1].n, 1);
	ck_assert_uint_eq(ears[2].n, 1);
	ck_assert_uint_eq(router_stats(r)->forwarded, 2);
	receive(0, "other/a");
	ck_assert_uint_eq(ears[1].n, 1);
}
END_TEST

/* A frame from peer 0 with that TTL, below fwd/. */
static void
receive_ttl(uint16_t ttl, uint8_t content)
{
	const uint8_t payload[] = { MUSTER_BOOLEAN, content };
	struct mu_envelope env;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_envelope_enc(&b, &ears[0].sub.id, NULL, MU_DATA, "fwd/a", 5,
	    payload, sizeof payload);
	mu_buf_data(&b)[37] = (uint8_t)(ttl >> 8);
	mu_buf_data(&b)[38] = (uint8_t)ttl;
	mu_envelope_view(mu_buf_data(&b), mu_buf_len(&b), &env);
	router_receive(r, &ears[0].sub, &env, 1);
	mu_buf_clear(&b);
}

/* One envelope from peer 0 below fwd/, with that payload. */
static int
receive_raw(enum mu_envelope_type type, const void *payload, size_t len)
{
	struct mu_envelope env;
	struct mu_buf b;
	int rc;

	mu_buf_init(&b, 0);
	mu_envelope_enc(&b, &ears[0].sub.id, NULL, type, "fwd/a", 5, payload,
	    len);
	mu_envelope_view(mu_buf_data(&b), mu_buf_len(&b), &env);
	rc = router_receive(r, &ears[0].sub, &env, 1);
	mu_buf_clear(&b);
	return rc;
}

START_TEST(what_is_no_value_reaches_nobody)
{
	struct muster_filter *f = FILTER("fwd/");
	uint8_t deep[2 * 50001]; /* vectors of one, nested */

	for (size_t i = 0; i + 1 < sizeof deep; i += 2) {
		deep[i] = MUSTER_VECTOR;
		deep[i + 1] = 1;
	}
	router_set_forward(r, f);
	muster_filter_free(f);
	peer(0, FILTER("fwd/"));
	peer(1, FILTER("fwd/"));
	service(2, FILTER("fwd/"));
	ck_assert_int_eq(receive_raw(MU_DATA, deep, sizeof deep),
	    MUSTER_EPROTO);
	ck_assert_int_eq(receive_raw(MU_DATA, "\x05\x03zz", 4),
	    MUSTER_EPROTO);
	/* nor is a command, which is nobody's mistake, even if repeated */
	ck_assert_int_eq(receive_raw(MU_COMMAND, "\x00", 1), 0);
	ck_assert_int_eq(receive_raw(MU_COMMAND, "\x00", 1), 0);
	ck_assert_uint_eq(ears[1].n, 0);
	ck_assert_uint_eq(ears[2].n, 2); /* the commands */
	ck_assert_uint_eq(router_stats(r)->malformed, 2);
	ck_assert_int_eq(receive_raw(MU_DATA, "\x05\x02zz", 4), 0);
	ck_assert_uint_eq(ears[1].n, 1);
	ck_assert_uint_eq(ears[2].n, 3);
}
END_TEST

START_TEST(commands_reach_peers_and_services_but_no_client)
{
	peer(0, FILTER("a"));
	service(1, FILTER("a"));
	client(2, FILTER("a"));
	ck_assert_int_eq(router_command(r, &ears[1].sub, NULL, "a", 1,
	    (const uint8_t *)"x", 1), 1);
	ck_assert_uint_eq(ears[0].n, 1);
	ck_assert_uint_eq(ears[2].n, 0);
	ck_assert_int_eq(router_command(r, &ears[1].sub, &ears[0].sub.id, "a",
	    1, (const uint8_t *)"x", 1), 1);
	ck_assert_uint_eq(ears[0].n, 2);
	ck_assert_int_eq(router_command(r, &ears[1].sub, &ears[2].sub.id, "a",
	    1, (const uint8_t *)"x", 1), MUSTER_ENOENT);
}
END_TEST

START_TEST(forwarding_lowers_the_ttl_and_ends_with_it)
{
	struct muster_filter *f = FILTER("fwd/");

	router_set_forward(r, f);
	muster_filter_free(f);
	peer(0, FILTER("fwd/"));
	peer(1, FILTER("fwd/"));
	service(2, FILTER("fwd/"));
	receive_ttl(16, 1);
	ck_assert_uint_eq(ears[1].ttl, 15);
	receive_ttl(60000, 2);
	ck_assert_uint_eq(ears[1].ttl, 15);
	receive_ttl(2, 3);
	ck_assert_uint_eq(ears[1].ttl, 1);
	receive_ttl(1, 4);
	receive_ttl(0, 5);
	ck_assert_uint_eq(ears[1].n, 3);
	ck_assert_uint_eq(ears[2].n, 5);
	ck_assert_uint_eq(router_stats(r)->expired, 2);
}
END_TEST

START_TEST(an_echo_is_suppressed_and_counted)
{
	struct muster_filter *f = FILTER("fwd/");

	router_set_forward(r, f);
	muster_filter_free(f);
	for (size_t i = 0; i < 3; i++)
		peer(i, FILTER("fwd/"));
	service(3, FILTER("fwd/"));
	receive(0, "fwd/a");
	receive(1, "fwd/a");
	receive(2, "fwd/a");
	ck_assert_uint_eq(ears[0].n, 0);
	ck_assert_uint_eq(ears[1].n, 1);
	ck_assert_uint_eq(ears[2].n, 1);
	ck_assert_uint_eq(ears[3].n, 1);
	ck_assert_uint_eq(router_stats(r)->duplicates, 2);
	/* our own publication comes back: known as well */
	publish(3, "fwd/b");
	receive_sized(1, NULL, MU_DATA, "fwd/b", 1);
	ck_assert_uint_eq(ears[3].n, 2); /* that was another payload */
}
END_TEST

START_TEST(own_publications_are_known_when_they_come_back)
{
	struct muster_filter *f = FILTER("fwd/");
	uint8_t payload[10] = { MUSTER_STRING, 8 }; /* as receive */

	router_set_forward(r, f);
	muster_filter_free(f);
	peer(0, FILTER("fwd/"));
	peer(1, FILTER("fwd/"));
	service(2, FILTER("fwd/"));
	router_publish(r, &ears[2].sub, "fwd/a", 5, payload, sizeof payload);
	receive(0, "fwd/a");
	ck_assert_uint_eq(ears[2].n, 0);
	ck_assert_uint_eq(ears[0].n, 1);
	ck_assert_uint_eq(ears[1].n, 1);
	/* again, as often as published and not once more */
	router_publish(r, &ears[2].sub, "fwd/a", 5, payload, sizeof payload);
	ck_assert_uint_eq(ears[0].n, 2);
	receive(0, "fwd/a");
	ck_assert_uint_eq(ears[2].n, 0);
	receive(0, "fwd/a");
	ck_assert_uint_eq(ears[2].n, 1);
}
END_TEST

START_TEST(equal_messages_of_leaves_are_all_forwarded)
{
	struct muster_filter *f = FILTER("fwd/");

	router_set_forward(r, f);
	muster_filter_free(f);
	peer(0, FILTER("x"));                /* never gets fwd/ */
	peer(1, FILTER("muster/", "fwd/"));  /* Muster, does not forward */
	peer(2, FILTER("fwd/"));             /* may forward */
	receive(0, "fwd/a");
	receive(1, "fwd/a");
	receive(0, "fwd/a");
	ck_assert_uint_eq(ears[2].n, 3);
	ck_assert_uint_eq(ears[1].n, 2);
}
END_TEST

START_TEST(forwarding_that_ends_still_suppresses)
{
	struct muster_filter *f = FILTER("fwd/");
	struct muster_filter *none = muster_filter_new();

	router_set_forward(r, f);
	router_set_forward(r, none);
	muster_filter_free(f);
	muster_filter_free(none);
	peer(0, FILTER("fwd/"));
	peer(1, FILTER("fwd/"));
	service(2, FILTER("fwd/"));
	receive(0, "fwd/a");
	receive(1, "fwd/a");
	ck_assert_uint_eq(ears[0].n + ears[1].n, 0);
	ck_assert_uint_eq(ears[2].n, 1);
}
END_TEST

/* What is remembered of a topic ends with the reload that changes it. */
START_TEST(forward_prefixes_hold_for_topics_seen_before)
{
	struct muster_filter *f = FILTER("fwd/");
	struct muster_filter *none = muster_filter_new();

	peer(0, FILTER("fwd/"));
	peer(1, FILTER("fwd/"));
	receive(0, "fwd/a");
	ck_assert_uint_eq(ears[1].n, 0);
	router_set_forward(r, f);
	receive(0, "fwd/a");
	ck_assert_uint_eq(ears[1].n, 1);
	router_set_forward(r, none);
	receive(0, "fwd/a");
	ck_assert_uint_eq(ears[1].n, 1);
	muster_filter_free(f);
	muster_filter_free(none);
}
END_TEST

/* --- the own filter ------------------------------------------------------ */

static void
announces(const char *const *prefixes)
{
	struct muster_filter *f = filter_of(prefixes);

	ck_assert(mu_filter_eq(router_filter(r), f));
	muster_filter_free(f);
}

#define ANNOUNCES(...) announces((const char *const[]){ __VA_ARGS__, NULL })

START_TEST(the_own_filter_is_what_services_and_clients_want)
{
	const struct muster_filter *own = router_filter(r);
	uint64_t version = router_filter_version(r);

	service(0, FILTER("a", "<$>/local/data/errors"));
	ck_assert_uint_gt(router_filter_version(r), version);
	version = router_filter_version(r);
	peer(1, FILTER("peer"));
	service(2, FILTER("a/b"));
	ck_assert_uint_eq(router_filter_version(r), version);
	client(3, FILTER("b"));
	ck_assert_uint_gt(router_filter_version(r), version);
	ANNOUNCES("a", "b");
	/* the same object for ever: the peering machines hold it */
	ck_assert_ptr_eq(router_filter(r), own);
}
END_TEST

START_TEST(the_own_filter_only_grows)
{
	client(0, FILTER("a"));
	router_detach(r, &ears[0].sub);
	ANNOUNCES("a");
	client(0, FILTER("b"));
	client(0, FILTER("c"));
	ANNOUNCES("a", "b", "c");
}
END_TEST

START_TEST(forward_prefixes_are_announced_and_marked)
{
	struct muster_filter *f = FILTER("fwd/");

	router_set_forward(r, f);
	ANNOUNCES("fwd/", ROUTER_FORWARDS "fwd/");
	muster_filter_free(f);
}
END_TEST

/* --- memory -------------------------------------------------------------- */

static uint64_t allocations;

static bool
count_allocation(void *ctx)
{
	(void)ctx;
	allocations++;
	return false;
}

static void
deliver_to_queue(struct subscriber *s, struct message *m)
{
	struct ear *e = (struct ear *)s;

	e->n++;
	if (outq_push(e->out, m) != OUTQ_QUEUED)
		ck_abort_msg("not queued");
}

/* From peer 0 to peers 1 to 8, 10,000 small events. */
static void
relay(const char *const *filter)
{
	static const struct outq_limits limits = { 8 << 20, 8192,
		MU_OVERFLOW_DROP_OLDEST };
	struct muster_filter *f = FILTER("fwd/");
	uint8_t frame[256];
	struct mu_buf b;

	router_set_forward(r, f);
	muster_filter_free(f);
	for (size_t i = 0; i <= 8; i++) {
		peer(i, filter_of(filter));
		ears[i].sub.deliver = deliver_to_queue;
		ears[i].out = outq_new(&limits, &pool);
	}
	mu_buf_init(&b, 0);
	for (uint32_t n = 0; n < 12000; n++) {
		uint8_t payload[113] = { MUSTER_STRING, 111,
			(uint8_t)(n >> 8), (uint8_t)n };
		struct mu_envelope env;
		size_t len;

		if (n == 2000)
			mu_alloc_set_hook(count_allocation, NULL);
		mu_buf_reset(&b);
		mu_envelope_enc(&b, &ears[0].sub.id, NULL, MU_DATA, "fwd/a",
		    5, payload, sizeof payload);
		len = mu_buf_len(&b);
		memcpy(frame, mu_buf_data(&b), len);
		mu_envelope_view(frame, len, &env);
		router_receive(r, &ears[0].sub, &env, n);
		for (size_t i = 1; n % 400 == 0 && i <= 8; i++) {
			const uint8_t *at;

			while (outq_peek(ears[i].out, &at, &len))
				outq_consume(ears[i].out, len);
		}
	}
	mu_alloc_set_hook(NULL, NULL);
	mu_buf_clear(&b);
	for (size_t i = 1; i <= 8; i++)
		ck_assert_uint_eq(ears[i].n, 12000);
	ck_assert_uint_eq(allocations, 0);
}

START_TEST(relaying_small_events_allocates_nothing)
{
	relay((const char *const[]){ "fwd/", "muster/", NULL });
}
END_TEST

START_TEST(nor_does_it_with_duplicates_suppressed)
{
	relay((const char *const[]){ "fwd/", NULL });
}
END_TEST

START_TEST(publishing_gives_a_large_buffer_back)
{
	uint8_t *payload = calloc(1, 4 << 20);
	uint8_t small[16] = { 0 };

	peer(0, FILTER("a"));
	router_publish(r, NULL, "a", 1, payload, 4 << 20);
	mu_alloc_set_hook(count_allocation, NULL);
	router_publish(r, NULL, "a", 1, small, sizeof small);
	mu_alloc_set_hook(NULL, NULL);
	ck_assert_uint_eq(allocations, 1); /* a new, small one */
	free(payload);
}
END_TEST

static bool
use_router(void *ctx)
{
	struct muster_filter *f = ctx;
	struct ear e = { .sub = { .kind = SUBSCRIBER_SERVICE,
	    .deliver = deliver } };
	struct ear p = { .sub = { .kind = SUBSCRIBER_PEER,
	    .deliver = deliver, .id = { { 9 } } } };
	struct router *mine = router_new(&self, f, 1);
	bool good = mine != NULL;

	good = good && router_attach(mine, &e.sub, f) == 0;
	good = good && router_attach(mine, &p.sub, f) == 0;
	good = good && router_publish(mine, &e.sub, "fwd/long", 8,
	    (const uint8_t *)"x", 1) == 1;
	if (mine != NULL) {
		router_detach(mine, &e.sub);
		router_detach(mine, &p.sub);
	}
	router_free(mine);
	return good;
}

/* The suppressor and the topic cache do without memory, so this succeeds in
 * spite of some failures; but it never crashes. */
START_TEST(failing_allocations_are_survived)
{
	struct muster_filter *f = FILTER("fwd/", "b");
	bool good = false;

	for (unsigned n = 0; n < 200; n++) {
		struct nomem state = { n, false };

		mu_alloc_set_hook(nomem_hook, &state);
		good = use_router(f);
		mu_alloc_set_hook(NULL, NULL);
		ck_assert(good || state.failed);
	}
	ck_assert(good);
	muster_filter_free(f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("router");
	TCase *t = tcase_create("router");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_subscription_is_a_prefix);
	tcase_add_test(t, publishing_does_not_call_local_handlers);
	tcase_add_test(t, a_client_reaches_peers_and_other_clients);
	tcase_add_test(t, from_a_peer_to_services_and_clients_and_nobody_else);
	tcase_add_test(t, what_leaves_is_stamped);
	tcase_add_test(t, attaching_again_replaces_the_filter);
	tcase_add_test(t, who_detached_gets_nothing);
	tcase_add_test(t, commands_go_to_services_by_topic);
	tcase_add_test(t, reserved_and_overlong_topics_are_refused);
	tcase_add_test(t, large_frames_are_one_blob_for_all);
	tcase_add_test(t,
	    a_unicast_reaches_the_direct_peer_whatever_its_filter);
	tcase_add_test(t, a_unicast_for_us_reaches_services_by_topic);
	tcase_add_test(t,
	    a_unicast_for_another_peer_is_dropped_unless_forwarded);
	tcase_add_test(t, peers_are_found_by_id_however_many);
	tcase_add_test(t, forwarded_prefixes_are_relayed_and_never_back);
	tcase_add_test(t, what_is_no_value_reaches_nobody);
	tcase_add_test(t, commands_reach_peers_and_services_but_no_client);
	tcase_add_test(t, forwarding_lowers_the_ttl_and_ends_with_it);
	tcase_add_test(t, an_echo_is_suppressed_and_counted);
	tcase_add_test(t, own_publications_are_known_when_they_come_back);
	tcase_add_test(t, equal_messages_of_leaves_are_all_forwarded);
	tcase_add_test(t, forwarding_that_ends_still_suppresses);
	tcase_add_test(t, forward_prefixes_hold_for_topics_seen_before);
	tcase_add_test(t, the_own_filter_is_what_services_and_clients_want);
	tcase_add_test(t, the_own_filter_only_grows);
	tcase_add_test(t, forward_prefixes_are_announced_and_marked);
	tcase_add_test(t, relaying_small_events_allocates_nothing);
	tcase_add_test(t, nor_does_it_with_duplicates_suppressed);
	tcase_add_test(t, publishing_gives_a_large_buffer_back);
	tcase_add_test(t, failing_allocations_are_survived);
	suite_add_tcase(s, t);
	return unit_run(s);
}
