/* Copies on disk: what a restarted clone goes on with, and what it says. */
#include "store_pair.h"

#include "unit.h"
#include "value/codec.h"

#define MASTER PAIR_CLONES
#define PAIRS  80

static struct mu_backend *clone_platter;
static struct disk *clone_disk;

static void
open_clone(void)
{
	clone_disk = disk_open(clone_platter);
	clone_disk->interval = true;
	pair_open_clone_on(0, &clone_disk->base);
	pair_join(0, true);
}

/* What the disk has written by now is left. */
static void
kill_clone(void)
{
	mu_clone_free(pw.clones[0]);
	pw.clones[0] = NULL;
	pw.up[0] = false;
}

static void
begin(void)
{
	char key[20];

	pair_begin();
	pw.mc.chunk_bytes = 64;
	pw.cc.resume = true;
	pw.cc.max_stale_ns = 100 * PAIR_SECOND;
	clone_platter = mu_backend_memory_new(0);
	pair_open_master();
	for (unsigned i = 0; i < PAIRS; i++) {
		snprintf(key, sizeof key, "key%02u", i);
		pair_do(MASTER, MU_STORE_PUT, key, "count:1");
	}
}

static void
end(void)
{
	pair_end();
	clone_platter->ops->close(clone_platter);
}

/* Let chunks come until some of the pairs are here. */
static void
fetch_some(void)
{
	struct mu_clone_stats st;

	do {
		pair_drain_clone(0);
		pair_drain_master();
		mu_clone_stats(pw.clones[0], &st);
	} while (st.entries < PAIRS / 2);
	ck_assert_int_eq((int)st.state, MU_STORE_ATTACHING);
	mu_clone_flush(pw.clones[0]);
	disk_commit(clone_disk, clone_disk->sealed);
}

static unsigned
chunks(void)
{
	return pw.sent[1][MU_CMD_CHUNK];
}

START_TEST(a_copy_on_its_way_goes_on_after_a_restart)
{
	struct mu_clone_stats st;
	unsigned before;

	begin();
	open_clone();
	fetch_some();
	kill_clone();
	before = chunks();
	/* Both halves change while it is away. */
	pair_do(MASTER, MU_STORE_PUT, "key01", "count:2");
	pair_do(MASTER, MU_STORE_ERASE, "key02", NULL);
	pair_do(MASTER, MU_STORE_PUT, "key78", "count:2");
	open_clone();
	mu_clone_stats(pw.clones[0], &st);
	ck_assert_uint_ge(st.entries, PAIRS / 2);
	pair_drain_clone(0);
	pair_drain_master();
	mu_clone_stats(pw.clones[0], &st);
	ck_assert_int_eq((int)st.state, MU_STORE_ATTACHING);
	ck_assert_uint_ge(st.percent, 50);
	pair_pass(PAIR_SECOND);
	mu_clone_stats(pw.clones[0], &st);
	ck_assert_int_eq((int)st.state, MU_STORE_FRESH);
	ck_assert_uint_eq(st.entries, PAIRS - 1);
	ck_assert_uint_le(chunks() - before, before + 1);
	ck_assert(pair_reads(0, "key01", "count:2"));
	ck_assert(pair_reads(0, "key02", "-"));
	ck_assert(pair_reads(0, "key78", "count:2"));
	end();
}
END_TEST

/* The place of a load that is over is not the place of the next one. */
START_TEST(a_whole_copy_is_whole_after_a_restart)
{
	struct mu_clone_stats st;
	unsigned before;

	begin();
	open_clone();
	fetch_some();
	kill_clone();
	open_clone();
	pair_pass(PAIR_SECOND);
	mu_clone_flush(pw.clones[0]);
	disk_commit(clone_disk, clone_disk->sealed);
	kill_clone();
	before = chunks();
	open_clone();
	pair_pass(PAIR_SECOND);
	mu_clone_stats(pw.clones[0], &st);
	ck_assert_int_eq((int)st.state, MU_STORE_FRESH);
	ck_assert_uint_eq(st.entries, PAIRS);
	ck_assert_uint_eq(chunks(), before);
	end();
}
END_TEST

/* The master has forgotten what came after: everything is fetched anew. */
START_TEST(a_copy_too_old_begins_again)
{
	struct mu_clone_stats st;

	begin();
	pw.mc.limits.keep_actions = 2;
	mu_master_free(pw.master);
	pair_open_master();
	open_clone();
	fetch_some();
	kill_clone();
	pair_do(MASTER, MU_STORE_ERASE, "key00", NULL);
	pair_do(MASTER, MU_STORE_ERASE, "key01", NULL);
	pair_do(MASTER, MU_STORE_ERASE, "key79", NULL);
	open_clone();
	pair_pass(PAIR_SECOND);
	mu_clone_stats(pw.clones[0], &st);
	ck_assert_int_eq((int)st.state, MU_STORE_FRESH);
	ck_assert_uint_eq(st.entries, PAIRS - 3);
	ck_assert(pair_reads(0, "key00", "-"));
	ck_assert(pair_reads(0, "key78", "count:1"));
	end();
}
END_TEST

/* Numbers outlive the master's process: a whole copy needs nothing again. */
START_TEST(a_restarted_master_goes_on_with_its_numbers)
{
	struct mu_master_stats before, after;
	unsigned fetched;

	begin();
	open_clone();
	pair_pass(PAIR_SECOND);
	mu_master_stats(pw.master, &before);
	ck_assert_uint_ge(before.seq, PAIRS);
	pair_cut(0);
	mu_master_free(pw.master);
	pair_open_master();
	mu_master_stats(pw.master, &after);
	ck_assert_uint_eq(after.seq, before.seq);
	ck_assert_uint_ne(after.epoch, before.epoch);
	fetched = chunks();
	pair_join(0, true);
	pair_pass(PAIR_SECOND);
	pair_do(MASTER, MU_STORE_PUT, "key01", "count:2");
	ck_assert(pair_reads(0, "key01", "count:2"));
	ck_assert_uint_eq(chunks(), fetched);
	end();
}
END_TEST

static void
restart_master(void)
{
	pair_cut(0);
	mu_master_free(pw.master);
	pair_open_master();
}

/* Nor does it matter how often. */
START_TEST(a_copy_outlives_several_lives_of_its_master)
{
	unsigned fetched;

	begin();
	open_clone();
	pair_pass(PAIR_SECOND);
	fetched = chunks();
	for (unsigned i = 0; i < 10; i++) {
		restart_master();
		pair_settle();
	}
	pair_join(0, true);
	pair_pass(PAIR_SECOND);
	pair_do(MASTER, MU_STORE_PUT, "key01", "count:2");
	ck_assert(pair_reads(0, "key01", "count:2"));
	ck_assert_uint_eq(chunks(), fetched);
	end();
}
END_TEST

/* With a medium that syncs now and then: what a crash takes away was told to
 * clones, and its numbers are given to something else. */
START_TEST(what_the_master_lost_is_no_part_of_its_history)
{
	struct mu_clone_stats st;

	begin();
	open_clone();
	pair_pass(PAIR_SECOND);
	pw.disk->interval = pw.hold_disk = true;
	pair_do(MASTER, MU_STORE_PUT, "lost", "count:1");
	pair_do(MASTER, MU_STORE_PUT, "key00", "count:2");
	ck_assert(pair_reads(0, "lost", "count:1"));
	restart_master();
	pw.hold_disk = false;
	for (unsigned i = 0; i < 5; i++)
		pair_do(MASTER, MU_STORE_PUT, "key01", "count:3");
	pair_join(0, true);
	pair_pass(PAIR_SECOND);
	mu_clone_stats(pw.clones[0], &st);
	ck_assert_int_eq((int)st.state, MU_STORE_FRESH);
	ck_assert_uint_eq(st.entries, PAIRS);
	ck_assert(pair_reads(0, "lost", "-"));
	ck_assert(pair_reads(0, "key00", "count:1"));
	ck_assert(pair_reads(0, "key01", "count:3"));
	end();
}
END_TEST

/* Nor what came from it ahead of something that was missing. */
START_TEST(what_waits_of_an_earlier_life_is_not_applied)
{
	begin();
	open_clone();
	pair_pass(PAIR_SECOND);
	pw.disk->interval = pw.hold_disk = true;
	pw.deaf_clone = true;
	pair_do(MASTER, MU_STORE_PUT, "key00", "count:2");
	pw.deaf_clone = false;
	pair_do(MASTER, MU_STORE_PUT, "lost", "count:1");
	restart_master();
	pw.hold_disk = false;
	pair_do(MASTER, MU_STORE_PUT, "key01", "count:3");
	pair_do(MASTER, MU_STORE_PUT, "key02", "count:3");
	pair_join(0, true);
	pair_pass(5 * PAIR_SECOND);
	ck_assert(pair_reads(0, "lost", "-"));
	ck_assert(pair_reads(0, "key01", "count:3"));
	ck_assert(pair_reads(0, "key02", "count:3"));
	end();
}
END_TEST

/* It dies with a clone's writes, the first ones ever, that its disk has not,
 * or that it has, and nobody was told. */
START_TEST(writes_under_way_are_done_once_by_the_next_life)
{
	struct mu_store_request long_enough = { .timeout_ns =
						    60 * PAIR_SECOND };
	struct pair_answer *sum, *unique;

	begin();
	pair_do(MASTER, MU_STORE_PUT, "sum", "count:0");
	open_clone();
	pair_pass(PAIR_SECOND);
	for (unsigned round = 0; round < 2; round++) {
		pw.hold_disk = true;
		sum = pair_ask(0, MU_STORE_ADD, "sum", "count:1", long_enough);
		unique = pair_ask(0, MU_STORE_PUT_UNIQUE,
		    round == 0 ? "u0" : "u1", "count:1", long_enough);
		pair_settle();
		ck_assert(!sum->done && !unique->done);
		if (_i == 1)
			disk_commit(pw.disk, pw.disk->sealed);
		restart_master();
		pw.hold_disk = false;
		pair_settle();
		pair_join(0, true);
		pair_pass(PAIR_SECOND);
		ck_assert(sum->done && unique->done);
		/* What was done is not done again, but how it ended is not
		 * remembered. */
		ck_assert_int_eq(
		    (int)sum->status, _i == 0 ? MU_STORE_OK : MU_STORE_TIMEOUT);
		ck_assert_int_eq((int)unique->status,
		    _i == 0 ? MU_STORE_OK : MU_STORE_TIMEOUT);
		ck_assert(pair_reads(
		    MASTER, "sum", round == 0 ? "count:1" : "count:2"));
		ck_assert(pair_reads(0, "u0", "count:1"));
	}
	end();
}
END_TEST

/* The answer to a write is lost, and the connection for so long that the clone
 * seeks: it comes back as the writer that the master knows. */
START_TEST(a_writer_cut_off_for_long_is_the_same_one)
{
	struct mu_store_request long_enough = { .timeout_ns =
						    600 * PAIR_SECOND };
	struct pair_answer *sum;

	begin();
	pair_do(MASTER, MU_STORE_PUT, "sum", "count:0");
	open_clone();
	pair_pass(PAIR_SECOND);
	pw.deaf_clone = true;
	sum = pair_ask(0, MU_STORE_ADD, "sum", "count:1", long_enough);
	pair_settle();
	pair_cut(0);
	pw.deaf_clone = false;
	pair_pass((uint64_t)_i * PAIR_SECOND);
	ck_assert(!sum->done);
	pair_join(0, true);
	pair_pass(PAIR_SECOND);
	ck_assert(sum->done);
	/* How it ended is not known for ever. */
	ck_assert(sum->status == MU_STORE_OK ||
		  (_i > 40 && sum->status == MU_STORE_TIMEOUT));
	ck_assert(pair_reads(MASTER, "sum", "count:1"));
	ck_assert(pair_reads(0, "sum", "count:1"));
	end();
}
END_TEST

/* The master lost its file and came to the same numbers by other writes. */
START_TEST(numbers_of_another_epoch_mean_nothing)
{
	struct mu_clone_stats st;
	char key[20];

	begin();
	open_clone();
	pair_pass(PAIR_SECOND);
	mu_clone_flush(pw.clones[0]);
	disk_commit(clone_disk, clone_disk->sealed);
	kill_clone();
	mu_master_free(pw.master);
	pw.platter->ops->close(pw.platter);
	pw.platter = mu_backend_memory_new(0);
	pw.mc.epoch++;
	pair_open_master();
	for (unsigned i = 0; i < PAIRS; i++) {
		snprintf(key, sizeof key, "other%02u", i);
		pair_do(MASTER, MU_STORE_PUT, key, "count:2");
	}
	open_clone();
	pair_pass(PAIR_SECOND);
	mu_clone_stats(pw.clones[0], &st);
	ck_assert_int_eq((int)st.state, MU_STORE_FRESH);
	ck_assert_uint_eq(st.entries, PAIRS);
	ck_assert(pair_reads(0, "key00", "-"));
	ck_assert(pair_reads(0, "other00", "count:2"));
	end();
}
END_TEST

/* Nobody knows how old it is. */
START_TEST(a_copy_of_an_earlier_life_waits_for_its_master)
{
	struct pair_answer *a;

	begin();
	open_clone();
	pair_pass(PAIR_SECOND);
	mu_clone_flush(pw.clones[0]);
	disk_commit(clone_disk, clone_disk->sealed);
	kill_clone();
	open_clone();
	pair_cut(0);
	a = pair_ask(0, MU_STORE_GET, "key01", NULL,
	    (struct mu_store_request){ .timeout_ns = PAIR_SECOND });
	pair_settle();
	ck_assert(!a->done);
	pair_pass(2 * PAIR_SECOND);
	ck_assert(a->done);
	ck_assert_int_eq((int)a->status, MU_STORE_STALE);
	pair_join(0, true);
	pair_pass(PAIR_SECOND);
	ck_assert(pair_reads(0, "key01", "count:1"));
	end();
}
END_TEST

START_TEST(a_copy_waits_for_its_disk)
{
	struct mu_clone_stats st;
	unsigned before;

	begin();
	open_clone();
	fetch_some();
	clone_disk->lags = true;
	pair_settle();
	before = chunks();
	pair_pass(3 * PAIR_SECOND);
	ck_assert_uint_eq(chunks(), before);
	mu_clone_stats(pw.clones[0], &st);
	ck_assert_int_eq((int)st.state, MU_STORE_ATTACHING);
	ck_assert_uint_eq(st.attached, 1);
	clone_disk->lags = false;
	pair_settle(); /* no tick is needed */
	mu_clone_stats(pw.clones[0], &st);
	ck_assert_int_eq((int)st.state, MU_STORE_FRESH);
	ck_assert_uint_eq(st.entries, PAIRS);
	end();
}
END_TEST

/* Actions find no room for a while: they wait, and nothing is fetched. */
START_TEST(a_copy_that_is_full_for_a_while_goes_on)
{
	struct mu_clone_stats st;
	unsigned before;

	begin();
	open_clone();
	pair_pass(PAIR_SECOND);
	before = chunks();
	clone_disk->lags = true;
	clone_disk->refuse = MUSTER_ELIMIT;
	pair_do(MASTER, MU_STORE_PUT, "key01", "count:2");
	pair_do(MASTER, MU_STORE_PUT, "key02", "count:2");
	pair_do(MASTER, MU_STORE_PUT, "key01", "count:3");
	pair_pass(PAIR_SECOND);
	mu_clone_stats(pw.clones[0], &st);
	ck_assert_int_eq((int)st.state, MU_STORE_FRESH);
	ck_assert_uint_ge(st.lag, 1);
	ck_assert(pair_reads(0, "key01", "count:1"));
	clone_disk->lags = false;
	clone_disk->refuse = 0;
	pair_settle();
	ck_assert(pair_reads(0, "key01", "count:3"));
	ck_assert(pair_reads(0, "key02", "count:2"));
	mu_clone_stats(pw.clones[0], &st);
	ck_assert_uint_eq(st.lag, 0);
	ck_assert_uint_eq(chunks(), before);
	end();
}
END_TEST

START_TEST(a_copy_that_fails_is_begun_ever_more_rarely)
{
	struct mu_clone_stats st;
	unsigned before;

	begin();
	open_clone();
	for (unsigned i = 0; i < 6000; i++) {
		/* whatever there is to commit */
		if (clone_disk->ops != NULL)
			clone_disk->fail = MUSTER_ELIMIT;
		pair_pass(PAIR_SECOND / 10);
	}
	before = pw.sent[0][MU_CMD_ATTACH];
	/* 1, 2, 4 ... 32, 60 and so on, of ten minutes */
	ck_assert_uint_le(before, 18);
	ck_assert_uint_ge(before, 12);
	clone_disk->fail = 0;
	pair_pass(61 * PAIR_SECOND);
	mu_clone_stats(pw.clones[0], &st);
	ck_assert_int_eq((int)st.state, MU_STORE_FRESH);
	ck_assert_uint_eq(st.entries, PAIRS);
	/* After a good time it is quick again. */
	pair_pass(130 * PAIR_SECOND);
	clone_disk->fail = MUSTER_ELIMIT;
	pair_settle();
	before = pw.sent[0][MU_CMD_ATTACH];
	pair_pass(PAIR_SECOND * 3 / 2);
	ck_assert_uint_gt(pw.sent[0][MU_CMD_ATTACH], before);
	mu_clone_stats(pw.clones[0], &st);
	ck_assert_int_eq((int)st.state, MU_STORE_FRESH);
	end();
}
END_TEST

/* A piece as a master would send it, of pairs key: 1. */
static void
feed_chunk(uint64_t index, bool last, const char *after,
    const char *const *keys, uint32_t n)
{
	struct mu_command chunk = {
		.tag = MU_CMD_CHUNK,
		.sender = pw.mc.entity,
		.receiver = pair_entity(0),
		.index = index,
		.number = 1,
		.flags = last,
		.nentries = n,
	};
	struct muster_value *one = muster_value_count(1);
	struct mu_buf pairs, b;

	if (after != NULL)
		chunk.key = muster_value_cstring(after);
	mu_buf_init(&pairs, 0);
	mu_buf_init(&b, 0);
	for (uint32_t i = 0; i < n; i++) {
		struct muster_value *key = muster_value_cstring(keys[i]);

		mu_value_enc(&pairs, key);
		mu_value_enc(&pairs, one);
		muster_value_unref(key);
	}
	chunk.entries = mu_buf_data(&pairs);
	chunk.entries_len = mu_buf_len(&pairs);
	mu_command_enc(&b, &chunk);
	ck_assert_int_eq(mu_clone_feed(pw.clones[0], mu_buf_data(&b),
			     mu_buf_len(&b), &pw.now),
	    0);
	mu_buf_clear(&b);
	mu_buf_clear(&pairs);
	muster_value_unref(chunk.key);
	muster_value_unref(one);
}

/* Nothing is taken for granted. */
START_TEST(pieces_may_overlap_and_be_out_of_order)
{
	static const char *const first[] = { "b", "d", "c" };
	static const char *const second[] = { "c", "f", "e" };
	static const char *const want[] = { "b", "c", "d", "e", "f" };
	struct mu_command attached = {
		.tag = MU_CMD_ATTACHED,
		.receiver = pair_entity(0),
		.epoch = 77,
		.number = 1,
		.newest = 1,
		.heartbeat = MU_CHANNEL_HEARTBEAT,
		.flags = MU_ATTACHED_FRESH,
		.total = 5,
	};
	struct mu_clone_stats st;
	struct mu_buf b;

	pair_begin();
	attached.sender = pw.mc.entity;
	pair_open_clone(0, true);
	mu_buf_init(&b, 0);
	mu_command_enc(&b, &attached);
	ck_assert_int_eq(mu_clone_feed(pw.clones[0], mu_buf_data(&b),
			     mu_buf_len(&b), &pw.now),
	    0);
	mu_buf_clear(&b);
	feed_chunk(0, false, NULL, first, 3);
	/* Of another picture: it begins elsewhere. */
	feed_chunk(1, true, "c", second, 3);
	feed_chunk(2, true, "d", second, 3);
	mu_clone_stats(pw.clones[0], &st);
	ck_assert_int_eq((int)st.state, MU_STORE_ATTACHING);
	feed_chunk(1, true, "d", second, 3);
	mu_clone_stats(pw.clones[0], &st);
	ck_assert_int_eq((int)st.state, MU_STORE_FRESH);
	ck_assert_uint_eq(st.entries, 5);
	for (unsigned i = 0; i < 5; i++)
		ck_assert(pair_reads(0, want[i], "count:1"));
	ck_assert_uint_eq(pw.clone_events[MU_STORE_INSERT], 5);
	ck_assert_uint_eq(pw.clone_events[MU_STORE_ERASED], 0);
	pair_end();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store_resume");
	TCase *tc = tcase_create("resume");

	tcase_add_test(tc, a_copy_on_its_way_goes_on_after_a_restart);
	tcase_add_test(tc, a_whole_copy_is_whole_after_a_restart);
	tcase_add_test(tc, a_copy_too_old_begins_again);
	tcase_add_test(tc, a_restarted_master_goes_on_with_its_numbers);
	tcase_add_test(tc, a_copy_outlives_several_lives_of_its_master);
	tcase_add_test(tc, what_the_master_lost_is_no_part_of_its_history);
	tcase_add_test(tc, what_waits_of_an_earlier_life_is_not_applied);
	tcase_add_loop_test(
	    tc, writes_under_way_are_done_once_by_the_next_life, 0, 2);
	tcase_add_loop_test(
	    tc, a_writer_cut_off_for_long_is_the_same_one, 0, 60);
	tcase_add_test(tc, numbers_of_another_epoch_mean_nothing);
	tcase_add_test(tc, a_copy_of_an_earlier_life_waits_for_its_master);
	tcase_add_test(tc, a_copy_waits_for_its_disk);
	tcase_add_test(tc, a_copy_that_is_full_for_a_while_goes_on);
	tcase_add_test(tc, a_copy_that_fails_is_begun_ever_more_rarely);
	tcase_add_test(tc, pieces_may_overlap_and_be_out_of_order);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
