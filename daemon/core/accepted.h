/*
 * How many connections others have opened to us, in all and from each address,
 * and how many of them are still in the handshake: what the limits of a node
 * count (muster.yaml(5), limits).  Kept up to date instead of counted anew, as
 * a crowd may arrive at once.
 */
#ifndef CORE_ACCEPTED_H
#define CORE_ACCEPTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mu_limits;

/* Those from one address. */
struct accepted_from {
	char *address;
	uint64_t all, handshakes;
};

/* Zero it to begin. */
struct accepted {
	struct accepted_from **from; /* [n] owned, sorted by address */
	size_t n, cap;
	uint64_t all, handshakes;
};

/* All that was counted must have left. */
void accepted_clear(struct accepted *a);

/* Why one more from address is too many, or NULL.  Static text. */
const char *accepted_refusal(const struct accepted *a,
    const struct mu_limits *limits, const char *address);

/* Another one, in its handshake.  What is returned stands for its address until
 * accepted_leave; NULL: out of memory. */
struct accepted_from *accepted_enter(struct accepted *a, const char *address);
/* One from there has its handshake behind it. */
void accepted_settled(struct accepted *a, struct accepted_from *from);
/* One from there is gone. */
void accepted_leave(
    struct accepted *a, struct accepted_from *from, bool handshaking);

#endif
