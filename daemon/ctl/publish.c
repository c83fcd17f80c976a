/* publish: one event from the command line; publish_stream.c sends many. */
#include "ctl/publish.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/pool.h"
#include "ctl/value.h"
#include "proto/jtext.h"
#include "sys/exit.h"

/* Operands before the event or value: the topic unless a pool chooses. */
static int
first_operand(const struct ctl *c)
{
	return c->hrw != NULL || c->rr != NULL ? 0 : 1;
}

/* Where it goes. */
static bool
put_target(struct mu_buf *b, const struct ctl *c)
{
	const char *key = c->pool_key != NULL ? c->pool_key : c->key;

	if (first_operand(c) == 1) {
		mu_buf_str(b, "\"topic\":");
		mu_jtext_put_cstring(b, c->args[0]);
		return true;
	}
	mu_buf_str(b, c->hrw != NULL ? "\"hrw\":" : "\"rr\":");
	mu_jtext_put_cstring(b, c->hrw != NULL ? c->hrw : c->rr);
	if (key == NULL)
		return true;
	mu_buf_str(b, ",\"key\":");
	if (c->hrw == NULL)
		return pool_put_key(b, "string", key);
	if (!pool_put_key(b, c->type, key))
		return false;
	pool_put_type(b, c->type);
	return true;
}

static bool
put_request(struct mu_buf *b, const struct ctl *c)
{
	int first = first_operand(c);
	const char *what = c->args[first];

	mu_buf_str(b, "{\"op\":\"publish\",");
	if (!put_target(b, c))
		return false;
	if (!c->data) {
		mu_buf_str(b, ",\"event\":");
		mu_jtext_put_cstring(b, what);
		if (!value_put_args(
			b, c->args + first + 1, c->nargs - first - 1))
			return false;
	} else {
		mu_buf_str(b, ",\"data\":");
		if (value_from_text(b, what) != 0) {
			complain(
			    "\"%s\": not a value (type:value or JSON)", what);
			return false;
		}
	}
	mu_buf_str(b, "}");
	return true;
}

/* Why did nobody get it? */
static void
complain_nobody(const struct mu_jtext *answer, const char *topic)
{
	struct mu_jtext relay = mu_jtext_member(answer, "relay"), node, rule;
	int64_t number = 0;

	if (relay.at != NULL) {
		node = mu_jtext_member(&relay, "node");
		rule = mu_jtext_member(&relay, "rule");
		mu_jtext_integer(&rule, &number);
		if (mu_jtext_kind(&node) != MU_JTEXT_STRING) {
			complain("no node that passes on %s (relay %lld) is "
				 "up",
			    topic, (long long)number);
			return;
		}
	}
	complain("nobody listens to %s", topic);
}

/* Will it be refused by those that get it? */
static void
complain_access(const struct mu_jtext *answer, const char *topic)
{
	struct mu_jtext access = mu_jtext_member(answer, "access");
	int64_t rule;

	if (access.at != NULL && mu_jtext_integer(&access, &rule) == 0)
		complain("this node may not publish on %s (access %lld): its "
			 "peers drop it",
		    topic, (long long)rule);
}

/* What became of it, on stderr or as JSON; data on stdout is the node that was
 * chosen. */
static void
tell(const struct ctl *c, const char *answer)
{
	struct mu_jtext v = mu_jtext_over(answer, strlen(answer));
	struct mu_jtext receivers = mu_jtext_member(&v, "receivers");
	struct mu_jtext nodes = mu_jtext_member(&v, "nodes"), node;
	struct mu_jtext_walk w = mu_jtext_walk(&nodes);
	bool none = receivers.len == 1 && *receivers.at == '0';

	if (c->json) {
		printf("%s\n", answer);
		return;
	}
	if (c->quiet)
		return;
	if (first_operand(c) == 1) {
		if (none)
			complain_nobody(&v, c->args[0]);
		complain_access(&v, c->args[0]);
		return;
	}
	while (mu_jtext_next(&w, NULL, &node)) {
		char *name = mu_jtext_cstring(&node);

		printf("%s\n", name == NULL ? "?" : name);
		mu_free(name);
	}
	if (none)
		complain("the node that was chosen does not get it: it is this "
			 "node, or does not listen to its own topic");
}

static bool
usage_is_right(const struct ctl *c)
{
	int first = first_operand(c);

	if (c->hrw != NULL && c->rr != NULL) {
		complain("publish takes --hrw or --rr, not both");
		return false;
	}
	if (c->rr == NULL && c->key != NULL) {
		complain("publish: --key is of use with --rr only");
		return false;
	}
	if (c->pool_key != NULL && c->key != NULL) {
		complain("publish: two keys, \"%s\" and --key \"%s\"",
		    c->pool_key, c->key);
		return false;
	}
	if (c->nargs > first && (!c->data || c->nargs == first + 1))
		return true;
	complain("publish wants %s%s%s", first == 1 ? "a topic and " : "",
	    c->data ? "one value" : "the name of an event",
	    first == 1 ? "" : " (a pool needs no topic)");
	return false;
}

static int
publish_one(struct ctl *c)
{
	char *request = NULL, *answer = NULL;
	struct mu_buf b;
	int status = EXIT_USAGE;

	if (!usage_is_right(c))
		return EXIT_USAGE;
	mu_buf_init(&b, 0);
	if (put_request(&b, c)) {
		request = mu_buf_take_string(&b);
		status = request == NULL ? EXIT_FAILED
					 : client_ask(c, request, &answer);
	}
	if (status == EXIT_OK)
		tell(c, answer);
	mu_buf_clear(&b);
	mu_free(request);
	mu_free(answer);
	return status;
}

int
cmd_publish(struct ctl *c)
{
	bool dash = c->nargs == 1 && strcmp(c->args[0], "-") == 0;

	if (c->from_stdin || dash) {
		if (c->hrw != NULL || c->rr != NULL || c->key != NULL) {
			complain("--stdin takes pools and keys from the lines, "
				 "not from the command line");
			return EXIT_USAGE;
		}
		if (c->nargs > dash) {
			complain("--stdin takes topics from the lines, "
				 "not from the command line");
			return EXIT_USAGE;
		}
		return publish_stream(c);
	}
	return publish_one(c);
}
