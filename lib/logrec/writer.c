/*
 * Lines of log files; see writer.h.  Each value reserves room for the worst
 * case and is then written with a bare pointer.
 */
#include "logrec/writer.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "logrec/escape.h"
#include "logrec/number.h"
#include "logrec/scalar.h"
#include "muster/err.h"

/* A column, prepared. */
struct column {
	uint8_t type;
	uint8_t subtype;
	uint8_t *key; /* JSON: "name": with the quotes; owned */
	size_t key_len;
};

struct mu_log_writer {
	struct mu_log_format format;
	struct mu_log_tsv tsv;  /* points to format */
	struct column *columns; /* [ncolumns] */
	size_t ncolumns;
	struct mu_buf head;       /* the header block up to the open time */
	struct mu_buf head_names; /* and behind it */
};

/* --- preparation --------------------------------------------------------- */

static void
put_marker(struct mu_buf *b, const struct mu_log_marker *m)
{
	mu_buf_put(b, m->text, m->len);
}

/* #name<separator> */
static void
head_field(const struct mu_log_format *f, struct mu_buf *b, const char *name)
{
	put_marker(b, &f->meta_prefix);
	mu_buf_str(b, name);
	put_marker(b, &f->separator);
}

static void
head_marker(const struct mu_log_format *f, struct mu_buf *b, const char *name,
    const char *text, size_t len)
{
	head_field(f, b, name);
	mu_log_head_escape(b, text, len);
	mu_buf_u8(b, '\n');
}

static void
put_names(const struct mu_log_format *f, struct mu_buf *b,
    const struct mu_log_stream *s, bool types)
{
	char text[MU_LOG_TYPE_TEXT];

	for (size_t i = 0; i < s->nfields; i++) {
		if (i > 0)
			put_marker(b, &f->separator);
		mu_buf_str(b, types ? mu_log_type_format(s->fields[i].type,
					  s->fields[i].subtype, text)
				    : s->fields[i].name);
	}
	mu_buf_u8(b, '\n');
}

static void
prepare_head(struct mu_log_writer *w, const struct mu_log_stream *s)
{
	const struct mu_log_format *f = &w->format;
	struct mu_buf *b = &w->head;

	if (f->tsv) {
		put_names(f, b, s, false);
		return;
	}
	put_marker(b, &f->meta_prefix);
	mu_buf_str(b, "separator ");
	mu_log_head_escape(b, f->separator.text, f->separator.len);
	mu_buf_u8(b, '\n');
	head_marker(
	    f, b, "set_separator", f->set_separator.text, f->set_separator.len);
	head_marker(f, b, "empty_field", f->empty.text, f->empty.len);
	head_marker(f, b, "unset_field", f->unset.text, f->unset.len);
	head_marker(f, b, "path", s->path, strlen(s->path));
	b = &w->head_names;
	head_field(f, b, "fields");
	put_names(f, b, s, false);
	head_field(f, b, "types");
	put_names(f, b, s, true);
}

static int
prepare_column(struct column *c, const struct mu_log_field *f)
{
	size_t len = strlen(f->name);
	uint8_t *p;

	c->type = (uint8_t)f->type;
	c->subtype = (uint8_t)f->subtype;
	c->key = p = mu_malloc(len * MU_LOG_JSON_GROWTH + 3);
	if (p == NULL)
		return MUSTER_ENOMEM;
	*p++ = '"';
	p = mu_log_json_escape(p, (const uint8_t *)f->name, len);
	*p++ = '"';
	*p++ = ':';
	c->key_len = (size_t)(p - c->key);
	return 0;
}

struct mu_log_writer *
mu_log_writer_new(const struct mu_log_stream *s, const struct mu_log_format *f)
{
	struct mu_log_writer *w = mu_calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
	mu_buf_init(&w->head, 0);
	mu_buf_init(&w->head_names, 0);
	w->format = *f;
	mu_log_tsv_init(&w->tsv, &w->format);
	w->columns = mu_calloc(s->nfields, sizeof *w->columns);
	if (w->columns == NULL)
		goto fail;
	w->ncolumns = s->nfields;
	for (size_t i = 0; i < s->nfields; i++)
		if (prepare_column(&w->columns[i], &s->fields[i]) != 0)
			goto fail;
	if (!f->json && (f->tsv || f->meta))
		prepare_head(w, s);
	if (mu_buf_error(&w->head) != 0 || mu_buf_error(&w->head_names) != 0)
		goto fail;
	return w;
fail:
	mu_log_writer_free(w);
	return NULL;
}

void
mu_log_writer_free(struct mu_log_writer *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->ncolumns; i++)
		mu_free(w->columns[i].key);
	mu_free(w->columns);
	mu_buf_clear(&w->head);
	mu_buf_clear(&w->head_names);
	mu_free(w);
}

const struct mu_log_format *
mu_log_writer_format(const struct mu_log_writer *w)
{
	return &w->format;
}

/* --- header and close line ------------------------------------------------ */

static void
put_stamp(const struct mu_log_writer *w, struct mu_buf *b, const char *what,
    int64_t wall_s)
{
	time_t t = (time_t)wall_s;
	char text[40] = "-";
	struct tm tm;

	if (localtime_r(&t, &tm) != NULL)
		strftime(text, sizeof text, "%Y-%m-%d-%H-%M-%S", &tm);
	head_field(&w->format, b, what);
	mu_buf_str(b, text);
	mu_buf_u8(b, '\n');
}

static bool
has_meta(const struct mu_log_format *f)
{
	return !f->json && !f->tsv && f->meta;
}

void
mu_log_writer_open(
    const struct mu_log_writer *w, struct mu_buf *b, int64_t wall_s)
{
	mu_buf_put(b, mu_buf_data(&w->head), mu_buf_len(&w->head));
	if (!has_meta(&w->format))
		return;
	put_stamp(w, b, "open", wall_s);
	mu_buf_put(b, mu_buf_data(&w->head_names), mu_buf_len(&w->head_names));
}

void
mu_log_writer_close(
    const struct mu_log_writer *w, struct mu_buf *b, int64_t wall_s)
{
	if (has_meta(&w->format))
		put_stamp(w, b, "close", wall_s);
}

/* --- room ------------------------------------------------------------------
 */

/* Where to write at most n bytes; NULL: the buffer has an error. */
static uint8_t *
room(struct mu_buf *b, size_t n)
{
	uint8_t *at;
	size_t got;
	int rc;

	if (b->error != 0)
		return NULL;
	rc = mu_buf_reserve(b, n, &at, &got);
	if (rc == 0)
		return at;
	b->error = rc;
	return NULL;
}

static void
done(struct mu_buf *b, const uint8_t *from, const uint8_t *to)
{
	mu_buf_commit(b, (size_t)(to - from));
}

/* Most bytes of a value that is no set or vector, escaped growth-fold. */
static size_t
worst(const struct mu_log_value *v, size_t growth)
{
	if (!v->set)
		return MU_LOG_MARKER;
	return mu_log_is_text(v->type) ? v->u.text.len * growth + MU_LOG_MARKER
				       : MU_LOG_NUMBER * growth;
}

/* --- TSV --------------------------------------------------------------------
 */

static uint8_t *
copy_marker(uint8_t *p, const struct mu_log_marker *m)
{
	memcpy(p, m->text, m->len);
	return p + m->len;
}

static bool
is_marker(const struct mu_log_marker *m, const uint8_t *s, size_t len)
{
	return len == m->len && memcmp(s, m->text, len) == 0;
}

/* A text that would read as a marker gets its first byte escaped. */
static uint8_t *
tsv_text(const struct mu_log_tsv *t, uint8_t *p, const uint8_t *s, size_t len,
    bool element)
{
	const struct mu_log_format *f = t->format;

	if (len == 0)
		return copy_marker(p, &f->empty);
	if (is_marker(&f->unset, s, len) || is_marker(&f->empty, s, len)) {
		p = mu_log_put_hex(p, s[0]);
		s++;
		len--;
	}
	return mu_log_tsv_escape(t, p, s, len, element);
}

static uint8_t *
tsv_scalar(const struct mu_log_tsv *t, uint8_t *p, const struct mu_log_value *v,
    bool element)
{
	uint8_t text[MU_LOG_NUMBER];
	uint8_t *end;

	if (!v->set)
		return copy_marker(p, &t->format->unset);
	if (mu_log_is_text(v->type))
		return tsv_text(t, p, v->u.text.at, v->u.text.len, element);
	if (!t->scalars[element])
		return mu_log_put_scalar(p, v);
	end = mu_log_put_scalar(text, v);
	return mu_log_tsv_escape(t, p, text, (size_t)(end - text), element);
}

static void
tsv_list(const struct mu_log_tsv *t, struct mu_buf *b,
    const struct mu_log_record *r, const struct mu_log_value *v)
{
	const struct mu_log_value *e = mu_log_elements(r, v);
	const struct mu_log_format *f = t->format;

	if (v->u.list.n == 0)
		put_marker(b, &f->empty);
	for (uint32_t i = 0; i < v->u.list.n; i++) {
		uint8_t *at = room(
		    b, worst(&e[i], MU_LOG_TSV_GROWTH) + f->set_separator.len);
		uint8_t *p = at;

		if (p == NULL)
			return;
		if (i > 0)
			p = copy_marker(p, &f->set_separator);
		done(b, at, tsv_scalar(t, p, &e[i], true));
	}
}

/* What would begin like a header line gets its first byte escaped. */
static void
guard_prefix(const struct mu_log_format *f, struct mu_buf *b, size_t start)
{
	const struct mu_log_marker *m = &f->meta_prefix;
	size_t len = mu_buf_len(b) - start;
	uint8_t *p, *at;

	if (m->len == 0 || len < m->len || b->error != 0 ||
	    memcmp(mu_buf_data(b) + start, m->text, m->len) != 0)
		return;
	if (room(b, 3) == NULL)
		return;
	at = mu_buf_data(b) + start;
	memmove(at + 4, at + 1, len - 1);
	p = mu_log_put_hex(at, at[0]);
	done(b, at + 1, p);
}

static void
tsv_line(
    struct mu_log_writer *w, struct mu_buf *b, const struct mu_log_record *r)
{
	const struct mu_log_format *f = &w->format;
	size_t start = mu_buf_len(b);

	for (size_t i = 0; i < r->nfields; i++) {
		const struct mu_log_value *v = &r->values[i];
		bool list = v->set && mu_log_is_list(v->type);
		uint8_t *at = room(b, (list ? 0 : worst(v, MU_LOG_TSV_GROWTH)) +
					  f->separator.len);
		uint8_t *p = at;

		if (at == NULL)
			return;
		if (i > 0)
			p = copy_marker(p, &f->separator);
		done(b, at, list ? p : tsv_scalar(&w->tsv, p, v, false));
		if (list)
			tsv_list(&w->tsv, b, r, v);
	}
	mu_buf_u8(b, '\n');
	guard_prefix(f, b, start);
}

/* --- JSON -------------------------------------------------------------------
 */

static uint8_t *
json_double(uint8_t *p, double v)
{
	if (!isfinite(v)) {
		memcpy(p, "null", 4);
		return p + 4;
	}
	return (uint8_t *)mu_log_put_shortest((char *)p, v);
}

static uint8_t *
json_time(const struct mu_log_format *f, uint8_t *p, double v)
{
	char *end = (char *)p;

	switch (f->json_time) {
	case MU_LOG_JSON_MILLIS:
		end = mu_log_put_i64(end, mu_log_millis(v));
		break;
	case MU_LOG_JSON_MILLIS_UNSIGNED:
		end = mu_log_put_u64(end, (uint64_t)mu_log_millis(v));
		break;
	case MU_LOG_JSON_ISO8601:
		*end++ = '"';
		end = mu_log_put_iso8601(end, v);
		*end++ = '"';
		break;
	default:
		return json_double(p, v);
	}
	return (uint8_t *)end;
}

static uint8_t *
json_scalar(
    const struct mu_log_format *f, uint8_t *p, const struct mu_log_value *v)
{
	if (!v->set) {
		memcpy(p, "null", 4);
		return p + 4;
	}
	switch (v->type) {
	case MU_LOG_BOOL:
		memcpy(p, v->u.integer ? "true" : "false", 5);
		return p + (v->u.integer ? 4 : 5);
	case MU_LOG_INT:
	case MU_LOG_COUNT:
	case MU_LOG_PORT:
		return mu_log_put_scalar(p, v);
	case MU_LOG_DOUBLE:
	case MU_LOG_INTERVAL:
		return json_double(p, v->u.real);
	case MU_LOG_TIME:
		return json_time(f, p, v->u.real);
	default:
		break;
	}
	*p++ = '"';
	p = mu_log_is_text(v->type)
		? mu_log_json_escape(p, v->u.text.at, v->u.text.len)
		: mu_log_put_scalar(p, v);
	*p++ = '"';
	return p;
}

static void
json_list(const struct mu_log_format *f, struct mu_buf *b,
    const struct mu_log_record *r, const struct mu_log_value *v)
{
	const struct mu_log_value *e = mu_log_elements(r, v);

	mu_buf_u8(b, '[');
	for (uint32_t i = 0; i < v->u.list.n; i++) {
		uint8_t *at = room(b, worst(&e[i], MU_LOG_JSON_GROWTH) + 3);
		uint8_t *p = at;

		if (p == NULL)
			return;
		if (i > 0)
			*p++ = ',';
		done(b, at, json_scalar(f, p, &e[i]));
	}
	mu_buf_u8(b, ']');
}

static void
json_line(
    struct mu_log_writer *w, struct mu_buf *b, const struct mu_log_record *r)
{
	const struct mu_log_format *f = &w->format;
	bool first = true;

	mu_buf_u8(b, '{');
	for (size_t i = 0; i < r->nfields; i++) {
		const struct mu_log_value *v = &r->values[i];
		const struct column *c = &w->columns[i];
		bool list = v->set && mu_log_is_list(v->type);
		uint8_t *at, *p;

		if (!v->set && !f->json_unset)
			continue;
		p = at = room(b,
		    c->key_len + 3 + (list ? 0 : worst(v, MU_LOG_JSON_GROWTH)));
		if (at == NULL)
			return;
		if (!first)
			*p++ = ',';
		first = false;
		memcpy(p, c->key, c->key_len);
		p += c->key_len;
		done(b, at, list ? p : json_scalar(f, p, v));
		if (list)
			json_list(f, b, r, v);
	}
	mu_buf_put(b, "}\n", 2);
}

void
mu_log_writer_line(
    struct mu_log_writer *w, struct mu_buf *b, const struct mu_log_record *r)
{
	assert(r->nfields == w->ncolumns);
	if (w->format.json)
		json_line(w, b, r);
	else
		tsv_line(w, b, r);
}
