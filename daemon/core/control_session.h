/*
 * What the files of the control server share: the server, a session, and the
 * doors between the machine (control.c), the requests (control_ops.c,
 * control_events.c) and the facts (control_facts.c).
 */
#ifndef CORE_CONTROL_SESSION_H
#define CORE_CONTROL_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/control.h"
#include "core/router.h"
#include "proto/jtext.h"
#include "proto/lines.h"

struct endpoint;
struct muster_filter;

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
};

/* control_ops.c: answer one line, in out.  Not JSON marks the session failed.
 */
void control_answer_line(
    struct control_session *s, const char *line, size_t len);
/* An event for a watcher: a whole line appended to b. */
void control_event_line(struct mu_buf *b, const struct message *m);

/* control_facts.c: whole answers. */
void control_answer_status(struct control *c, struct mu_buf *b);
void control_answer_peers(struct control *c, struct mu_buf *b, bool topics);

#endif
