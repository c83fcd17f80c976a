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
 *   sim_stores.c    the stores of a process, on disks that outlive it
 *   sim_asks.c      what is asked of stores, and what came of it
 *   sim_oracle.c    what stores must hold and may answer
 *   sim_cases.c     the scenarios of stores
 *   sim_pools.c     who gets a key, while nodes come and go
 *   sim_relays.c    worker to all workers, while nodes come and go
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
#include "core/members.h"
#include "core/router.h"
#include "layout/layout.h"
#include "stores/stores.h"

#define NODES_MAX  5000
#define FIRST_PORT 20000 /* of row i: that and i, as hosts differ, too */
#define PORTS      (NODES_MAX + 1)

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
	struct conn *next[2], **prev[2]; /* all of the node at that end */
};

enum event_kind {
	EVENT_WAKE,      /* a node's deadline */
	EVENT_ARRIVE,    /* the request to connect reaches end 1 */
	EVENT_CONNECTED, /* and the answer end 0 */
	EVENT_FAILED,
	EVENT_TIMEOUT, /* end 0 waited long enough */
	EVENT_BYTES,   /* from end dir to the other */
	EVENT_EOF,
	EVENT_COMMIT /* a disk has written a batch */
};

struct event {
	uint64_t at, seq;
	enum event_kind kind;
	struct node *node; /* WAKE */
	struct conn *conn;
	int dir; /* who sent it: end 0 or 1 */
	uint8_t *bytes;
	size_t len;
	/* COMMIT */
	unsigned life, row;
	uint64_t batch;
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
	struct conn *conns[2]; /* those it dialled, those it may accept */
	struct mu_uuid id;
	unsigned life; /* grows with each start */
	bool stopped;  /* as by SIGSTOP */
	bool ending;   /* endpoint_stop was asked for */
	uint64_t wake; /* earliest WAKE scheduled, or UINT64_MAX */
	struct probe service, client;
	uint8_t *seen; /* bits: probes that arrived in this life */
	size_t seen_size;
	uint64_t nseen; /* how many */
	/* Facts for the checks; of this life. */
	uint64_t since;       /* when it began */
	uint64_t last_report; /* when it last published one, in any life */
	bool heard_resending; /* a report with T reached this manager */
	unsigned broadcasts;  /* of cluster_started */
	bool *greeted;        /* rows whose hello it got */
	uint64_t *met;        /* when, of those that are up; 0: the others */
	bool degraded;        /* by its cluster.log */
	uint64_t whole;       /* when it last came to miss nothing */
	/* Stores; the arrays have a place for each row of the layout. */
	struct stores *stores;        /* NULL: the layout has none */
	struct mu_backend **platters; /* what is on disk, in all lives */
	struct disk **disks;          /* over them; NULL: in memory */
	struct mu_backend **shadows;  /* what the events say it holds */
	bool *committing;             /* a commit is on its way */
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
	struct node *by_port[PORTS]; /* who listens on FIRST_PORT + i */
	uint8_t *paths;   /* [n * n] enum path, symmetric */
	uint8_t *up;      /* [n * n] scratch of the checks */
	struct held held; /* events waiting for a path or a process */
	uint64_t delay_min, delay_max;

	size_t nprobes;
	size_t *probes; /* [nprobes] sender of each */

	/* Stores. */
	struct ask *asks; /* owned [nasks] */
	size_t nasks, asks_cap;
	bool disks_fail;  /* commits may fail */
	uint64_t disk_ns; /* a commit takes up to this long */

	uint64_t steps, kills, deliveries;
	bool failed;
	char why[512];
};

/* sim_heap.c */
void heap_push(struct sim *s, struct event *e);
/* One that was popped: it keeps its place among those of the same time. */
void heap_push_again(struct sim *s, struct event *e);
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
/* Its state changed to that. */
void check_state(struct node *n, enum members_state state);
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
/* Did membership cost what it must?  Sets the most that one node got, all that
 * nodes got, and the links there are. */
void check_traffic(
    struct sim *s, uint64_t *most, uint64_t *sum, uint64_t *links);
/* Did the manager's life begin the cluster once, or adopt it? */
void check_manager(struct sim *s);

/* sim_stores.c */
/* Wall clock of all processes. */
int64_t sim_wall(const struct sim *s);
void node_stores_start(struct node *n);
void node_stores_lose(struct node *n);
/* The end of a turn: flush, hand out what was said.  True when it did
 * something that the endpoint may have to say more about. */
bool node_stores_turn(struct node *n);
void node_stores_commit(struct node *n, const struct event *e);
void node_stores_free(struct node *n);
/* The content of row's store at n, borrowed; NULL: it has none. */
struct mu_backend *node_stores_content(const struct node *n, size_t row);
bool node_has_store(const struct node *n, size_t row, bool *master);

/* sim_asks.c */
enum ask_kind {
	ASK_PUT,
	ASK_ERASE,
	ASK_ADD,
	ASK_PUSH,
	ASK_INSERT,
	ASK_REMOVE,
	ASK_UNIQUE,
	ASK_SWAP,
	ASK_EXPIRING,
	ASK_GET,
	ASK_CLEAR
};
enum fate {
	FATE_OPEN,     /* not answered yet */
	FATE_HAPPENED, /* acknowledged */
	FATE_FAILED,   /* refused: it has not happened and never will */
	FATE_UNKNOWN   /* it may have happened, or may yet */
};
/* What was asked; its index is the value it writes. */
struct ask {
	enum ask_kind kind;
	enum ask_kind of; /* GET: what is written to the key */
	enum fate fate;
	struct node *node;
	unsigned life;
	size_t row;
	size_t slot;         /* which key of the kind, or whose element */
	uint64_t amount;     /* ADD; EXPIRING: nanoseconds */
	size_t expected;     /* SWAP: the ask that wrote it, or NO_ASK */
	uint64_t start, end; /* end: answered; UINT64_MAX: not */
	bool seen;           /* a clone showed it */
	bool expired;        /* the master said so */
	enum mu_store_status status;
};
#define NO_ASK SIZE_MAX
void ask_random(struct sim *s);
void ask_answered(struct node *n, const struct stores_out *out);
/* Its callers died with it. */
void asks_orphan(struct node *n);
bool asks_open(const struct sim *s, size_t *which);
/* The key of a kind and slot, owned. */
struct muster_value *ask_key(enum ask_kind kind, size_t slot);
const char *ask_name(enum ask_kind kind);

/* sim_oracle.c */
/* The answer of a read. */
/* The master of that store says what a crash may take away. */
bool oracle_loses(const struct sim *s, size_t row);
void oracle_read(struct sim *s, struct ask *a, const struct muster_value *v);
/* A master, or a clone, says that a key expired. */
void oracle_expired(
    struct node *n, size_t row, bool master, const struct muster_value *key);
/* At rest: all copies equal, all that was acknowledged there.  why [size]:
 * what is not yet so; what can never be fails the simulation. */
bool oracle_equal(struct sim *s, char *why, size_t size);
void oracle_rest(struct sim *s);

/* sim_cases.c */
struct mu_buf;
void cases_layout(struct mu_buf *b, struct mu_rng *rng);
void cases_run(struct sim *s);

/* sim_relays.c */
void relays_layout(struct mu_buf *b);
void relays_run(struct sim *s);

/* sim_pools.c */
void pools_layout(struct mu_buf *b);
void pools_run(struct sim *s);

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

bool node_runs_here(const struct node *n);
struct node *sim_any_node(struct sim *s);
void sim_form(struct sim *s);
/* A pair that the layout joins. */
void sim_any_link(struct sim *s, size_t *a, size_t *b);
struct sim *sim_open(const struct options *o, uint64_t seed);
void sim_close(struct sim *s);
void sim_scenario(struct sim *s, const struct options *o);
void sim_run(struct sim *s, uint64_t ns);
void sim_settle(struct sim *s);

#endif
