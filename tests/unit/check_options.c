/* The command line of musterd, and which node it is about. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "layout/layout.h"
#include "layout/read.h"
#include "node/choose.h"
#include "node/options.h"
#include "nomem.h"
#include "scratch.h"
#include "sys/exit.h"
#include "unit.h"

static struct options o;
static char err[256];

static void
setup(void)
{
	unsetenv("MUSTER_NODE");
	unsetenv("CLUSTER_NODE");
	err[0] = '\0';
}

/* Parse a line of words; quotes are not needed here. */
static enum options_result
parse(const char *line)
{
	static char words[256];
	char *argv[16] = { words }, *save = NULL;
	int argc = 0;

	snprintf(words, sizeof words, "musterd %s", line);
	for (char *w = strtok_r(words, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	return options_parse(&o, argc, argv, err, sizeof err);
}

/* --- options ----------------------------------------------------------- */

START_TEST(without_options_the_defaults_hold)
{
	ck_assert_int_eq(parse(""), OPTIONS_RUN);
	ck_assert_str_eq(o.layout, "/etc/muster/cluster.yaml");
	ck_assert_str_eq(o.root, "");
	ck_assert_ptr_null(o.user);
	ck_assert_ptr_null(o.node);
	ck_assert(!o.all && !o.foreground && !o.check && !o.verbose);
}
END_TEST

START_TEST(short_and_long_options_mean_the_same)
{
	static const char *const lines[] = {
		"-dvn -f a.yaml -r /root --user nobody w",
		("--foreground --verbose --check --layout a.yaml "
		 "--root=/root --user=nobody w"),
		"w -dvnfa.yaml -r/root --user nobody",
	};

	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		ck_assert_int_eq(parse(lines[i]), OPTIONS_RUN);
		ck_assert(o.foreground && o.verbose && o.check && !o.all);
		ck_assert_str_eq(o.layout, "a.yaml");
		ck_assert_str_eq(o.root, "/root");
		ck_assert_str_eq(o.user, "nobody");
		ck_assert_str_eq(o.node, "w");
	}
}
END_TEST

START_TEST(help_and_version_win)
{
	ck_assert_int_eq(parse("-d -h --bogus"), OPTIONS_HELP);
	ck_assert_int_eq(parse("--help"), OPTIONS_HELP);
	ck_assert_int_eq(parse("--version"), OPTIONS_VERSION);
}
END_TEST

START_TEST(mistakes_are_named)
{
	static const struct {
		const char *line;
		const char *part;
	} rows[] = {
		{ "-q", "unknown option -q" },
		{ "--layuot x", "did you mean --layout?" },
		{ "-f", "option -f needs an argument" },
		{ "--root", "option --root needs an argument" },
		{ "a b", "more than one node: \"a\" and \"b\"" },
		{ "-a w", "\"w\" is too much" },
		{ "--all --bogus-thing", "unknown option --bogus-thing" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ck_assert_int_eq(parse(rows[i].line), OPTIONS_BAD);
		ck_assert_contains(err, rows[i].part);
	}
}
END_TEST

START_TEST(environment_names_the_node)
{
	setenv("CLUSTER_NODE", "from-zeek", 1);
	parse("");
	ck_assert_str_eq(o.node, "from-zeek");
	setenv("MUSTER_NODE", "ours", 1);
	parse("");
	ck_assert_str_eq(o.node, "ours");
	parse("argument");
	ck_assert_str_eq(o.node, "argument");
	setenv("MUSTER_NODE", "", 1);
	parse("");
	ck_assert_str_eq(o.node, "from-zeek");
	/* It does not restrict -a. */
	ck_assert_int_eq(parse("-a"), OPTIONS_RUN);
	ck_assert_ptr_null(o.node);
}
END_TEST

/* --- nodes ------------------------------------------------------------- */

static const char layout_text[] =
    "cluster: lab\n"
    "tls: none\n"
    "nodes:\n"
    "  manager:      {role: manager, host: here, port: 1000}\n"
    "  worker-[1-3]: {role: worker, host: there}\n"
    "  worker-4:     {role: worker, host: elsewhere}\n";

static struct mu_layout *
layout(void)
{
	struct mu_diags diags;
	struct mu_layout *l;

	ck_assert_int_eq(mu_diags_init(&diags, "lab.yaml"), 0);
	l = mu_layout_read(
	    "lab.yaml", layout_text, strlen(layout_text), &diags);
	ck_assert_ptr_nonnull(l);
	mu_diags_clear(&diags);
	return l;
}

static bool
is_here(void *ctx, const char *host)
{
	(void)ctx;
	return strcmp(host, "here") == 0;
}

static bool
is_there(void *ctx, const char *host)
{
	(void)ctx;
	return strcmp(host, "there") == 0;
}

static bool
is_nowhere(void *ctx, const char *host)
{
	(void)ctx;
	(void)host;
	return false;
}

START_TEST(named_node_is_taken_wherever_it_lives)
{
	struct mu_layout *l = layout();
	int code = 0;

	ck_assert_str_eq(
	    choose_node(l, "worker-4", is_here, NULL, &code, err, sizeof err)
		->name,
	    "worker-4");
	mu_layout_free(l);
}
END_TEST

START_TEST(misspelt_node_gets_a_hint)
{
	struct mu_layout *l = layout();
	int code = 0;

	ck_assert_ptr_null(
	    choose_node(l, "manger", is_here, NULL, &code, err, sizeof err));
	ck_assert_int_eq(code, EXIT_CONFIG);
	ck_assert_str_eq(
	    err, "lab.yaml: no node \"manger\" (did you mean \"manager\"?)");
	mu_layout_free(l);
}
END_TEST

START_TEST(only_node_of_the_host_needs_no_name)
{
	struct mu_layout *l = layout();
	int code = 0;

	ck_assert_str_eq(
	    choose_node(l, NULL, is_here, NULL, &code, err, sizeof err)->name,
	    "manager");
	mu_layout_free(l);
}
END_TEST

START_TEST(several_nodes_of_the_host_are_listed)
{
	struct mu_layout *l = layout();
	int code = 0;

	ck_assert_ptr_null(
	    choose_node(l, NULL, is_there, NULL, &code, err, sizeof err));
	ck_assert_int_eq(code, EXIT_USAGE);
	ck_assert_contains(err, "worker-1, worker-2, worker-3");
	ck_assert_ptr_null(
	    choose_node(l, NULL, is_nowhere, NULL, &code, err, sizeof err));
	ck_assert_int_eq(code, EXIT_CONFIG);
	ck_assert_contains(err, "no node of it lives on this host");
	mu_layout_free(l);
}
END_TEST

START_TEST(short_buffers_are_not_overrun)
{
	struct mu_layout *l = layout();
	char tiny[24] = "";
	int code = 0;

	choose_node(l, NULL, is_there, NULL, &code, tiny, sizeof tiny);
	ck_assert_uint_lt(strlen(tiny), sizeof tiny);
	mu_layout_free(l);
}
END_TEST

static bool
choose(void *ctx)
{
	int code;

	return choose_node(ctx, NULL, is_here, NULL, &code, err, sizeof err) !=
	       NULL;
}

START_TEST(choosing_may_run_out_of_memory)
{
	struct mu_layout *l = layout();

	nomem_each(choose, l);
	mu_layout_free(l);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("options");
	TCase *t = tcase_create("options");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, without_options_the_defaults_hold);
	tcase_add_test(t, short_and_long_options_mean_the_same);
	tcase_add_test(t, help_and_version_win);
	tcase_add_test(t, mistakes_are_named);
	tcase_add_test(t, environment_names_the_node);
	tcase_add_test(t, named_node_is_taken_wherever_it_lives);
	tcase_add_test(t, misspelt_node_gets_a_hint);
	tcase_add_test(t, only_node_of_the_host_needs_no_name);
	tcase_add_test(t, several_nodes_of_the_host_are_listed);
	tcase_add_test(t, short_buffers_are_not_overrun);
	tcase_add_test(t, choosing_may_run_out_of_memory);
	suite_add_tcase(s, t);
	return unit_run(s);
}
