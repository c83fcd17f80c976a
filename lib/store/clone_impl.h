/* What the files of the clone share; for them only. */
#ifndef MU_STORE_CLONE_IMPL_H
#define MU_STORE_CLONE_IMPL_H

#include "store/clone.h"
#include "store/entry.h"

#define CLONE_WINDOW 4 /* chunks under way */

/* A write that the master has not decided, as far as we know. */
struct write {
	struct write *next;
	uint64_t id;       /* the caller's */
	uint64_t seq;      /* 0: not sent yet */
	uint64_t req_id;   /* put_unique */
	uint64_t deadline; /* monotonic */
	struct mu_blob *payload;
	struct mu_out *done; /* owned; NULL: answered already */
	enum mu_command_tag tag;
	bool decided; /* and seen once action visible is applied */
	uint64_t visible;
};

/* A query that waits for a fresh copy. */
struct query {
	struct query *next;
	struct mu_store_request req; /* its values are counted */
	uint64_t deadline;
	struct mu_out *done; /* owned */
};

struct mu_clone {
	struct mu_clone_config config;
	struct mu_backend *backend; /* owned */
	struct mu_entity me;        /* in this attachment */
	struct mu_entity who;       /* of put_unique, always the same */
	struct mu_outq out;
	bool unwatched; /* nobody wants events */

	/* the master */
	bool has_peer; /* a peer that hosts it is there */
	struct mu_uuid peer;
	bool peer_is_ours;
	struct mu_entity master; /* nil: none yet */
	bool is_ours;
	bool seeking;      /* asking to be attached */
	bool spoke;        /* me was used in a request */
	bool complete;     /* the copy was whole once */
	bool told_second;  /* a second master was logged */
	uint64_t attached; /* times */
	uint64_t asked;    /* tick of the last request */
	uint64_t patience; /* ticks before the next one; 0: as usual */
	uint64_t failed;   /* tick of the last clone_restart, or 0 */
	uint64_t heard;    /* tick of the master's last word */
	uint64_t heard_at; /* the same, monotonic */

	/* the copy */
	struct mu_consumer *in; /* owned */
	uint64_t epoch;         /* 0: history unknown */
	uint64_t applied;       /* last action applied */
	bool loading;           /* chunks are on their way */
	bool held_back;         /* more of them, until the medium is ready */
	struct mu_buf held;     /* last encoded key we hold; empty: none */
	uint64_t index;         /* of the chunk that comes next */
	uint64_t allowed;       /* those before it were asked for */
	/* ticks at which that was, by index */
	uint64_t asked_at[CLONE_WINDOW];
	uint64_t wanted;          /* tick of the last want */
	uint64_t want_every;      /* ticks before it is said again */
	uint64_t loaded, total;   /* pairs */
	struct mu_backend *aside; /* owned: actions on keys to come, by key; or
				     NULL */
	uint64_t passed;       /* chunks must be as of this action or later */
	struct mu_blob *stuck; /* owned: action that waits for the medium */
	uint64_t stuck_seq;
	uint64_t need; /* whole once this action is applied */
	uint64_t saved_seq, saved_epoch;
	bool damaged;         /* a record of it cannot be read */
	uint64_t saved_index; /* 1 + index held was saved with; 0: whole */

	/* writes */
	struct mu_producer *writer; /* owned */
	bool writer_open;           /* the master may be sent writes */
	bool writer_acked;
	uint64_t answered; /* writes up to here were decided */
	struct write *writes, **writes_tail;
	size_t nwrites, write_bytes;
	size_t nunsent; /* of them, without a number */
	uint64_t req_id;

	struct query *queries, **queries_tail;
	size_t nqueries;

	enum mu_store_state state; /* as last told */
	unsigned percent;
	uint64_t ticks;
	uint64_t next_tick; /* monotonic */
	uint64_t now;       /* monotonic, of the last call */
};

/* --- clone.c ----------------------------------------------------------- */

void clone_send(struct mu_clone *c, struct mu_command *cmd,
    const struct mu_uuid *endpoint, const struct mu_entity *receiver);
enum mu_store_state clone_state(const struct mu_clone *c, unsigned *percent);

/* --- clone_attach.c ---------------------------------------------------- */

/* Ask to be attached, anew. */
void clone_seek(struct mu_clone *c);
void clone_on_ack_clone(struct mu_clone *c, const struct mu_command *cmd);
void clone_on_attached(struct mu_clone *c, const struct mu_command *cmd);
void clone_tick_attach(struct mu_clone *c);
/* The copy is of no use: fetch all of it again. */
void clone_restart(struct mu_clone *c, const char *why);
/* The copy may have become whole. */
void clone_check_whole(struct mu_clone *c);

/* --- clone_chunks.c ---------------------------------------------------- */

/* The last key that came, owned; NULL: none, or no memory. */
struct muster_value *clone_last_held(const struct mu_clone *c);
/* Ask for the chunks of an attachment, where the copy ends. */
void clone_want_first(struct mu_clone *c);
void clone_on_chunk(struct mu_clone *c, const struct mu_command *cmd);
/* Ask for those that did not come. */
void clone_tick_chunks(struct mu_clone *c);
/* Does the medium have much to do still? */
bool clone_is_behind(const struct mu_clone *c);
/* It may have done what chunks and actions wait for. */
void clone_go_on(struct mu_clone *c);

/* --- clone_aside.c ----------------------------------------------------- */

/* Was that key in a chunk, or is the copy whole? */
bool clone_is_held(struct mu_clone *c, struct mu_bytes key);
/* Keep the action until the chunk with its key has come. */
void clone_set_aside(struct mu_clone *c, struct mu_bytes key,
    struct mu_blob *action, uint64_t seq);
/* No chunk is good that does not show this action. */
void clone_pass_over(struct mu_clone *c, uint64_t seq);
/* Keys came that are as of action number: apply what was set aside and is
 * later.  0 or an error; then it can be done again. */
int clone_take_up(struct mu_clone *c, uint64_t number);
/* Forget all that was set aside or is stuck. */
void clone_aside_drop(struct mu_clone *c);

/* --- clone_copy.c ------------------------------------------------------ */

/* Apply what is in order; 0 or an error of the backend or memory. */
int clone_drain(struct mu_clone *c);
int clone_remember(struct mu_clone *c);
void clone_save(struct mu_clone *c);
/* A put, erase or expire of that key. */
int clone_apply_keyed(
    struct mu_clone *c, const struct mu_command *cmd, struct mu_bytes key);
/* An outcome of the backend: it may be that the copy is damaged. */
int clone_medium(struct mu_clone *c, int rc);
/* Put a pair [both encoded] that cmd brought, with an event; is_new: the key is
 * known to be missing. */
int clone_put(struct mu_clone *c, struct mu_bytes key, struct mu_bytes value,
    const struct mu_command *cmd, bool is_new);
/* Erase a key, with an event of that kind; 0 also when it is missing. */
int clone_erase(struct mu_clone *c, struct mu_bytes key,
    enum mu_store_event what, const struct mu_entity *publisher);

/* --- clone_merge.c ----------------------------------------------------- */

/* Make the keys after from equal to the pairs; up to the last pair, or to the
 * end.  Raises events for the differences. */
int clone_merge(struct mu_clone *c, struct mu_bytes from,
    const struct mu_command *pairs, bool to_end, struct mu_buf *last);

/* --- clone_query.c ----------------------------------------------------- */

/* Takes done. */
void clone_query(struct mu_clone *c, const struct mu_store_request *req,
    struct mu_out *done, uint64_t deadline);
void clone_answer_queries(struct mu_clone *c);
/* Why the copy does not answer: STALE, it is too old; NO_MASTER, no node that
 * hosts it was ever seen; TIMEOUT, the master was, but the copy is not here. */
enum mu_store_status clone_why_not(const struct mu_clone *c);
void clone_expire_queries(struct mu_clone *c);
void clone_queries_free(struct mu_clone *c);

/* --- clone_write.c ----------------------------------------------------- */

int clone_write(struct mu_clone *c, const struct mu_store_request *req,
    struct mu_out *done, uint64_t deadline);
/* The master (c->master) takes writes: known says that it remembers ours up to
 * number last. */
void clone_open_writer(struct mu_clone *c, bool known, uint64_t last);
void clone_on_ack(struct mu_clone *c, const struct mu_command *cmd);
void clone_on_nack(struct mu_clone *c, const struct mu_command *cmd);
void clone_on_result(struct mu_clone *c, const struct mu_command *cmd);
void clone_on_unique_result(struct mu_clone *c, const struct mu_command *cmd);
/* Answer what is decided and visible. */
void clone_answer_writes(struct mu_clone *c);
void clone_tick_writes(struct mu_clone *c);
void clone_writes_free(struct mu_clone *c);

#endif
