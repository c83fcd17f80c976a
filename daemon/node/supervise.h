/*
 * Keeping a set of processes running: when to start, restart, stop and kill
 * each of them.  A machine without processes: io/child has those.
 *
 * A process that ends is started again, at once the first time and then after
 * pauses that double up to SUPERVISE_PAUSE_MAX; one that lived for
 * SUPERVISE_STEADY begins anew.  One that says by its exit status that trying
 * again is useless (sys/exit.h, 64 to 78) is left alone; one whose name another
 * process has, once that took longer than SUPERVISE_BUSY.
 *
 * Stopping goes role by role: workers, proxies, the manager, loggers, so that
 * whoever is told last can still take what the others have to say.
 */
#ifndef NODE_SUPERVISE_H
#define NODE_SUPERVISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout/layout.h"

#define SUPERVISE_PAUSE_MIN 200000000u /* ns */
#define SUPERVISE_PAUSE_MAX (10 * 1000000000ull)
#define SUPERVISE_STEADY    (10 * 1000000000ull)
#define SUPERVISE_PATIENCE  (15 * 1000000000ull) /* from TERM to KILL */
#define SUPERVISE_BUSY      (20 * 1000000000ull) /* for another's end */

struct supervise;

/* NULL when memory is out. */
struct supervise *supervise_new(void);
void supervise_free(struct supervise *s);

/* The processes there are to be, by name (copied): new ones are started, those
 * not in the list any more stopped for good.  0 or MUSTER_ENOMEM. */
int supervise_set(struct supervise *s,
    const struct mu_layout_node *const *nodes, size_t n, uint64_t now);

/* --- what happened; name: as given out --------------------------------- */

void supervise_ready(struct supervise *s, const char *name);
/* status: as of waitpid(2); -1: it could not be started. */
void supervise_ended(
    struct supervise *s, const char *name, int status, uint64_t now);
/* Stop all; the second time: kill all. */
void supervise_stop(struct supervise *s, uint64_t now);
void supervise_tick(struct supervise *s, uint64_t now);
uint64_t supervise_deadline(const struct supervise *s);

/* --- what follows ------------------------------------------------------ */

enum supervise_out_kind {
	SUPERVISE_SPAWN,   /* name */
	SUPERVISE_TERM,    /* name */
	SUPERVISE_KILL,    /* name */
	SUPERVISE_GAVE_UP, /* name, code: not started again */
	SUPERVISE_RESTART, /* name, pause_ns: will be started again */
	SUPERVISE_ALL_UP,  /* all but those given up are ready, perhaps again */
	SUPERVISE_FINISHED /* none is left and none will be */
};

struct supervise_out {
	enum supervise_out_kind kind;
	const char *name; /* borrowed until the next call */
	int code;
	uint64_t pause_ns;
};

bool supervise_next(
    struct supervise *s, struct supervise_out *out, uint64_t now);

/* Processes wanted, and those of them that are ready. */
size_t supervise_count(const struct supervise *s);
size_t supervise_nready(const struct supervise *s);
/* The first exit status that made one give up; 0: none did. */
int supervise_code(const struct supervise *s);

#endif
