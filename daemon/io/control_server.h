/*
 * The control socket: NODE.sock in the run directory, for the owner, root and
 * the socket's group.  Sessions are control/control's.
 */
#ifndef IO_CONTROL_SERVER_H
#define IO_CONTROL_SERVER_H

#include <stddef.h>
#include <stdint.h>

struct conns;
struct control;
struct control_server;
struct loop;

/*
 * Listen at path.  A socket left over by a process that is gone is replaced;
 * one that answers, or any other kind of file, is not.  NULL with err naming
 * path and reason.
 */
struct control_server *control_server_new(struct loop *l, struct conns *cs,
    struct control *c, const char *path, char *err, size_t err_size);
/*
 * See that the socket is at its path: if it was removed, or something that does
 * not answer took its place, it is made anew; sessions stay.  1 if it was, 0 if
 * it was there; MUSTER_ESYS with err naming path and reason, and the old one
 * goes on, in vain.
 */
int control_server_renew(struct control_server *s, char *err, size_t err_size);
/* Ends all sessions and removes the socket. */
void control_server_free(struct control_server *s);

/* Call flush(ctx) whenever clients said much within one turn: what they publish
 * waits in bounded queues, which should be written before there is more. */
void control_server_set_flush(
    struct control_server *s, void (*flush)(void *ctx), void *ctx);

/* How long clients that come from now on may take to finish a request, the
 * first one included: 30 s unless set. */
void control_server_set_patience(struct control_server *s, uint64_t ns);

/* Write what sessions have; once at the end of a turn. */
void control_server_drain(struct control_server *s);

#endif
