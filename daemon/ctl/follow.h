/* Following what a node tells, line by line, until there was enough of it:
 * "watch", "store watch", "log tail". */
#ifndef CTL_FOLLOW_H
#define CTL_FOLLOW_H

#include <stddef.h>

struct ctl;

struct follow {
	const char *request; /* with its newline; NULL: memory was out */
	const char *saying;  /* "watching": said with the socket's name */
	const char *things;  /* "events" */
	/* Judge the answer to the request; an exit status. */
	int (*verdict)(const char *line, size_t len);
	/* A line that came; returns how many things it showed. */
	long (*line)(void *ctx, const char *line, size_t len);
	void *ctx;
};

/* Send the request and show lines until --count things were shown or --timeout
 * is over.  The exit status. */
int follow(const struct ctl *c, const struct follow *f);

/* A line of events, as it came or by print: its member of that name.  Returns
 * how many there were in it, 0 or 1. */
struct mu_jtext;
long follow_event(const struct ctl *c, const char *line, size_t len,
    const char *member, void (*print)(const struct mu_jtext *event));

/* A {"dropped": n} line is told; things: what was dropped, and why. */
void follow_dropped(const struct mu_jtext *line, const char *things);

#endif
