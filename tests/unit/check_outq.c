/*
 * The output of one connection: order, limits, what is dropped and what never.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/rng.h"
#include "core/outq.h"
#include "core/router.h"
#include "nomem.h"
#include "unit.h"

#define MAX_FRAME 1300000

static const struct outq_limits wide = { 1 << 20, 1000,
	MU_OVERFLOW_DROP_OLDEST };

/* A frame whose content says its number and length, as a message. */
static struct message
frame(uint8_t *mem, uint32_t number, size_t len)
{
	struct message m = { .from = NULL };
	uint32_t rest = (uint32_t)(len - 4);

	if (len < 8 || len > MAX_FRAME)
		ck_abort_msg("no such frame: %zu bytes", len);
	for (size_t i = 0; i < 4; i++) {
		mem[i] = (uint8_t)(rest >> (24 - 8 * i));
		mem[4 + i] = (uint8_t)(number >> (24 - 8 * i));
	}
	memset(mem + 8, (int)(number % 251), len - 8);
	m.env.frame = mem;
	m.env.len = len;
	return m;
}

static enum outq_result
push(struct outq *q, uint32_t number, size_t len)
{
	static uint8_t mem[MAX_FRAME];
	struct message m = frame(mem, number, len);
	enum outq_result r = outq_push(q, &m);

	memset(mem, 0xee, len); /* the queue has its own copy */
	mu_blob_unref(m.blob);
	return r;
}

static enum outq_result
push_kept(struct outq *q, uint32_t number, size_t len)
{
	static uint8_t mem[MAX_FRAME];
	struct message m = frame(mem, number, len);
	enum outq_result r = outq_push_kept(q, &m);

	memset(mem, 0xee, len);
	mu_blob_unref(m.blob);
	return r;
}

static enum outq_result
push_control(struct outq *q, uint32_t number, size_t len)
{
	static uint8_t mem[MAX_FRAME];

	frame(mem, number, len);
	return outq_push_control(q, mem, len);
}

/* Write up to n bytes into b. */
static size_t
write_some(struct outq *q, struct mu_buf *b, size_t n)
{
	const uint8_t *at;
	size_t len, done = 0;

	while (done < n && outq_peek(q, &at, &len)) {
		if (len > n - done)
			len = n - done;
		mu_buf_put(b, at, len);
		outq_consume(q, len);
		done += len;
	}
	return done;
}

/* The number of the next complete frame in b, checked; or -1. */
static long
take(struct mu_buf *b)
{
	const uint8_t *p = mu_buf_data(b);
	size_t len;
	uint32_t number;

	if (mu_buf_len(b) < 8)
		return -1;
	len = 4 + ((size_t)p[0] << 24 | (size_t)p[1] << 16 |
	    (size_t)p[2] << 8 | p[3]);
	number = (uint32_t)p[4] << 24 | (uint32_t)p[5] << 16 |
	    (uint32_t)p[6] << 8 | p[7];
	if (mu_buf_len(b) < len)
		return -1;
	for (size_t i = 8; i < len; i++)
		if (p[i] != number % 251)
			ck_abort_msg("frame %u is damaged", (unsigned)number);
	mu_buf_consume(b, len);
	return number;
}

static struct outq_pool pool;
static struct outq *q;
static struct mu_buf sink;

static void
open_queue(size_t bytes, size_t messages, enum mu_overflow policy)
{
	struct outq_limits limits = { bytes, messages, policy };

	q = outq_new(&limits, &pool);
	ck_assert_ptr_nonnull(q);
	mu_buf_clear(&sink);
	mu_buf_init(&sink, 0);
}

static void
teardown(void)
{
	outq_free(q);
	mu_buf_clear(&sink);
	q = NULL;
	outq_pool_clear(&pool);
}

/* All that is queued has these numbers. */
static void
expect(const uint32_t *numbers, size_t n)
{
	write_some(q, &sink, SIZE_MAX);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(take(&sink), numbers[i]);
	ck_assert_int_eq(take(&sink), -1);
	ck_assert_uint_eq(mu_buf_len(&sink), 0);
	ck_assert(outq_empty(q));
	ck_assert_uint_eq(outq_stats(q)->bytes, 0);
	ck_assert_uint_eq(outq_stats(q)->messages, 0);
}

START_TEST(what_goes_in_comes_out_in_order)
{
	uint32_t n = 0;

	open_queue(64 << 20, 100000, MU_OVERFLOW_DISCONNECT);
	for (size_t len = 8; len < MAX_FRAME; len += len / 3 + 1) {
		ck_assert_int_eq(push_control(q, n++, 40), OUTQ_QUEUED);
		ck_assert_int_eq(push(q, n++, len), OUTQ_QUEUED);
		ck_assert_int_eq(push(q, n++, 150), OUTQ_QUEUED);
	}
	write_some(q, &sink, SIZE_MAX);
	for (uint32_t i = 0; i < n; i++)
		ck_assert_int_eq(take(&sink), i);
	ck_assert(outq_empty(q));
	ck_assert_uint_eq(outq_stats(q)->sent_messages, n / 3 * 2);
	ck_assert_uint_eq(outq_stats(q)->dropped, 0);
}
END_TEST

START_TEST(small_neighbours_are_joined_to_full_records)
{
	const uint8_t *at;
	size_t len;

	open_queue(8 << 20, 100000, MU_OVERFLOW_DISCONNECT);
	for (uint32_t i = 0; i < 1000; i++)
		push(q, i, 150);
	ck_assert(outq_peek(q, &at, &len));
	ck_assert_uint_gt(len, 64000);
	ck_assert_uint_le(len, 65536);
}
END_TEST

START_TEST(large_frames_are_queued_by_reference)
{
	static uint8_t mem[MAX_FRAME];
	struct message m = frame(mem, 7, OUTQ_BY_REFERENCE);
	struct outq *other = outq_new(&wide, &pool);

	open_queue(1 << 20, 100, MU_OVERFLOW_DISCONNECT);
	ck_assert_int_eq(outq_push(q, &m), OUTQ_QUEUED);
	ck_assert_int_eq(outq_push(other, &m), OUTQ_QUEUED);
	ck_assert_uint_eq(m.blob->refs, 3);
	outq_free(other);
	ck_assert_uint_eq(m.blob->refs, 2);
	mu_blob_unref(m.blob);
	expect((const uint32_t[]){ 7 }, 1);
}
END_TEST

/* 10 fit; 15 are pushed. */
static void
fill(enum mu_overflow policy)
{
	open_queue(1 << 20, 10, policy);
	for (uint32_t i = 0; i < 10; i++)
		ck_assert_int_eq(push(q, i, 100), OUTQ_QUEUED);
}

START_TEST(drop_newest_keeps_the_old_ones)
{
	fill(MU_OVERFLOW_DROP_NEWEST);
	ck_assert_int_eq(push(q, 10, 100), OUTQ_EPISODE);
	for (uint32_t i = 11; i < 15; i++)
		ck_assert_int_eq(push(q, i, 100), OUTQ_DROPPED);
	ck_assert_uint_eq(outq_stats(q)->dropped, 5);
	ck_assert_uint_eq(outq_stats(q)->dropped_bytes, 500);
	ck_assert_uint_eq(outq_stats(q)->messages, 10);
	ck_assert_uint_eq(outq_stats(q)->bytes, 1000);
	expect((const uint32_t[]){ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 }, 10);
}
END_TEST

START_TEST(drop_oldest_keeps_the_new_ones)
{
	fill(MU_OVERFLOW_DROP_OLDEST);
	ck_assert_int_eq(push(q, 10, 100), OUTQ_EPISODE);
	for (uint32_t i = 11; i < 15; i++)
		ck_assert_int_eq(push(q, i, 100), OUTQ_DROPPED);
	ck_assert_uint_eq(outq_stats(q)->dropped, 5);
	ck_assert_uint_eq(outq_stats(q)->messages, 10);
	expect((const uint32_t[]){ 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 }, 10);
}
END_TEST

START_TEST(disconnect_drops_nothing_and_says_so)
{
	fill(MU_OVERFLOW_DISCONNECT);
	ck_assert_int_eq(push(q, 10, 100), OUTQ_OVERFLOW);
	ck_assert_uint_eq(outq_stats(q)->dropped, 0);
	expect((const uint32_t[]){ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 }, 10);
}
END_TEST

START_TEST(the_limit_in_bytes_holds_too)
{
	open_queue(1000, 1000, MU_OVERFLOW_DROP_OLDEST);
	for (uint32_t i = 0; i < 10; i++)
		ck_assert_int_eq(push(q, i, 100), OUTQ_QUEUED);
	/* 250 bytes make three go */
	ck_assert_int_eq(push(q, 10, 250), OUTQ_EPISODE);
	ck_assert_uint_eq(outq_stats(q)->dropped, 3);
	ck_assert_uint_eq(outq_stats(q)->bytes, 950);
	expect((const uint32_t[]){ 3, 4, 5, 6, 7, 8, 9, 10 }, 8);
}
END_TEST

START_TEST(a_frame_larger_than_the_limit_fits_when_nothing_waits)
{
	open_queue(1000, 10, MU_OVERFLOW_DISCONNECT);
	ck_assert_int_eq(push(q, 0, 50000), OUTQ_QUEUED);
	ck_assert_int_eq(push(q, 1, 8), OUTQ_OVERFLOW);
	expect((const uint32_t[]){ 0 }, 1);
	outq_free(q);

	open_queue(1000, 10, MU_OVERFLOW_DROP_OLDEST);
	push(q, 0, 100);
	push(q, 1, 100);
	ck_assert_int_eq(push(q, 2, 50000), OUTQ_EPISODE);
	ck_assert_uint_eq(outq_stats(q)->dropped, 2);
	expect((const uint32_t[]){ 2 }, 1);
	outq_free(q);

	open_queue(1000, 10, MU_OVERFLOW_DROP_NEWEST);
	push(q, 0, 100);
	ck_assert_int_eq(push(q, 1, 50000), OUTQ_EPISODE);
	expect((const uint32_t[]){ 0 }, 1);
}
END_TEST

START_TEST(a_partly_sent_frame_is_never_dropped)
{
	open_queue(1 << 20, 3, MU_OVERFLOW_DROP_OLDEST);
	for (uint32_t i = 0; i < 3; i++)
		push(q, i, OUTQ_PINNED);
	/* part of the first; it is shown, so three others may wait */
	ck_assert_uint_eq(write_some(q, &sink, 5), 5);
	for (uint32_t i = 3; i < 20; i++)
		push(q, i, OUTQ_PINNED);
	ck_assert_uint_eq(outq_stats(q)->dropped, 16);
	expect((const uint32_t[]){ 0, 17, 18, 19 }, 4);
}
END_TEST

START_TEST(bytes_shown_stay_as_they_are)
{
	uint8_t before[OUTQ_PINNED];
	const uint8_t *at;
	size_t len;

	open_queue(1 << 20, 200, MU_OVERFLOW_DROP_OLDEST);
	for (uint32_t i = 0; i < 200; i++)
		push(q, i, 150);
	ck_assert(outq_peek(q, &at, &len));
	ck_assert_uint_ge(len, OUTQ_PINNED);
	memcpy(before, at, sizeof before);
	for (uint32_t i = 200; i < 5000; i++)
		push(q, i, 150);
	ck_assert(outq_peek(q, &at, &len));
	ck_assert_uint_ge(len, OUTQ_PINNED);
	ck_assert_mem_eq(before, at, sizeof before);
	/* 110 frames begin in the first 16384 bytes */
	write_some(q, &sink, SIZE_MAX);
	for (uint32_t i = 0; i < 110; i++)
		ck_assert_int_eq(take(&sink), i);
	for (uint32_t i = 4800; i < 5000; i++)
		ck_assert_int_eq(take(&sink), i);
	ck_assert_uint_eq(outq_stats(q)->dropped, 4690);
}
END_TEST

START_TEST(control_frames_are_never_dropped)
{
	open_queue(1 << 20, 3, MU_OVERFLOW_DROP_OLDEST);
	push_control(q, 100, 30);
	for (uint32_t i = 0; i < 5; i++) {
		push(q, i, 100);
		push_control(q, 101 + i, 30);
	}
	for (uint32_t i = 5; i < 10; i++)
		push(q, i, 100);
	expect((const uint32_t[]){ 100, 101, 102, 103, 104, 105, 7, 8, 9 }, 9);
}
END_TEST

START_TEST(messages_that_are_kept_are_counted_and_never_dropped)
{
	open_queue(1 << 20, 3, MU_OVERFLOW_DROP_OLDEST);
	push_control(q, 100, 30);
	for (uint32_t i = 0; i < 5; i++) {
		push(q, i, 100);
		ck_assert_int_eq(push_kept(q, 101 + i, 300), OUTQ_QUEUED);
		push_control(q, 201 + i, 30);
	}
	for (uint32_t i = 5; i < 10; i++)
		push(q, i, 100);
	ck_assert_uint_eq(outq_stats(q)->messages, 8);
	expect((const uint32_t[]){ 100, 101, 201, 102, 202, 103, 203, 104, 204,
		   105, 205, 7, 8, 9 }, 14);
	ck_assert_uint_eq(outq_stats(q)->dropped, 7);
	ck_assert_uint_eq(outq_stats(q)->sent_messages, 8);
	ck_assert_uint_eq(outq_stats(q)->messages, 0);
}
END_TEST

START_TEST(too_many_or_too_large_messages_are_not_kept)
{
	size_t n = 0;

	open_queue(1 << 20, 1000, MU_OVERFLOW_DROP_NEWEST);
	push(q, 0, 100);
	while (push_kept(q, 0, 60000) == OUTQ_QUEUED)
		n += 60000;
	ck_assert_int_eq(push_kept(q, 0, 60000), OUTQ_OVERFLOW);
	ck_assert_uint_le(n, 2 << 20);
	ck_assert_uint_gt(n, (2 << 20) - 60100);
	ck_assert_int_eq(push_kept(q, 0, 600000), OUTQ_QUEUED);
	ck_assert_int_eq(push_kept(q, 0, 600000), OUTQ_EPISODE);
}
END_TEST

START_TEST(a_frame_beyond_the_limit_does_not_end_the_connection)
{
	size_t n = 0;

	open_queue(600000, 1000, MU_OVERFLOW_DROP_OLDEST);
	ck_assert_int_eq(push(q, 0, 1300000), OUTQ_QUEUED);
	ck_assert_int_eq(push_kept(q, 1, 300), OUTQ_QUEUED);
	ck_assert_int_eq(push_control(q, 2, 30), OUTQ_QUEUED);
	/* What is kept is still bounded. */
	while (push_kept(q, 3, 60000) == OUTQ_QUEUED)
		n += 60000;
	ck_assert_uint_le(n, 600000);
	ck_assert_uint_gt(n, 600000 - 60400);
}
END_TEST

START_TEST(too_many_control_bytes_are_an_overflow)
{
	size_t n = 0;

	open_queue(1 << 20, 1000, MU_OVERFLOW_DROP_OLDEST);
	while (push_control(q, 0, 60000) == OUTQ_QUEUED)
		n += 60000;
	ck_assert_uint_le(n, 2 << 20);
	ck_assert_uint_gt(n, (2 << 20) - 60000);
}
END_TEST

START_TEST(an_episode_ends_when_half_is_free)
{
	fill(MU_OVERFLOW_DROP_NEWEST);
	for (uint32_t i = 0; i < 7; i++)
		push(q, 0, 100);
	ck_assert_uint_eq(outq_stats(q)->episodes, 1);
	ck_assert(outq_stats(q)->dropping);
	ck_assert_uint_eq(outq_stats(q)->episode_dropped, 7);
	write_some(q, &sink, SIZE_MAX);
	ck_assert(!outq_stats(q)->dropping);
	for (uint32_t i = 0; i < 12; i++)
		push(q, 0, 100);
	ck_assert_uint_eq(outq_stats(q)->episodes, 2);
	ck_assert_uint_eq(outq_stats(q)->episode_dropped, 2);
	ck_assert_uint_eq(outq_stats(q)->dropped, 9);
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

START_TEST(a_drained_queue_does_not_allocate)
{
	open_queue(1 << 20, 10000, MU_OVERFLOW_DROP_OLDEST);
	for (int round = 0; round < 20; round++) {
		if (round == 2)
			mu_alloc_set_hook(count_allocation, NULL);
		for (uint32_t i = 0; i < 1000; i++)
			push(q, i, 150);
		for (const uint8_t *at; !outq_empty(q);) {
			size_t len;

			outq_peek(q, &at, &len);
			outq_consume(q, len);
		}
	}
	mu_alloc_set_hook(NULL, NULL);
	ck_assert_uint_eq(allocations, 0);
}
END_TEST

START_TEST(a_stopped_receiver_costs_a_bounded_number_of_chunks)
{
	const uint8_t *at;
	size_t len;

	open_queue(1 << 20, 100000, MU_OVERFLOW_DROP_OLDEST);
	push(q, 0, 150);
	outq_peek(q, &at, &len); /* the socket took nothing */
	mu_alloc_set_hook(count_allocation, NULL);
	for (uint32_t i = 1; i < 1000000; i++)
		push(q, i, 150);
	mu_alloc_set_hook(NULL, NULL);
	/* what 1 MiB needs, and not one more for a million messages */
	ck_assert_uint_le(allocations, (1 << 20) / 65000 + 2);
	ck_assert_uint_le(outq_stats(q)->bytes, (1 << 20) + 150);
	ck_assert_uint_eq(outq_stats(q)->messages + outq_stats(q)->dropped,
	    1000000);
}
END_TEST

/* From more than half of either limit to a quarter of both. */
START_TEST(pressure_begins_late_and_ends_late)
{
	const uint8_t *bytes;
	size_t len;

	open_queue(1 << 20, 100, MU_OVERFLOW_DROP_OLDEST);
	for (uint32_t i = 0; i < 50; i++)
		ck_assert_int_eq(push(q, i, 1000), OUTQ_QUEUED);
	ck_assert(!outq_pressed(q));
	push(q, 50, 1000);
	ck_assert(outq_pressed(q));
	/* 16 and a bit are pinned by looking */
	ck_assert(outq_peek(q, &bytes, &len));
	ck_assert(outq_pressed(q));
	outq_consume(q, 25 * 1000);
	ck_assert(outq_pressed(q));
	outq_consume(q, 1000);
	ck_assert(!outq_pressed(q));
	outq_free(q);
	open_queue(10000, 100, MU_OVERFLOW_DROP_OLDEST);
	push(q, 0, 5000);
	ck_assert(!outq_pressed(q));
	push(q, 1, 8);
	ck_assert(outq_pressed(q));
}
END_TEST

/* What one queue no longer needs the next one takes. */
START_TEST(queues_share_their_spare_chunks)
{
	struct outq *other = outq_new(&wide, &pool);
	const uint8_t *bytes;
	size_t len;

	open_queue(1 << 20, 100, MU_OVERFLOW_DISCONNECT);
	for (uint32_t i = 0; i < 20; i++) {
		struct outq *one = i % 2 == 0 ? q : other;

		ck_assert_int_eq(push(one, i, 100), OUTQ_QUEUED);
		ck_assert_uint_eq(pool.n, 0);
		ck_assert(outq_peek(one, &bytes, &len));
		outq_consume(one, len);
		ck_assert_uint_eq(pool.n, 1);
	}
	outq_free(other);
}
END_TEST

static bool
use_queue(void *ctx)
{
	struct outq *mine = outq_new(&wide, &pool);
	bool good = mine != NULL;

	(void)ctx;
	for (uint32_t i = 0; good && i < 6; i++)
		good = push(mine, i, i % 2 == 0 ? 100 : 20000) ==
		    OUTQ_QUEUED && push_control(mine, i, 50) == OUTQ_QUEUED;
	outq_free(mine);
	return good;
}

START_TEST(failing_allocations_are_survived)
{
	ck_assert_uint_gt(nomem_each(use_queue, NULL), 10);
}
END_TEST

/* --- everything at random ------------------------------------------------ */

START_TEST(at_random_order_is_kept_and_nothing_is_unaccounted)
{
	struct mu_rng rng;
	uint32_t n = 0, controls = 0;
	long last = -1, taken;

	mu_rng_init(&rng, (uint64_t)_i);
	open_queue(200000, 50, _i % 2 == 0 ? MU_OVERFLOW_DROP_OLDEST
					   : MU_OVERFLOW_DROP_NEWEST);
	for (int step = 0; step < 5000; step++) {
		uint64_t what = mu_rng_below(&rng, 10);

		if (what < 6) {
			push(q, n++, 8 + mu_rng_below(&rng,
			    what == 0 ? 40000 : 2000));
		} else if (what == 6) {
			controls += push_control(q, n++, 60) == OUTQ_QUEUED;
			push_kept(q, n++, 8 + mu_rng_below(&rng, 1000));
		} else if (what == 7) {
			const uint8_t *at;
			size_t len;

			outq_peek(q, &at, &len);
		} else {
			write_some(q, &sink, mu_rng_below(&rng, 30000));
		}
	}
	write_some(q, &sink, SIZE_MAX);
	n = 0;
	while ((taken = take(&sink)) >= 0) {
		ck_assert_int_gt(taken, last);
		last = taken;
		n++;
	}
	ck_assert_uint_eq(mu_buf_len(&sink), 0);
	ck_assert_uint_eq(n, outq_stats(q)->sent_messages + controls);
	ck_assert_uint_gt(outq_stats(q)->dropped, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("outq");
	TCase *t = tcase_create("outq");

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, what_goes_in_comes_out_in_order);
	tcase_add_test(t, small_neighbours_are_joined_to_full_records);
	tcase_add_test(t, pressure_begins_late_and_ends_late);
	tcase_add_test(t, queues_share_their_spare_chunks);
	tcase_add_test(t, large_frames_are_queued_by_reference);
	tcase_add_test(t, drop_newest_keeps_the_old_ones);
	tcase_add_test(t, drop_oldest_keeps_the_new_ones);
	tcase_add_test(t, disconnect_drops_nothing_and_says_so);
	tcase_add_test(t, the_limit_in_bytes_holds_too);
	tcase_add_test(t,
	    a_frame_larger_than_the_limit_fits_when_nothing_waits);
	tcase_add_test(t, a_partly_sent_frame_is_never_dropped);
	tcase_add_test(t, bytes_shown_stay_as_they_are);
	tcase_add_test(t, control_frames_are_never_dropped);
	tcase_add_test(t, messages_that_are_kept_are_counted_and_never_dropped);
	tcase_add_test(t, too_many_or_too_large_messages_are_not_kept);
	tcase_add_test(t,
	    a_frame_beyond_the_limit_does_not_end_the_connection);
	tcase_add_test(t, too_many_control_bytes_are_an_overflow);
	tcase_add_test(t, an_episode_ends_when_half_is_free);
	tcase_add_test(t, a_drained_queue_does_not_allocate);
	tcase_add_test(t, a_stopped_receiver_costs_a_bounded_number_of_chunks);
	tcase_add_test(t, failing_allocations_are_survived);
	tcase_add_loop_test(t,
	    at_random_order_is_kept_and_nothing_is_unaccounted, 0, 40);
	suite_add_tcase(s, t);
	return unit_run(s);
}
