/* Create messages, write messages and batches of logs. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logrec/message.h"
#include "logrec/record.h"
#include "logrec/stream.h"
#include "muster/err.h"
#include "muster/event.h"
#include "nomem.h"
#include "unit.h"

#define ASCII MU_LOG_WRITER_ASCII

static void
make_stream(struct mu_log_stream *s)
{
	ck_assert_int_eq(
	    mu_log_stream_init(s, "Conn::LOG", ASCII, "conn", NULL), 0);
	ck_assert_int_eq(
	    mu_log_stream_add(s, "ts", 2, MU_LOG_TIME, 0, false, NULL), 0);
	ck_assert_int_eq(
	    mu_log_stream_add(s, "id.orig_h", 9, MU_LOG_ADDR, 0, false, NULL),
	    0);
	ck_assert_int_eq(mu_log_stream_add(s, "tunnel_parents", 14, MU_LOG_SET,
			     MU_LOG_STRING, true, NULL),
	    0);
	ck_assert_int_eq(mu_log_stream_config(s, "tsv", "T", NULL), 0);
	ck_assert_int_eq(mu_log_stream_config(s, "separator", "|", NULL), 0);
	ck_assert_int_eq(mu_log_stream_config(s, "tsv", "F", NULL), 0);
	s->rotation_base = -1;
	s->rotation_interval = 3600;
	s->network_time = 1700000000.25;
}

START_TEST(a_create_message_comes_back)
{
	struct mu_log_stream s, t;
	struct mu_log_why why;
	struct muster_value *v;
	struct mu_buf b, again;

	make_stream(&s);
	mu_buf_init(&b, 0);
	mu_buf_init(&again, 0);
	mu_log_stream_enc(&b, &s);
	ck_assert_int_eq(mu_buf_error(&b), 0);
	ck_assert_int_eq(
	    muster_value_dec(mu_buf_data(&b), mu_buf_len(&b), &v), 0);
	ck_assert_int_eq(muster_message_kind(v), MUSTER_MESSAGE_LOG_CREATE);
	muster_value_unref(v);
	ck_assert_int_eq(
	    mu_log_stream_dec(&t, mu_buf_data(&b), mu_buf_len(&b), &why), 0);
	ck_assert(mu_log_stream_same(&s, &t));
	ck_assert(mu_log_stream_same_fields(&s, &t));
	ck_assert_str_eq(mu_log_stream_get(&t, "tsv"), "F");
	ck_assert_str_eq(mu_log_stream_get(&t, "separator"), "|");
	ck_assert_ptr_null(mu_log_stream_get(&t, "nothing"));
	ck_assert_double_eq(t.network_time, 1700000000.25);
	ck_assert_double_eq(t.rotation_base, -1);
	ck_assert(t.fields[2].optional && !t.fields[0].optional);
	mu_log_stream_enc(&again, &t);
	ck_assert_mem_eq(mu_buf_data(&b), mu_buf_data(&again), mu_buf_len(&b));
	for (size_t n = 0; n < mu_buf_len(&b); n++) {
		struct mu_log_stream bad;

		ck_assert_int_ne(
		    mu_log_stream_dec(&bad, mu_buf_data(&b), n, &why), 0);
	}
	mu_log_stream_clear(&t);
	ck_assert_int_eq(mu_log_stream_copy(&t, &s), 0);
	ck_assert(mu_log_stream_same_fields(&s, &t));
	mu_log_stream_clear(&s);
	mu_log_stream_clear(&t);
	mu_buf_clear(&b);
	mu_buf_clear(&again);
}
END_TEST

START_TEST(bad_columns_are_refused)
{
	static char longer[MU_LOG_MAX_NAME + 2];
	struct mu_log_stream s;
	struct mu_log_why why;
	char name[16];
	int rc = 0;

	make_stream(&s);
	ck_assert_int_eq(
	    mu_log_stream_add(&s, "ts", 2, MU_LOG_TIME, 0, false, &why),
	    MUSTER_EEXIST);
	ck_assert_str_eq(why.text, "field ts: there are two of that name");
	ck_assert_int_eq(
	    mu_log_stream_add(&s, "", 0, MU_LOG_TIME, 0, false, &why),
	    MUSTER_EINVAL);
	ck_assert_int_eq(
	    mu_log_stream_add(&s, "a\tb", 3, MU_LOG_TIME, 0, false, &why),
	    MUSTER_EINVAL);
	ck_assert_int_eq(
	    mu_log_stream_add(&s, "x", 1, MU_LOG_SET, MU_LOG_SET, false, &why),
	    MUSTER_ETYPE);
	ck_assert_int_eq(
	    mu_log_stream_add(&s, "x", 1, (enum mu_log_type)13, 0, false, &why),
	    MUSTER_ETYPE);
	memset(longer, 'x', sizeof longer - 1);
	ck_assert_int_eq(mu_log_stream_add(&s, longer, sizeof longer - 1,
			     MU_LOG_INT, 0, false, &why),
	    MUSTER_ELIMIT);
	for (int i = 0; rc == 0; i++) {
		snprintf(name, sizeof name, "f%d", i);
		rc = mu_log_stream_add(
		    &s, name, strlen(name), MU_LOG_INT, 0, false, &why);
	}
	ck_assert_int_eq(rc, MUSTER_ELIMIT);
	ck_assert_uint_eq(s.nfields, MU_LOG_MAX_FIELDS);
	mu_log_stream_clear(&s);
}
END_TEST

static void
make_write(struct mu_log_write *w, const char *serial)
{
	*w = (struct mu_log_write){
		.stream = "Conn::LOG",
		.stream_len = 9,
		.writer = ASCII,
		.writer_len = strlen(ASCII),
		.path = "conn",
		.path_len = 4,
		.serial = (const uint8_t *)serial,
		.serial_len = strlen(serial),
	};
}

START_TEST(a_batch_is_walked_without_copying)
{
	struct mu_log_write w;
	struct mu_log_batch b;
	struct mu_log_walk walk;
	struct mu_log_item item;
	struct muster_value *v;
	const uint8_t *bytes;
	size_t len;
	char text[16];

	mu_log_batch_init(&b, 0, 0);
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof text, "r%d", i);
		make_write(&w, text);
		ck_assert_int_eq(mu_log_batch_add(&b, &w), 0);
	}
	ck_assert_int_eq(mu_log_batch_finish(&b, &bytes, &len), 0);
	ck_assert_int_eq(muster_value_dec(bytes, len, &v), 0);
	ck_assert_int_eq(muster_message_kind(v), MUSTER_MESSAGE_BATCH);
	ck_assert_uint_eq(muster_value_size(muster_value_at(v, 2)), 200);
	muster_value_unref(v);
	ck_assert_int_eq(mu_log_walk_init(&walk, bytes, len), 0);
	for (int i = 0; i < 200; i++) {
		struct mu_log_write alone;

		snprintf(text, sizeof text, "r%d", i);
		ck_assert(mu_log_walk_next(&walk, &item));
		ck_assert_int_eq(item.kind, MUSTER_MESSAGE_LOG_WRITE);
		ck_assert_mem_eq(item.write.serial, text, strlen(text));
		ck_assert_uint_eq(item.write.serial_len, strlen(text));
		ck_assert(item.write.serial > bytes);
		ck_assert_int_eq(
		    mu_log_write_dec(&alone, item.bytes, item.len), 0);
		ck_assert_ptr_eq(alone.serial, item.write.serial);
	}
	ck_assert(!mu_log_walk_next(&walk, &item));
	for (size_t n = 0; n < len; n++)
		ck_assert_int_ne(mu_log_walk_init(&walk, bytes, n), 0);
	mu_log_batch_clear(&b);
}
END_TEST

/* vector(3 or 4) count 1 count kind vector(n) */
static void
head(struct mu_buf *b, uint8_t outer, uint64_t kind, uint8_t n)
{
	mu_buf_u8(b, MUSTER_VECTOR);
	mu_buf_u8(b, outer);
	mu_buf_u8(b, MUSTER_COUNT);
	mu_buf_u64(b, 1);
	mu_buf_u8(b, MUSTER_COUNT);
	mu_buf_u64(b, kind);
	mu_buf_u8(b, MUSTER_VECTOR);
	mu_buf_u8(b, n);
}

START_TEST(nested_batches_and_surplus_values_are_followed)
{
	struct mu_log_write w;
	struct mu_log_walk walk;
	struct mu_log_item item;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	make_write(&w, "one");
	head(&b, 4, MUSTER_MESSAGE_BATCH, 3);
	head(&b, 5, MUSTER_MESSAGE_BATCH, 1);
	mu_log_write_enc(&b, &w);
	mu_buf_u8(&b, MUSTER_NONE);
	mu_buf_u8(&b, MUSTER_NONE);
	head(&b, 3, MUSTER_MESSAGE_BATCH, 0);
	make_write(&w, "two");
	mu_log_write_enc(&b, &w);
	mu_buf_u8(&b, MUSTER_NONE);
	ck_assert_int_eq(
	    mu_log_walk_init(&walk, mu_buf_data(&b), mu_buf_len(&b)), 0);
	ck_assert(mu_log_walk_next(&walk, &item));
	ck_assert_mem_eq(item.write.serial, "one", 3);
	ck_assert(mu_log_walk_next(&walk, &item));
	ck_assert_mem_eq(item.write.serial, "two", 3);
	ck_assert(!mu_log_walk_next(&walk, &item));
	ck_assert(!mu_log_walk_next(&walk, &item));
	mu_buf_reset(&b);
	for (unsigned i = 0; i <= MU_LOG_BATCH_DEPTH; i++)
		head(&b, 3, MUSTER_MESSAGE_BATCH,
		    i == MU_LOG_BATCH_DEPTH ? 0 : 1);
	ck_assert_int_eq(
	    mu_log_walk_init(&walk, mu_buf_data(&b), mu_buf_len(&b)),
	    MUSTER_ELIMIT);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(one_bad_element_spoils_the_batch)
{
	struct mu_log_write w;
	struct mu_log_walk walk;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	make_write(&w, "one");
	head(&b, 3, MUSTER_MESSAGE_BATCH, 2);
	mu_log_write_enc(&b, &w);
	head(&b, 3, MUSTER_MESSAGE_LOG_WRITE, 1);
	mu_buf_u8(&b, MUSTER_NONE);
	ck_assert_int_eq(
	    mu_log_walk_init(&walk, mu_buf_data(&b), mu_buf_len(&b)),
	    MUSTER_EPROTO);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(a_batch_has_its_limits)
{
	struct mu_log_write w;
	struct mu_log_batch b;
	const uint8_t *bytes;
	struct mu_log_walk walk;
	struct mu_log_item item;
	size_t len, one;

	make_write(&w, "0123456789");
	mu_log_batch_init(&b, 3, 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(mu_log_batch_add(&b, &w), 0);
	one = mu_log_batch_len(&b) / 3;
	ck_assert_int_eq(mu_log_batch_add(&b, &w), MUSTER_ELIMIT);
	ck_assert_uint_eq(mu_log_batch_len(&b), 3 * one);
	mu_log_batch_reset(&b);
	ck_assert_uint_eq(b.nrecords, 0);
	b.max_bytes = 2 * one;
	ck_assert_int_eq(mu_log_batch_add(&b, &w), 0);
	ck_assert_int_eq(mu_log_batch_add(&b, &w), 0);
	ck_assert_int_eq(mu_log_batch_add(&b, &w), MUSTER_ELIMIT);
	ck_assert_uint_eq(b.nrecords, 2);
	ck_assert_int_eq(mu_log_batch_finish(&b, &bytes, &len), 0);
	ck_assert_int_eq(mu_log_walk_init(&walk, bytes, len), 0);
	ck_assert(mu_log_walk_next(&walk, &item));
	mu_log_batch_reset(&b);
	b.max_bytes = 1;
	ck_assert_int_eq(mu_log_batch_add(&b, &w), 0);
	ck_assert_int_eq(mu_log_batch_add(&b, &w), MUSTER_ELIMIT);
	mu_log_batch_reset(&b);
	ck_assert_int_eq(mu_log_batch_finish(&b, &bytes, &len), 0);
	ck_assert_int_eq(mu_log_walk_init(&walk, bytes, len), 0);
	ck_assert(!mu_log_walk_next(&walk, &item));
	mu_log_batch_clear(&b);
}
END_TEST

/* --- serialized records ------------------------------------------------- */

/* What the stream's decoder says of the bytes b, which are then reset. */
static int
refuse(const struct mu_log_stream *s, struct mu_buf *b, const char *text)
{
	struct mu_log_record r = { 0 };
	struct mu_log_why why = { "" };
	int rc = mu_log_record_dec(&r, s, mu_buf_data(b), mu_buf_len(b), &why);

	ck_assert_str_eq(why.text, text);
	mu_log_record_clear(&r);
	mu_buf_reset(b);
	return rc;
}

static void
put_head(struct mu_buf *b, uint32_t type, uint8_t present)
{
	mu_buf_u32(b, type);
	mu_buf_u32(b, 0);
	mu_buf_u8(b, present);
}

static void
unset(struct mu_buf *b)
{
	mu_buf_u32(b, 3);
	put_head(b, MU_LOG_TIME, 0);
	put_head(b, MU_LOG_ADDR, 0);
}

START_TEST(bad_records_are_refused_by_name)
{
	struct mu_log_stream s;
	struct mu_buf b;

	make_stream(&s);
	mu_buf_init(&b, 0);
	mu_buf_u32(&b, UINT32_MAX);
	ck_assert_int_eq(
	    refuse(&s, &b, "4294967295 fields in a record of 4 bytes"),
	    MUSTER_ELIMIT);
	mu_buf_u32(&b, 2);
	put_head(&b, MU_LOG_TIME, 0);
	put_head(&b, MU_LOG_ADDR, 0);
	ck_assert_int_eq(
	    refuse(&s, &b, "expected 3 fields, got 2"), MUSTER_EPROTO);
	unset(&b);
	put_head(&b, 13, 0);
	ck_assert_int_eq(
	    refuse(&s, &b, "field tunnel_parents: unknown type 13"),
	    MUSTER_EPROTO);
	unset(&b);
	put_head(&b, MU_LOG_STRING, 0);
	ck_assert_int_eq(
	    refuse(&s, &b,
		"field tunnel_parents: it is of type 7 (string) where set is"
		" wanted"),
	    MUSTER_ETYPE);
	unset(&b);
	put_head(&b, MU_LOG_SET, 1);
	mu_buf_u64(&b, UINT64_MAX);
	ck_assert_int_eq(refuse(&s, &b,
			     "field tunnel_parents: more elements than the"
			     " record can hold"),
	    MUSTER_ELIMIT);
	unset(&b);
	put_head(&b, MU_LOG_SET, 1);
	mu_buf_u64(&b, 1);
	put_head(&b, MU_LOG_SET, 1);
	mu_buf_u64(&b, 0);
	ck_assert_int_eq(refuse(&s, &b,
			     "field tunnel_parents: an element of type 14 (set)"
			     " where string is wanted"),
	    MUSTER_ETYPE);
	unset(&b);
	put_head(&b, MU_LOG_SET, 0);
	mu_buf_u8(&b, 0);
	ck_assert_int_eq(
	    refuse(&s, &b, "1 bytes behind the last field"), MUSTER_EPROTO);
	mu_buf_u32(&b, 3);
	put_head(&b, MU_LOG_TIME, 0);
	put_head(&b, MU_LOG_ADDR, 1);
	mu_buf_u8(&b, 5);
	put_head(&b, MU_LOG_SET, 0);
	ck_assert_int_eq(refuse(&s, &b,
			     "field id.orig_h: the address is neither IPv4 nor"
			     " IPv6"),
	    MUSTER_EPROTO);
	unset(&b);
	put_head(&b, MU_LOG_SET, 1);
	mu_buf_u64(&b, 1);
	put_head(&b, MU_LOG_STRING, 1);
	mu_buf_u32(&b, 0x7fffffff);
	ck_assert_int_eq(refuse(&s, &b,
			     "field tunnel_parents: its length exceeds the"
			     " record"),
	    MUSTER_ELIMIT);
	mu_buf_clear(&b);
	mu_log_stream_clear(&s);
}
END_TEST

/* --- memory ------------------------------------------------------------- */

static bool
do_messages(void *ctx)
{
	struct mu_buf *create = ctx;
	struct mu_log_stream s, t;
	struct mu_log_batch batch;
	struct mu_log_write w;
	struct mu_log_record r = { 0 };
	const uint8_t *bytes;
	struct mu_buf b;
	size_t len;
	bool good;

	if (mu_log_stream_dec(
		&s, mu_buf_data(create), mu_buf_len(create), NULL) != 0)
		return false;
	mu_buf_init(&b, 0);
	mu_log_batch_init(&batch, 0, 0);
	make_write(&w, "x");
	good = mu_log_stream_copy(&t, &s) == 0;
	mu_log_stream_clear(&s);
	if (!good)
		return false;
	mu_log_stream_enc(&b, &t);
	good = mu_buf_error(&b) == 0 && mu_log_batch_add(&batch, &w) == 0 &&
	       mu_log_batch_finish(&batch, &bytes, &len) == 0 &&
	       mu_log_record_begin(&r, &t) == 0;
	for (int i = 0; i < 100 && good; i++) {
		if (i == 0)
			mu_log_record_list(&r, 2, MU_LOG_STRING);
		good = mu_log_record_add(&r, 2) != NULL;
	}
	mu_log_stream_clear(&t);
	mu_log_batch_clear(&batch);
	mu_log_record_clear(&r);
	mu_buf_clear(&b);
	return good;
}

START_TEST(memory_may_run_out)
{
	struct mu_log_stream s;
	struct mu_buf b;

	make_stream(&s);
	mu_buf_init(&b, 0);
	mu_log_stream_enc(&b, &s);
	ck_assert_uint_gt(nomem_each(do_messages, &b), 20);
	mu_buf_clear(&b);
	mu_log_stream_clear(&s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("logrec_message");
	TCase *t = tcase_create("logrec_message");

	tcase_add_test(t, a_create_message_comes_back);
	tcase_add_test(t, bad_columns_are_refused);
	tcase_add_test(t, a_batch_is_walked_without_copying);
	tcase_add_test(t, nested_batches_and_surplus_values_are_followed);
	tcase_add_test(t, one_bad_element_spoils_the_batch);
	tcase_add_test(t, a_batch_has_its_limits);
	tcase_add_test(t, bad_records_are_refused_by_name);
	tcase_add_test(t, memory_may_run_out);
	suite_add_tcase(s, t);
	return unit_run(s);
}
