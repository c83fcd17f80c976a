/* What a reload may change, and the format's JSON Schema. */
#include "check_layout.h"

#include <jansson.h>

#include "layout/fields.h"
#include "unit.h"

#define TOP "cluster: lab\n"
#define NODES                                                                  \
	"nodes:\n"                                                             \
	"  manager: {role: manager, port: 1}\n"                                \
	"  logger-1: {role: logger, host: 10.0.0.1, port: 2}\n"                \
	"  worker-1: {role: worker, host: 10.0.0.2}\n"

static void
check_diff(const char *a, const char *b, const char *self, int ncannot,
    const char *expect)
{
	struct mu_layout *x = must_read(a), *y = must_read(b);
	struct mu_buf out;
	int rc;

	mu_buf_init(&out, 0);
	rc = mu_layout_diff(x, y, self, &out);
	mu_buf_u8(&out, '\0');
	ck_assert_str_eq((const char *)mu_buf_data(&out), expect);
	ck_assert_int_eq(rc, ncannot);
	mu_buf_clear(&out);
	mu_layout_free(x);
	mu_layout_free(y);
}

START_TEST(nothing_changes_between_equal_layouts)
{
	check_diff(TOP NODES, NODES TOP, "worker-1", 0, "");
}
END_TEST

START_TEST(nodes_come_and_go)
{
	check_diff(TOP NODES, TOP NODES "  worker-[2-3]: {role: worker}\n",
	    "worker-1", 0,
	    "can: node worker-2 added\n"
	    "can: node worker-3 added\n");
	check_diff(TOP NODES "  a: {role: worker}\n", TOP NODES, "worker-1", 0,
	    "can: node a removed\n");
	check_diff(TOP NODES,
	    TOP "nodes:\n"
		"  manager: {role: manager, port: 1}\n"
		"  logger-1: {role: logger, host: 10.0.0.9, port: 3}\n"
		"  worker-1: {role: worker, host: 10.0.0.2}\n",
	    "worker-1", 0,
	    "can: node logger-1 host 10.0.0.1 -> 10.0.0.9\n"
	    "can: node logger-1 port 2 -> 3\n");
}
END_TEST

START_TEST(loggers_change_all_but_their_folders)
{
	check_diff(TOP NODES,
	    TOP NODES "logs: {format: json, compress: zstd, rotate: never,\n"
		      "  keep: 1 day, postprocessor: bin/x}\n",
	    "logger-1", 0,
	    "can: logs.format tsv -> json\n"
	    "can: logs.rotate 1 h -> never\n"
	    "can: logs.compress none -> zstd\n"
	    "can: logs.postprocessor none -> bin/x\n"
	    "can: logs.keep forever -> 1 day\n");
	check_diff(TOP NODES,
	    TOP NODES "logs: {directory: /data, rotated: /archive}\n",
	    "logger-1", 2,
	    "cannot: logs.directory none -> /data\n"
	    "cannot: logs.rotated none -> /archive\n");
}
END_TEST

START_TEST(a_node_cannot_change_its_own_row)
{
	check_diff(TOP NODES,
	    TOP "nodes:\n"
		"  manager: {role: manager, port: 5, listen: 127.0.0.2}\n"
		"  logger-1: {role: logger, host: 10.0.0.1, port: 2}\n"
		"  worker-1: {role: worker, host: 10.0.0.2}\n",
	    "manager", 2,
	    "cannot: node manager port 1 -> 5\n"
	    "cannot: node manager listen 127.0.0.1 -> 127.0.0.2\n");
	check_diff(TOP NODES,
	    TOP "nodes:\n"
		"  manager: {role: manager, port: 1}\n"
		"  logger-1: {role: logger, host: 10.0.0.1, port: 2}\n",
	    "worker-1", 1, "cannot: node worker-1 removed\n");
	check_diff(TOP NODES,
	    TOP "nodes:\n"
		"  manager: {role: manager, port: 1}\n"
		"  logger-1: {role: logger, host: 10.0.0.1, port: 2}\n"
		"  worker-1: {role: proxy, host: 10.0.0.3, port: 4}\n",
	    "worker-1", 3,
	    "cannot: node worker-1 role worker -> proxy\n"
	    "cannot: node worker-1 host 10.0.0.2 -> 10.0.0.3\n"
	    "cannot: node worker-1 port 0 -> 4\n");
}
END_TEST

START_TEST(whom_a_node_connects_to_can_change)
{
	check_diff(TOP NODES,
	    TOP "nodes:\n"
		"  manager: {role: manager, port: 1}\n"
		"  logger-1: {role: logger, host: 10.0.0.1, port: 2}\n"
		"  worker-1: {role: worker, host: 10.0.0.2, manager: none, "
		"key: k.pem, connect: [logger-1]}\n",
	    "worker-1", 0,
	    "can: node worker-1 manager manager -> none\n"
	    "can: node worker-1 key none -> k.pem\n"
	    "can: node worker-1 connect [] -> [logger-1]\n");
}
END_TEST

START_TEST(rules_come_and_go)
{
	check_diff(TOP NODES
	    "relay: [{topic: a/, by: [manager], to: b}]\n"
	    "handlers: [{event: A, run: [/bin/cat]}]\n",
	    TOP NODES
	    "handlers:\n"
	    "  - {event: A, run: [/bin/cat], time: 5 s}\n"
	    "  - {event: \"B::*\", run: [/bin/cat, x], on: [worker]}\n"
	    "auto_publish: [{event: A, to: x}]\n"
	    "subscriptions: [{topic: s/, on: [manager]}]\n",
	    "worker-1", 0,
	    "can: subscriptions {topic: s/, on: [manager]} added\n"
	    "can: relay {topic: a/, by: [manager], to: b} removed\n"
	    "can: auto_publish {event: A, to: x} added\n"
	    "can: handlers {event: A, run: [/bin/cat]} removed\n"
	    "can: handlers {event: A, run: [/bin/cat], time: 5 s} added\n"
	    "can: handlers {event: B::*, on: [worker], run: [/bin/cat, x]} "
	    "added\n");
}
END_TEST

START_TEST(relays_are_part_of_the_digest)
{
	struct mu_layout *a = must_read(
	    TOP NODES "relay: [{topic: a/, by: [manager], to: b}]\n");
	struct mu_layout *b = must_read(
	    TOP NODES "relay: [{topic: a/, by: [logger], to: b}]\n");
	struct mu_layout *c = must_read(TOP NODES);
	struct mu_layout *d = must_read(
	    TOP NODES "handlers: [{event: A, run: [/bin/cat]}]\n");

	ck_assert_uint_ne(mu_layout_digest(a), mu_layout_digest(b));
	ck_assert_uint_ne(mu_layout_digest(a), mu_layout_digest(c));
	ck_assert_uint_eq(mu_layout_digest(c), mu_layout_digest(d));
	mu_layout_free(a);
	mu_layout_free(b);
	mu_layout_free(c);
	mu_layout_free(d);
}
END_TEST

START_TEST(limits_files_and_filters_can_change)
{
	check_diff(TOP NODES,
	    TOP NODES
	    "limits: {queue: 1 MiB, overflow: disconnect, ping: 500 ms, "
	    "connections: 5}\n"
	    "tls: {ca: b.pem}\n"
	    "forward: [app/]\n"
	    "subscriptions: [a, b]\n"
	    "log_level: debug\n"
	    "replay_started: true\n",
	    "worker-1", 0,
	    "can: tls.ca tls/ca.pem -> b.pem\n"
	    "can: limits.queue 8 MiB -> 1 MiB\n"
	    "can: limits.overflow drop_oldest -> disconnect\n"
	    "can: limits.connections 1024 -> 5\n"
	    "can: limits.ping 2 s -> 500 ms\n"
	    "can: forward [] -> [app/]\n"
	    "can: subscriptions a added\n"
	    "can: subscriptions b added\n"
	    "can: replay_started false -> true\n"
	    "can: log_level none -> debug\n");
}
END_TEST

START_TEST(what_was_decided_at_the_start_cannot_change)
{
	check_diff(TOP NODES,
	    "cluster: lab2\n" NODES "tls: none\n"
	    "topics: {worker: w}\n"
	    "directories: {state: /s}\n"
	    "user: u\n"
	    "group: g\n",
	    "worker-1", 6,
	    "cannot: tls certificates -> none\n"
	    "cannot: cluster lab -> lab2\n"
	    "can: tls.ca tls/ca.pem -> none\n"
	    "can: tls.certificate tls/{node}.pem -> none\n"
	    "can: tls.key tls/{node}.key -> none\n"
	    "cannot: topics.worker zeek/cluster/worker -> w\n"
	    "cannot: directories.state /var/lib/muster -> /s\n"
	    "cannot: user none -> u\n"
	    "cannot: group none -> g\n");
}
END_TEST

START_TEST(only_the_manager_minds_whether_it_takes_logs)
{
	check_diff(TOP NODES, TOP NODES "manager_is_logger: true\n", "manager",
	    1, "cannot: manager_is_logger false -> true\n");
	check_diff(TOP NODES, TOP NODES "manager_is_logger: true\n", "worker-1",
	    0, "can: manager_is_logger false -> true\n");
}
END_TEST

START_TEST(identifiers_come_go_and_change)
{
	check_diff(TOP NODES "identifiers: {a: 1, b: 2}\n",
	    TOP NODES "identifiers: {b: 3, c: 4}\n"
	    "control: {updates: true}\n",
	    "worker-1", 0,
	    "can: control.updates false -> true\n"
	    "can: identifier a removed\n"
	    "can: identifier b 2 -> 3\n"
	    "can: identifier c added\n");
}
END_TEST

START_TEST(pools_come_go_and_change_their_size)
{
	check_diff(TOP NODES
	    "pools: {a: {type: worker}, b: {type: proxy, replicas: 2}}\n",
	    TOP NODES
	    "pools: {a: {type: worker, max_nodes: 1, exclusive: yes,\n"
	    "  replicas: 3, weights: {worker-1: 2}}, c: {type: logger}}\n",
	    "worker-1", 0,
	    "can: pool a max_nodes 0 -> 1\n"
	    "can: pool a exclusive false -> true\n"
	    "can: pool a replicas 1 -> 3\n"
	    "can: pool a weights {} -> {worker-1: 2}\n"
	    "can: pool b removed\n"
	    "can: pool c added\n");
	check_diff(TOP NODES "pools: {a: {type: worker}}\n",
	    TOP NODES "pools: {a: {type: proxy, topic: t}}\n", "worker-1", 2,
	    "cannot: pool a type worker -> proxy\n"
	    "cannot: pool a topic zeek/cluster/pool/a -> t\n");
}
END_TEST

static bool
fail_nth(void *ctx)
{
	return --*(long *)ctx == 0;
}

START_TEST(a_difference_without_memory_is_an_error)
{
	struct mu_layout *x = must_read(TOP NODES);
	struct mu_layout *y = must_read(
	    TOP NODES "limits: {queue: 1 MiB}\n"
	    "pools: {worker: {max_nodes: 1}, p: {type: proxy}}\n");

	for (long n = 1;; n++) {
		struct mu_buf out;
		long left = n;
		int rc;

		mu_buf_init(&out, 0);
		mu_alloc_set_hook(fail_nth, &left);
		rc = mu_layout_diff(x, y, "worker-1", &out);
		mu_alloc_set_hook(NULL, NULL);
		mu_buf_clear(&out);
		if (left > 0) {
			ck_assert_int_eq(rc, 0);
			break;
		}
		ck_assert_int_lt(rc, 0);
	}
	mu_layout_free(x);
	mu_layout_free(y);
}
END_TEST

/* The schema of a section lists exactly the keys of its table. */
static void
check_properties(const json_t *schema, const struct mu_section *s)
{
	const json_t *properties = json_object_get(schema, "properties");
	size_t n = 0;

	ck_assert_ptr_nonnull(properties);
	ck_assert(
	    json_is_false(json_object_get(schema, "additionalProperties")));
	for (size_t i = 0; i < s->nfields; i++) {
		const struct mu_field *f = &s->fields[i];
		const json_t *p = json_object_get(properties, f->key);

		if (f->kind == MU_KIND_REFUSED) {
			ck_assert_ptr_null(p);
			continue;
		}
		n++;
		ck_assert_msg(p != NULL, "%s", f->key);
		ck_assert_str_eq(
		    json_string_value(json_object_get(p, "description")),
		    f->about);
		ck_assert_int_eq(
		    json_object_get(p, "default") != NULL, f->fallback != NULL);
		if (f->kind == MU_KIND_NODES || f->kind == MU_KIND_POOLS)
			check_properties(
			    json_object_get(p, "additionalProperties"),
			    f->section);
		else if (f->kind == MU_KIND_SECTION && f->words != NULL)
			check_properties(
			    json_array_get(json_object_get(p, "anyOf"), 1),
			    f->section);
		else if (f->kind == MU_KIND_SECTION)
			check_properties(p, f->section);
	}
	ck_assert_uint_eq(json_object_size(properties), n);
}

START_TEST(the_schema_names_every_field)
{
	char *text = mu_layout_schema();
	json_error_t error;
	json_t *schema;

	ck_assert_ptr_nonnull(text);
	schema = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(schema != NULL, "%s", error.text);
	ck_assert_str_eq(json_string_value(json_object_get(schema, "$schema")),
	    "https://json-schema.org/draft/2020-12/schema");
	check_properties(schema, &mu_fields_top);
	json_decref(schema);
	mu_free(text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("layout_reload");
	TCase *t = tcase_create("reload");

	tcase_add_test(t, nothing_changes_between_equal_layouts);
	tcase_add_test(t, nodes_come_and_go);
	tcase_add_test(t, a_node_cannot_change_its_own_row);
	tcase_add_test(t, whom_a_node_connects_to_can_change);
	tcase_add_test(t, rules_come_and_go);
	tcase_add_test(t, relays_are_part_of_the_digest);
	tcase_add_test(t, limits_files_and_filters_can_change);
	tcase_add_test(t, what_was_decided_at_the_start_cannot_change);
	tcase_add_test(t, loggers_change_all_but_their_folders);
	tcase_add_test(t, only_the_manager_minds_whether_it_takes_logs);
	tcase_add_test(t, identifiers_come_go_and_change);
	tcase_add_test(t, pools_come_go_and_change_their_size);
	tcase_add_test(t, a_difference_without_memory_is_an_error);
	tcase_add_test(t, the_schema_names_every_field);
	suite_add_tcase(s, t);
	return unit_run(s);
}
