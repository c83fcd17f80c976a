/*
 * A request of the control protocol taken apart, and the handlers that live in
 * files of their own.
 */
#ifndef CORE_CONTROL_REQUEST_H
#define CORE_CONTROL_REQUEST_H

#include "proto/jtext.h"

struct control_session;

/* Members that some request knows. */
enum control_field {
	CONTROL_TOPIC,
	CONTROL_EVENT,
	CONTROL_ARGS,
	CONTROL_DATA,
	CONTROL_PAYLOAD,
	CONTROL_TOPICS,
	CONTROL_FOR,
	CONTROL_TIMEOUT,
	CONTROL_LEVEL,
	CONTROL_DO,
	CONTROL_STORE,
	CONTROL_KEY,
	CONTROL_VALUE,
	CONTROL_INDEX,
	CONTROL_EXPECTED,
	CONTROL_EXPIRY,
	CONTROL_TYPE,
	CONTROL_PREFIX,
	CONTROL_AFTER,
	CONTROL_LIMIT,
	CONTROL_ID,
	CONTROL_NFIELDS
};
#define HAS(f) (1u << CONTROL_##f)

struct control_args {
	struct mu_jtext field[CONTROL_NFIELDS];
	unsigned present; /* bits of HAS */
};

/* control_events.c */
void control_on_watch(struct control_session *s, const struct control_args *a);
void control_on_publish(
    struct control_session *s, const struct control_args *a);

#endif
