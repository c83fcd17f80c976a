/*
 * A cluster in one process: whole endpoints (router, peerings, membership) on
 * virtual time, joined by a seeded network that delays, cuts, heals, falls
 * silent and loses processes.  The same seed gives the same run.
 *
 *   sim_heap.c      virtual time: what comes next
 *   sim_net.c       connections, what happens to bytes
 *   sim_node.c      processes: start, kill, drain, probes
 *   sim_check.c     what must hold, after each step and when it is quiet
 *   sim_scenario.c  what is done to a cluster
 *   sim_main.c      options
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/uuid.h"
#include "core/endpoint.h"
#include "core/router.h"
#include "layout/layout.h"

#define MS     UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

struct sim;
struct node;

/* --- network -------------------------------------------------------------- */

enum path {
	PATH_OPEN,
	PATH_CUT,   /* connections break, connecting is refused */
	PATH_SILENT /* nothing arrives, nobody is told; TCP keeps the bytes */
};

struct end {
	struct node *node;
	unsigned life;     /* of the node, when this end was made */
	struct link *link; /* NULL: not yet, or closed */
	bool closed;
};

/* One TCP connection; end 0 dialled. */
struct conn {
	struct end end[2];
	unsigned dial_id;
	uint64_t last[2]; /* when the last byte sent by end i arrives */
	unsigned refs;    /* events that name it, and open ends */
	struct conn *next, **prev; /* all of them */
};

enum event_kind {
	EVENT_WAKE,      /* a node's deadline */
	EVENT_ARRIVE,    /* the request to connect reaches end 1 */
	EVENT_CONNECTED, /* and the answer end 0 */
	EVENT_FAILED,
	EVENT_TIMEOUT, /* end 0 waited long enough */
	EVENT_BYTES,   /* from end dir to the other */
	EVENT_EOF
};

struct event {
	uint64_t at, seq;
	enum event_kind kind;
	struct node *node; /* WAKE */
	struct conn *conn;
	int dir; /* who sent it: end 0 or 1 */
	uint8_t *bytes;
	size_t len;
};

struct held {
	struct event *v;
	size_t n, cap;
};

/* --- processes ------------------------------------------------------------ */

struct probe {
	struct subscriber sub;
	struct node *node;
};

struct node {
	struct sim *sim;
	size_t index; /* row of the layout */
	const struct mu_layout_node *row;
	struct endpoint *e; /* NULL: not running */
	struct mu_uuid id;
	unsigned life; /* grows with each start */
	bool stopped;  /* as by SIGSTOP */
	bool ending;   /* endpoint_stop was asked for */
	uint64_t wake; /* earliest WAKE scheduled, or UINT64_MAX */
	struct probe service, client;
	uint8_t *seen; /* bits: probes that arrived in this life */
	size_t seen_size;
	/* Facts for the checks; of this life. */
	uint64_t since;       /* when it began */
	uint64_t last_report; /* when it last published one, in any life */
	bool heard_resending; /* a report with T reached this manager */
	unsigned broadcasts;  /* of cluster_started */
	bool *greeted;        /* rows whose hello it got */
};

/* --- everything ----------------------------------------------------------- */

struct sim {
	struct mu_layout *layout;
	struct node *nodes;
	size_t n;
	struct node *manager;
	struct mu_rng rng;
	uint64_t now;
	bool verbose;

	struct event *heap;
	size_t nheap, cap;
	uint64_t seq;
	struct conn *conns;
	uint8_t *paths;   /* [n * n] enum path, symmetric */
	uint8_t *up;      /* [n * n] scratch of the checks */
	struct held held; /* events waiting for a path or a process */
	uint64_t delay_min, delay_max;

	size_t nprobes;
	size_t *probes; /* [nprobes] sender of each */

	uint64_t steps, kills, deliveries;
	bool failed;
	char why[512];
};

/* sim_heap.c */
void heap_push(struct sim *s, struct event *e);
/* The earliest; there must be one. */
struct event heap_pop(struct sim *s);
/* Keep it until net_set_path, net_heal or net_resume. */
void heap_hold(struct sim *s, const struct event *e);

/* sim_net.c */
/* Do the next thing; false when nothing is scheduled before until. */
bool net_step(struct sim *s, uint64_t until);
void net_wake(struct node *n, uint64_t at);
void net_dial(struct node *n, const struct endpoint_out *o);
void net_cancel(struct node *n, unsigned dial_id);
/* Send what the link has to write. */
void net_write(struct link *l);
void net_close(struct link *l);
/* All ends of a process vanish; quiet: nobody is told (power, not kill). */
void net_lose(struct node *n, bool quiet);
void net_set_path(struct sim *s, size_t a, size_t b, enum path p);
void net_heal(struct sim *s);
/* A stopped process goes on. */
void net_resume(struct node *n);
void net_free(struct sim *s);

/* sim_node.c */
void node_start(struct node *n);
void node_kill(struct node *n, bool quiet);
/* Drain the consequences of whatever was done to it. */
void node_drain(struct node *n);
void node_tick(struct node *n);
/* Publish a probe on a topic every node subscribes. */
void node_probe(struct node *n);
bool node_saw(const struct node *n, size_t probe);

/* sim_check.c */
void fail(struct sim *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A line of a node's cluster.log. */
void check_cluster_log(struct node *n, const char *text);
/* A peer says its name. */
void check_hello(struct node *n, const char *name, size_t len);
/* A report reached the manager. */
void check_report(struct node *n, bool resending);
void check_broadcast(struct node *n);
void check_probe(struct node *n, size_t probe);
/* Everything up, started, nothing missing?  why [size]: what is not. */
bool check_quiet(struct sim *s, char *why, size_t size);
/* Probes reach exactly the peers. */
void check_delivery(struct sim *s);
/* Did the manager's life begin the cluster once, or adopt it? */
void check_manager(struct sim *s);

/* sim_scenario.c */
struct options {
	size_t nodes;
	uint64_t seed;
	size_t runs;
	size_t kills;
	const char *scenario;
	bool verbose;
	const char *program;
};

struct sim *sim_open(const struct options *o, uint64_t seed);
void sim_close(struct sim *s);
void sim_scenario(struct sim *s, const struct options *o);
void sim_run(struct sim *s, uint64_t ns);
void sim_settle(struct sim *s);

#endif
