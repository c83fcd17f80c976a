/* reload, diff, log-level, stop, version: one question, one short answer. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "muster/err.h"
#include "proto/jtext.h"
#include "sys/exit.h"

#define STOP_MS 15000 /* goodbyes take seconds at most */

/* Print a member of the answer, or all of it with --json. */
static void
print_member(const struct ctl *c, const char *answer, const char *name)
{
	struct mu_jtext v = mu_jtext_over(answer, strlen(answer)), member;
	char *text;

	if (c->json) {
		printf("%s\n", answer);
		return;
	}
	member = mu_jtext_member(&v, name);
	text = mu_jtext_cstring(&member);
	if (text != NULL && *text != '\0')
		printf(
		    "%s%s", text, text[strlen(text) - 1] == '\n' ? "" : "\n");
	mu_free(text);
}

int
cmd_reload(struct ctl *c)
{
	char *answer;
	int status = client_ask(c, "{\"op\":\"reload\"}", &answer);

	if (status == EXIT_OK && !c->quiet)
		print_member(c, answer, "text");
	mu_free(answer);
	return status;
}

int
cmd_diff(struct ctl *c)
{
	char *answer;
	int status = client_ask(c, "{\"op\":\"diff\"}", &answer);
	struct mu_jtext v, refused, text;

	if (status == EXIT_OK) {
		v = mu_jtext_over(answer, strlen(answer));
		refused = mu_jtext_member(&v, "refused");
		text = mu_jtext_member(&v, "text");
		if (!c->quiet || c->json)
			print_member(c, answer, "text");
		if (refused.len == 4) /* true */
			status = EXIT_CONFIG;
		else if (text.len > 2) /* more than the quotes */
			status = EXIT_FALSE;
	}
	mu_free(answer);
	return status;
}

int
cmd_version(struct ctl *c)
{
	char *answer;
	int status = client_ask(c, "{\"op\":\"version\"}", &answer);

	if (status == EXIT_OK)
		print_member(c, answer, "version");
	mu_free(answer);
	return status;
}

int
cmd_log_level(struct ctl *c)
{
	struct mu_buf b;
	char *request, *answer = NULL;
	int status = EXIT_FAILED;

	mu_buf_init(&b, 0);
	mu_buf_str(&b, "{\"op\":\"log-level\",\"level\":");
	mu_jtext_put_cstring(&b, c->args[0]);
	mu_buf_str(&b, "}");
	request = mu_buf_take_string(&b);
	mu_buf_clear(&b);
	if (request == NULL)
		complain("out of memory");
	else
		status = client_ask(c, request, &answer);
	if (status == EXIT_OK && c->json)
		printf("%s\n", answer);
	mu_free(request);
	mu_free(answer);
	return status;
}

/* The daemon closes the connection when it is gone: that is the answer. */
static int
await_end(struct client *cl, int timeout_ms)
{
	char *line;
	size_t len;
	int r;

	do
		r = client_line(cl, &line, &len, timeout_ms);
	while (r == 0);
	if (r == MUSTER_ECLOSED)
		return EXIT_OK;
	if (r == MUSTER_ETIMEOUT) {
		complain("the daemon is still running");
		return EXIT_FAILED;
	}
	return client_lost(r);
}

int
cmd_stop(struct ctl *c)
{
	int64_t ms = STOP_MS;
	struct client cl;
	struct mu_buf b;
	char *line;
	size_t len;
	int status, r;

	if (c->timeout != NULL &&
	    (ms = duration_option("timeout", c->timeout)) < 0)
		return EXIT_USAGE;
	if (ms > 86400000)
		ms = 86400000;
	status = client_open(&cl, c);
	mu_buf_init(&b, 0);
	if (status == EXIT_OK) {
		mu_buf_str(&b, "{\"op\":\"stop\"}\n");
		r = client_request(&cl, &b, &line, &len, CLIENT_TIMEOUT_MS);
		status = r == 0 ? client_verdict(line, len) : client_lost(r);
	}
	if (status == EXIT_OK)
		status = await_end(&cl, (int)ms);
	mu_buf_clear(&b);
	client_close(&cl);
	return status;
}
