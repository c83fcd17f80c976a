/*
 * Keys of pools: a type as text up to the first newline (none when it is
 * empty), a value in the JSON form behind it.  What is a key is one every time,
 * and what is none says why.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "muster/err.h"
#include "muster/value.h"
#include "value/key.h"
#include "value/key_type.h"

#define BYTES (1u << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
encode(struct mu_buf *b, const struct muster_value *v, const char *type)
{
	const char *why = NULL;
	int rc;

	mu_buf_init(b, BYTES);
	rc = mu_key_enc(b, v, type, &why);
	if ((rc == MUSTER_EINVAL || rc == MUSTER_ETYPE) &&
	    (why == NULL || *why == '\0' || mu_buf_len(b) != 0))
		abort();
	return rc;
}

static void
try_value(const struct muster_value *v, const char *type)
{
	struct mu_buf one, two;
	int rc = encode(&one, v, type);

	if (encode(&two, v, type) != rc ||
	    mu_buf_len(&one) != mu_buf_len(&two) ||
	    (mu_buf_len(&one) > 0 &&
		memcmp(mu_buf_data(&one), mu_buf_data(&two),
		    mu_buf_len(&one)) != 0))
		abort();
	mu_buf_clear(&one);
	mu_buf_clear(&two);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
	size_t len = end == NULL ? size : (size_t)(end - data);
	struct mu_key_type *t = NULL;
	struct muster_value *v = NULL;
	char *type = strndup((const char *)data, len);

	if (mu_key_type_parse((const char *)data, len, &t) == 0)
		mu_key_type_free(t);
	if (end != NULL && muster_value_from_json(
			       (const char *)end + 1, size - len - 1, &v) == 0)
		try_value(v, *type == '\0' ? NULL : type);
	muster_value_unref(v);
	free(type);
	return 0;
}
