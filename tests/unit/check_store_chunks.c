/*
 * The store in chunks: all of them show one moment, what is written meanwhile
 * comes after, and how long a picture may be kept open.
 */
#include "store_pair.h"

#define MASTER PAIR_CLONES
#define PAIRS  400
#define LIFE   60 /* seconds a picture lives */

static void
begin(void)
{
	char key[20];

	disk_pictures = disk_open_pictures = 0;
	disk_is_costly = false;
	pair_begin();
	pw.mc.chunk_bytes = 64;
	pair_open_master();
	for (unsigned i = 0; i < PAIRS; i++) {
		snprintf(key, sizeof key, "key%03u", i);
		pair_do(MASTER, MU_STORE_PUT, key, "count:1");
	}
}

/* What one side has to say reaches the other, and then the reverse. */
static void
turn(void)
{
	pair_drain_clone(0);
	pair_drain_master();
}

static void
begin_attaching(void)
{
	struct mu_clone_stats st;

	begin();
	pair_open_clone_on(0, mu_backend_memory_new(0));
	pair_drain_clone(0); /* nobody hears its cry for any master */
	pair_join(0, true);
	do {
		turn();
		mu_clone_stats(pw.clones[0], &st);
	} while (st.entries < 20);
	ck_assert_int_eq((int)st.state, MU_STORE_ATTACHING);
}

static void
write_now(enum mu_store_op op, const char *key, const char *value)
{
	pair_ask(MASTER, op, key, value, (struct mu_store_request){ 0 });
	pair_drain_master();
}

/* Time passes for the master, so many seconds, and nobody says anything. */
static void
wait_seconds(unsigned n)
{
	for (unsigned i = 0; i < n * 10; i++) {
		pw.now.mono += PAIR_SECOND / 10;
		mu_master_tick(pw.master, &pw.now);
		pair_drain_master();
	}
}

static bool
attaching(void)
{
	struct mu_clone_stats st;

	mu_clone_stats(pw.clones[0], &st);
	return st.state == MU_STORE_ATTACHING;
}

static void
becomes_fresh(uint64_t entries)
{
	struct mu_clone_stats st;

	pair_settle();
	mu_clone_stats(pw.clones[0], &st);
	ck_assert_int_eq((int)st.state, MU_STORE_FRESH);
	ck_assert_uint_eq(st.entries, entries);
	ck_assert_uint_eq(disk_open_pictures, 0);
}

START_TEST(chunks_show_one_moment_and_later_writes_come_after)
{
	unsigned updates, erased, inserts;

	begin_attaching();
	updates = pw.clone_events[MU_STORE_UPDATE];
	erased = pw.clone_events[MU_STORE_ERASED];
	/* keys that came are changed at once */
	write_now(MU_STORE_PUT, "key001", "count:2");
	write_now(MU_STORE_ERASE, "key002", NULL);
	pair_drain_clone(0);
	ck_assert_uint_eq(pw.clone_events[MU_STORE_UPDATE], updates + 1);
	ck_assert_uint_eq(pw.clone_events[MU_STORE_ERASED], erased + 1);
	/* the others when they have come as they were */
	write_now(MU_STORE_PUT, "key190", "count:2");
	write_now(MU_STORE_PUT, "key190", "count:3");
	write_now(MU_STORE_ERASE, "key191", NULL);
	write_now(MU_STORE_PUT, "key1915", "count:4");
	pair_drain_clone(0);
	ck_assert(attaching());
	ck_assert_uint_eq(pw.clone_events[MU_STORE_UPDATE], updates + 1);
	ck_assert_uint_eq(pw.clone_events[MU_STORE_ERASED], erased + 1);
	becomes_fresh(PAIRS - 1);
	ck_assert_uint_eq(disk_pictures, 1);
	/* 190 and 191 were seen with the value of the picture first */
	inserts = pw.clone_events[MU_STORE_INSERT];
	ck_assert_uint_eq(inserts, PAIRS + 1);
	ck_assert_uint_eq(pw.clone_events[MU_STORE_UPDATE], updates + 2);
	ck_assert_uint_eq(pw.clone_events[MU_STORE_ERASED], erased + 2);
	ck_assert(pair_reads(0, "key001", "count:2"));
	ck_assert(pair_reads(0, "key002", "-"));
	ck_assert(pair_reads(0, "key190", "count:3"));
	ck_assert(pair_reads(0, "key191", "-"));
	ck_assert(pair_reads(0, "key1915", "count:4"));
	pair_end();
	ck_assert_uint_eq(disk_open_pictures, 0);
}
END_TEST

START_TEST(a_picture_is_renewed_after_a_minute)
{
	unsigned passed = 0;

	begin_attaching();
	/* A slow clone: a turn every five seconds. */
	while (attaching()) {
		wait_seconds(5);
		passed += 5;
		write_now(MU_STORE_PUT, "key199", passed % 2 ? "no" : "yes");
		write_now(MU_STORE_PUT, "key001", passed % 2 ? "no" : "yes");
		ck_assert_uint_le(disk_open_pictures, 1);
		turn();
	}
	ck_assert_uint_ge(passed, LIFE);
	ck_assert_uint_ge(disk_pictures, 1 + passed / (LIFE + 5));
	ck_assert_uint_le(disk_pictures, 1 + passed / LIFE);
	becomes_fresh(PAIRS);
	ck_assert(pair_reads(0, "key199", passed % 2 ? "no" : "yes"));
	ck_assert(pair_reads(0, "key001", passed % 2 ? "no" : "yes"));
	pair_end();
}
END_TEST

START_TEST(a_silent_clone_keeps_no_picture)
{
	begin_attaching();
	ck_assert_uint_eq(disk_open_pictures, 1);
	wait_seconds(9);
	ck_assert_uint_eq(disk_open_pictures, 1);
	wait_seconds(2);
	ck_assert_uint_eq(disk_open_pictures, 0);
	write_now(MU_STORE_PUT, "key199", "count:2");
	becomes_fresh(PAIRS);
	ck_assert_uint_eq(disk_pictures, 2);
	ck_assert(pair_reads(0, "key199", "count:2"));
	pair_end();
}
END_TEST

START_TEST(a_costly_picture_is_renewed)
{
	begin_attaching();
	ck_assert_uint_eq(disk_pictures, 1);
	disk_is_costly = true;
	turn();
	turn();
	ck_assert_uint_gt(disk_pictures, 4);
	ck_assert_uint_eq(disk_open_pictures, 1);
	disk_is_costly = false;
	becomes_fresh(PAIRS);
	pair_end();
}
END_TEST

START_TEST(a_picture_that_many_actions_passed_is_renewed)
{
	begin_attaching();
	for (unsigned i = 0; i < 20001; i++) {
		mu_master_flush(pw.master);
		write_now(MU_STORE_PUT, "key199", "count:2");
		pw.id = 0;
		memset(pw.answers, 0, sizeof pw.answers[0]);
	}
	ck_assert(attaching());
	ck_assert_uint_eq(disk_pictures, 1);
	becomes_fresh(PAIRS);
	ck_assert_uint_eq(disk_pictures, 2);
	ck_assert(pair_reads(0, "key199", "count:2"));
	pair_end();
}
END_TEST

/* More than a clone keeps aside: it asks for what shows it. */
START_TEST(what_finds_no_room_aside_comes_in_a_later_picture)
{
	char *large = malloc((3u << 20) + 1), key[20];

	memset(large, 'x', 3u << 20);
	large[3u << 20] = '\0';
	begin_attaching();
	write_now(MU_STORE_PUT, "key180", "count:2");
	for (unsigned i = 0; i < 7; i++) {
		snprintf(key, sizeof key, "key19%u", i);
		write_now(MU_STORE_PUT, key, large);
	}
	ck_assert(attaching());
	ck_assert_uint_eq(disk_pictures, 1);
	becomes_fresh(PAIRS);
	ck_assert_uint_eq(disk_pictures, 2);
	for (unsigned i = 0; i < 7; i++) {
		snprintf(key, sizeof key, "key19%u", i);
		ck_assert(pair_reads(0, key, large));
	}
	ck_assert(pair_reads(0, "key180", "count:2"));
	pair_end();
	free(large);
}
END_TEST

START_TEST(clear_meanwhile_clears_what_is_to_come)
{
	begin_attaching();
	write_now(MU_STORE_PUT, "key198", "count:2");
	write_now(MU_STORE_CLEAR, NULL, NULL);
	write_now(MU_STORE_PUT, "key199", "count:3");
	ck_assert(attaching());
	becomes_fresh(1);
	ck_assert(pair_reads(0, "key199", "count:3"));
	pair_end();
}
END_TEST

/* A lost chunk is asked for again; those behind it wait for it. */
START_TEST(lost_chunks_are_sent_again)
{
	begin_attaching();
	pair_drain_clone(0);
	pw.deaf_clone = true;
	pair_drain_master();
	write_now(MU_STORE_PUT, "key199", "count:2");
	pw.deaf_clone = false;
	pair_pass(PAIR_SECOND * 3);
	becomes_fresh(PAIRS);
	ck_assert(pair_reads(0, "key199", "count:2"));
	pair_end();
}
END_TEST

static void
feed_master(struct mu_command *cmd)
{
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_command_enc(&b, cmd);
	ck_assert_int_eq(
	    mu_master_feed(pw.master, mu_buf_data(&b), mu_buf_len(&b), &pw.now),
	    0);
	mu_buf_clear(&b);
	pair_drain_master();
}

START_TEST(many_clones_at_once_keep_few_pictures)
{
	begin();
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < 20; i++) {
			struct mu_command want = {
				.tag = MU_CMD_WANT,
				.sender = pair_entity(10 + i),
				.window = 1,
				.index = round,
			};
			struct mu_command attach = {
				.tag = MU_CMD_ATTACH,
				.sender = pair_entity(10 + i),
			};
			unsigned before = pw.sent[1][MU_CMD_CHUNK];

			want.key =
			    round == 0 ? NULL : muster_value_cstring("key003");
			if (round == 0)
				feed_master(&attach);
			feed_master(&want);
			ck_assert_uint_eq(pw.sent[1][MU_CMD_CHUNK], before + 1);
			ck_assert_uint_le(disk_open_pictures, 8);
			muster_value_unref(want.key);
		}
	ck_assert_uint_eq(disk_open_pictures, 8);
	pair_end();
	ck_assert_uint_eq(disk_open_pictures, 0);
}
END_TEST

/* What was set aside is not on the disk: chunks must show it. */
START_TEST(a_copy_that_restarts_does_not_miss_what_was_set_aside)
{
	struct mu_backend *platter = mu_backend_memory_new(0);
	struct disk *d = disk_open(platter);
	struct mu_clone_stats st;

	begin();
	d->interval = true;
	pw.cc.resume = true;
	pair_open_clone_on(0, &d->base);
	pair_join(0, true);
	do {
		turn();
		mu_clone_stats(pw.clones[0], &st);
	} while (st.entries < 20);
	write_now(MU_STORE_PUT, "key199", "count:2");
	ck_assert(attaching());
	mu_clone_flush(pw.clones[0]);
	disk_commit(d, d->sealed);
	mu_clone_free(pw.clones[0]);
	d = disk_open(platter);
	d->interval = true;
	pair_open_clone_on(0, &d->base);
	pair_join(0, true);
	becomes_fresh(PAIRS);
	ck_assert(pair_reads(0, "key199", "count:2"));
	pair_end();
	platter->ops->close(platter);
}
END_TEST

#define ALIKE 50

/* Begins alike, and its number. */
static const char *
alike(unsigned i)
{
	static char key[600];

	memset(key, 'l', sizeof key);
	snprintf(key + 590, sizeof key - 590, "%02u", i);
	return key;
}

static void
begin_alike(void)
{
	begin();
	pw.mc.max_snapshot = 4096;
	mu_master_free(pw.master);
	pair_open_master();
	for (unsigned i = 0; i < ALIKE; i++)
		pair_do(MASTER, MU_STORE_PUT, alike(i), "count:1");
}

/* Far more than fits into one chunk. */
START_TEST(a_chunk_may_end_among_keys_that_begin_alike)
{
	unsigned before;

	begin_alike();
	before = pw.sent[1][MU_CMD_CHUNK];
	pair_open_clone(0, true);
	becomes_fresh(PAIRS + ALIKE);
	/* each in its own, and six or so of the others in one */
	ck_assert_uint_ge(
	    pw.sent[1][MU_CMD_CHUNK] - before, ALIKE + PAIRS / 10);
	for (unsigned i = 0; i < ALIKE; i++)
		ck_assert(pair_reads(0, alike(i), "count:1"));
	pair_end();
}
END_TEST

/* Which of them are here is decided by the order of keys, not of bytes. */
START_TEST(writes_on_keys_that_begin_alike_wait_for_their_chunk)
{
	struct mu_clone_stats st;

	begin_alike();
	pair_open_clone(0, true);
	do {
		turn();
		mu_clone_stats(pw.clones[0], &st);
	} while (st.entries < PAIRS + ALIKE / 2);
	ck_assert(attaching());
	for (unsigned i = 0; i < ALIKE; i++)
		write_now(MU_STORE_PUT, alike(i), "count:2");
	becomes_fresh(PAIRS + ALIKE);
	for (unsigned i = 0; i < ALIKE; i++)
		ck_assert(pair_reads(0, alike(i), "count:2"));
	pair_end();
}
END_TEST

/* Nobody wants to hear of each. */
START_TEST(a_large_copy_is_cleared_without_events)
{
	for (unsigned most = PAIRS - 1; most <= PAIRS; most++) {
		struct mu_clone_stats st;

		begin();
		pw.cc.max_clear_events = most;
		pair_open_clone(0, true);
		becomes_fresh(PAIRS);
		pair_do(MASTER, MU_STORE_CLEAR, NULL, NULL);
		mu_clone_stats(pw.clones[0], &st);
		ck_assert_uint_eq(st.entries, 0);
		ck_assert_uint_eq(
		    pw.clone_events[MU_STORE_ERASED], most < PAIRS ? 0 : PAIRS);
		ck_assert((strstr(pw.log, "without an event for each") !=
			      NULL) == (most < PAIRS));
		pair_end();
	}
}
END_TEST

/* Two clones of Broker's ask for what is beyond the limit. */
START_TEST(a_refused_snapshot_is_told_once_a_tick)
{
	const char *line = pw.log;
	unsigned told = 0;

	begin();
	pw.mc.max_snapshot = 1000;
	mu_master_free(pw.master);
	pair_open_master();
	for (unsigned i = 0; i < PAIR_CLONES; i++)
		pair_open_clone(i, false);
	pair_settle();
	for (; (line = strstr(line, "cannot send the snapshot")) != NULL;
	     line++)
		told++;
	ck_assert_uint_eq(told, 1);
	pair_end();
}
END_TEST

/* The limit was lowered since it was written: the other side cannot know why
 * nothing comes. */
START_TEST(an_entry_that_fits_no_chunk_is_told)
{
	char value[2000];
	const char *line;
	unsigned told = 0;

	begin();
	memset(value, 'v', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	pair_do(MASTER, MU_STORE_PUT, "key200", value);
	pw.mc.max_snapshot = 1000;
	mu_master_free(pw.master);
	pair_open_master();
	pair_open_clone(0, true);
	pair_pass(70 * PAIR_SECOND);
	ck_assert(attaching());
	ck_assert_ptr_nonnull(strstr(pw.log, "larger than a message"));
	ck_assert_ptr_nonnull(strstr(pw.log, "limit 1000 bytes"));
	/* now and in a minute */
	for (line = pw.log; (line = strstr(line, "larger than")) != NULL;
	     line++)
		told++;
	ck_assert_uint_eq(told, 2);
	pair_do(MASTER, MU_STORE_ERASE, "key200", NULL);
	pair_pass(70 * PAIR_SECOND);
	becomes_fresh(PAIRS - 1);
	pair_end();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store_chunks");
	TCase *tc = tcase_create("chunks");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, chunks_show_one_moment_and_later_writes_come_after);
	tcase_add_test(tc, a_picture_is_renewed_after_a_minute);
	tcase_add_test(tc, a_silent_clone_keeps_no_picture);
	tcase_add_test(tc, a_costly_picture_is_renewed);
	tcase_add_test(tc, a_picture_that_many_actions_passed_is_renewed);
	tcase_add_test(tc, what_finds_no_room_aside_comes_in_a_later_picture);
	tcase_add_test(tc, clear_meanwhile_clears_what_is_to_come);
	tcase_add_test(tc, lost_chunks_are_sent_again);
	tcase_add_test(tc, many_clones_at_once_keep_few_pictures);
	tcase_add_test(
	    tc, a_copy_that_restarts_does_not_miss_what_was_set_aside);
	tcase_add_test(tc, a_chunk_may_end_among_keys_that_begin_alike);
	tcase_add_test(
	    tc, writes_on_keys_that_begin_alike_wait_for_their_chunk);
	tcase_add_test(tc, a_large_copy_is_cleared_without_events);
	tcase_add_test(tc, a_refused_snapshot_is_told_once_a_tick);
	tcase_add_test(tc, an_entry_that_fits_no_chunk_is_told);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
