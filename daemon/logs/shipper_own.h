/*
 * A node's own records as they travel to the loggers: the streams Cluster::LOG
 * and Broker::LOG with Zeek's columns (reference "cluster-semantics", 1.9 and
 * 1.10).  How they look in files is records.h.
 */
#ifndef LOGS_SHIPPER_OWN_H
#define LOGS_SHIPPER_OWN_H

#include <stdint.h>

#include "logrec/record.h"
#include "logs/outbox.h"

struct shipper_own {
	uint32_t cluster, broker; /* streams of the outbox */
};

/* Make both streams known.  0 or MUSTER_ENOMEM. */
int shipper_own_init(struct shipper_own *own, struct outbox *o);

struct shipper_own_broker {
	int64_t ts; /* wall ns */
	const char *ty, *ev;
	const char *address; /* NULL or "": unset, then the port too */
	uint16_t port;
	const char *message; /* NULL or "": unset */
};

void shipper_own_cluster(const struct shipper_own *own, struct outbox *o,
    int64_t ts, const char *node, const char *message, uint64_t now);
void shipper_own_broker(const struct shipper_own *own, struct outbox *o,
    const struct shipper_own_broker *r, uint64_t now);

#endif
