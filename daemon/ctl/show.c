/* status and peers: the daemon's answers as tables, or as they came. */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/alloc.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/facts.h"
#include "ctl/log_trouble.h"
#include "ctl/table.h"
#include "sys/exit.h"

json_t *
ctl_ask(const struct ctl *c, const char *request, int *status)
{
	json_t *v = NULL;
	char *answer;

	*status = client_ask(c, request, &answer);
	if (*status == EXIT_OK) {
		v = json_loads(answer, 0, NULL);
		if (v == NULL) {
			complain("the daemon's answer makes no sense");
			*status = EXIT_FAILED;
		} else if (c->json) {
			printf("%s\n", answer);
		}
	}
	mu_free(answer);
	return v;
}

int
ctl_show(
    const struct ctl *c, const char *request, void (*print)(const json_t *v))
{
	int status;
	json_t *v = ctl_ask(c, request, &status);

	if (v == NULL)
		return status == EXIT_OK ? EXIT_FAILED : status;
	if (!c->json && !c->quiet)
		print(v);
	json_decref(v);
	return EXIT_OK;
}

/* --- status ---------------------------------------------------------- */

static enum colour
state_colour(const char *state)
{
	static const struct {
		const char *state;
		enum colour colour;
	} colours[] = {
		{ "started", GREEN },
		{ "up", GREEN },
		{ "degraded", RED },
		{ "down", RED },
		{ "starting", YELLOW },
		{ "handshake", YELLOW },
		{ "closing", YELLOW },
		{ "unknown", DIM },
	};

	for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++)
		if (strcmp(state, colours[i].state) == 0)
			return colours[i].colour;
	return PLAIN;
}

/* "active: 2 logger, 1 manager": the others that this node is in touch with. */
static void
print_active(const json_t *active)
{
	static const char *const roles[] = { "logger", "manager", "proxy",
		"worker", "control" };
	const char *join = "active:";

	for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
		unsigned long long n = fact_number(active, roles[i]);

		if (n == 0)
			continue;
		printf("%s %llu %s", join, n, roles[i]);
		join = ",";
	}
	if (*join == ',')
		putchar('\n');
}

static void
print_failing(const json_t *list)
{
	const json_t *h;
	size_t i;

	json_array_foreach(list, i, h)
	    printf("failing: handler %llu (%s), %llu times: %s\n",
		fact_number(h, "rule"), fact_text(h, "event"),
		fact_number(h, "failures"), fact_text(h, "why"));
}

static void
print_head(const json_t *v)
{
	const json_t *progress = json_object_get(v, "progress");
	const json_t *dropped = json_object_get(v, "dropped");
	const char *state = fact_text(v, "state");
	enum colour colour = state_colour(state);
	const json_t *store;
	char ago[32];
	size_t i;

	printf("cluster %s, node %s (%s): %s%s%s, %llu of %llu, up %s\n",
	    fact_text(v, "cluster"), fact_text(v, "name"), fact_text(v, "role"),
	    colour_on(colour), state, colour_off(colour),
	    fact_number(progress, "have"), fact_number(progress, "want"),
	    text_ago(fact_number(v, "uptime_ms"), ago, sizeof ago));
	print_active(json_object_get(v, "active"));
	if (json_string_length(json_object_get(v, "missing")) > 0)
		printf("missing: %s\n", fact_text(v, "missing"));
	if (fact_number(dropped, "messages") > 0)
		printf("dropped: %llu messages (musterctl peers says where)\n",
		    fact_number(dropped, "messages"));
	if (json_is_string(json_object_get(v, "certificate")))
		printf("certificate: %s%s%s\n", colour_on(RED),
		    fact_text(v, "certificate"), colour_off(RED));
	json_array_foreach(json_object_get(v, "stores"), i, store) printf(
	    "store %s (%s): %s%s%s: %s\n", fact_text(store, "name"),
	    fact_text(store, "role"), colour_on(RED), fact_text(store, "state"),
	    colour_off(RED), fact_text(store, "error"));
	print_failing(json_object_get(v, "failing_handlers"));
	if (json_is_string(json_object_get(v, "logger_error")))
		printf("logger: %sfailing%s: %s\n", colour_on(RED),
		    colour_off(RED), fact_text(v, "logger_error"));
	if (json_is_string(json_object_get(v, "logger_journal")))
		printf("logger: the journal was %sdamaged%s: %s\n",
		    colour_on(RED), colour_off(RED),
		    fact_text(v, "logger_journal"));
	print_log_trouble(json_object_get(v, "logs"));
	putchar('\n');
}

static void
print_nodes(const json_t *v)
{
	const json_t *row;
	struct table t;
	char ago[32];
	size_t i;

	table_begin(&t, "NODE|ROLE|STATE|SINCE|REPORTED|ADDRESS|ID");
	json_array_foreach(json_object_get(v, "nodes"), i, row)
	{
		const char *state = fact_text(row, "state");
		bool known = strcmp(state, "unknown") != 0;

		table_cell(&t, PLAIN, "%s%s", fact_text(row, "name"),
		    fact_truth(row, "self") ? " *" : "");
		table_cell(&t, PLAIN, "%s", fact_text(row, "role"));
		table_cell(&t, state_colour(state), "%s", state);
		table_cell(&t, PLAIN, "%s",
		    known ? text_ago(
				fact_number(row, "since_ms"), ago, sizeof ago)
			  : "-");
		table_cell(&t, PLAIN, "%s",
		    fact_truth(row, "reported") ? "yes"
		    : fact_truth(row, "counts") ? "no"
						: "-");
		if (fact_number(row, "port") == 0)
			table_cell(&t, PLAIN, "%s", fact_text(row, "host"));
		else
			table_cell(&t, PLAIN,
			    strchr(fact_text(row, "host"), ':') != NULL
				? "[%s]:%llu"
				: "%s:%llu",
			    fact_text(row, "host"), fact_number(row, "port"));
		table_cell(&t, DIM, "%s", fact_text(row, "id"));
	}
	table_end(&t);
}

int
cmd_status(struct ctl *c)
{
	int status;
	json_t *v = ctl_ask(c, "{\"op\":\"status\"}", &status);

	if (v == NULL)
		/* Whatever the reason: nobody could be reached. */
		return status == EXIT_OK ? EXIT_FAILED : status;
	if (!c->json && !c->quiet) {
		print_head(v);
		print_nodes(v);
	}
	status = strcmp(fact_text(v, "state"), "started") == 0 ? EXIT_OK
							       : EXIT_FALSE;
	json_decref(v);
	return status;
}

/* --- peers ----------------------------------------------------------- */

static void
print_topics(const char *who, const json_t *topics)
{
	const json_t *topic;
	size_t i;

	json_array_foreach(topics, i, topic)
	    printf("  %s  %s\n", who, json_string_value(topic));
}

static void
print_link(struct table *t, const json_t *p)
{
	const json_t *received = json_object_get(p, "received");
	const json_t *sent = json_object_get(p, "sent");
	const json_t *queue = json_object_get(p, "queue");
	const json_t *dropped = json_object_get(p, "dropped");
	const char *state = fact_text(p, "state");
	char a[32], b[32];
	uint64_t lost = fact_number(dropped, "messages");

	table_cell(t, PLAIN, "%s",
	    json_is_string(json_object_get(p, "name"))
		? fact_text(p, "name")
		: fact_text(p, "dialled"));
	table_cell(t, state_colour(state), "%s", state);
	table_cell(t, PLAIN,
	    strchr(fact_text(p, "address"), ':') != NULL ? "%s [%s]:%llu"
							 : "%s %s:%llu",
	    fact_truth(p, "outbound") ? "to" : "from", fact_text(p, "address"),
	    fact_number(p, "port"));
	table_cell(
	    t, PLAIN, "%s", text_ago(fact_number(p, "since_ms"), a, sizeof a));
	table_cell(t, PLAIN, "%s ago",
	    text_ago(fact_number(p, "heard_ms"), a, sizeof a));
	table_cell(t, PLAIN, "%llu (%s)", fact_number(received, "messages"),
	    text_size(fact_number(received, "bytes"), a, sizeof a));
	table_cell(t, PLAIN, "%llu (%s)", fact_number(sent, "messages"),
	    text_size(fact_number(sent, "bytes"), a, sizeof a));
	table_cell(t, PLAIN, "%llu (%s)", fact_number(queue, "messages"),
	    text_size(fact_number(queue, "bytes"), b, sizeof b));
	table_cell(t, lost > 0 ? RED : PLAIN, "%llu", (unsigned long long)lost);
	table_cell(t, fact_number(p, "problems") > 0 ? YELLOW : PLAIN, "%llu",
	    fact_number(p, "problems"));
}

static void
print_links(const json_t *v)
{
	const json_t *p;
	struct table t;
	size_t i;

	table_begin(&t, "PEER|STATE|ADDRESS|SINCE|HEARD|RECEIVED|SENT|QUEUED|"
			"DROPPED|PROBLEMS");
	json_array_foreach(json_object_get(v, "peers"), i, p) print_link(&t, p);
	table_end(&t);
}

static void
print_dials(const json_t *v)
{
	const json_t *d;
	size_t i;
	char ago[32];

	json_array_foreach(json_object_get(v, "dials"), i, d)
	{
		if (fact_truth(d, "connected"))
			continue;
		printf("no connection to %s at %s port %llu for %s, "
		       "%llu attempts: %s\n",
		    fact_text(d, "name"), fact_text(d, "host"),
		    fact_number(d, "port"),
		    text_ago(fact_number(d, "since_ms"), ago, sizeof ago),
		    fact_number(d, "attempts"), fact_text(d, "why"));
	}
}

int
cmd_peers(struct ctl *c)
{
	const json_t *p;
	int status;
	size_t i;
	json_t *v = ctl_ask(c,
	    c->topics ? "{\"op\":\"filters\"}" : "{\"op\":\"peers\"}", &status);

	if (v == NULL)
		return status == EXIT_OK ? EXIT_FAILED : status;
	if (!c->json && !c->quiet) {
		print_links(v);
		print_dials(v);
	}
	if (!c->json && c->topics) {
		printf("\ntopics\n");
		print_topics(
		    fact_text(v, "name"), json_object_get(v, "topics"));
		json_array_foreach(json_object_get(v, "peers"), i, p)
		    print_topics(
			fact_text(p, "name"), json_object_get(p, "topics"));
	}
	json_decref(v);
	return EXIT_OK;
}
