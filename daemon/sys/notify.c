/*
 * The service manager's protocol, sd_notify(3): a datagram of assignments to
 * the socket that $NOTIFY_SOCKET names.  It is ours because libsystemd brings
 * five more libraries and a megabyte into every node for one sendto(2); the
 * manual page itself recommends this to programs that only notify.
 */
#include "sys/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys/clock.h"

/* Failure changes nothing for us: the manager will time out and say so, with
 * more to go by than we have. */
static void
tell(const char *text)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const char *name = getenv("NOTIFY_SOCKET");
	size_t len = name == NULL ? 0 : strlen(name);
	int fd;

	/* A path, or "@" and an abstract name, which ends with its length. */
	if (len < 2 || len >= sizeof a.sun_path ||
	    (name[0] != '/' && name[0] != '@'))
		return;
	memcpy(a.sun_path, name, len);
	if (name[0] == '@')
		a.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL,
	    (const struct sockaddr *)&a,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

/* A whole number in the environment, or 0. */
static uint64_t
number(const char *name)
{
	const char *text = getenv(name);
	unsigned long long v;
	char *end;

	if (text == NULL || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	v = strtoull(text, &end, 10);
	return *end == '\0' && errno == 0 ? v : 0;
}

/* Meant for this process, sd_watchdog_enabled(3)? */
static uint64_t
watchdog_usec(void)
{
	if (getenv("WATCHDOG_PID") != NULL &&
	    number("WATCHDOG_PID") != (uint64_t)getpid())
		return 0;
	return number("WATCHDOG_USEC");
}

void
notify_ready(void)
{
	tell("READY=1");
}

void
notify_reloading(void)
{
	char text[64];

	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu",
	    (unsigned long long)(clock_now() / 1000));
	tell(text);
}

void
notify_stopping(void)
{
	tell("STOPPING=1");
}

void
notify_status(const char *fmt, ...)
{
	char text[256] = "STATUS=";
	size_t head = sizeof "STATUS=" - 1;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + head, sizeof text - head, fmt, ap);
	va_end(ap);
	/* Another line would be another assignment. */
	for (char *p = text; *p != '\0'; p++)
		if (*p == '\n')
			*p = ' ';
	tell(text);
}

void
notify_watchdog(void)
{
	tell("WATCHDOG=1");
}

uint64_t
notify_watchdog_interval(void)
{
	/* Half the time allowed, as sd_watchdog_enabled(3) advises. */
	return watchdog_usec() * 500;
}
