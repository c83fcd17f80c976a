/*
 * The LMDB backend when things go wrong at run time: no space, a failing or
 * read-only disk, memory that is out.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lmdb_store.h"
#include "nomem.h"
#include "unit.h"

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

	tcase_add_checked_fixture(t, scratch_open, scratch_close);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, full_map_undoes_the_batch_and_goes_on);
	tcase_add_test(t, file_size_limit_undoes_the_batch_and_goes_on);
	tcase_add_test(t, full_disk_undoes_the_batch_and_goes_on);
	tcase_add_test(t, read_only_disk_is_read);
	tcase_add_loop_test(t, failed_sync_undoes_everything_since, 0, 2);
	tcase_add_test(t, with_an_interval_a_failed_commit_is_repeated);
	tcase_add_test(t, out_of_memory_changes_nothing);
	suite_add_tcase(s, t);
	return unit_run(s);
}
