/*
 * Zeek's events as values (reference "broker-protocol", section 5): the vector
 * (1, 1, (name, arguments [, metadata])).
 */
#ifndef MUSTER_EVENT_H
#define MUSTER_EVENT_H

#include "muster/value.h"

/* Kinds of Zeek messages; the numbers are those of the wire. */
enum muster_message {
	MUSTER_MESSAGE_INVALID = 0,
	MUSTER_MESSAGE_EVENT = 1,
	MUSTER_MESSAGE_LOG_CREATE = 2,
	MUSTER_MESSAGE_LOG_WRITE = 3,
	MUSTER_MESSAGE_IDENTIFIER_UPDATE = 4,
	MUSTER_MESSAGE_BATCH = 5
};

/*
 * Build an event.
 *
 * name  fully qualified, "MyModule::my_event"
 * args  a vector, taken; NULL means memory is out (the result is NULL too)
 * meta  a vector of (count id, value) vectors, taken, or NULL: none
 *
 * Returns owned, or NULL when memory is out.  What args and meta hold is not
 * judged here: muster_message_kind tells whether the result is valid.
 */
struct muster_value *muster_event_new(const char *name,
    struct muster_value *args, struct muster_value *meta);

/* What kind of valid message v is; MUSTER_MESSAGE_INVALID if none. */
enum muster_message muster_message_kind(const struct muster_value *v);

/* Parts of a valid event, borrowed; NULL when v is none. */
const char *muster_event_name(const struct muster_value *v, size_t *len);
const struct muster_value *muster_event_args(const struct muster_value *v);
const struct muster_value *muster_event_meta(const struct muster_value *v);

#endif
