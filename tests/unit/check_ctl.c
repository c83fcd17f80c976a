/* The tables and small parts of musterctl. */
#include <check.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "ctl/ctl.h"
#include "ctl/value.h"
#include "muster/err.h"
#include "proto/jtext.h"
#include "unit.h"

START_TEST(every_command_is_explained)
{
	for (size_t i = 0; i < ncommands; i++) {
		const struct command *c = &commands[i];
		char start[64];

		ck_assert_uint_gt(strlen(c->about), 5);
		ck_assert(islower((unsigned char)c->about[0]));
		ck_assert_ptr_nonnull(c->run);
		snprintf(start, sizeof start, "musterctl");
		ck_assert_int_eq(strncmp(c->example, start, strlen(start)), 0);
		ck_assert_ptr_nonnull(strstr(c->example, c->name));
		ck_assert(c->max < 0 || c->max >= c->min);
	}
}
END_TEST

START_TEST(names_and_options_are_unique)
{
	for (size_t i = 0; i < ncommands; i++) {
		const struct option_row *const *o = commands[i].options;

		for (size_t k = i + 1; k < ncommands; k++)
			ck_assert_str_ne(commands[i].name, commands[k].name);
		for (; *o != NULL; o++)
			for (size_t k = 0; global_options[k] != NULL; k++)
				ck_assert_str_ne(
				    (*o)->name, global_options[k]->name);
	}
}
END_TEST

START_TEST(commands_are_found_by_one_or_two_words)
{
	int n;

	ck_assert_str_eq(command_find("status", "x", &n)->name, "status");
	ck_assert_int_eq(n, 1);
	ck_assert_str_eq(command_find("tls", "issue", &n)->name, "tls issue");
	ck_assert_int_eq(n, 2);
	ck_assert_ptr_null(command_find("tls", NULL, &n));
	ck_assert_ptr_null(command_find("tls", "nothing", &n));
	ck_assert_ptr_null(command_find("", NULL, &n));
}
END_TEST

/* --- the command line --------------------------------------------------- */

static struct ctl ctl;
static char *ctl_words[16];

/* Parse a line of words; quotes are not needed here. */
static bool
parse(const char *line)
{
	static char words[256];
	char *argv[16] = { words }, *save = NULL;
	const struct command *cmd;
	int argc = 0;

	snprintf(words, sizeof words, "musterctl %s", line);
	for (char *w = strtok_r(words, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	ctl = (struct ctl){ .args = ctl_words };
	return ctl_parse(&ctl, argc, argv, &cmd);
}

/* The operands, with blanks between them. */
static const char *
operands(void)
{
	static char text[256];

	text[0] = '\0';
	for (int i = 0; i < ctl.nargs; i++) {
		strcat(text, i == 0 ? "" : " ");
		strcat(text, ctl.args[i]);
	}
	return text;
}

START_TEST(a_pool_may_have_a_key_behind_it)
{
	static const struct {
		const char *line, *pool, *key, *operands;
	} cases[] = {
		{ "publish --rr proxy E", "proxy", NULL, "E" },
		{ "publish --rr proxy E 1 2", "proxy", NULL, "E 1 2" },
		{ "publish --rr proxy --data 1", "proxy", NULL, "1" },
		{ "publish --rr=proxy E 1", "proxy", NULL, "E 1" },
		{ "publish E --rr proxy", "proxy", NULL, "E" },
		{ "publish E --rr proxy --json", "proxy", NULL, "E" },
		{ "publish E --rr proxy -- -x", "proxy", NULL, "E -x" },
		{ "publish E 1 --rr proxy k", "proxy", "k", "E 1" },
		{ "publish E 1 --rr proxy -7", "proxy", "-7", "E 1" },
		{ "publish E --rr proxy k 1", "proxy", "k", "E 1" },
		{ "publish --rr proxy k -- E 1", "proxy", "k", "E 1" },
		{ "publish --rr=proxy k -- E -x", "proxy", "k", "E -x" },
		{ "publish --rr proxy -- E 1", "proxy", NULL, "E 1" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ck_assert_msg(parse(cases[i].line), "%s", cases[i].line);
		ck_assert_str_eq(ctl.rr, cases[i].pool);
		ck_assert_msg(cases[i].key == NULL
				  ? ctl.pool_key == NULL
				  : ctl.pool_key != NULL &&
					strcmp(ctl.pool_key, cases[i].key) == 0,
		    "%s", cases[i].line);
		ck_assert_str_eq(operands(), cases[i].operands);
	}
}
END_TEST

START_TEST(a_key_that_must_be_is_the_next_word)
{
	ck_assert(parse("publish --hrw proxy k E 1"));
	ck_assert_str_eq(ctl.hrw, "proxy");
	ck_assert_str_eq(ctl.pool_key, "k");
	ck_assert_str_eq(operands(), "E 1");
	ck_assert(!parse("publish E --hrw proxy"));
	ck_assert(parse("publish --rr proxy E --key k"));
	ck_assert_str_eq(ctl.key, "k");
	ck_assert_ptr_null(ctl.pool_key);
}
END_TEST

START_TEST(units_are_readable)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} ago[] = { { 0, "0ms" }, { 999, "999ms" }, { 1000, "1s" },
		{ 59999, "59s" }, { 61000, "1m 01s" }, { 3600000, "1h 00m" },
		{ 90061000, "1d 01h" } };
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = { { 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1.0 KiB" },
		{ 1536, "1.5 KiB" }, { 5u << 20, "5.0 MiB" },
		{ UINT64_MAX, "16777216.0 TiB" } };
	char out[32];

	for (size_t i = 0; i < sizeof ago / sizeof ago[0]; i++)
		ck_assert_str_eq(
		    text_ago(ago[i].ms, out, sizeof out), ago[i].text);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		ck_assert_str_eq(
		    text_size(sizes[i].bytes, out, sizeof out), sizes[i].text);
}
END_TEST

START_TEST(elements_are_values_or_short_text)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "7", "{\"@data-type\":\"count\",\"data\":7}" },
		{ "-7", "{\"@data-type\":\"integer\",\"data\":-7}" },
		{ "true", "{\"@data-type\":\"boolean\",\"data\":true}" },
		{ "false", "{\"@data-type\":\"boolean\",\"data\":false}" },
		{ "\"x\"", "{\"@data-type\":\"string\",\"data\":\"x\"}" },
		{ "\"10.0.0.1\"",
		    "{\"@data-type\":\"address\",\"data\":\"10.0.0.1\"}" },
		{ "\"string:10.0.0.1\"",
		    "{\"@data-type\":\"string\",\"data\":\"10.0.0.1\"}" },
		{ "{\"@data-type\":\"none\"}", "{\"@data-type\":\"none\"}" },
	};
	struct mu_buf b;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct mu_jtext v =
		    mu_jtext_over(cases[i].in, strlen(cases[i].in));

		mu_buf_init(&b, 0);
		ck_assert_int_eq(value_from_element(&b, &v), 0);
		mu_buf_u8(&b, 0);
		ck_assert_str_eq((char *)mu_buf_data(&b), cases[i].out);
		mu_buf_clear(&b);
	}
}
END_TEST

START_TEST(null_and_arrays_are_no_elements)
{
	static const char *const bad[] = { "null", "[]", "[1]" };
	struct mu_buf b;

	mu_buf_init(&b, 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct mu_jtext v = mu_jtext_over(bad[i], strlen(bad[i]));

		ck_assert_int_eq(value_from_element(&b, &v), MUSTER_ETYPE);
	}
	mu_buf_clear(&b);
}
END_TEST

START_TEST(nothing_from_the_net_drives_the_terminal)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	value_print_bytes(f, "a\x1b[2J\n\x7f\xc3\xa9", 9);
	fclose(f);
	ck_assert_str_eq(text, "a\\x1b[2J\\x0a\\x7f\xc3\xa9");
	free(text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ctl");
	TCase *c = tcase_create("ctl");

	tcase_add_test(c, every_command_is_explained);
	tcase_add_test(c, names_and_options_are_unique);
	tcase_add_test(c, commands_are_found_by_one_or_two_words);
	tcase_add_test(c, a_pool_may_have_a_key_behind_it);
	tcase_add_test(c, a_key_that_must_be_is_the_next_word);
	tcase_add_test(c, units_are_readable);
	tcase_add_test(c, elements_are_values_or_short_text);
	tcase_add_test(c, null_and_arrays_are_no_elements);
	tcase_add_test(c, nothing_from_the_net_drives_the_terminal);
	suite_add_tcase(s, c);
	return unit_run(s);
}
