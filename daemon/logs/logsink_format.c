/*
 * What lines look like: the layout's format, overruled by the configuration
 * that the stream brought.  A stream with gzip_level is compressed as it is
 * written, each flush a gzip member of its own, so that a file can be cut
 * after any of them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "core/answer.h"
#include "logrec/writer.h"
#include "logs/logsink_impl.h"
#include "muster/err.h"

#define GZIP_WINDOW (15 + 16) /* zlib's word for a gzip header */
#define NS          1000000000

struct format {
	struct mu_log_writer *line;
	struct mu_log_writer *json; /* for those who follow; or NULL */
	int gzip_level;
	char ext[MU_LOG_MARKER + 8];
};

static void
by_layout(struct mu_log_format *f, const struct mu_logs *l)
{
	static const enum mu_log_json_time times[] = {
		[MU_LOGS_EPOCH] = MU_LOG_JSON_EPOCH,
		[MU_LOGS_MILLIS] = MU_LOG_JSON_MILLIS,
		[MU_LOGS_MILLIS_UNSIGNED] = MU_LOG_JSON_MILLIS_UNSIGNED,
		[MU_LOGS_ISO8601] = MU_LOG_JSON_ISO8601,
	};

	mu_log_format_init(f);
	f->json = l->format == MU_LOGS_JSON;
	f->json_unset = l->json_unset;
	f->json_time = times[l->json_time];
}

/* An extension from outside is no path. */
static bool
put_ext(struct format *out, const struct mu_log_format *f)
{
	if (f->gzip_level == 0) {
		strcpy(out->ext, ".log");
		return true;
	}
	snprintf(out->ext, sizeof out->ext, ".log.%s", f->gzip_extension.text);
	return strchr(f->gzip_extension.text, '/') == NULL;
}

struct format *
format_new(const struct logsink *s, const struct mu_log_stream *desc,
    struct mu_log_why *why)
{
	struct format *out = mu_calloc(1, sizeof *out);
	struct mu_log_format f;

	snprintf(why->text, sizeof why->text, "out of memory");
	if (out == NULL)
		return NULL;
	by_layout(&f, &s->logs);
	if (mu_log_format_apply(&f, desc, why) != 0)
		goto fail;
	if (!put_ext(out, &f)) {
		snprintf(why->text, sizeof why->text,
		    "gzip_file_extension holds a slash");
		goto fail;
	}
	out->gzip_level = f.gzip_level;
	out->line = mu_log_writer_new(desc, &f);
	if (out->line != NULL)
		return out;
fail:
	format_free(out);
	return NULL;
}

void
format_free(struct format *f)
{
	if (f == NULL)
		return;
	mu_log_writer_free(f->line);
	mu_log_writer_free(f->json);
	mu_free(f);
}

const char *
format_ext(const struct format *f)
{
	return f->ext;
}

void
format_header(struct format *f, struct mu_buf *b, int64_t wall)
{
	mu_log_writer_open(f->line, b, wall / NS);
}

void
format_record(struct format *f, struct mu_buf *b, const struct mu_log_record *r)
{
	mu_log_writer_line(f->line, b, r);
}

void
format_close(struct format *f, struct mu_buf *b, int64_t wall)
{
	mu_log_writer_close(f->line, b, wall / NS);
}

/* --- to the file ------------------------------------------------------- */

/* A gzip member of [len] bytes. */
static int
compress_member(struct mu_buf *out, int level, uint8_t *p, size_t len)
{
	z_stream z = { .zalloc = NULL };
	uint8_t *at;
	size_t room;
	int rc;

	if (len > UINT32_MAX || deflateInit2(&z, level, Z_DEFLATED, GZIP_WINDOW,
				    9, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	mu_buf_reset(out);
	rc = mu_buf_reserve(out, deflateBound(&z, len), &at, &room);
	if (rc == 0) {
		z.next_in = p;
		z.avail_in = (uInt)len;
		z.next_out = at;
		z.avail_out = (uInt)room;
		rc = deflate(&z, Z_FINISH) == Z_STREAM_END ? 0 : -1;
		mu_buf_commit(out, room - z.avail_out);
	}
	deflateEnd(&z);
	return rc == 0 ? 0 : -ENOMEM;
}

static int
write_at_end(struct logsink *s, struct writer *w, const uint8_t *p, size_t len)
{
	int rc = 0;

	/* What a failed write left behind. */
	if (w->written != w->size)
		rc = s->fs.truncate(s->fs.ctx, w->file, w->size);
	if (rc != 0)
		return rc;
	w->written = w->size + len;
	return s->fs.write(s->fs.ctx, w->file, w->size, p, len);
}

int
format_write(struct logsink *s, struct writer *w)
{
	struct mu_buf *b = &w->lines;
	int rc;

	if (w->fmt->gzip_level == 0)
		return write_at_end(s, w, mu_buf_data(b), mu_buf_len(b));
	rc = compress_member(
	    &s->scratch, w->fmt->gzip_level, mu_buf_data(b), mu_buf_len(b));
	if (rc == 0)
		rc = write_at_end(
		    s, w, mu_buf_data(&s->scratch), mu_buf_len(&s->scratch));
	mu_buf_reset(&s->scratch);
	return rc;
}

/* --- for those who follow ---------------------------------------------- */

static bool
prepare_json(struct format *f, const struct mu_log_stream *desc)
{
	struct mu_log_format json;

	if (f->json != NULL)
		return true;
	mu_log_format_init(&json);
	json.json = true;
	f->json = mu_log_writer_new(desc, &json);
	return f->json != NULL;
}

/* {"log":{"stream":...,"path":...,"node":...,"record":{...}}} */
void
format_tail(struct logsink *s, const struct writer *w, const char *node)
{
	struct mu_buf *b = &s->tail_lines;
	size_t before = mu_buf_len(b);

	if (!prepare_json(w->fmt, &w->desc)) {
		s->tail_dropped++;
		return;
	}
	mu_buf_str(b, "{\"log\":{");
	answer_text(b, "stream", w->desc.stream);
	answer_text(b, "path", w->desc.path);
	answer_text(b, "node", node);
	mu_buf_str(b, ",\"record\":");
	mu_log_writer_line(w->fmt->json, b, &s->record);
	if (mu_buf_error(b) == 0) {
		/* the line's own end */
		mu_buf_truncate(b, mu_buf_len(b) - 1);
		mu_buf_str(b, "}}\n");
	}
	if (mu_buf_error(b) == 0)
		return;
	b->error = 0;
	mu_buf_truncate(b, before);
	s->tail_dropped++;
}
