/*
 * Where each key of a round robin stands.  The number of keys is limited: the
 * one that was not used for longest is forgotten and would begin anew.
 */
#ifndef MU_POOL_ROTATION_H
#define MU_POOL_ROTATION_H

#include <stddef.h>
#include <stdint.h>

#define MU_ROTATION_KEYS    4096 /* remembered at once */
#define MU_ROTATION_KEY_MAX 1024 /* bytes of one */

struct mu_rotation;

/* NULL when memory is out. */
struct mu_rotation *mu_rotation_new(void);
void mu_rotation_free(struct mu_rotation *r);

/*
 * The position of a key [len], 0 when it is new; to be read and written until
 * the next call.
 *
 * 0; MUSTER_ENOMEM; MUSTER_ELIMIT when the key is too long.
 */
int mu_rotation_at(
    struct mu_rotation *r, const void *key, size_t len, size_t **position);

/* Keys remembered. */
size_t mu_rotation_size(const struct mu_rotation *r);

#endif
