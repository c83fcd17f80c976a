/* Reals at the edges; see real.h. */
#include "value/real.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGN      UINT64_C(0x8000000000000000)
#define EXPONENT  UINT64_C(0x7ff0000000000000)
#define WIRE_PINF UINT64_C(0xfff0000000000000)
#define WIRE_NINF UINT64_C(0x7ff0000000000000)
#define WIRE_NAN  UINT64_MAX

double
mu_real_flush(double d)
{
	return fpclassify(d) == FP_SUBNORMAL ? copysign(0.0, d) : d;
}

uint64_t
mu_real_pack(double d)
{
	uint64_t bits;

	if (isnan(d))
		return WIRE_NAN;
	if (isinf(d))
		return d > 0 ? WIRE_PINF : WIRE_NINF;
	d = mu_real_flush(d);
	memcpy(&bits, &d, sizeof bits);
	return bits;
}

double
mu_real_unpack(uint64_t wire)
{
	double d;

	if (wire == WIRE_NAN)
		return NAN;
	if (wire == WIRE_PINF)
		return INFINITY;
	if (wire == WIRE_NINF)
		return -INFINITY;
	/* What is left with the largest exponent overflows in Broker. */
	if ((wire & EXPONENT) == EXPONENT)
		return wire & SIGN ? -INFINITY : INFINITY;
	memcpy(&d, &wire, sizeof d);
	return mu_real_flush(d);
}

char *
mu_real_format(double d, char out[MU_REAL_TEXT])
{
	char raw[MU_REAL_TEXT + 16];
	size_t n = 0;
	bool point = false;

	if (isnan(d))
		return strcpy(out, "nan");
	if (isinf(d))
		return strcpy(out, d > 0 ? "inf" : "-inf");
	/* The caller's locale may write the point as it likes, even in
	 * several bytes; and it is what is no digit and no sign. */
	snprintf(raw, sizeof raw, "%f", d);
	for (const char *p = raw; *p != '\0'; p++) {
		if ((*p >= '0' && *p <= '9') || *p == '-') {
			out[n++] = *p;
		} else if (!point) {
			out[n++] = '.';
			point = true;
		}
	}
	out[n] = '\0';
	return out;
}

bool
mu_real_parse(const char *text, double *out)
{
	/* For the name "C" this returns a constant object of the C library. */
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	char *end;

	if (c == (locale_t)0)
		return false;
	*out = strtod_l(text, &end, c);
	freelocale(c);
	return end != text && *end == '\0';
}
