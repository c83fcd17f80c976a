/*
 * What a Muster node and a Muster logger say to each other about batches of
 * log records: events on topics below muster/logs/ (muster-protocol(7), LOGS).
 * This is the wire only; outbox.h sends, the logger takes.
 */
#ifndef LOGS_DELIVERY_H
#define LOGS_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/uuid.h"

/* Topics: one of these, the name of a node, "/".  A logger whose filter has
 * the first for its own name takes batches. */
#define DELIVERY_TO_LOGGER "muster/logs/batch/"
#define DELIVERY_TO_SENDER "muster/logs/taken/"

#define DELIVERY_NAME 255 /* bytes of a node's name at most */

/* A batch on its way to a logger; everything borrowed. */
struct delivery_batch {
	const char *sender; /* name of the node, not NUL-terminated */
	size_t sender_len;
	struct mu_uuid session; /* of that sender with this logger */
	uint64_t seq;           /* of the batch, ascending, from 1 */
	uint64_t prev;          /* of the batch before it that is not yet known
				   to be settled; 0: there is none */
	uint64_t round;         /* which of its sendings this is; the answer
				   that refuses it says the same */
	const uint8_t *batch;   /* an encoded Batch message */
	size_t batch_len;
};

/* What became of it. */
struct delivery_answer {
	bool refused;       /* seq and nothing else was not written */
	const char *logger; /* name of the node, not NUL-terminated */
	size_t logger_len;
	struct mu_uuid session;
	uint64_t seq;    /* taken: all up to this one are on disk */
	uint64_t round;  /* of a refusal: that of the batch */
	const char *why; /* likewise, not NUL-terminated */
	size_t why_len;
};

/* "muster/logs/batch/logger-1/", owned; NULL when memory is out. */
char *delivery_topic(const char *prefix, const char *node);

/* Append the event; failure sticks in b. */
void delivery_batch_enc(struct mu_buf *b, const struct delivery_batch *d);
void delivery_answer_enc(struct mu_buf *b, const struct delivery_answer *a);

/*
 * Read an event of [len] bytes, which out borrows.  What the Batch holds is not
 * looked at beyond its structure.  0; MUSTER_ENOENT: another event or message;
 * MUSTER_EPROTO, MUSTER_ELIMIT (a name longer than DELIVERY_NAME).
 */
int delivery_batch_dec(
    struct delivery_batch *out, const uint8_t *buf, size_t len);
int delivery_answer_dec(
    struct delivery_answer *out, const uint8_t *buf, size_t len);

#endif
