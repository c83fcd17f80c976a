/* What a logger writes, and what it cannot: and what its node sends: the answer
 * to "logs". */
#include "control/control_logger.h"

#include <string.h>

#include "base/buf.h"
#include "control/control_session.h"
#include "control/control_ship.h"
#include "core/answer.h"
#include "logs/logger.h"

#define MS 1000000

static const char *
or_null(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

static void
put_stream(struct mu_buf *b, const struct logsink_fact *f)
{
	answer_open(b, NULL, '{');
	answer_text(b, "stream", f->stream);
	answer_text(b, "path", f->path);
	answer_text(b, "file", f->file);
	answer_number(b, "records", f->records);
	answer_number(b, "bytes", f->bytes);
	answer_number(b, "size", f->size);
	answer_number(b, "waiting", f->waiting);
	answer_number(b, "rejected", f->rejected);
	answer_number(b, "dropped", f->dropped);
	answer_number(b, "last_ms", (uint64_t)(f->last / MS));
	answer_text(b, "error", or_null(f->error));
	answer_close(b, '}');
}

/* What came, what is on disk, what is lost. */
static void
put_records(struct mu_buf *b, const struct logger_report *r)
{
	const struct logsink_total *d = &r->disk;

	answer_number(b, "records", d->records);
	answer_number(b, "bytes", d->bytes);
	answer_number(b, "rejected", d->rejected);
	answer_number(b, "unknown", d->unknown);
	answer_number(b, "dropped", d->dropped);
	answer_number(b, "messages", r->loop.messages);
	answer_number(b, "lost_messages", r->loop.lost);
	answer_number(b, "malformed", r->loop.malformed);
	answer_number(b, "batches", d->batches);
	answer_number(b, "repeated", d->repeated);
	answer_number(b, "gaps", d->gaps);
	answer_number(b, "refused", d->refused);
	answer_number(b, "busy", r->loop.busy);
}

static void
put_disk(struct mu_buf *b, const struct logger_report *r)
{
	const struct logsink_total *d = &r->disk;

	answer_number(b, "waiting_records", d->waiting);
	answer_number(b, "waiting_messages", r->loop.waiting);
	answer_number(b, "waiting_bytes", r->loop.waiting_bytes);
	answer_number(b, "limit_bytes", r->loop.limit_bytes);
	answer_number(b, "flushes", d->flushes);
	answer_number(b, "failures", d->failures);
	answer_number(b, "flush_ms", d->flush_ns / MS);
	answer_number(b, "flush_max_ms", d->flush_max_ns / MS);
	answer_text(b, "journal", or_null(d->damaged));
	answer_text(b, "error", or_null(d->error));
	answer_number(b, "error_ms", (uint64_t)(d->error_at / MS));
}

static void
put_rotated(struct mu_buf *b, const struct logger_report *r)
{
	answer_number(b, "rotations", r->disk.rotations);
	answer_number(b, "post_waiting", r->post_waiting);
	answer_number(b, "post_running", r->post_running);
	answer_number(b, "post_done", r->post_done);
	answer_number(b, "post_failed", r->post_failed);
	answer_number(b, "post_plain", r->post_plain);
	answer_text(b, "post_error", or_null(r->post_error));
	answer_number(b, "removed", r->removed);
	answer_number(b, "kept_bytes", r->kept_bytes);
}

static void
put_logger(struct mu_buf *b, const struct logger_report *r)
{
	answer_open(b, "logger", '{');
	answer_text(b, "state",
	    r->disk.trouble ? "failing"
	    : r->disk.ready ? "writing"
			    : "starting");
	answer_text(b, "folder", r->folder);
	answer_number(b, "since_ms", (uint64_t)(r->disk.since / MS));
	answer_number(b, "ever_records", r->disk.ever_records);
	answer_number(b, "ever_bytes", r->disk.ever_bytes);
	answer_number(b, "ever_since_ms", (uint64_t)(r->disk.ever_since / MS));
	put_records(b, r);
	put_disk(b, r);
	put_rotated(b, r);
	answer_open(b, "streams", '[');
	for (size_t i = 0; i < r->nstreams; i++)
		put_stream(b, &r->streams[i]);
	answer_close(b, ']');
	answer_close(b, '}');
}

static void
put_facts(const struct control *c, struct mu_buf *b)
{
	const struct control_logger *l = c->logger;
	struct logger_report r;

	if (l == NULL) {
		mu_buf_str(b, ",\"logger\":null");
		return;
	}
	memset(&r, 0, sizeof r);
	l->report(l->ctx, &r);
	put_logger(b, &r);
}

void
control_on_logs(struct control_session *s, const struct control_args *a)
{
	(void)a;
	answer_ok(&s->out);
	put_facts(s->control, &s->out);
	control_put_sender(s->control, &s->out);
	answer_end(&s->out);
}

void
control_put_logger_trouble(const struct control *c, struct mu_buf *b)
{
	const struct control_logger *l = c->logger;
	struct logger_report r;

	if (l == NULL)
		return;
	memset(&r, 0, sizeof r);
	l->report(l->ctx, &r);
	if (r.disk.trouble)
		answer_text(b, "logger_error", r.disk.error);
	if (r.disk.damaged[0] != '\0')
		answer_text(b, "logger_journal", r.disk.damaged);
}
