/*
 * JSON values: what can be read is written as JSON that reads as something
 * written the same way; only the first pass may lose anything.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "muster/err.h"
#include "muster/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct muster_value *v, *w;
	char *once, *twice;
	int rc;

	if (muster_value_from_json((const char *)data, size, &v) != 0)
		return 0;
	must(muster_value_to_json(v, &once) == 0);
	must(mu_text_utf8((const uint8_t *)once, strlen(once), NULL));
	rc = muster_value_from_json(once, strlen(once), &w);
	/* Rounding and replaced bytes may make elements of a set equal. */
	must(rc == 0 || rc == MUSTER_EEXIST);
	if (rc == 0) {
		must(muster_value_to_json(w, &twice) == 0);
		must(strlen(once) == strlen(twice));
		free(twice);
		muster_value_unref(w);
	}
	free(once);
	muster_value_unref(v);
	return 0;
}
