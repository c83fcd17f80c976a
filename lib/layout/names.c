/* What may stand in names, hosts, paths and topics; see names.h. */
#include "layout/names.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define LONGEST_NAME     64
#define LONGEST_TEXT     64
#define LONGEST_HOST     253 /* RFC 1035 in text form */
#define LONGEST_LABEL    63
#define LONGEST_ZONE     15 /* an interface name */
#define LONGEST_PATH     1024
#define LONGEST_TOPIC    255
#define LONGEST_ARGUMENT 4096

static bool
is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '.' || c == '_' || c == '-';
}

const char *
mu_name_fault(const char *s)
{
	if (*s == '\0')
		return "is empty";
	if (strlen(s) > LONGEST_NAME)
		return "is longer than 64 characters";
	/* Names become files: none is hidden or looks like an option. */
	if (!isalnum((unsigned char)*s))
		return "does not begin with a letter or digit";
	for (; *s != '\0'; s++)
		if (!is_name_char(*s))
			return "has other characters than letters, digits "
			       "and . _ -";
	return NULL;
}

const char *
mu_text_fault(const char *s)
{
	if (*s == '\0')
		return "is empty";
	if (strlen(s) > LONGEST_TEXT)
		return "is longer than 64 characters";
	if (strpbrk(s, " :/") != NULL)
		return "has a blank, a colon or a slash";
	return NULL;
}

static bool
is_ipv4(const char *s)
{
	struct in_addr a;

	return inet_pton(AF_INET, s, &a) == 1;
}

static bool
is_ipv6(const char *s)
{
	char address[INET6_ADDRSTRLEN];
	const char *zone = strchr(s, '%');
	size_t n = zone == NULL ? strlen(s) : (size_t)(zone - s);
	struct in6_addr a;

	if (n >= sizeof address)
		return false;
	if (zone != NULL &&
	    (zone[1] == '\0' || strlen(zone + 1) > LONGEST_ZONE ||
		strpbrk(zone, " /") != NULL))
		return false;
	memcpy(address, s, n);
	address[n] = '\0';
	return inet_pton(AF_INET6, address, &a) == 1;
}

const char *
mu_address_fault(const char *s)
{
	if (is_ipv4(s) || is_ipv6(s))
		return NULL;
	return "is not an IPv4 or IPv6 address";
}

const char *
mu_host_fault(const char *s)
{
	size_t label = 0;

	if (*s == '\0')
		return "is empty";
	if (strchr(s, ':') != NULL)
		return is_ipv6(s) ? NULL : "is not an IPv6 address";
	if (s[strspn(s, "0123456789.")] == '\0')
		return is_ipv4(s) ? NULL : "is not an IPv4 address";
	if (strlen(s) > LONGEST_HOST)
		return "is longer than 253 characters";
	for (; *s != '\0'; s++) {
		label = *s == '.' ? 0 : label + 1;
		if (label > LONGEST_LABEL)
			return "has a part of more than 63 characters";
		if (!is_name_char(*s) || (*s == '.' && s[1] == '.'))
			return "is neither a host name nor an address";
	}
	return NULL;
}

const char *
mu_host_loopback(const char *host)
{
	struct in6_addr a;

	if (strcasecmp(host, "localhost") == 0)
		return "127.0.0.1";
	if (is_ipv4(host) && strncmp(host, "127.", 4) == 0)
		return host;
	if (inet_pton(AF_INET6, host, &a) == 1 && IN6_IS_ADDR_LOOPBACK(&a))
		return host;
	return NULL;
}

void
mu_host_plain(const char *host, char *out, size_t size)
{
	struct in6_addr a;
	size_t n = 0;

	if (inet_pton(AF_INET6, host, &a) == 1 &&
	    inet_ntop(AF_INET6, &a, out, (socklen_t)size) != NULL)
		return;
	if (strcasecmp(host, "localhost") == 0)
		host = "127.0.0.1";
	for (; host[n] != '\0' && n + 1 < size; n++)
		out[n] = (char)tolower((unsigned char)host[n]);
	if (n > 1 && out[n - 1] == '.')
		n--;
	out[n] = '\0';
}

const char *
mu_path_fault(const char *s)
{
	const char *brace;

	if (*s == '\0')
		return "is empty";
	if (strlen(s) > LONGEST_PATH)
		return "is longer than 1024 bytes";
	for (brace = s; (brace = strchr(brace, '{')) != NULL; brace++)
		if (strncmp(brace, "{node}", 6) != 0)
			return "has another placeholder than {node}";
	return NULL;
}

const char *
mu_directory_fault(const char *s)
{
	if (*s == '\0')
		return "is empty";
	if (*s != '/')
		return "is not an absolute path";
	if (strlen(s) > LONGEST_PATH)
		return "is longer than 1024 bytes";
	return NULL;
}

const char *
mu_topic_fault(const char *s)
{
	if (*s == '\0')
		return "is empty";
	if (strlen(s) > LONGEST_TOPIC)
		return "is longer than 255 bytes";
	/* Reserved for what endpoints say to themselves and to stores. */
	if (strncmp(s, "<$>", 3) == 0)
		return "begins with <$>, which is reserved";
	return NULL;
}

const char *
mu_event_fault(const char *s)
{
	size_t len = strlen(s);

	if (len == 0)
		return "is empty";
	if (len > LONGEST_TOPIC)
		return "is longer than 255 bytes";
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '*' && i + 1 < len)
			return "has a * that is not at its end";
		if (s[i] != '*' && s[i] != '_' && s[i] != ':' &&
		    !isalnum((unsigned char)s[i]))
			return "is not the name of an event";
	}
	return NULL;
}

const char *
mu_argument_fault(const char *s)
{
	return strlen(s) > LONGEST_ARGUMENT ? "is longer than 4096 bytes"
					    : NULL;
}
