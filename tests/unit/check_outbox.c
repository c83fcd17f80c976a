/*
 * The outbox: what goes to whom and when, as real Zeek workers did it in a
 * recording; its limit, its disk, its marks.  Loggers that answer are
 * check_outbox_answer.c's, chance is check_outbox_model.c's.
 */
#include "outbox_case.h"

#include <jansson.h>

#include "base/text.h"
#include "unit.h"

/* --- to whom and when ---------------------------------------------------- */

START_TEST(four_hundred_leave_as_two_hundred_each)
{
	uint32_t s = outbox_counts(outbox, "A::LOG");
	uint64_t n[400];

	up("logger-1", false);
	up("logger-2", false);
	add(s, 0, 399);
	turn();
	ck_assert_uint_eq(nsent, 0);
	add(s, 399, 1);
	turn();
	ck_assert_uint_eq(nsent, 2);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_uint_eq(
		    numbers_in(sent[i].payload, sent[i].len, n, 400), 200);
		for (size_t k = 0; k < 200; k++)
			ck_assert_uint_eq(n[k], 2 * k + i);
	}
	ck_assert_str_eq(sent[0].topic, "zeek/cluster/node/logger-1/");
	ck_assert_str_eq(sent[1].topic, "zeek/cluster/node/logger-2/");
	ck_assert_uint_eq(naccepted, 400);
	ck_assert_uint_eq(facts().delivered, 400);
	ck_assert_uint_eq(facts().batches, 0);
}
END_TEST

START_TEST(one_turn_goes_over_all_streams)
{
	uint32_t a = outbox_counts(outbox, "A::LOG");
	uint32_t b = outbox_counts(outbox, "B::LOG");
	uint64_t n[8];

	up("logger-1", false);
	up("logger-2", false);
	add(a, 0, 1);
	add(b, 1, 1);
	add(a, 2, 1);
	add(b, 3, 2);
	later(SECOND - 1);
	ck_assert_uint_eq(nsent, 0);
	later(1);
	/* A: 0, 2 to the first; B: 1, 3 to the second, 4 to the first */
	ck_assert_uint_eq(nsent, 3);
	ck_assert_str_eq(sent[0].logger, "logger-1");
	ck_assert_uint_eq(numbers_in(sent[0].payload, sent[0].len, n, 8), 2);
	ck_assert_uint_eq(n[1], 2);
	ck_assert_str_eq(sent[1].logger, "logger-1");
	ck_assert_uint_eq(numbers_in(sent[1].payload, sent[1].len, n, 8), 1);
	ck_assert_uint_eq(n[0], 4);
	ck_assert_str_eq(sent[2].logger, "logger-2");
	ck_assert_uint_eq(numbers_in(sent[2].payload, sent[2].len, n, 8), 2);
	ck_assert_uint_eq(n[0], 1);
	ck_assert_uint_eq(n[1], 3);
}
END_TEST

START_TEST(streams_are_announced_once_and_told_to_newcomers)
{
	const char *topic;
	const uint8_t *bytes;
	size_t len;

	outbox_counts(outbox, "A::LOG");
	outbox_counts(outbox, "B::LOG");
	turn();
	ck_assert_str_eq(announced, "zeek/logs/A::LOG\nzeek/logs/B::LOG\n");
	turn();
	ck_assert_str_eq(announced, "zeek/logs/A::LOG\nzeek/logs/B::LOG\n");
	ck_assert(outbox_create(outbox, 1, &topic, &bytes, &len));
	ck_assert_str_eq(topic, "zeek/logs/B::LOG");
	ck_assert(!outbox_create(outbox, 2, &topic, &bytes, &len));
}
END_TEST

START_TEST(without_loggers_everybody_may_hear)
{
	uint32_t s;

	outbox_free(outbox);
	cfg.alone = true;
	open_outbox();
	s = outbox_counts(outbox, "A::LOG");
	deaf = true;
	add(s, 0, 3);
	later(SECOND);
	ck_assert_uint_eq(facts().waiting, 3);
	deaf = false;
	outbox_try_again(outbox); /* somebody subscribed */
	turn();
	ck_assert_uint_eq(nsent, 1);
	ck_assert_str_eq(sent[0].topic, "zeek/logs/A::LOG");
	ck_assert_uint_eq(facts().delivered, 3);
}
END_TEST

/* --- a recording --------------------------------------------------------- */

static uint8_t *
unhex(json_t *o, const char *key, size_t *len)
{
	const char *hex = json_string_value(json_object_get(o, key));
	uint8_t *bytes = malloc(strlen(hex) / 2 + 1);
	long n = mu_text_unhex(hex, bytes);

	ck_assert_int_gt(n, 0);
	*len = (size_t)n;
	return bytes;
}

/* The records of a Batch message. */
static size_t
records_in(
    const uint8_t *payload, size_t len, struct mu_bytes *out, size_t most)
{
	struct mu_log_walk w;
	struct mu_log_item item;
	size_t n = 0;

	ck_assert_int_eq(mu_log_walk_init(&w, payload, len), 0);
	while (mu_log_walk_next(&w, &item)) {
		ck_assert_uint_lt(n, most);
		out[n++] = (struct mu_bytes){ item.write.serial,
			item.write.serial_len };
	}
	return n;
}

static uint32_t
declare(const uint8_t *create, size_t len)
{
	struct mu_log_stream s = { 0 };
	char why[OUTBOX_WHY];
	uint32_t number;

	ck_assert_int_eq(mu_log_stream_dec(&s, create, len, NULL), 0);
	ck_assert_int_eq(outbox_stream(outbox, &s, &number, why), 0);
	mu_log_stream_clear(&s);
	return number;
}

static void
add_one(uint32_t stream, struct mu_bytes record)
{
	struct outbox_add a = { .stream = stream, .records = &record, .n = 1 };

	ck_assert_int_eq(outbox_add(outbox, &a, now), 0);
}

/* The two batches in which a worker sent a stream's records, put together from
 * the same records given to us one by one. */
static void
check_pair(json_t *first, json_t *second, uint32_t stream)
{
	static struct mu_bytes a[400], b[400];
	size_t la, lb, na, nb;
	uint8_t *pa = unhex(first, "payload", &la);
	uint8_t *pb = unhex(second, "payload", &lb);

	forget_sent();
	na = records_in(pa, la, a, 400);
	nb = records_in(pb, lb, b, 400);
	ck_assert_uint_eq(na, nb);
	for (size_t i = 0; i < na; i++) {
		add_one(stream, a[i]);
		add_one(stream, b[i]);
	}
	turn();
	if (na == 200)
		ck_assert_uint_eq(nsent, 2); /* there were enough */
	later(SECOND);
	ck_assert_uint_eq(nsent, 2);
	ck_assert_str_eq(
	    sent[0].topic, json_string_value(json_object_get(first, "topic")));
	ck_assert_uint_eq(sent[0].len, la);
	ck_assert_mem_eq(sent[0].payload, pa, la);
	ck_assert_str_eq(
	    sent[1].topic, json_string_value(json_object_get(second, "topic")));
	ck_assert_uint_eq(sent[1].len, lb);
	ck_assert_mem_eq(sent[1].payload, pb, lb);
	free(pa);
	free(pb);
}

static json_t *
recorded(void)
{
	const char *dir = getenv("MUSTER_TESTS");
	char command[512], *line = NULL;
	json_t *all = json_array();
	size_t size = 0;
	FILE *f;

	snprintf(command, sizeof command,
	    "gzip -dc '%s/golden/zeek-batches.jsonl.gz'",
	    dir == NULL ? "tests" : dir);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	while (getline(&line, &size, f) > 0)
		json_array_append_new(all, json_loads(line, 0, NULL));
	free(line);
	ck_assert_int_eq(pclose(f), 0);
	ck_assert_uint_eq(json_array_size(all), 9);
	return all;
}

/* Nine lines: three streams, then for each the batches that worker-1 of the
 * recording "zeek-logging" sent to both loggers. */
START_TEST(batches_are_those_of_a_real_worker)
{
	json_t *all = recorded();

	up("logger-1", false);
	up("logger-2", false);
	for (size_t i = 0; i < 3; i++) {
		size_t len;
		uint8_t *create =
		    unhex(json_array_get(all, i), "payload", &len);
		uint32_t stream = declare(create, len);
		const char *topic;
		const uint8_t *bytes;
		size_t n;

		ck_assert(outbox_create(outbox, i, &topic, &bytes, &n));
		ck_assert_uint_eq(n, len);
		ck_assert_mem_eq(bytes, create, len);
		free(create);
		check_pair(json_array_get(all, 3 + 2 * i),
		    json_array_get(all, 4 + 2 * i), stream);
	}
	json_decref(all);
}
END_TEST

/* --- the limit, the disk, marks ------------------------------------------ */

/* So many records are accepted. */
static uint64_t
fill(uint32_t stream)
{
	uint64_t n = 0;

	while (outbox_add_counts(outbox, stream, n, 400, &now, 0, false, now) ==
	       0) {
		turn();
		n += 400;
	}
	turn();
	return n;
}

START_TEST(at_the_limit_it_refuses)
{
	uint32_t a = outbox_counts(outbox, "A::LOG");
	uint64_t n;

	cfg.spool_bytes = 64 * 1024;
	outbox_configure(outbox, &cfg);
	n = fill(a);
	ck_assert_uint_eq(n, 6 * 400); /* of 10000 bytes each */
	ck_assert_uint_eq(facts().waiting, n);
	ck_assert_uint_eq(facts().refused, 400);
	ck_assert_ptr_nonnull(strstr(lines, "records are refused"));
	up("logger-1", false);
	turn();
	ck_assert_uint_eq(facts().delivered, n);
	ck_assert_ptr_nonnull(strstr(lines,
	    "the spool has room again; 400 records were refused meanwhile"));
}
END_TEST

/* Who writes faster than loggers take makes many such episodes. */
START_TEST(that_is_said_once_a_minute)
{
	uint32_t a = outbox_counts(outbox, "A::LOG");

	cfg.spool_bytes = 64 * 1024;
	outbox_configure(outbox, &cfg);
	for (int i = 0; i < 5; i++) {
		fill(a);
		ck_assert(
		    (strstr(lines, "records are refused") != NULL) == (i == 0));
		up("logger-1", false);
		turn();
		ck_assert((strstr(lines, "room again") != NULL) == (i == 0));
		lines[0] = '\0';
		outbox_logger_down(outbox, "logger-1", now);
	}
	fill(a);
	ck_assert_str_eq(lines, "");
	now += 60 * SECOND; /* the last one goes on */
	ck_assert_int_ne(
	    outbox_add_counts(outbox, a, 0, 400, &now, 0, false, now), 0);
	turn();
	ck_assert_ptr_nonnull(strstr(lines, "records are refused"));
	up("logger-1", false);
	turn();
	ck_assert_ptr_nonnull(
	    strstr(lines, "2400 records were refused meanwhile"));
}
END_TEST

START_TEST(or_it_drops_the_oldest)
{
	uint32_t a = outbox_counts(outbox, "A::LOG");
	uint64_t n[400];

	cfg.spool_bytes = 64 * 1024;
	cfg.drop_oldest = true;
	outbox_configure(outbox, &cfg);
	for (uint64_t i = 0; i < 10; i++) {
		add(a, 400 * i, 400);
		turn();
	}
	ck_assert_uint_eq(facts().dropped, 4 * 400);
	ck_assert_uint_eq(facts().waiting, 6 * 400);
	up("logger-1", false);
	turn();
	ck_assert_uint_eq(nsent, 6);
	ck_assert_uint_eq(
	    numbers_in(sent[0].payload, sent[0].len, n, 400), 400);
	ck_assert_uint_eq(n[0], 4 * 400);
	ck_assert_uint_eq(
	    facts().delivered + facts().dropped, facts().accepted);
}
END_TEST

START_TEST(what_is_not_on_disk_yet_is_not_dropped)
{
	uint32_t a = outbox_counts(outbox, "A::LOG");

	cfg.spool_bytes = 64 * 1024;
	cfg.drop_oldest = true;
	outbox_configure(outbox, &cfg);
	disk->automatic = false;
	for (uint64_t i = 0; i < 6; i++) {
		add(a, 400 * i, 400);
		turn();
	}
	ck_assert_int_eq(
	    outbox_add_counts(outbox, a, 2400, 400, NULL, 0, false, now),
	    MUSTER_EAGAIN);
	ck_assert_uint_eq(facts().dropped, 0);
	disk->automatic = true;
	turn();
	add(a, 2400, 400);
	turn();
	ck_assert_uint_eq(facts().dropped, 400);
	ck_assert_uint_eq(facts().refused, 0);
}
END_TEST

START_TEST(a_failed_commit_refuses_and_recovers)
{
	uint32_t a = outbox_counts(outbox, "A::LOG");
	uint64_t n[400];

	disk->automatic = false;
	add(a, 0, 400);
	turn();
	disk->fail = MUSTER_ELIMIT;
	turn();
	ck_assert_uint_eq(nrefused, 400);
	ck_assert_ptr_nonnull(strstr(lines, "the spool cannot be written"));
	ck_assert_str_ne(facts().error, "");
	ck_assert_uint_eq(facts().accepted, 0);
	disk->automatic = true;
	add(a, 400, 400);
	turn();
	ck_assert_uint_eq(naccepted, 400);
	ck_assert_ptr_nonnull(strstr(lines, "can be written again"));
	ck_assert_str_eq(facts().error, "");
	up("logger-1", false);
	turn();
	ck_assert_uint_eq(nsent, 1);
	numbers_in(sent[0].payload, sent[0].len, n, 400);
	ck_assert_uint_eq(n[0], 400);
}
END_TEST

/* Records that wait for a disk wait in silence otherwise: no logger is asked,
 * so none is said to be silent. */
START_TEST(a_disk_that_hangs_is_told_of)
{
	uint32_t a = outbox_counts(outbox, "A::LOG");

	disk->automatic = false;
	add(a, 0, 400);
	turn();
	ck_assert_uint_le(outbox_deadline(outbox), now + 10 * SECOND);
	later(10 * SECOND - 1);
	ck_assert_str_eq(lines, "");
	/* a commit is progress, and begins the time anew */
	add(a, 400, 400);
	turn();
	disk_commit(disk, disk->sealed - 1);
	outbox_durable(outbox, now);
	later(10 * SECOND - 1);
	ck_assert_str_eq(lines, "");
	later(1);
	ck_assert_ptr_nonnull(
	    strstr(lines, "disk of the spool has confirmed nothing"));
	lines[0] = '\0';
	later(60 * SECOND);
	ck_assert_str_eq(lines, "");
	disk_commit(disk, disk->sealed);
	turn();
	ck_assert_ptr_nonnull(strstr(lines, "confirms again, after 70 s"));
	disk->automatic = true;
	lines[0] = '\0';
	later(60 * SECOND);
	ck_assert_ptr_null(strstr(lines, "spool"));
}
END_TEST

START_TEST(a_disk_that_refuses_at_once_refuses)
{
	uint32_t a = outbox_counts(outbox, "A::LOG");

	disk->refuse = MUSTER_EPERM;
	add(a, 0, 400);
	turn();
	ck_assert_uint_eq(nrefused, 400);
	ck_assert_uint_eq(facts().waiting, 0);
	ck_assert_uint_eq(facts().bytes, 0);
	disk->refuse = 0;
	add(a, 0, 400);
	turn();
	ck_assert_uint_eq(naccepted, 400);
}
END_TEST

static int
mark_of(const char *key)
{
	struct mu_buf b;
	int rc, value = -1;

	mu_buf_init(&b, 0);
	rc = outbox_mark(
	    outbox, (struct mu_bytes){ (const uint8_t *)key, strlen(key) }, &b);
	if (rc == 0)
		value = mu_buf_data(&b)[0];
	else
		ck_assert_int_eq(rc, MUSTER_ENOENT);
	mu_buf_clear(&b);
	return value;
}

static void
add_marked(uint32_t stream, size_t n, uint8_t value)
{
	static uint8_t space[900][COUNT_RECORD];
	struct mu_bytes records[900];
	struct outbox_mark mark = { { (const uint8_t *)"file", 4 },
		{ &value, 1 } };
	struct outbox_add a = {
		.stream = stream, .records = records, .n = n, .mark = &mark
	};

	for (size_t i = 0; i < n; i++) {
		put_count_record(space[i], i);
		records[i] = (struct mu_bytes){ space[i], COUNT_RECORD };
	}
	ck_assert_int_eq(outbox_add(outbox, &a, now), 0);
}

/* The mark is there when the records are, and not before. */
START_TEST(marks_come_with_their_records)
{
	uint32_t a = outbox_counts(outbox, "A::LOG");

	ck_assert_int_eq(mark_of("file"), -1);
	add_marked(a, 10, 1);
	turn();
	ck_assert_int_eq(mark_of("file"), -1);
	later(SECOND);
	ck_assert_int_eq(mark_of("file"), 1);
	/* more than a batch: all of it in one transaction */
	disk->automatic = false;
	add_marked(a, 900, 2);
	turn();
	disk->dead = true;
	outbox_free(outbox);
	disk_crash(disk);
	open_outbox();
	ck_assert_int_eq(mark_of("file"), 1);
	ck_assert_uint_eq(facts().found, 10);
	disk->automatic = true;
	a = outbox_counts(outbox, "A::LOG");
	add_marked(a, 900, 2);
	turn();
	disk->dead = true;
	outbox_free(outbox);
	disk_crash(disk);
	open_outbox();
	ck_assert_int_eq(mark_of("file"), 2);
	ck_assert_uint_eq(facts().found, 910);
}
END_TEST

/* A mark without records is as much to be kept. */
START_TEST(a_mark_alone_is_kept)
{
	struct outbox_mark mark = { .key = { (const uint8_t *)"file", 4 },
		.value = { (const uint8_t *)"\x7", 1 } };

	turn();
	ck_assert_uint_eq(outbox_deadline(outbox), UINT64_MAX);
	ck_assert_int_eq(outbox_put_mark(outbox, &mark), 0);
	ck_assert_uint_le(outbox_deadline(outbox), now);
	turn();
	ck_assert_uint_eq(outbox_deadline(outbox), UINT64_MAX);
	disk->dead = true;
	outbox_free(outbox);
	disk_crash(disk);
	open_outbox();
	ck_assert_int_eq(mark_of("file"), 7);
}
END_TEST

/* Whatever is written after the flush of a turn, in answer to what the flush
 * told, waits for no other event. */
START_TEST(what_is_written_is_soon_sealed)
{
	uint32_t a = outbox_counts(outbox, "A::LOG");

	turn();
	ck_assert_uint_eq(outbox_deadline(outbox), UINT64_MAX);
	ck_assert_int_eq(
	    outbox_add_counts(outbox, a, 0, 1, &now, 0, true, now), 0);
	ck_assert_uint_le(outbox_deadline(outbox), now);
	turn();
	ck_assert_uint_gt(outbox_deadline(outbox), now);
	ck_assert_uint_eq(naccepted, 1);
	disk->refuse = MUSTER_ELIMIT;
	ck_assert_int_eq(
	    outbox_add_counts(outbox, a, 1, 1, &now, 0, true, now), 0);
	ck_assert_uint_le(outbox_deadline(outbox), now);
	turn();
	ck_assert_uint_eq(nrefused, 1);
}
END_TEST

START_TEST(what_nobody_brings_again_is_counted)
{
	uint32_t a = outbox_counts(outbox, "A::LOG");

	outbox_lost(outbox, 1);
	outbox_lost(outbox, 2);
	turn();
	ck_assert_uint_eq(facts().refused, 3);
	ck_assert_str_eq(lines, "logs: records of this node are lost: the disk "
				"is behind, or memory is out\n");
	add(a, 0, 400);
	outbox_lost(outbox, 1);
	turn();
	ck_assert_ptr_nonnull(strchr(strchr(lines, '\n') + 1, '\n'));
}
END_TEST

START_TEST(limits_are_errors)
{
	uint32_t a = outbox_counts(outbox, "A::LOG");
	struct mu_bytes large = { (const uint8_t *)"", cfg.max_record + 1 };
	struct outbox_add add = { .stream = a, .records = &large, .n = 1 };

	ck_assert_int_eq(outbox_add(outbox, &add, now), MUSTER_EINVAL);
	add.n = 0;
	ck_assert_int_eq(outbox_add(outbox, &add, now), MUSTER_EINVAL);
	add.stream = 99;
	ck_assert_int_eq(outbox_add(outbox, &add, now), MUSTER_ENOENT);
}
END_TEST

START_TEST(other_columns_are_told)
{
	struct mu_log_stream s = { 0 };
	char why[OUTBOX_WHY] = "";
	uint32_t number;

	outbox_counts(outbox, "A::LOG");
	ck_assert_int_eq(mu_log_stream_init(
			     &s, "A::LOG", MU_LOG_WRITER_ASCII, "A::LOG", NULL),
	    0);
	ck_assert_int_eq(
	    outbox_stream(outbox, &s, &number, why), MUSTER_EEXIST);
	ck_assert_ptr_nonnull(strstr(why, "other columns"));
	mu_log_stream_clear(&s);
}
END_TEST

START_TEST(a_damaged_spool_is_not_opened)
{
	uint8_t space[9];
	char why[OUTBOX_WHY] = "";

	outbox_free(outbox);
	memset(space, 0, sizeof space);
	space[0] = 'a';
	space[8] = 1;
	disk->seen->ops->put(disk->seen,
	    (struct mu_bytes){ space, sizeof space },
	    (struct mu_bytes){ space, 3 }, 0);
	ck_assert_ptr_null(outbox_new(&cfg, &disk->base, now, why));
	ck_assert_str_eq(why, "the spool is damaged: batch 1");
	disk_crash(disk);
	open_outbox();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("outbox");
	TCase *t = tcase_create("cases");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, four_hundred_leave_as_two_hundred_each);
	tcase_add_test(t, one_turn_goes_over_all_streams);
	tcase_add_test(t, streams_are_announced_once_and_told_to_newcomers);
	tcase_add_test(t, without_loggers_everybody_may_hear);
	tcase_add_test(t, batches_are_those_of_a_real_worker);
	tcase_add_test(t, at_the_limit_it_refuses);
	tcase_add_test(t, that_is_said_once_a_minute);
	tcase_add_test(t, or_it_drops_the_oldest);
	tcase_add_test(t, what_is_not_on_disk_yet_is_not_dropped);
	tcase_add_test(t, a_failed_commit_refuses_and_recovers);
	tcase_add_test(t, a_disk_that_hangs_is_told_of);
	tcase_add_test(t, a_disk_that_refuses_at_once_refuses);
	tcase_add_test(t, marks_come_with_their_records);
	tcase_add_test(t, a_mark_alone_is_kept);
	tcase_add_test(t, what_is_written_is_soon_sealed);
	tcase_add_test(t, what_nobody_brings_again_is_counted);
	tcase_add_test(t, limits_are_errors);
	tcase_add_test(t, other_columns_are_told);
	tcase_add_test(t, a_damaged_spool_is_not_opened);
	suite_add_tcase(s, t);
	return unit_run(s);
}
