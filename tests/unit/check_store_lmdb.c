/*
 * A master on a real LMDB file whose store is copied in chunks: they come from
 * one reading transaction, however much is written meanwhile.
 */
#include "lmdb_store.h"
#include "store_pair.h"

#include "unit.h"
#include "value/codec.h"

#define MASTER PAIR_CLONES
#define PAIRS  400

static struct mu_backend *file;

static void
put_pair(const char *name)
{
	struct muster_value *key = muster_value_cstring(name);
	struct mu_buf b;
	struct mu_bytes stored;

	mu_buf_init(&b, 0);
	ck_assert_int_eq((int)mu_entry_key(&b, key), MU_STORE_OK);
	stored = mu_bytes_of(&b);
	/* its own value */
	ck_assert_int_eq(file->ops->put(file, stored, stored, 0), 0);
	mu_buf_clear(&b);
	muster_value_unref(key);
}

static unsigned
open_transactions(void)
{
	struct backend_lmdb_facts f;

	backend_lmdb_facts(file, &f);
	return f.snapshots;
}

/* What one side has to say reaches the other, and then the reverse. */
static void
turn(void)
{
	pair_drain_clone(0);
	pair_drain_master();
}

/* A write at the master, until its disk has it. */
static void
write_now(enum mu_store_op op, const char *key, const char *value)
{
	struct pollfd p = { backend_lmdb_fd(file), POLLIN, 0 };
	struct pair_answer *a =
	    pair_ask(MASTER, op, key, value, (struct mu_store_request){ 0 });

	pair_drain_master();
	while (!a->done) {
		ck_assert_int_eq(poll(&p, 1, 60000), 1);
		pair_drain_master();
	}
	ck_assert_int_eq((int)a->status, MU_STORE_OK);
}

static void
begin(void)
{
	char name[20];

	scratch_open();
	file = store_open();
	for (unsigned i = 0; i < PAIRS; i++) {
		snprintf(name, sizeof name, "key%03u", i);
		put_pair(name);
	}
	ck_assert_int_eq(store_commit(file), 0);
	pair_begin();
	pw.mc.chunk_bytes = 64;
	pw.master = mu_master_new(&pw.mc, file, &pw.now);
	ck_assert_ptr_nonnull(pw.master);
	pair_open_clone_on(0, mu_backend_memory_new(0));
	pair_drain_clone(0); /* nobody hears its cry for any master */
	pair_join(0, true);
}

START_TEST(all_chunks_come_from_one_transaction)
{
	struct mu_clone_stats st;
	unsigned writes = 0;

	begin();
	do {
		turn();
		mu_clone_stats(pw.clones[0], &st);
		if (st.state != MU_STORE_ATTACHING || st.entries == 0)
			continue;
		ck_assert_uint_eq(open_transactions(), 1);
		/* Behind the cursor, and far before it. */
		write_now(MU_STORE_PUT, "key000", "count:1");
		write_now(MU_STORE_PUT, "key399", "count:1");
		write_now(
		    MU_STORE_ERASE, writes++ == 0 ? "key398" : "key399", NULL);
	} while (st.state != MU_STORE_FRESH);
	ck_assert_uint_gt(writes, 10);
	ck_assert_uint_eq(open_transactions(), 0);
	/* 398 and 399 were inserted as the transaction has them, then erased.
	 */
	ck_assert_uint_ge(pw.clone_events[MU_STORE_INSERT], PAIRS);
	ck_assert_uint_ge(pw.clone_events[MU_STORE_ERASED], 2);
	ck_assert_uint_eq(st.entries, PAIRS - 2);
	ck_assert(pair_reads(0, "key000", "count:1"));
	ck_assert(pair_reads(0, "key397", "key397"));
	ck_assert(pair_reads(0, "key398", "-"));
	ck_assert(pair_reads(0, "key399", "-"));
	pair_end();
	scratch_close();
}
END_TEST

START_TEST(a_master_that_ends_lets_its_transaction_go)
{
	begin();
	turn();
	turn();
	turn();
	ck_assert_uint_eq(open_transactions(), 1);
	pair_end();
	/* The file is free again. */
	file = store_open();
	store_close(file);
	scratch_close();
}
END_TEST

/* Of the master's own callers and of a clone. */
START_TEST(all_writes_of_a_turn_share_a_commit)
{
	struct backend_lmdb_facts before, after;
	struct pair_answer *local[30], *remote[30];
	struct pollfd p = { .events = POLLIN };
	char key[20];

	begin();
	pair_pass(2 * PAIR_SECOND);
	backend_lmdb_facts(file, &before);
	ck_assert_int_eq(store_wait(file, before.sealed), 0);
	backend_lmdb_facts(file, &before);
	for (int i = 0; i < 30; i++) {
		snprintf(key, sizeof key, "mine%d", i);
		local[i] = pair_ask(MASTER, MU_STORE_PUT, key, "count:1",
		    (struct mu_store_request){ 0 });
		snprintf(key, sizeof key, "yours%d", i);
		remote[i] = pair_ask(0, MU_STORE_PUT, key, "count:1",
		    (struct mu_store_request){ 0 });
	}
	pair_drain_clone(0);
	pair_drain_master();
	backend_lmdb_facts(file, &after);
	ck_assert_uint_eq(after.sealed, before.sealed + 1);
	p.fd = backend_lmdb_fd(file);
	while (!local[29]->done) {
		ck_assert_int_eq(poll(&p, 1, 60000), 1);
		pair_drain_master();
	}
	pair_drain_clone(0);
	for (int i = 0; i < 30; i++) {
		ck_assert(local[i]->done && local[i]->status == MU_STORE_OK);
		ck_assert(remote[i]->done && remote[i]->status == MU_STORE_OK);
	}
	backend_lmdb_facts(file, &after);
	ck_assert_uint_eq(after.commits, before.commits + 1);
	pair_end();
	scratch_close();
}
END_TEST

/* --- the order of keys ---------------------------------------------------- */

#define NLONG 300

/* Of 600 bytes that are alike in all but the last, some a prefix of another. */
static const char *
long_key(unsigned i)
{
	static char key[700];

	memset(key, 'l', sizeof key);
	snprintf(key + 590, sizeof key - 590, "%03u%s", i / 2,
	    i % 2 == 0 ? "" : "longer");
	return key;
}

static void
put_long(struct mu_backend *b, unsigned i, uint64_t count)
{
	struct muster_value *key = muster_value_cstring(long_key(i));
	struct muster_value *value = muster_value_count(count);
	struct mu_buf k, v;

	mu_buf_init(&k, 0);
	mu_buf_init(&v, 0);
	ck_assert_int_eq((int)mu_entry_key(&k, key), MU_STORE_OK);
	mu_value_enc(&v, value);
	ck_assert_int_eq(
	    b->ops->put(b, mu_bytes_of(&k), mu_bytes_of(&v), 0), 0);
	mu_buf_clear(&k);
	mu_buf_clear(&v);
	muster_value_unref(key);
	muster_value_unref(value);
}

START_TEST(backends_agree_on_the_order_of_keys)
{
	struct mu_backend *memory = mu_backend_memory_new(0);
	struct mu_bytes at = { NULL, 0 }, last = at, a, b, v;
	int64_t d;
	bool odd = false;

	scratch_open();
	file = store_open();
	for (unsigned i = 0; i < NLONG; i++) {
		put_long(memory, NLONG - 1 - i, i);
		put_long(file, i, i);
		if (i == NLONG / 2)
			ck_assert_int_eq(store_commit(file), 0);
	}
	for (unsigned i = 0; i < NLONG; i++) {
		ck_assert_int_eq(memory->ops->after(memory, at, &a, &v, &d), 0);
		ck_assert_int_eq(file->ops->after(file, at, &b, &v, &d), 0);
		ck_assert_uint_eq(a.len, b.len);
		ck_assert_mem_eq(a.at, b.at, a.len);
		if (i > 0) {
			ck_assert_int_lt(mu_key_cmp(last, a), 0);
			ck_assert_int_gt(mu_key_cmp(a, last), 0);
			odd = odd || mu_bytes_cmp(last, a) > 0;
		}
		at = last = a; /* memory of the tree's */
	}
	ck_assert(odd);
	ck_assert_int_eq(
	    memory->ops->after(memory, at, &a, &v, &d), MUSTER_ENOENT);
	ck_assert_int_eq(file->ops->after(file, at, &b, &v, &d), MUSTER_ENOENT);
	memory->ops->close(memory);
	store_close(file);
	scratch_close();
}
END_TEST

/* A copy, in memory or in a file, of some of the keys, with some old values
 * and some keys too many: only the differences are told. */
START_TEST(a_copy_of_keys_that_begin_alike_is_made_equal)
{
	struct backend_lmdb_options o;
	struct mu_backend *copy;
	struct mu_clone_stats st;
	unsigned turns = 0;

	scratch_open();
	file = store_open();
	o = options();
	o.name = "copy";
	copy = _i == 0 ? mu_backend_memory_new(0) : store_open_with(o);
	for (unsigned i = 0; i < NLONG; i++) {
		if (i % 3 != 0)
			put_long(file, i, 1);
		if (i % 4 != 0)
			put_long(copy, i, i % 5 == 0 ? 2 : 1);
	}
	ck_assert_int_eq(store_commit(file), 0);
	pair_begin();
	pw.mc.chunk_bytes = 2048;
	pw.master = mu_master_new(&pw.mc, file, &pw.now);
	pair_open_clone_on(0, copy);
	pair_join(0, true);
	do {
		turn();
		pw.now.mono += PAIR_SECOND / 10;
		mu_clone_tick(pw.clones[0], &pw.now);
		mu_clone_stats(pw.clones[0], &st);
	} while (st.state != MU_STORE_FRESH && turns++ < 1000);
	ck_assert_int_eq((int)st.state, MU_STORE_FRESH);
	ck_assert_uint_eq(st.entries, NLONG * 2 / 3);
	for (unsigned i = 0; i < NLONG; i++)
		ck_assert(
		    pair_reads(0, long_key(i), i % 3 != 0 ? "count:1" : "-"));
	/* of 60 numbers: not of 3 but of 4; of 3 but not of 4; of 5 only */
	ck_assert_uint_eq(pw.clone_events[MU_STORE_INSERT], NLONG / 60 * 10);
	ck_assert_uint_eq(pw.clone_events[MU_STORE_ERASED], NLONG / 60 * 15);
	ck_assert_uint_eq(pw.clone_events[MU_STORE_UPDATE], NLONG / 60 * 6);
	pair_end();
	scratch_close();
}
END_TEST

/* Erased one by one, each would be looked for behind all that are gone. */
START_TEST(a_large_copy_in_a_file_is_cleared_at_once)
{
	const unsigned n = 100000; /* the most that are told one by one */
	struct backend_lmdb_options o;
	struct mu_clone_stats st;
	char name[20];

	scratch_open();
	file = store_open();
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof name, "%u", i);
		put_pair(name);
	}
	ck_assert_int_eq(store_commit(file), 0);
	pair_begin();
	pw.master = mu_master_new(&pw.mc, file, &pw.now);
	o = options();
	o.name = "copy";
	o.sync_interval_ms = 3600000;
	pair_open_clone_on(0, store_open_with(o));
	pair_join(0, true);
	do {
		turn();
		mu_clone_stats(pw.clones[0], &st);
	} while (st.state != MU_STORE_FRESH);
	ck_assert_uint_eq(st.entries, n);
	write_now(MU_STORE_CLEAR, NULL, NULL);
	turn();
	mu_clone_stats(pw.clones[0], &st);
	ck_assert_uint_eq(st.entries, 0);
	ck_assert_uint_eq(pw.clone_events[MU_STORE_ERASED], n);
	write_now(MU_STORE_PUT, "more", "count:1");
	turn();
	ck_assert(pair_reads(0, "more", "count:1"));
	pair_end();
	scratch_close();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store_lmdb");
	TCase *tc = tcase_create("chunks");

	tcase_add_test(tc, all_chunks_come_from_one_transaction);
	tcase_add_test(tc, a_master_that_ends_lets_its_transaction_go);
	tcase_add_test(tc, all_writes_of_a_turn_share_a_commit);
	tcase_add_test(tc, backends_agree_on_the_order_of_keys);
	tcase_add_loop_test(
	    tc, a_copy_of_keys_that_begin_alike_is_made_equal, 0, 2);
	tcase_add_test(tc, a_large_copy_in_a_file_is_cleared_at_once);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
