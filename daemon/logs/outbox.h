/*
 * The outbox of a node: log records on their way to the loggers.  What is
 * accepted is on disk; it leaves the disk when a logger has taken it.
 *
 * Records are collected per stream and logger, one after the other to the next
 * living logger, and become batches (reference "cluster-semantics", 4.3).  A
 * batch is stored with the logger and number it was given, sent, answered and
 * erased (muster-protocol(7), LOGS).  Without a living logger batches wait.
 *
 * A machine: no sockets, no clock, and the disk is a backend of stores, whose
 * own thread commits once per turn.  Four doors: records (add), answers and
 * the coming and going of loggers in; tick, deadline; next; verbs.  At the end
 * of each turn call flush, then drain next.
 */
#ifndef LOGS_OUTBOX_H
#define LOGS_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "logrec/stream.h"
#include "store/backend.h"

struct outbox;

#define OUTBOX_STREAMS 4096 /* at once on one node */
#define OUTBOX_WHY     256  /* bytes of a reason */

struct outbox_config {
	const char *node;        /* own name; copied */
	bool alone;              /* the layout has no logger: everything goes to
				    zeek/logs/ */
	uint64_t spool_bytes;    /* of batches on disk; each counts as at least
				    OUTBOX_LEAST */
	bool drop_oldest;        /* at that limit; else refuse */
	uint64_t batch_records;  /* of a stream, when it is sent */
	uint64_t batch_bytes;    /* likewise */
	uint64_t batch_ns;       /* it is sent after this time anyway */
	uint64_t max_record;     /* bytes of one that can be sent at all */
	uint64_t window_bytes;   /* on the way to a logger, unanswered */
	uint64_t failover_ns;    /* sent and unanswered goes to another after
				    the logger was away so long */
	uint64_t seed;           /* of session ids: nobody can guess it */
	const char *node_prefix; /* "zeek/cluster/node/"; copied */
	const char *logs_prefix; /* "zeek/logs/"; copied */
	/* Bytes that may be queued for that logger now, or NULL: any number. */
	size_t (*room)(void *ctx, const char *logger);
	void *ctx;
};
#define OUTBOX_LEAST 1024

/* disk is taken.  What is in it is read; what cannot be is an error, with why
 * [OUTBOX_WHY], and disk is closed.  NULL then, or when memory is out. */
struct outbox *outbox_new(const struct outbox_config *cfg,
    struct mu_backend *disk, uint64_t now, char *why);
/* Waits for the disk; what was collected is stored if it can be. */
void outbox_free(struct outbox *o);
/* The limits and times of cfg, and its policy, hold from now on. */
void outbox_configure(struct outbox *o, const struct outbox_config *cfg);

/* --- loggers ------------------------------------------------------------- */

/* All loggers of the layout, sorted by name as in Zeek's pool.  0 or
 * MUSTER_ENOMEM. */
int outbox_set_loggers(struct outbox *o, const char *const *names, size_t n);
/* One is there: hello seen, peering stands.  muster: it takes batches with
 * numbers and answers.  Told again, it is a new connection.  0, MUSTER_ENOENT:
 * no such logger, or MUSTER_ENOMEM: nothing changed. */
int outbox_logger_up(
    struct outbox *o, const char *name, bool muster, uint64_t now);
void outbox_logger_down(struct outbox *o, const char *name, uint64_t now);
/* Somebody subscribed, who may be waiting for zeek/logs/ (alone). */
void outbox_try_again(struct outbox *o);

/* The payload of a message to DELIVERY_TO_SENDER and the own name, from the
 * logger of that name.  0; MUSTER_ENOENT: another event; MUSTER_EPROTO;
 * MUSTER_EPERM: it speaks for somebody else. */
int outbox_answer(struct outbox *o, const char *from, const uint8_t *payload,
    size_t len, uint64_t now);

/* --- records ------------------------------------------------------------- */

/*
 * The number of the stream that s describes, made when it is new.  0;
 * MUSTER_EEXIST: this node knows it with other columns; MUSTER_ELIMIT: too
 * many streams; MUSTER_ENOMEM.  why as above.
 */
int outbox_stream(struct outbox *o, const struct mu_log_stream *s,
    uint32_t *number, char *why);
/* Its description, borrowed; NULL: no such stream. */
const struct mu_log_stream *outbox_stream_of(
    const struct outbox *o, uint32_t number);
/* The LogCreate messages for a new peer, i from 0; false: no more.  Borrowed.
 */
bool outbox_create(const struct outbox *o, size_t i, const char **topic,
    const uint8_t **bytes, size_t *len);

/* A position of the caller's, stored in the transaction of the records it was
 * given with. */
struct outbox_mark {
	struct mu_bytes key;   /* at most OUTBOX_MARK_KEY bytes */
	struct mu_bytes value; /* empty: erase it */
};

struct outbox_add {
	uint32_t stream;
	const struct mu_bytes *records; /* [n] serialized, borrowed */
	size_t n;
	bool flush;                     /* do not wait for more records */
	const struct outbox_mark *mark; /* or NULL */
	void *caller; /* comes back with DONE; NULL: nobody wants to know */
	uint64_t id;  /* likewise */
};

/*
 * Accept records, all or none.  Whether they were is told by DONE, when they
 * are on disk.  0; MUSTER_ENOENT no such stream; MUSTER_ELIMIT the spool is at
 * its limit; MUSTER_EINVAL no record at all, or one that is too large;
 * MUSTER_EAGAIN too much waits for the disk; MUSTER_ENOMEM.  After an error
 * there is no DONE.
 */
int outbox_add(struct outbox *o, const struct outbox_add *a, uint64_t now);
/* n records of somebody who does not come back with them were not accepted, or
 * not even made: counts them, and says so once until records are accepted
 * again. */
void outbox_lost(struct outbox *o, size_t n);
/* The caller is gone: no DONE for it. */
void outbox_forget(struct outbox *o, const void *caller);

/* Store a mark alone, with whatever else this turn stores; it is not told when
 * that is done.  Not while records with a mark of that key are under way.  0,
 * MUSTER_EINVAL, MUSTER_ENOMEM, or an error of the disk. */
int outbox_put_mark(struct outbox *o, const struct outbox_mark *mark);

/* Append the mark stored last under that key.  0, MUSTER_ENOENT, or an error
 * of the disk. */
int outbox_mark(struct outbox *o, struct mu_bytes key, struct mu_buf *value);

/* --- time and consequences ----------------------------------------------- */

void outbox_tick(struct outbox *o, uint64_t now);
uint64_t outbox_deadline(const struct outbox *o);
/* End of a turn: seal what is to be written. */
void outbox_flush(struct outbox *o);
/* The end is near: what was collected does not wait for more. */
void outbox_hurry(struct outbox *o);
/* Has everything left that can? */
bool outbox_quiet(const struct outbox *o);
/* The disk said that a commit is done, or failed. */
void outbox_durable(struct outbox *o, uint64_t now);

enum outbox_out_kind {
	OUTBOX_ANNOUNCE, /* payload (LogCreate) to everybody, on topic */
	OUTBOX_BATCH,    /* payload to logger, on topic: say sent */
	OUTBOX_SPREAD,   /* payload to everybody, on topic (alone): say sent */
	OUTBOX_DONE,     /* caller, id: the records are accepted (error 0), or
			    none is */
	OUTBOX_LINE      /* level, text, for the operator */
};

struct outbox_out {
	enum outbox_out_kind kind;
	const char *logger; /* all pointers borrowed until the next call */
	const char *topic;
	const uint8_t *payload;
	size_t len;
	void *caller;
	uint64_t id;
	size_t n; /* DONE: records */
	int error;
	int level;
	const char *text;
};
bool outbox_next(struct outbox *o, struct outbox_out *out);
/* The answer to BATCH or SPREAD, at once: somebody has it (in a queue), or
 * nobody has. */
void outbox_sent(struct outbox *o, bool somebody);

/* --- facts --------------------------------------------------------------- */

struct outbox_facts {
	uint64_t accepted;  /* records, since the start */
	uint64_t refused;   /* records that were not accepted */
	uint64_t delivered; /* taken, or queued for a logger not Muster's */
	uint64_t dropped;   /* accepted, and dropped at the limit */
	uint64_t damaged;   /* accepted, and not to be read any more */
	uint64_t doubtful;  /* sent to a second logger: maybe written twice */
	uint64_t resent;    /* batches, to the same logger */
	uint64_t found;     /* records, that an earlier life left */
	uint64_t collected; /* records now in memory, not yet accepted */
	uint64_t waiting;   /* records now on disk */
	size_t batches;     /* now on disk */
	uint64_t bytes;     /* as they count against the limit */
	uint64_t limit;
	bool full;         /* it has reached the limit */
	size_t up;         /* loggers that take records */
	const char *error; /* of the disk, "" when it works */
};
void outbox_facts(const struct outbox *o, struct outbox_facts *out);

struct outbox_logger_facts {
	const char *name;
	const char *state;           /* "up", "down", "stalled", "gone" */
	bool muster;                 /* answers, by its last connection */
	uint64_t delivered, refused; /* records, batches */
	size_t batches;              /* that are to go to it */
	size_t flying;               /* of them sent and unanswered */
	uint64_t flying_bytes;
	uint64_t lag_ns;   /* since the first of them was sent, or 0 */
	const char *error; /* why it refused last, or "" */
};
size_t outbox_nloggers(const struct outbox *o);
void outbox_logger_facts(
    const struct outbox *o, size_t i, struct outbox_logger_facts *out);

struct outbox_stream_facts {
	const char *stream, *writer, *path;
	uint64_t accepted, delivered, dropped;
	uint64_t waiting; /* records on disk */
	size_t batches;
};
size_t outbox_nstreams(const struct outbox *o);
void outbox_stream_facts(
    const struct outbox *o, size_t i, struct outbox_stream_facts *out);

#endif
