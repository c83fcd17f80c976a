/*
 * Child processes: this very program once more, with other arguments.  What
 * they write comes back line by line; they end when this process does.
 */
#ifndef IO_CHILD_H
#define IO_CHILD_H

#include <sys/types.h>

struct child;
struct children;
struct loop;

struct child_ops {
	/* One line of its standard output or error, without the newline. */
	void (*line)(void *ctx, const char *text);
	/* It wrote to the descriptor in $MUSTER_READY_FD. */
	void (*ready)(void *ctx);
	/* It ended; status as of waitpid(2).  The child is freed then. */
	void (*ended)(void *ctx, int status);
};

/* NULL when memory is out. */
struct children *children_new(struct loop *l, const struct child_ops *ops);
/* Those still alive are killed and waited for. */
void children_free(struct children *cs);

/*
 * Start this program with argv (NULL-terminated, argv[0] included).  NULL
 * with errno when that fails.
 */
struct child *child_spawn(
    struct children *cs, const char *const *argv, void *ctx);
void child_signal(struct child *c, int number);
pid_t child_pid(const struct child *c);

#endif
