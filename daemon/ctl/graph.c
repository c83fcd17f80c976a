/* graph: the cluster as a drawing for graphviz, with what is up and down. */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "ctl/ctl.h"

static const char *
text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s == NULL ? "" : s;
}

static const char *
colour(const char *state)
{
	return strcmp(state, "up") == 0     ? "darkgreen"
	       : strcmp(state, "down") == 0 ? "red"
					    : "gray";
}

static const char *
style(const char *state)
{
	return strcmp(state, "up") == 0     ? "solid"
	       : strcmp(state, "down") == 0 ? "dashed"
					    : "dotted";
}

/* Names of nodes and roles need no escape; hosts have neither quotes nor
 * backslashes, or the layout would have been refused. */
static void
print_node(const json_t *n)
{
	const char *state = text(n, "state");

	printf("\t\"%s\" [label=\"%s\\n%s, %s\", color=%s, style=%s%s];\n",
	    text(n, "name"), text(n, "name"), text(n, "role"), text(n, "host"),
	    colour(state), style(state),
	    json_is_true(json_object_get(n, "self")) ? ", penwidth=3" : "");
}

static void
print_link(const json_t *l)
{
	const char *state = text(l, "state");

	printf("\t\"%s\" -> \"%s\" [color=%s, style=%s];\n", text(l, "from"),
	    text(l, "to"), colour(state), style(state));
}

static void
print_graph(const json_t *v)
{
	const json_t *o;
	size_t i;

	printf("digraph \"%s\" {\n\tnode [shape=box];\n", text(v, "cluster"));
	json_array_foreach(json_object_get(v, "nodes"), i, o) print_node(o);
	json_array_foreach(json_object_get(v, "links"), i, o) print_link(o);
	printf("}\n");
}

int
cmd_graph(struct ctl *c)
{
	return ctl_show(c, "{\"op\":\"graph\"}", print_graph);
}
