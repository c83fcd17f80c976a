/*
 * Five nodes of the simulated world, as tests of what comes after the start
 * find them: formed, and with nothing said yet.
 */
#ifndef UNIT_MEMBERS_FIVE_H
#define UNIT_MEMBERS_FIVE_H

#include "check_members.h"

enum { M, L, P, W1, W2 };
static const char *const names[] = { "manager", "logger-1", "proxy-1",
	"worker-1", "worker-2" };

static struct world *
formed_of(const char *yaml, size_t at[5])
{
	struct world *w = world_open(yaml);

	for (size_t i = 0; i < 5; i++)
		at[i] = world_start(w, names[i]);
	world_dial_all(w);
	world_run(w);
	for (size_t i = 0; i < 5; i++)
		state(w, at[i], "started");
	world_forget(w);
	return w;
}

__attribute__((unused)) static struct world *
formed(size_t at[5])
{
	return formed_of(FIVE, at);
}

__attribute__((unused)) static void
all_are(struct world *w, const size_t at[5], const char *what)
{
	for (size_t i = 0; i < 5; i++)
		if (w->nodes[at[i]].m != NULL)
			state(w, at[i], what);
}

#endif
