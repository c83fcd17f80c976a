/* Ranges, names and single words of the layout. */
#include "check_layout.h"

#include "base/rng.h"
#include "layout/fields.h"
#include "layout/names.h"
#include "layout/range.h"
#include "layout/scalars.h"
#include "layout/source.h"
#include "unit.h"

static void
check_range(const char *text, size_t count, const char *first, const char *last)
{
	char why[160], *word;
	size_t n;

	ck_assert_msg(
	    mu_range_count(text, &n, why, sizeof why) == 0, "%s %s", text, why);
	ck_assert_uint_eq(n, count);
	word = mu_range_word(text, 0);
	ck_assert_str_eq(word, first);
	mu_free(word);
	word = mu_range_word(text, n == 0 ? 0 : n - 1);
	ck_assert_str_eq(word, last);
	mu_free(word);
}

START_TEST(ranges_count_with_their_padding)
{
	check_range("worker", 0, "worker", "worker");
	check_range("", 0, "", "");
	check_range("worker-[1-4]", 4, "worker-1", "worker-4");
	check_range("[7-7]", 1, "7", "7");
	check_range("w[8-12]", 5, "w8", "w12");
	check_range("w[08-12]x", 5, "w08x", "w12x");
	check_range("w[0-9]", 10, "w0", "w9");
	check_range("w[00-09]", 10, "w00", "w09");
	check_range("10.[1-3].0.[11-13]", 3, "10.1.0.11", "10.3.0.13");
	check_range("[1-2][3-4][005-006]", 2, "13005", "24006");
	check_range("w[999999990-999999999]", 10, "w999999990", "w999999999");
	check_range("w[1-10000]", 10000, "w1", "w10000");
}
END_TEST

START_TEST(bad_ranges_are_refused_with_the_reason)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "w[", "bad range" },
		{ "w]", "bad range" },
		{ "w[]", "bad range" },
		{ "w[1]", "bad range" },
		{ "w[-1]", "bad range" },
		{ "w[1-]", "bad range" },
		{ "w[1--2]", "bad range" },
		{ "w[1-2", "bad range" },
		{ "w[[1-2]]", "bad range" },
		{ "w[1-2]]", "bad range" },
		{ "w[ 1-2]", "bad range" },
		{ "w[01-2]", "bad range" },
		{ "w[1-02]", "bad range" },
		{ "w[1-1000000000]", "bad range" },
		{ "w[2-1]", "backwards" },
		{ "w[1-10001]", "at most 10000" },
		{ "w[1-2][1-3]", "equally long" },
		{ "[::1]", "IPv6" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char why[160];
		size_t n;

		ck_assert_msg(
		    mu_range_count(cases[i].text, &n, why, sizeof why) != 0,
		    "%s", cases[i].text);
		ck_assert_msg(strstr(why, cases[i].why) != NULL, "%s: %s",
		    cases[i].text, why);
	}
}
END_TEST

/* Marking changes brackets only, unmarking restores them, for any text. */
START_TEST(marked_text_is_restored_exactly)
{
	static const char alphabet[] = "a1-.:[[]],{}\"' \n";
	struct mu_rng rng;

	mu_rng_init(&rng, 3);
	for (int round = 0; round < 20000; round++) {
		char text[64], *marked;
		size_t len = mu_rng_below(&rng, sizeof text - 1), n;

		for (size_t i = 0; i < len; i++)
			text[i] =
			    alphabet[mu_rng_below(&rng, sizeof alphabet - 1)];
		text[len] = '\0';
		marked = mu_source_mark(text, len, &n);
		ck_assert_ptr_nonnull(marked);
		ck_assert_uint_eq(mu_source_unmark(marked, n), len);
		ck_assert_str_eq(marked, text);
		mu_free(marked);
	}
}
END_TEST

START_TEST(only_brackets_of_words_are_marked)
{
	static const struct {
		const char *text, *expect;
	} cases[] = {
		{ "{h: a[1-2]}", "{h: a<1-2>}" },
		{ "{h: a[1-2]b[3-4][5-6]}", "{h: a<1-2>b<3-4><5-6>}" },
		{ "{h: fe80::[1-2]}", "{h: fe80::<1-2>}" },
		{ "{\"a\":[1-2]}", "{\"a\":[1-2]}" },
		{ "a: [b-[1-2]]", "a: [b-<1-2>]" },
		{ "[1-2]", "[1-2]" },
		{ "a [1-2]", "a [1-2]" },
		{ "a[1 2]", "a[1 2]" },
		{ "a[1-2", "a[1-2" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t n;
		char *marked =
		    mu_source_mark(cases[i].text, strlen(cases[i].text), &n);
		char shown[64];
		size_t to = 0;

		for (size_t k = 0; k < n; k++) {
			if ((unsigned char)marked[k] != 0xf0) {
				shown[to++] = marked[k];
				continue;
			}
			shown[to++] = marked[k + 3] == '\xbe' ? '<' : '>';
			k += 3;
		}
		shown[to] = '\0';
		ck_assert_str_eq(shown, cases[i].expect);
		mu_free(marked);
	}
}
END_TEST

START_TEST(hosts_are_names_or_addresses)
{
	static const char *const good[] = { "a", "a.b-c.d_e", "10.0.0.1", "::1",
		"fe80::1%eth0", "2001:db8::7", "1a", "localhost.",
		"::ffff:10.0.0.1" };
	static const char *const bad[] = { "", "a b", "a..b", "10.0.0",
		"10.0.0.1.2", "256.1.1.1", ":", "fe80::1%", "a/b", "a:b",
		"fe80::1%a/b", "\xc3\xa9" };

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		ck_assert_msg(mu_host_fault(good[i]) == NULL, "%s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(mu_host_fault(bad[i]) != NULL, "%s", bad[i]);
}
END_TEST

START_TEST(only_loopback_hosts_listen_on_themselves)
{
	ck_assert_str_eq(mu_host_loopback("127.0.0.1"), "127.0.0.1");
	ck_assert_str_eq(mu_host_loopback("127.3.2.1"), "127.3.2.1");
	ck_assert_str_eq(mu_host_loopback("::1"), "::1");
	ck_assert_str_eq(mu_host_loopback("Localhost"), "127.0.0.1");
	ck_assert_ptr_null(mu_host_loopback("10.0.0.1"));
	ck_assert_ptr_null(mu_host_loopback("127.example.org"));
	ck_assert_ptr_null(mu_host_loopback("::2"));
	ck_assert_ptr_null(mu_host_loopback("host"));
}
END_TEST

/* What a field shows is read as the same value: defaults of all fields. */
static void
check_defaults(const struct mu_section *s)
{
	for (size_t i = 0; i < s->nfields; i++) {
		const struct mu_field *f = &s->fields[i];
		struct mu_spot spot = { 0 };
		struct mu_field one = *f;
		union {
			uint64_t number;
			char *string;
		} a = { 0 }, b = { 0 };
		struct mu_buf text;
		bool string;

		if (f->kind == MU_KIND_SECTION || f->kind == MU_KIND_NODES)
			check_defaults(f->section);
		if (f->fallback == NULL)
			continue;
		one.offset = 0;
		string = f->kind == MU_KIND_PATH || f->kind == MU_KIND_TOPIC ||
			 f->kind == MU_KIND_DIRECTORY ||
			 f->kind == MU_KIND_HOST;
		ck_assert_int_eq(
		    mu_scalar_read(&spot, &one, f->fallback, &a), 0);
		mu_buf_init(&text, 0);
		mu_scalar_put(&text, &one, &a);
		mu_buf_u8(&text, '\0');
		ck_assert_str_eq((const char *)mu_buf_data(&text), f->fallback);
		ck_assert_int_eq(mu_scalar_read(&spot, &one,
				     (const char *)mu_buf_data(&text), &b),
		    0);
		if (string) {
			ck_assert_str_eq(a.string, b.string);
			mu_free(a.string);
			mu_free(b.string);
		} else {
			ck_assert_uint_eq(a.number, b.number);
		}
		mu_buf_clear(&text);
	}
}

START_TEST(defaults_are_shown_as_they_are_written)
{
	check_defaults(&mu_fields_top);
}
END_TEST

/* The same key twice in a table would hide the second row. */
static void
check_keys(const struct mu_section *s)
{
	for (size_t i = 0; i < s->nfields; i++) {
		ck_assert_ptr_eq(
		    mu_fields_find(s, s->fields[i].key), &s->fields[i]);
		ck_assert_ptr_nonnull(s->fields[i].about);
		if (s->fields[i].section != NULL)
			check_keys(s->fields[i].section);
	}
}

START_TEST(every_key_has_one_row_with_a_description)
{
	check_keys(&mu_fields_top);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("layout_words");
	TCase *t = tcase_create("words");

	tcase_add_test(t, ranges_count_with_their_padding);
	tcase_add_test(t, bad_ranges_are_refused_with_the_reason);
	tcase_add_test(t, marked_text_is_restored_exactly);
	tcase_add_test(t, only_brackets_of_words_are_marked);
	tcase_add_test(t, hosts_are_names_or_addresses);
	tcase_add_test(t, only_loopback_hosts_listen_on_themselves);
	tcase_add_test(t, defaults_are_shown_as_they_are_written);
	tcase_add_test(t, every_key_has_one_row_with_a_description);
	suite_add_tcase(s, t);
	return unit_run(s);
}
