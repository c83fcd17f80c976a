/*
 * Columns of JSON lines whose types nobody told: what a column holds in the
 * first lines decides.  Zeek's own names for times and connections are known;
 * everything else is as broad as JSON says it: count, int, double, bool,
 * string, and vectors of them.
 */
#include <string.h>

#include "logrec/json_scan.h"
#include "logrec/number.h"
#include "logrec/reader_impl.h"
#include "logrec/scalar.h"
#include "muster/err.h"

/* What was seen in a column; kept in the stream's fields while it grows:
 * type VOID is "nothing but null", VECTOR with VOID "nothing but []". */

static bool
is_name(const char *name, const char *suffix)
{
	size_t n = strlen(name), k = strlen(suffix);

	return n >= k && strcmp(name + n - k, suffix) == 0 &&
	       (n == k || name[n - k - 1] == '.' || name[n - k - 1] == '_');
}

static bool
is_one_of(const char *name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (is_name(name, *names))
			return true;
	return false;
}

/* A type of Zeek's that the column's name promises and the value keeps. */
static enum mu_log_type
by_name(const char *name, const struct mu_log_json_token *t)
{
	static const char *const times[] = { "ts", NULL };
	static const char *const hosts[] = { "orig_h", "resp_h", NULL };
	static const char *const ports[] = { "orig_p", "resp_p", NULL };
	struct mu_log_value v = { .type = MU_LOG_ADDR };
	double d;

	if (is_one_of(name, times) &&
	    (t->kind == MU_LOG_JSON_NUMBER ||
		(t->kind == MU_LOG_JSON_STRING &&
		    mu_log_get_iso8601((const char *)t->at, t->len, &d))))
		return MU_LOG_TIME;
	if (t->kind == MU_LOG_JSON_STRING && is_one_of(name, hosts) &&
	    mu_log_get_scalar(&v, (const char *)t->at, t->len))
		return MU_LOG_ADDR;
	v.type = MU_LOG_PORT;
	if (t->kind == MU_LOG_JSON_NUMBER && is_one_of(name, ports) &&
	    mu_log_get_scalar(&v, (const char *)t->at, t->len))
		return MU_LOG_PORT;
	return MU_LOG_VOID;
}

static enum mu_log_type
by_value(const struct mu_log_json_token *t)
{
	const char *s = (const char *)t->at;
	uint64_t u;
	int64_t i;

	switch (t->kind) {
	case MU_LOG_JSON_TRUE:
	case MU_LOG_JSON_FALSE:
		return MU_LOG_BOOL;
	case MU_LOG_JSON_NULL:
		return MU_LOG_VOID;
	case MU_LOG_JSON_STRING:
		return MU_LOG_STRING;
	default:
		break;
	}
	if (mu_log_get_u64(s, t->len, &u))
		return MU_LOG_COUNT;
	return mu_log_get_i64(s, t->len, &i) ? MU_LOG_INT : MU_LOG_DOUBLE;
}

static bool
is_number(enum mu_log_type t)
{
	return t == MU_LOG_COUNT || t == MU_LOG_INT || t == MU_LOG_DOUBLE;
}

/* A type for both; the first one where there is none: then the lines that do
 * not fit are refused one by one. */
static enum mu_log_type
merge(enum mu_log_type a, enum mu_log_type b)
{
	if (a == b || b == MU_LOG_VOID)
		return a;
	if (a == MU_LOG_VOID)
		return b;
	if (is_number(a) && is_number(b))
		return a == MU_LOG_DOUBLE || b == MU_LOG_DOUBLE ? MU_LOG_DOUBLE
								: MU_LOG_INT;
	if (a == MU_LOG_ADDR && b == MU_LOG_STRING)
		return MU_LOG_STRING;
	if (a == MU_LOG_PORT && is_number(b))
		return b;
	return a;
}

/* The field of that name, made if need be; NULL: the line is not for us, or
 * *rc says why not. */
static struct mu_log_field *
field(struct mu_log_stream *s, const struct mu_log_json_token *key, int *rc)
{
	const char *name = (const char *)key->at;
	long i;

	if (memchr(name, '\\', key->len) != NULL)
		return NULL;
	i = mu_log_stream_find(s, name, key->len);
	if (i < 0) {
		/* A type is needed to add it; it is not one yet. */
		*rc = mu_log_stream_add(
		    s, name, key->len, MU_LOG_STRING, MU_LOG_VOID, true, NULL);
		if (*rc != 0)
			return NULL;
		i = (long)s->nfields - 1;
		s->fields[i].type = MU_LOG_VOID;
	}
	return &s->fields[i];
}

static void
see_list(struct mu_log_json_scan *scan, struct mu_log_field *f)
{
	struct mu_log_json_token t;

	if (f->type == MU_LOG_VOID) {
		f->type = MU_LOG_VECTOR;
		f->subtype = MU_LOG_VOID;
	}
	while (mu_log_json_element(scan, &t))
		if (f->type == MU_LOG_VECTOR)
			f->subtype = merge(f->subtype, by_value(&t));
}

static int
see_line(struct mu_log_stream *s, uint8_t *line, size_t len)
{
	struct mu_log_json_scan scan;
	struct mu_log_json_token key, t;
	int rc = 0;

	mu_log_json_begin(&scan, line, len);
	while (mu_log_json_member(&scan, &key, &t)) {
		struct mu_log_field *f = field(s, &key, &rc);
		enum mu_log_type type;

		if (f == NULL)
			return rc == MUSTER_ENOMEM ? rc : 0;
		if (t.kind == MU_LOG_JSON_ARRAY) {
			see_list(&scan, f);
			continue;
		}
		type = by_name(f->name, &t);
		if (type == MU_LOG_VOID)
			type = by_value(&t);
		f->type = merge(f->type, type);
	}
	return 0;
}

/* What was never told apart is text. */
static void
settle(struct mu_log_stream *s)
{
	for (size_t i = 0; i < s->nfields; i++) {
		struct mu_log_field *f = &s->fields[i];

		if (f->type == MU_LOG_VOID)
			f->type = MU_LOG_STRING;
		if (mu_log_is_list(f->type) && f->subtype == MU_LOG_VOID)
			f->subtype = MU_LOG_STRING;
	}
}

int
mu_log_infer(struct mu_log_stream *s, uint8_t *buf, size_t len)
{
	uint8_t *end = buf + len;
	size_t lines = 0;
	int rc = 0;

	while (buf < end && rc == 0 && lines++ < MU_LOG_INFER_LINES) {
		uint8_t *nl = memchr(buf, '\n', (size_t)(end - buf));
		size_t n =
		    nl == NULL ? (size_t)(end - buf) : (size_t)(nl - buf);

		rc = see_line(s, buf, n);
		buf += n + 1;
		if (nl == NULL)
			break;
	}
	settle(s);
	return rc;
}
