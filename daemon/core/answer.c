/* JSON lines of the control protocol; see control_answer.h. */
#include "core/answer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/uuid.h"
#include "muster/err.h"
#include "proto/jtext.h"

static void
begin(struct mu_buf *b, const char *key)
{
	size_t len = mu_buf_len(b);

	if (len > 0 && strchr("{[:\n", mu_buf_data(b)[len - 1]) == NULL)
		mu_buf_u8(b, ',');
	if (key == NULL)
		return;
	mu_jtext_put_cstring(b, key);
	mu_buf_u8(b, ':');
}

void
answer_text(struct mu_buf *b, const char *key, const char *text)
{
	begin(b, key);
	if (text == NULL)
		mu_buf_str(b, "null");
	else
		mu_jtext_put_cstring(b, text);
}

void
answer_bytes(struct mu_buf *b, const char *key, const void *p, size_t len)
{
	begin(b, key);
	mu_jtext_put_string(b, p, len);
}

void
answer_number(struct mu_buf *b, const char *key, uint64_t v)
{
	begin(b, key);
	mu_buf_printf(b, "%" PRIu64, v);
}

void
answer_bool(struct mu_buf *b, const char *key, bool v)
{
	begin(b, key);
	mu_buf_str(b, v ? "true" : "false");
}

void
answer_id(struct mu_buf *b, const char *key, const struct mu_uuid *id)
{
	char text[MU_UUID_TEXT];

	answer_text(
	    b, key, mu_uuid_is_nil(id) ? NULL : mu_uuid_format(id, text));
}

void
answer_open(struct mu_buf *b, const char *key, char bracket)
{
	begin(b, key);
	mu_buf_u8(b, (uint8_t)bracket);
}

void
answer_close(struct mu_buf *b, char bracket)
{
	mu_buf_u8(b, (uint8_t)bracket);
}

void
answer_ok(struct mu_buf *b)
{
	mu_buf_str(b, "{\"ok\":true");
}

void
answer_end(struct mu_buf *b)
{
	mu_buf_str(b, "}\n");
}

void
answer_tag(struct mu_buf *b, const struct answer_tag *tag)
{
	if (tag->given)
		mu_buf_printf(b, ",\"id\":%lld", (long long)tag->id);
}

void
answer_refuse_tagged(struct mu_buf *b, const struct answer_tag *tag,
    const char *code, const char *fmt, va_list ap)
{
	struct mu_buf text;

	mu_buf_init(&text, 0);
	mu_buf_vprintf(&text, fmt, ap);
	if (mu_buf_error(&text) != 0 && b->error == 0)
		b->error = mu_buf_error(&text);
	mu_buf_str(b, "{\"ok\":false");
	if (tag != NULL)
		answer_tag(b, tag);
	answer_bytes(b, "error", mu_buf_data(&text), mu_buf_len(&text));
	answer_text(b, "code", code);
	answer_end(b);
	mu_buf_clear(&text);
}

void
answer_refuse(struct mu_buf *b, const char *code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	answer_refuse_tagged(b, NULL, code, fmt, ap);
	va_end(ap);
}
