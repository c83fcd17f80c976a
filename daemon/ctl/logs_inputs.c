/* Followed files as a table; see logs_inputs.h. */
#include "ctl/logs_inputs.h"

#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/facts.h"
#include "ctl/table.h"

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
		const char *state = fact_text(in, "state");

		table_cell(&t, PLAIN, "%s", fact_text(in, "file"));
		table_cell(&t, PLAIN, "%s", fact_text(in, "path"));
		table_cell(&t, strcmp(state, "stalled") == 0 ? RED : PLAIN,
		    "%s", state);
		table_cell(&t, PLAIN, "%llu", fact_number(in, "accepted"));
		table_cell(&t, PLAIN, "%llu", fact_number(in, "line"));
		table_cell(&t, PLAIN, "%s",
		    text_size(fact_number(in, "lag_bytes"), lag, sizeof lag));
		fact_bad_cell(&t, in, "wrong");
		fact_bad_cell(&t, in, "lost");
		table_cell(&t, PLAIN, "%s", fact_text(in, "error"));
	}
	table_end(&t);
}
