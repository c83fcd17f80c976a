/*
 * Topics: byte strings matched by prefix; filters: prefix-free sorted sets of
 * them (reference "broker-protocol", section 3.4).
 */
#ifndef MUSTER_TOPIC_H
#define MUSTER_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

#define MUSTER_TOPIC_MAX 65535 /* bytes, by the envelope's length field */

/* Does the subscription prefix [plen] match topic [tlen]?  Plain bytes. */
bool muster_topic_matches(const char *prefix, size_t plen, const char *topic,
    size_t tlen);

struct muster_filter;

/* An empty filter (matches nothing); NULL when memory is out. */
struct muster_filter *muster_filter_new(void);
void muster_filter_free(struct muster_filter *f);

/*
 * Add a prefix (copied).  1 when the filter changed, 0 when it covered the
 * prefix already, MUSTER_ENOMEM; MUSTER_ELIMIT for a topic too long.
 */
int muster_filter_add(struct muster_filter *f, const char *prefix, size_t len);

size_t muster_filter_size(const struct muster_filter *f);
/* Entry i in byte order, borrowed until the next change. */
const char *muster_filter_at(const struct muster_filter *f, size_t i,
    size_t *len);
bool muster_filter_matches(const struct muster_filter *f, const char *topic,
    size_t len);

#endif
