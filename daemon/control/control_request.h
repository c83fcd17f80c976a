/*
 * A request of the control protocol taken apart, and the handlers that live in
 * files of their own.
 */
#ifndef CONTROL_CONTROL_REQUEST_H
#define CONTROL_CONTROL_REQUEST_H

#include <stdint.h>

#include "proto/jtext.h"

struct control_session;
struct mu_buf;

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
	CONTROL_HRW,
	CONTROL_RR,
	CONTROL_POOL,
	CONTROL_KEYS,
	CONTROL_EVERYBODY,
	CONTROL_WITHOUT,
	CONTROL_CREATE,
	CONTROL_RECORDS,
	CONTROL_FLUSH,
	CONTROL_ORDERED,
	CONTROL_STREAM,
	CONTROL_NAME,
	CONTROL_NFIELDS
};
#define HAS(f) (UINT64_C(1) << CONTROL_##f)

struct control_args {
	struct mu_jtext field[CONTROL_NFIELDS];
	uint64_t present; /* bits of HAS */
};

/* control_events.c */
/* The event of a request, encoded.  0, or an error and what is wrong. */
int control_event_payload(
    const struct control_args *a, struct mu_buf *out, const char **why);
void control_on_watch(struct control_session *s, const struct control_args *a);
void control_on_publish(
    struct control_session *s, const struct control_args *a);

/* control_pools.c */
void control_on_pools(struct control_session *s, const struct control_args *a);
void control_on_pool_where(
    struct control_session *s, const struct control_args *a);
/* publish with hrw or rr: the payload is ready. */
void control_publish_pool(struct control_session *s,
    const struct control_args *a, const struct mu_buf *payload);

/* control_graph.c */
void control_on_graph(struct control_session *s, const struct control_args *a);

/* control_rules.c */
void control_on_rules(struct control_session *s, const struct control_args *a);
void control_on_raise(struct control_session *s, const struct control_args *a);

#endif
