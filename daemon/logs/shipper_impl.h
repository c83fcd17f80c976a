/* What the files of the shipper share: shipper.c is the service,
 * shipper_loggers.c knows who the loggers are and which of them can be sent
 * to. */
#ifndef LOGS_SHIPPER_IMPL_H
#define LOGS_SHIPPER_IMPL_H

#include "base/uuid.h"
#include "core/endpoint.h"
#include "core/router.h"
#include "layout/layout.h"
#include "logs/shipper.h"
#include "logs/shipper_own.h"

/* A logger of the layout, as the outbox was told of it. */
struct target {
	size_t row;         /* of membership */
	char *name, *topic; /* owned; topic of batches, in its filter */
	bool up, muster;
	struct mu_uuid id;
};

struct shipper {
	struct subscriber sub; /* first: the router knows nothing else */
	struct endpoint_watch watch;
	struct endpoint *e;
	struct shipper_hooks hooks;
	struct outbox *outbox;
	char *node;             /* owned; own name */
	bool is_logger;         /* everything goes to itself */
	struct target *targets; /* owned [ntargets] */
	size_t ntargets;
	bool changed; /* a peer came, went, or has another filter */
	bool told;    /* the line about answers that are none was written */
	struct shipper_own own;
};

/* --- shipper_loggers.c --- */
bool shipper_is_logger(
    const struct mu_layout *l, const struct mu_layout_node *n);
/* The loggers in the order of Zeek's pool: by name, a manager behind them.
 * 0 with *out owned [*n], or MUSTER_ENOMEM. */
int shipper_list_targets(
    const struct mu_layout *l, struct target **out, size_t *n);
void shipper_free_targets(struct target *t, size_t n);
struct target *shipper_target(struct shipper *s, const char *name);
/* Tell the outbox who they are. */
int shipper_tell_loggers(struct shipper *s);
/* ... and who of them came or went. */
void shipper_look_around(struct shipper *s, uint64_t now);
/* Does it subscribe to that topic? */
bool shipper_hears(
    const struct shipper *s, const struct target *t, const char *topic);
/* Bytes that may be queued for one; a hook of the outbox (ctx: the shipper). */
size_t shipper_room(void *ctx, const char *name);

#endif
