/*
 * LogWrite and Batch messages without their values: where the serialized
 * record lies in a message's bytes, and messages put together from records
 * that are serialized already (reference "broker-protocol", 5.5 and 5.7).
 */
#ifndef MU_LOGREC_MESSAGE_H
#define MU_LOGREC_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "muster/event.h"

/* Zeek's Broker::log_batch_size and the most bytes we put into a batch. */
#define MU_LOG_BATCH_RECORDS 400
#define MU_LOG_BATCH_BYTES   (4u << 20)

/* Nesting of batches that is followed; deeper ones are ELIMIT. */
#define MU_LOG_BATCH_DEPTH 8

/* The parts of a LogWrite, borrowed from its bytes; not NUL-terminated. */
struct mu_log_write {
	const char *stream;
	const char *writer;
	const char *path;
	const uint8_t *serial;
	size_t stream_len;
	size_t writer_len;
	size_t path_len;
	size_t serial_len;
};

/* The parts of an encoded LogWrite of [len] bytes; 0 or EPROTO. */
int mu_log_write_dec(struct mu_log_write *out, const uint8_t *buf, size_t len);

/* Append the LogWrite message; failure sticks in b. */
void mu_log_write_enc(struct mu_buf *b, const struct mu_log_write *w);

/*
 * Walking a message: a Batch gives its items one by one (a Batch inside it
 * its own), any other message itself.  Everything is borrowed from the bytes.
 *
 *	if (mu_log_walk_init(&w, buf, len) != 0)
 *		refuse all of it;
 *	while (mu_log_walk_next(&w, &item))
 *		...
 */
struct mu_log_item {
	enum muster_message kind; /* never BATCH */
	const uint8_t *bytes;     /* the complete message */
	size_t len;
	struct mu_log_write write; /* of a LOG_WRITE */
};

struct mu_log_walk {
	struct mu_cursor c;                       /* behind the last item */
	uint32_t left[MU_LOG_BATCH_DEPTH + 1];    /* items to come per level */
	uint32_t surplus[MU_LOG_BATCH_DEPTH + 1]; /* ignored values behind */
	unsigned depth;
};

/* Checks the structure of all of it first, since one bad element makes a
 * batch invalid as a whole: 0, EPROTO, ELIMIT.  What a LogCreate or event
 * holds is not judged. */
int mu_log_walk_init(struct mu_log_walk *w, const uint8_t *buf, size_t len);
bool mu_log_walk_next(struct mu_log_walk *w, struct mu_log_item *item);

/* A Batch in the making.  The limits hold for what is added: a record larger
 * than max_bytes is accepted into an empty batch. */
struct mu_log_batch {
	struct mu_buf buf; /* room for the head, then the items */
	uint32_t nrecords;
	uint32_t max_records;
	size_t max_bytes; /* of the items together */
};

/* max_records, max_bytes  0: MU_LOG_BATCH_RECORDS, MU_LOG_BATCH_BYTES */
void mu_log_batch_init(
    struct mu_log_batch *b, uint32_t max_records, size_t max_bytes);
void mu_log_batch_clear(struct mu_log_batch *b);
/* Empty it, keeping the memory. */
void mu_log_batch_reset(struct mu_log_batch *b);

/* Bytes of the items. */
size_t mu_log_batch_len(const struct mu_log_batch *b);

/* Add a record, or a complete encoded LogWrite of [len] bytes (its parts are
 * the caller's word).  0; ELIMIT: it does not fit any more, finish first;
 * ENOMEM.  On failure the batch is as before. */
int mu_log_batch_add(struct mu_log_batch *b, const struct mu_log_write *w);
int mu_log_batch_add_message(
    struct mu_log_batch *b, const uint8_t *message, size_t len);

/* The Batch message, also of no record: *bytes is borrowed until the next
 * call on b, which may be added to further.  0 or ENOMEM. */
int mu_log_batch_finish(
    struct mu_log_batch *b, const uint8_t **bytes, size_t *len);

#endif
