/*
 * Splitting a byte stream into frames of u32 length + length bytes
 * (reference "broker-protocol", 1.3), in place in the receive buffer.
 */
#ifndef MU_PROTO_FRAME_H
#define MU_PROTO_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

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
int mu_frames_next(struct mu_frames *f, uint8_t **frame, size_t *len);

/* Give back memory while nothing is pending. */
void mu_frames_idle(struct mu_frames *f);

#endif
