/*
 * Splitting a byte stream into frames of u32 length + length bytes
 * (reference "broker-protocol", 1.3), in place in the receive buffer.
 */
#ifndef MU_PROTO_FRAME_H
#define MU_PROTO_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "muster/err.h"

#define MU_FRAME_PREFIX ((size_t)4)

struct mu_frames {
	struct mu_buf in; /* bytes received and not yet consumed */
	size_t max;       /* longest frame accepted, without its prefix */
	size_t taken;     /* bytes of the frame given out last */
};

void mu_frames_init(struct mu_frames *f, size_t max);
void mu_frames_clear(struct mu_frames *f);

/* Change the limit (the handshake's is smaller). */
void mu_frames_limit(struct mu_frames *f, size_t max);

/*
 * Room to read into: at least 1 byte, usually 64 KiB; when a longer frame has
 * begun, enough for the rest of it in steps that grow with the bytes that are
 * really there (a claim alone moves no memory).  0 or MUSTER_ENOMEM.
 */
int mu_frames_reserve(struct mu_frames *f, uint8_t **at, size_t *room);
void mu_frames_commit(struct mu_frames *f, size_t n);

/* For mu_frames_next, which runs for each event: the frame given out last is
 * not looked at any more; the length that a prefix announces. */
static inline void
mu_frames_release(struct mu_frames *f)
{
	if (f->taken > 0)
		mu_buf_consume(&f->in, f->taken);
	f->taken = 0;
}

static inline size_t
mu_frames_announced(const uint8_t *p)
{
	return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 |
	       (size_t)p[3];
}

/*
 * The next complete frame.
 *
 * frame  set to the frame with its 4-byte prefix, writable, borrowed until the
 *        next call on f
 * len    its length with the prefix
 *
 * 1: a frame; 0: more input is needed; MUSTER_ELIMIT: a longer frame than
 * permitted was announced, the stream is beyond repair.
 */
static inline int
mu_frames_next(struct mu_frames *f, uint8_t **frame, size_t *len)
{
	size_t used, n;

	mu_frames_release(f);
	used = mu_buf_len(&f->in);
	if (used < MU_FRAME_PREFIX)
		return 0;
	n = mu_frames_announced(mu_buf_data(&f->in));
	if (n > f->max)
		return MUSTER_ELIMIT;
	if (used < MU_FRAME_PREFIX + n)
		return 0;
	*frame = mu_buf_data(&f->in);
	*len = MU_FRAME_PREFIX + n;
	f->taken = MU_FRAME_PREFIX + n;
	return 1;
}

/* Give back all memory if nothing is pending. */
void mu_frames_dry(struct mu_frames *f);
/* Give back memory that what is pending does not need. */
void mu_frames_idle(struct mu_frames *f);

#endif
