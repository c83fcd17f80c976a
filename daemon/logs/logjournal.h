/*
 * The journal of a logger's files and batches: a small LMDB environment, synced
 * with every commit.  One thread uses it.
 */
#ifndef LOGS_LOGJOURNAL_H
#define LOGS_LOGJOURNAL_H

#include "logs/logsink.h"

struct logjournal_lmdb;

/* In that folder, opened and made when it is first used; failures of that are
 * those of begin and each.  NULL when memory is out.  sync: with a transaction
 * (else it survives the process only). */
struct logjournal_lmdb *logjournal_lmdb_new(const char *folder, bool sync);
void logjournal_lmdb_free(struct logjournal_lmdb *j);

/* The functions that the sink uses. */
void logjournal_lmdb_hooks(struct logjournal_lmdb *j, struct logjournal *out);

#endif
