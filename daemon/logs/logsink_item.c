/*
 * What is in an item: log messages, one after the other, each record into the
 * lines of its writer.  A broken record costs nothing but itself.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "logs/logsink_impl.h"
#include "muster/err.h"
#include "sys/log.h"

#define TELL_NS UINT64_C(60000000000) /* between warnings about a stream */

static void
unknown(
    struct logsink *s, const struct logitem *it, const char *stream, size_t len)
{
	char shown[80];

	if (s->again)
		return;
	s->total.unknown++;
	if (!sink_told(s, it->name, stream, len))
		sink_say(s, LOG_LEVEL_WARN,
		    "logs: %s writes to stream %s, which nobody created; its "
		    "records are dropped",
		    it->name,
		    mu_text_printable(stream, len, shown, sizeof shown));
}

static void
reject(struct logsink *s, const struct logitem *it, struct writer *w,
    const char *why)
{
	if (s->again)
		return;
	w->rejected++;
	s->total.rejected++;
	if (s->now.mono < w->tell_reject)
		return;
	w->tell_reject = s->now.mono + TELL_NS;
	sink_say(s, LOG_LEVEL_WARN,
	    "logs: record of stream %s from %s refused: %s", w->desc.stream,
	    it->name, why);
}

/* A message that is no log message as a whole. */
static void
malformed(struct logsink *s, const struct logitem *it, const char *why)
{
	if (s->again)
		return;
	s->total.rejected++;
	if (!sink_told(s, "malformed", it->name, strlen(it->name)))
		sink_say(s, LOG_LEVEL_WARN, "logs: message from %s refused: %s",
		    it->name, why);
}

/* A good record that cannot be kept; it->kind MESSAGE only. */
static void
drop(struct logsink *s, const struct logitem *it, struct writer *w)
{
	w->group_dropped++;
	if (w->told_drop)
		return;
	w->told_drop = true;
	sink_say(s, LOG_LEVEL_WARN,
	    "logs: records of stream %s from %s are lost: %s", w->desc.stream,
	    it->name, w->retry != 0 ? w->error : s->total.error);
}

static bool
put_line(struct logsink *s, const struct logitem *it, struct writer *w)
{
	writer_touch(s, w);
	if (w->size + mu_buf_len(&w->lines) == 0)
		format_header(w->fmt, &w->lines, s->now.wall);
	format_record(w->fmt, &w->lines, &s->record);
	if (s->tail)
		format_tail(s, w, it->name);
	if (mu_buf_error(&w->lines) != 0)
		return false;
	w->group_records++;
	return true;
}

static void
take_record(struct logsink *s, struct logitem *it, const struct mu_log_write *m)
{
	struct writer *w = writer_find(s, &it->peer, m);
	struct mu_log_why why;
	int rc;

	if (w == NULL) {
		unknown(s, it, m->stream, m->stream_len);
		return;
	}
	rc = mu_log_record_dec(
	    &s->record, &w->desc, m->serial, m->serial_len, &why);
	if (rc == MUSTER_ENOMEM) {
		s->nomem = true;
		return;
	}
	if (rc != 0) {
		reject(s, it, w, why.text);
		return;
	}
	if (writer_works(s, w)) {
		if (!put_line(s, it, w))
			s->nomem = true;
	} else if (it->kind == LOGITEM_MESSAGE) {
		drop(s, it, w);
	} else {
		s->blocked = w;
	}
}

static void
take_message(
    struct logsink *s, struct logitem *it, const uint8_t *p, size_t len)
{
	struct mu_log_walk walk;
	struct mu_log_item m;
	int rc = mu_log_walk_init(&walk, p, len);

	if (rc != 0) {
		malformed(s, it, muster_strerror(rc));
		return;
	}
	while (!s->nomem && s->blocked == NULL && s->no_writer == NULL &&
	       mu_log_walk_next(&walk, &m)) {
		if (m.kind == MUSTER_MESSAGE_LOG_CREATE)
			writer_describe(s, it, m.bytes, m.len);
		else if (m.kind == MUSTER_MESSAGE_LOG_WRITE)
			take_record(s, it, &m.write);
		/* events in a batch are for others */
	}
}

static void
begin(struct logsink *s)
{
	s->item++;
	s->touched = NULL;
	s->blocked = NULL;
	s->nomem = false;
	s->no_writer = NULL;
	s->tail_mark = mu_buf_len(&s->tail_lines);
}

static void
undo(struct logsink *s)
{
	for (struct writer *w = s->touched; w != NULL; w = w->next_touched) {
		w->lines.error = 0;
		mu_buf_truncate(&w->lines, w->mark);
		w->group_records = w->mark_records;
	}
	mu_buf_truncate(&s->tail_lines, s->tail_mark);
}

bool
item_take(struct logsink *s, struct logitem *it)
{
	begin(s);
	take_message(s, it, it->payload, it->len);
	if (!s->nomem && s->blocked == NULL && s->no_writer == NULL)
		return true;
	undo(s);
	if (it->kind == LOGITEM_MESSAGE && !s->again)
		sink_say(s, LOG_LEVEL_WARN,
		    "logs: a message of %s is lost: out of memory", it->name);
	return false;
}
