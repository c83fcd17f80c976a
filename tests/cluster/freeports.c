/*
 * freeports N: prints N TCP ports of loopback, one a line, that were free a
 * moment ago.  All are bound at once, so they differ, and none is taken from
 * the range that the kernel hands out to connecting sockets: another test's
 * connection cannot occupy it before its user binds it.
 *
 * Nor can another test's listener, which runs at the same time: the file that
 * MUSTER_PORTS names has all ports that were given out, and they are not given
 * out again, also while nobody listens.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST   512
#define LOWEST 10000

static bool given[65536];

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
	return from;
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

/* The list of those given out, read and locked until we end; NULL: there is
 * none. */
static FILE *
open_list(void)
{
	const char *name = getenv("MUSTER_PORTS");
	int fd, port;
	FILE *f;

	if (name == NULL || name[0] == '\0')
		return NULL;
	fd = open(name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "a+");
	if (f == NULL || lockf(fd, F_LOCK, 0) != 0) {
		perror(name);
		exit(1);
	}
	rewind(f);
	while (fscanf(f, "%d", &port) == 1)
		if (port > 0 && port < 65536)
			given[port] = true;
	fseek(f, 0, SEEK_END);
	return f;
}

int
main(int argc, char **argv)
{
	int wanted = argc > 1 ? atoi(argv[1]) : 1, from = ephemeral_start();
	bool apart = from > LOWEST + 2 * MOST; /* there is room below it */
	int top = apart ? from : 65536;
	struct timespec now;
	FILE *list;

	clock_gettime(CLOCK_REALTIME, &now);
	srand((unsigned)(now.tv_nsec ^ getpid() << 8));
	if (wanted < 1 || wanted > MOST)
		return 64;
	list = open_list();
	for (int found = 0, tries = 0; found < wanted; tries++) {
		int port = LOWEST + rand() % (top - LOWEST);

		if (tries > 100 * MOST)
			return 1;
		/* Else: every other port is for those who connect. */
		if (given[port] || (!apart && (port - from) % 2 == 0) ||
		    take(port) < 0)
			continue;
		given[port] = true;
		printf("%d\n", port);
		if (list != NULL)
			fprintf(list, "%d\n", port);
		found++;
	}
	return list != NULL && fclose(list) != 0;
}
