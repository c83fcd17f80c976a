/*
 * A log file in Zeek's format that survives what disks do: full, read-only,
 * folder gone.  Lines are buffered until the end of the turn; those that
 * cannot be written wait within a limit, further ones are lost and counted.
 */
#ifndef IO_LOGFILE_H
#define IO_LOGFILE_H

#include <stdbool.h>
#include <stdint.h>

struct logfile;
struct mu_buf;

#define LOGFILE_BUFFER (256 * 1024) /* bytes that wait for the disk */

/*
 * The log of that name ("cluster" or "broker") as folder/NAME.log.  Opened
 * when there is something to write.  NULL when memory is out.
 */
struct logfile *logfile_new(const char *folder, const char *name);
/* Writes what waits and the #close line; wall: ns. */
void logfile_free(struct logfile *f, int64_t wall);

/* The buffer to put one line into, with core/records; then logfile_commit. */
struct mu_buf *logfile_line(struct logfile *f);
void logfile_commit(struct logfile *f);

/* Write what waits; cheap when nothing does.  wall: ns, for a header. */
void logfile_flush(struct logfile *f, int64_t wall, uint64_t now);
/* When flushing is worth trying again: UINT64_MAX if nothing waits. */
uint64_t logfile_deadline(const struct logfile *f);

/* The file may have been renamed: end the old one, begin a new one. */
void logfile_reopen(struct logfile *f, int64_t wall);

/* Lines lost since the start. */
uint64_t logfile_lost(const struct logfile *f);

#endif
