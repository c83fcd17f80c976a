/* Small things about sockets; see sock.h. */
#include "io/sock.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>

void
sock_no_delay(int fd)
{
	int on = 1;

	/* A failure costs a little latency and nothing else. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void
sock_name(const struct sockaddr *sa, socklen_t len, char address[SOCK_ADDRESS],
    uint16_t *port)
{
	char service[8] = "0";

	if (getnameinfo(sa, len, address, SOCK_ADDRESS, service, sizeof service,
		NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(address, SOCK_ADDRESS, "?");
	*port = (uint16_t)strtoul(service, NULL, 10);
}
