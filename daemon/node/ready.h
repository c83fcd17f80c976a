/*
 * Going into the background, and telling whoever started this process that
 * the start worked.
 *
 * A daemon's parent waits for a byte on a pipe: it exits with status 0 when
 * that comes and with the child's own status when the child ends before.  A
 * supervisor waits in the same way; it hands the pipe down in
 * $MUSTER_READY_FD.
 */
#ifndef NODE_READY_H
#define NODE_READY_H

#include <stdbool.h>

/* Take over what a supervisor left in the environment, if there was one.
 * Returns whether there was. */
bool ready_init(void);

/* End when the supervisor does.  The kernel forgets this wish at a change of
 * user, so it is to be said again after that. */
void ready_follow(void);

/*
 * Continue in the background: the parent never returns.  Standard error stays
 * where it is until ready_tell.  0 or MUSTER_ESYS with errno.
 */
int ready_detach(void);

/*
 * The start worked.  A process in the background now writes its messages to
 * log_path, each with name in front (both copied, name may be NULL).  Only the
 * first call does something.
 */
void ready_tell(const char *name, const char *log_path);

/* The log file of a process in the background may have been renamed. */
void ready_reopen(void);

#endif
