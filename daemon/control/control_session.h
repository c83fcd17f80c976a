/*
 * What the files of the control server share: the server, a session, and the
 * doors between the machine (control.c), the requests (control_ops.c,
 * control_events.c) and the facts (control_facts.c).
 */
#ifndef CONTROL_CONTROL_SESSION_H
#define CONTROL_CONTROL_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "control/control.h"
#include "core/router.h"
#include "proto/jtext.h"
#include "proto/lines.h"

struct control_ship;
struct control_logger;
struct control_stores;
struct endpoint;
struct muster_filter;
struct rules;
struct idents;
struct shipper;
struct stores;

#define CONTROL_LINE_MAX (8u << 20) /* bytes of a request */

/* What "wait" can wait for. */
struct control_condition {
	const char *name;
	bool (*met)(const struct control *c);
};

struct control_session {
	struct subscriber sub; /* attached while it watches */
	struct control *control;
	struct control_session *prev, *next;
	struct mu_lines in;
	struct mu_buf out;
	struct muster_filter *filter;            /* of watch, or NULL */
	uint64_t dropped;                        /* events not yet confessed */
	const struct control_condition *waiting; /* requests pause, or NULL */
	uint64_t wait_deadline;                  /* UINT64_MAX: for ever */
	struct control_stores *stores; /* what it has to do with stores, or NULL */
	struct control_ship *ship; /* what it writes, or NULL */
	bool tailing;      /* wants records that this logger writes */
	char *tail_stream; /* of this stream or path; NULL: of all */
	bool asking; /* requests pause until a store answered */
	bool resumed; /* was held back, and may go on */
	bool fresh;  /* output that the server was not told of */
	bool failed; /* ends once out is empty */
	void *transport;
};

struct control {
	struct endpoint *e;
	struct control_hooks hooks;
	char *version;
	uint64_t started; /* monotonic */
	uint64_t now;     /* of the last call that told it */
	struct control_session *sessions;
	size_t nsessions;
	uint64_t dropped; /* events, all clients */
	struct stores *stores; /* or NULL */
	struct rules *rules;   /* or NULL */
	const struct control_logger *logger; /* or NULL */
	size_t ntailing;
	uint64_t asked;        /* requests to them so far: their numbers */
	const struct inputs *inputs; /* or NULL */
	struct shipper *shipper; /* or NULL */
	struct idents *idents;   /* or NULL */
	uint64_t logged; /* requests to it so far: their numbers */
};

/* control.c: for answers and events that come later. */
/* Answer the requests that wait in the input, as far as possible. */
void control_session_run(struct control_session *s);
/* Less than half of the output is used. */
bool control_session_roomy(const struct control_session *s);
/* Around writing an event to s->out: may one be written (else it is counted
 * as dropped)?  *before remembers the place. */
bool control_event_begin(struct control_session *s, size_t *before);
void control_event_end(struct control_session *s, size_t before);

/* control_ops.c: answer one line, in out.  Not JSON marks the session failed.
 */
void control_answer_line(
    struct control_session *s, const char *line, size_t len);
/* An event for a watcher: a whole line appended to b. */
void control_event_line(struct mu_buf *b, const struct message *m);

/* control_rules.c: members of answers: handlers that fail; the relay that took
 * the last publication, if it was for one; the rule by which peers refuse what
 * this node publishes on topic [len], if there is one. */
void control_put_failing(const struct control *c, struct mu_buf *b);
void control_put_relay(const struct control *c, struct mu_buf *b);
void control_put_access(const struct control *c, struct mu_buf *b,
    const char *topic, size_t len);

/* control_facts.c: whole answers. */
void control_answer_status(struct control *c, struct mu_buf *b);
void control_answer_peers(struct control *c, struct mu_buf *b, bool topics);

#endif
