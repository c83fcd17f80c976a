/* Small text helpers; see text.h. */
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "muster/err.h"

#define LONGEST 64

size_t
mu_text_distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	unsigned char d[3][LONGEST + 1];

	if (la > LONGEST || lb > LONGEST)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		d[0][j] = (unsigned char)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned char *row = d[i % 3], *up = d[(i + 2) % 3],
			      *upup = d[(i + 1) % 3];

		row[0] = (unsigned char)i;
		for (size_t j = 1; j <= lb; j++) {
			int cost = a[i - 1] != b[j - 1];
			int best = up[j - 1] + cost;

			if (up[j] + 1 < best)
				best = up[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && upup[j - 2] + 1 < best)
				best = upup[j - 2] + 1;
			row[j] = (unsigned char)best;
		}
	}
	return d[la % 3][lb];
}

const char *
mu_text_nearest(const char *word, const char *const *candidates, size_t n)
{
	const char *best = NULL;
	size_t best_distance = strlen(word) < 4 ? 2 : strlen(word) / 3 + 2;

	for (size_t i = 0; i < n; i++) {
		size_t distance;

		if (candidates[i] == NULL)
			continue;
		distance = mu_text_distance(word, candidates[i]);
		if (distance < best_distance) {
			best = candidates[i];
			best_distance = distance;
		}
	}
	return best;
}

static size_t
sequence_length(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	if (first >= 0xf0 && first <= 0xf4)
		return 4;
	return 0;
}

bool
mu_text_utf8(const uint8_t *p, size_t len, size_t *bad)
{
	for (size_t i = 0; i < len;) {
		size_t n = sequence_length(p[i]);
		bool ok = n > 0 && n <= len - i;

		for (size_t k = 1; ok && k < n; k++)
			ok = (p[i + k] & 0xc0) == 0x80;
		if (ok && n == 3)
			ok = !(p[i] == 0xe0 && p[i + 1] < 0xa0) &&
			    !(p[i] == 0xed && p[i + 1] > 0x9f);
		if (ok && n == 4)
			ok = !(p[i] == 0xf0 && p[i + 1] < 0x90) &&
			    !(p[i] == 0xf4 && p[i + 1] > 0x8f);
		if (!ok) {
			if (bad != NULL)
				*bad = i;
			return false;
		}
		i += n;
	}
	return true;
}

void
mu_text_hex(const uint8_t *p, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

int
mu_text_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

long
mu_text_unhex(const char *hex, uint8_t *out)
{
	long n = 0;

	for (; *hex != '\0'; hex += 2) {
		int hi = mu_text_hex_digit(hex[0]);
		int lo = hi < 0 ? -1 : mu_text_hex_digit(hex[1]);

		if (lo < 0)
			return -1;
		out[n++] = (uint8_t)(hi << 4 | lo);
	}
	return n;
}

/* Four digits at p, or -1. */
static int32_t
hex4(const char *p, const char *end)
{
	int32_t v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = mu_text_hex_digit(p[i]);

		if (digit < 0)
			return -1;
		v = v << 4 | digit;
	}
	return v;
}

int32_t
mu_text_unicode(const char **p, const char *end)
{
	int32_t c = hex4(*p, end), low;

	if (c < 0)
		return -1;
	*p += 4;
	if (c < 0xd800 || c > 0xdbff || end - *p < 6 || (*p)[0] != '\\' ||
	    (*p)[1] != 'u')
		return c;
	low = hex4(*p + 2, end);
	if (low < 0xdc00 || low > 0xdfff)
		return c;
	*p += 6;
	return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

size_t
mu_text_put_utf8(uint32_t c, char *out)
{
	static const uint8_t leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(leads[n] | c);
	return n;
}

struct unit {
	const char *name;
	double factor;
};

static const struct unit durations[] = {
	{ "ns", 1 },
	{ "nsec", 1 },
	{ "us", 1e3 },
	{ "usec", 1e3 },
	{ "ms", 1e6 },
	{ "msec", 1e6 },
	{ "s", 1e9 },
	{ "sec", 1e9 },
	{ "second", 1e9 },
	{ "m", 60e9 },
	{ "min", 60e9 },
	{ "minute", 60e9 },
	{ "h", 3600e9 },
	{ "hr", 3600e9 },
	{ "hrs", 3600e9 },
	{ "hour", 3600e9 },
	{ "d", 86400e9 },
	{ "day", 86400e9 },
	{ "week", 604800e9 },
};

static const struct unit sizes[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "byte", 1 },
	{ "kB", 1e3 },
	{ "KB", 1e3 },
	{ "MB", 1e6 },
	{ "GB", 1e9 },
	{ "TB", 1e12 },
	{ "KiB", 1024.0 },
	{ "MiB", 1048576.0 },
	{ "GiB", 1073741824.0 },
	{ "TiB", 1099511627776.0 },
};

/* Number, optional blanks, unit (a plural s is fine for words). */
static int
scan_quantity(const char *s, const struct unit *units, size_t nunits,
    double *out)
{
	char *end;
	double number;

	while (*s == ' ')
		s++;
	if (!isdigit((unsigned char)*s) && *s != '-' && *s != '.')
		return MUSTER_EINVAL;
	if (s[strspn(s, "-0")] == 'x' || s[strspn(s, "-0")] == 'X')
		return MUSTER_EINVAL; /* strtod would read hexadecimal */
	errno = 0;
	number = strtod(s, &end);
	if (end == s || errno != 0 || !isfinite(number))
		return MUSTER_EINVAL;
	while (*end == ' ')
		end++;
	for (size_t i = 0; i < nunits; i++) {
		size_t n = strlen(units[i].name);

		if (strncmp(end, units[i].name, n) != 0)
			continue;
		if (end[n] == '\0' ||
		    (n >= 3 && end[n] == 's' && end[n + 1] == '\0')) {
			*out = number * units[i].factor;
			return 0;
		}
	}
	if (number == 0 && *end == '\0') {
		*out = 0;
		return 0;
	}
	return MUSTER_EINVAL;
}

int
mu_text_duration(const char *s, int64_t *ns)
{
	double v;
	int rc = scan_quantity(s, durations,
	    sizeof durations / sizeof durations[0], &v);

	if (rc != 0)
		return rc;
	if (v < -9.2e18 || v > 9.2e18)
		return MUSTER_ELIMIT;
	*ns = (int64_t)v;
	return 0;
}

int
mu_text_size(const char *s, uint64_t *bytes)
{
	double v;
	int rc = scan_quantity(s, sizes, sizeof sizes / sizeof sizes[0], &v);

	if (rc != 0)
		return rc;
	if (v < 0)
		return MUSTER_EINVAL;
	if (v > 9e15)
		return MUSTER_ELIMIT;
	*bytes = (uint64_t)v;
	return 0;
}

static bool
is_plain(uint8_t byte)
{
	return byte >= 0x20 && byte < 0x7f && byte != '\\';
}

char *
mu_text_printable(const void *p, size_t len, char *out, size_t out_size)
{
	const uint8_t *b = p;
	size_t used = 0, fits = 0; /* fits: where "..." would still go */
	size_t i;

	for (i = 0; i < len; i++) {
		size_t need = is_plain(b[i]) ? 1 : 4;

		if (used + need + 1 > out_size)
			break;
		if (used + 4 <= out_size)
			fits = used;
		if (need == 1)
			out[used++] = (char)b[i];
		else
			used += (size_t)snprintf(out + used, out_size - used,
			    "\\x%02x", b[i]);
	}
	if (i < len) {
		if (used + 4 <= out_size)
			fits = used;
		if (out_size >= 4) {
			memcpy(out + fits, "...", 3);
			used = fits + 3;
		}
	}
	out[used] = '\0';
	return out;
}

int
mu_text_fail(int code, char *err, size_t err_size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (err != NULL && err_size > 0)
		vsnprintf(err, err_size, fmt, ap);
	va_end(ap);
	return code;
}
