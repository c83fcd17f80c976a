/*
 * Two peering machines joined by a queue: the way up, messages.  The way down:
 * check_peer_end.c.  Other connections of the same endpoint:
 * check_peer_table.c; time: check_peer_time.c.
 */
#include "peers.h"
#include "unit.h"

static struct endpoint low, high;

static void
setup(void)
{
	endpoint_init(&low, 0x11, "/low");
	endpoint_init(&high, 0x22, "/high");
}

static void
teardown(void)
{
	endpoint_clear(&low);
	endpoint_clear(&high);
}

/* Two ends, closed and freed. */
static void
finish(struct end *a, struct end *b)
{
	end_clear(a);
	end_clear(b);
}

/* --- the way up ----------------------------------------------------------- */

/* Bit 0 of the number: who dials. */
START_TEST(both_know_the_same_however_bytes_are_split)
{
	struct endpoint *dialer = _i % 2 == 0 ? &low : &high;
	struct endpoint *acceptor = _i % 2 == 0 ? &high : &low;
	struct mu_rng r;
	struct end a, b;

	mu_rng_init(&r, (uint64_t)_i);
	for (int round = 0; round < 50; round++) {
		end_open(&a, dialer, MU_PEER_DIALED, 0);
		end_open(&b, acceptor, MU_PEER_ACCEPTED, 0);
		settle_split(&a, &b, &r, 1);
		ck_assert_str_eq(end_log(&a), "up");
		ck_assert_str_eq(end_log(&b), "up");
		ck_assert(mu_peer_is_up(a.p) && mu_peer_is_up(b.p));
		ck_assert(mu_uuid_eq(mu_peer_id(a.p), &acceptor->id));
		ck_assert(mu_uuid_eq(mu_peer_id(b.p), &dialer->id));
		ck_assert(mu_filter_eq(mu_peer_filter(a.p), acceptor->filter));
		ck_assert(mu_filter_eq(mu_peer_filter(b.p), dialer->filter));
		ck_assert(mu_peer_is_originator(a.p) == (dialer == &low));
		ck_assert(mu_peer_is_originator(b.p) == (dialer == &high));
		ck_assert(mu_peer_table_has(low.table, &high.id));
		ck_assert(mu_peer_table_has(high.table, &low.id));
		finish(&a, &b);
		ck_assert(!mu_peer_table_has(low.table, &high.id));
	}
}
END_TEST

START_TEST(envelopes_may_follow_the_handshake_at_once)
{
	struct end a, b;

	end_open(&a, &low, MU_PEER_DIALED, 0);
	end_open(&b, &high, MU_PEER_ACCEPTED, 0);
	carry(&a, &b, SIZE_MAX, 0);
	carry(&b, &a, SIZE_MAX, 0);
	carry(&a, &b, SIZE_MAX, 0);
	carry(&b, &a, SIZE_MAX, 0); /* a is up and its ack on the wire */
	ck_assert_str_eq(end_log(&a), "up");
	end_publish(&a, &low, MU_DATA, "/high/x", "hi");
	settle(&a, &b, 0);
	ck_assert_str_eq(end_log(&b), "up, data /high/x hi");
	finish(&a, &b);
}
END_TEST

START_TEST(a_filter_changed_during_the_handshake_is_announced_after_it)
{
	struct end a, b;

	end_open(&a, &low, MU_PEER_DIALED, 0);
	end_open(&b, &high, MU_PEER_ACCEPTED, 0);
	muster_filter_add(low.filter, "early", 5);
	mu_peer_announce(a.p); /* goes with the handshake */
	carry(&a, &b, SIZE_MAX, 0);
	carry(&b, &a, SIZE_MAX, 0); /* a has sent its filter */
	muster_filter_add(low.filter, "late", 4);
	mu_peer_announce(a.p);
	end_drain(&a);
	settle(&a, &b, 0);
	ck_assert_str_eq(end_log(&a), "up");
	ck_assert_str_eq(end_log(&b), "up, filter");
	ck_assert(mu_filter_eq(mu_peer_filter(b.p), low.filter));
	finish(&a, &b);
}
END_TEST

START_TEST(our_own_id_is_noticed)
{
	struct end a, b;

	end_open(&a, &low, MU_PEER_DIALED, 0);
	end_open(&b, &low, MU_PEER_ACCEPTED, 0);
	settle(&a, &b, 0);
	ck_assert_str_eq(end_log(&a), "down connected to ourselves 0");
	ck_assert_str_eq(end_log(&b), "down protocol violation 0");
	ck_assert_ptr_nonnull(
	    strstr(b.text, "11111111-1111-1111-1111-111111111111"));
	finish(&a, &b);
}
END_TEST

START_TEST(a_nil_id_is_refused)
{
	struct endpoint nobody;
	struct end a, b;

	endpoint_init(&nobody, 0, NULL);
	end_open(&a, &nobody, MU_PEER_DIALED, 0);
	end_open(&b, &low, MU_PEER_ACCEPTED, 0);
	carry(&a, &b, SIZE_MAX, 0);
	ck_assert_str_eq(end_log(&b), "down protocol violation 20");
	settle(&a, &b, 0);
	ck_assert_str_eq(end_log(&a), "down refused 20");
	finish(&a, &b);
	endpoint_clear(&nobody);
}
END_TEST

START_TEST(other_versions_are_refused)
{
	static const uint8_t ranges[][2] = { { 2, 2 }, { 0, 0 }, { 200, 201 } };
	struct end e;

	for (size_t i = 0; i < 3; i++) {
		end_open(&e, &low, MU_PEER_ACCEPTED, 0);
		feed_message(&e, (struct mu_handshake){ .tag = MU_HELLO,
				     .sender = high.id,
				     .min_version = ranges[i][0],
				     .max_version = ranges[i][1] });
		ck_assert_str_eq(end_log(&e), "down no common version 2");
		end_clear(&e);
	}
	end_open(&e, &high, MU_PEER_DIALED, 0);
	feed_message(
	    &e, (struct mu_handshake){
		    .tag = MU_VERSION_SELECT, .sender = low.id, .version = 2 });
	ck_assert_str_eq(end_log(&e), "down no common version 2");
	end_clear(&e);
	end_open(&e, &low, MU_PEER_ACCEPTED, 0);
	feed_message(&e, (struct mu_handshake){ .tag = MU_HELLO,
			     .sender = high.id,
			     .min_version = 0,
			     .max_version = 255 });
	ck_assert_str_eq(end_log(&e), "");
	end_clear(&e);
}
END_TEST

START_TEST(the_selecting_id_must_be_that_of_the_hello)
{
	struct end e;

	end_open(&e, &high, MU_PEER_ACCEPTED, 0);
	feed_message(&e, (struct mu_handshake){ .tag = MU_HELLO,
			     .sender = low.id,
			     .min_version = 1,
			     .max_version = 1 });
	feed_message(&e, (struct mu_handshake){ .tag = MU_VERSION_SELECT,
			     .sender = id_of(0x10),
			     .version = 1 });
	ck_assert_str_eq(end_log(&e), "down protocol violation 0");
	end_clear(&e);
}
END_TEST

START_TEST(long_frames_and_filters_have_limits)
{
	static const uint8_t gigabytes[] = { 0x7f, 0xff, 0xff, 0xff, 6 };
	struct end a, b;

	end_open(&a, &low, MU_PEER_ACCEPTED, 0);
	end_feed(&a, gigabytes, sizeof gigabytes, 0);
	ck_assert_str_eq(end_log(&a), "down limit exceeded 0");
	end_clear(&a);

	connect_ends(&a, &low, &b, &high, 0);
	end_feed(&a, gigabytes, sizeof gigabytes, 0);
	ck_assert_str_eq(end_log(&a), "down limit exceeded 0");
	finish(&a, &b);

	high.cfg.max_topics = 1;
	muster_filter_add(low.filter, "another", 7);
	end_open(&a, &low, MU_PEER_DIALED, 0);
	end_open(&b, &high, MU_PEER_ACCEPTED, 0);
	settle(&a, &b, 0);
	ck_assert_str_eq(end_log(&b), "down limit exceeded 20");
	ck_assert_str_eq(end_log(&a), "down refused 20");
	finish(&a, &b);
}
END_TEST

/* --- messages ------------------------------------------------------------- */

START_TEST(data_and_commands_come_out_with_the_peers_id)
{
	struct end a, b;

	connect_ends(&a, &low, &b, &high, 0);
	/* A forged sender; end_note checks that it was replaced. */
	mu_envelope_enc(&a.wire, &(struct mu_uuid){ { 9 } }, &high.id, MU_DATA,
	    "t", 1, "x", 1);
	end_publish(&a, &low, MU_COMMAND, "s/<$>/data/master", "put");
	end_publish(&a, &low, MU_DATA, "", "");
	settle(&a, &b, 0);
	ck_assert_str_eq(
	    end_log(&b), "data t x, command s/<$>/data/master put, data  ");
	finish(&a, &b);
}
END_TEST

START_TEST(what_is_malformed_is_dropped_and_the_peering_goes_on)
{
	static const uint8_t empty[4] = { 0 }, ack[] = { 0, 0, 0, 1, 12 };
	uint8_t *frame;
	struct end a, b;

	connect_ends(&a, &low, &b, &high, 0);
	end_feed(&b, empty, sizeof empty, 0); /* ignored without a word */
	end_feed(&b, ack, sizeof ack, 0);
	end_publish(&a, &low, MU_DATA, "topic", "");
	frame = mu_buf_data(&a.wire);
	frame[40] = 6; /* topic longer than the frame */
	settle(&a, &b, 0);
	end_publish(&a, &low, MU_DATA, "topic", "");
	mu_buf_data(&a.wire)[36] = 6; /* no such type */
	end_publish(&a, &low, MU_DATA, "fine", "yes");
	settle(&a, &b, 0);
	ck_assert_str_eq(
	    end_log(&b), "problem, problem, problem, data fine yes");
	finish(&a, &b);
}
END_TEST

START_TEST(local_topics_cannot_be_forged)
{
	struct end a, b;

	connect_ends(&a, &low, &b, &high, 0);
	end_publish(&a, &low, MU_DATA, "<$>/local/data/statuses", "x");
	end_publish(&a, &low, MU_COMMAND, "<$>/local/", "x");
	end_publish(&a, &low, MU_DATA, "<$>/local", "x");
	end_publish(&a, &low, MU_DATA, "a<$>/local/", "x");
	settle(&a, &b, 0);
	ck_assert_str_eq(end_log(&b),
	    "problem, problem, data <$>/local x, data a<$>/local/ x");
	finish(&a, &b);
}
END_TEST

START_TEST(routing_updates_replace_the_filter)
{
	struct end a, b;

	connect_ends(&a, &low, &b, &high, 0);
	muster_filter_add(low.filter, "new", 3);
	mu_peer_announce(a.p);
	end_drain(&a);
	settle(&a, &b, 0);
	ck_assert_str_eq(end_log(&b), "filter");
	ck_assert(mu_filter_eq(mu_peer_filter(b.p), low.filter));
	/* Shrinking is permitted, too. */
	end_publish(&a, &low, MU_ROUTING_UPDATE, "<$>", "\1\1x");
	settle(&a, &b, 0);
	ck_assert_str_eq(end_log(&b), "filter");
	ck_assert_uint_eq(muster_filter_size(mu_peer_filter(b.p)), 1);
	finish(&a, &b);
}
END_TEST

START_TEST(a_bad_routing_update_changes_nothing)
{
	struct end a, b;

	high.cfg.max_topics = 2;
	connect_ends(&a, &low, &b, &high, 0);
	end_publish(&a, &low, MU_ROUTING_UPDATE, "<$>", "\5");
	end_publish(&a, &low, MU_ROUTING_UPDATE, "<$>", "\1\5ab");
	end_publish(&a, &low, MU_ROUTING_UPDATE, "<$>", "");
	end_publish(&a, &low, MU_ROUTING_UPDATE, "<$>", "\3\1a\1b\1c");
	settle(&a, &b, 0);
	ck_assert_str_eq(end_log(&b), "problem, problem, problem, problem");
	ck_assert(mu_filter_eq(mu_peer_filter(b.p), low.filter));
	finish(&a, &b);
}
END_TEST

/* The payload of the pong on e's wire. */
static const char *
pong_payload(struct end *e)
{
	static char text[64];
	struct mu_envelope env;

	ck_assert_int_eq(
	    mu_envelope_view(mu_buf_data(&e->wire), mu_buf_len(&e->wire), &env),
	    0);
	ck_assert_int_eq(env.type, MU_PONG);
	ck_assert_uint_eq(env.topic_len, 3);
	ck_assert_mem_eq(env.topic, "<$>", 3);
	snprintf(text, sizeof text, "%.*s", (int)env.payload_len,
	    (const char *)env.payload);
	mu_buf_reset(&e->wire);
	return text;
}

START_TEST(every_ping_is_answered_with_its_bytes)
{
	static const struct mu_uuid foreign = { { 0x98 } };
	struct end a, b;

	connect_ends(&a, &low, &b, &high, 0);
	end_publish(&a, &low, MU_PING, "<$>", "abc");
	carry(&a, &b, SIZE_MAX, 0);
	ck_assert_str_eq(pong_payload(&b), "abc");
	end_publish(&a, &low, MU_PING, "", "");
	carry(&a, &b, SIZE_MAX, 0);
	ck_assert_str_eq(pong_payload(&b), "");
	/* Whatever sender and receiver say. */
	mu_envelope_enc(&a.wire, &foreign, &foreign, MU_PING, "<$>", 3, "x", 1);
	carry(&a, &b, SIZE_MAX, 0);
	ck_assert_str_eq(pong_payload(&b), "x");
	ck_assert_str_eq(end_log(&b), "");
	/* An answer nobody waits for is nothing. */
	end_publish(&a, &low, MU_PONG, "<$>", "PNG00000001");
	settle(&a, &b, 0);
	ck_assert_str_eq(end_log(&b), "");
	finish(&a, &b);
}
END_TEST

START_TEST(huge_pings_are_not_copied)
{
	char *payload = calloc(1, 70000);
	struct end a, b;

	connect_ends(&a, &low, &b, &high, 0);
	mu_envelope_enc(
	    &a.wire, &low.id, NULL, MU_PING, "<$>", 3, payload, 70000);
	carry(&a, &b, SIZE_MAX, 0);
	ck_assert_uint_eq(mu_buf_len(&b.wire), 0);
	ck_assert_str_eq(end_log(&b), "problem");
	finish(&a, &b);
	free(payload);
}
END_TEST

START_TEST(our_pings_come_back_with_their_token)
{
	struct end a, b;

	connect_ends(&a, &low, &b, &high, 1 * S);
	mu_peer_ping(a.p, 7, 0, 2 * S);
	mu_peer_ping(a.p, 8, 0, 2 * S);
	end_drain(&a);
	carry(&a, &b, SIZE_MAX, 2 * S);
	carry(&b, &a, SIZE_MAX, 2 * S + 3 * MS);
	ck_assert_str_eq(end_log(&a), "pong 7, pong 8");
	ck_assert_uint_eq(mu_peer_rtt(a.p), 3 * MS);
	ck_assert_uint_eq(mu_peer_heard(a.p), 2 * S + 3 * MS);
	finish(&a, &b);
}
END_TEST

START_TEST(more_pings_than_places_replace_the_oldest)
{
	struct end a, b;

	connect_ends(&a, &low, &b, &high, 0);
	for (uint64_t token = 1; token <= 6; token++)
		mu_peer_ping(a.p, token, 0, 0);
	end_drain(&a);
	settle(&a, &b, 0);
	ck_assert_str_eq(end_log(&a), "pong 3, pong 4, pong 5, pong 6");
	finish(&a, &b);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("peer");
	TCase *t = tcase_create("peer");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(
	    t, both_know_the_same_however_bytes_are_split, 0, 6);
	tcase_add_test(t, envelopes_may_follow_the_handshake_at_once);
	tcase_add_test(
	    t, a_filter_changed_during_the_handshake_is_announced_after_it);
	tcase_add_test(t, our_own_id_is_noticed);
	tcase_add_test(t, a_nil_id_is_refused);
	tcase_add_test(t, other_versions_are_refused);
	tcase_add_test(t, the_selecting_id_must_be_that_of_the_hello);
	tcase_add_test(t, long_frames_and_filters_have_limits);
	tcase_add_test(t, data_and_commands_come_out_with_the_peers_id);
	tcase_add_test(t, what_is_malformed_is_dropped_and_the_peering_goes_on);
	tcase_add_test(t, local_topics_cannot_be_forged);
	tcase_add_test(t, routing_updates_replace_the_filter);
	tcase_add_test(t, a_bad_routing_update_changes_nothing);
	tcase_add_test(t, every_ping_is_answered_with_its_bytes);
	tcase_add_test(t, huge_pings_are_not_copied);
	tcase_add_test(t, our_pings_come_back_with_their_token);
	tcase_add_test(t, more_pings_than_places_replace_the_oldest);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
