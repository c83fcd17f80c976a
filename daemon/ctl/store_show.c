/* stores: a table of them.  store watch: what changes in one. */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/facts.h"
#include "ctl/follow.h"
#include "ctl/store.h"
#include "ctl/table.h"
#include "ctl/value.h"
#include "proto/jtext.h"
#include "sys/exit.h"

/* --- stores ----------------------------------------------------------------
 */

static enum colour
state_colour(const char *state)
{
	static const char *const bad[] = { "failed", "full", "failing",
		"read-only", "damaged", "refused" };

	if (strcmp(state, "fresh") == 0)
		return GREEN;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (strcmp(state, bad[i]) == 0)
			return RED;
	return YELLOW;
}

static void
print_store(struct table *t, const json_t *s)
{
	bool master = strcmp(fact_text(s, "role"), "master") == 0;
	char size[32];

	table_cell(t, PLAIN, "%s", fact_text(s, "name"));
	table_cell(t, PLAIN, "%s", fact_text(s, "role"));
	table_cell(t, PLAIN, "%s", fact_text(s, "master"));
	table_cell(t, PLAIN, "%s", fact_text(s, "backend"));
	table_cell(t, state_colour(fact_text(s, "state")), "%s",
	    fact_text(s, "state"));
	table_cell(t, PLAIN, "%llu", fact_number(s, "entries"));
	table_cell(t, PLAIN, "%s",
	    text_size(fact_number(s, "bytes"), size, sizeof size));
	if (master)
		table_cell(t, PLAIN, "%llu", fact_number(s, "clones"));
	else
		table_cell(t, PLAIN, "-");
	table_cell(t, PLAIN, "%llu", fact_number(s, "lag"));
	table_cell(t, PLAIN, "%llu", fact_number(s, "pending"));
	table_cell(t, PLAIN, "%llu", fact_number(s, "writes"));
	table_cell(t, fact_number(s, "failed") > 0 ? RED : PLAIN, "%llu",
	    fact_number(s, "failed"));
}

static void
print_stores(const json_t *v)
{
	const json_t *s;
	struct table t;
	size_t i;

	table_begin(&t, "STORE|ROLE|MASTER|BACKEND|STATE|ENTRIES|SIZE|CLONES|"
			"LAG|PENDING|WRITES|FAILED");
	json_array_foreach(json_object_get(v, "stores"), i, s)
	    print_store(&t, s);
	table_end(&t);
	json_array_foreach(json_object_get(v, "stores"), i, s)
	{
		if (json_is_string(json_object_get(s, "error")))
			printf("%s: %s\n", fact_text(s, "name"),
			    fact_text(s, "error"));
	}
}

int
cmd_stores(struct ctl *c)
{
	return ctl_show(c, "{\"op\":\"stores\"}", print_stores);
}

/* --- watch -----------------------------------------------------------------
 */

static void
print_member(const struct mu_jtext *event, const char *name, const char *before)
{
	struct mu_jtext v = mu_jtext_member(event, name);

	if (mu_jtext_kind(&v) != MU_JTEXT_OBJECT)
		return;
	fputs(before, stdout);
	value_print(stdout, &v);
}

/* insert  KEY  VALUE;  update  KEY  OLD -> VALUE */
static void
print_event(const struct mu_jtext *event)
{
	struct mu_jtext kind = mu_jtext_member(event, "event"), old;
	char *word = mu_jtext_cstring(&kind);

	old = mu_jtext_member(event, "old");
	printf("%s%-6s%s", colour_on(DIM), word == NULL ? "?" : word,
	    colour_off(DIM));
	mu_free(word);
	print_member(event, "key", "  ");
	print_member(event, "old", "  ");
	print_member(event, "value",
	    mu_jtext_kind(&old) == MU_JTEXT_OBJECT ? " -> " : "  ");
	putchar('\n');
}

/* Returns the number of events in the line. */
static long
on_line(void *ctx, const char *line, size_t len)
{
	return follow_event(ctx, line, len, "store_event", print_event);
}

static int
watch_verdict(const char *line, size_t len)
{
	return client_verdict(line, len);
}

int
store_watch(struct ctl *c, const char *name)
{
	struct follow f = {
		.things = "events",
		.verdict = watch_verdict,
		.line = on_line,
		.ctx = c,
	};
	struct mu_buf request, saying;
	char *text[2];
	int status;

	mu_buf_init(&request, 0);
	mu_buf_init(&saying, 0);
	store_begin(&request, "store_watch", name, 0);
	mu_buf_str(&request, "}\n");
	mu_buf_str(&saying, "watching ");
	mu_buf_str(&saying, name);
	text[0] = mu_buf_take_string(&request);
	text[1] = mu_buf_take_string(&saying);
	f.request = text[0];
	f.saying = text[1] == NULL ? "watching" : text[1];
	status = follow(c, &f);
	mu_free(text[0]);
	mu_free(text[1]);
	mu_buf_clear(&request);
	mu_buf_clear(&saying);
	return status;
}
