/*
 * What the files of the sink share.
 *
 *   logsink.c          construction, groups, flushes, time
 *   logsink_note.c     what is said, and drained
 *   logsink_item.c     what is in an item: creates, records
 *   logsink_writer.c   one file per stream, writer and path
 *   logsink_lines.c    lines on their way there
 *   logsink_format.c   lines: TSV or JSON, header, last line
 *   logsink_session.c  numbered batches
 *   logsink_journal.c  what is remembered over a crash
 *   logsink_rotate.c   ending and renaming files
 *   logsink_anew.c     a journal that is damaged
 *   logsink_recover.c  what a life before left
 *   logsink_fact.c     for status
 */
#ifndef LOGS_LOGSINK_IMPL_H
#define LOGS_LOGSINK_IMPL_H

#include <uthash.h>

#include "base/buf.h"
#include "logrec/message.h"
#include "logrec/record.h"
#include "logrec/stream.h"
#include "logs/logsink.h"

#define SINK_RETRY_NS UINT64_C(1000000000) /* a file that failed rests */
#define SINK_NAME     200        /* bytes of a file's name before its end */
#define SINK_VARIANTS 16         /* of the columns of one stream and path */
#define SINK_CHOICES  4096       /* nodes that chose one of them */
#define SINK_SESSIONS 100000     /* beyond: the one not used for longest goes */
#define SINK_LINES    (1u << 20) /* bytes for those who follow, per group */
#define SINK_TEXT     640        /* of a message */

struct format;
struct left;

/* A file, or one that will be there with the first record. */
struct writer {
	struct writer *next;  /* all, in the order of their creation */
	struct writer *older; /* of the same key, with other columns */
	struct mu_log_stream desc;
	struct format *fmt;      /* owned */
	struct format *next_fmt; /* of the next file, or NULL: the same */
	char *base;              /* name without ".log", nobody else's */
	const char *ext;         /* ".log" or ".log.gz"; fmt's */
	int file;                /* handle; -1: none is open */
	struct logfs_id id;
	uint64_t size;       /* by the journal */
	uint64_t written;    /* with what this flush wrote */
	struct mu_buf lines; /* of the group, not yet written */
	int64_t opened;      /* creation or last rotation, wall */
	bool fresh;          /* was created for this group */
	bool dirty;          /* in the list below */
	struct writer *next_dirty;
	/* of the item being read, so that it can be undone */
	uint64_t item;
	size_t mark;
	uint64_t mark_records;
	struct writer *next_touched;
	/* rotation */
	bool rotating;        /* between its journal entries */
	bool here;            /* target is not in the folder of rotated ones */
	char *target;         /* owned */
	int64_t rotated;      /* close time, wall */
	uint64_t no_rotation; /* monotonic: not before */
	/* trouble */
	uint64_t retry; /* monotonic; 0: it works */
	char error[160];
	uint64_t tell_reject; /* monotonic: the next warning */
	bool told_drop;       /* said in this episode */
	/* counters; those of the group are added when it is on disk */
	uint64_t records, bytes, rejected, dropped;
	uint64_t group_records, group_dropped;
	int64_t last;
};

/* Which of the writers of a key a node's records go to, if not the newest. */
struct choice {
	struct mu_uuid peer;
	struct writer *writer;
};

/* stream, writer, path: each with its NUL */
#define SINK_KEY (3 * (MU_LOG_MAX_NAME + 1))
struct writer_key {
	UT_hash_handle hh;
	struct writer *newest;
	unsigned nvariants;
	struct choice *choices; /* owned */
	size_t nchoices;
	size_t len;
	char key[];
};

struct session {
	UT_hash_handle hh;
	struct session *next_due; /* its answer is */
	struct mu_uuid id;
	uint64_t taken; /* up to it all is on disk */
	uint64_t seen;  /* and up to it in the group */
	bool due;
	int64_t used; /* wall */
	struct mu_uuid peer;
	char name[LOGITEM_NAME];
};

/* Sessions that are forgotten and still in the journal. */
struct gone {
	struct mu_uuid *ids;
	size_t n, room;
};

/* What was written, as the journal counts it. */
struct counts {
	uint64_t records, bytes;
	int64_t since; /* wall; 0: not known yet */
};

/* A message for the operator, or a rotated file. */
struct note {
	struct note *next;
	enum logsink_out_kind kind;
	int level;
	struct logsink_rotated rotated; /* texts owned */
	char text[SINK_TEXT];
};

/* Nodes whose writes nobody can place: said once per node and stream. */
#define SINK_TOLD 256

struct logsink {
	char *node;
	struct mu_logs logs; /* strings not used: they are the node's */
	bool rotated_apart;  /* there is a folder of rotated files */
	bool several;
	struct logfs fs;
	struct logjournal journal;
	struct logsink_now now;
	int64_t next_rotation; /* wall; 0: none is planned */
	uint64_t delay_ns; /* from the first batch of a group to its flush */
	struct writer *writers, **last_writer;
	size_t nwriters;
	struct writer_key *keys;
	struct writer_key *last_key; /* of the last record */
	struct session *sessions;
	size_t max_sessions;
	struct gone gone;
	struct session *due, **last_due;
	struct logitem *group, **last_item; /* fed, not yet on disk */
	size_t group_bytes;
	bool group_numbered;
	uint64_t group_since;
	struct writer *dirty;
	struct writer *touched; /* by the item being read */
	uint64_t item;          /* its number */
	struct writer *blocked; /* it wants a file that cannot be written */
	bool nomem;             /* or memory */
	const char *no_writer;  /* or a writer that there cannot be now: why */
	bool again;             /* the group is done once more: count nothing */
	uint64_t journal_retry; /* monotonic; 0: it works */
	bool damaged;           /* the journal is */
	bool incomplete;        /* a new one has not everything yet */
	uint64_t anew_at;       /* monotonic: no other new one before */
	bool trouble;           /* said, and not over */
	bool rotation_trouble;  /* the folder of rotated files is of no use */
	bool rotation_waits;    /* for the next second */
	bool ready;             /* what the life before left is in order */
	bool posts_told;
	uint64_t recover_at; /* monotonic */
	struct left *left;
	struct logitem *back, **last_back;
	struct note *notes, **last_note, *shown;
	size_t nnotes;
	struct mu_log_record record;
	struct mu_buf scratch;
	bool tail;
	struct mu_buf tail_lines, tail_done;
	uint64_t tail_dropped;
	size_t tail_mark;
	uint64_t told[SINK_TOLD]; /* hashes of complaints made */
	uint64_t told_next; /* monotonic: when there are more, not before */
	size_t ntold;
	struct logsink_total total;
	struct counts before; /* of the lives before */
};

/* --- logsink_note.c --- */
void sink_say(struct logsink *s, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Was this said already?  Remembers it; the oldest are forgotten. */
bool sink_told(struct logsink *s, const char *what, const void *p, size_t len);
void sink_rotated(struct logsink *s, const struct logsink_rotated *r);
/* A file or the journal failed with that errno. */
void sink_trouble(struct logsink *s, const char *what, int error);
/* Everything works again, if it does. */
void sink_end_trouble(struct logsink *s);
void sink_forget_notes(struct logsink *s);

/* --- logsink_item.c --- */
/* Put an item's records into the lines of their writers; false: it wants a
 * file that cannot be written, and nothing of it was put anywhere. */
bool item_take(struct logsink *s, struct logitem *it);

/* --- logsink_writer.c, logsink_lines.c --- */
/* A LogCreate from that node. */
void writer_describe(struct logsink *s, const struct logitem *it,
    const uint8_t *message, size_t len);
/* Where a record of that node goes, or NULL. */
struct writer *writer_find(struct logsink *s, const struct mu_uuid *peer,
    const struct mu_log_write *w);
bool writer_works(const struct logsink *s, const struct writer *w);
/* It is about to get lines of the item being read. */
void writer_touch(struct logsink *s, struct writer *w);
/* Open what is needed for the group's lines.  false: something failed. */
bool writer_open_all(struct logsink *s);
bool writer_write_all(struct logsink *s);
/* The group is taken back, or on disk. */
void writer_rollback_all(struct logsink *s);
void writer_commit_all(struct logsink *s);
void writer_fail(struct logsink *s, struct writer *w, int error);
void writer_free(struct logsink *s, struct writer *w);
void writer_file(const struct writer *w, char *out, size_t size);
void writer_forget_keys(struct logsink *s);
/* The layout has another format: 0 or ENOMEM, nothing changed. */
int writer_format_all(struct logsink *s);
void writer_renew(struct writer *w);
/* Its file is no more, or shorter than what was promised to be in it, because
 * somebody removed or truncated it: said, and closed.  The next record begins
 * another. */
bool writer_lost(struct logsink *s, struct writer *w);

/* --- logsink_format.c --- */
/* The form of lines by the stream's configuration and the layout; NULL with
 * why.  Failures of the others stick in the buffer. */
struct format *format_new(const struct logsink *s,
    const struct mu_log_stream *desc, struct mu_log_why *why);
void format_free(struct format *f);
const char *format_ext(const struct format *f); /* ".log", the format's */
void format_header(struct format *f, struct mu_buf *b, int64_t wall);
void format_record(
    struct format *f, struct mu_buf *b, const struct mu_log_record *r);
void format_close(struct format *f, struct mu_buf *b, int64_t wall);
/* Write a writer's lines behind what its file holds; 0 or a negative errno. */
int format_write(struct logsink *s, struct writer *w);
/* The record as those who follow see it: a line of JSON in tail_lines. */
void format_tail(struct logsink *s, const struct writer *w, const char *node);

/* --- logsink_session.c --- */
/* What to do with a numbered batch. */
enum session_verdict {
	SESSION_TAKE,
	SESSION_REPEATED, /* or one before it is missing: it is answered */
	SESSION_REFUSE
};
enum session_verdict session_judge(
    struct logsink *s, struct logitem *it, struct session **out);
void session_refuse(struct logsink *s, struct logitem *it, const char *why);
struct session *session_find(struct logsink *s, const struct mu_uuid *id);
struct session *session_add(struct logsink *s, const struct mu_uuid *id);
void session_due(struct logsink *s, struct session *ss);
void session_forget(struct logsink *s);
/* Erase some of those that are gone, in the transaction under way: 0 or an
 * error, and how many are done with once it is committed. */
int session_erase(struct logsink *s, size_t *n);

/* --- logsink_journal.c --- */
/* The state of every dirty writer and session; 0 or a negative errno. */
int journal_commit_group(struct logsink *s);
/* In the transaction under way: that session is no more.  0 or an error. */
int journal_erase_session(struct logsink *s, const struct mu_uuid *id);
/* Of files just created, of length 0. */
int journal_commit_created(struct logsink *s);
/* Of those that are rotating: where they go; and that they are there. */
int journal_commit_targets(struct logsink *s);
int journal_commit_moved(struct logsink *s, bool terminating);
/* One file by name: no longer written (name or NULL), and where it is now (r
 * or NULL). */
int journal_moved(
    struct logsink *s, const char *name, const struct logsink_rotated *r);
int journal_del(struct logsink *s, char kind, const char *name);
/* A file as the journal has it; texts borrowed. */
struct journal_file {
	const char *name, *base, *ext, *target; /* target "" : none */
	bool here;
	struct logfs_id id;
	uint64_t size;
	int64_t opened, closed;
};
/* Write one. */
int journal_aim(struct logsink *s, const struct journal_file *f);
struct journal_reader {
	int (*file)(struct logsink *s, const struct journal_file *f);
	int (*post)(struct logsink *s, const struct logsink_rotated *r);
};
/* Sessions are read into s.  The callbacks may not use the journal.  0 or a
 * negative errno. */
int journal_read(struct logsink *s, const struct journal_reader *r);

/* --- logsink_rotate.c --- */
/* Rotate the writers that are wanted. */
void rotate(struct logsink *s,
    bool (*want)(struct logsink *s, const struct writer *w), bool terminating);
void rotate_due(struct logsink *s);
/* Write the last line and close, without renaming; forget: the file has
 * another name by now, and is no longer ours. */
void rotate_let_go(struct logsink *s,
    bool (*want)(struct logsink *s, const struct writer *w), bool forget);
/* The file is closed; the next one is of the form that is due. */
void rotate_close(struct logsink *s, struct writer *w);
/* When the next rotation by time is, or 0. */
int64_t rotate_next(const struct mu_logs *l, int64_t wall);
/* A name for a rotated file that is not there yet; owned, NULL: no memory. */
char *rotate_name(struct logsink *s, const char *base, const char *ext,
    int64_t open, int64_t close, bool here);
/* Move name away; *here becomes true when it can only stay in the folder. */
int rotate_move(
    struct logsink *s, const char *name, const char *target, bool *here);
/* A file that nobody knows is in the way of a writer's. */
int rotate_foreign(struct logsink *s, const struct writer *w);

/* Everything that is known: files, sessions. */
int journal_commit_all(struct logsink *s);

/* --- logsink_anew.c --- */
/* If the journal is damaged, begin a new one. */
void anew(struct logsink *s);

/* --- logsink_recover.c --- */
/* 0 or a negative errno: then it is to be tried again. */
int recover(struct logsink *s);
void recover_forget(struct logsink *s);

#endif
