/* The two clocks; see clock.h. */
#include "sys/clock.h"

#include <time.h>

#define SECOND 1000000000

uint64_t
clock_now(void)
{
	struct timespec ts;

	/* The loop sleeps by CLOCK_MONOTONIC, so deadlines use it too. */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

int64_t
clock_wall(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * SECOND + ts.tv_nsec;
}
