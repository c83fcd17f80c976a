/*
 * dump and restore: a whole store as JSON lines, {"key":K,"value":V}.  Neither
 * holds more than a few lines; restore keeps a window of writes under way, so
 * that many share a commit of the master.  Both say where to go on after a
 * failure.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/store.h"
#include "ctl/value.h"
#include "muster/err.h"
#include "proto/jtext.h"
#include "proto/lines.h"
#include "sys/clock.h"
#include "sys/exit.h"

#define WINDOW      512u       /* writes without an answer */
#define LINE_BYTES  (8u << 20) /* of input */
#define PROGRESS_NS 200000000u

/* --- progress on a terminal ------------------------------------------------
 */

struct progress {
	bool shown;
	uint64_t next; /* when to show it again */
};

static void
progress(
    struct progress *p, const struct ctl *c, unsigned long long n, bool last)
{
	uint64_t now;

	if (c->quiet || !isatty(STDERR_FILENO) || isatty(STDOUT_FILENO))
		return;
	now = clock_now();
	if (!last && now < p->next)
		return;
	if (last && !p->shown)
		return;
	p->next = now + PROGRESS_NS;
	p->shown = true;
	fprintf(stderr, "\r%llu pairs%s", n, last ? "\n" : "");
}

/* --- dump ------------------------------------------------------------------
 */

struct dump {
	const struct ctl *c;
	struct progress progress;
	unsigned long long pairs;
	struct mu_buf last; /* the key of the last pair */
};

/* One line of the stream: true once it has ended, with *status. */
static bool
dump_line(struct dump *d, const char *line, size_t len, int *status)
{
	struct mu_jtext v, pair, key;

	if (mu_jtext_check(line, len, NULL) != 0) {
		complain("the daemon's answer is not JSON");
		*status = EXIT_FAILED;
		return true;
	}
	v = mu_jtext_over(line, len);
	pair = mu_jtext_member(&v, "pair");
	if (mu_jtext_kind(&pair) != MU_JTEXT_OBJECT) {
		*status = store_verdict("", line, len);
		return true;
	}
	fwrite(pair.at, 1, pair.len, stdout);
	putchar('\n');
	if (ferror(stdout)) {
		*status = EXIT_FAILED; /* finish() says why */
		return true;
	}
	key = mu_jtext_member(&pair, "key");
	mu_buf_reset(&d->last);
	mu_buf_put(&d->last, key.at, key.len);
	d->pairs++;
	progress(&d->progress, d->c, d->pairs, false);
	return false;
}

static int
dump_all(struct dump *d, struct client *cl, int64_t ms)
{
	int status = EXIT_OK, r;
	char *line;
	size_t len;

	do {
		r = client_line(cl, &line, &len, (int)ms + STORE_GRACE_MS);
		if (r != 0)
			status = client_lost(r);
	} while (r == 0 && !dump_line(d, line, len, &status));
	progress(&d->progress, d->c, d->pairs, true);
	if (status != EXIT_OK && d->pairs > 0 && mu_buf_error(&d->last) == 0 &&
	    !ferror(stdout))
		complain("%llu pairs so far; go on with --after '%.*s'",
		    d->pairs, (int)mu_buf_len(&d->last),
		    (const char *)mu_buf_data(&d->last));
	return status;
}

int
store_dump(struct ctl *c, const char *name)
{
	struct dump d = { .c = c };
	struct client cl = { .fd = -1 };
	struct mu_buf b;
	int64_t ms = store_timeout(c);
	int status = EXIT_USAGE, r;

	if (ms < 0)
		return status;
	mu_buf_init(&b, 0);
	mu_buf_init(&d.last, 0);
	store_begin(&b, "store_dump", name, ms);
	if (c->prefix != NULL) {
		mu_buf_str(&b, ",\"prefix\":");
		mu_jtext_put_cstring(&b, c->prefix);
	}
	if (c->after == NULL || store_put_value(&b, "after", c->after, NULL)) {
		mu_buf_str(&b, "}\n");
		status = client_open(&cl, c);
	}
	if (status == EXIT_OK) {
		r = client_send(&cl, &b);
		status = r == 0 ? dump_all(&d, &cl, ms) : client_lost(r);
	}
	mu_buf_clear(&b);
	mu_buf_clear(&d.last);
	client_close(&cl);
	return status;
}

/* --- restore ---------------------------------------------------------------
 */

struct restore {
	const struct ctl *c;
	const char *name;
	int64_t ms;
	struct client cl;
	struct mu_buf out;
	struct progress progress;
	unsigned long long line;  /* of the input, sent last */
	unsigned long long floor; /* all lines up to it are restored */
	bool done[WINDOW];        /* ... and these, by number */
	unsigned long long pairs; /* restored */
	unsigned waiting;         /* for an answer */
	int status;
};

/* A line is restored, or there was nothing in it. */
static void
settle(struct restore *r, unsigned long long line)
{
	r->done[line % WINDOW] = true;
	while (r->floor < r->line && r->done[(r->floor + 1) % WINDOW]) {
		r->floor++;
		r->done[r->floor % WINDOW] = false;
	}
}

static void
wrong(struct restore *r, const char *why)
{
	complain("line %llu: %s", r->line, why);
	r->status = EXIT_USAGE;
}

/* The request of a line into out; false: it is none. */
static bool
put_line(struct restore *r, const char *line, size_t len)
{
	struct mu_jtext v, key, value, expiry;
	size_t before = mu_buf_len(&r->out);

	if (mu_jtext_check(line, len, NULL) != 0)
		return false;
	v = mu_jtext_over(line, len);
	key = mu_jtext_member(&v, "key");
	value = mu_jtext_member(&v, "value");
	expiry = mu_jtext_member(&v, "expiry");
	store_begin(&r->out, "store", r->name, r->ms);
	mu_buf_printf(&r->out, ",\"do\":\"put\",\"id\":%llu,\"key\":", r->line);
	if (value_from_element(&r->out, &key) == 0) {
		mu_buf_str(&r->out, ",\"value\":");
		if (value_from_element(&r->out, &value) == 0) {
			if (mu_jtext_kind(&expiry) == MU_JTEXT_STRING) {
				mu_buf_str(&r->out, ",\"expiry\":");
				mu_buf_put(&r->out, expiry.at, expiry.len);
			} else if (r->c->expiry != NULL) {
				mu_buf_str(&r->out, ",\"expiry\":");
				mu_jtext_put_cstring(&r->out, r->c->expiry);
			}
			mu_buf_str(&r->out, "}\n");
			return true;
		}
	}
	mu_buf_truncate(&r->out, before);
	return false;
}

static bool
is_ok(const struct mu_jtext *v)
{
	struct mu_jtext ok = mu_jtext_member(v, "ok");

	return ok.len == 4 && memcmp(ok.at, "true", 4) == 0;
}

/* Wait for one answer. */
static void
take_answer(struct restore *r)
{
	struct mu_jtext v, id;
	char *line, prefix[48];
	int64_t n = -1;
	size_t len;
	int rc = client_line(&r->cl, &line, &len, (int)r->ms + STORE_GRACE_MS);

	if (rc != 0) {
		r->status = client_lost(rc);
		return;
	}
	r->waiting--;
	if (mu_jtext_check(line, len, NULL) == 0) {
		v = mu_jtext_over(line, len);
		id = mu_jtext_member(&v, "id");
		mu_jtext_integer(&id, &n);
		if (n > 0 && is_ok(&v)) {
			r->pairs++;
			settle(r, (unsigned long long)n);
			progress(&r->progress, r->c, r->pairs, false);
			return;
		}
	}
	snprintf(prefix, sizeof prefix, n > 0 ? "line %lld: " : "%.0lld",
	    (long long)n);
	r->status = store_verdict(prefix, line, len);
	if (r->status == EXIT_OK)
		r->status = EXIT_FAILED; /* an answer to nothing */
}

/* Send what was gathered, so that at most max answers are missing. */
static void
push(struct restore *r, unsigned max)
{
	int rc = client_send(&r->cl, &r->out);

	if (rc != 0)
		r->status = client_lost(rc);
	while (r->status == EXIT_OK && r->waiting > max)
		take_answer(r);
}

static void
restore_line(struct restore *r, const char *line, size_t len)
{
	r->line++;
	if (len == 0) {
		settle(r, r->line);
	} else if (!put_line(r, line, len)) {
		wrong(r, "not a pair, {\"key\":K,\"value\":V}");
		return;
	} else {
		r->waiting++;
	}
	/* Numbers in the window must be distinct. */
	if (r->line - r->floor >= WINDOW - 1)
		push(r, WINDOW / 2);
	else if (mu_buf_len(&r->out) > 65536)
		push(r, WINDOW);
	while (r->status == EXIT_OK && r->line - r->floor >= WINDOW - 1 &&
	       r->waiting > 0)
		take_answer(r);
}

/* All of standard input.  A last line may lack its end. */
static void
restore_input(struct restore *r)
{
	struct mu_lines in;
	char chunk[65536], *line;
	ssize_t n = 1;
	size_t len;
	int rc = 0;

	mu_lines_init(&in, LINE_BYTES);
	while (r->status == EXIT_OK && rc == 0 && n > 0) {
		n = read(STDIN_FILENO, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR) {
			n = 1;
			continue;
		}
		if (n < 0) {
			complain("standard input: %s", strerror(errno));
			r->status = EXIT_FAILED;
		}
		rc = n > 0    ? mu_lines_feed(&in, chunk, (size_t)n)
		     : n == 0 ? mu_lines_feed(&in, "\n", 1)
			      : 0;
		while (r->status == EXIT_OK && mu_lines_next(&in, &line, &len))
			restore_line(r, line, len);
	}
	if (rc != 0) {
		r->line++;
		wrong(r, rc == MUSTER_ELIMIT ? "longer than 8 MiB"
					     : muster_strerror(rc));
	}
	mu_lines_clear(&in);
}

int
store_restore(struct ctl *c, const char *name)
{
	struct restore *r = mu_calloc(1, sizeof *r);
	int status;

	if (r == NULL) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	r->c = c;
	r->name = name;
	r->ms = store_timeout(c);
	mu_buf_init(&r->out, 0);
	status = r->ms < 0 || (c->expiry != NULL &&
				  duration_option("expiry", c->expiry) < 0)
		     ? EXIT_USAGE
		     : client_open(&r->cl, c);
	if (status == EXIT_OK) {
		restore_input(r);
		status = r->status;
		/* What was sent before a mistake is still answered. */
		r->status = EXIT_OK;
		push(r, 0);
		if (status == EXIT_OK)
			status = r->status;
		progress(&r->progress, c, r->pairs, true);
		if (status != EXIT_OK)
			complain("%llu pairs restored; go on with line %llu: "
				 "tail -n +%llu",
			    r->pairs, r->floor + 1, r->floor + 1);
		else if (!c->quiet)
			say("%llu pairs restored", r->pairs);
		client_close(&r->cl);
	}
	mu_buf_clear(&r->out);
	mu_free(r);
	return status;
}
