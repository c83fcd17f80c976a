/*
 * Inside the LMDB backend; for backend_lmdb*.c alone.
 *
 * Two threads share struct lmdb: the owner's, which calls the operations, and
 * the committer.  What is marked "shared" is looked at under the lock; all the
 * rest belongs to the owner's thread.  The committer reads layers it has
 * taken: nobody writes or frees those until it has said so.
 */
#ifndef STORES_BACKEND_LMDB_IMPL_H
#define STORES_BACKEND_LMDB_IMPL_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stores/backend_lmdb.h"
#include "stores/backend_lmdb_layer.h"
#include "stores/backend_lmdb_record.h"

#define LMDB_REASON 512
/* Entries after which a sealed layer takes no more, and about as many as one
 * transaction writes: LMDB keeps the memory of its largest for good. */
#define LMDB_LAYER_FULL 2048
/* Part of max_pending from which on nothing rests and copies wait. */
#define LMDB_BEHIND       8
#define LMDB_MAX_META_KEY 40 /* store/backend.h */

/* An environment and its tables. */
struct lmdb_env {
	MDB_env *env;
	MDB_dbi entries; /* stored key: record */
	MDB_dbi expiry;  /* deadline and stored key: nothing */
	MDB_dbi meta;    /* the owner's small records */
	MDB_dbi about;   /* format and name */
	bool read_only;
};

/* Layers over one reading transaction: what a read or snapshot sees. */
struct lmdb_view {
	MDB_txn *txn;
	MDB_cursor *cursor;   /* over the entries; NULL until needed */
	struct layer *newest; /* NULL: only the file */
	struct layer *oldest; /* what lies below it is in the file */
	bool loaded;          /* cursor stands on at, or behind the last */
	bool end;             /* it stands behind the last */
	struct mu_bytes at;   /* stored key under the cursor */
	struct mu_bytes data; /* and its record */
};

struct lmdb {
	struct mu_backend base;
	struct lmdb_env env;
	char *path;                          /* owned; the store's folder */
	char *name;                          /* owned; of the store */
	struct backend_lmdb_options options; /* strings not kept */
	int lock_fd;                         /* data.mdb, locked */
	int event_fd;                        /* readable: durable has news */
	uint64_t seed;                       /* for layers */

	struct lmdb_view view;  /* of reads; its transaction is renewed
				   when active is false */
	MDB_cursor *due_cursor; /* over expiry, in view's transaction */
	bool active;            /* the reading transaction is open */
	/* Keys of the index before this one are overwritten by layers. */
	uint8_t due_from[8 + MU_KEY_SHORT + 1];
	size_t due_from_len; /* 0: begin with the first */
	bool due_damaged;    /* an entry with a deadline cannot be read */

	struct layer *oldest; /* not yet known to be in the file */
	struct layer *newest;
	struct layer *open; /* takes writes: newest, or NULL */
	size_t pending;     /* bytes of all layers */
	uint64_t size;      /* entries as reads see them */
	uint64_t sealed;    /* last batch number given out */
	unsigned unsealed;  /* writes since the last seal, capped */
	struct lmdb_snapshot *snapshots; /* all that are open */
	unsigned nsnapshots;
	uint64_t told;    /* highest batch in the file, as durable said */
	atomic_bool news; /* set by the committer: durable has more to say */

	pthread_t thread;
	bool started; /* there is a thread */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* shared */
	bool stop;               /* commit what is sealed, then end */
	bool hold;               /* the last layer holds unsealed writes */
	bool urgent;             /* do not wait for the interval */
	struct layer *job_first; /* sealed and not taken; NULL: none */
	struct layer *job_last;
	uint64_t job_since;       /* when job_first was sealed; monotonic */
	struct layer *taken_last; /* newest layer ever taken */
	uint64_t done;            /* highest batch in the file */
	int err;                  /* why the batch after it failed */
	int last_err;             /* of the last commit */
	bool broken;              /* LMDB gave up on the environment: nothing
				     is committed until lmdb_mend */
	char reason[LMDB_REASON]; /* of last_err, in words */
	uint64_t commits, failures, commit_ns, commit_max_ns;
	char shown[LMDB_REASON]; /* owner's copy of reason */
};

struct lmdb_snapshot {
	struct mu_snapshot base;
	struct lmdb *b;
	struct lmdb_snapshot *next;
	struct lmdb_view view;
	uint8_t after[MU_KEY_SHORT]; /* stored key returned last */
	size_t after_len;
	bool begun;         /* after is set */
	int err;            /* it ended before its time */
	size_t last_page;   /* of the file when it was opened */
	size_t page_size;   /* bytes */
	size_t layer_bytes; /* of layers held */
};

static inline struct lmdb *
lmdb_of(struct mu_backend *b)
{
	return (struct lmdb *)b;
}

/* The layer below l, down to oldest. */
static inline struct layer *
lmdb_below(const struct layer *l, const struct layer *oldest)
{
	return l == oldest ? NULL : l->older;
}

static inline MDB_val
lmdb_val(struct mu_bytes b)
{
	return (MDB_val){ b.len, (void *)(uintptr_t)b.at };
}

static inline struct mu_bytes
lmdb_bytes(MDB_val v)
{
	return (struct mu_bytes){ v.mv_data, v.mv_size };
}

/* --- backend_lmdb_env.c ----------------------------------------------------
 */

/* The error of this project for one of LMDB's, or of errno. */
int lmdb_err(int rc);

/* Open (or create) b->path; b's options, path and name are set.  Errors as of
 * backend_lmdb_open, with text. */
int lmdb_env_setup(struct lmdb *b, const char *folder, char *text, size_t size);

/* If LMDB gave up on the environment, because it could not take back a half
 * written head, open it again: a fresh look at the file decides which of the
 * two heads counts.  False: it is still broken. */
bool lmdb_mend(struct lmdb *b);
void lmdb_env_close(struct lmdb_env *e);

/* --- backend_lmdb_view.c ---------------------------------------------------
 */

/* Make the reading transaction of b current. */
int lmdb_view_begin(struct lmdb *b);
/* Let it go, so that the file's old pages can be used again. */
void lmdb_view_end(struct lmdb *b);
/* Give up transaction and cursors. */
void lmdb_view_close(struct lmdb *b);

/* The record under a stored key: 0 with *r borrowed, ENOENT, EPROTO... */
int lmdb_view_find(struct lmdb *b, struct lmdb_view *v, struct mu_bytes stored,
    struct record *r, struct mu_bytes *found);

/* The first record behind a stored key (at NULL: the first of all). */
int lmdb_view_after(struct lmdb *b, struct lmdb_view *v, struct mu_bytes stored,
    struct record *r, struct mu_bytes *found);

/* --- backend_lmdb_due.c ----------------------------------------------------
 */

int lmdb_first_deadline(
    struct mu_backend *base, struct mu_bytes *key, int64_t *deadline);
/* The key of the index: out has 8 + MU_KEY_SHORT bytes. */
struct mu_bytes lmdb_due_key(
    int64_t deadline, struct mu_bytes stored, uint8_t *out);

/* --- backend_lmdb_batch.c --------------------------------------------------
 */

uint64_t lmdb_seal(struct mu_backend *base);
uint64_t lmdb_durable(struct mu_backend *base, int *err);
/* Forget all that is not in the file; the committer is at rest. */
void lmdb_drop_layers(struct lmdb *b);

/* --- backend_lmdb_commit.c -------------------------------------------------
 */

int lmdb_committer_start(struct lmdb *b);
/* Let it commit what is sealed and wait for its end. */
void lmdb_committer_stop(struct lmdb *b);

/* --- backend_lmdb_snapshot.c -----------------------------------------------
 */

struct mu_snapshot *lmdb_snapshot(
    struct mu_backend *base, struct mu_bytes after);
/* End all snapshots with this error; their owners close them later. */
void lmdb_snapshots_fail(struct lmdb *b, int err);

#endif
