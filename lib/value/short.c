/*
 * The short text of the command line: "type:value", or a bare word guessed as
 * Zeek would read it.  Strict where Broker's JSON is lax: what a person types
 * wrong should be said, not bent.
 */
#include <math.h>
#include <string.h>

#include "base/export.h"
#include "base/text.h"
#include "muster/err.h"
#include "value/json.h"
#include "value/net.h"
#include "value/real.h"
#include "value/time.h"

#define LONGEST_NAME 16

static int
made(struct muster_value *v, struct muster_value **out)
{
	*out = v;
	return v == NULL ? MUSTER_ENOMEM : 0;
}

static bool
all_digits(const char *s)
{
	return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

/* Digits only; ELIMIT beyond max. */
static int
digits(const char *s, uint64_t max, uint64_t *n)
{
	if (!all_digits(s))
		return MUSTER_EINVAL;
	*n = 0;
	for (; *s != '\0'; s++)
		if (__builtin_mul_overflow(*n, UINT64_C(10), n) ||
		    __builtin_add_overflow(*n, (uint64_t)(*s - '0'), n))
			return MUSTER_ELIMIT;
	return *n > max ? MUSTER_ELIMIT : 0;
}

static int
from_count(const char *s, struct muster_value **out)
{
	uint64_t n;
	int rc = digits(s, UINT64_MAX, &n);

	return rc != 0 ? rc : made(muster_value_count(n), out);
}

static int
from_integer(const char *s, struct muster_value **out)
{
	bool negative = *s == '-';
	uint64_t n;
	int rc;

	if (*s == '-' || *s == '+')
		s++;
	rc = digits(s, (uint64_t)INT64_MAX + negative, &n);
	if (rc != 0)
		return rc;
	return made(muster_value_integer((int64_t)(negative ? -n : n)), out);
}

/* Decimal notation with a digit, a point or an exponent being optional; not
 * C's hexadecimal, "infinity" and so on. */
static bool
looks_decimal(const char *s)
{
	return s[strspn(s, "+-.0123456789eE")] == '\0' &&
	       strpbrk(s, "0123456789") != NULL;
}

static int
from_real(const char *s, struct muster_value **out)
{
	bool word = strcmp(s, "inf") == 0 || strcmp(s, "-inf") == 0 ||
		    strcmp(s, "nan") == 0;
	double d;

	if ((!word && !looks_decimal(s)) || !mu_real_parse(s, &d))
		return MUSTER_EINVAL;
	if (isinf(d) && !word)
		return MUSTER_ELIMIT;
	return made(muster_value_real(d), out);
}

static int
from_boolean(const char *s, struct muster_value **out)
{
	bool yes = strcmp(s, "T") == 0 || strcmp(s, "true") == 0;

	if (!yes && strcmp(s, "F") != 0 && strcmp(s, "false") != 0)
		return MUSTER_EINVAL;
	return made(muster_value_boolean(yes), out);
}

static int
from_address(const char *s, struct muster_value **out)
{
	uint8_t addr[16];

	if (!mu_net_parse_address(s, strlen(s), addr))
		return MUSTER_EINVAL;
	return made(muster_value_address(addr), out);
}

static int
from_subnet(const char *s, struct muster_value **out)
{
	uint8_t addr[16];
	unsigned width;

	if (!mu_net_parse_subnet(s, strlen(s), addr, &width) || width > 128)
		return MUSTER_EINVAL;
	return made(muster_value_subnet(addr, width), out);
}

static int
from_port(const char *s, struct muster_value **out)
{
	uint16_t number;
	enum muster_proto proto;

	if (!mu_net_parse_port(s, strlen(s), true, &number, &proto))
		return MUSTER_EINVAL;
	return made(muster_value_port(number, proto), out);
}

/* As in JSON, or seconds since 1970. */
static int
from_timestamp(const char *s, struct muster_value **out)
{
	char seconds[40];
	int64_t ns;

	if (!mu_time_parse_stamp(s, strlen(s), &ns)) {
		size_t n = strlen(s);

		if (n + 2 > sizeof seconds)
			return MUSTER_EINVAL;
		memcpy(seconds, s, n);
		memcpy(seconds + n, "s", 2);
		if (!mu_time_parse_span(seconds, n + 1, &ns))
			return MUSTER_EINVAL;
	}
	return made(muster_value_timestamp(ns), out);
}

/* As in JSON, which is exact; or with the units of the layout file. */
static int
from_timespan(const char *s, struct muster_value **out)
{
	int64_t ns;

	if (!mu_time_parse_span(s, strlen(s), &ns)) {
		int rc = mu_text_duration(s, &ns);

		if (rc != 0)
			return rc;
	}
	return made(muster_value_timespan(ns), out);
}

/* "vector:[...]": the data alone. */
static int
from_data(enum muster_type type, const char *s, struct muster_value **out)
{
	struct mu_json j;
	int rc = mu_json_parse(&j, s, strlen(s));

	if (rc == 0)
		rc = mu_json_read_data(&j, type, 0, out);
	mu_json_clear(&j);
	return rc;
}

static int
from_typed(enum muster_type type, const char *s, struct muster_value **out)
{
	switch (type) {
	case MUSTER_NONE:
		return *s != '\0' ? MUSTER_EINVAL
				  : made(muster_value_none(), out);
	case MUSTER_BOOLEAN:
		return from_boolean(s, out);
	case MUSTER_COUNT:
		return from_count(s, out);
	case MUSTER_INTEGER:
		return from_integer(s, out);
	case MUSTER_REAL:
		return from_real(s, out);
	case MUSTER_STRING:
		return made(muster_value_cstring(s), out);
	case MUSTER_ADDRESS:
		return from_address(s, out);
	case MUSTER_SUBNET:
		return from_subnet(s, out);
	case MUSTER_PORT:
		return from_port(s, out);
	case MUSTER_TIMESTAMP:
		return from_timestamp(s, out);
	case MUSTER_TIMESPAN:
		return from_timespan(s, out);
	case MUSTER_ENUM:
		return made(muster_value_enum(s, strlen(s)), out);
	case MUSTER_SET:
	case MUSTER_TABLE:
	case MUSTER_VECTOR:
		return from_data(type, s, out);
	}
	return MUSTER_EINVAL;
}

/* The type named before the first colon, or -1: then s is a bare word. */
static int
type_prefix(const char *s, const char **rest)
{
	char name[LONGEST_NAME];
	size_t n = strcspn(s, ":");

	if (s[n] == '\0' || n >= sizeof name)
		return -1;
	memcpy(name, s, n);
	name[n] = '\0';
	*rest = s + n + 1;
	return muster_type_from_name(name);
}

/* An out-of-range number is an error rather than a string: nobody who writes
 * digits means text. */
static int
guess(const char *s, struct muster_value **out)
{
	static int (*const readers[])(const char *, struct muster_value **) = {
		from_count,
		from_integer,
		from_real,
		from_port, /* only with a slash is it not a count by now */
		from_address,
		from_subnet,
		from_timespan,
	};

	if (strcmp(s, "T") == 0 || strcmp(s, "F") == 0)
		return from_boolean(s, out);
	if (strpbrk(s, "0123456789:") != NULL) {
		for (size_t i = 0; i < sizeof readers / sizeof readers[0];
		     i++) {
			int rc = readers[i](s, out);

			if (rc != MUSTER_EINVAL)
				return rc;
		}
	}
	return made(muster_value_cstring(s), out);
}

MU_EXPORT int
muster_value_from_text(const char *text, struct muster_value **out)
{
	const char *rest;
	int type;

	if (*text == '{' || *text == '[')
		return muster_value_from_json(text, strlen(text), out);
	type = type_prefix(text, &rest);
	return type >= 0 ? from_typed((enum muster_type)type, rest, out)
			 : guess(text, out);
}
