/*
 * What the disk side of a logger takes: records of a conn-like stream of 20
 * columns in batches of 400, decoded, written as TSV or JSON to a real file and
 * committed to the journal; against copying the same bytes and compressing
 * them, in the same run.
 *
 *   bench_logger [--json FILE] [--seconds N] [FOLDER]
 *
 * Each row runs for N seconds (default 3).  CPU is that of this process, all of
 * its threads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/rng.h"
#include "io/logdir.h"
#include "io/logpost.h"
#include "logrec/message.h"
#include "logrec/record.h"
#include "logrec/stream.h"
#include "logs/logjournal.h"
#include "logs/logsink.h"
#include "sys/clock.h"

#define BATCHES 64  /* different ones, used again and again */
#define RECORDS 400 /* of each */
#define NS      1e9
#define MOST    (1ull << 30) /* bytes of a file: then a row ends */

struct row {
	const char *name;
	double records, bytes, seconds, cpu; /* seconds */
};

static struct row rows[16];
static size_t nrows;
static double limit = 3;

static void
die(const char *what)
{
	fprintf(stderr, "bench_logger: %s\n", what);
	exit(1);
}

static double
cpu_now(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* --- the stream -------------------------------------------------------- */

static const struct {
	const char *name;
	enum mu_log_type type, subtype;
} columns[] = {
	{ "ts", MU_LOG_TIME, 0 },
	{ "uid", MU_LOG_STRING, 0 },
	{ "id.orig_h", MU_LOG_ADDR, 0 },
	{ "id.orig_p", MU_LOG_PORT, 0 },
	{ "id.resp_h", MU_LOG_ADDR, 0 },
	{ "id.resp_p", MU_LOG_PORT, 0 },
	{ "proto", MU_LOG_ENUM, 0 },
	{ "service", MU_LOG_STRING, 0 },
	{ "duration", MU_LOG_INTERVAL, 0 },
	{ "orig_bytes", MU_LOG_COUNT, 0 },
	{ "resp_bytes", MU_LOG_COUNT, 0 },
	{ "conn_state", MU_LOG_STRING, 0 },
	{ "local_orig", MU_LOG_BOOL, 0 },
	{ "local_resp", MU_LOG_BOOL, 0 },
	{ "missed_bytes", MU_LOG_COUNT, 0 },
	{ "history", MU_LOG_STRING, 0 },
	{ "orig_pkts", MU_LOG_COUNT, 0 },
	{ "orig_ip_bytes", MU_LOG_COUNT, 0 },
	{ "resp_pkts", MU_LOG_COUNT, 0 },
	{ "resp_ip_bytes", MU_LOG_COUNT, 0 },
};
#define COLUMNS (sizeof columns / sizeof columns[0])

static void
make_stream(struct mu_log_stream *s)
{
	struct mu_log_why why;

	if (mu_log_stream_init(
		s, "Conn::LOG", MU_LOG_WRITER_ASCII, "conn", &why) != 0)
		die("no memory");
	for (size_t i = 0; i < COLUMNS; i++)
		if (mu_log_stream_add(s, columns[i].name,
			strlen(columns[i].name), columns[i].type,
			columns[i].subtype, true, &why) != 0)
			die(why.text);
}

static void
fill_text(struct mu_log_value *v, struct mu_rng *rng, char *space)
{
	static const char *const words[] = { "http", "dns", "ssl", "SF", "S0",
		"ShADadFf", "Dd", "tcp" };
	const char *word = words[mu_rng_u64(rng) % 8];

	v->u.text.len = strlen(word);
	if (space != NULL) {
		snprintf(space, 32, "C%017llx",
		    (unsigned long long)mu_rng_u64(rng) >> 1);
		v->u.text.len = 18;
		word = space;
	}
	v->u.text.at = (const uint8_t *)word;
}

static void
fill(struct mu_log_record *r, struct mu_rng *rng, char *uid)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		struct mu_log_value *v = &r->values[i];
		uint64_t x = mu_rng_u64(rng);

		v->set = i < 7 || x % 10 != 0;
		switch (columns[i].type) {
		case MU_LOG_TIME:
			v->u.real = 1.7e9 + (double)(x % 100000000) / 1e3;
			break;
		case MU_LOG_INTERVAL:
			v->u.real = (double)(x % 100000) / 1e4;
			break;
		case MU_LOG_COUNT:
			v->u.count = x % 100000;
			break;
		case MU_LOG_BOOL:
			v->u.integer = x % 2;
			break;
		case MU_LOG_PORT:
			v->u.port.number = (uint16_t)x;
			v->u.port.proto = 1;
			break;
		case MU_LOG_ADDR:
			memset(v->u.net.addr, 0, 10);
			memset(v->u.net.addr + 10, 0xff, 2);
			memcpy(v->u.net.addr + 12, &x, 4);
			break;
		default:
			fill_text(v, rng, i == 1 ? uid : NULL);
		}
	}
}

static struct logitem *items;

static void
make_batch(
    struct logitem *it, const struct mu_log_stream *s, struct mu_rng *rng)
{
	struct mu_log_record r = { .cap = 0 };
	struct mu_buf serial, create;
	struct mu_log_batch b;
	const uint8_t *bytes;
	uint8_t *copy;
	char uid[40];

	mu_buf_init(&serial, 0);
	mu_buf_init(&create, 0);
	mu_log_batch_init(&b, RECORDS, 0);
	for (int i = 0; i < RECORDS; i++) {
		struct mu_log_write w = { s->stream, s->writer, s->path, NULL,
			strlen(s->stream), strlen(s->writer), strlen(s->path),
			0 };

		mu_buf_reset(&serial);
		if (mu_log_record_begin(&r, s) != 0)
			die("no memory");
		fill(&r, rng, uid);
		mu_log_record_enc(&serial, &r);
		w.serial = mu_buf_data(&serial);
		w.serial_len = mu_buf_len(&serial);
		if (mu_log_batch_add(&b, &w) != 0)
			die("a batch is too small");
	}
	if (mu_log_batch_finish(&b, &bytes, &it->len) != 0)
		die("no memory");
	copy = malloc(it->len);
	if (copy == NULL)
		die("no memory");
	memcpy(copy, bytes, it->len);
	it->payload = copy;
	mu_log_batch_clear(&b);
	mu_log_record_clear(&r);
	mu_buf_clear(&serial);
}

static struct logitem create_item;

static void
make_items(void)
{
	struct mu_log_stream s;
	struct mu_rng rng;
	struct mu_buf b;

	make_stream(&s);
	mu_rng_init(&rng, 1);
	items = calloc(BATCHES, sizeof *items);
	if (items == NULL)
		die("no memory");
	for (size_t i = 0; i < BATCHES; i++)
		make_batch(&items[i], &s, &rng);
	mu_buf_init(&b, 0);
	mu_log_stream_enc(&b, &s);
	create_item.len = mu_buf_len(&b);
	create_item.payload = mu_buf_data(&b); /* kept */
	mu_log_stream_clear(&s);
}

/* --- rows -------------------------------------------------------------- */

static void
drain(struct logsink *s)
{
	struct logsink_out out;

	while (logsink_next(s, &out))
		if (out.kind == LOGSINK_LOG)
			fprintf(stderr, "bench_logger: %s\n", out.text);
}

static struct logsink_now
now(void)
{
	struct logsink_now n = { clock_now(), clock_wall() };

	return n;
}

static struct mu_logs
logs_of(enum mu_logs_format format, bool sync)
{
	struct mu_logs l = {
		.format = format,
		.flush_ns = 1000000000,
		.sync = sync,
		.buffer_bytes = 64u << 20,
		.files = 10,
		.postprocessors = 1,
		.postprocessor_ns = 1000000000,
	};

	return l;
}

static void
write_row(
    const char *folder, const char *name, enum mu_logs_format format, bool sync)
{
	struct mu_logs logs = logs_of(format, sync);
	struct logsink_config cfg = { .node = "bench", .logs = &logs };
	struct row *r = &rows[nrows++];
	struct logjournal_lmdb *j;
	struct logjournal journal;
	struct logsink_total t;
	struct logsink_now at;
	struct logdir *dir;
	struct logsink *s;
	struct logfs fs;
	char path[512];
	double cpu;
	uint64_t since;

	snprintf(path, sizeof path, "%s/journal", folder);
	dir = logdir_new(folder, NULL);
	j = logjournal_lmdb_new(path, sync);
	if (dir == NULL || j == NULL)
		die("no memory");
	logdir_hooks(dir, &fs);
	logjournal_lmdb_hooks(j, &journal);
	cfg.fs = &fs;
	cfg.journal = &journal;
	s = logsink_new(&cfg);
	if (s == NULL)
		die("no memory");
	at = now();
	logsink_tick(s, &at);
	logsink_feed(s, &create_item, &at);
	logsink_flush(s, &at);
	drain(s);
	since = clock_now();
	cpu = cpu_now();
	do {
		for (size_t i = 0; i < BATCHES; i++) {
			at = now();
			logsink_feed(s, &items[i], &at);
			if (i % 32 == 31)
				logsink_flush(s, &at);
		}
		logsink_flush(s, &at);
		drain(s);
		logsink_total(s, &t);
	} while ((double)(clock_now() - since) / NS < limit && t.bytes < MOST);
	r->seconds = (double)(clock_now() - since) / NS;
	r->cpu = cpu_now() - cpu;
	r->name = name;
	r->records = (double)t.records;
	r->bytes = (double)t.bytes;
	logsink_end(s, &at);
	logsink_free(s);
	logjournal_lmdb_free(j);
	logdir_free(dir);
}

/* Take a file that was written as rotated; per record of the row before. */
static void
compress_row(const char *folder, const char *name, enum mu_logs_compress how,
    const struct row *of)
{
	struct mu_logs logs = logs_of(MU_LOGS_TSV, false);
	struct logpost_config cfg = {
		.node = "bench", .here = folder, .logs = &logs
	};
	struct logsink_rotated rotated = { .name = "conn.log", .path = "conn" };
	struct row *r = &rows[nrows++];
	struct logpost_facts facts;
	struct logpost *p;
	double cpu = cpu_now();
	uint64_t since = clock_now();

	logs.compress = how;
	p = logpost_new(&cfg);
	if (p == NULL || logpost_add(p, &rotated) != 0)
		die("no memory");
	do {
		usleep(1000);
		logpost_facts(p, &facts);
	} while (facts.done == 0);
	logpost_free(p);
	r->seconds = (double)(clock_now() - since) / NS;
	r->cpu = cpu_now() - cpu;
	r->name = name;
	r->records = of->records;
	r->bytes = of->bytes;
}

static void *sink; /* so that copies are made */

static void
copy_row(const struct row *of)
{
	size_t len = 8u << 20;
	struct row *r = &rows[nrows++];
	char *a = malloc(len), *b = malloc(len);
	double left = of->bytes, cpu;
	uint64_t since;

	if (a == NULL || b == NULL)
		die("no memory");
	memset(a, 'a', len);
	memset(b, 'b', len);
	since = clock_now();
	cpu = cpu_now();
	for (; left > 0; left -= (double)len) {
		memcpy(b, a, len);
		sink = b;
		a[0]++;
	}
	r->seconds = (double)(clock_now() - since) / NS;
	r->cpu = cpu_now() - cpu;
	r->name = "memcpy of the same bytes";
	r->records = of->records;
	r->bytes = of->bytes;
	free(a);
	free(b);
}

/* zlib alone over the lines of a file, until the time is over. */
static void
gzip_row(const char *folder, const struct row *of)
{
	struct row *r = &rows[nrows++];
	size_t len = 4u << 20, n;
	uint8_t *in = malloc(len), *out = malloc(compressBound(len) + 64);
	char path[512];
	uint64_t since;
	double cpu;
	FILE *f;

	snprintf(path, sizeof path, "%s/conn.log", folder);
	f = fopen(path, "rb");
	if (f == NULL || in == NULL || out == NULL)
		die("conn.log cannot be read");
	n = fread(in, 1, len, f);
	fclose(f);
	since = clock_now();
	cpu = cpu_now();
	r->bytes = 0;
	do {
		uLongf size = compressBound(len) + 64;

		if (compress2(out, &size, in, n, 6) != Z_OK)
			die("zlib failed");
		r->bytes += (double)n;
	} while ((double)(clock_now() - since) / NS < limit);
	r->seconds = (double)(clock_now() - since) / NS;
	r->cpu = cpu_now() - cpu;
	r->name = "gzip alone (zlib, level 6)";
	r->records = r->bytes / (of->bytes / of->records);
	free(in);
	free(out);
}

static void
forget(const char *folder, const char *name)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	unlink(path);
}

static void
forget_all(const char *folder)
{
	static const char *const names[] = { "conn.log", "conn.log.gz",
		"conn.log.zst", "journal/data.mdb", "journal/lock.mdb" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		forget(folder, names[i]);
}

/* --- the report -------------------------------------------------------- */

static void
report(const char *file)
{
	FILE *f = file == NULL ? NULL : fopen(file, "w");

	printf("%-30s %12s %9s %11s\n", "logger, one stream, 20 columns",
	    "records/s", "MB/s", "CPU ns/rec");
	for (size_t i = 0; i < nrows; i++) {
		const struct row *r = &rows[i];

		printf("%-30s %12.0f %9.1f %11.0f\n", r->name,
		    r->records / r->seconds, r->bytes / r->seconds / 1e6,
		    r->cpu / r->records * NS);
		if (f != NULL)
			fprintf(f,
			    "%s{\"name\":\"%s\",\"records_per_s\":%.0f,"
			    "\"bytes_per_s\":%.0f,\"cpu_ns_per_record\":%.1f}",
			    i == 0 ? "[" : ",\n", r->name,
			    r->records / r->seconds, r->bytes / r->seconds,
			    r->cpu / r->records * NS);
	}
	if (f != NULL) {
		fputs("]\n", f);
		if (fclose(f) != 0)
			die("the results cannot be written");
	} else if (file != NULL) {
		die("the results cannot be written");
	}
}

int
main(int argc, char **argv)
{
	const char *json = NULL, *tmp = getenv("TMPDIR");
	char folder[400], path[500];
	size_t tsv;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--json") == 0)
			json = argv[i + 1];
		else if (strcmp(argv[i], "--seconds") == 0)
			limit = atof(argv[i + 1]);
		else
			die("usage: bench_logger [--json FILE] [--seconds N]");
	}
	snprintf(folder, sizeof folder, "%s/bench.XXXXXX",
	    tmp == NULL ? "/tmp" : tmp);
	if (mkdtemp(folder) == NULL)
		die("no temporary folder");
	make_items();
	write_row(folder, "TSV, synced", MU_LOGS_TSV, true);
	forget_all(folder);
	write_row(folder, "JSON, synced", MU_LOGS_JSON, true);
	forget_all(folder);
	write_row(folder, "JSON, sync: false", MU_LOGS_JSON, false);
	forget_all(folder);
	write_row(folder, "TSV, sync: false", MU_LOGS_TSV, false);
	tsv = nrows - 1;
	gzip_row(folder, &rows[tsv]);
	compress_row(
	    folder, "zstd of that file, rotated", MU_LOGS_ZSTD, &rows[tsv]);
	forget_all(folder);
	write_row(folder, "TSV again, sync: false", MU_LOGS_TSV, false);
	compress_row(folder, "gzip of that file, rotated", MU_LOGS_GZIP,
	    &rows[nrows - 1]);
	copy_row(&rows[tsv]);
	report(json);
	forget_all(folder);
	snprintf(path, sizeof path, "%s/journal", folder);
	rmdir(path);
	if (rmdir(folder) != 0)
		die("something is left in the temporary folder");
	return 0;
}
