/*
 * muster-bench: loads endpoints of the native protocol and says what they
 * make of it.
 *
 *	muster-bench [options]            the standard set, compared
 *	muster-bench --connect PORT ...   one load on a program that runs
 *	muster-bench --self-test          does the generator see faults?
 */
#include <fnmatch.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "cases.h"
#include "event.h"
#include "peer.h"
#include "selftest.h"

#define TARGETS_MAX 8

struct options {
	const char *programs;  /* folder of musterd, musterctl */
	const char *json, *earlier, *only, *cipher;
	unsigned rounds;       /* 0: as many as the case wants */
	double speed;          /* factor of all durations */
	bool plain, self_test, gates, no_nats;
	struct target targets[TARGETS_MAX];
	unsigned ntargets;
	/* --connect */
	int port;
	pid_t pid;
	const char *ca, *cert, *key;
	struct load load;
};

static const char usage_text[] =
    "usage: muster-bench [options]\n"
    "\n"
    "  --programs FOLDER   where musterd, musterctl are (build)\n"
    "  --json FILE         write results there\n"
    "  --earlier FILE      compare with results of then\n"
    "  --only PATTERN      cases whose names match; \"list\" lists them\n"
    "  --rounds N          of each case, at most\n"
    "  --speed F           all durations times F\n"
    "  --target NAME=CMD   one more target: a command, %p its port, %a CA,\n"
    "                      %c certificate, %k key, %d a folder\n"
    "  --no-nats           not with nats-server, although it is installed\n"
    "  --cipher SUITE      of TLS 1.3\n"
    "  --plain             without TLS\n"
    "  --gates             exit with 2 if a gate is missed\n"
    "  --self-test         does the generator see what it should?\n"
    "\n"
    "One load on an endpoint that runs already:\n"
    "  --connect PORT [--pid PID] [--ca F --cert F --key F]\n"
    "  --pubs N --subs N --idle N --echoes N --stopped N --prefixes N\n"
    "  --topics N --payload BYTES --window N --rate PER_SECOND --seconds S\n"
    "  --events N --lossy --churn\n";

enum option_code {
	OPT_PROGRAMS = 256, OPT_JSON, OPT_EARLIER, OPT_ONLY, OPT_ROUNDS,
	OPT_SPEED, OPT_TARGET, OPT_CIPHER, OPT_PLAIN, OPT_GATES, OPT_SELF_TEST,
	OPT_CONNECT, OPT_PID, OPT_CA, OPT_CERT, OPT_KEY, OPT_PUBS, OPT_SUBS,
	OPT_IDLE, OPT_ECHOES, OPT_STOPPED, OPT_PREFIXES, OPT_TOPICS,
	OPT_PAYLOAD, OPT_WINDOW, OPT_RATE, OPT_SECONDS, OPT_EVENTS, OPT_LOSSY,
	OPT_CHURN, OPT_NO_NATS, OPT_HELP
};

static const struct option long_options[] = {
	{ "programs", 1, NULL, OPT_PROGRAMS },
	{ "json", 1, NULL, OPT_JSON },
	{ "earlier", 1, NULL, OPT_EARLIER },
	{ "only", 1, NULL, OPT_ONLY },
	{ "rounds", 1, NULL, OPT_ROUNDS },
	{ "speed", 1, NULL, OPT_SPEED },
	{ "target", 1, NULL, OPT_TARGET },
	{ "cipher", 1, NULL, OPT_CIPHER },
	{ "plain", 0, NULL, OPT_PLAIN },
	{ "gates", 0, NULL, OPT_GATES },
	{ "self-test", 0, NULL, OPT_SELF_TEST },
	{ "connect", 1, NULL, OPT_CONNECT },
	{ "pid", 1, NULL, OPT_PID },
	{ "ca", 1, NULL, OPT_CA },
	{ "cert", 1, NULL, OPT_CERT },
	{ "key", 1, NULL, OPT_KEY },
	{ "pubs", 1, NULL, OPT_PUBS },
	{ "subs", 1, NULL, OPT_SUBS },
	{ "idle", 1, NULL, OPT_IDLE },
	{ "echoes", 1, NULL, OPT_ECHOES },
	{ "stopped", 1, NULL, OPT_STOPPED },
	{ "prefixes", 1, NULL, OPT_PREFIXES },
	{ "topics", 1, NULL, OPT_TOPICS },
	{ "payload", 1, NULL, OPT_PAYLOAD },
	{ "window", 1, NULL, OPT_WINDOW },
	{ "rate", 1, NULL, OPT_RATE },
	{ "seconds", 1, NULL, OPT_SECONDS },
	{ "events", 1, NULL, OPT_EVENTS },
	{ "lossy", 0, NULL, OPT_LOSSY },
	{ "churn", 0, NULL, OPT_CHURN },
	{ "no-nats", 0, NULL, OPT_NO_NATS },
	{ "help", 0, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static unsigned
count(const char *text, unsigned most)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || v > most)
		die("\"%s\" is not a number up to %u", text, most);
	return (unsigned)v;
}

static double
positive(const char *text)
{
	char *end;
	double v = strtod(text, &end);

	if (*text == '\0' || *end != '\0' || !(v >= 0))
		die("\"%s\" is not a positive number", text);
	return v;
}

static void
add_target(struct options *o, char *text)
{
	char *is = text == NULL ? NULL : strchr(text, '=');
	struct target *t = &o->targets[o->ntargets];

	if (is == NULL || o->ntargets == TARGETS_MAX)
		die("--target NAME=COMMAND, at most %d", TARGETS_MAX - 2);
	*is = '\0';
	t->name = text;
	t->command = is + 1;
	o->ntargets++;
}

static void
set_load(struct load *l, int opt, const char *arg)
{
	switch (opt) {
	case OPT_PUBS:
		l->publishers = count(arg, 1000);
		break;
	case OPT_SUBS:
		l->subscribers = count(arg, 10000);
		break;
	case OPT_IDLE:
		l->idle = count(arg, 10000);
		break;
	case OPT_ECHOES:
		l->echoes = count(arg, 1000);
		break;
	case OPT_STOPPED:
		l->stopped = count(arg, 1000);
		break;
	case OPT_PREFIXES:
		l->prefixes = count(arg, 100000);
		break;
	case OPT_TOPICS:
		l->topics = count(arg, 65535);
		break;
	case OPT_PAYLOAD:
		l->payload = count(arg, 16440);
		if (l->payload < 80)
			die("a payload has 80 bytes or more");
		break;
	case OPT_WINDOW:
		l->window = count(arg, 1000000);
		break;
	case OPT_RATE:
		l->rate = positive(arg);
		break;
	case OPT_SECONDS:
		l->run_s = positive(arg);
		break;
	case OPT_EVENTS:
		l->most = count(arg, 2000000000);
		break;
	case OPT_LOSSY:
		l->lossy = true;
		break;
	case OPT_CHURN:
		l->churn = true;
		break;
	}
}

static void
set(struct options *o, int opt, char *arg)
{
	switch (opt) {
	case OPT_PROGRAMS:
		o->programs = arg;
		break;
	case OPT_JSON:
		o->json = arg;
		break;
	case OPT_EARLIER:
		o->earlier = arg;
		break;
	case OPT_ONLY:
		o->only = arg;
		break;
	case OPT_ROUNDS:
		o->rounds = count(arg, ROUNDS_MAX);
		break;
	case OPT_SPEED:
		o->speed = positive(arg);
		break;
	case OPT_TARGET:
		add_target(o, arg);
		break;
	case OPT_CIPHER:
		o->cipher = arg;
		break;
	case OPT_PLAIN:
		o->plain = true;
		break;
	case OPT_GATES:
		o->gates = true;
		break;
	case OPT_NO_NATS:
		o->no_nats = true;
		break;
	case OPT_SELF_TEST:
		o->self_test = true;
		break;
	case OPT_CONNECT:
		o->port = (int)count(arg, 65535);
		break;
	case OPT_PID:
		o->pid = (pid_t)count(arg, 1u << 30);
		break;
	case OPT_CA:
		o->ca = arg;
		break;
	case OPT_CERT:
		o->cert = arg;
		break;
	case OPT_KEY:
		o->key = arg;
		break;
	case OPT_HELP:
		fputs(usage_text, stdout);
		exit(0);
	case '?':
		fputs(usage_text, stderr);
		exit(64);
	default:
		set_load(&o->load, opt, arg);
	}
}

/* --- the standard set ------------------------------------------------------------ */

static bool
wanted(const struct options *o, const char *name)
{
	return o->only == NULL || fnmatch(o->only, name, 0) == 0;
}

static void
load_all(struct options *o, const struct lab *lab, struct report *r,
    unsigned round)
{
	for (unsigned i = 0; i < bench_ncases; i++) {
		const struct bench_case *c = &bench_cases[i];

		if (c->run != NULL || round >= c->rounds ||
		    !wanted(o, c->name))
			continue;
		for (unsigned k = 0; k < o->ntargets; k++) {
			struct target *t =
			    &o->targets[(k + round + i) % o->ntargets];

			if (c->own && strcmp(t->name, "muster") != 0)
				continue;
			if (t->nats && !c->nats)
				continue;
			case_load(c, lab, t, r, o->speed);
		}
	}
}

static void
run_round(struct options *o, const struct lab *lab, struct report *r,
    unsigned round)
{
	case_limits(lab, r, o->speed);
	for (unsigned k = 0; k < o->ntargets; k++)
		if (!target_start(&o->targets[k], lab))
			die("%s does not start", o->targets[k].name);
	load_all(o, lab, r, round);
	for (unsigned k = 0; k < o->ntargets; k++)
		target_stop(&o->targets[k]);
	for (unsigned i = 0; i < bench_ncases; i++) {
		const struct bench_case *c = &bench_cases[i];

		if (c->run != NULL && round < c->rounds && wanted(o, c->name))
			c->run(c, lab, r);
	}
}

/* Another program for comparison, if it is there. */
static void
add_nats(struct options *o)
{
	static char path[4096];
	struct target *t = &o->targets[o->ntargets];

	if (o->no_nats || o->ntargets == TARGETS_MAX)
		return;
	if (!nats_find(path, sizeof path)) {
		note("nats-server is not installed: nothing is compared with "
		     "it");
		return;
	}
	t->name = "nats";
	t->command = path;
	t->nats = true;
	o->ntargets++;
}

static int
standard_set(struct options *o)
{
	struct report r = { NULL };
	unsigned rounds = o->rounds, missed;
	struct lab lab;

	for (unsigned i = 0; o->rounds == 0 && i < bench_ncases; i++)
		if (wanted(o, bench_cases[i].name) &&
		    bench_cases[i].rounds > rounds)
			rounds = bench_cases[i].rounds;
	add_nats(o);
	lab_open(&lab, o->programs, o->cipher, o->plain);
	for (unsigned i = 0; i < rounds; i++) {
		if (isatty(2))
			note("round %u of %u", i + 1, rounds);
		run_round(o, &lab, &r, i);
	}
	lab_close(&lab);
	report_table(&r, stdout);
	missed = report_gates(&r, stdout, false);
	if (o->earlier != NULL)
		report_compare(&r, o->earlier, stdout);
	if (o->json != NULL && !report_json(&r, o->json))
		return 1;
	report_free(&r);
	return o->gates && missed > 0 ? 2 : 0;
}

static void
list_cases(void)
{
	for (unsigned i = 0; i < bench_ncases; i++)
		printf("%-16s %s\n", bench_cases[i].name, bench_cases[i].text);
}

/* --- one load -------------------------------------------------------------------- */

static int
one_load(const struct options *o)
{
	struct load_result *r = xalloc(sizeof *r);
	SSL_CTX *ctx = NULL;
	int rc;

	if (o->ca != NULL && o->cert != NULL && o->key != NULL)
		ctx = tls_context(o->ca, o->cert, o->key, o->cipher);
	else if (!o->plain)
		die("--ca, --cert and --key, or --plain");
	load_run(&o->load, ctx, o->port, o->pid, r);
	printf("{\"seconds\": %.3f, \"events\": %ju, \"deliveries\": %ju, "
	    "\"target_ns\": %ju, \"own_ns\": %ju, \"sent\": %ju, "
	    "\"lost\": %ju, \"duplicate\": %ju, \"reordered\": %ju, "
	    "\"corrupt\": %ju, \"stalls\": %ju, \"churned\": %ju, "
	    "\"rss\": %ju, \"p50_us\": %.1f, \"p90_us\": %.1f, "
	    "\"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f, "
	    "\"why\": \"%s\"}\n",
	    r->seconds, (uintmax_t)r->events, (uintmax_t)r->deliveries,
	    (uintmax_t)r->target_ns, (uintmax_t)r->own_ns, (uintmax_t)r->sent,
	    (uintmax_t)r->lost, (uintmax_t)r->duplicate,
	    (uintmax_t)r->reordered, (uintmax_t)r->corrupt,
	    (uintmax_t)r->stalls, (uintmax_t)r->churned, (uintmax_t)r->rss,
	    (double)hist_at(&r->latency, 0.5) / 1e3,
	    (double)hist_at(&r->latency, 0.9) / 1e3,
	    (double)hist_at(&r->latency, 0.99) / 1e3,
	    (double)hist_at(&r->latency, 0.999) / 1e3,
	    (double)r->latency.max / 1e3, r->why);
	rc = r->why[0] == '\0' ? 0 : 1;
	free(r);
	SSL_CTX_free(ctx);
	return rc;
}

/* Connections, as many as the system lets us have. */
static void
more_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

int
main(int argc, char **argv)
{
	struct options o = { .programs = "build", .speed = 1 };
	int c;

	if (argc == 5 && strcmp(argv[1], "--start-only") == 0) {
		SSL_CTX_free(tls_context(argv[2], argv[3], argv[4], NULL));
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	more_files();
	o.targets[o.ntargets++].name = "muster";
	o.targets[o.ntargets++].name = "probe";
	o.load = (struct load){ .publishers = 1, .subscribers = 1,
		.payload = EVENT_SMALL, .window = 4096, .warm_s = 0.2,
		.run_s = 1 };
	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
		set(&o, c == 'h' ? OPT_HELP : c, optarg);
	if (o.load.publishers == 0 || o.load.subscribers <= o.load.stopped)
		die("a publisher and a subscriber that reads are needed");
	if (o.self_test)
		return self_test(o.programs);
	if (o.port > 0)
		return one_load(&o);
	if (o.only != NULL && strcmp(o.only, "list") == 0) {
		list_cases();
		return 0;
	}
	return standard_set(&o);
}
