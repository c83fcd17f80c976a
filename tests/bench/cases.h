/* The cases that are shipped, and how one round of each is run. */
#ifndef BENCH_CASES_H
#define BENCH_CASES_H

#include "load.h"
#include "report.h"
#include "target.h"

struct bench_case {
	const char *name;
	const char *text;
	struct load load;
	unsigned rounds;   /* at most */
	bool own;          /* of Muster alone, not of other targets */
	bool nats;         /* of nats-server, too */
	/* NULL: the load above; else measured in a way of its own */
	void (*run)(const struct bench_case *c, const struct lab *lab,
	    struct report *r);
	unsigned number;   /* for run */
};

#define CASE_WINDOW_SMALL 4096 /* below every default limit of a queue */
#define CASE_WINDOW_1K    2048
#define CASE_WINDOW_16K   256

/* table.c */
extern const struct bench_case bench_cases[];
extern const unsigned bench_ncases;

/* The load of a case on a running target, into the report. */
void case_load(const struct bench_case *c, const struct lab *lab,
    const struct target *t, struct report *r, double speed);
/* The limits, once. */
void case_limits(const struct lab *lab, struct report *r, double speed);

/* Cases that are more than a load; each in a file of its name. */
void case_memory(const struct bench_case *c, const struct lab *lab,
    struct report *r);
void case_store_puts(const struct bench_case *c, const struct lab *lab,
    struct report *r);
void case_store_copy(const struct bench_case *c, const struct lab *lab,
    struct report *r);
void case_logs(const struct bench_case *c, const struct lab *lab,
    struct report *r);
void case_start(const struct bench_case *c, const struct lab *lab,
    struct report *r);

#endif
