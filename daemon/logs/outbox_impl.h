/*
 * What the files of the outbox share.
 *
 *   outbox.c        construction, time, draining
 *   outbox_stream.c what LogCreate messages describe
 *   outbox_add.c    records on their way into batches
 *   outbox_disk.c   what is written, and what became of it
 *   outbox_load.c   what an earlier life left
 *   outbox_queue.c  which batch is whose: loggers, queues, holds
 *   outbox_send.c   to the loggers, and their answers
 *   outbox_logger.c loggers that come, go and stop answering
 *   outbox_fact.c   for status
 *
 * A batch is in one queue: of the logger it was given to, in the order of its
 * numbers there, or of its stream, in the order of its ids.  Whatever is
 * written has a number in the journal until the disk has it; a batch is sent
 * when the disk has the logger and number that it is sent with, and nothing
 * else is sent to a logger while the disk still has it that a batch taken from
 * it is its (it would be believed written when a later number is).
 */
#ifndef LOGS_OUTBOX_IMPL_H
#define LOGS_OUTBOX_IMPL_H

#include "base/rng.h"
#include "base/uuid.h"
#include "logs/outbox.h"
#include "logs/outbox_record.h"

#define SECOND UINT64_C(1000000000)

#define OUTBOX_WINDOW    64            /* batches on the way to a logger */
#define OUTBOX_UNDURABLE (32u << 20)   /* bytes that may wait for the disk */
#define OUTBOX_STALLED   (10 * SECOND) /* without an answer */
#define OUTBOX_REWIND    (SECOND / 10) /* after an answer without progress */
#define OUTBOX_RETRY     (SECOND / 50) /* when a queue has no room */
#define OUTBOX_HANGS     (10 * SECOND) /* without a commit: that is told */
#define OUTBOX_DISK      SECOND        /* before a failed disk is tried again */
#define OUTBOX_HOLD_MIN  SECOND        /* after a refusal; it doubles */
#define OUTBOX_HOLD_MAX  (30 * SECOND)
#define OUTBOX_FULL      (60 * SECOND) /* between two such episodes told */
#define OUTBOX_LINES     200

struct logger;
struct mu_pool;
struct mu_pool_member;
struct stream;

struct batch {
	struct batch *prev, *next; /* in its queue */
	uint64_t id;
	struct stream *stream;
	struct logger *logger; /* NULL: it waits in its stream's queue */
	uint64_t seq;          /* in the session with logger */
	uint64_t written;      /* journal number of what is known of it */
	uint64_t since;        /* when it was first sent, or 0 */
	uint32_t nrecords, bytes;
	bool sent;  /* on this connection */
	bool anew;  /* ... and never before */
	bool maybe; /* logger may have it, or have written it */
	bool fresh; /* its body is not on disk yet */
	bool redo;  /* what was to be written of it was not */
	bool dead;  /* over: its erasure is not on disk yet */
};

struct queue {
	struct batch *first, *last;
	size_t n;
};

struct logger {
	struct logger *next;
	char *name, *topic; /* owned; topic of batches or of the node */
	uint32_t number;    /* on disk */
	struct mu_uuid session;
	bool stored; /* both are on their way to the disk or there */
	bool listed; /* in the layout */
	const struct mu_pool_member *member; /* then: in the pool */
	bool up, muster;
	bool stalled;   /* up, and does not answer */
	uint64_t since; /* of up or down */
	struct queue queue;
	struct batch *unsent; /* the first of queue that is to be sent */
	uint64_t round;       /* grows when batches are sent again */
	size_t flying;        /* sent and unanswered */
	uint64_t flying_bytes;
	uint64_t progress;  /* when it last answered, or was idle */
	uint64_t rewind_at; /* UINT64_MAX: no need to */
	uint64_t retry_at;  /* its queue was full, or 0 */
	uint64_t barrier;   /* nothing is sent before the journal is so far */
	uint8_t *knows;     /* [nknows] LogCreate sent on this connection, by
			       the stream's index */
	size_t nknows;
	uint64_t delivered, refused;
	char error[OUTBOX_WHY];
};

/* A logger that does not want a stream for a while. */
struct hold {
	struct hold *next;
	struct logger *logger;
	struct stream *stream;
	uint64_t until, pause;
};

/* Records of a stream for one logger, not yet a batch: laid out as a body. */
struct group {
	struct group *next;
	struct logger *logger; /* NULL: whoever comes */
	struct mu_buf body;
	uint32_t n;
};

/* Who wants to know; in the journal once its records are written. */
struct ticket {
	struct ticket *next;
	void *caller;
	uint64_t id;
	size_t n;
};

/* The newest of its key; written with the stream's batches. */
struct mark {
	struct mark *next;
	struct mu_buf key, value;
};

struct stream {
	uint32_t number;
	size_t index; /* in the list */
	struct mu_log_stream about;
	uint8_t *create; /* owned; the LogCreate message */
	size_t create_len;
	char *topic;        /* owned; zeek/logs/ID */
	bool stored;        /* on its way to the disk or there */
	bool announced;     /* LogCreate went to everybody */
	struct queue queue; /* batches of no logger, by id */
	size_t nbatches;    /* in any queue */
	uint64_t waiting;   /* records in them */
	/* being collected */
	struct group *groups;
	struct ticket *tickets, **last_ticket;
	struct mark *marks;
	size_t ncollected, bytes;
	uint64_t cost; /* of the groups, against the limit */
	uint64_t due;  /* when they become batches; UINT64_MAX: none */
	uint64_t accepted, delivered, dropped;
};

enum entry_kind {
	ENTRY_BATCH, /* body and about of a new one */
	ENTRY_ABOUT, /* of an old one */
	ENTRY_ERASE, /* of a dead one */
	ENTRY_TICKET,
	ENTRY_STREAM, /* stream */
	ENTRY_LOGGER, /* logger */
	ENTRY_NUMBERS
};

/* Something written, until the disk has it. */
struct entry {
	struct entry *next;
	uint64_t number; /* in the journal */
	uint64_t seal;   /* of the backend; 0: not sealed yet */
	enum entry_kind kind;
	struct batch *batch;
	struct ticket *ticket; /* owned */
	struct stream *stream;
	struct logger *logger;
};

struct line {
	struct line *next;
	int level;
	char text[OUTBOX_WHY + 128];
};

struct done {
	struct done *next;
	struct ticket *ticket; /* owned */
	int error;
};

struct outbox {
	struct outbox_config cfg; /* strings owned */
	struct mu_backend *disk;
	struct mu_rng rng;
	uint64_t now;
	struct outbox_numbers numbers; /* next ones */
	bool numbers_dirty;

	struct stream **streams; /* owned [nstreams] */
	size_t nstreams, streams_cap;
	struct logger *loggers;   /* owned; listed ones first, by name */
	struct logger *everybody; /* alone: they are one logger; else NULL */
	struct hold *holds;
	struct mu_pool *pool; /* of the listed ones that answer; or NULL */

	/* journal */
	struct entry *first_entry, **last_entry;
	uint64_t journal, settled; /* numbers given out; up to which the disk
				      has everything */
	uint64_t last_seal;
	bool unsealed;       /* something was written since */
	uint64_t progress;   /* when the disk last had something of it, or it
				began */
	bool hangs;          /* it was told that the disk has nothing to say */
	size_t undurable;    /* bytes of bodies in it */
	struct queue graves; /* dead batches */
	bool redo_abouts;    /* batches in queues are to be written again:
				nothing is sent until they are */
	uint64_t redo_at;    /* UINT64_MAX: nothing is to be */
	char disk_error[OUTBOX_WHY];

	uint64_t bytes;      /* of all batches, as they count */
	uint64_t collecting; /* bytes of records that are no batch yet */
	uint64_t promised;   /* ... as they will count against the limit */
	size_t nbatches;
	size_t nwaiting;    /* of them in queues of streams */
	uint64_t due;       /* when the first stream is; not later */
	bool losing;        /* an episode of outbox_lost */
	bool full;          /* an episode at the limit */
	bool full_told;     /* it was said */
	uint64_t full_next; /* not before: another one */
	uint64_t full_records;
	uint64_t accepted, refused, delivered, dropped, damaged, doubtful,
	    resent, found;

	/* consequences */
	struct done *first_done, **last_done, *given;
	struct line *first_line, **last_line, *shown;
	size_t nlines;
	size_t announce;       /* next stream to look at */
	bool unannounced;      /* some are */
	struct batch *sending; /* until outbox_sent */
	struct logger *sending_to;
	struct mu_buf scratch, message;
};

/* --- outbox.c --- */
void outbox_say(struct outbox *o, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Tell the ticket's caller; takes it. */
void outbox_tell(struct outbox *o, struct ticket *t, int error);

/* --- outbox_stream.c --- */
struct stream *outbox_find(const struct outbox *o, uint32_t number);
/* A new one, whose number is given; takes about's contents.  NULL: no memory.
 */
struct stream *outbox_stream_new(
    struct outbox *o, uint32_t number, struct mu_log_stream *about);
void outbox_stream_free(struct stream *st);

/* --- outbox_add.c --- */
/* What was collected becomes batches. */
void outbox_collect(struct outbox *o, struct stream *st);
/* ... of all streams: before loggers come or go, so that the records of one
 * logger do not overtake those for which there was none. */
void outbox_collect_all(struct outbox *o);
/* Everything collected of that stream is refused, and whoever brought it is
 * told rc. */
void outbox_give_up(struct outbox *o, struct stream *st, int rc);

/* --- outbox_disk.c --- */
/* Store a new batch, whose body is body; then it is in no queue yet.  0 or an
 * error, and it is not stored. */
int outbox_store(struct outbox *o, struct batch *b, struct mu_bytes body);
/* Store whose a batch is now.  Never fails: what cannot be written now is
 * written later, and nothing is sent until then. */
void outbox_restore(struct outbox *o, struct batch *b);
/* The batch is over: forget it, on disk and in memory; it is in no queue. */
void outbox_erase(struct outbox *o, struct batch *b);
int outbox_store_stream(struct outbox *o, struct stream *st);
int outbox_store_logger(struct outbox *o, struct logger *l);
int outbox_store_mark(struct outbox *o, const struct mark *m);
/* The ticket's records are all written; takes it. */
void outbox_store_ticket(struct outbox *o, struct ticket *t);
/* Write again what a failure undid, when it is time. */
void outbox_redo(struct outbox *o);
void outbox_journal_clear(struct outbox *o);
/* Say that the disk hangs, when it does; and when that would be. */
void outbox_disk_tick(struct outbox *o);
uint64_t outbox_disk_deadline(const struct outbox *o);
static inline bool
outbox_written(const struct outbox *o, const struct batch *b)
{
	return b->written <= o->settled && !b->redo;
}
uint64_t outbox_cost(const struct batch *b);

/* --- outbox_load.c --- */
int outbox_load(struct outbox *o, char *why);

/* --- outbox_queue.c --- */
struct logger *outbox_logger(const struct outbox *o, const char *name);
/* Find or make one; NULL: no memory. */
struct logger *outbox_logger_new(
    struct outbox *o, const char *name, size_t len);
void outbox_logger_free(struct logger *l);
/* The next logger by round robin that can take records, or NULL. */
struct logger *outbox_choose(struct outbox *o);
/* It came, went, stopped or began to answer. */
void outbox_set_up(struct outbox *o, struct logger *l, bool up, bool stalled);
/* Could l be given batches of st now? */
bool outbox_takes(
    const struct outbox *o, const struct logger *l, const struct stream *st);
/* To the end of l's queue, with the next number, or to its stream's queue, by
 * id (l NULL); stored by the caller. */
void outbox_give(struct outbox *o, struct batch *b, struct logger *l);
/* Out of its queue. */
void outbox_take(struct outbox *o, struct batch *b);
/* Back to its stream: nothing else is sent to its logger until the disk knows.
 */
void outbox_return(struct outbox *o, struct batch *b);
void outbox_enqueue(struct queue *q, struct batch *after, struct batch *b);
void outbox_dequeue(struct queue *q, struct batch *b);
/* Give waiting batches to loggers that have room. */
void outbox_spread(struct outbox *o);
/* Was it held, and has nothing of it been taken since? */
bool outbox_held(
    const struct outbox *o, const struct logger *l, const struct stream *st);
void outbox_hold(struct outbox *o, struct logger *l, struct stream *st);
void outbox_unhold(
    struct outbox *o, const struct logger *l, const struct stream *st);
uint64_t outbox_hold_deadline(const struct outbox *o);
/* Drop the oldest batch that waits; false: none does. */
bool outbox_drop_oldest(struct outbox *o);

/* --- outbox_send.c --- */
bool outbox_send_next(struct outbox *o, struct outbox_out *out);
/* Send all unanswered ones of l again. */
void outbox_rewind(struct logger *l);

/* --- outbox_logger.c --- */
/* Could anybody but l take what is l's? */
bool outbox_others(const struct outbox *o, const struct logger *l);
void outbox_loggers_tick(struct outbox *o);
uint64_t outbox_loggers_deadline(const struct outbox *o);

#endif
