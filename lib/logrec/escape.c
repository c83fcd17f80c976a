/*
 * Escaping; see escape.h.  In UTF-8 mode the unit is a piece: what lies
 * between separators and backslashes, in JSON the whole string.  One character
 * in it that is not let through makes all of its non-ASCII bytes come out as
 * \xHH.
 */
#include "logrec/escape.h"

#include <string.h>

#include "base/text.h"

static const char hex[] = "0123456789abcdef";

uint8_t *
mu_log_put_hex(uint8_t *p, uint8_t byte)
{
	*p++ = '\\';
	*p++ = 'x';
	*p++ = (uint8_t)hex[byte >> 4];
	*p++ = (uint8_t)hex[byte & 15];
	return p;
}

static bool
is_printable(uint8_t c)
{
	return c >= 0x20 && c < 0x7f;
}

/* \b \t \n \f \r: JSON has names for them. */
static bool
has_name(uint8_t c)
{
	return c >= '\b' && c <= '\r' && c != '\v';
}

/* Length of the valid UTF-8 sequence of more than one byte at s, and its
 * character; 0: none (RFC 3629: no surrogates, nothing overlong). */
static size_t
sequence(const uint8_t *s, size_t len, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0xc2   ? 0
		   : s[0] < 0xe0 ? 2
		   : s[0] < 0xf0 ? 3
		   : s[0] < 0xf5 ? 4
				 : 0;

	if (n == 0 || n > len)
		return 0;
	*c = s[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	if (*c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff))
		return 0;
	return n;
}

/* C1 controls, private use, U+FFF0 to U+FFFF are not let through. */
static bool
is_shown(uint32_t c)
{
	return c > 0x9f && (c < 0xe000 || c > 0xf8ff) &&
	       (c < 0xfff0 || c > 0xffff);
}

/* Is every character of a piece let through?  named: \n and its kind are. */
static bool
is_clean(const uint8_t *s, size_t len, bool named)
{
	for (size_t i = 0; i < len;) {
		uint32_t c;
		size_t n = 1;

		if (s[i] < 0x80) {
			if (!is_printable(s[i]) && !(named && has_name(s[i])))
				return false;
		} else {
			n = sequence(s + i, len - i, &c);
			if (n == 0 || !is_shown(c))
				return false;
		}
		i += n;
	}
	return true;
}

/* --- TSV ----------------------------------------------------------------- */

/* May text of numbers, addresses and booleans hold the first byte of sep? */
static bool
in_scalars(const struct mu_log_marker *sep)
{
	static const char scalars[] = "0123456789abcdefinTF.:/+-";

	return sep->len > 0 && strchr(scalars, sep->text[0]) != NULL;
}

void
mu_log_tsv_init(struct mu_log_tsv *t, const struct mu_log_format *f)
{
	memset(t, 0, sizeof *t);
	t->format = f;
	for (unsigned c = 0; c < 256; c++)
		t->plain[0][c] = is_printable((uint8_t)c) && c != '\\';
	t->plain[0][(uint8_t)f->separator.text[0]] = false;
	memcpy(t->plain[1], t->plain[0], sizeof t->plain[0]);
	t->plain[1][(uint8_t)f->set_separator.text[0]] = false;
	t->scalars[0] = in_scalars(&f->separator);
	t->scalars[1] = t->scalars[0] || in_scalars(&f->set_separator);
}

static size_t
starts_with(const uint8_t *s, size_t len, const struct mu_log_marker *m)
{
	return len >= m->len && memcmp(s, m->text, m->len) == 0 ? m->len : 0;
}

/* Length of the separator at s, or 0. */
static size_t
separator(
    const struct mu_log_format *f, const uint8_t *s, size_t len, bool element)
{
	size_t n = starts_with(s, len, &f->separator);

	return n == 0 && element ? starts_with(s, len, &f->set_separator) : n;
}

/* A piece without separator and backslash. */
static uint8_t *
put_piece(
    const struct mu_log_format *f, uint8_t *p, const uint8_t *s, size_t len)
{
	bool through = f->utf8 && is_clean(s, len, false);

	for (size_t i = 0; i < len; i++)
		if (is_printable(s[i]) || through)
			*p++ = s[i];
		else
			p = mu_log_put_hex(p, s[i]);
	return p;
}

uint8_t *
mu_log_tsv_escape(const struct mu_log_tsv *t, uint8_t *p, const uint8_t *s,
    size_t len, bool element)
{
	const bool *plain = t->plain[element];
	size_t at = 0, from = 0, n;

	while (at < len && plain[s[at]])
		at++;
	if (at == len) {
		memcpy(p, s, len);
		return p + len;
	}
	while (at < len) {
		if (plain[s[at]]) {
			at++;
			continue;
		}
		n = s[at] == '\\'
			? 1
			: separator(t->format, s + at, len - at, element);
		if (n == 0) {
			at++;
			continue;
		}
		p = put_piece(t->format, p, s + from, at - from);
		if (s[at] == '\\') {
			*p++ = '\\';
			*p++ = '\\';
		} else {
			for (size_t i = 0; i < n; i++)
				p = mu_log_put_hex(p, s[at + i]);
		}
		from = at += n;
	}
	return put_piece(t->format, p, s + from, len - from);
}

void
mu_log_head_escape(struct mu_buf *b, const char *s, size_t len)
{
	uint8_t text[4];

	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)s[i];

		if (c > 0x20 && c < 0x7f) {
			mu_buf_u8(b, c);
		} else {
			mu_log_put_hex(text, c);
			mu_buf_put(b, text, sizeof text);
		}
	}
}

/* The byte of the \xHH at s, or -1. */
static int
hex_byte(const uint8_t *s, size_t len)
{
	int high, low;

	if (len < 4 || s[0] != '\\' || s[1] != 'x')
		return -1;
	high = mu_text_hex_digit((char)s[2]);
	low = mu_text_hex_digit((char)s[3]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

size_t
mu_log_unescape(uint8_t *s, size_t len)
{
	uint8_t *first = memchr(s, '\\', len);
	size_t in, out;

	if (first == NULL)
		return len;
	for (in = out = (size_t)(first - s); in < len; out++) {
		int byte = hex_byte(s + in, len - in);

		if (byte >= 0) {
			s[out] = (uint8_t)byte;
			in += 4;
		} else {
			s[out] = s[in];
			in += s[in] == '\\' && in + 1 < len && s[in + 1] == '\\'
				  ? 2
				  : 1;
		}
	}
	return out;
}

/* --- JSON ---------------------------------------------------------------- */

static uint8_t *
put_named(uint8_t *p, uint8_t c)
{
	static const char names[] = "btn?fr"; /* from \b on, \v has none */

	*p++ = '\\';
	*p++ = (uint8_t)names[c - '\b'];
	return p;
}

uint8_t *
mu_log_json_escape(uint8_t *p, const uint8_t *s, size_t len)
{
	size_t i = 0;
	bool through;

	while (i < len && is_printable(s[i]) && s[i] != '"' && s[i] != '\\')
		i++;
	memcpy(p, s, i);
	p += i;
	if (i == len)
		return p;
	through = is_clean(s + i, len - i, true);
	for (; i < len; i++) {
		uint8_t c = s[i];

		if (c == '"' || c == '\\') {
			*p++ = '\\';
			*p++ = c;
		} else if (is_printable(c) || (c >= 0x80 && through)) {
			*p++ = c;
		} else if (has_name(c)) {
			p = put_named(p, c);
		} else {
			*p++ = '\\';
			p = mu_log_put_hex(p, c);
		}
	}
	return p;
}

/* Does JSON writing turn that byte into \xHH, or may it? */
static bool
is_hidden(uint8_t c)
{
	return !is_printable(c) && !has_name(c);
}

/* The hidden byte of the \xHH at s as it is written, or -1. */
static int
hidden_byte(const uint8_t *s, size_t len)
{
	int byte = hex_byte(s, len);

	if (byte < 0 || !is_hidden((uint8_t)byte) ||
	    s[2] != (uint8_t)hex[byte >> 4] || s[3] != (uint8_t)hex[byte & 15])
		return -1;
	return byte;
}

/* Write non-ASCII bytes of s, [n], as \xHH again; they then take [len]. */
static void
expand(uint8_t *s, size_t n, size_t len)
{
	while (n-- > 0) {
		uint8_t c = s[n];

		if (c < 0x80) {
			s[--len] = c;
		} else {
			len -= 4;
			mu_log_put_hex(s + len, c);
		}
	}
}

size_t
mu_log_json_unescape(uint8_t *s, size_t len)
{
	uint8_t *first = memchr(s, '\\', len);
	size_t in, out;

	if (first == NULL)
		return len;
	/* Had one byte been hidden, all of them would be. */
	for (size_t i = 0; i < len; i++)
		if (is_hidden(s[i]))
			return len;
	for (in = out = (size_t)(first - s); in < len; out++) {
		int byte = hidden_byte(s + in, len - in);

		s[out] = byte < 0 ? s[in] : (uint8_t)byte;
		in += byte < 0 ? 1 : 4;
	}
	/* Nothing in it would be refused: the text means what it says. */
	if (out < len && is_clean(s, out, true)) {
		expand(s, out, len);
		return len;
	}
	return out;
}
