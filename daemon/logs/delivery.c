/* Batches of log records and their answers on the wire; see delivery.h. */
#include "logs/delivery.h"

#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "value/codec.h"

#define BATCH   "Muster::log_batch"
#define TAKEN   "Muster::log_taken"
#define REFUSED "Muster::log_refused"

char *
delivery_topic(const char *prefix, const char *node)
{
	return mu_asprintf("%s%s/", prefix, node);
}

/* --- writing ------------------------------------------------------------- */

static void
put_head(struct mu_buf *b, uint32_t n)
{
	mu_buf_u8(b, MUSTER_VECTOR);
	mu_buf_varbyte(b, n);
}

static void
put_count(struct mu_buf *b, uint64_t n)
{
	mu_buf_u8(b, MUSTER_COUNT);
	mu_buf_u64(b, n);
}

static void
put_string(struct mu_buf *b, const char *s, size_t len)
{
	if (len > UINT32_MAX) {
		if (b->error == 0)
			b->error = MUSTER_ELIMIT;
		return;
	}
	mu_buf_u8(b, MUSTER_STRING);
	mu_buf_varbyte(b, (uint32_t)len);
	mu_buf_put(b, s, len);
}

static void
put_session(struct mu_buf *b, const struct mu_uuid *session)
{
	char text[MU_UUID_TEXT];

	mu_uuid_format(session, text);
	put_string(b, text, strlen(text));
}

/* The head of an event with so many arguments. */
static void
put_event(struct mu_buf *b, const char *name, uint32_t nargs)
{
	put_head(b, 3);
	put_count(b, 1);
	put_count(b, MUSTER_MESSAGE_EVENT);
	put_head(b, 2);
	put_string(b, name, strlen(name));
	put_head(b, nargs);
}

void
delivery_batch_enc(struct mu_buf *b, const struct delivery_batch *d)
{
	put_event(b, BATCH, 6);
	put_string(b, d->sender, d->sender_len);
	put_session(b, &d->session);
	put_count(b, d->seq);
	put_count(b, d->prev);
	put_count(b, d->round);
	mu_buf_put(b, d->batch, d->batch_len);
}

void
delivery_answer_enc(struct mu_buf *b, const struct delivery_answer *a)
{
	put_event(b, a->refused ? REFUSED : TAKEN, a->refused ? 5 : 3);
	put_string(b, a->logger, a->logger_len);
	put_session(b, &a->session);
	put_count(b, a->seq);
	if (a->refused) {
		put_count(b, a->round);
		put_string(b, a->why, a->why_len);
	}
}

/* --- reading ------------------------------------------------------------- */

static bool
is(const struct mu_peek *p, const char *name)
{
	return p->name_len == strlen(name) &&
	       memcmp(p->name, name, p->name_len) == 0;
}

/* The arguments of an event: at least so many; more are ignored. */
static struct mu_cursor
args_of(const struct mu_peek *p, uint32_t least)
{
	struct mu_cursor c = mu_cursor_over(p->args, p->args_len);

	if (mu_cursor_u8(&c) != MUSTER_VECTOR || mu_cursor_count(&c, 1) < least)
		mu_cursor_fail(&c, MUSTER_EPROTO);
	return c;
}

static const char *
get_string(struct mu_cursor *c, size_t *len)
{
	*len = 0;
	if (mu_cursor_u8(c) != MUSTER_STRING)
		mu_cursor_fail(c, MUSTER_EPROTO);
	return (const char *)mu_cursor_str(c, len);
}

static const char *
get_name(struct mu_cursor *c, size_t *len)
{
	const char *s = get_string(c, len);

	if (*len > DELIVERY_NAME)
		mu_cursor_fail(c, MUSTER_ELIMIT);
	return s;
}

static uint64_t
get_count(struct mu_cursor *c)
{
	if (mu_cursor_u8(c) != MUSTER_COUNT)
		mu_cursor_fail(c, MUSTER_EPROTO);
	return mu_cursor_u64(c);
}

static void
get_session(struct mu_cursor *c, struct mu_uuid *session)
{
	char text[MU_UUID_TEXT] = "";
	size_t len;
	const char *s = get_string(c, &len);

	if (c->error != 0)
		return;
	if (len == sizeof text - 1)
		memcpy(text, s, len);
	if (mu_uuid_parse(session, text) != 0)
		mu_cursor_fail(c, MUSTER_EPROTO);
}

int
delivery_batch_dec(struct delivery_batch *out, const uint8_t *buf, size_t len)
{
	struct mu_peek p, inner;
	struct mu_cursor c;

	memset(out, 0, sizeof *out);
	if (mu_peek_message(buf, len, &p) != 0)
		return MUSTER_EPROTO;
	if (p.kind != MUSTER_MESSAGE_EVENT || !is(&p, BATCH))
		return MUSTER_ENOENT;
	c = args_of(&p, 6);
	out->sender = get_name(&c, &out->sender_len);
	get_session(&c, &out->session);
	out->seq = get_count(&c);
	out->prev = get_count(&c);
	out->round = get_count(&c);
	if (c.error == 0) {
		out->batch = c.at;
		mu_value_skip(&c);
		out->batch_len = (size_t)(c.at - out->batch);
	}
	if (c.error == 0 &&
	    (out->seq == 0 || out->prev >= out->seq ||
		mu_peek_message(out->batch, out->batch_len, &inner) != 0 ||
		inner.kind != MUSTER_MESSAGE_BATCH))
		mu_cursor_fail(&c, MUSTER_EPROTO);
	if (c.error != 0)
		memset(out, 0, sizeof *out);
	return c.error;
}

int
delivery_answer_dec(struct delivery_answer *out, const uint8_t *buf, size_t len)
{
	struct mu_peek p;
	struct mu_cursor c;

	memset(out, 0, sizeof *out);
	if (mu_peek_message(buf, len, &p) != 0)
		return MUSTER_EPROTO;
	if (p.kind != MUSTER_MESSAGE_EVENT ||
	    (!is(&p, TAKEN) && !is(&p, REFUSED)))
		return MUSTER_ENOENT;
	out->refused = is(&p, REFUSED);
	c = args_of(&p, out->refused ? 5 : 3);
	out->logger = get_name(&c, &out->logger_len);
	get_session(&c, &out->session);
	out->seq = get_count(&c);
	if (out->refused) {
		out->round = get_count(&c);
		out->why = get_string(&c, &out->why_len);
	}
	if (c.error != 0)
		memset(out, 0, sizeof *out);
	return c.error;
}
