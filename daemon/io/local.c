/* Is a host of the layout this machine?  See local.h. */
#include "io/local.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

/* The bytes of an address; IPv4 mapped into IPv6 counts as IPv4. */
static const void *
address_bytes(const struct sockaddr *sa, size_t *len)
{
	const struct sockaddr_in6 *six = (const void *)sa;
	const struct sockaddr_in *four = (const void *)sa;

	*len = 4;
	if (sa->sa_family == AF_INET)
		return &four->sin_addr;
	if (sa->sa_family != AF_INET6)
		return NULL;
	if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		return six->sin6_addr.s6_addr + 12;
	*len = 16;
	return &six->sin6_addr;
}

static bool
same_address(const struct sockaddr *a, const struct sockaddr *b)
{
	size_t alen, blen;
	const void *x = address_bytes(a, &alen);
	const void *y = address_bytes(b, &blen);

	return x != NULL && y != NULL && alen == blen &&
	       memcmp(x, y, alen) == 0;
}

static bool
is_loopback(const struct sockaddr *sa)
{
	size_t len;
	const unsigned char *p = address_bytes(sa, &len);

	if (p == NULL)
		return false;
	if (len == 4)
		return p[0] == 127;
	return memcmp(p, &in6addr_loopback, 16) == 0;
}

static bool
is_ours(const struct sockaddr *sa, const struct ifaddrs *ours)
{
	if (is_loopback(sa))
		return true;
	for (; ours != NULL; ours = ours->ifa_next)
		if (ours->ifa_addr != NULL && same_address(sa, ours->ifa_addr))
			return true;
	return false;
}

bool
local_host(const char *host)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	struct ifaddrs *ours = NULL;
	bool yes = false;

	if (getaddrinfo(host, NULL, &hints, &list) != 0)
		return false;
	/* Without the list of interfaces loopback still counts. */
	if (getifaddrs(&ours) != 0)
		ours = NULL;
	for (const struct addrinfo *a = list; a != NULL && !yes; a = a->ai_next)
		yes = is_ours(a->ai_addr, ours);
	if (ours != NULL)
		freeifaddrs(ours);
	freeaddrinfo(list);
	return yes;
}
