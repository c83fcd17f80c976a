/*
 * What one subscriber heard of one publisher: which sequence numbers were
 * lost, came twice, or came late.
 */
#ifndef BENCH_TRACK_H
#define BENCH_TRACK_H

#include <stdint.h>

#define TRACK_WINDOW 16384 /* numbers remembered, a power of two */

struct track {
	uint64_t next;                   /* expected */
	uint64_t seen[TRACK_WINDOW / 64];/* of the last TRACK_WINDOW numbers */
	uint64_t count, lost, duplicate, reordered;
};

void track_add(struct track *t, uint64_t seq);

#endif
