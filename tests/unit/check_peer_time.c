/* A peering in time: silence, pings, goodbyes that stay unanswered. */
#include "peers.h"
#include "unit.h"

static struct endpoint low, high;
static struct end a, b;

static void
setup(void)
{
	endpoint_init(&low, 0x11, NULL);
	endpoint_init(&high, 0x22, NULL);
	connect_ends(&a, &low, &b, &high, 100 * S);
}

static void
teardown(void)
{
	end_clear(&a);
	end_clear(&b);
	endpoint_clear(&low);
	endpoint_clear(&high);
}

/* Tick e at its deadlines until then; the number of pings it sent. */
static unsigned
run_until(struct end *e, uint64_t until)
{
	unsigned pings = 0;

	while (!e->down && mu_peer_deadline(e->p) <= until) {
		mu_peer_tick(e->p, mu_peer_deadline(e->p));
		end_drain(e);
		pings += mu_buf_len(&e->wire) > 0;
		mu_buf_reset(&e->wire);
	}
	return pings;
}

START_TEST(a_silent_peer_is_pinged_and_then_dead)
{
	/* ping_ns 2 s, dead_ns 7 s: pings at 2, 4, 6 */
	ck_assert_uint_eq(mu_peer_deadline(a.p), 102 * S);
	ck_assert_uint_eq(run_until(&a, 107 * S - 1), 3);
	ck_assert(!a.down);
	run_until(&a, 107 * S);
	ck_assert_str_eq(end_log(&a), "down dead 0");
	ck_assert_str_eq(a.text, "silent for 7000 ms");
}
END_TEST

/* Never later than silence permits, and at moments that others share. */
START_TEST(pings_leave_at_common_moments)
{
	struct end c, d;

	low.cfg.ping_grain_ns = 500 * MS;
	end_clear(&a);
	end_clear(&b);
	end_init(&a);
	end_init(&b);
	connect_ends(&c, &low, &d, &high, 100 * S + 499 * MS);
	ck_assert_uint_eq(mu_peer_deadline(c.p), 102 * S);
	mu_peer_tick(c.p, 102 * S + 3 * MS);
	end_drain(&c);
	settle(&c, &d, 102 * S + 4 * MS);
	ck_assert_uint_eq(mu_peer_heard(c.p), 102 * S + 4 * MS);
	ck_assert_uint_eq(mu_peer_deadline(c.p), 104 * S);
	end_clear(&c);
	end_clear(&d);
}
END_TEST

/* What it sends is not looked at, so nothing follows from its silence; we
 * still say that we live. */
START_TEST(who_is_held_is_not_dead)
{
	mu_peer_ping(a.p, 5, 300 * MS, 101 * S);
	end_drain(&a);
	mu_buf_reset(&a.wire);
	mu_peer_hold(a.p, true, 101 * S);
	end_publish(&b, &high, MU_DATA, "t", "x");
	carry(&b, &a, SIZE_MAX, 101 * S);
	ck_assert_uint_ge(run_until(&a, 130 * S), 14);
	ck_assert_str_eq(end_log(&a), "");
	mu_peer_hold(a.p, false, 130 * S);
	end_drain(&a);
	ck_assert_str_eq(end_log(&a), "data t x");
	run_until(&a, 130 * S + 300 * MS - 1);
	ck_assert(!a.down);
	run_until(&a, 130 * S + 300 * MS);
	ck_assert(a.down);
}
END_TEST

/* Its end and ours are not held up. */
START_TEST(holding_ends_with_the_peering)
{
	mu_peer_hold(a.p, true, 101 * S);
	end_publish(&b, &high, MU_DATA, "t", "x");
	carry(&b, &a, SIZE_MAX, 101 * S);
	if (_i == 0)
		mu_peer_eof(a.p, NULL);
	else
		mu_peer_goodbye(a.p, 101 * S);
	end_drain(&a);
	ck_assert_ptr_nonnull(strstr(end_log(&a), "data t"));
}
END_TEST

START_TEST(two_machines_keep_each_other_alive)
{
	for (uint64_t now = 100 * S; now < 200 * S; now += 500 * MS) {
		mu_peer_tick(a.p, now);
		mu_peer_tick(b.p, now);
		end_drain(&a);
		end_drain(&b);
		settle(&a, &b, now + MS);
	}
	ck_assert(mu_peer_is_up(a.p) && mu_peer_is_up(b.p));
	ck_assert_str_eq(end_log(&a), "");
	ck_assert_uint_gt(mu_peer_heard(a.p), 197 * S);
	ck_assert_uint_eq(mu_peer_rtt(a.p), MS);
}
END_TEST

START_TEST(any_byte_is_a_sign_of_life)
{
	static const uint8_t byte = 0;

	run_until(&a, 106 * S);
	ck_assert_int_eq(mu_peer_feed(a.p, &byte, 1, 106 * S), 0);
	end_drain(&a);
	ck_assert_uint_eq(mu_peer_deadline(a.p), 108 * S);
	run_until(&a, 113 * S - 1);
	ck_assert(!a.down);
	run_until(&a, 113 * S);
	ck_assert(a.down);
}
END_TEST

START_TEST(pings_can_be_switched_off)
{
	struct end c, d;

	low.cfg.ping_ns = low.cfg.dead_ns = 0;
	end_clear(&a);
	end_clear(&b);
	end_init(&a);
	end_init(&b);
	connect_ends(&c, &low, &d, &high, 0);
	ck_assert_uint_eq(mu_peer_deadline(c.p), UINT64_MAX);
	mu_peer_tick(c.p, 1000 * S);
	end_drain(&c);
	ck_assert_str_eq(end_log(&c), "");
	end_clear(&c);
	end_clear(&d);
}
END_TEST

START_TEST(an_asked_ping_has_its_own_limit)
{
	mu_peer_ping(a.p, 5, 300 * MS, 101 * S);
	end_drain(&a);
	ck_assert_uint_eq(mu_peer_deadline(a.p), 101 * S + 300 * MS);
	run_until(&a, 101 * S + 300 * MS);
	ck_assert_str_eq(end_log(&a), "down dead 0");
	ck_assert_str_eq(a.text, "no answer to a ping within 300 ms");
}
END_TEST

START_TEST(a_busy_peer_is_not_dead)
{
	mu_peer_ping(a.p, 5, 300 * MS, 101 * S);
	end_drain(&a);
	/* The pong stands behind a lot of data. */
	for (uint64_t now = 101 * S; now < 104 * S; now += 100 * MS) {
		end_publish(&b, &high, MU_DATA, "t", "x");
		carry(&b, &a, SIZE_MAX, now + 1);
		mu_peer_tick(a.p, now + 1);
		end_drain(&a);
		ck_assert(!a.down);
	}
	carry(&a, &b, SIZE_MAX, 104 * S);
	end_log(&a);
	carry(&b, &a, SIZE_MAX, 104 * S);
	ck_assert_str_eq(end_log(&a), "pong 5");
}
END_TEST

START_TEST(our_own_sleep_is_not_the_peers_silence)
{
	mu_peer_ping(a.p, 5, 300 * MS, 101 * S);
	end_drain(&a);
	mu_peer_tick(a.p, 150 * S); /* stopped for 49 s */
	end_drain(&a);
	ck_assert(!a.down);
	run_until(&a, 151 * S);
	ck_assert_str_eq(end_log(&a), "down dead 0");
}
END_TEST

START_TEST(an_unanswered_goodbye_ends_in_time)
{
	mu_peer_goodbye(a.p, 101 * S);
	end_drain(&a);
	run_until(&a, 104 * S - 1);
	ck_assert(!a.down);
	run_until(&a, 104 * S);
	ck_assert_str_eq(end_log(&a), "down removed 0");
	ck_assert_str_eq(a.text, "timeout during graceful disconnect");
}
END_TEST

START_TEST(traffic_goes_on_during_a_goodbye)
{
	mu_peer_goodbye(a.p, 101 * S);
	end_drain(&a);
	end_publish(&b, &high, MU_DATA, "t", "x");
	carry(&b, &a, SIZE_MAX, 101 * S);
	ck_assert_str_eq(end_log(&a), "data t x");
	mu_peer_eof(a.p, NULL);
	end_drain(&a);
	ck_assert_str_eq(end_log(&a), "down removed 0");
}
END_TEST

START_TEST(times_beyond_the_clock_mean_never)
{
	mu_peer_ping(a.p, 1, UINT64_MAX, 101 * S);
	end_drain(&a);
	ck_assert_uint_eq(mu_peer_deadline(a.p), 102 * S);
	mu_peer_tick(a.p, 101 * S);
	end_drain(&a);
	ck_assert(!a.down);
}
END_TEST

START_TEST(memory_comes_back_while_nothing_happens)
{
	char *payload = malloc(300001);

	memset(payload, 'x', 300000);
	payload[300000] = '\0';
	end_publish(&b, &high, MU_DATA, "t", payload);
	ck_assert_int_eq(mu_peer_feed(a.p, mu_buf_data(&b.wire),
			     mu_buf_len(&b.wire), 101 * S),
	    0);
	mu_buf_reset(&b.wire);
	end_drain(&a);
	mu_peer_idle(a.p);
	end_publish(&b, &high, MU_DATA, "t", "y");
	carry(&b, &a, SIZE_MAX, 102 * S);
	ck_assert_uint_eq(a.envelopes, 2);
	free(payload);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("peer_time");
	TCase *t = tcase_create("time");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_silent_peer_is_pinged_and_then_dead);
	tcase_add_test(t, pings_leave_at_common_moments);
	tcase_add_test(t, who_is_held_is_not_dead);
	tcase_add_loop_test(t, holding_ends_with_the_peering, 0, 2);
	tcase_add_test(t, two_machines_keep_each_other_alive);
	tcase_add_test(t, any_byte_is_a_sign_of_life);
	tcase_add_test(t, pings_can_be_switched_off);
	tcase_add_test(t, an_asked_ping_has_its_own_limit);
	tcase_add_test(t, a_busy_peer_is_not_dead);
	tcase_add_test(t, our_own_sleep_is_not_the_peers_silence);
	tcase_add_test(t, an_unanswered_goodbye_ends_in_time);
	tcase_add_test(t, traffic_goes_on_during_a_goodbye);
	tcase_add_test(t, times_beyond_the_clock_mean_never);
	tcase_add_test(t, memory_comes_back_while_nothing_happens);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
