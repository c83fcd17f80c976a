/*
 * The LMDB backend of stores: one environment per store, FOLDER/NAME/data.mdb.
 *
 * The caller's thread never waits for a disk to be written: writes go to
 * layers in memory which every read sees, and a thread of the backend's own
 * commits what was sealed, all of it in one transaction with one sync.  While
 * it does, new writes collect for the next; a lone put is committed at once.
 * Reads may wait for pages that are not in memory.
 *
 * The owner calls seal at the end of each turn, watches backend_lmdb_fd and
 * calls durable when it is readable.  All calls come from one thread.
 *
 * Source: design section 6; LMDB 0.9 (lmdb.h).
 */
#ifndef STORES_BACKEND_LMDB_H
#define STORES_BACKEND_LMDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/backend.h"

#define BACKEND_LMDB_PENDING   (64u << 20) /* bytes, default max_pending */
#define BACKEND_LMDB_SNAPSHOTS 16          /* default max_snapshots */

struct backend_lmdb_options {
	const char *folder; /* where stores lie; made when missing, 0700 */
	const char *name;   /* the store, any bytes; becomes a folder name */
	uint64_t max_bytes; /* of the file; 0: 1 TiB.  Address space for all
			       of it is reserved, the file grows with use */
	size_t max_pending; /* bytes written but not committed; 0: default */
	unsigned max_snapshots;    /* open at a time; 0: default */
	unsigned sync_interval_ms; /* 0: a batch is durable once synced; else
				      as soon as sealed, and synced within
				      so many milliseconds */
	bool skip_check;           /* do not read the whole file when opening */
	uint64_t test_sync_delay_ns; /* tests: every commit takes longer */
};

/* For status; strings live as long as the backend. */
struct backend_lmdb_facts {
	uint64_t entries;       /* as reads see them */
	uint64_t file_bytes;    /* of data.mdb */
	uint64_t max_bytes;     /* limit of the file */
	uint64_t pending_bytes; /* written, not yet on disk */
	uint64_t sealed;        /* highest batch number given out */
	uint64_t synced;        /* highest batch number on disk */
	uint64_t commits;       /* transactions since it was opened */
	uint64_t failures;      /* of those that failed */
	uint64_t commit_ns;     /* how long the last one took */
	uint64_t commit_max_ns; /* and the longest */
	unsigned snapshots;     /* open now */
	bool read_only;         /* the file cannot be written */
	bool damaged;           /* an entry that expires cannot be read: it
				   stays */
	int err;                /* of the last commit, 0 when it succeeded */
	const char *reason;     /* the same in words, "" when it succeeded */
	const char *path;       /* of the store's folder */
};

/*
 * Open the store, or create it when its folder does not exist.  What exists is
 * checked (form, length, version, name, every page unless skip_check) and
 * never replaced: a folder without a sound data.mdb is an error.
 *
 * text  [size] receives what is wrong, with the path
 *
 * 0 with *b owned by the caller (ops->close: waits until what is sealed has
 * been committed or has failed); MUSTER_EPROTO: damaged or foreign;
 * MUSTER_EVERSION: of a later Muster; MUSTER_EEXIST: open already;
 * MUSTER_ESYS, MUSTER_ELIMIT (disk full), MUSTER_EINVAL, MUSTER_ENOMEM.
 *
 * A store whose file may not be written opens read-only; then writes fail
 * with MUSTER_EPERM.
 *
 * Writes also give MUSTER_ELIMIT while max_pending bytes wait for the disk
 * (small records may wait twice that), and any call MUSTER_EPROTO when it
 * meets a damaged record.  Keys have at most 64 KiB, values 1 GiB.
 */
int backend_lmdb_open(const struct backend_lmdb_options *o,
    struct mu_backend **b, char *text, size_t size);

/* A descriptor that becomes readable when durable has news; the backend's. */
int backend_lmdb_fd(const struct mu_backend *b);

void backend_lmdb_facts(struct mu_backend *b, struct backend_lmdb_facts *f);

/* The folder name of a store: letters, digits, "_", "-" and inner "." stay,
 * other bytes become %XX, a long name is cut and ends in a hash.  out has at
 * least BACKEND_LMDB_NAME bytes. */
#define BACKEND_LMDB_NAME 256
void backend_lmdb_escape(const char *name, char *out);

#endif
