/*
 * JSON lines in place; see jtext.h.  mu_jtext_check is the only function that
 * distrusts the text: one pass without recursion, a bit a level saying whether
 * it is an object.  Everything else walks text that passed it.
 */
#include "proto/jtext.h"

#include <ctype.h>
#include <string.h>

#include "muster/err.h"

struct scan {
	const char *at, *end;
};

static void
skip_blanks(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' ||
				     *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

static bool
is_digit(const struct scan *s)
{
	return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static bool
scan_word(struct scan *s, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
		return false;
	s->at += len;
	return true;
}

static bool
scan_digits(struct scan *s)
{
	if (!is_digit(s))
		return false;
	while (is_digit(s))
		s->at++;
	return true;
}

static bool
scan_number(struct scan *s)
{
	if (s->at < s->end && *s->at == '-')
		s->at++;
	if (s->at < s->end && *s->at == '0')
		s->at++;
	else if (!scan_digits(s))
		return false;
	if (s->at < s->end && *s->at == '.') {
		s->at++;
		if (!scan_digits(s))
			return false;
	}
	if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
		s->at++;
		if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
			s->at++;
		return scan_digits(s);
	}
	return true;
}

/* Four hex digits? */
static bool
is_hex4(const char *p)
{
	for (int i = 0; i < 4; i++)
		if (!isxdigit((unsigned char)p[i]))
			return false;
	return true;
}

static bool
scan_escape(struct scan *s)
{
	char c;

	if (++s->at == s->end)
		return false;
	c = *s->at;
	if (c != '\0' && strchr("\"\\/bfnrt", c) != NULL) {
		s->at++;
		return true;
	}
	if (c != 'u' || s->end - s->at < 5 || !is_hex4(s->at + 1))
		return false;
	s->at += 5;
	return true;
}

static bool
scan_string(struct scan *s)
{
	if (s->at == s->end || *s->at != '"')
		return false;
	s->at++;
	while (s->at < s->end) {
		if (*s->at == '"') {
			s->at++;
			return true;
		}
		if ((unsigned char)*s->at < 0x20)
			return false;
		if (*s->at == '\\') {
			if (!scan_escape(s))
				return false;
		} else {
			s->at++;
		}
	}
	return false;
}

static bool
scan_scalar(struct scan *s)
{
	switch (*s->at) {
	case '"':
		return scan_string(s);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		return scan_number(s);
	}
}

/* "name":, leaving the cursor before the value. */
static bool
scan_key(struct scan *s)
{
	skip_blanks(s);
	if (!scan_string(s))
		return false;
	skip_blanks(s);
	if (s->at == s->end || *s->at != ':')
		return false;
	s->at++;
	return true;
}

struct levels {
	unsigned depth;
	uint64_t object[MU_JTEXT_MAX_DEPTH / 64];
};

static bool
in_object(const struct levels *l)
{
	unsigned i = l->depth - 1;

	return (l->object[i / 64] >> (i % 64) & 1) != 0;
}

static bool
enter(struct levels *l, bool object)
{
	unsigned i = l->depth;

	if (i == MU_JTEXT_MAX_DEPTH)
		return false;
	l->object[i / 64] &= ~((uint64_t)1 << (i % 64));
	l->object[i / 64] |= (uint64_t)object << (i % 64);
	l->depth++;
	return true;
}

/*
 * After a value: leave every container that ends here.  true when another
 * value must follow or the text is complete (depth 0).
 */
static bool
leave(struct scan *s, struct levels *l)
{
	while (l->depth > 0) {
		bool object = in_object(l);

		skip_blanks(s);
		if (s->at == s->end)
			return false;
		if (*s->at == ',') {
			s->at++;
			return !object || scan_key(s);
		}
		if (*s->at != (object ? '}' : ']'))
			return false;
		s->at++;
		l->depth--;
	}
	return true;
}

/* A value begins here.  1: it is complete; 0: its first element begins; an
 * error otherwise. */
static int
scan_value(struct scan *s, struct levels *l)
{
	bool object;

	skip_blanks(s);
	if (s->at == s->end)
		return MUSTER_EPROTO;
	if (*s->at != '{' && *s->at != '[')
		return scan_scalar(s) ? 1 : MUSTER_EPROTO;
	object = *s->at == '{';
	s->at++;
	skip_blanks(s);
	if (s->at < s->end && *s->at == (object ? '}' : ']')) {
		s->at++;
		return 1;
	}
	if (!enter(l, object))
		return MUSTER_ELIMIT;
	return !object || scan_key(s) ? 0 : MUSTER_EPROTO;
}

int
mu_jtext_check(const char *text, size_t len, size_t *bad)
{
	struct scan s = { text, text + len };
	struct levels l = { 0 };
	int r;

	do {
		r = scan_value(&s, &l);
		if (r == 1 && !leave(&s, &l))
			r = MUSTER_EPROTO;
	} while (r >= 0 && l.depth > 0);
	if (r > 0) {
		skip_blanks(&s);
		r = s.at == s.end ? 0 : MUSTER_EPROTO;
	}
	if (bad != NULL)
		*bad = (size_t)(s.at - text);
	return r;
}

struct mu_jtext
mu_jtext_over(const char *text, size_t len)
{
	struct scan s = { text, text + len };

	skip_blanks(&s);
	while (s.end > s.at && strchr(" \t\r\n", s.end[-1]) != NULL)
		s.end--;
	return (struct mu_jtext){ s.at, (size_t)(s.end - s.at) };
}

enum mu_jtext_kind
mu_jtext_kind(const struct mu_jtext *v)
{
	if (v->at == NULL || v->len == 0)
		return MU_JTEXT_NONE;
	switch (*v->at) {
	case '{':
		return MU_JTEXT_OBJECT;
	case '[':
		return MU_JTEXT_ARRAY;
	case '"':
		return MU_JTEXT_STRING;
	case 't':
	case 'f':
		return MU_JTEXT_BOOLEAN;
	case 'n':
		return MU_JTEXT_NULL;
	default:
		return MU_JTEXT_NUMBER;
	}
}

/* --- walking checked text ------------------------------------------------ */

/* Past the value that begins here: brackets are counted, strings skipped. */
static void
pass_value(struct scan *s)
{
	size_t depth = 0;

	do {
		char c = *s->at;

		if (c == '"') {
			scan_string(s);
		} else if (c == '{' || c == '[') {
			depth++;
			s->at++;
		} else if (c == '}' || c == ']') {
			depth--;
			s->at++;
		} else if (depth > 0) {
			s->at++;
		} else {
			scan_scalar(s);
		}
	} while (depth > 0 && s->at < s->end);
}

struct mu_jtext_walk
mu_jtext_walk(const struct mu_jtext *v)
{
	enum mu_jtext_kind kind = mu_jtext_kind(v);
	struct mu_jtext_walk w = { NULL, NULL, kind == MU_JTEXT_OBJECT };

	if (kind == MU_JTEXT_OBJECT || kind == MU_JTEXT_ARRAY) {
		w.at = v->at + 1;
		w.end = v->at + v->len - 1;
	}
	return w;
}

bool
mu_jtext_next(
    struct mu_jtext_walk *w, struct mu_jtext *key, struct mu_jtext *value)
{
	struct scan s = { w->at, w->end };
	const char *start;

	skip_blanks(&s);
	if (s.at == s.end)
		return false;
	if (w->object) {
		start = s.at;
		scan_string(&s);
		if (key != NULL)
			*key =
			    (struct mu_jtext){ start, (size_t)(s.at - start) };
		skip_blanks(&s);
		s.at++; /* the colon */
		skip_blanks(&s);
	}
	start = s.at;
	pass_value(&s);
	*value = (struct mu_jtext){ start, (size_t)(s.at - start) };
	skip_blanks(&s);
	if (s.at < s.end)
		s.at++; /* the comma */
	w->at = s.at;
	return true;
}

struct mu_jtext
mu_jtext_member(const struct mu_jtext *object, const char *name)
{
	struct mu_jtext key, value;
	struct mu_jtext_walk w = mu_jtext_walk(object);

	while (w.object && mu_jtext_next(&w, &key, &value))
		if (mu_jtext_is(&key, name))
			return value;
	return (struct mu_jtext){ NULL, 0 };
}
