/*
 * What child.c (children of any kind, and this program once more) and
 * child_program.c (other programs) share.
 */
#ifndef IO_CHILD_IMPL_H
#define IO_CHILD_IMPL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "io/child.h"

#define LINE_BYTES 2048 /* longer ones come in pieces */

struct pipe {
	struct child *child;
	int fd; /* our end; -1: closed */
	struct event event;
};

struct child {
	struct children *all;
	struct child *prev, *next;
	void *ctx; /* the owner's */
	pid_t pid;
	struct pipe output; /* its standard output and error */
	struct pipe ready;  /* its word that it started; of a program: why it
			       could not be run */
	struct pipe input;  /* of a program: its standard input */
	bool program;
	bool muted;           /* what it writes is for nobody */
	struct mu_blob *data; /* for its input */
	size_t sent;          /* of that */
	char line[LINE_BYTES + 1];
	size_t len; /* bytes of an unfinished line */
};

struct children {
	struct loop *loop;
	const struct child_ops *ops;
	struct child *first;
	struct loop_signal *signal; /* SIGCHLD */
};

/* Add a child whose process runs and whose ready and output pipes are open. */
void child_enlist(struct children *cs, struct child *c, void *ctx);
/* Have on called when the descriptor is ready for what. */
void child_watch(
    struct child *c, struct pipe *p, short what, event_callback_fn on);
void child_close_pipe(struct pipe *p);

/* In the child: default handlers; blocked stays what is in blocked. */
void child_reset_signals(const sigset_t *blocked);

#endif
