/* Whole files read within a limit; folders. */
#ifndef SYS_FILE_H
#define SYS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Is there a fifo at path?  Whoever opens it may wait for ever. */
bool file_is_fifo(const char *path);

/*
 * Read a whole file of at most max bytes; a fifo or terminal works too.
 *
 * 0 with *data [*len] owned by the caller (mu_free) and NUL-terminated;
 * MUSTER_ESYS with errno, MUSTER_ELIMIT when it is larger, MUSTER_ENOMEM.
 */
int file_read_all(const char *path, size_t max, char **data, size_t *len);

/*
 * mkdir -p: missing parents get 0755, a missing last folder gets mode, both
 * whatever the umask; what exists keeps its mode.
 *
 * 0, or MUSTER_ESYS with errno (ENOTDIR when something else is in the way) and
 * *at the length of the part of path that failed; at may be NULL.
 */
int file_make_folder(const char *path, mode_t mode, size_t *at);

#endif
