/* How a round of a load is run; see cases.h. */
#include "cases.h"

#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "limits.h"

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
	l.nats = t->nats;
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
