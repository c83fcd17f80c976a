/* LogCreate messages read and written; see stream.h. */
#include <string.h>

#include "base/alloc.h"
#include "logrec/stream.h"
#include "muster/err.h"
#include "muster/event.h"
#include "value/codec.h"

#define VERSION 1

/* What is being read; the first failure stays. */
struct reader {
	struct mu_log_stream *out;
	struct mu_log_why *why;
	int rc;
};

static void
fail_type(struct reader *r, const char *what)
{
	if (r->rc == 0)
		r->rc = mu_log_fail(
		    r->why, MUSTER_ETYPE, "the %s has another type", what);
}

/* Text without NUL, at most max bytes, copied; NULL after a failure. */
static char *
text(struct reader *r, const struct muster_value *v, enum muster_type type,
    size_t max, const char *what)
{
	const char *s;
	char *copy;
	size_t len;

	if (r->rc != 0)
		return NULL;
	if (v == NULL || muster_value_type(v) != type) {
		fail_type(r, what);
		return NULL;
	}
	s = muster_value_get_string(v, &len);
	if (len > max)
		r->rc = mu_log_fail(r->why, MUSTER_ELIMIT,
		    "the %s has %zu bytes, more than %zu", what, len, max);
	else if (memchr(s, '\0', len) != NULL)
		r->rc = mu_log_fail(
		    r->why, MUSTER_EINVAL, "the %s has a control byte", what);
	if (r->rc != 0)
		return NULL;
	copy = mu_memdup0(s, len);
	if (copy == NULL)
		r->rc = mu_log_fail(r->why, MUSTER_ENOMEM, "%s",
		    muster_strerror(MUSTER_ENOMEM));
	return copy;
}

static double
real(struct reader *r, const struct muster_value *v, const char *what)
{
	if (v == NULL || muster_value_type(v) != MUSTER_REAL)
		fail_type(r, what);
	return r->rc == 0 ? muster_value_get_real(v) : 0;
}

static uint64_t
count(struct reader *r, const struct muster_value *v, const char *what)
{
	if (v == NULL || muster_value_type(v) != MUSTER_COUNT)
		fail_type(r, what);
	return r->rc == 0 ? muster_value_get_count(v) : 0;
}

static void
read_config(struct reader *r, const struct muster_value *table)
{
	if (r->rc != 0)
		return;
	if (table == NULL || muster_value_type(table) != MUSTER_TABLE) {
		fail_type(r, "configuration");
		return;
	}
	for (size_t i = 0; i < muster_value_size(table) && r->rc == 0; i++) {
		char *key = text(r, muster_value_at(table, i), MUSTER_STRING,
		    MU_LOG_MAX_SETTING, "key of a setting");
		char *value = text(r, muster_value_at_value(table, i),
		    MUSTER_STRING, MU_LOG_MAX_SETTING, "value of a setting");

		if (r->rc == 0)
			r->rc =
			    mu_log_stream_config(r->out, key, value, r->why);
		mu_free(key);
		mu_free(value);
	}
}

/* (path, base, interval, network time, config, postprocessor); the path was
 * read already. */
static void
read_info(struct reader *r, const struct muster_value *info)
{
	char *post;

	r->out->rotation_base =
	    real(r, muster_value_at(info, 1), "rotation base");
	r->out->rotation_interval =
	    real(r, muster_value_at(info, 2), "rotation interval");
	r->out->network_time =
	    real(r, muster_value_at(info, 3), "network time");
	read_config(r, muster_value_at(info, 4));
	post = text(r, muster_value_at(info, 5), MUSTER_STRING, MU_LOG_MAX_NAME,
	    "postprocessor");
	if (post != NULL) {
		mu_free(r->out->postprocessor);
		r->out->postprocessor = post;
	}
}

/* (name, none or secondary name, type, subtype, optional) */
static void
read_field(struct reader *r, const struct muster_value *v)
{
	const struct muster_value *second = muster_value_at(v, 1),
				  *optional = muster_value_at(v, 4);
	char *name = text(r, muster_value_at(v, 0), MUSTER_STRING,
	    MU_LOG_MAX_NAME, "name of a field");
	uint64_t type = count(r, muster_value_at(v, 2), "type of a field");
	uint64_t sub = count(r, muster_value_at(v, 3), "subtype of a field");

	if (optional == NULL || muster_value_type(optional) != MUSTER_BOOLEAN)
		fail_type(r, "optional mark of a field");
	if (r->rc == 0 && !mu_log_type_ok(type, sub))
		r->rc = mu_log_fail(r->why, MUSTER_ETYPE,
		    "field %s: type %llu (subtype %llu) cannot be logged", name,
		    (unsigned long long)type, (unsigned long long)sub);
	if (r->rc == 0)
		r->rc = mu_log_stream_add(r->out, name, strlen(name),
		    (enum mu_log_type)type, (enum mu_log_type)sub,
		    muster_value_get_boolean(optional), r->why);
	if (r->rc == 0 && second != NULL &&
	    muster_value_type(second) != MUSTER_NONE)
		r->out->fields[r->out->nfields - 1].secondary =
		    text(r, second, MUSTER_STRING, MU_LOG_MAX_NAME,
			"secondary name of a field");
	mu_free(name);
}

static void
read_content(struct reader *r, const struct muster_value *content)
{
	const struct muster_value *info = muster_value_at(content, 2),
				  *fields = muster_value_at(content, 3);
	char *stream, *writer, *path;

	stream = text(r, muster_value_at(content, 0), MUSTER_ENUM,
	    MU_LOG_MAX_NAME, "stream name");
	writer = text(r, muster_value_at(content, 1), MUSTER_ENUM,
	    MU_LOG_MAX_NAME, "writer name");
	if (muster_value_type(info) != MUSTER_VECTOR)
		fail_type(r, "writer info");
	if (muster_value_type(fields) != MUSTER_VECTOR)
		fail_type(r, "field list");
	path = text(r, muster_value_at(info, 0), MUSTER_STRING, MU_LOG_MAX_NAME,
	    "path");
	if (r->rc == 0)
		r->rc =
		    mu_log_stream_init(r->out, stream, writer, path, r->why);
	mu_free(stream);
	mu_free(writer);
	mu_free(path);
	if (r->rc == 0)
		read_info(r, info);
	if (r->rc == 0 && muster_value_size(fields) > MU_LOG_MAX_FIELDS)
		r->rc = mu_log_fail(r->why, MUSTER_ELIMIT,
		    "%zu fields, more than %d", muster_value_size(fields),
		    MU_LOG_MAX_FIELDS);
	for (size_t i = 0; r->rc == 0 && i < muster_value_size(fields); i++)
		read_field(r, muster_value_at(fields, i));
}

int
mu_log_stream_from_value(struct mu_log_stream *out,
    const struct muster_value *message, struct mu_log_why *why)
{
	struct reader r = { out, why, 0 };

	memset(out, 0, sizeof *out);
	if (muster_message_kind(message) != MUSTER_MESSAGE_LOG_CREATE)
		return mu_log_fail(why, MUSTER_EPROTO, "no create message");
	read_content(&r, muster_value_at(message, 2));
	if (r.rc != 0)
		mu_log_stream_clear(out);
	return r.rc;
}

int
mu_log_stream_dec(struct mu_log_stream *out, const uint8_t *buf, size_t len,
    struct mu_log_why *why)
{
	struct muster_value *v = NULL;
	int rc = muster_value_dec(buf, len, &v);

	memset(out, 0, sizeof *out);
	if (rc != 0)
		return mu_log_fail(why, rc, "%s", muster_strerror(rc));
	rc = mu_log_stream_from_value(out, v, why);
	muster_value_unref(v);
	return rc;
}

/* --- writing ----------------------------------------------------------- */

static void
put_head(struct mu_buf *b, enum muster_type type, size_t n)
{
	mu_buf_u8(b, (uint8_t)type);
	mu_buf_varbyte(b, (uint32_t)n);
}

static void
put_text(struct mu_buf *b, enum muster_type type, const char *s)
{
	put_head(b, type, strlen(s));
	mu_buf_str(b, s);
}

static void
put_count(struct mu_buf *b, uint64_t n)
{
	mu_buf_u8(b, MUSTER_COUNT);
	mu_buf_u64(b, n);
}

static void
put_real(struct mu_buf *b, double d)
{
	struct muster_value *v = muster_value_real(d);

	if (v == NULL) {
		if (b->error == 0)
			b->error = MUSTER_ENOMEM;
		return;
	}
	mu_value_enc(b, v);
	muster_value_unref(v);
}

/* Broker sorts its tables; so does our value. */
static void
put_config(struct mu_buf *b, const struct mu_log_stream *s)
{
	struct muster_value *table = muster_value_table();
	int rc = table == NULL ? MUSTER_ENOMEM : 0;

	for (size_t i = 0; i < s->nconfig && rc == 0; i++)
		rc = muster_value_put(table,
		    muster_value_cstring(s->config[i].key),
		    muster_value_cstring(s->config[i].value));
	if (rc == 0)
		mu_value_enc(b, table);
	else if (b->error == 0)
		b->error = rc;
	muster_value_unref(table);
}

static void
put_field(struct mu_buf *b, const struct mu_log_field *f)
{
	put_head(b, MUSTER_VECTOR, 5);
	put_text(b, MUSTER_STRING, f->name);
	if (f->secondary == NULL)
		mu_buf_u8(b, MUSTER_NONE);
	else
		put_text(b, MUSTER_STRING, f->secondary);
	put_count(b, f->type);
	put_count(b, f->subtype);
	mu_buf_u8(b, MUSTER_BOOLEAN);
	mu_buf_u8(b, f->optional);
}

void
mu_log_stream_enc(struct mu_buf *b, const struct mu_log_stream *s)
{
	put_head(b, MUSTER_VECTOR, 3);
	put_count(b, VERSION);
	put_count(b, MUSTER_MESSAGE_LOG_CREATE);
	put_head(b, MUSTER_VECTOR, 4);
	put_text(b, MUSTER_ENUM, s->stream);
	put_text(b, MUSTER_ENUM, s->writer);
	put_head(b, MUSTER_VECTOR, 6);
	put_text(b, MUSTER_STRING, s->path);
	put_real(b, s->rotation_base);
	put_real(b, s->rotation_interval);
	put_real(b, s->network_time);
	put_config(b, s);
	put_text(b, MUSTER_STRING, s->postprocessor);
	put_head(b, MUSTER_VECTOR, s->nfields);
	for (size_t i = 0; i < s->nfields; i++)
		put_field(b, &s->fields[i]);
}
