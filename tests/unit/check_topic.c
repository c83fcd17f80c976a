/* Filters: minimal, sorted, and matching as the naive reading would. */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "muster/err.h"
#include "topic/filter.h"
#include "unit.h"

static bool
nth_fails(void *ctx)
{
	int *left = ctx;

	return (*left)-- == 0;
}

static int
add(struct muster_filter *f, const char *s)
{
	return muster_filter_add(f, s, strlen(s));
}

static bool
matches(const struct muster_filter *f, const char *topic)
{
	return muster_filter_matches(f, topic, strlen(topic));
}

/* The entries joined by spaces, in a static buffer. */
static const char *
shown(const struct muster_filter *f)
{
	static char text[1024];

	text[0] = '\0';
	for (size_t i = 0; i < muster_filter_size(f); i++) {
		if (i > 0)
			strcat(text, " ");
		strcat(text, muster_filter_at(f, i, NULL));
	}
	return text;
}

START_TEST(prefixes_are_plain_bytes)
{
	ck_assert(muster_topic_matches("/a", 2, "/a", 2));
	ck_assert(muster_topic_matches("/a", 2, "/ab", 3));
	ck_assert(muster_topic_matches("/a", 2, "/a/b", 4));
	ck_assert(muster_topic_matches("", 0, "x", 1));
	ck_assert(muster_topic_matches("", 0, "", 0));
	ck_assert(!muster_topic_matches("/a", 2, "/", 1));
	ck_assert(!muster_topic_matches("/a", 2, "/b", 2));
	ck_assert(muster_topic_matches("a\0b", 3, "a\0bc", 4));
	ck_assert(!muster_topic_matches("a\0b", 3, "a\0c", 3));
}
END_TEST

START_TEST(dogs_are_matched_as_in_the_seed_example)
{
	struct muster_filter *f = muster_filter_new();

	add(f, "alice/dogs");
	ck_assert(matches(f, "alice/dogs/corgi"));
	ck_assert(matches(f, "alice/dogs"));
	ck_assert(matches(f, "alice/dogsarecool/oratleastilikethem"));
	ck_assert(!matches(f, "alice/cats/siamese"));
	ck_assert(!matches(f, "alice/cats"));
	ck_assert(!matches(f, "alice/dog"));
	ck_assert(!matches(f, "alice"));
	muster_filter_free(f);
}
END_TEST

START_TEST(filters_stay_sorted_and_prefix_free)
{
	struct muster_filter *f = muster_filter_new();

	ck_assert_int_eq(add(f, "zeek/logs/"), 1);
	ck_assert_int_eq(add(f, "a/b"), 1);
	ck_assert_int_eq(add(f, "a/b"), 0);
	ck_assert_int_eq(add(f, "a/b/c"), 0);
	ck_assert_int_eq(add(f, "a/c"), 1);
	ck_assert_str_eq(shown(f), "a/b a/c zeek/logs/");
	ck_assert_int_eq(add(f, "a/"), 1);
	ck_assert_str_eq(shown(f), "a/ zeek/logs/");
	ck_assert(mu_filter_has(f, "a/", 2));
	ck_assert(!mu_filter_has(f, "a/b", 3));
	ck_assert(mu_filter_has_below(f, "zeek/", 5));
	ck_assert(mu_filter_has_below(f, "", 0));
	ck_assert(!mu_filter_has_below(f, "a/b", 3));
	ck_assert_int_eq(add(f, ""), 1);
	ck_assert_uint_eq(muster_filter_size(f), 1);
	ck_assert(matches(f, ""));
	ck_assert(matches(f, "anything"));
	ck_assert_ptr_null(muster_filter_at(f, 1, NULL));
	muster_filter_free(f);
}
END_TEST

START_TEST(an_empty_filter_matches_nothing)
{
	struct muster_filter *f = muster_filter_new();

	ck_assert(!matches(f, ""));
	ck_assert(!matches(f, "a"));
	ck_assert(!mu_filter_has_below(f, "", 0));
	muster_filter_free(f);
	muster_filter_free(NULL);
}
END_TEST

START_TEST(bytes_above_127_sort_last)
{
	struct muster_filter *f = muster_filter_new();

	add(f, "\xff");
	add(f, "z");
	ck_assert_str_eq(muster_filter_at(f, 0, NULL), "z");
	ck_assert(matches(f, "\xff\xff"));
	muster_filter_free(f);
}
END_TEST

START_TEST(topics_have_a_longest_length)
{
	struct muster_filter *f = muster_filter_new();
	char *topic = calloc(1, MUSTER_TOPIC_MAX + 1);

	ck_assert_int_eq(
	    muster_filter_add(f, topic, MUSTER_TOPIC_MAX + 1), MUSTER_ELIMIT);
	ck_assert_int_eq(
	    mu_filter_append(f, topic, MUSTER_TOPIC_MAX + 1), MUSTER_ELIMIT);
	ck_assert_int_eq(muster_filter_add(f, topic, MUSTER_TOPIC_MAX), 1);
	ck_assert(muster_filter_matches(f, topic, MUSTER_TOPIC_MAX));
	ck_assert(!muster_filter_matches(f, topic, MUSTER_TOPIC_MAX - 1));
	free(topic);
	muster_filter_free(f);
}
END_TEST

/* --- properties ----------------------------------------------------------- */

static size_t
random_topic(struct mu_rng *r, char *out)
{
	size_t len = mu_rng_below(r, 6);

	for (size_t i = 0; i < len; i++)
		out[i] = (char)('a' + mu_rng_below(r, 2));
	out[len] = '\0';
	return len;
}

START_TEST(any_order_of_adding_gives_the_naive_answer)
{
	struct mu_rng r;

	mu_rng_init(&r, (uint64_t)_i);
	for (int round = 0; round < 200; round++) {
		struct muster_filter *f = muster_filter_new();
		struct muster_filter *bulk = muster_filter_new();
		char added[12][8], topic[8];
		size_t n = mu_rng_below(&r, 12);

		for (size_t i = 0; i < n; i++) {
			size_t len = random_topic(&r, added[i]);

			ck_assert_int_ge(
			    muster_filter_add(f, added[i], len), 0);
			ck_assert_int_eq(
			    mu_filter_append(bulk, added[i], len), 0);
		}
		mu_filter_normalize(bulk);
		ck_assert(mu_filter_eq(f, bulk));
		for (int t = 0; t < 40; t++) {
			size_t len = random_topic(&r, topic);
			bool any = false, below = false;

			for (size_t i = 0; i < n; i++) {
				size_t alen = strlen(added[i]);

				any |= muster_topic_matches(
				    added[i], alen, topic, len);
				below |= muster_topic_matches(
				    topic, len, added[i], alen);
			}
			ck_assert(muster_filter_matches(f, topic, len) == any);
			/* An entry below may have been absorbed by a shorter
			 * one, which then covers topic itself. */
			ck_assert(!mu_filter_has_below(f, topic, len) || below);
			ck_assert(mu_filter_has_below(f, topic, len) ||
				  !below || any);
		}
		for (size_t i = 1; i < muster_filter_size(f); i++)
			ck_assert_int_lt(
			    strcmp(muster_filter_at(f, i - 1, NULL),
				muster_filter_at(f, i, NULL)),
			    0);
		muster_filter_free(f);
		muster_filter_free(bulk);
	}
}
END_TEST

START_TEST(without_memory_the_filter_is_unchanged)
{
	for (int n = 0;; n++) {
		struct muster_filter *f = muster_filter_new(), *before;
		int left = n, rc = 0;

		add(f, "m/a");
		add(f, "m/b");
		before = mu_filter_copy(f);
		mu_alloc_set_hook(nth_fails, &left);
		for (char c = 'a'; c < 'z' && rc >= 0; c++)
			rc = muster_filter_add(f, &c, 1);
		mu_alloc_set_hook(NULL, NULL);
		if (rc < 0) {
			ck_assert_int_eq(rc, MUSTER_ENOMEM);
			ck_assert(matches(f, "m/a"));
		}
		muster_filter_free(before);
		muster_filter_free(f);
		if (rc >= 0)
			break;
	}
}
END_TEST

START_TEST(copies_fail_cleanly)
{
	struct muster_filter *f = muster_filter_new(), *copy = NULL;

	for (char c = 'a'; c <= 'z'; c++)
		muster_filter_add(f, &c, 1);
	for (int n = 0; copy == NULL; n++) {
		int left = n;

		mu_alloc_set_hook(nth_fails, &left);
		copy = mu_filter_copy(f);
		mu_alloc_set_hook(NULL, NULL);
		ck_assert(copy == NULL || mu_filter_eq(copy, f));
	}
	muster_filter_free(copy);
	muster_filter_free(f);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("topic");
	TCase *t = tcase_create("filter");

	tcase_add_test(t, prefixes_are_plain_bytes);
	tcase_add_test(t, dogs_are_matched_as_in_the_seed_example);
	tcase_add_test(t, filters_stay_sorted_and_prefix_free);
	tcase_add_test(t, an_empty_filter_matches_nothing);
	tcase_add_test(t, bytes_above_127_sort_last);
	tcase_add_test(t, topics_have_a_longest_length);
	tcase_add_loop_test(
	    t, any_order_of_adding_gives_the_naive_answer, 0, 5);
	tcase_add_test(t, without_memory_the_filter_is_unchanged);
	tcase_add_test(t, copies_fail_cleanly);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
