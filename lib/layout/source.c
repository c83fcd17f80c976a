/* The text of a layout before YAML sees it; see source.h. */
#include "layout/source.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/text.h"
#include "muster/err.h"

#define LONGEST_RANGE 64 /* characters between two brackets */
#define MARK_LEN      (sizeof MU_SOURCE_OPEN - 1)

/* A walk through the characters of a text; UTF-8 is known to be valid. */
struct walk {
	const unsigned char *p; /* next character */
	const unsigned char *end;
	struct mu_place at; /* of the next character */
	bool indent;        /* only blanks so far in this line */
};

static uint32_t
next(struct walk *w)
{
	static const unsigned char masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	size_t n = *w->p < 0x80 ? 1 : *w->p < 0xe0 ? 2 : *w->p < 0xf0 ? 3 : 4;
	uint32_t c = *w->p++ & masks[n];

	while (--n > 0)
		c = c << 6 | (*w->p++ & 0x3f);
	return c;
}

static void
step(struct walk *w, uint32_t c)
{
	bool crlf = c == '\r' && w->p < w->end && *w->p == '\n';

	if (c == '\n' || (c == '\r' && !crlf)) {
		w->at.line++;
		w->at.column = 1;
		w->indent = true;
		return;
	}
	w->at.column++;
	if (c != ' ' && c != '\t')
		w->indent = false;
}

static bool
is_allowed(uint32_t c)
{
	if (c < 0x20)
		return c == '\t' || c == '\n' || c == '\r';
	if (c >= 0x7f && c < 0xa0)
		return c == 0x85;
	return c != 0xfeff && (c & 0xfffe) != 0xfffe;
}

static struct walk
walk_over(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;

	return (struct walk){ p, p + len, { 1, 1 }, true };
}

static int
bad_utf8(const char *text, size_t len, size_t bad, struct mu_diags *diags)
{
	struct walk w = walk_over(text, len);
	const unsigned char *stop = w.p + bad;

	while (w.p < stop)
		step(&w, next(&w));
	mu_diags_add(diags, w.at,
	    "text: byte 0x%02x is not UTF-8 (save the file as UTF-8)", *stop);
	return MUSTER_ECONFIG;
}

int
mu_source_check(const char *text, size_t len, struct mu_diags *diags)
{
	struct walk w;
	struct mu_place first_tab = { 0, 0 };
	size_t bad, ntabs = 0, nbad = 0;
	unsigned tab_line = 0;

	if (!mu_text_utf8((const uint8_t *)text, len, &bad))
		return bad_utf8(text, len, bad, diags);
	for (w = walk_over(text, len); w.p < w.end;) {
		uint32_t c = next(&w);

		if (!is_allowed(c)) {
			nbad++;
			mu_diags_add(diags, w.at,
			    "text: character U+%04X is not allowed", c);
		}
		if (c == '\t' && w.indent && tab_line != w.at.line) {
			/* YAML refuses it even where there is nothing else. */
			tab_line = w.at.line;
			if (ntabs++ == 0)
				first_tab = w.at;
		}
		step(&w, c);
	}
	if (ntabs == 1)
		mu_diags_add(
		    diags, first_tab, "text: indented by a tab (use spaces)");
	else if (ntabs > 1)
		mu_diags_add(diags, first_tab,
		    "text: indented by a tab, the "
		    "first of %zu such lines (use spaces)",
		    ntabs);
	return ntabs + nbad == 0 ? 0 : MUSTER_ECONFIG;
}

static bool
is_word(unsigned char c)
{
	return isalnum(c) || c == '.' || c == '_' || c == '-';
}

/* Does the character before text[i] belong to a word?  A single colon may be
 * the end of a key, as in {"a":[1]}; two are part of an IPv6 address. */
static bool
in_word(const char *text, size_t i)
{
	if (i > 1 && text[i - 1] == ':')
		return text[i - 2] == ':';
	return i > 0 && is_word((unsigned char)text[i - 1]);
}

/* Length of the bracketed piece at text[i], 0 if it is no range of a word or
 * behind a range that ended at from. */
static size_t
range_at(const char *text, size_t len, size_t i, size_t from)
{
	size_t j = i + 1;

	if (text[i] != '[' || !(in_word(text, i) || (i > 0 && i == from)))
		return 0;
	while (j < len && j - i <= LONGEST_RANGE &&
	       (is_word((unsigned char)text[j]) || text[j] == ',' ||
		   text[j] == ':'))
		j++;
	return j < len && text[j] == ']' ? j + 1 - i : 0;
}

char *
mu_source_mark(const char *text, size_t len, size_t *out)
{
	struct mu_buf b;
	size_t from = 0;
	char *copy;

	mu_buf_init(&b, 0);
	for (size_t i = 0; i < len; i++) {
		size_t n = range_at(text, len, i, from);

		if (n == 0)
			continue;
		mu_buf_put(&b, text + from, i - from);
		mu_buf_str(&b, MU_SOURCE_OPEN);
		mu_buf_put(&b, text + i + 1, n - 2);
		mu_buf_str(&b, MU_SOURCE_CLOSE);
		from = i + n;
		i = from - 1;
	}
	mu_buf_put(&b, text + from, len - from);
	*out = mu_buf_len(&b);
	copy = mu_buf_take_string(&b);
	mu_buf_clear(&b);
	return copy;
}

size_t
mu_source_unmark(char *text, size_t len)
{
	size_t to = 0;

	for (size_t i = 0; i < len;) {
		size_t left = len - i;

		if (left >= MARK_LEN &&
		    memcmp(text + i, MU_SOURCE_OPEN, MARK_LEN) == 0) {
			text[to++] = '[';
			i += MARK_LEN;
		} else if (left >= MARK_LEN &&
			   memcmp(text + i, MU_SOURCE_CLOSE, MARK_LEN) == 0) {
			text[to++] = ']';
			i += MARK_LEN;
		} else {
			text[to++] = text[i++];
		}
	}
	text[to] = '\0';
	return to;
}
