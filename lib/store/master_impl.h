/* What the files of the master share; for them only. */
#ifndef MU_STORE_MASTER_IMPL_H
#define MU_STORE_MASTER_IMPL_H

#include "store/entry.h"
#include "store/master.h"

#define MAX_FAILURES   128  /* remembered per writer, for lost results */
#define MAX_LIVES      16   /* of a master that clones may know */
#define MAX_REMEMBERED 1024 /* writers whose last number the backend keeps */
#define MAX_LOOKBACK   4096 /* numbers asked again of a writer we forgot */

/* An earlier life of this master. */
struct life {
	uint64_t epoch;
	uint64_t end; /* the last number that counts */
};

/* The last write of one writer, for after a restart. */
struct remembered {
	struct mu_entity who; /* nil: free */
	uint64_t seq;
	uint64_t used; /* when, for taking the oldest */
	bool unsaved;
};

/* A clone in the role of a writer. */
struct writer {
	struct writer *next;
	struct mu_entity who;
	struct mu_consumer *in; /* owned */
	bool is_ours;           /* speaks tags from 64: gets results */
	bool adopted;     /* of an earlier life: opened by its first word */
	uint64_t hold;    /* nothing is taken from it before this tick */
	uint64_t suspect; /* its write that may be the cause of a failed batch:
			     taken alone until it is decided; 0: none */
	unsigned tries;   /* of that write */
	bool dirty;       /* decided writes it was not told of */
	uint64_t decided; /* its writes up to here are decided */
	struct remembered *record; /* if it is still that writer's */
	size_t npending;           /* its writes that wait for the medium */
	uint64_t visible;          /* our action that shows the last one */
	uint64_t floor;            /* failures up to here are forgotten */
	struct mu_command_failure failures[MAX_FAILURES]; /* the last ones */
	unsigned nfailures;
	unsigned nuntold; /* of them, since the last result */
};

/* Whose write it was. */
struct origin {
	const struct mu_store_request *req; /* local, or NULL */
	struct writer *writer;              /* remote, or NULL: our own */
	uint64_t seq;                       /* the writer's number */
};

/* A write that waits for its batch. */
struct change {
	struct change *next;
	uint64_t batch;      /* 0: not sealed yet */
	struct mu_outq outs; /* events, actions, then DONE */
	struct mu_out *done; /* among outs, or NULL */
	bool has_writer;
	struct mu_entity writer;
	uint64_t seq; /* the writer's number */
	enum mu_store_status status;
	unsigned nactions; /* among outs */
	bool is_resync;    /* again if it fails */
};

/* A clone of ours that is being sent the store in chunks. */
struct session {
	struct session *next;
	struct mu_entity who;
	struct mu_snapshot *picture; /* owned; NULL: all was sent */
	uint64_t number;             /* the action as of which the picture is */
	uint64_t since;              /* tick at which it was taken */
	uint64_t used;               /* tick of the clone's last word */
	uint64_t index;              /* of the next chunk */
	struct mu_buf at;            /* key sent last; empty: none */
};

struct mu_master {
	struct mu_master_config config;
	struct mu_backend *backend; /* owned */
	struct mu_producer *producer;
	struct writer *writers; /* owned list */
	size_t nwriters;
	struct session *sessions;         /* owned list, newest word first */
	size_t npictures;                 /* of them that are open */
	struct remembered *remembered;    /* owned [MAX_REMEMBERED], or NULL */
	uint64_t nremembered;             /* uses, ever */
	bool unsaved;                     /* some of them */
	enum mu_store_status last_status; /* of the last write */
	struct mu_outq out;
	struct change *changes, **changes_tail; /* in the order of writes */
	struct change *unsealed; /* the first one of the open batch, or NULL */
	size_t nchanges;
	uint64_t nactions; /* numbered outs among the changes */
	uint64_t batch;    /* last one sealed */
	uint64_t settled;  /* the fate of batches up to here is known */
	uint64_t epoch;    /* of this life */
	struct life lives[MAX_LIVES]; /* earlier ones, the last one first */
	size_t nlives;
	bool lives_saved;
	uint64_t saved_seq; /* what the backend's record says */
	uint64_t gone;      /* numbers up to here that are not kept are
			       asked for by clones of an earlier life: */
	uint64_t fill;      /* these are answered with fillers, since a
			       resynchronisation was sent after them */
	uint64_t next_tick; /* monotonic */
	uint64_t ticks;
	uint64_t resync_at;        /* tick at which to resynchronise; 0: none */
	bool must_resync;          /* whoever it is that needs it */
	uint64_t snapshot_refused; /* tick of the last such log line, and 1 */
	uint64_t chunk_refused;    /* and of that about an entry */
	uint64_t handshake_tick;   /* of the last full snapshot sent */
	struct mu_entity handshake_to;
	uint64_t resynced;      /* tick of the last resynchronisation */
	uint64_t expiry_failed; /* tick of the last such log line, and 1 */
	enum mu_store_status trouble; /* why writes are refused, or OK */
	bool commit_failed;           /* the last batch did */
	bool numbers_failed;   /* they cannot be saved, and that was said */
	uint64_t nrefused;     /* in this episode */
	uint64_t ndamaged;     /* times a damaged record was met */
	uint64_t damaged_told; /* tick of the last such log line, and 1 */
	char damaged[80];      /* the key of one, as text; may be empty */
	uint64_t nwrites, nfailed, nexpired;
};

/* --- master_write.c: changes ------------------------------------------- */

/* Apply a command of the origin, or refuse it; it is answered in any case but
 * these: ENOMEM, and EAGAIN when the medium refuses the write of a clone that
 * could not be told. */
int master_apply(struct mu_master *m, const struct mu_command *cmd,
    const struct origin *origin, const struct mu_store_now *now);
/* Remove what has expired; true when more is due. */
bool master_expire(struct mu_master *m, const struct mu_store_now *now);
/* A change without a write, carrying the outs given. */
struct change *master_change_new(const struct origin *origin);
void master_change_push(struct mu_master *m, struct change *c);
void master_change_free(struct change *c);
/* An action of the master's own to a change; false when memory is out. */
bool master_change_action(
    struct mu_master *m, struct change *c, const struct mu_command *cmd);

/* --- master_release.c: batches ----------------------------------------- */

/* Let out what is durable, answer what failed. */
void master_release(struct mu_master *m);
void master_seal(struct mu_master *m);
/* Read what the backend remembers; 0 or an error. */
int master_remember(struct mu_master *m);

/* --- master_lives.c --- */

/* What the backend remembers of them; saved_seq is known.  0 or an error. */
int master_lives_load(struct mu_master *m);
/* Part of the batch that keeps the first number of this one. */
int master_lives_save(struct mu_master *m);
/* Is what history epoch was up to action seq part of ours? */
bool master_has_lived(const struct mu_master *m, uint64_t epoch, uint64_t seq);

/* --- master_trouble.c -------------------------------------------------- */

/* That many writes were refused for the store's own reason. */
void master_refused(struct mu_master *m, enum mu_store_status why, uint64_t n);
/* One succeeded. */
void master_recovered(struct mu_master *m);
/* A record cannot be read; key NULL: nobody knows which. */
void master_damaged(struct mu_master *m, const struct muster_value *key);
/* The write c of a clone of Broker's fails whenever it is tried, because the
 * file is damaged: it is refused instead of being asked for again. */
bool master_gives_up(
    struct mu_master *m, const struct change *c, enum mu_store_status why);

/* --- master_clones.c --------------------------------------------------- */

void master_send(struct mu_master *m, struct mu_command *cmd,
    const struct mu_entity *to, bool name_receiver);
void master_on_nack(struct mu_master *m, const struct mu_command *cmd);
void master_on_ack(struct mu_master *m, const struct mu_command *cmd);
void master_on_attach(struct mu_master *m, const struct mu_command *cmd);
void master_tick_clones(struct mu_master *m);
/* clear and puts of everything to all clones, under new numbers. */
void master_resync(struct mu_master *m);

/* --- master_chunks.c --------------------------------------------------- */

void master_on_want(struct mu_master *m, const struct mu_command *cmd);
/* Close the pictures of clones that are silent. */
void master_tick_chunks(struct mu_master *m);
void master_chunks_free(struct mu_master *m);

/* --- master_writers.c -------------------------------------------------- */

struct writer *master_writer(
    const struct mu_master *m, const struct mu_entity *who);
/* A writer whose numbers up to offset are done with; NULL: limit or memory. */
struct writer *master_writer_add(struct mu_master *m,
    const struct mu_entity *who, uint64_t offset, uint16_t heartbeat);
void master_on_attach_writer(struct mu_master *m, const struct mu_command *cmd);
void master_on_keepalive(struct mu_master *m, const struct mu_command *cmd);
int master_on_action(struct mu_master *m, const struct mu_command *head,
    const uint8_t *payload, size_t len, const struct mu_store_now *now);
int master_on_retransmit_failed(struct mu_master *m,
    const struct mu_command *cmd, const struct mu_store_now *now);
void master_tick_writers(struct mu_master *m, const struct mu_store_now *now);
/* A write of who is decided. */
void master_writer_done(struct mu_master *m, const struct mu_entity *who,
    uint64_t seq, enum mu_store_status status);
/* That write of a clone of Broker's did not happen, nor any later one: it is
 * not acknowledged, and asked for again after a while.  False: no such. */
bool master_writer_rewind(
    struct mu_master *m, const struct mu_entity *who, uint64_t seq);
/* Tell our own kind what was decided. */
void master_tell_writers(struct mu_master *m);
void master_writers_free(struct mu_master *m);
/* The last write of who that was applied, also in an earlier life. */
bool master_writer_recall(
    struct mu_master *m, const struct mu_entity *who, uint64_t *seq);
/* Is there a record of every writer, ever? */
bool master_writers_are_complete(const struct mu_master *m);
/* Go on after that number, unless it is open already. */
void master_writer_open(struct writer *w, uint64_t offset);
/* Read and write the backend's records of writers. */
int master_writers_load(struct mu_master *m);
int master_writers_save(struct mu_master *m);
/* The batch failed: write all of them again. */
void master_writers_unsaved(struct mu_master *m);
/* The number to acknowledge. */
uint64_t master_writer_acked(const struct writer *w);

#endif
