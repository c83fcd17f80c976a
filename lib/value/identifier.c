/* IdentifierUpdate; see identifier.h. */
#include "value/identifier.h"

#include <ctype.h>

#include "base/buf.h"
#include "muster/event.h"
#include "value/codec.h"

#define VERSION 1

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

bool
mu_identifier_is_name(const char *s, size_t len)
{
	if (len == 0 || len > MU_IDENTIFIER_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (is_word(s[i]))
			continue;
		/* "::" between words */
		if (s[i] != ':' || i == 0 || i + 2 >= len || s[i + 1] != ':' ||
		    !is_word(s[i + 2]))
			return false;
		i++;
	}
	return !isdigit((unsigned char)s[0]);
}

void
mu_identifier_enc(struct mu_buf *b, const char *name, size_t len,
    const struct muster_value *v)
{
	mu_buf_u8(b, MUSTER_VECTOR);
	mu_buf_varbyte(b, 3);
	mu_buf_u8(b, MUSTER_COUNT);
	mu_buf_u64(b, VERSION);
	mu_buf_u8(b, MUSTER_COUNT);
	mu_buf_u64(b, MUSTER_MESSAGE_IDENTIFIER_UPDATE);
	mu_buf_u8(b, MUSTER_VECTOR);
	mu_buf_varbyte(b, 2);
	mu_buf_u8(b, MUSTER_STRING);
	mu_buf_varbyte(b, (uint32_t)len);
	mu_buf_put(b, name, len);
	mu_value_enc(b, v);
}

static const struct muster_value *
content(const struct muster_value *v)
{
	if (muster_message_kind(v) != MUSTER_MESSAGE_IDENTIFIER_UPDATE)
		return NULL;
	return muster_value_at(v, 2);
}

const char *
mu_identifier_name(const struct muster_value *v, size_t *len)
{
	const struct muster_value *c = content(v);

	*len = 0;
	return c == NULL ? NULL
			 : muster_value_get_string(muster_value_at(c, 0), len);
}

const struct muster_value *
mu_identifier_value(const struct muster_value *v)
{
	const struct muster_value *c = content(v);

	return c == NULL ? NULL : muster_value_at(c, 1);
}
