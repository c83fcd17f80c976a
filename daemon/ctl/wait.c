/*
 * wait: until the node is in a state, its socket not yet being there
 * included.  A daemon that is restarted meanwhile is asked again.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/text.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "muster/err.h"
#include "proto/jtext.h"
#include "sys/clock.h"
#include "sys/exit.h"

#define MS         1000000u /* ns */
#define PAUSE_MS   50       /* between looks for a socket */
#define FOREVER_MS (1000LL * 86400 * 365)

static bool
known_condition(const char *name)
{
	size_t n = 0;
	const char *near;

	for (; condition_names[n] != NULL; n++)
		if (strcmp(name, condition_names[n]) == 0)
			return true;
	near = mu_text_nearest(name, condition_names, n);
	if (near != NULL)
		complain(
		    "--for %s: no such state (did you mean %s?)", name, near);
	else
		complain("--for %s: no such state (musterctl wait --help "
			 "lists them)",
		    name);
	return false;
}

/*
 * One connection's worth of waiting.  An exit status, or a negative error when
 * the daemon is not there or went away; why [size] says it.
 */
static int
attempt(const struct ctl *c, const char *what, uint64_t deadline, char *why,
    size_t size)
{
	char *path = find_socket(c, why, size), *line;
	uint64_t now = clock_now();
	struct client cl;
	struct mu_buf b;
	size_t len;
	int r, status, left;

	if (path == NULL)
		return MUSTER_ENOENT;
	r = client_connect(&cl, path);
	if (r != 0) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		mu_free(path);
		return r;
	}
	mu_free(path);
	left = now >= deadline ? 0 : (int)((deadline - now) / MS);
	mu_buf_init(&b, 0);
	mu_buf_printf(&b,
	    "{\"op\":\"wait\",\"for\":\"%s\",\"timeout_ms\":%d}\n", what, left);
	/* The daemon's own limit comes first, with a better text. */
	r = client_request(&cl, &b, &line, &len, left + 1000);
	if (r == 0) {
		status = client_verdict(line, len);
		if (status == EXIT_OK && c->json)
			printf("%.*s\n", (int)len, line);
	} else {
		snprintf(why, size, "%s",
		    r == MUSTER_ETIMEOUT ? "the daemon does not answer"
					 : muster_strerror(r));
		status = r;
	}
	mu_buf_clear(&b);
	client_close(&cl);
	return status;
}

int
cmd_wait(struct ctl *c)
{
	const char *what = c->wait_for == NULL ? "started" : c->wait_for;
	struct timespec pause = { .tv_nsec = PAUSE_MS * (long)MS };
	char why[2048] = "";
	int64_t ms = FOREVER_MS;
	uint64_t deadline;
	int r;

	if (!known_condition(what))
		return EXIT_USAGE;
	if (c->timeout != NULL &&
	    (ms = duration_option("timeout", c->timeout)) < 0)
		return EXIT_USAGE;
	if (ms > INT32_MAX / 2)
		ms = INT32_MAX / 2; /* days: as good as for ever */
	deadline = clock_now() + (uint64_t)ms * MS;
	while ((r = attempt(c, what, deadline, why, sizeof why)) < 0) {
		if (clock_now() >= deadline) {
			complain("not %s in time: %s", what, why);
			return EXIT_FAILED;
		}
		nanosleep(&pause, NULL);
	}
	return r;
}
