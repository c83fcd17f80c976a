/*
 * Durable puts through the LMDB backend against a raw LMDB loop with the same
 * number of puts per synced transaction, turn about in one run on one disk.
 *
 *	bench_lmdb [-d FOLDER] [-j FILE] [-n ENTRIES] [-r ROUNDS] [-s SECONDS]
 *
 * The folder must exist; without one it is TMPDIR's.  Each row is the median
 * of the rounds.  With -n also: what a store of so many entries costs on disk
 * and in memory, how fast it is opened, read and walked.  -j writes JSON.
 */
#include <errno.h>
#include <ftw.h>
#include <lmdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rng.h"
#include "stores/backend_lmdb.h"
#include "sys/clock.h"

#define KEY     32
#define VALUE   100
#define ROUNDS  25 /* at most */
#define WINDOWS 3

static const unsigned windows[WINDOWS] = { 1, 100, 1000 };

static struct {
	const char *folder;
	const char *json;
	unsigned long entries;
	unsigned rounds;
	double seconds;
} args = { NULL, NULL, 0, 5, 0.5 };

static char work[512];
static struct mu_rng rng;
static uint8_t value[VALUE];

__attribute__((noreturn)) static void
die(const char *what, const char *why)
{
	fprintf(stderr, "bench_lmdb: %s: %s\n", what, why);
	exit(1);
}

static double
now(void)
{
	return (double)clock_now() / 1e9;
}

static struct mu_bytes
next_key(uint8_t *key)
{
	for (size_t i = 0; i < KEY; i += 8) {
		uint64_t word = mu_rng_u64(&rng);

		memcpy(key + i, &word, 8);
	}
	return (struct mu_bytes){ key, KEY };
}

static const char *
below(const char *name)
{
	static char path[1024];

	snprintf(path, sizeof path, "%s/%s", work, name);
	return path;
}

/* --- raw LMDB --------------------------------------------------------------
 */

struct raw {
	MDB_env *env;
	MDB_dbi dbi;
};

static void
must(int rc, const char *what)
{
	if (rc != 0)
		die(what, mdb_strerror(rc));
}

static void
raw_open(struct raw *r)
{
	MDB_txn *txn;

	if (mkdir(below("raw"), 0700) != 0)
		die(below("raw"), strerror(errno));
	must(mdb_env_create(&r->env), "mdb_env_create");
	must(mdb_env_set_mapsize(r->env, 1ul << 36), "mdb_env_set_mapsize");
	must(mdb_env_open(r->env, below("raw"), MDB_NORDAHEAD, 0600),
	    "mdb_env_open");
	must(mdb_txn_begin(r->env, NULL, 0, &txn), "mdb_txn_begin");
	must(mdb_dbi_open(txn, NULL, 0, &r->dbi), "mdb_dbi_open");
	must(mdb_txn_commit(txn), "mdb_txn_commit");
}

/* Puts per second with so many in each transaction. */
static double
raw_puts(struct raw *r, unsigned window)
{
	double since = now(), until = since + args.seconds;
	unsigned long n = 0;
	uint8_t key[KEY];
	MDB_txn *txn;

	for (; now() < until; n += window) {
		must(mdb_txn_begin(r->env, NULL, 0, &txn), "mdb_txn_begin");
		for (unsigned i = 0; i < window; i++) {
			struct mu_bytes k = next_key(key);
			MDB_val mk = { k.len, key }, mv = { VALUE, value };

			must(mdb_put(txn, r->dbi, &mk, &mv, 0), "mdb_put");
		}
		must(mdb_txn_commit(txn), "mdb_txn_commit");
	}
	return (double)n / (now() - since);
}

/* --- the backend -----------------------------------------------------------
 */

static struct mu_backend *
backend_open(void)
{
	struct backend_lmdb_options o = { .folder = work, .name = "store" };
	struct mu_backend *b;
	char text[512];

	if (backend_lmdb_open(&o, &b, text, sizeof text) != 0)
		die("open", text);
	return b;
}

/* Wait until batch n is durable. */
static uint64_t
wait_for(struct mu_backend *b, uint64_t n)
{
	struct pollfd p = { backend_lmdb_fd(b), POLLIN, 0 };
	uint64_t done;
	int err;

	while ((done = b->ops->durable(b, &err)) < n && err == 0)
		poll(&p, 1, -1);
	if (err != 0)
		die("commit", "failed");
	return done;
}

/* Every put is a batch of its own, as from a writer per put; so many wait for
 * their commit at a time. */
static double
backend_puts(struct mu_backend *b, unsigned window)
{
	double since = now(), until = since + args.seconds;
	struct mu_bytes v = { value, VALUE };
	uint64_t first, sealed = 0, done;
	uint8_t key[KEY];
	int err;

	first = sealed = done = b->ops->durable(b, &err);
	while (now() < until) {
		while (sealed - done < window) {
			if (b->ops->put(b, next_key(key), v, 0) != 0)
				die("put", "failed");
			sealed = b->ops->seal(b);
		}
		done = wait_for(b, done + 1);
	}
	wait_for(b, sealed);
	return (double)(sealed - first) / (now() - since);
}

/* --- a large store ---------------------------------------------------------
 */

struct large {
	double disk_bytes; /* per entry */
	double heap_bytes; /* resident outside of files, per entry */
	double open_s;     /* with the check of all pages */
	double gets;       /* per second, random, all present */
	double walk;       /* entries per second through a snapshot */
};

/* Anonymous resident memory of this process, in bytes. */
static double
heap(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long kb = 0;
	char line[256];

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "RssAnon: %lu", &kb) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return (double)kb * 1024;
}

static void
fill(struct mu_backend *b)
{
	struct mu_bytes v = { value, VALUE };
	uint8_t key[KEY];

	for (unsigned long i = 0; i < args.entries; i++) {
		if (b->ops->put(b, next_key(key), v, 0) != 0)
			die("put", "failed");
		if (i % 1000 == 999)
			wait_for(b, b->ops->seal(b));
	}
	wait_for(b, b->ops->seal(b));
}

static double
random_gets(struct mu_backend *b, const struct mu_rng *start)
{
	double since = now();
	struct mu_bytes v;
	uint8_t key[KEY];
	int64_t d;

	rng = *start;
	for (unsigned long i = 0; i < args.entries; i++)
		if (b->ops->get(b, next_key(key), &v, &d) != 0)
			die("get", "a key is missing");
	return (double)args.entries / (now() - since);
}

static double
walk(struct mu_backend *b)
{
	struct mu_snapshot *s =
	    b->ops->snapshot(b, (struct mu_bytes){ NULL, 0 });
	double since = now();
	struct mu_bytes k, v;
	unsigned long n = 0;
	int64_t d;
	int err;

	while (s->ops->next(s, &k, &v, &d, &err))
		n++;
	s->ops->close(s);
	if (n != args.entries)
		die("snapshot", "entries are missing");
	return (double)n / (now() - since);
}

static struct large
measure_large(void)
{
	double before = heap(), since;
	struct backend_lmdb_facts f;
	struct mu_backend *b = backend_open();
	struct mu_rng start = rng;
	struct large l;

	fill(b);
	backend_lmdb_facts(b, &f);
	l.disk_bytes = (double)f.file_bytes / (double)f.entries;
	l.heap_bytes = (heap() - before) / (double)f.entries;
	b->ops->close(b);
	since = now();
	b = backend_open();
	l.open_s = now() - since;
	l.gets = random_gets(b, &start);
	l.walk = walk(b);
	b->ops->close(b);
	return l;
}

/* --- the run ---------------------------------------------------------------
 */

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *list)
{
	qsort(list, args.rounds, sizeof *list, ascending);
	return list[args.rounds / 2];
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void
clean(void)
{
	nftw(work, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
report(const double *raw, const double *ours, const struct large *l)
{
	FILE *j = args.json == NULL ? NULL : fopen(args.json, "w");

	if (args.json != NULL && j == NULL)
		die(args.json, strerror(errno));
	printf("puts waiting   raw LMDB/s   backend/s   share\n");
	for (unsigned i = 0; i < WINDOWS; i++)
		printf("%12u %12.0f %11.0f %6.0f %%\n", windows[i], raw[i],
		    ours[i], 100 * ours[i] / raw[i]);
	if (l != NULL)
		printf("%lu entries: %.0f bytes each on disk, %.1f in memory; "
		       "opened in %.2f s; %.0f gets/s, %.0f/s in order\n",
		    args.entries, l->disk_bytes, l->heap_bytes, l->open_s,
		    l->gets, l->walk);
	if (j == NULL)
		return;
	fprintf(j, "{\"case\":\"lmdb\",\"rounds\":%u,\"puts\":[", args.rounds);
	for (unsigned i = 0; i < WINDOWS; i++)
		fprintf(j,
		    "%s{\"window\":%u,\"raw\":%.0f,\"backend\":%.0f,"
		    "\"ratio\":%.3f}",
		    i == 0 ? "" : ",", windows[i], raw[i], ours[i],
		    ours[i] / raw[i]);
	fprintf(j, "]");
	if (l != NULL)
		fprintf(j,
		    ",\"large\":{\"entries\":%lu,\"disk_bytes\":%.1f,"
		    "\"heap_bytes\":%.2f,\"open_s\":%.3f,\"gets\":%.0f,"
		    "\"walk\":%.0f}",
		    args.entries, l->disk_bytes, l->heap_bytes, l->open_s,
		    l->gets, l->walk);
	fprintf(j, "}\n");
	if (fclose(j) != 0)
		die(args.json, strerror(errno));
}

static void
options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "d:j:n:r:s:")) != -1) {
		switch (c) {
		case 'd':
			args.folder = optarg;
			break;
		case 'j':
			args.json = optarg;
			break;
		case 'n':
			args.entries = strtoul(optarg, NULL, 10);
			break;
		case 'r':
			args.rounds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 's':
			args.seconds = strtod(optarg, NULL);
			break;
		default:
			fprintf(stderr,
			    "usage: bench_lmdb [-d folder] [-j file] "
			    "[-n entries] [-r rounds] [-s seconds]\n");
			exit(64);
		}
	}
	if (args.rounds < 1 || args.rounds > ROUNDS)
		die("-r", "1 to 25");
	if (args.folder == NULL)
		args.folder = getenv("TMPDIR");
	if (args.folder == NULL)
		args.folder = P_tmpdir;
}

static void
measure_puts(double *raw, double *ours)
{
	double raws[WINDOWS][ROUNDS], backends[WINDOWS][ROUNDS];
	struct mu_backend *b = backend_open();
	struct raw r;

	raw_open(&r);
	for (unsigned round = 0; round < args.rounds; round++) {
		for (unsigned i = 0; i < WINDOWS; i++) {
			/* Who goes first changes. */
			if (round % 2 == 0)
				raws[i][round] = raw_puts(&r, windows[i]);
			backends[i][round] = backend_puts(b, windows[i]);
			if (round % 2 == 1)
				raws[i][round] = raw_puts(&r, windows[i]);
		}
	}
	for (unsigned i = 0; i < WINDOWS; i++) {
		raw[i] = median(raws[i]);
		ours[i] = median(backends[i]);
	}
	b->ops->close(b);
	mdb_env_close(r.env);
	clean();
	if (mkdir(work, 0700) != 0)
		die(work, strerror(errno));
}

int
main(int argc, char **argv)
{
	double raw[WINDOWS], ours[WINDOWS];
	struct large l;

	options(argc, argv);
	snprintf(work, sizeof work, "%s/bench-XXXXXX", args.folder);
	if (mkdtemp(work) == NULL)
		die(work, strerror(errno));
	atexit(clean);
	mu_rng_init(&rng, 1);
	memset(value, 'v', sizeof value);
	measure_puts(raw, ours);
	if (args.entries > 0)
		l = measure_large();
	report(raw, ours, args.entries > 0 ? &l : NULL);
	return 0;
}
