/*
 * One connection of a node with somebody who behaves as badly as he likes:
 * costs, lines and records.
 */
#include "endpoint_net.h"

#include "muster/topic.h"
#include "proto/envelope.h"
#include "proto/handshake.h"
#include "proto/peer.h"
#include "unit.h"

#define LAYOUT                                                                 \
	"cluster: test\n"                                                      \
	"tls: none\n"                                                          \
	"nodes:\n"                                                             \
	"  manager:  {role: manager, host: 10.0.0.1, port: 27761}\n"           \
	"  worker-1: {role: worker, host: 10.0.0.4, manager: manager}\n"

static struct mu_layout *layout;
static struct net net;
static size_t me;    /* manager */
static size_t other; /* worker-1, which never does anything wrong */

/* A foreign endpoint: a peering machine of the test's own. */
struct raw {
	struct net_wire *w; /* side 1 is the node's */
	struct mu_peer_table *table;
	struct muster_filter *filter;
	struct mu_peer *peer;
	unsigned envelopes, filters;
	char topic[64]; /* of the last envelope */
};

static void
begin(const char *text)
{
	layout = must_read(text);
	net_init(&net, layout);
	me = net_start(&net, "manager");
	other = net_start(&net, "worker-1");
	net_run(&net, NET_S);
	ck_assert_uint_eq(net_up(&net, me), 1);
	net_forget(&net, me);
}

static void
setup(void)
{
	begin(LAYOUT);
}

static void
teardown(void)
{
	net_clear(&net);
	mu_layout_free(layout);
}

/* The well-behaved peering never noticed anything. */
static void
others_are_fine(void)
{
	net_expect(&net, me, "node worker-1 is down", 0);
	ck_assert_uint_ge(net_up(&net, me), 1);
}

static struct net_wire *
plug(void)
{
	const char *why = NULL;
	struct net_wire *w = net_wire(&net);

	w->side[1].node = me;
	w->side[0].node = SIZE_MAX;
	w->side[1].link = endpoint_accepted(net.nodes[me].e, "192.0.2.7", 4711,
	    &why, net.now);
	ck_assert_ptr_nonnull(w->side[1].link);
	link_set_transport(w->side[1].link, &w->side[1]);
	net_settle(&net);
	return w;
}

static void
say(struct net_wire *w, const void *bytes, size_t len)
{
	mu_buf_put(&w->side[1].in, bytes, len);
	net_settle(&net);
}

/* The node ended the connection. */
static bool
is_over(const struct net_wire *w)
{
	return w->side[1].link == NULL;
}

static void
raw_pump(struct raw *c)
{
	struct mu_peer_out out;
	bool any;

	do {
		struct net_side *s = &c->w->side[0];

		any = mu_buf_len(&s->in) > 0;
		mu_peer_feed(c->peer, mu_buf_data(&s->in), mu_buf_len(&s->in),
		    net.now);
		mu_buf_reset(&s->in);
		while (mu_peer_next(c->peer, &out)) {
			any = true;
			if (out.kind == MU_PEER_SEND)
				mu_buf_put(&c->w->side[1].in, out.bytes,
				    out.len);
			if (out.kind == MU_PEER_FILTER)
				c->filters++;
			if (out.kind != MU_PEER_ENVELOPE)
				continue;
			c->envelopes++;
			snprintf(c->topic, sizeof c->topic, "%.*s",
			    (int)out.env.topic_len, out.env.topic);
		}
		net_settle(&net);
	} while (any);
}

static void
raw_open(struct raw *c, const char *prefix)
{
	static const struct mu_uuid id = { { 0x10 } };
	struct mu_peer_config cfg = {
		.max_handshake = 1 << 20,
		.max_frame = 1 << 26,
		.max_topics = 1000,
	};

	memset(c, 0, sizeof *c);
	c->w = plug();
	c->table = mu_peer_table_new(&id);
	c->filter = muster_filter_new();
	muster_filter_add(c->filter, prefix, strlen(prefix));
	cfg.table = c->table;
	cfg.filter = c->filter;
	c->peer = mu_peer_new(&cfg, MU_PEER_DIALED, net.now);
	raw_pump(c);
	ck_assert(mu_peer_is_up(c->peer));
}

static void
raw_close(struct raw *c)
{
	if (!is_over(c->w)) {
		c->w->side[1].eof = true;
		net_settle(&net);
	}
	mu_peer_free(c->peer);
	mu_peer_table_free(c->table);
	muster_filter_free(c->filter);
}

static void
raw_data(struct raw *c, const char *topic, const void *payload, size_t len)
{
	static const struct mu_uuid id = { { 0x10 } };

	mu_envelope_enc(&c->w->side[1].in, &id, NULL, MU_DATA, topic,
	    strlen(topic), payload, len);
	net_settle(&net);
}

static void
publish(const char *topic, size_t len)
{
	static uint8_t payload[100000];

	router_publish(endpoint_router(net.nodes[me].e), NULL, topic,
	    strlen(topic), payload, len);
	net_settle(&net);
}

static struct link_facts
facts(const struct raw *c)
{
	struct link_facts f;

	link_facts(c->w->side[1].link, &f);
	return f;
}

/* --- hostile peers ------------------------------------------------------- */

/* One line at a level that is shown, about that address. */
static void
one_line(const char *why)
{
	char line[200];

	snprintf(line, sizeof line, "warning: peer 192.0.2.7:4711: %s", why);
	net_expect(&net, me, line, 1);
	net_expect(&net, me, ": peer 192.0.2.7", 1);
	others_are_fine();
}

static void
hostile(const void *bytes, size_t len, const char *why)
{
	struct net_wire *w = plug();

	say(w, bytes, len);
	ck_assert(is_over(w));
	one_line(why);
	net_forget(&net, me);
}

START_TEST(hostile_streams_cost_their_connection_and_one_line)
{
	hostile("GET / HTTP/1.1\r\n\r\n", 18, "announced a frame");
	hostile("\x80\0\0\0", 4, "announced a frame");
	hostile("\0\0\0\1\377", 5, "");
	hostile("\0\0\0\0", 4, "");
	hostile("\0\0\0\5\7ABCD", 9, "");
}
END_TEST

START_TEST(silence_in_the_handshake_ends_it)
{
	struct net_wire *w = plug();

	net_run(&net, 11 * NET_S);
	ck_assert(is_over(w));
	one_line("handshake not finished");
}
END_TEST

START_TEST(who_hangs_up_at_once_costs_one_line)
{
	struct net_wire *w = plug();

	w->side[1].eof = true;
	net_settle(&net);
	ck_assert(is_over(w));
	one_line("closed by the peer during the handshake");
}
END_TEST

START_TEST(a_length_claim_moves_no_memory)
{
	static const uint8_t claim[] = { 0x03, 0xff, 0xff, 0xff };
	struct raw c;
	uint8_t *at;
	size_t room;

	raw_open(&c, "x");
	say(c.w, claim, sizeof claim);
	ck_assert_int_eq(link_reserve(c.w->side[1].link, &at, &room), 0);
	ck_assert_uint_le(room, 1 << 20);
	raw_close(&c);
	others_are_fine();
}
END_TEST

START_TEST(malformed_envelopes_are_counted_and_one_is_logged)
{
	uint8_t frame[60] = { 0, 0, 0, 56 };
	struct raw c;

	raw_open(&c, "x");
	frame[36] = 99; /* no such type */
	for (int i = 0; i < 100; i++)
		say(c.w, frame, sizeof frame);
	ck_assert_uint_eq(facts(&c).problems, 100);
	ck_assert_int_eq(facts(&c).state, LINK_UP);
	net_expect(&net, me, "192.0.2.7:4711: ", 1);
	raw_close(&c);
	net_expect(&net, me, "192.0.2.7:4711: ", 1);
	others_are_fine();
}
END_TEST

START_TEST(who_uses_our_id_is_refused_with_one_line)
{
	struct net_wire *w = plug();
	struct mu_buf b;
	struct mu_handshake h = { .tag = MU_HELLO, .min_version = 1,
		.max_version = 1, .sender = *endpoint_id(net.nodes[me].e) };

	mu_buf_init(&b, 0);
	mu_handshake_enc(&b, &h);
	say(w, mu_buf_data(&b), mu_buf_len(&b));
	mu_buf_clear(&b);
	ck_assert(is_over(w));
	one_line("the peer uses our own endpoint id");
}
END_TEST

START_TEST(a_flood_of_pings_from_who_does_not_read_ends)
{
	static const struct mu_uuid id = { { 0x10 } };
	static const uint8_t content[4096];
	struct raw c;

	raw_open(&c, "x");
	c.w->side[0].frozen = true; /* takes nothing */
	for (int i = 0; i < 10000 && !is_over(c.w); i++) {
		mu_envelope_enc(&c.w->side[1].in, &id, NULL, MU_PING, "<$>", 3,
		    content, sizeof content);
		net_settle(&net);
	}
	ck_assert(is_over(c.w));
	one_line("caf::sec::backpressure_overflow");
	raw_close(&c);
}
END_TEST

/* --- ordinary life ------------------------------------------------------- */

START_TEST(facts_say_who_it_is)
{
	struct raw c;
	struct link_facts f;

	raw_open(&c, "x/y");
	raw_data(&c, "nobody/wants", "z", 1);
	publish("x/y/z", 1);
	f = facts(&c);
	ck_assert_int_eq(f.state, LINK_UP);
	ck_assert_uint_eq(f.id.bytes[0], 0x10);
	ck_assert_ptr_null(f.name);
	ck_assert_ptr_null(f.dialled);
	ck_assert_str_eq(f.address, "192.0.2.7");
	ck_assert_uint_eq(f.port, 4711);
	ck_assert(!f.outbound);
	ck_assert_uint_eq(f.filter_size, 1);
	ck_assert_uint_eq(f.received_messages, 1);
	ck_assert_uint_gt(f.received_bytes, 38);
	ck_assert_uint_eq(f.out.sent_messages, 1);
	ck_assert(muster_filter_matches(link_filter(c.w->side[1].link), "x/y",
	    3));
	raw_close(&c);
	net_expect(&net, me, "info: peer 192.0.2.7:4711: closed by the peer",
	    1);
}
END_TEST

START_TEST(a_filter_that_changes_counts_at_once)
{
	struct raw c;

	raw_open(&c, "x");
	publish("y/1", 1);
	raw_pump(&c);
	ck_assert_str_ne(c.topic, "y/1");
	muster_filter_add(c.filter, "y", 1);
	mu_peer_announce(c.peer);
	raw_pump(&c);
	publish("y/2", 1);
	raw_pump(&c);
	ck_assert_str_eq(c.topic, "y/2");
	raw_close(&c);
}
END_TEST

static void
ignore(struct subscriber *s, struct message *m)
{
	(void)s;
	(void)m;
}

START_TEST(what_a_new_client_wants_is_announced_to_all)
{
	struct subscriber client = { .kind = SUBSCRIBER_CLIENT,
		.deliver = ignore };
	struct router *r = endpoint_router(net.nodes[me].e);
	struct muster_filter *f = muster_filter_new();
	struct raw c;

	raw_open(&c, "x");
	muster_filter_add(f, "new/topic", 9);
	router_attach(r, &client, f);
	net_settle(&net);
	raw_pump(&c);
	ck_assert_uint_eq(c.filters, 1);
	ck_assert(muster_filter_matches(mu_peer_filter(c.peer), "new/topic",
	    9));
	router_attach(r, &client, f);
	net_settle(&net);
	raw_pump(&c);
	ck_assert_uint_eq(c.filters, 1);
	router_detach(r, &client);
	muster_filter_free(f);
	raw_close(&c);
}
END_TEST

START_TEST(the_first_thing_a_peer_gets_is_the_greeting)
{
	struct raw c;

	raw_open(&c, "zeek/cluster/nodeid/");
	ck_assert_uint_eq(c.envelopes, 2); /* announce_masters, hello */
	raw_close(&c);
}
END_TEST

START_TEST(a_goodbye_is_recorded_as_the_loss_it_is_to_us)
{
	struct raw c;

	raw_open(&c, "x");
	net_expect(&net, me, "broker.log Broker::STATUS peer-added "
	    "192.0.2.7:4711 handshake successful", 1);
	mu_peer_goodbye(c.peer, net.now);
	raw_pump(&c);
	raw_close(&c);
	net_expect(&net, me, "broker.log Broker::STATUS connection-terminated "
	    "192.0.2.7:4711 lost connection to remote peer", 1);
	net_expect(&net, me, "said goodbye", 1);
}
END_TEST

/* --- slow peers ---------------------------------------------------------- */

START_TEST(a_stopped_peer_costs_one_line_an_episode_and_bounded_memory)
{
	struct raw c;

	raw_open(&c, "x");
	c.w->side[0].frozen = true;
	for (int i = 0; i < 30000; i++)
		publish("x/1", 1000);
	ck_assert_uint_le(facts(&c).out.bytes, (8 << 20) + OUTQ_PINNED + 2000);
	ck_assert_uint_eq(facts(&c).out.messages + facts(&c).out.dropped,
	    30000);
	net_expect(&net, me, "warning: peer 192.0.2.7:4711: queue full (", 1);
	net_expect(&net, me, "dropping oldest", 1);
	c.w->side[0].frozen = false;
	net_write(&net, &c.w->side[1]);
	raw_pump(&c);
	net_expect(&net, me, "queue no longer full, ", 1);
	ck_assert_uint_eq(facts(&c).out.bytes, 0);
	c.w->side[0].frozen = true;
	for (int i = 0; i < 30000; i++)
		publish("x/1", 1000);
	net_expect(&net, me, "queue full (", 2);
	raw_close(&c);
	net_expect(&net, me, "queue no longer full, ", 2);
	others_are_fine();
}
END_TEST

START_TEST(with_disconnect_a_stopped_peer_is_removed)
{
	struct raw c;

	teardown();
	begin(LAYOUT "limits: {overflow: disconnect, queue_messages: 100}\n");
	raw_open(&c, "x");
	c.w->side[0].frozen = true;
	for (int i = 0; i < 100; i++)
		publish("x/1", 1000);
	ck_assert(!is_over(c.w));
	publish("x/1", 1000);
	ck_assert(is_over(c.w));
	net_expect(&net, me, "broker.log Broker::STATUS peer-removed "
	    "192.0.2.7:4711 removed connection to remote peer "
	    "(caf::sec::backpressure_overflow)", 1);
	net_expect(&net, me, "cluster.log removed due to backpressure "
	    "overflow: non-cluster peer 192.0.2.7:4711/tcp "
	    "(10000000-0000-0000-0000-000000000000)", 1);
	net_expect(&net, me, "warning: peer 192.0.2.7:4711: ", 1);
	raw_close(&c);
	others_are_fine();
}
END_TEST

static bool
no_memory(void *ctx)
{
	(void)ctx;
	return true;
}

START_TEST(without_memory_for_output_the_connection_ends)
{
	static uint8_t payload[9000]; /* queued by reference */
	struct raw c;

	raw_open(&c, "x");
	publish("x/1", sizeof payload);
	mu_alloc_set_hook(no_memory, NULL);
	router_publish(endpoint_router(net.nodes[me].e), NULL, "x/1", 3,
	    payload, sizeof payload);
	mu_alloc_set_hook(NULL, NULL);
	net_settle(&net);
	ck_assert(is_over(c.w));
	net_expect(&net, me, "warning: peer 192.0.2.7:4711: out of memory", 1);
	raw_close(&c);
	others_are_fine();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("link");
	TCase *t = tcase_create("link");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, hostile_streams_cost_their_connection_and_one_line);
	tcase_add_test(t, silence_in_the_handshake_ends_it);
	tcase_add_test(t, who_hangs_up_at_once_costs_one_line);
	tcase_add_test(t, a_length_claim_moves_no_memory);
	tcase_add_test(t, malformed_envelopes_are_counted_and_one_is_logged);
	tcase_add_test(t, who_uses_our_id_is_refused_with_one_line);
	tcase_add_test(t, a_flood_of_pings_from_who_does_not_read_ends);
	tcase_add_test(t, facts_say_who_it_is);
	tcase_add_test(t, a_filter_that_changes_counts_at_once);
	tcase_add_test(t, what_a_new_client_wants_is_announced_to_all);
	tcase_add_test(t, the_first_thing_a_peer_gets_is_the_greeting);
	tcase_add_test(t, a_goodbye_is_recorded_as_the_loss_it_is_to_us);
	tcase_add_test(t,
	    a_stopped_peer_costs_one_line_an_episode_and_bounded_memory);
	tcase_add_test(t, with_disconnect_a_stopped_peer_is_removed);
	tcase_add_test(t, without_memory_for_output_the_connection_ends);
	suite_add_tcase(s, t);
	return unit_run(s);
}
