/*
 * Duplicate suppression for nodes that forward.  The protocol has no message
 * id, and Broker neither lowers nor looks at the TTL (reference
 * "broker-protocol", 3.2), so every cycle of forwarding nodes multiplies
 * messages for ever.  What can be known is this: a neighbour that suppresses
 * duplicates itself sends each message at most as often as it was published.
 *
 * So messages are told apart by a keyed hash of everything but sender and TTL,
 * and for each hash we count the copies that came over each link.  The k-th
 * copy from one link is new only if k exceeds the count of every other link.
 * Links whose peers do not relay bring their own publications: those share one
 * count with what this node publishes, because they add up.
 *
 * Counts are relative: a node that forgot or restarted counts from another
 * start than its neighbours, and equal messages could then pass for new ones
 * round after round.  That ends with the TTL, which Muster nodes do lower.
 *
 * One thing is missing then.  If v gave us the k-th copy, we do not send the
 * k-th to v, and v cannot know that: copies of ours that follow look to it
 * like repetitions, and with four identical messages in flight one can get
 * lost.  So when another link brings the k-th copy too, it is a duplicate for
 * everybody but v (FORWARD_ECHO); every link thus carries as many copies as
 * the best of the other links brought, which makes the count exact whatever
 * the timing.  Only peers that suppress duplicates can be told so.
 *
 * What cannot be known: whether two nodes behind other forwarders published
 * the same bytes, or one did and both heard it.  Equal messages of different
 * nodes may be merged, down to the larger of the two numbers.
 *
 * Messages are remembered for FORWARD_MEMORY_NS after the last new copy, and
 * FORWARD_ENTRIES of them; beyond, the oldest is forgotten and counted.
 */
#ifndef CORE_FORWARD_H
#define CORE_FORWARD_H

#include <stddef.h>
#include <stdint.h>

#define FORWARD_ENTRIES   65536
#define FORWARD_MEMORY_NS UINT64_C(8000000000)

/* A message new so short a time ago is still under way on other links. */
#define FORWARD_UNDER_WAY_NS UINT64_C(1000000000)

/* The link number of everything that no relaying peer brought. */
#define FORWARD_ORIGINAL 0

enum forward_verdict {
	FORWARD_NEW,      /* deliver, and relay to everybody else */
	FORWARD_DUPLICATE,/* known: nobody gets it */
	FORWARD_ECHO      /* known, but link *holder does not know that we know:
			     relay it there, if it suppresses duplicates */
};

struct forward;

/* Allocates its tables at first use.  NULL when memory is out. */
struct forward *forward_new(uint64_t seed);
void forward_free(struct forward *f);

/* A number for a new link.  What went by before it came is not held against
 * it: its first copy of a remembered message is another copy of the latest one
 * if that is still under way, else a new one. */
uint32_t forward_link(struct forward *f);

/*
 * A copy of a message came over link.
 *
 * bytes   what tells messages apart [len]
 * holder  on ECHO: the link to relay it to
 *
 * Memory being out gives DUPLICATE: to lose one is better than to let it
 * circle.
 */
enum forward_verdict forward_seen(struct forward *f, uint32_t link,
    const uint8_t *bytes, size_t len, uint32_t *holder);

/*
 * The same in two steps, with something to do in between: the table is larger
 * than caches, and its answer is under way meanwhile.
 */
struct forward_key {
	uint64_t hash[2];
};
void forward_look(struct forward *f, const uint8_t *bytes, size_t len,
    struct forward_key *key);
enum forward_verdict forward_seen_key(struct forward *f, uint32_t link,
    const struct forward_key *key, uint32_t *holder);

/* This node publishes the message: as above, but it counts as one more than
 * any link has brought.  0 or MUSTER_ENOMEM: do not send it, it would not be
 * recognized when it comes back. */
int forward_published(struct forward *f, const uint8_t *bytes, size_t len);

/* Time passed.  Messages seen between two calls count as seen at the later. */
void forward_time(struct forward *f, uint64_t now);
/* When forward_time would forget something; UINT64_MAX: never. */
uint64_t forward_deadline(const struct forward *f);

/* Remembered now; forgotten before their time. */
size_t forward_size(const struct forward *f);
uint64_t forward_forgotten(const struct forward *f);

#endif
