/*
 * The layout reader: every diagnostic has a golden case, tests/golden/layout/
 * NAME/{layout.yaml,expect}.  With MUSTER_GOLDEN_WRITE in the environment the
 * expectations are written instead of compared; read them before committing.
 */
#include "check_layout.h"

#include <dirent.h>
#include <inttypes.h>

#include "layout/fields.h"
#include "layout/section_rows.h"
#include "unit.h"

static const char *
tests_dir(void)
{
	const char *dir = getenv("MUSTER_TESTS");

	return dir == NULL ? "tests" : dir;
}

static const char *
or_none(const char *s)
{
	return s == NULL ? "-" : s;
}

static void
put_list(struct mu_buf *b, const char *name, char *const *list, size_t n)
{
	mu_buf_printf(b, "%s:", name);
	for (size_t i = 0; i < n; i++)
		mu_buf_printf(b, " %s", list[i]);
	mu_buf_str(b, "\n");
}

static void
put_limits(struct mu_buf *b, const struct mu_limits *m)
{
	mu_buf_printf(b,
	    "limits: frame %" PRIu64 " handshake %" PRIu64 " queue %" PRIu64
	    " messages %" PRIu64 " overflow %d\n",
	    m->frame_bytes, m->handshake_bytes, m->queue_bytes,
	    m->queue_messages, (int)m->overflow);
	mu_buf_printf(b,
	    "counts: connections %" PRIu64 " per address %" PRIu64
	    " handshakes %" PRIu64 " filter %" PRIu64 " clients %" PRIu64
	    " of %" PRIu64 "\n",
	    m->connections, m->connections_per_address, m->handshakes,
	    m->filter_entries, m->control_clients, m->client_queue_bytes);
	mu_buf_printf(b,
	    "times: handshake %" PRId64 " connect %" PRId64 " ping %" PRId64
	    " dead %" PRId64 " retry %" PRId64 "-%" PRId64 " listen %" PRId64
	    " goodbye %" PRId64 "\n",
	    m->handshake_ns, m->connect_ns, m->ping_ns, m->dead_ns,
	    m->retry_min_ns, m->retry_max_ns, m->listen_retry_ns,
	    m->goodbye_ns);
}

static void
put_nodes(struct mu_buf *b, const struct mu_layout *l)
{
	for (size_t i = 0; i < l->nnodes; i++) {
		const struct mu_layout_node *n = &l->nodes[i];

		mu_buf_printf(b,
		    "node %s: %s %s %u listen %s manager %s "
		    "certificate %s key %s at %u:%u\n",
		    n->name, mu_role_name(n->role), n->host, n->port,
		    or_none(n->listen), or_none(n->manager),
		    or_none(n->certificate), or_none(n->key), n->place.line,
		    n->place.column);
		if (n->connect != NULL)
			put_list(b, "  connect", n->connect, n->nconnect);
	}
}

/* The lists of rules as a reload shows them. */
static void
put_rules(struct mu_buf *b, const struct mu_layout *l)
{
	static const char *const keys[] = { "subscriptions", "relay",
		"access", "auto_publish", "handlers" };

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		const struct mu_field *f =
		    mu_fields_find(&mu_fields_top, keys[i]);

		if (i > 0 && mu_section_rows_count(f, l) == 0)
			continue;
		mu_buf_printf(b, "%s: ", keys[i]);
		mu_section_rows_put(b, f, l);
		mu_buf_str(b, "\n");
	}
}

static void
put_logs(struct mu_buf *b, const struct mu_logs *g)
{
	mu_buf_printf(b,
	    "logs: %s rotated %s format %d time %d unset %d naming %d "
	    "compress %d sync %d\n"
	    "  rotate %lld base %lld size %llu flush %lld keep %lld size %llu "
	    "buffer %llu files %llu\n"
	    "  postprocessor %s %lld x %llu\n",
	    or_none(g->directory), or_none(g->rotated), (int)g->format,
	    (int)g->json_time, g->json_unset, (int)g->naming, (int)g->compress,
	    g->sync, (long long)g->rotate_ns, (long long)g->rotate_base_ns,
	    (unsigned long long)g->rotate_bytes, (long long)g->flush_ns,
	    (long long)g->keep_ns, (unsigned long long)g->keep_bytes,
	    (unsigned long long)g->buffer_bytes, (unsigned long long)g->files,
	    or_none(g->postprocessor), (long long)g->postprocessor_ns,
	    (unsigned long long)g->postprocessors);
	mu_buf_printf(b,
	    "  send local %d remote %d spool %llu full %d failover %lld "
	    "batch %llu %lld\n",
	    g->local, g->remote, (unsigned long long)g->spool_bytes,
	    (int)g->when_full, (long long)g->failover_ns,
	    (unsigned long long)g->batch_records, (long long)g->batch_ns);
}

/* Those with a row; the others are as they are by themselves. */
static void
put_pools(struct mu_buf *b, const struct mu_layout *l)
{
	for (size_t i = 0; i < l->npools; i++) {
		const struct mu_layout_pool *p = &l->pools[i];

		if (p->place.line == 0)
			continue;
		mu_buf_printf(b,
		    "pool %s: %s %s max %llu exclusive %d replicas %llu at "
		    "%u:%u\n",
		    p->name, mu_role_name(p->type), p->topic,
		    (unsigned long long)p->max_nodes, p->exclusive,
		    (unsigned long long)p->replicas, p->place.line,
		    p->place.column);
		for (size_t k = 0; k < p->nweights; k++)
			mu_buf_printf(b, "  weight %s %llu\n",
			    p->weights[k].node,
			    (unsigned long long)p->weights[k].weight);
	}
}

static void
put_identifiers(struct mu_buf *b, const struct mu_layout *l)
{
	for (size_t i = 0; i < l->nidentifiers; i++)
		mu_buf_printf(b, "identifier %s: %s at %u:%u\n",
		    l->identifiers[i].name, l->identifiers[i].value,
		    l->identifiers[i].place.line,
		    l->identifiers[i].place.column);
	if (!l->control.requests || l->control.updates || l->control.shutdown)
		mu_buf_printf(b,
		    "control: requests %d updates %d shutdown %d\n",
		    l->control.requests, l->control.updates,
		    l->control.shutdown);
}

static void
put_layout(struct mu_buf *b, const struct mu_layout *l)
{
	const struct mu_topics *t = &l->topics;

	mu_buf_printf(b,
	    "valid\ncluster: %s\ntls: %d ca %s certificate %s "
	    "key %s passphrase %s\n",
	    l->cluster, (int)l->tls, or_none(l->ca), or_none(l->certificate),
	    or_none(l->key), or_none(l->passphrase_file));
	put_nodes(b, l);
	put_limits(b, &l->limits);
	mu_buf_printf(b, "topics: %s %s %s %s %s %s %s %s %s\n", t->logger,
	    t->manager, t->proxy, t->worker, t->node_prefix, t->nodeid_prefix,
	    t->pool_prefix, t->logs_prefix, t->started);
	put_list(b, "forward", l->forward, l->nforward);
	put_rules(b, l);
	mu_buf_printf(b,
	    "manager_is_logger: %d\nreplay_started: %d set %d\n"
	    "directories: %s %s %s\nuser: %s group: %s log_level: %s\n",
	    l->manager_is_logger, l->replay_started, l->replay_set,
	    l->state_dir, l->run_dir, l->log_dir, or_none(l->user),
	    or_none(l->group), or_none(l->log_level));
	put_logs(b, &l->logs);
	put_pools(b, l);
	put_identifiers(b, l);
}

static char *
slurp(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	char *data = malloc(1 << 20);

	ck_assert_msg(f != NULL && data != NULL, "%s", path);
	*len = fread(data, 1, (1 << 20) - 1, f);
	data[*len] = '\0';
	fclose(f);
	return data;
}

/* The layout or its mistakes; the caller frees the text. */
static char *
outcome(const char *text, size_t len)
{
	struct mu_diags d;
	struct mu_layout *l;
	struct mu_buf b;
	char *result;

	mu_buf_init(&b, 0);
	ck_assert_int_eq(mu_diags_init(&d, "layout.yaml"), 0);
	l = mu_layout_read("layout.yaml", text, len, &d);
	ck_assert((l == NULL) == (mu_diags_count(&d) > 0));
	ck_assert_uint_eq(d.lost, 0);
	if (l != NULL)
		put_layout(&b, l);
	put_diags(&b, &d);
	mu_layout_free(l);
	mu_diags_clear(&d);
	result = mu_buf_take_string(&b);
	mu_buf_clear(&b);
	return result;
}

static void
write_expect(const char *path, const char *text)
{
	FILE *f = fopen(path, "wb");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void
check_case(const char *name)
{
	char path[512];
	char *text, *expect, *got;
	size_t len, elen;

	snprintf(path, sizeof path, "%s/golden/layout/%s/layout.yaml",
	    tests_dir(), name);
	text = slurp(path, &len);
	got = outcome(text, len);
	snprintf(
	    path, sizeof path, "%s/golden/layout/%s/expect", tests_dir(), name);
	if (getenv("MUSTER_GOLDEN_WRITE") != NULL)
		write_expect(path, got);
	expect = slurp(path, &elen);
	ck_assert_msg(strcmp(got, expect) == 0, "%s:\n%s", name, got);
	/* What is called valid is, and the other way round. */
	ck_assert_int_eq(
	    strncmp(name, "valid-", 6) == 0, strncmp(got, "valid\n", 6) == 0);
	free(text);
	free(expect);
	mu_free(got);
}

START_TEST(every_golden_case_gives_its_outcome)
{
	char path[512];
	struct dirent *e;
	DIR *d;
	int n = 0;

	snprintf(path, sizeof path, "%s/golden/layout", tests_dir());
	d = opendir(path);
	ck_assert_msg(d != NULL, "%s", path);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		check_case(e->d_name);
		n++;
	}
	closedir(d);
	ck_assert_int_ge(n, 100);
}
END_TEST

START_TEST(a_huge_file_is_refused_unread)
{
	size_t len = MU_LAYOUT_MAX_BYTES + 1;
	char *text = malloc(len), *got;

	ck_assert_ptr_nonnull(text);
	memset(text, '\xff', len);
	got = mistakes_of(text, len);
	ck_assert_str_eq(got, "layout.yaml: layout: larger than 4 MiB\n");
	mu_free(got);
	free(text);
}
END_TEST

/* Texts of the largest size that try each part's patience. */
START_TEST(a_large_file_takes_no_longer_than_its_length)
{
	static const char *const units[] = { "\t", "[", "- ", "{", "a: b\n",
		"\t\n", "a[", "\"", "# \n", "? ", "w-[1-2]: {role: worker}\n",
		"a,", "&a ", "|\n", "\x01" };

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		size_t unit = strlen(units[i]);
		size_t len = MU_LAYOUT_MAX_BYTES / unit * unit;
		char *text = malloc(len);

		ck_assert_ptr_nonnull(text);
		for (size_t k = 0; k < len; k += unit)
			memcpy(text + k, units[i], unit);
		mu_free(mistakes_of(text, len));
		free(text);
	}
}
END_TEST

START_TEST(too_many_values_are_refused)
{
	size_t len = 3 << 20;
	char *text = malloc(len), *got;

	ck_assert_ptr_nonnull(text);
	memset(text, ' ', len);
	for (size_t i = 0; i + 1 < len; i += 2)
		memcpy(text + i, i == 0 ? "[ " : "x,", 2);
	got = mistakes_of(text, len);
	ck_assert_ptr_nonnull(strstr(got, "more than 400000 values"));
	mu_free(got);
	free(text);
}
END_TEST

START_TEST(ten_thousand_nodes_are_read)
{
	struct mu_layout *l =
	    must_read("cluster: lab\n"
		      "nodes:\n"
		      "  manager: {role: manager, port: 1}\n"
		      "  w-[00001-09999]: {role: worker, host: h[1-9999]}\n");

	ck_assert_uint_eq(l->nnodes, 10000);
	ck_assert_str_eq(l->nodes[9999].name, "w-09999");
	ck_assert_str_eq(l->nodes[9999].host, "h9999");
	ck_assert_str_eq(l->nodes[9999].manager, "manager");
	mu_layout_free(l);
}
END_TEST

/* Ranges in connect lists multiply; the product is bounded. */
START_TEST(connect_lists_cannot_explode)
{
	char *got;
	const char *text =
	    "cluster: lab\n"
	    "nodes:\n"
	    "  manager: {role: manager, port: 1}\n"
	    "  w-[1-9000]: {role: worker, port: 2, host: 'h[1-9000]', "
	    "connect: ['w-[1-9000]']}\n";

	got = mistakes_of(text, strlen(text));
	ck_assert_ptr_nonnull(strstr(got, "more than 400000 names"));
	mu_free(got);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_a_diagnostic)
{
	static const struct {
		const char *file, *expect;
	} cases[] = {
		{ "no/such/file.yaml",
		    "no/such/file.yaml: cannot be opened: No such file or "
		    "directory\n" },
		{ ".", ".: cannot be read: Is a directory\n" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct mu_diags d;
		struct mu_buf b;
		char *got;

		mu_buf_init(&b, 0);
		mu_diags_init(&d, cases[i].file);
		ck_assert_ptr_null(mu_layout_load(cases[i].file, &d));
		put_diags(&b, &d);
		got = mu_buf_take_string(&b);
		ck_assert_str_eq(got, cases[i].expect);
		mu_free(got);
		mu_buf_clear(&b);
		mu_diags_clear(&d);
	}
}
END_TEST

START_TEST(a_file_is_read_as_its_text)
{
	char path[512];
	struct mu_diags d;
	struct mu_layout *l;

	snprintf(path, sizeof path,
	    "%s/golden/layout/valid-everything/layout.yaml", tests_dir());
	mu_diags_init(&d, path);
	l = mu_layout_load(path, &d);
	ck_assert_ptr_nonnull(l);
	ck_assert_str_eq(l->file, path);
	*strrchr(path, '/') = '\0';
	ck_assert_str_eq(l->dir, path);
	mu_layout_free(l);
	mu_diags_clear(&d);
}
END_TEST

/* A file beside the tests' folder. */
static char *
slurp_shipped(const char *name)
{
	char path[512];
	size_t len;

	snprintf(path, sizeof path, "%s/../%s", tests_dir(), name);
	return slurp(path, &len);
}

START_TEST(shipped_layouts_are_without_mistakes)
{
	static const struct {
		const char *name;
		size_t nnodes;
	} files[] = { { "conf/cluster.yaml", 8 }, { "conf/demo.yaml", 9 } };

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		char *text = slurp_shipped(files[i].name);
		struct mu_layout *l = must_read(text);

		ck_assert_uint_eq(l->nnodes, files[i].nnodes);
		mu_layout_free(l);
		free(text);
	}
}
END_TEST

/* "key:" in the example and ".It Cm key" in the manual. */
static void
check_documented(
    const struct mu_section *s, const char *conf, const char *manual)
{
	for (size_t i = 0; i < s->nfields; i++) {
		const struct mu_field *f = &s->fields[i];
		char line[64], item[64];

		snprintf(line, sizeof line, "%s:", f->key);
		snprintf(item, sizeof item, ".It Cm %s :", f->key);
		if (f->kind == MU_KIND_REFUSED) {
			snprintf(item, sizeof item, ".Cm %s\n", f->key);
			if (strstr(manual, item) == NULL)
				snprintf(item, sizeof item, ".Cm %s ", f->key);
		} else {
			ck_assert_msg(strstr(conf, line) != NULL, "%s", line);
		}
		ck_assert_msg(strstr(manual, item) != NULL, "%s", item);
		if (f->section != NULL)
			check_documented(f->section, conf, manual);
	}
}

START_TEST(example_and_manual_show_every_key)
{
	char *conf = slurp_shipped("conf/cluster.yaml");
	char *manual = slurp_shipped("man/muster.yaml.5");

	check_documented(&mu_fields_top, conf, manual);
	free(conf);
	free(manual);
}
END_TEST

/* What the example writes below its line is what is there without it. */
START_TEST(the_example_shows_the_defaults)
{
	char *text = slurp_shipped("conf/cluster.yaml");
	struct mu_layout *full = must_read(text), *bare;
	struct mu_buf out;

	*strstr(text, "# -----") = '\0';
	bare = must_read(text);
	mu_buf_init(&out, 0);
	ck_assert_int_eq(mu_layout_diff(bare, full, NULL, &out), 0);
	ck_assert_uint_eq(mu_buf_len(&out), 0);
	mu_buf_clear(&out);
	mu_layout_free(bare);
	mu_layout_free(full);
	free(text);
}
END_TEST

struct failing {
	long left; /* allocations until one fails */
	bool once; /* only one, or all from then on */
};

static bool
fail_nth(void *ctx)
{
	struct failing *f = ctx;

	f->left--;
	return f->once ? f->left == 0 : f->left <= 0;
}

/* Read with the n-th allocation failing, for all n; returns how many. */
static long
read_without_memory(const char *text, size_t len, bool once)
{
	for (long n = 1;; n++) {
		struct failing f = { n, once };
		struct mu_diags d;
		struct mu_layout *l;

		ck_assert_int_eq(mu_diags_init(&d, "layout.yaml"), 0);
		mu_alloc_set_hook(fail_nth, &f);
		l = mu_layout_read("layout.yaml", text, len, &d);
		mu_alloc_set_hook(NULL, NULL);
		ck_assert((l == NULL) == (mu_diags_count(&d) > 0));
		mu_layout_free(l);
		mu_diags_clear(&d);
		if (f.left > 0)
			return n;
		ck_assert_ptr_null(l);
	}
}

START_TEST(no_allocation_is_indispensable)
{
	static const char *const cases[] = { "valid-everything", "valid-rules",
		"relay-circle", "bad-handler-store", "valid-pools",
		"valid-identifiers", "bad-identifiers", "bad-pool-weights",
		"many-mistakes-sorted", "unknown-connect", "self-connect" };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char path[512], *text;
		size_t len;

		snprintf(path, sizeof path, "%s/golden/layout/%s/layout.yaml",
		    tests_dir(), cases[i]);
		text = slurp(path, &len);
		ck_assert_int_gt(read_without_memory(text, len, true), 50);
		ck_assert_int_gt(read_without_memory(text, len, false), 50);
		free(text);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("layout");
	TCase *t = tcase_create("reader");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, every_golden_case_gives_its_outcome);
	tcase_add_test(t, a_huge_file_is_refused_unread);
	tcase_add_test(t, a_large_file_takes_no_longer_than_its_length);
	tcase_add_test(t, too_many_values_are_refused);
	tcase_add_test(t, ten_thousand_nodes_are_read);
	tcase_add_test(t, connect_lists_cannot_explode);
	tcase_add_test(t, a_file_that_cannot_be_read_is_a_diagnostic);
	tcase_add_test(t, a_file_is_read_as_its_text);
	tcase_add_test(t, shipped_layouts_are_without_mistakes);
	tcase_add_test(t, example_and_manual_show_every_key);
	tcase_add_test(t, the_example_shows_the_defaults);
	tcase_add_test(t, no_allocation_is_indispensable);
	suite_add_tcase(s, t);
	return unit_run(s);
}
