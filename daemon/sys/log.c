/*
 * Operator messages.  A line is put together on the stack and leaves in one
 * write, so lines of several processes do not mix.  A reader that stopped
 * reading must not stop the daemon: when standard error takes nothing for a
 * moment, lines are dropped, counted, and the number is said once it does.
 */
#include "sys/log.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Below PIPE_BUF: a pipe that is writable takes it whole. */
#define LINE_MAX_BYTES 2048
#define NAME_MAX_BYTES 256
#define PATIENCE_MS    100

enum sink {
	SINK_UNKNOWN,
	SINK_PLAIN, /* a pipe: whoever reads knows the time */
	SINK_TIMED, /* terminal or file */
	SINK_JOURNAL
};

static struct {
	char name[NAME_MAX_BYTES]; /* "" or the name before each message */
	_Atomic int level;         /* enum log_level */
	enum sink sink;            /* what standard error is */
	bool socket;               /* send(2) can be told not to wait */
	atomic_ulong dropped;      /* lines since the reader stopped */
} state = { .level = LOG_LEVEL_INFO };

static const struct {
	enum log_level level; /* the level */
	const char *name;     /* as written in layouts */
	const char *mark;     /* before a message when there is no prefix */
} levels[] = {
	{ LOG_LEVEL_ERR, "error", "error: " },
	{ LOG_LEVEL_WARN, "warning", "warning: " },
	{ LOG_LEVEL_INFO, "info", "" },
	{ LOG_LEVEL_DEBUG, "debug", "debug: " },
};
#define NLEVELS (sizeof levels / sizeof levels[0])

/* --- where it goes ------------------------------------------------------- */

/* systemd.exec(5): JOURNAL_STREAM is device and inode of the journal's
 * stream, and may be inherited by a process whose stderr is elsewhere. */
static bool
is_journal_stream(const struct stat *st)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;

	return text != NULL && sscanf(text, "%llu:%llu", &dev, &ino) == 2 &&
	       dev == (unsigned long long)st->st_dev &&
	       ino == (unsigned long long)st->st_ino;
}

static enum sink
find_sink(void)
{
	struct stat st;

	if (fstat(STDERR_FILENO, &st) != 0)
		return SINK_PLAIN;
	state.socket = S_ISSOCK(st.st_mode);
	if (is_journal_stream(&st))
		return SINK_JOURNAL;
	if (S_ISREG(st.st_mode) || S_ISCHR(st.st_mode))
		return SINK_TIMED;
	/* A service's process below a supervisor that passes lines on. */
	return getenv("INVOCATION_ID") != NULL ? SINK_JOURNAL : SINK_PLAIN;
}

/* Will a write of one line return at once? */
static bool
is_writable(int wait_ms)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	/* With the reader gone a pipe is writable and raises SIGPIPE. */
	return poll(&p, 1, wait_ms) > 0 && p.revents == POLLOUT;
}

static bool
emit(const char *line, size_t len)
{
	/* Patience once per stop, not once per line. */
	if (!is_writable(atomic_load(&state.dropped) == 0 ? PATIENCE_MS : 0))
		return false;
	while (len > 0) {
		ssize_t n = state.socket ? send(STDERR_FILENO, line, len,
					       MSG_DONTWAIT | MSG_NOSIGNAL)
					 : write(STDERR_FILENO, line, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		line += n;
		len -= (size_t)n;
	}
	return true;
}

/* --- one line ------------------------------------------------------------ */

static const char *
mark_of(enum log_level level)
{
	for (size_t i = 0; i < NLEVELS; i++)
		if (levels[i].level == level)
			return levels[i].mark;
	return "";
}

static size_t
put_head(char *line, size_t size, enum log_level level)
{
	struct timespec ts;
	struct tm tm;
	size_t len = 0;

	if (state.sink == SINK_JOURNAL) {
		len = (size_t)snprintf(line, size, "<%d>", (int)level);
	} else if (state.sink == SINK_TIMED) {
		clock_gettime(CLOCK_REALTIME, &ts);
		gmtime_r(&ts.tv_sec, &tm);
		len = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &tm);
		len += (size_t)snprintf(
		    line + len, size - len, ".%03ldZ ", ts.tv_nsec / 1000000);
	}
	if (state.name[0] != '\0')
		len += (size_t)snprintf(
		    line + len, size - len, "%s: ", state.name);
	if (state.sink != SINK_JOURNAL)
		len += (size_t)snprintf(
		    line + len, size - len, "%s", mark_of(level));
	return len;
}

/* One event is one line, whatever is in the text. */
static void
tame(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

static void
say_dropped(void)
{
	unsigned long n = atomic_exchange(&state.dropped, 0);
	char line[LINE_MAX_BYTES];
	size_t len;

	if (n == 0)
		return;
	len = put_head(line, sizeof line, LOG_LEVEL_WARN);
	len += (size_t)snprintf(line + len, sizeof line - len,
	    "%lu messages lost: nobody read standard error\n", n);
	if (!emit(line, len))
		atomic_fetch_add(&state.dropped, n);
}

static void finish(enum log_level level, const char *suffix, const char *fmt,
    va_list ap) __attribute__((format(printf, 3, 0)));

static void
finish(enum log_level level, const char *suffix, const char *fmt, va_list ap)
{
	static const char dots[] = "...";
	char line[LINE_MAX_BYTES];
	int saved = errno;
	size_t head, len, room;
	int n;

	if (state.sink == SINK_UNKNOWN)
		state.sink = find_sink();
	head = put_head(line, sizeof line, level);
	room = sizeof line - head - 1; /* a newline takes the NUL's place */
	n = vsnprintf(line + head, room, fmt, ap);
	len = n < 0 ? 0 : (size_t)n;
	if (len < room && suffix != NULL)
		len += (size_t)snprintf(
		    line + head + len, room - len, ": %s", suffix);
	if (len >= room) {
		len = room - 1;
		memcpy(line + head + len - strlen(dots), dots, sizeof dots);
	}
	tame(line + head);
	line[head + len] = '\n';
	if (atomic_load(&state.dropped) > 0 && is_writable(0))
		say_dropped();
	if (!emit(line, head + len + 1))
		atomic_fetch_add(&state.dropped, 1);
	errno = saved;
}

/* --- doors --------------------------------------------------------------- */

void
log_init(const char *name, enum log_level level)
{
	snprintf(state.name, sizeof state.name, "%s", name == NULL ? "" : name);
	tame(state.name);
	state.level = (int)level;
	state.sink = find_sink();
}

void
log_set_level(enum log_level level)
{
	state.level = (int)level;
}

enum log_level
log_get_level(void)
{
	return (enum log_level)state.level;
}

int
log_level_parse(const char *text)
{
	for (size_t i = 0; i < NLEVELS; i++)
		if (strcmp(levels[i].name, text) == 0)
			return (int)levels[i].level;
	return -1;
}

const char *
log_level_name(enum log_level level)
{
	for (size_t i = 0; i < NLEVELS; i++)
		if (levels[i].level == level)
			return levels[i].name;
	return "unknown";
}

void
log_vat(enum log_level level, const char *fmt, va_list ap)
{
	if ((int)level <= state.level)
		finish(level, NULL, fmt, ap);
}

void
log_at(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vat(level, fmt, ap);
	va_end(ap);
}

void
log_err(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vat(LOG_LEVEL_ERR, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (state.level < LOG_LEVEL_WARN)
		return;
	va_start(ap, fmt);
	finish(LOG_LEVEL_WARN, strerror(saved), fmt, ap);
	va_end(ap);
	errno = saved;
}

void
log_warnx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vat(LOG_LEVEL_WARN, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vat(LOG_LEVEL_INFO, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vat(LOG_LEVEL_DEBUG, fmt, ap);
	va_end(ap);
}
