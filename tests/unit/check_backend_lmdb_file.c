/*
 * The LMDB backend over files that are damaged, cut short, of another version
 * or somebody else's: refused with the reason and left as they are.
 */
#include <check.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/rng.h"
#include "lmdb_store.h"
#include "unit.h"

#define DATA "stores/a%3A%3Astore/data.mdb"

static char *file;
static size_t file_len;

static void
load(void)
{
	FILE *f = fopen(scratch(DATA), "rb");

	ck_assert_ptr_nonnull(f);
	file = malloc(8 << 20);
	file_len = fread(file, 1, 8 << 20, f);
	fclose(f);
	ck_assert_uint_lt(file_len, 8 << 20);
}

static void
save(const char *p, size_t len)
{
	FILE *f = fopen(scratch(DATA), "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(p, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

/* A store with short, long and large entries, some of which expire. */
static void
make_store(unsigned n)
{
	static uint8_t big[6000];
	struct mu_backend *b = store_open();
	char key[700];

	memset(key, 'k', sizeof key);
	for (unsigned i = 0; i < n; i++) {
		snprintf(key, 12, "%09u", i);
		key[9] = 'x';
		ck_assert_int_eq(
		    b->ops->put(b,
			(struct mu_bytes){
			    (uint8_t *)key, i % 16 == 3 ? sizeof key : 16 },
			(struct mu_bytes){ big, i % 16 == 5 ? 6000 : i % 90 },
			i % 3 == 0 ? i + 1 : 0),
		    0);
		if (i % 50 == 0)
			ck_assert_int_eq(store_commit(b), 0);
	}
	store_close(b);
	load();
}

static void
check_refused(int err, const char *text)
{
	char *before;
	size_t len;

	load();
	before = file;
	len = file_len;
	ck_assert_int_eq(store_open_error(options()), err);
	ck_assert_contains(why, text);
	ck_assert_contains(why, "a%3A%3Astore");
	/* It is as it was. */
	load();
	ck_assert_uint_eq(len, file_len);
	ck_assert_mem_eq(before, file, len);
	free(before);
	free(file);
	file = NULL;
}

START_TEST(file_of_random_bytes_is_refused)
{
	struct mu_rng r;

	make_store(100);
	mu_rng_init(&r, 1);
	for (size_t i = 0; i < file_len; i++)
		file[i] = (char)mu_rng_u64(&r);
	save(file, file_len);
	free(file);
	check_refused(MUSTER_EPROTO, "not an LMDB file");
	save("", 0);
	check_refused(MUSTER_EPROTO, "empty");
	save("hello, world", 12);
	check_refused(MUSTER_EPROTO, "cut short");
	unlink(scratch(DATA));
	ck_assert_int_eq(store_open_error(options()), MUSTER_EPROTO);
	ck_assert_contains(why, "remove the folder");
}
END_TEST

START_TEST(file_cut_short_is_refused)
{
	make_store(500);
	for (size_t len = file_len - 4096; len > 8192; len -= 4096) {
		save(file, len);
		ck_assert_int_eq(store_open_error(options()), MUSTER_EPROTO);
		ck_assert_contains(why, "cut short");
	}
	save(file, file_len);
	store_close(store_open());
	free(file);
}
END_TEST

/* Write to a table of the store's file and erase in the same transaction. */
static void
come_and_go(MDB_env *env, struct mu_rng *r)
{
	uint64_t n = mu_rng_below(r, 400);
	static char some[600];
	char text[32];
	MDB_txn *txn;
	MDB_dbi dbi;

	ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
	ck_assert_int_eq(mdb_dbi_open(txn, "more", MDB_CREATE, &dbi), 0);
	for (uint64_t i = 0; i < 2 * n; i++) {
		uint64_t at = mu_rng_below(r, 900);
		MDB_val key = { 0, text }, v = { mu_rng_below(r, 600), some };

		for (uint64_t k = 0; k < (i < n ? 1 : 3); k++) {
			key.mv_size = (size_t)snprintf(
			    text, sizeof text, "%03d", (int)((at + k) % 900));
			if (i < n)
				mdb_put(txn, dbi, &key, &v, 0);
			else
				mdb_del(txn, dbi, &key, NULL);
		}
	}
	ck_assert_int_eq(mdb_txn_commit(txn), 0);
}

/* LMDB does not write pages that were given out at the file's end and were free
 * again before their transaction ended. */
START_TEST(free_pages_at_the_end_need_not_be_there)
{
	MDB_envinfo info = { .me_last_pgno = 0 };
	struct mu_rng r;
	MDB_env *env;
	int turns = 0;

	mu_rng_init(&r, 7);
	store_close(store_open());
	ck_assert_int_eq(mdb_env_create(&env), 0);
	mdb_env_set_maxdbs(env, 8);
	mdb_env_set_mapsize(env, 64 << 20);
	ck_assert_int_eq(mdb_env_open(env, scratch("stores/a%3A%3Astore"),
			     MDB_NOSYNC, 0600), 0);
	do {
		come_and_go(env, &r);
		mdb_env_info(env, &info);
		load();
		free(file);
		ck_assert_int_lt(turns++, 20000);
	} while ((info.me_last_pgno + 1) * 4096 <= file_len);
	mdb_env_close(env);
	store_close(store_open());
}
END_TEST

/* LMDB leaves a large value's pages to a shorter one that replaces it in the
 * same transaction, as when a clone began to fetch in between. */
START_TEST(large_value_that_shrank_before_a_commit_is_sound)
{
	static uint8_t big[60000];
	const size_t lens[] = { sizeof big, 6000, 10 };
	struct backend_lmdb_options o = options();
	struct mu_snapshot *s[3];
	struct mu_bytes value;
	struct mu_backend *b;
	int64_t deadline;

	o.sync_interval_ms = 60000;
	b = store_open_with(o);
	for (size_t i = 0; i < 3; i++) {
		value = (struct mu_bytes){ big, lens[i] };
		ck_assert_int_eq(b->ops->put(b, bytes("k"), value, 0), 0);
		b->ops->seal(b);
		s[i] = b->ops->snapshot(b, (struct mu_bytes){ NULL, 0 });
		ck_assert_ptr_nonnull(s[i]);
	}
	for (size_t i = 0; i < 3; i++)
		s[i]->ops->close(s[i]);
	store_close(b);
	b = store_open();
	ck_assert_int_eq(b->ops->get(b, bytes("k"), &value, &deadline), 0);
	ck_assert_uint_eq(value.len, 10);
	ck_assert_int_eq(b->ops->erase(b, bytes("k")), 0);
	store_close(b);
	store_close(store_open());
}
END_TEST

/* Read all that is there, whatever it is. */
static void
read_all(struct mu_backend *b)
{
	struct mu_bytes key = { NULL, 0 }, v;
	int64_t d;
	int n = 0;

	while (n++ < 1000 && b->ops->after(b, key, &key, &v, &d) == 0)
		ck_assert(v.len <= 6000);
	b->ops->first_deadline(b, &key, &d);
}

START_TEST(damage_anywhere_is_refused_or_harmless)
{
	unsigned refused = 0;
	struct mu_backend *b;
	struct backend_lmdb_options o = options();
	struct mu_rng r;
	char old[64];
	size_t at, n;

	make_store(500);
	mu_rng_init(&r, (uint64_t)_i + 1);
	for (int i = 0; i < 150; i++) {
		n = 1 + mu_rng_below(&r, sizeof old);
		at = mu_rng_below(&r, file_len - n);
		if (i % 3 == 0) /* heads of pages, where it hurts */
			at = at / 4096 * 4096 + mu_rng_below(&r, 32);
		if (at + n > file_len)
			continue;
		memcpy(old, file + at, n);
		for (size_t k = 0; k < n; k++)
			file[at + k] = (char)mu_rng_u64(&r);
		save(file, file_len);
		if (backend_lmdb_open(&o, &b, why, sizeof why) == 0) {
			read_all(b);
			ck_assert_int_eq(put_text(b, "new", "value"), 0);
			ck_assert_int_eq(store_commit(b), 0);
			store_close(b);
		} else {
			refused++;
		}
		memcpy(file + at, old, n);
	}
	ck_assert_uint_gt(refused, 30);
	free(file);
}
END_TEST

/* With LMDB itself, so that all of the file is right but its meaning. */
static void
change_about(const char *key, const void *p, size_t len)
{
	MDB_val k = { strlen(key), (void *)(uintptr_t)key };
	MDB_val v = { len, (void *)(uintptr_t)p };
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	ck_assert_int_eq(mdb_env_create(&env), 0);
	mdb_env_set_maxdbs(env, 4);
	mdb_env_set_mapsize(env, 1 << 30);
	ck_assert_int_eq(
	    mdb_env_open(env, scratch("stores/a%3A%3Astore"), 0, 0600), 0);
	ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
	if (key[0] == '\0') {
		ck_assert_int_eq(mdb_dbi_open(txn, "about", 0, &dbi), 0);
		ck_assert_int_eq(mdb_drop(txn, dbi, 1), 0);
	} else {
		ck_assert_int_eq(mdb_dbi_open(txn, "about", 0, &dbi), 0);
		ck_assert_int_eq(mdb_put(txn, dbi, &k, &v, 0), 0);
	}
	ck_assert_int_eq(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

START_TEST(damaged_record_does_not_keep_others_from_expiring)
{
	struct backend_lmdb_options o = options();
	struct mu_backend *b = store_open();
	struct backend_lmdb_facts f;
	struct mu_bytes key;
	int64_t d;

	ck_assert_int_eq(
	    b->ops->put(b, bytes("first"), bytes("precious value"), 5), 0);
	ck_assert_int_eq(b->ops->put(b, bytes("second"), bytes("x"), 9), 0);
	store_close(b);
	load();
	for (char *at = file; (at = memmem(at, file_len - (size_t)(at - file),
				   "precious", 8)) != NULL;)
		*at = 'P';
	save(file, file_len);
	o.skip_check = true;
	b = store_open_with(o);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(b->ops->first_deadline(b, &key, &d), 0);
		ck_assert_int_eq(d, 9);
		ck_assert_mem_eq(key.at, "second", 6);
	}
	backend_lmdb_facts(b, &f);
	ck_assert(f.damaged);
	ck_assert_int_eq(b->ops->erase(b, bytes("second")), 0);
	ck_assert_int_eq(store_commit(b), 0);
	ck_assert_int_eq(b->ops->first_deadline(b, &key, &d), MUSTER_ENOENT);
	store_close(b);
	free(file);
}
END_TEST

START_TEST(other_version_name_or_program_is_refused)
{
	make_store(10);
	free(file);
	change_about("format", "\0\0\0\2", 4);
	check_refused(MUSTER_EVERSION, "its format is 0.0.0.2");
	change_about("format", "\0\0\0\1", 4);
	store_close(store_open());
	change_about("name", "another", 7);
	check_refused(MUSTER_EPROTO, "another store");
	change_about("", NULL, 0);
	check_refused(MUSTER_EPROTO, "not a store of Muster");
}
END_TEST

/* A record whose bytes changed on the disk, met with the check of the whole
 * file switched off. */
START_TEST(damaged_record_is_told_and_stays)
{
	struct backend_lmdb_options o = options();
	struct mu_backend *b = store_open();
	struct mu_bytes v;
	int64_t d;
	char *at;

	put_text(b, "a", "x");
	put_text(b, "key", "precious value");
	put_text(b, "z", "x");
	store_close(b);
	load();
	at = memmem(file, file_len, "precious value", 14);
	ck_assert_ptr_nonnull(at);
	for (; at != NULL;
	     at = memmem(at, file_len - (size_t)(at - file), "precious", 8))
		*at = 'P';
	save(file, file_len);
	ck_assert_int_eq(store_open_error(o), MUSTER_EPROTO);
	ck_assert_contains(why, "record");
	o.skip_check = true;
	b = store_open_with(o);
	ck_assert_int_eq(b->ops->get(b, bytes("key"), &v, &d), MUSTER_EPROTO);
	ck_assert_int_eq(put_text(b, "key", "new"), MUSTER_EPROTO);
	ck_assert_int_eq(b->ops->erase(b, bytes("key")), MUSTER_EPROTO);
	ck_assert_value(b, "z", "x");
	ck_assert_int_eq(put_text(b, "z", "y"), 0);
	ck_assert_int_eq(store_commit(b), 0);
	store_close(b);
	free(file);
}
END_TEST

START_TEST(interrupted_creation_is_begun_again)
{
	ck_assert_int_eq(mkdir(scratch("stores"), 0700), 0);
	ck_assert_int_eq(mkdir(scratch("stores/a%3A%3Astore%%new"), 0700), 0);
	scratch_write("stores/a%3A%3Astore%%new/data.mdb", "half", 0600);
	store_close(store_open());
	ck_assert_int_eq(access(scratch("stores/a%3A%3Astore%%new"), F_OK), -1);
	store_close(store_open());
}
END_TEST

START_TEST(folder_that_cannot_be_made_is_told)
{
	scratch_write("stores", "a file", 0600);
	store_open_error(options());
	ck_assert_contains(why, "Not a directory");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("backend_lmdb_file");
	TCase *t = tcase_create("files");

	tcase_add_checked_fixture(t, scratch_open, scratch_close);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, file_of_random_bytes_is_refused);
	tcase_add_test(t, file_cut_short_is_refused);
	tcase_add_test(t, free_pages_at_the_end_need_not_be_there);
	tcase_add_test(t, large_value_that_shrank_before_a_commit_is_sound);
	tcase_add_test(t, other_version_name_or_program_is_refused);
	tcase_add_test(t, damaged_record_is_told_and_stays);
	tcase_add_test(
	    t, damaged_record_does_not_keep_others_from_expiring);
	tcase_add_test(t, interrupted_creation_is_begun_again);
	tcase_add_test(t, folder_that_cannot_be_made_is_told);
	tcase_add_loop_test(t, damage_anywhere_is_refused_or_harmless, 0, 8);
	suite_add_tcase(s, t);
	return unit_run(s);
}
