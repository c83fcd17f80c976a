/* Splitting JSON into tokens; see json.h. */
#include "value/json.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "muster/err.h"

#define FIRST_CAP 16

struct scan {
	struct mu_json *j;
	const char *at, *end;
	uint32_t open[MU_JSON_MAX_DEPTH]; /* containers around this place */
	uint32_t depth;
};

/* What may come next. */
enum want {
	WANT_VALUE,
	WANT_FIRST_VALUE, /* or the end of the array */
	WANT_KEY,
	WANT_FIRST_KEY, /* or the end of the object */
	WANT_MORE       /* a comma or the end of what is open */
};

static int
add_token(struct scan *s, enum mu_json_kind kind, const char *at)
{
	struct mu_json *j = s->j;
	struct mu_json_token *t;

	if (j->n == j->cap) {
		uint32_t cap = j->cap == 0 ? FIRST_CAP : j->cap * 2;

		t = mu_reallocarray(j->tokens, cap, sizeof *t);
		if (t == NULL)
			return MUSTER_ENOMEM;
		j->tokens = t;
		j->cap = cap;
	}
	t = &j->tokens[j->n++];
	t->at = (uint32_t)(at - j->text);
	t->len = (uint32_t)(s->at - at);
	t->next = j->n;
	t->kind = (uint8_t)kind;
	t->escaped = false;
	return 0;
}

static void
skip_blanks(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' ||
				     *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

static bool
take(struct scan *s, char c)
{
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static bool
take_digits(struct scan *s)
{
	const char *start = s->at;

	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	return s->at > start;
}

/* Behind \u: a character.  Halves of a pair are refused: they are none. */
static bool
take_unicode(struct scan *s)
{
	int32_t c = mu_text_unicode(&s->at, s->end);

	return c >= 0 && (c < 0xd800 || c > 0xdfff);
}

static const char escapes[] = "\"\\/bfnrtv";
static const char escaped[] = "\"\\/\b\f\n\r\t\v";

static bool
take_escape(struct scan *s)
{
	char c;

	if (s->at == s->end)
		return false;
	c = *s->at++;
	if (c == 'u')
		return take_unicode(s);
	return c != '\0' && strchr(escapes, c) != NULL;
}

/* Behind the opening quote. */
static int
scan_string(struct scan *s)
{
	const char *start = s->at;
	bool has_escapes = false;
	int rc;

	for (;;) {
		char c;

		if (s->at == s->end)
			return MUSTER_EPROTO;
		c = *s->at;
		if (c == '"')
			break;
		s->at++;
		if (c == '\0')
			return MUSTER_EPROTO;
		if (c == '\\') {
			has_escapes = true;
			if (!take_escape(s))
				return MUSTER_EPROTO;
		}
	}
	rc = add_token(s, MU_JSON_STRING, start);
	if (rc == 0)
		s->j->tokens[s->j->n - 1].escaped = has_escapes;
	s->at++;
	return rc;
}

static int
scan_number(struct scan *s)
{
	const char *start = s->at;
	enum mu_json_kind kind = MU_JSON_INTEGER;

	take(s, '-');
	if (!take(s, '0') && !take_digits(s))
		return MUSTER_EPROTO;
	if (take(s, '.')) {
		kind = MU_JSON_REAL;
		if (!take_digits(s))
			return MUSTER_EPROTO;
	}
	if (take(s, 'e') || take(s, 'E')) {
		kind = MU_JSON_REAL;
		if (!take(s, '+'))
			take(s, '-');
		if (!take_digits(s))
			return MUSTER_EPROTO;
	}
	return add_token(s, kind, start);
}

static int
scan_word(struct scan *s)
{
	static const struct {
		const char *word;
		enum mu_json_kind kind;
	} words[] = {
		{ "null", MU_JSON_NULL },
		{ "false", MU_JSON_FALSE },
		{ "true", MU_JSON_TRUE },
		{ "nan", MU_JSON_REAL },
	};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		size_t n = strlen(words[i].word);

		if ((size_t)(s->end - s->at) >= n &&
		    memcmp(s->at, words[i].word, n) == 0) {
			s->at += n;
			return add_token(s, words[i].kind, s->at - n);
		}
	}
	return MUSTER_EPROTO;
}

static int
open_container(struct scan *s, enum mu_json_kind kind)
{
	if (s->depth == MU_JSON_MAX_DEPTH)
		return MUSTER_ELIMIT;
	s->at++;
	s->open[s->depth++] = s->j->n;
	return add_token(s, kind, s->at - 1);
}

static void
close_container(struct scan *s)
{
	s->at++;
	s->j->tokens[s->open[--s->depth]].next = s->j->n;
}

static bool
inside_object(const struct scan *s)
{
	return s->depth > 0 &&
	       s->j->tokens[s->open[s->depth - 1]].kind == MU_JSON_OBJECT;
}

static int
scan_value(struct scan *s, enum want *want)
{
	*want = WANT_MORE;
	switch (*s->at) {
	case '{':
		*want = WANT_FIRST_KEY;
		return open_container(s, MU_JSON_OBJECT);
	case '[':
		*want = WANT_FIRST_VALUE;
		return open_container(s, MU_JSON_ARRAY);
	case '"':
		s->at++;
		return scan_string(s);
	case '-':
	case '0' ... '9':
		return scan_number(s);
	}
	return scan_word(s);
}

static int
scan_key(struct scan *s, enum want *want)
{
	int rc = take(s, '"') ? scan_string(s) : MUSTER_EPROTO;

	*want = WANT_VALUE;
	if (rc != 0)
		return rc;
	skip_blanks(s);
	return take(s, ':') ? 0 : MUSTER_EPROTO;
}

static int
scan_more(struct scan *s, enum want *want)
{
	bool object = inside_object(s);

	if (*s->at == (object ? '}' : ']'))
		close_container(s);
	else if (take(s, ','))
		*want = object ? WANT_KEY : WANT_VALUE;
	else
		return MUSTER_EPROTO;
	return 0;
}

static int
scan_all(struct scan *s)
{
	enum want want = WANT_VALUE;

	for (;;) {
		int rc;

		skip_blanks(s);
		if (want == WANT_MORE && s->depth == 0)
			return s->at == s->end ? 0 : MUSTER_EPROTO;
		if (s->at == s->end)
			return MUSTER_EPROTO;
		if ((want == WANT_FIRST_KEY && *s->at == '}') ||
		    (want == WANT_FIRST_VALUE && *s->at == ']')) {
			close_container(s);
			want = WANT_MORE;
			continue;
		}
		if (want == WANT_MORE)
			rc = scan_more(s, &want);
		else if (want == WANT_KEY || want == WANT_FIRST_KEY)
			rc = scan_key(s, &want);
		else
			rc = scan_value(s, &want);
		if (rc != 0)
			return rc;
	}
}

int
mu_json_parse(struct mu_json *j, const char *text, size_t len)
{
	struct scan s = { .j = j };

	memset(j, 0, sizeof *j);
	if (text == NULL)
		text = "";
	s.at = text;
	s.end = text + len;
	j->text = text;
	if (len > INT32_MAX)
		return MUSTER_ELIMIT;
	return scan_all(&s);
}

void
mu_json_clear(struct mu_json *j)
{
	mu_free(j->tokens);
	memset(j, 0, sizeof *j);
}

size_t
mu_json_unescape(const struct mu_json *j, uint32_t token, char *out)
{
	const struct mu_json_token *t = &j->tokens[token];
	const char *p = j->text + t->at, *end = p + t->len;
	size_t n = 0;

	if (!t->escaped) {
		if (t->len > 0)
			memcpy(out, p, t->len);
		return t->len;
	}
	while (p < end) {
		if (*p != '\\') {
			out[n++] = *p++;
		} else if (p[1] == 'u') {
			p += 2;
			n += mu_text_put_utf8(
			    (uint32_t)mu_text_unicode(&p, end), out + n);
		} else {
			out[n++] = escaped[strchr(escapes, p[1]) - escapes];
			p += 2;
		}
	}
	return n;
}

bool
mu_json_string_is(const struct mu_json *j, uint32_t token, const char *s)
{
	const struct mu_json_token *t = &j->tokens[token];
	char plain[256];
	size_t n = strlen(s);

	if (t->kind != MU_JSON_STRING || t->len < n || t->len > sizeof plain)
		return false;
	if (!t->escaped)
		return t->len == n && memcmp(j->text + t->at, s, n) == 0;
	return mu_json_unescape(j, token, plain) == n &&
	       memcmp(plain, s, n) == 0;
}

uint32_t
mu_json_member(const struct mu_json *j, uint32_t object, const char *name)
{
	uint32_t end = j->tokens[object].next;

	if (j->tokens[object].kind != MU_JSON_OBJECT)
		return MU_JSON_ABSENT;
	for (uint32_t i = object + 1; i < end; i = j->tokens[i + 1].next)
		if (mu_json_string_is(j, i, name))
			return i + 1;
	return MU_JSON_ABSENT;
}
