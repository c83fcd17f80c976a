/* From bytes of a file to a batch in the outbox. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "logs/inputs_impl.h"
#include "muster/err.h"
#include "sys/log.h"

/* --- reading --------------------------------------------------------- */

static void
no_memory(struct input *i)
{
	input_rewind(i);
	input_stall(i, INPUT_AGAIN, "%s", muster_strerror(MUSTER_ENOMEM));
}

/* A line that is no record: said once per episode, counted always. */
static void
wrong(struct input *i)
{
	uint64_t now = i->owner->now;

	i->count.wrong++;
	i->wrong_since++;
	if (i->wrong_told_at != 0 && now - i->wrong_told_at < INPUT_EPISODE)
		return;
	if (i->wrong_since > 1)
		input_say(i, LOG_LEVEL_WARN, "line %llu: %s (and %llu more)",
		    (unsigned long long)mu_log_reader_line(i->reader),
		    mu_log_reader_why(i->reader),
		    (unsigned long long)i->wrong_since - 1);
	else
		input_say(i, LOG_LEVEL_WARN, "line %llu: %s",
		    (unsigned long long)mu_log_reader_line(i->reader),
		    mu_log_reader_why(i->reader));
	i->wrong_since = 0;
	i->wrong_told_at = now;
}

/* Everything up to here was looked at. */
static void
advance(struct input *i)
{
	i->sent.offset = mu_log_reader_offset(i->reader);
	i->sent.line = mu_log_reader_line(i->reader);
	i->sent.head = i->head;
}

/* What was known of the columns holds no longer. */
static void
forget_columns(struct input *i)
{
	i->has_stream = i->has_columns = i->new_columns = false;
}

static void
on_columns(struct input *i)
{
	if (i->resuming) {
		mu_log_reader_seek(i->reader, i->done.line, i->done.offset);
		i->at = i->done.offset;
		i->resuming = false;
		forget_columns(i);
		return;
	}
	/* The header began behind the last record. */
	i->head = i->sent.offset;
	if (i->n > 0) {
		i->new_columns = true;
		i->ready = true; /* those before it belong together */
	} else {
		forget_columns(i);
	}
}

/* Those of the batch that begins. */
static int
take_columns(struct input *i)
{
	if (i->has_columns)
		return 0;
	mu_log_stream_clear(&i->columns);
	if (mu_log_stream_copy(&i->columns, mu_log_reader_stream(i->reader)) !=
	    0)
		return MUSTER_ENOMEM;
	i->has_columns = true;
	return 0;
}

static int
on_record(struct input *i)
{
	size_t before = mu_buf_len(&i->records), len;
	uint8_t *at;

	if (take_columns(i) != 0)
		return MUSTER_ENOMEM;
	mu_buf_u32(&i->records, 0);
	mu_log_record_enc(&i->records, mu_log_reader_record(i->reader));
	if (mu_buf_error(&i->records) != 0)
		return MUSTER_ENOMEM;
	len = mu_buf_len(&i->records) - before - 4;
	at = mu_buf_data(&i->records) + before;
	for (int k = 0; k < 4; k++)
		at[k] = (uint8_t)(len >> (24 - 8 * k));
	i->n++;
	advance(i);
	return 0;
}

static bool
is_full(const struct input *i)
{
	return i->ready || i->n >= i->most ||
	       mu_buf_len(&i->records) >= INPUT_BYTES;
}

/* What the reader has, until the batch is full.  False after an error. */
static bool
drain(struct input *i)
{
	bool was = i->resuming;
	int what = MU_LOG_MORE, rc = 0;

	while (rc == 0 && !is_full(i) && was == i->resuming &&
	       (what = mu_log_reader_next(i->reader)) > MU_LOG_MORE) {
		if (what == MU_LOG_COLUMNS) {
			on_columns(i);
		} else if (i->resuming) {
			/* A record before any columns: not what it was. */
			input_close(i);
			memset(&i->done, 0, sizeof i->done);
			i->count.truncations++;
			i->deadline = i->owner->now;
			return false;
		} else if (what == MU_LOG_RECORD) {
			rc = on_record(i);
		} else {
			wrong(i);
			advance(i);
		}
	}
	if (rc != 0 || what < 0) {
		no_memory(i);
		return false;
	}
	return true;
}

bool
input_fill(struct input *i)
{
	const struct input_hooks *h = &i->owner->hooks;
	uint8_t chunk[INPUT_CHUNK];
	long n;

	while (i->owner->budget >= sizeof chunk) {
		if (i->handle < 0 || !drain(i) || is_full(i))
			return false;
		n = h->read(h->ctx, i->handle, i->at, chunk, sizeof chunk,
		    i->waits >= INPUT_WAITS);
		if (n == MUSTER_EAGAIN) {
			i->waits++;
			return false;
		}
		i->waits = 0;
		if (n < 0) {
			input_rewind(i); /* what it held is not sure */
			input_stall(i, INPUT_AGAIN, "it cannot be read");
			return false;
		}
		if (n == 0)
			return true;
		i->leaving = false;
		i->at += (uint64_t)n;
		i->owner->budget -= (size_t)n;
		if (mu_log_reader_feed(i->reader, chunk, (size_t)n) != 0) {
			no_memory(i);
			return false;
		}
	}
	if (i->handle >= 0)
		(void)drain(i);
	return false; /* there may be more */
}

/* --- the outbox ------------------------------------------------------ */

/* The number of the stream of the batch. */
static int
find_stream(struct input *i)
{
	char why[OUTBOX_WHY] = "";
	int rc;

	if (i->has_stream)
		return 0;
	rc = outbox_stream(i->owner->out, &i->columns, &i->stream, why);
	if (rc == 0)
		i->has_stream = true;
	else
		input_stall(i, INPUT_STALL, "%s",
		    why[0] == '\0' ? muster_strerror(rc) : why);
	return rc;
}

/* The records one by one; NULL when memory is out. */
static struct mu_bytes *
cut(const struct input *i)
{
	struct mu_cursor c =
	    mu_cursor_over(mu_buf_data(&i->records), mu_buf_len(&i->records));
	struct mu_bytes *list = mu_calloc(i->n, sizeof *list);

	for (size_t k = 0; list != NULL && k < i->n; k++) {
		list[k].len = mu_cursor_u32(&c);
		list[k].at = mu_cursor_bytes(&c, list[k].len);
	}
	return list;
}

/* The batch is dealt with: what follows. */
static void
clear_batch(struct input *i)
{
	mu_buf_reset(&i->records);
	i->n = 0;
	i->ready = false;
	if (i->new_columns)
		forget_columns(i);
}

/* A record is larger than can be sent: find it, one by one. */
static void
too_large(struct input *i)
{
	if (i->n > 1) {
		i->most = 1;
		input_rewind(i);
		return;
	}
	i->count.wrong++;
	input_say(i, LOG_LEVEL_WARN,
	    "line %llu: the record is larger than a message may be",
	    (unsigned long long)i->sent.line);
	clear_batch(i);
	i->deadline = i->owner->now;
}

static void
refused(struct input *i, int rc)
{
	switch (rc) {
	case MUSTER_EAGAIN:
		i->deadline = i->owner->now + INPUT_SECOND / 20;
		break;
	case MUSTER_EINVAL:
		too_large(i);
		break;
	case MUSTER_ELIMIT:
		input_stall(i, INPUT_AGAIN, "waits: the spool is full");
		break;
	default:
		input_stall(i, INPUT_AGAIN, "waits: the spool: %s",
		    muster_strerror(rc));
		break;
	}
}

/* A mark as the outbox takes it; value is the caller's to clear. */
static int
put_together(struct input *i, struct input_mark *m, struct outbox_mark *out,
    struct mu_buf *value)
{
	int rc = input_mark_file(i, m);

	mu_buf_init(value, 0);
	if (rc != 0)
		return rc;
	input_mark_enc(m, value);
	out->key =
	    (struct mu_bytes){ mu_buf_data(&i->key), mu_buf_len(&i->key) };
	out->value = (struct mu_bytes){ mu_buf_data(value), mu_buf_len(value) };
	return mu_buf_error(value);
}

void
input_put_mark(struct input *i)
{
	struct input_mark m = i->done;
	struct outbox_mark mark;
	struct mu_buf value;
	int rc;

	if (i->handle < 0)
		return;
	rc = put_together(i, &m, &mark, &value);
	if (rc == 0)
		rc = outbox_put_mark(i->owner->out, &mark);
	mu_buf_clear(&value);
	i->mark_due = rc != 0; /* then it is tried in the next turn */
}

void
input_add(struct input *i)
{
	struct outbox_mark mark;
	struct outbox_add add = {
		.n = i->n,
		.flush = true,
		.mark = &mark,
		.caller = inputs_caller(i->owner),
		.id = (uint64_t)(i - i->owner->list),
	};
	struct mu_bytes *records;
	struct mu_buf value;
	int rc = find_stream(i);

	if (rc != 0)
		return;
	rc = put_together(i, &i->sent, &mark, &value);
	records = cut(i);
	if (rc == 0 && records == NULL)
		rc = MUSTER_ENOMEM;
	if (rc == 0) {
		add.stream = i->stream;
		add.records = records;
		i->flying = true;
		rc = outbox_add(i->owner->out, &add, i->owner->now);
	}
	mu_free(records);
	mu_buf_clear(&value);
	if (rc != 0) {
		i->flying = false;
		refused(i, rc);
	}
}

void
input_accepted(struct input *i, const struct outbox_out *out)
{
	i->flying = false;
	i->deadline = i->owner->now;
	if (out->error != 0) {
		refused(i, out->error);
		return;
	}
	input_works(i);
	i->count.records += i->n;
	i->done = i->sent;
	if (i->most < INPUT_RECORDS)
		i->most =
		    i->most * 2 < INPUT_RECORDS ? i->most * 2 : INPUT_RECORDS;
	clear_batch(i);
}
