/* The head of an encoded Zeek message, read in place; and the same head
 * written.  Reference "broker-protocol" 5.1, 5.2. */
#include <string.h>

#include "muster/err.h"
#include "value/codec.h"

#define VERSION 1

uint32_t
mu_dec_vector_head(struct mu_cursor *c)
{
	if (mu_cursor_u8(c) != MUSTER_VECTOR)
		mu_cursor_fail(c, MUSTER_EPROTO);
	return mu_cursor_count(c, 1);
}

uint64_t
mu_dec_count(struct mu_cursor *c)
{
	if (mu_cursor_u8(c) != MUSTER_COUNT)
		mu_cursor_fail(c, MUSTER_EPROTO);
	return mu_cursor_u64(c);
}

static void
peek_event(struct mu_cursor *c, struct mu_peek *out)
{
	if (mu_dec_vector_head(c) < 2 || mu_cursor_u8(c) != MUSTER_STRING)
		mu_cursor_fail(c, MUSTER_EPROTO);
	out->name = (const char *)mu_cursor_str(c, &out->name_len);
	out->args = c->at;
	out->args_len = mu_cursor_left(c);
	mu_dec_vector_head(c);
}

int
mu_peek_message(const uint8_t *buf, size_t len, struct mu_peek *out)
{
	struct mu_cursor c = mu_cursor_over(buf, len);
	uint64_t kind;

	memset(out, 0, sizeof *out);
	if (mu_dec_vector_head(&c) < 3 || mu_dec_count(&c) != VERSION)
		mu_cursor_fail(&c, MUSTER_EPROTO);
	kind = mu_dec_count(&c);
	if (kind < MUSTER_MESSAGE_EVENT || kind > MUSTER_MESSAGE_BATCH)
		mu_cursor_fail(&c, MUSTER_EPROTO);
	else if (kind == MUSTER_MESSAGE_EVENT)
		peek_event(&c, out);
	else
		mu_dec_vector_head(&c);
	if (c.error != 0) {
		memset(out, 0, sizeof *out);
		return c.error;
	}
	out->kind = (enum muster_message)kind;
	return 0;
}

static void
put_count(struct mu_buf *b, uint64_t n)
{
	mu_buf_u8(b, MUSTER_COUNT);
	mu_buf_u64(b, n);
}

static void
put_head(struct mu_buf *b, enum muster_type type, uint32_t n)
{
	mu_buf_u8(b, (uint8_t)type);
	mu_buf_varbyte(b, n);
}

void
mu_event_enc(struct mu_buf *b, const char *name, size_t name_len,
    const struct muster_value *args, bool with_meta)
{
	int bad = muster_value_type(args) != MUSTER_VECTOR ? MUSTER_ETYPE
		  : name_len > UINT32_MAX                  ? MUSTER_ELIMIT
							   : 0;

	if (bad != 0) {
		if (b->error == 0)
			b->error = bad;
		return;
	}
	put_head(b, MUSTER_VECTOR, 3);
	put_count(b, VERSION);
	put_count(b, MUSTER_MESSAGE_EVENT);
	put_head(b, MUSTER_VECTOR, with_meta ? 3 : 2);
	put_head(b, MUSTER_STRING, (uint32_t)name_len);
	mu_buf_put(b, name, name_len);
	mu_value_enc(b, args);
	if (with_meta)
		put_head(b, MUSTER_VECTOR, 0);
}
