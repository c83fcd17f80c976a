/*
 * Running something with its n-th allocation failing, for every n.
 */
#ifndef UNIT_NOMEM_H
#define UNIT_NOMEM_H

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
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

/*
 * The same where threads allocate: the n-th allocation of this thread, or of
 * the others, fails; once.
 */
struct nomem_threads {
	pthread_t me;
	bool others;
	atomic_uint left;   /* that still succeed; ~0: all of them */
	atomic_bool failed; /* one was refused */
};

__attribute__((unused)) static bool
nomem_threads_hook(void *ctx)
{
	struct nomem_threads *n = ctx;

	if ((pthread_equal(n->me, pthread_self()) == 0) != n->others ||
	    atomic_load(&n->left) == ~0u)
		return false;
	if (atomic_fetch_sub(&n->left, 1) != 0)
		return false;
	atomic_store(&n->left, ~0u);
	atomic_store(&n->failed, true);
	return true;
}

/* From now on; the hook is installed before threads are started, by arming it
 * with ~0, and stays. */
__attribute__((unused)) static void
nomem_arm(struct nomem_threads *n, bool others, unsigned left)
{
	n->me = pthread_self();
	n->others = others;
	atomic_store(&n->failed, false);
	atomic_store(&n->left, left);
	mu_alloc_set_hook(nomem_threads_hook, n);
}

#endif
