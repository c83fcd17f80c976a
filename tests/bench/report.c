/* Medians, tables, JSON; see report.h. */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "util.h"

#define RESAMPLES 2000

/* --- series ---------------------------------------------------------------------- */

struct series *
report_find(const struct report *r, const char *load, const char *target,
    const char *quantity)
{
	for (size_t i = 0; i < r->n; i++) {
		struct series *s = &r->all[i];

		if (strcmp(s->load, load) == 0 &&
		    strcmp(s->target, target) == 0 &&
		    strcmp(s->quantity, quantity) == 0)
			return s;
	}
	return NULL;
}

static struct series *
find_or_add(struct report *r, const char *load, const char *target,
    const char *quantity)
{
	struct series *s = report_find(r, load, target, quantity);

	if (s != NULL)
		return s;
	if (r->n == r->cap) {
		r->cap = r->cap == 0 ? 64 : r->cap * 2;
		r->all = xrealloc(r->all, r->cap * sizeof *r->all);
	}
	s = &r->all[r->n++];
	memset(s, 0, sizeof *s);
	snprintf(s->load, sizeof s->load, "%s", load);
	snprintf(s->target, sizeof s->target, "%s", target);
	snprintf(s->quantity, sizeof s->quantity, "%s", quantity);
	return s;
}

void
report_add(struct report *r, const char *load, const char *target,
    const char *quantity, double v)
{
	struct series *s = find_or_add(r, load, target, quantity);

	if (s->n < ROUNDS_MAX)
		s->v[s->n++] = v;
}

void
report_failed(struct report *r, const char *load, const char *target,
    const char *why)
{
	struct series *s = find_or_add(r, load, target, "failed");

	s->failed++;
	snprintf(s->why, sizeof s->why, "%s", why);
}

void
report_free(struct report *r)
{
	free(r->all);
	memset(r, 0, sizeof *r);
}

/* --- statistics ------------------------------------------------------------------ */

static int
ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

double
median(const double *v, size_t n)
{
	double sorted[ROUNDS_MAX];

	if (n == 0)
		return 0;
	memcpy(sorted, v, n * sizeof *v);
	qsort(sorted, n, sizeof *sorted, ascending);
	return n % 2 == 1 ? sorted[n / 2]
			  : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

double
lowest(const double *v, size_t n)
{
	double x = n > 0 ? v[0] : 0;

	for (size_t i = 1; i < n; i++)
		x = v[i] < x ? v[i] : x;
	return x;
}

double
highest(const double *v, size_t n)
{
	double x = n > 0 ? v[0] : 0;

	for (size_t i = 1; i < n; i++)
		x = v[i] > x ? v[i] : x;
	return x;
}

double
spread(const struct series *s)
{
	double m = median(s->v, s->n);

	return s->n < 2 || m <= 0 ? 0
				  : (highest(s->v, s->n) - lowest(s->v, s->n)) /
		m;
}

/* The median of a drawing with replacement. */
static double
resample(const struct series *s, uint64_t *seed)
{
	double v[ROUNDS_MAX];

	for (size_t i = 0; i < s->n; i++) {
		*seed += UINT64_C(0x9e3779b97f4a7c15);
		v[i] = s->v[mix64(*seed) % s->n];
	}
	return median(v, s->n);
}

void
ratio_interval(const struct series *a, const struct series *b, double out[2])
{
	static double ratios[RESAMPLES];
	uint64_t seed = 1;

	for (size_t i = 0; i < RESAMPLES; i++) {
		double below = b == NULL ? 1 : resample(b, &seed);

		ratios[i] = below > 0 ? resample(a, &seed) / below : 0;
	}
	qsort(ratios, RESAMPLES, sizeof ratios[0], ascending);
	out[0] = ratios[RESAMPLES / 20];
	out[1] = ratios[RESAMPLES - RESAMPLES / 20];
}

/* --- the table ------------------------------------------------------------------- */

static void
number(char *to, size_t size, double v)
{
	const char *unit = "";

	if (v >= 1e9) {
		v /= 1e9;
		unit = "G";
	} else if (v >= 1e6) {
		v /= 1e6;
		unit = "M";
	} else if (v >= 1e4) {
		v /= 1e3;
		unit = "k";
	}
	snprintf(to, size, v >= 100 ? "%.0f%s" : v >= 10 ? "%.1f%s" : "%.3f%s",
	    v, unit);
}

void
report_table(const struct report *r, FILE *f)
{
	fprintf(f, "%-22s %-8s %-18s %9s %9s %9s  %s\n", "case", "target",
	    "quantity", "median", "min", "max", "rounds");
	for (size_t i = 0; i < r->n; i++) {
		const struct series *s = &r->all[i];
		char m[32], lo[32], hi[32];

		if (s->failed > 0) {
			fprintf(f, "%-22s %-8s %zu runs mean nothing: %s\n",
			    s->load, s->target, s->failed, s->why);
			continue;
		}
		number(m, sizeof m, median(s->v, s->n));
		number(lo, sizeof lo, lowest(s->v, s->n));
		number(hi, sizeof hi, highest(s->v, s->n));
		fprintf(f, "%-22s %-8s %-18s %9s %9s %9s  %zu\n", s->load,
		    s->target, s->quantity, m, lo, hi, s->n);
	}
}

/* --- JSON ------------------------------------------------------------------------ */

bool
report_json(const struct report *r, const char *path)
{
	FILE *f = fopen(path, "w");
	char when[32];
	time_t t = time(NULL);
	bool ok;

	if (f == NULL) {
		note("%s: %s", path, strerror(errno));
		return false;
	}
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime(&t));
	fprintf(f, "{\"version\": 1, \"date\": \"%s\",\n\"results\": [\n", when);
	for (size_t i = 0; i < r->n; i++) {
		const struct series *s = &r->all[i];

		fprintf(f, "{\"case\": \"%s\", \"target\": \"%s\", "
		    "\"quantity\": \"%s\", \"median\": %.9g, \"min\": %.9g, "
		    "\"max\": %.9g, \"failed\": %zu, \"rounds\": [",
		    s->load, s->target, s->quantity, median(s->v, s->n),
		    lowest(s->v, s->n), highest(s->v, s->n), s->failed);
		for (size_t k = 0; k < s->n; k++)
			fprintf(f, "%s%.9g", k > 0 ? ", " : "", s->v[k]);
		fprintf(f, "]}%s\n", i + 1 < r->n ? "," : "");
	}
	fprintf(f, "],\n\"gates\": [\n");
	report_gates(r, f, true);
	fprintf(f, "]}\n");
	ok = fclose(f) == 0;
	if (!ok)
		note("%s: %s", path, strerror(errno));
	return ok;
}

/* Our own lines; whatever else stands in the file is passed over. */
void
report_compare(const struct report *r, const char *path, FILE *f)
{
	FILE *in = fopen(path, "r");
	char line[4096];

	if (in == NULL) {
		note("%s: %s", path, strerror(errno));
		return;
	}
	fprintf(f, "\n%-22s %-8s %-18s %9s %9s %7s\n", "case", "target",
	    "quantity", "then", "now", "ratio");
	while (fgets(line, sizeof line, in) != NULL) {
		char load[40], target[24], quantity[24], a[32], b[32];
		const struct series *s;
		double then, now;

		if (sscanf(line, "{\"case\": \"%39[^\"]\", \"target\": "
		    "\"%23[^\"]\", \"quantity\": \"%23[^\"]\", "
		    "\"median\": %lf", load, target, quantity, &then) != 4)
			continue;
		s = report_find(r, load, target, quantity);
		if (s == NULL || s->n == 0)
			continue;
		now = median(s->v, s->n);
		number(a, sizeof a, then);
		number(b, sizeof b, now);
		fprintf(f, "%-22s %-8s %-18s %9s %9s %7.2f\n", load, target,
		    quantity, a, b, then > 0 ? now / then : 0);
	}
	fclose(in);
}
