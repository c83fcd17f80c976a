/* status and peers: the daemon's answers as tables, or as they came. */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/alloc.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/log_trouble.h"
#include "ctl/table.h"
#include "sys/exit.h"

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

static bool
truth(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

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

/* --- status
 * -------------------------------------------------------------------- */

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
		unsigned long long n =
		    (unsigned long long)number(active, roles[i]);

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
		(unsigned long long)number(h, "rule"), text(h, "event"),
		(unsigned long long)number(h, "failures"), text(h, "why"));
}

static void
print_head(const json_t *v)
{
	const json_t *progress = json_object_get(v, "progress");
	const json_t *dropped = json_object_get(v, "dropped");
	const char *state = text(v, "state");
	enum colour colour = state_colour(state);
	const json_t *store;
	char ago[32];
	size_t i;

	printf("cluster %s, node %s (%s): %s%s%s, %llu of %llu, up %s\n",
	    text(v, "cluster"), text(v, "name"), text(v, "role"),
	    colour_on(colour), state, colour_off(colour),
	    (unsigned long long)number(progress, "have"),
	    (unsigned long long)number(progress, "want"),
	    text_ago(number(v, "uptime_ms"), ago, sizeof ago));
	print_active(json_object_get(v, "active"));
	if (json_string_length(json_object_get(v, "missing")) > 0)
		printf("missing: %s\n", text(v, "missing"));
	if (number(dropped, "messages") > 0)
		printf("dropped: %llu messages (musterctl peers says where)\n",
		    (unsigned long long)number(dropped, "messages"));
	json_array_foreach(json_object_get(v, "stores"), i, store)
	    printf("store %s (%s): %s%s%s: %s\n", text(store, "name"),
		text(store, "role"), colour_on(RED), text(store, "state"),
		colour_off(RED), text(store, "error"));
	print_failing(json_object_get(v, "failing_handlers"));
	if (json_is_string(json_object_get(v, "logger_error")))
		printf("logger: %sfailing%s: %s\n", colour_on(RED),
		    colour_off(RED), text(v, "logger_error"));
	if (json_is_string(json_object_get(v, "logger_journal")))
		printf("logger: the journal was %sdamaged%s: %s\n",
		    colour_on(RED), colour_off(RED), text(v, "logger_journal"));
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
		const char *state = text(row, "state");
		bool known = strcmp(state, "unknown") != 0;

		table_cell(&t, PLAIN, "%s%s", text(row, "name"),
		    truth(row, "self") ? " *" : "");
		table_cell(&t, PLAIN, "%s", text(row, "role"));
		table_cell(&t, state_colour(state), "%s", state);
		table_cell(&t, PLAIN, "%s",
		    known ? text_ago(number(row, "since_ms"), ago, sizeof ago)
			  : "-");
		table_cell(&t, PLAIN, "%s",
		    truth(row, "reported") ? "yes"
		    : truth(row, "counts") ? "no"
					   : "-");
		if (number(row, "port") == 0)
			table_cell(&t, PLAIN, "%s", text(row, "host"));
		else
			table_cell(&t, PLAIN,
			    strchr(text(row, "host"), ':') != NULL ? "[%s]:%llu"
								   : "%s:%llu",
			    text(row, "host"),
			    (unsigned long long)number(row, "port"));
		table_cell(&t, DIM, "%s", text(row, "id"));
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
	status =
	    strcmp(text(v, "state"), "started") == 0 ? EXIT_OK : EXIT_FALSE;
	json_decref(v);
	return status;
}

/* --- peers
 * --------------------------------------------------------------------- */

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
	const char *state = text(p, "state");
	char a[32], b[32];
	uint64_t lost = number(dropped, "messages");

	table_cell(t, PLAIN, "%s",
	    json_is_string(json_object_get(p, "name")) ? text(p, "name")
						       : text(p, "dialled"));
	table_cell(t, state_colour(state), "%s", state);
	table_cell(t, PLAIN,
	    strchr(text(p, "address"), ':') != NULL ? "%s [%s]:%llu"
						    : "%s %s:%llu",
	    truth(p, "outbound") ? "to" : "from", text(p, "address"),
	    (unsigned long long)number(p, "port"));
	table_cell(
	    t, PLAIN, "%s", text_ago(number(p, "since_ms"), a, sizeof a));
	table_cell(
	    t, PLAIN, "%s ago", text_ago(number(p, "heard_ms"), a, sizeof a));
	table_cell(t, PLAIN, "%llu (%s)",
	    (unsigned long long)number(received, "messages"),
	    text_size(number(received, "bytes"), a, sizeof a));
	table_cell(t, PLAIN, "%llu (%s)",
	    (unsigned long long)number(sent, "messages"),
	    text_size(number(sent, "bytes"), a, sizeof a));
	table_cell(t, PLAIN, "%llu (%s)",
	    (unsigned long long)number(queue, "messages"),
	    text_size(number(queue, "bytes"), b, sizeof b));
	table_cell(t, lost > 0 ? RED : PLAIN, "%llu", (unsigned long long)lost);
	table_cell(t, number(p, "problems") > 0 ? YELLOW : PLAIN, "%llu",
	    (unsigned long long)number(p, "problems"));
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
		if (truth(d, "connected"))
			continue;
		printf("no connection to %s at %s port %llu for %s, "
		       "%llu attempts: %s\n",
		    text(d, "name"), text(d, "host"),
		    (unsigned long long)number(d, "port"),
		    text_ago(number(d, "since_ms"), ago, sizeof ago),
		    (unsigned long long)number(d, "attempts"), text(d, "why"));
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
		print_topics(text(v, "name"), json_object_get(v, "topics"));
		json_array_foreach(json_object_get(v, "peers"), i, p)
		    print_topics(text(p, "name"), json_object_get(p, "topics"));
	}
	json_decref(v);
	return EXIT_OK;
}
