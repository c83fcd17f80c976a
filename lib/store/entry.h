/*
 * Between values and a backend's bytes, and the queries that masters and
 * clones answer alike; for this room only.
 */
#ifndef MU_STORE_ENTRY_H
#define MU_STORE_ENTRY_H

#include "base/buf.h"
#include "store/backend.h"
#include "store/order.h"
#include "store/outq.h"
#include "store/store.h"

/* The outcome that stands for an error of a backend. */
enum mu_store_status mu_entry_status(int err);

static inline struct mu_bytes
mu_bytes_of(const struct mu_buf *b)
{
	struct mu_bytes bytes = { mu_buf_data(b), mu_buf_len(b) };

	return bytes;
}

/* Write the encoded key; equal keys have equal bytes (-0.0 becomes 0.0).
 * INVALID for NaN, which equals nothing; NOMEM. */
enum mu_store_status mu_entry_key(
    struct mu_buf *b, const struct muster_value *key);

/* The value under an encoded key, owned; OK, NO_SUCH_KEY, BACKEND, DAMAGED,
 * NOMEM. */
enum mu_store_status mu_entry_get(
    struct mu_backend *b, struct mu_bytes key, struct muster_value **out);

/* The same with its deadline, 0: none. */
enum mu_store_status mu_entry_get_due(struct mu_backend *b, struct mu_bytes key,
    struct muster_value **out, int64_t *deadline);

/* Answer EXISTS, GET, GET_INDEX or KEYS into a DONE item. */
void mu_entry_query(struct mu_backend *b, const struct mu_store_request *req,
    uint32_t max_keys, struct mu_out *done);

/* An ERASED event for each key, behind what is in q; those behind a record that
 * cannot be read are left out.  0 or MUSTER_ENOMEM. */
int mu_entry_say_erased(
    struct mu_backend *b, const struct mu_entity *publisher, struct mu_outq *q);

bool mu_store_is_read(enum mu_store_op op);
/* Has it the values its operation needs? */
bool mu_store_request_is_complete(const struct mu_store_request *req);
/* The command of a write; its values are counted (mu_command_clear). */
void mu_store_command_of(
    const struct mu_store_request *req, struct mu_command *cmd);

#endif
