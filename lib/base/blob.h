/*
 * Immutable counted bytes: encoded once, queued by reference for any number
 * of receivers.  Not thread-safe: the daemon has one thread on the event path.
 */
#ifndef MU_BASE_BLOB_H
#define MU_BASE_BLOB_H

#include <stddef.h>
#include <stdint.h>

struct mu_blob {
	size_t refs;    /* owners */
	size_t len;     /* bytes in data */
	uint8_t data[]; /* never written after the first second reference */
};

/* A blob with one reference holding a copy of data [len] bytes; data may be
 * NULL: then the bytes are for the caller to fill before sharing it.  NULL
 * when memory is out. */
struct mu_blob *mu_blob_new(const void *data, size_t len);

/* Count one more owner; returns b. */
struct mu_blob *mu_blob_ref(struct mu_blob *b);

/* Give up one reference; the last one frees.  NULL is fine. */
void mu_blob_unref(struct mu_blob *b);

#endif
