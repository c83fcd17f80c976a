/* What the tests of the outbox share: streams, records, and a drain. */
#ifndef UNIT_CHECK_OUTBOX_H
#define UNIT_CHECK_OUTBOX_H

#include <check.h>
#include <string.h>

#include "logrec/message.h"
#include "logs/delivery.h"
#include "logs/outbox.h"
#include "muster/err.h"
#include "value/codec.h"

#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)

__attribute__((unused)) static struct outbox_config
outbox_defaults(void)
{
	struct outbox_config c = {
		.node = "worker-1",
		.spool_bytes = 64u << 20,
		.batch_records = 400,
		.batch_bytes = 1u << 20,
		.batch_ns = SECOND,
		.max_record = 1u << 20,
		.window_bytes = 4u << 20,
		.failover_ns = 300 * SECOND,
		.seed = 7,
		.node_prefix = "zeek/cluster/node/",
		.logs_prefix = "zeek/logs/",
	};

	return c;
}

/* A stream with one column, a count. */
__attribute__((unused)) static uint32_t
outbox_counts(struct outbox *o, const char *name)
{
	struct mu_log_stream s = { 0 };
	char why[OUTBOX_WHY];
	uint32_t number;

	ck_assert_int_eq(
	    mu_log_stream_init(&s, name, MU_LOG_WRITER_ASCII, name, NULL), 0);
	ck_assert_int_eq(mu_log_stream_add(&s, "n", 1, MU_LOG_COUNT,
			     MU_LOG_VOID, false, NULL),
	    0);
	ck_assert_int_eq(outbox_stream(o, &s, &number, why), 0);
	mu_log_stream_clear(&s);
	return number;
}

/* A record of such a stream: 21 bytes. */
#define COUNT_RECORD 21
__attribute__((unused)) static void
put_count_record(uint8_t out[COUNT_RECORD], uint64_t n)
{
	static const uint8_t head[] = { 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 1 };

	memcpy(out, head, sizeof head);
	for (int i = 0; i < 8; i++)
		out[13 + i] = (uint8_t)(n >> (56 - 8 * i));
}

__attribute__((unused)) static uint64_t
get_count_record(const uint8_t *p, size_t len)
{
	uint64_t n = 0;

	ck_assert_uint_eq(len, COUNT_RECORD);
	for (int i = 0; i < 8; i++)
		n = n << 8 | p[13 + i];
	return n;
}

/* Numbers from n on, so many. */
__attribute__((unused)) static int
outbox_add_counts(struct outbox *o, uint32_t stream, uint64_t n, size_t count,
    void *caller, uint64_t id, bool flush, uint64_t now)
{
	static uint8_t space[2000][COUNT_RECORD];
	static struct mu_bytes records[2000];
	struct outbox_add a = {
		.stream = stream,
		.records = records,
		.n = count,
		.flush = flush,
		.caller = caller,
		.id = id,
	};

	ck_assert_uint_le(count, 2000);
	for (size_t i = 0; i < count; i++) {
		put_count_record(space[i], n + i);
		records[i] = (struct mu_bytes){ space[i], COUNT_RECORD };
	}
	return outbox_add(o, &a, now);
}

#endif
