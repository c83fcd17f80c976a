/*
 * JSON lines into a store: {"key":K,"value":V}, perhaps with "expiry".  A
 * window of writes is under way, so that many share a commit of the master.
 * What was not answered is kept; after a loss everything from the first such
 * line on is sent again, in its order.
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
#include "ctl/store_copy.h"
#include "ctl/value.h"
#include "muster/err.h"
#include "proto/jtext.h"
#include "proto/lines.h"
#include "sys/exit.h"

#define WINDOW     512u        /* lines that are not all restored */
#define KEPT_BYTES (32u << 20) /* of them, beyond which answers come first */
#define LINE_BYTES (8u << 20)  /* of input */

struct slot {
	struct mu_buf request; /* empty: nothing in that line */
	bool done;
};

struct restore {
	struct copy copy;
	struct client cl;
	bool connected;
	struct mu_buf out;         /* not sent yet */
	struct slot slots[WINDOW]; /* by number of line */
	size_t kept;               /* bytes in them */
	unsigned long long line;   /* of the input, read last */
	unsigned long long floor;  /* all lines up to it are restored */
	unsigned long long pairs;  /* restored */
	unsigned waiting;          /* for an answer */
	int status;
};

static struct slot *
slot_of(struct restore *r, unsigned long long line)
{
	return &r->slots[line % WINDOW];
}

/* A line is restored, or there was nothing in it. */
static void
settle(struct restore *r, unsigned long long line)
{
	slot_of(r, line)->done = true;
	while (r->floor < r->line && slot_of(r, r->floor + 1)->done) {
		struct slot *s = slot_of(r, ++r->floor);

		r->kept -= mu_buf_len(&s->request);
		mu_buf_clear(&s->request);
		s->done = false;
	}
}

/* --- a connection ----------------------------------------------------------
 */

/* Everything from the first line that is not restored, once more. */
static void
send_again(struct restore *r)
{
	r->waiting = 0;
	mu_buf_reset(&r->out);
	for (unsigned long long i = r->floor + 1; i <= r->line; i++) {
		struct slot *s = slot_of(r, i);

		if (mu_buf_len(&s->request) == 0)
			continue;
		r->pairs -= s->done;
		s->done = false;
		mu_buf_put(
		    &r->out, mu_buf_data(&s->request), mu_buf_len(&s->request));
		r->waiting++;
	}
}

/* See that there is a connection, and that it was told everything; else
 * status says why not. */
static bool
connect_again(struct restore *r)
{
	enum copy_end end = COPY_DONE;

	while (r->status == EXIT_OK && !r->connected) {
		client_close(&r->cl);
		end = copy_connect(&r->copy, &r->cl);
		r->connected = end == COPY_DONE;
		if (r->connected)
			send_again(r);
		else if (end == COPY_FAILED || !copy_again(&r->copy))
			r->status = EXIT_FAILED;
	}
	return r->status == EXIT_OK;
}

/* The connection is of no use any more. */
static void
lose(struct restore *r, int err)
{
	r->connected = false;
	r->copy.err = err;
	if (!copy_again(&r->copy))
		r->status = EXIT_FAILED;
}

static void
refused(struct restore *r, int64_t n, const char *line, size_t len)
{
	char prefix[48];

	if (copy_may_pass(&r->copy, line, len)) {
		lose(r, 0);
		return;
	}
	copy_shown(&r->copy);
	snprintf(prefix, sizeof prefix, n > 0 ? "line %lld: " : "%.0lld",
	    (long long)n);
	r->status = client_verdict_of(prefix, line, len);
	if (r->status == EXIT_OK)
		r->status = EXIT_FAILED; /* an answer to nothing */
}

/* Wait for one answer. */
static void
take_answer(struct restore *r)
{
	struct mu_jtext v, id;
	int64_t n = -1;
	char *line;
	size_t len;
	int rc =
	    client_line(&r->cl, &line, &len, (int)r->copy.ms + STORE_GRACE_MS);

	if (rc != 0) {
		lose(r, rc);
		return;
	}
	if (mu_jtext_check(line, len, NULL) == 0) {
		v = mu_jtext_over(line, len);
		id = mu_jtext_member(&v, "id");
		mu_jtext_integer(&id, &n);
		if (n > (int64_t)r->floor && n <= (int64_t)r->line &&
		    client_is_ok(line, len)) {
			r->waiting--;
			r->pairs++;
			settle(r, (unsigned long long)n);
			copy_moved(&r->copy, r->pairs);
			return;
		}
	}
	refused(r, n, line, len);
}

/* Send what was gathered, so that at most max answers are missing. */
static void
push(struct restore *r, unsigned max)
{
	int rc;

	do {
		if (!connect_again(r))
			return;
		rc = client_send(&r->cl, &r->out);
		/* It may have said why before it closed. */
		if (rc != 0 && rc != MUSTER_ECLOSED)
			lose(r, rc);
		while (r->status == EXIT_OK && r->connected && r->waiting > max)
			take_answer(r);
		if (rc != 0 && r->connected)
			lose(r, rc);
	} while (r->status == EXIT_OK && !r->connected);
}

/* --- lines -----------------------------------------------------------------
 */

static void
wrong(struct restore *r, const char *why)
{
	copy_shown(&r->copy);
	complain("line %llu: %s", r->line, why);
	r->status = EXIT_USAGE;
}

/* The request of a line into b; false: it is none. */
static bool
put_line(struct restore *r, struct mu_buf *b, const char *line, size_t len)
{
	struct mu_jtext v, key, value, expiry;

	if (mu_jtext_check(line, len, NULL) != 0)
		return false;
	v = mu_jtext_over(line, len);
	key = mu_jtext_member(&v, "key");
	value = mu_jtext_member(&v, "value");
	expiry = mu_jtext_member(&v, "expiry");
	store_begin(b, "store", r->copy.name, r->copy.ms);
	mu_buf_printf(b, ",\"do\":\"put\",\"id\":%llu,\"key\":", r->line);
	if (value_from_element(b, &key) != 0)
		return false;
	mu_buf_str(b, ",\"value\":");
	if (value_from_element(b, &value) != 0)
		return false;
	if (mu_jtext_kind(&expiry) == MU_JTEXT_STRING) {
		mu_buf_str(b, ",\"expiry\":");
		mu_buf_put(b, expiry.at, expiry.len);
	} else if (r->copy.c->expiry != NULL) {
		mu_buf_str(b, ",\"expiry\":");
		mu_jtext_put_cstring(b, r->copy.c->expiry);
	}
	mu_buf_str(b, "}\n");
	return true;
}

static void
restore_line(struct restore *r, const char *line, size_t len)
{
	struct slot *s = slot_of(r, ++r->line);

	if (len == 0) {
		settle(r, r->line);
	} else if (!put_line(r, &s->request, line, len)) {
		mu_buf_reset(&s->request);
		wrong(r, "not a pair, {\"key\":K,\"value\":V}");
		return;
	} else {
		r->kept += mu_buf_len(&s->request);
		mu_buf_put(
		    &r->out, mu_buf_data(&s->request), mu_buf_len(&s->request));
		r->waiting++;
	}
	/* Numbers in the window must be distinct. */
	if (r->line - r->floor >= WINDOW - 1)
		push(r, WINDOW / 2);
	else if (mu_buf_len(&r->out) > 65536)
		push(r, WINDOW);
	while (r->status == EXIT_OK && r->waiting > 0 &&
	       (r->line - r->floor >= WINDOW - 1 || r->kept > KEPT_BYTES))
		push(r, r->waiting - 1);
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

static int
restore_all(struct restore *r)
{
	int status;

	restore_input(r);
	status = r->status;
	/* What was sent before a mistake is still answered. */
	r->status = EXIT_OK;
	if (r->connected)
		push(r, 0);
	if (status == EXIT_OK)
		status = r->status;
	copy_shown(&r->copy);
	if (status != EXIT_OK)
		complain("%llu pairs restored; go on with line %llu: "
			 "tail -n +%llu",
		    r->pairs, r->floor + 1, r->floor + 1);
	else if (!r->copy.c->quiet)
		say("%llu pairs restored", r->pairs);
	return status;
}

int
store_restore(struct ctl *c, const char *name)
{
	struct restore *r = mu_calloc(1, sizeof *r);
	int status = EXIT_USAGE;

	if (r == NULL) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	r->copy = (struct copy){ .c = c, .name = name, .ms = store_timeout(c) };
	r->cl.fd = -1;
	mu_buf_init(&r->out, 0);
	for (unsigned i = 0; i < WINDOW; i++)
		mu_buf_init(&r->slots[i].request, 0);
	if (r->copy.ms >= 0 &&
	    (c->expiry == NULL || duration_option("expiry", c->expiry) >= 0)) {
		status = EXIT_FAILED;
		if (copy_connect(&r->copy, &r->cl) == COPY_DONE) {
			r->connected = true;
			status = restore_all(r);
		}
	}
	for (unsigned i = 0; i < WINDOW; i++)
		mu_buf_clear(&r->slots[i].request);
	client_close(&r->cl);
	mu_buf_clear(&r->out);
	mu_free(r);
	return status;
}
