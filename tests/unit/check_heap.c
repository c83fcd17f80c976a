/* The heap against a sorted truth. */
#include <check.h>

#include "base/alloc.h"
#include "base/heap.h"
#include "base/rng.h"
#include "muster/err.h"
#include "unit.h"

#define N 200

static struct mu_heap heap;
static struct mu_heap_item items[N];

static void
teardown(void)
{
	mu_heap_clear(&heap);
}

/* The first is the least of those that are in, and all know their places. */
static void
look(void)
{
	uint64_t least = UINT64_MAX;
	size_t in = 0;

	for (size_t i = 0; i < N; i++) {
		if (items[i].place == 0)
			continue;
		in++;
		ck_assert_ptr_eq(heap.items[items[i].place - 1], &items[i]);
		if (items[i].at < least)
			least = items[i].at;
	}
	ck_assert_uint_eq(heap.n, in);
	if (in == 0)
		ck_assert_ptr_null(mu_heap_first(&heap));
	else
		ck_assert_uint_eq(mu_heap_first(&heap)->at, least);
}

START_TEST(the_first_is_always_the_least)
{
	struct mu_rng rng;

	mu_rng_init(&rng, (uint64_t)_i + 1);
	for (int k = 0; k < 4000; k++) {
		struct mu_heap_item *i = &items[mu_rng_below(&rng, N)];

		if (mu_rng_below(&rng, 3) == 0)
			mu_heap_remove(&heap, i);
		else
			ck_assert_int_eq(
			    mu_heap_set(&heap, i, mu_rng_below(&rng, 50)), 0);
		look();
	}
}
END_TEST

START_TEST(they_come_out_in_order)
{
	struct mu_rng rng;
	uint64_t before = 0;

	mu_rng_init(&rng, 7);
	for (size_t i = 0; i < N; i++)
		mu_heap_set(&heap, &items[i], mu_rng_u64(&rng));
	for (size_t i = 0; i < N; i++) {
		struct mu_heap_item *first = mu_heap_first(&heap);

		ck_assert_uint_le(before, first->at);
		before = first->at;
		mu_heap_remove(&heap, first);
	}
	ck_assert_ptr_null(mu_heap_first(&heap));
}
END_TEST

static bool
refuse(void *ctx)
{
	(void)ctx;
	return true;
}

START_TEST(without_memory_nothing_is_lost)
{
	mu_alloc_set_hook(refuse, NULL);
	ck_assert_int_eq(mu_heap_set(&heap, &items[0], 1), MUSTER_ENOMEM);
	mu_alloc_set_hook(NULL, NULL);
	ck_assert_uint_eq(items[0].place, 0);
	ck_assert_int_eq(mu_heap_set(&heap, &items[0], 1), 0);
	ck_assert_int_eq(mu_heap_set(&heap, &items[1], 2), 0);
	mu_alloc_set_hook(refuse, NULL);
	ck_assert_int_eq(mu_heap_set(&heap, &items[0], 3), 0);
	mu_alloc_set_hook(NULL, NULL);
	ck_assert_ptr_eq(mu_heap_first(&heap), &items[1]);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("heap");
	TCase *t = tcase_create("heap");

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_loop_test(t, the_first_is_always_the_least, 0, 4);
	tcase_add_test(t, they_come_out_in_order);
	tcase_add_test(t, without_memory_nothing_is_lost);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
