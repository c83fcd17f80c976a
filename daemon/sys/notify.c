/* The service manager's protocol through libsystemd, which does nothing when
 * $NOTIFY_SOCKET is not set; without the library these are empty. */
#include "sys/notify.h"

#include <stdarg.h>
#include <stdio.h>

#include "config.h"
#include "sys/clock.h"

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>

static void
tell(const char *text)
{
	/* Failure changes nothing for us: the manager will time out and say
	 * so, with more to go by than we have. */
	(void)sd_notify(0, text);
}

static uint64_t
watchdog_usec(void)
{
	uint64_t usec = 0;

	return sd_watchdog_enabled(0, &usec) > 0 ? usec : 0;
}
#else
static void
tell(const char *text)
{
	(void)text;
}

static uint64_t
watchdog_usec(void)
{
	return 0;
}
#endif

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
	return watchdog_usec() * 1000 / 2;
}
