/*
 * Golden vectors of pools: hrw.jsonl, and hrw-zeek.jsonl with what a real Zeek
 * chose.
 *
 *   vectors_pool [DIR]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"

#include "base/buf.h"
#include "base/text.h"
#include "muster/err.h"
#include "muster/value.h"
#include "pool/hrw.h"
#include "pool/pool.h"
#include "value/key.h"

#define MOST_NODES 16
#define FIELDS     "record { a: addr; p: port; s: string &optional; }"
#define ADDR       "{\"@data-type\":\"address\",\"data\":\"1.2.3.4\"}"
#define PORT       "{\"@data-type\":\"port\",\"data\":\"80/tcp\"}"
#define X          "{\"@data-type\":\"string\",\"data\":\"x\"}"
#define COUNT(n)   "{\"@data-type\":\"count\",\"data\":" n "}"

/* --- keys ----------------------------------------------------------------- */

static struct muster_value *
from_text(const char *type, const char *text)
{
	struct muster_value *v = NULL;
	char word[300];

	snprintf(word, sizeof word, "%s:%s", type, text);
	return muster_value_from_text(word, &v) == 0 ? v : NULL;
}

/* Exact for what is written with at most nine digits of fraction. */
static int64_t
nanoseconds(const char *text)
{
	return llroundl(strtold(text, NULL) * 1e9L);
}

/* The value of a row: its type and a text. */
static struct muster_value *
key_of(const char *type, const char *text)
{
	if (strcmp(type, "string") == 0)
		return muster_value_cstring(text);
	if (strcmp(type, "bool") == 0)
		return muster_value_boolean(
		    text[0] == 'T' || text[0] == 't' || text[0] == '1');
	if (strcmp(type, "count") == 0)
		return muster_value_count(strtoull(text, NULL, 10));
	if (strcmp(type, "int") == 0)
		return muster_value_integer(strtoll(text, NULL, 10));
	if (strcmp(type, "double") == 0)
		return muster_value_real(strtod(text, NULL));
	if (strcmp(type, "time") == 0)
		return muster_value_timestamp(nanoseconds(text));
	if (strcmp(type, "interval") == 0)
		return muster_value_timespan(nanoseconds(text));
	if (strcmp(type, "enum") == 0)
		return muster_value_enum(text, strlen(text));
	if (strcmp(type, "port") == 0)
		return from_text("port", text);
	if (strcmp(type, "addr") == 0)
		return from_text("address", text);
	if (strcmp(type, "subnet") == 0)
		return from_text("subnet", text);
	return NULL;
}

static void
check_key(struct row *r, const struct muster_value *v, const char *type,
    struct bytes want, uint32_t digest)
{
	const char *why = "not a value";
	struct mu_buf b;
	int rc;

	mu_buf_init(&b, 0);
	rc = v == NULL ? MUSTER_EINVAL : mu_key_enc(&b, v, type, &why);
	golden_check(r, "bytes", rc == 0 && mu_buf_error(&b) == 0, "%s", why);
	if (want.p != NULL)
		golden_check(r, "bytes",
		    golden_same(want, mu_buf_data(&b), mu_buf_len(&b)),
		    "other bytes");
	golden_check(r, "digest",
	    mu_hrw_digest(mu_buf_data(&b), mu_buf_len(&b)) == digest,
	    "digest %u", mu_hrw_digest(mu_buf_data(&b), mu_buf_len(&b)));
	mu_buf_clear(&b);
}

static uint32_t
number(const struct row *r, const char *name)
{
	return (uint32_t)json_number_value(json_object_get(r->json, name));
}

/* --- choices -------------------------------------------------------------- */

static struct mu_pool *
pool_of(const char *const *names, size_t n)
{
	static const struct mu_pool_spec spec = {
		.name = "proxy",
		.topic = "zeek/cluster/pool/proxy",
		.replicas = 1,
	};
	struct mu_pool *p = mu_pool_new(&spec, names, n, NULL);

	for (size_t i = 0; p != NULL && i < n; i++)
		mu_pool_set_up(p, names[i], true);
	return p;
}

static void
check_choice(
    struct row *r, struct mu_pool *p, uint32_t digest, const char *want)
{
	const struct mu_pool_member *m = NULL;
	size_t n = mu_pool_choose(p, digest, &m, 1);

	golden_check(r, "choice",
	    n == (want != NULL) && (n == 0 || strcmp(m->name, want) == 0), "%s",
	    n == 0 ? "nobody" : m->name);
}

/* Site ids and weights as the row has them. */
static void
check_sites(struct row *r, const struct mu_pool *p, uint32_t digest)
{
	json_t *ids = json_object_get(r->json, "site_ids");
	json_t *weights = json_object_get(r->json, "weights");

	for (size_t i = 0; i < mu_pool_size(p); i++) {
		const struct mu_pool_member *m = mu_pool_at(p, i);
		json_t *id = json_object_get(ids, m->name);
		json_t *weight = json_object_get(weights, m->name);

		golden_check(r, "site",
		    (uint32_t)json_number_value(id) == m->sites[0], "%s is %u",
		    m->name, m->sites[0]);
		golden_check(r, "weight",
		    (uint32_t)json_number_value(weight) ==
			mu_hrw_weight(m->sites[0], digest),
		    "%s has %u", m->name, mu_hrw_weight(m->sites[0], digest));
	}
}

static void
check_hrw(struct row *r)
{
	json_t *alive = json_object_get(r->json, "alive");
	const char *names[MOST_NODES], *picked = golden_string(r, "picked");
	const char *topic = golden_string(r, "topic");
	uint32_t digest = number(r, "digest");
	size_t n = json_array_size(alive);
	char want[300] = "";
	struct mu_pool *p;

	golden_check(r, "choice", n <= MOST_NODES, "too many nodes");
	if (n > MOST_NODES)
		return;
	for (size_t i = 0; i < n; i++)
		names[i] = json_string_value(json_array_get(alive, i));
	p = pool_of(names, n);
	golden_check(r, "choice", p != NULL, "no memory");
	if (p == NULL)
		return;
	check_sites(r, p, digest);
	check_choice(r, p, digest, picked);
	if (picked != NULL)
		snprintf(want, sizeof want, "zeek/cluster/node/%s/", picked);
	golden_check(r, "choice", topic != NULL && strcmp(topic, want) == 0,
	    "the node's topic is %s", want);
	mu_pool_free(p);
}

static uint32_t
row_digest(const struct row *r)
{
	return number(
	    r, json_object_get(r->json, "digest") ? "digest" : "fnv1a32");
}

/* The number that is the row's value, with all its digits. */
static void
number_text(const struct row *r, char *text, size_t size)
{
	static const char key[] = "\"value\": ";
	const char *at = strstr(r->line, key);

	if (at != NULL)
		snprintf(text, size, "%.*s",
		    (int)strspn(at + sizeof key - 1, "-+.0123456789eE"),
		    at + sizeof key - 1);
}

/* hrw.jsonl: the value as JSON, of an enum [type, constant]. */
static void
check_row(struct row *r)
{
	json_t *value = json_object_get(r->json, "value");
	const char *enum_type = json_string_value(json_array_get(value, 0));
	struct bytes want = golden_hex(r, "key_bytes");
	const char *kind = golden_string(r, "kind");
	struct muster_value *v;
	char text[300] = "";

	if (json_is_array(value))
		value = json_array_get(value, 1);
	if (json_is_string(value))
		snprintf(text, sizeof text, "%s", json_string_value(value));
	else if (json_is_number(value))
		number_text(r, text, sizeof text);
	else
		snprintf(text, sizeof text, json_is_true(value) ? "T" : "F");
	v = key_of(golden_string(r, "type"), text);
	check_key(r, v, enum_type, want, row_digest(r));
	if (kind != NULL && strcmp(kind, "hrw") == 0)
		check_hrw(r);
	muster_value_unref(v);
	golden_free(want);
}

/* --- what Zeek printed ---------------------------------------------------- */

static const char *zeek_names[MOST_NODES];
static size_t nzeek_names;
static struct mu_pool *zeek_pool;

static void
check_zeek_sites(struct row *r, json_t *sites)
{
	const char *name;
	json_t *id;

	json_object_foreach(sites, name, id) if (nzeek_names < MOST_NODES)
	    zeek_names[nzeek_names++] = strdup(name);
	zeek_pool = pool_of(zeek_names, nzeek_names);
	golden_check(r, "site", zeek_pool != NULL, "no memory");
	for (size_t i = 0; zeek_pool != NULL && i < nzeek_names; i++)
		golden_check(r, "site",
		    mu_pool_at(zeek_pool, i)->sites[0] ==
			(uint32_t)json_number_value(
			    json_object_get(sites, zeek_names[i])),
		    "site of %s", zeek_names[i]);
}

/* The bytes of an enum end with the constant and a NUL; what stands between
 * them and the number is the name of its type. */
static char *
enum_type_of(struct bytes key, const char *text)
{
	size_t tail = strlen(text) + 1;

	return key.len < 4 + tail
		   ? NULL
		   : strndup((char *)key.p + 4, key.len - 4 - tail);
}

/* The types of what has parts, as they were in the script, and the values. */
static const struct {
	const char *key, *type, *json;
} with_parts[] = {
	{ "[a=1.2.3.4, p=80/tcp]", FIELDS,
	    "[" ADDR "," PORT ",{\"@data-type\":\"none\",\"data\":{}}]" },
	{ "[a=1.2.3.4, p=80/tcp, s=x]", FIELDS, "[" ADDR "," PORT "," X "]" },
	{ "[1, 2]", NULL, "[" COUNT("1") "," COUNT("2") "]" },
	{ "{5}", NULL, "[" COUNT("5") "]" },
	{ "{x}", NULL, "[" X "]" },
};

/* The value of a row with parts; NULL for the empty vector, whose elements'
 * type nobody wrote down: its digest is taken as it is. */
static struct muster_value *
parts_of(const char *kind, const char *key, const char **type)
{
	struct muster_value *v = NULL;
	char json[400];

	for (size_t i = 0; i < sizeof with_parts / sizeof with_parts[0]; i++) {
		if (strcmp(with_parts[i].key, key) != 0)
			continue;
		snprintf(json, sizeof json,
		    "{\"@data-type\":\"%s\",\"data\":%s}",
		    strcmp(kind, "set") == 0 ? "set" : "vector",
		    with_parts[i].json);
		*type = with_parts[i].type;
		muster_value_from_json(json, strlen(json), &v);
	}
	return v;
}

static void
check_with_parts(struct row *r, const char *kind, const char *key)
{
	const char *type = NULL;
	struct muster_value *v = parts_of(kind, key, &type);

	if (v == NULL && strcmp(key, "[]") == 0)
		return;
	check_key(r, v, type, (struct bytes){ 0 }, number(r, "fnv1a32"));
	muster_value_unref(v);
}

static void
check_zeek_key(struct row *r)
{
	const char *type = golden_string(r, "type");
	struct bytes want = golden_hex(r, "key_bytes");
	struct bytes text = golden_bytes(r, "key");
	struct muster_value *v;
	char *enum_type = NULL, *word;

	word = strndup((char *)text.p, text.len);
	if (want.p == NULL) {
		check_with_parts(r, type, word);
	} else {
		if (strcmp(type, "enum") == 0)
			enum_type = enum_type_of(want, word);
		v = strcmp(type, "string") == 0
			? muster_value_string((char *)text.p, text.len)
			: key_of(type, word);
		check_key(r, v, enum_type, want, number(r, "fnv1a32"));
		muster_value_unref(v);
		free(enum_type);
	}
	free(word);
	golden_free(text);
	golden_free(want);
}

static void
check_zeek_row(struct row *r)
{
	json_t *sites = json_object_get(r->json, "sites");

	if (sites != NULL) {
		check_zeek_sites(r, sites);
		return;
	}
	check_zeek_key(r);
	golden_check(r, "choice", zeek_pool != NULL, "sites are missing");
	if (zeek_pool != NULL)
		check_choice(r, zeek_pool, number(r, "fnv1a32"),
		    golden_string(r, "picked_of_5"));
}

int
main(int argc, char **argv)
{
	golden_init(argc, argv);
	golden_run("hrw.jsonl", NULL, check_row);
	golden_run("hrw-zeek.jsonl", NULL, check_zeek_row);
	mu_pool_free(zeek_pool);
	for (size_t i = 0; i < nzeek_names; i++)
		free((char *)(uintptr_t)zeek_names[i]);
	return golden_finish();
}
