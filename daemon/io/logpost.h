/*
 * What becomes of rotated files: compressed, handed to a program, removed when
 * they are old or too many.  A thread of its own, so that neither the loop nor
 * the disk thread waits for a compressor.
 */
#ifndef IO_LOGPOST_H
#define IO_LOGPOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout/layout.h"

struct logpost;
struct logsink_rotated;

struct logpost_config {
	const char *node;
	const char *here, *rotated; /* folders, as for logdisk */
	const struct mu_logs *logs; /* copied, without texts */
	const char *program;        /* postprocessor, or NULL; copied */
	bool several;               /* loggers: ZEEK_ARG_LOG_SUFFIX */
};

/* Starts the thread.  NULL: memory, descriptors or threads are out. */
struct logpost *logpost_new(const struct logpost_config *cfg);
/* Finish what is under way, for at most so many ns; what is not done then is
 * not told as done. */
void logpost_stop(struct logpost *p, uint64_t patience_ns);
void logpost_free(struct logpost *p);

/* Another layout; 0 or MUSTER_ENOMEM, nothing changed. */
int logpost_reload(struct logpost *p, const struct logpost_config *cfg);

/* A file was rotated; copied.  0 or MUSTER_ENOMEM. */
int logpost_add(struct logpost *p, const struct logsink_rotated *r);

/* Readable when logpost_next has something. */
int logpost_fd(const struct logpost *p);

enum logpost_kind {
	LOGPOST_DONE, /* name: finished with, or given up */
	LOGPOST_LOG   /* level, text */
};
struct logpost_out {
	enum logpost_kind kind;
	const char *name, *text; /* borrowed until the next call */
	int level;
};
bool logpost_next(struct logpost *p, struct logpost_out *out);

struct logpost_facts {
	uint64_t done;    /* files */
	uint64_t failed;  /* compressions and programs */
	uint64_t removed; /* by age or size */
	size_t waiting;   /* files */
	size_t plain;     /* files to be compressed again, after a failure */
	char error[160];  /* of the last attempt to compress one, or "" */
	size_t running;   /* programs */
	uint64_t bytes;   /* of rotated files, when there is a limit */
};
void logpost_facts(struct logpost *p, struct logpost_facts *out);

#endif
