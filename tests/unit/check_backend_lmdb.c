/*
 * The LMDB backend at work: single operations, a slow disk, snapshots, size.
 * Long runs against a model and kills are in check_backend_lmdb_model.c, bad
 * files and full disks in check_backend_lmdb_fail.c.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/rng.h"
#include "lmdb_store.h"
#include "stores/backend_lmdb_record.h"
#include "unit.h"

/* --- single operations -----------------------------------------------------
 */

START_TEST(what_was_written_is_read_before_and_after_commit_and_reopening)
{
	struct mu_backend *b = store_open();

	ck_assert_value(b, "k", NULL);
	ck_assert_int_eq(put_text(b, "k", "one"), 0);
	ck_assert_int_eq(put_text(b, "gone", "x"), 0);
	ck_assert_value(b, "k", "one");
	ck_assert_uint_eq(b->ops->size(b), 2);
	ck_assert_int_eq(store_commit(b), 0);
	ck_assert_value(b, "k", "one");
	ck_assert_int_eq(b->ops->erase(b, bytes("gone")), 0);
	ck_assert_int_eq(b->ops->erase(b, bytes("gone")), MUSTER_ENOENT);
	ck_assert_int_eq(put_text(b, "k", "a longer one"), 0);
	ck_assert_int_eq(put_text(b, "k", "two"), 0);
	ck_assert_value(b, "gone", NULL);
	ck_assert_uint_eq(b->ops->size(b), 1);
	ck_assert_int_eq(store_commit(b), 0);
	store_close(b);

	b = store_open();
	ck_assert_value(b, "k", "two");
	ck_assert_value(b, "gone", NULL);
	ck_assert_uint_eq(b->ops->size(b), 1);
	store_close(b);
}
END_TEST

START_TEST(sealing_nothing_is_no_batch)
{
	struct mu_backend *b = store_open();
	int err;

	ck_assert_uint_eq(b->ops->seal(b), 0);
	ck_assert_uint_eq(b->ops->durable(b, &err), 0);
	put_text(b, "k", "v");
	ck_assert_uint_eq(b->ops->seal(b), 1);
	ck_assert_uint_eq(b->ops->seal(b), 0);
	put_text(b, "k", "v");
	ck_assert_uint_eq(b->ops->seal(b), 2);
	store_close(b);
}
END_TEST

START_TEST(small_records_share_the_batch_and_survive_clear)
{
	struct mu_backend *b = store_open();
	struct mu_bytes v;

	ck_assert_int_eq(b->ops->meta_get(b, bytes("seq"), &v), MUSTER_ENOENT);
	ck_assert_int_eq(b->ops->meta_put(b, bytes("seq"), bytes("17")), 0);
	put_text(b, "k", "v");
	ck_assert_int_eq(b->ops->clear(b), 0);
	ck_assert_uint_eq(b->ops->size(b), 0);
	ck_assert_value(b, "k", NULL);
	ck_assert_int_eq(store_commit(b), 0);
	store_close(b);
	b = store_open();
	ck_assert_int_eq(b->ops->meta_get(b, bytes("seq"), &v), 0);
	ck_assert_uint_eq(v.len, 2);
	ck_assert_mem_eq(v.at, "17", 2);
	ck_assert_int_eq(b->ops->meta_put(b, bytes("seq"), bytes("")), 0);
	ck_assert_int_eq(b->ops->meta_get(b, bytes("seq"), &v), MUSTER_ENOENT);
	ck_assert_int_eq(store_commit(b), 0);
	ck_assert_int_eq(b->ops->meta_get(b, bytes("seq"), &v), MUSTER_ENOENT);
	store_close(b);
}
END_TEST

START_TEST(keys_of_any_length_work)
{
	static const size_t lens[] = { 1, 485, 486, 487, 488, 503, 511, 512,
		4096, RECORD_MAX_KEY };
	static uint8_t big[RECORD_MAX_KEY + 1];
	struct mu_backend *b = store_open();
	struct mu_bytes key = { big, 0 }, v;
	int64_t deadline;

	memset(big, 'k', sizeof big);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
			key.len = lens[i];
			if (round == 0)
				ck_assert_int_eq(
				    b->ops->put(b, key,
					(struct mu_bytes){
					    (const uint8_t *)&lens[i], 8 },
					(int64_t)lens[i]),
				    0);
			ck_assert_int_eq(b->ops->get(b, key, &v, &deadline), 0);
			ck_assert_uint_eq(v.len, 8);
			ck_assert_mem_eq(v.at, &lens[i], 8);
			ck_assert_int_eq(deadline, (int64_t)lens[i]);
		}
		ck_assert_int_eq(b->ops->first_deadline(b, &v, &deadline), 0);
		ck_assert_uint_eq(v.len, 1);
		ck_assert_int_eq(store_commit(b), 0);
		if (round == 1) {
			store_close(b);
			b = store_open();
		}
	}
	/* The index leads from a long key's deadline to all of the key. */
	for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
		ck_assert_int_eq(b->ops->first_deadline(b, &v, &deadline), 0);
		ck_assert_uint_eq(v.len, lens[i]);
		ck_assert_mem_eq(v.at, big, v.len);
		key.len = v.len;
		ck_assert_int_eq(b->ops->erase(b, key), 0);
		if (i % 2)
			ck_assert_int_eq(store_commit(b), 0);
	}
	ck_assert_uint_eq(b->ops->size(b), 0);
	key.len = RECORD_MAX_KEY + 1;
	ck_assert_int_eq(b->ops->put(b, key, v, 0), MUSTER_ELIMIT);
	key.len = 0;
	ck_assert_int_eq(b->ops->put(b, key, v, 0), MUSTER_EINVAL);
	store_close(b);
}
END_TEST

START_TEST(name_becomes_one_plain_folder)
{
	char out[BACKEND_LMDB_NAME], other[BACKEND_LMDB_NAME], name[1000];

	backend_lmdb_escape("___sync_store_X509::known.log", out);
	ck_assert_str_eq(out, "___sync_store_X509%3A%3Aknown.log");
	backend_lmdb_escape("../x/y", out);
	ck_assert_str_eq(out, "%2E.%2Fx%2Fy");
	backend_lmdb_escape("", out);
	ck_assert_str_eq(out, "%");
	memset(name, '/', sizeof name);
	name[999] = '\0';
	backend_lmdb_escape(name, out);
	name[998] = '\0';
	backend_lmdb_escape(name, other);
	ck_assert_str_ne(out, other);
	ck_assert_uint_lt(strlen(out), 200);
}
END_TEST

START_TEST(store_is_opened_once)
{
	struct mu_backend *b = store_open();

	ck_assert_int_eq(store_open_error(options()), MUSTER_EEXIST);
	ck_assert_contains(why, "open already");
	store_close(b);
	store_close(store_open());
}
END_TEST

/* --- a slow disk -----------------------------------------------------------
 */

/* Much is done after a first commit has begun, which takes that long.  False:
 * it was over before all was done. */
static bool
done_meanwhile(uint64_t delay_ns)
{
	struct backend_lmdb_options o = options();
	struct backend_lmdb_facts f;
	struct mu_backend *b;
	struct mu_bytes key, v;
	uint64_t first, last = 0;
	bool before;
	int64_t d;
	char text[32];
	int err;

	o.test_sync_delay_ns = delay_ns;
	b = store_open_with(o);
	put_text(b, "0", "first");
	first = b->ops->seal(b);
	for (int i = 0; i < 2000; i++) {
		snprintf(text, sizeof text, "%d", i % 500);
		ck_assert_int_eq(
		    b->ops->put(b, bytes(text), bytes(text), i + 1), 0);
		ck_assert_value(b, text, text);
		err = b->ops->after(b, bytes(text), &key, &v, &d);
		ck_assert(err == 0 || err == MUSTER_ENOENT);
		last = b->ops->seal(b);
		ck_assert_int_eq(b->ops->first_deadline(b, &v, &d), 0);
	}
	before = b->ops->durable(b, &err) == 0;
	ck_assert_uint_eq(last, first + 2000);
	ck_assert_int_eq(store_wait(b, last), 0);
	/* Two thousand batches, one commit; the first is among them when its
	 * thread got no processor before. */
	backend_lmdb_facts(b, &f);
	ck_assert_uint_ge(f.commits, 1);
	ck_assert(f.commits <= 2 || !before);
	ck_assert_uint_ge(f.commit_ns, o.test_sync_delay_ns);
	ck_assert_uint_eq(f.pending_bytes, 0);
	store_close(b);
	return before;
}

/* Had any of it waited for the disk, the first commit would be over at the
 * end, however slow the disk is; and however slow the machine is, there is a
 * disk that is slower. */
START_TEST(nothing_waits_for_a_slow_disk)
{
	uint64_t delay_ns = 200000000;

	while (!done_meanwhile(delay_ns)) {
		delay_ns *= 4;
		ck_assert_uint_lt(delay_ns, UINT64_C(60000000000));
	}
}
END_TEST

static bool
in_file(struct mu_backend *b, const char *key)
{
	struct mu_snapshot *s =
	    b->ops->snapshot(b, (struct mu_bytes){ NULL, 0 });
	struct mu_bytes k, v;
	bool found = false;
	int64_t d;
	int err;

	while (!found && s->ops->next(s, &k, &v, &d, &err))
		found = mu_bytes_cmp(k, bytes(key)) == 0;
	s->ops->close(s);
	return found;
}

/* i: how many times the committer gets a chance */
START_TEST(unsealed_writes_are_in_no_commit)
{
	struct mu_backend *b = store_open();
	struct pollfd p = { backend_lmdb_fd(b), POLLIN, 0 };
	uint64_t n;
	int err;

	put_text(b, "a", "1");
	n = b->ops->seal(b);
	put_text(b, "b", "1");
	/* The first may be committed now or have to wait for the second. */
	poll(&p, 1, _i * 20);
	ck_assert(!in_file(b, "b"));
	if (b->ops->durable(b, &err) == n)
		ck_assert(in_file(b, "a"));
	ck_assert_int_eq(store_commit(b), 0);
	ck_assert(in_file(b, "b"));
	store_close(b);
}
END_TEST

/* Whoever heard that everything is done sleeps until there is something new,
 * however close to the end of the commit it asked. */
START_TEST(news_are_told_once)
{
	struct mu_backend *b = store_open();
	struct pollfd p = { backend_lmdb_fd(b), POLLIN, 0 };
	char value[32];

	for (int i = 0; i < 400; i++) {
		uint64_t n;
		int err = 0;

		snprintf(value, sizeof value, "%d", i);
		put_text(b, "a", value);
		n = b->ops->seal(b);
		while (b->ops->durable(b, &err) < n)
			ck_assert_int_eq(err, 0);
		ck_assert_msg(poll(&p, 1, 0) == 0, "commit %d", i);
	}
	store_close(b);
}
END_TEST

START_TEST(no_commit_is_large)
{
	struct backend_lmdb_options o = options();
	struct backend_lmdb_facts f;
	struct mu_backend *b;
	uint64_t last = 0;
	char key[32];

	o.test_sync_delay_ns = 20000000;
	b = store_open_with(o);
	for (int i = 0; i < 10000; i++) {
		snprintf(key, sizeof key, "%d", i);
		ck_assert_int_eq(put_text(b, key, key), 0);
		if (i % 10 == 9)
			last = b->ops->seal(b);
	}
	ck_assert_int_eq(store_wait(b, last), 0);
	backend_lmdb_facts(b, &f);
	ck_assert_uint_ge(f.commits, 10000 / 2058);
	ck_assert_uint_eq(f.entries, 10000);
	ck_assert_value(b, "9999", "9999");
	store_close(b);
}
END_TEST

START_TEST(pending_bytes_are_limited)
{
	struct backend_lmdb_options o = options();
	static uint8_t page[4096];
	struct mu_backend *b;
	char key[32];
	int i, rc = 0;

	o.test_sync_delay_ns = 1000000000; /* for 256 puts, or twice that */
	o.max_pending = 1 << 20;
	b = store_open_with(o);
	put_text(b, "a", "1");
	b->ops->seal(b);
	for (i = 0; i < 1000 && rc == 0; i++) {
		snprintf(key, sizeof key, "%d", i);
		rc = b->ops->put(
		    b, bytes(key), (struct mu_bytes){ page, sizeof page }, 0);
		b->ops->seal(b);
	}
	ck_assert_int_eq(rc, MUSTER_ELIMIT);
	ck_assert_int_lt(i, 600);
	ck_assert_value(b, "a", "1");
	ck_assert_int_eq(store_wait(b, (uint64_t)i), 0);
	ck_assert_int_eq(put_text(b, "a", "2"), 0);
	store_close(b);
}
END_TEST

START_TEST(with_an_interval_a_sealed_batch_counts_at_once)
{
	struct backend_lmdb_options o = options();
	struct backend_lmdb_facts f;
	struct pollfd p = { .events = POLLIN };
	struct mu_backend *b;
	uint64_t n;
	int err;

	o.sync_interval_ms = 60000;
	b = store_open_with(o);
	put_text(b, "a", "1");
	n = b->ops->seal(b);
	/* and rests */
	p.fd = backend_lmdb_fd(b);
	ck_assert_int_eq(poll(&p, 1, 200), 0);
	ck_assert_uint_eq(b->ops->durable(b, &err), n);
	ck_assert_int_eq(err, 0);
	/* It rests for a minute, from now and not from the machine's start. */
	poll(NULL, 0, 300);
	backend_lmdb_facts(b, &f);
	ck_assert_uint_eq(f.commits, 0);
	store_close(b);
	b = store_open_with(o);
	ck_assert_value(b, "a", "1");
	store_close(b);
}
END_TEST

/* --- snapshots -------------------------------------------------------------
 */

/* i: 0 with sync, else the interval in ms */
START_TEST(snapshot_does_not_see_later_writes)
{
	struct backend_lmdb_options o = options();
	struct mu_backend *b;
	struct mu_snapshot *s, *tail;
	struct mu_bytes k, v;
	char key[32], want[32];
	int64_t d;
	int err, n;

	o.sync_interval_ms = (unsigned)_i;
	b = store_open_with(o);
	for (n = 0; n < 1000; n++) {
		snprintf(key, sizeof key, "%04d", n);
		put_text(b, key, "old");
	}
	store_commit(b);
	s = b->ops->snapshot(b, (struct mu_bytes){ NULL, 0 });
	tail = b->ops->snapshot(b, bytes("0997"));
	for (n = 0; n < 1000; n++) {
		ck_assert(s->ops->next(s, &k, &v, &d, &err));
		snprintf(want, sizeof want, "%04d", n);
		ck_assert_uint_eq(k.len, 4);
		ck_assert_mem_eq(k.at, want, 4);
		ck_assert_mem_eq(v.at, "old", 3);
		snprintf(key, sizeof key, "%04d", (n * 7 + 500) % 1000);
		if (n % 3 == 0)
			b->ops->erase(b, bytes(key));
		else
			put_text(b, key, "new");
		if (n % 10 == 0)
			ck_assert_int_eq(store_commit(b), 0);
	}
	ck_assert(!s->ops->next(s, &k, &v, &d, &err));
	ck_assert_int_eq(err, 0);
	s->ops->close(s);
	ck_assert(tail->ops->next(tail, &k, &v, &d, &err));
	ck_assert_mem_eq(k.at, "0998", 4);
	ck_assert_mem_eq(v.at, "old", 3);
	store_close(b);
	/* The backend is gone, the snapshot says so. */
	ck_assert(!tail->ops->next(tail, &k, &v, &d, &err));
	ck_assert_int_eq(err, MUSTER_ECLOSED);
	tail->ops->close(tail);
}
END_TEST

/* 100 values of 64 KiB of that byte. */
static void
write_large(struct mu_backend *b, int byte)
{
	static uint8_t value[65536];
	struct mu_bytes v = { value, sizeof value };
	char key[32];

	memset(value, byte, sizeof value);
	for (int n = 0; n < 100; n++) {
		snprintf(key, sizeof key, "%04d", n);
		ck_assert_int_eq(b->ops->put(b, bytes(key), v, 0), 0);
	}
	ck_assert_int_eq(store_commit(b), 0);
}

static uint64_t
file_bytes(struct mu_backend *b)
{
	struct backend_lmdb_facts f;

	backend_lmdb_facts(b, &f);
	return f.file_bytes;
}

START_TEST(snapshot_says_when_the_file_grew_much_because_of_it)
{
	struct mu_backend *b = store_open();
	struct mu_snapshot *s;
	struct mu_bytes k, v;
	uint64_t before, grown;
	int err, rounds = 0;
	int64_t d;

	write_large(b, 'a');
	write_large(b, 'b');
	s = b->ops->snapshot(b, (struct mu_bytes){ NULL, 0 });
	for (int n = 0; n < 10; n++)
		ck_assert(s->ops->next(s, &k, &v, &d, &err));
	before = file_bytes(b);
	ck_assert(!s->ops->is_costly(s));
	while (!s->ops->is_costly(s) && rounds++ < 100)
		write_large(b, 'c');
	ck_assert_int_lt(rounds, 20);
	grown = file_bytes(b) - before;
	ck_assert_uint_gt(grown, 60u << 20);
	/* The file grew under it, and it goes on as it was. */
	ck_assert(s->ops->next(s, &k, &v, &d, &err));
	ck_assert_mem_eq(k.at, "0010", 4);
	ck_assert_int_eq(v.at[0], 'b');
	for (int n = 11; n < 100; n++) {
		ck_assert(s->ops->next(s, &k, &v, &d, &err));
		ck_assert_int_eq(v.at[65535], 'b');
	}
	ck_assert(!s->ops->next(s, &k, &v, &d, &err));
	ck_assert_int_eq(err, 0);
	s->ops->close(s);
	/* Without it the pages are used again. */
	s = b->ops->snapshot(b, (struct mu_bytes){ NULL, 0 });
	ck_assert(!s->ops->is_costly(s));
	ck_assert(s->ops->next(s, &k, &v, &d, &err));
	ck_assert_int_eq(v.at[0], 'c');
	s->ops->close(s);
	before = file_bytes(b);
	for (int n = 0; n < 10; n++)
		write_large(b, 'd');
	ck_assert_uint_lt(file_bytes(b) - before, 16u << 20);
	store_close(b);
}
END_TEST

START_TEST(snapshot_of_much_that_is_not_in_the_file_is_costly)
{
	struct backend_lmdb_options o = options();
	struct mu_backend *b;
	struct mu_snapshot *s;

	o.sync_interval_ms = 3600000;
	b = store_open_with(o);
	put_text(b, "k", "v");
	b->ops->seal(b);
	s = b->ops->snapshot(b, (struct mu_bytes){ NULL, 0 });
	ck_assert(!s->ops->is_costly(s));
	s->ops->close(s);
	write_large(b, 'a');
	s = b->ops->snapshot(b, (struct mu_bytes){ NULL, 0 });
	ck_assert(s->ops->is_costly(s));
	s->ops->close(s);
	store_close(b);
}
END_TEST

START_TEST(snapshots_are_limited)
{
	struct backend_lmdb_options o = options();
	struct mu_snapshot *s[3];
	struct mu_backend *b;

	o.max_snapshots = 2;
	b = store_open_with(o);
	for (int i = 0; i < 3; i++)
		s[i] = b->ops->snapshot(b, (struct mu_bytes){ NULL, 0 });
	ck_assert_ptr_nonnull(s[1]);
	ck_assert_ptr_null(s[2]);
	s[0]->ops->close(s[0]);
	s[0] = b->ops->snapshot(b, (struct mu_bytes){ NULL, 0 });
	ck_assert_ptr_nonnull(s[0]);
	s[0]->ops->close(s[0]);
	s[1]->ops->close(s[1]);
	store_close(b);
}
END_TEST

/* --- size ------------------------------------------------------------------
 */

START_TEST(entry_costs_at_most_280_bytes_of_the_file)
{
	const unsigned n = 50000;
	struct backend_lmdb_facts f;
	struct mu_backend *b = store_open();
	uint8_t key[32], value[100];
	struct mu_rng r;

	mu_rng_init(&r, 9);
	memset(value, 'v', sizeof value);
	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = 0; k < sizeof key; k++)
			key[k] = (uint8_t)mu_rng_u64(&r);
		ck_assert_int_eq(
		    b->ops->put(b, (struct mu_bytes){ key, sizeof key },
			(struct mu_bytes){ value, sizeof value }, 0),
		    0);
		if (i % 100 == 99)
			ck_assert_int_eq(store_commit(b), 0);
	}
	backend_lmdb_facts(b, &f);
	ck_assert_uint_eq(f.entries, n);
	ck_assert_uint_le(f.file_bytes / n, 280);
	/* Nothing is kept in memory at rest. */
	ck_assert_uint_eq(f.pending_bytes, 0);
	store_close(b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("backend_lmdb");
	TCase *t = tcase_create("operations");

	tcase_add_checked_fixture(t, scratch_open, scratch_close);
	tcase_set_timeout(t, 120);
	tcase_add_test(
	    t, what_was_written_is_read_before_and_after_commit_and_reopening);
	tcase_add_test(t, sealing_nothing_is_no_batch);
	tcase_add_test(t, small_records_share_the_batch_and_survive_clear);
	tcase_add_test(t, keys_of_any_length_work);
	tcase_add_test(t, name_becomes_one_plain_folder);
	tcase_add_test(t, store_is_opened_once);
	tcase_add_test(t, nothing_waits_for_a_slow_disk);
	tcase_add_loop_test(t, unsealed_writes_are_in_no_commit, 0, 5);
	tcase_add_test(t, news_are_told_once);
	tcase_add_test(t, no_commit_is_large);
	tcase_add_test(t, pending_bytes_are_limited);
	tcase_add_test(t, with_an_interval_a_sealed_batch_counts_at_once);
	tcase_add_loop_test(t, snapshot_does_not_see_later_writes, 0, 2);
	tcase_add_test(t, snapshot_says_when_the_file_grew_much_because_of_it);
	tcase_add_test(t, snapshot_of_much_that_is_not_in_the_file_is_costly);
	tcase_add_test(t, snapshots_are_limited);
	tcase_add_test(t, entry_costs_at_most_280_bytes_of_the_file);
	suite_add_tcase(s, t);
	return unit_run(s);
}
