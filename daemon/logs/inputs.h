/*
 * Inputs: files of log records that this node follows ("inputs" of the
 * layout), through rotation and truncation.
 *
 * Records go to the outbox in batches, one under way per input, and with each
 * goes the position behind its last record, stored in the same transaction:
 * after a crash reading goes on at the exact line.  A position is a file's
 * identity, an offset, a line, and a digest of the first bytes, which tells a
 * file that was truncated and written anew.
 *
 * A machine: files are reached through hooks, time comes as an argument.  Call
 * tick when deadline has come and drain next; DONE of the outbox for the
 * caller inputs_caller() belongs to done.
 */
#ifndef LOGS_INPUTS_H
#define LOGS_INPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct inputs;
struct mu_layout;
struct outbox;
struct outbox_out;

/* What is known of a file. */
struct input_file {
	uint64_t device;
	uint64_t inode;
	uint64_t size;
};

/* Bytes that a tick reads at most, of all files together, beside the first
 * bytes of files by which they are known again. */
#define INPUTS_TURN (256u << 10)

/* Files, as daemon/io has them.  Calls do not block for long: files are local,
 * and what is not in memory is not waited for. */
struct input_hooks {
	/* The file of that path, without opening it; 0, MUSTER_ENOENT, or
	 * MUSTER_ESYS with errno. */
	int (*look)(void *ctx, const char *path, struct input_file *f);
	/* Open for reading; *handle is the caller's to close.  As above. */
	int (*open)(
	    void *ctx, const char *path, int *handle, struct input_file *f);
	/* Open the file of f's device and inode that lies in the folder of
	 * path under another name. */
	int (*find)(
	    void *ctx, const char *path, int *handle, struct input_file *f);
	/* What an open file is like now. */
	int (*facts)(void *ctx, int handle, struct input_file *f);
	/* At most len bytes from offset on; their number, 0 at the end,
	 * MUSTER_ESYS, or unless it may wait MUSTER_EAGAIN: they have to come
	 * from the disk, and are fetched. */
	long (*read)(void *ctx, int handle, uint64_t offset, uint8_t *buf,
	    size_t len, bool wait);
	void (*close)(void *ctx, int handle);
	void *ctx;
};

/* The inputs of l that node has; out is borrowed and outlives them.  NULL when
 * memory is out. */
struct inputs *inputs_new(const struct mu_layout *l, const char *node,
    struct outbox *out, const struct input_hooks *hooks, uint64_t now);
void inputs_free(struct inputs *in);

/* What DONE must have as its caller to be ours. */
void *inputs_caller(struct inputs *in);
/* The outbox is done with a batch. */
void inputs_done(struct inputs *in, const struct outbox_out *out, uint64_t now);

/* Is a batch under way?  Until it is not, its position is not known. */
bool inputs_busy(const struct inputs *in);

void inputs_tick(struct inputs *in, uint64_t now);
uint64_t inputs_deadline(const struct inputs *in);

/* A line for the operator (borrowed until the next call); level as of
 * sys/log.h. */
bool inputs_next(struct inputs *in, int *level, const char **text);

/* --- facts ---------------------------------------------------------------- */

struct input_facts {
	const char *file;   /* as configured, {node} resolved */
	const char *stream; /* id */
	const char *path;   /* of the log */
	const char *state;  /* "following", "waiting", "stalled" */
	const char *error;  /* why it is stalled, or "" */
	uint64_t records;   /* accepted since the start */
	uint64_t wrong;     /* lines that were not records */
	uint64_t line;      /* accepted up to it, in the present file */
	uint64_t offset;
	uint64_t lag; /* bytes of the file not accepted yet */
	uint64_t rotations, truncations;
	uint64_t lost; /* files that were gone before their end was read */
};
size_t inputs_count(const struct inputs *in);
void inputs_facts(const struct inputs *in, size_t i, struct input_facts *out);

#endif
