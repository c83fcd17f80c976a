/* Numbers nobody can guess. */
#ifndef NODE_ID_H
#define NODE_ID_H

#include <stddef.h>
#include <stdint.h>

struct mu_uuid;

/* A fresh endpoint id: one per start, as Broker does it.  0 or MUSTER_ESYS
 * when the system gives no random bytes. */
int id_random(struct mu_uuid *id);
/* The id of that node, kept in the file endpoint-id of folder, made at the
 * first start and when the file is another node's: two with one id could not
 * be in a cluster.  0, with text "" or that it was so; MUSTER_ESYS,
 * MUSTER_EPROTO (the file holds something else and stays as it is),
 * MUSTER_ENOMEM, with text naming file and reason. */
int id_keep(const char *folder, const char *node, struct mu_uuid *id,
    char *text, size_t size);
/* The same for a seed. */
int id_seed(uint64_t *seed);

#endif
