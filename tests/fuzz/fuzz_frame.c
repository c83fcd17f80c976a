/*
 * Frames: the first byte sets the size of pieces, the second the limit; what
 * comes out in pieces is what comes out at once, and nothing outgrows the
 * input.
 */
#include <assert.h>
#include <string.h>

#include "proto/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	size_t frames, bytes;
	uint64_t sum;
	int end;
};

static struct result
run(const uint8_t *p, size_t len, size_t piece, size_t max)
{
	struct result r = { 0 };
	struct mu_frames f;
	uint8_t *frame, *at;
	size_t n, room;

	mu_frames_init(&f, max);
	while (len > 0 && r.end == 0) {
		assert(mu_frames_reserve(&f, &at, &room) == 0 && room > 0);
		if (room > piece)
			room = piece;
		if (room > len)
			room = len;
		memcpy(at, p, room);
		mu_frames_commit(&f, room);
		p += room;
		len -= room;
		while ((r.end = mu_frames_next(&f, &frame, &n)) == 1) {
			r.frames++;
			r.bytes += n;
			for (size_t i = 0; i < n; i++)
				r.sum = r.sum * 31 + frame[i];
		}
		assert(f.in.cap <= 131072 + 4 * mu_buf_len(&f.in));
		if (r.sum % 5 == 0)
			mu_frames_idle(&f);
	}
	mu_frames_clear(&f);
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result whole, split;
	size_t max;

	if (size < 2)
		return 0;
	max = (size_t)data[1] << (data[1] & 15);
	whole = run(data + 2, size - 2, SIZE_MAX, max);
	split = run(data + 2, size - 2, (size_t)data[0] + 1, max);
	assert(whole.frames == split.frames && whole.bytes == split.bytes);
	assert(whole.sum == split.sum && whole.end == split.end);
	return 0;
}
