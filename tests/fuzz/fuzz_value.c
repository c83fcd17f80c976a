/*
 * Binary values: what decodes encodes to something that decodes to the same,
 * and stepping over agrees.  Peeking is safe on anything.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "value/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mu_cursor dec = mu_cursor_over(data, size), skip = dec;
	struct muster_value *v = mu_value_dec(&dec), *w;
	uint8_t *once, *twice;
	size_t len, again;
	struct mu_peek peek;

	mu_value_skip(&skip);
	mu_peek_message(data, size, &peek);
	must((v == NULL) == (dec.error != 0));
	if (v == NULL)
		return 0;
	must(skip.error == 0 && skip.at == dec.at);
	must(muster_value_enc(v, &once, &len) == 0);
	must(mu_value_check(once, len) == 0);
	must(muster_value_dec(once, len, &w) == 0);
	must(muster_value_cmp(v, w) == 0);
	must(muster_value_enc(w, &twice, &again) == 0);
	must(len == again && memcmp(once, twice, len) == 0);
	/* A valid message looks the same from outside. */
	if (muster_message_kind(v) != MUSTER_MESSAGE_INVALID) {
		must(mu_peek_message(once, len, &peek) == 0);
		must(peek.kind == muster_message_kind(v));
	}
	free(once);
	free(twice);
	muster_value_unref(v);
	muster_value_unref(w);
	return 0;
}
