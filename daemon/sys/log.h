/*
 * Operator messages: one event, one line, lower case, no full stop.  Sink is
 * stderr (with a time stamp when it is a terminal or file, with <N> priority
 * prefixes under the service manager's journal) and only stderr: the service
 * manager or the supervisor keeps it.
 */
#ifndef SYS_LOG_H
#define SYS_LOG_H

#include <stdarg.h>
#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERR = 3, /* syslog's numbers */
	LOG_LEVEL_WARN = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

/* name is printed before each message ("worker-1"), copied; may be NULL. */
void log_init(const char *name, enum log_level level);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* "error", "warning", "info", "debug" to a level; -1 if unknown. */
int log_level_parse(const char *text);
const char *log_level_name(enum log_level level);

void log_at(enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_vat(enum log_level level, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
void log_err(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Adds ": " and the text of errno. */
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
