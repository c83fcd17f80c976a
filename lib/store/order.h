/*
 * The order of keys, which backends, chunks and copies share: that of their
 * encoded bytes, a shorter one first, except that keys longer than 486 bytes
 * which agree in the first 487 come in the order of their SHA-256.
 *
 * LMDB's keys are short, so that a long one stands there for itself in a
 * shorter form; the whole order of a store must be one that LMDB can keep.
 */
#ifndef MU_STORE_ORDER_H
#define MU_STORE_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/backend.h"

#define MU_KEY_PLAIN 486 /* longest key that stands for itself */
#define MU_KEY_SUM   16  /* bytes of the SHA-256 of the others */
#define MU_KEY_SHORT (MU_KEY_PLAIN + 1 + MU_KEY_SUM) /* their short form */

/* By bytes, a shorter one first; both may be empty. */
int mu_bytes_cmp(struct mu_bytes a, struct mu_bytes b);

/* The order of two keys: less than, equal to or greater than 0. */
int mu_key_cmp(struct mu_bytes a, struct mu_bytes b);

/* Is it decided by their sums? */
bool mu_keys_are_alike(struct mu_bytes a, struct mu_bytes b);
/* The sum of a key: out has MU_KEY_SUM bytes. */
void mu_key_sum(struct mu_bytes key, uint8_t *out);

/*
 * What stands for key where keys must be short: key itself, or its first
 * bytes and its sum in out [MU_KEY_SHORT], which no short key can equal by its
 * length.  The bytes of short forms are in the order of the keys.
 */
struct mu_bytes mu_key_short(struct mu_bytes key, uint8_t *out);

#endif
