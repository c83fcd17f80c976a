/* Masters and clones, one story each. */
#include "store_pair.h"

#include "nomem.h"
#include "unit.h"

#define MASTER PAIR_CLONES

static const struct mu_store_request plain;

/* --- at the master ----------------------------------------------------- */

START_TEST(every_outcome_is_told_at_the_master)
{
	pair_begin();
	pw.mc.max_value = 100;
	pw.mc.max_key = 7; /* with its type and length */
	pair_open_master();
	ck_assert_int_eq((int)pair_do(MASTER, MU_STORE_GET, "k", NULL),
	    MU_STORE_NO_SUCH_KEY);
	ck_assert_int_eq(
	    (int)pair_do(MASTER, MU_STORE_PUT, "k", "count:1"), MU_STORE_OK);
	ck_assert(pair_reads(MASTER, "k", "count:1"));
	ck_assert_int_eq((int)pair_do(MASTER, MU_STORE_ADD, "k", "string:x"),
	    MU_STORE_TYPE_CLASH);
	ck_assert_int_eq(
	    (int)pair_do(MASTER, MU_STORE_SUBTRACT, "none", "count:1"),
	    MU_STORE_NO_SUCH_KEY);
	ck_assert_int_eq(
	    (int)pair_do(MASTER, MU_STORE_ERASE, "none", NULL), MU_STORE_OK);
	ck_assert_int_eq(
	    (int)pair_do(MASTER, MU_STORE_PUT_UNIQUE, "k", "count:2"),
	    MU_STORE_CONDITION);
	ck_assert_int_eq(
	    (int)pair_do(MASTER, MU_STORE_PUT_UNIQUE, "k2", "count:2"),
	    MU_STORE_OK);
	ck_assert_int_eq((int)pair_do(MASTER, MU_STORE_PUT, NULL, "count:2"),
	    MU_STORE_INVALID);
	ck_assert_int_eq((int)pair_do(MASTER, MU_STORE_PUT, "big",
			     "string:0123456789012345678901234567890123456789"
			     "0123456789012345678901234567890123456789"
			     "0123456789012345678901234567890123456789"),
	    MU_STORE_TOO_LARGE);
	ck_assert(pair_reads(MASTER, "big", "-"));
	ck_assert_int_eq(
	    (int)pair_do(MASTER, MU_STORE_PUT, "bigkey", "count:1"),
	    MU_STORE_TOO_LARGE);
	ck_assert_int_eq(
	    (int)pair_do(MASTER, MU_STORE_SUBTRACT, "k", "count:5"),
	    MU_STORE_OK);
	ck_assert(pair_reads(MASTER, "k", "count:18446744073709551612"));
	pair_end();
}
END_TEST

START_TEST(a_key_that_equals_nothing_is_refused)
{
	struct mu_store_request req = { .op = MU_STORE_PUT };

	pair_begin();
	pair_open_master();
	req.key = muster_value_real(__builtin_nan(""));
	req.value = muster_value_boolean(true);
	req.id = pw.id++;
	ck_assert_int_eq(mu_master_request(pw.master, &req, &pw.now), 0);
	pair_settle();
	ck_assert_int_eq((int)pw.answers[0].status, MU_STORE_INVALID);
	ck_assert_int_eq(
	    (int)pair_do(MASTER, MU_STORE_PUT, "real:-0.0", "count:1"),
	    MU_STORE_OK);
	ck_assert(pair_reads(MASTER, "real:0.0", "count:1"));
	muster_value_unref((struct muster_value *)(uintptr_t)req.key);
	muster_value_unref((struct muster_value *)(uintptr_t)req.value);
	pair_end();
}
END_TEST

START_TEST(nothing_leaves_before_it_is_durable)
{
	struct pair_answer *a;

	pair_begin();
	pair_open_master();
	pair_open_clone(0, true);
	pair_pass(PAIR_SECOND);
	pw.hold_disk = true;
	a = pair_ask(MASTER, MU_STORE_PUT, "k", "count:1", plain);
	pair_settle();
	ck_assert(!a->done);
	ck_assert_uint_eq(pw.events[MU_STORE_INSERT], 0);
	ck_assert_uint_eq(pw.sent[1][MU_CMD_PUT], 0);
	ck_assert(pair_reads(MASTER, "k", "count:1"));
	ck_assert(pair_reads(0, "k", "-"));
	pw.hold_disk = false;
	pair_settle();
	ck_assert(a->done && a->status == MU_STORE_OK);
	ck_assert_uint_eq(pw.events[MU_STORE_INSERT], 1);
	ck_assert(pair_reads(0, "k", "count:1"));
	pair_end();
}
END_TEST

START_TEST(a_failed_batch_is_undone_and_told)
{
	struct pair_answer *a, *b, *c;

	pair_begin();
	pair_open_master();
	pair_open_clone(0, true);
	pair_pass(PAIR_SECOND);
	pair_do(MASTER, MU_STORE_PUT, "k", "count:1");
	pw.hold_disk = true;
	a = pair_ask(MASTER, MU_STORE_ADD, "k", "count:1", plain);
	pair_settle();
	b = pair_ask(MASTER, MU_STORE_ADD, "k", "count:1", plain);
	c = pair_ask(0, MU_STORE_ADD, "k", "count:1", plain);
	pair_settle();
	ck_assert(!a->done && !b->done && !c->done);
	pw.disk->fail = MUSTER_ELIMIT;
	pair_settle();
	ck_assert(a->done && a->status == MU_STORE_FULL);
	ck_assert(b->done && b->status == MU_STORE_FULL);
	ck_assert(c->done && c->status == MU_STORE_FULL);
	ck_assert(pair_reads(MASTER, "k", "count:1"));
	pw.hold_disk = false;
	pair_do(MASTER, MU_STORE_ADD, "k", "count:5");
	ck_assert(pair_reads(0, "k", "count:6"));
	pair_end();
}
END_TEST

START_TEST(a_full_medium_refuses_writes_and_answers_reads)
{
	pair_begin();
	pair_open_master();
	pair_open_clone(0, true);
	pair_open_clone(1, false);
	pair_pass(PAIR_SECOND);
	pair_do(MASTER, MU_STORE_PUT, "k", "count:1");
	pw.disk->refuse = MUSTER_ELIMIT;
	ck_assert_int_eq(
	    (int)pair_do(MASTER, MU_STORE_PUT, "k", "count:2"), MU_STORE_FULL);
	ck_assert_int_eq(
	    (int)pair_do(0, MU_STORE_PUT, "k", "count:2"), MU_STORE_FULL);
	ck_assert(pair_reads(MASTER, "k", "count:1"));
	ck_assert(pair_reads(0, "k", "count:1"));
	/* A clone of Broker's could not be told: its write waits. */
	pair_ask(1, MU_STORE_PUT, "k", "count:3", plain);
	pair_pass(3 * PAIR_SECOND);
	pw.disk->refuse = 0;
	pair_pass(3 * PAIR_SECOND);
	ck_assert(pair_reads(MASTER, "k", "count:3"));
	pair_end();
}
END_TEST

START_TEST(keys_come_in_pages)
{
	struct mu_store_request page = { .limit = 7 };
	struct muster_value *after = NULL;
	size_t total = 0, pages = 0;
	char key[20];

	pair_begin();
	pw.mc.max_keys = 20;
	pair_open_master();
	for (int i = 0; i < 40; i++) {
		snprintf(key, sizeof key, "%s%d", i % 2 ? "odd-" : "even", i);
		pair_do(MASTER, MU_STORE_PUT, key, "count:1");
	}
	ck_assert_int_eq((int)pair_do(MASTER, MU_STORE_KEYS, NULL, NULL),
	    MU_STORE_TOO_LARGE);
	ck_assert_int_eq(
	    (int)pair_do(MASTER, MU_STORE_KEYS, NULL, "odd-"), MU_STORE_OK);
	do {
		struct pair_answer *a;

		page.after = after;
		a = pair_ask(MASTER, MU_STORE_KEYS, NULL, "odd-", page);
		pair_settle();
		ck_assert_int_eq((int)a->status, MU_STORE_OK);
		total += muster_value_size(a->result);
		after = a->more;
		pages++;
	} while (after != NULL && pages < 100);
	ck_assert_uint_eq(total, 20);
	ck_assert_uint_ge(pages, 3);
	pair_end();
}
END_TEST

/* --- expiry ------------------------------------------------------------ */

START_TEST(only_the_master_lets_entries_expire)
{
	struct mu_store_request second = { .expiry_ns = 1000000000 };

	pair_begin();
	pair_open_master();
	pair_open_clone(0, true);
	pair_open_clone(1, false);
	pair_pass(PAIR_SECOND);
	pair_ask(0, MU_STORE_PUT, "e1", "count:1", second);
	pair_ask(MASTER, MU_STORE_PUT, "e2", "count:1", second);
	pair_ask(1, MU_STORE_PUT, "e3", "count:1", second);
	pair_settle();
	pair_do(0, MU_STORE_ADD, "e2", "count:1"); /* renews without expiry */
	pw.up[1] = false;                          /* it hears nothing of it */
	pair_pass(PAIR_SECOND / 2);
	ck_assert(pair_reads(MASTER, "e1", "count:1"));
	pair_pass(PAIR_SECOND);
	ck_assert(pair_reads(MASTER, "e1", "-"));
	ck_assert(pair_reads(0, "e1", "-"));
	ck_assert(pair_reads(0, "e2", "count:2"));
	ck_assert(pair_reads(0, "e3", "-"));
	ck_assert(pair_reads(1, "e1", "count:1"));
	ck_assert_uint_eq(pw.events[MU_STORE_EXPIRED], 2);
	ck_assert_uint_eq(pw.clone_events[MU_STORE_EXPIRED], 2);
	pair_end();
}
END_TEST

START_TEST(writes_without_expiry_get_the_default)
{
	pair_begin();
	pw.mc.default_expiry_ns = 2000000000;
	pair_open_master();
	pair_do(MASTER, MU_STORE_PUT, "k", "count:1");
	pair_pass(PAIR_SECOND);
	ck_assert(pair_reads(MASTER, "k", "count:1"));
	pair_do(MASTER, MU_STORE_PUT, "k", "count:2");
	pair_pass(3 * PAIR_SECOND / 2);
	ck_assert(pair_reads(MASTER, "k", "count:2"));
	pair_pass(PAIR_SECOND);
	ck_assert(pair_reads(MASTER, "k", "-"));
	pair_end();
}
END_TEST

/* --- clones ------------------------------------------------------------ */

START_TEST(a_clone_of_ours_is_told_every_outcome)
{
	pair_begin();
	pair_open_master();
	pair_open_clone(0, true);
	pair_pass(PAIR_SECOND);
	ck_assert_int_eq(
	    (int)pair_do(0, MU_STORE_PUT, "k", "count:1"), MU_STORE_OK);
	ck_assert(pair_reads(0, "k", "count:1")); /* its own write, at once */
	ck_assert_int_eq((int)pair_do(0, MU_STORE_ADD, "k", "string:x"),
	    MU_STORE_TYPE_CLASH);
	ck_assert_int_eq((int)pair_do(0, MU_STORE_SUBTRACT, "no", "count:1"),
	    MU_STORE_NO_SUCH_KEY);
	ck_assert_int_eq(
	    (int)pair_do(0, MU_STORE_ERASE, "no", NULL), MU_STORE_OK);
	ck_assert_int_eq((int)pair_do(0, MU_STORE_PUT_UNIQUE, "k", "count:1"),
	    MU_STORE_CONDITION);
	ck_assert_int_eq(
	    (int)pair_do(0, MU_STORE_PUT_UNIQUE, "u", "count:1"), MU_STORE_OK);
	ck_assert_int_eq(
	    (int)pair_do(0, MU_STORE_ERASE, "u", NULL), MU_STORE_OK);
	ck_assert_int_eq(
	    (int)pair_do(0, MU_STORE_CLEAR, NULL, NULL), MU_STORE_OK);
	ck_assert(pair_reads(0, "k", "-"));
	pair_end();
}
END_TEST

START_TEST(put_if_compares_and_swaps)
{
	struct mu_store_request absent = { 0 }, one = { 0 };
	struct muster_value *v = muster_value_count(1);
	struct pair_answer *a[5];

	pair_begin();
	pair_open_master();
	pair_open_clone(0, true);
	pair_open_clone(1, false);
	pair_pass(PAIR_SECOND);
	one.expected = v;
	a[0] = pair_ask(0, MU_STORE_PUT_IF, "k", "count:1", absent);
	a[1] = pair_ask(0, MU_STORE_PUT_IF, "k", "count:9", absent);
	a[2] = pair_ask(0, MU_STORE_PUT_IF, "k", "count:2", one);
	pair_settle();
	a[3] = pair_ask(MASTER, MU_STORE_PUT_IF, "k", "count:3", one);
	a[4] = pair_ask(1, MU_STORE_PUT_IF, "k", "count:4", one);
	pair_settle();
	ck_assert_int_eq((int)a[0]->status, MU_STORE_OK);
	ck_assert_int_eq((int)a[1]->status, MU_STORE_CONDITION);
	ck_assert_int_eq((int)a[2]->status, MU_STORE_OK);
	ck_assert_int_eq((int)a[3]->status, MU_STORE_CONDITION);
	ck_assert_int_eq((int)a[4]->status, MU_STORE_UNSUPPORTED);
	ck_assert(pair_reads(1, "k", "count:2"));
	muster_value_unref(v);
	pair_end();
}
END_TEST

START_TEST(queries_end_in_their_time)
{
	struct mu_store_request brief = { .timeout_ns = PAIR_SECOND };
	struct pair_answer *read, *write, *late;

	pair_begin();
	pair_open_clone_on(0, mu_backend_memory_new(0));
	read = pair_ask(0, MU_STORE_GET, "k", NULL, brief);
	write = pair_ask(0, MU_STORE_PUT, "k", "count:1", brief);
	pair_pass(PAIR_SECOND / 2);
	ck_assert(!read->done && !write->done);
	pair_pass(PAIR_SECOND);
	ck_assert(read->done && read->status == MU_STORE_NO_MASTER);
	ck_assert(write->done && write->status == MU_STORE_NO_MASTER);
	/* A master that is there and says nothing is another matter. */
	pair_open_master();
	pw.deaf_master = true;
	pair_join(0, true);
	read = pair_ask(0, MU_STORE_GET, "k", NULL, brief);
	write = pair_ask(0, MU_STORE_PUT, "k", "count:1", brief);
	pair_pass(2 * PAIR_SECOND);
	ck_assert(read->done && read->status == MU_STORE_TIMEOUT);
	ck_assert(write->done && write->status == MU_STORE_TIMEOUT);
	/* So is one whose store is on its way. */
	pw.deaf_master = false;
	do {
		pw.now.mono += PAIR_SECOND / 10;
		mu_clone_tick(pw.clones[0], &pw.now);
		pair_drain_clone(0);
		pw.deaf_clone = pw.sent[1][MU_CMD_ATTACHED] > 0;
		pair_drain_master();
	} while (!pw.deaf_clone);
	read = pair_ask(0, MU_STORE_GET, "k", NULL, brief);
	pair_pass(2 * PAIR_SECOND);
	ck_assert(read->done && read->status == MU_STORE_TIMEOUT);
	pw.deaf_clone = false;
	pair_pass(PAIR_SECOND);
	pair_pass(10 * PAIR_SECOND);
	ck_assert(pair_reads(0, "k", "-"));
	pw.deaf_master = true;
	late = pair_ask(0, MU_STORE_PUT, "k", "count:1", brief);
	pair_pass(2 * PAIR_SECOND);
	ck_assert(late->done && late->status == MU_STORE_TIMEOUT);
	pw.deaf_master = false;
	pair_cut(0);
	pair_pass(5 * PAIR_SECOND);
	read = pair_ask(0, MU_STORE_GET, "k", NULL, brief);
	pair_pass(2 * PAIR_SECOND);
	ck_assert(read->done && read->status == MU_STORE_STALE);
	pair_join(0, true);
	pair_pass(PAIR_SECOND);
	ck_assert(pair_reads(0, "k", "count:1")); /* it happened after all */
	pair_end();
}
END_TEST

START_TEST(waiting_writes_are_bounded)
{
	pair_begin();
	pw.cc.max_writes = 3;
	pw.cc.max_queries = 1;
	pair_open_clone_on(0, mu_backend_memory_new(0));
	for (int i = 0; i < 3; i++)
		pair_ask(0, MU_STORE_PUT, "k", "count:1", plain);
	ck_assert_int_eq(
	    (int)pair_do(0, MU_STORE_PUT, "k", "count:1"), MU_STORE_BUSY);
	pair_ask(0, MU_STORE_GET, "k", NULL, plain);
	ck_assert_int_eq(
	    (int)pair_do(0, MU_STORE_GET, "k", NULL), MU_STORE_BUSY);
	pair_end();
}
END_TEST

static void
fill(unsigned n)
{
	char key[30], value[60];

	for (unsigned i = 0; i < n; i++) {
		snprintf(key, sizeof key, "key-%05u", i);
		snprintf(value, sizeof value,
		    "value %u 0123456789012345678901234567890", i);
		pair_ask(MASTER, MU_STORE_PUT, key, value, plain);
	}
	pair_settle();
}

START_TEST(beyond_the_limit_only_clones_of_ours_attach)
{
	struct mu_clone_stats stats;

	pair_begin();
	pw.mc.max_snapshot = 4096;
	pw.mc.chunk_bytes = 500;
	pair_open_master();
	fill(500);
	pair_open_clone(1, false);
	pair_pass(2 * PAIR_SECOND);
	ck_assert_uint_eq(pw.sent[1][MU_CMD_ACK_CLONE], 0);
	ck_assert_ptr_nonnull(strstr(pw.log, "limit 4096 bytes"));
	pair_open_clone(0, true);
	pair_pass(PAIR_SECOND);
	mu_clone_stats(pw.clones[0], &stats);
	ck_assert_int_eq((int)stats.state, MU_STORE_FRESH);
	ck_assert_uint_eq(stats.entries, 500);
	ck_assert_uint_gt(pw.sent[1][MU_CMD_CHUNK], 20);
	ck_assert_uint_gt(pw.percents, 3);
	ck_assert_uint_gt(pw.want_from_key, 20);
	pair_end();
}
END_TEST

/* Ten pairs of a string of 9 and one of 39 bytes, each with a tag and a length:
 * 520 bytes are what fits, and not one less. */
START_TEST(up_to_the_limit_all_clones_attach)
{
	struct mu_clone_stats stats;
	bool fits = _i == 0;

	pair_begin();
	pw.mc.max_snapshot = fits ? 520 : 519;
	pw.mc.chunk_bytes = 500;
	pair_open_master();
	fill(10);
	pair_open_clone(1, false);
	pair_pass(2 * PAIR_SECOND);
	mu_clone_stats(pw.clones[1], &stats);
	ck_assert_int_eq(stats.state == MU_STORE_FRESH, fits);
	ck_assert_uint_eq(stats.entries, fits ? 10 : 0);
	ck_assert_int_eq(strstr(pw.log, "limit 519 bytes") != NULL, !fits);
	pair_end();
}
END_TEST

START_TEST(a_cut_snapshot_goes_on_where_it_was)
{
	struct mu_clone_stats stats;
	unsigned chunks;

	pair_begin();
	pw.mc.chunk_bytes = 500;
	pair_open_master();
	fill(400);
	pair_open_clone_on(0, mu_backend_memory_new(0));
	pair_join(0, true);
	/* Some turns only, then the link is gone. */
	for (int i = 0; i < 3; i++) {
		pair_drain_clone(0);
		pair_drain_master();
	}
	chunks = pw.sent[1][MU_CMD_CHUNK];
	ck_assert_uint_gt(chunks, 3);
	mu_clone_stats(pw.clones[0], &stats);
	ck_assert_int_eq((int)stats.state, MU_STORE_ATTACHING);
	pair_cut(0);
	pair_do(MASTER, MU_STORE_PUT, "key-00001", "changed");
	pair_do(MASTER, MU_STORE_PUT, "key-00399", "changed");
	pair_pass(PAIR_SECOND);
	pair_join(0, true);
	pair_pass(PAIR_SECOND);
	mu_clone_stats(pw.clones[0], &stats);
	ck_assert_int_eq((int)stats.state, MU_STORE_FRESH);
	ck_assert(pair_reads(0, "key-00001", "changed"));
	ck_assert(pair_reads(0, "key-00399", "changed"));
	/* none of the first chunks was sent again */
	ck_assert_uint_le(pw.sent[1][MU_CMD_CHUNK], 62);
	pair_end();
}
END_TEST

START_TEST(a_clone_on_disk_resumes_by_number)
{
	struct mu_backend *platter = mu_backend_memory_new(0);
	struct disk *d = disk_open(platter);
	struct mu_clone_stats stats;

	pair_begin();
	pw.mc.limits.keep_actions = 1000;
	pair_open_master();
	fill(50);
	pw.cc.resume = true;
	pair_open_clone_on(0, &d->base);
	pair_join(0, true);
	pair_pass(PAIR_SECOND);
	disk_commit(d, d->sealed);
	mu_clone_free(pw.clones[0]);
	pw.clones[0] = NULL;
	ck_assert_uint_eq(pw.sent[1][MU_CMD_CHUNK], 1);
	pair_do(MASTER, MU_STORE_PUT, "new", "count:1");
	pair_do(MASTER, MU_STORE_ERASE, "key-00003", NULL);
	pair_pass(PAIR_SECOND);
	pair_open_clone_on(0, &disk_open(platter)->base);
	pair_join(0, true);
	pair_pass(PAIR_SECOND);
	mu_clone_stats(pw.clones[0], &stats);
	ck_assert_int_eq((int)stats.state, MU_STORE_FRESH);
	ck_assert_uint_eq(stats.entries, 50);
	ck_assert(pair_reads(0, "new", "count:1"));
	ck_assert(pair_reads(0, "key-00003", "-"));
	ck_assert_uint_eq(pw.sent[1][MU_CMD_CHUNK], 1);
	pair_end();
	platter->ops->close(platter);
}
END_TEST

START_TEST(a_long_gap_ends_in_a_new_attachment)
{
	for (int ours = 0; ours < 2; ours++) {
		pair_begin();
		pair_open_master();
		pair_open_clone(0, ours);
		pair_pass(PAIR_SECOND);
		pair_ask(0, MU_STORE_PUT, "a", "count:1", plain);
		pair_pass(PAIR_SECOND);
		pair_cut(0);
		pair_pass(60 * PAIR_SECOND);
		pair_do(MASTER, MU_STORE_PUT, "b", "count:2");
		pair_do(MASTER, MU_STORE_ERASE, "a", NULL);
		pair_join(0, ours);
		pair_pass(2 * PAIR_SECOND);
		ck_assert(pair_reads(0, "a", "-"));
		ck_assert(pair_reads(0, "b", "count:2"));
		pair_ask(0, MU_STORE_PUT, "c", "count:3", plain);
		pair_pass(PAIR_SECOND);
		ck_assert(pair_reads(MASTER, "c", "count:3"));
		pair_end();
	}
}
END_TEST

START_TEST(a_lost_last_update_is_noticed)
{
	for (int ours = 0; ours < 2; ours++) {
		struct mu_clone_stats stats;

		pair_begin();
		pair_open_master();
		pair_open_clone(0, ours);
		pair_pass(PAIR_SECOND);
		pw.up[0] = false; /* bytes vanish, nobody is told */
		pair_do(MASTER, MU_STORE_PUT, "k", "count:1");
		pair_do(MASTER, MU_STORE_PUT, "l", "count:1");
		pw.deaf_master = pw.up[0] = true;
		pair_pass(PAIR_SECOND);
		mu_clone_stats(pw.clones[0], &stats);
		ck_assert_uint_eq(stats.lag, 2);
		pw.deaf_master = false;
		pair_pass(PAIR_SECOND);
		mu_clone_stats(pw.clones[0], &stats);
		ck_assert_uint_eq(stats.lag, 0);
		ck_assert(pair_reads(0, "k", "count:1"));
		pair_end();
	}
}
END_TEST

START_TEST(clones_of_a_forgotten_life_are_picked_up)
{
	struct mu_clone_stats stats;
	uint64_t attached;

	pair_begin();
	pair_open_master();
	pair_open_clone(0, false);
	pair_pass(PAIR_SECOND);
	fill(20);
	mu_clone_stats(pw.clones[0], &stats);
	attached = stats.attached;
	ck_assert_uint_eq(stats.seq, 21);
	/* It comes back with nothing, and the clone is not told: as Zeek's. */
	mu_master_free(pw.master);
	pw.master = NULL;
	pw.platter->ops->close(pw.platter);
	pw.platter = mu_backend_memory_new(0);
	pair_pass(PAIR_SECOND / 5);
	pair_ask(0, MU_STORE_PUT, "meanwhile", "count:1", plain);
	pair_pass(PAIR_SECOND / 5);
	pair_open_master();
	pair_do(MASTER, MU_STORE_PUT, "new", "count:2");
	/* Keepalives of the first second would tell ours; Zeek's ignore them.
	 */
	pair_pass(5 * PAIR_SECOND);
	mu_clone_stats(pw.clones[0], &stats);
	ck_assert(pair_reads(0, "new", "count:2"));
	ck_assert(pair_reads(0, "key-00003", "-"));
	ck_assert(pair_reads(MASTER, "meanwhile", "count:1"));
	ck_assert_uint_ge(stats.attached, attached);
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
	pair_settle();
}

/* Writes travel by topic, so they reach every master of the name. */
START_TEST(a_write_for_another_master_is_not_applied)
{
	struct mu_command attach = {
		.tag = MU_CMD_ATTACH_WRITER,
		.sender = pair_entity(0),
		.number = 1,
		.heartbeat = 5,
	};
	struct mu_command put = {
		.tag = MU_CMD_PUT,
		.seq = 2,
		.sender = pair_entity(0),
		.publisher = pair_entity(0),
	};

	pair_begin();
	pair_open_master();
	attach.receiver = pw.mc.entity;
	feed_master(&attach);
	put.key = muster_value_cstring("k");
	put.value = muster_value_cstring("v");
	put.receiver = pair_entity(1);
	feed_master(&put);
	ck_assert(pair_reads(MASTER, "k", "-"));
	put.receiver = pw.mc.entity;
	feed_master(&put);
	ck_assert(pair_reads(MASTER, "k", "v"));
	mu_command_clear(&put);
	pair_end();
}
END_TEST

START_TEST(a_second_master_is_logged_and_ignored)
{
	struct mu_command put = { .tag = MU_CMD_KEEPALIVE, .number = 9 };
	struct mu_buf b;

	pair_begin();
	pair_open_master();
	pair_open_clone(0, false);
	pair_pass(PAIR_SECOND);
	put.sender = pair_entity(7);
	mu_buf_init(&b, 0);
	mu_command_enc(&b, &put);
	mu_clone_feed(pw.clones[0], mu_buf_data(&b), mu_buf_len(&b), &pw.now);
	pair_settle();
	ck_assert_ptr_nonnull(strstr(pw.log, "a second master speaks"));
	pair_do(MASTER, MU_STORE_PUT, "k", "count:1");
	ck_assert(pair_reads(0, "k", "count:1"));
	mu_buf_clear(&b);
	pair_end();
}
END_TEST

/* --- memory ------------------------------------------------------------ */

static void
story(bool ours)
{
	struct mu_store_request brief = { .timeout_ns = 20 * PAIR_SECOND };

	pair_join(0, ours);
	pair_pass(PAIR_SECOND);
	pair_ask(0, MU_STORE_PUT, "a", "count:1", brief);
	pair_ask(MASTER, MU_STORE_ADD, "b", "count:1", brief);
	pair_ask(0, MU_STORE_PUT_UNIQUE, "u", "count:1", brief);
	pair_pass(PAIR_SECOND);
	pair_cut(0);
	pair_ask(MASTER, MU_STORE_PUT, "c", "count:1", brief);
	pair_join(0, ours);
	pair_pass(PAIR_SECOND);
	pair_ask(MASTER, MU_STORE_CLEAR, NULL, NULL, brief);
	pair_ask(0, MU_STORE_PUT, "d", "vector:[]", brief);
	pair_pass(3 * PAIR_SECOND);
}

/* One allocation fails; what was written arrives nevertheless. */
static bool
fails_once(bool ours, unsigned n)
{
	struct nomem state = { n, false };

	pair_begin();
	pw.disk = NULL;
	pw.master = mu_master_new(&pw.mc, mu_backend_memory_new(0), &pw.now);
	pair_open_clone_on(0, mu_backend_memory_new(0));
	pw.hook = nomem_hook;
	pw.hook_state = &state;
	mu_alloc_set_hook(nomem_hook, &state);
	story(ours);
	mu_alloc_set_hook(NULL, NULL);
	pw.hook = NULL;
	pair_pass(20 * PAIR_SECOND);
	for (uint64_t i = 0; i < pw.id; i++)
		ck_assert_msg(pw.answers[i].done,
		    "allocation %u: request %llu is not answered", n,
		    (unsigned long long)i);
	pair_do(MASTER, MU_STORE_PUT, "end", "count:1");
	pair_pass(3 * PAIR_SECOND);
	ck_assert_msg(pair_reads(0, "end", "count:1"),
	    "allocation %u: the clone does not follow", n);
	pair_end();
	return state.failed;
}

START_TEST(any_failed_allocation_is_survived_by_ours)
{
	for (unsigned n = 0; fails_once(true, n); n += 1 + n / 200)
		;
}
END_TEST

START_TEST(any_failed_allocation_is_survived_by_others)
{
	for (unsigned n = 0; fails_once(false, n); n += 1 + n / 200)
		;
}
END_TEST

static bool
make_master(void *ctx)
{
	struct mu_backend *b = mu_backend_memory_new(0);
	struct mu_master *m =
	    b == NULL ? NULL : mu_master_new(&pw.mc, b, &pw.now);

	(void)ctx;
	mu_master_free(m);
	return m != NULL;
}

/* That it cannot ask at once does not matter: it asks at the next tick. */
START_TEST(half_made_machines_are_freed)
{
	pair_begin();
	nomem_each(make_master, NULL);
	for (unsigned n = 0; n < 20; n++) {
		struct nomem state = { n, false };
		struct mu_backend *b;

		mu_alloc_set_hook(nomem_hook, &state);
		b = mu_backend_memory_new(0);
		if (b != NULL)
			mu_clone_free(mu_clone_new(&pw.cc, b, &pw.now));
		mu_alloc_set_hook(NULL, NULL);
	}
	pair_end();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store");
	TCase *tc = tcase_create("stories");

	tcase_set_timeout(tc, 200);
	tcase_add_test(tc, every_outcome_is_told_at_the_master);
	tcase_add_test(tc, a_key_that_equals_nothing_is_refused);
	tcase_add_test(tc, nothing_leaves_before_it_is_durable);
	tcase_add_test(tc, a_failed_batch_is_undone_and_told);
	tcase_add_test(tc, a_full_medium_refuses_writes_and_answers_reads);
	tcase_add_test(tc, keys_come_in_pages);
	tcase_add_test(tc, only_the_master_lets_entries_expire);
	tcase_add_test(tc, writes_without_expiry_get_the_default);
	tcase_add_test(tc, a_clone_of_ours_is_told_every_outcome);
	tcase_add_test(tc, put_if_compares_and_swaps);
	tcase_add_test(tc, queries_end_in_their_time);
	tcase_add_test(tc, waiting_writes_are_bounded);
	tcase_add_test(tc, beyond_the_limit_only_clones_of_ours_attach);
	tcase_add_loop_test(tc, up_to_the_limit_all_clones_attach, 0, 2);
	tcase_add_test(tc, a_cut_snapshot_goes_on_where_it_was);
	tcase_add_test(tc, a_clone_on_disk_resumes_by_number);
	tcase_add_test(tc, a_long_gap_ends_in_a_new_attachment);
	tcase_add_test(tc, a_lost_last_update_is_noticed);
	tcase_add_test(tc, clones_of_a_forgotten_life_are_picked_up);
	tcase_add_test(tc, a_write_for_another_master_is_not_applied);
	tcase_add_test(tc, a_second_master_is_logged_and_ignored);
	tcase_add_test(tc, half_made_machines_are_freed);
	tcase_add_test(tc, any_failed_allocation_is_survived_by_ours);
	tcase_add_test(tc, any_failed_allocation_is_survived_by_others);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
