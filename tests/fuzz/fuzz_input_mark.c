/* Positions in followed files: what reads is written the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "logs/inputs_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input_mark m;
	struct mu_buf b;

	if (input_mark_dec(&m, data, size) != 0)
		return 0;
	mu_buf_init(&b, 0);
	input_mark_enc(&m, &b);
	if (mu_buf_len(&b) != size || memcmp(mu_buf_data(&b), data, size) != 0)
		abort();
	mu_buf_clear(&b);
	return 0;
}
