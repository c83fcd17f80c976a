/*
 * By which time the age of files is judged.  One wrong reading of the wall
 * clock, years ahead, must not cost all archives: a leap ahead is believed when
 * it has lasted for a day, or for as long as files are kept if that is shorter,
 * by the clock that cannot leap.  Until then time passes as if it had not
 * happened.  A clock that goes back only makes files younger.
 */
#include "io/logpost_impl.h"

#define NS    INT64_C(1000000000)
#define LEAP  (60 * NS)
#define DOUBT (86400 * NS)

static bool
is_leap(int64_t a, int64_t b)
{
	return a - b > LEAP || b - a > LEAP;
}

static void
doubt(struct post_clock *k, int64_t offset, uint64_t mono)
{
	k->doubts = true;
	k->doubted = offset;
	k->since = mono;
}

void
post_clock_begin(
    struct post_clock *k, int64_t wall, uint64_t mono, int64_t newest)
{
	int64_t offset = wall - (int64_t)mono;

	k->begun = true;
	k->believed = offset;
	if (newest < wall) {
		k->believed = newest - (int64_t)mono;
		doubt(k, offset, mono);
	}
}

int64_t
post_clock_look(struct post_clock *k, int64_t wall, uint64_t mono, int64_t keep)
{
	int64_t offset = wall - (int64_t)mono, patience = DOUBT;

	if (keep > 0 && keep < patience)
		patience = keep;
	if (offset - k->believed <= LEAP) {
		k->believed = offset;
		k->doubts = false;
	} else if (!k->doubts || is_leap(offset, k->doubted)) {
		doubt(k, offset, mono);
	} else if ((int64_t)(mono - k->since) >= patience) {
		k->believed = offset;
		k->doubts = false;
	}
	return (int64_t)mono + k->believed;
}
