/*
 * The simulator's options.  Without arguments it runs a fixed set of
 * scenarios, as make check does.
 */
#include "sim.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- runs ----------------------------------------------------------------- */

static uint64_t total_steps, total_kills, total_deliveries;

/* One simulation; false, with the way to repeat it, when something failed. */
static bool
run_one(const struct options *o, uint64_t seed)
{
	struct sim *s = sim_open(o, seed);
	bool ok;

	sim_scenario(s, o);
	ok = !s->failed;
	if (!ok)
		printf("FAILED %s\n  again: %s --nodes %zu --seed %llu "
		       "--scenario %s --kills %zu --verbose\n",
		    s->why, o->program, o->nodes, (unsigned long long)seed,
		    o->scenario, o->kills);
	total_steps += s->steps;
	total_kills += s->kills;
	total_deliveries += s->deliveries;
	sim_close(s);
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
		{ "form", 1000, 1, 0 },
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
		{ "stores", 5, 40, 0 },
		{ "stores", 7, 15, 0 },
		{ "pools", 100, 1, 0 },
		{ "pools", 12, 2, 0 },
		{ "relays", 9, 10, 0 },
		{ "relays", 50, 1, 0 },
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
		"kills", "stores", "pools", "relays" };
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
		o.scenario = names[mu_rng_below(&rng, 7)];
		/* Its pools want so many. */
		if (strcmp(o.scenario, "pools") == 0 && o.nodes < 12)
			o.nodes = 12;
		if (!run_many(&o))
			return false;
	}
	return true;
}

static void
usage(FILE *f)
{
	fputs(
	    "usage: sim [--scenario form|restarts|cuts|kills|stores|"
	    "pools|relays] "
	    "[--nodes N]\n"
	    "           [--seed N] [--runs N] [--kills N] [--soak MINUTES] "
	    "[--verbose]\n"
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
		"kills", "stores", "pools", "relays" };
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
	if (optind != argc || o.nodes < 4 || o.nodes > NODES_MAX) {
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
