/*
 * Logs in the control protocol: log_write (control_ship.c) and what is told of
 * their way to the loggers (control_ship_facts.c).
 */
#ifndef CONTROL_CONTROL_SHIP_H
#define CONTROL_CONTROL_SHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct control;
struct control_args;
struct control_session;
struct inputs;
struct outbox_out;
struct shipper;

/* Requests with an id that may be under way at once in a session. */
#define CONTROL_LOG_ASKS 16

/* The shipper of this node, borrowed: sessions may write from now on, until it
 * is NULL again.  Both must happen while there are no sessions. */
void control_set_shipper(struct control *c, struct shipper *s);
/* The files that this node follows, borrowed, for what is told of them; NULL:
 * none. */
void control_set_inputs(struct control *c, const struct inputs *in);
/* What shipper_next gave with kind DONE: its caller is a session. */
void control_log_done(struct control *c, const struct outbox_out *out);
/* Once per turn: requests that waited for the disk are tried again. */
void control_log_turn(struct control *c);

/* Append the member "logs": in short, for status. */
void control_put_logs(const struct control *c, struct mu_buf *b);
/* Append the member "sender" with what is under way, if this node sends logs.
 */
void control_put_sender(const struct control *c, struct mu_buf *b);

/* --- for the other files of the control server --- */
void control_on_log_write(
    struct control_session *s, const struct control_args *a);
/* The session ends: forget everything. */
void control_ship_end(struct control_session *s);
/* Does an earlier log_write keep later requests waiting? */
bool control_ship_pause(const struct control_session *s);

#endif
