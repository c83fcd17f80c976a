/*
 * The sending side of logs as a service of the router: an outbox, what the
 * endpoint knows of loggers and peers, and this node's own records.  Drain
 * shipper_next at the end of each turn, after shipper_flush; what is the
 * network's it does itself.
 */
#ifndef LOGS_SHIPPER_H
#define LOGS_SHIPPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "logs/outbox.h"

struct endpoint;
struct mu_layout;
struct shipper;

struct shipper_hooks {
	/* A batch for the logger that this node is: the encoded event.  0:
	 * there will be an answer, by shipper_answer.  NULL: the node's records
	 * wait in the spool. */
	int (*deliver)(void *ctx, const uint8_t *payload, size_t len);
	void *ctx;
};

/* Does the layout have this node send logs, to others or to itself? */
bool shipper_wanted(const struct mu_layout *l, const char *node);

/* The most bytes of disk that its spool needs. */
uint64_t shipper_disk_bytes(const struct mu_layout *l);

/* Attaches to the router of e.  disk is taken.  NULL with why [OUTBOX_WHY]. */
struct shipper *shipper_new(struct endpoint *e, const struct mu_layout *l,
    const struct shipper_hooks *hooks, struct mu_backend *disk, uint64_t seed,
    uint64_t now, char *why);
void shipper_free(struct shipper *s);
/* The layout was replaced.  0 or MUSTER_ENOMEM. */
int shipper_reload(struct shipper *s, const struct mu_layout *l);

/* For sources: streams, records, marks, facts. */
struct outbox *shipper_outbox(struct shipper *s);

/* An answer of the logger that this node is. */
void shipper_answer(
    struct shipper *s, const uint8_t *payload, size_t len, uint64_t now);

/* Records of this node, as Zeek's Cluster::LOG and Broker::LOG; times are wall
 * ns.  They are lost, and counted, when the outbox takes none. */
void shipper_cluster(
    struct shipper *s, int64_t ts, const char *text, uint64_t now);
void shipper_broker(struct shipper *s, int64_t ts, const char *ty,
    const char *ev, const char *address, uint16_t port, const char *text,
    uint64_t now);

void shipper_tick(struct shipper *s, uint64_t now);
uint64_t shipper_deadline(const struct shipper *s);
void shipper_flush(struct shipper *s);
/* What is somebody's: DONE, LINE. */
bool shipper_next(struct shipper *s, struct outbox_out *out);

#endif
