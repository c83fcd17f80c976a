/*
 * Several connections between the same endpoints: exactly one peering comes of
 * them (reference "broker-protocol", 2.4 to 2.6).
 */
#include "peers.h"
#include "unit.h"

/* low's id is the smaller: it decides. */
static struct endpoint low, high;

static void
setup(void)
{
	endpoint_init(&low, 0x11, NULL);
	endpoint_init(&high, 0x22, NULL);
}

static void
teardown(void)
{
	endpoint_clear(&low);
	endpoint_clear(&high);
}

/* A connection: l is low's end, h high's. */
struct link {
	struct end l, h;
	bool l_closed, h_closed; /* whose transport has ended */
};

static void
link_open(struct link *k, bool low_dials)
{
	memset(k, 0, sizeof *k);
	end_open(&k->l, &low, low_dials ? MU_PEER_DIALED : MU_PEER_ACCEPTED, 0);
	end_open(
	    &k->h, &high, low_dials ? MU_PEER_ACCEPTED : MU_PEER_DIALED, 0);
}

static void
link_clear(struct link *k)
{
	end_clear(&k->l);
	end_clear(&k->h);
}

/* The end of one side reaches the other when all was carried. */
static bool
carry_end(struct end *from, struct end *to, bool *closed)
{
	if (!from->down || mu_buf_len(&from->wire) > 0 || *closed)
		return false;
	*closed = true;
	mu_peer_eof(to->p, NULL);
	end_drain(to);
	return true;
}

/* Move something on k; false: nothing moves. */
static bool
link_step(struct link *k, struct mu_rng *r)
{
	size_t l = mu_buf_len(&k->l.wire), h = mu_buf_len(&k->h.wire);
	size_t piece = r == NULL ? SIZE_MAX : 1 + mu_rng_below(r, 30);
	bool moved = l + h > 0;

	if (r == NULL || mu_rng_below(r, 2) == 0)
		carry(&k->l, &k->h, piece, 0);
	else
		carry(&k->h, &k->l, piece, 0);
	if (r == NULL)
		carry(&k->h, &k->l, piece, 0);
	moved |= carry_end(&k->l, &k->h, &k->h_closed);
	moved |= carry_end(&k->h, &k->l, &k->l_closed);
	endpoint_wake(&low);
	endpoint_wake(&high);
	return moved;
}

static void
link_settle(struct link *k)
{
	while (link_step(k, NULL))
		;
}

/* Links in random order until nothing moves anywhere. */
static void
settle_all(struct link *links, size_t n, struct mu_rng *r)
{
	size_t quiet = 0;

	while (quiet < 20 * n)
		quiet =
		    link_step(&links[mu_rng_below(r, n)], r) ? 0 : quiet + 1;
}

/* --- one after the other -------------------------------------------------- */

START_TEST(a_second_connection_is_a_duplicate)
{
	struct link first, second;

	link_open(&first, true);
	link_settle(&first);
	link_open(&second, _i == 0);
	link_settle(&second);
	ck_assert_str_eq(end_log(&second.l), "down duplicate 39");
	ck_assert_str_eq(end_log(&second.h), "down duplicate 39");
	ck_assert(mu_uuid_eq(mu_peer_id(second.l.p), &high.id));
	ck_assert(mu_uuid_eq(mu_peer_id(second.h.p), &low.id));
	link_settle(&first);
	ck_assert(mu_peer_is_up(first.l.p) && mu_peer_is_up(first.h.p));
	link_clear(&second);
	ck_assert(mu_peer_table_has(low.table, &high.id));
	link_clear(&first);
	ck_assert(!mu_peer_table_has(low.table, &high.id));
}
END_TEST

/* high noticed the loss of the first connection, low did not. */
START_TEST(a_peering_is_suspected_when_its_peer_dials_again)
{
	struct link first, second, third;

	link_open(&first, true);
	link_settle(&first);
	mu_peer_eof(first.h.p, NULL);
	end_drain(&first.h);
	end_log(&first.l);

	link_open(&second, false);
	carry(&second.l, &second.h, SIZE_MAX, 10 * S);
	mu_peer_tick(second.l.p, 4 * S);
	carry(&second.h, &second.l, SIZE_MAX, 4 * S);
	ck_assert_str_eq(end_log(&second.l), "down duplicate 39");
	carry(&second.l, &second.h, SIZE_MAX, 4 * S);
	/* The table of high knows of no peering: this was no success. */
	ck_assert_str_eq(end_log(&second.h), "down refused 39");

	ck_assert_ptr_eq(mu_peer_table_wake(low.table), first.l.p);
	ck_assert_ptr_null(mu_peer_table_wake(low.table));
	end_drain(&first.l);
	ck_assert_uint_gt(mu_buf_len(&first.l.wire), 0); /* a ping */
	ck_assert_uint_eq(mu_peer_deadline(first.l.p), 2 * S);
	mu_peer_tick(first.l.p, 2 * S); /* the ping because of silence */
	end_drain(&first.l);
	ck_assert_uint_eq(mu_peer_deadline(first.l.p), 4 * S);
	mu_peer_tick(first.l.p, 5 * S);
	end_drain(&first.l);
	ck_assert_str_eq(end_log(&first.l), "down dead 0");

	link_open(&third, false);
	link_settle(&third);
	ck_assert_str_eq(end_log(&third.l), "up");
	ck_assert_str_eq(end_log(&third.h), "up");
	link_clear(&first);
	link_clear(&second);
	link_clear(&third);
}
END_TEST

/* The responder's side of the same. */
START_TEST(the_responder_refuses_with_40_and_suspects_too)
{
	struct link first, second;

	link_open(&first, true);
	link_settle(&first);
	mu_peer_eof(first.l.p, NULL);
	end_drain(&first.l);
	link_open(&second, true);
	link_settle(&second);
	ck_assert_str_eq(end_log(&second.h), "down duplicate 40");
	ck_assert_str_eq(end_log(&second.l), "down refused 40");
	ck_assert_uint_gt(mu_buf_len(&first.h.wire), 0);
	link_clear(&first);
	link_clear(&second);
}
END_TEST

START_TEST(a_healthy_peering_survives_suspicion)
{
	struct link first, second;

	link_open(&first, true);
	link_settle(&first);
	for (int i = 0; i < 3; i++) {
		link_open(&second, true);
		link_settle(&second);
		link_settle(&first);
		link_clear(&second);
	}
	mu_peer_tick(first.l.p, 1 * S);
	end_drain(&first.l);
	ck_assert(mu_peer_is_up(first.l.p));
	ck_assert_str_eq(end_log(&first.l), "up");
	link_clear(&first);
}
END_TEST

/* --- at the same time ----------------------------------------------------- */

static size_t
count_up(struct link *links, size_t n, bool at_low)
{
	size_t up = 0;

	for (size_t i = 0; i < n; i++)
		up += mu_peer_is_up(at_low ? links[i].l.p : links[i].h.p);
	return up;
}

START_TEST(simultaneous_connects_leave_exactly_one_peering)
{
	enum { MOST = 5 };
	struct mu_rng r;

	mu_rng_init(&r, (uint64_t)_i);
	for (int round = 0; round < 100; round++) {
		struct link links[MOST];
		size_t n = 2 + mu_rng_below(&r, MOST - 1), k = 0;

		for (size_t i = 0; i < n; i++) {
			link_open(&links[i], mu_rng_below(&r, 2) == 0);
			for (size_t s = mu_rng_below(&r, 6); s > 0; s--)
				link_step(&links[mu_rng_below(&r, i + 1)], &r);
		}
		settle_all(links, n, &r);
		ck_assert_uint_eq(count_up(links, n, true), 1);
		ck_assert_uint_eq(count_up(links, n, false), 1);
		while (!mu_peer_is_up(links[k].l.p))
			k++;
		ck_assert(mu_peer_is_up(links[k].h.p));
		for (size_t i = 0; i < n; i++) {
			/* Nobody retries because of this. */
			if (i != k) {
				ck_assert(links[i].l.down && links[i].h.down);
				ck_assert_int_eq(
				    links[i].l.reason, MU_PEER_DUPLICATE);
				ck_assert_int_eq(
				    links[i].h.reason, MU_PEER_DUPLICATE);
			}
			link_clear(&links[i]);
		}
	}
}
END_TEST

/* While both links are in their handshake; the first one dies. */
START_TEST(a_parked_connection_takes_over_when_the_first_fails)
{
	struct link first, second;

	link_open(&first, true);
	link_open(&second, false);
	carry(&first.h, &first.l, SIZE_MAX, 0);
	carry(&first.l, &first.h, 4 + 23, 0);   /* hello only */
	carry(&first.h, &first.l, SIZE_MAX, 0); /* low has selected */
	carry(&second.h, &second.l, SIZE_MAX, 0);
	ck_assert_str_eq(end_log(&second.l), "");
	if (_i == 0) {
		mu_peer_eof(first.l.p, NULL);
		end_drain(&first.l);
	} else {
		mu_peer_free(first.l.p);
		first.l.p = NULL;
	}
	ck_assert_uint_eq(endpoint_wake(&low), 1);
	mu_peer_eof(first.h.p, NULL);
	end_drain(&first.h);
	link_settle(&second);
	ck_assert_str_eq(end_log(&second.l), "up");
	ck_assert_str_eq(end_log(&second.h), "up");
	link_clear(&first);
	link_clear(&second);
}
END_TEST

START_TEST(a_parked_machine_may_be_freed)
{
	struct link first, second;

	link_open(&first, true);
	link_open(&second, false);
	carry(&first.h, &first.l, SIZE_MAX, 0);
	carry(&first.l, &first.h, SIZE_MAX, 0);
	carry(&first.h, &first.l, SIZE_MAX, 0);
	carry(&second.h, &second.l, SIZE_MAX, 0);
	link_clear(&second);
	link_settle(&first);
	ck_assert_str_eq(end_log(&first.l), "up");
	ck_assert_ptr_null(mu_peer_table_wake(low.table));
	link_clear(&first);
}
END_TEST

/* The first or the last one of those woken. */
START_TEST(a_woken_machine_may_be_freed)
{
	struct link first, second, third;
	struct link *freed = _i == 0 ? &second : &third;
	struct link *kept = _i == 0 ? &third : &second;

	link_open(&first, true);
	link_open(&second, false);
	link_open(&third, false);
	carry(&first.h, &first.l, SIZE_MAX, 0);
	carry(&first.l, &first.h, SIZE_MAX, 0);
	carry(&first.h, &first.l, SIZE_MAX, 0);
	carry(&second.h, &second.l, SIZE_MAX, 0);
	carry(&third.h, &third.l, SIZE_MAX, 0);
	carry(&first.l, &first.h, SIZE_MAX, 0);
	carry(&first.h, &first.l, SIZE_MAX, 0); /* up: both are duplicates */
	link_clear(freed);
	ck_assert_ptr_eq(mu_peer_table_wake(low.table), kept->l.p);
	ck_assert_ptr_null(mu_peer_table_wake(low.table));
	end_drain(&kept->l);
	ck_assert_str_eq(end_log(&kept->l), "down duplicate 39");
	link_clear(&first);
	link_clear(kept);
}
END_TEST

/* --- shutting down -------------------------------------------------------- */

START_TEST(a_closed_table_answers_28)
{
	struct link k;

	mu_peer_table_close(_i < 2 ? low.table : high.table);
	link_open(&k, _i % 2 == 0);
	link_settle(&k);
	ck_assert_str_eq(
	    end_log(_i < 2 ? &k.l : &k.h), "down shutting down 28");
	ck_assert_str_eq(end_log(_i < 2 ? &k.h : &k.l), "down refused 28");
	link_clear(&k);
}
END_TEST

START_TEST(closing_lets_parked_connections_go)
{
	struct link first, second, third;

	link_open(&first, true);
	link_open(&second, false);
	link_open(&third, false);
	carry(&first.h, &first.l, SIZE_MAX, 0);
	carry(&first.l, &first.h, 4 + 23, 0);
	carry(&first.h, &first.l, SIZE_MAX, 0);
	carry(&second.h, &second.l, SIZE_MAX, 0);
	carry(&third.h, &third.l, SIZE_MAX, 0);
	mu_peer_table_close(low.table);
	mu_peer_stop(first.l.p, MU_PEER_CLOSING, 0, NULL);
	ck_assert_uint_eq(endpoint_wake(&low), 2);
	ck_assert_str_eq(end_log(&second.l), "down shutting down 28");
	ck_assert_str_eq(end_log(&third.l), "down shutting down 28");
	link_clear(&first);
	link_clear(&second);
	link_clear(&third);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("peer_table");
	TCase *t = tcase_create("table");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_second_connection_is_a_duplicate, 0, 2);
	tcase_add_test(t, a_peering_is_suspected_when_its_peer_dials_again);
	tcase_add_test(t, the_responder_refuses_with_40_and_suspects_too);
	tcase_add_test(t, a_healthy_peering_survives_suspicion);
	tcase_add_loop_test(
	    t, simultaneous_connects_leave_exactly_one_peering, 0, 10);
	tcase_add_loop_test(
	    t, a_parked_connection_takes_over_when_the_first_fails, 0, 2);
	tcase_add_test(t, a_parked_machine_may_be_freed);
	tcase_add_loop_test(t, a_woken_machine_may_be_freed, 0, 2);
	tcase_add_loop_test(t, a_closed_table_answers_28, 0, 4);
	tcase_add_test(t, closing_lets_parked_connections_go);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
