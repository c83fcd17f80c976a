/*
 * How a peering ends: goodbyes, the transport, refusals, missing memory.
 */
#include "peers.h"

#include "base/alloc.h"
#include "unit.h"

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

/* The number: 0 the dialler says it, 1 the acceptor. */
START_TEST(goodbye_is_answered_and_ends_it)
{
	struct end a, b, *leaver = _i == 0 ? &a : &b,
			 *other = _i == 0 ? &b : &a;

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
	ck_assert_int_eq(
	    mu_peer_feed(b.p, mu_buf_data(&a.wire), mu_buf_len(&a.wire), 0), 0);
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
	mu_peer_stop(
	    b.p, MU_PEER_CLOSING, MU_EC_SHUTTING_DOWN, "shutting down");
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
			     .sender = high.id,
			     .code = 1,
			     .text = "a\nb\033[1m",
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
	Suite *s = suite_create("peer_end");
	TCase *t = tcase_create("end");

	tcase_add_checked_fixture(t, setup, teardown);
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
	return unit_run(suite());
}
