/*
 * Strings and numbers of JSON lines, read from checked text and written; see
 * jtext.h.
 */
#include "proto/jtext.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "muster/err.h"

/* One escape beginning at the backslash; returns past it, NULL: lone
 * surrogate. */
static const char *
put_escape(struct mu_buf *b, const char *p, const char *end)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char utf8[4];
	int32_t c;

	if (p[1] != 'u') {
		mu_buf_u8(b, (uint8_t)to[strchr(from, p[1]) - from]);
		return p + 2;
	}
	p += 2;
	c = mu_text_unicode(&p, end);
	if (c < 0 || (c >= 0xd800 && c <= 0xdfff))
		return NULL;
	mu_buf_put(b, utf8, mu_text_put_utf8((uint32_t)c, utf8));
	return p;
}

int
mu_jtext_string(const struct mu_jtext *v, struct mu_buf *out)
{
	const char *p, *end, *run;

	if (mu_jtext_kind(v) != MU_JTEXT_STRING)
		return MUSTER_ETYPE;
	p = v->at + 1;
	end = v->at + v->len - 1;
	while (p < end) {
		run = p;
		while (p < end && *p != '\\')
			p++;
		mu_buf_put(out, run, (size_t)(p - run));
		if (p < end && (p = put_escape(out, p, end)) == NULL)
			return MUSTER_EPROTO;
	}
	return mu_buf_error(out);
}

char *
mu_jtext_cstring(const struct mu_jtext *v)
{
	struct mu_buf b;
	char *s = NULL;

	mu_buf_init(&b, 0);
	if (mu_jtext_string(v, &b) == 0 &&
	    (mu_buf_len(&b) == 0 ||
		memchr(mu_buf_data(&b), '\0', mu_buf_len(&b)) == NULL))
		s = mu_memdup0(mu_buf_data(&b), mu_buf_len(&b));
	mu_buf_clear(&b);
	return s;
}

bool
mu_jtext_is(const struct mu_jtext *v, const char *s)
{
	size_t len = strlen(s);
	char *text;
	bool same;

	if (mu_jtext_kind(v) != MU_JTEXT_STRING)
		return false;
	/* The usual case needs no copy: nothing escaped. */
	if (memchr(v->at, '\\', v->len) == NULL)
		return v->len == len + 2 && memcmp(v->at + 1, s, len) == 0;
	text = mu_jtext_cstring(v);
	same = text != NULL && strcmp(text, s) == 0;
	mu_free(text);
	return same;
}

int
mu_jtext_integer(const struct mu_jtext *v, int64_t *out)
{
	char text[32], *end;

	if (mu_jtext_kind(v) != MU_JTEXT_NUMBER || v->len >= sizeof text)
		return MUSTER_ETYPE;
	memcpy(text, v->at, v->len);
	text[v->len] = '\0';
	errno = 0;
	*out = strtoimax(text, &end, 10);
	return errno == 0 && *end == '\0' ? 0 : MUSTER_ETYPE;
}

/* --- writing ---------------------------------------------------------------
 */

static void
put_control(struct mu_buf *b, uint8_t c)
{
	static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
	const char *p = c == 0 ? NULL : strchr(plain, c);

	if (p != NULL)
		mu_buf_printf(b, "\\%c", letter[p - plain]);
	else
		mu_buf_printf(b, "\\u%04x", c);
}

void
mu_jtext_put_string(struct mu_buf *b, const void *bytes, size_t len)
{
	const uint8_t *p = bytes, *end = p == NULL ? p : p + len;

	mu_buf_u8(b, '"');
	while (p < end) {
		size_t good = (size_t)(end - p);
		const uint8_t *stop;

		if (!mu_text_utf8(p, good, &good) && good == 0) {
			mu_buf_str(b, "\xef\xbf\xbd");
			p++;
			continue;
		}
		for (stop = p + good; p < stop;) {
			const uint8_t *run = p;

			while (p < stop && *p >= 0x20 && *p != '"' &&
			       *p != '\\' && *p != 0x7f)
				p++;
			mu_buf_put(b, run, (size_t)(p - run));
			if (p < stop)
				put_control(b, *p++);
		}
	}
	mu_buf_u8(b, '"');
}

void
mu_jtext_put_cstring(struct mu_buf *b, const char *s)
{
	mu_jtext_put_string(b, s, strlen(s));
}
