/*
 * What a logger's disk side takes from outside.  The first byte says what the
 * rest is: an even one, a log message of a peer, which follows a create of a
 * stream; an odd one, a record of the journal: one byte length, the key, the
 * value.  The disk takes everything and keeps nothing.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "logrec/stream.h"
#include "logs/logsink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *pair;
static size_t pair_size;

static int
f_create(void *ctx, const char *name, struct logfs_id *id)
{
	(void)ctx;
	assert(strchr(name, '/') == NULL && name[0] != '.');
	assert(strlen(name) < 256);
	id->device = id->inode = 1;
	return 1;
}

static int
f_open(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return 1;
}

static int
f_write(void *ctx, int file, uint64_t at, const void *p, size_t len)
{
	(void)ctx;
	(void)file;
	(void)at;
	(void)p;
	(void)len;
	return 0;
}

static int
f_truncate(void *ctx, int file, uint64_t size)
{
	(void)ctx;
	(void)file;
	(void)size;
	return 0;
}

static int
f_sync(void *ctx, int file)
{
	(void)ctx;
	(void)file;
	return 0;
}

static int
f_length(void *ctx, int file, uint64_t *len)
{
	(void)ctx;
	(void)file;
	*len = UINT64_MAX;
	return 0;
}

static void
f_close(void *ctx, int file)
{
	(void)ctx;
	(void)file;
}

static int
f_stat(
    void *ctx, enum logfs_place place, const char *name, struct logfs_stat *out)
{
	(void)ctx;
	(void)place;
	(void)name;
	(void)out;
	return -2; /* ENOENT */
}

static int
f_rename(void *ctx, const char *from, enum logfs_place place, const char *to)
{
	(void)ctx;
	(void)from;
	(void)place;
	(void)to;
	return 0;
}

static int
f_name(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return 0;
}

static int
f_nothing(void *ctx)
{
	(void)ctx;
	return 0;
}

static void
f_abort(void *ctx)
{
	(void)ctx;
}

static int
f_head(void *ctx, const char *name, char *out, size_t size)
{
	(void)ctx;
	(void)name;
	(void)out;
	(void)size;
	return 0;
}

static int
f_put(void *ctx, const void *key, size_t key_len, const void *value, size_t len)
{
	(void)ctx;
	(void)key;
	(void)value;
	(void)len;
	assert(key_len > 0 && key_len <= 511);
	return 0;
}

static int
f_del(void *ctx, const void *key, size_t key_len)
{
	(void)ctx;
	(void)key;
	(void)key_len;
	return 0;
}

static int
f_each(void *ctx,
    int (*each)(void *arg, const uint8_t *key, size_t key_len,
	const uint8_t *value, size_t len),
    void *arg)
{
	(void)ctx;
	if (pair == NULL || pair_size < 1 || pair_size - 1 < pair[0])
		return 0;
	return each(arg, pair + 1, pair[0], pair + 1 + pair[0],
	    pair_size - 1 - pair[0]);
}

static int
f_set_aside(void *ctx, int64_t wall, char *text, size_t size)
{
	(void)ctx;
	(void)wall;
	pair = NULL;
	snprintf(text, size, "spoilt");
	return 0;
}

static void
drain(struct logsink *s)
{
	struct logsink_out out;

	while (logsink_next(s, &out))
		;
}

static void
feed(struct logsink *s, const uint8_t *p, size_t len,
    const struct logsink_now *now)
{
	struct logitem it = { .kind = LOGITEM_MESSAGE,
		.payload = p,
		.len = len,
		.name = "peer" };

	logsink_feed(s, &it, now);
	logsink_flush(s, now);
	drain(s);
}

static void
create(struct logsink *s, const struct logsink_now *now)
{
	struct mu_log_stream desc;
	struct mu_log_why why;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	if (mu_log_stream_init(
		&desc, "Test::LOG", MU_LOG_WRITER_ASCII, "test", &why) == 0) {
		(void)mu_log_stream_add(
		    &desc, "n", 1, MU_LOG_COUNT, MU_LOG_VOID, false, &why);
		mu_log_stream_enc(&b, &desc);
		mu_log_stream_clear(&desc);
	}
	feed(s, mu_buf_data(&b), mu_buf_len(&b), now);
	mu_buf_clear(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct logfs fs = { f_create, f_open, f_write, f_truncate,
		f_sync, f_length, f_close, f_stat, f_rename, f_name, f_nothing,
		f_head, NULL };
	static const struct logjournal journal = { f_nothing, f_put, f_del,
		f_nothing, f_abort, f_each, f_set_aside, NULL };
	struct mu_logs logs = { .flush_ns = 1000000000,
		.rotate_ns = 1000000000,
		.buffer_bytes = 1 << 20,
		.files = 100 };
	struct logsink_config cfg = {
		.node = "fuzz", .logs = &logs, .fs = &fs, .journal = &journal
	};
	struct logsink_now now = { 1000000000, 1000000000 };
	struct logsink *s = logsink_new(&cfg);

	if (s == NULL)
		abort();
	pair = size > 0 && data[0] % 2 == 1 ? data + 1 : NULL;
	pair_size = size - 1;
	logsink_tick(s, &now);
	drain(s);
	create(s, &now);
	if (size > 0 && data[0] % 2 == 0) {
		feed(s, data + 1, size - 1, &now);
		now.mono += 2000000000;
		now.wall += 2000000000;
		logsink_tick(s, &now);
	}
	logsink_end(s, &now);
	drain(s);
	logsink_free(s);
	return 0;
}
