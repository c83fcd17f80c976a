/*
 * Frames are cut from the receive buffer where they lie.  The buffer grows
 * with what has really arrived: for a long frame at most as many bytes are
 * added as are there already, so a claimed length moves no memory.
 */
#include "proto/frame.h"

#include "muster/err.h"

#define PREFIX   ((size_t)4)
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

/* The frame given out last is not looked at any more. */
static void
release(struct mu_frames *f)
{
	if (f->taken > 0)
		mu_buf_consume(&f->in, f->taken);
	f->taken = 0;
}

static size_t
announced(const uint8_t *p)
{
	return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 |
	       (size_t)p[3];
}

/* How much room is wanted behind what is there. */
static size_t
wanted(const struct mu_frames *f)
{
	size_t used = mu_buf_len(&f->in), len;

	if (used == 0)
		return CHUNK;
	if (used < PREFIX)
		return SMALLEST;
	len = announced(mu_buf_data(&f->in));
	if (len > f->max || used >= PREFIX + len)
		return SMALLEST;
	if (PREFIX + len - used < used)
		return PREFIX + len - used;
	return used < SMALLEST ? SMALLEST : used;
}

int
mu_frames_reserve(struct mu_frames *f, uint8_t **at, size_t *room)
{
	release(f);
	return mu_buf_reserve(&f->in, wanted(f), at, room) == 0 ? 0
								: MUSTER_ENOMEM;
}

void
mu_frames_commit(struct mu_frames *f, size_t n)
{
	mu_buf_commit(&f->in, n);
}

int
mu_frames_next(struct mu_frames *f, uint8_t **frame, size_t *len)
{
	size_t used, n;

	release(f);
	used = mu_buf_len(&f->in);
	if (used < PREFIX)
		return 0;
	n = announced(mu_buf_data(&f->in));
	if (n > f->max)
		return MUSTER_ELIMIT;
	if (used < PREFIX + n)
		return 0;
	*frame = mu_buf_data(&f->in);
	*len = PREFIX + n;
	f->taken = PREFIX + n;
	return 1;
}

void
mu_frames_idle(struct mu_frames *f)
{
	release(f);
	mu_buf_shrink(&f->in);
}
