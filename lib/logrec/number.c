/*
 * Numbers of logs; see number.h.  Zeek prints doubles with a routine of its
 * own whose rounding is copied here with its quirks: an exact half goes up
 * when the last digit is odd or all six decimals are zero, and a carry out of
 * the decimals is lost there (0.9999995 is 0.1000000).
 */
#include "logrec/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "value/real.h"

#define DECIMALS 6
#define SCALE    1000000
#define LARGE    2147483647.0 /* from here on Zeek's routine gives up */

char *
mu_log_put_u64(char *p, uint64_t v)
{
	char text[20];
	size_t n = sizeof text;

	do {
		text[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	memcpy(p, text + n, sizeof text - n);
	return p + (sizeof text - n);
}

char *
mu_log_put_i64(char *p, int64_t v)
{
	if (v >= 0)
		return mu_log_put_u64(p, (uint64_t)v);
	*p++ = '-';
	return mu_log_put_u64(p, 0 - (uint64_t)v);
}

/* Not a number of the usual kind: its name, or NULL. */
static const char *
odd(double v)
{
	if (isnan(v))
		return "nan";
	if (isinf(v))
		return v < 0 ? "-inf" : "inf";
	return NULL;
}

static char *
put(char *p, const char *text)
{
	size_t n = strlen(text);

	memcpy(p, text, n);
	return p + n;
}

/* Split v (0 <= v <= LARGE) into what is printed before and behind the point;
 * the latter may be SCALE itself, see above. */
static uint32_t
split(double v, uint32_t *whole)
{
	uint32_t frac;
	double scaled, rest;

	*whole = (uint32_t)v;
	scaled = (v - *whole) * SCALE;
	frac = (uint32_t)scaled;
	rest = scaled - frac;
	if (rest > 0.5) {
		if (++frac == SCALE) {
			frac = 0;
			++*whole;
		}
	} else if (rest == 0.5 && (frac == 0 || (frac & 1) != 0)) {
		frac++;
	}
	return frac;
}

/* The decimals, at least six digits. */
static char *
put_frac(char *p, uint32_t frac)
{
	char text[8];
	int n = 0;

	do
		text[n++] = (char)('0' + frac % 10);
	while ((frac /= 10) != 0);
	while (n < DECIMALS)
		text[n++] = '0';
	while (n > 0)
		*p++ = text[--n];
	return p;
}

/* Drop zeros at the end of [from, p), and a point before them. */
static char *
strip(char *from, char *p)
{
	while (p > from && p[-1] == '0')
		p--;
	if (p > from && p[-1] == '.')
		p--;
	return p;
}

char *
mu_log_put_time(char *p, double v)
{
	const char *name = odd(v);
	double size = fabs(v);
	uint32_t whole, frac;
	char text[40], *e;

	if (name != NULL)
		return put(p, name);
	if (size >= LARGE) {
		snprintf(text, sizeof text, "%.16e", v);
		e = strchr(text, 'e');
		memmove(strip(text, e), e, strlen(e) + 1);
		return put(p, text);
	}
	frac = split(size, &whole);
	if (v < 0)
		*p++ = '-';
	p = mu_log_put_u64(p, whole);
	*p++ = '.';
	return put_frac(p, frac);
}

char *
mu_log_put_double(char *p, double v)
{
	const char *name = odd(v);
	double size = fabs(v);
	uint32_t whole, frac;
	char text[MU_REAL_TEXT];
	size_t n;

	if (name != NULL)
		return put(p, name);
	if (size >= LARGE) {
		mu_real_format(v, text);
		n = (size_t)(strip(text, text + strlen(text)) - text);
		memcpy(p, text, n);
		p += n;
	} else {
		frac = split(size, &whole);
		if (v < 0)
			*p++ = '-';
		p = mu_log_put_u64(p, whole);
		if (frac != 0) {
			*p++ = '.';
			p = strip(p, put_frac(p, frac));
		}
	}
	if (fabs(nearbyint(v) - v) < 1e-9)
		p = put(p, ".0");
	return p;
}

int64_t
mu_log_millis(double seconds)
{
	double ms = seconds * 1000;

	if (isnan(ms))
		return 0;
	if (ms >= 0x1p63)
		return INT64_MAX;
	return ms <= -0x1p63 ? INT64_MIN : (int64_t)ms;
}

char *
mu_log_put_iso8601(char *p, double seconds)
{
	/* What Zeek writes where there is no such date. */
	static const char none[] = "2000-01-01T00:00:00.000000";
	double whole, frac = modf(seconds, &whole);
	time_t t;
	struct tm tm;

	if (!(fabs(seconds) < 0x1p55))
		return put(p, none);
	t = (time_t)floor(seconds);
	if (gmtime_r(&t, &tm) == NULL)
		return put(p, none);
	if (frac < 0)
		frac += 1;
	p += strftime(p, 64, "%Y-%m-%dT%H:%M:%S", &tm);
	*p++ = '.';
	p = put_frac(p, (uint32_t)rint(frac * SCALE));
	*p++ = 'Z';
	return p;
}

/* --- reading ------------------------------------------------------------ */

bool
mu_log_get_u64(const char *s, size_t len, uint64_t *v)
{
	uint64_t n = 0;

	if (len == 0 || len > 20)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned char)s[i] - '0';

		if (digit > 9 || n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*v = n;
	return true;
}

bool
mu_log_get_i64(const char *s, size_t len, int64_t *v)
{
	bool minus = len > 0 && s[0] == '-';
	size_t skip = minus || (len > 0 && s[0] == '+');
	uint64_t n;

	if (!mu_log_get_u64(s + skip, len - skip, &n) ||
	    n > (uint64_t)INT64_MAX + minus)
		return false;
	*v = minus ? (int64_t)(0 - n) : (int64_t)n;
	return true;
}

/*
 * The usual case: at most 2^53 without its point, over a power of ten that a
 * double holds exactly; one division then rounds correctly.
 */
static bool
quick(const char *s, size_t len, double *v)
{
	static const double power[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7,
		1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
	size_t i = len > 0 && s[0] == '-', point = 0, digits = 0;
	uint64_t n = 0;

	if (len - i > 16)
		return false;
	for (; i < len; i++) {
		unsigned digit = (unsigned char)s[i] - '0';

		if (s[i] == '.' && point == 0 && digits > 0) {
			point = i + 1;
			continue;
		}
		if (digit > 9)
			return false;
		n = n * 10 + digit;
		digits++;
	}
	if (digits == 0 || n > (UINT64_C(1) << 53) || point == len)
		return false;
	*v = (double)n / power[point == 0 ? 0 : len - point];
	if (s[0] == '-')
		*v = -*v;
	return true;
}

bool
mu_log_get_double(const char *s, size_t len, double *v)
{
	char text[MU_LOG_NUMBER];

	if (quick(s, len, v))
		return true;
	if (len == 0 || len >= sizeof text || memchr(s, '\0', len) != NULL)
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	if (strcmp(text, "nan") == 0 || strcmp(text, "-nan") == 0) {
		*v = NAN;
		return true;
	}
	if (strcmp(text, "inf") == 0 || strcmp(text, "-inf") == 0) {
		*v = text[0] == '-' ? -INFINITY : INFINITY;
		return true;
	}
	/* Digits first: hexadecimal and words are none of ours. */
	if (strspn(text, "+-0123456789.eE") != len)
		return false;
	/* What is too large for the type is not the infinity. */
	return mu_real_parse(text, v) && isfinite(*v);
}

static bool
skip(const char *s, size_t len, size_t *at, char c)
{
	if (*at >= len || s[*at] != c)
		return false;
	++*at;
	return true;
}

/* least to most digits. */
static bool
number(const char *s, size_t len, size_t *at, size_t least, size_t most, int *v)
{
	size_t from = *at;

	for (*v = 0; *at < len && *at - from < most; ++*at) {
		if (s[*at] < '0' || s[*at] > '9')
			break;
		*v = *v * 10 + (s[*at] - '0');
	}
	return *at - from >= least;
}

/* The digits behind the point: n of scale; what is beyond nine is ignored. */
static bool
fraction(const char *s, size_t len, size_t *at, int64_t *n, int64_t *scale)
{
	size_t from = *at;

	for (; *at < len && s[*at] >= '0' && s[*at] <= '9'; ++*at)
		if (*at - from < 9) {
			*n = *n * 10 + (s[*at] - '0');
			*scale *= 10;
		}
	return *at > from;
}

/* Rounded once, as the same number with a decimal point would be, as long as
 * a double holds all of its digits. */
static double
join(int64_t whole, int64_t n, int64_t scale)
{
	if (llabs(whole) < (INT64_C(1) << 53) / scale)
		return (double)(whole * scale + n) / (double)scale;
	return (double)whole + (double)n / (double)scale;
}

/* Z, +hh:mm, +hhmm, +hh, or nothing; seconds east. */
static bool
zone(const char *s, size_t len, size_t *at, int64_t *offset)
{
	int hours, minutes = 0;
	bool west;

	*offset = 0;
	if (*at == len || skip(s, len, at, 'Z'))
		return true;
	west = s[*at] == '-';
	if (!west && s[*at] != '+')
		return false;
	++*at;
	if (!number(s, len, at, 2, 2, &hours))
		return false;
	(void)skip(s, len, at, ':');
	if (*at < len && !number(s, len, at, 2, 2, &minutes))
		return false;
	*offset = (hours * 60 + minutes) * 60 * (west ? -1 : 1);
	return true;
}

bool
mu_log_get_iso8601(const char *s, size_t len, double *seconds)
{
	struct tm tm = { .tm_isdst = 0 };
	int64_t offset, frac = 0, scale = 1;
	size_t at = 0;

	if (!number(s, len, &at, 4, 9, &tm.tm_year) ||
	    !skip(s, len, &at, '-') || !number(s, len, &at, 2, 2, &tm.tm_mon) ||
	    !skip(s, len, &at, '-') ||
	    !number(s, len, &at, 2, 2, &tm.tm_mday) ||
	    !(skip(s, len, &at, 'T') || skip(s, len, &at, ' ')) ||
	    !number(s, len, &at, 2, 2, &tm.tm_hour) ||
	    !skip(s, len, &at, ':') || !number(s, len, &at, 2, 2, &tm.tm_min) ||
	    !skip(s, len, &at, ':') || !number(s, len, &at, 2, 2, &tm.tm_sec))
		return false;
	if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
	    tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 ||
	    tm.tm_sec > 60)
		return false;
	if (skip(s, len, &at, '.') && !fraction(s, len, &at, &frac, &scale))
		return false;
	if (!zone(s, len, &at, &offset) || at != len)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	*seconds = join((int64_t)timegm(&tm) - offset, frac, scale);
	return true;
}
