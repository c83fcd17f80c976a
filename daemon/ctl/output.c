/* Messages, units and the end of the program. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "ctl/ctl.h"
#include "sys/exit.h"

void
say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void
complain(const char *fmt, ...)
{
	va_list ap;

	fputs("musterctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

int
finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	/* The reader left (| head): it has what it wanted. */
	if (errno == EPIPE)
		return status;
	complain("standard output: %s", strerror(errno));
	return EXIT_FAILED;
}

bool
coloured(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && (no == NULL || *no == '\0') &&
	       term != NULL && strcmp(term, "dumb") != 0;
}

char *
text_ago(uint64_t ms, char *out, size_t size)
{
	uint64_t s = ms / 1000;

	if (s < 1)
		snprintf(out, size, "%" PRIu64 "ms", ms);
	else if (s < 60)
		snprintf(out, size, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(
		    out, size, "%" PRIu64 "m %02" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, size, "%" PRIu64 "h %02" PRIu64 "m", s / 3600,
		    s / 60 % 60);
	else
		snprintf(out, size, "%" PRIu64 "d %02" PRIu64 "h", s / 86400,
		    s / 3600 % 24);
	return out;
}

char *
text_size(uint64_t bytes, char *out, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes;
	size_t i = 0;

	while (v >= 1024 && i + 1 < sizeof units / sizeof units[0]) {
		v /= 1024;
		i++;
	}
	snprintf(out, size, i == 0 ? "%.0f %s" : "%.1f %s", v, units[i]);
	return out;
}

int64_t
duration_option(const char *name, const char *text)
{
	int64_t ns;

	if (mu_text_duration(text, &ns) != 0 || ns < 0) {
		complain(
		    "--%s %s: not a duration (20s, 500ms, 2min)", name, text);
		return -1;
	}
	return ns / 1000000;
}

bool
number_option(const char *name, const char *text, long min, long max, long *out)
{
	char *end;

	errno = 0;
	*out = strtol(text, &end, 10);
	if (errno == 0 && *text != '\0' && *end == '\0' && *out >= min &&
	    *out <= max)
		return true;
	complain("--%s %s: not a whole number from %ld to %ld", name, text, min,
	    max);
	return false;
}
