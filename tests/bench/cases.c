/* What is measured; see cases.h. */
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event.h"
#include "limits.h"
#include "proc.h"

#define WINDOW_SMALL 4096 /* below every default limit of a queue */
#define WINDOW_1K    2048
#define WINDOW_16K   256

static void run_memory(const struct bench_case *, const struct lab *,
    struct report *);
static void run_start(const struct bench_case *, const struct lab *,
    struct report *);

#define CLOSED(p, s, size, w)                                          \
	.publishers = (p), .subscribers = (s), .payload = (size),      \
	.window = (w), .warm_s = 0.2, .run_s = 0.8
#define RATE(r, w, t)                                                  \
	.publishers = 1, .subscribers = 1, .payload = EVENT_SMALL,     \
	.rate = (r), .warm_s = (w), .run_s = (t)

/* clang-format off */
const struct bench_case bench_cases[] = {
	{ "relay-150", "1 publisher, 1 subscriber, 150 B",
	    { CLOSED(1, 1, EVENT_SMALL, WINDOW_SMALL) }, .rounds = 9 },
	{ "relay-1k", "the same, 1 KiB",
	    { CLOSED(1, 1, EVENT_MEDIUM, WINDOW_1K) }, .rounds = 5 },
	{ "relay-16k", "the same, 16 KiB",
	    { CLOSED(1, 1, EVENT_LARGE, WINDOW_16K) }, .rounds = 5 },
	{ "fan-8-150", "1 publisher, 8 subscribers, 150 B",
	    { CLOSED(1, 8, EVENT_SMALL, WINDOW_SMALL) }, .rounds = 5 },
	{ "fan-in-150", "8 publishers, 1 subscriber, 150 B",
	    { CLOSED(8, 1, EVENT_SMALL, WINDOW_SMALL / 8) }, .rounds = 3 },
	{ "latency-1k", "1000 events per second",
	    { RATE(1000, 0.2, 1.0) }, .rounds = 5 },
	{ "latency-10k", "10000 events per second",
	    { RATE(10000, 0.2, 1.0) }, .rounds = 5 },
	{ "latency-20", "20 events per second",
	    { RATE(20, 0.1, 1.5) }, .rounds = 5 },
	{ "echo-1k", "there and back, 1000 per second",
	    { RATE(1000, 0.2, 0.8), .echoes = 1 }, .rounds = 3 },
	{ "topics-4096", "4096 topics by Zipf's law",
	    { CLOSED(1, 1, EVENT_SMALL, WINDOW_SMALL), .topics = 4096 },
	    .rounds = 3, .own = true },
	{ "topics-65535", "65535 topics by Zipf's law",
	    { CLOSED(1, 1, EVENT_SMALL, WINDOW_SMALL), .topics = 65535 },
	    .rounds = 3, .own = true },
	{ "peers-2x1", "for comparison with the next",
	    { CLOSED(1, 1, EVENT_SMALL, WINDOW_SMALL) },
	    .rounds = 3, .own = true },
	{ "peers-200x100", "198 idle peers and the subscriber, 100 prefixes",
	    { CLOSED(1, 1, EVENT_SMALL, WINDOW_SMALL), .idle = 198,
	        .prefixes = 100 }, .rounds = 3, .own = true },
	{ "stopped-none", "for comparison: 1 to 7",
	    { CLOSED(1, 7, EVENT_SMALL, WINDOW_SMALL) },
	    .rounds = 3, .own = true },
	{ "stopped-reader", "1 to 8, one of which does not read",
	    { CLOSED(1, 8, EVENT_SMALL, WINDOW_SMALL), .stopped = 1 },
	    .rounds = 3, .own = true },
	{ "churn", "1 to 1 while a peer comes and goes",
	    { CLOSED(1, 1, EVENT_SMALL, WINDOW_SMALL), .churn = true,
	        .prefixes = 10 }, .rounds = 3, .own = true },
	{ "memory", "resident memory and CPU while idle",
	    { .publishers = 0 }, .rounds = 2, .own = true, .run = run_memory },
	{ "start-5", "a cluster of 5, exec to cluster_started",
	    { .publishers = 0 }, .rounds = 5, .own = true, .run = run_start,
	    .number = 5 },
	{ "start-20", "a cluster of 20",
	    { .publishers = 0 }, .rounds = 3, .own = true, .run = run_start,
	    .number = 20 },
	{ "start-50", "a cluster of 50",
	    { .publishers = 0 }, .rounds = 2, .own = true, .run = run_start,
	    .number = 50 },
};
/* clang-format on */
const unsigned bench_ncases = sizeof bench_cases / sizeof bench_cases[0];

/* --- loads ----------------------------------------------------------------------- */

static void
add_latency(struct report *rep, const char *load, const char *target,
    const struct load_result *r)
{
	static const struct {
		const char *name;
		double q;
	} points[] = { { "p50 us", 0.5 }, { "p90 us", 0.9 },
		{ "p99 us", 0.99 }, { "p99.9 us", 0.999 } };

	for (size_t i = 0; i < sizeof points / sizeof points[0]; i++)
		report_add(rep, load, target, points[i].name,
		    (double)hist_at(&r->latency, points[i].q) / 1e3);
	report_add(rep, load, target, "max us", (double)r->latency.max / 1e3);
	report_add(rep, load, target, "sent late p99 us",
	    (double)hist_at(&r->late, 0.99) / 1e3);
}

static void
add_rates(struct report *rep, const char *load, const char *target,
    const struct load *l, const struct load_result *r)
{
	double events = (double)r->events;
	double frame = l->payload + WIRE_TOPIC + EVENT_TOPIC;

	report_add(rep, load, target, "events/s", events / r->seconds);
	report_add(rep, load, target, "frame bytes/s",
	    events * frame / r->seconds);
	if (r->target_ns > 0) {
		report_add(rep, load, target, "us/event",
		    (double)r->target_ns / 1e3 / events);
		report_add(rep, load, target, "switches/event",
		    (double)r->switches / events);
	}
	report_add(rep, load, target, "generator us/event",
	    (double)r->own_ns / 1e3 / events);
	if (l->subscribers == 1)
		return;
	report_add(rep, load, target, "deliveries/s",
	    (double)r->deliveries / r->seconds);
	if (r->target_ns > 0)
		report_add(rep, load, target, "us/delivery",
		    (double)r->target_ns / 1e3 / (double)r->deliveries);
}

void
case_load(const struct bench_case *c, const struct lab *lab,
    const struct target *t, struct report *rep, double speed)
{
	struct load l = c->load;
	struct load_result *r = xalloc(sizeof *r);

	l.run_s *= speed;
	load_run(&l, lab->ctx, t->port, t->pid, r);
	if (r->why[0] != '\0') {
		report_failed(rep, c->name, t->name, r->why);
		free(r);
		return;
	}
	if (l.rate > 0)
		add_latency(rep, c->name, t->name, r);
	else
		add_rates(rep, c->name, t->name, &l, r);
	if (l.rate > 0 && r->target_ns > 0)
		report_add(rep, c->name, t->name, "us/event",
		    (double)r->target_ns / 1e3 / (double)r->events);
	if (l.stopped > 0)
		report_add(rep, c->name, t->name, "rss bytes", (double)r->rss);
	if (l.churn)
		report_add(rep, c->name, t->name, "connections/s",
		    (double)r->churned / r->seconds);
	free(r);
}

void
case_limits(const struct lab *lab, struct report *rep, double speed)
{
	struct limit_stream s;
	struct hist *h;

	if (lab->plain)
		return;
	limit_stream(lab->ctx, 0.5 * speed, &s);
	report_add(rep, "limit", "-", "bytes/s", s.bytes_per_s);
	report_add(rep, "limit", "-", "relay bytes/s", 1e9 / s.cpu_per_byte);
	h = xalloc(sizeof *h);
	limit_hop(lab->ctx, 0.7 * speed, h);
	report_add(rep, "limit", "-", "hop p50 us",
	    (double)hist_at(h, 0.5) / 1e3);
	report_add(rep, "limit", "-", "hop p99 us",
	    (double)hist_at(h, 0.99) / 1e3);
	free(h);
}

/* --- memory ---------------------------------------------------------------------- */

/* Answer pings for so long. */
static void
attend(struct net *n, uint64_t ns)
{
	for (uint64_t end = now_ns() + ns; now_ns() < end;)
		net_turn(n, 20 * MS);
}

/* rss grown per peer with count idle ones; cpu: per cent while idle. */
static double
idle_peers(const struct target *t, const struct lab *lab, unsigned count,
    double *cpu)
{
	struct peer **p = xalloc(count * sizeof *p);
	uint64_t before = proc_rss(t->pid), since, start;
	double grown;
	struct net n;

	net_init(&n, lab->ctx);
	for (unsigned i = 0; i < count; i++) {
		p[i] = peer_open(&n, t->port, i % 2 == 0, NULL, 5 * SEC);
		if (p[i] == NULL)
			die("peer %u was not accepted", i);
	}
	attend(&n, 3 * SEC);
	grown = ((double)proc_rss(t->pid) - (double)before) / count;
	since = proc_cpu(t->pid);
	start = now_ns();
	attend(&n, 3 * SEC);
	*cpu = (double)(proc_cpu(t->pid) - since) * 100 /
	    (double)(now_ns() - start);
	for (unsigned i = 0; i < count; i++)
		peer_free(p[i]);
	net_clear(&n);
	free(p);
	return grown;
}

/* What is left of a saturating run, per peer of it, after some seconds. */
static double
after_load(const struct target *t, const struct lab *lab)
{
	struct load l = { CLOSED(1, 8, EVENT_SMALL, WINDOW_SMALL) };
	struct load_result *r = xalloc(sizeof *r);
	uint64_t before = proc_rss(t->pid), least = UINT64_MAX;

	load_run(&l, lab->ctx, t->port, t->pid, r);
	free(r);
	for (uint64_t end = now_ns() + 11 * SEC; now_ns() < end;) {
		uint64_t now = proc_rss(t->pid);

		least = now < least ? now : least;
		usleep(100000);
	}
	return least > before ? (double)(least - before) / 9 : 0;
}

static void
run_memory(const struct bench_case *c, const struct lab *lab,
    struct report *rep)
{
	static const unsigned counts[] = { 8, 64, 200 };
	struct target t = { .name = "muster" };
	char name[32];
	double cpu;

	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
		double grown;

		if (!target_start(&t, lab))
			die("muster does not start");
		usleep(200000);
		if (i == 0)
			report_add(rep, c->name, "muster", "rss bytes",
			    (double)proc_rss(t.pid));
		grown = idle_peers(&t, lab, counts[i], &cpu);
		snprintf(name, sizeof name, "bytes/peer of %u", counts[i]);
		report_add(rep, c->name, "muster", name, grown);
		if (counts[i] == 64)
			report_add(rep, c->name, "muster", "idle cpu %", cpu);
		target_stop(&t);
	}
	if (!target_start(&t, lab))
		die("muster does not start");
	report_add(rep, c->name, "muster", "bytes/peer after",
	    after_load(&t, lab));
	target_stop(&t);
}

/* --- start ----------------------------------------------------------------------- */

static void
run_start(const struct bench_case *c, const struct lab *lab,
    struct report *rep)
{
	static double handshake, start;
	double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
	double cpu, seconds, floor;
	unsigned links;

	if (handshake <= 0 && !lab->plain) {
		handshake = limit_handshake(lab->ctx) / 1e9;
		start = limit_start("/proc/self/exe", lab->ca, lab->cert,
		    lab->key) / 1e9;
		report_add(rep, "limit", "-", "handshake us", handshake * 1e6);
		report_add(rep, "limit", "-", "process start us", start * 1e6);
	}
	seconds = cluster_start(lab, c->number, &cpu, &links);
	if (seconds < 0) {
		report_failed(rep, c->name, "muster", "it did not start");
		return;
	}
	report_add(rep, c->name, "muster", "seconds", seconds);
	report_add(rep, c->name, "muster", "cpu s", cpu / 1e9);
	/* with the supervisor */
	floor = links * handshake + (c->number + 1) * start;
	report_add(rep, c->name, "-", "floor s", floor / cores);
	report_add(rep, c->name, "-", "floor cpu s", floor);
}
