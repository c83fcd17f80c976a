/* Ranges in the words of a layout; see range.h. */
#include "layout/range.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "layout/read.h"
#include "muster/err.h"

#define MOST_DIGITS 9 /* fits unsigned long everywhere */

struct range {
	unsigned long low, high;
	int width;        /* digits of a zero-padded number, else 0 */
	const char *next; /* behind the bracket */
};

static size_t
digits(const char *s)
{
	size_t n = 0;

	while (isdigit((unsigned char)s[n]))
		n++;
	return n;
}

/* Read the range whose bracket s points at. */
static bool
parse(const char *s, struct range *r)
{
	const char *low = s + 1, *high;
	size_t nlow = digits(low), nhigh;
	bool padded = nlow > 1 && low[0] == '0';

	if (nlow == 0 || nlow > MOST_DIGITS || low[nlow] != '-')
		return false;
	high = low + nlow + 1;
	nhigh = digits(high);
	if (nhigh == 0 || nhigh > MOST_DIGITS || high[nhigh] != ']')
		return false;
	if ((padded || (nhigh > 1 && high[0] == '0')) && nlow != nhigh)
		return false;
	r->low = strtoul(low, NULL, 10);
	r->high = strtoul(high, NULL, 10);
	r->width = padded ? (int)nlow : 0;
	r->next = high + nhigh + 1;
	return true;
}

/* The bracketed piece at s, for a message. */
static int
piece_len(const char *s)
{
	const char *end = strchr(s, ']');
	size_t n = end == NULL ? strlen(s) : (size_t)(end - s) + 1;

	return n > 40 ? 40 : (int)n;
}

static int
bad_piece(const char *s, char *why, size_t size)
{
	int n = piece_len(s);

	if (s[0] == '[' && memchr(s, ':', (size_t)n) != NULL)
		snprintf(why, size,
		    "has brackets (write an IPv6 address without them)");
	else
		snprintf(why, size,
		    "has a bad range %.*s (write for example "
		    "[1-4] or [01-12])",
		    n, s);
	return MUSTER_EINVAL;
}

int
mu_range_count(const char *text, size_t *count, char *why, size_t size)
{
	const char *s = text;

	*count = 0;
	while ((s = strpbrk(s, "[]")) != NULL) {
		struct range r;
		unsigned long n;

		if (*s == ']' || !parse(s, &r))
			return bad_piece(s, why, size);
		if (r.high < r.low) {
			snprintf(why, size,
			    "has a range %.*s that counts "
			    "backwards",
			    piece_len(s), s);
			return MUSTER_EINVAL;
		}
		n = r.high - r.low + 1;
		if (n > MU_LAYOUT_MAX_NODES) {
			snprintf(why, size,
			    "has a range %.*s of %lu (at most "
			    "%d)",
			    piece_len(s), s, n, MU_LAYOUT_MAX_NODES);
			return MUSTER_EINVAL;
		}
		if (*count != 0 && *count != n) {
			snprintf(why, size,
			    "has ranges of %zu and of %lu "
			    "(they must be equally long)",
			    *count, n);
			return MUSTER_EINVAL;
		}
		*count = n;
		s = r.next;
	}
	return 0;
}

char *
mu_range_word(const char *text, size_t i)
{
	struct mu_buf b;
	const char *s;
	char *word;

	mu_buf_init(&b, 0);
	while ((s = strchr(text, '[')) != NULL) {
		struct range r;

		if (!parse(s, &r))
			break; /* cannot be: the text was checked */
		mu_buf_put(&b, text, (size_t)(s - text));
		mu_buf_printf(&b, "%0*lu", r.width, r.low + i);
		text = r.next;
	}
	mu_buf_str(&b, text);
	word = mu_buf_take_string(&b);
	mu_buf_clear(&b);
	return word;
}
