/* Tokens of a line of JSON; see json_scan.h. */
#include "logrec/json_scan.h"

#include <string.h>

#include "base/text.h"

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

long
mu_log_json_decode(uint8_t *s, size_t len)
{
	static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	uint8_t *first = memchr(s, '\\', len);
	size_t in, out;

	if (first == NULL)
		return (long)len;
	for (in = out = (size_t)(first - s); in < len;) {
		const char *name, *p;
		int32_t c;

		if (s[in] != '\\') {
			s[out++] = s[in++];
			continue;
		}
		if (in + 1 == len)
			return -1;
		if (s[in + 1] == 'u') {
			p = (char *)s + in + 2;
			c = mu_text_unicode(&p, (char *)s + len);
			if (c < 0)
				return -1;
			if (c >= 0xd800 && c <= 0xdfff)
				c = 0xfffd; /* half of a pair */
			in = (size_t)(p - (char *)s);
			out += mu_text_put_utf8((uint32_t)c, (char *)s + out);
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
