/*
 * What the outbox reads from its disk: whatever is there, it is a value or it
 * is not, and what comes back from being written is the same.  And an outbox
 * that finds it, opens or says why not.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "logs/outbox.h"
#include "logs/outbox_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
same(const struct mu_buf *b, struct mu_bytes v)
{
	must(mu_buf_len(b) == v.len);
	must(memcmp(mu_buf_data(b), v.at, v.len) == 0);
}

static void
values(struct mu_bytes v)
{
	struct outbox_about about;
	struct outbox_numbers numbers;
	struct mu_uuid session;
	struct mu_buf b;
	const char *name;
	size_t len;

	mu_buf_init(&b, 0);
	if (outbox_about_dec(&about, v) == 0) {
		outbox_about_enc(&b, &about);
		same(&b, v);
	}
	mu_buf_reset(&b);
	if (outbox_numbers_dec(&numbers, v) == 0) {
		outbox_numbers_enc(&b, &numbers);
		same(&b, v);
	}
	mu_buf_reset(&b);
	if (outbox_logger_dec(v, &session, &name, &len) == 0) {
		outbox_logger_enc(&b, &session, name, len);
		same(&b, v);
	}
	mu_buf_clear(&b);
}

static void
body(struct mu_bytes v)
{
	struct mu_bytes record;
	size_t at = 0, sum = 0;
	uint32_t n = 0;

	while (outbox_body_next(v, &at, &record) == 0) {
		sum += 4 + record.len;
		n++;
	}
	must(sum == at && at <= v.len);
	must(outbox_body_count(v) == (at == v.len ? n : 0));
}

/* The first byte of the input is a kind, the rest a value; twice. */
static void
disk(const uint8_t *data, size_t size)
{
	struct outbox_config cfg = {
		.node = "w",
		.spool_bytes = 1 << 20,
		.batch_records = 400,
		.batch_bytes = 1 << 20,
		.batch_ns = 1,
		.max_record = 1 << 20,
		.window_bytes = 1 << 20,
		.failover_ns = 1,
		.node_prefix = "n/",
		.logs_prefix = "l/",
	};
	struct mu_backend *b = mu_backend_memory_new(0);
	uint8_t space[OUTBOX_KEY];
	struct outbox_out out;
	struct outbox *o;
	char why[OUTBOX_WHY];

	must(b != NULL);
	for (int i = 0; i < 4 && size > 2; i++) {
		size_t len = data[1] < size - 2 ? data[1] : size - 2;
		struct mu_bytes v = { data + 2, len };

		if (data[0] != OUTBOX_MARK)
			b->ops->put(b,
			    outbox_key(space, (enum outbox_kind)data[0], 1), v,
			    0);
		data += 2 + len;
		size -= 2 + len;
	}
	o = outbox_new(&cfg, b, 1, why);
	if (o == NULL) {
		must(why[0] != '\0');
		return;
	}
	for (uint64_t now = 2; now < 5; now++) {
		outbox_tick(o, now);
		outbox_flush(o);
		while (outbox_next(o, &out))
			outbox_sent(o, true);
	}
	outbox_free(o);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mu_bytes v = { data, size };

	values(v);
	body(v);
	disk(data, size);
	return 0;
}
