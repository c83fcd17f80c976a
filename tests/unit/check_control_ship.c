/* Control sessions that write logs, and the shipper behind them on a node that
 * is its own logger. */
#include "control_ship.h"
#include "unit.h"

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

/* The spool has room again when the second request comes; accepted before the
 * first, it would come again when the client sends everything from there. */
START_TEST(ordered_ones_stay_in_order)
{
	struct control_session *s = session(), *other = session();
	size_t before;

	taking = false;
	ordered = true;
	disk->fail = MUSTER_ELIMIT;
	write_counts(s, 1, 3, 1, true);
	turn();
	ck_assert_ptr_nonnull(strstr(output(s), "\"code\":\"full\""));
	write_counts(s, 4, 3, 2, true);
	write_counts(other, 7, 3, 3, true);
	turn();
	commit();
	ck_assert_str_eq(output(s),
	    "{\"ok\":false,\"id\":2,\"error\":\"an earlier request was "
	    "refused\",\"code\":\"order\"}\n");
	ck_assert_str_eq(
	    output(other), "{\"ok\":true,\"id\":3,\"accepted\":3}\n");
	/* who asks for no order is not held to it */
	ordered = false;
	before = facts().accepted;
	write_counts(s, 10, 2, 4, true);
	turn();
	commit();
	ck_assert_uint_eq(facts().accepted, before + 2);
	control_session_free(s);
	control_session_free(other);
}
END_TEST

START_TEST(what_was_collected_falls_with_what_was_written)
{
	struct control_session *s = session();
	const char *text;

	ordered = true;
	write_counts(s, 1, 3, 1, true);
	turn();
	write_counts(s, 4, 3, 2, false); /* waits for more, in memory */
	disk->fail = MUSTER_ELIMIT;
	turn();
	text = output(s);
	ck_assert_ptr_nonnull(strstr(text, "{\"ok\":false,\"id\":1,"));
	ck_assert_ptr_nonnull(strstr(text, "{\"ok\":false,\"id\":2,"));
	now += 2 * SECOND;
	turn();
	commit();
	ck_assert_uint_eq(facts().accepted, 0);
	ck_assert_uint_eq(facts().refused, 6);
	control_session_free(s);
	ordered = false;
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
	tcase_add_test(t, ordered_ones_stay_in_order);
	tcase_add_test(t, what_was_collected_falls_with_what_was_written);
	tcase_add_test(t, the_disk_may_be_behind);
	tcase_add_test(t, a_session_may_end_in_between);
	tcase_add_test(t, a_node_may_send_no_logs);
	tcase_add_test(t, logs_tells_of_the_spool);
	tcase_add_test(t, own_records_have_zeeks_columns);
	tcase_add_test(t, memory_may_be_out_at_the_start);

	suite_add_tcase(s, t);
	return unit_run(s);
}
