/* Numbers as Zeek's writer showed them; see shown.h. */
#include "logrec/shown.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "logrec/number.h"
#include "logrec/scalar.h"

#define WHOLE    1e-9   /* nearer to a whole number ".0" is shown */
#define LARGE    0x1p32 /* from here on what is not whole shows decimals */
#define DECIMALS 6

/* Away from zero, which may be negative by its text only. */
static double
away(double v, bool minus, double by)
{
	return minus ? v - by : v + by;
}

/* Digits without a point, and not whole: a little more than that. */
static double
not_whole(double v, bool minus)
{
	double near = away(v, minus, WHOLE);

	while (fabs(nearbyint(near) - near) < WHOLE)
		near = nextafter(near, minus ? -INFINITY : INFINITY);
	return near;
}

/* A carry that was lost: "20.1000000", seven decimals, is 20.9999995. */
static double
lost_carry(double v, bool minus, const char *s, size_t len)
{
	double before = away(trunc(v), minus, 0.9999995);
	char text[MU_LOG_NUMBER];
	size_t n = (size_t)(mu_log_put_time(text, before) - text);

	return n == len && memcmp(text, s, n) == 0 ? before : v;
}

bool
mu_log_get_shown_iso8601(const char *s, size_t len, double *seconds)
{
	static const char carry[] = ".1000000Z";
	size_t n = sizeof carry - 1;

	if (!mu_log_get_iso8601(s, len, seconds))
		return false;
	if (len > n && memcmp(s + len - n, carry, n) == 0)
		*seconds = nextafter(floor(*seconds) + 1, -INFINITY);
	return true;
}

bool
mu_log_get_shown(struct mu_log_value *v, const char *s, size_t len)
{
	bool minus = len > 0 && s[0] == '-';
	const char *point;

	if (!mu_log_get_scalar(v, s, len))
		return false;
	if (v->type != MU_LOG_DOUBLE && v->type != MU_LOG_TIME &&
	    v->type != MU_LOG_INTERVAL)
		return true;
	point = memchr(s, '.', len);
	if (v->u.real == 0 && minus && point != NULL)
		v->u.real = -DBL_TRUE_MIN;
	else if (point == NULL && v->type == MU_LOG_DOUBLE &&
		 fabs(v->u.real) < LARGE && memchr(s, 'e', len) == NULL)
		v->u.real = not_whole(v->u.real, minus);
	else if (point != NULL && v->type != MU_LOG_DOUBLE &&
		 (size_t)(s + len - point) == DECIMALS + 2)
		v->u.real = lost_carry(v->u.real, minus, s, len);
	return true;
}
