/* Tokens of a line of JSON; see json_scan.h. */
#include "logrec/json_scan.h"

#include <string.h>

static bool
fail(struct mu_log_json_scan *s, const char *error)
{
	if (s->error == NULL)
		s->error = error;
	s->at = s->end;
	return false;
}

static void
blanks(struct mu_log_json_scan *s)
{
	while (s->at < s->end &&
	       (*s->at == ' ' || *s->at == '\t' || *s->at == '\r'))
		s->at++;
}

/* Step over that byte, with blanks before it. */
static bool
accept(struct mu_log_json_scan *s, char c)
{
	blanks(s);
	if (s->at == s->end || *s->at != (uint8_t)c)
		return false;
	s->at++;
	return true;
}

void
mu_log_json_begin(struct mu_log_json_scan *s, uint8_t *line, size_t len)
{
	s->at = line;
	s->end = line + len;
	s->first = true;
	s->error = NULL;
	if (!accept(s, '{'))
		fail(s, "the line is no JSON object");
}

/* The opening quote was read. */
static bool
string(struct mu_log_json_scan *s, struct mu_log_json_token *t)
{
	uint8_t *p = s->at;

	for (; p < s->end && *p != '"'; p++) {
		if (*p == '\\')
			p++;
	}
	if (p >= s->end)
		return fail(s, "a string does not end");
	t->kind = MU_LOG_JSON_STRING;
	t->at = s->at;
	t->len = (size_t)(p - s->at);
	s->at = p + 1;
	return true;
}

static bool
word(struct mu_log_json_scan *s, struct mu_log_json_token *t, const char *text,
    enum mu_log_json_kind kind)
{
	size_t n = strlen(text);

	if ((size_t)(s->end - s->at) < n || memcmp(s->at, text, n) != 0)
		return fail(s, "there is no such value in JSON");
	s->at += n;
	t->kind = kind;
	return true;
}

static bool
number(struct mu_log_json_scan *s, struct mu_log_json_token *t)
{
	uint8_t *p = s->at;

	while (
	    p < s->end && ((*p >= '0' && *p <= '9') || *p == '-' || *p == '+' ||
			      *p == '.' || *p == 'e' || *p == 'E'))
		p++;
	t->kind = MU_LOG_JSON_NUMBER;
	t->at = s->at;
	t->len = (size_t)(p - s->at);
	s->at = p;
	return t->len > 0 ? true : fail(s, "there is no such value in JSON");
}

static bool
scalar(struct mu_log_json_scan *s, struct mu_log_json_token *t)
{
	blanks(s);
	if (s->at == s->end)
		return fail(s, "the line ends within");
	switch (*s->at) {
	case '"':
		s->at++;
		return string(s, t);
	case 't':
		return word(s, t, "true", MU_LOG_JSON_TRUE);
	case 'f':
		return word(s, t, "false", MU_LOG_JSON_FALSE);
	case 'n':
		return word(s, t, "null", MU_LOG_JSON_NULL);
	case '{':
		return fail(s, "an object inside another");
	case '[':
		return fail(s, "an array inside another");
	default:
		return number(s, t);
	}
}

bool
mu_log_json_member(struct mu_log_json_scan *s, struct mu_log_json_token *key,
    struct mu_log_json_token *value)
{
	if (s->error != NULL)
		return false;
	if (accept(s, '}')) {
		blanks(s);
		if (s->at != s->end)
			fail(s, "something behind the object");
		return false;
	}
	if (!s->first && !accept(s, ','))
		return fail(s, "a comma is missing");
	if (!accept(s, '"'))
		return fail(s, "a name is missing");
	if (!string(s, key))
		return false;
	if (!accept(s, ':'))
		return fail(s, "a colon is missing");
	s->first = false;
	blanks(s);
	if (s->at < s->end && *s->at == '[') {
		s->at++;
		value->kind = MU_LOG_JSON_ARRAY;
		value->at = s->at;
		value->len = 0;
		return true;
	}
	return scalar(s, value);
}

bool
mu_log_json_element(struct mu_log_json_scan *s, struct mu_log_json_token *value)
{
	if (s->error != NULL)
		return false;
	/* The opening bracket stands before the first one only. */
	if (s->at[-1] != '[' || s->at == s->end) {
		if (accept(s, ']'))
			return false;
		if (!accept(s, ','))
			return fail(s, "a comma is missing in an array");
	} else if (accept(s, ']')) {
		return false;
	}
	return scalar(s, value);
}

/* --- strings ---------------------------------------------------------------
 */

/* Four hexadecimal digits, or -1. */
static long
hex4(const uint8_t *s, size_t len)
{
	long v = 0;

	if (len < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		uint8_t c = s[i] | 0x20;
		long digit = s[i] >= '0' && s[i] <= '9' ? s[i] - '0'
			     : c >= 'a' && c <= 'f'     ? c - 'a' + 10
							: -1;

		if (digit < 0)
			return -1;
		v = v << 4 | digit;
	}
	return v;
}

static size_t
put_utf8(uint8_t *p, long c)
{
	if (c < 0x80) {
		p[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		p[0] = (uint8_t)(0xc0 | c >> 6);
		p[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		p[0] = (uint8_t)(0xe0 | c >> 12);
		p[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		p[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	p[0] = (uint8_t)(0xf0 | c >> 18);
	p[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	p[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	p[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

/* The character of the \u at s; *used bytes of it.  -1: none. */
static long
unicode(const uint8_t *s, size_t len, size_t *used)
{
	long c = hex4(s + 2, len - 2), low;

	*used = 6;
	if (c < 0xd800 || c > 0xdfff)
		return c;
	if (c < 0xdc00 && len >= 12 && s[6] == '\\' && s[7] == 'u') {
		low = hex4(s + 8, len - 8);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*used = 12;
			return 0x10000 + ((c - 0xd800) << 10) + low - 0xdc00;
		}
	}
	return 0xfffd;
}

long
mu_log_json_decode(uint8_t *s, size_t len)
{
	static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	uint8_t *first = memchr(s, '\\', len);
	size_t in, out, used;

	if (first == NULL)
		return (long)len;
	for (in = out = (size_t)(first - s); in < len;) {
		const char *name;
		long c;

		if (s[in] != '\\') {
			s[out++] = s[in++];
			continue;
		}
		if (in + 1 == len)
			return -1;
		if (s[in + 1] == 'u') {
			c = unicode(s + in, len - in, &used);
			if (c < 0)
				return -1;
			in += used;
			out += put_utf8(s + out, c);
			continue;
		}
		name = s[in + 1] == '\0' ? NULL : strchr(names, s[in + 1]);
		if (name == NULL)
			return -1;
		s[out++] = (uint8_t)bytes[name - names];
		in += 2;
	}
	return (long)out;
}
