/*
 * Store commands: what decodes encodes to the same facts; and whatever
 * arrives, a master and a clone with some content stay on their feet.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/clone.h"
#include "store/command.h"
#include "store/master.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct mu_entity master_id = { { { 1 } }, 8 };
static const struct mu_entity clone_id = { { { 2 } }, 8 };

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
come_back(const uint8_t *data, size_t size)
{
	struct mu_command c, d;
	struct mu_buf once, twice;

	if (mu_command_dec(&c, data, size) != 0)
		return;
	mu_buf_init(&once, 0);
	mu_buf_init(&twice, 0);
	mu_command_enc(&once, &c);
	must(mu_command_dec(&d, mu_buf_data(&once), mu_buf_len(&once)) == 0);
	mu_command_enc(&twice, &d);
	must(mu_buf_len(&once) == mu_buf_len(&twice) &&
	     memcmp(mu_buf_data(&once), mu_buf_data(&twice),
		 mu_buf_len(&once)) == 0);
	mu_command_clear(&c);
	mu_command_clear(&d);
	mu_buf_clear(&once);
	mu_buf_clear(&twice);
}

/* Some pairs, more than fit into one chunk. */
static struct mu_backend *
filled(void)
{
	struct mu_backend *b = mu_backend_memory_new(0);

	must(b != NULL);
	for (uint8_t i = 0; i < 40; i++) {
		uint8_t key[3] = { 5, 1, (uint8_t)('a' + i) }; /* a string */
		struct mu_bytes k = { key, sizeof key };

		must(b->ops->put(b, k, k, 0) == 0);
	}
	return b;
}

static void
feed_master(const uint8_t *data, size_t size)
{
	struct mu_store_now now = { 1, 1 };
	struct mu_master_config config;
	struct mu_store_out out;
	struct mu_master *m;
	struct mu_command attach = { .tag = MU_CMD_ATTACH, .sender = clone_id };
	struct mu_buf b;

	mu_master_config_init(&config);
	config.entity = master_id;
	config.epoch = 1;
	config.resume = true;
	config.chunk_bytes = 32;
	m = mu_master_new(&config, filled(), &now);
	must(m != NULL);
	mu_buf_init(&b, 0);
	mu_command_enc(&b, &attach);
	mu_master_feed(m, mu_buf_data(&b), mu_buf_len(&b), &now);
	attach.tag = MU_CMD_ATTACH_WRITER;
	mu_buf_reset(&b);
	mu_command_enc(&b, &attach);
	mu_master_feed(m, mu_buf_data(&b), mu_buf_len(&b), &now);
	for (int i = 0; i < 8; i++) {
		mu_master_feed(m, data, size, &now);
		mu_master_flush(m);
		while (mu_master_next(m, &out))
			;
		now.mono += MU_CHANNEL_TICK_NS;
		mu_master_tick(m, &now);
	}
	mu_buf_clear(&b);
	mu_master_free(m);
}

static void
feed_clone(const uint8_t *data, size_t size)
{
	struct mu_store_now now = { 1, 1 };
	struct mu_clone_config config;
	struct mu_store_out out;
	struct mu_clone *c;
	struct mu_command hello = {
		.tag = MU_CMD_ACK_CLONE,
		.sender = master_id,
		.receiver = clone_id,
	};
	struct mu_command attached = {
		.tag = MU_CMD_ATTACHED,
		.sender = master_id,
		.receiver = clone_id,
		.epoch = 1,
		.flags = MU_ATTACHED_FRESH,
	};
	struct mu_buf b, a;

	mu_clone_config_init(&config);
	config.entity = clone_id;
	c = mu_clone_new(&config, filled(), &now);
	must(c != NULL);
	mu_buf_init(&a, 0);
	mu_buf_init(&b, 0);
	mu_command_enc(&b, &hello);
	mu_command_enc(&a, &attached);
	for (int i = 0; i < 8; i++) {
		if (i == 2)
			mu_clone_feed(c, mu_buf_data(&b), mu_buf_len(&b), &now);
		if (i == 5) {
			mu_clone_set_master(c, &master_id.endpoint, true, &now);
			mu_clone_feed(c, mu_buf_data(&a), mu_buf_len(&a), &now);
		}
		mu_clone_feed(c, data, size, &now);
		mu_clone_flush(c);
		while (mu_clone_next(c, &out))
			;
		now.mono += MU_CHANNEL_TICK_NS;
		mu_clone_tick(c, &now);
	}
	mu_buf_clear(&a);
	mu_buf_clear(&b);
	mu_clone_free(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	come_back(data, size);
	feed_master(data, size);
	feed_clone(data, size);
	return 0;
}
