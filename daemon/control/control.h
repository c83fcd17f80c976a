/*
 * The server side of the control socket: a session is a machine fed with
 * bytes that answers with JSON lines, and a client of the router while it
 * watches.  Requests are rows of a table; muster-protocol(7) documents them.
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct control;
struct control_logger;
struct control_session;
struct endpoint;
struct rules;
struct stores;
struct stores_out;

/* What the node itself must answer: core knows no files and no signals. */
struct control_hooks {
	/* Re-read the layout.  err [err_size]: all diagnostics, one a line, or
	 * what was applied.  0 or a muster error. */
	int (*reload)(void *ctx, char *err, size_t err_size);
	/* Change verbosity: "debug", ...; 0 or MUSTER_EINVAL. */
	int (*log_level)(void *ctx, const char *level);
	/* Begin an orderly end. */
	void (*stop)(void *ctx);
	/* Wall clock, ns since the epoch, for answers. */
	int64_t (*wall)(void *ctx);
	void *ctx;
	/* Is the port bound, or is there none to bind?  Optional: NULL means
	 * that ports are bound before the control socket exists. */
	bool (*listening)(void *ctx);
	/* What a reload would say, without one.  0, or an error: it would be
	 * refused.  Optional. */
	int (*diff)(void *ctx, char *err, size_t err_size);
	/* Does the node's certificate end soon, or did it?  text [size]: what
	 * status says of that.  Optional. */
	bool (*certificate)(void *ctx, char *text, size_t size);
};

/* version: of the program, for status.  All borrowed but copied strings. */
struct control *control_new(struct endpoint *e,
    const struct control_hooks *hooks, const char *version, uint64_t now);
/* Sessions must be gone. */
void control_free(struct control *c);

/* The stores of this node, borrowed: sessions may ask them from now on, until
 * s is NULL again.  Both must happen while there are no sessions. */
void control_set_stores(struct control *c, struct stores *s);
/* What stores_next gave with kind DONE or EVENT: its caller is a session.  May
 * ask the stores again, so drain stores_next until it is false. */
void control_store_out(struct control *c, const struct stores_out *out);

/* The rules of this node, likewise. */
void control_set_rules(struct control *c, struct rules *r);
/* What this node does as a logger, borrowed; NULL: it is none.  While there
 * are no sessions. */
void control_set_logger(struct control *c, const struct control_logger *l);
/* Lines of records [len] bytes, for sessions that follow them. */
void control_log_lines(struct control *c, const char *lines, size_t len);

/* Somebody connected; NULL when the layout's limit of clients is reached or
 * memory is out. */
struct control_session *control_session_new(struct control *c, uint64_t now);
/* The same for somebody for whom so many places beyond the limit are kept. */
struct control_session *control_session_new_kept(
    struct control *c, size_t kept, uint64_t now);
void control_session_free(struct control_session *s);

/* 0, or a negative error after which the session ends once its output is
 * written (a line too long, not JSON: the output says which). */
int control_session_feed(
    struct control_session *s, const void *bytes, size_t len, uint64_t now);

/* Do requests wait in it for earlier ones, so many that no more need be read?
 * That ends with a control_wake that returns it, or a control_session_consume.
 */
bool control_session_stuffed(const struct control_session *s);

/* Output: look, write, consume; bounded by client_queue_bytes: beyond it
 * events are dropped and counted in a {"dropped": n} line. */
bool control_session_peek(
    struct control_session *s, const uint8_t **bytes, size_t *len);
void control_session_consume(struct control_session *s, size_t n);
/* True when everything was answered and the session asked to end. */
bool control_session_done(const struct control_session *s);

/* wait requests and time limits. */
void control_tick(struct control *c, uint64_t now);
uint64_t control_deadline(const struct control *c);

/* The next session that has output it did not have before, or NULL: the
 * server writes to it. */
struct control_session *control_wake(struct control *c);
void control_session_set_transport(struct control_session *s, void *t);
void *control_session_transport(const struct control_session *s);

#endif
