/* LogWrite and Batch without their values; see message.h. */
#include "logrec/message.h"

#include <assert.h>
#include <string.h>

#include "muster/err.h"
#include "value/codec.h"

#define VERSION 1

/* vector(3) count(1) count(kind) vector(n), n in at most five bytes */
#define HEAD_MAX 26

static const uint8_t *
text(struct mu_cursor *c, enum muster_type type, size_t *len)
{
	*len = 0;
	if (mu_cursor_u8(c) != type)
		mu_cursor_fail(c, MUSTER_EPROTO);
	return mu_cursor_str(c, len);
}

/* The head of a message: its kind; *n parts of content and *rest surplus
 * values behind them follow. */
static enum muster_message
head(struct mu_cursor *c, uint32_t *n, uint32_t *rest)
{
	uint32_t outer = mu_dec_vector_head(c);
	uint64_t kind;

	*n = *rest = 0;
	if (outer < 3 || mu_dec_count(c) != VERSION)
		mu_cursor_fail(c, MUSTER_EPROTO);
	kind = mu_dec_count(c);
	*n = mu_dec_vector_head(c);
	if (kind < MUSTER_MESSAGE_EVENT || kind > MUSTER_MESSAGE_BATCH)
		mu_cursor_fail(c, MUSTER_EPROTO);
	if (c->error != 0)
		return MUSTER_MESSAGE_INVALID;
	*rest = outer - 3;
	return (enum muster_message)kind;
}

static void
skip(struct mu_cursor *c, uint32_t n)
{
	for (uint32_t i = 0; i < n && c->error == 0; i++)
		mu_value_skip(c);
}

/* --- LogWrite ---------------------------------------------------------- */

/* The content of a LogWrite of n parts; what is more than four is skipped. */
static void
write_content(struct mu_cursor *c, uint32_t n, struct mu_log_write *out)
{
	if (n < 4)
		mu_cursor_fail(c, MUSTER_EPROTO);
	out->stream = (const char *)text(c, MUSTER_ENUM, &out->stream_len);
	out->writer = (const char *)text(c, MUSTER_ENUM, &out->writer_len);
	out->path = (const char *)text(c, MUSTER_STRING, &out->path_len);
	out->serial = text(c, MUSTER_STRING, &out->serial_len);
	if (c->error == 0)
		skip(c, n - 4);
}

int
mu_log_write_dec(struct mu_log_write *out, const uint8_t *buf, size_t len)
{
	struct mu_cursor c = mu_cursor_over(buf, len);
	uint32_t n, rest;

	memset(out, 0, sizeof *out);
	if (head(&c, &n, &rest) != MUSTER_MESSAGE_LOG_WRITE)
		mu_cursor_fail(&c, MUSTER_EPROTO);
	write_content(&c, n, out);
	skip(&c, rest);
	return mu_cursor_done(&c);
}

static void
put_head(struct mu_buf *b, enum muster_message kind, uint32_t n)
{
	mu_buf_u8(b, MUSTER_VECTOR);
	mu_buf_varbyte(b, 3);
	mu_buf_u8(b, MUSTER_COUNT);
	mu_buf_u64(b, VERSION);
	mu_buf_u8(b, MUSTER_COUNT);
	mu_buf_u64(b, kind);
	mu_buf_u8(b, MUSTER_VECTOR);
	mu_buf_varbyte(b, n);
}

static void
put_text(struct mu_buf *b, enum muster_type type, const void *p, size_t len)
{
	if (len > UINT32_MAX && b->error == 0)
		b->error = MUSTER_ELIMIT;
	mu_buf_u8(b, (uint8_t)type);
	mu_buf_varbyte(b, (uint32_t)len);
	mu_buf_put(b, p, len);
}

void
mu_log_write_enc(struct mu_buf *b, const struct mu_log_write *w)
{
	put_head(b, MUSTER_MESSAGE_LOG_WRITE, 4);
	put_text(b, MUSTER_ENUM, w->stream, w->stream_len);
	put_text(b, MUSTER_ENUM, w->writer, w->writer_len);
	put_text(b, MUSTER_STRING, w->path, w->path_len);
	put_text(b, MUSTER_STRING, w->serial, w->serial_len);
}

/* --- walking ----------------------------------------------------------- */

/* Step over one message, judging heads and log writes; batches inside are
 * followed to the depth allowed. */
static void
check_message(struct mu_cursor *c, unsigned depth)
{
	struct mu_log_write write;
	uint32_t n, rest;
	enum muster_message kind = head(c, &n, &rest);

	if (kind == MUSTER_MESSAGE_BATCH && depth == MU_LOG_BATCH_DEPTH)
		mu_cursor_fail(c, MUSTER_ELIMIT);
	if (kind == MUSTER_MESSAGE_BATCH)
		for (uint32_t i = 0; i < n && c->error == 0; i++)
			check_message(c, depth + 1);
	else if (kind == MUSTER_MESSAGE_LOG_WRITE)
		write_content(c, n, &write);
	else
		skip(c, n);
	skip(c, rest);
}

int
mu_log_walk_init(struct mu_log_walk *w, const uint8_t *buf, size_t len)
{
	struct mu_cursor c = mu_cursor_over(buf, len);
	int rc;

	memset(w, 0, sizeof *w);
	w->c = c;
	check_message(&c, 0);
	rc = mu_cursor_done(&c);
	if (rc == 0)
		w->left[0] = 1;
	return rc;
}

/* Surplus values of a batch lie behind its items: they are stepped over when
 * its level ends. */
bool
mu_log_walk_next(struct mu_log_walk *w, struct mu_log_item *item)
{
	for (;;) {
		struct mu_cursor c = w->c;
		uint32_t n, rest;

		while (w->left[w->depth] == 0) {
			if (w->depth == 0)
				return false;
			w->depth--;
			skip(&w->c, w->surplus[w->depth]);
			c = w->c;
		}
		w->left[w->depth]--;
		item->kind = head(&c, &n, &rest);
		if (item->kind == MUSTER_MESSAGE_BATCH) {
			w->c = c;
			w->surplus[w->depth++] = rest;
			w->left[w->depth] = n;
			continue;
		}
		if (item->kind == MUSTER_MESSAGE_LOG_WRITE)
			write_content(&c, n, &item->write);
		else
			skip(&c, n);
		skip(&c, rest);
		item->bytes = w->c.at;
		item->len = (size_t)(c.at - w->c.at);
		w->c = c;
		return c.error == 0;
	}
}

/* --- a batch in the making --------------------------------------------- */

void
mu_log_batch_init(
    struct mu_log_batch *b, uint32_t max_records, size_t max_bytes)
{
	memset(b, 0, sizeof *b);
	mu_buf_init(&b->buf, 0);
	b->max_records = max_records == 0 ? MU_LOG_BATCH_RECORDS : max_records;
	b->max_bytes = max_bytes == 0 ? MU_LOG_BATCH_BYTES : max_bytes;
}

void
mu_log_batch_clear(struct mu_log_batch *b)
{
	mu_buf_clear(&b->buf);
	b->nrecords = 0;
}

void
mu_log_batch_reset(struct mu_log_batch *b)
{
	mu_buf_reset(&b->buf);
	b->nrecords = 0;
}

size_t
mu_log_batch_len(const struct mu_log_batch *b)
{
	size_t len = mu_buf_len(&b->buf);

	return len < HEAD_MAX ? 0 : len - HEAD_MAX;
}

/* Ready for an item: room for the head is left in front. */
static int
begin(struct mu_log_batch *b)
{
	static const uint8_t room[HEAD_MAX];

	if (mu_buf_len(&b->buf) == 0)
		mu_buf_put(&b->buf, room, sizeof room);
	return mu_buf_error(&b->buf);
}

/* The item behind before is there: keep it or take it back. */
static int
settle(struct mu_log_batch *b, size_t before)
{
	int rc = mu_buf_error(&b->buf);

	if (rc == 0 && b->nrecords > 0 &&
	    (b->nrecords >= b->max_records ||
		mu_log_batch_len(b) > b->max_bytes))
		rc = MUSTER_ELIMIT;
	if (rc == 0) {
		b->nrecords++;
		return 0;
	}
	mu_buf_truncate(&b->buf, before);
	b->buf.error = 0;
	return rc;
}

int
mu_log_batch_add(struct mu_log_batch *b, const struct mu_log_write *w)
{
	size_t before;

	if (b->nrecords >= b->max_records)
		return MUSTER_ELIMIT;
	(void)begin(b);
	before = mu_buf_len(&b->buf);
	mu_log_write_enc(&b->buf, w);
	return settle(b, before);
}

int
mu_log_batch_add_message(
    struct mu_log_batch *b, const uint8_t *message, size_t len)
{
	size_t before;

	if (b->nrecords >= b->max_records)
		return MUSTER_ELIMIT;
	(void)begin(b);
	before = mu_buf_len(&b->buf);
	mu_buf_put(&b->buf, message, len);
	return settle(b, before);
}

int
mu_log_batch_finish(struct mu_log_batch *b, const uint8_t **bytes, size_t *len)
{
	struct mu_buf front;
	size_t n;

	if (begin(b) != 0) {
		mu_buf_reset(&b->buf);
		return MUSTER_ENOMEM;
	}
	mu_buf_init(&front, HEAD_MAX);
	put_head(&front, MUSTER_MESSAGE_BATCH, b->nrecords);
	if (mu_buf_error(&front) != 0) {
		mu_buf_clear(&front);
		return MUSTER_ENOMEM;
	}
	n = mu_buf_len(&front);
	assert(n <= HEAD_MAX);
	*bytes = mu_buf_data(&b->buf) + HEAD_MAX - n;
	*len = mu_buf_len(&b->buf) - HEAD_MAX + n;
	memcpy(mu_buf_data(&b->buf) + HEAD_MAX - n, mu_buf_data(&front), n);
	mu_buf_clear(&front);
	return 0;
}
