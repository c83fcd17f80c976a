/* stores: a table of them.  store watch: what changes in one. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/store.h"
#include "ctl/table.h"
#include "ctl/value.h"
#include "muster/err.h"
#include "proto/jtext.h"
#include "sys/clock.h"
#include "sys/exit.h"

#define MS 1000000u /* ns */

/* --- stores ----------------------------------------------------------------
 */

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
	bool master = strcmp(text(s, "role"), "master") == 0;
	char size[32];

	table_cell(t, PLAIN, "%s", text(s, "name"));
	table_cell(t, PLAIN, "%s", text(s, "role"));
	table_cell(t, PLAIN, "%s", text(s, "master"));
	table_cell(t, PLAIN, "%s", text(s, "backend"));
	table_cell(t, state_colour(text(s, "state")), "%s", text(s, "state"));
	table_cell(t, PLAIN, "%llu", number(s, "entries"));
	table_cell(
	    t, PLAIN, "%s", text_size(number(s, "bytes"), size, sizeof size));
	if (master)
		table_cell(t, PLAIN, "%llu", number(s, "clones"));
	else
		table_cell(t, PLAIN, "-");
	table_cell(t, PLAIN, "%llu", number(s, "lag"));
	table_cell(t, PLAIN, "%llu", number(s, "pending"));
	table_cell(t, PLAIN, "%llu", number(s, "writes"));
	table_cell(t, number(s, "failed") > 0 ? RED : PLAIN, "%llu",
	    number(s, "failed"));
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
			printf("%s: %s\n", text(s, "name"), text(s, "error"));
	}
}

int
cmd_stores(struct ctl *c)
{
	char *answer;
	int status = client_ask(c, "{\"op\":\"stores\"}", &answer);
	json_t *v = NULL;

	if (status == EXIT_OK) {
		v = json_loads(answer, 0, NULL);
		if (v == NULL) {
			complain("the daemon's answer makes no sense");
			status = EXIT_FAILED;
		} else if (c->json) {
			printf("%s\n", answer);
		} else if (!c->quiet) {
			print_stores(v);
		}
	}
	json_decref(v);
	mu_free(answer);
	return status;
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
on_line(const struct ctl *c, const char *line, size_t len)
{
	struct mu_jtext v, event, dropped;

	if (mu_jtext_check(line, len, NULL) != 0)
		return 0;
	v = mu_jtext_over(line, len);
	event = mu_jtext_member(&v, "store_event");
	dropped = mu_jtext_member(&v, "dropped");
	if (c->json) {
		fwrite(line, 1, len, stdout);
		putchar('\n');
	} else if (mu_jtext_kind(&event) == MU_JTEXT_OBJECT) {
		print_event(&event);
	}
	if (mu_jtext_kind(&dropped) == MU_JTEXT_NUMBER)
		complain("%.*s events were dropped: too slow a reader",
		    (int)dropped.len, dropped.at);
	return mu_jtext_kind(&event) == MU_JTEXT_OBJECT;
}

static int
follow(struct client *cl, const struct ctl *c, long count, int64_t ms)
{
	uint64_t end = ms < 0 ? UINT64_MAX : clock_now() + (uint64_t)ms * MS;
	long seen = 0;
	char *line;
	size_t len;

	while (count == 0 || seen < count) {
		uint64_t now = clock_now();
		int left = -1, r = 0;

		if (end != UINT64_MAX)
			left = end <= now ? 0 : (int)((end - now) / MS);
		if (!client_pending(cl, &line, &len)) {
			if (fflush(stdout) != 0)
				return EXIT_OK;
			r = client_line(cl, &line, &len, left);
		}
		if (r == MUSTER_ETIMEOUT && count == 0)
			return EXIT_OK; /* that long it should go on */
		if (r == MUSTER_ETIMEOUT) {
			complain("%ld of %ld events in time", seen, count);
			return EXIT_FAILED;
		}
		if (r != 0)
			return client_lost(r);
		seen += on_line(c, line, len);
	}
	return EXIT_OK;
}

int
store_watch(struct ctl *c, const char *name)
{
	struct client cl;
	struct mu_buf b;
	int64_t ms = -1;
	long count = 0;
	char *line;
	size_t len;
	int status, r;

	if (c->count != NULL &&
	    !number_option("count", c->count, 1, 1000000000, &count))
		return EXIT_USAGE;
	if (c->timeout != NULL &&
	    (ms = duration_option("timeout", c->timeout)) < 0)
		return EXIT_USAGE;
	if (ms > INT_MAX)
		ms = INT_MAX;
	status = client_open(&cl, c);
	mu_buf_init(&b, 0);
	if (status == EXIT_OK) {
		store_begin(&b, "store_watch", name, 0);
		mu_buf_str(&b, "}\n");
		r = client_request(&cl, &b, &line, &len, CLIENT_TIMEOUT_MS);
		status = r == 0 ? store_verdict("", line, len) : client_lost(r);
	}
	if (status == EXIT_OK && !c->quiet)
		say("watching %s at %s", name, cl.path);
	if (status == EXIT_OK)
		status = follow(&cl, c, count, ms);
	mu_buf_clear(&b);
	client_close(&cl);
	return status;
}
