/* Records from JSON lines; see reader.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "logrec/escape.h"
#include "logrec/json_scan.h"
#include "logrec/number.h"
#include "logrec/reader_impl.h"
#include "logrec/scalar.h"
#include "logrec/shown.h"
#include "muster/err.h"

/* A value of column i does not fit. */
static int
bad_value(struct mu_log_reader *r, size_t i, const struct mu_log_json_token *t)
{
	static const char *const kinds[] = {
		[MU_LOG_JSON_STRING] = "a string",
		[MU_LOG_JSON_NUMBER] = "a number",
		[MU_LOG_JSON_TRUE] = "true",
		[MU_LOG_JSON_FALSE] = "false",
		[MU_LOG_JSON_NULL] = "null",
		[MU_LOG_JSON_ARRAY] = "an array",
	};
	const struct mu_log_field *f = &r->stream.fields[i];
	char type[MU_LOG_TYPE_TEXT];

	mu_log_type_format(f->type, f->subtype, type);
	if (t->kind == MU_LOG_JSON_NUMBER)
		return mu_log_bad(r, "field %s: %.*s is no %s", f->name,
		    (int)(t->len > 40 ? 40 : t->len), (char *)t->at, type);
	return mu_log_bad(
	    r, "field %s: %s is no %s", f->name, kinds[t->kind], type);
}

/* Milliseconds that are written again as they came. */
static double
from_millis(int64_t ms)
{
	double v = (double)ms / 1000;

	if (mu_log_millis(v) != ms)
		v = nextafter(v, ms < 0 ? -INFINITY : INFINITY);
	return v;
}

static bool
read_time(const struct mu_log_format *f, struct mu_log_value *v,
    const struct mu_log_json_token *t)
{
	const char *s = (const char *)t->at;
	uint64_t n;
	int64_t ms;

	if (t->kind == MU_LOG_JSON_STRING)
		return f->json_time == MU_LOG_JSON_ISO8601
			   ? mu_log_get_shown_iso8601(s, t->len, &v->u.real)
			   : mu_log_get_iso8601(s, t->len, &v->u.real);
	if (f->json_time != MU_LOG_JSON_MILLIS &&
	    f->json_time != MU_LOG_JSON_MILLIS_UNSIGNED)
		return mu_log_get_double(s, t->len, &v->u.real);
	if (f->json_time == MU_LOG_JSON_MILLIS_UNSIGNED &&
	    mu_log_get_u64(s, t->len, &n))
		ms = (int64_t)n;
	else if (!mu_log_get_i64(s, t->len, &ms))
		return false;
	v->u.real = from_millis(ms);
	return true;
}

/* A JSON string as a value; only text and what has no other form in JSON. */
static bool
read_string(struct mu_log_value *v, struct mu_log_json_token *t)
{
	long len = mu_log_json_decode(t->at, t->len);

	if (len < 0)
		return false;
	t->len = (size_t)len;
	if (mu_log_is_text(v->type)) {
		v->u.text.at = t->at;
		v->u.text.len = mu_log_json_unescape(t->at, t->len);
		return true;
	}
	return (v->type == MU_LOG_ADDR || v->type == MU_LOG_SUBNET ||
		   v->type == MU_LOG_PORT) &&
	       mu_log_get_scalar(v, (char *)t->at, t->len);
}

static bool
is_numeric(unsigned type)
{
	return type == MU_LOG_INT || type == MU_LOG_COUNT ||
	       type == MU_LOG_DOUBLE || type == MU_LOG_INTERVAL ||
	       type == MU_LOG_PORT;
}

static bool
read_scalar(const struct mu_log_format *f, struct mu_log_value *v,
    struct mu_log_json_token *t)
{
	v->set = true;
	if (t->kind == MU_LOG_JSON_TRUE || t->kind == MU_LOG_JSON_FALSE) {
		v->u.integer = t->kind == MU_LOG_JSON_TRUE;
		return v->type == MU_LOG_BOOL;
	}
	if (v->type == MU_LOG_TIME)
		return read_time(f, v, t);
	if (t->kind == MU_LOG_JSON_NUMBER)
		return is_numeric(v->type) &&
		       mu_log_get_scalar(v, (char *)t->at, t->len);
	return t->kind == MU_LOG_JSON_STRING && read_string(v, t);
}

static int
read_list(struct mu_log_reader *r, struct mu_log_json_scan *s, size_t i)
{
	struct mu_log_json_token t;

	mu_log_record_list(&r->record, i, r->stream.fields[i].subtype);
	while (mu_log_json_element(s, &t)) {
		struct mu_log_value *e = mu_log_record_add(&r->record, i);

		if (e == NULL)
			return MUSTER_ENOMEM;
		if (t.kind != MU_LOG_JSON_NULL &&
		    !read_scalar(&r->format, e, &t))
			return bad_value(r, i, &t);
	}
	return 0;
}

/* The column of a key; the next one in order is tried first.  -1: none. */
static long
column(struct mu_log_reader *r, struct mu_log_json_token *key, size_t next)
{
	long len = mu_log_json_decode(key->at, key->len);
	const char *name = (const char *)key->at;

	if (len < 0)
		return -1;
	key->len = (size_t)len;
	for (size_t i = next; i < r->stream.nfields && i < next + 4; i++)
		if (strlen(r->stream.fields[i].name) == key->len &&
		    memcmp(r->stream.fields[i].name, name, key->len) == 0)
			return (long)i;
	return mu_log_stream_find(&r->stream, name, key->len);
}

static int
read_member(struct mu_log_reader *r, struct mu_log_json_scan *s,
    struct mu_log_json_token *key, struct mu_log_json_token *t, size_t *next)
{
	long i = column(r, key, *next);
	struct mu_log_value *v;
	char shown[64];

	if (i < 0)
		return mu_log_bad(r,
		    "there is no field %s: its type must be told",
		    mu_text_printable(key->at, key->len, shown, sizeof shown));
	*next = (size_t)i + 1;
	v = &r->record.values[i];
	if (v->set)
		return mu_log_bad(
		    r, "field %s: it is there twice", r->stream.fields[i].name);
	if (t->kind == MU_LOG_JSON_NULL)
		return 0;
	if (mu_log_is_list(v->type))
		return t->kind == MU_LOG_JSON_ARRAY
			   ? read_list(r, s, (size_t)i)
			   : bad_value(r, (size_t)i, t);
	return read_scalar(&r->format, v, t) ? 0 : bad_value(r, (size_t)i, t);
}

int
mu_log_json_read(struct mu_log_reader *r, uint8_t *line, size_t len)
{
	struct mu_log_json_scan s;
	struct mu_log_json_token key, value;
	size_t next = 0;
	int rc;

	if (len == 0)
		return MU_LOG_MORE;
	rc = mu_log_record_begin(&r->record, &r->stream);
	mu_log_json_begin(&s, line, len);
	while (rc == 0 && mu_log_json_member(&s, &key, &value))
		rc = read_member(r, &s, &key, &value, &next);
	if (rc != 0)
		return rc;
	if (s.error != NULL)
		return mu_log_bad(r, "%s", s.error);
	return MU_LOG_RECORD;
}
