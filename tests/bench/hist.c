/* A log-linear histogram; see hist.h. */
#include "hist.h"

static unsigned
bucket_of(uint64_t v)
{
	unsigned power, b;

	if (v < HIST_STEPS)
		return (unsigned)v;
	power = 63 - (unsigned)__builtin_clzll(v); /* >= 6 */
	b = (power - 5) * HIST_STEPS + (unsigned)(v >> (power - 6)) -
	    HIST_STEPS;
	return b < HIST_BUCKETS ? b : HIST_BUCKETS - 1;
}

/* The middle of bucket b. */
static uint64_t
value_of(unsigned b)
{
	unsigned power = b / HIST_STEPS + 5;
	uint64_t step;

	if (b < HIST_STEPS)
		return b;
	step = UINT64_C(1) << (power - 6);
	return (b % HIST_STEPS + HIST_STEPS) * step + step / 2;
}

void
hist_add(struct hist *h, uint64_t ns)
{
	h->n++;
	h->count[bucket_of(ns)]++;
	if (ns > h->max)
		h->max = ns;
}

uint64_t
hist_at(const struct hist *h, double q)
{
	uint64_t want = (uint64_t)((double)h->n * q), seen = 0;

	if (h->n == 0)
		return 0;
	if (want >= h->n)
		want = h->n - 1;
	for (unsigned b = 0; b < HIST_BUCKETS; b++) {
		seen += h->count[b];
		if (seen > want) {
			uint64_t v = value_of(b);

			return v < h->max ? v : h->max;
		}
	}
	return h->max;
}
