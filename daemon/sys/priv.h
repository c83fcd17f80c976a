/* Privileges: become an unprivileged user, forbid new ones and core files
 * with secrets. */
#ifndef SYS_PRIV_H
#define SYS_PRIV_H

#include <stddef.h>
#include <sys/types.h>

struct dirs;

/*
 * When started as root: give the node's directories to user and group, then
 * become them (supplementary groups, gid, uid, verified) for good.  user NULL
 * and running as root: stays root, which is logged by the caller.  Not root:
 * nothing to do.  0 or MUSTER_EPERM / MUSTER_ENOENT with err.
 */
int priv_drop(const char *user, const char *group, const struct dirs *d,
    char *err, size_t err_size);

/*
 * The ids that priv_drop would take; group NULL: the user's own.  0, or
 * MUSTER_ENOENT with err.
 */
int priv_find(const char *user, const char *group, uid_t *uid, gid_t *gid,
    char *err, size_t err_size);

/* PR_SET_NO_NEW_PRIVS and PR_SET_DUMPABLE 0.  0 or MUSTER_ESYS. */
int priv_harden(void);

#endif
