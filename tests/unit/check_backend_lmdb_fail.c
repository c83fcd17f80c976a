/*
 * The LMDB backend when things go wrong: no space, a failing disk, folders
 * that cannot be written, files that are damaged or somebody else's, memory
 * that is out.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/rng.h"
#include "lmdb_store.h"
#include "nomem.h"

/* --- a disk that fails on demand -------------------------------------------
 */

/* LMDB's calls come here, because the program's own symbols go first. */
static atomic_int sync_error; /* what fdatasync fails with, 0: it works */
static atomic_int head_error; /* the same for writing one of the heads */

#define EXPORTED __attribute__((visibility("default")))
EXPORTED int fdatasync(int fd);
EXPORTED ssize_t pwrite(int fd, const void *p, size_t len, off_t at);
EXPORTED ssize_t pwrite64(int fd, const void *p, size_t len, off_t at);

int
fdatasync(int fd)
{
	if (sync_error != 0) {
		errno = sync_error;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

ssize_t
pwrite(int fd, const void *p, size_t len, off_t at)
{
	/* A commit ends with a write within one of the first two pages. */
	if (head_error != 0 && at < 8192) {
		errno = head_error;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, p, len, at);
}

ssize_t
pwrite64(int fd, const void *p, size_t len, off_t at)
{
	return pwrite(fd, p, len, at);
}

/* --- no space --------------------------------------------------------------
 */

/* Write batches of ten values until one fails; the number that did not. */
static unsigned
fill(struct mu_backend *b, unsigned from, int want)
{
	static const uint8_t value[900];
	char key[32];
	int rc;

	for (unsigned i = from; i < from + 100000; i++) {
		for (int k = 0; k < 10; k++) {
			snprintf(key, sizeof key, "%08u-%d", i, k);
			ck_assert_int_eq(
			    b->ops->put(b, bytes(key),
				(struct mu_bytes){ value, sizeof value }, 0),
			    0);
		}
		ck_assert_int_eq(put_text(b, "last", key), 0);
		rc = store_commit(b);
		if (rc != 0) {
			ck_assert_int_eq(rc, want);
			return i - from;
		}
	}
	ck_abort_msg("it never fills");
	return 0;
}

/* All of the batches before n and nothing of batch n, after a failure. */
static void
check_filled(struct mu_backend *b, unsigned n)
{
	struct mu_bytes v;
	char key[32], last[32];
	int64_t d;

	snprintf(last, sizeof last, "%08u-9", n - 1);
	ck_assert_uint_eq(b->ops->size(b), 10 * n + 1);
	ck_assert_value(b, "last", last);
	for (unsigned i = 0; i <= n; i++) {
		snprintf(key, sizeof key, "%08u-%u", i, i % 10);
		ck_assert_int_eq(b->ops->get(b, bytes(key), &v, &d),
		    i < n ? 0 : MUSTER_ENOENT);
	}
}

START_TEST(full_map_undoes_the_batch_and_goes_on)
{
	struct backend_lmdb_options o = options();
	struct backend_lmdb_facts f;
	struct mu_backend *b;
	unsigned n;

	o.max_bytes = 512 << 10;
	b = store_open_with(o);
	n = fill(b, 0, MUSTER_ELIMIT);
	ck_assert_uint_gt(n, 10);
	check_filled(b, n);
	backend_lmdb_facts(b, &f);
	ck_assert_uint_eq(f.failures, 1);
	ck_assert_int_eq(f.err, MUSTER_ELIMIT);
	ck_assert_contains(f.reason, "MAP_FULL");
	ck_assert_uint_le(f.file_bytes, o.max_bytes);
	/* Emptied, it takes as much again. */
	ck_assert_int_eq(b->ops->clear(b), 0);
	ck_assert_int_eq(store_commit(b), 0);
	backend_lmdb_facts(b, &f);
	ck_assert_int_eq(f.err, 0);
	ck_assert_str_eq(f.reason, "");
	ck_assert_uint_gt(fill(b, 0, MUSTER_ELIMIT), 10);
	store_close(b);
	/* A larger limit is all it needs. */
	o.max_bytes = 4 << 20;
	b = store_open_with(o);
	ck_assert_uint_gt(fill(b, 10000, MUSTER_ELIMIT), 10);
	store_close(b);
}
END_TEST

START_TEST(file_size_limit_undoes_the_batch_and_goes_on)
{
	struct rlimit limit, old;
	struct mu_backend *b = store_open();
	unsigned n;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = old;
	limit.rlim_cur = 300 << 10;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	n = fill(b, 0, MUSTER_ELIMIT);
	check_filled(b, n);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	ck_assert_int_eq(put_text(b, "later", "works"), 0);
	ck_assert_int_eq(store_commit(b), 0);
	store_close(b);
	b = store_open();
	ck_assert_value(b, "later", "works");
	store_close(b);
}
END_TEST

/* A small file system of our own, if we may; false with the reason said. */
static bool
small_disk(const char *size)
{
	char data[64];

	snprintf(data, sizeof data, "size=%s", size);
	ck_assert_int_eq(mkdir(scratch("stores"), 0700), 0);
	if (mount("none", scratch("stores"), "tmpfs", 0, data) == 0)
		return true;
	printf("not tested, no small disk: %s\n", strerror(errno));
	return false;
}

static void
remove_small_disk(void)
{
	ck_assert_int_eq(umount2(scratch("stores"), MNT_DETACH), 0);
}

START_TEST(full_disk_undoes_the_batch_and_goes_on)
{
	struct mu_backend *b;
	static char block[400 << 10];
	unsigned n;
	int fd;

	if (!small_disk("1m"))
		return;
	fd = open(scratch("stores/other"), O_CREAT | O_WRONLY, 0600);
	ck_assert_int_eq(write(fd, block, sizeof block), (ssize_t)sizeof block);
	close(fd);
	b = store_open();
	n = fill(b, 0, MUSTER_ELIMIT);
	check_filled(b, n);
	ck_assert_int_eq(put_text(b, "k", "v"), 0);
	ck_assert_int_eq(unlink(scratch("stores/other")), 0);
	ck_assert_uint_gt(fill(b, n, MUSTER_ELIMIT), 5);
	store_close(b);
	b = store_open();
	ck_assert_uint_gt(b->ops->size(b), 10 * n);
	store_close(b);
	remove_small_disk();
}
END_TEST

START_TEST(read_only_disk_is_read)
{
	struct backend_lmdb_facts f;
	struct mu_backend *b;
	struct mu_bytes v;
	int64_t d;

	if (!small_disk("4m"))
		return;
	b = store_open();
	ck_assert_int_eq(put_text(b, "k", "v"), 0);
	ck_assert_int_eq(store_commit(b), 0);
	store_close(b);
	ck_assert_int_eq(mount("none", scratch("stores"), NULL,
			     MS_REMOUNT | MS_RDONLY, NULL),
	    0);
	b = store_open();
	backend_lmdb_facts(b, &f);
	ck_assert(f.read_only);
	ck_assert_value(b, "k", "v");
	ck_assert_int_eq(
	    b->ops->after(b, (struct mu_bytes){ NULL, 0 }, &v, &v, &d), 0);
	ck_assert_int_eq(put_text(b, "k", "w"), MUSTER_EPERM);
	ck_assert_int_eq(b->ops->erase(b, bytes("k")), MUSTER_EPERM);
	ck_assert_int_eq(b->ops->clear(b), MUSTER_EPERM);
	ck_assert_uint_eq(b->ops->seal(b), 0);
	store_close(b);
	/* And a store that is not there cannot be made. */
	ck_assert_int_eq(store_open_error((struct backend_lmdb_options){
			     .folder = scratch("stores"), .name = "new" }),
	    MUSTER_EPERM);
	ck_assert_contains(why, "Read-only");
	remove_small_disk();
}
END_TEST

/* --- a failing disk --------------------------------------------------------
 */

/* i: 0 the sync fails, 1 the write that completes the commit */
START_TEST(failed_sync_undoes_everything_since)
{
	struct backend_lmdb_facts f;
	struct mu_backend *b = store_open();
	struct mu_bytes v;
	uint64_t n;
	int err;

	put_text(b, "k", "1");
	put_text(b, "old", "1");
	b->ops->meta_put(b, bytes("seq"), bytes("1"));
	ck_assert_int_eq(store_commit(b), 0);
	*(_i == 0 ? &sync_error : &head_error) = EIO;
	put_text(b, "k", "2");
	b->ops->erase(b, bytes("old"));
	b->ops->meta_put(b, bytes("seq"), bytes("2"));
	n = b->ops->seal(b);
	put_text(b, "k", "3");
	ck_assert_uint_eq(b->ops->seal(b), n + 1);
	put_text(b, "k", "4");
	ck_assert_value(b, "k", "4");
	ck_assert_uint_eq(b->ops->size(b), 1);
	b->ops->seal(b);
	ck_assert_int_eq(store_wait(b, n), MUSTER_ESYS);
	/* Told once. */
	ck_assert_uint_eq(b->ops->durable(b, &err), n - 1);
	ck_assert_int_eq(err, 0);
	ck_assert_value(b, "k", "1");
	ck_assert_value(b, "old", "1");
	ck_assert_uint_eq(b->ops->size(b), 2);
	ck_assert_int_eq(b->ops->meta_get(b, bytes("seq"), &v), 0);
	ck_assert_mem_eq(v.at, "1", 1);
	backend_lmdb_facts(b, &f);
	ck_assert_int_eq(f.err, MUSTER_ESYS);
	ck_assert_contains(f.reason, "Input/output");
	/* It recovers with the disk. */
	sync_error = head_error = 0;
	put_text(b, "k", "5");
	ck_assert_int_eq(store_commit(b), 0);
	store_close(b);
	b = store_open();
	ck_assert_value(b, "k", "5");
	ck_assert_value(b, "old", "1");
	store_close(b);
}
END_TEST

START_TEST(with_an_interval_a_failed_commit_is_repeated)
{
	struct backend_lmdb_options o = options();
	struct backend_lmdb_facts f;
	struct mu_backend *b;
	struct pollfd p;
	int err;

	o.sync_interval_ms = 1;
	b = store_open_with(o);
	p = (struct pollfd){ backend_lmdb_fd(b), POLLIN, 0 };
	sync_error = EIO;
	put_text(b, "k", "1");
	ck_assert_uint_eq(b->ops->seal(b), 1);
	do {
		ck_assert_int_eq(poll(&p, 1, 60000), 1);
		ck_assert_uint_eq(b->ops->durable(b, &err), 1);
		ck_assert_int_eq(err, 0);
		backend_lmdb_facts(b, &f);
	} while (f.failures < 3);
	/* What counts as written stays; nothing is added to it. */
	ck_assert_value(b, "k", "1");
	ck_assert_int_eq(put_text(b, "k", "2"), MUSTER_ESYS);
	ck_assert_value(b, "k", "1");
	sync_error = 0;
	do {
		ck_assert_int_eq(poll(&p, 1, 60000), 1);
		b->ops->durable(b, &err);
		backend_lmdb_facts(b, &f);
	} while (f.err != 0);
	ck_assert_uint_eq(f.synced, 1);
	ck_assert_int_eq(put_text(b, "k", "2"), 0);
	store_close(b);
	b = store_open();
	ck_assert_value(b, "k", "2");
	store_close(b);
}
END_TEST

/* --- files that are not ours or not whole ----------------------------------
 */

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

/* --- memory ----------------------------------------------------------------
 */

static bool
open_and_use(void *ctx)
{
	struct backend_lmdb_options o = options();
	static const uint8_t large[100000];
	struct mu_backend *b;
	struct mu_snapshot *s = NULL;
	struct mu_bytes v;
	char key[16];
	int64_t d;
	bool good;

	(void)ctx;
	if (backend_lmdb_open(&o, &b, why, sizeof why) != 0) {
		ck_assert_contains(why, "memory");
		return false;
	}
	good = true;
	for (int i = 0; i < 40 && good; i++) {
		snprintf(key, sizeof key, "%d", i);
		good = b->ops->put(b, bytes(key),
			   (struct mu_bytes){ large, i == 30 ? 100000 : 20 },
			   i + 1) == 0;
		/* After a failure nothing has changed. */
		ck_assert_int_eq(b->ops->get(b, bytes(key), &v, &d),
		    good ? 0 : MUSTER_ENOENT);
		ck_assert_uint_eq(b->ops->size(b), (unsigned)i + good);
	}
	good = good && b->ops->erase(b, bytes("1")) == 0 &&
	       b->ops->meta_put(b, bytes("m"), bytes("x")) == 0;
	ck_assert_int_eq(store_commit(b), 0);
	if (good) {
		s = b->ops->snapshot(b, (struct mu_bytes){ NULL, 0 });
		good = s != NULL;
		if (s != NULL)
			s->ops->close(s);
	}
	/* Begin the next try with an empty store. */
	if (good)
		good = b->ops->clear(b) == 0;
	if (!good) {
		mu_alloc_set_hook(NULL, NULL);
		ck_assert_int_eq(b->ops->clear(b), 0);
	}
	store_close(b);
	return good;
}

START_TEST(out_of_memory_changes_nothing)
{
	/* Creating makes folders with calls of its own. */
	store_close(store_open());
	ck_assert_uint_gt(nomem_each(open_and_use, NULL), 8);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("backend_lmdb_fail");
	TCase *t = tcase_create("failures");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, scratch_open, scratch_close);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, full_map_undoes_the_batch_and_goes_on);
	tcase_add_test(t, file_size_limit_undoes_the_batch_and_goes_on);
	tcase_add_test(t, full_disk_undoes_the_batch_and_goes_on);
	tcase_add_test(t, read_only_disk_is_read);
	tcase_add_loop_test(t, failed_sync_undoes_everything_since, 0, 2);
	tcase_add_test(t, with_an_interval_a_failed_commit_is_repeated);
	tcase_add_test(t, file_of_random_bytes_is_refused);
	tcase_add_test(t, file_cut_short_is_refused);
	tcase_add_loop_test(t, damage_anywhere_is_refused_or_harmless, 0, 4);
	tcase_add_test(t, other_version_name_or_program_is_refused);
	tcase_add_test(t, damaged_record_is_told_and_stays);
	tcase_add_test(t, interrupted_creation_is_begun_again);
	tcase_add_test(t, folder_that_cannot_be_made_is_told);
	tcase_add_test(t, out_of_memory_changes_nothing);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
