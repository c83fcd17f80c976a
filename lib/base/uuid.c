/* Endpoint ids; see uuid.h. */
#include "base/uuid.h"

#include <stdio.h>

#include "base/text.h"
#include "muster/err.h"

bool
mu_uuid_is_nil(const struct mu_uuid *u)
{
	static const struct mu_uuid nil;

	return mu_uuid_eq(u, &nil);
}

void
mu_uuid_from_random(struct mu_uuid *u, const uint8_t random[16])
{
	memcpy(u->bytes, random, sizeof u->bytes);
	u->bytes[6] = (uint8_t)((u->bytes[6] & 0x0f) | 0x50);
	u->bytes[8] = (uint8_t)((u->bytes[8] & 0x3f) | 0x80);
}

static bool
dash_before(int i)
{
	return i == 4 || i == 6 || i == 8 || i == 10;
}

char *
mu_uuid_format(const struct mu_uuid *u, char out[MU_UUID_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	char *p = out;

	for (int i = 0; i < 16; i++) {
		if (dash_before(i))
			*p++ = '-';
		*p++ = digits[u->bytes[i] >> 4];
		*p++ = digits[u->bytes[i] & 15];
	}
	*p = '\0';
	return out;
}

int
mu_uuid_parse(struct mu_uuid *u, const char *text)
{
	for (int i = 0; i < 16; i++) {
		int hi, lo;

		if (dash_before(i) && *text++ != '-')
			return MUSTER_EINVAL;
		hi = mu_text_hex_digit(text[0]);
		lo = hi < 0 ? -1 : mu_text_hex_digit(text[1]);
		if (lo < 0)
			return MUSTER_EINVAL;
		u->bytes[i] = (uint8_t)(hi << 4 | lo);
		text += 2;
	}
	return *text == '\0' ? 0 : MUSTER_EINVAL;
}
