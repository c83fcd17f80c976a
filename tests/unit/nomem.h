/*
 * Running something with its n-th allocation failing, for every n.
 */
#ifndef UNIT_NOMEM_H
#define UNIT_NOMEM_H

#include <check.h>
#include <stdbool.h>

#include "base/alloc.h"

struct nomem {
	unsigned left; /* allocations that still succeed */
	bool failed;   /* one was refused */
};

static bool
nomem_hook(void *ctx)
{
	struct nomem *n = ctx;

	if (n->left-- > 0)
		return false;
	n->failed = true;
	n->left = ~0u; /* only that one */
	return true;
}

/*
 * what(ctx) returns whether it succeeded and cleans up after itself; it must
 * fail exactly when an allocation did.  Returns how many it makes.
 */
__attribute__((unused)) static unsigned
nomem_each(bool (*what)(void *ctx), void *ctx)
{
	for (unsigned n = 0;; n++) {
		struct nomem state = { n, false };
		bool good;

		mu_alloc_set_hook(nomem_hook, &state);
		good = what(ctx);
		mu_alloc_set_hook(NULL, NULL);
		ck_assert_msg(good == !state.failed,
		    "allocation %u %s, and the call %s", n,
		    state.failed ? "failed" : "succeeded",
		    good ? "succeeded" : "failed");
		if (!state.failed)
			return n;
		ck_assert_uint_lt(n, 100000);
	}
}

#endif
