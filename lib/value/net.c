/* Addresses, subnets, ports; see net.h. */
#include "value/net.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

/* In the order of enum muster_proto. */
static const char *const protos[] = { "?", "tcp", "udp", "icmp" };

bool
mu_net_is_v4(const uint8_t addr[16])
{
	return memcmp(addr, v4_prefix, sizeof v4_prefix) == 0;
}

void
mu_net_mask(uint8_t addr[16], unsigned width)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = width > 8 * i ? width - 8 * i : 0;

		if (keep < 8)
			addr[i] &= (uint8_t)(0xff00 >> keep);
	}
}

/* The first longest run of zero groups, of at least two; length 0: none. */
static unsigned
zero_run(const unsigned groups[8], unsigned *len)
{
	unsigned best = 0;

	*len = 0;
	for (unsigned i = 0; i < 8;) {
		unsigned n = 0;

		while (i + n < 8 && groups[i + n] == 0)
			n++;
		if (n >= 2 && n > *len) {
			best = i;
			*len = n;
		}
		i += n + 1;
	}
	return best;
}

static char *
format_v6(const uint8_t addr[16], char out[MU_NET_TEXT])
{
	unsigned groups[8], run, run_len;
	char *p = out;

	for (int i = 0; i < 8; i++)
		groups[i] = (unsigned)(addr[2 * i] << 8 | addr[2 * i + 1]);
	run = zero_run(groups, &run_len);
	for (unsigned i = 0; i < 8;) {
		if (run_len > 0 && i == run) {
			p += sprintf(p, "::");
			i += run_len;
			continue;
		}
		p += sprintf(
		    p, "%s%x", i > 0 && p[-1] != ':' ? ":" : "", groups[i]);
		i++;
	}
	return out;
}

/* inet_ntop writes ::ffff:0:0/96 and ::/96 its own way; Broker does not. */
char *
mu_net_format_address(const uint8_t addr[16], char out[MU_NET_TEXT])
{
	if (!mu_net_is_v4(addr))
		return format_v6(addr, out);
	sprintf(out, "%u.%u.%u.%u", addr[12], addr[13], addr[14], addr[15]);
	return out;
}

char *
mu_net_format_subnet(
    const uint8_t addr[16], uint8_t width, char out[MU_NET_TEXT])
{
	unsigned shown = width;

	/* The decoder lets any width through; Broker shows it in 8 bits. */
	if (mu_net_is_v4(addr))
		shown = (uint8_t)(width - 96);
	mu_net_format_address(addr, out);
	sprintf(out + strlen(out), "/%u", shown);
	return out;
}

char *
mu_net_format_port(uint16_t number, uint8_t proto, char out[MU_NET_TEXT])
{
	sprintf(out, "%u/%s", number, protos[proto & 3]);
	return out;
}

bool
mu_net_parse_address(const char *s, size_t len, uint8_t addr[16])
{
	char text[64];

	if (len == 0 || len >= sizeof text || memchr(s, '\0', len) != NULL)
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	if (inet_pton(AF_INET, text, addr + 12) == 1) {
		memcpy(addr, v4_prefix, sizeof v4_prefix);
		return true;
	}
	return inet_pton(AF_INET6, text, addr) == 1;
}

/* Digits up to the end of s, kept below limit; false: none, or others. */
static bool
digits(const char *s, size_t len, uint64_t limit, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		*out = *out * 10 + (uint64_t)(s[i] - '0');
		if (*out > limit)
			*out = limit;
	}
	return len > 0;
}

bool
mu_net_parse_subnet(
    const char *s, size_t len, uint8_t addr[16], unsigned *width)
{
	const char *slash = memchr(s, '/', len);
	uint64_t n;

	if (slash == NULL ||
	    !mu_net_parse_address(s, (size_t)(slash - s), addr) ||
	    !digits(slash + 1, len - (size_t)(slash + 1 - s), 1000, &n))
		return false;
	*width = (unsigned)n;
	if (memchr(s, ':', (size_t)(slash - s)) == NULL)
		*width += 96;
	return true;
}

static bool
parse_proto(const char *s, size_t len, bool strict, enum muster_proto *proto)
{
	*proto = MUSTER_PROTO_UNKNOWN;
	for (unsigned i = 0; i < 4; i++)
		if (len == strlen(protos[i]) &&
		    memcmp(s, protos[i], len) == 0) {
			*proto = (enum muster_proto)i;
			return true;
		}
	return !strict || (len == 7 && memcmp(s, "unknown", 7) == 0);
}

bool
mu_net_parse_port(const char *s, size_t len, bool strict, uint16_t *number,
    enum muster_proto *proto)
{
	const char *slash = memchr(s, '/', len);
	size_t ndigits = slash == NULL ? len : (size_t)(slash - s);
	uint64_t n;

	if (!digits(s, ndigits, UINT32_MAX, &n) || (strict && n > UINT16_MAX))
		return false;
	*number = (uint16_t)n;
	*proto = MUSTER_PROTO_TCP;
	return slash == NULL ||
	       parse_proto(slash + 1, len - ndigits - 1, strict, proto);
}
