/*
 * Serialized log records and the messages around them: what reads is written
 * again to something that reads alike; walking a message stays inside it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "logrec/message.h"
#include "logrec/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
record(const uint8_t *data, size_t size)
{
	struct mu_log_record r = { 0 };
	struct mu_buf once, twice;

	mu_buf_init(&once, 0);
	mu_buf_init(&twice, 0);
	if (mu_log_record_dec_any(&r, data, size, NULL) == 0) {
		mu_log_record_enc(&once, &r);
		must(mu_log_record_dec_any(
			 &r, mu_buf_data(&once), mu_buf_len(&once), NULL) == 0);
		mu_log_record_enc(&twice, &r);
		must(mu_buf_len(&once) == mu_buf_len(&twice) &&
		     memcmp(mu_buf_data(&once), mu_buf_data(&twice),
			 mu_buf_len(&once)) == 0);
	}
	mu_buf_clear(&once);
	mu_buf_clear(&twice);
	mu_log_record_clear(&r);
}

static void
message(const uint8_t *data, size_t size)
{
	struct mu_log_walk w;
	struct mu_log_item item;
	struct mu_log_stream s;

	if (mu_log_walk_init(&w, data, size) == 0)
		while (mu_log_walk_next(&w, &item)) {
			must(item.bytes >= data &&
			     item.bytes + item.len <= data + size);
			if (item.kind == MUSTER_MESSAGE_LOG_WRITE)
				record(
				    item.write.serial, item.write.serial_len);
			else if (item.kind == MUSTER_MESSAGE_LOG_CREATE &&
				 mu_log_stream_dec(
				     &s, item.bytes, item.len, NULL) == 0)
				mu_log_stream_clear(&s);
		}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	record(data, size);
	message(data, size);
	return 0;
}
