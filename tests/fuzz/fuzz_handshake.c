/* Handshake messages: what is accepted is written and read again the same. */
#include <assert.h>
#include <string.h>

#include "proto/handshake.h"
#include "topic/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
again(const struct mu_handshake *h)
{
	struct mu_handshake back;
	struct mu_buf b;
	const char *text;
	unsigned ec;

	mu_buf_init(&b, 0);
	mu_handshake_enc(&b, h);
	assert(mu_buf_error(&b) == 0);
	assert(mu_handshake_dec(&back, mu_buf_data(&b) + 4, mu_buf_len(&b) - 4,
		   1000, &ec, &text) == 0);
	assert(back.tag == h->tag && mu_uuid_eq(&back.sender, &h->sender));
	assert(back.code == h->code && back.text_len == h->text_len);
	assert((back.filter == NULL) == (h->filter == NULL));
	assert(back.filter == NULL || mu_filter_eq(back.filter, h->filter));
	mu_handshake_clear(&back);
	mu_buf_clear(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mu_handshake h;
	const char *text;
	unsigned ec;

	if (mu_handshake_dec(&h, data, size, 1000, &ec, &text) != 0) {
		assert(ec != MU_EC_NONE);
		assert(text != NULL || h.text_len == 0 || h.text != NULL);
		return 0;
	}
	again(&h);
	mu_handshake_clear(&h);
	return 0;
}
