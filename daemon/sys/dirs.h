/*
 * Directories of one node and their lock.
 */
#ifndef SYS_DIRS_H
#define SYS_DIRS_H

#include <stddef.h>

struct dirs {
	char *state; /* ROOT + state_dir + "/" + NODE, mode 0700 */
	char *run;   /* ROOT + run_dir, mode 0755; sockets lie here */
	char *log;   /* ROOT + log_dir + "/" + NODE, mode 0750 */
	char *sock;  /* run + "/" + NODE + ".sock" */
	int lock_fd; /* -1 until locked */
};

/* Compute the paths; root may be NULL or "".  Creates nothing. */
int dirs_init(struct dirs *d, const char *root, const char *state_dir,
    const char *run_dir, const char *log_dir, const char *node);
void dirs_clear(struct dirs *d);

/*
 * Create what is missing (parents too) and lock state/lock, writing the pid
 * into it.  0; MUSTER_EEXIST when another process holds the lock (err names
 * its pid); MUSTER_ESYS with err naming path and reason.
 */
int dirs_open(struct dirs *d, char *err, size_t err_size);

/* Write the pid again, after a fork.  0 or MUSTER_ESYS. */
int dirs_write_pid(const struct dirs *d);

#endif
