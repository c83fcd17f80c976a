/* Who connects to whom, what all nodes agree on, names and paths. */
#include "check_layout.h"

#include "base/buf.h"
#include "base/rng.h"
#include "unit.h"

/* Computed once, with an independent implementation of the digest. */
#define NODE_DIGEST   0x46663a9ea408ffc3u
#define LAYOUT_DIGEST 0xb27ff9a6c3fd9a35u

#define CLUSTER                                                                \
	"cluster: lab\n"                                                       \
	"nodes:\n"                                                             \
	"  manager: {role: manager, host: 10.0.0.1, port: 1}\n"                \
	"  proxy-[1-2]: {role: proxy, host: 10.0.0.2, port: 1[0-1]}\n"         \
	"  logger-[1-2]: {role: logger, host: 10.0.0.3, port: 2[0-1]}\n"       \
	"  logger-10: {role: logger, host: 10.0.0.3, port: 22}\n"              \
	"  worker-[1-3]: {role: worker, host: 10.0.0.4}\n"                     \
	"  lonely: {role: worker, host: 10.0.0.4, manager: none}\n"            \
	"  choosy: {role: worker, host: 10.0.0.4, port: 30, "                  \
	"connect: [manager, worker-server, proxy-2, 'logger-[1-2]']}\n"        \
	"  silent: {role: worker, host: 10.0.0.4, connect: []}\n"              \
	"  worker-server: {role: worker, host: 10.0.0.4, port: 31}\n"          \
	"  control: {role: control, host: 10.0.0.9}\n"

/* "a b c": the connectees in their order; the caller frees it. */
static char *
connectees(const struct mu_layout *l, const char *name)
{
	const struct mu_layout_node **out = calloc(l->nnodes, sizeof(*out));
	const struct mu_layout_node *node = mu_layout_node(l, name);
	struct mu_buf b;
	size_t n;
	char *text;

	ck_assert_ptr_nonnull(node);
	n = mu_layout_connectees(l, node, out);
	mu_buf_init(&b, 0);
	for (size_t i = 0; i < n; i++)
		mu_buf_printf(&b, "%s%s", i == 0 ? "" : " ", out[i]->name);
	free(out);
	text = mu_buf_take_string(&b);
	mu_buf_clear(&b);
	return text;
}

START_TEST(each_role_connects_in_the_order_of_the_reference)
{
	static const struct {
		const char *name, *expect;
	} cases[] = {
		{ "logger-1", "" },
		{ "manager", "logger-1 logger-10 logger-2" },
		{ "proxy-1", "logger-1 logger-10 logger-2 manager" },
		{ "worker-3",
		    "logger-1 logger-10 logger-2 proxy-1 proxy-2 manager" },
		{ "lonely", "logger-1 logger-10 logger-2 proxy-1 proxy-2" },
		{ "choosy", "logger-1 logger-2 proxy-2 manager worker-server" },
		{ "silent", "" },
		{ "control", "" },
	};
	struct mu_layout *l = must_read(CLUSTER);

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *got = connectees(l, cases[i].name);

		ck_assert_msg(strcmp(got, cases[i].expect) == 0, "%s: %s",
		    cases[i].name, got);
		mu_free(got);
	}
	mu_layout_free(l);
}
END_TEST

START_TEST(a_logger_with_a_manager_connects_to_nobody)
{
	struct mu_layout *l = must_read(
	    "cluster: lab\n"
	    "nodes:\n"
	    "  manager: {role: manager, port: 1}\n"
	    "  logger-1: {role: logger, port: 2, manager: manager}\n");
	char *got = connectees(l, "logger-1");

	ck_assert_str_eq(mu_layout_node(l, "logger-1")->manager, "manager");
	ck_assert_str_eq(got, "");
	mu_free(got);
	mu_layout_free(l);
}
END_TEST

/* Zeek's rule never makes two nodes dial each other. */
static void
check_no_mutual_links(const struct mu_layout *l)
{
	const struct mu_layout_node *out[64], *back[64];

	ck_assert_uint_le(l->nnodes, 64);
	for (size_t i = 0; i < l->nnodes; i++) {
		size_t n = mu_layout_connectees(l, &l->nodes[i], out);

		for (size_t k = 0; k < n; k++) {
			size_t m = mu_layout_connectees(l, out[k], back);

			ck_assert_ptr_ne(out[k], &l->nodes[i]);
			ck_assert_uint_ne(out[k]->port, 0);
			while (m-- > 0)
				ck_assert_ptr_ne(back[m], &l->nodes[i]);
		}
	}
}

static bool
is_among(const struct mu_layout *l, const struct mu_layout_node *from,
    const struct mu_layout_node *to)
{
	const struct mu_layout_node *out[64];
	size_t n = mu_layout_connectees(l, from, out);

	while (n > 0)
		if (out[--n] == to)
			return true;
	return false;
}

static void
check_linked(const struct mu_layout *l)
{
	for (size_t i = 0; i < l->nnodes; i++)
		for (size_t k = 0; k < l->nnodes; k++) {
			const struct mu_layout_node *a = &l->nodes[i];
			const struct mu_layout_node *b = &l->nodes[k];

			ck_assert_msg(
			    mu_layout_linked(a, b) ==
				(is_among(l, a, b) || is_among(l, b, a)),
			    "%s and %s", a->name, b->name);
		}
}

START_TEST(two_nodes_are_linked_when_one_connects_to_the_other)
{
	struct mu_layout *l = must_read(
	    "cluster: lab\nnodes:\n"
	    "  m: {role: manager, host: m, port: 1}\n"
	    "  c: {role: control, host: m}\n"
	    "  l-[1-2]: {role: logger, host: l, port: 1[1-2], manager: m}\n"
	    "  p-[1-2]: {role: proxy, host: p, port: 1[1-2]}\n"
	    "  p-3: {role: proxy, host: p, port: 13, manager: none}\n"
	    "  w-[1-3]: {role: worker, host: w, port: 1[1-3]}\n"
	    "  w-4: {role: worker, connect: [w-1, m]}\n"
	    "  w-5: {role: worker, connect: []}\n");

	check_linked(l);
	ck_assert(mu_layout_linked(
	    mu_layout_node(l, "w-1"), mu_layout_node(l, "w-4")));
	ck_assert(!mu_layout_linked(
	    mu_layout_node(l, "w-1"), mu_layout_node(l, "w-2")));
	mu_layout_free(l);
}
END_TEST

START_TEST(no_two_nodes_connect_to_each_other)
{
	struct mu_rng rng;

	mu_rng_init(&rng, 7);
	for (int round = 0; round < 50; round++) {
		int nloggers = (int)mu_rng_below(&rng, 12) + 1;
		int nproxies = (int)mu_rng_below(&rng, 12) + 1;
		int nworkers = (int)mu_rng_below(&rng, 20) + 1;
		struct mu_layout *l;
		char text[512];

		snprintf(text, sizeof text,
		    "cluster: lab\nnodes:\n"
		    "  m: {role: manager, host: m, port: 1}\n"
		    "  l-[1-%d]: {role: logger, host: l, port: 1[001-%03d]}\n"
		    "  p-[1-%d]: {role: proxy, host: p, port: 1[001-%03d]}\n"
		    "  w-[1-%d]: {role: worker}\n",
		    nloggers, nloggers, nproxies, nproxies, nworkers);
		l = must_read(text);
		check_no_mutual_links(l);
		check_linked(l);
		mu_layout_free(l);
	}
}
END_TEST

START_TEST(every_node_is_found_by_its_name_and_no_other)
{
	struct mu_layout *l = must_read(CLUSTER);

	for (size_t i = 0; i < l->nnodes; i++) {
		ck_assert_ptr_eq(
		    mu_layout_node(l, l->nodes[i].name), &l->nodes[i]);
		if (i > 0)
			ck_assert_int_lt(
			    strcmp(l->nodes[i - 1].name, l->nodes[i].name), 0);
	}
	ck_assert_ptr_null(mu_layout_node(l, "logger-"));
	ck_assert_ptr_null(mu_layout_node(l, "logger-11"));
	ck_assert_ptr_null(mu_layout_node(l, ""));
	ck_assert_ptr_null(mu_layout_node(l, "zzz"));
	mu_layout_free(l);
}
END_TEST

/* A layout of a manager and n workers on one host. */
static struct mu_layout *
many_workers(size_t n, const char *limits)
{
	struct mu_layout *l;
	struct mu_buf b;
	char *text;

	mu_buf_init(&b, 0);
	mu_buf_printf(&b, "cluster: c\ntls: none\n%snodes:\n"
	    "  manager: {role: manager, host: 10.0.0.1, port: 1}\n"
	    "  worker-[1-%zu]: {role: worker, host: 10.0.0.2}\n", limits, n);
	text = mu_buf_take_string(&b);
	mu_buf_clear(&b);
	l = must_read(text);
	free(text);
	return l;
}

START_TEST(limits_that_are_not_given_have_room_for_all_nodes)
{
	struct mu_layout *l = many_workers(120, "");

	ck_assert_uint_eq(l->limits.connections, 1024);
	ck_assert_uint_eq(l->limits.connections_per_address, 256);
	mu_layout_free(l);
	l = many_workers(900, "");
	ck_assert_uint_eq(l->limits.connections, 2 * 901);
	ck_assert_uint_eq(l->limits.connections_per_address, 2 * 900);
	mu_layout_free(l);
	l = many_workers(900, "limits: {connections: 7}\n");
	ck_assert_uint_eq(l->limits.connections, 7);
	ck_assert_uint_eq(l->limits.connections_per_address, 2 * 900);
	mu_layout_free(l);
	l = many_workers(900, "limits: {connections_per_address: 8}\n");
	ck_assert_uint_eq(l->limits.connections, 2 * 901);
	ck_assert_uint_eq(l->limits.connections_per_address, 8);
	mu_layout_free(l);
}
END_TEST

START_TEST(role_names_are_read_back)
{
	for (int role = MU_ROLE_CONTROL; role <= MU_ROLE_WORKER; role++)
		ck_assert_int_eq(
		    mu_role_parse(mu_role_name((enum mu_role)role)), role);
	ck_assert_int_eq(mu_role_parse("none"), -1);
	ck_assert_int_eq(mu_role_parse("Worker"), -1);
	ck_assert_str_eq(mu_role_name((enum mu_role)99), "none");
}
END_TEST

static uint64_t
digest_of(const char *text)
{
	struct mu_layout *l = must_read(text);
	uint64_t digest = mu_layout_digest(l);

	mu_layout_free(l);
	return digest;
}

#define TWO(cluster, manager, worker, rest)                                    \
	"cluster: " cluster "\nnodes:\n  manager: {role: manager, " manager    \
	"}\n  " worker "\n" rest

START_TEST(the_digest_changes_with_what_is_agreed)
{
	static const char *const others[] = {
		TWO("lab2", "port: 1", "w: {role: worker}", ""),
		TWO("lab", "port: 2", "w: {role: worker}", ""),
		TWO("lab", "port: 1, host: 10.0.0.1", "w: {role: worker}", ""),
		TWO("lab", "port: 1", "w: {role: proxy, port: 2}", ""),
		TWO("lab", "port: 1", "w: {role: worker, manager: none}", ""),
		TWO("lab", "port: 1", "v: {role: worker}", ""),
		TWO("lab", "port: 1", "w-[1-2]: {role: worker}", ""),
		TWO("lab", "port: 1", "w: {role: worker}",
		    "topics: {logger: x}\n"),
		TWO("lab", "port: 1", "w: {role: worker}",
		    "topics: {started: x}\n"),
	};
	uint64_t digest =
	    digest_of(TWO("lab", "port: 1", "w: {role: worker}", ""));

	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		ck_assert_msg(digest_of(others[i]) != digest, "%zu", i);
		for (size_t k = 0; k < i; k++)
			ck_assert_uint_ne(
			    digest_of(others[i]), digest_of(others[k]));
	}
}
END_TEST

START_TEST(the_digest_is_the_same_for_what_a_node_decides_alone)
{
	static const char *const same[] = {
		"nodes: {w: {role: worker}, manager: {port: 1, role: "
		"manager}}\ncluster: lab\n",
		TWO("lab", "port: 1, host: 127.0.0.1",
		    "w: {role: worker, manager: manager}", ""),
		TWO("lab", "port: 1, listen: 0.0.0.0", "w: {role: worker}", ""),
		TWO("lab", "port: 1, key: k", "w: {role: worker}", ""),
		TWO("lab", "port: 1", "w: {role: worker}",
		    "limits: {queue: 1 MiB}\n"),
		TWO("lab", "port: 1", "w: {role: worker}",
		    "directories: {state: /s}\nuser: u\nlog_level: debug\n"),
		TWO("lab", "port: 1", "w: {role: worker}",
		    "topics: {worker: zeek/cluster/worker}\n"),
		TWO("lab", "port: 1", "w: {role: worker}", "tls: none\n"),
	};
	uint64_t digest =
	    digest_of(TWO("lab", "port: 1", "w: {role: worker}", ""));

	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
		ck_assert_msg(digest_of(same[i]) == digest, "%zu", i);
}
END_TEST

/* Hosts of any architecture compare them, so the numbers are fixed. */
START_TEST(pools_are_agreed_and_what_is_there_anyway_is_no_difference)
{
	static const char nodes[] =
	    "cluster: lab\nnodes:\n  m: {role: manager, port: 1}\n"
	    "  p-[1-2]: {role: proxy, port: 1[1-2]}\n";
	static const char *const rows[] = { "",
		"pools: {x: {type: proxy}}\n", "pools: {x: {type: worker}}\n",
		"pools: {x: {type: proxy, topic: t}}\n",
		"pools: {x: {type: proxy, max_nodes: 1}}\n",
		"pools: {x: {type: proxy, max_nodes: 1, exclusive: yes}}\n",
		"pools: {x: {type: proxy, replicas: 2}}\n",
		"pools: {x: {type: proxy, weights: {p-1: 2}}}\n",
		"pools: {x: {type: proxy, weights: {p-2: 2}}}\n",
		"pools: {x: {type: proxy, weights: {p-1: 3}}}\n",
		"pools: {proxy: {max_nodes: 1}}\n",
		"pools: {proxy: {topic: t}}\n" };
	static const char *const same[] = { "pools: {}\n",
		"pools: {worker: {}}\n",
		"pools: {proxy: {replicas: 1, weights: {}}}\n" };
	uint64_t seen[sizeof rows / sizeof rows[0]];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[512];

		snprintf(text, sizeof text, "%s%s", nodes, rows[i]);
		seen[i] = digest_of(text);
		for (size_t k = 0; k < i; k++)
			ck_assert_uint_ne(seen[i], seen[k]);
	}
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
		char text[512];

		snprintf(text, sizeof text, "%s%s", nodes, same[i]);
		ck_assert_uint_eq(digest_of(text), seen[0]);
	}
}
END_TEST

START_TEST(digests_do_not_depend_on_the_machine)
{
	struct mu_layout *l =
	    must_read(TWO("lab", "port: 1", "w: {role: worker}", ""));

	ck_assert_uint_eq(
	    mu_layout_node_digest(mu_layout_node(l, "w")), NODE_DIGEST);
	ck_assert_uint_eq(mu_layout_digest(l), LAYOUT_DIGEST);
	mu_layout_free(l);
}
END_TEST

START_TEST(the_digest_of_one_row_tells_which_entry_differs)
{
	struct mu_layout *a =
	    must_read(TWO("lab", "port: 1", "w: {role: worker}", ""));
	struct mu_layout *b =
	    must_read(TWO("lab", "port: 2", "w: {role: worker}", ""));

	ck_assert_uint_ne(mu_layout_node_digest(mu_layout_node(a, "manager")),
	    mu_layout_node_digest(mu_layout_node(b, "manager")));
	ck_assert_uint_eq(mu_layout_node_digest(mu_layout_node(a, "w")),
	    mu_layout_node_digest(mu_layout_node(b, "w")));
	mu_layout_free(a);
	mu_layout_free(b);
}
END_TEST

START_TEST(paths_are_below_the_folder_of_the_file)
{
	static const struct {
		const char *file, *path, *expect;
	} cases[] = {
		{ "/etc/muster/cluster.yaml", "tls/{node}.pem",
		    "/etc/muster/tls/w-1.pem" },
		{ "/etc/muster/cluster.yaml", "/tls/{node}.pem",
		    "/tls/w-1.pem" },
		{ "conf/demo.yaml", "tls/ca.pem", "conf/tls/ca.pem" },
		{ "demo.yaml", "tls/ca.pem", "tls/ca.pem" },
		{ "./demo.yaml", "ca.pem", "ca.pem" },
		{ "/demo.yaml", "ca.pem", "/ca.pem" },
		{ "../x/demo.yaml", "{node}/{node}.pem", "../x/w-1/w-1.pem" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *text = "cluster: a\nnodes: {m: {role: manager}}\n";
		struct mu_diags d;
		struct mu_layout *l;
		char *got;

		mu_diags_init(&d, cases[i].file);
		l = mu_layout_read(cases[i].file, text, strlen(text), &d);
		ck_assert_ptr_nonnull(l);
		got = mu_layout_path(l, cases[i].path, "w-1");
		ck_assert_str_eq(got, cases[i].expect);
		mu_free(got);
		mu_layout_free(l);
		mu_diags_clear(&d);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("layout_nodes");
	TCase *t = tcase_create("nodes");

	tcase_add_test(t, each_role_connects_in_the_order_of_the_reference);
	tcase_add_test(t, a_logger_with_a_manager_connects_to_nobody);
	tcase_add_test(t, no_two_nodes_connect_to_each_other);
	tcase_add_test(
	    t, two_nodes_are_linked_when_one_connects_to_the_other);
	tcase_add_test(t, every_node_is_found_by_its_name_and_no_other);
	tcase_add_test(t, role_names_are_read_back);
	tcase_add_test(t, the_digest_changes_with_what_is_agreed);
	tcase_add_test(t, the_digest_is_the_same_for_what_a_node_decides_alone);
	tcase_add_test(
	    t, pools_are_agreed_and_what_is_there_anyway_is_no_difference);
	tcase_add_test(t, limits_that_are_not_given_have_room_for_all_nodes);
	tcase_add_test(t, digests_do_not_depend_on_the_machine);
	tcase_add_test(t, the_digest_of_one_row_tells_which_entry_differs);
	tcase_add_test(t, paths_are_below_the_folder_of_the_file);
	suite_add_tcase(s, t);
	return unit_run(s);
}
