/*
 * Values by case, target and quantity, one per round; their medians, ratios
 * and what to think of them.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define ROUNDS_MAX 32

struct series {
	char load[40];     /* the case */
	char target[24];
	char quantity[24]; /* with its unit */
	double v[ROUNDS_MAX];
	size_t n;
	size_t failed;     /* runs whose numbers mean nothing */
	char why[128];     /* of the last of them */
};

struct report {
	struct series *all;
	size_t n, cap;
};

void report_add(struct report *r, const char *load, const char *target,
    const char *quantity, double v);
void report_failed(struct report *r, const char *load, const char *target,
    const char *why);
struct series *report_find(const struct report *r, const char *load,
    const char *target, const char *quantity);
void report_free(struct report *r);

double median(const double *v, size_t n);
double lowest(const double *v, size_t n);
double highest(const double *v, size_t n);
/* (max - min) / median; 0 for fewer than 2. */
double spread(const struct series *s);
/* Of the ratio of the medians of a and b: 5 % and 95 % by bootstrap. */
void ratio_interval(const struct series *a, const struct series *b,
    double out[2]);

/* Everything measured, one line for each case and target. */
void report_table(const struct report *r, FILE *f);
/* Everything measured and the verdicts; one result a line. */
bool report_json(const struct report *r, const char *path);
/* Compare with a file that report_json wrote. */
void report_compare(const struct report *r, const char *path, FILE *f);

/* The gates of the design, those that could be judged.  Returns how many
 * gates were missed; with json as lines of JSON. */
unsigned report_gates(const struct report *r, FILE *f, bool json);

#endif
