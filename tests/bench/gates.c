/*
 * The targets of the design.  Each is a quotient of two medians of one run;
 * "broker" is judged when a target of that name was given.  Those with a prime
 * stand for it otherwise: the same bounds, in units of what the probe reached
 * against the same endpoint.
 */
#include <string.h>

#include "report.h"

#define UNSTEADY 0.40 /* a limit that varies more judges nothing */

struct of {
	const char *load, *target, *quantity; /* load NULL: 1 */
};

struct gate {
	const char *name;
	const char *text;
	struct of a, b;
	double scale;     /* of the quotient */
	bool most;        /* gate and goal are upper bounds */
	double gate, goal;
	const char *steady; /* the limit that must not vary: a quantity */
};

#define M(load, quantity) { load, "muster", quantity }
#define ONE               { NULL, NULL, NULL }

/* clang-format off */
static const struct gate gates[] = {
	{ "T1", "relay 150 B, events/s : broker",
	    M("relay-150", "events/s"), { "relay-150", "broker", "events/s" },
	    1, false, 6, 10, "bytes/s" },
	{ "T1b", "relay 150 B, share of one coalesced TLS hop",
	    M("relay-150", "frame bytes/s"), { "limit", "-", "bytes/s" },
	    1, false, 0.15, 0.28, "bytes/s" },
	{ "T1c", "relay 150 B, share of what one relay core encrypts",
	    M("relay-150", "frame bytes/s"), { "limit", "-", "relay bytes/s" },
	    1, false, 0.28, 0.48, "bytes/s" },
	{ "T1d", "relay 150 B, CPU us per event",
	    M("relay-150", "us/event"), ONE,
	    1, true, 0.60, 0.35, "bytes/s" },
	{ "T1'", "relay 150 B, events/s : probe",
	    M("relay-150", "events/s"), { "relay-150", "probe", "events/s" },
	    1, false, 0.35, 0.59, "bytes/s" },
	{ "T1d'", "relay 150 B, CPU per event : probe",
	    M("relay-150", "us/event"), { "relay-150", "probe", "us/event" },
	    1, true, 3.0, 1.75, "bytes/s" },
	{ "T2", "fan-out 1 to 8, 150 B, deliveries/s : broker",
	    M("fan-8-150", "deliveries/s"),
	    { "fan-8-150", "broker", "deliveries/s" },
	    1, false, 5, 8, "bytes/s" },
	{ "T2b", "fan-out 1 to 8, 150 B, CPU us per delivery",
	    M("fan-8-150", "us/delivery"), ONE,
	    1, true, 0.25, 0.17, "bytes/s" },
	{ "T2'", "fan-out 1 to 8, deliveries/s : probe",
	    M("fan-8-150", "deliveries/s"),
	    { "fan-8-150", "probe", "deliveries/s" },
	    1, false, 0.5, 0.8, "bytes/s" },
	{ "T2b'", "fan-out 1 to 8, CPU per delivery : probe",
	    M("fan-8-150", "us/delivery"),
	    { "fan-8-150", "probe", "us/delivery" },
	    1, true, 1.92, 1.31, "bytes/s" },
	{ "T3", "relay 1 KiB, events/s : broker",
	    M("relay-1k", "events/s"), { "relay-1k", "broker", "events/s" },
	    1, false, 3, 4, "bytes/s" },
	{ "T3'", "relay 1 KiB, events/s : probe",
	    M("relay-1k", "events/s"), { "relay-1k", "probe", "events/s" },
	    1, false, 0.56, 0.74, "bytes/s" },
	{ "T3b", "relay 16 KiB, CPU per event : broker",
	    M("relay-16k", "us/event"), { "relay-16k", "broker", "us/event" },
	    1, true, 0.60, 0.50, "bytes/s" },
	{ "T3b'", "relay 16 KiB, CPU per event : probe",
	    M("relay-16k", "us/event"), { "relay-16k", "probe", "us/event" },
	    1, true, 1.43, 1.19, "bytes/s" },
	{ "T4", "p50 at 1k/s : broker",
	    M("latency-1k", "p50 us"), { "latency-1k", "broker", "p50 us" },
	    1, true, 0.90, 0.65, "hop p50 us" },
	{ "T4", "p99 at 1k/s : broker",
	    M("latency-1k", "p99 us"), { "latency-1k", "broker", "p99 us" },
	    1, true, 0.90, 0.65, "hop p50 us" },
	{ "T4b", "p50 at 10k/s : broker",
	    M("latency-10k", "p50 us"), { "latency-10k", "broker", "p50 us" },
	    1, true, 0.65, 0.50, "hop p50 us" },
	{ "T4b", "p99 at 10k/s : broker",
	    M("latency-10k", "p99 us"), { "latency-10k", "broker", "p99 us" },
	    1, true, 0.65, 0.50, "hop p50 us" },
	{ "T4c", "p50 at 1k/s : one TLS hop",
	    M("latency-1k", "p50 us"), { "limit", "-", "hop p50 us" },
	    1, true, 4.5, 2.8, "hop p50 us" },
	{ "-", "p50 at 1k/s : probe",
	    M("latency-1k", "p50 us"), { "latency-1k", "probe", "p50 us" },
	    1, true, 0, 0, "hop p50 us" },
	{ "-", "p99 at 1k/s : probe",
	    M("latency-1k", "p99 us"), { "latency-1k", "probe", "p99 us" },
	    1, true, 0, 0, "hop p50 us" },
	{ "T4b'", "p50 at 10k/s : probe",
	    M("latency-10k", "p50 us"), { "latency-10k", "probe", "p50 us" },
	    1, true, 1.55, 1.19, "hop p50 us" },
	{ "T4d", "p50 at 20/s : broker",
	    M("latency-20", "p50 us"), { "latency-20", "broker", "p50 us" },
	    1, true, 0.80, 0.65, "hop p50 us" },
	{ "T4d'", "p50 at 20/s : probe",
	    M("latency-20", "p50 us"), { "latency-20", "probe", "p50 us" },
	    1, true, 1.38, 1.12, "hop p50 us" },
	{ "T5", "CPU per event, 200 peers of 100 prefixes : 2 of 1",
	    M("peers-200x100", "us/event"), M("peers-2x1", "us/event"),
	    1, true, 1.5, 1.15, "bytes/s" },
	{ "T5", "CPU per event, 1000 peers of 100 prefixes : 2 of 1",
	    M("peers-1000x100", "us/event"), M("peers-2x1", "us/event"),
	    1, true, 1.5, 1.15, "bytes/s" },
	{ "T6", "resident MiB without peers",
	    M("memory", "rss bytes"), ONE,
	    1.0 / (1 << 20), true, 10, 7, NULL },
	{ "T6b", "resident KiB per idle peer, 64 peers",
	    M("memory", "bytes/peer of 64"), ONE,
	    1.0 / 1024, true, 64, 40, NULL },
	{ "T6b", "resident KiB per idle peer, 200 peers",
	    M("memory", "bytes/peer of 200"), ONE,
	    1.0 / 1024, true, 64, 40, NULL },
	{ "T6c", "KiB per peer above idle, 10 s after a saturating run",
	    M("memory", "bytes/peer after"), ONE,
	    1.0 / 1024, true, 64, 64, NULL },
	{ "T6d", "idle CPU % with 64 peers",
	    M("memory", "idle cpu %"), ONE,
	    1, true, 0.2, 0.05, NULL },
	{ "T7", "confirmed durable puts, one at a time : raw LMDB",
	    M("store-puts", "puts/s by 1"),
	    { "limit", "-", "raw puts/s by 1" },
	    1, false, 0.75, 0.90, "raw puts/s by 1" },
	{ "T7b", "100 outstanding : raw LMDB, 100 per transaction",
	    M("store-puts", "puts/s by 100"),
	    { "limit", "-", "raw puts/s by 100" },
	    1, false, 0.50, 0.75, "raw puts/s by 100" },
	{ "T8", "s for a daemon's copy of a million pairs",
	    M("store-copy", "s/M, daemon"), ONE,
	    1, true, 2.5, 1.2, "bytes/s" },
	{ "T8b", "MiB the master grew by meanwhile",
	    M("store-copy", "master grew"), ONE,
	    1.0 / (1 << 20), true, 128, 32, NULL },
	{ "-", "the same, when the copy is on LMDB, too",
	    M("store-copy", "s/M, daemon, lmdb"), ONE,
	    1, true, 0, 0, "bytes/s" },
	{ "T8b", "MiB beyond files of the daemon with that copy",
	    M("store-copy", "clone bytes, lmdb"), ONE,
	    1.0 / (1 << 20), true, 128, 32, NULL },
	{ "T9", "p50 us of a get from a copy, over the control socket",
	    M("store-copy", "p50 us/get"), ONE,
	    1, true, 60, 45, "hop p50 us" },
	{ "T9b", "gets/s from a copy of the store library",
	    M("store-copy", "gets/s, in process"), ONE,
	    1, false, 200e3, 500e3, "bytes/s" },
	{ "-", "gets/s over the control socket, 512 at a time",
	    M("store-copy", "gets/s"), ONE,
	    1, false, 0, 0, "bytes/s" },
	{ "-", "one of 8 readers stopped: rate of the others",
	    M("stopped-reader", "events/s"), M("stopped-none", "events/s"),
	    1, false, 0.9, 1, "bytes/s" },
	{ "-", "logger, TSV, CPU per record : gzip of its line",
	    M("logs-tsv", "us/record"), { "logs-tsv", "-", "gzip us/record" },
	    1, true, 0, 0, NULL },
	{ "-", "logger, JSON, CPU per record : gzip of its line",
	    M("logs-json", "us/record"), { "logs-json", "-", "gzip us/record" },
	    1, true, 0, 0, NULL },
	{ "-", "logger, TSV, gzip, CPU per record : gzip of its line",
	    M("logs-tsv-gzip", "us/record"),
	    { "logs-tsv", "-", "gzip us/record" }, 1, true, 0, 0, NULL },
	{ "-", "logger, JSON, gzip, CPU per record : gzip of its line",
	    M("logs-json-gzip", "us/record"),
	    { "logs-json", "-", "gzip us/record" }, 1, true, 0, 0, NULL },
	{ "-", "logger, TSV, zstd, CPU per record : zstd of its line",
	    M("logs-tsv-zstd", "us/record"),
	    { "logs-tsv", "-", "zstd us/record" }, 1, true, 0, 0, NULL },
	{ "-", "logger, JSON, zstd, CPU per record : zstd of its line",
	    M("logs-json-zstd", "us/record"),
	    { "logs-json", "-", "zstd us/record" }, 1, true, 0, 0, NULL },
	{ "-", "start of 5 nodes : floor",
	    M("start-5", "seconds"), { "start-5", "-", "floor s" },
	    1, true, 2, 1.5, NULL },
	{ "-", "start of 20 nodes : floor",
	    M("start-20", "seconds"), { "start-20", "-", "floor s" },
	    1, true, 2, 1.4, NULL },
	{ "-", "start of 50 nodes : floor",
	    M("start-50", "seconds"), { "start-50", "-", "floor s" },
	    1, true, 2, 1.5, NULL },
	{ "-", "start of 200 nodes : floor",
	    M("start-200", "seconds"), { "start-200", "-", "floor s" },
	    1, true, 2, 1.5, NULL },
	{ "-", "CPU of the start of 5 nodes : floor",
	    M("start-5", "cpu s"), { "start-5", "-", "floor cpu s" },
	    1, true, 0, 0, NULL },
	{ "-", "CPU of the start of 20 nodes : floor",
	    M("start-20", "cpu s"), { "start-20", "-", "floor cpu s" },
	    1, true, 0, 0, NULL },
	{ "-", "CPU of the start of 50 nodes : floor",
	    M("start-50", "cpu s"), { "start-50", "-", "floor cpu s" },
	    1, true, 0, 0, NULL },
	{ "-", "CPU of the start of 200 nodes : floor",
	    M("start-200", "cpu s"), { "start-200", "-", "floor cpu s" },
	    1, true, 0, 0, NULL },
	{ "T3c", "relay 150 B, events/s : nats",
	    M("relay-150", "events/s"), { "relay-150", "nats", "events/s" },
	    1, false, 1, 1.5, "bytes/s" },
};
/* clang-format on */

static const struct series *
of(const struct report *r, const struct of *o)
{
	const struct series *s = report_find(r, o->load, o->target,
	    o->quantity);

	return s == NULL || s->n == 0 ? NULL : s;
}

static const char *
verdict(const struct report *r, const struct gate *g, double v)
{
	const struct series *limit = g->steady == NULL ? NULL
	    : report_find(r, "limit", "-", g->steady);

	if (g->gate == 0 && g->goal == 0)
		return "-";
	if (limit != NULL && spread(limit) > UNSTEADY)
		return "unsteady";
	if (g->most ? v <= g->goal : v >= g->goal)
		return "goal";
	return (g->most ? v <= g->gate : v >= g->gate) ? "gate" : "MISSED";
}

/* One gate; true: it was missed. */
static bool
judge(const struct report *r, const struct gate *g, FILE *f, bool json,
    unsigned n)
{
	const struct series *a = of(r, &g->a), *b = NULL;
	double v, range[2];
	const char *word;

	if (g->b.load != NULL)
		b = of(r, &g->b);
	if (a == NULL || (g->b.load != NULL && b == NULL))
		return false;
	ratio_interval(a, b, range);
	v = median(a->v, a->n) * g->scale;
	if (b != NULL)
		v /= median(b->v, b->n);
	word = verdict(r, g, v);
	if (json)
		fprintf(f, "%s{\"id\": \"%s\", \"text\": \"%s\", "
		    "\"value\": %.6g, \"low\": %.6g, \"high\": %.6g, "
		    "\"gate\": %g, \"goal\": %g, \"verdict\": \"%s\"}",
		    n > 0 ? ",\n" : "", g->name, g->text, v,
		    range[0] * g->scale, range[1] * g->scale, g->gate, g->goal,
		    word);
	else
		fprintf(f, "%-4s %-54s %8.3f %8.3f %8.3f %7g %7g  %s\n",
		    g->name, g->text, v, range[0] * g->scale,
		    range[1] * g->scale, g->gate, g->goal, word);
	return strcmp(word, "MISSED") == 0;
}

unsigned
report_gates(const struct report *r, FILE *f, bool json)
{
	unsigned missed = 0, n = 0;

	if (!json)
		fprintf(f, "\n%-4s %-54s %8s %8s %8s %7s %7s\n", "", "ratio",
		    "value", "5 %", "95 %", "gate", "goal");
	for (size_t i = 0; i < sizeof gates / sizeof gates[0]; i++) {
		const struct gate *g = &gates[i];

		if (of(r, &g->a) == NULL ||
		    (g->b.load != NULL && of(r, &g->b) == NULL))
			continue;
		missed += judge(r, g, f, json, n++) ? 1 : 0;
	}
	if (json && n > 0)
		fputc('\n', f);
	return missed;
}
