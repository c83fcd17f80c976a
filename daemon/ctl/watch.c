/* watch: events as they arrive, one a line. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/follow.h"
#include "ctl/table.h"
#include "ctl/value.h"
#include "proto/jtext.h"

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
on_line(void *ctx, const char *line, size_t len)
{
	return follow_event(ctx, line, len, "event", print_event);
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

int
cmd_watch(struct ctl *c)
{
	char *request = watch_request(c);
	struct follow f = {
		.request = request,
		.saying = "watching",
		.things = "events",
		.verdict = client_verdict,
		.line = on_line,
		.ctx = c,
	};
	int status = follow(c, &f);

	mu_free(request);
	return status;
}
