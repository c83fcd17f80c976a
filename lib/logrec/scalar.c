/* Numbers, addresses, ports, booleans as text; see scalar.h. */
#include "logrec/scalar.h"

#include <string.h>

#include "logrec/number.h"
#include "value/net.h"

/* 96 zero bits: ::1.2.3.4 is shown so, except :: and ::1 and the like. */
static bool
is_compatible(const uint8_t addr[16])
{
	static const uint8_t zero[14];

	return memcmp(addr, zero, 12) == 0 && memcmp(addr, zero, 14) != 0;
}

static char *
put_v4(char *p, const uint8_t *v4)
{
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			*p++ = '.';
		p = mu_log_put_u64(p, v4[i]);
	}
	return p;
}

static char *
put_addr(char *p, const uint8_t addr[16])
{
	char text[MU_NET_TEXT];
	size_t n;

	if (mu_net_is_v4(addr))
		return put_v4(p, addr + 12);
	if (is_compatible(addr)) {
		memcpy(p, "::", 2);
		return put_v4(p + 2, addr + 12);
	}
	n = strlen(mu_net_format_address(addr, text));
	memcpy(p, text, n);
	return p + n;
}

static char *
put_subnet(char *p, const uint8_t addr[16], unsigned width)
{
	p = put_addr(p, addr);
	*p++ = '/';
	return mu_log_put_u64(
	    p, mu_net_is_v4(addr) && width >= 96 ? width - 96 : width);
}

uint8_t *
mu_log_put_scalar(uint8_t *at, const struct mu_log_value *v)
{
	char *p = (char *)at;

	switch (v->type) {
	case MU_LOG_BOOL:
		*p++ = v->u.integer ? 'T' : 'F';
		break;
	case MU_LOG_INT:
		p = mu_log_put_i64(p, v->u.integer);
		break;
	case MU_LOG_COUNT:
		p = mu_log_put_u64(p, v->u.count);
		break;
	case MU_LOG_DOUBLE:
		p = mu_log_put_double(p, v->u.real);
		break;
	case MU_LOG_TIME:
	case MU_LOG_INTERVAL:
		p = mu_log_put_time(p, v->u.real);
		break;
	case MU_LOG_PORT:
		p = mu_log_put_u64(p, v->u.port.number);
		break;
	case MU_LOG_ADDR:
		p = put_addr(p, v->u.net.addr);
		break;
	case MU_LOG_SUBNET:
		p = put_subnet(p, v->u.net.addr, v->u.net.width);
		break;
	default:
		break;
	}
	return (uint8_t *)p;
}

static bool
get_bool(struct mu_log_value *v, const char *s, size_t len)
{
	v->u.integer = len > 0 && (s[0] == 'T' || s[0] == '1');
	return len == 1 && strchr("TF10", s[0]) != NULL && s[0] != '\0';
}

/* The number, with or without protocol; none is unknown. */
static bool
get_port(struct mu_log_value *v, const char *s, size_t len)
{
	enum muster_proto proto = MUSTER_PROTO_UNKNOWN;
	uint64_t number;

	if (memchr(s, '/', len) != NULL) {
		if (!mu_net_parse_port(s, len, true, &v->u.port.number, &proto))
			return false;
	} else {
		if (!mu_log_get_u64(s, len, &number) || number > UINT16_MAX)
			return false;
		v->u.port.number = (uint16_t)number;
	}
	v->u.port.proto = (uint8_t)proto;
	return true;
}

static bool
get_subnet(struct mu_log_value *v, const char *s, size_t len)
{
	unsigned width;

	if (!mu_net_parse_subnet(s, len, v->u.net.addr, &width) || width > 128)
		return false;
	mu_net_mask(v->u.net.addr, width);
	v->u.net.width = (uint8_t)width;
	return true;
}

bool
mu_log_get_scalar(struct mu_log_value *v, const char *s, size_t len)
{
	v->set = true;
	switch (v->type) {
	case MU_LOG_BOOL:
		return get_bool(v, s, len);
	case MU_LOG_INT:
		return mu_log_get_i64(s, len, &v->u.integer);
	case MU_LOG_COUNT:
		return mu_log_get_u64(s, len, &v->u.count);
	case MU_LOG_DOUBLE:
	case MU_LOG_TIME:
	case MU_LOG_INTERVAL:
		return mu_log_get_double(s, len, &v->u.real);
	case MU_LOG_PORT:
		return get_port(v, s, len);
	case MU_LOG_ADDR:
		return mu_net_parse_address(s, len, v->u.net.addr);
	case MU_LOG_SUBNET:
		return get_subnet(v, s, len);
	default:
		return false;
	}
}
