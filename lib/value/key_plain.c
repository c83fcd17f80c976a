/*
 * Keys without parts; see key_plain.h.  Texts inside a description end with a
 * NUL where Zeek adds a C string and without one where it adds a name, hence
 * the two ways below.
 */
#include "value/key_plain.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "muster/err.h"
#include "muster/value.h"
#include "value/key_type.h"
#include "value/net.h"

#define NS_PER_S   INT64_C(1000000000)
#define EXACT_BITS 53 /* of a double */

void
mu_key_u32(struct mu_buf *b, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		mu_buf_u8(b, (uint8_t)(v >> (8 * i)));
}

void
mu_key_u64(struct mu_buf *b, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		mu_buf_u8(b, (uint8_t)(v >> (8 * i)));
}

static void
put_double(struct mu_buf *b, double d)
{
	uint64_t bits;

	memcpy(&bits, &d, sizeof bits);
	mu_key_u64(b, bits);
}

void
mu_key_text(struct mu_buf *b, const char *s)
{
	mu_buf_put(b, s, strlen(s) + 1);
}

/* The double next to ns / 10^9.  Today's time in nanoseconds is no double any
 * more, so its seconds and the rest are taken apart. */
static double
seconds(int64_t ns)
{
	if (ns < INT64_C(1) << EXACT_BITS && ns > -(INT64_C(1) << EXACT_BITS))
		return (double)ns / (double)NS_PER_S;
	return (double)(ns / NS_PER_S) +
	       (double)(ns % NS_PER_S) / (double)NS_PER_S;
}

static int
enc_number(struct mu_buf *b, enum mu_zeek_type type, uint64_t v)
{
	mu_key_u32(b, type);
	mu_key_u64(b, v);
	return 0;
}

static int
enc_double(struct mu_buf *b, enum mu_zeek_type type, double d)
{
	mu_key_u32(b, type);
	put_double(b, d);
	return 0;
}

static bool
near(double a, double b)
{
	return fabs(a - b) < 1e-6;
}

static void
put_amount(struct mu_buf *b, double amount, const char *unit)
{
	put_double(b, amount);
	mu_key_text(b, unit);
	if (!near(fabs(amount), 1))
		mu_key_text(b, "s");
}

/* Whole parts of each unit; what remains is told in microseconds.  Doubles as
 * in Zeek, whose rounding is part of the key. */
static int
enc_interval(struct mu_buf *b, int64_t ns)
{
	static const struct {
		double seconds;
		const char *name;
	} units[] = { { 86400, "day" }, { 3600, "hr" }, { 60, "min" },
		{ 1, "sec" }, { 1e-3, "msec" } };
	double v = seconds(ns);
	bool any = false;

	mu_key_u32(b, ZEEK_INTERVAL);
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		double whole = trunc(v / units[i].seconds);

		if (whole == 0)
			continue;
		v -= whole * units[i].seconds;
		put_amount(b, whole, units[i].name);
		any = true;
	}
	v /= 1e-6;
	if (!near(v, 0))
		put_amount(b, v, "usec");
	else if (!any)
		mu_key_text(b, "0 secs");
	return 0;
}

static int
enc_port(struct mu_buf *b, const struct muster_value *v)
{
	static const char *const names[] = {
		[MUSTER_PROTO_UNKNOWN] = "unknown",
		[MUSTER_PROTO_TCP] = "tcp",
		[MUSTER_PROTO_UDP] = "udp",
		[MUSTER_PROTO_ICMP] = "icmp",
	};
	enum muster_proto proto;
	uint16_t number = muster_value_get_port(v, &proto);

	mu_key_u32(b, ZEEK_PORT);
	mu_key_u32(b, number);
	mu_key_text(b, "/");
	mu_buf_str(b, names[proto]);
	return 0;
}

/* Zeek writes ::1.2.3.4, by the rule of ISC's inet_ntop, where Broker and all
 * else here write ::102:304. */
static const char *
zeek_address(const uint8_t addr[16], char out[MU_NET_TEXT])
{
	static const uint8_t zeros[12];

	if (memcmp(addr, zeros, sizeof zeros) == 0 &&
	    (addr[12] != 0 || addr[13] != 0)) {
		snprintf(out, MU_NET_TEXT, "::%u.%u.%u.%u", addr[12], addr[13],
		    addr[14], addr[15]);
		return out;
	}
	return mu_net_format_address(addr, out);
}

static int
enc_address(struct mu_buf *b, const struct muster_value *v)
{
	char text[MU_NET_TEXT];

	mu_key_u32(b, ZEEK_ADDR);
	mu_key_text(b, zeek_address(muster_value_get_address(v), text));
	return 0;
}

static int
enc_subnet(struct mu_buf *b, const struct muster_value *v)
{
	const uint8_t *addr = muster_value_get_address(v);
	unsigned width = muster_value_get_width(v);
	char text[MU_NET_TEXT];

	if (mu_net_is_v4(addr) && width >= 96)
		width -= 96;
	mu_key_u32(b, ZEEK_SUBNET);
	mu_buf_str(b, zeek_address(addr, text));
	mu_buf_printf(b, "/%u", width);
	mu_buf_u8(b, 0);
	return 0;
}

static int
enc_enum(struct mu_buf *b, const struct muster_value *v, const char *type)
{
	size_t len;
	const char *name = muster_value_get_string(v, &len);

	if (type == NULL)
		return MUSTER_EINVAL;
	mu_key_u32(b, ZEEK_ENUM);
	mu_buf_str(b, type);
	mu_buf_put(b, name, len);
	mu_buf_u8(b, 0);
	return 0;
}

static int
enc_string(struct mu_buf *b, const struct muster_value *v)
{
	size_t len;
	const char *bytes = muster_value_get_string(v, &len);

	mu_buf_put(b, bytes, len);
	return 0;
}

int
mu_key_plain_enc(
    struct mu_buf *b, const struct muster_value *v, const char *enum_type)
{
	switch (muster_value_type(v)) {
	case MUSTER_STRING:
		return enc_string(b, v);
	case MUSTER_BOOLEAN:
		return enc_number(b, ZEEK_BOOL, muster_value_get_boolean(v));
	case MUSTER_INTEGER:
		return enc_number(
		    b, ZEEK_INT, (uint64_t)muster_value_get_integer(v));
	case MUSTER_COUNT:
		return enc_number(b, ZEEK_COUNT, muster_value_get_count(v));
	case MUSTER_REAL:
		return enc_double(b, ZEEK_DOUBLE, muster_value_get_real(v));
	case MUSTER_TIMESTAMP:
		return enc_double(
		    b, ZEEK_TIME, seconds(muster_value_get_ns(v)));
	case MUSTER_TIMESPAN:
		return enc_interval(b, muster_value_get_ns(v));
	case MUSTER_PORT:
		return enc_port(b, v);
	case MUSTER_ADDRESS:
		return enc_address(b, v);
	case MUSTER_SUBNET:
		return enc_subnet(b, v);
	case MUSTER_ENUM:
		return enc_enum(b, v, enum_type);
	case MUSTER_NONE:
	case MUSTER_SET:
	case MUSTER_TABLE:
	case MUSTER_VECTOR:
		break;
	}
	return MUSTER_ETYPE;
}
