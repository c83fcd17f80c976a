/*
 * top: a live view of one node: the cluster's state, and for each connection
 * what went over it since the last look.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "ctl/ctl.h"
#include "ctl/facts.h"
#include "ctl/table.h"
#include "sys/clock.h"
#include "sys/exit.h"

#define INTERVAL_MS 2000
#define CLEAR       "\033[H\033[J"

/* Two answers, to take the difference of. */
struct top {
	const struct ctl *c;
	json_t *status, *peers, *before; /* before: peers of the last look */
	uint64_t at, then;               /* of peers and before, ns */
};

static uint64_t
number(const json_t *o, const char *key, const char *inner)
{
	const json_t *v = json_object_get(o, key);

	return (uint64_t)json_integer_value(
	    inner == NULL ? v : json_object_get(v, inner));
}

/* The same connection at the last look, or NULL. */
static const json_t *
earlier(const struct top *t, const json_t *p)
{
	const json_t *q;
	size_t i;

	json_array_foreach(json_object_get(t->before, "peers"), i, q)
	{
		if (strcmp(fact_text(q, "id"), fact_text(p, "id")) == 0 &&
		    number(q, "port", NULL) == number(p, "port", NULL))
			return q;
	}
	return NULL;
}

/* Per second since then; a new connection counts from its beginning. */
static double
rate(const struct top *t, const json_t *p, const char *key, const char *inner)
{
	const json_t *q = earlier(t, p);
	uint64_t now = number(p, key, inner);
	uint64_t old = q == NULL ? 0 : number(q, key, inner);
	double s = (double)(t->at - t->then) / 1e9;

	return t->before == NULL || s <= 0 || now < old
		   ? 0
		   : (double)(now - old) / s;
}

static void
print_head(const struct top *t)
{
	const json_t *progress = json_object_get(t->status, "progress");
	const char *missing = fact_text(t->status, "missing");

	printf("cluster %s, node %s: %s, %" PRIu64 " of %" PRIu64 "%s%s\n",
	    fact_text(t->status, "cluster"), fact_text(t->status, "name"),
	    fact_text(t->status, "state"), number(progress, "have", NULL),
	    number(progress, "want", NULL),
	    *missing == '\0' ? "" : ", missing ", missing);
	printf("dropped %" PRIu64 " messages, clients %" PRIu64
	       ", failing handlers %zu\n\n",
	    number(t->status, "dropped", "messages"),
	    number(t->status, "clients", NULL),
	    json_array_size(json_object_get(t->status, "failing_handlers")));
}

static void
print_row(struct table *table, const struct top *t, const json_t *p)
{
	uint64_t queued = number(p, "queue", "messages");
	uint64_t dropped = number(p, "dropped", "messages");
	const char *state = fact_text(p, "state");
	char size[32];

	table_cell(table, PLAIN, "%s", fact_text(p, "name"));
	table_cell(
	    table, strcmp(state, "up") == 0 ? GREEN : YELLOW, "%s", state);
	table_cell(table, PLAIN, "%.1f", rate(t, p, "received", "messages"));
	table_cell(table, PLAIN, "%s",
	    text_size(
		(uint64_t)rate(t, p, "received", "bytes"), size, sizeof size));
	table_cell(table, PLAIN, "%.1f", rate(t, p, "sent", "messages"));
	table_cell(table, PLAIN, "%s",
	    text_size(
		(uint64_t)rate(t, p, "sent", "bytes"), size, sizeof size));
	table_cell(table, queued > 0 ? YELLOW : PLAIN, "%" PRIu64, queued);
	table_cell(table, dropped > 0 ? RED : PLAIN, "%" PRIu64, dropped);
	table_cell(
	    table, PLAIN, "%.1f ms", (double)number(p, "rtt_us", NULL) / 1000);
}

static void
print_all(const struct top *t)
{
	struct table table;
	const json_t *p;
	size_t i;

	print_head(t);
	table_begin(&table, "PEER|STATE|IN/S|BYTES/S|OUT/S|BYTES/S|QUEUED|"
			    "DROPPED|ROUND TRIP");
	json_array_foreach(json_object_get(t->peers, "peers"), i, p)
	    print_row(&table, t, p);
	table_end(&table);
}

/* One look; an exit status. */
static int
look(struct top *t)
{
	struct ctl quiet = *t->c;
	int status;

	/* with --json only the second answer is printed */
	quiet.json = false;
	json_decref(t->status);
	json_decref(t->before);
	t->before = t->peers;
	t->then = t->at;
	t->peers = NULL;
	t->status = ctl_ask(&quiet, "{\"op\":\"status\"}", &status);
	if (t->status != NULL)
		t->peers = ctl_ask(t->c, "{\"op\":\"peers\"}", &status);
	t->at = clock_now();
	if (t->peers == NULL)
		return status == EXIT_OK ? EXIT_FAILED : status;
	return EXIT_OK;
}

int
cmd_top(struct ctl *c)
{
	struct top t = { .c = c };
	bool screen = isatty(STDOUT_FILENO) && !c->json;
	int64_t ms = INTERVAL_MS;
	long count = 0;
	int status = EXIT_OK;

	if (c->interval != NULL &&
	    (ms = duration_option("interval", c->interval)) < 0)
		return EXIT_USAGE;
	if (ms < 100 || ms > 86400000) {
		complain("--interval: not between 100 ms and 1 day");
		return EXIT_USAGE;
	}
	if (c->count != NULL &&
	    !number_option("count", c->count, 1, 1000000000, &count))
		return EXIT_USAGE;
	/* There are no rates before the second look. */
	for (long i = 0; status == EXIT_OK; i++) {
		status = look(&t);
		if (status != EXIT_OK)
			break;
		if (!c->json && (i > 0 || screen)) {
			fputs(screen ? CLEAR : i > 1 ? "\n" : "", stdout);
			print_all(&t);
		}
		if (fflush(stdout) != 0)
			status = EXIT_FAILED;
		if (count > 0 && i == count)
			break;
		poll(NULL, 0, (int)ms);
	}
	json_decref(t.status);
	json_decref(t.peers);
	json_decref(t.before);
	return status;
}
