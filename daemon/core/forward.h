/*
 * Duplicate suppression for nodes that forward.  The protocol has neither a
 * message id nor a hop count that anybody looks at (reference
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
#define FORWARD_MEMORY_NS UINT64_C(10000000000)

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

/* A number for a new link.  A link that comes while a message is remembered
 * starts with what is known: nobody counts what went by before it. */
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

/* Time passed.  Messages seen between two calls count as seen at the later. */
void forward_time(struct forward *f, uint64_t now);
/* When forward_time would forget something; UINT64_MAX: never. */
uint64_t forward_deadline(const struct forward *f);

/* Remembered now; forgotten before their time. */
size_t forward_size(const struct forward *f);
uint64_t forward_forgotten(const struct forward *f);

#endif
