/* rules and raise: what the rules of a node did, and events for them. */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "ctl/value.h"
#include "muster/err.h"
#include "proto/jtext.h"
#include "sys/exit.h"

/* --- rules --------------------------------------------------------------- */

static const char *
text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s == NULL ? "-" : s;
}

static uint64_t
number(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

static void
cell(struct table *t, const json_t *o, const char *key)
{
	table_cell(t, PLAIN, "%llu", (unsigned long long)number(o, key));
}

/* A count of something bad is red. */
static void
bad_cell(struct table *t, const json_t *o, const char *key)
{
	uint64_t n = number(o, key);

	table_cell(t, n > 0 ? RED : PLAIN, "%llu", (unsigned long long)n);
}

/* The words of a list, with blanks. */
static void
words_cell(struct table *t, const json_t *list)
{
	struct mu_buf b;
	const json_t *v;
	size_t i;

	mu_buf_init(&b, 0);
	json_array_foreach(list, i, v)
	    mu_buf_printf(&b, "%s%s", i == 0 ? "" : " ", json_string_value(v));
	table_cell(t, PLAIN, "%.*s", (int)mu_buf_len(&b),
	    mu_buf_len(&b) == 0 ? "" : (const char *)mu_buf_data(&b));
	mu_buf_clear(&b);
}

static bool
any(const json_t *v, const char *key, bool *first)
{
	bool some = json_array_size(json_object_get(v, key)) > 0;

	if (some && !*first)
		putchar('\n');
	*first = *first && !some;
	return some;
}

static void
print_subscriptions(const json_t *list)
{
	const json_t *r;
	struct table t;
	size_t i;

	table_begin(&t, "SUBSCRIPTION|TOPIC");
	json_array_foreach(list, i, r)
	{
		cell(&t, r, "rule");
		table_cell(&t, PLAIN, "%s", text(r, "topic"));
	}
	table_end(&t);
}

static void
print_relays(const json_t *list)
{
	const json_t *r;
	struct table t;
	size_t i;

	table_begin(&t, "RELAY|TOPIC|BY|TO|UP|PUBLISHED|LOST|PASSED ON|"
			"TOO OFTEN|DROPPED");
	json_array_foreach(list, i, r)
	{
		bool here = json_is_true(json_object_get(r, "here"));

		table_cell(&t, PLAIN, "%llu%s",
		    (unsigned long long)number(r, "rule"), here ? " *" : "");
		table_cell(&t, PLAIN, "%s", text(r, "topic"));
		words_cell(&t, json_object_get(r, "by"));
		table_cell(&t, PLAIN, "%s", text(r, "to"));
		table_cell(&t, number(r, "up") == 0 ? RED : PLAIN,
		    "%llu of %llu", (unsigned long long)number(r, "up"),
		    (unsigned long long)number(r, "nodes"));
		cell(&t, r, "published");
		bad_cell(&t, r, "lost");
		cell(&t, r, "relayed");
		bad_cell(&t, r, "circled");
		bad_cell(&t, r, "dropped");
	}
	table_end(&t);
}

static void
print_access(const json_t *list)
{
	const json_t *r;
	struct table t;
	size_t i;

	table_begin(&t, "ACCESS|TOPIC|BY");
	json_array_foreach(list, i, r)
	{
		cell(&t, r, "rule");
		table_cell(&t, PLAIN, "%s", text(r, "topic"));
		words_cell(&t, json_object_get(r, "by"));
	}
	table_end(&t);
}

static void
print_autos(const json_t *list)
{
	const json_t *r;
	struct table t;
	size_t i;

	table_begin(&t, "AUTO_PUBLISH|EVENT|TO|PUBLISHED");
	json_array_foreach(list, i, r)
	{
		cell(&t, r, "rule");
		table_cell(&t, PLAIN, "%s", text(r, "event"));
		table_cell(&t, PLAIN, "%s", text(r, "to"));
		cell(&t, r, "published");
	}
	table_end(&t);
}

static void
print_what(struct table *t, const json_t *r)
{
	const json_t *run = json_object_get(r, "run");

	if (run != NULL)
		words_cell(t, run);
	else if (json_object_get(r, "log") != NULL)
		table_cell(t, PLAIN, "log %s", text(r, "log"));
	else
		table_cell(t, PLAIN, "store %s", text(r, "store"));
}

static void
print_handlers(const json_t *list)
{
	const json_t *r;
	struct table t;
	size_t i;

	table_begin(&t, "HANDLER|EVENT|TOPIC|DOES|EVENTS|RUNNING|WAITING|DONE|"
			"FAILED|DROPPED");
	json_array_foreach(list, i, r)
	{
		cell(&t, r, "rule");
		table_cell(&t, PLAIN, "%s", text(r, "event"));
		table_cell(&t, PLAIN, "%s", text(r, "topic"));
		print_what(&t, r);
		cell(&t, r, "matched");
		cell(&t, r, "running");
		cell(&t, r, "waiting");
		cell(&t, r, "done");
		bad_cell(&t, r, "failed");
		bad_cell(&t, r, "dropped");
	}
	table_end(&t);
	json_array_foreach(list, i, r)
	{
		if (number(r, "failures_in_a_row") > 0)
			printf("handler %llu failed %llu times in a row: %s\n",
			    (unsigned long long)number(r, "rule"),
			    (unsigned long long)number(r, "failures_in_a_row"),
			    text(r, "last_failure"));
	}
}

int
cmd_rules(struct ctl *c)
{
	static const struct {
		const char *key;
		void (*print)(const json_t *list);
	} lists[] = {
		{ "subscriptions", print_subscriptions },
		{ "relay", print_relays },
		{ "access", print_access },
		{ "auto_publish", print_autos },
		{ "handlers", print_handlers },
	};
	bool first = true;
	int status;
	json_t *v = ctl_ask(c, "{\"op\":\"rules\"}", &status);

	if (v == NULL)
		return status == EXIT_OK ? EXIT_FAILED : status;
	for (size_t i = 0;
	     !c->json && !c->quiet && i < sizeof lists / sizeof lists[0]; i++)
		if (any(v, lists[i].key, &first))
			lists[i].print(json_object_get(v, lists[i].key));
	if (!c->json && !c->quiet && number(v, "access_refused") > 0)
		printf("refused by access: %llu messages\n",
		    (unsigned long long)number(v, "access_refused"));
	if (!c->json && !c->quiet && first)
		say("the layout has no rules for this node");
	json_decref(v);
	return EXIT_OK;
}

/* --- raise --------------------------------------------------------------- */

static bool
put_args(struct mu_buf *b, const struct ctl *c)
{
	mu_buf_str(b, ",\"args\":[");
	for (int i = 1; i < c->nargs; i++) {
		int r;

		mu_buf_str(b, i > 1 ? "," : "");
		r = value_from_text(b, c->args[i]);
		if (r != 0) {
			complain("argument %d, \"%s\": %s", i, c->args[i],
			    r == MUSTER_ENOMEM
				? muster_strerror(r)
				: "not a value (type:value or JSON)");
			return false;
		}
	}
	mu_buf_str(b, "]}");
	return true;
}

/* Somebody should have been interested. */
static int
judge(const struct ctl *c, const char *answer)
{
	struct mu_jtext v = mu_jtext_over(answer, strlen(answer));
	struct mu_jtext handlers = mu_jtext_member(&v, "handlers");
	struct mu_jtext rules = mu_jtext_member(&v, "auto_publish");
	struct mu_jtext receivers = mu_jtext_member(&v, "receivers");
	int64_t nhandlers = 0, nrules = 0, nreceivers = 0;

	mu_jtext_integer(&handlers, &nhandlers);
	mu_jtext_integer(&rules, &nrules);
	mu_jtext_integer(&receivers, &nreceivers);
	if (c->json)
		printf("%s\n", answer);
	if (nhandlers + nrules == 0) {
		if (!c->json && !c->quiet)
			complain(
			    "no rule of this node is about %s", c->args[0]);
		return EXIT_FALSE;
	}
	if (nrules > 0 && nreceivers == 0 && !c->json && !c->quiet)
		complain("nobody listens to what was published");
	return EXIT_OK;
}

int
cmd_raise(struct ctl *c)
{
	char *request = NULL, *answer = NULL;
	int status = EXIT_USAGE;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_buf_str(&b, "{\"op\":\"raise\",\"event\":");
	mu_jtext_put_cstring(&b, c->args[0]);
	if (put_args(&b, c)) {
		request = mu_buf_take_string(&b);
		status = request == NULL ? EXIT_FAILED
					 : client_ask(c, request, &answer);
	}
	if (status == EXIT_OK)
		status = judge(c, answer);
	mu_buf_clear(&b);
	mu_free(request);
	mu_free(answer);
	return status;
}
