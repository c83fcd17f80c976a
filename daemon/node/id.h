/* Numbers nobody can guess. */
#ifndef NODE_ID_H
#define NODE_ID_H

#include <stdint.h>

struct mu_uuid;

/* A fresh endpoint id: one per start, as Broker does it.  0 or MUSTER_ESYS
 * when the system gives no random bytes. */
int id_random(struct mu_uuid *id);
/* The same for a seed. */
int id_seed(uint64_t *seed);

#endif
