/*
 * Child processes: this very program once more, with other arguments, or
 * another program.  What they write comes back line by line; they end when this
 * process does.
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
	/* The program could not be run, errno says why; ended follows.  Only
	 * for child_run. */
	void (*unfit)(void *ctx, int error);
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

struct mu_blob;

/* Another program. */
struct child_program {
	const char *const *argv; /* up to NULL; argv[0] is its path */
	const char *const *env;  /* "NAME=text", up to NULL: added to ours, in
				    place of what is there; or NULL */
	struct mu_blob *input;   /* its standard input, a reference is kept;
				    NULL: nothing */
};

/*
 * Start it, without a shell, in a process group of its own, with default
 * signals and no descriptors but the three.  What is left of the group when it
 * ends is killed.  SIGPIPE must be ignored here.  NULL with errno when that fails; that there is no such
 * program is told later, by unfit.
 */
struct child *child_run(
    struct children *cs, const struct child_program *p, void *ctx);

/* A program's whole group gets it. */
void child_signal(struct child *c, int number);
/* Nothing more is read of what it writes: it gets SIGPIPE if it goes on. */
void child_mute(struct child *c);
pid_t child_pid(const struct child *c);
/* Their contexts, one after the other. */
void children_each(struct children *cs, void (*what)(void *ctx));

#endif
