/* rules and raise: what the rules of a node did, and events for them. */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/facts.h"
#include "ctl/table.h"
#include "ctl/value.h"
#include "proto/jtext.h"
#include "sys/exit.h"

/* --- rules --------------------------------------------------------------- */

static bool
any(const json_t *v, const char *key, bool *first)
{
	bool some = json_array_size(json_object_get(v, key)) > 0;

	if (some && !*first)
		putchar('\n');
	*first = *first && !some;
	return some;
}

/* The number of a rule, with a star when it is about this node. */
static void
rule_cell(struct table *t, const json_t *r, const char *key)
{
	table_cell(t, PLAIN, "%llu%s", fact_number(r, key),
	    fact_truth(r, "here") ? " *" : "");
}

static void
up_cell(struct table *t, const json_t *r, const char *key)
{
	unsigned long long up = fact_number(r, key);

	table_cell(t, up == 0 ? RED : PLAIN, "%llu of %llu", up,
	    fact_number(r, "nodes"));
}

/* What a handler does. */
static void
does_cell(struct table *t, const json_t *r, const char *key)
{
	if (json_object_get(r, key) != NULL)
		fact_words_cell(t, r, key);
	else if (json_object_get(r, "log") != NULL)
		table_cell(t, PLAIN, "log %s", fact_text(r, "log"));
	else
		table_cell(t, PLAIN, "store %s", fact_text(r, "store"));
}

/* clang-format off */
static const struct fact_column
    of_subscriptions[] = {
	{ "SUBSCRIPTION", rule_cell, "rule" },
	{ "TOPIC", fact_text_cell, "topic" },
	{ NULL, NULL, NULL } },
    of_relays[] = {
	{ "RELAY", rule_cell, "rule" },
	{ "TOPIC", fact_text_cell, "topic" },
	{ "BY", fact_words_cell, "by" },
	{ "TO", fact_text_cell, "to" },
	{ "UP", up_cell, "up" },
	{ "PUBLISHED", fact_number_cell, "published" },
	{ "LOST", fact_bad_cell, "lost" },
	{ "PASSED ON", fact_number_cell, "relayed" },
	{ "TOO OFTEN", fact_bad_cell, "circled" },
	{ "DROPPED", fact_bad_cell, "dropped" },
	{ NULL, NULL, NULL } },
    of_access[] = {
	{ "ACCESS", rule_cell, "rule" },
	{ "TOPIC", fact_text_cell, "topic" },
	{ "BY", fact_words_cell, "by" },
	{ NULL, NULL, NULL } },
    of_autos[] = {
	{ "AUTO_PUBLISH", rule_cell, "rule" },
	{ "EVENT", fact_text_cell, "event" },
	{ "TO", fact_text_cell, "to" },
	{ "PUBLISHED", fact_number_cell, "published" },
	{ NULL, NULL, NULL } },
    of_handlers[] = {
	{ "HANDLER", rule_cell, "rule" },
	{ "EVENT", fact_text_cell, "event" },
	{ "TOPIC", fact_text_cell, "topic" },
	{ "DOES", does_cell, "run" },
	{ "EVENTS", fact_number_cell, "matched" },
	{ "RUNNING", fact_number_cell, "running" },
	{ "WAITING", fact_number_cell, "waiting" },
	{ "DONE", fact_number_cell, "done" },
	{ "FAILED", fact_bad_cell, "failed" },
	{ "DROPPED", fact_bad_cell, "dropped" },
	{ NULL, NULL, NULL } };

static const struct {
	const char *key;
	const struct fact_column *columns;
} lists[] = {
	{ "subscriptions", of_subscriptions },
	{ "relay",         of_relays },
	{ "access",        of_access },
	{ "auto_publish",  of_autos },
	{ "handlers",      of_handlers },
};
/* clang-format on */

static void
print_failures(const json_t *handlers)
{
	const json_t *r;
	size_t i;

	json_array_foreach(handlers, i, r)
	{
		if (fact_number(r, "failures_in_a_row") > 0)
			printf("handler %llu failed %llu times in a row: %s\n",
			    fact_number(r, "rule"),
			    fact_number(r, "failures_in_a_row"),
			    fact_text(r, "last_failure"));
	}
}

static void
print_rules(const json_t *v)
{
	bool first = true;

	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
		if (any(v, lists[i].key, &first))
			fact_table(
			    json_object_get(v, lists[i].key), lists[i].columns);
	print_failures(json_object_get(v, "handlers"));
	if (fact_number(v, "access_refused") > 0)
		printf("refused by access: %llu messages\n",
		    fact_number(v, "access_refused"));
	if (first)
		say("the layout has no rules for this node");
}

int
cmd_rules(struct ctl *c)
{
	return ctl_show(c, "{\"op\":\"rules\"}", print_rules);
}

/* --- raise --------------------------------------------------------------- */

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
	if (value_put_args(&b, c->args + 1, c->nargs - 1)) {
		mu_buf_str(&b, "}");
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
