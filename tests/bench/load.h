/*
 * A load on one endpoint: publishers, subscribers and bystanders, all in this
 * thread, and what it is found to do with them.
 *
 * Closed loop (rate 0): every publisher may have window events under way;
 * nothing may be lost.  Open loop: events have times at which they should be
 * sent, and the latency counts from those, so a target that stops for a while
 * cannot hide it by slowing the generator down.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "hist.h"
#include "peer.h"

struct load {
	unsigned publishers, subscribers; /* at least 1 of each */
	unsigned echoes;      /* that answer; subscribers hear the answers */
	unsigned idle;        /* bystanders */
	unsigned prefixes;    /* of each subscriber and bystander; match: one */
	unsigned stopped;     /* of the subscribers: they don't read */
	unsigned topics;      /* 0: one; else chosen by Zipf's law */
	bool churn;           /* a peer comes and goes as fast as it can */
	unsigned payload;     /* bytes: EVENT_SMALL, ... */
	unsigned window;      /* per publisher */
	double rate;          /* events per second of all; 0: closed loop */
	double warm_s, run_s; /* before and while it is measured */
	uint64_t most;        /* events; 0: as many as come */
	bool nats;            /* the endpoint is nats-server */
	bool lossy;           /* loss is reported, not an error */
};

struct load_result {
	double seconds;
	uint64_t events;      /* relayed: by the slowest subscriber's count */
	uint64_t deliveries;
	uint64_t target_ns, own_ns; /* CPU time */
	uint64_t switches;    /* of the target */
	uint64_t rss, rss_peak; /* of the target, bytes */
	uint64_t churned;     /* connections that came and went */
	/* until the end of the run, not only while it was measured: */
	uint64_t sent, lost, duplicate, reordered, corrupt;
	uint64_t stalls;      /* times when nothing came: load.c, STALL_NS */
	uint64_t broken;      /* connections that were lost */
	struct hist latency;  /* open loop: from the intended time, ns */
	struct hist late;     /* how late we sent */
	char why[128];        /* empty, or why the numbers mean nothing */
};

/* Load the endpoint at port (of process pid; 0: no accounting). */
void load_run(const struct load *l, struct ssl_ctx_st *ctx, int port,
    pid_t pid, struct load_result *r);

#endif
