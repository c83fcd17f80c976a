/*
 * Batches of log records and their answers: what decodes comes back the same
 * after being encoded.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "logs/delivery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
batch(const uint8_t *data, size_t size)
{
	struct delivery_batch d, e;
	struct mu_buf b;

	if (delivery_batch_dec(&d, data, size) != 0)
		return;
	mu_buf_init(&b, 0);
	delivery_batch_enc(&b, &d);
	must(delivery_batch_dec(&e, mu_buf_data(&b), mu_buf_len(&b)) == 0);
	must(d.sender_len == e.sender_len && d.seq == e.seq &&
	     d.prev == e.prev && d.round == e.round && d.batch_len == e.batch_len &&
	     mu_uuid_eq(&d.session, &e.session));
	must(memcmp(d.batch, e.batch, d.batch_len) == 0);
	mu_buf_clear(&b);
}

static void
answer(const uint8_t *data, size_t size)
{
	struct delivery_answer a, e;
	struct mu_buf b;

	if (delivery_answer_dec(&a, data, size) != 0)
		return;
	mu_buf_init(&b, 0);
	delivery_answer_enc(&b, &a);
	must(delivery_answer_dec(&e, mu_buf_data(&b), mu_buf_len(&b)) == 0);
	must(a.refused == e.refused && a.logger_len == e.logger_len &&
	     a.seq == e.seq && a.round == e.round && a.why_len == e.why_len &&
	     mu_uuid_eq(&a.session, &e.session));
	mu_buf_clear(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	batch(data, size);
	answer(data, size);
	return 0;
}
