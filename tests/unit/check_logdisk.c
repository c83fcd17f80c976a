/*
 * The disk thread and its owner while memory runs out: with each allocation of
 * either failing once, every item comes back, what was acknowledged is on disk
 * exactly once, and who is refused is told why.
 */
#include "logsink.h"

#include <dirent.h>
#include <poll.h>
#include <unistd.h>

#include "io/logdisk.h"
#include "nomem.h"
#include "unit.h"

#define MOST 400 /* batches */

static char dir[300], journal[320];
static struct mu_logs logs;
static struct nomem_threads nomem;
static struct mu_uuid session;

static void
setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(
	    dir, sizeof dir, "%s/mdisk.XXXXXX", tmp == NULL ? "/tmp" : tmp);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(journal, sizeof journal, "%s/journal", dir);
	logs = default_logs();
	logs.rotate_ns = 0;
	logs.flush_ns = 10000000;
	logs.sync = false;
	memset(session.bytes, 3, sizeof session.bytes);
	nomem_arm(&nomem, false, ~0u);
}

static void
teardown(void)
{
	char cmd[400];

	mu_alloc_set_hook(NULL, NULL);
	snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
	ck_assert_int_eq(system(cmd), 0);
}

static struct logdisk *
open_disk(void)
{
	struct logdisk_config cfg = { .node = "logger-1",
		.logs = &logs,
		.here = dir,
		.journal = journal };

	return logdisk_new(&cfg);
}

/* Batch number n, of which each has one record, n. */
static void
put(struct logdisk *d, uint64_t n)
{
	struct logitem *it;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	put_batch(&b, 2);
	put_create(&b, "A::LOG", "a");
	put_record(&b, "A::LOG", "a", n, "text");
	it = make_item(LOGITEM_BATCH, &b, "worker-1");
	it->session = session;
	it->seq = n;
	it->prev = 0;
	logdisk_put(d, it);
	mu_buf_clear(&b);
}

/* Wait until the item is back: true if it was not refused.  *taken: the last
 * number that was acknowledged. */
static bool
get_back(struct logdisk *d, uint64_t *taken)
{
	struct pollfd p = { logdisk_fd(d), POLLIN, 0 };
	bool back = false, refused = false;
	struct logsink_out out;

	while (!back) {
		ck_assert_int_eq(poll(&p, 1, 60000), 1);
		while (logdisk_next(d, &out)) {
			if (out.kind == LOGSINK_TAKEN) {
				*taken = out.seq;
			} else if (out.kind == LOGSINK_BACK) {
				back = true;
				refused = out.item->refused;
				ck_assert(!refused || out.item->why[0] != '\0');
				free_item(out.item);
			}
		}
	}
	return !refused;
}

/* Each record from 1 to n once in the files of the folder. */
static void
check_files(uint64_t n)
{
	static uint8_t seen[MOST + 1];
	char path[600], line[200];
	DIR *d = opendir(dir);
	struct dirent *e;

	ck_assert_ptr_nonnull(d);
	memset(seen, 0, sizeof seen);
	while ((e = readdir(d)) != NULL) {
		FILE *f;

		if (strncmp(e->d_name, "a.", 2) != 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		f = fopen(path, "r");
		ck_assert_ptr_nonnull(f);
		while (fgets(line, sizeof line, f) != NULL) {
			unsigned long long v;

			if (line[0] == '#')
				continue;
			ck_assert_int_eq(sscanf(line, "%llu\ttext", &v), 1);
			ck_assert(v >= 1 && v <= n);
			ck_assert_msg(seen[v]++ == 0, "%llu is twice", v);
		}
		fclose(f);
	}
	closedir(d);
	for (uint64_t v = 1; v <= n; v++)
		ck_assert_msg(
		    seen[v] == 1, "%llu is lost", (unsigned long long)v);
}

/* Until the thread has put in order what the life before left. */
static void
await_start(struct logdisk *d)
{
	const struct logsink_fact *facts;
	struct logsink_total total;
	size_t count;

	do
		logdisk_facts(d, &total, &facts, &count);
	while (total.since == 0);
}

/* One batch while the thread's k-th allocation fails; then until it is taken.
 * True: none failed. */
static bool
one(struct logdisk *d, uint64_t n, unsigned k)
{
	uint64_t taken = 0;
	bool failed;

	nomem_arm(&nomem, true, k);
	put(d, n);
	get_back(d, &taken);
	failed = atomic_load(&nomem.failed);
	nomem_arm(&nomem, true, ~0u);
	/* As a sender does: again, until it is answered. */
	for (int i = 0; taken < n; i++) {
		ck_assert_int_lt(i, 100);
		put(d, n);
		if (!get_back(d, &taken))
			usleep(20000);
	}
	return !failed;
}

START_TEST(each_allocation_of_the_thread_may_fail)
{
	struct logdisk *d = open_disk();
	uint64_t n = 0;
	unsigned k = 0;
	bool whole = false;

	ck_assert_ptr_nonnull(d);
	logdisk_tail(d, true);
	/* For a stream that is known, and for a life's first batch. */
	do
		ck_assert_uint_lt(n + 1, MOST);
	while (!one(d, ++n, k++) || k < 5);
	logdisk_free(d);
	for (k = 0; k < 60; k += 2) {
		d = open_disk();
		ck_assert_ptr_nonnull(d);
		one(d, ++n, k);
		logdisk_free(d);
	}
	/* The same when its start is over. */
	for (k = 0; !whole; k++) {
		ck_assert_uint_lt(n + 1, MOST);
		d = open_disk();
		ck_assert_ptr_nonnull(d);
		await_start(d);
		whole = one(d, ++n, k);
		logdisk_free(d);
	}
	mu_alloc_set_hook(NULL, NULL);
	check_files(n);
}
END_TEST

START_TEST(each_allocation_of_the_owner_may_fail)
{
	const struct logsink_fact *facts;
	struct logsink_total total;
	struct logdisk *d = NULL;
	uint64_t taken = 0;
	unsigned n, made = 0;
	size_t count;

	for (n = 0; d == NULL; n++) {
		nomem_arm(&nomem, false, n);
		d = open_disk();
		made += d == NULL;
		ck_assert(d != NULL || atomic_load(&nomem.failed));
		ck_assert(d == NULL || !atomic_load(&nomem.failed));
	}
	ck_assert_uint_gt(made, 3);
	nomem_arm(&nomem, false, ~0u);
	put(d, 1);
	ck_assert(get_back(d, &taken));
	ck_assert_uint_eq(taken, 1);
	do
		logdisk_facts(d, &total, &facts, &count);
	while (total.records == 0);
	for (n = 0; n < 3; n++) {
		nomem_arm(&nomem, false, n);
		logdisk_facts(d, &total, &facts, &count);
		ck_assert_uint_eq(total.records, 1);
		ck_assert_uint_eq(count, 1);
		ck_assert_str_eq(facts[0].path, "a");
		logdisk_posted(d, "a.log");
	}
	nomem_arm(&nomem, false, ~0u);
	logdisk_free(d);
	check_files(1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("logdisk");
	TCase *t = tcase_create("disk");

	setenv("TZ", "UTC", 1);
	tcase_set_timeout(t, 200);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, each_allocation_of_the_thread_may_fail);
	tcase_add_test(t, each_allocation_of_the_owner_may_fail);
	suite_add_tcase(s, t);
	return unit_run(s);
}
