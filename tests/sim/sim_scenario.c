/*
 * Scenarios: a layout of the wanted size is generated and read by the real
 * reader, its nodes begin, and things happen to them.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "layout/read.h"

#define MANY 100 /* larger clusters get shorter scenarios */

/* --- the layout ----------------------------------------------------------- */

static void
put_node(struct mu_buf *b, size_t i, const char *role, size_t k, bool listens,
    const char *more)
{
	mu_buf_printf(b, "  %s-%zu: {role: %s, host: 10.1.%zu.%zu", role, k,
	    role, i / 250, i % 250 + 1);
	if (listens)
		mu_buf_printf(b, ", port: %zu", FIRST_PORT + i);
	mu_buf_printf(b, "%s}\n", more);
}

/* One manager, some loggers and proxies, workers; loggers may know the
 * manager, a control row may be there. */
static char *
layout_text(const struct options *o, struct mu_rng *rng)
{
	size_t loggers = o->nodes < 6 ? 1 : o->nodes < 100 ? 2 : 5;
	size_t proxies = o->nodes < 6 ? 1 : o->nodes < 100 ? 2 : 10;
	bool pools = strcmp(o->scenario, "pools") == 0;
	bool reports = mu_rng_below(rng, 2) == 0;
	bool control = mu_rng_below(rng, 4) == 0;
	struct mu_buf b;
	size_t i = 0, k;
	char *text;

	if (pools)
		proxies = 4;
	mu_buf_init(&b, 0);
	mu_buf_str(&b, "cluster: sim\ntls: none\nnodes:\n");
	put_node(&b, i++, "manager", 1, true, "");
	for (k = 1; k <= loggers && i < o->nodes; k++)
		put_node(&b, i++, "logger", k, true,
		    reports ? ", manager: manager-1" : "");
	for (k = 1; k <= proxies && i < o->nodes; k++)
		put_node(&b, i++, "proxy", k, true, "");
	for (k = 1; i < o->nodes; k++)
		put_node(&b, i++, "worker", k, false, "");
	if (control)
		put_node(&b, i, "control", 1, false, "");
	if (strcmp(o->scenario, "stores") == 0)
		cases_layout(&b, rng);
	if (pools)
		pools_layout(&b);
	if (strcmp(o->scenario, "relays") == 0)
		relays_layout(&b);
	text = mu_buf_take_string(&b);
	mu_buf_clear(&b);
	return text;
}

static struct mu_layout *
read_layout(const struct options *o, struct mu_rng *rng)
{
	char *text = layout_text(o, rng), *line;
	struct mu_diags d;
	struct mu_layout *l;
	size_t i;

	if (text == NULL || mu_diags_init(&d, "sim.yaml") != 0)
		abort();
	l = mu_layout_read("sim.yaml", text, strlen(text), &d);
	for (i = 0; l == NULL && (line = mu_diags_line(&d, i)) != NULL; i++) {
		fprintf(stderr, "%s\n", line);
		free(line);
	}
	mu_diags_clear(&d);
	free(text);
	return l;
}

/* --- a simulation --------------------------------------------------------- */

bool
node_runs_here(const struct node *n)
{
	return n->row->role != MU_ROLE_CONTROL;
}

struct sim *
sim_open(const struct options *o, uint64_t seed)
{
	struct sim *s = calloc(1, sizeof *s);
	size_t i;

	if (s == NULL)
		abort();
	mu_rng_init(&s->rng, seed);
	s->verbose = o->verbose;
	s->now = SECOND;
	s->layout = read_layout(o, &s->rng);
	if (s->layout == NULL)
		exit(2);
	s->n = s->layout->nnodes;
	s->nodes = calloc(s->n, sizeof *s->nodes);
	s->paths = calloc(s->n, s->n);
	s->up = calloc(s->n, s->n);
	/* From a fast machine room to a slow continent. */
	s->delay_min = 20000 + mu_rng_below(&s->rng, MS);
	s->delay_max = s->delay_min + mu_rng_below(&s->rng, 100 * MS);
	if (s->nodes == NULL || s->paths == NULL || s->up == NULL)
		abort();
	for (i = 0; i < s->n; i++) {
		struct node *n = &s->nodes[i];

		n->sim = s;
		n->index = i;
		n->row = &s->layout->nodes[i];
		n->wake = UINT64_MAX;
		n->greeted = calloc(s->n, sizeof *n->greeted);
		n->met = calloc(s->n, sizeof *n->met);
		n->platters =
		    calloc(s->layout->nstores + 1, sizeof *n->platters);
		n->disks = calloc(s->layout->nstores + 1, sizeof *n->disks);
		n->shadows = calloc(s->layout->nstores + 1, sizeof *n->shadows);
		n->committing =
		    calloc(s->layout->nstores + 1, sizeof *n->committing);
		if (n->greeted == NULL || n->met == NULL || n->platters == NULL ||
		    n->disks == NULL || n->shadows == NULL ||
		    n->committing == NULL)
			abort();
		if (n->row->role == MU_ROLE_MANAGER)
			s->manager = n;
		if (n->row->port != 0)
			s->by_port[n->row->port - FIRST_PORT] = n;
	}
	return s;
}

void
sim_close(struct sim *s)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (s->nodes[i].e != NULL)
			node_kill(&s->nodes[i], true);
		node_stores_free(&s->nodes[i]);
		free(s->nodes[i].greeted);
		free(s->nodes[i].met);
		free(s->nodes[i].seen);
	}
	net_free(s);
	mu_layout_free(s->layout);
	free(s->nodes);
	free(s->paths);
	free(s->up);
	free(s->probes);
	free(s->asks);
	free(s);
}

struct node *
sim_any_node(struct sim *s)
{
	struct node *n;

	do
		n = &s->nodes[mu_rng_below(&s->rng, s->n)];
	while (!node_runs_here(n));
	return n;
}

void
sim_run(struct sim *s, uint64_t ns)
{
	uint64_t until = s->now + ns;

	while (!s->failed && net_step(s, until))
		continue;
	s->now = until;
}

/* Let time pass, with events being published meanwhile. */
static void
pass(struct sim *s, uint64_t ns)
{
	uint64_t until = s->now + ns;

	while (!s->failed && s->now < until) {
		uint64_t left = until - s->now;
		uint64_t step = 50 * MS + mu_rng_below(&s->rng, 400 * MS);
		struct node *n = sim_any_node(s);

		if (n->e != NULL && !n->stopped)
			node_probe(n);
		sim_run(s, step < left ? step : left);
	}
}

void
sim_settle(struct sim *s)
{
	char why[200] = "";
	unsigned i;

	for (i = 0; i < 300 && !s->failed; i++) {
		if (check_quiet(s, why, sizeof why)) {
			check_manager(s);
			check_delivery(s);
			return;
		}
		pass(s, SECOND);
	}
	fail(s, "after %u s of peace: %s", i, why);
}

/* --- scenarios ------------------------------------------------------------ */

void
sim_form(struct sim *s)
{
	size_t i, left = 0;

	for (i = 0; i < s->n; i++)
		left += node_runs_here(&s->nodes[i]);
	while (left > 0 && !s->failed) {
		struct node *n = sim_any_node(s);

		if (n->e != NULL)
			continue;
		node_start(n);
		left--;
		sim_run(s, mu_rng_below(&s->rng, 3 * SECOND / s->n + 1));
	}
	sim_settle(s);
	if (!s->failed && s->manager->broadcasts != 1)
		fail(s, "the cluster formed without cluster_started");
}

static void
run_form(struct sim *s)
{
	uint64_t most, sum, links;

	sim_form(s);
	check_traffic(s, &most, &sum, &links);
	if (!s->failed && s->n > MANY)
		printf("         %zu links, %.1f membership messages each, %llu at "
		       "most to one node\n",
		    (size_t)links, (double)sum / (double)links,
		    (unsigned long long)most);
}

static void
restart_after(struct node *n, bool quiet, uint64_t ns)
{
	node_kill(n, quiet);
	pass(n->sim, ns);
	node_start(n);
}

static void
run_restarts(struct sim *s)
{
	static const enum mu_role roles[] = { MU_ROLE_WORKER, MU_ROLE_PROXY,
		MU_ROLE_LOGGER, MU_ROLE_MANAGER, MU_ROLE_WORKER,
		MU_ROLE_MANAGER };
	struct node *n;
	size_t i;

	sim_form(s);
	for (i = 0; i < sizeof roles / sizeof roles[0] && !s->failed; i++) {
		do
			n = sim_any_node(s);
		while (n->row->role != roles[i]);
		restart_after(n, mu_rng_below(&s->rng, 4) == 0,
		    mu_rng_below(&s->rng, 8 * SECOND));
		sim_settle(s);
		if (roles[i] == MU_ROLE_MANAGER && s->manager->broadcasts > 0)
			fail(s, "a restarted manager starts the cluster "
				"again");
	}
	if (s->failed || s->n > MANY)
		return;
	for (i = 0; i < s->n; i++)
		if (s->nodes[i].e != NULL)
			node_kill(&s->nodes[i], false);
	sim_form(s);
}

void
sim_any_link(struct sim *s, size_t *a, size_t *b)
{
	const struct mu_layout_node **to = calloc(s->n, sizeof *to);
	size_t n;

	if (to == NULL)
		abort();
	do {
		struct node *from = sim_any_node(s);

		*a = from->index;
		n = mu_layout_connectees(s->layout, from->row, to);
	} while (n == 0);
	*b = (size_t)(to[mu_rng_below(&s->rng, n)] - s->layout->nodes);
	free(to);
}

static void
expect_degraded(struct sim *s, const char *what)
{
	if (!s->failed && members_state(endpoint_members(s->manager->e)) !=
			      MEMBERS_DEGRADED_STATE)
		fail(s, "%s and the manager does not notice", what);
}

/* The time in which silence must be noticed, and told to the manager. */
static uint64_t
notice(const struct sim *s)
{
	return (uint64_t)s->layout->limits.ping_ns +
	       (uint64_t)s->layout->limits.dead_ns + 3 * SECOND;
}

static void
run_cuts(struct sim *s)
{
	unsigned i;
	size_t a, b;

	sim_form(s);
	for (i = 0; i < (s->n > MANY ? 3 : 12) && !s->failed; i++) {
		sim_any_link(s, &a, &b);
		switch (mu_rng_below(&s->rng, 4)) {
		case 0:
			net_set_path(s, a, b, PATH_CUT);
			pass(s, 3 * SECOND);
			expect_degraded(s, "a link is cut");
			pass(s, mu_rng_below(&s->rng, 40 * SECOND));
			break;
		case 1:
			net_set_path(s, a, b, PATH_SILENT);
			pass(s, notice(s));
			expect_degraded(s, "a link is silent");
			break;
		case 2:
			/* Shorter than anybody would notice, or not. */
			net_set_path(s, a, b, PATH_SILENT);
			pass(s, mu_rng_below(&s->rng, 20 * SECOND));
			break;
		default:
			s->nodes[a].stopped = true;
			pass(s, mu_rng_below(&s->rng, 60 * SECOND));
			net_resume(&s->nodes[a]);
		}
		net_heal(s);
		if (mu_rng_below(&s->rng, 3) != 0)
			sim_settle(s);
	}
	sim_settle(s);
}

static void
run_kills(struct sim *s, size_t kills)
{
	size_t i;

	sim_form(s);
	while (s->kills < kills && !s->failed) {
		size_t n = 1 + (mu_rng_below(&s->rng, 8) == 0);

		for (i = 0; i < n; i++) {
			struct node *victim = sim_any_node(s);

			if (victim->e != NULL)
				node_kill(
				    victim, mu_rng_below(&s->rng, 10) == 0);
			pass(s, mu_rng_below(&s->rng, 200 * MS));
		}
		pass(s, mu_rng_below(&s->rng, 3 * SECOND));
		for (i = 0; i < s->n; i++)
			if (s->nodes[i].e == NULL &&
			    node_runs_here(&s->nodes[i]))
				node_start(&s->nodes[i]);
		if (mu_rng_below(&s->rng, 3) == 0)
			sim_settle(s);
		else
			pass(s, mu_rng_below(&s->rng, 2 * SECOND));
	}
	sim_settle(s);
}

void
sim_scenario(struct sim *s, const struct options *o)
{
	if (strcmp(o->scenario, "form") == 0)
		run_form(s);
	else if (strcmp(o->scenario, "restarts") == 0)
		run_restarts(s);
	else if (strcmp(o->scenario, "cuts") == 0)
		run_cuts(s);
	else if (strcmp(o->scenario, "stores") == 0)
		cases_run(s);
	else if (strcmp(o->scenario, "pools") == 0)
		pools_run(s);
	else if (strcmp(o->scenario, "relays") == 0)
		relays_run(s);
	else
		run_kills(s, o->kills);
}
