/* Following what a node tells; see follow.h. */
#include "ctl/follow.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "muster/err.h"
#include "proto/jtext.h"
#include "sys/clock.h"
#include "sys/exit.h"

#define MS 1000000u

/* What the options ask for. */
struct wish {
	long count;   /* 0: no limit */
	uint64_t end; /* monotonic; UINT64_MAX: never */
};

static bool
read_options(const struct ctl *c, struct wish *w)
{
	int64_t ms = -1;

	w->count = 0;
	w->end = UINT64_MAX;
	if (c->count != NULL &&
	    !number_option("count", c->count, 1, 1000000000, &w->count))
		return false;
	if (c->timeout != NULL &&
	    (ms = duration_option("timeout", c->timeout)) < 0)
		return false;
	if (ms > INT32_MAX)
		ms = INT32_MAX;
	if (ms >= 0)
		w->end = clock_now() + (uint64_t)ms * MS;
	return true;
}

/* Send the request and wait for its answer: from then on nothing is missed. */
static int
begin(struct client *cl, const struct follow *f)
{
	struct mu_buf b;
	char *line;
	size_t len;
	int r;

	mu_buf_init(&b, 0);
	if (f->request == NULL)
		b.error = MUSTER_ENOMEM;
	else
		mu_buf_str(&b, f->request);
	r = mu_buf_error(&b);
	if (r == 0)
		r = client_request(cl, &b, &line, &len, CLIENT_TIMEOUT_MS);
	mu_buf_clear(&b);
	return r == 0 ? f->verdict(line, len) : client_lost(r);
}

/* The next line; what is on the way out is shown before we sleep. */
static int
next_line(struct client *cl, const struct wish *w, char **line, size_t *len)
{
	uint64_t now = clock_now();
	int left = -1;

	if (client_pending(cl, line, len))
		return 0;
	if (fflush(stdout) != 0)
		return MUSTER_ESYS;
	if (w->end != UINT64_MAX)
		left = w->end <= now ? 0 : (int)((w->end - now) / MS);
	return client_line(cl, line, len, left);
}

static int
show(struct client *cl, const struct wish *w, const struct follow *f)
{
	long seen = 0;
	char *line;
	size_t len;

	while (w->count == 0 || seen < w->count) {
		int r = next_line(cl, w, &line, &len);

		if (r == MUSTER_ESYS && ferror(stdout))
			return EXIT_OK; /* nobody reads us */
		if (r == MUSTER_ETIMEOUT && w->count == 0)
			return EXIT_OK; /* that long it should go on */
		if (r == MUSTER_ETIMEOUT) {
			complain(
			    "%ld of %ld %s in time", seen, w->count, f->things);
			return EXIT_FAILED;
		}
		if (r != 0)
			return client_lost(r);
		seen += f->line(f->ctx, line, len);
	}
	return EXIT_OK;
}

int
follow(const struct ctl *c, const struct follow *f)
{
	struct client cl;
	struct wish w;
	int status;

	if (!read_options(c, &w))
		return EXIT_USAGE;
	status = client_open(&cl, c);
	if (status == EXIT_OK)
		status = begin(&cl, f);
	if (status == EXIT_OK && !c->quiet)
		say("%s at %s", f->saying, cl.path);
	if (status == EXIT_OK)
		status = show(&cl, &w, f);
	client_close(&cl);
	return status;
}

void
follow_dropped(const struct mu_jtext *line, const char *things)
{
	struct mu_jtext dropped = mu_jtext_member(line, "dropped");

	if (mu_jtext_kind(&dropped) == MU_JTEXT_NUMBER)
		complain("%.*s %s: too slow a reader", (int)dropped.len,
		    dropped.at, things);
}

long
follow_event(const struct ctl *c, const char *line, size_t len,
    const char *member, void (*print)(const struct mu_jtext *event))
{
	struct mu_jtext v, event;

	if (mu_jtext_check(line, len, NULL) != 0)
		return 0;
	v = mu_jtext_over(line, len);
	event = mu_jtext_member(&v, member);
	if (c->json) {
		fwrite(line, 1, len, stdout);
		putchar('\n');
	} else if (mu_jtext_kind(&event) == MU_JTEXT_OBJECT) {
		print(&event);
	}
	follow_dropped(&v, "events were dropped");
	return mu_jtext_kind(&event) == MU_JTEXT_OBJECT;
}
