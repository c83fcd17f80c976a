/* From exec to cluster_started, against what handshakes and processes must
 * cost. */
#include <unistd.h>

#include "cases.h"
#include "limits.h"

void
case_start(
    const struct bench_case *c, const struct lab *lab, struct report *rep)
{
	static double handshake, start;
	double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
	double cpu, seconds, floor;
	unsigned links;

	if (handshake <= 0 && !lab->plain) {
		handshake = limit_handshake(lab->ctx) / 1e9;
		start = limit_start(
			    "/proc/self/exe", lab->ca, lab->cert, lab->key) /
			1e9;
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
