/* The disk of a logger: the folders of files being written and of rotated
 * ones, for logs/logsink. */
#ifndef IO_LOGDIR_H
#define IO_LOGDIR_H

#include "logs/logsink.h"

struct logdir;

/* Folders are made when they are needed; rotated NULL: the same.  NULL when
 * memory is out. */
struct logdir *logdir_new(const char *here, const char *rotated);
void logdir_free(struct logdir *d);

void logdir_hooks(struct logdir *d, struct logfs *out);

#endif
