/*
 * freeports N: prints N TCP ports of loopback, one a line, that were free a
 * moment ago.  All are bound at once, so they differ, and none is taken from
 * the range that the kernel hands out to connecting sockets: another test's
 * connection cannot occupy it before its user binds it.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST   512
#define LOWEST 10000

/* The first port the kernel uses by itself. */
static int
ephemeral_start(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");
	int from = 32768;

	if (f != NULL) {
		if (fscanf(f, "%d", &from) != 1)
			from = 32768;
		fclose(f);
	}
	return from > LOWEST + 2 * MOST ? from : 65536;
}

/* A socket bound to that port of every address, or -1. */
static int
take(int port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6,
		.sin6_port = htons((unsigned short)port) };
	struct sockaddr_in a4 = { .sin_family = AF_INET,
		.sin_port = htons((unsigned short)port) };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	if (fd >= 0) {
		if (bind(fd, (struct sockaddr *)&a, sizeof a) == 0)
			return fd;
		close(fd);
		return -1;
	}
	fd = socket(AF_INET, SOCK_STREAM, 0); /* no IPv6 here */
	if (fd >= 0 && bind(fd, (struct sockaddr *)&a4, sizeof a4) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int
main(int argc, char **argv)
{
	int wanted = argc > 1 ? atoi(argv[1]) : 1, top = ephemeral_start();
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	srand((unsigned)(now.tv_nsec ^ getpid() << 8));
	if (wanted < 1 || wanted > MOST)
		return 64;
	for (int found = 0, tries = 0; found < wanted; tries++) {
		int port = LOWEST + rand() % (top - LOWEST);

		if (tries > 100 * MOST)
			return 1;
		if (take(port) < 0)
			continue;
		printf("%d\n", port);
		found++;
	}
	return 0;
}
