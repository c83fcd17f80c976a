/*
 * The channel: numbers, bounds, and the property that matters: whatever the
 * network loses, repeats and reorders, a consumer sees every action once and
 * in order.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "muster/err.h"
#include "nomem.h"
#include "store/channel.h"
#include "unit.h"

static const struct mu_producer_limits wide = {
	.max_buffered = 100000,
	.max_bytes = 1 << 30,
	.max_paths = 100,
};

static struct mu_entity
entity(unsigned n)
{
	struct mu_entity e = { { { (uint8_t)n } }, n };

	return e;
}

static uint64_t
produce(struct mu_producer *p)
{
	uint64_t seq;
	struct mu_blob *b;

	if (mu_producer_produce(p, &seq) != 1)
		return 0;
	b = mu_blob_new(&seq, sizeof seq);
	mu_producer_keep(p, seq, b);
	mu_blob_unref(b);
	return seq;
}

/* --- producer ---------------------------------------------------------- */

START_TEST(the_first_action_has_number_two)
{
	struct mu_producer *p = mu_producer_new(1, &wide);
	struct mu_entity e = entity(1);
	uint64_t offset;

	ck_assert_uint_eq(produce(p), 0); /* nobody listens */
	ck_assert_int_eq(mu_producer_add(p, &e, &offset), 0);
	ck_assert_uint_eq(offset, 1);
	ck_assert_uint_eq(produce(p), 2);
	ck_assert_uint_eq(produce(p), 3);
	ck_assert_uint_eq(mu_producer_buffered(p), 2);
	mu_producer_free(p);
}
END_TEST

START_TEST(what_all_have_is_forgotten)
{
	struct mu_producer *p = mu_producer_new(1, &wide);
	struct mu_entity a = entity(1), b = entity(2);
	uint64_t offset;

	mu_producer_add(p, &a, &offset);
	mu_producer_add(p, &b, &offset);
	for (int i = 0; i < 10; i++)
		produce(p);
	mu_producer_ack(p, &a, 11);
	ck_assert_uint_eq(mu_producer_buffered(p), 10);
	mu_producer_ack(p, &b, 6);
	ck_assert_uint_eq(mu_producer_buffered(p), 5);
	ck_assert_ptr_null(mu_producer_kept(p, 6));
	ck_assert_ptr_nonnull(mu_producer_kept(p, 7));
	mu_producer_ack(p, &b, 3);   /* going back means nothing */
	mu_producer_ack(p, &b, 500); /* nor does the future */
	ck_assert_uint_eq(mu_producer_buffered(p), 5);
	mu_producer_remove(p, &b);
	ck_assert_uint_eq(mu_producer_buffered(p), 0);
	mu_producer_free(p);
}
END_TEST

START_TEST(the_slowest_path_is_cut_at_the_limit)
{
	struct mu_producer_limits limits = wide;
	struct mu_entity a = entity(1), b = entity(2), lost;
	struct mu_producer *p;
	uint64_t offset;

	if (_i == 0)
		limits.max_buffered = 20;
	else
		limits.max_bytes = 20 * sizeof(uint64_t);
	p = mu_producer_new(1, &limits);
	mu_producer_add(p, &a, &offset);
	mu_producer_add(p, &b, &offset);
	for (uint64_t i = 0; i < 30; i++)
		mu_producer_ack(p, &a, produce(p));
	ck_assert(mu_producer_next_lost(p, &lost));
	ck_assert(mu_entity_eq(&lost, &b));
	ck_assert(!mu_producer_next_lost(p, &lost));
	ck_assert_uint_eq(mu_producer_npaths(p), 1);
	ck_assert_uint_eq(mu_producer_buffered(p), 0);
	mu_producer_free(p);
}
END_TEST

START_TEST(history_is_kept_for_those_who_come_back)
{
	struct mu_producer_limits limits = wide;
	struct mu_entity a = entity(1);
	struct mu_producer *p;
	uint64_t offset;

	limits.keep_actions = 10;
	limits.keep_bytes = 1 << 20;
	limits.always = true;
	p = mu_producer_new(1, &limits);
	for (int i = 0; i < 30; i++) {
		uint64_t seq;
		struct mu_blob *b = mu_blob_new("x", 1);

		ck_assert_int_eq(mu_producer_produce(p, &seq), 0);
		mu_producer_keep(p, seq, b);
		mu_blob_unref(b);
	}
	ck_assert_uint_eq(mu_producer_seq(p), 31);
	ck_assert_uint_eq(mu_producer_buffered(p), 10);
	ck_assert_int_eq(mu_producer_resume(p, &a, 20), MUSTER_ENOENT);
	ck_assert_int_eq(mu_producer_resume(p, &a, 32), MUSTER_ENOENT);
	ck_assert_int_eq(mu_producer_resume(p, &a, 21), 0);
	ck_assert_int_eq(mu_producer_add(p, &a, &offset), MUSTER_EEXIST);
	ck_assert_uint_eq(offset, 21);
	mu_producer_free(p);
}
END_TEST

START_TEST(silent_paths_end_after_fifty_seconds)
{
	struct mu_producer *p = mu_producer_new(1, &wide);
	struct mu_entity a = entity(1), lost;
	unsigned keepalives = 0;
	uint64_t offset;

	mu_producer_add(p, &a, &offset);
	for (int i = 0; i < 499; i++)
		keepalives += mu_producer_tick(p);
	ck_assert_uint_eq(keepalives, 99);
	ck_assert(!mu_producer_next_lost(p, &lost));
	mu_producer_tick(p);
	ck_assert(mu_producer_next_lost(p, &lost));
	ck_assert_uint_eq(mu_producer_npaths(p), 0);
	mu_producer_free(p);
}
END_TEST

START_TEST(nacks_are_answered_by_the_rules)
{
	struct mu_producer *p = mu_producer_new(1, &wide);
	struct mu_entity a = entity(1);
	uint64_t zero = 0, list[] = { 4, 6 }, bad[] = { 6, 4 }, offset;
	bool acked;

	ck_assert_int_eq((int)mu_producer_nack(p, &a, list, 2), MU_NACK_IGNORE);
	ck_assert_int_eq(
	    (int)mu_producer_nack(p, &a, &zero, 1), MU_NACK_UNKNOWN);
	mu_producer_add(p, &a, &offset);
	ck_assert_int_eq(
	    (int)mu_producer_nack(p, &a, &zero, 1), MU_NACK_HANDSHAKE);
	for (int i = 0; i < 8; i++)
		produce(p);
	ck_assert_int_eq((int)mu_producer_nack(p, &a, list, 2), MU_NACK_RESEND);
	ck_assert_uint_eq(mu_producer_acked(p), 3);
	ck_assert(mu_producer_has(p, &a, &offset, &acked) && acked);
	ck_assert_int_eq((int)mu_producer_nack(p, &a, bad, 2), MU_NACK_DROPPED);
	ck_assert(!mu_producer_has(p, &a, &offset, &acked));
	mu_producer_free(p);
}
END_TEST

/* --- consumer ---------------------------------------------------------- */

static void
arrive(struct mu_consumer *c, uint64_t seq)
{
	struct mu_blob *b = mu_blob_new(&seq, sizeof seq);

	ck_assert_int_eq(mu_consumer_action(c, seq, b), 0);
	mu_blob_unref(b);
}

static uint64_t
take(struct mu_consumer *c)
{
	uint64_t seq = 0;
	struct mu_blob *b = mu_consumer_take(c, &seq);

	if (b == NULL)
		return 0;
	ck_assert_mem_eq(b->data, &seq, sizeof seq);
	mu_blob_unref(b);
	return seq;
}

START_TEST(early_actions_wait_for_their_turn)
{
	struct mu_consumer *c = mu_consumer_new(10);

	arrive(c, 4);
	ck_assert_uint_eq(take(c), 0);
	ck_assert(mu_consumer_handshake(c, 1, 5));
	ck_assert(!mu_consumer_handshake(c, 9, 5));
	arrive(c, 3);
	ck_assert_uint_eq(take(c), 0);
	arrive(c, 2);
	arrive(c, 2);
	ck_assert_uint_eq(take(c), 2);
	ck_assert_uint_eq(take(c), 3);
	ck_assert_uint_eq(take(c), 4);
	arrive(c, 3);
	ck_assert_uint_eq(take(c), 0);
	mu_consumer_free(c);
}
END_TEST

START_TEST(too_many_early_ones_are_asked_for_again)
{
	struct mu_consumer *c = mu_consumer_new(4);
	enum mu_consumer_due due = MU_CONSUMER_NOTHING;
	const uint64_t *list;
	uint64_t ack;
	size_t n = 0;

	mu_consumer_handshake(c, 1, 5);
	for (uint64_t s = 10; s > 2; s--)
		arrive(c, s);
	for (int i = 0; i < 3 && due != MU_CONSUMER_NACK; i++)
		due = mu_consumer_tick(c, &ack, &list, &n);
	ck_assert_int_eq((int)due, MU_CONSUMER_NACK);
	ck_assert_uint_eq(n, 4); /* 2, and 7 to 9 that were dropped */
	ck_assert_uint_eq(list[0], 2);
	ck_assert_uint_eq(list[1], 7);
	arrive(c, 2); /* makes room for itself: 6 goes */
	for (uint64_t s = 2; s <= 5; s++)
		ck_assert_uint_eq(take(c), s);
	mu_consumer_free(c);
}
END_TEST

START_TEST(a_claimed_future_makes_a_bounded_nack)
{
	struct mu_consumer *c = mu_consumer_new(4);
	const uint64_t *list;
	uint64_t ack;
	size_t n = 0;

	mu_consumer_handshake(c, 1, 5);
	mu_consumer_keepalive(c, UINT64_MAX - 1);
	while (mu_consumer_tick(c, &ack, &list, &n) != MU_CONSUMER_NACK)
		;
	ck_assert_uint_eq(n, MU_CHANNEL_MAX_NACK);
	mu_consumer_free(c);
}
END_TEST

START_TEST(what_never_comes_is_skipped)
{
	struct mu_consumer *c = mu_consumer_new(10);

	mu_consumer_handshake(c, 1, 5);
	arrive(c, 4);
	mu_consumer_skip(c, 3);
	ck_assert_uint_eq(take(c), 0);
	mu_consumer_skip(c, 2);
	ck_assert_uint_eq(take(c), 4);
	mu_consumer_free(c);
}
END_TEST

/* --- both, with a network between -------------------------------------- */

#define NCONSUMERS 3
#define NMESSAGES  4000

enum what { WHAT_ACTION, WHAT_KEEPALIVE, WHAT_FAILED, WHAT_ACK, WHAT_NACK };

struct message {
	enum what what;
	unsigned who;
	uint64_t seq;
	uint64_t list[64];
	size_t n;
};

static struct {
	struct mu_rng rng;
	struct mu_producer *p;
	struct mu_consumer *c[NCONSUMERS];
	uint64_t expected[NCONSUMERS];
	struct message air[NMESSAGES]; /* in no order */
	size_t nair;
	bool calm;
} w;

static void
post(const struct message *m)
{
	unsigned copies = w.calm ? 1 : (unsigned)mu_rng_below(&w.rng, 3);

	while (copies-- > 0 && w.nair < NMESSAGES)
		w.air[w.nair++] = *m;
}

static void
post_action(unsigned who, uint64_t seq)
{
	struct message m = { .what = WHAT_ACTION, .who = who, .seq = seq };

	post(&m);
}

static void
answer_nack(const struct message *m)
{
	struct mu_entity e = entity(m->who + 1);

	switch (mu_producer_nack(w.p, &e, m->list, m->n)) {
	case MU_NACK_IGNORE:
		return; /* the same was answered a moment ago */
	case MU_NACK_RESEND:
		break;
	default:
		ck_abort_msg("an honest nack is refused");
	}
	for (size_t i = 0; i < m->n; i++) {
		struct message failed = {
			.what = WHAT_FAILED, .who = m->who, .seq = m->list[i]
		};

		if (mu_producer_kept(w.p, m->list[i]) != NULL)
			post_action(m->who, m->list[i]);
		else if (m->list[i] <= mu_producer_seq(w.p))
			post(&failed);
	}
}

static void
deliver(const struct message *m)
{
	struct mu_consumer *c = w.c[m->who];
	struct mu_entity e = entity(m->who + 1);
	uint64_t seq;

	switch (m->what) {
	case WHAT_ACTION:
		arrive(c, m->seq);
		break;
	case WHAT_KEEPALIVE:
		mu_consumer_keepalive(c, m->seq);
		break;
	case WHAT_FAILED:
		/* Only an old nack, come late, asks for what is gone. */
		ck_assert_uint_lt(m->seq, mu_consumer_next_seq(c));
		break;
	case WHAT_ACK:
		mu_producer_ack(w.p, &e, m->seq);
		break;
	case WHAT_NACK:
		answer_nack(m);
		break;
	}
	while ((seq = take(c)) != 0)
		ck_assert_uint_eq(seq, w.expected[m->who]++);
}

static void
tick(void)
{
	if (mu_producer_tick(w.p))
		for (unsigned i = 0; i < NCONSUMERS; i++) {
			struct message m = { .what = WHAT_KEEPALIVE,
				.who = i,
				.seq = mu_producer_seq(w.p) };

			post(&m);
		}
	for (unsigned i = 0; i < NCONSUMERS; i++) {
		struct message m = { .who = i };
		const uint64_t *list;
		size_t n;

		switch (mu_consumer_tick(w.c[i], &m.seq, &list, &n)) {
		case MU_CONSUMER_ACK:
			m.what = WHAT_ACK;
			post(&m);
			break;
		case MU_CONSUMER_NACK:
			m.what = WHAT_NACK;
			m.n = n < 64 ? n : 64;
			memcpy(m.list, list, m.n * sizeof *list);
			post(&m);
			break;
		case MU_CONSUMER_NOTHING:
			break;
		}
	}
}

static void
step(void)
{
	if (!w.calm && mu_rng_below(&w.rng, 3) == 0) {
		uint64_t seq = produce(w.p);

		for (unsigned i = 0; i < NCONSUMERS; i++)
			post_action(i, seq);
	}
	for (int i = 0; i < 40 && w.nair > 0; i++) {
		size_t at = mu_rng_below(&w.rng, w.nair);
		struct message m = w.air[at];

		w.air[at] = w.air[--w.nair];
		deliver(&m);
	}
	tick();
}

static void
lossy_run(uint64_t seed)
{
	memset(&w, 0, sizeof w);
	mu_rng_init(&w.rng, seed);
	w.p = mu_producer_new(1, &wide);
	for (unsigned i = 0; i < NCONSUMERS; i++) {
		struct mu_entity e = entity(i + 1);
		uint64_t offset;

		mu_producer_add(w.p, &e, &offset);
		w.c[i] = mu_consumer_new(1 + mu_rng_below(&w.rng, 20));
		mu_consumer_handshake(w.c[i], offset, MU_CHANNEL_HEARTBEAT);
		w.expected[i] = offset + 1;
	}
	for (int i = 0; i < 400; i++)
		step();
	w.calm = true;
	for (int i = 0; i < 1500; i++)
		step();
	for (unsigned i = 0; i < NCONSUMERS; i++) {
		ck_assert_msg(w.expected[i] == mu_producer_seq(w.p) + 1,
		    "seed %llu: consumer %u stands at %llu of %llu",
		    (unsigned long long)seed, i,
		    (unsigned long long)w.expected[i],
		    (unsigned long long)mu_producer_seq(w.p));
		mu_consumer_free(w.c[i]);
	}
	ck_assert_uint_eq(mu_producer_buffered(w.p), 0);
	mu_producer_free(w.p);
}

START_TEST(every_action_arrives_once_in_order)
{
	for (uint64_t seed = 1; seed <= 150; seed++)
		lossy_run(seed);
}
END_TEST

static bool
make_both(void *ctx)
{
	struct mu_producer *p = mu_producer_new(1, &wide);
	struct mu_consumer *c = mu_consumer_new(10);
	bool good = p != NULL && c != NULL;
	struct mu_entity e = entity(1);
	uint64_t offset, seq;

	(void)ctx;
	good = good && mu_producer_add(p, &e, &offset) == 0;
	good = good && mu_producer_produce(p, &seq) == 1;
	if (good)
		mu_consumer_handshake(c, 1, 5);
	if (good) {
		struct mu_blob *b = mu_blob_new("x", 1);

		good = b != NULL && mu_consumer_action(c, 3, b) == 0;
		if (b != NULL)
			mu_producer_keep(p, seq, b);
		mu_blob_unref(b);
	}
	mu_producer_free(p);
	mu_consumer_free(c);
	return good;
}

START_TEST(failed_allocations_are_told)
{
	nomem_each(make_both, NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("channel");
	TCase *tc = tcase_create("channel");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, the_first_action_has_number_two);
	tcase_add_test(tc, what_all_have_is_forgotten);
	tcase_add_loop_test(tc, the_slowest_path_is_cut_at_the_limit, 0, 2);
	tcase_add_test(tc, history_is_kept_for_those_who_come_back);
	tcase_add_test(tc, silent_paths_end_after_fifty_seconds);
	tcase_add_test(tc, nacks_are_answered_by_the_rules);
	tcase_add_test(tc, early_actions_wait_for_their_turn);
	tcase_add_test(tc, too_many_early_ones_are_asked_for_again);
	tcase_add_test(tc, a_claimed_future_makes_a_bounded_nack);
	tcase_add_test(tc, what_never_comes_is_skipped);
	tcase_add_test(tc, every_action_arrives_once_in_order);
	tcase_add_test(tc, failed_allocations_are_told);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
