/*
 * Two peering machines joined by a queue: the way up, messages, the way down.
 * Other connections of the same endpoint: check_peer_table.c; time:
 * check_peer_time.c.
 */
#include "peers.h"

#include "base/alloc.h"

static bool
nth_fails(void *ctx)
{
	int *left = ctx;

	return (*left)-- == 0;
}

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

/* Give e one handshake message. */
static void
feed_message(struct end *e, struct mu_handshake h)
{
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_handshake_enc(&b, &h);
	end_feed(e, mu_buf_data(&b), mu_buf_len(&b), 0);
	mu_buf_clear(&b);
}

START_TEST(other_versions_are_refused)
{
	static const uint8_t ranges[][2] = { { 2, 2 }, { 0, 0 }, { 200, 201 } };
	struct end e;

	for (size_t i = 0; i < 3; i++) {
		end_open(&e, &low, MU_PEER_ACCEPTED, 0);
		feed_message(&e, (struct mu_handshake){ .tag = MU_HELLO,
			.sender = high.id, .min_version = ranges[i][0],
			.max_version = ranges[i][1] });
		ck_assert_str_eq(end_log(&e), "down no common version 2");
		end_clear(&e);
	}
	end_open(&e, &high, MU_PEER_DIALED, 0);
	feed_message(&e, (struct mu_handshake){ .tag = MU_VERSION_SELECT,
		.sender = low.id, .version = 2 });
	ck_assert_str_eq(end_log(&e), "down no common version 2");
	end_clear(&e);
	end_open(&e, &low, MU_PEER_ACCEPTED, 0);
	feed_message(&e, (struct mu_handshake){ .tag = MU_HELLO,
		.sender = high.id, .min_version = 0, .max_version = 255 });
	ck_assert_str_eq(end_log(&e), "");
	end_clear(&e);
}
END_TEST

START_TEST(the_selecting_id_must_be_that_of_the_hello)
{
	struct end e;

	end_open(&e, &high, MU_PEER_ACCEPTED, 0);
	feed_message(&e, (struct mu_handshake){ .tag = MU_HELLO,
		.sender = low.id, .min_version = 1, .max_version = 1 });
	feed_message(&e, (struct mu_handshake){ .tag = MU_VERSION_SELECT,
		.sender = id_of(0x10), .version = 1 });
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
	ck_assert_str_eq(end_log(&b),
	    "data t x, command s/<$>/data/master put, data  ");
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
	ck_assert_str_eq(end_log(&b),
	    "problem, problem, problem, data fine yes");
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

	ck_assert_int_eq(mu_envelope_view(mu_buf_data(&e->wire),
			     mu_buf_len(&e->wire), &env), 0);
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
	mu_envelope_enc(&a.wire, &low.id, NULL, MU_PING, "<$>", 3, payload,
	    70000);
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

/* --- the way down --------------------------------------------------------- */

/* The number: 0 the dialler says it, 1 the acceptor. */
START_TEST(goodbye_is_answered_and_ends_it)
{
	struct end a, b, *leaver = _i == 0 ? &a : &b, *other =
	    _i == 0 ? &b : &a;

	connect_ends(&a, &low, &b, &high, 0);
	mu_peer_goodbye(leaver->p, 0);
	mu_peer_goodbye(leaver->p, 0); /* once is enough */
	end_drain(leaver);
	ck_assert_uint_eq(mu_buf_len(&leaver->wire), 4 + 37 + 3 + 11);
	end_publish(other, other == &a ? &low : &high, MU_DATA, "t", "last");
	settle(&a, &b, 0);
	ck_assert_str_eq(end_log(leaver), "data t last, down removed 0");
	ck_assert_str_eq(end_log(other), "");
	ck_assert(mu_peer_said_goodbye(other->p));
	mu_peer_eof(other->p, NULL);
	end_drain(other);
	ck_assert_str_eq(end_log(other), "down lost 0");
	ck_assert_str_eq(other->text, "said goodbye");
	finish(&a, &b);
}
END_TEST

START_TEST(goodbyes_may_cross)
{
	struct end a, b;

	connect_ends(&a, &low, &b, &high, 0);
	mu_peer_goodbye(a.p, 0);
	mu_peer_goodbye(b.p, 0);
	end_drain(&a);
	end_drain(&b);
	settle(&a, &b, 0);
	ck_assert_str_eq(end_log(&a), "down removed 0");
	if (!b.down) {
		mu_peer_eof(b.p, NULL);
		end_drain(&b);
	}
	ck_assert_str_eq(end_log(&b), "down removed 0");
	finish(&a, &b);
}
END_TEST

START_TEST(goodbye_before_up_is_a_refusal)
{
	struct end a, b;

	end_open(&a, &low, MU_PEER_DIALED, 0);
	end_open(&b, &high, MU_PEER_ACCEPTED, 0);
	mu_peer_goodbye(b.p, 0);
	end_drain(&b);
	settle(&a, &b, 0);
	ck_assert_str_eq(end_log(&b), "down removed 28");
	ck_assert_str_eq(end_log(&a), "down refused 28");
	finish(&a, &b);
}
END_TEST

START_TEST(the_end_of_the_transport_comes_after_what_was_sent)
{
	struct end a, b;

	connect_ends(&a, &low, &b, &high, 0);
	end_publish(&a, &low, MU_DATA, "t", "1");
	end_publish(&a, &low, MU_DATA, "t", "2");
	ck_assert_int_eq(mu_peer_feed(b.p, mu_buf_data(&a.wire),
			     mu_buf_len(&a.wire), 0), 0);
	mu_peer_eof(b.p, "connection reset by peer");
	mu_peer_eof(b.p, NULL);
	end_drain(&b);
	ck_assert_str_eq(end_log(&b), "data t 1, data t 2, down lost 0");
	ck_assert_str_eq(b.text, "connection reset by peer");
	end_drain(&b);
	end_feed(&b, "more", 4, 0);
	ck_assert_str_eq(end_log(&b), "");
	ck_assert(!mu_peer_is_up(b.p));
	mu_peer_eof(a.p, NULL);
	end_drain(&a);
	ck_assert_str_eq(a.text, "closed by the peer");
	finish(&a, &b);
}
END_TEST

START_TEST(stop_ends_it_with_a_reason)
{
	struct end a, b;

	connect_ends(&a, &low, &b, &high, 0);
	mu_peer_stop(a.p, MU_PEER_LIMIT, 0, "queue overflow");
	mu_peer_stop(a.p, MU_PEER_LOST, 0, "too late");
	end_drain(&a);
	ck_assert_str_eq(end_log(&a), "down limit exceeded 0");
	ck_assert_str_eq(a.text, "queue overflow");
	ck_assert_uint_eq(mu_buf_len(&a.wire), 0);
	finish(&a, &b);

	end_open(&a, &low, MU_PEER_DIALED, 0);
	end_open(&b, &high, MU_PEER_ACCEPTED, 0);
	mu_peer_stop(b.p, MU_PEER_CLOSING, MU_EC_SHUTTING_DOWN,
	    "shutting down");
	end_drain(&b);
	settle(&a, &b, 0);
	ck_assert_str_eq(end_log(&a), "down refused 28");
	ck_assert_ptr_nonnull(strstr(a.text, "shutting_down"));
	finish(&a, &b);
}
END_TEST

START_TEST(text_from_the_peer_is_made_printable)
{
	struct end e;

	end_open(&e, &low, MU_PEER_DIALED, 0);
	feed_message(&e, (struct mu_handshake){ .tag = MU_DROP_CONN,
		.sender = high.id, .code = 1, .text = "a\nb\033[1m",
		.text_len = 7 });
	ck_assert_str_eq(end_log(&e), "down refused 1");
	for (const char *p = e.text; *p != '\0'; p++)
		ck_assert(*p >= ' ' && *p < 127);
	end_clear(&e);
}
END_TEST

/* --- memory --------------------------------------------------------------- */

/* A whole life; false when some machine could not even be made. */
static bool
live(int *left)
{
	struct end a, b;
	struct mu_peer_out out;

	end_init(&a);
	end_init(&b);
	mu_alloc_set_hook(nth_fails, left);
	a.p = mu_peer_new(&low.cfg, MU_PEER_DIALED, 0);
	b.p = a.p == NULL ? NULL : mu_peer_new(&high.cfg, MU_PEER_ACCEPTED, 0);
	for (int i = 0; b.p != NULL && i < 12; i++) {
		struct end *e = i % 2 == 0 ? &a : &b;
		struct end *other = i % 2 == 0 ? &b : &a;

		if (i == 8)
			mu_peer_announce(a.p);
		if (i == 9)
			mu_peer_ping(b.p, 1, 0, 0);
		if (i == 10)
			mu_peer_goodbye(a.p, 0);
		while (mu_peer_next(e->p, &out)) {
			if (out.kind == MU_PEER_SEND)
				mu_peer_feed(other->p, out.bytes, out.len, 0);
			else if (out.kind == MU_PEER_DOWN)
				ck_assert(out.reason == MU_PEER_NOMEM ||
				    out.reason == MU_PEER_REMOVED);
		}
	}
	mu_alloc_set_hook(NULL, NULL);
	end_clear(&a);
	end_clear(&b);
	return b.p != NULL;
}

START_TEST(missing_memory_ends_a_machine_and_nothing_else)
{
	int n = 0, left;

	do {
		left = n++;
		live(&left);
	} while (left < 0);
	ck_assert_int_gt(n, 10);
	ck_assert(!mu_peer_table_has(low.table, &high.id));
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("peer");
	TCase *t = tcase_create("peer");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, both_know_the_same_however_bytes_are_split, 0, 6);
	tcase_add_test(t, envelopes_may_follow_the_handshake_at_once);
	tcase_add_test(t,
	    a_filter_changed_during_the_handshake_is_announced_after_it);
	tcase_add_test(t, our_own_id_is_noticed);
	tcase_add_test(t, a_nil_id_is_refused);
	tcase_add_test(t, other_versions_are_refused);
	tcase_add_test(t, the_selecting_id_must_be_that_of_the_hello);
	tcase_add_test(t, long_frames_and_filters_have_limits);
	tcase_add_test(t, data_and_commands_come_out_with_the_peers_id);
	tcase_add_test(t,
	    what_is_malformed_is_dropped_and_the_peering_goes_on);
	tcase_add_test(t, local_topics_cannot_be_forged);
	tcase_add_test(t, routing_updates_replace_the_filter);
	tcase_add_test(t, a_bad_routing_update_changes_nothing);
	tcase_add_test(t, every_ping_is_answered_with_its_bytes);
	tcase_add_test(t, huge_pings_are_not_copied);
	tcase_add_test(t, our_pings_come_back_with_their_token);
	tcase_add_test(t, more_pings_than_places_replace_the_oldest);
	tcase_add_loop_test(t, goodbye_is_answered_and_ends_it, 0, 2);
	tcase_add_test(t, goodbyes_may_cross);
	tcase_add_test(t, goodbye_before_up_is_a_refusal);
	tcase_add_test(t, the_end_of_the_transport_comes_after_what_was_sent);
	tcase_add_test(t, stop_ends_it_with_a_reason);
	tcase_add_test(t, text_from_the_peer_is_made_printable);
	tcase_add_test(t, missing_memory_ends_a_machine_and_nothing_else);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *sr = srunner_create(suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
