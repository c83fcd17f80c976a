/*
 * Handlers and auto_publish of the layout at one node (muster.yaml(5), RULES):
 * what is done on events that arrive or are raised here.  A service of the
 * router and a machine: events, ends and outputs of programs, outcomes of
 * writes and time come in; programs to start and to signal, and lines for the
 * operator come out.  Processes are the owner's (node/rules.h), stores are
 * asked by a hook.
 *
 * Everything is bounded: what waits for a program by queue and queue_size of
 * its rule, programs by at_once and time, their output by size, and lines of
 * it in the log by OUTPUT_LINES and one per second.
 */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout/layout.h"

struct endpoint;
struct mu_blob;
struct mu_store_out;
struct mu_store_request;
struct muster_value;
struct rules;
struct rules_run;
struct subscriber;

#define RULES_OUTPUT_LINES 20                   /* at once, of each rule */
#define RULES_KILL_NS      UINT64_C(2000000000) /* from TERM to KILL */
#define RULES_PAUSE_NS     UINT64_C(1000000000) /* after the first failure */
#define RULES_PAUSE_MAX_NS UINT64_C(60000000000)

/* An event for a stream of logs; borrowed. */
struct rules_record {
	uint64_t id; /* for rules_logged */
	const char *stream;
	const char *name;
	size_t name_len;
	const char *topic; /* [0]: it was raised */
	size_t topic_len;
	const struct muster_value *args;
};

struct rules_hooks {
	/* stores_request with the rules as caller.  0 or an error as there. */
	int (*write)(
	    void *ctx, const char *store, const struct mu_store_request *req);
	/* rules_outbox_add with the rules as caller; MUSTER_ENOENT: this node
	 * sends no logs. */
	int (*log)(void *ctx, const struct rules_record *r);
	void *ctx;
};

/* The rules of the endpoint's layout for its node.  The endpoint is borrowed.
 * NULL when memory is out. */
struct rules *rules_new(
    struct endpoint *e, const struct rules_hooks *hooks, uint64_t now);
/* Programs that still run are the owner's to end. */
void rules_free(struct rules *rs);

/* The endpoint has another layout: rules that are the same go on, programs of
 * others are ended.  0, or MUSTER_ENOMEM: there are no rules then. */
int rules_reload(struct rules *rs, uint64_t now);
/* Nothing is started any more, programs are ended. */
void rules_stop(struct rules *rs, uint64_t now);
/* How many programs run. */
size_t rules_running(const struct rules *rs);

/* What became of an event that was raised. */
struct rules_raised {
	size_t handlers;    /* that took it, or dropped it for want of room */
	size_t rules;       /* of auto_publish */
	uint64_t receivers; /* of all publications */
};

/*
 * Raise an encoded event [len] here: local handlers, and auto_publish.  from:
 * who does, or NULL.  0; MUSTER_EINVAL: not an event; MUSTER_ENOMEM or another
 * error of publishing, and out says how far it came.
 */
int rules_raise(struct rules *rs, struct subscriber *from,
    const uint8_t *payload, size_t len, struct rules_raised *out, uint64_t now);

/* --- what happens to programs and writes ---------------------------------- */

/* Of a START: it runs as ctx; it cannot be started, with a reason. */
void rules_started(struct rules_run *run, void *ctx);
void rules_not_started(
    struct rules *rs, struct rules_run *run, const char *why, uint64_t now);
/* It wrote a line.  May be followed by MUTE. */
void rules_line(
    struct rules *rs, struct rules_run *run, const char *line, uint64_t now);
/* It could not be run; rules_ended follows. */
void rules_unfit(struct rules_run *run, const char *why);
/* It ended, status as of waitpid(2); run is no more. */
void rules_ended(
    struct rules *rs, struct rules_run *run, int status, uint64_t now);
void *rules_run_ctx(const struct rules_run *run);

/* The stores answered a write. */
void rules_written(
    struct rules *rs, const struct mu_store_out *what, uint64_t now);

/* A record was accepted, or not. */
void rules_logged(struct rules *rs, uint64_t id, int error, uint64_t now);

/* --- time, consequences ----------------------------------------------------
 */

void rules_tick(struct rules *rs, uint64_t now);
uint64_t rules_deadline(const struct rules *rs);

enum rules_out_kind {
	RULES_START, /* argv, nargv, input: answer at once with rules_started or
			rules_not_started */
	RULES_TERM,  /* run: tell it to end */
	RULES_KILL,  /* run */
	RULES_MUTE,  /* run: read no more of its output */
	RULES_LOG    /* level, text */
};

/* Pointers are borrowed until the next call. */
struct rules_out {
	enum rules_out_kind kind;
	struct rules_run *run;
	char *const *argv;
	size_t nargv;
	struct mu_blob *input;
	int level;
	const char *text;
};

bool rules_next(struct rules *rs, struct rules_out *out, uint64_t now);

/* --- facts ------------------------------------------------------------------
 */

struct rules_fact {
	const struct mu_layout_handler *row;
	size_t number;    /* in the layout, from 1 */
	uint64_t matched; /* events */
	uint64_t done;    /* programs that ended well, writes acknowledged */
	uint64_t failed;
	uint64_t dropped; /* events: the queue was full */
	uint64_t lines;   /* of output not shown in the log */
	size_t running, waiting;
	uint64_t pause_ns; /* until the next start; 0: none */
	unsigned streak;   /* failures since the last success */
	const char *why;   /* of the last one, or NULL */
};
size_t rules_count(const struct rules *rs);
void rules_fact(const struct rules *rs, size_t i, struct rules_fact *out);

/* Rules of auto_publish that are for this node, and what they published. */
struct rules_auto_fact {
	const struct mu_layout_auto *row;
	size_t number;
	uint64_t published;
};
size_t rules_auto_count(const struct rules *rs);
void rules_auto_fact(
    const struct rules *rs, size_t i, struct rules_auto_fact *out);

#endif
