/*
 * bench-probe: the least that a relay can be.  One thread, whole frames copied
 * from the reader's buffer into the outputs of all whose filter matches, no
 * limits, no checks, no accounts.  It shows what the machine permits; no
 * product should reach it.
 *
 *	bench-probe PORT (- | CA CERT KEY [CIPHER])
 *
 * With BENCH_FAULT=drop, double, late or corrupt it does that to each 500th
 * event: for the generator's self-test.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

#define MOST       4096
#define FAULT_EACH 500

enum fault { FAULT_NONE, FAULT_DROP, FAULT_DOUBLE, FAULT_LATE, FAULT_CORRUPT };

static struct peer *peers[MOST];
static size_t npeers;
static enum fault fault;
static uint64_t events;

static void
relay(struct peer *from, const uint8_t *f, size_t len)
{
	size_t topic = (size_t)f[WIRE_TOPIC - 2] << 8 | f[WIRE_TOPIC - 1];

	for (size_t i = 0; i < npeers; i++) {
		struct peer *to = peers[i];

		if (to == from || to->state != PEER_UP ||
		    !filter_matches(&to->theirs, f + WIRE_TOPIC, topic))
			continue;
		bytes_add(&to->out, f, len);
		peer_queued(to);
	}
}

/* What a relay must not do. */
static void
misbehave(struct peer *from, uint8_t *f, size_t len)
{
	static uint8_t *kept;

	switch (fault) {
	case FAULT_NONE:
	case FAULT_DROP:
		break;
	case FAULT_DOUBLE:
		relay(from, f, len);
		relay(from, f, len);
		break;
	case FAULT_LATE:
		if (kept != NULL)
			relay(from, kept, len);
		kept = xrealloc(kept, len);
		memcpy(kept, f, len);
		break;
	case FAULT_CORRUPT:
		f[len - 20] ^= 1;
		f[len - 2] ^= 1;
		relay(from, f, len);
		break;
	}
}

static void
on_frame(struct peer *from, uint8_t *f, size_t len)
{
	size_t topic = (size_t)f[WIRE_TOPIC - 2] << 8 | f[WIRE_TOPIC - 1];

	if (topic > len - WIRE_TOPIC)
		return;
	memcpy(f + WIRE_SENDER, from->id, WIRE_ID);
	f[WIRE_HOPS] = 0;
	f[WIRE_HOPS + 1] = WIRE_TTL;
	if (fault != FAULT_NONE && ++events % FAULT_EACH == 0)
		misbehave(from, f, len);
	else
		relay(from, f, len);
}

/* One endpoint has one id, on all its connections. */
static void
on_accepted(struct peer *p)
{
	static uint8_t id[WIRE_ID];

	if (id[6] == 0)
		memcpy(id, p->id, WIRE_ID);
	memcpy(p->id, id, WIRE_ID);
	p->frame = on_frame;
	if (npeers == MOST)
		die("too many peers");
	peers[npeers++] = p;
}

static void
reap(void)
{
	for (size_t i = 0; i < npeers;) {
		if (peers[i]->state == PEER_GONE) {
			peer_free(peers[i]);
			peers[i] = peers[--npeers];
		} else {
			i++;
		}
	}
}

static enum fault
fault_named(const char *name)
{
	static const char *const names[] = { "none", "drop", "double", "late",
		"corrupt" };

	for (unsigned i = 0; name != NULL && i < 5; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum fault)i;
	return FAULT_NONE;
}

int
main(int argc, char **argv)
{
	struct net n;

	if (argc != 3 && argc != 5 && argc != 6)
		die("usage: bench-probe PORT (- | CA CERT KEY [CIPHER])");
	signal(SIGPIPE, SIG_IGN);
	fault = fault_named(getenv("BENCH_FAULT"));
	net_init(&n, argc == 3 ? NULL
			       : tls_context(argv[2], argv[3], argv[4],
				     argv[5]));
	n.accepted = on_accepted;
	net_listen(&n, atoi(argv[1]));
	for (;;) {
		uint64_t broken = n.broken;

		net_turn(&n, SEC);
		if (n.broken != broken)
			reap();
	}
}
