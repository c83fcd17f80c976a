/*
 * The simulator's scenarios and options.  Without arguments it runs a fixed
 * set of them, as make check does.
 */
#include "sim.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "layout/read.h"

#define MANY 100 /* larger clusters get shorter scenarios */

struct options {
	size_t nodes;
	uint64_t seed;
	size_t runs;
	size_t kills;
	const char *scenario;
	bool verbose;
	const char *program;
};

/* --- the layout --------------------------------------------------------------
 */

static void
put_node(struct mu_buf *b, size_t i, const char *role, size_t k, bool listens,
    const char *more)
{
	mu_buf_printf(b, "  %s-%zu: {role: %s, host: 10.1.%zu.%zu", role, k,
	    role, i / 250, i % 250 + 1);
	if (listens)
		mu_buf_printf(b, ", port: %zu", 20000 + i);
	mu_buf_printf(b, "%s}\n", more);
}

/* One manager, some loggers and proxies, workers; loggers may know the
 * manager, a control row may be there. */
static char *
layout_text(const struct options *o, struct mu_rng *rng)
{
	size_t loggers = o->nodes < 6 ? 1 : o->nodes < 100 ? 2 : 5;
	size_t proxies = o->nodes < 6 ? 1 : o->nodes < 100 ? 2 : 10;
	bool reports = mu_rng_below(rng, 2) == 0;
	bool control = mu_rng_below(rng, 4) == 0;
	struct mu_buf b;
	size_t i = 0, k;

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
	return mu_buf_take_string(&b);
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

/* --- a simulation
 * --------------------------------------------------------------- */

static bool
runs_here(const struct node *n)
{
	return n->row->role != MU_ROLE_CONTROL;
}

static struct sim *
open_sim(const struct options *o, uint64_t seed)
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
		if (n->greeted == NULL)
			abort();
		if (n->row->role == MU_ROLE_MANAGER)
			s->manager = n;
	}
	return s;
}

static void
close_sim(struct sim *s)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (s->nodes[i].e != NULL)
			node_kill(&s->nodes[i], true);
		free(s->nodes[i].greeted);
		free(s->nodes[i].seen);
	}
	net_free(s);
	mu_layout_free(s->layout);
	free(s->nodes);
	free(s->paths);
	free(s->up);
	free(s->probes);
	free(s);
}

static struct node *
any_node(struct sim *s)
{
	struct node *n;

	do
		n = &s->nodes[mu_rng_below(&s->rng, s->n)];
	while (!runs_here(n));
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
		struct node *n = any_node(s);

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

/* --- scenarios
 * -------------------------------------------------------------------- */

static void
form(struct sim *s)
{
	size_t i, left = 0;

	for (i = 0; i < s->n; i++)
		left += runs_here(&s->nodes[i]);
	while (left > 0 && !s->failed) {
		struct node *n = any_node(s);

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

	form(s);
	for (i = 0; i < sizeof roles / sizeof roles[0] && !s->failed; i++) {
		do
			n = any_node(s);
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
	form(s);
}

/* A pair that the layout joins. */
static void
any_link(struct sim *s, size_t *a, size_t *b)
{
	const struct mu_layout_node **to = calloc(s->n, sizeof *to);
	size_t n;

	if (to == NULL)
		abort();
	do {
		struct node *from = any_node(s);

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

	form(s);
	for (i = 0; i < (s->n > MANY ? 3 : 12) && !s->failed; i++) {
		any_link(s, &a, &b);
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

	form(s);
	while (s->kills < kills && !s->failed) {
		size_t n = 1 + (mu_rng_below(&s->rng, 8) == 0);

		for (i = 0; i < n; i++) {
			struct node *victim = any_node(s);

			if (victim->e != NULL)
				node_kill(
				    victim, mu_rng_below(&s->rng, 10) == 0);
			pass(s, mu_rng_below(&s->rng, 200 * MS));
		}
		pass(s, mu_rng_below(&s->rng, 3 * SECOND));
		for (i = 0; i < s->n; i++)
			if (s->nodes[i].e == NULL && runs_here(&s->nodes[i]))
				node_start(&s->nodes[i]);
		if (mu_rng_below(&s->rng, 3) == 0)
			sim_settle(s);
		else
			pass(s, mu_rng_below(&s->rng, 2 * SECOND));
	}
	sim_settle(s);
}

static void
scenario(struct sim *s, const struct options *o)
{
	if (strcmp(o->scenario, "form") == 0)
		form(s);
	else if (strcmp(o->scenario, "restarts") == 0)
		run_restarts(s);
	else if (strcmp(o->scenario, "cuts") == 0)
		run_cuts(s);
	else
		run_kills(s, o->kills);
}

/* --- runs
 * ---------------------------------------------------------------------------
 */

static uint64_t total_steps, total_kills, total_deliveries;

/* One simulation; false, with the way to repeat it, when something failed. */
static bool
run_one(const struct options *o, uint64_t seed)
{
	struct sim *s = open_sim(o, seed);
	bool ok;

	scenario(s, o);
	ok = !s->failed;
	if (!ok)
		printf("FAILED %s\n  again: %s --nodes %zu --seed %llu "
		       "--scenario %s --kills %zu --verbose\n",
		    s->why, o->program, o->nodes, (unsigned long long)seed,
		    o->scenario, o->kills);
	total_steps += s->steps;
	total_kills += s->kills;
	total_deliveries += s->deliveries;
	close_sim(s);
	return ok;
}

static bool
run_many(const struct options *o)
{
	struct timespec a, b;
	uint64_t steps = total_steps, kills = total_kills;
	size_t i;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (i = 0; i < o->runs; i++)
		if (!run_one(o, o->seed + i))
			return false;
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%-8s %4zu nodes  %5zu runs  %6llu kills  %9llu steps  "
	       "%6.1f s\n",
	    o->scenario, o->nodes, o->runs,
	    (unsigned long long)(total_kills - kills),
	    (unsigned long long)(total_steps - steps),
	    (double)(b.tv_sec - a.tv_sec) +
		(double)(b.tv_nsec - a.tv_nsec) / 1e9);
	fflush(stdout);
	return true;
}

static bool
run_default(struct options o)
{
	static const struct {
		const char *scenario;
		size_t nodes, runs, kills;
	} plan[] = {
		{ "form", 5, 20, 0 },
		{ "form", 50, 3, 0 },
		{ "form", 500, 1, 0 },
		{ "restarts", 5, 10, 0 },
		{ "restarts", 9, 10, 0 },
		{ "restarts", 50, 1, 0 },
		{ "restarts", 500, 1, 0 },
		{ "cuts", 5, 10, 0 },
		{ "cuts", 9, 10, 0 },
		{ "cuts", 50, 1, 0 },
		{ "cuts", 500, 1, 0 },
		{ "kills", 5, 100, 40 },
		{ "kills", 7, 100, 40 },
		{ "kills", 9, 100, 40 },
		{ "kills", 50, 2, 60 },
	};
	size_t i;

	for (i = 0; i < sizeof plan / sizeof plan[0]; i++) {
		o.scenario = plan[i].scenario;
		o.nodes = plan[i].nodes;
		o.runs = plan[i].runs;
		o.kills = plan[i].kills;
		if (!run_many(&o))
			return false;
	}
	return true;
}

/* Seeds nobody chose, for that many minutes. */
static bool
run_soak(struct options o, unsigned long minutes)
{
	static const char *const names[] = { "form", "restarts", "cuts",
		"kills" };
	time_t end = time(NULL) + (time_t)minutes * 60;
	struct mu_rng rng;

	mu_rng_init(&rng, (uint64_t)time(NULL));
	o.runs = 1;
	o.kills = 200;
	while (time(NULL) < end) {
		o.seed = mu_rng_u64(&rng) >> 16;
		o.nodes = mu_rng_below(&rng, 20) == 0
			      ? 50
			      : 4 + mu_rng_below(&rng, 9);
		o.scenario = names[mu_rng_below(&rng, 4)];
		if (!run_many(&o))
			return false;
	}
	return true;
}

static void
usage(FILE *f)
{
	fputs(
	    "usage: sim [--scenario form|restarts|cuts|kills] [--nodes N] "
	    "[--seed N]\n"
	    "           [--runs N] [--kills N] [--soak MINUTES] [--verbose]\n"
	    "Simulates a cluster on virtual time.  Without a scenario: a fixed "
	    "set of them.\n"
	    "  --runs N    that many seeds, from --seed on\n"
	    "  --kills N   in each run of kills\n"
	    "  --soak N    seeds nobody chose, for N minutes\n"
	    "  --verbose   what every node says\n"
	    "example: sim --nodes 9 --seed 1234 --scenario restarts\n",
	    f);
}

static unsigned long long
number(const char *text)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 10);

	if (*text == '\0' || *end != '\0') {
		fprintf(stderr, "sim: \"%s\" is not a number\n", text);
		exit(2);
	}
	return v;
}

static const char *
known(const char *name)
{
	static const char *const names[] = { "form", "restarts", "cuts",
		"kills" };
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(names[i], name) == 0)
			return names[i];
	fprintf(stderr, "sim: no scenario \"%s\"\n", name);
	exit(2);
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = { { "nodes", required_argument,
						   NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{ "runs", required_argument, NULL, 'r' },
		{ "kills", required_argument, NULL, 'k' },
		{ "scenario", required_argument, NULL, 'c' },
		{ "soak", required_argument, NULL, 't' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	struct options o = { .nodes = 5,
		.seed = 1,
		.runs = 1,
		.kills = 40,
		.program = argv[0] };
	unsigned long minutes = 0;
	bool ok;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'n':
			o.nodes = number(optarg);
			break;
		case 's':
			o.seed = number(optarg);
			break;
		case 'r':
			o.runs = number(optarg);
			break;
		case 'k':
			o.kills = number(optarg);
			break;
		case 'c':
			o.scenario = known(optarg);
			break;
		case 't':
			minutes = number(optarg);
			break;
		case 'v':
			o.verbose = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind != argc || o.nodes < 4 || o.nodes > 5000) {
		usage(stderr);
		return 2;
	}
	if (minutes > 0)
		ok = run_soak(o, minutes);
	else if (o.scenario != NULL)
		ok = run_many(&o);
	else
		ok = run_default(o);
	if (ok)
		printf("simulator: all good, %llu steps, %llu kills, %llu "
		       "events delivered\n",
		    (unsigned long long)total_steps,
		    (unsigned long long)total_kills,
		    (unsigned long long)total_deliveries);
	return ok ? 0 : 1;
}
