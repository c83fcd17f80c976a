/* Keys and values of the outbox; see outbox_record.h. */
#include "logs/outbox_record.h"

#include <string.h>

#include "base/cursor.h"
#include "logs/delivery.h"
#include "muster/err.h"

#define VERSION 1

struct mu_bytes
outbox_key(uint8_t out[OUTBOX_KEY], enum outbox_kind kind, uint64_t number)
{
	out[0] = (uint8_t)kind;
	for (int i = 0; i < 8; i++)
		out[1 + i] = (uint8_t)(number >> (56 - 8 * i));
	return (struct mu_bytes){ out, OUTBOX_KEY };
}

bool
outbox_key_dec(struct mu_bytes key, enum outbox_kind kind, uint64_t *number)
{
	struct mu_cursor c = mu_cursor_over(key.at, key.len);

	if (mu_cursor_u8(&c) != (uint8_t)kind)
		return false;
	*number = mu_cursor_u64(&c);
	return mu_cursor_done(&c) == 0;
}

/* --- values -------------------------------------------------------------- */

void
outbox_about_enc(struct mu_buf *b, const struct outbox_about *a)
{
	mu_buf_u8(b, VERSION);
	mu_buf_u32(b, a->stream);
	mu_buf_u32(b, a->nrecords);
	mu_buf_u32(b, a->bytes);
	mu_buf_u32(b, a->logger);
	mu_buf_u64(b, a->seq);
}

int
outbox_about_dec(struct outbox_about *a, struct mu_bytes value)
{
	struct mu_cursor c = mu_cursor_over(value.at, value.len);

	if (mu_cursor_u8(&c) != VERSION)
		mu_cursor_fail(&c, MUSTER_EPROTO);
	a->stream = mu_cursor_u32(&c);
	a->nrecords = mu_cursor_u32(&c);
	a->bytes = mu_cursor_u32(&c);
	a->logger = mu_cursor_u32(&c);
	a->seq = mu_cursor_u64(&c);
	if (a->nrecords == 0 || (a->logger == 0) != (a->seq == 0))
		mu_cursor_fail(&c, MUSTER_EPROTO);
	return mu_cursor_done(&c);
}

void
outbox_numbers_enc(struct mu_buf *b, const struct outbox_numbers *n)
{
	mu_buf_u8(b, VERSION);
	mu_buf_u64(b, n->id);
	mu_buf_u64(b, n->seq);
	mu_buf_u32(b, n->stream);
	mu_buf_u32(b, n->logger);
}

int
outbox_numbers_dec(struct outbox_numbers *n, struct mu_bytes value)
{
	struct mu_cursor c = mu_cursor_over(value.at, value.len);

	if (mu_cursor_u8(&c) != VERSION)
		mu_cursor_fail(&c, MUSTER_EPROTO);
	n->id = mu_cursor_u64(&c);
	n->seq = mu_cursor_u64(&c);
	n->stream = mu_cursor_u32(&c);
	n->logger = mu_cursor_u32(&c);
	if (n->id == 0 || n->seq == 0 || n->stream == 0 || n->logger == 0)
		mu_cursor_fail(&c, MUSTER_EPROTO);
	return mu_cursor_done(&c);
}

void
outbox_logger_enc(struct mu_buf *b, const struct mu_uuid *session,
    const char *name, size_t len)
{
	mu_buf_u8(b, VERSION);
	mu_buf_put(b, session->bytes, sizeof session->bytes);
	mu_buf_put(b, name, len);
}

int
outbox_logger_dec(struct mu_bytes value, struct mu_uuid *session,
    const char **name, size_t *len)
{
	struct mu_cursor c = mu_cursor_over(value.at, value.len);
	const uint8_t *id;

	if (mu_cursor_u8(&c) != VERSION)
		mu_cursor_fail(&c, MUSTER_EPROTO);
	id = mu_cursor_bytes(&c, sizeof session->bytes);
	*len = mu_cursor_left(&c);
	if (*len == 0 || *len > DELIVERY_NAME)
		mu_cursor_fail(&c, MUSTER_EPROTO);
	if (c.error != 0)
		return c.error;
	memcpy(session->bytes, id, sizeof session->bytes);
	*name = (const char *)c.at;
	return 0;
}

/* --- bodies -------------------------------------------------------------- */

int
outbox_body_next(struct mu_bytes body, size_t *at, struct mu_bytes *record)
{
	struct mu_cursor c;

	if (*at >= body.len)
		return MUSTER_ENOENT;
	c = mu_cursor_over(body.at + *at, body.len - *at);
	record->len = mu_cursor_u32(&c);
	record->at = mu_cursor_bytes(&c, record->len);
	if (c.error != 0)
		return c.error;
	*at += 4 + record->len;
	return 0;
}

uint32_t
outbox_body_count(struct mu_bytes body)
{
	struct mu_bytes record;
	uint32_t n = 0;
	size_t at = 0;
	int rc;

	while ((rc = outbox_body_next(body, &at, &record)) == 0)
		n++;
	return rc == MUSTER_ENOENT ? n : 0;
}
