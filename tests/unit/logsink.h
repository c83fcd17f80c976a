/* What the suites about the sink share: streams, records, items. */
#ifndef UNIT_LOGSINK_H
#define UNIT_LOGSINK_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "logrec/message.h"
#include "logrec/record.h"
#include "logrec/stream.h"
#include "logs/logsink.h"
#include "muster/value.h"

#define NS       UINT64_C(1000000000)
#define THE_WALL (INT64_C(1700000000) * 1000000000) /* 2023-11-14 22:13:20 */

/* Settings as the layout's defaults have them. */
static inline struct mu_logs
default_logs(void)
{
	struct mu_logs l = {
		.rotate_ns = INT64_C(3600) * 1000000000,
		.flush_ns = 1000000000,
		.sync = true,
		.buffer_bytes = 64u << 20,
		.files = 1000,
		.postprocessors = 4,
		.postprocessor_ns = INT64_C(600) * 1000000000,
	};

	return l;
}

/* A stream of a count and a string. */
static inline struct mu_log_stream
small_stream(const char *stream, const char *path)
{
	struct mu_log_stream s;
	struct mu_log_why why;

	ck_assert_int_eq(
	    mu_log_stream_init(&s, stream, MU_LOG_WRITER_ASCII, path, &why), 0);
	ck_assert_int_eq(mu_log_stream_add(&s, "n", 1, MU_LOG_COUNT,
			     MU_LOG_VOID, false, &why),
	    0);
	ck_assert_int_eq(mu_log_stream_add(&s, "text", 4, MU_LOG_STRING,
			     MU_LOG_VOID, true, &why),
	    0);
	return s;
}

static inline void
put_serial(struct mu_buf *b, uint64_t n, const char *text)
{
	mu_buf_u32(b, 2);
	mu_buf_u32(b, MU_LOG_COUNT);
	mu_buf_u32(b, 0);
	mu_buf_u8(b, 1);
	mu_buf_u64(b, n);
	mu_buf_u32(b, MU_LOG_STRING);
	mu_buf_u32(b, 0);
	mu_buf_u8(b, 1);
	mu_buf_u32(b, (uint32_t)strlen(text));
	mu_buf_str(b, text);
}

static inline void
put_write(struct mu_buf *b, const char *stream, const char *path,
    const struct mu_buf *serial)
{
	struct mu_log_write w = {
		.stream = stream,
		.stream_len = strlen(stream),
		.writer = MU_LOG_WRITER_ASCII,
		.writer_len = strlen(MU_LOG_WRITER_ASCII),
		.path = path,
		.path_len = strlen(path),
		.serial = mu_buf_data(serial),
		.serial_len = mu_buf_len(serial),
	};

	mu_log_write_enc(b, &w);
}

static inline void
put_record(struct mu_buf *b, const char *stream, const char *path, uint64_t n,
    const char *text)
{
	struct mu_buf serial;

	mu_buf_init(&serial, 0);
	put_serial(&serial, n, text);
	put_write(b, stream, path, &serial);
	mu_buf_clear(&serial);
}

static inline void
put_create(struct mu_buf *b, const char *stream, const char *path)
{
	struct mu_log_stream s = small_stream(stream, path);

	mu_log_stream_enc(b, &s);
	mu_log_stream_clear(&s);
}

/* The head of a Batch of n messages, which follow. */
static inline void
put_batch(struct mu_buf *b, uint32_t n)
{
	mu_buf_u8(b, MUSTER_VECTOR);
	mu_buf_varbyte(b, 3);
	mu_buf_u8(b, MUSTER_COUNT);
	mu_buf_u64(b, 1);
	mu_buf_u8(b, MUSTER_COUNT);
	mu_buf_u64(b, MUSTER_MESSAGE_BATCH);
	mu_buf_u8(b, MUSTER_VECTOR);
	mu_buf_varbyte(b, n);
}

/* An item of what is in b, which is emptied; freed by free_item. */
static inline struct logitem *
make_item(enum logitem_kind kind, struct mu_buf *b, const char *node)
{
	struct logitem *it = mu_calloc(1, sizeof *it);
	uint8_t *copy = mu_malloc(mu_buf_len(b) + 1);

	ck_assert(it != NULL && copy != NULL);
	ck_assert_int_eq(mu_buf_error(b), 0);
	if (mu_buf_len(b) > 0)
		memcpy(copy, mu_buf_data(b), mu_buf_len(b));
	it->kind = kind;
	it->payload = copy;
	it->len = mu_buf_len(b);
	snprintf(it->name, sizeof it->name, "%s", node);
	memset(it->peer.bytes, node[strlen(node) - 1], sizeof it->peer.bytes);
	mu_buf_reset(b);
	return it;
}

static inline void
free_item(struct logitem *it)
{
	mu_free((void *)(uintptr_t)it->payload);
	mu_free(it);
}

#endif
