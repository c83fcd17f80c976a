/* The two clocks: monotonic for deadlines, wall time for records. */
#ifndef SYS_CLOCK_H
#define SYS_CLOCK_H

#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC (or BOOTTIME): never goes back. */
uint64_t clock_now(void);
/* Nanoseconds since 1970-01-01 UTC. */
int64_t clock_wall(void);

#endif
