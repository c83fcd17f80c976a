/* A node that is its own logger, its control socket, and a disk that is slow
 * or fails when a test says so. */
#ifndef UNIT_CONTROL_SHIP_H
#define UNIT_CONTROL_SHIP_H

#include "check_outbox.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "control/control.h"
#include "control/control_ship.h"
#include "core/endpoint.h"
#include "layout/read.h"
#include "logrec/record.h"
#include "logs/shipper.h"
#include "model_disk.h"
#include "nomem.h"

#define START 1000000000u

static const char layout_text[] =
    "cluster: test\n"
    "tls: none\n"
    "logs: {spool: 1 MiB, batch_interval: 1 s}\n"
    "nodes:\n"
    "  manager: {role: manager, host: 127.0.0.1, port: 27761}\n"
    "  worker-1: {role: worker, host: 127.0.0.1}\n";

static struct mu_layout *layout;
static struct endpoint *endpoint;
static struct control *control;
static struct shipper *shipper;
static struct disk *disk;
static uint64_t now;
static bool taking;        /* the own logger does */
static struct mu_buf last; /* the batch it got last */
static size_t nbatches;

static int
on_reload(void *ctx, char *err, size_t err_size)
{
	(void)ctx;
	(void)err;
	(void)err_size;
	return 0;
}

static int
on_log_level(void *ctx, const char *level)
{
	(void)ctx;
	(void)level;
	return 0;
}

__attribute__((unused)) static void
on_stop(void *ctx)
{
	(void)ctx;
}

static int64_t
on_wall(void *ctx)
{
	(void)ctx;
	return 1700000000000000000;
}

static int
on_deliver(void *ctx, const uint8_t *payload, size_t len)
{
	(void)ctx;
	if (!taking)
		return MUSTER_ELIMIT;
	mu_buf_reset(&last);
	mu_buf_put(&last, payload, len);
	nbatches++;
	return 0;
}

__attribute__((unused)) static void
setup(void)
{
	static const struct control_hooks hooks = { on_reload, on_log_level,
		on_stop, on_wall, NULL, NULL };
	struct shipper_hooks own = { .deliver = on_deliver };
	struct endpoint_config cfg = { .node = "manager", .seed = 1 };
	char why[OUTBOX_WHY];
	struct mu_diags d;

	now = START;
	taking = true;
	nbatches = 0;
	mu_buf_init(&last, 0);
	ck_assert_int_eq(mu_diags_init(&d, "t.yaml"), 0);
	layout = mu_layout_read("t.yaml", layout_text, strlen(layout_text), &d);
	if (layout == NULL)
		ck_abort_msg("%s", mu_diags_line(&d, 0));
	mu_diags_clear(&d);
	memset(cfg.id.bytes, 0x55, 16);
	cfg.layout = layout;
	endpoint = endpoint_new(&cfg, now);
	ck_assert_ptr_nonnull(endpoint);
	disk = disk_new();
	shipper = shipper_new(endpoint, layout, &own, &disk->base, 7, now, why);
	ck_assert_msg(shipper != NULL, "%s", why);
	control = control_new(endpoint, &hooks, "1.2.3", now);
	ck_assert_ptr_nonnull(control);
	control_set_shipper(control, shipper);
}

__attribute__((unused)) static void
teardown(void)
{
	control_set_shipper(control, NULL);
	control_free(control);
	shipper_free(shipper);
	endpoint_free(endpoint);
	mu_layout_free(layout);
	disk_free(disk);
	mu_buf_clear(&last);
}

/* --- helpers ------------------------------------------------------------- */

__attribute__((unused)) static void
turn(void)
{
	struct endpoint_out e;
	struct outbox_out out;
	bool any = true;

	shipper_tick(shipper, now);
	control_log_turn(control);
	while (any) {
		any = false;
		shipper_flush(shipper);
		while (shipper_next(shipper, &out)) {
			any = true;
			if (out.kind == OUTBOX_DONE)
				control_log_done(control, &out);
		}
	}
	while (endpoint_next(endpoint, &e))
		;
}

/* The disk has everything. */
__attribute__((unused)) static void
commit(void)
{
	disk_commit(disk, disk->sealed);
	outbox_durable(shipper_outbox(shipper), now);
	turn();
}

__attribute__((unused)) static struct control_session *
session(void)
{
	struct control_session *s = control_session_new(control, now);

	ck_assert_ptr_nonnull(s);
	return s;
}

/* All output so far, which is taken. */
__attribute__((unused)) static const char *
output(struct control_session *s)
{
	static char text[1 << 16];
	const uint8_t *p;
	size_t len, n = 0;

	while (control_session_peek(s, &p, &len)) {
		ck_assert_uint_lt(n + len, sizeof text);
		memcpy(text + n, p, len);
		n += len;
		control_session_consume(s, len);
	}
	text[n] = '\0';
	return text;
}

__attribute__((unused)) static char *
base64(const void *p, size_t len)
{
	char *out = malloc(len / 3 * 4 + 5);

	ck_assert_ptr_nonnull(out);
	EVP_EncodeBlock((uint8_t *)out, p, (int)len);
	return out;
}

__attribute__((unused)) static char *
create_of(const char *stream, enum mu_log_type type)
{
	struct mu_log_stream s = { 0 };
	struct mu_buf b;
	char *text;

	ck_assert_int_eq(
	    mu_log_stream_init(&s, stream, MU_LOG_WRITER_ASCII, "p", NULL), 0);
	ck_assert_int_eq(
	    mu_log_stream_add(&s, "n", 1, type, MU_LOG_VOID, false, NULL), 0);
	mu_buf_init(&b, 0);
	mu_log_stream_enc(&b, &s);
	text = base64(mu_buf_data(&b), mu_buf_len(&b));
	mu_buf_clear(&b);
	mu_log_stream_clear(&s);
	return text;
}

/* Counts from first on. */
__attribute__((unused)) static char *
records_of(uint64_t first, size_t n)
{
	uint8_t space[COUNT_RECORD];
	struct mu_buf b;
	char *text;

	mu_buf_init(&b, 0);
	for (size_t i = 0; i < n; i++) {
		put_count_record(space, first + i);
		mu_buf_u32(&b, COUNT_RECORD);
		mu_buf_put(&b, space, COUNT_RECORD);
	}
	text = base64(mu_buf_data(&b), mu_buf_len(&b));
	mu_buf_clear(&b);
	return text;
}

__attribute__((unused)) static void
say(struct control_session *s, const char *line)
{
	control_session_feed(s, line, strlen(line), now);
}

static bool ordered; /* requests say so */

/* id < 0: none */
__attribute__((unused)) static void
write_as(struct control_session *s, const char *create, const char *records,
    int id, bool flush)
{
	char *line;
	char tag[32] = "";

	if (id >= 0)
		snprintf(tag, sizeof tag, ",\"id\":%d", id);
	line = mu_asprintf("{\"op\":\"log_write\",\"create\":\"%s\","
			   "\"records\":\"%s\"%s%s%s}\n",
	    create, records, tag, flush ? ",\"flush\":true" : "",
	    ordered ? ",\"ordered\":true" : "");
	say(s, line);
	mu_free(line);
}

__attribute__((unused)) static void
write_counts(
    struct control_session *s, uint64_t first, size_t n, int id, bool flush)
{
	char *create = create_of("T::LOG", MU_LOG_COUNT);
	char *records = records_of(first, n);

	write_as(s, create, records, id, flush);
	free(create);
	free(records);
}

__attribute__((unused)) static struct outbox_facts
facts(void)
{
	struct outbox_facts f;

	outbox_facts(shipper_outbox(shipper), &f);
	return f;
}

/* The own logger has it on disk. */
__attribute__((unused)) static void
take_last(void)
{
	struct delivery_batch d;
	struct delivery_answer a = { .logger = "manager", .logger_len = 7 };
	struct mu_buf b;

	ck_assert_int_eq(
	    delivery_batch_dec(&d, mu_buf_data(&last), mu_buf_len(&last)), 0);
	a.session = d.session;
	a.seq = d.seq;
	mu_buf_init(&b, 0);
	delivery_answer_enc(&b, &a);
	shipper_answer(shipper, mu_buf_data(&b), mu_buf_len(&b), now);
	mu_buf_clear(&b);
	turn();
}

#endif
