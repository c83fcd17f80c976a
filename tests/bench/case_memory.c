/* Resident memory with idle peers and after a load, CPU while idle. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cases.h"
#include "event.h"
#include "proc.h"

/* Answer pings for so long. */
static void
attend(struct net *n, uint64_t ns)
{
	for (uint64_t end = now_ns() + ns; now_ns() < end;)
		net_turn(n, 20 * MS);
}

/* rss grown per peer with count idle ones; cpu: per cent while idle. */
static double
idle_peers(
    const struct target *t, const struct lab *lab, unsigned count, double *cpu)
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
	struct load l = { .publishers = 1,
		.subscribers = 8,
		.payload = EVENT_SMALL,
		.window = CASE_WINDOW_SMALL,
		.warm_s = 0.2,
		.run_s = 0.8 };
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

void
case_memory(
    const struct bench_case *c, const struct lab *lab, struct report *rep)
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
	report_add(
	    rep, c->name, "muster", "bytes/peer after", after_load(&t, lab));
	target_stop(&t);
}
