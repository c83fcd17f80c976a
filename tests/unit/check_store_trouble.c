/* Masters and clones when something goes wrong at the wrong moment. */
#include "store_pair.h"
#include "unit.h"

#define MASTER PAIR_CLONES

static const struct mu_store_request plain;

START_TEST(a_change_before_the_answer_to_attach_is_not_forgotten)
{
	struct mu_clone_stats stats;

	pair_begin();
	pair_open_master();
	pair_open_clone(0, true);
	pair_pass(PAIR_SECOND);
	pair_do(MASTER, MU_STORE_PUT, "a", "count:1");
	pair_cut(0);
	pair_pass(PAIR_SECOND);
	/* The link is back and the question under way when the master tells
	 * everybody of a change; its answer comes after that. */
	pair_join(0, true);
	pair_ask(MASTER, MU_STORE_PUT, "a", "count:2", plain);
	pair_drain_master();
	pair_pass(PAIR_SECOND);
	mu_clone_stats(pw.clones[0], &stats);
	ck_assert_int_eq((int)stats.state, MU_STORE_FRESH);
	ck_assert(pair_reads(0, "a", "count:2"));
	pair_end();
}
END_TEST

/* As the recording zeek-stores-no-master: queries after 2 s and 13 s, a master
 * after 15 s.  Zeek's clone is dead by then. */
START_TEST(a_clone_waits_for_its_master_without_end)
{
	const struct mu_store_request wait8 = {
		.timeout_ns = 8 * PAIR_SECOND,
	};
	struct pair_answer *get, *put, *late_get, *late_put;

	for (int ours = 0; ours < 2; ours++) {
		pair_begin();
		pair_open_clone_on(0, mu_backend_memory_new(0));
		pair_pass(2 * PAIR_SECOND);
		get = pair_ask(0, MU_STORE_GET, "k", NULL, wait8);
		put = pair_ask(0, MU_STORE_PUT_UNIQUE, "k", "count:1", wait8);
		pair_pass(7 * PAIR_SECOND);
		ck_assert(!get->done && !put->done);
		pair_pass(4 * PAIR_SECOND);
		ck_assert(get->done && put->done);
		ck_assert_int_eq((int)get->status, MU_STORE_NO_MASTER);
		ck_assert_int_eq((int)put->status, MU_STORE_NO_MASTER);
		late_get = pair_ask(0, MU_STORE_EXISTS, "k", NULL, wait8);
		late_put =
		    pair_ask(0, MU_STORE_PUT_UNIQUE, "k", "count:2", wait8);
		pair_pass(2 * PAIR_SECOND);
		ck_assert(!late_get->done && !late_put->done);
		pair_open_master();
		pair_join(0, ours);
		pair_pass(2 * PAIR_SECOND);
		ck_assert(late_get->done && late_put->done);
		ck_assert_int_eq((int)late_get->status, MU_STORE_OK);
		ck_assert_int_eq((int)late_put->status, MU_STORE_OK);
		ck_assert(pair_reads(MASTER, "k", "count:2"));
		ck_assert(pair_reads(0, "k", "count:2"));
		pair_end();
	}
}
END_TEST

START_TEST(a_stale_copy_says_how_old_it_is)
{
	struct pair_answer *a;

	pair_begin();
	pw.cc.max_stale_ns = 300 * PAIR_SECOND;
	pair_open_master();
	pair_open_clone(0, true);
	pair_do(MASTER, MU_STORE_PUT, "k", "count:1");
	pair_pass(PAIR_SECOND);
	a = pair_ask(0, MU_STORE_GET, "k", NULL, plain);
	pair_settle();
	ck_assert(a->done && a->status == MU_STORE_OK && a->stale_ns == 0);
	pair_cut(0);
	pair_pass(20 * PAIR_SECOND);
	for (int i = 0; i < 2; i++) {
		a = pair_ask(
		    0, MU_STORE_GET, i == 0 ? "k" : "none", NULL, plain);
		pair_settle();
		ck_assert(
		    a->done &&
		    a->status == (i == 0 ? MU_STORE_OK : MU_STORE_NO_SUCH_KEY));
		ck_assert_uint_ge(a->stale_ns, 19 * PAIR_SECOND);
		ck_assert_uint_le(a->stale_ns, 21 * PAIR_SECOND);
	}
	pair_pass(290 * PAIR_SECOND);
	a = pair_ask(0, MU_STORE_GET, "k", NULL, plain);
	pair_pass(20 * PAIR_SECOND);
	ck_assert(a->done && a->status == MU_STORE_STALE);
	pair_join(0, true);
	pair_pass(PAIR_SECOND);
	a = pair_ask(0, MU_STORE_GET, "k", NULL, plain);
	pair_settle();
	ck_assert(a->done && a->status == MU_STORE_OK && a->stale_ns == 0);
	pair_end();
}
END_TEST

/* --- what is gone ------------------------------------------------------- */

static void
say_gone(unsigned i, uint64_t seq)
{
	struct mu_command cmd = {
		.tag = MU_CMD_RETRANSMIT_FAILED,
		.sender = pw.mc.entity,
		.receiver = pair_entity(i),
		.number = seq,
	};
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_command_enc(&b, &cmd);
	ck_assert_int_eq(mu_clone_feed(pw.clones[i], mu_buf_data(&b),
			     mu_buf_len(&b), &pw.now),
	    0);
	mu_buf_clear(&b);
}

/* The clone learns how much it lacks. */
static void
say_newest(unsigned i)
{
	struct mu_master_stats stats;
	struct mu_command cmd = {
		.tag = MU_CMD_KEEPALIVE,
		.sender = pw.mc.entity,
	};
	struct mu_buf b;

	mu_master_stats(pw.master, &stats);
	cmd.number = stats.seq;
	mu_buf_init(&b, 0);
	mu_command_enc(&b, &cmd);
	ck_assert_int_eq(mu_clone_feed(pw.clones[i], mu_buf_data(&b),
			     mu_buf_len(&b), &pw.now),
	    0);
	mu_buf_clear(&b);
}

/* Where Broker's clone gives up, ours attaches anew. */
START_TEST(a_clone_attaches_again_after_retransmit_failed)
{
	for (int ours = 0; ours < 2; ours++) {
		struct mu_clone_stats before, after;

		pair_begin();
		pair_open_master();
		pair_open_clone(0, ours);
		pair_do(MASTER, MU_STORE_PUT, "a", "count:1");
		pair_pass(PAIR_SECOND);
		mu_clone_stats(pw.clones[0], &before);
		ck_assert_int_eq((int)before.state, MU_STORE_FRESH);
		pw.up[0] = false;
		pair_do(MASTER, MU_STORE_PUT, "a", "count:2");
		pw.up[0] = true;
		say_gone(0, before.seq + 1);
		pair_pass(2 * PAIR_SECOND);
		mu_clone_stats(pw.clones[0], &after);
		ck_assert_uint_eq(after.attached, before.attached + 1);
		ck_assert_int_eq((int)after.state, MU_STORE_FRESH);
		ck_assert(pair_reads(0, "a", "count:2"));
		pair_ask(0, MU_STORE_PUT, "b", "count:3", plain);
		pair_pass(PAIR_SECOND);
		ck_assert(pair_reads(MASTER, "b", "count:3"));
		pair_end();
	}
}
END_TEST

START_TEST(a_vanished_clone_costs_a_bounded_history)
{
	for (int ours = 0; ours < 2; ours++) {
		struct mu_master_stats stats;
		char key[32], value[32];

		pair_begin();
		pw.mc.limits.max_buffered = 50;
		pw.mc.limits.keep_actions = 10;
		pair_open_master();
		pair_open_clone(0, ours);
		pair_open_clone(1, true);
		pair_pass(PAIR_SECOND);
		pw.up[0] = false; /* it hangs, and nobody is told */
		for (int i = 0; i < 500; i++) {
			snprintf(key, sizeof key, "key-%d", i % 20);
			snprintf(value, sizeof value, "count:%d", i);
			pair_do(MASTER, MU_STORE_PUT, key, value);
			mu_master_stats(pw.master, &stats);
			ck_assert_uint_le(stats.buffered, 50);
		}
		pair_pass(PAIR_SECOND);
		ck_assert_ptr_nonnull(strstr(pw.log, "too far behind"));
		pw.up[0] = true;
		pair_pass(3 * PAIR_SECOND);
		for (int i = 0; i < 20; i++) {
			snprintf(key, sizeof key, "key-%d", i);
			snprintf(value, sizeof value, "count:%d", 480 + i);
			ck_assert(pair_reads(0, key, value));
			ck_assert(pair_reads(1, key, value));
		}
		pair_end();
	}
}
END_TEST

/* Nobody tells that the way is gone; Broker's masters forget a clone after 50
 * seconds, and would never remember it by an acknowledgement. */
START_TEST(a_long_silence_ends_in_a_new_attachment)
{
	for (int ours = 0; ours < 2; ours++) {
		struct mu_clone_stats stats;
		struct mu_master_stats m;

		pair_begin();
		pw.mc.resume = ours; /* the other is as Broker's */
		pw.mc.limits.keep_actions = pw.mc.limits.keep_bytes = 0;
		pair_open_master();
		pair_open_clone(0, ours);
		pair_pass(PAIR_SECOND);
		pair_ask(0, MU_STORE_PUT, "a", "count:1", plain);
		pair_pass(PAIR_SECOND);
		pw.up[0] = false;
		pair_pass(70 * PAIR_SECOND);
		mu_master_stats(pw.master, &m);
		ck_assert_uint_eq(m.clones, 0);
		ck_assert_uint_eq(m.writers, 0);
		ck_assert_uint_eq(m.buffered, 0);
		pair_do(MASTER, MU_STORE_PUT, "a", "count:2");
		pw.up[0] = true;
		pair_pass(3 * PAIR_SECOND);
		mu_clone_stats(pw.clones[0], &stats);
		ck_assert_int_eq((int)stats.state, MU_STORE_FRESH);
		ck_assert_uint_eq(stats.attached, 2);
		ck_assert(pair_reads(0, "a", "count:2"));
		pair_ask(0, MU_STORE_PUT, "b", "count:3", plain);
		pair_pass(PAIR_SECOND);
		ck_assert(pair_reads(MASTER, "b", "count:3"));
		pair_end();
	}
}
END_TEST

/* A restarted master must not take a clone of ours, heard before it attaches,
 * for one of Broker's: those are sent everything. */
START_TEST(only_brokers_clones_are_resynchronised)
{
	struct mu_clone_stats stats;

	pair_begin();
	pair_open_master();
	pair_open_clone(0, true);
	pair_pass(PAIR_SECOND);
	for (int i = 0; i < 20; i++)
		pair_do(MASTER, MU_STORE_PUT, "k", i % 2 ? "1" : "2");
	pair_pass(PAIR_SECOND);
	mu_master_free(pw.master); /* the clone is not told */
	pair_open_master();
	pair_pass(PAIR_SECOND * 6 / 10);
	ck_assert_ptr_nonnull(strstr(pw.log, "of an earlier life goes on"));
	pair_join(0, true);
	pair_pass(3 * PAIR_SECOND);
	ck_assert_ptr_null(strstr(pw.log, "resynchronising"));
	mu_clone_stats(pw.clones[0], &stats);
	ck_assert_int_eq((int)stats.state, MU_STORE_FRESH);
	pair_do(MASTER, MU_STORE_PUT, "k", "3");
	ck_assert(pair_reads(0, "k", "3"));
	pair_end();
}
END_TEST

/* Answers that wait in a queue are not given again for each question. */
START_TEST(a_slow_clone_is_not_flooded)
{
	for (int ours = 0; ours < 2; ours++) {
		char key[32];
		unsigned before, after;

		pair_begin();
		pw.cc.max_early = 10000;
		pair_open_master();
		pair_open_clone(0, ours);
		pair_pass(PAIR_SECOND);
		pw.up[0] = false;
		for (int i = 0; i < 2500; i++) {
			snprintf(key, sizeof key, "key-%d", i);
			pair_do(MASTER, MU_STORE_PUT, key, "count:1");
		}
		pw.up[0] = true;
		pw.deaf_clone = true; /* what it is sent does not arrive yet */
		before = pw.sent[1][MU_CMD_PUT];
		pair_pass(PAIR_SECOND);
		say_newest(0);
		pair_pass(5 * PAIR_SECOND);
		after = pw.sent[1][MU_CMD_PUT];
		ck_assert_uint_ge(after - before, 1024);
		ck_assert_uint_le(after - before, 5 * 1024);
		pw.deaf_clone = false;
		pair_pass(15 * PAIR_SECOND);
		ck_assert(pair_reads(0, "key-0", "count:1"));
		ck_assert(pair_reads(0, "key-2499", "count:1"));
		pair_end();
	}
}
END_TEST

/* A chunk that takes long is not asked for again and again. */
START_TEST(a_slow_way_is_not_filled_with_the_same_chunk)
{
	struct mu_clone_stats stats;
	unsigned before;
	char key[32];

	pair_begin();
	pw.mc.chunk_bytes = 500;
	pair_open_master();
	for (int i = 0; i < 200; i++) {
		snprintf(key, sizeof key, "key-%d", i);
		pair_do(MASTER, MU_STORE_PUT, key, "count:1");
	}
	pair_open_clone_on(0, mu_backend_memory_new(0));
	pair_join(0, true);
	pair_drain_clone(0);
	pair_drain_master(); /* attached */
	pw.deaf_master = true;
	before = pw.sent[0][MU_CMD_WANT];
	for (int i = 0; i < 60; i++) {
		pair_pass(PAIR_SECOND);
		say_newest(0); /* the master is there, the chunk is not */
	}
	ck_assert_uint_ge(pw.sent[0][MU_CMD_WANT] - before, 4);
	ck_assert_uint_le(pw.sent[0][MU_CMD_WANT] - before, 9);
	pw.deaf_master = false;
	pair_pass(31 * PAIR_SECOND);
	mu_clone_stats(pw.clones[0], &stats);
	ck_assert_int_eq((int)stats.state, MU_STORE_FRESH);
	ck_assert_uint_eq(stats.entries, 200);
	pair_end();
}
END_TEST

/* --- the medium refuses ------------------------------------------------- */

static enum mu_store_status
trouble(void)
{
	struct mu_master_stats stats;

	mu_master_stats(pw.master, &stats);
	return stats.trouble;
}

START_TEST(a_refusing_medium_is_seen_until_a_write_succeeds)
{
	pair_begin();
	pair_open_master();
	pair_do(MASTER, MU_STORE_PUT, "k", "count:1");
	ck_assert_int_eq((int)trouble(), MU_STORE_OK);
	pw.disk->refuse = MUSTER_ELIMIT;
	pair_do(MASTER, MU_STORE_PUT, "k", "count:2");
	pair_do(MASTER, MU_STORE_PUT, "k", "count:2");
	ck_assert_int_eq((int)trouble(), MU_STORE_FULL);
	pw.disk->refuse = 0;
	/* a write that changes nothing proves nothing */
	pair_do(MASTER, MU_STORE_ERASE, "nothing", NULL);
	pair_pass(PAIR_SECOND);
	ck_assert_int_eq((int)trouble(), MU_STORE_FULL);
	pair_do(MASTER, MU_STORE_PUT, "k", "count:2");
	ck_assert_int_eq((int)trouble(), MU_STORE_OK);
	ck_assert_ptr_nonnull(strstr(pw.log, "writes are refused: store is "
					     "full\nwrites succeed again, "
					     "after 2 that were refused\n"));
	pair_end();
}
END_TEST

START_TEST(a_failed_commit_is_seen_until_one_succeeds)
{
	pair_begin();
	pair_open_master();
	pair_do(MASTER, MU_STORE_PUT, "k", "count:1");
	pw.hold_disk = true;
	pair_ask(MASTER, MU_STORE_PUT, "k", "count:2", plain);
	pair_settle();
	pw.disk->fail = MUSTER_ESYS;
	pair_settle();
	pw.hold_disk = false;
	ck_assert_int_eq((int)trouble(), MU_STORE_BACKEND);
	/* numbers alone are not tried again and again */
	pair_pass(PAIR_SECOND);
	ck_assert_uint_eq(pw.disk->sealed, 2);
	ck_assert_int_eq((int)trouble(), MU_STORE_BACKEND);
	pair_do(MASTER, MU_STORE_PUT, "k", "count:2");
	ck_assert_int_eq((int)trouble(), MU_STORE_OK);
	ck_assert(pair_reads(MASTER, "k", "count:2"));
	pair_end();
}
END_TEST

/* What a master writes down at its start is undone by itself. */
START_TEST(a_failed_start_costs_no_write)
{
	pair_begin();
	pair_open_master();
	pw.hold_disk = true;
	pair_settle();
	ck_assert_uint_eq(pw.disk->sealed, 1);
	pw.disk->fail = MUSTER_ELIMIT;
	pair_settle();
	pw.hold_disk = false;
	ck_assert_int_eq(
	    (int)pair_do(MASTER, MU_STORE_PUT, "k", "count:1"), MU_STORE_OK);
	ck_assert_int_eq((int)trouble(), MU_STORE_OK);
	/* and is written with the next one */
	ck_assert_int_eq(pw.platter->ops->meta_get(pw.platter,
			     (struct mu_bytes){ (const uint8_t *)"epoch", 5 },
			     &(struct mu_bytes){ NULL, 0 }),
	    0);
	pair_end();
}
END_TEST

/* --- damaged records ---------------------------------------------------- */

static struct mu_bytes
key_bytes(const char *text, struct mu_buf *b)
{
	struct muster_value *k;

	ck_assert_int_eq(muster_value_from_text(text, &k), 0);
	mu_buf_init(b, 0);
	ck_assert_int_eq((int)mu_entry_key(b, k), MU_STORE_OK);
	muster_value_unref(k);
	return mu_bytes_of(b);
}

START_TEST(a_damaged_record_is_refused_to_everybody)
{
	struct mu_master_stats stats;
	struct mu_buf key;

	pair_begin();
	pair_open_master();
	pair_open_clone(0, true);
	pair_open_clone(1, false);
	pair_pass(PAIR_SECOND);
	pair_do(MASTER, MU_STORE_PUT, "bad", "count:1");
	pw.disk->damaged = key_bytes("bad", &key);
	ck_assert_int_eq(
	    (int)pair_do(MASTER, MU_STORE_GET, "bad", NULL), MU_STORE_DAMAGED);
	ck_assert_int_eq((int)pair_do(MASTER, MU_STORE_PUT, "bad", "count:2"),
	    MU_STORE_DAMAGED);
	ck_assert_int_eq(
	    (int)pair_do(0, MU_STORE_PUT, "bad", "count:2"), MU_STORE_DAMAGED);
	/* Broker's clone is not told, but its later writes are not stuck. */
	pair_ask(1, MU_STORE_ADD, "bad", "count:2", plain);
	pair_ask(1, MU_STORE_PUT, "good", "count:3", plain);
	pair_pass(PAIR_SECOND);
	ck_assert(pair_reads(MASTER, "good", "count:3"));
	ck_assert(pair_reads(0, "good", "count:3"));
	mu_master_stats(pw.master, &stats);
	ck_assert_uint_eq(stats.ndamaged, 4);
	ck_assert_str_eq(stats.damaged, "bad");
	ck_assert_ptr_nonnull(
	    strstr(pw.log, "the record of key bad is damaged"));
	pair_end();
	mu_buf_clear(&key);
}
END_TEST

START_TEST(a_write_that_no_commit_can_hold_is_given_up)
{
	struct mu_buf key;

	pair_begin();
	pair_open_master();
	pair_open_clone(1, false);
	pair_pass(PAIR_SECOND);
	pw.disk->rotten = key_bytes("bad", &key);
	pair_ask(1, MU_STORE_PUT, "before", "count:1", plain);
	pair_ask(1, MU_STORE_PUT, "bad", "count:2", plain);
	pair_ask(1, MU_STORE_PUT, "after", "count:3", plain);
	pair_pass(8 * PAIR_SECOND);
	ck_assert(pair_reads(MASTER, "before", "count:1"));
	ck_assert(pair_reads(MASTER, "bad", "-"));
	ck_assert(pair_reads(MASTER, "after", "count:3"));
	ck_assert(pair_reads(1, "after", "count:3"));
	pair_end();
	mu_buf_clear(&key);
}
END_TEST

START_TEST(a_damaged_copy_is_fetched_again)
{
	struct mu_backend *platter = mu_backend_memory_new(0);
	struct disk *d = disk_open(platter);
	struct mu_clone_stats stats;
	struct mu_buf key;

	pair_begin();
	pair_open_master();
	pair_do(MASTER, MU_STORE_PUT, "bad", "count:1");
	pair_do(MASTER, MU_STORE_PUT, "good", "count:2");
	pair_open_clone_on(0, &d->base);
	pair_join(0, true);
	pair_pass(PAIR_SECOND);
	d->damaged = key_bytes("bad", &key);
	d->heals = true;
	ck_assert_int_eq(
	    (int)pair_do(0, MU_STORE_GET, "bad", NULL), MU_STORE_DAMAGED);
	pair_pass(2 * PAIR_SECOND);
	mu_clone_stats(pw.clones[0], &stats);
	ck_assert_int_eq((int)stats.state, MU_STORE_FRESH);
	ck_assert(pair_reads(0, "bad", "count:1"));
	ck_assert(pair_reads(0, "good", "count:2"));
	/* and when the master's change meets it */
	d->damaged = mu_bytes_of(&key);
	pair_do(MASTER, MU_STORE_PUT, "bad", "count:3");
	pair_pass(2 * PAIR_SECOND);
	ck_assert(pair_reads(0, "bad", "count:3"));
	ck_assert_ptr_nonnull(strstr(pw.log, "damaged and dropped"));
	pair_end();
	platter->ops->close(platter);
	mu_buf_clear(&key);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store_trouble");
	TCase *tc = tcase_create("stories");

	tcase_add_test(
	    tc, a_change_before_the_answer_to_attach_is_not_forgotten);
	tcase_add_test(tc, only_brokers_clones_are_resynchronised);
	tcase_add_test(tc, a_slow_clone_is_not_flooded);
	tcase_add_test(tc, a_slow_way_is_not_filled_with_the_same_chunk);
	tcase_add_test(tc, a_stale_copy_says_how_old_it_is);
	tcase_add_test(tc, a_clone_attaches_again_after_retransmit_failed);
	tcase_add_test(tc, a_long_silence_ends_in_a_new_attachment);
	tcase_add_test(tc, a_vanished_clone_costs_a_bounded_history);
	tcase_add_test(tc, a_clone_waits_for_its_master_without_end);
	tcase_add_test(tc, a_refusing_medium_is_seen_until_a_write_succeeds);
	tcase_add_test(tc, a_failed_commit_is_seen_until_one_succeeds);
	tcase_add_test(tc, a_failed_start_costs_no_write);
	tcase_add_test(tc, a_damaged_record_is_refused_to_everybody);
	tcase_add_test(tc, a_write_that_no_commit_can_hold_is_given_up);
	tcase_add_test(tc, a_damaged_copy_is_fetched_again);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
