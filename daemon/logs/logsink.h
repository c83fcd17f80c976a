/*
 * The disk side of a logger: records become lines of files.  It runs on a
 * thread of its own, may wait for the disk, and knows files and journal only
 * as tables of functions, so that a test can give it a disk that fails, is
 * full, or loses its power at any step.
 *
 * What arrives between two flushes is a group.  A flush writes the group's
 * lines to all files, syncs them, and then commits to the journal, in one
 * transaction, how long each file is now and which batches it holds; only
 * then are batches answered.  After a crash each file is cut to what the
 * journal says: what is beyond was promised to nobody.  If a file cannot be
 * written, all of the group is taken back and done again without the batches
 * that need this file; those are refused.
 *
 * Four doors: logsink_feed, logsink_tick and deadline, logsink_next, verbs.
 * Manual: muster-logs(7).
 */
#ifndef LOGS_LOGSINK_H
#define LOGS_LOGSINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "layout/layout.h"
#include "logs/logitem.h"

struct logsink;

/* --- the disk ---------------------------------------------------------- */

/* Which file it is, whatever its name. */
struct logfs_id {
	uint64_t device, inode;
};

struct logfs_stat {
	struct logfs_id id;
	uint64_t size;
	int64_t mtime, ctime; /* wall, ns */
};

/* Where a name is looked up. */
enum logfs_place {
	LOGFS_HERE,   /* the folder of files being written */
	LOGFS_ROTATED /* that of rotated ones; may be the same */
};

/* All return 0 (or a handle) or a negative errno. */
struct logfs {
	/* A new file; -EEXIST if the name is taken. */
	int (*create)(void *ctx, const char *name, struct logfs_id *id);
	/* One that exists, for truncation. */
	int (*open)(void *ctx, const char *name);
	/* All of it or an error, after which any part may be there. */
	int (*write)(
	    void *ctx, int file, uint64_t at, const void *p, size_t len);
	int (*truncate)(void *ctx, int file, uint64_t size);
	int (*sync)(void *ctx, int file);
	/* The length of an open file; -ENOENT: it has no name any more. */
	int (*length)(void *ctx, int file, uint64_t *len);
	void (*close)(void *ctx, int file);
	int (*stat)(void *ctx, enum logfs_place place, const char *name,
	    struct logfs_stat *out);
	/* Never replaces: -EEXIST.  from is HERE. */
	int (*rename)(void *ctx, const char *from, enum logfs_place place,
	    const char *to);
	int (*remove)(void *ctx, const char *name);
	/* Names come and go durably: both folders. */
	int (*sync_names)(void *ctx);
	/* The first size bytes of a file, at most; their number. */
	int (*head)(void *ctx, const char *name, char *out, size_t size);
	void *ctx;
};

/* Keys and values with transactions, synced on commit. */
struct logjournal {
	int (*begin)(void *ctx);
	int (*put)(void *ctx, const void *key, size_t key_len,
	    const void *value, size_t len);
	int (*del)(void *ctx, const void *key, size_t key_len); /* or absent */
	int (*commit)(void *ctx);
	void (*abort)(void *ctx);
	/* Every pair, until each() returns non-zero, which is returned. */
	int (*each)(void *ctx,
	    int (*each)(void *arg, const uint8_t *key, size_t key_len,
		const uint8_t *value, size_t len),
	    void *arg);
	/* After -EBADMSG from any of them: move the journal away, for good; the
	 * next call finds an empty one.  text [size] receives what is wrong and
	 * where it is kept. */
	int (*set_aside)(void *ctx, int64_t wall, char *text, size_t size);
	void *ctx;
};

/* --- the sink ---------------------------------------------------------- */

struct logsink_config {
	const char *node;           /* own name */
	const struct mu_logs *logs; /* copied */
	bool several;               /* loggers in the layout: log_suffix */
	size_t
	    sessions; /* of senders, of which more are forgotten; 0: 100000 */
	const struct logfs *fs;
	const struct logjournal *journal; /* both borrowed */
};

/* NULL when memory is out. */
struct logsink *logsink_new(const struct logsink_config *cfg);
/* Closes files as they are; logsink_end says how they end. */
void logsink_free(struct logsink *s);

/* Another layout; strings are copied.  0 or MUSTER_ENOMEM, nothing changed. */
int logsink_reload(struct logsink *s, const struct mu_logs *logs, bool several);

struct logsink_now {
	uint64_t mono; /* ns */
	int64_t wall;  /* ns since 1970 */
};

/* Something came; it is given back by logsink_next as LOGSINK_BACK. */
void logsink_feed(
    struct logsink *s, struct logitem *it, const struct logsink_now *now);

/* The first one reads the journal, repairs and rotates what the life before
 * left; until that works, and it is tried every second, nothing is taken. */
void logsink_tick(struct logsink *s, const struct logsink_now *now);
/* Monotonic; UINT64_MAX: nothing is due.  Rotation goes by the wall clock:
 * tick at least every ten seconds or so. */
uint64_t logsink_deadline(const struct logsink *s);

/* Write what waits now. */
void logsink_flush(struct logsink *s, const struct logsink_now *now);
/* Begin new files where somebody has renamed them. */
void logsink_reopen(struct logsink *s, const struct logsink_now *now);
/* The orderly end: flush, close lines, rotation if there is any. */
void logsink_end(struct logsink *s, const struct logsink_now *now);

/* The rotated file of that name was compressed, post-processed, or given up:
 * no need to remember it. */
void logsink_posted(struct logsink *s, const char *name);

/* How many want to see records as they come (LOGSINK_LINE). */
void logsink_tail(struct logsink *s, bool on);

enum logsink_out_kind {
	LOGSINK_BACK,    /* item; maybe refused */
	LOGSINK_TAKEN,   /* peer, name, session, seq: up to it all is on disk */
	LOGSINK_LOG,     /* level, text */
	LOGSINK_ROTATED, /* rotated */
	LOGSINK_LINE     /* text [len]: a record as a line of JSON, on disk */
};

/* A file for compression and postprocessor; times wall, ns. */
struct logsink_rotated {
	const char *name; /* in the folder of rotated files, or below here */
	bool here;        /* it could not leave the folder it was written in */
	const char *path; /* "conn" */
	int64_t open, close;
	bool terminating;
};

struct logsink_out {
	enum logsink_out_kind kind;
	struct logitem *item;
	struct mu_uuid peer, session;
	const char *name; /* node; borrowed until the next call, as all */
	uint64_t seq;
	int level;
	const char *text;
	size_t len;
	struct logsink_rotated rotated;
};
bool logsink_next(struct logsink *s, struct logsink_out *out);

/* --- for status -------------------------------------------------------- */

struct logsink_fact {
	char stream[96], path[96], file[192]; /* cut to fit */
	char error[160];         /* why it cannot be written now, or "" */
	uint64_t records, bytes; /* written by this life */
	uint64_t rejected;       /* broken records */
	uint64_t dropped; /* good ones that found no disk and no way back */
	uint64_t size;    /* of the file, 0: none is open */
	uint64_t waiting; /* records not yet on disk */
	int64_t last;     /* wall time of the last record on disk */
};

#define SINK_DAMAGED 320
struct logsink_total {
	uint64_t records, bytes, rejected, dropped;
	int64_t since; /* wall: of this life, as all counters */
	/* On disk by the journal, of all lives since the wall time. */
	uint64_t ever_records, ever_bytes;
	int64_t ever_since;
	uint64_t batches, repeated, refused, gaps; /* numbered ones */
	uint64_t unknown; /* records of a writer nobody created */
	uint64_t flushes, failures, rotations;
	uint64_t flush_ns, flush_max_ns;
	uint64_t waiting; /* records not yet on disk */
	uint64_t tail_dropped;
	bool ready, trouble;
	char error[200];  /* last trouble, or "" */
	int64_t error_at; /* wall */
	char
	    damaged[SINK_DAMAGED]; /* what became of a damaged journal, or "" */
};

size_t logsink_count(const struct logsink *s);
/* Of the first n writers. */
void logsink_facts(const struct logsink *s, struct logsink_fact *out, size_t n);
void logsink_total(const struct logsink *s, struct logsink_total *out);

#endif
