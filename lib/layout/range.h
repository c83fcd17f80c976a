/*
 * Ranges in the words of a layout: worker-[1-4], 10.0.0.[3-6], with leading
 * zeros disk-[01-12].  Several ranges in one word advance together.
 */
#ifndef MU_LAYOUT_RANGE_H
#define MU_LAYOUT_RANGE_H

#include <stddef.h>

/*
 * How many words does text stand for?
 *
 * count  0 when it has no range, so that it stands for itself everywhere
 * why    [size] bytes: what is wrong with it
 *
 * 0 or MUSTER_EINVAL.  Allocates nothing, whatever the range claims.
 */
int mu_range_count(const char *text, size_t *count, char *why, size_t size);

/* The i-th of these words; the caller owns it; NULL when memory is out.  text
 * has passed mu_range_count and i is below the count (or that is 0). */
char *mu_range_word(const char *text, size_t i);

#endif
