/* The lives of a master: what the next one makes of the last, and of what its
 * clones saw. */
#include "store_pair.h"
#include "unit.h"

#define MASTER PAIR_CLONES
#define PAIRS  80

/* A master that may lose what it said, and has some pairs. */
static void
begin(void)
{
	char key[20];

	pair_begin();
	pw.mc.chunk_bytes = 64;
	pw.mc.may_lose = true;
	pair_open_master();
	for (unsigned i = 0; i < PAIRS; i++) {
		snprintf(key, sizeof key, "key%02u", i);
		pair_do(MASTER, MU_STORE_PUT, key, "count:1");
	}
}

/* What the master says, up to and with the first of that kind. */
static void
hear_until(enum mu_command_tag last)
{
	struct mu_store_out out;
	bool heard = false;

	mu_master_flush(pw.master);
	while (!heard && mu_master_next(pw.master, &out)) {
		if (out.kind != MU_STORE_SEND)
			continue;
		heard = out.payload[56] == last;
		mu_clone_feed(pw.clones[0], out.payload, out.len, &pw.now);
	}
	ck_assert(heard);
}

/* A write, and a chunk with it, in one turn: the clone has the chunk when the
 * master dies, and the disk has nothing. */
START_TEST(a_chunk_shows_nothing_that_has_no_number)
{
	struct mu_store_request plain = { 0 };
	struct mu_clone_stats st;

	begin();
	pw.disk->interval = pw.hold_disk = true;
	pair_open_clone(0, true);
	pair_drain_clone(0);
	hear_until(MU_CMD_ATTACHED);
	pair_ask(MASTER, MU_STORE_PUT, "lost", "count:1", plain);
	pair_drain_clone(0);
	hear_until(MU_CMD_CHUNK);
	pair_cut(0);
	mu_master_free(pw.master);
	pair_open_master();
	pw.hold_disk = false;
	pair_join(0, true);
	pair_pass(PAIR_SECOND);
	mu_clone_stats(pw.clones[0], &st);
	ck_assert_int_eq((int)st.state, MU_STORE_FRESH);
	ck_assert_uint_eq(st.entries, PAIRS);
	ck_assert(pair_reads(0, "lost", "-"));
	pair_end();
}
END_TEST

/* One that has more than the master kept, heard before it attaches, moves the
 * numbers on; who attached before that does not wait for those between. */
START_TEST(numbers_that_are_passed_over_keep_nobody_waiting)
{
	struct mu_clone_stats stats;

	pair_begin();
	pw.mc.may_lose = true;
	pair_open_master();
	for (unsigned i = 0; i < PAIR_CLONES; i++)
		pair_open_clone(i, true);
	pair_do(MASTER, MU_STORE_PUT, "k", "count:1");
	pair_pass(PAIR_SECOND);
	pw.disk->interval = pw.hold_disk = true;
	for (int i = 0; i < 5; i++)
		pair_do(MASTER, MU_STORE_PUT, "lost", "count:1");
	pw.up[0] = false;
	pair_cut(1);
	mu_master_free(pw.master); /* the first clone is not told */
	pair_open_master();
	pw.hold_disk = false;
	pair_join(1, true);
	pair_settle();
	pw.up[0] = true;
	pair_pass(PAIR_SECOND * 6 / 10);
	ck_assert_ptr_nonnull(strstr(pw.log, "of an earlier life goes on"));
	pair_join(0, true);
	pair_pass(3 * PAIR_SECOND);
	pair_do(MASTER, MU_STORE_PUT, "k", "count:2");
	pair_pass(5 * PAIR_SECOND);
	for (unsigned i = 0; i < PAIR_CLONES; i++) {
		mu_clone_stats(pw.clones[i], &stats);
		ck_assert_int_eq((int)stats.state, MU_STORE_FRESH);
		ck_assert(pair_reads(i, "k", "count:2"));
		ck_assert(pair_reads(i, "lost", "-"));
	}
	pair_end();
}
END_TEST

/* The clone is away for that many lives; is it sent everything then? */
static bool
begins_anew_after(unsigned lives)
{
	struct mu_clone_stats st;
	unsigned fetched;

	begin();
	pair_open_clone(0, true);
	pair_pass(PAIR_SECOND);
	fetched = pw.sent[1][MU_CMD_CHUNK];
	pair_cut(0);
	for (unsigned i = 0; i < lives; i++) {
		mu_master_free(pw.master);
		pair_open_master();
		pair_settle();
	}
	pair_join(0, true);
	pair_pass(PAIR_SECOND);
	fetched = pw.sent[1][MU_CMD_CHUNK] - fetched;
	pair_do(MASTER, MU_STORE_PUT, "key01", "count:2");
	ck_assert(pair_reads(0, "key01", "count:2"));
	mu_clone_stats(pw.clones[0], &st);
	ck_assert_int_eq((int)st.state, MU_STORE_FRESH);
	ck_assert_uint_eq(st.entries, PAIRS);
	pair_end();
	return fetched > 0;
}

START_TEST(sixteen_lives_are_known)
{
	ck_assert(!begins_anew_after(1));
	ck_assert(!begins_anew_after(16));
	ck_assert(begins_anew_after(17));
	ck_assert(begins_anew_after(60));
}
END_TEST

/* A clone that is there goes on in each of them, and is sent nothing again. */
START_TEST(a_clone_lives_through_all_of_them)
{
	unsigned fetched;

	begin();
	pair_open_clone(0, true);
	pair_pass(PAIR_SECOND);
	fetched = pw.sent[1][MU_CMD_CHUNK];
	for (unsigned i = 0; i < 20; i++) {
		pair_cut(0);
		mu_master_free(pw.master);
		pair_open_master();
		pair_join(0, true);
		pair_pass(PAIR_SECOND);
		pair_do(MASTER, MU_STORE_ADD, "key01", "count:1");
	}
	ck_assert(pair_reads(0, "key01", "count:21"));
	ck_assert_uint_eq(pw.sent[1][MU_CMD_CHUNK], fetched);
	pair_end();
}
END_TEST

/* A clone of ours that is heard before it attaches is taken for another's; its
 * first write is its first write all the same. */
START_TEST(who_is_heard_early_may_write)
{
	struct mu_store_request long_enough = { .timeout_ns =
						    60 * PAIR_SECOND };
	struct pair_answer *a;

	begin();
	pair_open_clone(0, true);
	pair_pass(PAIR_SECOND);
	mu_master_free(pw.master); /* the clone is not told */
	pair_open_master();
	pair_pass(PAIR_SECOND * 6 / 10);
	ck_assert_ptr_nonnull(strstr(pw.log, "of an earlier life goes on"));
	pair_join(0, true);
	pair_settle();
	a = pair_ask(0, MU_STORE_ADD, "key01", "count:1", long_enough);
	pair_pass(PAIR_SECOND);
	ck_assert(a->done);
	ck_assert_int_eq((int)a->status, MU_STORE_OK);
	ck_assert(pair_reads(0, "key01", "count:2"));
	pair_end();
}
END_TEST

/* The record of a writer in the file, as the master keeps it. */
static void
put_record(unsigned slot, uint8_t who, uint8_t use)
{
	uint8_t raw[3] = { 'w', (uint8_t)(slot >> 8), (uint8_t)slot };
	uint8_t record[40] = { who, (uint8_t)(slot >> 8), (uint8_t)slot };
	struct mu_bytes key = { raw, sizeof raw };
	struct mu_bytes value = { record, sizeof record };

	record[31] = 1;
	record[39] = use;
	pw.platter->ops->meta_put(pw.platter, key, value);
}

static bool
has_record(unsigned slot, unsigned clone)
{
	uint8_t raw[3] = { 'w', (uint8_t)(slot >> 8), (uint8_t)slot };
	struct mu_entity who = pair_entity(clone);
	struct mu_bytes key = { raw, sizeof raw }, value;

	return pw.platter->ops->meta_get(pw.platter, key, &value) == 0 &&
	       memcmp(value.at, who.endpoint.bytes, 16) == 0;
}

/* All places are taken: those who wrote last keep theirs, over a restart. */
START_TEST(the_writer_of_long_ago_is_forgotten_first)
{
	begin();
	mu_master_free(pw.master);
	for (unsigned i = 0; i < 1024; i++)
		put_record(i, 0xff, i == 500 ? 1 : i == 600 ? 2 : 100);
	pair_open_master();
	for (unsigned i = 0; i < PAIR_CLONES; i++) {
		pair_open_clone(i, true);
		pair_pass(PAIR_SECOND);
		pair_do(i, MU_STORE_PUT, "key01", "count:5");
		pair_pass(PAIR_SECOND);
	}
	ck_assert(has_record(500, 0));
	ck_assert(has_record(600, 1));
	pair_end();
}
END_TEST

/* A clone that gives no epoch knows none of them, however it counts. */
START_TEST(no_epoch_is_none_of_theirs)
{
	struct mu_command attach = { .tag = MU_CMD_ATTACH };
	struct mu_store_out out;
	struct mu_master_stats st;
	bool fresh = false;
	struct mu_buf b;

	begin();
	mu_master_stats(pw.master, &st);
	attach.sender = pair_entity(0);
	attach.receiver = pw.mc.entity;
	attach.number = st.seq;
	mu_buf_init(&b, 0);
	mu_command_enc(&b, &attach);
	ck_assert_int_eq(
	    mu_master_feed(pw.master, mu_buf_data(&b), mu_buf_len(&b), &pw.now),
	    0);
	while (mu_master_next(pw.master, &out)) {
		struct mu_command cmd;

		if (out.kind != MU_STORE_SEND ||
		    out.payload[56] != MU_CMD_ATTACHED)
			continue;
		ck_assert_int_eq(mu_command_dec(&cmd, out.payload, out.len), 0);
		ck_assert_uint_eq(cmd.epoch, pw.mc.epoch);
		ck_assert_uint_eq(cmd.flags & MU_ATTACHED_WRITER, 0);
		fresh = (cmd.flags & MU_ATTACHED_FRESH) != 0;
		mu_command_clear(&cmd);
	}
	ck_assert(fresh);
	mu_buf_clear(&b);
	pair_end();
}
END_TEST

/* A file from elsewhere remembers none of a clone's writes either, but may well
 * hold what they did: what was under way is not done again. */
START_TEST(another_file_has_another_history)
{
	struct mu_store_request long_enough = { .timeout_ns =
						    60 * PAIR_SECOND };
	struct pair_answer *sum;

	begin();
	pair_open_clone(0, true);
	pair_pass(PAIR_SECOND);
	pw.hold_disk = true;
	sum = pair_ask(0, MU_STORE_ADD, "key01", "count:1", long_enough);
	pair_settle();
	ck_assert(!sum->done);
	pair_cut(0);
	mu_master_free(pw.master);
	pw.platter->ops->close(pw.platter);
	pw.platter = mu_backend_memory_new(0);
	pw.hold_disk = false;
	pair_open_master();
	pair_do(MASTER, MU_STORE_PUT, "key01", "count:2");
	pair_join(0, true);
	pair_pass(PAIR_SECOND);
	ck_assert(sum->done);
	ck_assert_int_eq((int)sum->status, MU_STORE_TIMEOUT);
	ck_assert(pair_reads(MASTER, "key01", "count:2"));
	ck_assert(pair_reads(0, "key01", "count:2"));
	pair_end();
}
END_TEST

/* Is a master opened over a record that long, or without it? */
static bool
opens_with(const char *name, size_t len)
{
	struct mu_bytes key = { (const uint8_t *)name, strlen(name) };
	uint8_t raw[17 * 16];
	struct mu_bytes value = { raw, len };
	struct mu_master *m;

	memset(raw, 1, sizeof raw);
	begin();
	mu_master_free(pw.master);
	pair_open_master();
	pair_settle();
	mu_master_free(pw.master);
	pw.platter->ops->meta_put(pw.platter, key, value);
	pw.disk = disk_open(pw.platter);
	m = mu_master_new(&pw.mc, &pw.disk->base, &pw.now);
	pw.master = m;
	pair_end();
	return m != NULL;
}

START_TEST(what_is_remembered_is_read_as_it_was_written)
{
	static const char *const numbers[] = { "seq", "epoch" };
	static const char writer[] = { 'w', 1, 1, '\0' };

	for (size_t i = 0; i < 2; i++) {
		ck_assert(opens_with(numbers[i], 0));
		ck_assert(opens_with(numbers[i], 8));
		ck_assert(!opens_with(numbers[i], 7));
		ck_assert(!opens_with(numbers[i], 9));
	}
	ck_assert(opens_with("lives", 0));
	ck_assert(opens_with("lives", 16));
	ck_assert(opens_with("lives", 17 * 16)); /* of a later version */
	ck_assert(!opens_with("lives", 15));
	ck_assert(!opens_with("lives", 24));
	ck_assert(opens_with(writer, 40));
	ck_assert(opens_with(writer, 32)); /* of the first versions */
	ck_assert(!opens_with(writer, 31));
	ck_assert(!opens_with(writer, 41));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store_lives");
	TCase *tc = tcase_create("lives");

	tcase_add_test(tc, a_chunk_shows_nothing_that_has_no_number);
	tcase_add_test(tc, numbers_that_are_passed_over_keep_nobody_waiting);
	tcase_add_test(tc, sixteen_lives_are_known);
	tcase_add_test(tc, a_clone_lives_through_all_of_them);
	tcase_add_test(tc, who_is_heard_early_may_write);
	tcase_add_test(tc, the_writer_of_long_ago_is_forgotten_first);
	tcase_add_test(tc, no_epoch_is_none_of_theirs);
	tcase_add_test(tc, another_file_has_another_history);
	tcase_add_test(tc, what_is_remembered_is_read_as_it_was_written);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
