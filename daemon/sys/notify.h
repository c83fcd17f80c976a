/* What the service manager is told: sd_notify(3).  No-ops without one. */
#ifndef SYS_NOTIFY_H
#define SYS_NOTIFY_H

#include <stdint.h>

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void notify_watchdog(void);
/* Interval at which notify_watchdog is due in ns; 0: no watchdog. */
uint64_t notify_watchdog_interval(void);

#endif
