/*
 * A histogram of times: 64 steps to each power of two, so 1.6 % wide, from
 * 1 ns to hours.
 */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>

#define HIST_STEPS   64
#define HIST_BUCKETS (HIST_STEPS * 40)

struct hist {
	uint64_t n;
	uint64_t max;
	uint64_t count[HIST_BUCKETS];
};

void hist_add(struct hist *h, uint64_t ns);
/* The value that q (0 to 1) of all do not exceed; 0 when there is none. */
uint64_t hist_at(const struct hist *h, double q);

#endif
