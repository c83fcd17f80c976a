/* Envelopes without their length: a view is written again the same. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "proto/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *frame = malloc(size + 4);
	struct mu_envelope e;
	struct mu_buf b;

	if (frame == NULL)
		abort();
	frame[0] = (uint8_t)(size >> 24);
	frame[1] = (uint8_t)(size >> 16);
	frame[2] = (uint8_t)(size >> 8);
	frame[3] = (uint8_t)size;
	if (size > 0)
		memcpy(frame + 4, data, size);
	if (mu_envelope_view(frame, size + 4, &e) == 0) {
		mu_envelope_stamp(&e, &(struct mu_uuid){ { 7 } });
		mu_buf_init(&b, 0);
		mu_envelope_enc(&b, e.sender, e.receiver, e.type, e.topic,
		    e.topic_len, e.payload, e.payload_len);
		assert(mu_buf_len(&b) == size + 4);
		assert(memcmp(mu_buf_data(&b), frame, size + 4) == 0);
		mu_buf_clear(&b);
	}
	free(frame);
	return 0;
}
