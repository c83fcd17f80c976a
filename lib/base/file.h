/* Files written so that a crash leaves either the old or the new contents. */
#ifndef MU_BASE_FILE_H
#define MU_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Write all of data [len] to fd.  0 or -1 with errno. */
int mu_file_write_fully(int fd, const void *data, size_t len);

/*
 * Make path a file of data [len] with exactly this mode: through a file beside
 * it, synced, renamed, folder synced.  On failure an old file stays, and
 * without overwrite always.
 *
 * 0; MUSTER_ESYS with errno (EEXIST: there is an old file), MUSTER_ENOMEM.
 */
int mu_file_write(const char *path, const void *data, size_t len, mode_t mode,
    bool overwrite);

#endif
