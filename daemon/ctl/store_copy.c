/* What dump and restore share; see store_copy.h. */
#include "ctl/store_copy.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "muster/err.h"
#include "proto/jtext.h"
#include "sys/clock.h"
#include "sys/exit.h"

#define MS          UINT64_C(1000000)
#define PROGRESS_NS (200 * MS)
#define PAUSE_MS    200 /* between two attempts to connect */

/* A terminal that only progress goes to: a dump may be on its way to the
 * same one. */
static bool
has_terminal(const struct copy *p)
{
	return !p->c->quiet && isatty(STDERR_FILENO) &&
	       (strcmp(p->c->args[0], "dump") != 0 || !isatty(STDOUT_FILENO));
}

static uint64_t
patience(const struct copy *p)
{
	return MS *
	       (uint64_t)(p->c->timeout != NULL ? p->ms : COPY_PATIENCE_MS);
}

void
copy_moved(struct copy *p, unsigned long long pairs)
{
	uint64_t now = clock_now();

	p->pairs = pairs;
	p->until = now + patience(p);
	p->told = false;
	if (now < p->next || !has_terminal(p))
		return;
	p->next = now + PROGRESS_NS;
	p->shown = true;
	fprintf(stderr, "\r%llu pairs", pairs);
}

void
copy_shown(struct copy *p)
{
	if (p->shown)
		fprintf(stderr, "\r%llu pairs\n", p->pairs);
	p->shown = false;
}

/* What the daemon said, in place of what it was asked for. */
static void
note_refusal(struct copy *p, const struct mu_jtext *answer)
{
	struct mu_jtext error = mu_jtext_member(answer, "error");
	char *text = mu_jtext_cstring(&error);

	snprintf(p->refusal, sizeof p->refusal, "%s",
	    text == NULL ? "refused" : text);
	mu_free(text);
}

bool
copy_may_pass(struct copy *p, const char *line, size_t len)
{
	static const char *const codes[] = { "stale", "timeout", "no_master",
		"busy", "closed" };
	struct mu_jtext v, code;
	bool passes = false;

	if (mu_jtext_check(line, len, NULL) != 0)
		return false;
	v = mu_jtext_over(line, len);
	code = mu_jtext_member(&v, "code");
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		passes = passes || mu_jtext_is(&code, codes[i]);
	if (!passes || p->until == 0)
		return false;
	note_refusal(p, &v);
	return true;
}

/* Once more, without a message yet.  0 or a negative error. */
static int
reconnect(struct copy *p, struct client *cl)
{
	char err[2048], *path, *line;
	struct mu_jtext v;
	size_t len;
	int r;

	poll(NULL, 0, PAUSE_MS);
	path = find_socket(p->c, err, sizeof err);
	r = path == NULL ? MUSTER_ECLOSED : client_connect(cl, path);
	mu_free(path);
	if (r != 0)
		return MUSTER_ECLOSED; /* it does not run */
	r = client_hello(cl, &line, &len);
	if (r != 0 || client_is_ok(line, len))
		return r;
	/* Turned away, perhaps because too many are there. */
	if (mu_jtext_check(line, len, NULL) == 0) {
		v = mu_jtext_over(line, len);
		note_refusal(p, &v);
	}
	return MUSTER_ECLOSED;
}

enum copy_end
copy_connect(struct copy *p, struct client *cl)
{
	int r;

	if (p->until == 0)
		return client_open(cl, p->c) == EXIT_OK &&
			       client_greet(cl) == EXIT_OK
			   ? COPY_DONE
			   : COPY_FAILED;
	r = reconnect(p, cl);
	if (r == 0)
		return COPY_DONE;
	p->err = r;
	return COPY_LOST;
}

bool
copy_again(struct copy *p)
{
	bool again = p->until != 0 && clock_now() < p->until;

	if (again && !p->told && !p->c->quiet) {
		copy_shown(p);
		say("%s; going on after %llu pairs",
		    p->refusal[0] != '\0' ? p->refusal : "connection lost",
		    p->pairs);
	}
	p->told = true;
	if (again) {
		p->refusal[0] = '\0';
		return true;
	}
	copy_shown(p);
	if (p->refusal[0] != '\0')
		complain("%s", p->refusal);
	else
		client_lost(p->err);
	return false;
}
