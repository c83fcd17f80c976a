/* Followed files as a table; see logs_inputs.h. */
#include "ctl/logs_inputs.h"

#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/table.h"

static const char *
text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s == NULL ? "-" : s;
}

static unsigned long long
number(const json_t *o, const char *key)
{
	return (unsigned long long)json_integer_value(json_object_get(o, key));
}

/* A number that should be 0. */
static void
bad_cell(struct table *t, const json_t *o, const char *key)
{
	unsigned long long n = number(o, key);

	table_cell(t, n > 0 ? RED : PLAIN, "%llu", n);
}

void
print_log_inputs(const json_t *inputs)
{
	const json_t *in;
	struct table t;
	char lag[32];
	size_t i;

	if (json_array_size(inputs) == 0)
		return;
	table_begin(
	    &t, "FILE|PATH|STATE|ACCEPTED|LINE|BEHIND|WRONG|LOST|LAST ERROR");
	json_array_foreach(inputs, i, in)
	{
		const char *state = text(in, "state");

		table_cell(&t, PLAIN, "%s", text(in, "file"));
		table_cell(&t, PLAIN, "%s", text(in, "path"));
		table_cell(&t, strcmp(state, "stalled") == 0 ? RED : PLAIN,
		    "%s", state);
		table_cell(&t, PLAIN, "%llu", number(in, "accepted"));
		table_cell(&t, PLAIN, "%llu", number(in, "line"));
		table_cell(&t, PLAIN, "%s",
		    text_size(number(in, "lag_bytes"), lag, sizeof lag));
		bad_cell(&t, in, "wrong");
		bad_cell(&t, in, "lost");
		table_cell(&t, PLAIN, "%s", text(in, "error"));
	}
	table_end(&t);
}
