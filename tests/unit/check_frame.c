/* Frames from a stream: any split, and claims that move no memory. */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "muster/err.h"
#include "proto/frame.h"
#include "unit.h"

static bool
all_fail(void *ctx)
{
	(void)ctx;
	return true;
}

/* Put bytes in as they come, through the room that is given. */
static void
feed(struct mu_frames *f, const uint8_t *p, size_t len)
{
	while (len > 0) {
		uint8_t *at;
		size_t room;

		ck_assert_int_eq(mu_frames_reserve(f, &at, &room), 0);
		ck_assert_uint_ge(room, 1);
		if (room > len)
			room = len;
		memcpy(at, p, room);
		mu_frames_commit(f, room);
		p += room;
		len -= room;
	}
}

static size_t
put_frame(uint8_t *out, size_t len, uint8_t fill)
{
	out[0] = (uint8_t)(len >> 24);
	out[1] = (uint8_t)(len >> 16);
	out[2] = (uint8_t)(len >> 8);
	out[3] = (uint8_t)len;
	memset(out + 4, fill, len);
	return len + 4;
}

/* Frames of these lengths, each filled with its index. */
static const size_t lengths[] = { 0, 1, 37, 0, 300, 70000, 5, 200000, 2 };
#define NLENGTHS (sizeof lengths / sizeof lengths[0])

static uint8_t *
make_stream(size_t *total)
{
	uint8_t *s = malloc(300000);

	*total = 0;
	for (size_t i = 0; i < NLENGTHS; i++)
		*total += put_frame(s + *total, lengths[i], (uint8_t)i);
	return s;
}

static void
expect(size_t i, const uint8_t *frame, size_t len)
{
	ck_assert_uint_lt(i, NLENGTHS);
	ck_assert_uint_eq(len, lengths[i] + 4);
	for (size_t k = 4; k < len; k++)
		if (frame[k] != i)
			ck_abort_msg("frame %zu differs at %zu", i, k);
}

START_TEST(frames_come_out_however_the_stream_is_split)
{
	struct mu_frames f;
	struct mu_rng r;
	size_t total, at = 0, seen = 0;
	uint8_t *s = make_stream(&total);

	mu_rng_init(&r, (uint64_t)_i);
	mu_frames_init(&f, 200000);
	while (at < total) {
		size_t n = 1 + mu_rng_below(&r, _i % 2 == 0 ? 9 : 90000);
		uint8_t *frame;
		size_t len;

		if (n > total - at)
			n = total - at;
		feed(&f, s + at, n);
		at += n;
		while (mu_frames_next(&f, &frame, &len) == 1)
			expect(seen++, frame, len);
		if (mu_rng_below(&r, 50) == 0)
			mu_frames_idle(&f);
	}
	ck_assert_uint_eq(seen, NLENGTHS);
	mu_frames_clear(&f);
	free(s);
}
END_TEST

START_TEST(one_byte_at_a_time_is_enough)
{
	struct mu_frames f;
	uint8_t s[64], *frame;
	size_t len, total = put_frame(s, 3, 7);

	mu_frames_init(&f, 10);
	for (size_t i = 0; i < total; i++) {
		ck_assert_int_eq(mu_frames_next(&f, &frame, &len), 0);
		feed(&f, s + i, 1);
	}
	ck_assert_int_eq(mu_frames_next(&f, &frame, &len), 1);
	ck_assert_int_eq(mu_frames_next(&f, &frame, &len), 0);
	mu_frames_clear(&f);
}
END_TEST

START_TEST(a_claim_moves_no_memory)
{
	struct mu_frames f;
	uint8_t head[5] = { 0x7f, 0xff, 0xff, 0xff, 6 }, *at, *frame;
	size_t room, len;

	mu_frames_init(&f, (size_t)0x7fffffff);
	feed(&f, head, sizeof head);
	ck_assert_int_eq(mu_frames_next(&f, &frame, &len), 0);
	ck_assert_int_eq(mu_frames_reserve(&f, &at, &room), 0);
	ck_assert_uint_le(f.in.cap, 64 * 1024);
	/* Memory follows the bytes, at most fourfold. */
	while (mu_buf_len(&f.in) < 3000000) {
		ck_assert_int_eq(mu_frames_reserve(&f, &at, &room), 0);
		memset(at, 0, room);
		mu_frames_commit(&f, room);
		ck_assert_uint_le(f.in.cap, 4 * mu_buf_len(&f.in) + 131072);
	}
	ck_assert_int_eq(mu_frames_next(&f, &frame, &len), 0);
	mu_frames_clear(&f);
}
END_TEST

START_TEST(a_longer_frame_than_permitted_is_an_error)
{
	struct mu_frames f;
	uint8_t head[4] = { 0, 0, 0, 11 }, *frame;
	size_t len;

	mu_frames_init(&f, 10);
	feed(&f, head, sizeof head);
	ck_assert_int_eq(mu_frames_next(&f, &frame, &len), MUSTER_ELIMIT);
	ck_assert_int_eq(mu_frames_next(&f, &frame, &len), MUSTER_ELIMIT);
	mu_frames_limit(&f, 11);
	ck_assert_int_eq(mu_frames_next(&f, &frame, &len), 0);
	mu_frames_clear(&f);
}
END_TEST

START_TEST(an_idle_buffer_gives_its_memory_back)
{
	struct mu_frames f;
	size_t total, seen = 0, len;
	uint8_t *s = make_stream(&total), *frame;

	mu_frames_init(&f, 200000);
	feed(&f, s, total);
	while (mu_frames_next(&f, &frame, &len) == 1)
		seen++;
	ck_assert_uint_eq(seen, NLENGTHS);
	mu_frames_idle(&f);
	ck_assert_uint_eq(f.in.cap, 0);
	feed(&f, s, 7); /* part of a frame survives idling */
	mu_frames_idle(&f);
	feed(&f, s + 7, total - 7);
	for (seen = 0; mu_frames_next(&f, &frame, &len) == 1; seen++)
		expect(seen, frame, len);
	ck_assert_uint_eq(seen, NLENGTHS);
	mu_frames_clear(&f);
	free(s);
}
END_TEST

START_TEST(small_traffic_stays_in_one_chunk)
{
	struct mu_frames f;
	uint8_t s[300], *at, *frame;
	size_t total = put_frame(s, 213, 1), room, len, off = 0;

	mu_frames_init(&f, 1 << 20);
	for (int i = 0; i < 2000; i++) {
		ck_assert_int_eq(mu_frames_reserve(&f, &at, &room), 0);
		for (size_t k = 0; k < room; k++) {
			at[k] = s[off];
			off = (off + 1) % total;
		}
		mu_frames_commit(&f, room);
		while (mu_frames_next(&f, &frame, &len) == 1)
			ck_assert_uint_eq(len, total);
	}
	ck_assert_uint_le(f.in.cap, 64 * 1024);
	mu_frames_clear(&f);
}
END_TEST

START_TEST(no_memory_is_reported)
{
	struct mu_frames f;
	uint8_t *at;
	size_t room;

	mu_frames_init(&f, 10);
	mu_alloc_set_hook(all_fail, NULL);
	ck_assert_int_eq(mu_frames_reserve(&f, &at, &room), MUSTER_ENOMEM);
	mu_alloc_set_hook(NULL, NULL);
	ck_assert_int_eq(mu_frames_reserve(&f, &at, &room), 0);
	mu_frames_clear(&f);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("frame");
	TCase *t = tcase_create("frame");

	tcase_add_loop_test(
	    t, frames_come_out_however_the_stream_is_split, 0, 10);
	tcase_add_test(t, one_byte_at_a_time_is_enough);
	tcase_add_test(t, a_claim_moves_no_memory);
	tcase_add_test(t, a_longer_frame_than_permitted_is_an_error);
	tcase_add_test(t, an_idle_buffer_gives_its_memory_back);
	tcase_add_test(t, small_traffic_stays_in_one_chunk);
	tcase_add_test(t, no_memory_is_reported);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
