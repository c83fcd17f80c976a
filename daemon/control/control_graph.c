/*
 * The request "graph" of the control protocol: who is to be connected with
 * whom, and is, as far as this node knows.
 */
#include "base/alloc.h"
#include "control/control_request.h"
#include "control/control_session.h"
#include "core/answer.h"
#include "core/endpoint.h"

static const char *
state_name(enum members_link state)
{
	return state == MEMBERS_LINK_UP     ? "up"
	       : state == MEMBERS_LINK_DOWN ? "down"
					    : "unknown";
}

/* Rows of membership are in the order of the layout's nodes. */
static size_t
row_of(const struct mu_layout *l, const struct mu_layout_node *node)
{
	return (size_t)(node - l->nodes);
}

/* What this node dials, or dials this node, is up or down; of others it only
 * knows by hearsay. */
static const char *
node_state(const struct control *c, size_t row, bool linked)
{
	const struct members_row *r = members_row(endpoint_members(c->e), row);

	return r->self || r->up ? "up" : linked ? "down" : "unknown";
}

static void
put_links(const struct control *c, struct mu_buf *b,
    const struct mu_layout_node **scratch, bool *linked)
{
	const struct mu_layout *l = endpoint_layout(c->e);
	size_t self = row_of(l, endpoint_node(c->e));

	answer_open(b, "links", '[');
	for (size_t i = 0; i < l->nnodes; i++) {
		size_t n = mu_layout_connectees(l, &l->nodes[i], scratch);

		for (size_t k = 0; k < n; k++) {
			size_t to = row_of(l, scratch[k]);

			linked[i] = linked[i] || to == self;
			linked[to] = linked[to] || i == self;
			answer_open(b, NULL, '{');
			answer_text(b, "from", l->nodes[i].name);
			answer_text(b, "to", scratch[k]->name);
			answer_text(b, "state",
			    state_name(
				members_link(endpoint_members(c->e), i, to)));
			answer_close(b, '}');
		}
	}
	answer_close(b, ']');
}

static void
put_nodes(const struct control *c, struct mu_buf *b, const bool *linked)
{
	const struct mu_layout *l = endpoint_layout(c->e);

	answer_open(b, "nodes", '[');
	for (size_t i = 0; i < l->nnodes; i++) {
		answer_open(b, NULL, '{');
		answer_text(b, "name", l->nodes[i].name);
		answer_text(b, "role", mu_role_name(l->nodes[i].role));
		answer_text(b, "host", l->nodes[i].host);
		answer_bool(b, "self", &l->nodes[i] == endpoint_node(c->e));
		answer_text(b, "state", node_state(c, i, linked[i]));
		answer_close(b, '}');
	}
	answer_close(b, ']');
}

void
control_on_graph(struct control_session *s, const struct control_args *a)
{
	const struct control *c = s->control;
	const struct mu_layout *l = endpoint_layout(c->e);
	const struct mu_layout_node **scratch =
	    mu_calloc(l->nnodes, sizeof(*scratch));
	bool *linked = mu_calloc(l->nnodes, sizeof *linked);

	(void)a;
	if (scratch == NULL || linked == NULL) {
		answer_refuse(&s->out, "memory", "out of memory");
	} else {
		answer_ok(&s->out);
		answer_text(&s->out, "cluster", l->cluster);
		put_links(c, &s->out, scratch, linked);
		put_nodes(c, &s->out, linked);
		answer_end(&s->out);
	}
	mu_free(scratch);
	mu_free(linked);
}
