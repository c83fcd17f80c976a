/* Control sessions that write logs, and the shipper behind them on a node that
 * is its own logger. */
#include "check_outbox.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "core/control.h"
#include "core/control_ship.h"
#include "core/endpoint.h"
#include "core/shipper.h"
#include "layout/read.h"
#include "logrec/record.h"
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

static void
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

static void
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

static void
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

static void
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
static void
commit(void)
{
	disk_commit(disk, disk->sealed);
	outbox_durable(shipper_outbox(shipper), now);
	turn();
}

static struct control_session *
session(void)
{
	struct control_session *s = control_session_new(control, now);

	ck_assert_ptr_nonnull(s);
	return s;
}

/* All output so far, which is taken. */
static const char *
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

static char *
base64(const void *p, size_t len)
{
	char *out = malloc(len / 3 * 4 + 5);

	ck_assert_ptr_nonnull(out);
	EVP_EncodeBlock((uint8_t *)out, p, (int)len);
	return out;
}

static char *
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
static char *
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

static void
say(struct control_session *s, const char *line)
{
	control_session_feed(s, line, strlen(line), now);
}

/* id < 0: none */
static void
write_as(struct control_session *s, const char *create, const char *records,
    int id, bool flush)
{
	char *line;
	char tag[32] = "";

	if (id >= 0)
		snprintf(tag, sizeof tag, ",\"id\":%d", id);
	line = mu_asprintf("{\"op\":\"log_write\",\"create\":\"%s\","
			   "\"records\":\"%s\"%s%s}\n",
	    create, records, tag, flush ? ",\"flush\":true" : "");
	say(s, line);
	mu_free(line);
}

static void
write_counts(
    struct control_session *s, uint64_t first, size_t n, int id, bool flush)
{
	char *create = create_of("T::LOG", MU_LOG_COUNT);
	char *records = records_of(first, n);

	write_as(s, create, records, id, flush);
	free(create);
	free(records);
}

static struct outbox_facts
facts(void)
{
	struct outbox_facts f;

	outbox_facts(shipper_outbox(shipper), &f);
	return f;
}

/* The own logger has it on disk. */
static void
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

/* --- tests --------------------------------------------------------------- */

START_TEST(accepted_means_on_disk)
{
	struct control_session *s = session();

	write_counts(s, 1, 3, -1, true);
	turn();
	ck_assert_str_eq(output(s), "");
	ck_assert_uint_eq(nbatches, 0);
	commit();
	ck_assert_str_eq(output(s), "{\"ok\":true,\"accepted\":3}\n");
	ck_assert_uint_eq(nbatches, 1);
	ck_assert_uint_eq(facts().waiting, 3);
	take_last();
	commit();
	ck_assert_uint_eq(facts().waiting, 0);
	ck_assert_uint_eq(facts().delivered, 3);
	control_session_free(s);
}
END_TEST

START_TEST(without_flush_it_waits_for_more)
{
	struct control_session *s = session();
	uint64_t sealed;

	write_counts(s, 1, 3, -1, false);
	turn();
	commit();
	ck_assert_str_eq(output(s), "");
	sealed = disk->sealed;
	now += SECOND - 1;
	turn();
	ck_assert_uint_eq(disk->sealed, sealed);
	now += 1;
	turn();
	commit();
	ck_assert_str_eq(output(s), "{\"ok\":true,\"accepted\":3}\n");
	control_session_free(s);
}
END_TEST

START_TEST(a_failed_disk_refuses)
{
	struct control_session *s = session();

	write_counts(s, 1, 3, 8, true);
	turn();
	disk->fail = MUSTER_ELIMIT;
	turn();
	ck_assert_str_eq(output(s),
	    "{\"ok\":false,\"id\":8,\"error\":\"the spool: limit "
	    "reached\",\"code\":\"full\"}\n");
	ck_assert_uint_eq(facts().accepted, 0);
	ck_assert_uint_eq(facts().refused, 3);
	write_counts(s, 1, 3, 9, true);
	turn();
	commit();
	ck_assert_str_eq(output(s), "{\"ok\":true,\"id\":9,\"accepted\":3}\n");
	control_session_free(s);
}
END_TEST

START_TEST(sixteen_are_under_way_and_no_more)
{
	struct control_session *s = session();

	for (int i = 0; i < 20; i++)
		write_counts(s, (uint64_t)i, 1, i, true);
	turn();
	ck_assert_uint_eq(facts().accepted, 16);
	commit();
	turn();
	ck_assert_uint_eq(facts().accepted, 20);
	commit();
	ck_assert_ptr_nonnull(
	    strstr(output(s), "{\"ok\":true,\"id\":19,\"accepted\":1}\n"));
	control_session_free(s);
}
END_TEST

START_TEST(others_wait_for_one_without_an_id)
{
	struct control_session *s = session();

	write_counts(s, 1, 1, -1, true);
	say(s, "{\"op\":\"version\"}\n");
	turn();
	ck_assert_str_eq(output(s), "");
	commit();
	ck_assert_str_eq(output(s),
	    "{\"ok\":true,\"accepted\":1}\n"
	    "{\"ok\":true,\"version\":\"1.2.3\",\"protocol\":1}\n");
	control_session_free(s);
}
END_TEST

static void
check_refusal(const char *create, const char *records, const char *code)
{
	struct control_session *s = session();
	char want[64];

	write_as(s, create, records, -1, true);
	turn();
	snprintf(want, sizeof want, "\"code\":\"%s\"}\n", code);
	ck_assert_msg(strstr(output(s), want) != NULL, "%s", code);
	ck_assert_uint_eq(facts().accepted, 0);
	control_session_free(s);
}

START_TEST(what_is_no_record_is_refused)
{
	char *create = create_of("T::LOG", MU_LOG_COUNT);
	char *other = create_of("T::LOG", MU_LOG_INT);
	char *records = records_of(1, 2);
	char *cut = base64("\0\0\0\x15\0\0", 6);

	check_refusal("????", records, "usage");
	check_refusal("AAA", records, "usage");
	check_refusal("=AAA", records, "usage");
	check_refusal("", records, "usage");
	check_refusal(create, "", "usage");
	check_refusal(create, cut, "usage");
	check_refusal(other, records, "record");
	free(create);
	free(other);
	free(records);
	free(cut);
}
END_TEST

START_TEST(columns_stay_as_they_are)
{
	static const uint8_t integer[] = { 0, 0, 0, 21, 0, 0, 0, 1, 0, 0, 0, 2,
		0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7 };
	struct control_session *s = session();
	char *create = create_of("T::LOG", MU_LOG_INT);
	char *records = base64(integer, sizeof integer);

	write_counts(s, 1, 1, -1, true);
	turn();
	commit();
	output(s);
	write_as(s, create, records, -1, true);
	ck_assert_ptr_nonnull(strstr(output(s), "\"code\":\"columns\"}\n"));
	control_session_free(s);
	free(create);
	free(records);
}
END_TEST

START_TEST(a_full_spool_says_so)
{
	struct control_session *s = session();
	size_t n;

	taking = false;
	for (n = 0; n < 2000; n++) {
		write_counts(s, n, 10, -1, true);
		turn();
		commit();
		if (strstr(output(s), "\"code\":\"full\"") != NULL)
			break;
	}
	/* a batch counts as 1 KiB, and the limit is 1 MiB */
	ck_assert_uint_ge(n, 1000);
	ck_assert_uint_le(n, 1024);
	ck_assert_uint_eq(facts().refused, 10);
	control_session_free(s);
}
END_TEST

START_TEST(the_disk_may_be_behind)
{
	struct control_session *s = session();
	struct mu_log_stream text = { 0 };
	struct mu_buf b;
	size_t len = 5u << 20, said = 0;
	char *create, *records;

	/* one record, a string of 5 MiB; the spool has room for many */
	layout->logs.spool_bytes = 1u << 30;
	ck_assert_int_eq(shipper_reload(shipper, layout), 0);
	mu_buf_init(&b, 0);
	ck_assert_int_eq(
	    mu_log_stream_init(&text, "S::LOG", MU_LOG_WRITER_ASCII, "s", NULL),
	    0);
	ck_assert_int_eq(mu_log_stream_add(&text, "s", 1, MU_LOG_STRING,
			     MU_LOG_VOID, false, NULL),
	    0);
	mu_log_stream_enc(&b, &text);
	create = base64(mu_buf_data(&b), mu_buf_len(&b));
	mu_buf_reset(&b);
	mu_buf_u32(&b, (uint32_t)(17 + len));
	mu_buf_u32(&b, 1);
	mu_buf_u32(&b, MU_LOG_STRING);
	mu_buf_u32(&b, 0);
	mu_buf_u8(&b, 1);
	mu_buf_u32(&b, (uint32_t)len);
	for (size_t i = 0; i < len; i++)
		mu_buf_u8(&b, 'x');
	records = base64(mu_buf_data(&b), mu_buf_len(&b));
	for (int i = 0; i < 7; i++) {
		write_as(s, create, records, i, true);
		turn();
		said += strstr(output(s), "\"ok\":false") != NULL;
	}
	ck_assert_uint_eq(facts().accepted, 6);
	commit();
	commit();
	ck_assert_uint_eq(facts().accepted, 7);
	ck_assert_uint_eq(said, 0);
	control_session_free(s);
	mu_log_stream_clear(&text);
	mu_buf_clear(&b);
	free(create);
	free(records);
}
END_TEST

START_TEST(a_session_may_end_in_between)
{
	struct control_session *s = session();

	write_counts(s, 1, 1, 1, true);
	write_counts(s, 2, 1, 2, false);
	turn();
	control_session_free(s);
	commit();
	now += 2 * SECOND;
	turn();
	commit();
	ck_assert_uint_eq(facts().accepted, 2);
}
END_TEST

START_TEST(a_node_may_send_no_logs)
{
	struct control_session *s;

	control_set_shipper(control, NULL);
	s = session();
	write_counts(s, 1, 1, 4, true);
	ck_assert_str_eq(output(s),
	    "{\"ok\":false,\"id\":4,\"error\":\"this node sends no logs\","
	    "\"code\":\"off\"}\n");
	say(s, "{\"op\":\"logs\"}\n");
	ck_assert_str_eq(output(s), "{\"ok\":true,\"logger\":null}\n");
	control_session_free(s);
}
END_TEST

START_TEST(logs_tells_of_the_spool)
{
	struct control_session *s = session();
	const char *text;

	write_counts(s, 1, 3, -1, true);
	turn();
	commit();
	output(s);
	say(s, "{\"op\":\"logs\"}\n");
	text = output(s);
	ck_assert_ptr_nonnull(strstr(text, "\"sender\":{\"spool\":"));
	ck_assert_ptr_nonnull(strstr(text, "\"accepted\":3,"));
	ck_assert_ptr_nonnull(
	    strstr(text, "{\"name\":\"manager\",\"state\":\"up\","));
	ck_assert_ptr_nonnull(strstr(text, "\"in_flight\":1,"));
	ck_assert_ptr_nonnull(
	    strstr(text, "{\"stream\":\"T::LOG\",\"path\":\"p\","));
	control_session_free(s);
}
END_TEST

/* Columns and values as Zeek has them (recording "zeek-logging"). */
START_TEST(own_records_have_zeeks_columns)
{
	const struct mu_log_stream *about;
	struct mu_log_record r = { 0 };
	struct mu_log_walk w;
	struct mu_log_item item;
	struct delivery_batch d;

	shipper_broker(shipper, 1700000000123456789, "Broker::STATUS",
	    "peer-added", "127.0.0.1", 9999, "handshake successful", now);
	shipper_cluster(shipper, 1700000000123456789, "node up: x", now);
	now += 2 * SECOND;
	turn();
	commit();
	ck_assert_uint_eq(nbatches, 2);
	ck_assert_int_eq(
	    delivery_batch_dec(&d, mu_buf_data(&last), mu_buf_len(&last)), 0);
	ck_assert_int_eq(mu_log_walk_init(&w, d.batch, d.batch_len), 0);
	ck_assert(mu_log_walk_next(&w, &item));
	ck_assert_int_eq(item.kind, MUSTER_MESSAGE_LOG_CREATE);
	ck_assert(mu_log_walk_next(&w, &item));
	ck_assert_int_eq(item.kind, MUSTER_MESSAGE_LOG_WRITE);
	ck_assert_uint_eq(item.write.stream_len, strlen("Broker::LOG"));
	about = outbox_stream_of(shipper_outbox(shipper), 2);
	ck_assert_str_eq(about->stream, "Broker::LOG");
	ck_assert_int_eq(mu_log_record_dec(&r, about, item.write.serial,
			     item.write.serial_len, NULL),
	    0);
	ck_assert_uint_eq(r.nfields, 6);
	ck_assert(r.values[0].u.real == 1700000000.123457);
	ck_assert_uint_eq(r.values[4].u.port.number, 9999);
	mu_log_record_clear(&r);
}
END_TEST

static bool
make(void *ctx)
{
	struct shipper_hooks own = { .deliver = on_deliver };
	struct disk *d = ctx;
	char why[OUTBOX_WHY];
	struct shipper *s =
	    shipper_new(endpoint, layout, &own, &d->base, 7, now, why);

	/* what is stored at the end may fail without a trace */
	mu_alloc_set_hook(NULL, NULL);
	shipper_free(s);
	return s != NULL;
}

START_TEST(memory_may_be_out_at_the_start)
{
	struct disk *d = disk_new();

	nomem_each(make, d);
	disk_free(d);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("control_ship");
	TCase *t = tcase_create("sessions");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);

	tcase_set_timeout(t, 60);
	tcase_add_test(t, accepted_means_on_disk);
	tcase_add_test(t, without_flush_it_waits_for_more);
	tcase_add_test(t, a_failed_disk_refuses);
	tcase_add_test(t, sixteen_are_under_way_and_no_more);
	tcase_add_test(t, others_wait_for_one_without_an_id);
	tcase_add_test(t, what_is_no_record_is_refused);
	tcase_add_test(t, columns_stay_as_they_are);
	tcase_add_test(t, a_full_spool_says_so);
	tcase_add_test(t, the_disk_may_be_behind);
	tcase_add_test(t, a_session_may_end_in_between);
	tcase_add_test(t, a_node_may_send_no_logs);
	tcase_add_test(t, logs_tells_of_the_spool);
	tcase_add_test(t, own_records_have_zeeks_columns);
	tcase_add_test(t, memory_may_be_out_at_the_start);

	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
