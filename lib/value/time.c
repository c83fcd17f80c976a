/* Times as text; see time.h. */
#include "value/time.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SECOND     INT64_C(1000000000)
#define DAY        86400
#define FRAC_LIMIT 18 /* digits that count; their power of ten fits 64 bits */

/*
 * The calendar is computed here, since gmtime depends on the width of time_t
 * and strptime on the locale.  A year is taken to begin in March, so that the
 * leap day is its last: then the days before month m are (153 * m + 2) / 5.
 */
static int64_t
days_from_date(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t m = month > 2 ? month - 3 : month + 9;
	int64_t of_year = (153 * m + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year - 719468;
}

static void
date_from_days(int64_t days, int *year, int *month, int *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t of_era = z - era * 146097;
	int64_t y =
	    (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;

	*day = (int)(of_year - (153 * m + 2) / 5 + 1);
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = (int)(y + era * 400 + (*month <= 2));
}

char *
mu_time_format_stamp(int64_t ns, char out[MU_TIME_TEXT])
{
	int64_t seconds = ns / SECOND, millis = ns % SECOND / 1000000;
	int64_t days = seconds / DAY, rest = seconds % DAY;
	int year, month, day;

	if (rest < 0) {
		rest += DAY;
		days--;
	}
	if (millis < 0)
		millis = 0;
	date_from_days(days, &year, &month, &day);
	snprintf(out, MU_TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d.%03d", year,
	    month, day, (int)(rest / 3600), (int)(rest / 60 % 60),
	    (int)(rest % 60), (int)millis);
	return out;
}

/* What is left of a text. */
struct rest {
	const char *at, *end;
};

static bool
take(struct rest *r, char c)
{
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

/* Exactly n digits giving a number in [min, max]. */
static bool
number(struct rest *r, int n, int min, int max, int *out)
{
	*out = 0;
	for (int i = 0; i < n; i++) {
		if (r->at == r->end || *r->at < '0' || *r->at > '9')
			return false;
		*out = *out * 10 + (*r->at++ - '0');
	}
	return *out >= min && *out <= max;
}

static int
days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* An optional zone; *seconds is what it is ahead of UTC. */
static bool
zone(struct rest *r, int *seconds)
{
	int hours, minutes = 0, sign;

	*seconds = 0;
	if (r->at == r->end || take(r, 'Z'))
		return true;
	if (take(r, '+'))
		sign = 1;
	else if (take(r, '-'))
		sign = -1;
	else
		return false;
	if (!number(r, 2, 0, 23, &hours))
		return false;
	if (take(r, ':') || r->at != r->end)
		if (!number(r, 2, 0, 59, &minutes))
			return false;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool
mu_time_parse_stamp(const char *s, size_t len, int64_t *ns)
{
	struct rest r = { s, s + len };
	int year, month, day, hour, minute, second, nanos = 0, ahead;
	int64_t total;

	if (!number(&r, 4, 0, 9999, &year) || !take(&r, '-') ||
	    !number(&r, 2, 1, 12, &month) || !take(&r, '-') ||
	    !number(&r, 2, 1, days_in(year, month), &day) || !take(&r, 'T') ||
	    !number(&r, 2, 0, 23, &hour) || !take(&r, ':') ||
	    !number(&r, 2, 0, 59, &minute) || !take(&r, ':') ||
	    !number(&r, 2, 0, 59, &second))
		return false;
	if (take(&r, '.')) {
		int scale = (int)SECOND;

		while (r.at < r.end && *r.at >= '0' && *r.at <= '9') {
			scale /= 10;
			if (scale == 0)
				return false;
			nanos += (*r.at++ - '0') * scale;
		}
	}
	if (!zone(&r, &ahead) || r.at != r.end)
		return false;
	total = days_from_date(year, month, day) * DAY + hour * 3600 +
		minute * 60 + second - ahead;
	/* The earliest second is only representable together with a fraction:
	 * multiply in parts that stay in range. */
	if (total < 0 && nanos > 0) {
		total++;
		nanos -= (int)SECOND;
	}
	return !__builtin_mul_overflow(total, SECOND, ns) &&
	       !__builtin_add_overflow(*ns, (int64_t)nanos, ns);
}

static const struct unit {
	const char *name;
	int64_t ns;
} units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "ms", 1000000 },
	{ "s", SECOND }, /* the largest that is written */
	{ "min", 60 * SECOND },
	{ "h", 3600 * SECOND },
};
#define NWRITTEN 4
#define NREAD    (sizeof units / sizeof units[0])

char *
mu_time_format_span(int64_t ns, char out[MU_TIME_TEXT])
{
	size_t i = NWRITTEN - 1;

	while (ns % units[i].ns != 0)
		i--;
	snprintf(out, MU_TIME_TEXT, "%" PRId64 "%s", ns / units[i].ns,
	    units[i].name);
	return out;
}

/* A decimal number as digits / 10^scale, at least one digit. */
static bool
decimal(struct rest *r, uint64_t *whole, uint64_t *frac, uint64_t *den)
{
	const char *start = r->at;
	size_t ndigits, kept = 0;

	*whole = *frac = 0;
	*den = 1;
	for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
		if (__builtin_mul_overflow(*whole, UINT64_C(10), whole) ||
		    __builtin_add_overflow(
			*whole, (uint64_t)(*r->at - '0'), whole))
			return false;
	ndigits = (size_t)(r->at - start);
	if (!take(r, '.'))
		return ndigits > 0;
	start = r->at;
	for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
		if (kept++ < FRAC_LIMIT) {
			*frac = *frac * 10 + (uint64_t)(*r->at - '0');
			*den *= 10;
		}
	return ndigits + (size_t)(r->at - start) > 0;
}

static const struct unit *
find_unit(const struct rest *r)
{
	size_t len = (size_t)(r->end - r->at);

	for (size_t i = 0; i < NREAD; i++)
		if (strlen(units[i].name) == len &&
		    memcmp(units[i].name, r->at, len) == 0)
			return &units[i];
	return NULL;
}

bool
mu_time_parse_span(const char *s, size_t len, int64_t *ns)
{
	struct rest r = { s, s + len };
	const struct unit *unit;
	uint64_t whole, frac, den;
	unsigned __int128 total;
	bool negative = take(&r, '-');

	if (!negative)
		take(&r, '+');
	if (!decimal(&r, &whole, &frac, &den))
		return false;
	unit = find_unit(&r);
	if (unit == NULL)
		return false;
	total = (unsigned __int128)whole * (uint64_t)unit->ns +
		(unsigned __int128)frac * (uint64_t)unit->ns / den;
	if (total > (uint64_t)INT64_MAX + negative)
		return false;
	*ns = negative ? (int64_t) - (uint64_t)total : (int64_t)total;
	return true;
}
