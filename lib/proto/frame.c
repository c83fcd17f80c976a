/*
 * Frames are cut from the receive buffer where they lie.  The buffer grows
 * with what has really arrived: for a long frame at most as many bytes are
 * added as are there already, so a claimed length moves no memory.
 */
#include "proto/frame.h"

#include "muster/err.h"

#define CHUNK    ((size_t)64 * 1024) /* one read, as a rule */
#define SMALLEST ((size_t)16 * 1024) /* a read smaller than this is a waste */

void
mu_frames_init(struct mu_frames *f, size_t max)
{
	mu_buf_init(&f->in, 0);
	f->max = max;
	f->taken = 0;
}

void
mu_frames_clear(struct mu_frames *f)
{
	mu_buf_clear(&f->in);
	f->taken = 0;
}

void
mu_frames_limit(struct mu_frames *f, size_t max)
{
	f->max = max;
}

/* How much room is wanted behind what is there. */
static size_t
wanted(const struct mu_frames *f)
{
	size_t used = mu_buf_len(&f->in), len;

	if (used == 0)
		return CHUNK;
	if (used < MU_FRAME_PREFIX)
		return SMALLEST;
	len = mu_frames_announced(mu_buf_data(&f->in));
	if (len > f->max || used >= MU_FRAME_PREFIX + len)
		return SMALLEST;
	if (MU_FRAME_PREFIX + len - used < used)
		return MU_FRAME_PREFIX + len - used;
	return used < SMALLEST ? SMALLEST : used;
}

int
mu_frames_reserve(struct mu_frames *f, uint8_t **at, size_t *room)
{
	mu_frames_release(f);
	return mu_buf_reserve(&f->in, wanted(f), at, room) == 0 ? 0
								: MUSTER_ENOMEM;
}

void
mu_frames_commit(struct mu_frames *f, size_t n)
{
	mu_buf_commit(&f->in, n);
}

void
mu_frames_dry(struct mu_frames *f)
{
	mu_frames_release(f);
	if (mu_buf_len(&f->in) == 0)
		mu_buf_shrink(&f->in);
}

void
mu_frames_idle(struct mu_frames *f)
{
	mu_frames_release(f);
	mu_buf_shrink(&f->in);
}
