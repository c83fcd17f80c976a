/*
 * Consequences waiting for the owner; for this room only.  Items are made
 * before a write happens, so that nothing can fail after it.
 */
#ifndef MU_STORE_OUTQ_H
#define MU_STORE_OUTQ_H

#include "base/blob.h"
#include "store/store.h"

struct mu_out {
	struct mu_out *next;
	struct mu_store_out out; /* points into what is below */
	struct mu_uuid receiver;
	struct mu_blob *payload; /* counted */
	bool numbered;           /* SEND: an action that gets its place when
				    it leaves */
	struct muster_value *key, *old_value, *value, *more; /* counted */
	char *text;                                          /* owned */
};

struct mu_outq {
	struct mu_out *head, **tail;
	struct mu_out *shown; /* given to the owner last */
	size_t n;
};

void mu_outq_init(struct mu_outq *q);
void mu_outq_clear(struct mu_outq *q);
/* Takes item; NULL is a caller's allocation failure and is ignored. */
void mu_outq_push(struct mu_outq *q, struct mu_out *item);
/* All of other to the end of q; other is empty then. */
void mu_outq_move(struct mu_outq *q, struct mu_outq *other);
bool mu_outq_next(struct mu_outq *q, struct mu_store_out *out);

/* Items; NULL when memory is out.  Values and blobs: keep a reference. */
struct mu_out *mu_out_new(enum mu_store_out_kind kind);
void mu_out_free(struct mu_out *item);
/* The command cmd, encoded; receiver: endpoint or NULL. */
struct mu_out *mu_out_command(const struct mu_command *cmd, bool to_master,
    const struct mu_uuid *receiver);
struct mu_out *mu_out_blob(
    struct mu_blob *payload, bool to_master, const struct mu_uuid *receiver);
struct mu_out *mu_out_event(enum mu_store_event event,
    const struct muster_value *key, const struct muster_value *old_value,
    const struct muster_value *value, const struct mu_entity *publisher);
struct mu_out *mu_out_done(uint64_t id, enum mu_store_status status,
    const struct muster_value *result);
void mu_out_set_result(struct mu_out *item, enum mu_store_status status,
    const struct muster_value *result);
/* Push a line for the operator; lost when memory is out. */
void mu_outq_log(struct mu_outq *q, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
