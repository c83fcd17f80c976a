/*
 * The generator is tested on the probe, which loses, doubles, delays or spoils
 * each 500th event on demand: a check that never fires is worth nothing.  Also
 * the histogram, and both handshake roles over TLS.
 */
#include "selftest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "load.h"
#include "report.h"
#include "target.h"

#define EVENTS 20000

static unsigned failures;

static void
claim(bool holds, const char *what)
{
	printf("%s %s\n", holds ? "ok  " : "FAIL", what);
	failures += holds ? 0 : 1;
}

/* EVENTS events through a probe with that fault. */
static void
through_probe(const struct lab *lab, const char *fault, struct load *l,
    struct load_result *r)
{
	struct target t = { .name = "probe" };

	setenv("BENCH_FAULT", fault, 1);
	l->publishers = 2;
	l->subscribers = 2;
	l->payload = l->payload == 0 ? EVENT_SMALL : l->payload;
	l->window = 1000;
	/* A machine may be slow: the number of events is what ends it. */
	l->run_s = l->run_s > 0 ? l->run_s : 60;
	l->most = EVENTS;
	if (!target_start(&t, lab))
		die("the probe does not start");
	load_run(l, lab->ctx, t.port, t.pid, r);
	target_stop(&t);
	unsetenv("BENCH_FAULT");
}

static void
check_faults(const struct lab *lab)
{
	struct load_result *r = xalloc(sizeof *r);
	struct load l = { .publishers = 0 };

	through_probe(lab, "none", &l, r);
	claim(r->why[0] == '\0' && r->sent == EVENTS && r->lost == 0 &&
	    r->deliveries == 2 * EVENTS, "a faithful relay has no faults");
	through_probe(lab, "double", &l, r);
	claim(r->why[0] != '\0' && r->duplicate > 0 && r->lost == 0 &&
	    r->corrupt == 0, "doubled events are seen");
	through_probe(lab, "late", &l, r);
	claim(r->why[0] != '\0' && r->reordered > 0 && r->duplicate == 0,
	    "late events are seen");
	through_probe(lab, "corrupt", &l, r);
	claim(r->why[0] != '\0' && r->corrupt > 0, "spoilt events are seen");
	/* Loss stops a closed loop only when the last event is lost: that may
	 * take all the time there is. */
	l.run_s = 5;
	through_probe(lab, "drop", &l, r);
	claim(r->why[0] != '\0' && r->lost > 0 && r->duplicate == 0 &&
	    r->reordered == 0, "lost events are seen");
	l.lossy = true;
	through_probe(lab, "drop", &l, r);
	claim(r->lost > 0, "losses are counted when they are permitted");
	free(r);
}

static void
check_tls(const struct lab *lab)
{
	static const unsigned sizes[] = { EVENT_SMALL, EVENT_MEDIUM,
		EVENT_LARGE };
	struct load_result *r = xalloc(sizeof *r);
	bool ok = true;

	for (size_t i = 0; i < 3; i++) {
		struct load l = { .payload = sizes[i] };

		if (!ok)
			break;
		through_probe(lab, "none", &l, r);
		ok = r->why[0] == '\0' && r->deliveries == 2 * EVENTS;
	}
	if (!ok)
		printf("     %s; %llu deliveries\n", r->why,
		    (unsigned long long)r->deliveries);
	claim(ok, "events of all sizes pass TLS, both handshake roles");
	memset(r, 0, sizeof *r);
	through_probe(lab, "none", &(struct load){ .rate = 20000,
	    .echoes = 1 }, r);
	claim(r->why[0] == '\0' && r->latency.n > 0 &&
	    hist_at(&r->latency, 0.5) > 1000, "echoes are timed");
	free(r);
}

static void
check_hist(void)
{
	struct hist *h = xalloc(sizeof *h);
	double p50, p99;

	for (uint64_t i = 1; i <= 100000; i++)
		hist_add(h, i * 1000);
	p50 = (double)hist_at(h, 0.5) / 5e7;
	p99 = (double)hist_at(h, 0.99) / 9.9e7;
	claim(p50 > 0.98 && p50 < 1.02 && p99 > 0.98 && p99 < 1.02 &&
	    h->max == 100000000, "percentiles are within two per cent");
	free(h);
}

static void
check_statistics(void)
{
	static const double odd[] = { 3, 1, 2 }, even[] = { 4, 1, 2, 3 };
	struct report r = { NULL };
	double range[2];

	for (int i = 0; i < 5; i++) {
		report_add(&r, "a", "x", "q", 10 + i);
		report_add(&r, "a", "y", "q", 5);
	}
	ratio_interval(report_find(&r, "a", "x", "q"),
	    report_find(&r, "a", "y", "q"), range);
	claim(median(odd, 3) > 1.99 && median(odd, 3) < 2.01 &&
	    median(even, 4) > 2.49 && median(even, 4) < 2.51 &&
	    range[0] >= 2 && range[1] <= 2.8 && range[0] <= range[1],
	    "medians and intervals");
	report_free(&r);
}

int
self_test(const char *programs)
{
	struct lab lab;

	check_hist();
	check_statistics();
	lab_open(&lab, programs, NULL, true);
	check_faults(&lab);
	lab_close(&lab);
	lab_open(&lab, programs, NULL, false);
	check_tls(&lab);
	lab_close(&lab);
	printf("%u failed\n", failures);
	return failures == 0 ? 0 : 1;
}
