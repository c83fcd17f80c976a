/*
 * pools: a table of them.  pool where: whose a key is.
 */
#include "ctl/pool.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/text.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/facts.h"
#include "ctl/table.h"
#include "ctl/value.h"
#include "muster/err.h"
#include "muster/value.h"
#include "proto/jtext.h"
#include "sys/exit.h"

#define KEYS_AT_ONCE 500 /* of one request */
#define ENUM         "enum:"

const char *const pool_operation_names[] = { "where", NULL };
const char *const pool_names[] = { "worker", "proxy", "logger", NULL };

/* --- keys ----------------------------------------------------------------- */

/* Zeek's names of types beside those of the API. */
static const char *
type_name(const char *type)
{
	static const struct {
		const char *zeek, *ours;
	} names[] = {
		{ "bool", "boolean" },
		{ "int", "integer" },
		{ "double", "real" },
		{ "time", "timestamp" },
		{ "interval", "timespan" },
		{ "addr", "address" },
		{ "enum", "enum-value" },
	};

	if (strncmp(type, ENUM, strlen(ENUM)) == 0)
		return "enum-value";
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(type, names[i].zeek) == 0)
			return names[i].ours;
	return type;
}

/* Is it a type that the daemon has to know, as the key does not tell it? */
static bool
has_parts(const char *type)
{
	return strpbrk(type, "[{ ") != NULL && strncmp(type, "enum", 4) != 0;
}

/* "TYPE:TEXT" as the reader of values wants it; NULL after a message. */
static char *
typed_text(const char *type, const char *text)
{
	char *typed;

	/* An unknown type would be a string that looks odd. */
	if (muster_type_from_name(type_name(type)) < 0) {
		complain("--type: no type \"%s\"", type);
		return NULL;
	}
	typed = mu_asprintf("%s:%s", type_name(type), text);
	if (typed == NULL)
		complain("out of memory");
	return typed;
}

bool
pool_put_key(struct mu_buf *b, const char *type, const char *text)
{
	char *typed = NULL;
	int r;

	if (type != NULL && !has_parts(type)) {
		typed = typed_text(type, text);
		if (typed == NULL)
			return false;
	}
	r = value_from_text(b, typed == NULL ? text : typed);
	mu_free(typed);
	if (r == MUSTER_ENOMEM)
		complain("out of memory");
	else if (r != 0 && type != NULL)
		complain("\"%s\": not of type %s", text, type);
	else if (r != 0)
		complain("\"%s\": not a value (type:value or JSON)", text);
	return r == 0;
}

void
pool_put_type(struct mu_buf *b, const char *type)
{
	bool is_enum = type != NULL && strncmp(type, ENUM, strlen(ENUM)) == 0;

	if (type == NULL || (!is_enum && !has_parts(type)))
		return;
	mu_buf_str(b, ",\"type\":");
	mu_jtext_put_cstring(b, is_enum ? type + strlen(ENUM) : type);
}

/* --- pools ---------------------------------------------------------------- */

static void
print_member(struct table *t, const json_t *pool, const json_t *m, bool first)
{
	bool alive = fact_truth(m, "alive");

	table_cell(t, PLAIN, "%s", first ? fact_text(pool, "name") : "");
	table_cell(t, PLAIN, "%s%s", fact_text(m, "name"),
	    fact_truth(m, "self") ? " *" : "");
	table_cell(t, alive ? GREEN : RED, "%s", alive ? "alive" : "not alive");
	table_cell(t, PLAIN, "%llu", fact_number(m, "weight"));
	if (fact_truth(m, "keyed"))
		table_cell(t, PLAIN, "%.1f %%",
		    (double)fact_number(m, "share_ppm") / 10000);
	else
		table_cell(t, PLAIN, "-");
	table_cell(t, PLAIN, "%llu", fact_number(m, "keys"));
	table_cell(t, PLAIN, "%llu", fact_number(m, "turns"));
}

static void
print_pools(const json_t *v)
{
	const json_t *pool, *m;
	struct table t;
	size_t i, k;

	table_begin(&t, "POOL|MEMBER|STATE|WEIGHT|SHARE|KEYS|TURNS");
	json_array_foreach(json_object_get(v, "pools"), i, pool)
	{
		const json_t *members = json_object_get(pool, "members");

		json_array_foreach(members, k, m)
		    print_member(&t, pool, m, k == 0);
	}
	table_end(&t);
	json_array_foreach(json_object_get(v, "pools"), i, pool)
	{
		if (json_array_size(json_object_get(pool, "members")) == 0)
			printf("%s: no members\n", fact_text(pool, "name"));
		else
			printf("%s: %llu of %zu alive, topic %s%s\n",
			    fact_text(pool, "name"), fact_number(pool, "alive"),
			    json_array_size(json_object_get(pool, "members")),
			    fact_text(pool, "topic"),
			    fact_truth(pool, "exclusive") ? ", exclusive" : "");
	}
}

int
cmd_pools(struct ctl *c)
{
	return ctl_show(c, "{\"op\":\"pools\"}", print_pools);
}

/* --- pool where ----------------------------------------------------------- */

/* --without: names with commas between them. */
static void
put_without(struct mu_buf *b, const char *names)
{
	const char *sep = "";

	mu_buf_str(b, ",\"without\":[");
	while (*names != '\0') {
		size_t n = strcspn(names, ",");

		mu_buf_str(b, sep);
		mu_jtext_put_string(b, names, n);
		names += n + (names[n] == ',');
		sep = ",";
	}
	mu_buf_str(b, "]");
}

/* The request for n keys, NULL after a message. */
static char *
where_request(const struct ctl *c, const char *pool, char **keys, int n)
{
	struct mu_buf b;
	char *request = NULL;
	bool good = true;

	mu_buf_init(&b, 0);
	mu_buf_str(&b, "{\"op\":\"pool_where\",\"pool\":");
	mu_jtext_put_cstring(&b, pool);
	pool_put_type(&b, c->type);
	if (c->assume_alive)
		mu_buf_str(&b, ",\"everybody\":true");
	if (c->without != NULL)
		put_without(&b, c->without);
	mu_buf_str(&b, ",\"keys\":[");
	for (int i = 0; i < n && good; i++) {
		if (i > 0)
			mu_buf_str(&b, ",");
		good = pool_put_key(&b, c->type, keys[i]);
	}
	mu_buf_str(&b, "]}");
	if (good) {
		request = mu_buf_take_string(&b);
		if (request == NULL)
			complain("out of memory");
	}
	mu_buf_clear(&b);
	return request;
}

/* One line per key: the key as it was given and its nodes, best first. */
static int
print_where(const json_t *v, char **keys)
{
	const json_t *row, *node;
	int status = EXIT_OK;
	size_t i, k;

	json_array_foreach(json_object_get(v, "keys"), i, row)
	{
		const json_t *nodes = json_object_get(row, "nodes");

		value_print_bytes(stdout, keys[i], strlen(keys[i]));
		if (json_array_size(nodes) == 0) {
			printf("\tnobody");
			status = EXIT_FALSE;
		}
		json_array_foreach(nodes, k, node) printf(
		    "%s%s", k == 0 ? "\t" : " ", json_string_value(node));
		putchar('\n');
	}
	return status;
}

static bool
all_owned(const json_t *v)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(v, "keys"), i, row)
	{
		if (json_array_size(json_object_get(row, "nodes")) == 0)
			return false;
	}
	return true;
}

static int
ask_where(const struct ctl *c, const char *pool, char **keys, int n)
{
	char *request = where_request(c, pool, keys, n), *answer = NULL;
	json_t *v;
	int status;

	if (request == NULL)
		return EXIT_USAGE;
	status = client_ask(c, request, &answer);
	mu_free(request);
	if (status != EXIT_OK)
		return status;
	v = json_loads(answer, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (v == NULL ||
	    json_array_size(json_object_get(v, "keys")) != (size_t)n) {
		complain("the daemon's answer makes no sense");
		status = EXIT_FAILED;
	} else if (c->json || c->quiet) {
		status = all_owned(v) ? EXIT_OK : EXIT_FALSE;
		if (c->json)
			printf("%s\n", answer);
	} else {
		status = print_where(v, keys);
	}
	json_decref(v);
	mu_free(answer);
	return status;
}

int
cmd_pool(struct ctl *c)
{
	int status = EXIT_OK;

	if (strcmp(c->args[0], "where") != 0) {
		const char *near =
		    mu_text_nearest(c->args[0], pool_operation_names, 1);

		complain("pool: no operation \"%s\"%s%s%s", c->args[0],
		    near == NULL ? " (where)" : " (did you mean \"",
		    near == NULL ? "" : near, near == NULL ? "" : "\"?)");
		return EXIT_USAGE;
	}
	if (c->nargs < 3) {
		complain("pool where wants a pool and keys");
		return EXIT_USAGE;
	}
	for (int i = 2; i < c->nargs; i += KEYS_AT_ONCE) {
		int n =
		    c->nargs - i < KEYS_AT_ONCE ? c->nargs - i : KEYS_AT_ONCE;
		int r = ask_where(c, c->args[1], c->args + i, n);

		if (r != EXIT_OK && r != EXIT_FALSE)
			return r;
		status = r == EXIT_FALSE ? r : status;
	}
	return status;
}
