/* Lines out of bytes, and who reads them; see reader.h. */
#include "logrec/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "logrec/reader_impl.h"
#include "muster/err.h"

struct mu_log_reader *
mu_log_reader_new(const struct mu_log_reader_config *c)
{
	struct mu_log_reader *r = mu_calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	mu_buf_init(&r->in, 0);
	r->form = c->form;
	r->header_path = c->header_path;
	r->zeek = c->zeek;
	r->max_line = c->max_line == 0 ? MU_LOG_MAX_LINE : c->max_line;
	r->fresh = true;
	if (c->format != NULL)
		r->format = *c->format;
	else
		mu_log_format_init(&r->format);
	if (mu_log_stream_copy(&r->given, c->stream) != 0) {
		mu_log_reader_free(r);
		return NULL;
	}
	return r;
}

void
mu_log_reader_free(struct mu_log_reader *r)
{
	if (r == NULL)
		return;
	mu_log_stream_clear(&r->given);
	mu_log_stream_clear(&r->stream);
	mu_log_record_clear(&r->record);
	mu_buf_clear(&r->in);
	mu_free(r->names);
	mu_free(r->path);
	mu_free(r);
}

/* The last line has been looked at. */
static void
drop(struct mu_log_reader *r)
{
	if (r->held == 0 || r->again)
		return;
	mu_buf_consume(&r->in, r->held);
	r->held = 0;
}

int
mu_log_reader_feed(struct mu_log_reader *r, const uint8_t *buf, size_t len)
{
	uint8_t *at;
	size_t room;

	drop(r);
	if (len == 0)
		return 0;
	if (mu_buf_reserve(&r->in, len, &at, &room) != 0)
		return MUSTER_ENOMEM;
	memcpy(at, buf, len);
	mu_buf_commit(&r->in, len);
	return 0;
}

void
mu_log_reader_end(struct mu_log_reader *r)
{
	r->ended = true;
}

int
mu_log_bad(struct mu_log_reader *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why.text, sizeof r->why.text, fmt, ap);
	va_end(ap);
	return MU_LOG_BAD;
}

int
mu_log_columns(struct mu_log_reader *r, struct mu_log_stream *s)
{
	bool same = r->known && mu_log_stream_same(&r->stream, s) &&
		    mu_log_stream_same_fields(&r->stream, s);

	mu_log_stream_clear(&r->stream);
	r->stream = *s;
	memset(s, 0, sizeof *s);
	r->known = true;
	return same ? MU_LOG_MORE : MU_LOG_COLUMNS;
}

/* --- lines -----------------------------------------------------------------
 */

/* Take n bytes, a line with its end. */
static void
take(struct mu_log_reader *r, size_t n)
{
	r->held = n;
	r->scanned = 0;
	r->offset += n;
}

/* The next line without its end; false: there is none yet. */
static bool
line(struct mu_log_reader *r, uint8_t **s, size_t *len)
{
	uint8_t *data, *nl;
	size_t have;

	drop(r);
	data = mu_buf_data(&r->in);
	have = mu_buf_len(&r->in);
	if (have == 0)
		return false;
	nl = have == r->scanned
		 ? NULL
		 : memchr(data + r->scanned, '\n', have - r->scanned);
	if (nl == NULL && !r->ended) {
		r->scanned = have;
		if (have <= r->max_line)
			return false;
		/* Too long: forget what is there of it, say so at its end. */
		r->skipping = true;
		r->offset += have;
		mu_buf_reset(&r->in);
		r->scanned = 0;
		return false;
	}
	*s = data;
	*len = nl == NULL ? have : (size_t)(nl - data);
	r->line++;
	take(r, *len + (nl != NULL));
	if (*len > 0 && (*s)[*len - 1] == '\r')
		--*len;
	r->held_len = *len;
	return true;
}

/* Are there lines enough to infer columns from? */
static bool
is_window_full(const struct mu_log_reader *r)
{
	const uint8_t *p = mu_buf_data(&r->in), *end;
	size_t lines = 0;

	if (r->ended || mu_buf_len(&r->in) >= MU_LOG_INFER_BYTES)
		return true;
	for (end = p + mu_buf_len(&r->in); p < end; p++)
		if (*p == '\n' && ++lines == MU_LOG_INFER_LINES)
			return true;
	return false;
}

static int
infer(struct mu_log_reader *r)
{
	struct mu_log_stream s;
	int rc = mu_log_stream_copy(&s, &r->given);

	if (rc == 0)
		rc = mu_log_infer(&s, mu_buf_data(&r->in), mu_buf_len(&r->in));
	if (rc != 0) {
		mu_log_stream_clear(&s);
		return rc;
	}
	return mu_log_columns(r, &s);
}

/* The mark that some programs put before UTF-8; false: it may be one yet. */
static bool
pass_mark(struct mu_log_reader *r)
{
	static const uint8_t mark[] = { 0xef, 0xbb, 0xbf };
	size_t len = mu_buf_len(&r->in);

	if (r->offset > 0 ||
	    memcmp(mu_buf_data(&r->in), mark, len < 3 ? len : 3) != 0)
		return true;
	if (len < sizeof mark)
		return r->ended;
	mu_buf_consume(&r->in, sizeof mark);
	r->offset = sizeof mark;
	r->scanned = 0;
	return true;
}

/* Before the first line: what form it is, and JSON's columns. */
static int
begin(struct mu_log_reader *r)
{
	const uint8_t *p;
	struct mu_log_stream s;

	if (mu_buf_len(&r->in) == 0 || !pass_mark(r) || mu_buf_len(&r->in) == 0)
		return MU_LOG_MORE;
	p = mu_buf_data(&r->in);
	if (r->form == MU_LOG_FORM_AUTO)
		r->form = p[0] == '{' ? MU_LOG_FORM_JSON : MU_LOG_FORM_TSV;
	if (r->form != MU_LOG_FORM_JSON || r->known)
		return MU_LOG_MORE;
	if (r->given.nfields == 0)
		return is_window_full(r) ? infer(r) : MU_LOG_MORE;
	if (mu_log_stream_copy(&s, &r->given) != 0)
		return MUSTER_ENOMEM;
	return mu_log_columns(r, &s);
}

int
mu_log_reader_next(struct mu_log_reader *r)
{
	uint8_t *s;
	size_t len;
	int rc;

	if (!r->known) {
		drop(r);
		rc = begin(r);
		if (rc != MU_LOG_MORE)
			return rc;
		if (r->form == MU_LOG_FORM_JSON)
			return MU_LOG_MORE;
	}
	while (r->again || line(r, &s, &len)) {
		if (r->again) {
			s = mu_buf_data(&r->in);
			len = r->held_len;
			r->again = false;
		}
		if (r->skipping) {
			r->skipping = false;
			return mu_log_bad(
			    r, "longer than %zu bytes", r->max_line);
		}
		if (len > r->max_line)
			return mu_log_bad(
			    r, "longer than %zu bytes", r->max_line);
		rc = r->form == MU_LOG_FORM_JSON ? mu_log_json_read(r, s, len)
						 : mu_log_tsv_read(r, s, len);
		r->fresh = false;
		if (rc != MU_LOG_MORE)
			return rc;
	}
	return MU_LOG_MORE;
}

/* --- facts -------------------------------------------------------------------
 */

const struct mu_log_stream *
mu_log_reader_stream(const struct mu_log_reader *r)
{
	return &r->stream;
}

const struct mu_log_record *
mu_log_reader_record(const struct mu_log_reader *r)
{
	return &r->record;
}

const char *
mu_log_reader_why(const struct mu_log_reader *r)
{
	return r->why.text;
}

uint64_t
mu_log_reader_line(const struct mu_log_reader *r)
{
	return r->line;
}

uint64_t
mu_log_reader_offset(const struct mu_log_reader *r)
{
	return r->offset;
}

void
mu_log_reader_seek(struct mu_log_reader *r, uint64_t at_line, uint64_t offset)
{
	mu_buf_reset(&r->in);
	r->held = r->scanned = 0;
	r->skipping = r->ended = false;
	r->line = at_line;
	r->offset = offset;
}
