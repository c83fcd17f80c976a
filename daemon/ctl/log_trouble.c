/* What "status" says about records on their way from a node. */
#include "ctl/log_trouble.h"

#include <stdio.h>

#include <jansson.h>

#include "ctl/ctl.h"
#include "ctl/facts.h"
#include "ctl/table.h"

static void
print_lost(const json_t *logs)
{
	static const struct {
		const char *key, *what;
	} rows[] = {
		{ "refused", "were refused" },
		{ "dropped", "were dropped at the spool's limit" },
		{ "damaged", "are lost in a damaged spool" },
		{ "doubtful", "may be written twice" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (fact_number(logs, rows[i].key) > 0)
			printf("logs: %llu records %s\n",
			    fact_number(logs, rows[i].key), rows[i].what);
}

void
print_log_trouble(const json_t *logs)
{
	unsigned long long waiting = fact_number(logs, "waiting");
	char bytes[32], limit[32];

	if (json_is_string(json_object_get(logs, "error")))
		printf("logs: %sthe spool cannot be written%s: %s\n",
		    colour_on(RED), colour_off(RED), fact_text(logs, "error"));
	if (json_is_true(json_object_get(logs, "full")) ||
	    (waiting > 0 && fact_number(logs, "loggers") == 0))
		printf("logs: %s%llu records wait%s, %s of %s: %s\n",
		    colour_on(RED), waiting, colour_off(RED),
		    text_size(fact_number(logs, "bytes"), bytes, sizeof bytes),
		    text_size(fact_number(logs, "limit"), limit, sizeof limit),
		    fact_number(logs, "loggers") == 0
			? "no logger is up"
			: "the loggers are slower");
	print_lost(logs);
}
