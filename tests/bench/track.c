/* Sequence numbers; see track.h. */
#include "track.h"

#define BIT(seq) (UINT64_C(1) << ((seq) & 63))

static uint64_t *
word(struct track *t, uint64_t seq)
{
	return &t->seen[(seq & (TRACK_WINDOW - 1)) / 64];
}

/* A number that was passed over already. */
static void
add_old(struct track *t, uint64_t seq)
{
	if (t->next - seq > TRACK_WINDOW || (*word(t, seq) & BIT(seq)) != 0) {
		t->duplicate++;
		return;
	}
	*word(t, seq) |= BIT(seq);
	t->lost--;
	t->reordered++;
	t->count++;
}

void
track_add(struct track *t, uint64_t seq)
{
	if (seq < t->next) {
		add_old(t, seq);
		return;
	}
	for (; t->next < seq; t->next++) {
		*word(t, t->next) &= ~BIT(t->next);
		t->lost++;
	}
	*word(t, seq) |= BIT(seq);
	t->next = seq + 1;
	t->count++;
}
