/* watch: events as they arrive, one a line. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "ctl/value.h"
#include "muster/err.h"
#include "proto/jtext.h"
#include "sys/clock.h"
#include "sys/exit.h"

#define MS 1000000u /* ns */

static void
print_string(const struct mu_jtext *event, const char *name)
{
	struct mu_jtext v = mu_jtext_member(event, name);
	struct mu_buf b;

	mu_buf_init(&b, 0);
	if (mu_jtext_string(&v, &b) == 0)
		value_print_bytes(
		    stdout, (const char *)mu_buf_data(&b), mu_buf_len(&b));
	mu_buf_clear(&b);
}

/* TOPIC  NAME(ARG, ...), or TOPIC  VALUE for what is no event. */
static void
print_event(const struct mu_jtext *event)
{
	struct mu_jtext type = mu_jtext_member(event, "type");
	struct mu_jtext args = mu_jtext_member(event, "args");
	struct mu_jtext data = mu_jtext_member(event, "data"), v;
	struct mu_jtext_walk w = mu_jtext_walk(&args);
	bool first = true;

	fputs(colour_on(DIM), stdout);
	print_string(event, "topic");
	fputs(colour_off(DIM), stdout);
	fputs("  ", stdout);
	if (mu_jtext_is(&type, "event")) {
		print_string(event, "name");
		putchar('(');
		while (mu_jtext_next(&w, NULL, &v)) {
			if (!first)
				fputs(", ", stdout);
			first = false;
			value_print(stdout, &v);
		}
		putchar(')');
	} else if (mu_jtext_is(&type, "data")) {
		value_print(stdout, &data);
	} else {
		fputs("(malformed)", stdout);
	}
	putchar('\n');
}

/* Returns the number of events in the line (0 or 1). */
static long
on_line(const struct ctl *c, char *line, size_t len)
{
	struct mu_jtext v, event, dropped;

	if (mu_jtext_check(line, len, NULL) != 0)
		return 0;
	v = mu_jtext_over(line, len);
	event = mu_jtext_member(&v, "event");
	dropped = mu_jtext_member(&v, "dropped");
	if (c->json) {
		fwrite(line, 1, len, stdout);
		putchar('\n');
	} else if (mu_jtext_kind(&event) == MU_JTEXT_OBJECT) {
		print_event(&event);
	}
	if (mu_jtext_kind(&dropped) == MU_JTEXT_NUMBER)
		complain("%.*s events were dropped: too slow a reader",
		    (int)dropped.len, dropped.at);
	return mu_jtext_kind(&event) == MU_JTEXT_OBJECT;
}

static char *
watch_request(const struct ctl *c)
{
	struct mu_buf b;
	char *s;

	mu_buf_init(&b, 0);
	mu_buf_str(&b, "{\"op\":\"watch\",\"topics\":[");
	for (int i = 0; i < c->nargs; i++) {
		if (i > 0)
			mu_buf_str(&b, ",");
		mu_jtext_put_cstring(&b, c->args[i]);
	}
	mu_buf_str(&b, "]}\n");
	s = mu_buf_take_string(&b);
	mu_buf_clear(&b);
	return s;
}

/* Send the request and wait for its answer: from then on nothing is missed. */
static int
subscribe(struct client *cl, const struct ctl *c)
{
	char *request = watch_request(c), *line;
	struct mu_buf b;
	size_t len;
	int r, status;

	if (request == NULL) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	mu_buf_init(&b, 0);
	mu_buf_str(&b, request);
	r = client_request(cl, &b, &line, &len, CLIENT_TIMEOUT_MS);
	status = r == 0 ? client_verdict(line, len) : client_lost(r);
	if (status == EXIT_OK && !c->quiet)
		say("watching at %s", cl->path);
	mu_buf_clear(&b);
	mu_free(request);
	return status;
}

static int
follow(struct client *cl, const struct ctl *c, long count, int64_t timeout_ms)
{
	uint64_t end = timeout_ms < 0 ? UINT64_MAX
				      : clock_now() + (uint64_t)timeout_ms * MS;
	long seen = 0;
	char *line;
	size_t len;

	while (count == 0 || seen < count) {
		uint64_t now = clock_now();
		int r = 0;

		if (!client_pending(cl, &line, &len)) {
			/* What is on the way out is shown before we sleep. */
			if (fflush(stdout) != 0)
				return EXIT_OK;
			r = client_line(cl, &line, &len,
			    end == UINT64_MAX ? -1
			    : end <= now      ? 0
					      : (int)((end - now) / MS));
		}
		if (r == MUSTER_ETIMEOUT && count == 0)
			return EXIT_OK; /* that long it should go on */
		if (r == MUSTER_ETIMEOUT) {
			complain("%ld of %ld events in time", seen, count);
			return EXIT_FAILED;
		}
		if (r != 0)
			return client_lost(r);
		seen += on_line(c, line, len);
	}
	return EXIT_OK;
}

int
cmd_watch(struct ctl *c)
{
	long count = 0;
	int64_t ms = -1;
	struct client cl;
	int status;

	if (c->count != NULL &&
	    !number_option("count", c->count, 1, 1000000000, &count))
		return EXIT_USAGE;
	if (c->timeout != NULL &&
	    (ms = duration_option("timeout", c->timeout)) < 0)
		return EXIT_USAGE;
	if (ms > INT32_MAX)
		ms = INT32_MAX;
	status = client_open(&cl, c);
	if (status == EXIT_OK)
		status = subscribe(&cl, c);
	if (status == EXIT_OK)
		status = follow(&cl, c, count, ms);
	client_close(&cl);
	return status;
}
