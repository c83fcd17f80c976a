/*
 * log write: a file of log records to the cluster's loggers.  The file is read
 * here, TSV or JSON lines, and the records are sent serialized, so that the
 * daemon never sees its format.  A window of requests is under way; each is
 * answered when its records are on the daemon's disk.  They are ordered: after
 * a refused one none is accepted, so that --after can go on exactly there.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "logrec/message.h"
#include "logrec/reader.h"
#include "muster/err.h"
#include "proto/jtext.h"
#include "sys/clock.h"
#include "sys/exit.h"

#define WINDOW       8u /* requests without an answer */
#define BATCH        MU_LOG_BATCH_RECORDS
#define BATCH_BYTES  (1u << 20) /* of records in a request */
#define RECORD_BYTES (5u << 20) /* of one: a request is at most 8 MiB */
#define IDLE_MS      200        /* then what was read so far is sent */
#define ANSWER_MS    60000      /* a disk may be slow */
#define PROGRESS_NS  200000000u
#define ERRORS_SHOWN 20

/* A request under way. */
struct ask {
	bool waiting;
	uint64_t first, last; /* lines */
	size_t n;             /* records */
};

struct shipment {
	const struct ctl *c;
	const char *name; /* of the file, for messages */
	int fd;
	struct client cl;
	struct mu_log_reader *reader;
	struct mu_buf create;  /* base64 of the create message in force */
	struct mu_buf records; /* of the next request, each behind its length */
	struct mu_buf out;     /* a request */
	uint64_t first, last;  /* lines of the next request */
	size_t n;              /* records of it */
	struct ask asks[WINDOW];
	uint64_t nsent;
	uint64_t after;    /* records up to that line are passed over */
	uint64_t bad_line; /* the first one not accepted, or 0 */
	uint64_t accepted, refused, bad;
	uint64_t size;  /* of the file, 0: unknown */
	uint64_t shown; /* when progress was */
	bool progress;
	bool stop;  /* something was refused: send no more */
	bool begun; /* the first bytes were looked at */
	bool eof;
};

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

static void
show_progress(struct shipment *s)
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
	fflush(stderr);
}

/* --- requests --------------------------------------------------------------
 */

static void
put_base64(struct mu_buf *b, const struct mu_buf *from)
{
	size_t len = mu_buf_len(from), room;
	uint8_t *at;
	int rc = mu_buf_reserve(b, (len + 2) / 3 * 4 + 1, &at, &room);

	if (rc != 0) {
		b->error = b->error == 0 ? rc : b->error;
		return;
	}
	if (len > 0)
		mu_buf_commit(b,
		    (size_t)EVP_EncodeBlock(at, mu_buf_data(from), (int)len));
}

/* The next answer that has not been read; blocks.  0 or an error. */
static int
answer(struct shipment *s)
{
	struct mu_jtext v, ok, id, error;
	struct ask *a;
	char *line, *text;
	size_t len;
	int64_t n = -1;
	int r = client_line(&s->cl, &line, &len, ANSWER_MS);

	if (r != 0)
		return r;
	if (mu_jtext_check(line, len, NULL) != 0)
		return MUSTER_EPROTO;
	v = mu_jtext_over(line, len);
	ok = mu_jtext_member(&v, "ok");
	id = mu_jtext_member(&v, "id");
	error = mu_jtext_member(&v, "error");
	if (ok.len != 4 && mu_jtext_kind(&id) == MU_JTEXT_NONE) {
		/* Not about one request: the connection is refused. */
		text = mu_jtext_cstring(&error);
		complain("%s", text == NULL ? "refused" : text);
		mu_free(text);
		return MUSTER_EPERM;
	}
	if (mu_jtext_integer(&id, &n) != 0 || n < 0 ||
	    !s->asks[(uint64_t)n % WINDOW].waiting)
		return MUSTER_EPROTO;
	a = &s->asks[(uint64_t)n % WINDOW];
	a->waiting = false;
	if (ok.len == 4) {
		s->accepted += a->n;
		return 0;
	}
	/* What was on its way behind a refused one is refused with it. */
	if (!s->stop) {
		text = mu_jtext_cstring(&error);
		complain("%s:%llu-%llu: %zu records not accepted: %s", s->name,
		    (unsigned long long)a->first, (unsigned long long)a->last,
		    a->n, text == NULL ? "refused" : text);
		mu_free(text);
	}
	s->refused += a->n;
	if (s->bad_line == 0 || a->first < s->bad_line)
		s->bad_line = a->first;
	s->stop = true;
	return 0;
}

/* Wait until that slot is free, or all of them. */
static int
settle(struct shipment *s, bool all)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < WINDOW; i++)
		while (r == 0 && s->asks[i].waiting &&
		       (all || i == s->nsent % WINDOW)) {
			r = answer(s);
			show_progress(s);
		}
	return r;
}

/* Send what was gathered; last: the file ends here. */
static int
send_records(struct shipment *s, bool last)
{
	struct ask *a = &s->asks[s->nsent % WINDOW];
	int r = settle(s, false);

	if (r != 0 || s->n == 0 || s->stop)
		return r;
	*a = (struct ask){ true, s->first, s->last, s->n };
	mu_buf_str(&s->out, "{\"op\":\"log_write\",\"create\":\"");
	mu_buf_put(&s->out, mu_buf_data(&s->create), mu_buf_len(&s->create));
	mu_buf_str(&s->out, "\",\"records\":\"");
	put_base64(&s->out, &s->records);
	mu_buf_printf(&s->out,
	    "\",\"flush\":%s,\"ordered\":true,\"id\":%llu}\n",
	    last ? "true" : "false", (unsigned long long)s->nsent);
	s->nsent++;
	s->n = 0;
	mu_buf_reset(&s->records);
	return client_send(&s->cl, &s->out);
}

/* --- records ---------------------------------------------------------------
 */

static int
on_columns(struct shipment *s)
{
	struct mu_buf b;
	int r = send_records(s, false);

	mu_buf_init(&b, 0);
	mu_buf_reset(&s->create);
	mu_log_stream_enc(&b, mu_log_reader_stream(s->reader));
	put_base64(&s->create, &b);
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
		return send_records(s, false);
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
	struct pollfd p[] = { { .fd = s->fd, .events = POLLIN },
		{ .fd = s->cl.fd, .events = POLLIN } };
	int n, r = 0;

	while (r == 0) {
		n = poll(p, 2, s->n > 0 ? IDLE_MS : -1);
		if (n < 0 && errno != EINTR)
			return MUSTER_ESYS;
		if (n > 0 && p[1].revents != 0)
			r = answer(s);
		if (n > 0 && p[0].revents != 0)
			break;
		if (n == 0)
			r = send_records(s, false);
		show_progress(s);
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

	if (r != 0)
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
		show_progress(s);
	}
	if (r == 0)
		r = send_records(s, true);
	return r == 0 ? settle(s, true) : r;
}

/* --- beginning and end ------------------------------------------------------
 */

/* The first line that is not known to be accepted. */
static uint64_t
first_open(const struct shipment *s)
{
	uint64_t line = s->bad_line;

	for (unsigned i = 0; i < WINDOW; i++)
		if (s->asks[i].waiting &&
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
	client_patience(&s->cl, ANSWER_MS);
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
	long after = 0;
	int status;

	s.progress = isatty(STDERR_FILENO) && !c->quiet;
	mu_buf_init(&s.create, 0);
	mu_buf_init(&s.records, 0);
	mu_buf_init(&s.out, 0);
	if (c->after != NULL &&
	    !number_option("after", c->after, 0, LONG_MAX, &after))
		return EXIT_USAGE;
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
	return status;
}
