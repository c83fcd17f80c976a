/*
 * Events as log records: what a handler with "log" gives to the outbox.  The
 * columns are the same for every event:
 *
 *   ts     time            when it came, or was raised
 *   node   string          that handled it
 *   event  string
 *   topic  string          unset when it was raised
 *   args   vector[string]  as Broker's text
 */
#ifndef RULES_RULES_OUTBOX_H
#define RULES_RULES_OUTBOX_H

#include <stdint.h>

struct outbox;
struct rules_record;

/*
 * Add the record; wall: ns since the epoch.  DONE follows for caller, with the
 * record's id.  0 or an error of outbox_add or outbox_stream.
 */
int rules_outbox_add(struct outbox *o, const struct rules_record *r,
    const char *node, int64_t wall, void *caller, uint64_t now);

#endif
