/*
 * log write: a file of log records to the cluster's loggers.  The file is read
 * here, TSV or JSON lines, and the records are sent serialized, so that the
 * daemon never sees its format.  log_write_send.c sends them.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/log_write.h"
#include "logrec/message.h"
#include "logrec/reader.h"
#include "muster/err.h"
#include "sys/clock.h"
#include "sys/exit.h"

#define BATCH        MU_LOG_BATCH_RECORDS
#define BATCH_BYTES  (1u << 20) /* of records in a request */
#define RECORD_BYTES (5u << 20) /* of one: a request is at most 8 MiB */
#define IDLE_MS      200        /* then what was read so far is sent */
#define PROGRESS_NS  200000000u
#define PATIENCE_MS  30000    /* without progress, unless --timeout */
#define DAY_MS       86400000 /* the longest */
#define ERRORS_SHOWN 20

/* --- words -----------------------------------------------------------------
 */

static void
wrong(struct shipment *s, uint64_t line, const char *why)
{
	s->bad++;
	if (s->bad_line == 0 || line < s->bad_line)
		s->bad_line = line;
	if (s->bad <= ERRORS_SHOWN)
		complain("%s:%llu: %s", s->name, (unsigned long long)line, why);
	else if (s->bad == ERRORS_SHOWN + 1)
		complain("more mistakes are only counted");
}

void
shipment_progress(struct shipment *s)
{
	uint64_t now = clock_now(), at = mu_log_reader_offset(s->reader);

	if (!s->progress || now - s->shown < PROGRESS_NS)
		return;
	s->shown = now;
	fprintf(
	    stderr, "\r%llu records accepted", (unsigned long long)s->accepted);
	if (s->size > 0)
		fprintf(stderr, ", %u %%",
		    (unsigned)(at >= s->size ? 100 : at * 100 / s->size));
	fputs(s->full ? ", waiting for the loggers\033[K" : "\033[K", stderr);
	fflush(stderr);
}

/* --- records ---------------------------------------------------------------
 */

static int
on_columns(struct shipment *s)
{
	struct mu_buf b;
	int r = shipment_send(s, false);

	mu_buf_init(&b, 0);
	mu_buf_reset(&s->create);
	mu_log_stream_enc(&b, mu_log_reader_stream(s->reader));
	shipment_base64(&s->create, &b);
	if (r == 0)
		r = mu_buf_error(&b) != 0 ? mu_buf_error(&b)
					  : mu_buf_error(&s->create);
	mu_buf_clear(&b);
	return r;
}

static int
on_record(struct shipment *s)
{
	size_t before = mu_buf_len(&s->records), len;
	uint64_t line = mu_log_reader_line(s->reader);
	uint8_t *at;

	if (line <= s->after)
		return 0;
	mu_buf_u32(&s->records, 0);
	mu_log_record_enc(&s->records, mu_log_reader_record(s->reader));
	if (mu_buf_error(&s->records) != 0)
		return mu_buf_error(&s->records);
	len = mu_buf_len(&s->records) - before - 4;
	if (len > RECORD_BYTES) {
		mu_buf_truncate(&s->records, before);
		wrong(s, line, "a record of more than 5 MiB");
		return 0;
	}
	at = mu_buf_data(&s->records) + before;
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(len >> (24 - 8 * i));
	if (s->n++ == 0)
		s->first = line;
	s->last = line;
	if (s->n == BATCH || mu_buf_len(&s->records) >= BATCH_BYTES)
		return shipment_send(s, false);
	return 0;
}

/* Everything that the reader has. */
static int
drain(struct shipment *s)
{
	int r = 0, what;

	while (r == 0 && !s->stop &&
	       (what = mu_log_reader_next(s->reader)) != MU_LOG_MORE) {
		if (what < 0)
			return what;
		if (what == MU_LOG_BAD)
			wrong(s, mu_log_reader_line(s->reader),
			    mu_log_reader_why(s->reader));
		else
			r = what == MU_LOG_COLUMNS ? on_columns(s)
						   : on_record(s);
	}
	return r;
}

/* --- the file ---------------------------------------------------------------
 */

/* Sleep until there is input; answers are read meanwhile, and what was
 * gathered is sent when the input rests.  0 or an error. */
static int
await_input(struct shipment *s)
{
	int n, r = 0;

	while (r == 0 && !s->stop) {
		struct pollfd p[] = { { .fd = s->fd, .events = POLLIN },
			{ .fd = s->cl.fd, .events = POLLIN } };

		n = poll(p, 2, s->n > 0 ? IDLE_MS : -1);
		if (n < 0 && errno != EINTR)
			return MUSTER_ESYS;
		if (n > 0 && p[1].revents != 0)
			r = shipment_answer(s);
		if (n > 0 && p[0].revents != 0)
			break;
		if (n == 0)
			r = shipment_send(s, false);
		shipment_progress(s);
	}
	return r;
}

/* What would be read as lines of nonsense. */
static bool
is_compressed(const struct shipment *s, const uint8_t *p, size_t len)
{
	static const struct {
		char magic[6];
		size_t len;
		const char *cat;
	} kinds[] = {
		{ { 0x1f, (char)0x8b }, 2, "zcat" },
		{ { 0x28, (char)0xb5, 0x2f, (char)0xfd }, 4, "zstdcat" },
		{ { (char)0xfd, '7', 'z', 'X', 'Z' }, 5, "xzcat" },
		{ { 'B', 'Z', 'h' }, 3, "bzcat" },
	};

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (len < kinds[i].len ||
		    memcmp(p, kinds[i].magic, kinds[i].len) != 0)
			continue;
		complain("%s: it is compressed; try: %s FILE | musterctl log "
			 "write STREAM",
		    s->name, kinds[i].cat);
		return true;
	}
	return false;
}

static int
read_more(struct shipment *s)
{
	uint8_t chunk[65536];
	ssize_t n;
	int r = await_input(s);

	if (r != 0 || s->stop)
		return r;
	n = read(s->fd, chunk, sizeof chunk);
	if (n < 0 && errno != EINTR) {
		complain("%s: %s", s->name, strerror(errno));
		return MUSTER_EINVAL;
	}
	if (n > 0 && !s->begun && is_compressed(s, chunk, (size_t)n))
		return MUSTER_EINVAL;
	s->begun = true;
	if (n == 0) {
		s->eof = true;
		mu_log_reader_end(s->reader);
	}
	return n <= 0 ? 0 : mu_log_reader_feed(s->reader, chunk, (size_t)n);
}

static int
pump(struct shipment *s)
{
	int r = 0;

	while (r == 0 && !s->eof && !s->stop) {
		r = read_more(s);
		if (r == 0)
			r = drain(s);
		shipment_progress(s);
	}
	if (r == 0)
		r = shipment_send(s, true);
	return r == 0 ? shipment_settle(s) : r;
}

/* --- beginning and end ------------------------------------------------------
 */

/* The first line that is not known to be accepted. */
static uint64_t
first_open(const struct shipment *s)
{
	uint64_t line = s->bad_line;

	for (unsigned i = 0; i < SHIPMENT_WINDOW; i++)
		if (s->asks[i].state != ASK_FREE &&
		    (line == 0 || s->asks[i].first < line))
			line = s->asks[i].first;
	if (line == 0 && s->n > 0)
		line = s->first;
	return line;
}

static int
report(struct shipment *s, int r)
{
	uint64_t line = first_open(s);

	if (s->progress)
		fputs("\r\033[K", stderr);
	if (s->c->json)
		printf(
		    "{\"accepted\":%llu,\"refused\":%llu,\"mistakes\":%llu}\n",
		    (unsigned long long)s->accepted,
		    (unsigned long long)s->refused, (unsigned long long)s->bad);
	else if (!s->c->quiet)
		say("%llu records accepted", (unsigned long long)s->accepted);
	if (r == MUSTER_ENOMEM)
		complain("%s", muster_strerror(r));
	else if (r != 0 && r != MUSTER_EPERM && r != MUSTER_EINVAL)
		client_lost(r);
	if ((r != 0 || s->stop) && line > 0)
		complain("everything before line %llu was accepted; go on with"
			 " --after %llu",
		    (unsigned long long)line, (unsigned long long)line - 1);
	if (r != 0 || s->stop)
		return r == MUSTER_EINVAL ? EXIT_NOINPUT : EXIT_FAILED;
	return s->bad == 0 ? EXIT_OK : EXIT_FALSE;
}

/* Stream, path and columns as the command line says.  0 or an exit status. */
static int
describe(const struct ctl *c, struct mu_log_stream *stream)
{
	bool is_path = strstr(c->args[0], "::") == NULL;
	char *id =
	    is_path ? mu_log_stream_of(c->args[0]) : mu_strdup(c->args[0]);
	char *path = c->path != NULL ? mu_strdup(c->path)
		     : is_path       ? mu_strdup(c->args[0])
				     : mu_log_path_of(c->args[0]);
	struct mu_log_why why = { "out of memory" };
	int r = MUSTER_ENOMEM;

	if (id != NULL && path != NULL)
		r = mu_log_stream_init(
		    stream, id, MU_LOG_WRITER_ASCII, path, &why);
	if (r == 0 && c->types != NULL)
		r = mu_log_stream_types(stream, c->types, &why);
	mu_free(id);
	mu_free(path);
	if (r == 0)
		return EXIT_OK;
	complain("%s", why.text);
	return r == MUSTER_ENOMEM ? EXIT_FAILED : EXIT_USAGE;
}

static int
choose_form(const struct ctl *c, enum mu_log_form *form)
{
	const char *f = c->format;

	*form = f == NULL                ? MU_LOG_FORM_AUTO
		: strcmp(f, "tsv") == 0  ? MU_LOG_FORM_TSV
		: strcmp(f, "json") == 0 ? MU_LOG_FORM_JSON
					 : MU_LOG_FORM_AUTO;
	if (f == NULL || *form != MU_LOG_FORM_AUTO)
		return EXIT_OK;
	complain("--format: tsv or json, not \"%s\"", f);
	return EXIT_USAGE;
}

static int
open_file(struct shipment *s)
{
	struct stat st;

	if (s->c->nargs < 2 || strcmp(s->c->args[1], "-") == 0) {
		s->name = "standard input";
		s->fd = STDIN_FILENO;
	} else {
		s->name = s->c->args[1];
		s->fd = open(s->name, O_RDONLY | O_CLOEXEC);
	}
	if (s->fd < 0 || fstat(s->fd, &st) != 0) {
		complain("%s: %s", s->name, strerror(errno));
		return EXIT_NOINPUT;
	}
	if (S_ISDIR(st.st_mode)) {
		complain("%s: %s", s->name, strerror(EISDIR));
		return EXIT_NOINPUT;
	}
	s->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	return EXIT_OK;
}

static int
ship(struct shipment *s, const struct mu_log_reader_config *config)
{
	int status = client_open(&s->cl, s->c);

	if (status == EXIT_OK)
		status = client_greet(&s->cl);
	if (status != EXIT_OK)
		return status;
	client_patience(&s->cl, SHIPMENT_ANSWER_MS);
	s->reader = mu_log_reader_new(config);
	if (s->reader == NULL) {
		complain("%s", muster_strerror(MUSTER_ENOMEM));
		return EXIT_FAILED;
	}
	return report(s, pump(s));
}

int
cmd_log_write(struct ctl *c)
{
	struct shipment s = { .c = c, .fd = -1, .cl = { .fd = -1 } };
	struct mu_log_stream stream = { 0 };
	struct mu_log_reader_config config = { .stream = &stream };
	int64_t ms = PATIENCE_MS;
	long after = 0;
	int status;

	s.progress = isatty(STDERR_FILENO) && !c->quiet;
	mu_buf_init(&s.create, 0);
	mu_buf_init(&s.records, 0);
	mu_buf_init(&s.out, 0);
	for (unsigned i = 0; i < SHIPMENT_WINDOW; i++)
		mu_buf_init(&s.asks[i].text, 0);
	if (c->after != NULL &&
	    !number_option("after", c->after, 0, LONG_MAX, &after))
		return EXIT_USAGE;
	if (c->timeout != NULL &&
	    (ms = duration_option("timeout", c->timeout)) < 0)
		return EXIT_USAGE;
	s.patience = (uint64_t)(ms > DAY_MS ? DAY_MS : ms) * 1000000u;
	s.after = (uint64_t)after;
	status = choose_form(c, &config.form);
	if (status == EXIT_OK)
		status = describe(c, &stream);
	if (status == EXIT_OK)
		status = open_file(&s);
	if (status == EXIT_OK)
		status = ship(&s, &config);
	if (s.fd > STDIN_FILENO)
		close(s.fd);
	client_close(&s.cl);
	mu_log_reader_free(s.reader);
	mu_log_stream_clear(&stream);
	mu_buf_clear(&s.create);
	mu_buf_clear(&s.records);
	mu_buf_clear(&s.out);
	for (unsigned i = 0; i < SHIPMENT_WINDOW; i++)
		mu_buf_clear(&s.asks[i].text);
	return status;
}
