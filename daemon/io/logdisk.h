/*
 * The disk thread of a logger: items in, what logs/logsink says about them
 * out.  Its owner puts a descriptor into the loop, and takes consequences
 * whenever it is readable.
 */
#ifndef IO_LOGDISK_H
#define IO_LOGDISK_H

#include <stdbool.h>
#include <stddef.h>

#include "logs/logitem.h"
#include "logs/logsink.h"

struct logdisk;

struct logdisk_config {
	const char *node;
	const struct mu_logs *logs; /* copied */
	bool several;
	const char *here, *rotated; /* folders; rotated NULL: the same */
	const char *journal;        /* folder */
};

/* Starts the thread.  NULL: memory, descriptors or threads are out. */
struct logdisk *logdisk_new(const struct logdisk_config *cfg);
/* Write and end what there is, in an orderly way: waits for the disk.  What
 * comes out of it is left for logdisk_next. */
void logdisk_stop(struct logdisk *d);
void logdisk_free(struct logdisk *d);

/* Readable when logdisk_next has something. */
int logdisk_fd(const struct logdisk *d);
/* Taken, until it comes back. */
void logdisk_put(struct logdisk *d, struct logitem *it);
/* One consequence, borrowed until the next call; false: none at present. */
bool logdisk_next(struct logdisk *d, struct logsink_out *out);

/* What the thread is to do when it comes to it. */
void logdisk_reload(
    struct logdisk *d, const struct mu_logs *logs, bool several);
void logdisk_reopen(struct logdisk *d);
void logdisk_tail(struct logdisk *d, bool on);
/* The rotated file of that name is finished with. */
void logdisk_posted(struct logdisk *d, const char *name);

/* Facts as of a moment ago: *list [n] is owned by the disk, until the next
 * call. */
void logdisk_facts(struct logdisk *d, struct logsink_total *total,
    const struct logsink_fact **list, size_t *n);

#endif
