/*
 * One conversation with a daemon over its control socket: a line out, lines
 * back, each with a time limit.
 */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/lines.h"

struct ctl;
struct mu_buf;

#define CLIENT_TIMEOUT_MS 10000 /* for an answer that needs no waiting */

struct client {
	int fd; /* -1: closed */
	struct mu_lines in;
	char *path; /* of the socket */
};

/* Connect to the node that the command line means.  0, or an exit status
 * after a message. */
int client_open(struct client *cl, const struct ctl *c);
/* The same to that path without a message: 0 or a negative error, errno set. */
int client_connect(struct client *cl, const char *path);
void client_close(struct client *cl);
/* Say something: a client that waits for its own input would be taken for one
 * that never asks and lose the connection (muster-protocol(7), CONTROL
 * SOCKET).  0, or an exit status after a message. */
int client_greet(struct client *cl);
/* The same without a message: the answer, borrowed until the next line.  0 or
 * a negative error. */
int client_hello(struct client *cl, char **line, size_t *len);

/* How long the daemon may read nothing while something is sent; at first
 * CLIENT_TIMEOUT_MS.  It reads no more requests while many wait in it. */
void client_patience(struct client *cl, int ms);
/* Send b [whole]; it is emptied.  0 or a negative error. */
int client_send(struct client *cl, struct mu_buf *b);
/* The next line, borrowed until the next call.  timeout_ms -1: none.
 * 0; MUSTER_ETIMEOUT, MUSTER_ECLOSED or another error. */
int client_line(struct client *cl, char **line, size_t *len, int timeout_ms);
/* Send b and wait for the next line: both of the above. */
int client_request(struct client *cl, struct mu_buf *b, char **line,
    size_t *len, int timeout_ms);
/* A line that arrived already; false: none. */
bool client_pending(struct client *cl, char **line, size_t *len);

/* Ask one thing: the whole life of a connection.  request is a line without
 * its end.  *answer is owned by the caller.  An exit status; messages are
 * printed, refusals too. */
int client_ask(const struct ctl *c, const char *request, char **answer);
/* Does the answer say ok? */
bool client_is_ok(const char *answer, size_t len);
/* The same; if not its text is printed, behind prefix; the exit
 * status: EXIT_FALSE where the answer is a "no". */
int client_verdict_of(const char *prefix, const char *answer, size_t len);
/* The same without a prefix. */
int client_verdict(const char *answer, size_t len);
/* What a negative error of client_line means, printed; the exit status. */
int client_lost(int err);

#endif
