/* Followed files in the turns of a node; see inputs.h. */
#include "node/inputs.h"

#include "control/control_ship.h"
#include "io/infile.h"
#include "layout/layout.h"
#include "logs/inputs.h"
#include "logs/outbox.h"
#include "muster/err.h"
#include "node/node_impl.h"
#include "node/shipper.h"
#include "sys/clock.h"
#include "sys/log.h"

/* Does the layout have this node follow any file? */
static bool
is_wanted(const struct node *n)
{
	const struct mu_layout *l = n->layout;
	const struct mu_layout_node *self = mu_layout_node(l, n->name);

	for (size_t i = 0; self != NULL && i < l->ninputs; i++)
		if (mu_layout_on(l->inputs[i].on, l->inputs[i].non, self))
			return true;
	return false;
}

int
node_inputs_open(struct node *n)
{
	struct outbox *out = node_shipper_outbox(n);

	if (!is_wanted(n))
		return 0;
	if (out == NULL) {
		log_err("inputs: this node sends no logs: no file is followed");
		return 0;
	}
	n->inputs =
	    inputs_new(n->layout, n->name, out, &infile_hooks, clock_now());
	control_set_inputs(n->control, n->inputs);
	return n->inputs == NULL ? MUSTER_ENOMEM : 0;
}

void
node_inputs_close(struct node *n)
{
	if (n->inputs == NULL)
		return;
	control_set_inputs(n->control, NULL);
	inputs_free(n->inputs);
	n->inputs = NULL;
}

void
node_inputs_reload(struct node *n)
{
	n->inputs_reload = true;
}

/* A batch under way carries its position with it: until it is stored nobody
 * can say where reading goes on. */
static void
replace(struct node *n)
{
	if (n->inputs != NULL && inputs_busy(n->inputs))
		return;
	n->inputs_reload = false;
	node_inputs_close(n);
	if (node_inputs_open(n) != 0)
		log_err("inputs: out of memory: no file is followed");
}

void
node_inputs_turn(struct node *n, uint64_t now)
{
	const char *text;
	int level;

	if (n->inputs_reload)
		replace(n);
	if (n->inputs == NULL)
		return;
	if (!n->inputs_reload && !n->stopping)
		inputs_tick(n->inputs, now);
	while (inputs_next(n->inputs, &level, &text))
		log_at((enum log_level)level, "%s", text);
}

uint64_t
node_inputs_deadline(const struct node *n)
{
	return n->inputs == NULL || n->stopping || n->inputs_reload
		   ? UINT64_MAX
		   : inputs_deadline(n->inputs);
}

bool
node_inputs_done(struct node *n, const struct outbox_out *out)
{
	if (n->inputs == NULL || out->caller != inputs_caller(n->inputs))
		return false;
	inputs_done(n->inputs, out, clock_now());
	return true;
}
