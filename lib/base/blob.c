/* Counted immutable bytes; see blob.h. */
#include "base/blob.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

struct mu_blob *
mu_blob_new(const void *data, size_t len)
{
	struct mu_blob *b;

	if (len > SIZE_MAX - sizeof *b)
		return NULL;
	b = mu_malloc(sizeof *b + len);
	if (b == NULL)
		return NULL;
	b->refs = 1;
	b->len = len;
	if (data != NULL && len > 0)
		memcpy(b->data, data, len);
	return b;
}

struct mu_blob *
mu_blob_ref(struct mu_blob *b)
{
	assert(b->refs > 0);
	b->refs++;
	return b;
}

void
mu_blob_unref(struct mu_blob *b)
{
	if (b == NULL)
		return;
	assert(b->refs > 0);
	if (--b->refs == 0)
		mu_free(b);
}
